//! Coarser bars from finer ones.

use std::cmp::Ordering;
use std::ops::AddAssign;

use crate::BarColumns;
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// Coarser bars, and of how many finer ones each was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled<T> {
    /// The coarser bars; each is stamped with the close of its interval, also when its last finer bars are missing.
    pub bars: BarColumns<T>,
    /// Finer bars in each; fewer than `step / base` means that some were missing or that the range cut the interval.
    pub counts: Vec<u32>,
}

/// Aggregates bars of `base` nanoseconds into bars of `step` nanoseconds whose intervals start at `anchor` plus a multiple of
/// `step`: first open, highest high, lowest low, last close, sum of volumes.
///
/// A bar belongs to the interval its **open** lies in (its close minus `base`). Intervals without bars make no bar. With
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
    let step = step.max(1);
    let rows = bars.len();
    let mut out = BarColumns::with_capacity(rows.min(4096));
    let mut counts = Vec::new();
    let mut row = 0;
    while row < rows {
        let interval = (bars.ts_init[row].saturating_sub(base) - anchor).div_euclid(step);
        let first = row;
        let (mut high, mut low, mut volume) = (bars.high[row], bars.low[row], bars.volume[row]);
        row += 1;
        while row < rows && (bars.ts_init[row].saturating_sub(base) - anchor).div_euclid(step) == interval {
            if bars.high[row].partial_cmp(&high) == Some(Ordering::Greater) {
                high = bars.high[row];
            }
            if bars.low[row].partial_cmp(&low) == Some(Ordering::Less) {
                low = bars.low[row];
            }
            volume += bars.volume[row];
            row += 1;
        }
        let close_stamp = interval.saturating_add(1).saturating_mul(step).saturating_add(anchor);
        out.ts_event.push(close_stamp);
        out.ts_init.push(close_stamp);
        out.open.push(bars.open[first]);
        out.high.push(high);
        out.low.push(low);
        out.close.push(bars.close[row - 1]);
        out.volume.push(volume);
        counts.push((row - first) as u32);
    }
    Resampled { bars: out, counts }
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
}
