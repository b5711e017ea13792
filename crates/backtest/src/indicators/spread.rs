//! How far values lie apart: standard deviation and Bollinger's bands.

use super::window::Ring;
use super::{Indicator, Sma, column};

/// What the squares are divided by.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Degrees {
    /// By n: the window is all there is. What Bollinger, TA-Lib and TradingView use.
    #[default]
    Population,
    /// By n − 1: the window is a sample. What pandas uses unless told otherwise.
    Sample,
}

/// The standard deviation of the last n values.
///
/// Computed from the window's own mean, so that a small deviation of large prices keeps its digits.
#[derive(Clone, Debug)]
pub struct Deviation {
    ring: Ring,
    degrees: Degrees,
}

impl Deviation {
    /// Over `window` values.
    pub fn new(window: u32, degrees: Degrees) -> Self {
        Self { ring: Ring::new(window), degrees }
    }
}

impl Indicator for Deviation {
    type Input = f64;
    type Output = f64;

    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            self.ring.clear();
            return f64::NAN;
        }
        self.ring.push(value);
        if self.ring.is_full() { of(self.ring.values(), self.degrees) } else { f64::NAN }
    }
}

/// The deviation of a window, from differences to its least value: the size of prices costs no digits, and equal values give 0.
fn of(values: &[f64], degrees: Degrees) -> f64 {
    let count = values.len() as f64;
    let divisor = match degrees {
        Degrees::Population => count,
        Degrees::Sample => count - 1.0,
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = values.iter().map(|value| value - least).sum::<f64>() / count;
    let square = |value: &f64| {
        let distance = value - least - mean;
        distance * distance
    };
    (values.iter().map(square).sum::<f64>() / divisor).sqrt()
}

/// The standard deviation of a column's last `window` values.
pub fn deviation(values: &[f64], window: u32, degrees: Degrees) -> Vec<f64> {
    column(Deviation::new(window, degrees), values)
}

/// A middle and two lines around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The upper line.
    pub upper: f64,
    /// The middle.
    pub middle: f64,
    /// The lower line.
    pub lower: f64,
}

impl Band {
    /// `distance` above and below `middle`.
    pub(super) fn around(middle: f64, distance: f64) -> Self {
        Self { upper: middle + distance, middle, lower: middle - distance }
    }
}

/// Bollinger's bands: the SMA, and k population deviations above and below it.
#[derive(Clone, Debug)]
pub struct Bollinger {
    middle: Sma,
    deviation: Deviation,
    factor: f64,
}

impl Bollinger {
    /// Over `window` values, `factor` deviations away.
    pub fn new(window: u32, factor: f64) -> Self {
        Self { middle: Sma::new(window), deviation: Deviation::new(window, Degrees::Population), factor }
    }
}

impl Indicator for Bollinger {
    type Input = f64;
    type Output = Band;

    fn push(&mut self, value: f64) -> Band {
        Band::around(self.middle.push(value), self.factor * self.deviation.push(value))
    }
}

/// Bollinger's bands of a column.
pub fn bollinger(values: &[f64], window: u32, factor: f64) -> Vec<Band> {
    let mut bands = Bollinger::new(window, factor);
    values.iter().map(|&value| bands.push(value)).collect()
}
