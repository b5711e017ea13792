//! How entries are ordered and trades are left: order types, stops, targets, trails, times.

use serde::{Deserialize, Serialize};

use crate::BacktestError;

/// A distance between prices.
///
/// In JSON: `{"share": 0.03}`, `{"money": 1.5}`, `{"ticks": 4}` or `{"atr": {"multiple": 3, "window": 14}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// A share of the price it is measured from; 0.03 is 3 %.
    Share(f64),
    /// Money a unit.
    Money(f64),
    /// Ticks of the [instrument](crate::Instrument).
    Ticks(f64),
    /// Average true ranges (Wilder's) at the signal.
    Atr {
        /// How many; positive.
        multiple: f64,
        /// Bars that are averaged.
        window: u32,
    },
}

impl Distance {
    /// Its number, whatever it counts.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Share(number) | Self::Money(number) | Self::Ticks(number) => number,
            Self::Atr { multiple, .. } => multiple,
        }
    }

    /// Another number of the same kind.
    pub(super) fn with(self, number: f64) -> Self {
        match self {
            Self::Share(_) => Self::Share(number),
            Self::Money(_) => Self::Money(number),
            Self::Ticks(_) => Self::Ticks(number),
            Self::Atr { window, .. } => Self::Atr { multiple: number, window },
        }
    }

    fn check(&self, name: &'static str, tick: f64) -> Result<(), BacktestError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        match *self {
            Self::Share(share) => super::ranges([(
                name,
                share,
                share > 0.0 && share < 1.0,
                "a share above 0 and below 1; 0.03 is 3 %",
            )]),
            Self::Money(money) => {
                super::ranges([(name, money, positive(money), "a positive distance in money")])
            }
            Self::Ticks(ticks) => super::ranges([
                (name, ticks, positive(ticks), "a positive number of ticks"),
                ("instrument.tick", tick, tick > 0.0, "the size of a tick, as a distance is in ticks"),
            ]),
            Self::Atr { multiple, window } => super::ranges([
                (name, multiple, positive(multiple), "a positive number of true ranges"),
                (name, f64::from(window), window > 0, "true ranges averaged over at least 1 bar"),
            ]),
        }
    }
}

/// How an entry is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entry {
    /// The kind of order.
    pub order: EntryOrder,
    /// Bars that a waiting order lives; until the next signal if left out.
    pub valid_bars: Option<u32>,
    /// When a signal is followed; as its strategy has it if left out.
    pub when: Option<When>,
}

/// The kind of order of an entry. Distances are measured from the close of the signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryOrder {
    /// At the market.
    #[default]
    Market,
    /// At this price or better: so far below the close to buy, above it to sell.
    Limit(Distance),
    /// Once the price got there: so far above the close to buy, below it to sell.
    Stop(Distance),
    /// A stop that becomes a limit.
    StopLimit {
        /// From the close to the stop.
        stop: Distance,
        /// From the stop back to the limit.
        limit: Distance,
    },
}

/// When a signal to enter is followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Whenever it comes, also in the direction that is held already.
    Always,
    /// Unless that direction is held already.
    Reverse,
    /// Only while nothing is held.
    Flat,
}

/// Which directions are traded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Long and short.
    #[default]
    Both,
    /// Long only: a signal to go short closes what is held.
    Long,
    /// Short only: a signal to go long closes what is held.
    Short,
}

/// How trades are left besides the strategy's own signals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exits {
    /// Whether the strategy's signals to leave are followed; without them only what is below, and reversing, ends a trade.
    pub on_signal: bool,
    /// A stop loss so far away on the losing side.
    pub stop: Option<Distance>,
    /// A take profit so far away on the winning side.
    pub target: Option<Distance>,
    /// What `stop` and `target` are measured from.
    pub from: Origin,
    /// A stop that follows the price.
    pub trail: Option<Trail>,
    /// Bars after the entry at whose close the trade is closed.
    pub bars: Option<u32>,
    /// The share of a trade that the first signal to leave it closes; the next closes the rest. In (0, 1).
    pub part: Option<f64>,
}

impl Default for Exits {
    fn default() -> Self {
        Self {
            on_signal: true,
            stop: None,
            target: None,
            from: Origin::Entry,
            trail: None,
            bars: None,
            part: None,
        }
    }
}

/// What a stop or target is measured from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The price of the entry.
    #[default]
    Entry,
    /// The close of the signal.
    Signal,
}

/// A stop that is moved at the close of each bar, never back, and works from the next bar on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trail {
    /// How far it stays behind.
    pub distance: Distance,
    /// What it follows.
    #[serde(default)]
    pub behind: Behind,
}

/// What a trailing stop follows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// The close of each bar.
    #[default]
    Close,
    /// The high of each bar for a long trade, the low for a short one.
    Extreme,
}

impl Entry {
    pub(super) fn check(&self, tick: f64) -> Result<(), BacktestError> {
        match &self.order {
            EntryOrder::Market => {}
            EntryOrder::Limit(distance) => distance.check("entry.limit", tick)?,
            EntryOrder::Stop(distance) => distance.check("entry.stop", tick)?,
            EntryOrder::StopLimit { stop, limit } => {
                stop.check("entry.stop", tick)?;
                limit.check("entry.limit", tick)?;
            }
        }
        let bars = self.valid_bars.unwrap_or(1);
        super::ranges([("entry.valid_bars", f64::from(bars), bars > 0, "at least 1 bar")])
    }
}

impl Exits {
    /// Every distance with its name.
    pub(crate) fn distances(&self) -> impl Iterator<Item = (&'static str, Distance)> {
        let trail = self.trail.map(|trail| trail.distance);
        let named = [("exits.stop", self.stop), ("exits.target", self.target), ("exits.trail", trail)];
        named.into_iter().filter_map(|(name, distance)| distance.map(|distance| (name, distance)))
    }

    pub(super) fn check(&self, tick: f64) -> Result<(), BacktestError> {
        self.distances().try_for_each(|(name, distance)| distance.check(name, tick))?;
        let (bars, part) = (self.bars.unwrap_or(1), self.part.unwrap_or(0.5));
        super::ranges([
            ("exits.bars", f64::from(bars), bars > 0, "at least 1 bar"),
            ("exits.part", part, part > 0.0 && part < 1.0, "a share above 0 and below 1"),
        ])
    }
}
