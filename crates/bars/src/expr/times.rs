//! Times in expressions: their texts, their parts, and New York's clocks.

use jiff::civil;

use super::tree::{Part, Zone};
use crate::time::{DAY, HOUR, MINUTE, SECOND};
use crate::{Date, UnixNanos, calendar};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// Days from 1970-01-01 to a date.
pub(super) fn days(date: Date) -> i32 {
    (date - EPOCH).get_days()
}

/// The instant of a text; without an offset it is in UTC.
pub(super) fn time(text: &str) -> Result<UnixNanos, String> {
    text.trim().parse::<UnixNanos>().map_err(|error| error.reason)
}

/// What a clock shows, from a text without an offset.
pub(super) fn local_time(text: &str) -> Result<UnixNanos, String> {
    let text = text.trim();
    if text.parse::<jiff::Timestamp>().is_ok() {
        return Err("a local time has no offset".to_owned());
    }
    text.parse::<UnixNanos>().map_err(|error| error.reason)
}

pub(super) fn date(text: &str) -> Result<i32, String> {
    let text = text.trim();
    // A date's parser would also take the date of a date and time.
    if text.len() > 10 {
        return Err("it is longer than a date".to_owned());
    }
    text.parse::<Date>().map(days).map_err(|error| error.to_string())
}

pub(super) fn time_of_day(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if text.len() > 18 || !text.contains(':') {
        return Err("it is not like 14:30 or 14:30:15".to_owned());
    }
    let time = text.parse::<civil::Time>().map_err(|error| error.to_string())?;
    let whole =
        i64::from(time.hour()) * HOUR + i64::from(time.minute()) * MINUTE + i64::from(time.second()) * SECOND;
    Ok(whole + i64::from(time.subsec_nanosecond()))
}

/// The day an instant lies in, and the nanoseconds since its midnight.
pub fn split(instant: UnixNanos) -> (i32, i64) {
    // The range of i64 nanoseconds has some 213,000 days.
    (instant.0.div_euclid(DAY) as i32, instant.0.rem_euclid(DAY))
}

/// A part of the time of day; `nanos` count from midnight.
pub fn part_of_day(part: Part, nanos: i64) -> i64 {
    match part {
        Part::Hour => nanos / HOUR,
        Part::Minute => nanos / MINUTE % 60,
        _ => nanos / SECOND % 60,
    }
}

/// A part of a date; `days` count from 1970-01-01.
pub fn part_of_date(part: Part, days: i32) -> i64 {
    // Day zero was a Thursday.
    match part {
        Part::DayOfWeek => return i64::from((days + 4).rem_euclid(7)),
        Part::IsoDayOfWeek => return i64::from((days + 3).rem_euclid(7) + 1),
        _ => {}
    }
    let date = EPOCH.saturating_add(jiff::Span::new().days(days));
    match part {
        Part::Year => i64::from(date.year()),
        Part::Quarter => i64::from((date.month() - 1) / 3 + 1),
        Part::Month => i64::from(date.month()),
        Part::Week => i64::from(date.iso_week_date().week()),
        Part::DayOfYear => i64::from(date.day_of_year()),
        _ => i64::from(date.day()),
    }
}

/// What clocks of a zone show, as the instant at which UTC's clocks show it; `None` before the zone's rules are known.
pub fn local(zone: Zone, instant: UnixNanos) -> Option<UnixNanos> {
    match zone {
        Zone::Utc => Some(instant),
        Zone::NewYork => calendar::new_york_clock(instant),
    }
}
