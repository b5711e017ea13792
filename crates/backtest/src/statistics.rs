//! The statistics of the backtesting.py family: its names, its order, its definitions.

use bars::UnixNanos;

use crate::market::Market;
use crate::spacing::{Spacing, seconds};
use crate::{Statistic, Trade, Value};

/// A finished run, as the statistics see it.
pub(crate) struct Finished<'a> {
    pub(crate) market: &'a Market<'a>,
    /// The first bar on which every indicator has a value.
    pub(crate) warm_up: usize,
    pub(crate) equity: &'a [f64],
    pub(crate) drawdown: &'a [f64],
    pub(crate) trades: &'a [Trade],
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

/// Every statistic, in the family's order.
pub(crate) fn statistics(outcome: &Finished<'_>) -> Vec<Statistic> {
    let spacing = &outcome.market.spacing;
    let mut sheet = Sheet(Vec::with_capacity(32));
    span(&mut sheet, outcome);
    let returns = whole(&mut sheet, outcome);
    let deepest = outcome.drawdown.iter().copied().fold(0.0, f64::min);
    annual(&mut sheet, outcome, spacing, deepest);
    market(&mut sheet, outcome, &returns);
    drawdowns(&mut sheet, outcome, spacing, deepest);
    trades(&mut sheet, outcome.trades, spacing);
    sheet.0
}

/// The statistics written so far.
struct Sheet(Vec<Statistic>);

impl Sheet {
    fn put(&mut self, name: &str, value: Value, formula: String) {
        self.0.push(Statistic { name: name.into(), value, formula });
    }

    /// Writes a number; one that is not finite becomes undefined, and `otherwise` says why that happens.
    fn number(&mut self, name: &str, number: f64, formula: impl Into<String>, otherwise: &str) {
        // Adding 0 turns -0 into 0.
        let value = if number.is_finite() { Value::Number(number + 0.0) } else { Value::Undefined };
        self.value(name, value, formula.into(), otherwise);
    }

    fn value(&mut self, name: &str, value: Value, formula: String, otherwise: &str) {
        let formula = match value {
            Value::Undefined => format!("{formula}; undefined here: {otherwise}"),
            _ => formula,
        };
        self.put(name, value, formula);
    }
}

fn span(sheet: &mut Sheet, outcome: &Finished<'_>) {
    let times = outcome.market.prices.times;
    let time = |stamp: Option<&i64>| stamp.map_or(Value::Undefined, |&stamp| Value::Time(UnixNanos(stamp)));
    sheet.put("Start", time(times.first()), "open time of the first bar".into());
    sheet.put("End", time(times.last()), "open time of the last bar".into());
    sheet.put("Duration", Value::Duration(seconds(lasted(times))), "End - Start".into());
    let exposed = exposed_bars(outcome.trades) as f64 / times.len() as f64;
    let formula = "bars inside a closed trade, entry and exit bar included / all bars x 100";
    sheet.number("Exposure Time [%]", exposed * 100.0, formula, "no bars");
}

/// Returns in percent over the whole run.
struct Returns {
    strategy: f64,
    market: f64,
}

fn whole(sheet: &mut Sheet, outcome: &Finished<'_>) -> Returns {
    let Finished { equity, warm_up, .. } = *outcome;
    let close = outcome.market.prices.close;
    let peak = equity.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let commissions: f64 = outcome.trades.iter().map(|trade| trade.commission).sum();
    let returns = Returns { strategy: growth(equity, 0) * 100.0, market: growth(close, warm_up) * 100.0 };
    sheet.number("Equity Final [$]", last(equity), "equity after the last bar", "no bars");
    sheet.number("Equity Peak [$]", peak, "greatest equity after a bar", "no bars");
    if commissions != 0.0 {
        let formula = "commission of entries and exits of closed trades";
        sheet.number("Commissions [$]", commissions, formula, "too great");
    }
    let formula = "(last equity - initial cash) / initial cash x 100";
    sheet.number("Return [%]", returns.strategy, formula, "too great");
    let formula = format!(
        "(last close - close of bar {warm_up}, where every indicator has a value) / that close x 100"
    );
    sheet.number("Buy & Hold Return [%]", returns.market, formula, "too great");
    returns
}

fn annual(sheet: &mut Sheet, outcome: &Finished<'_>, spacing: &Spacing, deepest: f64) {
    let (factor, period) = (spacing.periods_per_year, spacing.period.name());
    let returns = Spacing::returns(outcome.market.period_ends.iter().map(|bar| outcome.equity[*bar]));
    let per_year = returns.geometric_mean() + 1.0;
    let annual = per_year.powf(factor) - 1.0;
    let volatility =
        ((returns.variance() + per_year * per_year).powf(factor) - per_year.powf(2.0 * factor)).sqrt();
    let downside = returns.downside() * factor.sqrt();
    let years = lasted(outcome.market.prices.times) as f64 / bars::DAY as f64 / 365.25;
    let cagr = (growth(outcome.equity, 0) + 1.0).powf(1.0 / years) - 1.0;
    let short = format!("too few {period}s, or numbers too great");

    let formula = format!(
        "((1 + g)^{factor} - 1) x 100; g = geometric mean of the returns from {period} to {period} (UTC), 0 after ruin; {factor} {period}s a year"
    );
    sheet.number("Return (Ann.) [%]", annual * 100.0, formula, &short);
    let formula = format!(
        "sqrt((var + (1 + g)^2)^{factor} - (1 + g)^{twice}) x 100; var = variance of the returns from {period} to {period} (n - 1)",
        twice = 2.0 * factor
    );
    sheet.number("Volatility (Ann.) [%]", volatility * 100.0, formula, &short);
    let formula = "((last equity / initial cash)^(1 / years) - 1) x 100; years = Duration in days / 365.25";
    sheet.number("CAGR [%]", cagr * 100.0, formula, "too short a time, so the number is too great");
    let formula = "Return (Ann.) / Volatility (Ann.), risk-free rate 0";
    sheet.number("Sharpe Ratio", annual / volatility, formula, "no annual return or no volatility");
    let formula = format!("Return (Ann.) / (sqrt(mean(min(return of a {period}, 0)^2)) x sqrt({factor}))");
    sheet.number(
        "Sortino Ratio",
        annual / downside,
        formula,
        &format!("no annual return or no losing {period}"),
    );
    let calmar = annual / -deepest;
    sheet.number("Calmar Ratio", calmar, "Return (Ann.) / Max. Drawdown", "no annual return or no drawdown");
}

fn market(sheet: &mut Sheet, outcome: &Finished<'_>, returns: &Returns) {
    let beta = beta(outcome.equity, outcome.market.prices.close);
    let otherwise = "prices that never move, or an account that was empty";
    let formula = "Return [%] - Beta x Buy & Hold Return [%], over the whole run, risk-free rate 0";
    sheet.number("Alpha [%]", returns.strategy - beta * returns.market, formula, otherwise);
    let formula =
        "covariance of the log returns of equity and close / variance of those of close, bar by bar";
    sheet.number("Beta", beta, formula, otherwise);
}

fn drawdowns(sheet: &mut Sheet, outcome: &Finished<'_>, spacing: &Spacing, deepest: f64) {
    let spells = Spells::of(outcome.drawdown, outcome.market.prices.times);
    let unit = spacing.unit.name();
    let none = "no drawdown over more than one bar";
    let depth = if spells.count == 0 { deepest } else { -spells.depth / spells.count as f64 };
    let depth = if deepest == 0.0 { f64::NAN } else { depth };
    let formula = "greatest distance of the equity below its running peak, in percent of the peak";
    sheet.number("Max. Drawdown [%]", deepest * 100.0, formula, "no bars");
    let formula =
        "mean of the greatest drawdown of each spell; a spell lasts from a peak to its recovery or the end";
    sheet.number("Avg. Drawdown [%]", depth * 100.0, formula, "no drawdown");
    let formula = format!("longest spell, rounded up to a whole {unit}");
    sheet.value(
        "Max. Drawdown Duration",
        spacing.duration(spells.longest, spells.count.min(1)),
        formula,
        none,
    );
    let formula = format!("mean length of the spells, rounded up to a whole {unit}");
    sheet.value("Avg. Drawdown Duration", spacing.duration(spells.total, spells.count), formula, none);
}

fn trades(sheet: &mut Sheet, trades: &[Trade], spacing: &Spacing) {
    const NONE: &str = "no closed trade";
    let count = trades.len() as f64;
    let unit = spacing.unit.name();
    let returns = || trades.iter().map(|trade| trade.return_pct);
    let profits = || trades.iter().map(|trade| trade.pnl);
    let lengths =
        || trades.iter().map(|trade| i128::from(trade.exit_time.0) - i128::from(trade.entry_time.0));

    sheet.number("# Trades", count, "closed trades", NONE);
    let wins = profits().filter(|&profit| profit > 0.0).count() as f64 / count;
    sheet.number("Win Rate [%]", wins * 100.0, "trades with a profit after commissions / trades x 100", NONE);
    let best = returns().fold(f64::NEG_INFINITY, f64::max) * 100.0;
    let worst = returns().fold(f64::INFINITY, f64::min) * 100.0;
    sheet.number("Best Trade [%]", best, "greatest return of a trade after commissions", NONE);
    sheet.number("Worst Trade [%]", worst, "least return of a trade after commissions", NONE);
    let typical = geometric_mean(returns()) * 100.0;
    let formula = "geometric mean of the returns of the trades, 0 if one lost everything";
    sheet.number("Avg. Trade [%]", typical, formula, NONE);
    let longest = lengths().max().unwrap_or_default();
    let formula = format!("longest time from entry to exit, rounded up to a whole {unit}");
    sheet.value("Max. Trade Duration", spacing.duration(longest, trades.len().min(1)), formula, NONE);
    let formula = format!("mean time from entry to exit, rounded up to a whole {unit}");
    sheet.value("Avg. Trade Duration", spacing.duration(lengths().sum(), trades.len()), formula, NONE);

    let gained: f64 = returns().filter(|&share| share > 0.0).sum();
    let lost: f64 = returns().filter(|&share| share < 0.0).sum();
    let formula = "sum of positive returns of trades / sum of negative ones, in percent, not money";
    sheet.number("Profit Factor", gained / -lost, formula, "no losing trade");
    let formula = "arithmetic mean of the returns of the trades";
    sheet.number("Expectancy [%]", mean(returns()) * 100.0, formula, NONE);
    let sqn = count.sqrt() * mean(profits()) / variance(profits()).sqrt();
    let formula = "sqrt(trades) x mean profit / standard deviation of the profits (n - 1), in money";
    sheet.number("SQN", sqn, formula, "fewer than two different trades");
    let win = mean(profits().filter(|&profit| profit > 0.0));
    let loss = -mean(profits().filter(|&profit| profit < 0.0));
    let formula = "W - (1 - W) / (mean winning profit / mean loss), in money; W = share of winners";
    sheet.number(
        "Kelly Criterion",
        wins - (1.0 - wins) / (win / loss),
        formula,
        "no winning or no losing trade",
    );
}

/// Times in which the equity lay below its peak.
#[derive(Default)]
struct Spells {
    count: usize,
    /// Sum of the greatest drawdowns, positive.
    depth: f64,
    /// Sum of the lengths in nanoseconds.
    total: i128,
    longest: i128,
}

impl Spells {
    fn of(drawdown: &[f64], times: &[i64]) -> Self {
        let mut spells = Self::default();
        let (mut peak, mut deepest) = (0, 0.0_f64);
        for (bar, &depth) in drawdown.iter().enumerate() {
            deepest = deepest.min(depth);
            if depth == 0.0 || bar + 1 == drawdown.len() {
                if bar > peak + 1 {
                    let length = i128::from(times[bar]) - i128::from(times[peak]);
                    spells.count += 1;
                    spells.depth -= deepest;
                    spells.total += length;
                    spells.longest = spells.longest.max(length);
                }
                (peak, deepest) = (bar, 0.0);
            }
        }
        spells
    }
}

/// The bars covered by the trades, each counted once.
fn exposed_bars(trades: &[Trade]) -> u64 {
    let mut spans: Vec<_> = trades.iter().map(|trade| (trade.entry_bar, trade.exit_bar)).collect();
    spans.sort_unstable();
    let (mut covered, mut end) = (0, 0);
    for (entry, exit) in spans {
        let (entry, after) = (u64::from(entry).max(end), u64::from(exit) + 1);
        covered += after.saturating_sub(entry);
        end = end.max(after);
    }
    covered
}

fn beta(equity: &[f64], close: &[f64]) -> f64 {
    let count = equity.len().saturating_sub(1) as f64;
    // Log returns add up, so their means are known beforehand.
    let mean_equity = (growth(equity, 0) + 1.0).ln() / count;
    let mean_close = (growth(close, 0) + 1.0).ln() / count;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (equity, close) in equity.windows(2).zip(close.windows(2)) {
        let close = log_return(close) - mean_close;
        covariance += (log_return(equity) - mean_equity) * close;
        variance += close * close;
    }
    covariance / variance
}

fn log_return(pair: &[f64]) -> f64 {
    if pair[0] == pair[1] && pair[0] > 0.0 { 0.0 } else { (pair[1] / pair[0]).ln() }
}

/// The growth from `values[from]` to the last value, as a share.
fn growth(values: &[f64], from: usize) -> f64 {
    let first = values.get(from).copied().unwrap_or(f64::NAN);
    (last(values) - first) / first
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

/// Nanoseconds from the first to the last stamp.
fn lasted(times: &[i64]) -> i128 {
    match (times.first(), times.last()) {
        (Some(&first), Some(&last)) => i128::from(last) - i128::from(first),
        _ => 0,
    }
}

/// The mean, or not-a-number of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

/// The variance of a sample (n - 1), or not-a-number below two values.
pub(crate) fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let center = mean(values.clone());
    let (count, squares) = values
        .fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + (value - center) * (value - center)));
    if count < 2.0 { f64::NAN } else { squares / (count - 1.0) }
}

/// The constant return that compounds to the same end; 0 if one return loses everything.
pub(crate) fn geometric_mean(returns: impl Iterator<Item = f64> + Clone) -> f64 {
    if returns.clone().any(|share| share <= -1.0) {
        return 0.0;
    }
    mean(returns.map(|share| (1.0 + share).ln())).exp() - 1.0
}
