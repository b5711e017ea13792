//! The account: sizes orders, fills them, keeps open trades and cash.

use std::collections::VecDeque;

use bars::UnixNanos;
use sha2::{Digest, Sha256};

use crate::strategy::Side;
use crate::{Profile, Spec, Trade, Units};

/// A price, and the bar it is taken from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    pub(crate) bar: usize,
    /// Money a unit, before the spread.
    pub(crate) price: f64,
}

/// An account and what happened in it.
pub(crate) struct Broker<'a> {
    spec: &'a Spec,
    times: &'a [i64],
    cash: f64,
    open: VecDeque<OpenTrade>,
    trades: Vec<Trade>,
    refused: u32,
    fills: Sha256,
}

struct OpenTrade {
    size: f64,
    entry: Quote,
    fee: f64,
}

impl<'a> Broker<'a> {
    pub(crate) fn new(spec: &'a Spec, times: &'a [i64]) -> Self {
        let fills = Sha256::new_with_prefix("barkeep-fills-1\n");
        Self { spec, times, cash: spec.cash, open: VecDeque::new(), trades: Vec::new(), refused: 0, fills }
    }

    /// The value of the account when a unit is worth `mark`.
    pub(crate) fn equity(&self, mark: f64) -> f64 {
        let profit: f64 = self.open.iter().map(|trade| trade.size * (mark - trade.entry.price)).sum();
        self.cash + profit
    }

    /// Fills a market order at `quote` for all margin that is free when a unit is worth `mark`.
    ///
    /// An exclusive order closes every open trade first. A netted one closes opposite trades, oldest first, and opens
    /// a trade with what is left of it.
    pub(crate) fn order(&mut self, side: Side, quote: Quote, mark: f64) {
        if self.spec.exclusive {
            self.close_all(quote);
        }
        let price = quote.price * (1.0 + side.sign() * self.entry_spread());
        let mut left = self.affordable(price, mark);
        if left <= 0.0 {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        while let Some(oldest) = self.open.front().filter(|trade| trade.size * side.sign() < 0.0) {
            if left <= 0.0 {
                return;
            }
            let part = left.min(oldest.size.abs());
            left = self.rounded(left - part);
            self.close_oldest(part, quote);
        }
        if left > self.affordable(price, mark) {
            self.refused = self.refused.saturating_add(1);
        } else if left > 0.0 {
            self.enter(side.sign() * left, Quote { price, ..quote });
        }
    }

    /// Closes every open trade at `quote`, oldest first.
    pub(crate) fn close_all(&mut self, quote: Quote) {
        while let Some(oldest) = self.open.front() {
            self.close_oldest(oldest.size.abs(), quote);
        }
    }

    /// Closes every open trade and empties the account: losses beyond it are not owed.
    pub(crate) fn ruin(&mut self, quote: Quote) {
        let trades = std::mem::take(&mut self.open);
        let mut forgotten = VecDeque::new();
        for (place, trade) in trades.into_iter().enumerate() {
            // The reference passes over every second one; their loss is in the equity all the same.
            if self.spec.profile == Profile::Btpy06 && place % 2 == 1 {
                forgotten.push_back(trade);
            } else {
                self.open.push_back(trade);
                self.close_all(quote);
            }
        }
        self.open = forgotten;
        self.cash = 0.0;
    }

    pub(crate) fn open_trades(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    /// Closed trades, the count of refused orders, and the digest of the fills in hex.
    pub(crate) fn into_results(self) -> (Vec<Trade>, u32, String) {
        let digest = self.fills.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.trades, self.refused, digest)
    }

    /// The units that the margin free at `mark` buys or sells at `price`, costs included; 0 if not even one.
    fn affordable(&self, price: f64, mark: f64) -> f64 {
        let Spec { commission, commission_fixed, margin, profile, units, .. } = *self.spec;
        let leverage = 1.0 / margin;
        let bound: f64 = self.open.iter().map(|trade| trade.size.abs() * mark / leverage).sum();
        let free = (self.equity(mark) - bound).max(0.0);
        let (money, unit) = match profile {
            Profile::Barkeep => (free - commission_fixed, price * (margin + commission.max(0.0))),
            // The fee of the whole order is taken for the fee of each unit, and the commission is on margin too.
            Profile::Btpy06 => {
                (free * leverage * (1.0 - f64::EPSILON), price + commission_fixed + commission * price)
            }
        };
        match units {
            _ if money <= 0.0 => 0.0,
            // The remainder is exact, so a quotient just below a whole number is not taken for it.
            Units::Whole => ((money - money % unit) / unit).round(),
            Units::Fractional => (money / unit * UNITS_PER_ONE).floor() / UNITS_PER_ONE,
        }
    }

    fn rounded(&self, size: f64) -> f64 {
        match self.spec.units {
            Units::Whole => size.round(),
            Units::Fractional => (size * UNITS_PER_ONE).round() / UNITS_PER_ONE,
        }
    }

    fn enter(&mut self, size: f64, entry: Quote) {
        let fee = self.fee(size, entry.price);
        self.cash -= fee;
        self.record(size, entry, fee);
        self.open.push_back(OpenTrade { size, entry, fee });
    }

    /// Closes `part` units (at most all) of the oldest open trade.
    fn close_oldest(&mut self, part: f64, quote: Quote) {
        let Some(mut trade) = self.open.pop_front() else { return };
        let side = trade.size.signum();
        let size = side * part;
        let exit = Quote { price: quote.price * (1.0 - side * self.exit_spread()), ..quote };
        let exit_fee = self.fee(size, exit.price);
        let entry_fee = match self.spec.profile {
            Profile::Barkeep => trade.fee * (size / trade.size),
            // A part is charged like a trade of its own: the fixed fee counts once more than was paid.
            Profile::Btpy06 => self.fee(size, trade.entry.price),
        };
        let profit = size * (exit.price - trade.entry.price);
        self.cash += profit - exit_fee;
        self.record(-size, exit, exit_fee);
        self.trades.push(self.closed(size, trade.entry, exit, profit, entry_fee + exit_fee));
        trade.size = side * self.rounded(trade.size.abs() - part);
        trade.fee -= entry_fee;
        if trade.size != 0.0 {
            self.open.push_front(trade);
        }
    }

    fn closed(&self, size: f64, entry: Quote, exit: Quote, profit: f64, commission: f64) -> Trade {
        Trade {
            size,
            entry_bar: bar_number(entry.bar),
            exit_bar: bar_number(exit.bar),
            entry_time: self.time(entry.bar),
            exit_time: self.time(exit.bar),
            entry_price: entry.price,
            exit_price: exit.price,
            pnl: profit - commission,
            commission,
            return_pct: size.signum() * (exit.price / entry.price - 1.0)
                - commission / (size.abs() * entry.price),
        }
    }

    fn record(&mut self, size: f64, quote: Quote, fee: f64) {
        self.fills.update(bar_number(quote.bar).to_le_bytes());
        self.fills.update(self.time(quote.bar).0.to_le_bytes());
        for number in [size, quote.price, fee] {
            self.fills.update(number.to_le_bytes());
        }
    }

    fn time(&self, bar: usize) -> UnixNanos {
        UnixNanos(self.times.get(bar).copied().unwrap_or_default())
    }

    fn fee(&self, size: f64, price: f64) -> f64 {
        self.spec.commission_fixed + self.spec.commission * size.abs() * price
    }

    fn entry_spread(&self) -> f64 {
        match self.spec.profile {
            Profile::Barkeep => self.spec.spread / 2.0,
            Profile::Btpy06 => self.spec.spread,
        }
    }

    fn exit_spread(&self) -> f64 {
        match self.spec.profile {
            Profile::Barkeep => self.spec.spread / 2.0,
            Profile::Btpy06 => 0.0,
        }
    }
}

/// Fractional quantities are whole hundred-millionths.
const UNITS_PER_ONE: f64 = 1e8;

/// A bar's number in a report; the caller has checked that it fits.
pub(crate) fn bar_number(bar: usize) -> u32 {
    u32::try_from(bar).unwrap_or(u32::MAX)
}
