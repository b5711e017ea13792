//! Exact decimals of any scale, with arithmetic that says when it cannot be exact.

use std::cmp::Ordering;
use std::fmt;

use crate::Decimal;

/// An exact decimal: `units` × 10^-`scale`.
///
/// - Always in its shortest form (no trailing zeros behind the point), so equal values are equal structures.
/// - At most 38 digits and 64 decimals; arithmetic answers `None` beyond that instead of a wrong value.
///
/// ```
/// use bars::expr::Number;
/// let price = Number::new(18_564, 2);
/// assert_eq!(price.times(Number::new(1_000, 0)), Some(Number::new(185_640, 0)));
/// assert_eq!(Number::new(1, 0).over(Number::new(3, 0)).unwrap().to_string(), "0.3333333333333333");
/// assert_eq!(Number::new(i128::MAX, 0).plus(Number::new(1, 0)), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Number {
    units: i128,
    scale: u8,
}

/// 10^n, if it fits.
fn pow10(n: u8) -> Option<i128> {
    10i128.checked_pow(u32::from(n))
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };
    /// The most decimals a value may have.
    pub const MAX_SCALE: u8 = 64;
    /// Decimals of a quotient; the digit behind them is rounded half away from zero.
    pub const QUOTIENT_SCALE: u8 = 16;

    /// The value `units` × 10^-`scale`.
    ///
    /// ```
    /// use bars::expr::Number;
    /// assert_eq!(Number::new(1_500, 3), Number::new(15, 1));
    /// ```
    pub const fn new(mut units: i128, mut scale: u8) -> Self {
        // An odd number is no multiple of ten, and telling that is cheap.
        while scale > 0 && units & 1 == 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Self { units, scale }
    }

    /// The shortest form's integer.
    pub const fn units(self) -> i128 {
        self.units
    }

    /// The shortest form's decimals.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// The nearest `f64`.
    pub fn to_f64(self) -> f64 {
        if self.units.unsigned_abs() <= 1 << 53 && self.scale <= 22 {
            // Both operands are exact, so the division rounds once.
            return self.units as f64 / 10f64.powi(i32::from(self.scale));
        }
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The value as an integer, if it is one and fits.
    pub fn to_integer(self) -> Option<i64> {
        (self.scale == 0).then(|| i64::try_from(self.units).ok()).flatten()
    }

    /// The integer that stands for the value at another scale; `None` if it has more decimals or does not fit.
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        let more = scale.checked_sub(self.scale)?;
        if self.units == 0 { Some(0) } else { self.units.checked_mul(pow10(more)?) }
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Self::checked(self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?, scale)
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    /// The product.
    pub fn times(self, other: Self) -> Option<Self> {
        Self::checked(self.units.checked_mul(other.units)?, self.scale + other.scale)
    }

    /// The quotient, rounded half away from zero to [`Number::QUOTIENT_SCALE`] decimals. Dividing by zero has none.
    pub fn over(self, other: Self) -> Option<Self> {
        let (dividend, divisor) = (self.units.unsigned_abs(), other.units.unsigned_abs());
        if divisor == 0 {
            return None;
        }
        let shift = i16::from(Self::QUOTIENT_SCALE) + i16::from(other.scale) - i16::from(self.scale);
        let magnitude = match u8::try_from(shift) {
            Ok(more) => quotient(dividend, divisor, more)?,
            Err(_) => {
                let fewer = pow10(shift.unsigned_abs() as u8).map(i128::unsigned_abs);
                match fewer.and_then(|fewer| divisor.checked_mul(fewer)) {
                    Some(divisor) => rounded(dividend, divisor)?,
                    // The divisor is beyond twice any dividend.
                    None => 0,
                }
            }
        };
        let units = i128::try_from(magnitude).ok()?;
        let negative = (self.units < 0) != (other.units < 0);
        Self::checked(if negative { -units } else { units }, Self::QUOTIENT_SCALE)
    }

    /// What a division that is cut off to a whole quotient leaves; it has the sign of the dividend.
    pub fn remainder(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Self::checked(self.at_scale(scale)?.checked_rem(other.at_scale(scale)?)?, scale)
    }

    /// The value with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { units: self.units.wrapping_neg(), scale: self.scale }
    }

    /// The magnitude.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { units: self.units.wrapping_abs(), scale: self.scale }
    }

    /// The greatest whole number that is not above.
    #[must_use]
    pub fn floor(self) -> Self {
        let below = if self.units < 0 { -1 } else { 0 };
        Self { units: pow10(self.scale).map_or(below, |unit| self.units.div_euclid(unit)), scale: 0 }
    }

    /// The least whole number that is not below.
    #[must_use]
    pub fn ceil(self) -> Self {
        self.negated().floor().negated()
    }

    /// The value rounded half away from zero to `scale` decimals.
    #[must_use]
    pub fn round(self, scale: u8) -> Self {
        if scale >= self.scale {
            return self;
        }
        let Some(unit) = pow10(self.scale - scale) else { return Self::ZERO };
        let magnitude = rounded(self.units.unsigned_abs(), unit.unsigned_abs()).unwrap_or_default() as i128;
        Self::new(if self.units < 0 { -magnitude } else { magnitude }, scale)
    }

    /// A value in its shortest form, if it is within the limits.
    fn checked(units: i128, scale: u8) -> Option<Self> {
        let number = Self::new(units, scale);
        (number.units != i128::MIN && number.scale <= Self::MAX_SCALE).then_some(number)
    }

    /// Reads digits with an optional decimal point and exponent, as SQL writes numbers.
    pub(crate) fn of_literal(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = |digits: &str, start: i128| {
            digits.chars().try_fold(start, |units, digit| {
                units.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))
            })
        };
        let units = digits(fraction, digits(whole, 0)?)?;
        let scale = i16::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        match u8::try_from(scale) {
            Ok(scale) => Self::checked(units, scale),
            Err(_) if scale < 0 => Self::new(units, 0)
                .at_scale(u8::try_from(-scale).ok()?)
                .and_then(|units| Self::checked(units, 0)),
            Err(_) => None,
        }
    }
}

/// `dividend` × 10^`more` / `divisor`, rounded.
fn quotient(dividend: u128, divisor: u128, more: u8) -> Option<u128> {
    let at_once = 10u128.checked_pow(u32::from(more)).and_then(|power| dividend.checked_mul(power));
    if let Some(dividend) = at_once {
        return rounded(dividend, divisor);
    }
    let (mut whole, mut rest) = (dividend.checked_div(divisor)?, dividend % divisor);
    for _ in 0..more {
        let next = rest.checked_mul(10)?;
        whole = whole.checked_mul(10)?.checked_add(next / divisor)?;
        rest = next % divisor;
    }
    whole.checked_add(u128::from(rest >= divisor - rest))
}

fn rounded(dividend: u128, divisor: u128) -> Option<u128> {
    let (whole, rest) = (dividend.checked_div(divisor)?, dividend % divisor);
    whole.checked_add(u128::from(rest >= divisor - rest))
}

impl From<Decimal> for Number {
    fn from(value: Decimal) -> Self {
        Self::new(value.units(), Decimal::SCALE)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::new(i128::from(value), 0)
    }
}

impl Ord for Number {
    /// By value; never fails, whatever the scales.
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // The one that no longer fits has the greater magnitude.
            (None, _) => self.units.cmp(&0),
            (_, None) => 0.cmp(&other.units),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs().to_string();
        let scale = usize::from(self.scale);
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let number = Number::of_literal(digits).unwrap();
        if sign < 0 { number.negated() } else { number }
    }

    #[test]
    fn literals() {
        for (text, expected) in [
            ("0", Some((0, 0))),
            ("184.640", Some((18_464, 2))),
            (".5", Some((5, 1))),
            ("7.", Some((7, 0))),
            ("1e3", Some((1000, 0))),
            ("1.5E-3", Some((15, 4))),
            ("0.00000000000000000001", Some((1, 20))),
            ("99999999999999999999999999999999999999", Some((10i128.pow(38) - 1, 0))),
            ("999999999999999999999999999999999999999", None),
            ("1e39", None),
            ("1e-65", None),
            ("1e99999", None),
            ("abc", None),
        ] {
            assert_eq!(
                Number::of_literal(text),
                expected.map(|(units, scale)| Number { units, scale }),
                "{text}"
            );
        }
    }

    #[test]
    fn arithmetic() {
        for (found, expected) in [
            (number("0.1").plus(number("0.2")), "0.3"),
            (number("1").minus(number("1.01")), "-0.01"),
            (number("60000.01").times(number("0.00000001")), "0.0006000001"),
            (number("2").over(number("3")), "0.6666666666666667"),
            (number("-2").over(number("3")), "-0.6666666666666667"),
            (number("0.00000000000000005").over(number("1")), "0.0000000000000001"),
            (number("7.5").remainder(number("2")), "1.5"),
            (number("-7.5").remainder(number("2")), "-1.5"),
            (Some(number("-2.5").floor()), "-3"),
            (Some(number("-2.5").ceil()), "-2"),
            (Some(number("2.5").round(0)), "3"),
            (Some(number("-2.45").round(1)), "-2.5"),
            (Some(number("1e-60").round(2)), "0"),
            (Some(number("1e-60").negated().floor()), "-1"),
            (number("123456789012345678901234567890").over(number("7e9")), "17636684144620811271.60493827"),
            (number("1e-60").over(number("1e30")), "0"),
        ] {
            assert_eq!(found.map(|number| number.to_string()).as_deref(), Some(expected));
        }
        for none in [
            number("1").over(Number::ZERO),
            number("1e-60").over(Number::ZERO),
            number("99999999999999999999999999999999999").over(number("0.003")),
            number("1").remainder(Number::ZERO),
            number("1e30").times(number("1e30")),
            number("1e-40").times(number("1e-40")),
            Number::new(i128::MAX, 0).plus(number("1")),
        ] {
            assert_eq!(none, None);
        }
    }

    prop_compose! {
        fn any_number()(units in prop_oneof![-1000i128..1000, any::<i128>(), any::<i64>().prop_map(i128::from)], scale in 0u8..=40) -> Number {
            Number::new(units.max(-i128::MAX), scale)
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(number in any_number()) {
            let text = number.to_string();
            let read = Number::of_literal(text.trim_start_matches('-')).unwrap();
            prop_assert_eq!(if text.starts_with('-') { read.negated() } else { read }, number);
        }

        #[test]
        fn sums_invert_and_order_holds(a in any_number(), b in any_number()) {
            if let Some(sum) = a.plus(b) {
                prop_assert_eq!(sum.minus(b), Some(a));
                prop_assert_eq!(sum.cmp(&a), b.cmp(&Number::ZERO));
            }
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        }

        #[test]
        fn quotients_are_the_nearest(a in -1_000_000_000i128..1_000_000_000, b in 1i128..1_000_000, scales in (0u8..6, 0u8..6)) {
            let (a, b) = (Number::new(a, scales.0), Number::new(b, scales.1));
            let quotient = a.over(b).unwrap();
            let error = a.minus(quotient.times(b).unwrap()).unwrap().abs();
            // |a - q·b| is at most half a unit of the last decimal, times b.
            prop_assert!(error.times(2.into()).unwrap() <= b.times(Number::new(1, 16)).unwrap());
        }

        #[test]
        fn a_remainder_is_what_is_left(a in -1_000_000_000i128..1_000_000_000, b in 1i128..1_000_000, scales in (0u8..6, 0u8..6)) {
            let (a, b) = (Number::new(a, scales.0), Number::new(b, scales.1));
            let rest = a.remainder(b).unwrap();
            prop_assert!(rest.abs() < b && (rest == Number::ZERO || rest.units() < 0) == (a.units() <= 0 || rest == Number::ZERO));
            let whole = a.minus(rest).unwrap().over(b).unwrap();
            prop_assert_eq!(whole.scale(), 0);
        }
    }
}
