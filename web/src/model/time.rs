//! Times and lengths of time as the pages print them. Every instant is UTC, and says so where it stands alone.

use engine::bars::{DAY, Date, HOUR, MINUTE, SECOND, UnixNanos};

/// `2024-01-08 14:31`, with seconds or finer only where they are not zero.
pub(crate) fn stamp(instant: UnixNanos) -> String {
    short(instant).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// The shortest ISO 8601 text that reads back to the same instant: `2024-01-08`, `2024-01-08T14:31Z`.
pub(crate) fn short(instant: UnixNanos) -> String {
    let text = instant.to_string();
    if instant.0.rem_euclid(MINUTE) != 0 {
        return text;
    }
    if instant.0.rem_euclid(DAY) == 0 { text[..10].to_owned() } else { text.replacen(":00Z", "Z", 1) }
}

/// `2024-01-08 14:31`, also at midnight, so that a column lines up.
pub(crate) fn minute(instant: UnixNanos) -> String {
    instant.to_string().get(..16).unwrap_or_default().replace('T', " ")
}

/// `Tue 2024-01-09`.
pub(crate) fn day(date: Date) -> String {
    const NAMES: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let days = UnixNanos::midnight(date).0.div_euclid(DAY);
    format!("{} {date}", NAMES[days.rem_euclid(7) as usize])
}

/// Row of a date in a week that starts on Monday, 0 to 6.
pub(crate) fn weekday(date: Date) -> usize {
    ((UnixNanos::midnight(date).0.div_euclid(DAY) + 3).rem_euclid(7)) as usize
}

/// An instant from JavaScript's milliseconds.
pub(crate) fn from_millis(millis: f64) -> UnixNanos {
    UnixNanos((millis.round() as i64).saturating_mul(1_000_000))
}

/// Milliseconds for JavaScript.
pub(crate) fn to_millis(instant: UnixNanos) -> f64 {
    instant.0.div_euclid(1_000_000) as f64
}

/// How long ago: `3 h ago`, `just now`.
pub(crate) fn ago(then: UnixNanos, now: UnixNanos) -> String {
    let nanos = now.0.saturating_sub(then.0);
    if nanos < MINUTE { "just now".into() } else { format!("{} ago", coarse(nanos)) }
}

/// The two largest units: `13 d 4 h`, `6 h 30 m`.
pub(crate) fn length(nanos: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    let sign = if nanos < 0 { "−" } else { "" };
    let nanos = nanos.saturating_abs();
    let Some(first) = UNITS.iter().position(|(unit, _)| nanos >= *unit) else {
        return format!("{sign}{} ms", nanos / 1_000_000);
    };
    let (unit, name) = UNITS[first];
    let rest = UNITS
        .get(first + 1)
        .map(|(finer, name)| (nanos % unit / finer, name))
        .filter(|(count, _)| *count > 0);
    match rest {
        Some((count, finer)) => format!("{sign}{} {name} {count} {finer}", nanos / unit),
        None => format!("{sign}{} {name}", nanos / unit),
    }
}

fn coarse(nanos: i64) -> String {
    match nanos {
        n if n >= 2 * DAY => format!("{} d", n / DAY),
        n if n >= 2 * HOUR => format!("{} h", n / HOUR),
        n => format!("{} min", n / MINUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixNanos {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn instants() {
        for (text, expected) in [
            ("2024-01-08", "2024-01-08"),
            ("2024-01-08T14:31:00Z", "2024-01-08T14:31Z"),
            ("2024-01-08T14:31:05Z", "2024-01-08T14:31:05Z"),
            ("2024-01-08T14:00:00Z", "2024-01-08T14:00Z"),
        ] {
            assert_eq!(short(at(text)), expected);
            assert_eq!(at(expected), at(text), "{expected} reads back");
        }
        assert_eq!(stamp(at("2024-01-08T14:31:00Z")), "2024-01-08 14:31");
        assert_eq!(minute(at("2024-01-08")), "2024-01-08 00:00");
        assert_eq!(to_millis(from_millis(1_704_724_260_000.4)), 1_704_724_260_000.0);
    }

    #[test]
    fn days() {
        let date = at("2024-01-09").date();
        assert_eq!((day(date).as_str(), weekday(date)), ("Tue 2024-01-09", 1));
        assert_eq!(weekday(at("2024-01-14").date()), 6);
    }

    #[test]
    fn lengths() {
        for (nanos, expected) in [
            (0, "0 ms"),
            (90 * SECOND, "1 m 30 s"),
            (6 * HOUR + 30 * MINUTE, "6 h 30 m"),
            (14 * DAY, "14 d"),
            (-HOUR, "−1 h"),
        ] {
            assert_eq!(length(nanos), expected);
        }
        for (nanos, expected) in
            [(0, "just now"), (61 * SECOND, "1 min ago"), (3 * HOUR, "3 h ago"), (72 * HOUR, "3 d ago")]
        {
            assert_eq!(ago(UnixNanos(0), UnixNanos(nanos)), expected);
        }
    }
}
