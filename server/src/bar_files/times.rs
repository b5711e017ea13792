//! Times as files write them, read from bytes: dates in any order, clocks with or without an offset, Unix times of any unit.
//!
//! A local time is turned into UTC by the rules of its zone. One that clocks skip is refused; one that comes twice is handed on with
//! both of its meanings, because only its neighbours can tell.

use std::ops::Range;

use bars::{DAY, Date, SECOND, UnixNanos};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::cursor::{Cursor, digits_value};
use super::fault::{Fault, FaultKind};
use super::zone::Zone;

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

pub(super) fn out_of_range() -> Fault {
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
