//! The bars of a run, in columns.

use bars::UnixNanos;

use crate::BacktestError;
use crate::lanes::all_finite_from;

/// The bars of a run, in columns of equal length.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a> {
    /// Open times in nanoseconds since 1970 UTC, strictly ascending.
    pub times: &'a [i64],
    /// First prices; positive.
    pub open: &'a [f64],
    /// Highest prices; positive, not below the others.
    pub high: &'a [f64],
    /// Lowest prices; positive, not above the others.
    pub low: &'a [f64],
    /// Last prices; positive.
    pub close: &'a [f64],
    /// Traded volume, not negative; empty if it is not known.
    pub volume: &'a [f64],
}

impl<'a> Prices<'a> {
    /// The number of bars.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The bars of a range of rows.
    ///
    /// # Panics
    /// If the range reaches past the end.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Prices<'a> {
        Prices {
            times: &self.times[rows.clone()],
            open: &self.open[rows.clone()],
            high: &self.high[rows.clone()],
            low: &self.low[rows.clone()],
            close: &self.close[rows.clone()],
            volume: if self.volume.is_empty() { self.volume } else { &self.volume[rows] },
        }
    }

    pub(crate) fn time(&self, bar: usize) -> UnixNanos {
        UnixNanos(self.times.get(bar).copied().unwrap_or_default())
    }

    /// Refuses columns that are no bars.
    pub(crate) fn check(&self) -> Result<(), BacktestError> {
        let bars = self.len();
        if u32::try_from(bars).is_err() {
            return Err(BacktestError::TooManyBars { bars });
        }
        let prices = [("open", self.open), ("high", self.high), ("low", self.low), ("close", self.close)];
        let volume = ("volume", self.volume);
        for (name, column) in prices.into_iter().chain((!self.volume.is_empty()).then_some(volume)) {
            if column.len() != bars {
                return Err(BacktestError::UnequalColumns { name, found: column.len(), expected: bars });
            }
        }
        if let Some(bar) = self.times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(BacktestError::NotAscending { bar: bar + 1, time: self.time(bar + 1) });
        }
        for (column, values) in prices {
            if let Some(bar) = first_bad(values, f64::MIN_POSITIVE) {
                return Err(BacktestError::BadPrice {
                    column,
                    bar,
                    time: self.time(bar),
                    value: values[bar],
                });
            }
        }
        match first_bad(self.volume, 0.0) {
            Some(bar) => Err(BacktestError::BadVolume { bar, time: self.time(bar), value: self.volume[bar] }),
            None => Ok(()),
        }
    }
}

/// The first value that is not a number from `least` to the greatest.
fn first_bad(values: &[f64], least: f64) -> Option<usize> {
    let good = |value: f64| value >= least && value <= f64::MAX;
    // Whole blocks first: good prices are the rule, and this way they are checked several at a time.
    let block = values.chunks(BLOCK).position(|block| !all_finite_from(block, least))?;
    let start = block * BLOCK;
    values[start..].iter().position(|&value| !good(value)).map(|at| start + at)
}

const BLOCK: usize = 1024;
