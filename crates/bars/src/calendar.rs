//! Trading calendars: when bars are to be expected.
//!
//! Rules are computed, not listed, so that they hold for any year; the US rules follow the exchange's published holidays since
//! 1998 and daylight saving since 1987.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::error::serde_as_text;
use crate::time::{DAY, SECOND};
use crate::{Date, IntervalSet, ParseError, TimeRange, UnixNanos};

/// When a market trades.
///
/// ```
/// use bars::{Calendar, HOUR, TimeRange};
/// let day = |start: &str, end: &str| Ok::<_, bars::ParseError>(TimeRange::new(start.parse()?, end.parse()?));
/// let half_day = Calendar::UsEquities.sessions(day("2024-11-29", "2024-11-30")?);
/// assert_eq!(half_day.nanos(), 7 * HOUR / 2); // the day after Thanksgiving closes at 13:00
/// # Ok::<(), bars::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Calendar {
    /// Every second of every day (`24/7`), as crypto venues trade.
    Always,
    /// Sunday 17:00 to Friday 17:00 in New York (`fx`).
    Fx,
    /// 09:30 to 16:00 in New York, with the exchanges' holidays and 13:00 closes (`us-equities`).
    UsEquities,
}

serde_as_text!(Calendar);

impl Calendar {
    /// Every calendar.
    pub const ALL: &[Self] = &[Self::Always, Self::Fx, Self::UsEquities];

    /// The calendar's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "24/7",
            Self::Fx => "fx",
            Self::UsEquities => "us-equities",
        }
    }

    /// The calendar a venue is known to keep, if any.
    pub fn of_venue(venue: &str) -> Option<Self> {
        match venue {
            "BITSTAMP" | "BINANCE" | "BITFINEX" | "BITMEX" | "BYBIT" | "COINBASE" | "DERIBIT" | "GEMINI"
            | "HYPERLIQUID" | "KRAKEN" | "OKX" => Some(Self::Always),
            "IDEALPRO" | "FXCM" | "OANDA" => Some(Self::Fx),
            "NASDAQ" | "NYSE" | "ARCA" | "AMEX" | "BATS" | "IEX" | "XNAS" | "XNYS" => Some(Self::UsEquities),
            _ => None,
        }
    }

    /// The time in `range` during which the market is open.
    pub fn sessions(&self, range: TimeRange) -> IntervalSet {
        if range.is_empty() {
            return IntervalSet::default();
        }
        let within: IntervalSet = [range].into_iter().collect();
        if *self == Self::Always {
            return within;
        }
        let (first, last) = (range.start.plus(-DAY).date(), range.end.plus(DAY).date());
        let mut sessions = Vec::new();
        let mut date = first;
        while date <= last {
            sessions.extend(self.session(date));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        sessions.into_iter().collect::<IntervalSet>().intersect(&within)
    }

    /// When the session of a date closes; `None` if the market is closed on it.
    pub fn session_close(&self, date: Date) -> Option<UnixNanos> {
        self.session(date).map(|session| session.end)
    }

    /// The session of a date (in New York, or in UTC for a market that never closes).
    pub fn session(&self, date: Date) -> Option<TimeRange> {
        let at = |date: Date, hour, minute| new_york(date, Time::constant(hour, minute, 0, 0));
        match self {
            Self::Always => {
                Some(TimeRange::new(UnixNanos::midnight(date), UnixNanos::midnight(date).plus(DAY)))
            }
            // A forex day runs from 17:00 on the evening before.
            Self::Fx => match date.weekday() {
                Weekday::Saturday | Weekday::Sunday => None,
                _ => Some(TimeRange::new(at(date.yesterday().ok()?, 17, 0)?, at(date, 17, 0)?)),
            },
            Self::UsEquities => match us_day(date) {
                UsDay::Closed => None,
                UsDay::Half => Some(TimeRange::new(at(date, 9, 30)?, at(date, 13, 0)?)),
                UsDay::Full => Some(TimeRange::new(at(date, 9, 30)?, at(date, 16, 0)?)),
            },
        }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Calendar {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.iter().find(|calendar| calendar.as_str() == text).copied();
        found.ok_or_else(|| ParseError::new(text, "a calendar", "expected one of 24/7, fx, us-equities"))
    }
}

/// A wall-clock time in New York as an instant. Zone rules are spelled out, so no zone database is needed in the browser.
fn new_york(date: Date, time: Time) -> Option<UnixNanos> {
    let timestamp = new_york_zone(date.year())?.to_timestamp(date.to_datetime(time)).ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok().map(UnixNanos)
}

/// What clocks in New York show, as the instant at which UTC's clocks show it; `None` before 1987, where these rules end.
pub(crate) fn new_york_clock(instant: UnixNanos) -> Option<UnixNanos> {
    // New Year is far from both changes of the year, so it does not matter whose year this is.
    let year = instant.date().year();
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(instant.0)).ok()?;
    let offset = new_york_zone(year).filter(|_| year >= 1987)?.to_offset(timestamp);
    Some(instant.plus(i64::from(offset.seconds()) * SECOND))
}

fn new_york_zone(year: i16) -> Option<TimeZone> {
    let rule = if year >= 2007 { "EST5EDT,M3.2.0,M11.1.0" } else { "EST5EDT,M4.1.0,M10.5.0" };
    TimeZone::posix(rule).ok()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UsDay {
    Full,
    Half,
    Closed,
}

/// What the New York exchanges do on a date.
fn us_day(date: Date) -> UsDay {
    let (year, month, day) = (date.year(), date.month(), date.day());
    if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
        || us_holiday(date)
        || us_special_closure(date)
    {
        return UsDay::Closed;
    }
    let nth = |month, nth, weekday| Date::constant(year, month, 1).nth_weekday_of_month(nth, weekday).ok();
    let after_thanksgiving = nth(11, 4, Weekday::Thursday).and_then(|date| date.tomorrow().ok());
    let christmas_eve = month == 12 && day == 24;
    // 3 July closes early when 4 July is a weekday holiday.
    let before_independence = month == 7 && day == 3 && date.weekday() != Weekday::Friday;
    if Some(date) == after_thanksgiving || christmas_eve || before_independence {
        UsDay::Half
    } else {
        UsDay::Full
    }
}

fn us_holiday(date: Date) -> bool {
    let (year, month) = (date.year(), date.month());
    let nth = |nth, weekday| {
        Date::constant(year, month, 1).nth_weekday_of_month(nth, weekday).is_ok_and(|found| found == date)
    };
    let observed = |day: i8| {
        // A Saturday holiday is kept on Friday, a Sunday one on Monday.
        let holiday = Date::constant(year, month, day);
        let kept = match holiday.weekday() {
            Weekday::Saturday => holiday.checked_sub(1.day()),
            Weekday::Sunday => holiday.checked_add(1.day()),
            _ => Ok(holiday),
        };
        kept.is_ok_and(|kept| kept == date)
    };
    match month {
        // New Year on a Saturday is not kept, since 31 December closes the year.
        1 => {
            let new_year = Date::constant(year, 1, 1);
            (new_year.weekday() != Weekday::Saturday && observed(1))
                || (year >= 1998 && nth(3, Weekday::Monday))
        }
        2 => nth(3, Weekday::Monday),
        3 | 4 => good_friday(year) == Some(date),
        5 => nth(-1, Weekday::Monday),
        6 => year >= 2022 && observed(19),
        7 => observed(4),
        9 => nth(1, Weekday::Monday),
        11 => nth(4, Weekday::Thursday),
        12 => observed(25),
        _ => false,
    }
}

/// Closures that no rule foretells.
fn us_special_closure(date: Date) -> bool {
    const CLOSURES: [(i16, i8, i8); 11] = [
        (2001, 9, 11),
        (2001, 9, 12),
        (2001, 9, 13),
        (2001, 9, 14),
        (2004, 6, 11),
        (2007, 1, 2),
        (2012, 10, 29),
        (2012, 10, 30),
        (2018, 12, 5),
        (2025, 1, 9),
        (1994, 4, 27),
    ];
    CLOSURES.contains(&(date.year(), date.month(), date.day()))
}

/// Two days before Easter Sunday, by the anonymous Gregorian algorithm.
fn good_friday(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let (a, b, c) = (year_number % 19, year_number / 100, year_number % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month_and_day = h + l - 7 * m + 114;
    let easter = Date::new(year, (month_and_day / 31) as i8, (month_and_day % 31 + 1) as i8).ok()?;
    easter.checked_sub(2.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HOUR;

    fn sessions(calendar: Calendar, start: &str, end: &str) -> IntervalSet {
        calendar.sessions(TimeRange::new(start.parse().unwrap(), end.parse().unwrap()))
    }

    #[test]
    fn us_sessions_follow_daylight_saving() {
        for (start, end, open, close) in [
            ("2024-03-08", "2024-03-09", "2024-03-08T14:30:00Z", "2024-03-08T21:00:00Z"),
            ("2024-03-11", "2024-03-12", "2024-03-11T13:30:00Z", "2024-03-11T20:00:00Z"),
            ("2024-07-03", "2024-07-04", "2024-07-03T13:30:00Z", "2024-07-03T17:00:00Z"),
            ("2006-04-03", "2006-04-04", "2006-04-03T13:30:00Z", "2006-04-03T20:00:00Z"),
            ("2006-03-31", "2006-04-01", "2006-03-31T14:30:00Z", "2006-03-31T21:00:00Z"),
        ] {
            let expected = TimeRange::new(open.parse().unwrap(), close.parse().unwrap());
            assert_eq!(sessions(Calendar::UsEquities, start, end).ranges(), [expected]);
        }
    }

    #[test]
    fn us_holidays() {
        let closed = "2021-01-01 2021-12-24 2022-06-20 2022-12-26 2023-01-02 2024-01-15 2024-02-19 2024-03-29 2024-05-27 \
             2024-06-19 2024-07-04 2024-09-02 2024-11-28 2024-12-25 2025-01-09 2025-04-18 2026-07-03 2024-06-22";
        for date in closed.split_whitespace() {
            assert_eq!(us_day(date.parse().unwrap()), UsDay::Closed, "{date}");
        }
        for date in "2021-12-31 2021-06-18 2024-10-14 2024-11-11 2020-07-02 2022-12-27".split_whitespace() {
            assert_eq!(us_day(date.parse().unwrap()), UsDay::Full, "{date}");
        }
        for date in "2024-11-29 2024-12-24 2023-07-03 2025-07-03".split_whitespace() {
            assert_eq!(us_day(date.parse().unwrap()), UsDay::Half, "{date}");
        }
        // 252 sessions in 2024, as published.
        let sessions = sessions(Calendar::UsEquities, "2024-01-01", "2025-01-01");
        assert_eq!(sessions.ranges().len(), 252);
    }

    #[test]
    fn forex_week_has_120_hours() {
        let week = sessions(Calendar::Fx, "2024-01-07", "2024-01-14");
        assert_eq!(week.nanos(), 120 * HOUR);
        assert_eq!(week.ranges().len(), 1);
        assert_eq!(week.ranges()[0].start.to_string(), "2024-01-07T22:00:00Z");
    }

    #[test]
    fn names_round_trip() {
        for calendar in Calendar::ALL {
            assert_eq!(calendar.to_string().parse(), Ok(*calendar));
        }
        assert!("lunar".parse::<Calendar>().is_err());
    }
}
