//! Orders: what a trader asks for, and what waits in the queue.

use super::TradeId;
use crate::{ExitReason, Size};

/// The direction of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// To go long, or less short.
    Buy,
    /// To go short, or less long.
    Sell,
}

impl Side {
    /// 1 to buy, -1 to sell.
    pub fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// An order to enter.
///
/// ```
/// use backtest::{Order, OrderKind, Protection, Side};
/// let order = Order { stop: Some(Protection::Share(0.03)), ..Order::new(Side::Buy, OrderKind::Limit(99.5)) };
/// assert_eq!(order.size, None); // as the spec sizes entries
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    /// Its direction.
    pub side: Side,
    /// When and at what price it may fill.
    pub kind: OrderKind,
    /// How much; as the [spec](crate::Spec::size) says if left out.
    pub size: Option<Size>,
    /// A stop loss that its trade gets.
    pub stop: Option<Protection>,
    /// A take profit that its trade gets.
    pub target: Option<Protection>,
    /// Bars it waits before it is withdrawn; until cancelled if left out.
    pub valid_bars: Option<u32>,
}

impl Order {
    /// An order without stop and target, of the spec's size, that waits until cancelled.
    pub fn new(side: Side, kind: OrderKind) -> Self {
        Self { side, kind, size: None, stop: None, target: None, valid_bars: None }
    }
}

/// When and at what price an order may fill. Prices are money a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrderKind {
    /// At the market.
    Market,
    /// At this price or better.
    Limit(f64),
    /// At the market, once the price got there.
    Stop(f64),
    /// At `limit` or better, once the price got to `stop`.
    StopLimit {
        /// What sets it off.
        stop: f64,
        /// What it then may cost.
        limit: f64,
    },
}

/// Where the stop or target of a trade lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protection {
    /// At this price.
    At(f64),
    /// This distance from the price of the entry, in money a unit.
    Away(f64),
    /// This share of the price of the entry from it.
    Share(f64),
}

impl Protection {
    /// The price, for an entry at `entry`, on the side of `sign`: 1 above it, -1 below.
    pub(super) fn price(self, entry: f64, sign: f64) -> f64 {
        match self {
            Self::At(price) => price,
            Self::Away(distance) => entry + sign * distance,
            Self::Share(share) => entry * (1.0 + sign * share),
        }
    }
}

/// An order in the queue.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) number: u32,
    pub(super) leg: u16,
    pub(super) task: Task,
    /// The first bar on which it is worked.
    pub(super) from: usize,
    /// The last bar on which it is worked.
    pub(super) expires: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// Opens or nets.
    Enter(Order),
    /// Closes so many units of a trade at the market.
    Leave { trade: TradeId, units: f64, why: ExitReason },
    /// The stop loss of a trade.
    Stop { trade: TradeId, price: f64, trailing: bool },
    /// The take profit of a trade.
    Target { trade: TradeId, price: f64 },
}

impl Ticket {
    pub(super) fn trade(&self) -> Option<TradeId> {
        match self.task {
            Task::Enter(_) => None,
            Task::Leave { trade, .. } | Task::Stop { trade, .. } | Task::Target { trade, .. } => Some(trade),
        }
    }

    /// Whether it is a stop loss or take profit.
    pub(super) fn protects(&self) -> bool {
        matches!(self.task, Task::Stop { .. } | Task::Target { .. })
    }
}

/// A bar's range, as orders see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) open: f64,
    pub(super) high: f64,
    pub(super) low: f64,
}

impl Range {
    /// The price at which a stop to trade in direction `sign` fills: the worse of open and stop.
    pub(super) fn stop(&self, sign: f64, price: f64) -> Option<f64> {
        if sign > 0.0 {
            (self.high >= price).then(|| self.open.max(price))
        } else {
            (self.low <= price).then(|| self.open.min(price))
        }
    }

    /// The price at which a limit to trade in direction `sign` fills: the better of open and limit.
    pub(super) fn limit(&self, sign: f64, price: f64) -> Option<f64> {
        if sign > 0.0 {
            (self.low <= price).then(|| self.open.min(price))
        } else {
            (self.high >= price).then(|| self.open.max(price))
        }
    }

    /// Whether the price was reached.
    pub(super) fn holds(&self, price: f64) -> bool {
        self.low <= price && price <= self.high
    }
}
