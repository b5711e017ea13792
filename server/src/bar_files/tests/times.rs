//! Every way to write a time, and what is none.

use bars::{Date, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};
use proptest::prelude::*;

use crate::bar_files::fault::Fault;
use crate::bar_files::times::{Moment, TimeFormat, TimeReader};

fn reader(format: TimeFormat, zone: &str) -> TimeReader {
    TimeReader::new(format, Some((TimeZone::get(zone).unwrap(), zone.to_owned())), None)
}

fn shown_as(moment: &Result<Moment, Fault>) -> String {
    match moment {
        Ok(Moment::Instant(instant)) => instant.to_string(),
        Ok(Moment::Date(date)) => date.to_string(),
        Ok(Moment::Twice { early, late, .. }) => format!("{early} or {late}"),
        Err(fault) => fault.reason.clone(),
    }
}

#[test]
fn every_way_to_write_a_time() {
    use TimeFormat::{
        Auto, DayFirst, MillisOfDay, MonthFirst, UnixMicros, UnixMillis, UnixNanos, UnixSeconds,
    };
    let new_york = "America/New_York";
    for (text, clock, format, zone, expected) in [
        ("1704724200", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("1704724200.5", None, Auto, "UTC", "2024-01-08T14:30:00.500Z"),
        ("-1.5", None, UnixSeconds, "UTC", "1969-12-31T23:59:58.500Z"),
        ("1704724200000", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("1704724200000000", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("1704724200000000000", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("5000", None, UnixMillis, "UTC", "1970-01-01T00:00:05Z"),
        ("5000", None, UnixMicros, "UTC", "1970-01-01T00:00:00.005Z"),
        ("5", None, UnixNanos, "UTC", "1970-01-01T00:00:00.000000005Z"),
        ("5.0", None, UnixNanos, "UTC", "1970-01-01T00:00:00.000000005Z"),
        (
            "2024-01-05T00777777777777777777777777777:02",
            None,
            Auto,
            "UTC",
            "the time `2024-01-05T00777777777777777777777777777:02` is neither ISO 8601, like 2024-01-08 14:30:00, nor a Unix time",
        ),
        ("5.5", None, UnixNanos, "UTC", "the time `5.5` is finer than a nanosecond"),
        ("2024-01-08T14:30:00Z", None, Auto, new_york, "2024-01-08T14:30:00Z"),
        ("2024-01-08T14:30:00.000000001Z", None, Auto, "UTC", "2024-01-08T14:30:00.000000001Z"),
        ("2024-01-08 14:30:00+01:00", None, Auto, "UTC", "2024-01-08T13:30:00Z"),
        ("2024-01-08 14:30:00-0500", None, Auto, "UTC", "2024-01-08T19:30:00Z"),
        ("2024-01-08T09:30:00-05:00[America/New_York]", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("2024-01-08 09:30", None, Auto, new_york, "2024-01-08T14:30:00Z"),
        ("2024-07-08 09:30", None, Auto, new_york, "2024-07-08T13:30:00Z"),
        ("2024/01/08 9:30", None, Auto, new_york, "2024-01-08T14:30:00Z"),
        ("2024.01.08 09:30", None, Auto, new_york, "2024-01-08T14:30:00Z"),
        ("2024.01.08", Some("09:30"), Auto, new_york, "2024-01-08T14:30:00Z"),
        ("20240108", Some("143000"), Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108", Some("1430"), Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108", Some("93000"), Auto, "UTC", "2024-01-08T09:30:00Z"),
        ("20240108 143000", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108  14:30:00", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108-14:30:00", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108143000", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108 09:30:00 US/Eastern", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108 14:30:00 UTC", None, Auto, new_york, "2024-01-08T14:30:00Z"),
        ("2024-01-08 2:30 PM", None, Auto, "UTC", "2024-01-08T14:30:00Z"),
        ("2024-01-08 12:30 am", None, Auto, "UTC", "2024-01-08T00:30:00Z"),
        ("2024-01-08 24:00", None, Auto, "UTC", "2024-01-09T00:00:00Z"),
        ("2024-01-08", None, Auto, "UTC", "2024-01-08"),
        ("20240108", None, Auto, "UTC", "2024-01-08"),
        ("08-Jan-2024", None, Auto, "UTC", "2024-01-08"),
        ("08/01/2024 14:30", None, DayFirst, "UTC", "2024-01-08T14:30:00Z"),
        ("01/08/2024 14:30", None, MonthFirst, "UTC", "2024-01-08T14:30:00Z"),
        ("1/8/24 2:30 PM", None, MonthFirst, "UTC", "2024-01-08T14:30:00Z"),
        ("08.01.2024", Some("14:30:00"), DayFirst, "UTC", "2024-01-08T14:30:00Z"),
        ("20240108 09:30", None, MillisOfDay, new_york, "2024-01-08T14:30:00Z"),
        ("2024-11-03 00:59", None, Auto, new_york, "2024-11-03T04:59:00Z"),
        ("2024-11-03 01:30", None, Auto, new_york, "2024-11-03T05:30:00Z or 2024-11-03T06:30:00Z"),
        ("2024-11-03 02:00", None, Auto, new_york, "2024-11-03T07:00:00Z"),
        (
            "2024-03-10 02:30",
            None,
            Auto,
            new_york,
            "the time 2024-03-10T02:30:00 does not exist in America/New_York: the clocks change there and skip it",
        ),
        ("2024-03-10 03:00", None, Auto, new_york, "2024-03-10T07:00:00Z"),
    ] {
        let mut reader = reader(format, zone);
        let read = reader.read(text.as_bytes(), clock.map(str::as_bytes));
        assert_eq!(shown_as(&read), expected, "{text} {clock:?}");
        // And once more, with what it remembers.
        assert_eq!(reader.read(text.as_bytes(), clock.map(str::as_bytes)), read, "{text}");
    }
    let mut lean = TimeReader::new(
        MillisOfDay,
        Some((TimeZone::get(new_york).unwrap(), new_york.into())),
        Some(Date::constant(2024, 1, 8)),
    );
    assert_eq!(shown_as(&lean.read(b"34200000", None)), "2024-01-08T14:30:00Z");
    assert!(lean.read(b"86400000", None).is_err());
}

#[test]
fn what_is_no_time() {
    for (text, reason) in [
        ("", "missing"),
        ("yesterday", "neither"),
        ("2024-13-01", "neither"),
        ("2024-02-30", "neither"),
        ("2024-01-08 25:00", "neither"),
        ("2024-01-08 14:60", "neither"),
        ("2024-01-08 14:30 Mars/Olympus", "neither"),
        ("2024-01-08 14:30+99:00", "neither"),
        ("08/01/2024", "`--time-format dmy`"),
        ("1500-01-01", "outside the years"),
        ("99999999999999999999", "outside the years"),
    ] {
        let fault = reader(TimeFormat::Auto, "UTC").read(text.as_bytes(), None).unwrap_err();
        assert!(fault.reason.contains(reason), "{text}: {}", fault.reason);
    }
    let without_zone = TimeReader::new(TimeFormat::Auto, None, None).read(b"2024-01-08 14:30", None);
    assert!(without_zone.unwrap_err().reason.contains("--tz"));
}

proptest! {
    /// The remembered offset never differs from what the zone's rules say, whatever the order of the times.
    #[test]
    fn remembered_offsets_are_right(
        zone in prop::sample::select(vec!["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Pyongyang", "UTC"]),
        minutes in prop::collection::vec(0i64..60 * 24 * 365 * 60, 1..40),
        near in prop::collection::vec(-120i64..120, 1..40),
    ) {
        let rules = TimeZone::get(zone).unwrap();
        let mut reader = reader(TimeFormat::Auto, zone);
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let base = minutes[0];
        let change = rules.following(at(base)).next().map_or(base, |change| change.timestamp().as_second() / 60);
        for minute in minutes.iter().copied().chain(near.iter().map(|by| change + by)) {
            let wall = rules.to_datetime(at(minute));
            let fresh = match rules.to_ambiguous_timestamp(wall).offset() {
                AmbiguousOffset::Unambiguous { .. } => Some(Moment::Instant(UnixNanos(at(minute).as_nanosecond() as i64))),
                _ => None,
            };
            let read = reader.read(wall.to_string().as_bytes(), None);
            match fresh {
                Some(moment) => prop_assert_eq!(read, Ok(moment)),
                None => prop_assert!(matches!(read, Ok(Moment::Twice { .. })), "{}", zone),
            }
        }
    }

    #[test]
    fn nothing_panics(text in "[0-9T:. /+Zaj-]{0,30}", clock in proptest::option::of("[0-9:. PAMpam]{0,12}")) {
        for format in [TimeFormat::Auto, TimeFormat::DayFirst, TimeFormat::MonthFirst, TimeFormat::UnixSeconds, TimeFormat::UnixNanos, TimeFormat::MillisOfDay] {
            let _ = reader(format, "America/New_York").read(text.as_bytes(), clock.as_deref().map(str::as_bytes));
        }
    }
}
