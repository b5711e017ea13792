//! What a run is worth: statistics by named families, since tools compute different numbers under the same names.

mod btpy;
mod curves;
mod family;
mod figures;
mod nautilus;
mod numbers;
mod quantstats;
mod sheet;
mod tradingview;

pub use curves::{Analysis, Bin, DrawdownSpell, Excursion, Month, analysis};
pub use family::{Family, Row, Table, table};
pub(crate) use figures::{Annual, Trading, cagr, exposed_bars};
pub(crate) use numbers::{
    deviation, kurtosis, mean, normal_quantile, normal_share, quantile, skewness, sorted,
};

use crate::market::Market;
use crate::{Statistic, Trade};

/// A finished run, as the statistics see it.
pub(crate) struct Finished<'a> {
    pub(crate) market: &'a Market<'a>,
    /// The first bar on which every indicator has a value.
    pub(crate) warm_up: usize,
    pub(crate) equity: &'a [f64],
    pub(crate) drawdown: &'a [f64],
    pub(crate) trades: &'a [Trade],
}

/// The statistics that every report has.
pub(crate) fn statistics(finished: &Finished<'_>) -> Vec<Statistic> {
    btpy::statistics(finished)
}

/// The distance of each value from the greatest one so far, as a share of that: from 0 down to -1.
pub(crate) fn drawdown(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::MIN_POSITIVE;
    let below_peak = |&value: &f64| {
        peak = peak.max(value);
        value / peak - 1.0
    };
    equity.iter().map(below_peak).collect()
}

/// The growth from `values[from]` to the last value, as a share.
pub(crate) fn growth(values: &[f64], from: usize) -> f64 {
    let first = values.get(from).copied().unwrap_or(f64::NAN);
    (last(values) - first) / first
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

/// Nanoseconds from the first to the last stamp.
pub(crate) fn lasted(times: &[i64]) -> i128 {
    match (times.first(), times.last()) {
        (Some(&first), Some(&last)) => i128::from(last) - i128::from(first),
        _ => 0,
    }
}
