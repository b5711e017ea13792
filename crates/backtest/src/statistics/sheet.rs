//! Writing statistics down.

use crate::{Statistic, Value};

/// The statistics written so far.
pub(super) struct Sheet(pub(super) Vec<Statistic>);

impl Sheet {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(64))
    }

    pub(super) fn put(&mut self, name: &str, value: Value, formula: String) {
        self.0.push(Statistic { name: name.into(), value, formula });
    }

    /// Writes a number; one that is not finite becomes undefined, and `otherwise` says why that happens.
    pub(super) fn number(&mut self, name: &str, number: f64, formula: impl Into<String>, otherwise: &str) {
        // Adding 0 turns -0 into 0.
        let value = if number.is_finite() { Value::Number(number + 0.0) } else { Value::Undefined };
        self.value(name, value, formula.into(), otherwise);
    }

    pub(super) fn value(&mut self, name: &str, value: Value, formula: String, otherwise: &str) {
        let formula = match value {
            Value::Undefined => format!("{formula}; undefined here: {otherwise}"),
            _ => formula,
        };
        self.put(name, value, formula);
    }
}
