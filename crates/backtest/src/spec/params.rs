//! Numbers of a spec by name, which is how sweeps change them.

use super::{Behind, Distance, Spec, Trail};
use crate::BacktestError;

impl Spec {
    /// Sets a parameter by name: one of the strategy's, or `stop`, `target`, `trail`, `hold_bars`, `size`, `cash`, `commission`,
    /// `commission_fixed`, `spread`, `margin`.
    ///
    /// A stop, target or trail keeps the kind of distance it has, and is a share if it has none; a size keeps its kind.
    ///
    /// # Errors
    /// [`BacktestError::UnknownParameter`] or [`BacktestError::OutOfRange`].
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), BacktestError> {
        if self.strategy.values().iter().any(|(known, _)| known == name) {
            return self.strategy.set(name, value);
        }
        let distance =
            |old: Option<Distance>| Some(old.map_or(Distance::Share(value), |old| old.with(value)));
        match name {
            "stop" => self.exits.stop = distance(self.exits.stop),
            "target" => self.exits.target = distance(self.exits.target),
            "trail" => {
                let old = self.exits.trail;
                let behind = old.map_or(Behind::Close, |trail| trail.behind);
                let new = distance(old.map(|trail| trail.distance));
                self.exits.trail = new.map(|distance| Trail { distance, behind });
            }
            "hold_bars" if value.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&value) => {
                self.exits.bars = Some(value as u32);
            }
            "hold_bars" => {
                return Err(BacktestError::OutOfRange {
                    name: "hold_bars",
                    value,
                    expected: "a whole number of bars from 1",
                });
            }
            "size" => self.size = self.size.with(value),
            "cash" => self.cash = value,
            "commission" => self.commission = value,
            "commission_fixed" => self.commission_fixed = value,
            "spread" => self.spread = value,
            "margin" => self.margin = value,
            _ => return self.strategy.set(name, value),
        }
        Ok(())
    }

    /// The value of a parameter of this name, if it has one.
    pub fn value(&self, name: &str) -> Option<f64> {
        if let Some((_, value)) = self.strategy.values().into_iter().find(|(known, _)| known == name) {
            return Some(value);
        }
        match name {
            "stop" => self.exits.stop.map(Distance::number),
            "target" => self.exits.target.map(Distance::number),
            "trail" => self.exits.trail.map(|trail| trail.distance.number()),
            "hold_bars" => self.exits.bars.map(f64::from),
            "size" => Some(self.size.number()),
            "cash" => Some(self.cash),
            "commission" => Some(self.commission),
            "commission_fixed" => Some(self.commission_fixed),
            "spread" => Some(self.spread),
            "margin" => Some(self.margin),
            _ => None,
        }
    }
}
