//! The book that NautilusTrader makes of a bar, and what a market order takes from it.

use super::{Leg, Quote};
use crate::{Fill, Units};

/// What an order fills: units and money a unit; the second part may be 0 units.
pub(super) type Slices = [(f64, f64); 2];

/// The average price of slices.
pub(super) fn average(slices: &Slices) -> f64 {
    let [(first, price), (second, worse)] = *slices;
    if second == 0.0 { price } else { (first * price + second * worse) / (first + second) }
}

impl Leg<'_> {
    /// The parts in which `units` fill at `price`, bought for a `sign` of 1, sold for -1.
    ///
    /// All at once, but under [`Fill::Nautilus`]: what the top of the book does not hold fills one tick worse.
    pub(super) fn slices(&self, quote: Quote, sign: f64, units: f64, price: f64) -> Slices {
        if self.spec.fill != Fill::Nautilus {
            return [(units, price), (0.0, price)];
        }
        let top = units.min(self.top_of_book(quote.bar));
        let worse = self.on_grid(price + sign * self.spec.instrument.tick);
        [(top, price), (self.rounded(units - top), worse)]
    }

    /// Units at the best price after a bar: it is told as four trades of a quarter of its volume each, open, high, low and
    /// close, of which those that do not move the price are left out; the last carries what division left over.
    fn top_of_book(&self, bar: usize) -> f64 {
        let step = self.size_step();
        for bar in (0..=bar).rev() {
            let volume = self.prices.volume.get(bar).copied().unwrap_or_default();
            let quarter = ((volume / 4.0 / step).floor() * step).max(step);
            let before = bar.checked_sub(1).map_or(f64::NAN, |before| self.prices.close[before]);
            let mut last = self.prices.open[bar];
            let mut size = (last != before).then_some(quarter);
            for (moved, price) in [
                (self.prices.high[bar] > last, self.prices.high[bar]),
                (self.prices.low[bar] < last.max(self.prices.high[bar]), self.prices.low[bar]),
            ] {
                if moved {
                    (last, size) = (price, Some(quarter));
                }
            }
            if self.prices.close[bar] != last {
                size = Some(self.rounded(volume - 3.0 * quarter).max(step));
            }
            if let Some(size) = size {
                return size;
            }
        }
        step
    }

    fn size_step(&self) -> f64 {
        match (self.spec.instrument.lot, self.spec.units) {
            (lot, _) if lot > 0.0 => lot,
            (_, Units::Whole) => 1.0,
            (_, Units::Fractional) => 1e-8,
        }
    }
}
