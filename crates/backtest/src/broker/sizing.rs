//! How many units an order takes.

use super::{Broker, Leg};
use crate::{Profile, Size, Units};

/// Fractional quantities are whole hundred-millionths.
const UNITS_PER_ONE: f64 = 1e8;

/// An entry that is to be sized.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) size: Size,
    /// Money a unit, costs of the fill included.
    pub(super) price: f64,
    /// The price of its stop, if it gets one.
    pub(super) stop: Option<f64>,
    /// Volatility a year of the instrument, if the size needs it.
    pub(super) volatility: Option<f64>,
}

impl Broker<'_> {
    /// The units that are wanted, before what is held is netted and margin limits it; 0 if not even one.
    pub(super) fn wanted(&self, leg: usize, wanted: Wanted) -> f64 {
        let terms = &self.legs[leg];
        let unit = wanted.price * terms.spec.instrument.multiplier;
        let units = match wanted.size {
            Size::Free { share } => return self.affordable(leg, wanted.price, share),
            Size::Units { units } => units,
            Size::Cash { money } => money / unit,
            Size::Equity { share } => self.equity() * share / unit,
            Size::Risk { share } => {
                let distance = wanted.stop.map_or(0.0, |stop| (wanted.price - stop).abs());
                self.equity() * share / (distance * terms.spec.instrument.multiplier)
            }
            Size::Volatility { target, .. } => {
                self.equity() * target / (wanted.volatility.unwrap_or(f64::NAN) * unit)
            }
        };
        // No distance to the stop and no volatility ask for infinitely much: then nothing is bought.
        if units.is_finite() { terms.rounded_down(units) } else { 0.0 }
    }

    /// The units that a share of the free margin buys or sells at `price`, costs included; 0 if not even one.
    pub(super) fn affordable(&self, leg: usize, price: f64, share: f64) -> f64 {
        let terms = &self.legs[leg];
        let spec = terms.spec;
        let unit = price * spec.instrument.multiplier;
        let free = self.free_margin();
        let (money, unit) = match spec.profile {
            Profile::Barkeep => {
                (free * share - spec.commission_fixed, unit * (spec.margin + spec.commission.max(0.0)))
            }
            Profile::Btpy06 => {
                let share = if share == 1.0 { 1.0 - f64::EPSILON } else { share };
                (free * (1.0 / spec.margin) * share, terms.compatible_unit(share, price))
            }
        };
        let units = match terms.step() {
            _ if money <= 0.0 => 0.0,
            // The remainder is exact, so a quotient just below a whole number is not taken for it.
            Step::Whole => ((money - money % unit) / unit).round(),
            Step::Fraction => (money / unit * UNITS_PER_ONE).floor() / UNITS_PER_ONE,
            Step::Lot(lot) => (money / unit / lot).floor() * lot,
        };
        if spec.profile == Profile::Btpy06 || spec.unit_fee.is_free() {
            units
        } else {
            terms.within(units, price, free * share)
        }
    }

    /// Whether so many units more can be held at `price`.
    pub(super) fn affords(&self, leg: usize, size: Size, units: f64, price: f64) -> bool {
        let terms = &self.legs[leg];
        let ordered = match size {
            Size::Free { share } => share,
            _ => units,
        };
        match terms.spec.profile {
            Profile::Barkeep => units <= self.affordable(leg, price, 1.0),
            Profile::Btpy06 => {
                let money = self.free_margin() * (1.0 / terms.spec.margin);
                units * terms.compatible_unit(ordered, price) <= money
            }
        }
    }
}

enum Step {
    Whole,
    Fraction,
    Lot(f64),
}

impl Leg<'_> {
    /// What the compatible profile takes for the cost of a unit: the fixed fee is divided by the ordered size, also where that is
    /// a share and not a number of units.
    fn compatible_unit(&self, ordered: f64, price: f64) -> f64 {
        let unit = price * self.spec.instrument.multiplier;
        unit + self.spec.commission_fixed / ordered + self.spec.commission * unit
    }

    fn step(&self) -> Step {
        match (self.spec.instrument.lot, self.spec.units) {
            (lot, _) if lot > 0.0 => Step::Lot(lot),
            (_, Units::Whole) => Step::Whole,
            (_, Units::Fractional) => Step::Fraction,
        }
    }

    /// A quantity rounded down to what can be traded.
    pub(super) fn rounded_down(&self, units: f64) -> f64 {
        // A product of shares may lie a hair below the whole number that is meant.
        let units = units.max(0.0) * (1.0 + 4.0 * f64::EPSILON);
        match self.step() {
            Step::Whole => units.floor(),
            Step::Fraction => (units * UNITS_PER_ONE).floor() / UNITS_PER_ONE,
            Step::Lot(lot) => (units / lot).floor() * lot,
        }
    }

    /// A difference of quantities, without the noise of the subtraction.
    pub(super) fn rounded(&self, units: f64) -> f64 {
        match self.step() {
            Step::Whole => units.round(),
            Step::Fraction => (units * UNITS_PER_ONE).round() / UNITS_PER_ONE,
            Step::Lot(lot) => (units / lot).round() * lot,
        }
    }

    /// The most units up to `most` whose margin and fee fit into `money`; fees by units have no closed form.
    fn within(&self, most: f64, price: f64, money: f64) -> f64 {
        let cost = |units: f64| self.value(units, price) * self.spec.margin + self.fee(units, price);
        if most <= 0.0 || cost(most) <= money {
            return most;
        }
        let (mut fits, mut too_much) = (0.0, most);
        for _ in 0..64 {
            let middle = self.rounded_down(f64::midpoint(fits, too_much));
            if middle <= fits || middle >= too_much {
                break;
            }
            if cost(middle) <= money { fits = middle } else { too_much = middle }
        }
        fits
    }
}
