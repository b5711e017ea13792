//! A parameter and its values.

use serde::{Deserialize, Serialize};

use crate::BacktestError;

/// The most values of one parameter.
const MAX_VALUES: usize = 1_000_000;

/// A parameter and the values it takes, ascending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Its name.
    pub param: String,
    /// Its values; at least one, strictly ascending.
    pub values: Vec<f64>,
}

impl Axis {
    /// From `first` up to `last`, both included, by `step`.
    ///
    /// ```
    /// assert_eq!(backtest::Axis::range("fast", 0.1, 0.4, 0.1)?.values, [0.1, 0.2, 0.3, 0.4]);
    /// # Ok::<(), backtest::BacktestError>(())
    /// ```
    ///
    /// # Errors
    /// [`BacktestError::BadAxis`] if the step leads nowhere, or to more than a million values.
    pub fn range(param: &str, first: f64, last: f64, step: f64) -> Result<Self, BacktestError> {
        let fail = |why: &'static str| Err(BacktestError::BadAxis { name: param.to_owned(), why });
        if !(first.is_finite() && last.is_finite() && step.is_finite()) {
            return fail("its range must be made of finite numbers");
        }
        if step <= 0.0 || last < first {
            return fail("its range must rise by a positive step");
        }
        // A hair more than the quotient, since 0.3 / 0.1 lies below 3.
        let steps = ((last - first) / step + 1e-9).floor();
        if steps >= MAX_VALUES as f64 {
            return fail("it has more than a million values; take a larger step");
        }
        // Rounding to twelve digits gives the decimals that are meant: 0.1 + 2 × 0.1 is 0.3.
        let value = |at: usize| {
            let value = first + step * at as f64;
            let digits = 12 - libm::log10(value.abs().max(1e-300)).ceil() as i32;
            let unit = libm::pow(10.0, f64::from(digits));
            let rounded = (value * unit).round() / unit;
            if rounded.is_finite() { rounded } else { value }
        };
        Ok(Self { param: param.to_owned(), values: (0..=steps as usize).map(value).collect() })
    }

    pub(super) fn check(&self) -> Result<(), BacktestError> {
        let why = match self.values.as_slice() {
            [] => "it has no values",
            values if values.iter().any(|value| !value.is_finite()) => "its values must be finite numbers",
            values if values.windows(2).any(|pair| pair[0] >= pair[1]) => {
                "its values must rise, without repeats"
            }
            values if values.len() > MAX_VALUES => "it has more than a million values; take a larger step",
            _ => return Ok(()),
        };
        Err(BacktestError::BadAxis { name: self.param.clone(), why })
    }

    /// The place of a value.
    pub(super) fn place(&self, value: f64) -> Option<usize> {
        self.values.iter().position(|known| *known == value)
    }
}
