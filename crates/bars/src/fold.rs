//! Overviews: coarser bars made from finer ones that arrive in pieces, with exact values.

use crate::{BarColumns, Calendar, DAY, Decimal, TimeRange, UnixNanos};

/// How the time of coarser bars is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame {
    /// Intervals of so many nanoseconds, aligned to the UTC clock; a divisor of a day.
    Clock(i64),
    /// From one close of a session to the next: a bar is stamped with its session's close and holds all that traded since the close
    /// before, so it never tells what was known only later.
    Sessions(Calendar),
}

impl Frame {
    /// The frame of bars of `step` nanoseconds: sessions for daily bars of a market with a calendar, else the clock.
    pub fn of(step: i64, calendar: Option<Calendar>) -> Self {
        match calendar {
            Some(calendar) if step == DAY && calendar != Calendar::Always => Self::Sessions(calendar),
            _ => Self::Clock(step),
        }
    }

    /// The interval of the coarser bars, in nanoseconds.
    pub const fn interval(&self) -> i64 {
        match self {
            Self::Clock(step) => *step,
            Self::Sessions(_) => DAY,
        }
    }

    /// The stamp of the coarser bar that a finer bar belongs to which opens at `open`.
    pub fn close_of(&self, open: UnixNanos) -> UnixNanos {
        match self {
            Self::Clock(step) => open.floor(*step).plus(*step),
            // A calendar without a session for months falls back to the clock.
            Self::Sessions(calendar) => {
                calendar.next_close(open).unwrap_or_else(|| open.floor(DAY).plus(DAY))
            }
        }
    }

    /// The opens of all finer bars that make up the coarser bars whose own opens (stamp minus interval) lie in `opens`; the ends of
    /// `opens` are midnights or the ends of time.
    pub fn input(&self, opens: TimeRange) -> TimeRange {
        let edge = |edge: UnixNanos| match self {
            Self::Sessions(calendar) if edge != UnixNanos::MIN && edge != UnixNanos::MAX => {
                calendar.last_close(edge.plus(DAY)).unwrap_or(edge)
            }
            _ => edge,
        };
        TimeRange::new(edge(opens.start), edge(opens.end))
    }
}

/// Folds finer bars into coarser ones.
///
/// ```
/// use bars::{BarColumns, Decimal, Fold, Frame, MINUTE};
/// let one = Decimal::from_ticks(1, 0);
/// let minute = |close: i64| BarColumns {
///     ts_event: vec![close], ts_init: vec![close], open: vec![one], high: vec![one], low: vec![one], close: vec![one], volume: vec![one],
/// };
/// let mut fold = Fold::new(MINUTE, Frame::Clock(5 * MINUTE));
/// fold.push(&minute(4 * MINUTE));
/// fold.push(&minute(5 * MINUTE));
/// fold.push(&minute(6 * MINUTE));
/// let bars = fold.finish();
/// assert_eq!(bars.ts_init, [5 * MINUTE, 10 * MINUTE]);
/// assert_eq!(bars.volume[0], Decimal::from_ticks(2, 0));
/// ```
#[derive(Clone, Debug)]
pub struct Fold {
    base: i64,
    frame: Frame,
    bars: BarColumns<Decimal>,
}

impl Fold {
    /// Folds bars of `base` nanoseconds.
    pub fn new(base: i64, frame: Frame) -> Self {
        Self { base, frame, bars: BarColumns::default() }
    }

    /// Takes in bars that follow those taken in before.
    pub fn push(&mut self, finer: &BarColumns<Decimal>) {
        for row in 0..finer.len() {
            let open = UnixNanos(finer.ts_init[row]).plus(-self.base);
            let stamp = match self.bars.ts_init.last() {
                // A bar that ends after it opens is the running one: no calendar need be asked.
                Some(last) if *last > open.0 => UnixNanos(*last),
                _ => self.frame.close_of(open),
            };
            let mut bar = finer.bar(row);
            (bar.ts_event, bar.ts_init) = (stamp, stamp);
            match self.bars.ts_init.last() {
                Some(last) if *last == stamp.0 => self.add(finer, row),
                _ => self.bars.push(&bar),
            }
        }
    }

    fn add(&mut self, finer: &BarColumns<Decimal>, row: usize) {
        let last = self.bars.len() - 1;
        self.bars.high[last] = self.bars.high[last].max(finer.high[row]);
        self.bars.low[last] = self.bars.low[last].min(finer.low[row]);
        self.bars.close[last] = finer.close[row];
        self.bars.volume[last] += finer.volume[row];
    }

    /// The coarser bars; the last one may still be running.
    pub fn finish(self) -> BarColumns<Decimal> {
        self.bars
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Bar, HOUR, MINUTE, resample};

    fn bar(close_time: UnixNanos, price: i64, volume: i64) -> Bar {
        let price = Decimal::from_ticks(price, 2);
        Bar {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal::from_ticks(volume, 0),
            ts_event: close_time,
            ts_init: close_time,
        }
    }

    fn at(text: &str) -> UnixNanos {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            rows in prop::collection::vec((1i64..400, 1i64..1000, 0i64..9), 1..300),
            cut in 0usize..300,
            step in prop::sample::select(vec![5 * MINUTE, HOUR, DAY]),
        ) {
            let mut minute = 0;
            let bars: BarColumns<Decimal> = rows.into_iter().map(|(skip, price, volume)| {
                minute += skip;
                bar(UnixNanos(minute * MINUTE), price, volume)
            }).collect();
            let cut = cut.min(bars.len());
            let mut fold = Fold::new(MINUTE, Frame::Clock(step));
            for rows in [0..cut, cut..bars.len()] {
                let mut part = BarColumns::default();
                part.extend_from(&bars, rows);
                fold.push(&part);
            }
            prop_assert_eq!(fold.finish(), resample(&bars, MINUTE, step, 0).bars);
        }
    }

    #[test]
    fn a_daily_bar_closes_with_its_session() {
        // Friday's last minute, an hour after the close, Monday 15 January (a holiday), Tuesday before the open and in the session.
        let closes = [
            "2024-01-12T21:00:00Z",
            "2024-01-12T22:00:00Z",
            "2024-01-15T18:00:00Z",
            "2024-01-16T13:00:00Z",
            "2024-01-16T21:00:00Z",
            "2024-01-16T21:01:00Z",
        ];
        let frame = Frame::of(DAY, Some(Calendar::UsEquities));
        let mut fold = Fold::new(MINUTE, frame);
        let bars: BarColumns<Decimal> =
            closes.iter().zip(1..).map(|(close, price)| bar(at(close), price, price)).collect();
        fold.push(&bars);
        let days = fold.finish();
        let stamps =
            ["2024-01-12T21:00:00Z", "2024-01-16T21:00:00Z", "2024-01-17T21:00:00Z"].map(|text| at(text).0);
        assert_eq!(days.ts_init, stamps);
        let volumes: Vec<Decimal> = [1, 2 + 3 + 4 + 5, 6].map(|sum| Decimal::from_ticks(sum, 0)).to_vec();
        assert_eq!(days.volume, volumes);
        assert_eq!(days.low[1], Decimal::from_ticks(2, 2));
    }

    #[test]
    fn the_input_of_a_year_of_days_begins_at_the_close_before() {
        let frame = Frame::of(DAY, Some(Calendar::Fx));
        let year = TimeRange::new(at("2024-01-01"), at("2025-01-01"));
        // The day that closes on 1 January at 22:00 opened in 2023 by its interval.
        assert_eq!(frame.input(year), TimeRange::new(at("2024-01-01T22:00:00Z"), at("2025-01-01T22:00:00Z")));
        assert_eq!(frame.input(TimeRange::ALL), TimeRange::ALL);
        assert_eq!(Frame::of(HOUR, Some(Calendar::Fx)).input(year), year);
        let equities = Frame::of(DAY, Some(Calendar::UsEquities)).input(year);
        assert_eq!(equities, TimeRange::new(at("2023-12-29T21:00:00Z"), at("2024-12-31T21:00:00Z")));
    }
}
