//! The metrics of QuantStats 0.0.86 from daily returns, under its names.

use super::numbers::{
    correlation, deviation, kurtosis, mean, normal_density, normal_quantile, normal_share, quantile,
    skewness, sorted,
};
use super::sheet::Sheet;
use crate::Statistic;

/// Days a year.
const DAYS: f64 = 252.0;

/// Every metric of daily returns.
pub(super) fn statistics(returns: &[f64]) -> Vec<Statistic> {
    let days = Days::of(returns);
    let mut sheet = Sheet::new();
    growth(&mut sheet, &days);
    ratios(&mut sheet, &days);
    sums(&mut sheet, &days);
    shape(&mut sheet, &days);
    drawdowns(&mut sheet, &days);
    risk(&mut sheet, &days);
    wins(&mut sheet, &days);
    mixed(&mut sheet, &days);
    sheet.0
}

/// Daily returns and what several metrics need of them.
struct Days<'r> {
    returns: &'r [f64],
    sorted: Vec<f64>,
    count: f64,
    total: f64,
    mean: f64,
    deviation: f64,
    /// The root of the mean square of losing days.
    downside: f64,
    /// Distance from the running peak after each day, which begins at 1.
    drawdowns: Vec<f64>,
    deepest: f64,
    sum: f64,
    gained: f64,
    lost: f64,
    winners: f64,
    losers: f64,
    win_rate: f64,
    cagr: f64,
    exposure: f64,
}

impl<'r> Days<'r> {
    fn of(returns: &'r [f64]) -> Self {
        let count = returns.len() as f64;
        let total = returns.iter().fold(1.0, |value, share| value * (1.0 + share)) - 1.0;
        let (winners, losers) =
            (counted(returns, |share| share > 0.0), counted(returns, |share| share < 0.0));
        let (mut value, mut peak) = (1.0_f64, 1.0_f64);
        let below_peak = |share: &f64| {
            value *= 1.0 + share;
            peak = peak.max(value);
            value / peak - 1.0
        };
        let drawdowns: Vec<f64> = returns.iter().map(below_peak).collect();
        let squares: f64 = returns.iter().filter(|share| **share < 0.0).map(|share| share * share).sum();
        let traded = counted(returns, |share| share != 0.0);
        Self {
            returns,
            sorted: sorted(returns),
            count,
            total,
            mean: mean(returns.iter().copied()),
            deviation: deviation(returns),
            downside: (squares / count).sqrt(),
            deepest: drawdowns.iter().copied().fold(0.0, f64::min),
            drawdowns,
            sum: returns.iter().sum(),
            gained: returns.iter().filter(|share| **share > 0.0).sum(),
            lost: returns.iter().filter(|share| **share < 0.0).sum(),
            winners,
            losers,
            win_rate: winners / (winners + losers),
            cagr: libm::pow((1.0 + total).abs(), DAYS / count) - 1.0,
            exposure: (traded / count * 100.0).ceil() / 100.0,
        }
    }

    fn payoff(&self) -> f64 {
        (self.gained / self.winners) / (self.lost / self.losers).abs()
    }

    /// How much autocorrelation of the days takes from a ratio.
    fn penalty(&self) -> f64 {
        let pairs = self.returns.windows(2).map(|pair| (pair[0], pair[1]));
        let rho = correlation(pairs).abs();
        let mut power = 1.0;
        let weighed = |lag: usize| {
            power *= rho;
            (self.count - lag as f64) / self.count * power
        };
        (1.0 + 2.0 * (1..self.returns.len()).map(weighed).sum::<f64>()).sqrt()
    }

    fn ulcer(&self) -> f64 {
        (self.drawdowns.iter().map(|depth| depth * depth).sum::<f64>() / (self.count - 1.0)).sqrt()
    }

    /// The probability that a ratio a day is above 0, given the shape of the returns.
    fn probability(&self, ratio: f64) -> f64 {
        let (skew, kurtosis) = (skewness(self.returns), kurtosis(self.returns));
        let spread = 1.0 + 0.5 * ratio * ratio - skew * ratio + kurtosis / 4.0 * ratio * ratio;
        normal_share(ratio / (spread / (self.count - 1.0)).sqrt())
    }
}

fn counted(returns: &[f64], of: impl Fn(f64) -> bool) -> f64 {
    returns.iter().filter(|share| of(**share)).count() as f64
}

/// Mean of the values below which 5 % of a normal distribution with their mean and deviation lie.
fn expected_shortfall(mean: f64, deviation: f64) -> f64 {
    mean - deviation * normal_density(normal_quantile(0.05)) / 0.05
}

const FEW: &str = "too few days";
const FLAT: &str = "too few days, or no day that differs";
const UNBEATEN: &str = "no losing day";
const NO_SIDE: &str = "no winning or no losing day";

fn growth(sheet: &mut Sheet, days: &Days<'_>) {
    sheet.number("comp", days.total, "product of (1 + return of a day) - 1", FEW);
    let formula = "|1 + comp|^(252 / days) - 1: years of 252 trading days, not of the calendar";
    sheet.number("cagr", days.cagr, formula, FEW);
    let expected = libm::pow(1.0 + days.total, 1.0 / days.count) - 1.0;
    sheet.number("expected_return", expected, "(1 + comp)^(1 / days) - 1", FEW);
    sheet.number("rar", days.cagr / days.exposure, "cagr / exposure", "no day with a return");
}

fn ratios(sheet: &mut Sheet, days: &Days<'_>) {
    let year = DAYS.sqrt();
    let (sharpe, sortino) = (days.mean / days.deviation, days.mean / days.downside);
    let penalty = days.penalty();
    sheet.number("volatility", days.deviation * year, "deviation of the days (n - 1) x sqrt(252)", FLAT);
    sheet.number(
        "sharpe",
        sharpe * year,
        "mean / deviation of the days (n - 1) x sqrt(252), risk-free rate 0",
        FLAT,
    );
    sheet.number("smart_sharpe", sharpe * year / penalty, "sharpe / autocorr_penalty", FLAT);
    let formula = "mean / sqrt(sum of squared losing days / days) x sqrt(252), risk-free rate 0";
    sheet.number("sortino", sortino * year, formula, UNBEATEN);
    sheet.number("smart_sortino", sortino * year / penalty, "sortino / autocorr_penalty", UNBEATEN);
    let adjusted = sortino * year / std::f64::consts::SQRT_2;
    sheet.number("adjusted_sortino", adjusted, "sortino / sqrt(2), to compare it with sharpe", UNBEATEN);
    let formula = "Phi(SR / sqrt((1 + SR^2 / 2 - skew x SR + kurtosis / 4 x SR^2) / (days - 1))); SR a day, excess kurtosis";
    sheet.number("probabilistic_sharpe_ratio", days.probability(sharpe), formula, FLAT);
    let formula = "the same with the sortino ratio a day";
    sheet.number("probabilistic_sortino_ratio", days.probability(sortino), formula, UNBEATEN);
    let formula = "sqrt(1 + 2 x sum over k of (n - k) / n x rho^k); rho = |correlation of neighbouring days|";
    sheet.number("autocorr_penalty", penalty, formula, FLAT);
    for (name, shares, formula) in [
        ("sharpe_rf_2pct", false, "sharpe over a risk-free rate of 2 % a year"),
        ("sortino_rf_2pct", true, "sortino over a risk-free rate of 2 % a year"),
    ] {
        let free = libm::pow(1.02, 1.0 / DAYS) - 1.0;
        let excess: Vec<f64> = days.returns.iter().map(|share| share - free).collect();
        let excess = Excess::of(&excess);
        let ratio = if shares { excess.mean / excess.downside } else { excess.mean / excess.deviation };
        sheet.number(name, ratio * year, formula, FLAT);
    }
}

/// Returns above the risk-free rate.
struct Excess {
    mean: f64,
    deviation: f64,
    downside: f64,
}

impl Excess {
    fn of(returns: &[f64]) -> Self {
        let squares: f64 = returns.iter().map(|share| share.min(0.0) * share.min(0.0)).sum();
        Self {
            mean: mean(returns.iter().copied()),
            deviation: deviation(returns),
            downside: (squares / returns.len() as f64).sqrt(),
        }
    }
}

fn sums(sheet: &mut Sheet, days: &Days<'_>) {
    sheet.number("omega", days.gained / -days.lost, "sum of winning / |sum of losing days|", UNBEATEN);
    sheet.number("gain_to_pain_ratio", days.sum / -days.lost, "sum of all / |sum of losing days|", UNBEATEN);
    sheet.number(
        "profit_factor",
        days.gained / -days.lost,
        "sum of winning / |sum of losing days|",
        UNBEATEN,
    );
    let recovery = days.sum.abs() / days.deepest.abs();
    sheet.number("recovery_factor", recovery, "|sum of the days| / |max_drawdown|", "no drawdown");
    sheet.number(
        "risk_return_ratio",
        days.mean / days.deviation,
        "mean / deviation of the days, not a year",
        FLAT,
    );
}

fn shape(sheet: &mut Sheet, days: &Days<'_>) {
    let formula = "third moment / deviation^3, corrected for the size of the sample";
    sheet.number("skew", skewness(days.returns), formula, FLAT);
    let formula = "fourth moment / variance^2 - 3, corrected for the size of the sample";
    sheet.number("kurtosis", kurtosis(days.returns), formula, FLAT);
    let (low, high) = (quantile(&days.sorted, 0.05), quantile(&days.sorted, 0.95));
    sheet.number("tail_ratio", (high / low).abs(), "|95 % quantile / 5 % quantile|", "a 5 % quantile of 0");
    let not_lost = mean(days.returns.iter().copied().filter(|share| *share >= 0.0));
    let lost = mean(days.returns.iter().copied().filter(|share| *share < 0.0));
    let outlier = quantile(&days.sorted, 0.99) / not_lost;
    sheet.number("outlier_win_ratio", outlier, "99 % quantile / mean of the days not lost", NO_SIDE);
    let outlier = quantile(&days.sorted, 0.01) / lost;
    sheet.number("outlier_loss_ratio", outlier, "1 % quantile / mean losing day", NO_SIDE);
}

fn drawdowns(sheet: &mut Sheet, days: &Days<'_>) {
    let formula = "least value / running peak - 1, day by day, from 1 before the first day";
    sheet.number("max_drawdown", days.deepest, formula, FEW);
    sheet.number("calmar", days.cagr / days.deepest.abs(), "cagr / |max_drawdown|", "no drawdown");
    let ulcer = days.ulcer();
    sheet.number("ulcer_index", ulcer, "sqrt(sum of squared drawdowns / (days - 1))", FEW);
    sheet.number("ulcer_performance_index", days.total / ulcer, "comp / ulcer_index", "no drawdown");
    let (depth, spread) = (mean(days.drawdowns.iter().copied()), deviation(&days.drawdowns));
    let pitfall = -expected_shortfall(depth, spread) / days.deviation;
    let formula =
        "sum of the days / (ulcer_index x -expected shortfall of the drawdowns / deviation of the days)";
    sheet.number("serenity_index", days.sum / (ulcer * pitfall), formula, "no drawdown");
}

fn risk(sheet: &mut Sheet, days: &Days<'_>) {
    let value = days.mean + days.deviation * normal_quantile(0.05);
    sheet.number(
        "value_at_risk",
        value,
        "mean - 1.645 x deviation of the days: the normal 5 % quantile",
        FLAT,
    );
    let formula = "mean - deviation x phi(1.645) / 0.05: the mean of the normal distribution's worst 5 %";
    sheet.number("conditional_value_at_risk", expected_shortfall(days.mean, days.deviation), formula, FLAT);
    let worst = quantile(&days.sorted, 0.05);
    let beyond = mean(days.returns.iter().copied().filter(|share| *share < worst));
    let beyond = if beyond.is_nan() { worst } else { beyond };
    let formula = "mean of the days below their 5 % quantile, or that if none is";
    sheet.number("conditional_value_at_risk_historical", beyond, formula, FLAT);
    let ruin = libm::pow((1.0 - days.win_rate) / (1.0 + days.win_rate), days.count);
    sheet.number("risk_of_ruin", ruin, "((1 - win_rate) / (1 + win_rate))^days", "no day with a return");
}

fn wins(sheet: &mut Sheet, days: &Days<'_>) {
    let formula = "winning days / days with a return";
    sheet.number("win_rate", days.win_rate, formula, "no day with a return");
    let formula = "days with a return / days, rounded up to a whole percent";
    sheet.number("exposure", days.exposure, formula, FEW);
    let average = days.sum / counted(days.returns, |share| share != 0.0);
    sheet.number("avg_return", average, "mean of the days with a return", "no day with a return");
    sheet.number("avg_win", days.gained / days.winners, "mean winning day", "no winning day");
    sheet.number("avg_loss", days.lost / days.losers, "mean losing day", UNBEATEN);
    sheet.number("best", days.sorted.last().copied().unwrap_or(f64::NAN), "best day", FEW);
    sheet.number("worst", days.sorted.first().copied().unwrap_or(f64::NAN), "worst day", FEW);
    let longest = |of: fn(f64) -> bool| {
        let (mut run, mut longest) = (0_u32, 0);
        for share in days.returns {
            run = if of(*share) { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        f64::from(longest)
    };
    sheet.number("consecutive_wins", longest(|share| share > 0.0), "most winning days in a row", FEW);
    sheet.number("consecutive_losses", longest(|share| share < 0.0), "most losing days in a row", FEW);
}

fn mixed(sheet: &mut Sheet, days: &Days<'_>) {
    let (payoff, factor) = (days.payoff(), days.gained / -days.lost);
    sheet.number("payoff_ratio", payoff, "avg_win / |avg_loss|", NO_SIDE);
    let not_lost = counted(days.returns, |share| share >= 0.0);
    let ratio = (days.gained / not_lost / not_lost) / (-days.lost / days.losers / days.losers);
    let formula = "(mean of the days not lost / their number) / (|avg_loss| / losing days)";
    sheet.number("profit_ratio", ratio, formula, NO_SIDE);
    let formula = "profit_factor x win_rate x payoff_ratio";
    sheet.number("cpc_index", factor * days.win_rate * payoff, formula, NO_SIDE);
    let tail = (quantile(&days.sorted, 0.95) / quantile(&days.sorted, 0.05)).abs();
    sheet.number("common_sense_ratio", factor * tail, "profit_factor x tail_ratio", UNBEATEN);
    let kelly = (payoff * days.win_rate - (1.0 - days.win_rate)) / payoff;
    let formula = "(b x W - (1 - W)) / b; b = payoff_ratio, W = win_rate";
    sheet.number("kelly_criterion", kelly, formula, NO_SIDE);
}
