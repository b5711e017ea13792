//! Which bars lie in a session.

use bars::{DAY, IntervalSet, TimeRange, UnixNanos};

use crate::columns::Mask;
use crate::{ClockTime, Fill, Hours, Prices, Session};

/// Where orders may be placed, and where everything is to be closed.
pub(super) struct Open {
    pub(super) entries: Mask,
    pub(super) flat: Option<Mask>,
}

impl Open {
    /// Of bars of `interval` nanoseconds whose orders fill as `fill` says.
    pub(super) fn of(session: &Session, prices: Prices<'_>, interval: i64, fill: Fill) -> Self {
        let bars = prices.len();
        let mut entries = Mask::all(bars, false);
        let mut flat = Mask::all(bars, false);
        let sessions = sessions(session.hours, prices.times, interval);
        let mut later = sessions.ranges();
        for (bar, open) in prices.times.iter().enumerate() {
            let close = UnixNanos(*open).plus(interval);
            // An order fills at or right after the close.
            let before = |range: &TimeRange| match fill {
                Fill::NextOpen => range.end <= close,
                Fill::ThisClose | Fill::Nautilus => range.end < close,
            };
            later = &later[later.iter().take_while(|range| before(range)).count()..];
            let Some(now) = later.first() else { break };
            let inside = match fill {
                Fill::NextOpen => now.start <= close,
                Fill::ThisClose | Fill::Nautilus => now.start < close,
            };
            let last = match fill {
                Fill::NextOpen => close.plus(interval) >= now.end,
                Fill::ThisClose | Fill::Nautilus => close >= now.end,
            };
            let closes = session.flat && inside && last;
            entries.set(bar, inside && !closes);
            flat.set(bar, closes);
        }
        Self { entries, flat: session.flat.then_some(flat) }
    }
}

fn sessions(hours: Hours, times: &[i64], interval: i64) -> IntervalSet {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return IntervalSet::default() };
    let span = TimeRange::new(UnixNanos(*first).plus(-DAY), UnixNanos(*last).plus(interval).plus(DAY));
    match hours {
        Hours::Calendar(calendar) => calendar.sessions(span),
        Hours::Daily { from, to } => daily(from, to, span),
    }
}

fn daily(from: ClockTime, to: ClockTime, span: TimeRange) -> IntervalSet {
    let nanos = |time: ClockTime| i64::from(time.seconds()) * bars::SECOND;
    let length = (nanos(to) - nanos(from)).rem_euclid(DAY);
    let days = (span.end.0.div_euclid(DAY) - span.start.0.div_euclid(DAY)).max(0);
    let first = span.start.floor(DAY);
    let session = |day: i64| {
        let start = first.plus(day * DAY).plus(nanos(from));
        TimeRange::new(start, start.plus(length))
    };
    (0..=days).map(session).collect()
}
