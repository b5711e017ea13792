//! What a fill costs, and what it really pays or gets.

use bars::UnixNanos;

use super::Leg;
use crate::{Profile, Slippage, Spec};

/// Whether an order takes the price that is there, or waits for its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Liquidity {
    /// Market and stop orders: they pay spread and slippage.
    Taken,
    /// Limits: they fill at their price.
    Given,
}

impl Leg<'_> {
    /// What a unit costs that is bought (`sign` 1) or brings that is sold (-1) to enter, at a market price of `price`.
    pub(super) fn entry_price(&self, sign: f64, price: f64, liquidity: Liquidity) -> f64 {
        match (self.spec.profile, liquidity) {
            (Profile::Btpy06, _) => price * (1.0 + sign * self.spec.spread),
            (Profile::Barkeep, Liquidity::Taken) => self.taken(sign, price),
            (Profile::Barkeep, Liquidity::Given) => price,
        }
    }

    /// The same to leave a trade.
    pub(super) fn exit_price(&self, sign: f64, price: f64, liquidity: Liquidity) -> f64 {
        match (self.spec.profile, liquidity) {
            (Profile::Barkeep, Liquidity::Taken) => self.taken(sign, price),
            _ => price,
        }
    }

    fn taken(&self, sign: f64, price: f64) -> f64 {
        let half_spread = price * (1.0 + sign * self.spec.spread / 2.0);
        let slipped = match self.spec.slippage {
            Slippage::None => half_spread,
            Slippage::Ticks(ticks) => half_spread + sign * ticks * self.spec.instrument.tick,
            Slippage::BasisPoints(points) => half_spread + sign * price * points / 10_000.0,
        };
        // A price that would have to be paid for selling is none: the worst is to get nothing.
        slipped.max(0.0)
    }

    /// Money that `size` units are worth at `price`.
    pub(super) fn value(&self, size: f64, price: f64) -> f64 {
        size.abs() * price * self.spec.instrument.multiplier
    }

    /// The commission of a fill.
    pub(super) fn fee(&self, size: f64, price: f64) -> f64 {
        let Spec { commission, commission_fixed, ref unit_fee, .. } = *self.spec;
        let value = self.value(size, price);
        let mut fee = commission_fixed + commission * value;
        if !unit_fee.is_free() {
            fee = (fee + unit_fee.of_units(size.abs(), self.month_units)).max(unit_fee.minimum);
            if unit_fee.maximum > 0.0 {
                fee = fee.min(unit_fee.maximum * value);
            }
        }
        self.money(fee)
    }

    /// Rounded to the currency's decimals, half away from zero, if there are any.
    pub(super) fn money(&self, money: f64) -> f64 {
        match self.spec.instrument.money_decimals {
            None => money,
            Some(decimals) => {
                let unit = 10_f64.powi(i32::from(decimals));
                (money * unit).round() / unit
            }
        }
    }

    /// Counts units towards the month's volume, which lowers fees.
    pub(super) fn count(&mut self, units: f64, time: UnixNanos) {
        if self.spec.unit_fee.tiers.is_empty() {
            return;
        }
        let date = time.date();
        let month = (date.year(), date.month());
        if month != self.month {
            (self.month, self.month_units) = (month, 0.0);
        }
        self.month_units += units.abs();
    }

    /// A price on the instrument's grid.
    pub(super) fn on_grid(&self, price: f64) -> f64 {
        let tick = self.spec.instrument.tick;
        if tick == 0.0 {
            return price;
        }
        // Dividing by a whole number of ticks gives the very number that the decimal reads as.
        let ticks_per_one = (1.0 / tick).round();
        if ticks_per_one >= 1.0 && (ticks_per_one * tick - 1.0).abs() < 1e-9 {
            (price * ticks_per_one).round() / ticks_per_one
        } else {
            (price / tick).round() * tick
        }
    }
}
