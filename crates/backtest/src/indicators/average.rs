//! Averages: simple, exponential in both seedings, weighted, and Wilder's.

use super::window::{Ring, RunningSum};
use super::{Indicator, column};

/// The simple moving average: the mean of the last n values.
///
/// A running sum with Kahan's compensation; it equals pandas bit for bit. Rounding matters: on a tick grid averages tie
/// exactly, and a wrong last bit would make a cross.
#[derive(Clone, Debug)]
pub struct Sma {
    ring: Ring,
    sum: RunningSum,
    run: Run,
}

impl Sma {
    /// Over `window` values.
    pub fn new(window: u32) -> Self {
        Self { ring: Ring::new(window), sum: RunningSum::default(), run: Run::default() }
    }
}

impl Indicator for Sma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            self.ring.clear();
            (self.sum, self.run) = (RunningSum::default(), Run::default());
            return f64::NAN;
        }
        if let Some(old) = self.ring.push(value) {
            self.sum.remove(old);
        }
        self.sum.add(value);
        let equal = self.run.push(value);
        match self.ring.capacity() {
            _ if !self.ring.is_full() => f64::NAN,
            window if equal >= window => value,
            window => self.sum.total() / window as f64,
        }
    }
}

/// How often the last value came in a row: the mean of equal values is that value, whatever rounding says.
#[derive(Clone, Debug)]
struct Run {
    value: f64,
    length: usize,
}

impl Default for Run {
    fn default() -> Self {
        Self { value: f64::NAN, length: 0 }
    }
}

impl Run {
    #[inline]
    fn push(&mut self, value: f64) -> usize {
        self.length = if value == self.value { self.length + 1 } else { 1 };
        self.value = value;
        self.length
    }
}

/// The simple moving average of a column.
///
/// ```
/// let means = backtest::indicators::sma(&[1.0, 2.0, 6.0, 1.0], 3);
/// assert_eq!(means[2..], [3.0, 3.0]);
/// ```
pub fn sma(values: &[f64], window: u32) -> Vec<f64> {
    column(Sma::new(window), values)
}

/// Two simple moving averages of a column at once.
///
/// Each value waits for the one before, so two averages side by side take hardly longer than one.
pub(crate) fn sma_pair(values: &[f64], windows: [u32; 2]) -> [Vec<f64>; 2] {
    let full = windows.map(|window| window.max(1) as usize);
    let both = full[0].max(full[1]);
    if values.len() <= both || values.iter().any(|value| value.is_nan()) {
        return windows.map(|window| sma(values, window));
    }
    let mut lanes = full.map(|window| Lane { sum: RunningSum::default(), divisor: window as f64 });
    let mut means = [Vec::with_capacity(values.len()), Vec::with_capacity(values.len())];
    let mut run = Run::default();
    for (row, &value) in values[..both].iter().enumerate() {
        let equal = run.push(value);
        for ((lane, means), window) in lanes.iter_mut().zip(&mut means).zip(full) {
            if row >= window {
                lane.sum.remove(values[row - window]);
            }
            lane.sum.add(value);
            means.push(if row + 1 < window { f64::NAN } else { lane.mean(value, equal >= window) });
        }
    }
    let [first, second] = &mut means;
    let [mut one, mut other] = lanes;
    let (mut block_one, mut block_other) = ([0.0; BLOCK], [0.0; BLOCK]);
    for start in (both..values.len()).step_by(BLOCK) {
        let end = values.len().min(start + BLOCK);
        let [left, right] = full.map(|window| &values[start - window..end - window]);
        let rows = values[start..end].iter().zip(left).zip(right);
        for (((&value, &old), &older), (mean, other_mean)) in
            rows.zip(block_one.iter_mut().zip(&mut block_other))
        {
            let equal = run.push(value);
            one.sum.remove(old);
            other.sum.remove(older);
            one.sum.add(value);
            other.sum.add(value);
            *mean = one.mean(value, equal >= full[0]);
            *other_mean = other.mean(value, equal >= full[1]);
        }
        first.extend_from_slice(&block_one[..end - start]);
        second.extend_from_slice(&block_other[..end - start]);
    }
    means
}

/// Values that are computed before they are written out, so that each place of a column is touched once.
const BLOCK: usize = 512;

/// One of two averages.
#[derive(Clone)]
struct Lane {
    sum: RunningSum,
    divisor: f64,
}

impl Lane {
    #[inline]
    fn mean(&self, value: f64, equal: bool) -> f64 {
        if equal { value } else { self.sum.total() / self.divisor }
    }
}

/// How an exponential average begins.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seed {
    /// By the mean of the first n values, as TA-Lib and TradingView's plots have it; the first value is the n-th.
    #[default]
    Sma,
    /// By the first value, as NautilusTrader 1 and pandas (`adjust=False`) have it; trusted from the n-th value on.
    First,
}

/// The exponential moving average: α·x + (1 − α)·previous with α = 2 / (n + 1).
#[derive(Clone, Debug)]
pub struct Ema {
    alpha: f64,
    seed: Seed,
    window: u32,
    seen: u32,
    value: f64,
    sum: RunningSum,
}

impl Ema {
    /// Over a nominal `window`, beginning as `seed` says.
    pub fn new(window: u32, seed: Seed) -> Self {
        let window = window.max(1);
        let alpha = 2.0 / (f64::from(window) + 1.0);
        Self { alpha, seed, window, seen: 0, value: f64::NAN, sum: RunningSum::default() }
    }
}

impl Indicator for Ema {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            *self = Self::new(self.window, self.seed);
            return f64::NAN;
        }
        self.seen = self.seen.saturating_add(1);
        match self.seed {
            Seed::Sma if self.seen <= self.window => {
                self.sum.add(value);
                if self.seen == self.window {
                    self.value = self.sum.total() / f64::from(self.window);
                }
            }
            // The first value is averaged with itself, which may move its last bit: so it is recorded.
            Seed::First if self.seen == 1 => self.value = self.alpha * value + (1.0 - self.alpha) * value,
            _ => self.value = self.alpha * value + (1.0 - self.alpha) * self.value,
        }
        self.value
    }
}

/// The exponential moving average of a column.
pub fn ema(values: &[f64], window: u32, seed: Seed) -> Vec<f64> {
    column(Ema::new(window, seed), values)
}

/// The linearly weighted moving average: the newest of n values weighs n, the oldest 1.
#[derive(Clone, Debug)]
pub struct Wma {
    ring: Ring,
}

impl Wma {
    /// Over `window` values.
    pub fn new(window: u32) -> Self {
        Self { ring: Ring::new(window) }
    }
}

impl Indicator for Wma {
    type Input = f64;
    type Output = f64;

    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            self.ring.clear();
            return f64::NAN;
        }
        self.ring.push(value);
        if !self.ring.is_full() {
            return f64::NAN;
        }
        // Summed anew each time: exact beats fast for a window of some dozens.
        let (mut weight, mut sum) = (0.0, 0.0);
        for value in self.ring.in_order() {
            weight += 1.0;
            sum += weight * value;
        }
        sum / (weight * (weight + 1.0) / 2.0)
    }
}

/// The linearly weighted moving average of a column.
pub fn wma(values: &[f64], window: u32) -> Vec<f64> {
    column(Wma::new(window), values)
}

/// Wilder's smoothing: the mean of the first n values, then (previous·(n − 1) + x) / n.
#[derive(Clone, Debug)]
pub struct Wilder {
    window: u32,
    seen: u32,
    value: f64,
}

impl Wilder {
    /// Over a nominal `window`.
    pub fn new(window: u32) -> Self {
        Self { window: window.max(1), seen: 0, value: 0.0 }
    }
}

impl Indicator for Wilder {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            *self = Self::new(self.window);
            return f64::NAN;
        }
        let window = f64::from(self.window);
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.window {
            self.value += value;
            return f64::NAN;
        }
        self.value = if self.seen == self.window {
            (self.value + value) / window
        } else {
            (self.value * (window - 1.0) + value) / window
        };
        self.value
    }
}

/// Wilder's smoothing of a column.
pub fn wilder(values: &[f64], window: u32) -> Vec<f64> {
    column(Wilder::new(window), values)
}
