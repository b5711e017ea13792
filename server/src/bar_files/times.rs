//! Times as files write them, read from bytes: dates in any order, clocks with or without an offset, Unix times of any unit.
//!
//! A local time is turned into UTC by the rules of its zone. One that clocks skip is refused; one that comes twice is handed on with
//! both of its meanings, because only its neighbours can tell.

use std::ops::Range;

use bars::{DAY, Date, SECOND, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::fault::{Fault, FaultKind};

/// What the time column holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TimeFormat {
    /// A date and time that begins with the year, or a Unix time whose unit follows from its number of digits.
    #[default]
    Auto,
    /// Seconds since 1970, with decimals or without.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// Microseconds since 1970.
    UnixMicros,
    /// Nanoseconds since 1970.
    UnixNanos,
    /// Dates like `31/12/2024`.
    DayFirst,
    /// Dates like `12/31/2024`.
    MonthFirst,
    /// Milliseconds since midnight of a date that stands elsewhere.
    MillisOfDay,
}

/// Which moment a text names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// One instant.
    Instant(UnixNanos),
    /// A date without a time.
    Date(Date),
    /// A local time that comes twice when clocks are put back.
    Twice {
        /// The local time, as nanoseconds since 1970 of a clock on the wall.
        local: i64,
        /// Its first occurrence.
        early: UnixNanos,
        /// Its second.
        late: UnixNanos,
    },
}

/// Reads one file's times. It remembers what it looked up last: the zone's offset, and a date.
#[derive(Clone, Debug)]
pub struct TimeReader {
    format: TimeFormat,
    zone: Option<Zone>,
    named_zone: Option<Zone>,
    /// The date of times that have none.
    file_date: Option<Date>,
    /// Only the date of a local time matters, as for daily bars that are stamped at their open.
    only_dates: bool,
    last_date: ((i32, u32, u32), i64),
}

impl TimeReader {
    /// A reader of `format`; `zone` is that of times without an offset.
    pub fn new(format: TimeFormat, zone: Option<(TimeZone, String)>, file_date: Option<Date>) -> Self {
        let zone = zone.map(|(zone, name)| Zone::new(zone, name));
        Self { format, zone, named_zone: None, file_date, only_dates: false, last_date: ((1970, 1, 1), 0) }
    }

    /// The same, but of a date and time that is local only the date is taken, as it is written.
    pub fn only_dates(mut self, only_dates: bool) -> Self {
        self.only_dates = only_dates;
        self
    }

    /// The zone of times without an offset; UTC if none was given.
    pub fn zone(&self) -> TimeZone {
        self.zone.as_ref().map_or(TimeZone::UTC, |zone| zone.rules.clone())
    }

    /// The name of that zone.
    pub fn zone_name(&self) -> &str {
        self.zone.as_ref().map_or("UTC", |zone| &zone.name)
    }

    /// Reads a time, or a date whose time of day stands in a column of its own.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(&mut self, text: &[u8], time_of_day: Option<&[u8]>) -> Result<Moment, Fault> {
        let unit = match self.format {
            TimeFormat::MillisOfDay => {
                if let Some(date) = self.file_date.filter(|_| text.iter().all(u8::is_ascii_digit)) {
                    let millis: i64 = digits_value(text)
                        .filter(|millis| *millis < DAY / 1_000_000)
                        .ok_or_else(|| wrong(text))?;
                    return self.at_local(UnixNanos::midnight(date).plus(millis * 1_000_000).0);
                }
                None
            }
            TimeFormat::UnixSeconds => Some(SECOND),
            TimeFormat::UnixMillis => Some(1_000_000),
            TimeFormat::UnixMicros => Some(1_000),
            TimeFormat::UnixNanos => Some(1),
            TimeFormat::Auto if time_of_day.is_none() => unix_unit(text),
            _ => None,
        };
        if let Some(unit) = unit {
            return unix(text, unit).map(Moment::Instant);
        }
        let mut cursor = Cursor { text, at: 0 };
        let date = self.read_date(&mut cursor)?;
        let clock = match time_of_day {
            Some(clock) => {
                if !cursor.rest().is_empty()
                    && cursor.rest().iter().any(|byte| !matches!(byte, b'0' | b':' | b' ' | b'T'))
                {
                    return Err(wrong(text));
                }
                cursor = Cursor { text: clock, at: 0 };
                Some(cursor.clock().ok_or_else(|| wrong(clock))?)
            }
            None if cursor.rest().is_empty() => None,
            None => {
                cursor.skip_separator();
                Some(cursor.clock().ok_or_else(|| wrong(text))?)
            }
        };
        let Some(clock) = clock else { return date_of(date).map(Moment::Date) };
        let local =
            date.checked_mul(DAY).and_then(|start| start.checked_add(clock)).ok_or_else(out_of_range)?;
        self.with_offset(local, cursor)
    }

    /// What follows a local time: nothing, `Z`, an offset, or the name of a zone.
    fn with_offset(&mut self, local: i64, cursor: Cursor<'_>) -> Result<Moment, Fault> {
        let rest = cursor.rest().trim_ascii_start();
        match rest {
            [b'Z' | b'z'] | b"UTC" | b"GMT" | b"+00:00" => Ok(Moment::Instant(UnixNanos(local))),
            [] if self.only_dates => Ok(Moment::Date(UnixNanos(local).date())),
            [] => self.at_local(local),
            [sign @ (b'+' | b'-'), offset @ ..] => {
                let seconds = offset_seconds(offset).ok_or_else(|| wrong(cursor.text))?;
                let seconds = if *sign == b'-' { -seconds } else { seconds };
                if self.only_dates {
                    return Ok(Moment::Date(UnixNanos(local).date()));
                }
                local
                    .checked_sub(seconds * SECOND)
                    .map(UnixNanos)
                    .map(Moment::Instant)
                    .ok_or_else(out_of_range)
            }
            name => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                if self.named_zone.as_ref().is_none_or(|zone| zone.name != name) {
                    let rules = TimeZone::get(name).map_err(|_| wrong(cursor.text))?;
                    self.named_zone = Some(Zone::new(rules, name.to_owned()));
                }
                self.named_zone.as_mut().map_or_else(|| Err(wrong(cursor.text)), |zone| zone.at(local))
            }
        }
    }

    /// The moment of a local time, given as nanoseconds since 1970 of a clock on the wall.
    ///
    /// # Errors
    /// If it does not exist, or if no zone is known.
    pub fn read_local(&mut self, local: i64) -> Result<Moment, Fault> {
        if self.only_dates { Ok(Moment::Date(UnixNanos(local).date())) } else { self.at_local(local) }
    }

    /// The moment of an instant that is shown in `zone`.
    ///
    /// # Errors
    /// If it lies outside the years that dates reach.
    pub fn read_instant(&self, instant: i64, zone: &TimeZone) -> Result<Moment, Fault> {
        if !self.only_dates || *zone == TimeZone::UTC {
            return Ok(Moment::Instant(UnixNanos(instant)));
        }
        let timestamp = Timestamp::from_nanosecond(i128::from(instant)).map_err(|_| out_of_range())?;
        Ok(Moment::Date(zone.to_datetime(timestamp).date()))
    }

    fn at_local(&mut self, local: i64) -> Result<Moment, Fault> {
        match &mut self.zone {
            Some(zone) => zone.at(local),
            None => Err(Fault::new(
                FaultKind::Time,
                "its time has no offset, unlike those before it; say in which zone such times are: `--tz ZONE`",
            )),
        }
    }

    /// Days since 1970.
    fn read_date(&mut self, cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
        let text = cursor.text;
        let parts = cursor.date(self.format).ok_or_else(|| {
            if self.format == TimeFormat::Auto && (Cursor { text, at: 0 }).is_year_last() {
                Fault::new(
                    FaultKind::Time,
                    format!("the time `{}` is neither ISO 8601 nor a Unix time; say what comes first: `--time-format dmy` or `mdy`", shown(text)),
                )
            } else {
                wrong(text)
            }
        })?;
        if self.last_date.0 != parts {
            let (year, month, day) = parts;
            let date = Date::new(year as i16, month as i8, day as i8).map_err(|_| wrong(text))?;
            self.last_date = (parts, UnixNanos::midnight(date).0.div_euclid(DAY));
            // Midnights saturate outside the years that nanoseconds reach.
            if !(1678..=2261).contains(&year) {
                return Err(out_of_range());
            }
        }
        Ok(self.last_date.1)
    }
}

/// Whether a text looks like a time of day in a column of its own: `14:30`, `143000`.
pub fn is_time_of_day(text: &[u8]) -> bool {
    let mut cursor = Cursor { text, at: 0 };
    (text.contains(&b':') || matches!(text.len(), 4 | 6) && text.iter().all(u8::is_ascii_digit))
        && cursor.clock().is_some()
        && cursor.rest().is_empty()
}

/// Whether a text is a date without a time.
pub fn is_date(text: &[u8]) -> bool {
    matches!(TimeReader::new(TimeFormat::Auto, None, None).read(text, None), Ok(Moment::Date(_)))
        || Cursor { text, at: 0 }.is_year_last() && !text.contains(&b':')
}

/// The day and the month, in the order written, of a date whose year comes last.
pub fn year_last(text: &[u8]) -> Option<(u32, u32)> {
    let cursor = Cursor { text, at: 0 };
    cursor.is_year_last().then(|| cursor.numbers_of_year_last())
}

/// A Unix time's unit by its number of digits; `None` if the text is no Unix time. Eight digits are a date, fourteen a date and time.
fn unix_unit(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.split(|byte| *byte == b'.').next()?;
    let decimals = digits.len() - whole.len();
    let numeric = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !numeric(whole) || decimals > 0 && (whole.len() < 9 || !numeric(&digits[whole.len() + 1..])) {
        return None;
    }
    let is_date = matches!(whole.len(), 8 | 14) && (whole.starts_with(b"19") || whole.starts_with(b"20"));
    match whole.len() {
        _ if is_date => None,
        0..=11 => Some(SECOND),
        12..=14 => Some(1_000_000),
        15..=17 => Some(1_000),
        _ => Some(1),
    }
}

fn unix(text: &[u8], unit: i64) -> Result<UnixNanos, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| wrong(text))?;
    let fault = || wrong(text.as_bytes());
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole_digits = whole.strip_prefix('-').unwrap_or(whole);
    if whole_digits.is_empty()
        || !whole_digits.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return Err(fault());
    }
    let value: i64 = whole.parse().map_err(|_| out_of_range())?;
    let mut nanos = value.checked_mul(unit).ok_or_else(out_of_range)?;
    let (mut place, mut fraction) = (unit, 0);
    for byte in decimals.bytes() {
        if place == 1 && byte != b'0' {
            return Err(Fault::new(FaultKind::Time, format!("the time `{text}` is finer than a nanosecond")));
        }
        place = (place / 10).max(1);
        fraction += i64::from(byte - b'0') * if place == 1 && unit == 1 { 0 } else { place };
    }
    nanos = if whole.starts_with('-') { nanos.checked_sub(fraction) } else { nanos.checked_add(fraction) }
        .ok_or_else(out_of_range)?;
    Ok(UnixNanos(nanos))
}

fn digits_value(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn wrong(text: &[u8]) -> Fault {
    if text.is_empty() {
        return Fault::new(FaultKind::Time, "the time is missing");
    }
    Fault::new(
        FaultKind::Time,
        format!("the time `{}` is neither ISO 8601, like 2024-01-08 14:30:00, nor a Unix time", shown(text)),
    )
}

fn out_of_range() -> Fault {
    Fault::new(FaultKind::Time, "its time lies outside the years 1678 to 2261")
}

fn date_of(days: i64) -> Result<Date, Fault> {
    days.checked_mul(DAY).map(|nanos| UnixNanos(nanos).date()).ok_or_else(out_of_range)
}

fn offset_seconds(text: &[u8]) -> Option<i64> {
    // A zone in brackets repeats what the offset says.
    let text = text.split(|byte| *byte == b'[').next()?;
    let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b':').collect();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range: Range<usize>| digits.get(range).and_then(digits_value);
    let (hours, minutes, seconds) = match digits.len() {
        1 | 2 => (digits_value(&digits)?, 0, 0),
        4 => (number(0..2)?, number(2..4)?, 0),
        6 => (number(0..2)?, number(2..4)?, number(4..6)?),
        _ => return None,
    };
    (hours <= 25 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    /// The digits here.
    fn digits(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn number(&mut self, longest: usize) -> Option<u32> {
        let digits = self.digits();
        if digits.is_empty() || digits.len() > longest {
            return None;
        }
        Some(digits.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')))
    }

    /// Year, month and day; the cursor stands behind them.
    fn date(&mut self, format: TimeFormat) -> Option<(i32, u32, u32)> {
        if self.is_year_last() {
            let (first, second) = self.numbers_of_year_last();
            let (_, _) = (self.digits(), self.take(b"/-. "));
            let (day, month) = match (self.month_name(), format) {
                (Some(month), _) => (first, month),
                (None, TimeFormat::DayFirst) => (first, second),
                (None, TimeFormat::MonthFirst) => (second, first),
                _ => return None,
            };
            self.digits();
            self.take(b"/-. ");
            let written = self.digits();
            let year = written.iter().fold(0, |value, byte| value * 10 + i32::from(byte - b'0'));
            let year = if written.len() == 2 { year + if year < 70 { 2000 } else { 1900 } } else { year };
            return Some((year, month, day));
        }
        let start = self.at;
        let run = self.digits().len();
        match run {
            8 | 14 => {
                let part = |from: usize, to: usize| digits_value(&self.text[start + from..start + to]);
                self.at = start + 8;
                Some((part(0, 4)? as i32, part(4, 6)? as u32, part(6, 8)? as u32))
            }
            4 => {
                let year = digits_value(&self.text[start..start + 4])? as i32;
                let separator = self.peek().filter(|byte| b"-/.".contains(byte))?;
                self.at += 1;
                let month = self.number(2)?;
                let day = self.take(&[separator]).then(|| self.number(2))??;
                Some((year, month, day))
            }
            _ => None,
        }
    }

    /// Whether here stands a date like `31/12/2024` or `31-Dec-2024`.
    fn is_year_last(mut self) -> bool {
        let first = self.digits().len();
        (1..=2).contains(&first)
            && self.take(b"/-. ")
            && (self.month_name().is_some() || (1..=2).contains(&self.digits().len()))
            && self.take(b"/-. ")
            && matches!(self.digits().len(), 2 | 4)
    }

    fn numbers_of_year_last(mut self) -> (u32, u32) {
        let first = self.number(2).unwrap_or_default();
        self.at += 1;
        (first, self.number(2).unwrap_or_default())
    }

    fn month_name(&mut self) -> Option<u32> {
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let name = self.rest().get(..3)?;
        let month = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month.as_bytes()))?;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        Some(month as u32 + 1)
    }

    fn skip_separator(&mut self) {
        if !self.take(b"Tt-,_") {
            while self.take(b" ") {}
        }
    }

    /// Nanoseconds of the day: `14:30`, `14:30:00.5`, `143000`, `1430`, `2:30 PM`.
    fn clock(&mut self) -> Option<i64> {
        let run = self.digits();
        let value = run.iter().fold(0i64, |value, byte| value.saturating_mul(10) + i64::from(byte - b'0'));
        let (mut hour, minute, second) = match run.len() {
            1 | 2 if self.take(b":") => {
                let minute = i64::from(self.number(2)?);
                let second = if self.take(b":") { i64::from(self.number(2)?) } else { 0 };
                (value, minute, second)
            }
            1 if value == 0 => (0, 0, 0),
            3 | 4 => (value / 100, value % 100, 0),
            5 | 6 => (value / 10_000, value / 100 % 100, value % 100),
            _ => return None,
        };
        let mut nanos = 0;
        if self.take(b".,") {
            let digits = self.digits();
            if digits.is_empty() || digits.len() > 9 {
                return None;
            }
            nanos = digits_value(digits)? * 10i64.pow(9 - digits.len() as u32);
        }
        let half = self.rest().trim_ascii_start();
        if half.len() >= 2
            && half[1].eq_ignore_ascii_case(&b'm')
            && matches!(half[0], b'A' | b'a' | b'P' | b'p')
        {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if half[0].eq_ignore_ascii_case(&b'p') { 12 } else { 0 };
            self.at = self.text.len() - half.len() + 2;
        }
        let whole_day = hour == 24 && minute == 0 && second == 0 && nanos == 0;
        if !(hour < 24 || whole_day) || minute > 59 || second > 59 {
            return None;
        }
        Some(((hour * 60 + minute) * 60 + second) * SECOND + nanos)
    }
}

/// A time zone, and the stretch around the last time in which its offset stays the same.
#[derive(Clone, Debug)]
struct Zone {
    rules: TimeZone,
    name: String,
    /// Local seconds that have `offset`, and no other.
    steady: Range<i64>,
    offset: i64,
}

impl Zone {
    fn new(rules: TimeZone, name: String) -> Self {
        Self { rules, name, steady: 0..0, offset: 0 }
    }

    fn at(&mut self, local: i64) -> Result<Moment, Fault> {
        let utc = |offset: i64| local.checked_sub(offset * SECOND).map(UnixNanos).ok_or_else(out_of_range);
        if self.steady.contains(&local.div_euclid(SECOND)) {
            return utc(self.offset).map(Moment::Instant);
        }
        let wall = Timestamp::from_nanosecond(i128::from(local)).map_err(|_| out_of_range())?;
        let wall = TimeZone::UTC.to_datetime(wall);
        let seconds = |offset: jiff::tz::Offset| i64::from(offset.seconds());
        match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                self.offset = seconds(offset);
                let instant = utc(self.offset)?;
                self.steady = self.steady_around(instant);
                Ok(Moment::Instant(instant))
            }
            AmbiguousOffset::Gap { .. } => Err(Fault::new(
                FaultKind::Gap,
                format!(
                    "the time {wall} does not exist in {}: the clocks change there and skip it",
                    self.name
                ),
            )),
            AmbiguousOffset::Fold { before, after } => {
                Ok(Moment::Twice { local, early: utc(seconds(before))?, late: utc(seconds(after))? })
            }
        }
    }

    fn steady_around(&self, instant: UnixNanos) -> Range<i64> {
        let Ok(at) = Timestamp::from_nanosecond(i128::from(instant.0)) else { return 0..0 };
        let offset_at = |timestamp: Timestamp| i64::from(self.rules.to_offset(timestamp).seconds());
        let before = |timestamp: Timestamp| {
            timestamp.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(timestamp)
        };
        // Transitions before the next second include one at this very instant.
        let after = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
        let start = self.rules.preceding(after).next().map_or(i64::MIN, |transition| {
            let moment = transition.timestamp();
            moment.as_second() + self.offset.max(offset_at(before(moment)))
        });
        let end = self.rules.following(at).next().map_or(i64::MAX, |transition| {
            transition.timestamp().as_second() + self.offset.min(i64::from(transition.offset().seconds()))
        });
        start..end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
