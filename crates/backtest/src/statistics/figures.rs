//! The numbers of the backtesting.py family, without names: what its sheet writes down and what sweeps compare.

use super::numbers::{geometric_mean, log_ratio, log_returns, mean, variance};
use crate::Trade;
use crate::spacing::PeriodReturns;

/// Returns and risk a year, as shares; not-a-number where undefined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Annual {
    pub(crate) mean_return: f64,
    pub(crate) volatility: f64,
    pub(crate) sharpe: f64,
    pub(crate) sortino: f64,
}

impl Annual {
    /// From the returns of periods of which there are `factor` a year.
    pub(crate) fn of(returns: &PeriodReturns, factor: f64) -> Self {
        let per_period = geometric_mean(returns.0.iter().copied()) + 1.0;
        let mean_return = libm::pow(per_period, factor) - 1.0;
        let spread = variance(returns.0.iter().copied()) + per_period * per_period;
        let volatility = (libm::pow(spread, factor) - libm::pow(per_period, 2.0 * factor)).sqrt();
        let losses = mean(returns.0.iter().map(|share| share.min(0.0) * share.min(0.0))).sqrt();
        Self {
            mean_return,
            volatility,
            sharpe: mean_return / volatility,
            sortino: mean_return / (losses * factor.sqrt()),
        }
    }
}

/// What the growth of `growth` over `nanos` is a year, as a share.
pub(crate) fn cagr(growth: f64, nanos: i128) -> f64 {
    let years = nanos as f64 / bars::DAY as f64 / 365.25;
    libm::pow(growth + 1.0, 1.0 / years) - 1.0
}

/// What trades made; not-a-number where undefined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trading {
    pub(crate) count: f64,
    /// Share of trades with a profit.
    pub(crate) wins: f64,
    /// Greatest, least, geometric mean and mean return of a trade, as shares.
    pub(crate) best: f64,
    pub(crate) worst: f64,
    pub(crate) typical: f64,
    pub(crate) expectancy: f64,
    /// Sum of positive over sum of negative returns.
    pub(crate) profit_factor: f64,
    pub(crate) sqn: f64,
    pub(crate) kelly: f64,
}

impl Trading {
    pub(crate) fn of<'t>(trades: impl Iterator<Item = &'t Trade> + Clone) -> Self {
        let returns = || trades.clone().map(|trade| trade.return_pct);
        let profits = || trades.clone().map(|trade| trade.pnl);
        let count = trades.clone().count() as f64;
        let wins = profits().filter(|&profit| profit > 0.0).count() as f64 / count;
        let gained: f64 = returns().filter(|&share| share > 0.0).sum();
        let lost: f64 = returns().filter(|&share| share < 0.0).sum();
        let win = mean(profits().filter(|&profit| profit > 0.0));
        let loss = -mean(profits().filter(|&profit| profit < 0.0));
        Self {
            count,
            wins,
            best: returns().fold(f64::NEG_INFINITY, f64::max),
            worst: returns().fold(f64::INFINITY, f64::min),
            typical: geometric_mean(returns()),
            expectancy: mean(returns()),
            profit_factor: gained / -lost,
            sqn: count.sqrt() * mean(profits()) / variance(profits()).sqrt(),
            kelly: wins - (1.0 - wins) / (win / loss),
        }
    }
}

/// The bars covered by trades, each counted once.
pub(crate) fn exposed_bars<'t>(trades: impl Iterator<Item = &'t Trade>) -> u64 {
    let mut spans: Vec<_> = trades.map(|trade| (trade.entry_bar, trade.exit_bar)).collect();
    spans.sort_unstable();
    let (mut covered, mut end) = (0, 0);
    for (entry, exit) in spans {
        let (entry, after) = (u64::from(entry).max(end), u64::from(exit) + 1);
        covered += after.saturating_sub(entry);
        end = end.max(after);
    }
    covered
}

/// How much `values` move with `market`: the covariance of their log returns over the variance of the market's, row by row.
pub(crate) fn beta(values: &[f64], market: &[f64]) -> f64 {
    let rows = values.len().min(market.len());
    let (values, market) = (&values[..rows], &market[..rows]);
    let whole = |values: &[f64]| match (values.first(), values.last()) {
        (Some(first), Some(last)) => log_ratio(*first, *last) / rows.saturating_sub(1) as f64,
        _ => f64::NAN,
    };
    // Log returns add up, so their means are known beforehand.
    let (mean_value, mean_market) = (whole(values), whole(market));
    let (mut covariance, mut variance) = ([0.0_f64; LANES], [0.0_f64; LANES]);
    let (mut own, mut of_market) = ([0.0; BLOCK], [0.0; BLOCK]);
    let mut row = 0;
    while row + 1 < rows {
        let returns = (rows - 1 - row).min(BLOCK);
        log_returns(&values[row..=row + returns], &mut own);
        log_returns(&market[row..=row + returns], &mut of_market);
        for (at, (own, market)) in own[..returns].iter().zip(&of_market[..returns]).enumerate() {
            let market = market - mean_market;
            covariance[at % LANES] += (own - mean_value) * market;
            variance[at % LANES] += market * market;
        }
        row += returns;
    }
    covariance.iter().sum::<f64>() / variance.iter().sum::<f64>()
}

/// Returns that are computed together.
const BLOCK: usize = 256;
/// Sums side by side, so that no addition waits for the one before.
const LANES: usize = 4;
