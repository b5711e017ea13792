//! Fills: opening and closing trades, their costs, and writing both down.

use super::{Broker, Exit, OpenTrade, Quote, TradeId, bar_number, book};
use crate::{Execution, Profile, Trade};

impl Broker<'_> {
    /// Opens a trade and gives its place.
    pub(super) fn enter(&mut self, leg: usize, size: f64, price: f64, quote: Quote) -> usize {
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
    pub(super) fn close(&mut self, place: usize, part: f64, exit: Exit) {
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
        if ![quantity, price, commission].iter().all(|number| number.is_finite()) {
            self.log.overflow = self.log.overflow.or(Some(quote.bar));
        }
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
}
