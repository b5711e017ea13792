//! What came out: trades, equity, statistics, and what was assumed.

use bars::UnixNanos;
use serde::{Deserialize, Serialize};

/// The result of a run.
///
/// Every number in it is finite. `equity` and `drawdown` have one value a bar, so they align with the prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Closed trades in the order they were closed.
    pub trades: Vec<Trade>,
    /// Value of the account after each bar, in money; the initial cash before [`first_bar`](Self::first_bar).
    pub equity: Vec<f64>,
    /// Distance of each bar's equity from its running peak, as a share: 0 at a peak, -0.25 a quarter below, -1 ruin.
    pub drawdown: Vec<f64>,
    /// The statistics of [`family`](crate::family), in its order.
    pub statistics: Vec<Statistic>,
    /// What the run took for granted, in plain short sentences.
    pub assumptions: Vec<String>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
    /// SHA-256 of the fills, in lower-case hex: equal on every machine for equal prices and spec.
    ///
    /// It is taken over `barkeep-fills-1\n` and then, for each fill in order, little-endian: the bar number (u32), its
    /// open time (i64 nanoseconds), the signed quantity, the price and the commission (f64 each).
    pub digest: String,
    /// Trades still open at the end: not among [`trades`](Self::trades), but their value is in the equity.
    pub open_trades: u32,
    /// The first bar the strategy saw; the ones before only fill its windows.
    pub first_bar: u32,
}

/// A closed trade, or the closed part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// Units: positive when bought first (long), negative when sold first (short).
    pub size: f64,
    /// The bar of the entry.
    pub entry_bar: u32,
    /// The bar of the exit.
    pub exit_bar: u32,
    /// The open time of the entry's bar.
    pub entry_time: UnixNanos,
    /// The open time of the exit's bar.
    pub exit_time: UnixNanos,
    /// Money a unit at the entry, spread included.
    pub entry_price: f64,
    /// Money a unit at the exit, spread included.
    pub exit_price: f64,
    /// Profit or loss in money, after commissions.
    pub pnl: f64,
    /// Commission of entry and exit in money.
    pub commission: f64,
    /// Profit or loss after commissions as a share of the entry's value: 0.05 is 5 %.
    pub return_pct: f64,
}

/// A named number and what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// The name as backtesting.py spells it, like `Sharpe Ratio`.
    pub name: String,
    /// The value.
    pub value: Value,
    /// In one line how it is computed; for an undefined value also why it is so.
    pub formula: String,
}

/// The value of a statistic.
///
/// In JSON: `{"number": 1.5}`, `{"time": "2015-01-01T00:00:00Z"}`, `{"duration": 86400}` or `"undefined"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A finite number, in the unit its name says: `[%]` is percent (5.0 is 5 %), `[$]` money in the prices' currency.
    Number(f64),
    /// An instant.
    Time(UnixNanos),
    /// A length of time in seconds.
    Duration(i64),
    /// No such number exists here: not a number, or infinite. The formula says why.
    Undefined,
}
