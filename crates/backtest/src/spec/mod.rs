//! What to run: the strategy, the account and the rules of filling, as the user states them.

mod catalogue;
mod clock;
mod costs;
mod orders;
mod params;
mod session;
mod size;
mod strategy;

use serde::{Deserialize, Serialize};

pub use crate::indicators::Seed;
pub use catalogue::{ParamInfo, ParamKind, StrategyInfo, strategies};
pub use clock::ClockTime;
pub use costs::{Slippage, Tier, UnitFee};
pub use orders::{Behind, Direction, Distance, Entry, EntryOrder, Exits, Origin, Trail, When};
pub use session::{Hours, Session};
pub use size::{Instrument, Size, Units};
pub use strategy::Strategy;

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
    /// Which directions are traded.
    pub direction: Direction,
    /// How entries are ordered.
    pub entry: Entry,
    /// How much an entry takes.
    pub size: Size,
    /// How trades are left besides the strategy's signals.
    pub exits: Exits,
    /// When trades may be entered; at all times if left out.
    pub session: Option<Session>,
    /// Money in the account before the first bar, in the currency of the prices; positive.
    pub cash: f64,
    /// Commission of each fill as a share of its value (0.001 is 0.1 %), in [-0.1, 0.1); negative is a rebate.
    pub commission: f64,
    /// Commission of each fill in money, besides the rate; not negative.
    ///
    /// Every trade pays it when it is entered and again when it (or a part of it) is left.
    pub commission_fixed: f64,
    /// Commission by units, with minimum and maximum.
    pub unit_fee: UnitFee,
    /// Distance between bid and ask as a share of the price (0.0002 is 2 basis points), in [0, 1).
    pub spread: f64,
    /// How much worse market and stop orders fill.
    pub slippage: Slippage,
    /// Share of a position's value that must be covered by the account, in (0, 1]; 1 is no leverage, 0.5 leverage 2.
    pub margin: f64,
    /// The share of the margin in use below which the account's value closes everything, in [0, 1]; 0 is never.
    ///
    /// Looked at on each close, and filled there.
    pub stop_out: f64,
    /// Where a market order fills.
    pub fill: Fill,
    /// A new order first closes every open trade; otherwise it is netted against them, oldest first.
    pub exclusive: bool,
    /// Long and short trades stand side by side instead of being netted.
    pub hedging: bool,
    /// Trades still open at the end are closed there and counted.
    pub finalize: bool,
    /// How finely a quantity is divided.
    pub units: Units,
    /// What is traded.
    pub instrument: Instrument,
    /// Whose conventions apply where they differ.
    pub profile: Profile,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            direction: Direction::Both,
            entry: Entry::default(),
            size: Size::default(),
            exits: Exits::default(),
            session: None,
            cash: 10_000.0,
            commission: 0.0,
            commission_fixed: 0.0,
            unit_fee: UnitFee::default(),
            spread: 0.0,
            slippage: Slippage::None,
            margin: 1.0,
            stop_out: 0.0,
            fill: Fill::NextOpen,
            exclusive: true,
            hedging: false,
            finalize: true,
            units: Units::Fractional,
            instrument: Instrument::default(),
            profile: Profile::Barkeep,
        }
    }
}

/// Where a market order fills.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// At the open of the bar after the signal: the price nobody knew when the order was placed.
    NextOpen,
    /// At the close of the bar of the signal: the price the signal was computed from, so slightly optimistic.
    ThisClose,
    /// As NautilusTrader 1 fills market orders from bars: at the close of the bar of the signal, from a book that holds a quarter
    /// of the bar's volume; the rest fills one tick worse. Needs volumes and the [instrument's](Instrument) tick.
    Nautilus,
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
        self.strategy.check()?;
        self.check_account()?;
        let tick = self.instrument.tick;
        self.instrument.check()?;
        self.unit_fee.check()?;
        self.slippage.check(tick)?;
        self.size.check()?;
        self.entry.check(tick)?;
        self.exits.check(tick)?;
        self.session.iter().try_for_each(Session::check)?;
        if matches!(self.size, Size::Risk { .. }) && self.exits.stop.is_none() {
            return Err(BacktestError::Contradiction {
                what: "`size` by risk needs a stop",
                next: "set `exits.stop`, or size by `equity`",
            });
        }
        if self.fill == Fill::Nautilus {
            self.check_nautilus()?;
        }
        if self.hedging && self.exclusive {
            return Err(BacktestError::Contradiction {
                what: "`hedging` and `exclusive` exclude each other",
                next: "set one of them to false",
            });
        }
        Ok(())
    }

    /// Refuses what the model of NautilusTrader's bars has no rule for here.
    fn check_nautilus(&self) -> Result<(), BacktestError> {
        let exits = &self.exits;
        let contradictions = [
            (
                self.profile != Profile::Barkeep,
                "fill `nautilus` has its own rules",
                "set `profile` to `barkeep`",
            ),
            (self.hedging, "fill `nautilus` nets positions", "set `hedging` to false"),
            (
                self.entry.order != EntryOrder::Market,
                "fill `nautilus` fills market orders only",
                "set `entry.order` to `market`, or choose fill `next_open`",
            ),
            (
                exits.stop.or(exits.target).is_some() || exits.trail.is_some(),
                "fill `nautilus` fills market orders only, no stops and targets",
                "leave `exits` out, or choose fill `next_open`",
            ),
            (
                self.spread != 0.0 || self.slippage != Slippage::None,
                "fill `nautilus` has its own slippage and no spread",
                "set both to 0",
            ),
            (
                self.instrument.tick == 0.0,
                "fill `nautilus` needs the size of a tick",
                "set `instrument.tick`, like 0.01",
            ),
        ];
        match contradictions.into_iter().find(|(wrong, ..)| *wrong) {
            Some((_, what, next)) => Err(BacktestError::Contradiction { what, next }),
            None => Ok(()),
        }
    }

    /// Whether trading costs nothing, which no market offers.
    pub(crate) fn is_free_of_costs(&self) -> bool {
        let slips = match self.slippage {
            Slippage::None => 0.0,
            Slippage::Ticks(much) | Slippage::BasisPoints(much) => much,
        };
        let costs = [self.commission, self.commission_fixed, self.spread, slips];
        costs.iter().all(|cost| *cost == 0.0) && self.unit_fee.is_free()
    }

    fn check_account(&self) -> Result<(), BacktestError> {
        ranges([
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
            (
                "stop_out",
                self.stop_out,
                (0.0..=1.0).contains(&self.stop_out),
                "a share from 0 to 1; 0 is never",
            ),
        ])
    }
}

/// Refuses the first number that does not fit: name, value, whether it fits, what would.
fn ranges(
    numbers: impl IntoIterator<Item = (&'static str, f64, bool, &'static str)>,
) -> Result<(), BacktestError> {
    match numbers.into_iter().find(|(_, _, fits, _)| !fits) {
        Some((name, value, _, expected)) => Err(BacktestError::OutOfRange { name, value, expected }),
        None => Ok(()),
    }
}
