//! What trading costs: commissions in all their forms, and slippage.

use serde::{Deserialize, Serialize};

use crate::BacktestError;

/// Commission for each unit (share, contract) of a fill, besides the rate and the fixed fee.
///
/// What a fill pays is `fixed + rate × value + per unit × quantity`, at least [`minimum`](Self::minimum), at most
/// [`maximum`](Self::maximum) of the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitFee {
    /// Money for each unit; not negative.
    pub per_unit: f64,
    /// The least that a fill pays, in money.
    pub minimum: f64,
    /// The most that a fill pays, as a share of its value; 0 is no limit. It goes before the minimum.
    pub maximum: f64,
    /// Lower fees for those who trade much: the fee for each unit above so many units in a calendar month (UTC), ascending.
    pub tiers: Vec<Tier>,
}

/// A fee that holds for the units of a month above `above`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Units traded before in the month.
    pub above: f64,
    /// Money for each unit from there on.
    pub per_unit: f64,
}

impl Default for UnitFee {
    fn default() -> Self {
        Self { per_unit: 0.0, minimum: 0.0, maximum: 0.0, tiers: Vec::new() }
    }
}

impl UnitFee {
    /// Interactive Brokers' fixed pricing of US stocks: 0.005 USD a share, at least 1 USD an order, at most 1 % of its value.
    ///
    /// Exchange and regulatory fees are in it, but for the sellers' SEC and FINRA fees.
    pub fn ibkr_fixed() -> Self {
        Self { per_unit: 0.005, minimum: 1.0, maximum: 0.01, tiers: Vec::new() }
    }

    /// Interactive Brokers' tiered pricing of US stocks: 0.0035 USD a share falling to 0.0005 by the month's volume, at least
    /// 0.35 USD an order, at most 1 % of its value; exchange, clearing and regulatory fees come on top and are not in it.
    pub fn ibkr_tiered() -> Self {
        let tier = |above, per_unit| Tier { above, per_unit };
        let tiers = vec![
            tier(300_000.0, 0.0020),
            tier(3_000_000.0, 0.0015),
            tier(20_000_000.0, 0.0010),
            tier(100_000_000.0, 0.0005),
        ];
        Self { per_unit: 0.0035, minimum: 0.35, maximum: 0.01, tiers }
    }

    /// The presets by name, with what they are, for forms and help.
    pub const PRESETS: &[(&str, &str)] = &[
        ("ibkr_fixed", "Interactive Brokers, US stocks, fixed pricing"),
        ("ibkr_tiered", "Interactive Brokers, US stocks, tiered pricing without exchange fees"),
    ];

    /// One of the [`PRESETS`](Self::PRESETS).
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "ibkr_fixed" => Some(Self::ibkr_fixed()),
            "ibkr_tiered" => Some(Self::ibkr_tiered()),
            _ => None,
        }
    }

    /// So much money for each contract.
    pub fn per_contract(money: f64) -> Self {
        Self { per_unit: money, ..Self::default() }
    }

    /// Whether it costs nothing.
    pub fn is_free(&self) -> bool {
        self.per_unit == 0.0 && self.minimum == 0.0 && self.tiers.iter().all(|tier| tier.per_unit == 0.0)
    }

    /// Money for `units` more after `before` units in the month, before minimum and maximum.
    pub(crate) fn of_units(&self, units: f64, before: f64) -> f64 {
        if self.tiers.is_empty() {
            return self.per_unit * units;
        }
        let (mut from, mut rate, mut money) = (0.0_f64, self.per_unit, 0.0);
        let bounds = self.tiers.iter().map(|tier| (tier.above, tier.per_unit));
        for (until, next) in bounds.chain([(f64::INFINITY, 0.0)]) {
            let inside = (before + units).min(until) - before.max(from);
            money += rate * inside.max(0.0);
            (from, rate) = (until, next);
        }
        money
    }

    pub(super) fn check(&self) -> Result<(), BacktestError> {
        let money = "an amount of money from 0 up";
        let fee = |value: f64| value >= 0.0 && value.is_finite();
        let rising = self.tiers.windows(2).all(|pair| pair[0].above < pair[1].above);
        super::ranges([
            ("unit_fee.per_unit", self.per_unit, fee(self.per_unit), money),
            ("unit_fee.minimum", self.minimum, fee(self.minimum), money),
            (
                "unit_fee.maximum",
                self.maximum,
                (0.0..1.0).contains(&self.maximum),
                "a share from 0 to below 1",
            ),
        ])?;
        let tiers = self.tiers.iter();
        super::ranges(tiers.flat_map(|tier| {
            [
                ("unit_fee.tiers.above", tier.above, tier.above > 0.0 && rising, "more than the tier before"),
                ("unit_fee.tiers.per_unit", tier.per_unit, fee(tier.per_unit), money),
            ]
        }))
    }
}

/// How much worse than its price a market or stop order fills, besides the spread. Limit orders never slip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slippage {
    /// Not at all.
    #[default]
    None,
    /// So many ticks of the [instrument](crate::Instrument).
    Ticks(f64),
    /// So many basis points (0.01 %) of the price.
    BasisPoints(f64),
}

impl Slippage {
    pub(super) fn check(&self, tick: f64) -> Result<(), BacktestError> {
        match *self {
            Self::None => Ok(()),
            Self::Ticks(ticks) => super::ranges([
                ("slippage", ticks, ticks >= 0.0 && ticks.is_finite(), "a number of ticks from 0 up"),
                (
                    "instrument.tick",
                    tick,
                    ticks == 0.0 || tick > 0.0,
                    "the size of a tick, as slippage is in ticks",
                ),
            ]),
            Self::BasisPoints(points) => super::ranges([(
                "slippage",
                points,
                (0.0..10_000.0).contains(&points),
                "basis points from 0 to below 10000",
            )]),
        }
    }
}
