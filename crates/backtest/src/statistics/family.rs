//! Families of statistics, in columns for all, long and short trades.

use serde::{Deserialize, Serialize};

use super::sheet::Sheet;
use super::{Finished, btpy, nautilus, quantstats, tradingview};
use crate::market::Market;
use crate::spacing::{Period, Spacing};
use crate::{Report, Statistic, Trade, Value};

/// Whose names and definitions statistics follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// backtesting.py 0.6: trades by their returns, equity by calendar days.
    Btpy,
    /// QuantStats 0.0.86: daily returns, 252 days a year, beside those of holding the instrument.
    QuantStats,
    /// TradingView's Strategy Tester: trades in money, equity by months.
    TradingView,
    /// NautilusTrader 1.231: positions in money, the realized balance by days.
    Nautilus,
}

impl Family {
    /// Every family.
    pub const ALL: &[Self] = &[Self::Btpy, Self::QuantStats, Self::TradingView, Self::Nautilus];

    /// Its name for people, with the version whose definitions are meant.
    pub fn title(self) -> &'static str {
        match self {
            Self::Btpy => "backtesting.py 0.6",
            Self::QuantStats => "QuantStats 0.0.86",
            Self::TradingView => "TradingView",
            Self::Nautilus => "NautilusTrader 1.231",
        }
    }

    /// What the family takes for granted, in plain short sentences.
    pub fn assumptions(self) -> &'static [&'static str] {
        match self {
            Self::Btpy => &[
                "Only closed trades count; returns of trades are after commissions, on the value of the entry.",
                "Annual numbers compound the returns of calendar periods; there are 365 days a year if enough bars lie on weekends, else 252.",
                "The risk-free rate is 0.",
            ],
            Self::QuantStats => &[
                "Returns are taken from UTC day to UTC day, of days with bars only; the first day has none.",
                "A year has 252 days; the risk-free rate is 0 unless the name says otherwise.",
                "The benchmark holds the instrument from the first day.",
            ],
            Self::TradingView => &[
                "Profits are in money, after commissions.",
                "Ratios are of months (of days below three months) and not of a year; the risk-free rate is 2 % a year.",
            ],
            Self::Nautilus => &[
                "Profits are in money, after commissions; a position without profit is a loser.",
                "Returns are of the realized balance from day to day, 252 days a year; the risk-free rate is 0.",
            ],
        }
    }
}

/// The statistics of a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Whose definitions they follow.
    pub family: Family,
    /// One a statistic, in the family's order.
    pub rows: Vec<Row>,
}

/// A statistic in its columns; a column that makes no sense for it is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The name as its family spells it.
    pub name: String,
    /// In one line how it is computed; for an undefined value also why it is so.
    pub formula: String,
    /// Of everything.
    pub all: Value,
    /// Of long trades only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<Value>,
    /// Of short trades only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Value>,
    /// Of holding the instrument instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Value>,
}

/// The statistics of a run by a family's definitions.
///
/// `report` must hold its equity, and be of a run over these bars.
pub fn table(market: &Market<'_>, report: &Report, family: Family) -> Table {
    let finished = Finished::of(market, report);
    let cash = report.cash;
    let trades = &report.trades[..];
    let rows = match family {
        Family::Btpy => {
            let own = |sheet: &mut Sheet, side: Side<'_>| btpy::trades(sheet, side, &market.spacing);
            joined(btpy::statistics(&finished), trades, own)
        }
        Family::QuantStats => {
            let strategy = quantstats::statistics(&daily(market, &report.equity));
            let hold = quantstats::statistics(&daily(market, market.prices.close));
            let benchmarks = hold.into_iter().map(|statistic| Some(statistic.value));
            strategy
                .into_iter()
                .zip(benchmarks)
                .map(|(own, hold)| Row { benchmark: hold, ..Row::of(own) })
                .collect()
        }
        Family::TradingView => {
            let mut sheet = Sheet::new();
            tradingview::trades(&mut sheet, trades.iter(), cash);
            let own = |sheet: &mut Sheet, side: Side<'_>| tradingview::trades(sheet, side, cash);
            let mut rows = joined(sheet.0, trades, own);
            rows.extend(tradingview::account(&finished, report.open_trades).into_iter().map(Row::of));
            rows
        }
        Family::Nautilus => {
            let mut sheet = Sheet::new();
            nautilus::positions(&mut sheet, trades.iter(), cash);
            let own = |sheet: &mut Sheet, side: Side<'_>| nautilus::positions(sheet, side, cash);
            let mut rows = joined(sheet.0, trades, own);
            let returns = nautilus::returns(&report.executions, trades, cash);
            rows.extend(returns.into_iter().map(Row::of));
            rows
        }
    };
    Table { family, rows }
}

/// Trades of one side.
type Side<'t> = std::iter::Filter<std::slice::Iter<'t, Trade>, fn(&&Trade) -> bool>;

/// Rows with the columns of both sides, where `own` writes statistics of the same name.
fn joined(all: Vec<Statistic>, trades: &[Trade], own: impl Fn(&mut Sheet, Side<'_>)) -> Vec<Row> {
    let of_side = |wanted: fn(&&Trade) -> bool| {
        let mut sheet = Sheet::new();
        own(&mut sheet, trades.iter().filter(wanted));
        sheet.0
    };
    let (long, short) = (of_side(|trade| trade.size > 0.0), of_side(|trade| trade.size < 0.0));
    let find = |side: &[Statistic], name: &str| {
        side.iter().find(|statistic| statistic.name == name).map(|statistic| statistic.value)
    };
    let row = |statistic: Statistic| Row {
        long: find(&long, &statistic.name),
        short: find(&short, &statistic.name),
        ..Row::of(statistic)
    };
    all.into_iter().map(row).collect()
}

impl Row {
    fn of(Statistic { name, value, formula }: Statistic) -> Self {
        Self { name, formula, all: value, long: None, short: None, benchmark: None }
    }
}

/// Returns from UTC day to UTC day.
pub(super) fn daily(market: &Market<'_>, values: &[f64]) -> Vec<f64> {
    let from = market.history;
    let ends = Period::Day.ends(&market.prices.times[from..]);
    Spacing::returns(ends.iter().map(|bar| values[from + *bar])).0
}
