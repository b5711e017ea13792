//! Dates and clocks, taken from a text piece by piece.

use bars::SECOND;

use super::times::TimeFormat;

/// A place in a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    /// The digits here.
    pub(super) fn digits(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    pub(super) fn number(&mut self, longest: usize) -> Option<u32> {
        let digits = self.digits();
        if digits.is_empty() || digits.len() > longest {
            return None;
        }
        Some(digits.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')))
    }

    /// Year, month and day; the cursor stands behind them.
    pub(super) fn date(&mut self, format: TimeFormat) -> Option<(i32, u32, u32)> {
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
    pub(super) fn is_year_last(mut self) -> bool {
        let first = self.digits().len();
        (1..=2).contains(&first)
            && self.take(b"/-. ")
            && (self.month_name().is_some() || (1..=2).contains(&self.digits().len()))
            && self.take(b"/-. ")
            && matches!(self.digits().len(), 2 | 4)
    }

    pub(super) fn numbers_of_year_last(mut self) -> (u32, u32) {
        let first = self.number(2).unwrap_or_default();
        self.at += 1;
        (first, self.number(2).unwrap_or_default())
    }

    pub(super) fn month_name(&mut self) -> Option<u32> {
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let name = self.rest().get(..3)?;
        let month = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month.as_bytes()))?;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        Some(month as u32 + 1)
    }

    pub(super) fn skip_separator(&mut self) {
        if !self.take(b"Tt-,_") {
            while self.take(b" ") {}
        }
    }

    /// Nanoseconds of the day: `14:30`, `14:30:00.5`, `143000`, `1430`, `2:30 PM`.
    pub(super) fn clock(&mut self) -> Option<i64> {
        let run = self.digits();
        // More digits than a number holds are no clock, and are refused below.
        let value = digits_value(run).unwrap_or_default();
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

pub(super) fn digits_value(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
