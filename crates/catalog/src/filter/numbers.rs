//! Columns of exact numbers.

use std::borrow::Cow;
use std::cmp::Ordering;

use bars::expr::{Arithmetic, Comparison, FaultKind, Number};

/// Numbers of equal scale as integers, or each with its own.
#[derive(Clone, Debug)]
pub(super) enum Numbers<'a> {
    /// Integers in units of 10^-scale.
    Narrow(Cow<'a, [i64]>, u8),
    /// The same, where 64 bits are too few.
    Wide(Cow<'a, [i128]>, u8),
    /// What does not fit one scale.
    Mixed(Vec<Number>),
    /// The same number in every row.
    Same(Number),
}

/// The row that has no value, and why.
pub(super) type Failed = (usize, FaultKind);

impl Numbers<'_> {
    /// The number of a row.
    pub fn get(&self, row: usize) -> Number {
        match self {
            Self::Narrow(values, scale) => Number::new(i128::from(values[row]), *scale),
            Self::Wide(values, scale) => Number::new(values[row], *scale),
            Self::Mixed(values) => values[row],
            Self::Same(number) => *number,
        }
    }

    /// The scale at which the integers stand, if they have one.
    fn scale(&self) -> Option<u8> {
        match self {
            Self::Narrow(_, scale) | Self::Wide(_, scale) => Some(*scale),
            Self::Mixed(_) => None,
            Self::Same(number) => Some(number.scale()),
        }
    }

    /// The integers at a scale that is not smaller than their own; `None` if one does not fit.
    fn at_scale(&self, scale: u8, rows: usize) -> Option<Vec<i128>> {
        let factor = 10i128.checked_pow(u32::from(scale.checked_sub(self.scale()?)?))?;
        match self {
            Self::Narrow(values, _) => {
                values.iter().map(|value| i128::from(*value).checked_mul(factor)).collect()
            }
            Self::Wide(values, _) => values.iter().map(|value| value.checked_mul(factor)).collect(),
            Self::Same(number) => Some(vec![number.at_scale(scale)?; rows]),
            Self::Mixed(_) => None,
        }
    }

    /// Each of `rows` numbers made another.
    pub fn map(&self, rows: usize, change: impl Fn(Number) -> Number) -> Numbers<'static> {
        Numbers::Mixed((0..rows).map(|row| change(self.get(row))).collect())
    }

    /// The numbers with the other sign.
    pub fn negated(&self, rows: usize) -> Numbers<'static> {
        match self.at_scale(self.scale().unwrap_or_default(), rows) {
            Some(values) => {
                let values: Vec<i128> = values.into_iter().map(i128::wrapping_neg).collect();
                Numbers::Wide(values.into(), self.scale().unwrap_or_default())
            }
            None => self.map(rows, Number::negated),
        }
    }

    /// Their magnitudes.
    pub fn abs(&self, rows: usize) -> Numbers<'static> {
        match self.at_scale(self.scale().unwrap_or_default(), rows) {
            Some(values) => {
                let values: Vec<i128> = values.into_iter().map(i128::wrapping_abs).collect();
                Numbers::Wide(values.into(), self.scale().unwrap_or_default())
            }
            None => self.map(rows, Number::abs),
        }
    }

    /// Of several columns, in every row, what `choose` makes of the numbers.
    pub fn combined(columns: &[Self], rows: usize, choose: impl Fn(&[Number]) -> Number) -> Numbers<'static> {
        let row = |row: usize| choose(&columns.iter().map(|column| column.get(row)).collect::<Vec<_>>());
        Numbers::Mixed((0..rows).map(row).collect())
    }
}

/// Computes row by row as [`Arithmetic::apply`] does, with plain integers where they suffice.
pub(super) fn arithmetic(
    operator: Arithmetic,
    left: &Numbers,
    right: &Numbers,
    rows: usize,
) -> Result<Numbers<'static>, Failed> {
    if let Some(result) = with_integers(operator, left, right, rows) {
        return Ok(result);
    }
    // An integer overflowed or a divisor is zero: the shortest forms decide whether there is a result.
    let row = |row: usize| operator.apply(left.get(row), right.get(row)).map_err(|kind| (row, kind));
    (0..rows).map(row).collect::<Result<_, _>>().map(Numbers::Mixed)
}

fn with_integers(
    operator: Arithmetic,
    left: &Numbers,
    right: &Numbers,
    rows: usize,
) -> Option<Numbers<'static>> {
    let (left_scale, right_scale) = (left.scale()?, right.scale()?);
    let scale = left_scale.max(right_scale);
    let alike = |compute| zip(left.at_scale(scale, rows)?, right.at_scale(scale, rows)?, scale, compute);
    match operator {
        Arithmetic::Add => alike(i128::checked_add),
        Arithmetic::Subtract => alike(i128::checked_sub),
        Arithmetic::Remainder => alike(i128::checked_rem),
        Arithmetic::Multiply => {
            let scale = left_scale.checked_add(right_scale).filter(|scale| *scale <= Number::MAX_SCALE)?;
            zip(
                left.at_scale(left_scale, rows)?,
                right.at_scale(right_scale, rows)?,
                scale,
                i128::checked_mul,
            )
        }
        Arithmetic::Divide => {
            // Both at one scale, the quotient of the integers is that of the values.
            let shifted = scale.checked_add(Number::QUOTIENT_SCALE)?;
            let (dividends, divisors) = (left.at_scale(shifted, rows)?, right.at_scale(scale, rows)?);
            zip(dividends, divisors, Number::QUOTIENT_SCALE, rounded_quotient)
        }
    }
}

/// Computes pair by pair. Not inlined, since it would be so five times.
#[inline(never)]
fn zip(
    left: Vec<i128>,
    right: Vec<i128>,
    scale: u8,
    compute: fn(i128, i128) -> Option<i128>,
) -> Option<Numbers<'static>> {
    let pairs = left.into_iter().zip(right);
    // The least integer has no counterpart, so no value may become it.
    let values = pairs.map(|(left, right)| compute(left, right).filter(|value| *value != i128::MIN));
    values.collect::<Option<Vec<i128>>>().map(|values| Numbers::Wide(values.into(), scale))
}

/// The quotient of two integers, rounded half away from zero.
fn rounded_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let (whole, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?.unsigned_abs());
    let up = rest >= divisor.unsigned_abs() - rest;
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    whole.checked_add(if up { away } else { 0 })
}

/// Compares row by row as numbers compare.
pub(super) fn compare(operator: Comparison, left: &Numbers, right: &Numbers, rows: usize) -> Vec<bool> {
    match (left, right) {
        (Numbers::Same(left), Numbers::Same(right)) => vec![operator.holds(left.cmp(right)); rows],
        (Numbers::Same(constant), column) => against(operator.mirrored(), column, *constant, rows),
        (column, Numbers::Same(constant)) => against(operator, column, *constant, rows),
        (Numbers::Narrow(left, scale), Numbers::Narrow(right, other)) if scale == other => {
            pairs(operator, left, right)
        }
        (Numbers::Wide(left, scale), Numbers::Wide(right, other)) if scale == other => {
            pairs(operator, left, right)
        }
        _ => {
            let scale = left.scale().max(right.scale()).unwrap_or_default();
            match (left.at_scale(scale, rows), right.at_scale(scale, rows)) {
                (Some(left), Some(right)) => pairs(operator, &left, &right),
                _ => (0..rows).map(|row| operator.holds(left.get(row).cmp(&right.get(row)))).collect(),
            }
        }
    }
}

/// Compares pair by pair: three loops that the compiler can make wide, and their opposites.
pub(super) fn pairs<T: Ord>(operator: Comparison, left: &[T], right: &[T]) -> Vec<bool> {
    let both = left.iter().zip(right);
    match operator {
        Comparison::Equal | Comparison::NotEqual => {
            let is_equal = operator == Comparison::Equal;
            both.map(|(left, right)| (left == right) == is_equal).collect()
        }
        Comparison::Less | Comparison::GreaterOrEqual => {
            let is_less = operator == Comparison::Less;
            both.map(|(left, right)| (left < right) == is_less).collect()
        }
        Comparison::Greater | Comparison::LessOrEqual => {
            let is_greater = operator == Comparison::Greater;
            both.map(|(left, right)| (left > right) == is_greater).collect()
        }
    }
}

fn against(operator: Comparison, column: &Numbers, constant: Number, rows: usize) -> Vec<bool> {
    match column {
        Numbers::Narrow(values, scale) => match threshold(operator, constant, *scale) {
            Threshold::Integer(operator, limit) => match i64::try_from(limit) {
                Ok(limit) => with(operator, values, &limit),
                // Beyond every value.
                Err(_) => vec![operator.holds(0.cmp(&limit)); rows],
            },
            Threshold::Always(holds) => vec![holds; rows],
        },
        Numbers::Wide(values, scale) => match threshold(operator, constant, *scale) {
            Threshold::Integer(operator, limit) => with(operator, values, &limit),
            Threshold::Always(holds) => vec![holds; rows],
        },
        _ => (0..rows).map(|row| operator.holds(column.get(row).cmp(&constant))).collect(),
    }
}

/// Compares with one value, as [`pairs`] does.
fn with<T: Ord>(operator: Comparison, values: &[T], limit: &T) -> Vec<bool> {
    match operator {
        Comparison::Equal | Comparison::NotEqual => {
            let is_equal = operator == Comparison::Equal;
            values.iter().map(|value| (value == limit) == is_equal).collect()
        }
        Comparison::Less | Comparison::GreaterOrEqual => {
            let is_less = operator == Comparison::Less;
            values.iter().map(|value| (value < limit) == is_less).collect()
        }
        Comparison::Greater | Comparison::LessOrEqual => {
            let is_greater = operator == Comparison::Greater;
            values.iter().map(|value| (value > limit) == is_greater).collect()
        }
    }
}

enum Threshold {
    /// Compare the integers with this one.
    Integer(Comparison, i128),
    /// No integer need be looked at.
    Always(bool),
}

/// A comparison with a constant, as one with an integer at the column's scale.
fn threshold(operator: Comparison, constant: Number, scale: u8) -> Threshold {
    if let Some(limit) = constant.at_scale(scale) {
        return Threshold::Integer(operator, limit);
    }
    if constant.scale() <= scale {
        // The constant is beyond every value.
        let order = if constant.units() > 0 { Ordering::Less } else { Ordering::Greater };
        return Threshold::Always(operator.holds(order));
    }
    // The constant lies between two values: above its floor is above it.
    let shift = constant.scale() - scale;
    let floor = match 10i128.checked_pow(u32::from(shift)) {
        Some(unit) => constant.units().div_euclid(unit),
        None => i128::from(constant.units() >= 0) - 1,
    };
    match operator {
        Comparison::Equal => Threshold::Always(false),
        Comparison::NotEqual => Threshold::Always(true),
        Comparison::Less | Comparison::LessOrEqual => Threshold::Integer(Comparison::LessOrEqual, floor),
        Comparison::Greater | Comparison::GreaterOrEqual => Threshold::Integer(Comparison::Greater, floor),
    }
}
