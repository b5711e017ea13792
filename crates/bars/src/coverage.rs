//! Which bars are there, and which are missing.

use serde::{Deserialize, Serialize};

use crate::time::DAY;
use crate::{Calendar, Date, IntervalSet, TimeRange, UnixNanos};

/// How complete a UTC day is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// Every expected bar is there.
    Complete,
    /// Some are.
    Partial,
    /// None is.
    Missing,
    /// The market is closed and nothing is expected.
    Closed,
    /// No calendar is known, and there are bars.
    Unknown,
}

/// One UTC day of a series. A bar belongs to the day its open lies in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DayCoverage {
    /// The day.
    pub date: Date,
    /// Bars the calendar expects; `None` without one.
    pub expected: Option<u32>,
    /// Bars that are there.
    pub found: u32,
    /// What that makes of the day.
    pub state: DayState,
}

/// A stretch of session time without bars.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Gap {
    /// From the open of the first missing bar to the close of the last one.
    #[serde(flatten)]
    pub range: TimeRange,
    /// Bars the calendar expects in it.
    pub missing: u64,
}

/// Coverage of a series between its first and its last bar.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Coverage {
    /// Every UTC day from the first bar's to the last bar's, ascending.
    pub days: Vec<DayCoverage>,
    /// Missing stretches, ascending; sessions and closed time separate them. Empty without a calendar.
    pub gaps: Vec<Gap>,
    /// Bars that are there.
    pub found: u64,
    /// Bars the calendar expects; `None` without one.
    pub expected: Option<u64>,
}

/// Coverage of bars of `interval` nanoseconds whose opens and closes span `present`, checked against `calendar`.
///
/// `confirmed_empty` is time that the source says holds no bars (a halt, an unlisted holiday): nothing is expected in it.
pub fn coverage(
    present: &IntervalSet,
    confirmed_empty: &IntervalSet,
    interval: i64,
    calendar: Option<&Calendar>,
) -> Coverage {
    let (Some(first), Some(last)) = (present.ranges().first(), present.ranges().last()) else {
        return Coverage::default();
    };
    let interval = interval.max(1);
    let span = TimeRange::new(first.start, last.end);
    if let Some(calendar) = calendar.filter(|_| interval == DAY) {
        return daily(present, confirmed_empty, *calendar);
    }
    // Longer bars span whole weeks or months, whatever the calendar.
    let calendar = calendar.filter(|_| interval < DAY);
    let expected = calendar.map(|calendar| calendar.sessions(span).subtract(confirmed_empty));
    let missing = expected.as_ref().map(|expected| expected.subtract(present));
    let gaps: Vec<Gap> = missing
        .iter()
        .flat_map(|missing| missing.ranges())
        .map(|range| Gap { range: *range, missing: bars_in(*range, interval) as u64 })
        .collect();
    let days = days(span, present, expected.as_ref(), interval);
    Coverage {
        found: days.iter().map(|day| u64::from(day.found)).sum(),
        expected: days.iter().map(|day| day.expected.map(u64::from)).sum(),
        days,
        gaps,
    }
}

/// What of `sessions` lacks bars of `interval` nanoseconds, ascending, however far they reach: the sessions may come from a file, and may
/// begin before the first bar. A daily bar stands for the session it closes with. `confirmed_empty` is as in [`coverage`].
pub fn gaps(
    sessions: &[TimeRange],
    present: &IntervalSet,
    confirmed_empty: &IntervalSet,
    interval: i64,
) -> Vec<Gap> {
    let there = present.union(confirmed_empty);
    if interval >= DAY {
        let lacking = sessions.iter().filter(|session| !there.contains(session.end.plus(-1)));
        return lacking.map(|session| Gap { range: *session, missing: 1 }).collect();
    }
    let missing = sessions.iter().copied().collect::<IntervalSet>().subtract(&there);
    let gap = |range: &TimeRange| Gap { range: *range, missing: bars_in(*range, interval.max(1)) as u64 };
    missing.ranges().iter().map(gap).filter(|gap| gap.missing > 0).collect()
}

/// Daily bars: one is expected a session, and stands for the UTC day its session closes in.
fn daily(present: &IntervalSet, confirmed_empty: &IntervalSet, calendar: Calendar) -> Coverage {
    let (Some(first), Some(last)) = (present.ranges().first(), present.ranges().last()) else {
        return Coverage::default();
    };
    let mut out = Coverage { expected: Some(0), ..Coverage::default() };
    // The first bar's interval begins a day before its close, so the first day counts only from that close.
    let mut date = first.start.plus(DAY - 1).date();
    while UnixNanos::midnight(date) < last.end {
        let session = calendar.session(date).filter(|session| session.end <= last.end);
        let closing = session.map(|session| session.end.plus(-1));
        let found = u32::from(closing.is_some_and(|closing| present.contains(closing)));
        let wanted = u32::from(closing.is_some_and(|closing| !confirmed_empty.contains(closing)));
        let state = match (wanted, found) {
            (0, 0) => DayState::Closed,
            (1, 0) => DayState::Missing,
            _ => DayState::Complete,
        };
        if let Some(range) = session.filter(|_| state == DayState::Missing) {
            out.gaps.push(Gap { range, missing: 1 });
        }
        out.days.push(DayCoverage { date, expected: Some(wanted), found, state });
        out.found += u64::from(found);
        out.expected = out.expected.map(|expected| expected + u64::from(wanted));
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    out
}

fn days(
    span: TimeRange,
    present: &IntervalSet,
    expected: Option<&IntervalSet>,
    interval: i64,
) -> Vec<DayCoverage> {
    let last_open = span.end.plus(-1).max(span.start);
    let (mut day, mut out) = (span.start.floor(DAY), Vec::new());
    let (mut found, mut wanted) =
        (Opens::new(present, interval), expected.map(|set| Opens::new(set, interval)));
    while day <= last_open {
        let end = day.plus(DAY);
        let found = found.until(end);
        let expected = wanted.as_mut().map(|wanted| wanted.until(end));
        let state = match expected {
            None => DayState::Unknown,
            Some(0) if found == 0 => DayState::Closed,
            Some(expected) if found >= expected => DayState::Complete,
            Some(_) if found == 0 => DayState::Missing,
            Some(_) => DayState::Partial,
        };
        out.push(DayCoverage { date: day.date(), expected, found, state });
        if end <= day {
            break;
        }
        day = end;
    }
    out
}

/// Bars of `interval` that open in `range`, the first of them at its start.
fn bars_in(range: TimeRange, interval: i64) -> i64 {
    let nanos = range.nanos();
    nanos / interval + i64::from(nanos % interval != 0)
}

/// Counts the bars of a set by the instant their open lies before, walking forward.
struct Opens<'a> {
    ranges: std::slice::Iter<'a, TimeRange>,
    current: Option<TimeRange>,
    interval: i64,
}

impl<'a> Opens<'a> {
    fn new(set: &'a IntervalSet, interval: i64) -> Self {
        let mut ranges = set.ranges().iter();
        Self { current: ranges.next().copied(), ranges, interval }
    }

    /// Bars that open before `end` and were not counted yet.
    fn until(&mut self, end: UnixNanos) -> u32 {
        let mut count = 0;
        while let Some(range) = &mut self.current {
            if range.start >= end {
                break;
            }
            let bars = bars_in(TimeRange::new(range.start, range.end.min(end)), self.interval);
            count += bars;
            range.start = range.start.plus(bars.saturating_mul(self.interval));
            if range.is_empty() {
                self.current = self.ranges.next().copied();
            }
        }
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HOUR, MINUTE};

    fn range(start: &str, end: &str) -> TimeRange {
        TimeRange::new(start.parse().unwrap(), end.parse().unwrap())
    }

    #[test]
    fn a_hole_in_a_day_is_found() {
        let present =
            [range("2024-01-01", "2024-01-02T03:00:00Z"), range("2024-01-02T04:00:00Z", "2024-01-03")]
                .into_iter()
                .collect();
        let coverage = coverage(&present, &IntervalSet::default(), MINUTE, Some(&Calendar::Always));
        assert_eq!(
            coverage.gaps,
            [Gap { range: range("2024-01-02T03:00:00Z", "2024-01-02T04:00:00Z"), missing: 60 }]
        );
        let days: Vec<_> = coverage.days.iter().map(|day| (day.found, day.expected, day.state)).collect();
        assert_eq!(days, [(1440, Some(1440), DayState::Complete), (1380, Some(1440), DayState::Partial)]);
        assert_eq!((coverage.found, coverage.expected), (2820, Some(2880)));
    }

    #[test]
    fn closed_days_and_confirmed_holes_are_no_gaps() {
        // Thursday and the Tuesday after a long weekend (Monday 2024-01-15 is a holiday); Friday is missing.
        let present = [
            range("2024-01-11T14:30:00Z", "2024-01-11T21:00:00Z"),
            range("2024-01-16T14:30:00Z", "2024-01-16T21:00:00Z"),
        ];
        let present: IntervalSet = present.into_iter().collect();
        let friday = range("2024-01-12T14:30:00Z", "2024-01-12T21:00:00Z");
        let calendar = Calendar::UsEquities;
        let found = coverage(&present, &IntervalSet::default(), MINUTE, Some(&calendar));
        assert_eq!(found.gaps, [Gap { range: friday, missing: 390 }]);
        let states: Vec<DayState> = found.days.iter().map(|day| day.state).collect();
        use DayState::{Closed, Complete, Missing};
        assert_eq!(states, [Complete, Missing, Closed, Closed, Closed, Complete]);
        let confirmed = coverage(&present, &[friday].into_iter().collect(), MINUTE, Some(&calendar));
        assert!(confirmed.gaps.is_empty());
    }

    #[test]
    fn daily_bars_are_counted_by_session() {
        // Thursday, Friday and the Tuesday after a long weekend, stamped at their closes; the Wednesday is missing.
        let closes =
            ["2024-01-11T21:00:00Z", "2024-01-12T21:00:00Z", "2024-01-16T21:00:00Z", "2024-01-18T21:00:00Z"];
        let span = |close: &str| {
            let close: UnixNanos = close.parse().unwrap();
            TimeRange::new(close.plus(-DAY), close)
        };
        let present = closes.into_iter().map(span).collect();
        let found = coverage(&present, &IntervalSet::default(), DAY, Some(&Calendar::UsEquities));
        let states: Vec<DayState> = found.days.iter().map(|day| day.state).collect();
        use DayState::{Closed, Complete, Missing};
        assert_eq!(states, [Complete, Complete, Closed, Closed, Closed, Complete, Missing, Complete]);
        assert_eq!((found.found, found.expected, found.gaps.len()), (4, Some(5), 1));
    }

    #[test]
    fn without_a_calendar_nothing_is_judged() {
        let present =
            [range("2024-01-01", "2024-01-01T01:00:00Z"), range("2024-01-03", "2024-01-03T01:00:00Z")]
                .into_iter()
                .collect();
        let found = coverage(&present, &IntervalSet::default(), HOUR, None);
        assert_eq!((found.days.len(), found.expected, found.gaps.len()), (3, None, 0));
        assert_eq!(
            coverage(&IntervalSet::default(), &IntervalSet::default(), HOUR, None),
            Coverage::default()
        );
    }
}
