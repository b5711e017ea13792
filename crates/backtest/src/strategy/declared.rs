//! The trader behind a spec: follows the conditions of its strategy, with its orders and exits.

use std::sync::Arc;

use super::source::{Conditions, Source};
use crate::columns::{Mask, Numbers};
use crate::trader::Trader;
use crate::{
    Behind, Desk, EntryOrder, ExitReason, Order, OrderKind, Origin, Protection, Side, Size, Spec, When,
};

/// Conditions and distances, resolved over the bars.
pub(crate) struct Declared<'s, 'a> {
    spec: &'s Spec,
    warm_up: usize,
    when: When,
    conditions: Conditions,
    close: &'a [f64],
    high: &'a [f64],
    low: &'a [f64],
    order: Kind<'a>,
    stop: Option<Gap<'a>>,
    target: Option<Gap<'a>>,
    trail: Option<Gap<'a>>,
    /// Prices that rules give: of long and of short trades.
    stop_price: [Option<Numbers<'a>>; 2],
    target_price: [Option<Numbers<'a>>; 2],
    /// The share of the account that rules give.
    share: Option<Numbers<'a>>,
}

/// A distance at each bar.
pub(super) enum Gap<'a> {
    Share(f64),
    Money(f64),
    Column(f64, Numbers<'a>),
}

enum Kind<'a> {
    Market,
    Limit(Gap<'a>),
    Stop(Gap<'a>),
    StopLimit(Gap<'a>, Gap<'a>),
}

impl<'s, 'a> Declared<'s, 'a> {
    /// The trader of a source.
    pub(crate) fn new(mut source: Source<'s, '_, 'a>) -> Self {
        let Source { spec, signals, first, prices, .. } = source;
        let conditions = Conditions::of(&mut source);
        let order = match spec.entry.order {
            EntryOrder::Market => Kind::Market,
            EntryOrder::Limit(distance) => Kind::Limit(source.gap(distance)),
            EntryOrder::Stop(distance) => Kind::Stop(source.gap(distance)),
            EntryOrder::StopLimit { stop, limit } => Kind::StopLimit(source.gap(stop), source.gap(limit)),
        };
        let (levels, exits) = (signals.levels, spec.exits);
        Self {
            spec,
            warm_up: first,
            when: spec.entry.when.unwrap_or(signals.when),
            conditions,
            close: prices.close,
            high: prices.high,
            low: prices.low,
            order,
            stop: exits.stop.map(|stop| source.gap(stop)),
            target: exits.target.map(|target| source.gap(target)),
            trail: exits.trail.map(|trail| source.gap(trail.distance)),
            stop_price: levels.stop.map(|id| id.map(|id| source.numbers(id))),
            target_price: levels.target.map(|id| id.map(|id| source.numbers(id))),
            share: levels.size.map(|id| source.numbers(id)),
        }
    }

    /// The conditions that matter while so much is held long and short: to buy, to sell, to leave long, to leave short,
    /// to be flat.
    fn open_to(&self, (long, short): (f64, f64)) -> [Option<&Mask>; 5] {
        let flat = long == 0.0 && short == 0.0;
        let (buys, sells) = match self.when {
            When::Always => (true, true),
            When::Reverse => (long == 0.0, short == 0.0),
            When::Flat => (flat, flat),
        };
        fn pick(open: bool, mask: &Option<Arc<Mask>>) -> Option<&Mask> {
            mask.as_deref().filter(|_| open)
        }
        [
            pick(buys, &self.conditions.long),
            pick(sells, &self.conditions.short),
            pick(long > 0.0, &self.conditions.leave_long),
            pick(short > 0.0, &self.conditions.leave_short),
            self.conditions.flat.as_ref(),
        ]
    }

    fn enter(&self, desk: &mut Desk<'_, '_>, side: Side) {
        let (bar, sign) = (desk.bar(), side.sign());
        let close = self.close[bar];
        let kind = match &self.order {
            Kind::Market => OrderKind::Market,
            Kind::Limit(gap) => OrderKind::Limit(gap.from(close, -sign, bar)),
            Kind::Stop(gap) => OrderKind::Stop(gap.from(close, sign, bar)),
            Kind::StopLimit(stop, limit) => {
                let stop = stop.from(close, sign, bar);
                OrderKind::StopLimit { stop, limit: limit.from(stop, -sign, bar) }
            }
        };
        let protection = |gap: &Gap<'_>, sign| match self.spec.exits.from {
            Origin::Signal => Protection::At(gap.from(close, sign, bar)),
            Origin::Entry => gap.protection(bar),
        };
        let of_rules = |prices: &[Option<Numbers<'_>>; 2]| {
            let prices = &prices[usize::from(side == Side::Sell)];
            prices.as_ref().map(|prices| prices[bar]).filter(|price| price.is_finite()).map(Protection::At)
        };
        let size = match self.share.as_ref().map(|shares| shares[bar]) {
            None => None,
            Some(share) if share > 0.0 && share.is_finite() => Some(Size::Equity { share }),
            Some(_) => return,
        };
        desk.cancel_waiting();
        desk.order(Order {
            side,
            kind,
            size,
            stop: of_rules(&self.stop_price).or_else(|| self.stop.as_ref().map(|gap| protection(gap, -sign))),
            target: of_rules(&self.target_price)
                .or_else(|| self.target.as_ref().map(|gap| protection(gap, sign))),
            valid_bars: self.spec.entry.valid_bars,
        });
    }

    fn leave(&self, desk: &mut Desk<'_, '_>, sign: f64) {
        let trades: Vec<_> = desk.trades().filter(|trade| trade.size * sign > 0.0).collect();
        for trade in trades {
            let share = self.spec.exits.part.filter(|_| !trade.parted).unwrap_or(1.0);
            desk.close(trade.id, share, ExitReason::Signal);
        }
    }

    /// Moves trailing stops, and closes what has lasted long enough.
    fn look_after(&self, desk: &mut Desk<'_, '_>) {
        let bar = desk.bar();
        let (trail, bars) = (self.spec.exits.trail, self.spec.exits.bars);
        if trail.is_none() && bars.is_none() {
            return;
        }
        let trades: Vec<_> = desk.trades().collect();
        for trade in trades {
            let sign = trade.size.signum();
            if let (Some(trail), Some(gap)) = (trail, &self.trail) {
                let from = match trail.behind {
                    Behind::Close => self.close[bar],
                    Behind::Extreme if sign > 0.0 => self.high[bar],
                    Behind::Extreme => self.low[bar],
                };
                let stop = gap.from(from, -sign, bar);
                if !stop.is_nan() && trade.stop.is_none_or(|now| sign * (stop - now) > 0.0) {
                    desk.set_trail(trade.id, stop);
                }
            }
            if bars.is_some_and(|bars| bar - trade.entry_bar >= bars as usize) {
                desk.close(trade.id, 1.0, ExitReason::Time);
            }
        }
    }
}

impl Trader for Declared<'_, '_> {
    fn warm_up(&self) -> usize {
        self.warm_up
    }

    fn next(&self, from: usize, desk: &Desk<'_, '_>) -> Option<usize> {
        let held = desk.broker.held(desk.leg);
        let signal = Mask::next_of(&self.open_to(held), from);
        if held == (0.0, 0.0) {
            return signal;
        }
        if self.trail.is_some() {
            return Some(from);
        }
        let Some(bars) = self.spec.exits.bars else { return signal };
        let due = desk.trades().map(|trade| (trade.entry_bar + bars as usize).max(from)).min();
        signal.into_iter().chain(due).min()
    }

    fn decide(&mut self, desk: &mut Desk<'_, '_>) {
        let (bar, held) = (desk.bar(), desk.broker.held(desk.leg));
        if held != (0.0, 0.0) {
            self.look_after(desk);
        }
        let [long, short, leave_long, leave_short, flat] =
            self.open_to(held).map(|mask| mask.is_some_and(|mask| mask.get(bar)));
        if flat {
            desk.cancel_waiting();
            desk.close_all(ExitReason::Session);
            return;
        }
        if leave_long {
            self.leave(desk, 1.0);
        }
        if leave_short {
            self.leave(desk, -1.0);
        }
        if long {
            self.enter(desk, Side::Buy);
        }
        if short {
            self.enter(desk, Side::Sell);
        }
    }
}

impl Gap<'_> {
    /// The price at this distance from another, above it for a `sign` of 1, below for -1.
    fn from(&self, price: f64, sign: f64, bar: usize) -> f64 {
        match self {
            Self::Share(share) => price * (1.0 + sign * share),
            Self::Money(money) => price + sign * money,
            Self::Column(multiple, column) => price + sign * (multiple * column[bar]),
        }
    }

    fn protection(&self, bar: usize) -> Protection {
        match self {
            Self::Share(share) => Protection::Share(*share),
            Self::Money(money) => Protection::Away(*money),
            Self::Column(multiple, column) => Protection::Away(multiple * column[bar]),
        }
    }
}
