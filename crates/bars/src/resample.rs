//! Coarser bars from finer ones.

use std::cmp::Ordering;
use std::ops::AddAssign;

use crate::time::{DAY, HOUR, MINUTE, SECOND};
use crate::{BarColumns, Calendar, TimeRange, UnixNanos};

/// Coarser bars, and of how many finer ones each was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resampled<T> {
    /// The coarser bars; each is stamped with the close of its interval, also when its last finer bars are missing. One that
    /// holds a finer bar that became known later than that is known as late (`ts_init`).
    pub bars: BarColumns<T>,
    /// Finer bars in each; fewer than fill its interval mean that some were missing or that the range cut the interval.
    pub counts: Vec<u32>,
    /// Bars whose interval holds more finer bars than went into them.
    pub partial: u64,
}

/// Where the intervals of coarser bars begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Grid {
    /// At `anchor` plus every multiple of the step, by the UTC clock. With anchor 0 weeks start on Thursday.
    Clock {
        /// In nanoseconds.
        anchor: i64,
    },
    /// At the open of each session (ascending, not overlapping) and every step after it; the last interval of a session ends
    /// with the session. Bars that do not lie wholly in one are left out.
    Sessions(Vec<TimeRange>),
}

impl Grid {
    /// The UTC clock, weeks from Monday.
    pub const fn clock(step: i64) -> Self {
        // Day zero was a Thursday.
        Self::Clock { anchor: if step % (7 * DAY) == 0 { 4 * DAY } else { 0 } }
    }

    /// The sessions of a calendar that meet `range`, date by date.
    pub fn sessions(calendar: &Calendar, range: TimeRange) -> Self {
        let mut sessions = Vec::new();
        let (mut date, last) = (range.start.plus(-DAY).date(), range.end.plus(DAY).date());
        while date <= last {
            sessions.extend(calendar.session(date).filter(|session| !session.intersect(&range).is_empty()));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        Self::Sessions(sessions)
    }

    /// The interval that a bar belongs to.
    fn interval(&self, step: i64, open: i64, close: i64) -> Option<TimeRange> {
        match self {
            Self::Clock { anchor } => {
                let number = open.saturating_sub(*anchor).div_euclid(step);
                let end = number.saturating_add(1).saturating_mul(step).saturating_add(*anchor);
                Some(TimeRange::new(UnixNanos(end).plus(-step), UnixNanos(end)))
            }
            Self::Sessions(sessions) => {
                let at = sessions.partition_point(|session| session.end.0 <= open);
                let session = sessions.get(at).filter(|session| session.start.0 <= open)?;
                let start = session.start.plus((open - session.start.0) / step * step);
                let end = start.plus(step).min(session.end);
                (close <= end.0).then_some(TimeRange::new(start, end))
            }
        }
    }
}

/// Aggregates bars of `base` nanoseconds into bars of `step` nanoseconds whose intervals start at `anchor` plus a multiple of
/// `step`: first open, highest high, lowest low, last close, sum of volumes.
///
/// A bar belongs to the interval its **open** lies in: its close (`ts_event`; `ts_init` if that column is empty) minus `base`.
/// Intervals without bars make no bar. With
/// `anchor` 0 intervals align to the UTC clock; weeks then start on Thursday, so pass a Monday for those.
///
/// ```
/// use bars::{BarColumns, MINUTE, resample};
/// let minutes = BarColumns::<f64> {
///     ts_event: vec![MINUTE, 2 * MINUTE, 7 * MINUTE],
///     ts_init: vec![MINUTE, 2 * MINUTE, 7 * MINUTE],
///     open: vec![1.0, 2.0, 3.0],
///     high: vec![5.0, 2.5, 3.5],
///     low: vec![0.5, 1.5, 2.5],
///     close: vec![2.0, 2.2, 3.1],
///     volume: vec![10.0, 20.0, 30.0],
/// };
/// let five = resample(&minutes, MINUTE, 5 * MINUTE, 0);
/// assert_eq!(five.bars.ts_event, [5 * MINUTE, 10 * MINUTE]);
/// assert_eq!((five.bars.high[0], five.bars.volume[0], five.counts[0]), (5.0, 30.0, 2));
/// ```
pub fn resample<T: Copy + PartialOrd + AddAssign>(
    bars: &BarColumns<T>,
    base: i64,
    step: i64,
    anchor: i64,
) -> Resampled<T> {
    let mut resampler = Resampler::new(base, step, Grid::Clock { anchor }, false);
    let mut out = resampler.push(bars);
    let last = resampler.finish();
    out.bars.extend_from(&last.bars, 0..last.bars.len());
    out.counts.extend(last.counts);
    out.partial += last.partial;
    out
}

/// Aggregates bars that come in parts, as [`resample`] does.
///
/// Bars come in the order of their stamps, either way; a coarser bar is given when the first bar of the next interval comes.
///
/// ```
/// use bars::{BarColumns, Grid, MINUTE, Resampler};
/// let mut resampler = Resampler::<f64>::new(MINUTE, 5 * MINUTE, Grid::clock(5 * MINUTE), false);
/// assert_eq!(resampler.push(&BarColumns::default()).counts, []);
/// assert_eq!(resampler.finish().counts, []);
/// ```
#[derive(Clone, Debug)]
pub struct Resampler<T> {
    base: i64,
    step: i64,
    grid: Grid,
    newest_first: bool,
    current: Option<Current<T>>,
    left_out: u64,
}

/// The bar that is being made.
#[derive(Clone, Copy, Debug)]
struct Current<T> {
    interval: TimeRange,
    /// Open, high, low, close, volume.
    values: [T; 5],
    /// When the last of the finer bars became known.
    known: i64,
    count: u32,
}

impl<T: Copy + PartialOrd + AddAssign> Resampler<T> {
    /// For bars of `base` nanoseconds that are to become bars of `step`.
    pub fn new(base: i64, step: i64, grid: Grid, newest_first: bool) -> Self {
        Self { base, step: step.max(1), grid, newest_first, current: None, left_out: 0 }
    }

    /// Bars so far that lie wholly in no interval.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes the next bars and gives what is complete.
    pub fn push(&mut self, bars: &BarColumns<T>) -> Resampled<T> {
        let mut out = self.empty(bars.len());
        let closes = if bars.ts_event.is_empty() { &bars.ts_init } else { &bars.ts_event };
        for (row, close) in closes.iter().copied().enumerate() {
            let (open, known) = (close.saturating_sub(self.base), bars.ts_init[row]);
            let values = bars.prices().map(|column| column[row]);
            if let Some(current) = &mut self.current
                && current.interval.contains(UnixNanos(open))
                && close <= current.interval.end.0
            {
                current.add(values, known, self.newest_first);
                continue;
            }
            let Some(interval) = self.grid.interval(self.step, open, close) else {
                self.left_out += 1;
                continue;
            };
            match &mut self.current {
                Some(current) if current.interval == interval => {
                    current.add(values, known, self.newest_first)
                }
                _ => {
                    self.give(&mut out);
                    self.current = Some(Current { interval, values, known, count: 1 });
                }
            }
        }
        out
    }

    /// Gives the last bar.
    pub fn finish(&mut self) -> Resampled<T> {
        let mut out = self.empty(1);
        self.give(&mut out);
        out
    }

    fn empty(&self, bars: usize) -> Resampled<T> {
        Resampled { bars: BarColumns::with_capacity(bars.min(4096)), counts: Vec::new(), partial: 0 }
    }

    fn give(&mut self, out: &mut Resampled<T>) {
        let Some(current) = self.current.take() else { return };
        out.bars.ts_event.push(current.interval.end.0);
        out.bars.ts_init.push(current.interval.end.0.max(current.known));
        out.bars.prices_mut().into_iter().zip(current.values).for_each(|(column, value)| column.push(value));
        out.counts.push(current.count);
        let room = current.interval.nanos() / self.base.max(1);
        out.partial += u64::from(self.base > 0 && i64::from(current.count) < room);
    }
}

impl<T: Copy + PartialOrd + AddAssign> Current<T> {
    fn add(&mut self, [open, high, low, close, volume]: [T; 5], known: i64, newest_first: bool) {
        self.known = self.known.max(known);
        if newest_first {
            self.values[0] = open;
        } else {
            self.values[3] = close;
        }
        if high.partial_cmp(&self.values[1]) == Some(Ordering::Greater) {
            self.values[1] = high;
        }
        if low.partial_cmp(&self.values[2]) == Some(Ordering::Less) {
            self.values[2] = low;
        }
        self.values[4] += volume;
        self.count += 1;
    }
}

/// The finest customary bar size, in nanoseconds, at which `nanos` of time holds at most `max_bars` bars, not finer than `base`.
///
/// Sizes go 1 s, 5 s, 15 s, 30 s, 1 m, 5 m, 15 m, 30 m, 1 h, 4 h, 1 d, 1 w; beyond a week, whole numbers of weeks.
pub fn coarsest_step(base: i64, nanos: i64, max_bars: u32) -> i64 {
    const LADDER: [i64; 12] = [
        SECOND,
        5 * SECOND,
        15 * SECOND,
        30 * SECOND,
        MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        4 * HOUR,
        DAY,
        7 * DAY,
    ];
    let max_bars = i64::from(max_bars.max(1));
    let fits = |step: i64| nanos / step <= max_bars;
    if fits(base.max(1)) {
        return base;
    }
    let step = LADDER.into_iter().find(|step| *step > base && step % base == 0 && fits(*step));
    step.unwrap_or_else(|| (nanos / max_bars / (7 * DAY) + 1) * 7 * DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Bar, Decimal, UnixNanos};

    prop_compose! {
        fn minutes()(rows in prop::collection::vec((1i64..5, 1i64..1000, 0i64..50, 0i64..50, 0i64..50, 0i64..9), 1..200)) -> BarColumns<Decimal> {
            let mut minute = 0;
            rows.into_iter().map(|(skip, low, open, close, high, volume)| {
                minute += skip;
                let price = |ticks| Decimal::from_ticks(ticks, 2);
                let ts = UnixNanos(minute * MINUTE);
                Bar {
                    open: price(low + open), close: price(low + close), low: price(low), high: price(low + open.max(close) + high),
                    volume: price(volume), ts_event: ts, ts_init: ts,
                }
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(bars in minutes(), factor in 1i64..90) {
            let out = resample(&bars, MINUTE, factor * MINUTE, 0);
            prop_assert_eq!(out.counts.iter().sum::<u32>() as usize, bars.len());
            prop_assert_eq!(out.bars.volume.iter().copied().sum::<Decimal>(), bars.volume.iter().copied().sum());
            prop_assert_eq!(out.bars.high.iter().max(), bars.high.iter().max());
            prop_assert_eq!(out.bars.low.iter().min(), bars.low.iter().min());
            prop_assert_eq!((out.bars.open[0], out.bars.close.last()), (bars.open[0], bars.close.last()));
            prop_assert!(out.bars.ts_init.windows(2).all(|pair| pair[0] < pair[1]));
            for row in 0..out.bars.len() {
                prop_assert_eq!(out.bars.bar(row).check(), Ok(()));
                prop_assert_eq!(out.bars.ts_init[row] % (factor * MINUTE), 0);
            }
        }

        #[test]
        fn two_steps_are_one(bars in minutes()) {
            let hours = resample(&resample(&bars, MINUTE, 5 * MINUTE, 0).bars, 5 * MINUTE, HOUR, 0);
            prop_assert_eq!(hours.bars, resample(&bars, MINUTE, HOUR, 0).bars);
        }

        #[test]
        fn parts_and_either_order_give_the_same(bars in minutes(), factor in 1i64..90, cut in 0usize..200) {
            let whole = resample(&bars, MINUTE, factor * MINUTE, 0);
            let cut = cut.min(bars.len());
            let part = |rows: std::ops::Range<usize>, newest_first: bool| -> BarColumns<Decimal> {
                let rows: Vec<usize> = if newest_first { rows.rev().collect() } else { rows.collect() };
                rows.into_iter().map(|row| bars.bar(row)).collect()
            };
            for newest_first in [false, true] {
                let mut resampler = Resampler::new(MINUTE, factor * MINUTE, Grid::Clock { anchor: 0 }, newest_first);
                let parts = if newest_first { [cut..bars.len(), 0..cut] } else { [0..cut, cut..bars.len()] };
                let [first, second] = parts.map(|rows| resampler.push(&part(rows, newest_first)));
                let given = [first, second, resampler.finish()];
                let mut found: Vec<Bar> = given.iter().flat_map(|part| (0..part.bars.len()).map(|row| part.bars.bar(row))).collect();
                if newest_first {
                    found.reverse();
                }
                prop_assert_eq!(found.into_iter().collect::<BarColumns<Decimal>>(), whole.bars.clone());
                prop_assert_eq!(given.iter().map(|part| part.partial).sum::<u64>(), whole.partial);
            }
            let full = whole.counts.iter().filter(|count| i64::from(**count) == factor).count();
            prop_assert_eq!(whole.partial as usize, whole.counts.len() - full);
        }

        #[test]
        fn a_step_keeps_within_the_limit(nanos in 1i64..400_000 * MINUTE, max_bars in 1u32..10_000) {
            let step = coarsest_step(MINUTE, nanos, max_bars);
            prop_assert!(nanos / step <= i64::from(max_bars));
            prop_assert_eq!(step % MINUTE, 0);
        }
    }

    #[test]
    fn the_midnight_bar_belongs_to_the_day_it_opened_in() {
        let ts = UnixNanos(DAY);
        let bars = std::iter::once(Bar {
            open: Decimal::ZERO,
            high: Decimal::ZERO,
            low: Decimal::ZERO,
            close: Decimal::ZERO,
            volume: Decimal::ZERO,
            ts_event: ts,
            ts_init: ts,
        })
        .collect();
        assert_eq!(resample(&bars, MINUTE, DAY, 0).bars.ts_event, [DAY]);
    }

    #[test]
    fn sessions_begin_their_own_intervals() {
        // A Friday in New York, 14:30 to 21:00 UTC, with an hour before and after.
        let start: UnixNanos = "2024-01-05T13:30:00Z".parse().unwrap();
        let minute = |minute: i64| {
            let ts = start.plus((minute + 1) * MINUTE);
            let one = Decimal::from_ticks(minute, 0);
            Bar {
                open: one,
                high: one,
                low: one,
                close: one,
                volume: Decimal::from_ticks(1, 0),
                ts_event: ts,
                ts_init: ts,
            }
        };
        let bars: BarColumns<Decimal> = (0..510).map(minute).collect();
        let range = TimeRange::new(start, start.plus(DAY));
        for (calendar, step, expected, partial, left_out) in [
            // The last hour of the session has 30 minutes, which fill it.
            (Calendar::UsEquities, HOUR, "15:30 16:30 17:30 18:30 19:30 20:30 21:00", 0, 120),
            (Calendar::UsEquities, DAY, "21:00", 0, 120),
            (Calendar::Always, 4 * HOUR, "16:00 20:00 00:00", 2, 0),
            (Calendar::Fx, DAY, "22:00", 1, 0),
        ] {
            let mut resampler = Resampler::new(MINUTE, step, Grid::sessions(&calendar, range), false);
            let (given, last) = (resampler.push(&bars), resampler.finish());
            let closes = given.bars.ts_init.iter().chain(&last.bars.ts_init);
            let closes: Vec<String> =
                closes.map(|close| UnixNanos(*close).to_string()[11..16].to_owned()).collect();
            assert_eq!(closes.join(" "), expected, "{calendar} {step}");
            assert_eq!(
                (given.partial + last.partial, resampler.left_out()),
                (partial, left_out),
                "{calendar}"
            );
        }
    }

    #[test]
    fn a_coarser_bar_is_known_when_its_last_finer_one_is() {
        let one = Decimal::from_ticks(1, 0);
        let late = |minute: i64, late: i64| Bar {
            open: one,
            high: one,
            low: one,
            close: one,
            volume: one,
            ts_event: UnixNanos(minute * MINUTE),
            ts_init: UnixNanos((minute + late) * MINUTE),
        };
        let bars: BarColumns<Decimal> =
            [late(1, 0), late(4, 2), late(5, 9), late(6, 9)].into_iter().collect();
        let five = resample(&bars, MINUTE, 5 * MINUTE, 0).bars;
        assert_eq!(
            (five.ts_event, five.ts_init),
            (vec![5 * MINUTE, 10 * MINUTE], vec![14 * MINUTE, 15 * MINUTE])
        );
    }

    #[test]
    fn weeks_of_the_clock_start_on_monday() {
        let grid = Grid::clock(7 * DAY);
        let monday: UnixNanos = "2024-01-08".parse().unwrap();
        let interval = grid.interval(7 * DAY, monday.0, monday.0 + MINUTE);
        assert_eq!(interval, Some(TimeRange::new(monday, monday.plus(7 * DAY))));
    }
}
