//! Working off the queue on a bar: what fills, at what price, in which order.

use super::fees::Liquidity;
use super::order::{Range, Task};
use super::sizing::Wanted;
use super::{Broker, Exit, Order, OrderKind, Quote, TradeId};
use crate::{ExitReason, Fill, Moment, Profile, Size};

/// The bar that is worked on, and where market orders fill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) leg: usize,
    pub(crate) bar: usize,
    market: Quote,
    range: Option<Range>,
}

/// How an entry came to be filled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    Market,
    Stop,
    Limit,
}

impl Broker<'_> {
    /// Works every order of a leg on a bar: market orders at its open (or the close before, in the compatible profile's trade
    /// on close), the others where its range reaches them.
    pub(crate) fn work(&mut self, leg: usize, bar: usize) {
        if self.queue.is_empty() {
            return;
        }
        let (prices, spec) = (self.legs[leg].prices, self.legs[leg].spec);
        let open = prices.open[bar];
        let market = match (spec.fill, bar.checked_sub(1)) {
            (Fill::ThisClose, Some(before)) if spec.profile == Profile::Btpy06 => {
                Quote { bar: before, price: prices.close[before], moment: Moment::Close }
            }
            _ => Quote { bar, price: open, moment: Moment::Open },
        };
        if spec.profile == Profile::Btpy06 {
            // Free margin is taken at the close of the bar in which the order is worked off, which lies ahead.
            self.set_mark(leg, prices.close[bar]);
        }
        let range = Some(Range { open, high: prices.high[bar], low: prices.low[bar] });
        let now = Now { leg, bar, market, range };
        while self.pass(now) {}
        self.queue
            .retain(|ticket| ticket.leg as usize != leg || ticket.expires.is_none_or(|last| bar < last));
    }

    /// Works the market orders of a leg at the close of the bar in which they were placed.
    pub(crate) fn work_at_close(&mut self, leg: usize, bar: usize) {
        let price = self.legs[leg].prices.close[bar];
        self.pass(Now { leg, bar, market: Quote { bar, price, moment: Moment::Close }, range: None });
    }

    /// Works each order of the queue once, and says whether new ones want to be worked on the same bar.
    fn pass(&mut self, now: Now) -> bool {
        let mut again = false;
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let due = self.queue.iter().filter(|ticket| ticket.leg as usize == now.leg && ticket.from <= now.bar);
        batch.extend(due.map(|ticket| ticket.number));
        for number in &batch {
            let Some(place) = self.queue.iter().position(|ticket| ticket.number == *number) else { continue };
            match self.queue[place].task {
                Task::Leave { trade, units, why } => {
                    self.queue.remove(place);
                    self.leave(trade, units, Exit::taking(now.market, why));
                }
                Task::Stop { trade, price, trailing } => self.try_stop(now, trade, price, trailing),
                Task::Target { trade, price } => self.try_target(now, trade, price),
                Task::Enter(order) => again |= self.try_enter(now, place, order),
            }
        }
        self.batch = batch;
        again
    }

    fn leave(&mut self, id: TradeId, units: f64, exit: Exit) {
        if let Some(place) = self.open.iter().position(|trade| trade.id == id) {
            self.close(place, units, exit);
        }
    }

    fn try_stop(&mut self, now: Now, id: TradeId, price: f64, trailing: bool) {
        let (Some(range), Some(place)) = (now.range, self.place(id)) else { return };
        let trade = &self.open[place];
        let sign = -trade.size.signum();
        let Some(filled) = range.stop(sign, price) else { return };
        let moment = if filled == range.open { Moment::Open } else { Moment::Within };
        let target_too = trade.target.is_some_and(|target| range.limit(sign, target).is_some());
        let ambiguous = target_too && moment == Moment::Within;
        let why = if trailing { ExitReason::Trail } else { ExitReason::Stop };
        let quote = Quote { bar: now.bar, price: filled, moment };
        let units = trade.size.abs();
        self.close(place, units, Exit { quote, liquidity: Liquidity::Taken, why, ambiguous });
    }

    fn try_target(&mut self, now: Now, id: TradeId, price: f64) {
        let (Some(range), Some(place)) = (now.range, self.place(id)) else { return };
        let trade = &self.open[place];
        let Some(filled) = range.limit(-trade.size.signum(), price) else { return };
        let moment = if filled == range.open { Moment::Open } else { Moment::Within };
        let quote = Quote { bar: now.bar, price: filled, moment };
        let units = trade.size.abs();
        let exit = Exit { quote, liquidity: Liquidity::Given, why: ExitReason::Target, ambiguous: false };
        self.close(place, units, exit);
    }

    /// Fills an entry if its price is there, and says whether its stop and target want to be worked on the same bar.
    fn try_enter(&mut self, now: Now, place: usize, order: Order) -> bool {
        let Some((how, quote)) = self.reached(now, place, order) else { return false };
        self.queue.remove(place);
        if self.profile == Profile::Barkeep {
            self.set_mark(now.leg, quote.price);
        }
        let Some(id) = self.fill(now.leg, order, how, quote) else { return false };
        let Some(range) = now.range.filter(|_| order.stop.is_some() || order.target.is_some()) else {
            return false;
        };
        match (self.profile, how) {
            (_, How::Market) => true,
            (Profile::Barkeep, _) => {
                self.same_bar(now, id, how);
                false
            }
            (Profile::Btpy06, _) => self.protected_late(id, how, range),
        }
    }

    /// Where the order fills on this bar. A stop that was reached becomes a market or limit order.
    fn reached(&mut self, now: Now, place: usize, order: Order) -> Option<(How, Quote)> {
        let sign = order.side.sign();
        if order.kind == OrderKind::Market {
            return Some((How::Market, now.market));
        }
        let range = now.range?;
        let (how, price) = match order.kind {
            OrderKind::Market => return None,
            OrderKind::Limit(limit) => (How::Limit, range.limit(sign, limit)?),
            OrderKind::Stop(stop) => (How::Stop, range.stop(sign, stop)?),
            OrderKind::StopLimit { stop, limit } => {
                let triggered = range.stop(sign, stop)?;
                let compatible = self.profile == Profile::Btpy06;
                let ticket = &mut self.queue[place];
                ticket.task = Task::Enter(Order { kind: OrderKind::Limit(limit), ..order });
                ticket.from = if compatible { 0 } else { now.bar + 1 };
                // Whether the limit was reached after the stop or before it is unknown: before, to be on the safe side.
                let start = if compatible { stop } else { triggered };
                let beyond = sign * (limit - start);
                if beyond < 0.0 || (compatible && (beyond == 0.0 || range.limit(sign, limit).is_none())) {
                    return None;
                }
                (How::Limit, start)
            }
        };
        let moment = if price == range.open { Moment::Open } else { Moment::Within };
        Some((how, Quote { bar: now.bar, price, moment }))
    }

    /// Nets and opens what an order asks for at its price; gives the trade that was opened.
    fn fill(&mut self, leg: usize, order: Order, how: How, quote: Quote) -> Option<TradeId> {
        let sign = order.side.sign();
        let terms = &self.legs[leg];
        let spec = terms.spec;
        let liquidity = if how == How::Limit { Liquidity::Given } else { Liquidity::Taken };
        let price = terms.entry_price(sign, quote.price, liquidity);
        let level = |protection: super::Protection, sign| terms.on_grid(protection.price(price, sign));
        let stop = order.stop.map(|stop| level(stop, -sign)).filter(|price| price.is_finite());
        let target = order.target.map(|target| level(target, sign)).filter(|price| price.is_finite());
        let size = order.size.unwrap_or(spec.size);
        // Before its close nothing is known of the fill's own bar.
        let known = if quote.moment == Moment::Close { Some(quote.bar) } else { quote.bar.checked_sub(1) };
        let volatility =
            terms.volatility.as_ref().zip(known).and_then(|(column, bar)| column.get(bar).copied());
        let mut left = self.wanted(leg, Wanted { size, price, stop, volatility });
        if left <= 0.0 {
            self.log.refused = self.log.refused.saturating_add(1);
            return None;
        }
        if !spec.hedging {
            left = self.net(leg, sign, left, quote);
        }
        let left = self.granted(leg, size, left, price)?;
        let place = self.enter(leg, sign * left, price, quote);
        let id = self.open[place].id;
        target.into_iter().for_each(|target| self.set_target(id, target));
        stop.into_iter().for_each(|stop| self.set_stop(id, stop, false));
        Some(id)
    }

    /// Closes opposite trades, oldest first, and gives what is left of the order.
    fn net(&mut self, leg: usize, sign: f64, mut left: f64, quote: Quote) -> f64 {
        let mut place = 0;
        while let Some(trade) = self.open.get(place).filter(|_| left > 0.0) {
            if trade.leg as usize == leg && trade.size * sign < 0.0 {
                let (part, whole) = (left.min(trade.size.abs()), left >= trade.size.abs());
                left = self.legs[leg].rounded(left - part);
                self.close(place, part, Exit::taking(quote, ExitReason::Signal));
                place += usize::from(!whole);
            } else {
                place += 1;
            }
        }
        left
    }

    /// As much of an order as margin allows: orders for a number of units are filled whole or refused.
    fn granted(&mut self, leg: usize, size: Size, left: f64, price: f64) -> Option<f64> {
        if left <= 0.0 {
            return None;
        }
        // NautilusTrader asks no margin of an equity.
        let free = self.legs[leg].spec.fill == Fill::Nautilus && matches!(size, Size::Units { .. });
        if free || self.affords(leg, size, left, price) {
            return Some(left);
        }
        let less = match size {
            Size::Units { .. } | Size::Free { .. } => 0.0,
            _ => self.affordable(leg, price, 1.0).min(left),
        };
        if less <= 0.0 {
            self.log.refused = self.log.refused.saturating_add(1);
        }
        (less > 0.0).then_some(less)
    }

    /// Stop and target of a trade that was entered inside this bar, to be on the safe side: the stop counts as reached whenever
    /// the bar's range holds it, the target only after a stop order, whose price lies on the way to it.
    fn same_bar(&mut self, now: Now, id: TradeId, how: How) {
        let (Some(range), Some(place)) = (now.range, self.place(id)) else { return };
        let trade = &self.open[place];
        let (sign, entry, units) = (-trade.size.signum(), trade.price, trade.size.abs());
        let from_entry = Range { open: entry, ..range };
        let stop = trade.stop.and_then(|stop| from_entry.stop(sign, stop));
        let target = trade.target.and_then(|target| from_entry.limit(sign, target));
        let quote = |price| Quote { bar: now.bar, price, moment: Moment::Within };
        if let Some(price) = stop {
            // Falling through a buy limit leads to the stop; after a stop order it may have come before.
            let ambiguous = how == How::Stop || target.is_some();
            let (liquidity, why) = (Liquidity::Taken, ExitReason::Stop);
            self.close(place, units, Exit { quote: quote(price), liquidity, why, ambiguous });
        } else if let (Some(price), How::Stop) = (target, how) {
            let (liquidity, why) = (Liquidity::Given, ExitReason::Target);
            self.close(place, units, Exit { quote: quote(price), liquidity, why, ambiguous: false });
        }
    }

    /// In the compatible profile stop and target wait for the next bar, but for the target of a stop order whose stop loss the
    /// bar did not reach.
    fn protected_late(&mut self, id: TradeId, how: How, range: Range) -> bool {
        let Some(place) = self.place(id) else { return false };
        let trade = &self.open[place];
        let inside = |level: Option<f64>| level.is_some_and(|level| range.holds(level));
        let (stop, target) = (inside(trade.stop), inside(trade.target));
        if how == How::Stop && target && !stop {
            return true;
        }
        self.log.unprotected += u32::from(stop || target);
        false
    }

    /// The first bar from `from` up to `until` on which an order of a leg may fill or ends; `until` if there is none.
    pub(crate) fn next_touch(&self, leg: usize, from: usize, until: usize) -> usize {
        let (mut below, mut above, mut until) = (f64::NEG_INFINITY, f64::INFINITY, until);
        for ticket in self.queue.iter().filter(|ticket| ticket.leg as usize == leg) {
            let (sign, price, is_stop) = match ticket.task {
                Task::Leave { .. } => return from,
                Task::Stop { trade, price, .. } => (-self.direction(trade), price, true),
                Task::Target { trade, price } => (-self.direction(trade), price, false),
                Task::Enter(Order { kind, side, .. }) => match kind {
                    OrderKind::Market => return from,
                    OrderKind::Limit(limit) => (side.sign(), limit, false),
                    OrderKind::Stop(stop) | OrderKind::StopLimit { stop, .. } => (side.sign(), stop, true),
                },
            };
            // Buying stops and selling limits lie above the price, the others below.
            if (sign > 0.0) == is_stop {
                above = above.min(price);
            } else {
                below = below.max(price);
            }
            until = until.min(ticket.expires.unwrap_or(until).max(from));
        }
        let prices = self.legs[leg].prices;
        let end = until.min(prices.len());
        let mut bars = prices.low[from..end].iter().zip(&prices.high[from..end]);
        bars.position(|(&low, &high)| low <= below || high >= above).map_or(until, |at| from + at)
    }

    fn direction(&self, id: TradeId) -> f64 {
        self.place(id).map_or(0.0, |place| self.open[place].size.signum())
    }

    pub(super) fn place(&self, id: TradeId) -> Option<usize> {
        self.open.iter().position(|trade| trade.id == id)
    }
}
