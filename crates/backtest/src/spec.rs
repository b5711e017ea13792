//! What to run: the strategy, the account and the rules of filling, as the user states them.

use serde::{Deserialize, Serialize};

use crate::BacktestError;

/// Everything that decides a run, besides the prices.
///
/// In JSON every field may be left out and then has its default; an unknown field is refused.
///
/// ```
/// use backtest::{Fill, Spec, Strategy};
/// let spec = Spec::default();
/// assert_eq!(spec.strategy, Strategy::SmaCross { fast: 10, slow: 20 });
/// assert_eq!((spec.cash, spec.fill, spec.finalize), (10_000.0, Fill::NextOpen, true));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// When to buy and sell.
    pub strategy: Strategy,
    /// Money in the account before the first bar, in the currency of the prices; positive.
    pub cash: f64,
    /// Commission of each fill as a share of its value (0.001 is 0.1 %), in [-0.1, 0.1); negative is a rebate.
    pub commission: f64,
    /// Commission of each fill in money, besides the rate; not negative.
    ///
    /// Every trade pays it when it is entered and again when it (or a part of it) is left.
    pub commission_fixed: f64,
    /// Distance between bid and ask as a share of the price (0.0002 is 2 basis points), in [0, 1).
    pub spread: f64,
    /// Share of a position's value that must be covered by the account, in (0, 1]; 1 is no leverage, 0.5 leverage 2.
    pub margin: f64,
    /// Where a market order fills.
    pub fill: Fill,
    /// A new order first closes every open trade; otherwise it is netted against them, oldest first.
    pub exclusive: bool,
    /// Trades still open at the end are closed there and counted.
    pub finalize: bool,
    /// How finely a quantity is divided.
    pub units: Units,
    /// Whose conventions apply where they differ.
    pub profile: Profile,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            strategy: Strategy::SmaCross { fast: 10, slow: 20 },
            cash: 10_000.0,
            commission: 0.0,
            commission_fixed: 0.0,
            spread: 0.0,
            margin: 1.0,
            fill: Fill::NextOpen,
            exclusive: true,
            finalize: true,
            units: Units::Fractional,
            profile: Profile::Barkeep,
        }
    }
}

/// A built-in strategy and its parameters.
///
/// In JSON: `{"name": "sma_cross", "fast": 10, "slow": 20}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    /// Buy with all free margin when the simple moving average over `fast` closes crosses above the one over `slow`,
    /// sell (go short) when it crosses below.
    ///
    /// A cross is a change of side; while the averages are equal the side from before lasts (in
    /// [`Profile::Btpy06`] a cross through equality goes unnoticed instead). `fast` above `slow` is allowed and turns
    /// the rule around; equal windows never cross and are refused.
    SmaCross {
        /// Bars in the first average; at least 1.
        fast: u32,
        /// Bars in the second average; at least 1.
        slow: u32,
    },
}

/// Where a market order fills.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// At the open of the bar after the signal: the price nobody knew when the order was placed.
    NextOpen,
    /// At the close of the bar of the signal: the price the signal was computed from, so slightly optimistic.
    ThisClose,
}

/// How finely a quantity is divided.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// Whole units; the rest of the money stays idle.
    Whole,
    /// Rounded down to a hundred-millionth (1e-8) of a unit, as a satoshi is of a bitcoin.
    Fractional,
}

/// Whose conventions apply where they differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Profile {
    /// This house's: no look-ahead, fees sized as they are paid, half the spread on each side, the end at the last close.
    #[serde(rename = "barkeep")]
    Barkeep,
    /// Those of backtesting.py 0.6 with its quirks, for comparing numbers.
    #[serde(rename = "btpy-0.6")]
    Btpy06,
}

impl Spec {
    /// Checks every field on its own and against the others.
    pub(crate) fn check(&self) -> Result<(), BacktestError> {
        let Strategy::SmaCross { fast, slow } = self.strategy;
        for (name, bars) in [("fast", fast), ("slow", slow)] {
            if bars == 0 {
                return Err(BacktestError::ZeroWindow { name });
            }
        }
        if fast == slow {
            return Err(BacktestError::EqualWindows { bars: fast });
        }
        let ranges = [
            (
                "cash",
                self.cash,
                self.cash > 0.0 && self.cash.is_finite(),
                "a positive amount of money, like 10000",
            ),
            (
                "commission",
                self.commission,
                (-0.1..0.1).contains(&self.commission),
                "a share from -0.1 to below 0.1; 0.001 is 0.1 %",
            ),
            (
                "commission_fixed",
                self.commission_fixed,
                self.commission_fixed >= 0.0 && self.commission_fixed.is_finite(),
                "an amount of money from 0 up",
            ),
            (
                "spread",
                self.spread,
                (0.0..1.0).contains(&self.spread),
                "a share from 0 to below 1; 0.0002 is 2 basis points",
            ),
            (
                "margin",
                self.margin,
                self.margin > 0.0 && self.margin <= 1.0,
                "a share above 0 up to 1; 1 is no leverage",
            ),
        ];
        for (name, value, fits, expected) in ranges {
            if !fits {
                return Err(BacktestError::OutOfRange { name, value, expected });
            }
        }
        Ok(())
    }
}
