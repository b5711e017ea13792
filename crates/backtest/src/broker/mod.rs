//! The account: keeps cash, open trades and waiting orders, fills them bar by bar, and writes down what happened.

mod book;
mod desk;
mod fees;
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

    /// Opens a trade and gives its place.
    fn enter(&mut self, leg: usize, size: f64, price: f64, quote: Quote) -> usize {
        let sign = size.signum();
        let slices = self.legs[leg].slices(quote, sign, size.abs(), price);
        let mut fee = 0.0;
        for (units, price) in slices.into_iter().filter(|(units, _)| *units > 0.0) {
            let part = self.legs[leg].fee(units, price);
            self.record(leg, quote, sign * units, price, part);
            fee += part;
        }
        self.cash -= fee;
        let price = book::average(&slices);
        let id = TradeId(self.number());
        let Quote { bar, moment, .. } = quote;
        let leg = leg as u16;
        self.open.push_back(OpenTrade {
            id,
            leg,
            size,
            bar,
            moment,
            price,
            fee,
            stop: None,
            target: None,
            parted: false,
        });
        self.open.len() - 1
    }

    /// Closes `part` units (at most all) of the open trade at `place`.
    fn close(&mut self, place: usize, part: f64, exit: Exit) {
        let Some(trade) = self.open.get(place).cloned() else { return };
        let leg = &self.legs[trade.leg as usize];
        let side = trade.size.signum();
        let size = side * part.min(trade.size.abs());
        let price = leg.exit_price(-side, exit.quote.price, exit.liquidity);
        let slices = leg.slices(exit.quote, -side, size.abs(), price);
        let entry_fee = match self.profile {
            Profile::Barkeep => trade.fee * (size / trade.size),
            // A part is charged like a trade of its own: the fixed fee counts once more than was paid.
            Profile::Btpy06 => leg.fee(size, trade.price),
        };
        let rest = side * leg.rounded(trade.size.abs() - size.abs());
        let (mut profit, mut exit_fee) = (0.0, 0.0);
        for (units, price) in slices.into_iter().filter(|(units, _)| *units > 0.0) {
            let leg = &self.legs[trade.leg as usize];
            let fee = leg.fee(units, price);
            profit += leg.money(side * units * leg.spec.instrument.multiplier * (price - trade.price));
            exit_fee += fee;
            self.record(trade.leg as usize, exit.quote, -side * units, price, fee);
        }
        self.cash += profit - exit_fee;
        let price = book::average(&slices);
        self.log.ambiguous += u32::from(exit.ambiguous);
        let closed = self.closed(&trade, size, price, exit, profit, entry_fee + exit_fee);
        self.log.trades.push(closed);
        if rest == 0.0 {
            self.open.remove(place);
            self.queue.retain(|ticket| ticket.trade() != Some(trade.id));
        } else if let Some(open) = self.open.get_mut(place) {
            open.size = rest;
            open.fee -= entry_fee;
        }
    }

    fn closed(
        &self,
        trade: &OpenTrade,
        size: f64,
        price: f64,
        exit: Exit,
        profit: f64,
        commission: f64,
    ) -> Trade {
        let leg = &self.legs[trade.leg as usize];
        Trade {
            leg: trade.leg,
            size,
            entry_bar: bar_number(trade.bar),
            exit_bar: bar_number(exit.quote.bar),
            entry_time: leg.prices.time(trade.bar),
            exit_time: leg.prices.time(exit.quote.bar),
            entry_at: trade.moment,
            exit_at: exit.quote.moment,
            entry_price: trade.price,
            exit_price: price,
            stop: trade.stop,
            target: trade.target,
            exit: exit.why,
            ambiguous: exit.ambiguous,
            pnl: profit - commission,
            commission,
            return_pct: size.signum() * (price / trade.price - 1.0)
                - commission / leg.value(size, trade.price),
        }
    }

    fn record(&mut self, leg: usize, quote: Quote, quantity: f64, price: f64, commission: f64) {
        let time = self.legs[leg].prices.time(quote.bar);
        self.legs[leg].count(quantity, time);
        if self.log.record {
            let (leg, bar) = (leg as u16, bar_number(quote.bar));
            self.log.executions.push(Execution {
                leg,
                bar,
                time,
                at: quote.moment,
                quantity,
                price,
                commission,
            });
        }
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
