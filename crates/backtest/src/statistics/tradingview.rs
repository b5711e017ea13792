//! The performance summary of TradingView's Strategy Tester, in money, for all, long and short trades.

use super::numbers::{deviation, mean};
use super::sheet::Sheet;
use super::{Finished, growth, last};
use crate::spacing::{Period, Spacing};
use crate::{Statistic, Trade};

const NONE: &str = "no closed trade";

/// What trades made.
pub(super) fn trades<'t>(sheet: &mut Sheet, trades: impl Iterator<Item = &'t Trade> + Clone, cash: f64) {
    let profits = || trades.clone().map(|trade| trade.pnl);
    let gross: f64 = profits().filter(|&profit| profit > 0.0).sum();
    let lost = -profits().filter(|&profit| profit < 0.0).sum::<f64>();
    let net = gross - lost;
    sheet.number("Net profit", net, "gross profit - gross loss of closed trades, in money", NONE);
    sheet.number("Net profit [%]", net / cash * 100.0, "net profit / initial cash x 100", NONE);
    sheet.number("Gross profit", gross, "sum of the profits of winning trades", NONE);
    sheet.number("Gross loss", lost, "sum of the losses of losing trades, positive", NONE);
    sheet.number(
        "Profit factor",
        gross / lost,
        "gross profit / gross loss: money, not percent",
        "no losing trade",
    );
    let paid: f64 = trades.clone().map(|trade| trade.commission).sum();
    sheet.number("Commission paid", paid, "commission of closed trades", NONE);
    let largest = trades.clone().map(|trade| trade.size.abs()).fold(0.0, f64::max);
    sheet.number("Max contracts held", largest, "greatest size of a closed trade", NONE);
    counts(sheet, trades.clone());
    averages(sheet, trades.clone());
    lengths(sheet, trades);
}

fn counts<'t>(sheet: &mut Sheet, trades: impl Iterator<Item = &'t Trade> + Clone) {
    let of = |wanted: fn(f64) -> bool| trades.clone().filter(|trade| wanted(trade.pnl)).count() as f64;
    let (all, won, lost) = (of(|_| true), of(|profit| profit > 0.0), of(|profit| profit < 0.0));
    sheet.number("Total closed trades", all, "closed trades", NONE);
    sheet.number("Number of winning trades", won, "closed trades with a profit after commission", NONE);
    sheet.number("Number of losing trades", lost, "closed trades with a loss after commission", NONE);
    sheet.number("Percent profitable [%]", won / all * 100.0, "winning / closed trades x 100", NONE);
}

fn averages<'t>(sheet: &mut Sheet, trades: impl Iterator<Item = &'t Trade> + Clone) {
    let won = || trades.clone().filter(|trade| trade.pnl > 0.0);
    let lost = || trades.clone().filter(|trade| trade.pnl < 0.0);
    const NO_WINNER: &str = "no winning trade";
    const NO_LOSER: &str = "no losing trade";
    let money = |trades: &mut dyn Iterator<Item = &'t Trade>| mean(trades.map(|trade| trade.pnl));
    let share =
        |trades: &mut dyn Iterator<Item = &'t Trade>| mean(trades.map(|trade| trade.return_pct)) * 100.0;
    sheet.number("Avg trade", money(&mut trades.clone()), "mean profit of a trade", NONE);
    sheet.number(
        "Avg trade [%]",
        share(&mut trades.clone()),
        "mean return of a trade on its entry's value",
        NONE,
    );
    sheet.number("Avg winning trade", money(&mut won()), "mean profit of the winning trades", NO_WINNER);
    sheet.number("Avg winning trade [%]", share(&mut won()), "mean return of the winning trades", NO_WINNER);
    sheet.number(
        "Avg losing trade",
        -money(&mut lost()),
        "mean loss of the losing trades, positive",
        NO_LOSER,
    );
    sheet.number(
        "Avg losing trade [%]",
        -share(&mut lost()),
        "mean return of the losing trades, positive",
        NO_LOSER,
    );
    let ratio = money(&mut won()) / -money(&mut lost());
    let formula = "Avg winning trade / Avg losing trade";
    sheet.number("Ratio avg win / avg loss", ratio, formula, "no winning or no losing trade");
    let best = won().map(|trade| trade.pnl).reduce(f64::max).unwrap_or(f64::NAN);
    sheet.number("Largest winning trade", best, "greatest profit of a trade", NO_WINNER);
    let worst = lost().map(|trade| -trade.pnl).reduce(f64::max).unwrap_or(f64::NAN);
    sheet.number("Largest losing trade", worst, "greatest loss of a trade, positive", NO_LOSER);
}

fn lengths<'t>(sheet: &mut Sheet, trades: impl Iterator<Item = &'t Trade> + Clone) {
    let bars = |wanted: fn(f64) -> bool| {
        let of = trades.clone().filter(|trade| wanted(trade.pnl));
        mean(of.map(|trade| f64::from(trade.exit_bar) - f64::from(trade.entry_bar)))
    };
    sheet.number("Avg # bars in trades", bars(|_| true), "mean of exit bar - entry bar", NONE);
    let formula = "the same of the winning trades";
    sheet.number("Avg # bars in winning trades", bars(|profit| profit > 0.0), formula, "no winning trade");
    let formula = "the same of the losing trades";
    sheet.number("Avg # bars in losing trades", bars(|profit| profit < 0.0), formula, "no losing trade");
}

/// What the account made.
pub(super) fn account(finished: &Finished<'_>, open_trades: u32) -> Vec<Statistic> {
    let (equity, close) = (finished.equity, finished.prices.close);
    let mut sheet = Sheet::new();
    let (mut peak, mut trough) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut drawdown, mut drawdown_share, mut runup, mut runup_share) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for &value in equity {
        (peak, trough) = (peak.max(value), trough.min(value));
        drawdown = drawdown.max(peak - value);
        drawdown_share = drawdown_share.max((peak - value) / peak);
        runup = runup.max(value - trough);
        runup_share = runup_share.max((value - trough) / trough);
    }
    let note = "on closes; TradingView also looks inside bars";
    sheet.number(
        "Max drawdown",
        drawdown,
        format!("greatest fall of the equity from its peak, in money; {note}"),
        NONE,
    );
    let formula = format!("greatest fall of the equity in percent of its peak; {note}");
    sheet.number("Max drawdown [%]", drawdown_share * 100.0, formula, NONE);
    sheet.number(
        "Max run-up",
        runup,
        format!("greatest rise of the equity from its trough, in money; {note}"),
        NONE,
    );
    let formula = format!("greatest rise of the equity in percent of its trough; {note}");
    sheet.number("Max run-up [%]", runup_share * 100.0, formula, "an account that was empty");
    let hold = growth(close, finished.warm_up) * 100.0;
    let formula = "growth of the close from the first bar the strategy could trade on, x 100";
    sheet.number("Buy & hold return [%]", hold, formula, "no bars");
    let open = last(equity) - finished_value(finished);
    sheet.number("Open P&L", open, "last equity - initial cash - net profit", "no bars");
    sheet.number("Total open trades", f64::from(open_trades), "trades open at the end", "no bars");
    ratios(&mut sheet, finished);
    sheet.0
}

fn finished_value(finished: &Finished<'_>) -> f64 {
    let net: f64 = finished.trades.iter().map(|trade| trade.pnl).sum();
    finished.cash + net
}

fn ratios(sheet: &mut Sheet, finished: &Finished<'_>) {
    let times = finished.prices.times;
    let returns_of = |period: Period| {
        let ends = period.ends(times);
        Spacing::returns(ends.iter().map(|bar| finished.equity[*bar])).0
    };
    // Months from three of them on, else days.
    let months = returns_of(Period::Month);
    let (returns, period, a_year) =
        if months.len() >= 2 { (months, "month", 12.0) } else { (returns_of(Period::Day), "day", 365.0) };
    let free = 0.02 / a_year;
    let average = mean(returns.iter().copied()) - free;
    let formula = format!(
        "(mean return of a {period} - 2 % / {a_year}) / deviation of the {period}s (n - 1); not a year"
    );
    sheet.number(
        "Sharpe ratio",
        average / deviation(&returns),
        formula,
        "too few periods, or none that differs",
    );
    let below = mean(returns.iter().map(|share| (share - free).min(0.0) * (share - free).min(0.0))).sqrt();
    let formula = format!("the same over sqrt(mean of min(0, return - 2 % / {a_year})^2 of the {period}s)");
    sheet.number("Sortino ratio", average / below, formula, "no losing period");
}
