//! Exact prices and volumes.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use crate::ParseError;
use crate::error::serde_as_text;

/// An exact decimal: an integer count of 10⁻¹⁶, which is also how the catalog stores it (`DECIMAL(38,16)`).
///
/// - At most 16 decimals; magnitude below 10²² .
/// - How many decimals are *meaningful* is a property of the series, not of the value: [`Decimal::display`] takes it.
///
/// ```
/// use bars::Decimal;
/// let price: Decimal = "-37.63".parse()?;
/// assert_eq!(price.units(), -376_300_000_000_000_000);
/// assert_eq!(price.display(4).to_string(), "-37.6300");
/// assert_eq!(price.to_f64(), -37.63);
/// # Ok::<(), bars::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Decimal(i128);

serde_as_text!(Decimal);

const EXPECTED: &str = "a decimal number like 184.64";

/// 10^n for n up to 38.
const fn pow10(n: u32) -> i128 {
    10i128.pow(n)
}

impl Decimal {
    /// Decimals that are kept.
    pub const SCALE: u8 = 16;
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The greatest magnitude, in units of 10⁻¹⁶: 38 decimal digits.
    pub const MAX_UNITS: i128 = pow10(38) - 1;

    /// The value `units` × 10⁻¹⁶.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The value in units of 10⁻¹⁶.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The value `ticks` × 10^-`precision`; `precision` is at most 16.
    pub const fn from_ticks(ticks: i64, precision: u8) -> Self {
        Self(ticks as i128 * pow10((Self::SCALE - precision) as u32))
    }

    /// The value as a count of 10^-`precision`, or `None` if it has more decimals or does not fit.
    pub fn to_ticks(self, precision: u8) -> Option<i64> {
        let unit = pow10(u32::from(Self::SCALE - precision));
        (self.0 % unit == 0).then(|| i64::try_from(self.0 / unit).ok()).flatten()
    }

    /// The fewest decimals that show the value exactly.
    pub fn precision(self) -> u8 {
        let (mut precision, mut units) = (Self::SCALE, self.0);
        while precision > 0 && units % 10 == 0 {
            units /= 10;
            precision -= 1;
        }
        precision
    }

    /// The nearest `f64`, correctly rounded.
    pub fn to_f64(self) -> f64 {
        let precision = self.precision();
        let significand = self.0 / pow10(u32::from(Self::SCALE - precision));
        if significand.unsigned_abs() <= 1 << 53 {
            // Both operands are exact, so the division rounds once.
            significand as f64 / pow10(u32::from(precision)) as f64
        } else {
            self.to_string().parse().unwrap_or(f64::NAN)
        }
    }

    /// The value rounded half away from zero to `precision` decimals, which repairs float damage in old catalogs.
    #[must_use]
    pub fn round(self, precision: u8) -> Self {
        if precision >= Self::SCALE {
            return self;
        }
        let unit = pow10(u32::from(Self::SCALE - precision));
        let rest = self.0 % unit;
        let base = self.0 - rest;
        if rest.abs() * 2 >= unit { Self(base.saturating_add(unit * rest.signum())) } else { Self(base) }
    }

    /// Text with exactly `precision` decimals (more are cut off).
    pub fn display(self, precision: u8) -> impl fmt::Display {
        Fixed { value: self, precision: precision.min(Self::SCALE) }
    }
}

/// A decimal with its number of decimals, for printing.
struct Fixed {
    value: Decimal,
    precision: u8,
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = pow10(u32::from(Decimal::SCALE)).unsigned_abs();
        let magnitude = self.value.0.unsigned_abs();
        let kept = magnitude % scale / pow10(u32::from(Decimal::SCALE - self.precision)).unsigned_abs();
        let sign = if self.value.0 < 0 { "-" } else { "" };
        match self.precision {
            0 => write!(f, "{sign}{}", magnitude / scale),
            precision => {
                write!(f, "{sign}{}.{kept:0width$}", magnitude / scale, width = usize::from(precision))
            }
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(self.precision()).fmt(f)
    }
}

impl FromStr for Decimal {
    type Err = ParseError;

    /// Reads digits with an optional sign, decimal point and exponent; nothing is rounded.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).map_err(|reason| ParseError::new(text, EXPECTED, reason))
    }
}

fn parse(text: &str) -> Result<Decimal, &'static str> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| "its exponent is not a number")?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (mut units, mut decimals, mut seen_point, mut seen_digit) = (0i128, 0i32, false, false);
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                units = units
                    .checked_mul(10)
                    .and_then(|units| units.checked_add(i128::from(byte - b'0')))
                    .ok_or("it is too long")?;
                decimals += i32::from(seen_point);
            }
            b'.' if !seen_point => seen_point = true,
            _ => return Err("it has a character that does not belong in a number"),
        }
    }
    if !seen_digit {
        return Err("it has no digits");
    }
    let shift = i32::from(Decimal::SCALE) - decimals + exponent.clamp(-1000, 1000);
    let units = match shift {
        0..=38 => units.checked_mul(pow10(shift.unsigned_abs())).ok_or("it is too large")?,
        _ if units == 0 => 0,
        -38..=-1 if units % pow10(shift.unsigned_abs()) == 0 => units / pow10(shift.unsigned_abs()),
        ..=-1 => return Err("it has more than 16 decimals"),
        _ => return Err("it is too large"),
    };
    if units > Decimal::MAX_UNITS {
        return Err("it is too large");
    }
    Ok(Decimal(if negative { -units } else { units }))
}

impl Add for Decimal {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Decimal {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_prints() {
        let cases = [
            ("184.64", 1_846_400_000_000_000_000, "184.64"),
            ("-0.010", -100_000_000_000_000, "-0.01"),
            ("0", 0, "0"),
            (".5", 5_000_000_000_000_000, "0.5"),
            ("7.", 70_000_000_000_000_000, "7"),
            ("1e-8", 100_000_000, "0.00000001"),
            ("1.5E3", 15_000_000_000_000_000_000, "1500"),
            ("1.0000000000000001", 10_000_000_000_000_001, "1.0000000000000001"),
            ("1.00000000000000000000", 10_000_000_000_000_000, "1"),
        ];
        for (text, units, printed) in cases {
            assert_eq!(text.parse(), Ok(Decimal(units)), "{text}");
            assert_eq!(Decimal(units).to_string(), printed);
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        for text in
            ["", "-", ".", "1,5", "1.2.3", "NaN", "inf", "0x10", "1e", "0.00000000000000001", "1e30", "١"]
        {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(units in -Decimal::MAX_UNITS..Decimal::MAX_UNITS) {
            prop_assert_eq!(Decimal(units).to_string().parse(), Ok(Decimal(units)));
        }

        #[test]
        fn to_f64_is_what_the_text_parses_to(ticks in any::<i64>(), precision in 0u8..=16) {
            let value = Decimal::from_ticks(ticks, precision);
            prop_assert_eq!(value.to_f64(), value.to_string().parse::<f64>().unwrap());
            prop_assert_eq!(value.to_ticks(precision), Some(ticks));
        }

        #[test]
        fn rounding_removes_a_small_error(ticks in -1_000_000_000i64..1_000_000_000, error in -9i128..=9) {
            let clean = Decimal::from_ticks(ticks, 2);
            prop_assert_eq!(Decimal(clean.0 + error).round(2), clean);
        }
    }
}
