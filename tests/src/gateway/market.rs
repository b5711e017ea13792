//! The market behind the gateway: sessions by a calendar's rules, bars by arithmetic, so that any chunking gives the same bars.

use bars::{Calendar, DAY, HOUR, MINUTE, SECOND, TimeRange, UnixNanos};

/// Symbols the market knows, with their ids.
const SYMBOLS: [(&str, i32); 4] = [("AAPL", 265_598), ("MSFT", 272_093), ("IBM", 8_314), ("SPY", 756_733)];
/// When the market begins: nothing is known before it.
const FIRST: &str = "2010-01-04T14:30:00Z";

/// A bar; prices in hundredths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrueBar {
    /// Its open in UTC nanoseconds.
    pub open_time: UnixNanos,
    /// Its close.
    pub close_time: UnixNanos,
    /// Open, high, low and close.
    pub prices: [i64; 4],
    /// Shares.
    pub volume: i64,
}

/// The instrument of a symbol or an id: symbol and id.
pub fn instrument(symbol: &str, id: i32) -> Option<(&'static str, i32)> {
    SYMBOLS.into_iter().find(|(name, number)| *name == symbol || (id != 0 && *number == id))
}

/// Instruments whose symbols begin with a text.
pub fn matching(text: &str) -> Vec<(&'static str, i32)> {
    SYMBOLS.into_iter().filter(|(name, _)| name.starts_with(text)).collect()
}

/// The earliest bar's open.
pub fn first() -> UnixNanos {
    FIRST.parse().unwrap_or(UnixNanos(0))
}

/// Sessions in and around a range, ascending; regular hours, or from 04:00 to four hours after the close.
pub fn sessions(range: TimeRange, regular: bool) -> Vec<TimeRange> {
    let mut sessions = Calendar::UsEquities.sessions_by_date(range);
    if !regular {
        sessions.iter_mut().for_each(|session| {
            *session = TimeRange::new(session.start.plus(-11 * HOUR / 2), session.end.plus(4 * HOUR));
        });
    }
    sessions
}

/// A bar size's nanoseconds, as the wire spells it.
pub fn interval(bar_size: &str) -> Option<i64> {
    let (count, unit) = bar_size.split_once(' ')?;
    let unit = match unit {
        "secs" => SECOND,
        "min" | "mins" => MINUTE,
        "hour" | "hours" => HOUR,
        "day" => DAY,
        _ => return None,
    };
    Some(count.parse::<i64>().ok()? * unit)
}

/// The time that a duration means, back from an end, as ranges in which bars open: `S` counts trading seconds, `D` sessions, the
/// others the calendar.
pub fn window(end: UnixNanos, count: i64, unit: char, regular: bool) -> Vec<TimeRange> {
    let days = match unit {
        'S' | 'D' => 10 + if unit == 'D' { count * 2 } else { count / 20_000 },
        'W' => 7 * count,
        'M' => 31 * count,
        _ => 366 * count,
    };
    let start = end.plus(-days * DAY);
    let earlier = sessions(TimeRange::new(start, end), regular);
    let mut earlier: Vec<TimeRange> = earlier
        .into_iter()
        .map(|session| TimeRange::new(session.start.max(first()), session.end.min(end)))
        .filter(|session| !session.is_empty())
        .collect();
    match unit {
        'D' => {
            let surplus = earlier.len().saturating_sub(count as usize);
            earlier.drain(..surplus);
        }
        'S' => {
            let (mut left, mut kept) = (count * SECOND, Vec::new());
            while let (Some(session), true) = (earlier.pop(), left > 0) {
                let start = session.start.max(session.end.plus(-left));
                left -= session.end.0 - start.0;
                kept.push(TimeRange::new(start, session.end));
            }
            kept.reverse();
            earlier = kept;
        }
        _ => earlier.retain(|session| session.start >= start),
    }
    earlier
}

/// The bars of an instrument that open in these parts of sessions and are over at their end.
pub fn bars(id: i32, interval: i64, parts: &[TimeRange]) -> Vec<TrueBar> {
    let mut bars = Vec::new();
    for part in parts {
        if interval >= DAY {
            bars.push(bar(id, part.start, part.end));
            continue;
        }
        let mut open = part.start;
        while open < part.end {
            // Bars of an hour and more keep to the clock, so that the first of a session is shorter.
            let close = open.floor(interval).plus(interval).min(part.end);
            bars.push(bar(id, open, close));
            open = close;
        }
    }
    bars
}

fn bar(id: i32, open: UnixNanos, close: UnixNanos) -> TrueBar {
    let (first, last) = (open.0 / SECOND, close.0 / SECOND - 1);
    let step = if last - first < 60 { 1 } else { 5 };
    let at = |second| price(i64::from(id), second);
    let (mut high, mut low) = (at(last), at(last));
    let mut second = first;
    while second <= last {
        (high, low) = (high.max(at(second)), low.min(at(second)));
        second += step;
    }
    let volume = 100 + noise(i64::from(id) ^ first, 5_000);
    TrueBar { open_time: open, close_time: close, prices: [at(first), high, low, at(last)], volume }
}

/// Hundredths at a second: slow waves and a little noise.
fn price(id: i64, second: i64) -> i64 {
    let wave = |period: i64, height: i64| {
        let at = second.rem_euclid(period) * 2 * height / period;
        if at > height { 2 * height - at } else { at }
    };
    10_000
        + id % 7_000
        + wave(86_400 * 97, 4_000)
        + wave(9_000, 150)
        + noise(id.wrapping_mul(31) ^ (second / 5), 9)
}

fn noise(seed: i64, below: i64) -> i64 {
    let mut value = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((value ^ (value >> 29)) % below as u64) as i64
}
