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
    /// Every fill in order.
    #[serde(default)]
    pub executions: Vec<Execution>,
    /// Value of the account after each bar, in money; [`cash`](Self::cash) before [`first_bar`](Self::first_bar).
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
    /// The first bar at whose close the strategy could decide; the ones before only fill its windows.
    pub first_bar: u32,
    /// The first bar on which every indicator has a value.
    #[serde(default)]
    pub warm_up: u32,
    /// Money in the account before the first bar.
    #[serde(default)]
    pub cash: f64,
}

/// A fill: a quantity that changed hands at a price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The instrument, from 0; always 0 but in a portfolio.
    #[serde(default, skip_serializing_if = "is_first")]
    pub leg: u16,
    /// The bar.
    pub bar: u32,
    /// Its open time.
    pub time: UnixNanos,
    /// When in the bar.
    pub at: Moment,
    /// Units: positive bought, negative sold.
    pub quantity: f64,
    /// Money a unit, spread and slippage included.
    pub price: f64,
    /// Commission in money.
    pub commission: f64,
}

/// When in a bar something happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// At its first price.
    #[default]
    Open,
    /// Somewhere between open and close.
    Within,
    /// At its last price.
    Close,
}

/// Why a trade was closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The strategy said so, or an order in the other direction was netted with it.
    #[default]
    Signal,
    /// Its stop loss was reached.
    Stop,
    /// Its trailing stop was reached.
    Trail,
    /// Its take profit was reached.
    Target,
    /// It had lasted as long as it may.
    Time,
    /// The session ended.
    Session,
    /// The margin was no longer covered.
    StopOut,
    /// The account was empty.
    Ruin,
    /// The bars ended.
    End,
}

/// A closed trade, or the closed part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// The instrument, from 0; always 0 but in a portfolio.
    #[serde(default, skip_serializing_if = "is_first")]
    pub leg: u16,
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
    /// When in its bar it was entered.
    #[serde(default)]
    pub entry_at: Moment,
    /// When in its bar it was left.
    #[serde(default)]
    pub exit_at: Moment,
    /// Money a unit at the entry, spread included.
    pub entry_price: f64,
    /// Money a unit at the exit, spread included.
    pub exit_price: f64,
    /// Its stop loss at the end, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<f64>,
    /// Its take profit, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Why it was left.
    #[serde(default)]
    pub exit: ExitReason,
    /// Its exit was decided by the worse of two possible orders of events inside a bar.
    #[serde(default)]
    pub ambiguous: bool,
    /// Profit or loss in money, after commissions.
    pub pnl: f64,
    /// Commission of entry and exit in money.
    pub commission: f64,
    /// Profit or loss after commissions as a share of the entry's value: 0.05 is 5 %.
    pub return_pct: f64,
}

fn is_first(leg: &u16) -> bool {
    *leg == 0
}

/// A named number and what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// The name as its family spells it, like `Sharpe Ratio`.
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

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}
