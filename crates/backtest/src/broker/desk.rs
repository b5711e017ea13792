//! What a trader sees of its account, and what it can do in it.

use super::order::{Task, Ticket};
use super::{Broker, Order, OrderKind, Side, TradeId};
use crate::{ExitReason, Prices, Profile, Units};

/// The account of one instrument at the close of a bar: what is held, and where orders are placed.
///
/// Orders fill from the next bar on, or at this close if the [spec](crate::Fill) says so.
pub struct Desk<'b, 'a> {
    pub(crate) broker: &'b mut Broker<'a>,
    pub(crate) leg: usize,
    pub(crate) bar: usize,
}

/// A trade that is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenPosition {
    /// Its number in the run.
    pub id: TradeId,
    /// Units: positive long, negative short.
    pub size: f64,
    /// The bar of its entry.
    pub entry_bar: usize,
    /// Money a unit at the entry.
    pub entry_price: f64,
    /// Its stop loss, if it has one.
    pub stop: Option<f64>,
    /// Its take profit, if it has one.
    pub target: Option<f64>,
    /// Whether a signal has closed a part of it.
    pub parted: bool,
}

impl<'a> Desk<'_, 'a> {
    /// The bar at whose close it is.
    pub fn bar(&self) -> usize {
        self.bar
    }

    /// The bars, of which those after [`bar`](Self::bar) are not known yet.
    pub fn prices(&self) -> Prices<'a> {
        self.broker.legs[self.leg].prices
    }

    /// The value of the whole account at this close.
    pub fn equity(&self) -> f64 {
        self.broker.equity()
    }

    /// Units held: long minus short.
    pub fn position(&self) -> f64 {
        self.broker.held(self.leg).0 - self.broker.held(self.leg).1
    }

    /// The open trades, oldest first.
    pub fn trades(&self) -> impl Iterator<Item = OpenPosition> + '_ {
        let own = self.broker.open.iter().filter(|trade| trade.leg as usize == self.leg);
        own.map(|trade| OpenPosition {
            id: trade.id,
            size: trade.size,
            entry_bar: trade.bar,
            entry_price: trade.price,
            stop: trade.stop,
            target: trade.target,
            parted: trade.parted,
        })
    }

    /// Places an order. If orders are [exclusive](crate::Spec::exclusive), waiting ones are cancelled and open trades closed.
    pub fn order(&mut self, order: Order) {
        let (leg, terms) = (self.leg, &self.broker.legs[self.leg]);
        let kind = match order.kind {
            OrderKind::Market => OrderKind::Market,
            OrderKind::Limit(limit) => OrderKind::Limit(terms.on_grid(limit)),
            OrderKind::Stop(stop) => OrderKind::Stop(terms.on_grid(stop)),
            OrderKind::StopLimit { stop, limit } => {
                OrderKind::StopLimit { stop: terms.on_grid(stop), limit: terms.on_grid(limit) }
            }
        };
        if terms.spec.exclusive {
            self.broker.queue.retain(|ticket| ticket.leg as usize != leg || ticket.protects());
            self.close_all(ExitReason::Signal);
        }
        let expires = order.valid_bars.map(|bars| self.bar.saturating_add(bars as usize));
        self.broker.put(leg, Task::Enter(Order { kind, ..order }), expires, false);
    }

    /// Buys at the market, as much as the spec's size says.
    pub fn buy(&mut self) {
        self.order(Order::new(Side::Buy, OrderKind::Market));
    }

    /// Sells at the market, as much as the spec's size says.
    pub fn sell(&mut self) {
        self.order(Order::new(Side::Sell, OrderKind::Market));
    }

    /// Withdraws every order to enter that waits.
    pub fn cancel_waiting(&mut self) {
        let leg = self.leg;
        self.broker
            .queue
            .retain(|ticket| ticket.leg as usize != leg || !matches!(ticket.task, Task::Enter(_)));
    }

    /// Closes every open trade at the market.
    pub fn close_all(&mut self, why: ExitReason) {
        self.broker.leave_all(self.leg, why, self.broker.profile == Profile::Btpy06);
    }

    /// Closes a share (up to 1, all) of a trade at the market; trades that are not open any more are passed over.
    pub fn close(&mut self, id: TradeId, share: f64, why: ExitReason) {
        let Some(place) = self.broker.place(id) else { return };
        let (leg, trade) = (self.leg, &mut self.broker.open[place]);
        trade.parted |= share < 1.0;
        let whole = trade.size.abs();
        let units = match self.broker.profile {
            _ if share >= 1.0 => whole,
            Profile::Btpy06 if self.broker.legs[leg].spec.units == Units::Whole => {
                (whole * share).round_ties_even().max(1.0)
            }
            _ => self.broker.legs[leg].rounded_down(whole * share),
        };
        if units > 0.0 {
            self.broker.put(leg, Task::Leave { trade: id, units, why }, None, true);
        }
    }

    /// Moves a trade's stop loss to a price.
    pub fn set_stop(&mut self, id: TradeId, price: f64) {
        self.broker.set_stop(id, price, false);
    }

    /// Moves a trade's trailing stop to a price.
    pub fn set_trail(&mut self, id: TradeId, price: f64) {
        self.broker.set_stop(id, price, true);
    }

    /// Moves a trade's take profit to a price.
    pub fn set_target(&mut self, id: TradeId, price: f64) {
        self.broker.set_target(id, price);
    }
}

impl Broker<'_> {
    /// Units held long and short.
    pub(crate) fn held(&self, leg: usize) -> (f64, f64) {
        let own = self.open.iter().filter(|trade| trade.leg as usize == leg);
        own.fold((0.0, 0.0), |(long, short), trade| {
            (long + trade.size.max(0.0), short + (-trade.size).max(0.0))
        })
    }

    /// Queues the closing of every open trade, to be worked before other orders.
    pub(crate) fn leave_all(&mut self, leg: usize, why: ExitReason, newest_first: bool) {
        let trades = self.open.len();
        for place in 0..trades {
            // Each goes in front of the one before.
            let trade = &self.open[if newest_first { place } else { trades - 1 - place }];
            if trade.leg as usize == leg {
                let task = Task::Leave { trade: trade.id, units: trade.size.abs(), why };
                self.put(leg, task, None, true);
            }
        }
    }

    /// Puts a task into the queue, in front of the others or behind them.
    pub(super) fn put(&mut self, leg: usize, task: Task, expires: Option<usize>, first: bool) {
        let ticket = Ticket { number: self.number(), leg: leg as u16, task, from: 0, expires };
        if first {
            self.queue.insert(0, ticket);
        } else {
            self.queue.push(ticket);
        }
    }

    pub(super) fn set_stop(&mut self, id: TradeId, price: f64, trailing: bool) {
        let Some(place) = self.place(id) else { return };
        let leg = self.open[place].leg as usize;
        let price = self.legs[leg].on_grid(price);
        self.open[place].stop = Some(price);
        self.queue.retain(|ticket| !matches!(ticket.task, Task::Stop { trade, .. } if trade == id));
        self.put(leg, Task::Stop { trade: id, price, trailing }, None, true);
    }

    pub(super) fn set_target(&mut self, id: TradeId, price: f64) {
        let Some(place) = self.place(id) else { return };
        let leg = self.open[place].leg as usize;
        let price = self.legs[leg].on_grid(price);
        self.open[place].target = Some(price);
        self.queue.retain(|ticket| !matches!(ticket.task, Task::Target { trade, .. } if trade == id));
        // Behind every stop: where both are reached in one bar, the stop is.
        self.put(leg, Task::Target { trade: id, price }, None, false);
    }
}
