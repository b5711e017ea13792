//! The statistics of NautilusTrader 1.231: of positions in money, and of the account's days.

use bars::DAY;

use super::numbers::{deviation, mean};
use super::sheet::Sheet;
use crate::{Execution, Statistic, Trade};

/// Days a year.
const DAYS: f64 = 252.0;

const NONE: &str = "no closed position";

/// What positions made, in money.
pub(super) fn positions<'t>(sheet: &mut Sheet, trades: impl Iterator<Item = &'t Trade> + Clone, cash: f64) {
    let profits = || trades.clone().map(|trade| trade.pnl);
    let total: f64 = profits().sum();
    let winners = || profits().filter(|&profit| profit > 0.0);
    let losers = || profits().filter(|&profit| profit <= 0.0);
    let count = profits().count() as f64;
    sheet.number("PnL (total)", total, "sum of the profits of closed positions, after commissions", NONE);
    sheet.number("PnL% (total)", total / cash * 100.0, "PnL (total) / initial cash x 100", NONE);
    let greatest = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::max).unwrap_or(f64::NAN);
    let least = |values: &mut dyn Iterator<Item = f64>| values.reduce(f64::min).unwrap_or(f64::NAN);
    const NO_WINNER: &str = "no position with a profit";
    const NO_LOSER: &str = "no position without a profit";
    sheet.number("Max Winner", greatest(&mut winners()), "greatest profit of a position", NO_WINNER);
    sheet.number("Avg Winner", mean(winners()), "mean profit of the positions with one", NO_WINNER);
    sheet.number("Min Winner", least(&mut winners()), "least profit of the positions with one", NO_WINNER);
    sheet.number(
        "Min Loser",
        greatest(&mut losers()),
        "least loss of the positions without profit",
        NO_LOSER,
    );
    sheet.number("Avg Loser", mean(losers()), "mean loss of the positions without profit", NO_LOSER);
    sheet.number("Max Loser", least(&mut losers()), "greatest loss of a position", NO_LOSER);
    let wins = winners().count() as f64 / count;
    let part = |share: f64, of: f64| if share == 0.0 { 0.0 } else { share * of };
    let expectancy = part(wins, mean(winners())) + part(1.0 - wins, mean(losers()));
    let formula = "Avg Winner x Win Rate + Avg Loser x (1 - Win Rate)";
    sheet.number("Expectancy", expectancy, formula, NONE);
    sheet.number("Win Rate", wins, "positions with a profit / positions", NONE);
}

/// What the account's days made.
pub(super) fn returns(executions: &[Execution], trades: &[Trade], cash: f64) -> Vec<Statistic> {
    let days = balances(executions, trades, cash);
    let returns: Vec<f64> = days.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let mut sheet = Sheet::new();
    let (average, spread, year) = (mean(returns.iter().copied()), deviation(&returns), DAYS.sqrt());
    let few = "too few days with a fill";
    let unbeaten = "no losing day";
    let side = |positive: bool| {
        returns.iter().copied().filter(move |share| (*share > 0.0) == positive && *share != 0.0)
    };
    let formula = "deviation of the returns of the balance from day to day (UTC, n - 1) x sqrt(252); days without a fill are left out, open positions do not count";
    sheet.number("Returns Volatility (252 days)", spread * year, formula, few);
    sheet.number("Average (Return)", average, "mean return of a day", few);
    sheet.number("Average Loss (Return)", mean(side(false)), "mean of the losing days", unbeaten);
    sheet.number("Average Win (Return)", mean(side(true)), "mean of the winning days", "no winning day");
    let formula = "mean / deviation of the days x sqrt(252), risk-free rate 0";
    sheet.number("Sharpe Ratio (252 days)", average / spread * year, formula, few);
    let downside = mean(returns.iter().map(|share| share.min(0.0) * share.min(0.0))).sqrt();
    let formula = "mean / sqrt(sum of squared losing days / days) x sqrt(252)";
    sheet.number("Sortino Ratio (252 days)", average / downside * year, formula, unbeaten);
    let factor = side(true).sum::<f64>() / -side(false).sum::<f64>();
    sheet.number("Profit Factor", factor, "sum of winning days / |sum of losing days|", unbeaten);
    sheet.number("Risk Return Ratio", average / spread, "mean / deviation of the days", few);
    sheet.0
}

/// The balance at the end of each day with a fill: what is realized, commissions as they are paid.
fn balances(executions: &[Execution], trades: &[Trade], cash: f64) -> Vec<f64> {
    let mut balance = cash;
    let mut days: Vec<(i64, f64)> = Vec::new();
    let mut closed = trades.iter().peekable();
    for execution in executions {
        let day = execution.time.0.div_euclid(DAY);
        balance -= execution.commission;
        // A trade's own commissions were taken from the balance with its fills.
        while let Some(trade) = closed.next_if(|trade| trade.exit_time <= execution.time) {
            balance += trade.pnl + trade.commission;
        }
        match days.last_mut() {
            Some((last, value)) if *last == day => *value = balance,
            _ => days.push((day, balance)),
        }
    }
    days.into_iter().map(|(_, balance)| balance).collect()
}
