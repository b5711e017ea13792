//! Bars, one by one and in columns.

use std::fmt;
use std::ops::Range;

use crate::{Decimal, TimeRange, UnixNanos};

/// One bar with exact values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bar {
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Traded volume.
    pub volume: Decimal,
    /// Close of the bar.
    pub ts_event: UnixNanos,
    /// When the bar became known; the order and the range of a series go by it.
    pub ts_init: UnixNanos,
}

/// What is wrong with a bar's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BarFault {
    /// The high is below another price.
    HighTooLow,
    /// The low is above another price.
    LowTooHigh,
    /// The volume is negative.
    NegativeVolume,
}

impl fmt::Display for BarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HighTooLow => "the high is below the open, the low or the close",
            Self::LowTooHigh => "the low is above the open or the close",
            Self::NegativeVolume => "the volume is negative",
        })
    }
}

impl Bar {
    /// Checks low ≤ open, close ≤ high and volume ≥ 0.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), BarFault> {
        if self.high < self.open.max(self.close).max(self.low) {
            Err(BarFault::HighTooLow)
        } else if self.low > self.open.min(self.close) {
            Err(BarFault::LowTooHigh)
        } else if self.volume < Decimal::ZERO {
            Err(BarFault::NegativeVolume)
        } else {
            Ok(())
        }
    }
}

/// Bars in columns of equal length, ascending in `ts_init`. `T` is [`Decimal`] where values are stored or compared, `f64`
/// where they are drawn or computed with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarColumns<T> {
    /// Close stamps in UTC nanoseconds.
    pub ts_event: Vec<i64>,
    /// Stamps by which the series is ordered, in UTC nanoseconds.
    pub ts_init: Vec<i64>,
    /// First prices.
    pub open: Vec<T>,
    /// Highest prices.
    pub high: Vec<T>,
    /// Lowest prices.
    pub low: Vec<T>,
    /// Last prices.
    pub close: Vec<T>,
    /// Volumes.
    pub volume: Vec<T>,
}

impl<T: Copy> BarColumns<T> {
    /// Columns with room for `rows` bars.
    pub fn with_capacity(rows: usize) -> Self {
        let column = || Vec::with_capacity(rows);
        let stamps = || Vec::with_capacity(rows);
        Self {
            ts_event: stamps(),
            ts_init: stamps(),
            open: column(),
            high: column(),
            low: column(),
            close: column(),
            volume: column(),
        }
    }

    /// How many bars.
    pub fn len(&self) -> usize {
        self.ts_init.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ts_init.is_empty()
    }

    /// Appends `other`'s bars `rows`.
    pub fn extend_from(&mut self, other: &Self, rows: Range<usize>) {
        self.ts_event.extend_from_slice(&other.ts_event[rows.clone()]);
        self.ts_init.extend_from_slice(&other.ts_init[rows.clone()]);
        for (column, from) in self.prices_mut().into_iter().zip(other.prices()) {
            column.extend_from_slice(&from[rows.clone()]);
        }
    }

    /// Keeps the first `rows` bars.
    pub fn truncate(&mut self, rows: usize) {
        self.ts_event.truncate(rows);
        self.ts_init.truncate(rows);
        self.prices_mut().into_iter().for_each(|column| column.truncate(rows));
    }

    /// The rows whose `ts_init` lies in `range`.
    pub fn rows_in(&self, range: TimeRange) -> Range<usize> {
        let at = |stamp: UnixNanos| self.ts_init.partition_point(|ts| *ts < stamp.0);
        at(range.start)..at(range.end)
    }

    /// Open, high, low, close and volume.
    pub fn prices(&self) -> [&Vec<T>; 5] {
        [&self.open, &self.high, &self.low, &self.close, &self.volume]
    }

    /// Open, high, low, close and volume, to be changed.
    pub fn prices_mut(&mut self) -> [&mut Vec<T>; 5] {
        [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume]
    }
}

impl BarColumns<Decimal> {
    /// Appends one bar.
    pub fn push(&mut self, bar: &Bar) {
        self.ts_event.push(bar.ts_event.0);
        self.ts_init.push(bar.ts_init.0);
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
    }

    /// The bar in row `row`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn bar(&self, row: usize) -> Bar {
        Bar {
            open: self.open[row],
            high: self.high[row],
            low: self.low[row],
            close: self.close[row],
            volume: self.volume[row],
            ts_event: UnixNanos(self.ts_event[row]),
            ts_init: UnixNanos(self.ts_init[row]),
        }
    }

    /// The same bars as `f64`, each value correctly rounded.
    pub fn to_f64(&self) -> BarColumns<f64> {
        let column = |values: &[Decimal]| values.iter().map(|value| value.to_f64()).collect();
        BarColumns {
            ts_event: self.ts_event.clone(),
            ts_init: self.ts_init.clone(),
            open: column(&self.open),
            high: column(&self.high),
            low: column(&self.low),
            close: column(&self.close),
            volume: column(&self.volume),
        }
    }
}

impl FromIterator<Bar> for BarColumns<Decimal> {
    fn from_iter<I: IntoIterator<Item = Bar>>(bars: I) -> Self {
        let mut columns = Self::default();
        bars.into_iter().for_each(|bar| columns.push(&bar));
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(open: &str, high: &str, low: &str, close: &str, volume: &str) -> Bar {
        let [open, high, low, close, volume] =
            [open, high, low, close, volume].map(|text| text.parse().unwrap());
        Bar { open, high, low, close, volume, ts_event: UnixNanos(0), ts_init: UnixNanos(0) }
    }

    #[test]
    fn checks_the_order_of_prices() {
        for (bar, expected) in [
            (bar("1", "2", "0.5", "1.5", "0"), Ok(())),
            (bar("-37.63", "0.01", "-40.32", "-0.01", "0"), Ok(())),
            (bar("1", "1.4", "0.5", "1.5", "0"), Err(BarFault::HighTooLow)),
            (bar("1", "2", "1.1", "1.5", "0"), Err(BarFault::LowTooHigh)),
            (bar("1", "2", "0.5", "1.5", "-1"), Err(BarFault::NegativeVolume)),
        ] {
            assert_eq!(bar.check(), expected, "{bar:?}");
        }
    }
}
