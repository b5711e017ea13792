//! How far prices range: true range, Wilder's average of it, Keltner's channel.

use super::{Band, Ema, Indicator, Seed, Wilder};

/// The prices of a bar that ranges are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hlc {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

impl Hlc {
    /// The greatest of high − low, |high − previous close| and |low − previous close|; of the first bar high − low.
    #[inline]
    fn true_range(self, previous_close: f64) -> f64 {
        let range = self.high - self.low;
        // `max` passes over what is not a number.
        if range.is_nan() || self.close.is_nan() {
            return f64::NAN;
        }
        range.max((self.high - previous_close).abs()).max((self.low - previous_close).abs())
    }
}

/// The true range of every bar; columns are cut to the shortest.
pub fn true_range(high: &[f64], low: &[f64], close: &[f64]) -> Vec<f64> {
    let mut previous = f64::NAN;
    let mut ranges = Vec::with_capacity(close.len());
    for ((&high, &low), &close) in high.iter().zip(low).zip(close) {
        ranges.push(Hlc { high, low, close }.true_range(previous));
        previous = close;
    }
    ranges
}

/// Wilder's average true range. The first bar's range is high − low, so the first value stands at the n-th bar, as in
/// TradingView; TA-Lib leaves that bar out and begins one later.
#[derive(Clone, Debug)]
pub struct Atr {
    average: Wilder,
    previous_close: f64,
}

impl Atr {
    /// Over a nominal `window`.
    pub fn new(window: u32) -> Self {
        Self { average: Wilder::new(window), previous_close: f64::NAN }
    }
}

impl Indicator for Atr {
    type Input = Hlc;
    type Output = f64;

    #[inline]
    fn push(&mut self, bar: Hlc) -> f64 {
        let range = bar.true_range(self.previous_close);
        self.previous_close = bar.close;
        self.average.push(range)
    }
}

/// Wilder's average true range of columns.
pub fn atr(high: &[f64], low: &[f64], close: &[f64], window: u32) -> Vec<f64> {
    super::wilder(&true_range(high, low, close), window)
}

/// Keltner's channel: the EMA of the close, and k average true ranges above and below it.
#[derive(Clone, Debug)]
pub struct Keltner {
    middle: Ema,
    range: Atr,
    factor: f64,
}

impl Keltner {
    /// An average over `window` bars, `factor` true ranges averaged over `range_window` bars away.
    pub fn new(window: u32, range_window: u32, factor: f64) -> Self {
        Self { middle: Ema::new(window, Seed::Sma), range: Atr::new(range_window), factor }
    }
}

impl Indicator for Keltner {
    type Input = Hlc;
    type Output = Band;

    fn push(&mut self, bar: Hlc) -> Band {
        Band::around(self.middle.push(bar.close), self.factor * self.range.push(bar))
    }
}

/// Keltner's channel of columns.
pub fn keltner([high, low, close]: [&[f64]; 3], window: u32, range_window: u32, factor: f64) -> Vec<Band> {
    let (middle, range) = (super::ema(close, window, Seed::Sma), atr(high, low, close, range_window));
    middle.into_iter().zip(range).map(|(middle, range)| Band::around(middle, factor * range)).collect()
}
