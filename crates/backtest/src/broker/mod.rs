//! The account: keeps cash, open trades and waiting orders, fills them bar by bar, and writes down what happened.

mod book;
mod desk;
mod fees;
mod fill;
mod order;
mod sizing;
mod work;

use std::collections::VecDeque;

pub use desk::{Desk, OpenPosition};
pub use order::{Order, OrderKind, Protection, Side};

use crate::{Execution, ExitReason, Moment, Prices, Profile, Spec, Trade};
use fees::Liquidity;
use order::Ticket;

/// An open trade, by its number in the run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TradeId(u32);

/// A market price, and where it is taken from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    pub(crate) bar: usize,
    /// Money a unit, before spread and slippage.
    pub(crate) price: f64,
    /// When in the bar.
    pub(crate) moment: Moment,
}

/// An instrument in the account: its bars and terms.
pub(crate) struct Leg<'a> {
    pub(crate) prices: Prices<'a>,
    pub(crate) spec: &'a Spec,
    /// What a unit is worth now.
    mark: f64,
    /// The calendar month of the last fill, and the units traded in it.
    month: (i16, i8),
    month_units: f64,
    /// Volatility a year at each bar, if sizes need it.
    volatility: Option<std::sync::Arc<Vec<f64>>>,
}

/// An account and what happened in it.
pub(crate) struct Broker<'a> {
    legs: Vec<Leg<'a>>,
    profile: Profile,
    cash: f64,
    open: VecDeque<OpenTrade>,
    queue: Vec<Ticket>,
    /// Numbers of the tickets of a pass; kept so that no bar allocates.
    batch: Vec<u32>,
    next_number: u32,
    pub(crate) log: Log,
}

/// What happened.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) trades: Vec<Trade>,
    /// Fills in order; empty if they are not recorded.
    pub(crate) executions: Vec<Execution>,
    record: bool,
    /// Orders that were refused for lack of margin.
    pub(crate) refused: u32,
    /// Exits of a stop in a bar that also held the target, or in which the order of events is unknown.
    pub(crate) ambiguous: u32,
    /// Bars on which an order filled with stop or target in the same bar's range and the profile waits for the next.
    pub(crate) unprotected: u32,
    /// The first bar of a fill whose numbers are beyond all numbers.
    pub(crate) overflow: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenTrade {
    id: TradeId,
    leg: u16,
    size: f64,
    bar: usize,
    moment: Moment,
    price: f64,
    fee: f64,
    stop: Option<f64>,
    target: Option<f64>,
    /// A part of it was closed by a signal.
    parted: bool,
}

/// How a trade is left.
#[derive(Clone, Copy, Debug)]
struct Exit {
    quote: Quote,
    liquidity: Liquidity,
    why: ExitReason,
    ambiguous: bool,
}

impl<'a> Broker<'a> {
    /// An account of one instrument.
    pub(crate) fn new(spec: &'a Spec, prices: Prices<'a>, record: bool) -> Self {
        Self::of_legs(vec![(spec, prices)], record)
    }

    /// An account of some instruments, at least one; its cash and profile are the first one's.
    pub(crate) fn of_legs(legs: Vec<(&'a Spec, Prices<'a>)>, record: bool) -> Self {
        let (profile, cash) =
            legs.first().map_or((Profile::Barkeep, 0.0), |(spec, _)| (spec.profile, spec.cash));
        let leg = |(spec, prices)| Leg {
            prices,
            spec,
            mark: f64::NAN,
            month: (0, 0),
            month_units: 0.0,
            volatility: None,
        };
        Self {
            legs: legs.into_iter().map(leg).collect(),
            profile,
            cash,
            open: VecDeque::new(),
            queue: Vec::new(),
            batch: Vec::new(),
            next_number: 0,
            log: Log { record, ..Log::default() },
        }
    }

    pub(crate) fn set_volatility(&mut self, leg: usize, volatility: std::sync::Arc<Vec<f64>>) {
        self.legs[leg].volatility = Some(volatility);
    }

    /// Says what a unit is worth now.
    pub(crate) fn set_mark(&mut self, leg: usize, price: f64) {
        self.legs[leg].mark = price;
    }

    /// The value of the account at the present marks.
    pub(crate) fn equity(&self) -> f64 {
        let profit: f64 =
            self.open.iter().map(|trade| self.profit(trade, self.legs[trade.leg as usize].mark)).sum();
        self.cash + profit
    }

    /// Cash, units and entry price if at most one trade is open: equity is cash + units × (mark − entry).
    pub(crate) fn line(&self) -> Option<(f64, f64, f64)> {
        match (self.open.len(), self.open.front()) {
            (0, _) => Some((self.cash, 0.0, 0.0)),
            (1, Some(trade)) => Some((self.cash, trade.size * self.multiplier(trade.leg), trade.price)),
            _ => None,
        }
    }

    fn multiplier(&self, leg: u16) -> f64 {
        self.legs[leg as usize].spec.instrument.multiplier
    }

    fn profit(&self, trade: &OpenTrade, price: f64) -> f64 {
        trade.size * self.multiplier(trade.leg) * (price - trade.price)
    }

    /// Margin that open trades bind at the present marks.
    pub(crate) fn bound_margin(&self) -> f64 {
        let bound = |trade: &OpenTrade| {
            let leg = &self.legs[trade.leg as usize];
            leg.value(trade.size, leg.mark) / (1.0 / leg.spec.margin)
        };
        self.open.iter().map(bound).sum()
    }

    fn free_margin(&self) -> f64 {
        (self.equity() - self.bound_margin()).max(0.0)
    }

    pub(crate) fn open_trades(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    /// Whether no order waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Closes every open trade at `quote`, oldest first.
    pub(crate) fn close_all(&mut self, leg: usize, quote: Quote, why: ExitReason) {
        let mut at = 0;
        while let Some(trade) = self.open.get(at) {
            if trade.leg as usize == leg {
                self.close(at, trade.size.abs(), Exit::taking(quote, why));
            } else {
                at += 1;
            }
        }
    }

    /// Closes every open trade and empties the account: losses beyond it are not owed.
    pub(crate) fn ruin(&mut self, quote_of: impl Fn(usize) -> Quote) {
        let mut forgotten = VecDeque::new();
        let trades = std::mem::take(&mut self.open);
        for (place, trade) in trades.into_iter().enumerate() {
            // The reference passes over every second one; their loss is in the equity all the same.
            if self.profile == Profile::Btpy06 && place % 2 == 1 {
                forgotten.push_back(trade);
            } else {
                let leg = trade.leg as usize;
                self.open.push_back(trade);
                self.close_all(leg, quote_of(leg), ExitReason::Ruin);
            }
        }
        self.open = forgotten;
        self.queue.clear();
        self.cash = 0.0;
    }

    fn number(&mut self) -> u32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }
}

impl Exit {
    /// At the market.
    fn taking(quote: Quote, why: ExitReason) -> Self {
        Self { quote, liquidity: Liquidity::Taken, why, ambiguous: false }
    }
}

/// A bar's number in a report; the caller has checked that it fits.
pub(crate) fn bar_number(bar: usize) -> u32 {
    u32::try_from(bar).unwrap_or(u32::MAX)
}
