//! Which requests bring the bars that a series lacks.

use bars::{Aggregation, BarSpec, DAY, HOUR, IntervalSet, MINUTE, PriceType, SECOND, TimeRange, UnixNanos};
use catalog::{Error, ErrorKind, Result};

use super::{BarRequest, Session, Span};

/// How much one request may bring: within both of IBKR's published tables of durations and bar sizes, some thousand bars.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChunkSize {
    /// Seconds of trading, within a session.
    Seconds(u32),
    /// Sessions.
    Sessions(u32),
}

/// The size of requests for bars of a spec.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if IBKR has no such bars, or no such prices.
pub fn chunk_size(spec: BarSpec) -> Result<ChunkSize> {
    let (step, unit) = (spec.step.get(), spec.aggregation);
    let size = match (unit, step) {
        (Aggregation::Second, 1) => ChunkSize::Seconds(1_800),
        (Aggregation::Second, 5) => ChunkSize::Seconds(14_400),
        (Aggregation::Second, 10 | 15 | 30) => ChunkSize::Seconds(28_800),
        (Aggregation::Minute, 1) => ChunkSize::Sessions(5),
        (Aggregation::Minute, 2 | 3) => ChunkSize::Sessions(10),
        (Aggregation::Minute, 5) => ChunkSize::Sessions(20),
        (Aggregation::Minute, 10 | 15 | 20 | 30) => ChunkSize::Sessions(60),
        (Aggregation::Hour, 1) => ChunkSize::Sessions(120),
        (Aggregation::Day, 1) => ChunkSize::Sessions(252),
        _ => {
            return Err(Error::new(ErrorKind::Unsupported, format!("IBKR bars of `{step}-{unit}` cannot be fetched"))
                .because("sizes are 1, 5, 10, 15 and 30 seconds, 1, 2, 3, 5, 10, 15, 20 and 30 minutes, 1 hour and 1 day")
                .then("fetch finer bars and resample them: `barkeep query … --resample 4-HOUR`"));
        }
    };
    match spec.price_type {
        PriceType::Last | PriceType::Mid | PriceType::Bid | PriceType::Ask => Ok(size),
        other => Err(Error::new(ErrorKind::Unsupported, format!("IBKR has no `{other}` bars"))
            .then("choose LAST (its trades), MID, BID or ASK")),
    }
}

/// One request, and what is wanted of its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The sessions it covers, each whole.
    pub sessions: Vec<Session>,
    /// The time that bars are wanted of: what coverage lacks.
    pub wanted: IntervalSet,
    /// The time that bars may be of: an answer often brings more than is wanted.
    pub window: TimeRange,
    /// What is asked.
    pub request: BarRequest,
}

impl Chunk {
    /// Opens of the bars that are wanted, or for daily bars their sessions' opens, ascending.
    pub fn expected(&self) -> Vec<UnixNanos> {
        let interval = self.request.spec.interval().unwrap_or(DAY);
        let mut opens = Vec::new();
        for session in &self.sessions {
            for (open, close) in slots(session.range, interval) {
                if close <= self.window.end && self.wanted.contains(UnixNanos(close.0 - 1)) {
                    opens.push(open);
                }
            }
        }
        opens
    }

    /// The chunk in two halves by sessions; itself if there is only one.
    pub fn halves(self) -> Vec<Self> {
        if self.sessions.len() < 2 {
            return vec![self];
        }
        let (early, late) = self.sessions.split_at(self.sessions.len() / 2);
        [early, late]
            .into_iter()
            .filter_map(|sessions| {
                chunk(sessions, &self.wanted, self.request.spec, self.request.regular_hours)
            })
            .collect()
    }
}

/// The bars of a session: opens and closes. Bars of an hour and more keep to the clock, so that the first may be shorter.
pub(super) fn slots(session: TimeRange, interval: i64) -> Vec<(UnixNanos, UnixNanos)> {
    if interval >= DAY {
        return vec![(session.start, session.end)];
    }
    let (mut open, mut slots) = (session.start, Vec::new());
    while open < session.end {
        let next = if interval < HOUR { open.plus(interval) } else { open.floor(interval).plus(interval) };
        let close = next.min(session.end);
        slots.push((open, close));
        open = close;
    }
    slots
}

/// What is to be fetched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Requests, oldest first.
    pub chunks: Vec<Chunk>,
    /// Bars they are to bring.
    pub bars: u64,
}

impl Plan {
    /// Plans what of `sessions` in `range` is not in `covered`.
    ///
    /// # Errors
    /// As [`chunk_size`].
    pub fn new(
        sessions: &[Session],
        range: TimeRange,
        covered: &IntervalSet,
        spec: BarSpec,
        regular_hours: bool,
    ) -> Result<Self> {
        let size = chunk_size(spec)?;
        let interval = spec.interval().unwrap_or(DAY);
        let mut wanted = Vec::new();
        let mut lacking = Vec::new();
        for session in sessions {
            let before = wanted.len();
            for (open, close) in slots(session.range, interval) {
                // A bar is judged by its end, so that a short one (the first hour) counts as covered when it is stored.
                let inside = close > range.start && open < range.end && close <= range.end;
                if inside && !covered.contains(UnixNanos(close.0 - 1)) {
                    wanted.push(TimeRange::new(open, close));
                }
            }
            if wanted.len() > before {
                lacking.push(*session);
            }
        }
        let wanted: IntervalSet = wanted.into_iter().collect();
        let chunks = match size {
            ChunkSize::Sessions(count) => {
                let covers = |session: &Session| covered.contains(session.range.end.plus(-1));
                by_sessions(sessions, &lacking, &wanted, count, (spec, regular_hours), covers)
            }
            ChunkSize::Seconds(count) => by_seconds(&lacking, &wanted, count, spec, regular_hours),
        };
        let bars = chunks.iter().map(|chunk| chunk.expected().len() as u64).sum();
        Ok(Self { chunks, bars })
    }

    /// Requests of the ten minutes' budget, and seconds they take at least under the pacing rules.
    pub fn estimate(&self, in_ten_minutes: u32) -> (usize, u64) {
        let count = self.chunks.len();
        let small = self.chunks.first().is_some_and(|chunk| {
            chunk.request.spec.interval().is_some_and(|interval| interval <= 30 * SECOND)
        });
        let windows = count.saturating_sub(1) as u64 / u64::from(in_ten_minutes.max(1));
        // Two seconds are a usual answer's time.
        (count, if small { windows * 600 } else { 0 }.max(count as u64 * 2))
    }
}

fn by_sessions(
    sessions: &[Session],
    lacking: &[Session],
    wanted: &IntervalSet,
    most: u32,
    (spec, regular_hours): (BarSpec, bool),
    covered: impl Fn(&Session) -> bool,
) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut rest = lacking;
    while let Some(first) = rest.first() {
        let mut begin = sessions.partition_point(|session| session.range.start < first.range.start);
        // A stored session before the first chunk comes along: if its bars differ now, there was a split or a revision.
        if chunks.is_empty() && begin > 0 && covered(&sessions[begin - 1]) {
            begin -= 1;
        }
        let reach = sessions[begin..].iter().take(most as usize).next_back().unwrap_or(first).range.end;
        let count = rest.partition_point(|session| session.range.end <= reach).max(1);
        let until = rest[count - 1].range.end;
        let last = sessions.partition_point(|session| session.range.end <= until);
        chunks.extend(chunk(&sessions[begin..last.max(begin + 1)], wanted, spec, regular_hours));
        rest = &rest[count..];
    }
    chunks
}

/// The request for the wanted parts of neighbouring sessions; `None` if nothing of them is wanted.
fn chunk(sessions: &[Session], wanted: &IntervalSet, spec: BarSpec, regular_hours: bool) -> Option<Chunk> {
    let (first, last) = (sessions.first()?, sessions.last()?);
    let whole: IntervalSet = [TimeRange::new(first.range.start, last.range.end)].into_iter().collect();
    let wanted = wanted.intersect(&whole);
    let end = wanted.ranges().last()?.end;
    let daily = spec.interval().is_some_and(|interval| interval >= DAY);
    let span = Span::Sessions(sessions.len() as u32);
    let end = if daily { last.range.end } else { end };
    Some(Chunk {
        sessions: sessions.to_vec(),
        wanted,
        window: TimeRange::new(first.range.start, end),
        request: BarRequest { spec, end, span, regular_hours },
    })
}

fn by_seconds(
    lacking: &[Session],
    wanted: &IntervalSet,
    most: u32,
    spec: BarSpec,
    regular_hours: bool,
) -> Vec<Chunk> {
    let (mut chunks, length) = (Vec::new(), i64::from(most) * SECOND);
    for session in lacking {
        let mut start = session.range.start;
        while start < session.range.end {
            let window = TimeRange::new(start, start.plus(length).min(session.range.end));
            start = window.end;
            let part = wanted.intersect(&[window].into_iter().collect());
            let Some(end) = part.ranges().last().map(|range| range.end) else { continue };
            // IBKR refuses less than half a minute, and less than some bars.
            let seconds = ((end.0 - window.start.0) / SECOND).max(MINUTE / SECOND) as u32;
            chunks.push(Chunk {
                sessions: vec![Session { date: session.date, range: window }],
                wanted: part,
                window: TimeRange::new(window.start, end),
                request: BarRequest { spec, end, span: Span::Seconds(seconds), regular_hours },
            });
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use bars::Calendar;

    use super::*;

    fn sessions(start: &str, end: &str) -> Vec<Session> {
        let range = range(start, end);
        let whole = Calendar::UsEquities.sessions_by_date(range).into_iter();
        whole
            .filter(|session| session.start >= range.start && session.end <= range.end)
            .map(|range| Session { date: range.end.date(), range })
            .collect()
    }

    fn range(start: &str, end: &str) -> TimeRange {
        TimeRange::new(start.parse().expect("a time"), end.parse().expect("a time"))
    }

    fn plan(spec: &str, covered: &[TimeRange]) -> Plan {
        let covered = covered.iter().copied().collect();
        let sessions = sessions("2024-01-01", "2025-01-01");
        Plan::new(&sessions, range("2024-01-01", "2025-01-01"), &covered, spec.parse().expect("a spec"), true)
            .expect("a plan")
    }

    #[test]
    fn a_year() {
        // 252 sessions, three of them half days.
        for (spec, chunks, bars) in [
            ("1-MINUTE", 51, 249 * 390 + 3 * 210),
            ("5-MINUTE", 13, (249 * 390 + 3 * 210) / 5),
            ("1-HOUR", 3, 249 * 7 + 3 * 4),
            ("1-DAY", 1, 252),
            ("30-SECOND", 252, 2 * (249 * 390 + 3 * 210)),
            ("1-SECOND", 249 * 13 + 3 * 7, 60 * (249 * 390 + 3 * 210)),
        ] {
            let plan = plan(spec, &[]);
            assert_eq!((plan.chunks.len(), plan.bars), (chunks, bars), "{spec}");
        }
    }

    #[test]
    fn only_what_is_lacking() {
        let all_but_an_hour =
            [range("2024-01-01", "2024-06-03T15:00:00Z"), range("2024-06-03T16:00:00Z", "2025-01-01")];
        let plan = plan("1-MINUTE", &all_but_an_hour);
        assert_eq!((plan.chunks.len(), plan.bars), (1, 60));
        let request = &plan.chunks[0].request;
        // The stored session before it comes along.
        assert_eq!(
            (request.end.to_string().as_str(), request.span),
            ("2024-06-03T16:00:00Z", Span::Sessions(2))
        );
        assert!(self::plan("1-DAY", &[range("2023-01-01", "2025-02-01")]).chunks.is_empty());
    }

    #[test]
    fn what_ibkr_does_not_have() {
        for spec in ["7-MINUTE", "1-TICK", "1-MINUTE-MARK", "2-DAY"] {
            assert!(chunk_size(spec.parse().expect("a spec")).is_err(), "{spec}");
        }
    }
}
