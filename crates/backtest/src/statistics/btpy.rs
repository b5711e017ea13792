//! The statistics of the backtesting.py family: its names, its order, its definitions.

use bars::UnixNanos;

use super::figures::{Annual, Trading, beta, cagr, exposed_bars};
use super::sheet::Sheet;
use super::{Finished, growth, last, lasted};
use crate::lanes::extremes;
use crate::spacing::{Spacing, seconds};
use crate::{Statistic, Trade, Value};

/// Every statistic, in the family's order.
pub(super) fn statistics(outcome: &Finished<'_>) -> Vec<Statistic> {
    let spacing = outcome.spacing;
    let mut sheet = Sheet::new();
    span(&mut sheet, outcome);
    let returns = whole(&mut sheet, outcome);
    let deepest = extremes(outcome.drawdown).0.min(0.0);
    annual(&mut sheet, outcome, spacing, deepest);
    market(&mut sheet, outcome, &returns);
    drawdowns(&mut sheet, outcome, spacing, deepest);
    trades(&mut sheet, outcome.trades.iter(), spacing);
    sheet.0
}

fn span(sheet: &mut Sheet, outcome: &Finished<'_>) {
    let times = outcome.prices.times;
    let time = |stamp: Option<&i64>| stamp.map_or(Value::Undefined, |&stamp| Value::Time(UnixNanos(stamp)));
    sheet.put("Start", time(times.first()), "open time of the first bar".into());
    sheet.put("End", time(times.last()), "open time of the last bar".into());
    sheet.put("Duration", Value::Duration(seconds(lasted(times))), "End - Start".into());
    let exposed = exposed_bars(outcome.trades.iter()) as f64 / times.len() as f64;
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
    let close = outcome.prices.close;
    let peak = extremes(equity).1;
    let commissions: f64 = outcome.trades.iter().map(|trade| trade.commission).sum();
    let returns = Returns { strategy: outcome.growth() * 100.0, market: growth(close, warm_up) * 100.0 };
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
    let ends = outcome.period_ends.iter().map(|bar| outcome.equity[*bar]);
    let Annual { mean_return: annual, volatility, sharpe, sortino } =
        Annual::of(&Spacing::returns(ends), factor);
    let cagr = cagr(outcome.growth(), lasted(outcome.prices.times));
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
    sheet.number("Sharpe Ratio", sharpe, formula, "no annual return or no volatility");
    let formula = format!("Return (Ann.) / (sqrt(mean(min(return of a {period}, 0)^2)) x sqrt({factor}))");
    sheet.number("Sortino Ratio", sortino, formula, &format!("no annual return or no losing {period}"));
    let calmar = annual / -deepest;
    sheet.number("Calmar Ratio", calmar, "Return (Ann.) / Max. Drawdown", "no annual return or no drawdown");
}

fn market(sheet: &mut Sheet, outcome: &Finished<'_>, returns: &Returns) {
    let beta = beta(outcome.equity, outcome.prices.close);
    let otherwise = "prices that never move, or an account that was empty";
    let formula = "Return [%] - Beta x Buy & Hold Return [%], over the whole run, risk-free rate 0";
    sheet.number("Alpha [%]", returns.strategy - beta * returns.market, formula, otherwise);
    let formula =
        "covariance of the log returns of equity and close / variance of those of close, bar by bar";
    sheet.number("Beta", beta, formula, otherwise);
}

fn drawdowns(sheet: &mut Sheet, outcome: &Finished<'_>, spacing: &Spacing, deepest: f64) {
    let spells = Spells::of(outcome.drawdown, outcome.prices.times);
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

/// The statistics of some trades.
pub(super) fn trades<'t>(
    sheet: &mut Sheet,
    trades: impl Iterator<Item = &'t Trade> + Clone,
    spacing: &Spacing,
) {
    const NONE: &str = "no closed trade";
    let unit = spacing.unit.name();
    let figures = Trading::of(trades.clone());
    let lengths = trades.map(|trade| i128::from(trade.exit_time.0) - i128::from(trade.entry_time.0));
    let count = figures.count as usize;

    sheet.number("# Trades", figures.count, "closed trades", NONE);
    let formula = "trades with a profit after commissions / trades x 100";
    sheet.number("Win Rate [%]", figures.wins * 100.0, formula, NONE);
    let formula = "greatest return of a trade after commissions";
    sheet.number("Best Trade [%]", figures.best * 100.0, formula, NONE);
    let formula = "least return of a trade after commissions";
    sheet.number("Worst Trade [%]", figures.worst * 100.0, formula, NONE);
    let formula = "geometric mean of the returns of the trades, 0 if one lost everything";
    sheet.number("Avg. Trade [%]", figures.typical * 100.0, formula, NONE);
    let longest = lengths.clone().max().unwrap_or_default();
    let formula = format!("longest time from entry to exit, rounded up to a whole {unit}");
    sheet.value("Max. Trade Duration", spacing.duration(longest, count.min(1)), formula, NONE);
    let formula = format!("mean time from entry to exit, rounded up to a whole {unit}");
    sheet.value("Avg. Trade Duration", spacing.duration(lengths.sum(), count), formula, NONE);
    let formula = "sum of positive returns of trades / sum of negative ones, in percent, not money";
    sheet.number("Profit Factor", figures.profit_factor, formula, "no losing trade");
    let formula = "arithmetic mean of the returns of the trades";
    sheet.number("Expectancy [%]", figures.expectancy * 100.0, formula, NONE);
    let formula = "sqrt(trades) x mean profit / standard deviation of the profits (n - 1), in money";
    sheet.number("SQN", figures.sqn, formula, "fewer than two different trades");
    let formula = "W - (1 - W) / (mean winning profit / mean loss), in money; W = share of winners";
    sheet.number("Kelly Criterion", figures.kelly, formula, "no winning or no losing trade");
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
            deepest = if depth < deepest { depth } else { deepest };
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
