//! The gateway's own rules: which requests it refuses, and which come too fast.

use bars::{DAY, MINUTE, SECOND, UnixNanos};

use super::market;
use super::wire::BarsRequest;

/// A request as pacing sees it; times in milliseconds of the gateway's clock.
#[derive(Clone, Debug)]
pub struct Paced {
    /// When it came.
    pub at: u64,
    /// Whether the rules for bars of 30 seconds and less hold.
    pub small: bool,
    /// Contract and kind of price.
    pub kind: String,
    /// The whole request.
    pub whole: String,
    /// How often it counts.
    pub weight: u32,
}

/// Which pacing rule a request breaks, if any; `earlier` is ascending.
pub fn too_fast(earlier: &[Paced], next: &Paced) -> Option<&'static str> {
    let within = |millis: u64| earlier.iter().rev().take_while(move |paced| next.at - paced.at < millis);
    if within(1_000).count() >= 50 {
        return Some("more than 50 messages in a second");
    }
    if !next.small {
        return None;
    }
    let small = |millis| within(millis).filter(|paced| paced.small);
    if small(15_000).any(|paced| paced.whole == next.whole) {
        return Some("an identical request within 15 seconds");
    }
    let same: u32 = small(2_000).filter(|paced| paced.kind == next.kind).map(|paced| paced.weight).sum();
    if same + next.weight > 5 {
        return Some("six requests for one contract and kind of price within two seconds");
    }
    let all: u32 = small(600_000).map(|paced| paced.weight).sum();
    (all + next.weight > 60).then_some("more than 60 requests in ten minutes")
}

/// A request that makes sense: its end, interval, and duration.
pub struct Asked {
    /// No bar ends later.
    pub end: UnixNanos,
    /// Nanoseconds of a bar.
    pub interval: i64,
    /// How many units.
    pub count: i64,
    /// S, D, W, M or Y.
    pub unit: char,
}

/// Reads a request as the gateway does.
///
/// # Errors
/// Code and text with which the gateway refuses it.
pub fn validate(request: &BarsRequest) -> Result<Asked, (i32, String)> {
    let refuse = |why: &str| Err((321, format!("Error validating request.-'bM' : cause - {why}")));
    let Some(end) = read_end(&request.end) else {
        return Err((10314, "End Date/Time: The date, time, or time-zone entered is invalid.".into()));
    };
    let duration = request.duration.split_once(' ');
    let duration =
        duration.and_then(|(count, unit)| Some((count.parse::<i64>().ok()?, unit.chars().next()?)));
    let Some((count, unit)) = duration.filter(|(_, unit)| "SDWMY".contains(*unit)) else {
        return refuse("Historical data requested duration is invalid.");
    };
    match (unit, count) {
        (_, ..1) | ('S', ..30) => return refuse("Historical data requested duration is invalid."),
        ('S', 86_401..) => return refuse("Historical data request for greater than 86400 seconds rejected."),
        ('D', 366..) => return refuse("Historical data request longer than 365 days must be made in years."),
        ('W', 53..) | ('M', 13..) => return refuse("Historical data requested duration is invalid."),
        _ => {}
    }
    let Some(interval) = market::interval(&request.bar_size) else {
        return refuse("Historical data bar size setting is invalid.");
    };
    if !["TRADES", "MIDPOINT", "BID", "ASK", "SCHEDULE"].contains(&request.what.as_str()) {
        return refuse(&format!("What to show value of {} rejected.", request.what));
    }
    if request.what == "SCHEDULE" && interval != DAY {
        return refuse("SCHEDULE needs 1 day bars");
    }
    let too_long = match interval {
        SECOND => unit != 'S' || count > 2_000,
        interval if interval < 30 * SECOND => unit != 'S' && (unit != 'D' || count > 1),
        MINUTE => (unit == 'D' && count > 7) || (unit == 'W' && count > 1) || "MY".contains(unit),
        _ => false,
    };
    match too_long {
        true => Err((
            162,
            format!("Historical Market Data Service error message:invalid step: {}", interval / SECOND),
        )),
        false => Ok(Asked { end, interval, count, unit }),
    }
}

/// Reads `20261118 21:00:00 UTC` or `20261118-21:00:00`.
fn read_end(text: &str) -> Option<UnixNanos> {
    let text = text.strip_suffix(" UTC").unwrap_or(text).replace('-', " ");
    let (date, time) = text.split_once(' ')?;
    (date.len() == 8 && date.is_ascii()).then_some(())?;
    format!("{}-{}-{}T{time}Z", &date[..4], &date[4..6], &date[6..]).parse().ok()
}
