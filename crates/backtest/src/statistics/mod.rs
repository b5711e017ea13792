//! What a run is worth: statistics by named families, since tools compute different numbers under the same names.

mod btpy;
mod curves;
mod family;
mod figures;
mod nautilus;
pub(crate) mod numbers;
mod quantstats;
mod sheet;
mod tradingview;

use crate::market::Market;
use crate::spacing::Spacing;
use crate::{Prices, Report, Statistic, Trade};
pub(crate) use curves::sharpe;
pub use curves::{Analysis, Bin, DrawdownSpell, Excursion, Month, analysis};
pub use family::{Family, Row, Table, table};
pub(crate) use figures::{Annual, Trading, cagr, exposed_bars};

/// A finished run, as the statistics see it: its bars without those that only warm up.
pub(crate) struct Finished<'a> {
    pub(crate) prices: Prices<'a>,
    pub(crate) spacing: &'a Spacing,
    /// The last bar of each period.
    pub(crate) period_ends: Vec<usize>,
    /// The first bar on which every indicator has a value.
    pub(crate) warm_up: usize,
    pub(crate) equity: &'a [f64],
    pub(crate) drawdown: &'a [f64],
    pub(crate) trades: &'a [Trade],
    /// Money before the first bar.
    pub(crate) cash: f64,
}

impl<'a> Finished<'a> {
    pub(crate) fn of(market: &'a Market<'a>, report: &'a Report) -> Self {
        let from = market.history;
        Self {
            prices: market.prices.rows(from..market.prices.len()),
            spacing: &market.spacing,
            period_ends: market.counted_ends().iter().map(|end| end - from).collect(),
            warm_up: (report.warm_up as usize).saturating_sub(from),
            equity: &report.equity[from..],
            drawdown: &report.drawdown[from..],
            trades: &report.trades,
            cash: report.cash,
        }
    }

    /// The growth of the account as a share.
    fn growth(&self) -> f64 {
        (last(self.equity) - self.cash) / self.cash
    }
}

/// The statistics that every report has.
pub(crate) fn statistics(finished: &Finished<'_>) -> Vec<Statistic> {
    btpy::statistics(finished)
}

/// The distance of each value from the greatest one so far, as a share of that: from 0 down to -1.
pub(crate) fn drawdown(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::MIN_POSITIVE;
    let below_peak = |&value: &f64| {
        peak = if value > peak { value } else { peak };
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
