//! Numbers as files write them: decimal point or comma, thousands separators, integers of a fixed unit. Nothing is rounded.

use bars::Decimal;

/// How a file writes numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NumberFormat {
    /// Stands before the decimals: `.` or `,`.
    pub decimal_mark: u8,
    /// Stands between groups of three digits: `,`, `.`, `'`, `_` or a space.
    pub thousands: Option<u8>,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal_mark: b'.', thousands: None }
    }
}

/// A number and its decimals without trailing zeros.
pub type Number = (Decimal, u8);

/// Digits that a `u64` holds in any case.
const FAST_DIGITS: usize = 18;

impl NumberFormat {
    /// Reads a number and divides it by 10^`shift`, exactly.
    ///
    /// # Errors
    /// What is wrong with it, as a clause that follows its name.
    pub fn read(&self, text: &[u8], shift: u8) -> Result<Number, String> {
        match self.read_plain(text, shift) {
            Some(number) => Ok(number),
            None => self.read_any(text, shift),
        }
    }

    /// Digits with at most a sign and a decimal mark, as nearly all numbers are.
    fn read_plain(&self, text: &[u8], shift: u8) -> Option<Number> {
        let (negative, digits) = match text.first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.len() > FAST_DIGITS + 1 {
            return None;
        }
        let (mut value, mut decimals, mut seen_mark, mut count) = (0u64, shift, false, 0);
        for byte in digits {
            match byte {
                b'0'..=b'9' if count < FAST_DIGITS => {
                    value = value * 10 + u64::from(byte - b'0');
                    decimals += u8::from(seen_mark);
                    count += 1;
                }
                byte if *byte == self.decimal_mark && !seen_mark => seen_mark = true,
                _ => return None,
            }
        }
        if count == 0 {
            return None;
        }
        while decimals > 0 && value.is_multiple_of(10) {
            value /= 10;
            decimals -= 1;
        }
        if decimals > Decimal::SCALE {
            return None;
        }
        let value = i64::try_from(value).ok()?;
        Some((Decimal::from_ticks(if negative { -value } else { value }, decimals), decimals))
    }

    fn read_any(&self, text: &[u8], shift: u8) -> Result<Number, String> {
        let shown = String::from_utf8_lossy(text).into_owned();
        let plain = self.without_separators(&shown).ok_or_else(|| self.not_a_number(&shown))?;
        // The exponent is the exact way to divide.
        let scaled = match (shift, plain.find(['e', 'E'])) {
            (0, _) => plain,
            (_, None) => format!("{plain}e-{shift}"),
            (_, Some(_)) => return Err(format!("`{shown}` has an exponent, though it is to be an integer")),
        };
        let value: Decimal = scaled.parse().map_err(|error: bars::ParseError| {
            if self.thousands.is_some() || self.looks_grouped(&shown) {
                self.not_a_number(&shown)
            } else {
                error.to_string()
            }
        })?;
        Ok((value, value.precision()))
    }

    /// The number with a decimal point and no separators; `None` if separators stand where none belong.
    fn without_separators(&self, text: &str) -> Option<String> {
        let mark = char::from(self.decimal_mark);
        let (whole, decimals) =
            text.split_once(mark).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let whole = match self.thousands.map(char::from) {
            None => whole.to_owned(),
            Some(separator) => {
                let spaced = if separator == ' ' {
                    whole.replace(['\u{a0}', '\u{202f}'], " ")
                } else {
                    whole.to_owned()
                };
                let mut groups = spaced.split(separator);
                let first = groups.next()?.to_owned();
                let leading = first.trim_start_matches(['-', '+']).len();
                let rest: Vec<&str> = groups.collect();
                let grouped = rest.is_empty()
                    || (1..=3).contains(&leading) && rest.iter().all(|group| group.len() == 3);
                if !grouped {
                    return None;
                }
                first + &rest.concat()
            }
        };
        match decimals {
            None => Some(whole),
            Some(decimals) if self.decimal_mark != b'.' && decimals.contains('.') => None,
            Some(decimals) => Some(format!("{whole}.{decimals}")),
        }
    }

    fn looks_grouped(&self, text: &str) -> bool {
        text.bytes().any(|byte| matches!(byte, b',' | b'\'' | b' '))
            && text.bytes().any(|byte| byte.is_ascii_digit())
    }

    fn not_a_number(&self, text: &str) -> String {
        let mark = if self.decimal_mark == b',' { "a decimal comma" } else { "a decimal point" };
        let separator = match self.thousands {
            None => "no thousands separators".to_owned(),
            Some(b' ') => "spaces between thousands".to_owned(),
            Some(byte) => format!("`{}` between thousands", char::from(byte)),
        };
        format!(
            "`{text}` is not a decimal number with {mark} and {separator}; see `--decimal-mark` and `--thousands`"
        )
    }
}

/// What prices of a sample look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guess {
    /// They are written so.
    Sure(NumberFormat),
    /// `1,234` may be a thousand or a little more than one.
    Ambiguous,
}

/// How the numbers of a sample are written.
pub fn guess_format<'a>(samples: impl Iterator<Item = &'a str>) -> Guess {
    let (mut mark, mut thousands, mut unclear_comma) = (None, None, false);
    for text in samples {
        let points = text.matches('.').count();
        let commas = text.matches(',').count();
        match (points, commas) {
            (0, 0) => {}
            (1, 0) => mark = mark.or(Some(b'.')),
            (_, 0) => thousands = Some(b'.'),
            (0, 1) if is_group(text, ',') => unclear_comma = true,
            (0, 1) => mark = Some(b','),
            (0, _) => thousands = Some(b','),
            _ if text.rfind('.') > text.rfind(',') => (mark, thousands) = (Some(b'.'), Some(b',')),
            _ => (mark, thousands) = (Some(b','), Some(b'.')),
        }
        for (characters, separator) in
            [(&['\''][..], b'\''), (&['_'][..], b'_'), (&[' ', '\u{a0}', '\u{202f}'][..], b' ')]
        {
            if separates_thousands(text.trim(), characters) {
                thousands = Some(separator);
            }
        }
    }
    let decimal_mark = match (mark, thousands) {
        (Some(mark), _) => mark,
        (None, Some(b'.')) => b',',
        (None, _) => b'.',
    };
    if unclear_comma && decimal_mark != b',' {
        if thousands == Some(b'\'') || thousands == Some(b' ') || mark.is_none() && thousands.is_none() {
            return Guess::Ambiguous;
        }
        thousands = Some(b',');
    }
    // A point that separates thousands once was not seen as such: `1.234` beside `12,5`.
    if decimal_mark == b',' && thousands.is_none() && mark == Some(b',') {
        thousands = Some(b'.');
    }
    Guess::Sure(NumberFormat { decimal_mark, thousands })
}

/// Whether these characters stand before groups of three digits.
fn separates_thousands(text: &str, characters: &[char]) -> bool {
    let mut groups = text.split(characters);
    let starts_with_digit =
        groups.next().is_some_and(|first| first.ends_with(|last: char| last.is_ascii_digit()));
    let is_group = |group: &str| {
        let digits = group.bytes().take_while(u8::is_ascii_digit).count();
        digits == 3 && group[3..].bytes().next().is_none_or(|next| matches!(next, b'.' | b','))
    };
    let mut rest = groups.peekable();
    starts_with_digit && rest.peek().is_some() && rest.all(is_group)
}

/// Whether the digits around the only separator are as of a group of thousands.
fn is_group(text: &str, separator: char) -> bool {
    text.split_once(separator).is_some_and(|(whole, rest)| {
        let whole = whole.trim_start_matches(['-', '+']);
        rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENGLISH: NumberFormat = NumberFormat { decimal_mark: b'.', thousands: Some(b',') };
    const GERMAN: NumberFormat = NumberFormat { decimal_mark: b',', thousands: Some(b'.') };
    const FRENCH: NumberFormat = NumberFormat { decimal_mark: b',', thousands: Some(b' ') };
    const SWISS: NumberFormat = NumberFormat { decimal_mark: b'.', thousands: Some(b'\'') };

    #[test]
    fn reads_what_files_write() {
        let plain = NumberFormat::default();
        for (text, format, shift, value, decimals) in [
            ("184.640", plain, 0, "184.64", 2),
            ("-37.63", plain, 0, "-37.63", 2),
            ("+5", plain, 0, "5", 0),
            (".5", plain, 0, "0.5", 1),
            ("7.", plain, 0, "7", 0),
            ("1e-8", plain, 0, "0.00000001", 8),
            ("123456789012345678901.5", plain, 0, "123456789012345678901.5", 1),
            ("1,234,567.5", ENGLISH, 0, "1234567.5", 1),
            ("1.234.567,5", GERMAN, 0, "1234567.5", 1),
            ("12,5", GERMAN, 0, "12.5", 1),
            ("1 234,50", FRENCH, 0, "1234.5", 1),
            ("1\u{202f}234,50", FRENCH, 0, "1234.5", 1),
            ("-1'234.50", SWISS, 0, "-1234.5", 1),
            ("4810500", plain, 4, "481.05", 2),
            ("185000000000", plain, 9, "185", 0),
            ("99999999999999999999", plain, 9, "99999999999.999999999", 9),
        ] {
            let expected: Decimal = value.parse().unwrap();
            assert_eq!(format.read(text.as_bytes(), shift), Ok((expected, decimals)), "{text}");
        }
        for (text, format, reason) in [
            ("abc", plain, "`abc` is not a decimal number"),
            ("1,234.5", plain, "--thousands"),
            ("1,23.5", ENGLISH, "is not a decimal number"),
            ("1,2345", ENGLISH, "is not a decimal number"),
            ("1.5", GERMAN, "is not a decimal number"),
            ("", plain, "no digits"),
            ("-", plain, "no digits"),
            ("NaN", plain, "is not a decimal number"),
            ("0.00000000000000001", plain, "more than 16 decimals"),
        ] {
            let error = format.read(text.as_bytes(), 0).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn formats_are_told_apart() {
        let sure = |decimal_mark, thousands| Guess::Sure(NumberFormat { decimal_mark, thousands });
        for (sample, expected) in [
            (&["1", "22"][..], sure(b'.', None)),
            (&["1.5", "1.234"], sure(b'.', None)),
            (&["1,234.5"], sure(b'.', Some(b','))),
            (&["1,234", "999.5"], sure(b'.', Some(b','))),
            (&["1.234,5"], sure(b',', Some(b'.'))),
            (&["12,5", "1,234"], sure(b',', Some(b'.'))),
            (&["1,0953"], sure(b',', Some(b'.'))),
            (&["1 234,5"], sure(b',', Some(b' '))),
            (&["1'234.5"], sure(b'.', Some(b'\''))),
            (&["1,234,567"], sure(b'.', Some(b','))),
            (&["1,234", "1,235"], Guess::Ambiguous),
        ] {
            assert_eq!(guess_format(sample.iter().copied()), expected, "{sample:?}");
        }
    }

    proptest! {
        #[test]
        fn any_decimal_is_read_in_any_format(ticks in -1_000_000_000_000i64..1_000_000_000_000, precision in 0u8..=12) {
            let value = Decimal::from_ticks(ticks, precision);
            let text = value.to_string();
            prop_assert_eq!(NumberFormat::default().read(text.as_bytes(), 0), Ok((value, value.precision())));
            let comma = text.replace('.', ",");
            prop_assert_eq!(GERMAN.read(comma.as_bytes(), 0), Ok((value, value.precision())));
        }

        #[test]
        fn nothing_panics(text in ".{0,40}", shift in 0u8..10) {
            for format in [NumberFormat::default(), ENGLISH, GERMAN, FRENCH, SWISS] {
                let _ = format.read(text.as_bytes(), shift);
            }
            let _ = guess_format([text.as_str()].into_iter());
        }
    }
}
