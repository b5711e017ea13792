//! Bars that own their columns: parts of others, or made of others.

use std::ops::Range;

use crate::Prices;

/// Bars in columns of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnedPrices {
    /// Open times in nanoseconds since 1970 UTC.
    pub times: Vec<i64>,
    /// First prices.
    pub open: Vec<f64>,
    /// Highest prices.
    pub high: Vec<f64>,
    /// Lowest prices.
    pub low: Vec<f64>,
    /// Last prices.
    pub close: Vec<f64>,
    /// Traded volume; empty if it is not known.
    pub volume: Vec<f64>,
}

impl OwnedPrices {
    /// The rows of some ranges, one after another.
    ///
    /// # Panics
    /// If a range reaches past the end.
    pub fn of_rows(prices: Prices<'_>, rows: &[Range<usize>]) -> Self {
        let mut own = Self::default();
        for range in rows {
            let part = prices.rows(range.clone());
            own.times.extend_from_slice(part.times);
            own.open.extend_from_slice(part.open);
            own.high.extend_from_slice(part.high);
            own.low.extend_from_slice(part.low);
            own.close.extend_from_slice(part.close);
            own.volume.extend_from_slice(part.volume);
        }
        own
    }

    /// The columns.
    pub fn prices(&self) -> Prices<'_> {
        Prices {
            times: &self.times,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            volume: &self.volume,
        }
    }
}
