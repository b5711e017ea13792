//! How much is traded: sizes of entries, units, and what a unit is.

use serde::{Deserialize, Serialize};

use crate::BacktestError;

/// How much an entry takes; computed at the price of its fill, rounded down to whole [`Units`].
///
/// In JSON: `{"by": "free", "share": 0.5}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Size {
    /// A share of the margin that is free, leverage included: 1 takes all that can be bought.
    Free {
        /// In (0, 1].
        share: f64,
    },
    /// A position worth this share of the account's value; above 1 needs leverage.
    Equity {
        /// Positive.
        share: f64,
    },
    /// So many units.
    Units {
        /// Positive.
        units: f64,
    },
    /// A position worth so much money.
    Cash {
        /// Positive.
        money: f64,
    },
    /// As much as loses this share of the account's value at the stop; needs a stop.
    Risk {
        /// In (0, 1].
        share: f64,
    },
    /// A position whose yearly volatility is this share of the account's value, judged by the returns of the last bars.
    Volatility {
        /// Volatility a year as a share: 0.1 is 10 %.
        target: f64,
        /// Bars whose returns are looked at; at least 2.
        window: u32,
        /// Bars a year; if left out, as many as the window's bars make of their time.
        #[serde(default)]
        bars_per_year: Option<f64>,
    },
}

impl Default for Size {
    fn default() -> Self {
        Self::Free { share: 1.0 }
    }
}

impl Size {
    /// Its number, whatever it counts.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Free { share } | Self::Equity { share } | Self::Risk { share } => share,
            Self::Units { units } => units,
            Self::Cash { money } => money,
            Self::Volatility { target, .. } => target,
        }
    }

    /// Another number of the same kind.
    pub(super) fn with(self, number: f64) -> Self {
        match self {
            Self::Free { .. } => Self::Free { share: number },
            Self::Equity { .. } => Self::Equity { share: number },
            Self::Risk { .. } => Self::Risk { share: number },
            Self::Units { .. } => Self::Units { units: number },
            Self::Cash { .. } => Self::Cash { money: number },
            Self::Volatility { window, bars_per_year, .. } => {
                Self::Volatility { target: number, window, bars_per_year }
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), BacktestError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let share = |value: f64| value > 0.0 && value <= 1.0;
        match *self {
            Self::Free { share: free } => {
                super::ranges([("size.share", free, share(free), "a share above 0 up to 1")])
            }
            Self::Risk { share: risk } => {
                super::ranges([("size.share", risk, share(risk), "a share above 0 up to 1")])
            }
            Self::Equity { share } => {
                super::ranges([("size.share", share, positive(share), "a positive share")])
            }
            Self::Units { units } => {
                super::ranges([("size.units", units, positive(units), "a positive number of units")])
            }
            Self::Cash { money } => {
                super::ranges([("size.money", money, positive(money), "a positive amount of money")])
            }
            Self::Volatility { target, window, bars_per_year } => super::ranges([
                ("size.target", target, positive(target), "a positive share; 0.1 is 10 % a year"),
                ("size.window", f64::from(window), window >= 2, "at least 2 bars"),
                (
                    "size.bars_per_year",
                    bars_per_year.unwrap_or(1.0),
                    bars_per_year.is_none_or(positive),
                    "a positive number of bars",
                ),
            ]),
        }
    }
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

/// What is traded, as far as it matters for money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Instrument {
    /// Money that a unit makes when its price rises by 1: 1 for shares and coins, 50 for an E-mini S&P 500 future.
    pub multiplier: f64,
    /// The least step of the price; 0 if unknown, then prices are not rounded.
    ///
    /// Stops, targets and limits are rounded to it, slippage and the book of [`Fill::Nautilus`](crate::Fill) count in it.
    pub tick: f64,
    /// The least step of a quantity; 0 leaves it to [`Units`].
    pub lot: f64,
    /// Decimals of the currency: profits and commissions of each fill are rounded to them; not rounded if left out.
    pub money_decimals: Option<u8>,
}

impl Default for Instrument {
    fn default() -> Self {
        Self { multiplier: 1.0, tick: 0.0, lot: 0.0, money_decimals: None }
    }
}

impl Instrument {
    pub(super) fn check(&self) -> Result<(), BacktestError> {
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let decimals = self.money_decimals.unwrap_or(0);
        super::ranges([
            (
                "instrument.multiplier",
                self.multiplier,
                self.multiplier > 0.0 && self.multiplier.is_finite(),
                "a positive number",
            ),
            ("instrument.tick", self.tick, not_negative(self.tick), "a step of the price, or 0"),
            ("instrument.lot", self.lot, not_negative(self.lot), "a step of the quantity, or 0"),
            ("instrument.money_decimals", f64::from(decimals), decimals <= 8, "at most 8 decimals"),
        ])
    }
}
