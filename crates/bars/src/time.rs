//! UTC time in nanoseconds, and dates.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use crate::ParseError;
use crate::error::serde_as_text;

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds in a UTC day (Unix time has no leap seconds).
pub const DAY: i64 = 24 * HOUR;

/// A calendar date.
pub type Date = civil::Date;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z.
///
/// - Covers 1677-09-21 to 2262-04-11; arithmetic saturates there.
/// - The text form is ISO 8601 in UTC with `Z`, with as many fractional digits (0, 3, 6 or 9) as the value needs.
///
/// ```
/// use bars::UnixNanos;
/// let close: UnixNanos = "2024-01-08T14:31:00Z".parse()?;
/// assert_eq!(close.0, 1_704_724_260_000_000_000);
/// assert_eq!(UnixNanos(close.0 + 1).to_string(), "2024-01-08T14:31:00.000000001Z");
/// # Ok::<(), bars::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixNanos(pub i64);

serde_as_text!(UnixNanos);

impl UnixNanos {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant.
    pub const MAX: Self = Self(i64::MAX);

    /// Midnight UTC at the start of `date`; saturates outside the representable years.
    pub fn midnight(date: Date) -> Self {
        let days = i64::from((date - Date::constant(1970, 1, 1)).get_days());
        Self(days.saturating_mul(DAY))
    }

    /// The UTC date this instant lies in.
    pub fn date(self) -> Date {
        let days = self.0.div_euclid(DAY) as i32;
        Date::constant(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
    }

    /// This instant `nanos` later, saturating.
    #[must_use]
    pub fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The greatest multiple of `step` nanoseconds since the epoch that is not after this instant; `step` is positive.
    #[must_use]
    pub fn floor(self, step: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(step)))
    }

    /// Milliseconds since the epoch, as JavaScript counts them; fractions of a millisecond are dropped.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, rest) = (self.date(), self.0.rem_euclid(DAY));
        let (hour, minute, second) = (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60);
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
        write!(f, "T{hour:02}:{minute:02}:{second:02}")?;
        match rest % SECOND {
            0 => f.write_str("Z"),
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}Z", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}Z", nanos / 1_000),
            nanos => write!(f, ".{nanos:09}Z"),
        }
    }
}

impl FromStr for UnixNanos {
    type Err = ParseError;

    /// Reads an ISO 8601 instant with an offset, a date (its midnight in UTC), or a date and time without an offset (UTC).
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a time like 2024-01-08 or 2024-01-08T14:31:00Z";
        let fail = |reason: String| ParseError::new(text, EXPECTED, reason);
        let timestamp = if let Ok(timestamp) = text.parse::<Timestamp>() {
            timestamp
        } else {
            let naive = text.parse::<civil::DateTime>().map_err(|error| fail(error.to_string()))?;
            TimeZone::UTC.to_timestamp(naive).map_err(|error| fail(error.to_string()))?
        };
        i64::try_from(timestamp.as_nanosecond())
            .map(Self)
            .map_err(|_| fail("outside the years 1678 to 2261".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let cases = [
            ("2024-01-08", 1_704_672_000_000_000_000, "2024-01-08T00:00:00Z"),
            ("2024-01-08T14:31:00Z", 1_704_724_260_000_000_000, "2024-01-08T14:31:00Z"),
            ("2024-01-08 14:31:00", 1_704_724_260_000_000_000, "2024-01-08T14:31:00Z"),
            ("2024-01-08T09:31:00-05:00", 1_704_724_260_000_000_000, "2024-01-08T14:31:00Z"),
            ("1969-12-31T23:59:59.5Z", -500_000_000, "1969-12-31T23:59:59.500Z"),
            ("1970-01-01T00:00:00.000000001Z", 1, "1970-01-01T00:00:00.000000001Z"),
        ];
        for (text, nanos, printed) in cases {
            assert_eq!(text.parse(), Ok(UnixNanos(nanos)), "{text}");
            assert_eq!(UnixNanos(nanos).to_string(), printed);
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "yesterday", "2024-13-01", "2024-02-30", "9999-01-01T00:00:00Z", "1704724260"] {
            assert!(text.parse::<UnixNanos>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_extremes_print() {
        assert_eq!(UnixNanos::MAX.to_string(), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(UnixNanos::MIN.to_string(), "1677-09-21T00:12:43.145224192Z");
    }
}
