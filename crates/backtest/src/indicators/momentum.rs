//! Strength of a movement: RSI, MACD, rate of change, stochastic.

use super::{Ema, Highest, Hlc, Indicator, Lowest, Seed, Sma, Wilder, column};

/// Wilder's relative strength index: 100 × average gain / (average gain + average loss), from 0 to 100.
///
/// The averages are Wilder's, so the first value stands after n changes. Without any movement it is 50, where
/// TradingView shows 100 and TA-Lib 0.
#[derive(Clone, Debug)]
pub struct Rsi {
    gain: Wilder,
    loss: Wilder,
    previous: f64,
}

impl Rsi {
    /// Over `window` changes.
    pub fn new(window: u32) -> Self {
        Self { gain: Wilder::new(window), loss: Wilder::new(window), previous: f64::NAN }
    }
}

impl Indicator for Rsi {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        let change = value - std::mem::replace(&mut self.previous, value);
        // `max` passes over what is not a number.
        let (up, down) =
            if change.is_nan() { (change, change) } else { (change.max(0.0), (-change).max(0.0)) };
        let (gain, loss) = (self.gain.push(up), self.loss.push(down));
        if gain + loss == 0.0 { 50.0 } else { 100.0 * gain / (gain + loss) }
    }
}

/// Wilder's relative strength index of a column.
pub fn rsi(values: &[f64], window: u32) -> Vec<f64> {
    column(Rsi::new(window), values)
}

/// Moving average convergence and divergence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdValue {
    /// Fast minus slow average.
    pub line: f64,
    /// The average of the line.
    pub signal: f64,
    /// Line minus signal.
    pub histogram: f64,
}

/// Appel's MACD: EMA(fast) − EMA(slow) and its EMA. Each average is seeded by the SMA of its own first values.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// With these windows; 12, 26 and 9 are customary.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        let ema = |window| Ema::new(window, Seed::Sma);
        Self { fast: ema(fast), slow: ema(slow), signal: ema(signal) }
    }
}

impl Indicator for Macd {
    type Input = f64;
    type Output = MacdValue;

    fn push(&mut self, value: f64) -> MacdValue {
        let line = self.fast.push(value) - self.slow.push(value);
        let signal = self.signal.push(line);
        MacdValue { line, signal, histogram: line - signal }
    }
}

/// Appel's MACD of a column.
pub fn macd(values: &[f64], fast: u32, slow: u32, signal: u32) -> Vec<MacdValue> {
    let mut macd = Macd::new(fast, slow, signal);
    values.iter().map(|&value| macd.push(value)).collect()
}

/// The rate of change over `bars` rows in percent: 100 × (x / x before − 1).
pub fn roc(values: &[f64], bars: u32) -> Vec<f64> {
    let before = super::lag(values, bars);
    values.iter().zip(before).map(|(now, before)| 100.0 * (now / before - 1.0)).collect()
}

/// The stochastic's two lines, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StochasticValue {
    /// Where the close lies between lowest low and highest high, smoothed.
    pub k: f64,
    /// The average of `k`.
    pub d: f64,
}

/// Lane's stochastic: %K = SMA of 100 × (close − lowest low) / (highest high − lowest low), %D = SMA of %K.
///
/// With a smoothing of 1 it is the fast stochastic, with 3 the slow one. Where highest and lowest are equal, the close
/// lies in the middle: 50.
#[derive(Clone, Debug)]
pub struct Stochastic {
    highest: Highest,
    lowest: Lowest,
    k: Sma,
    d: Sma,
}

impl Stochastic {
    /// Over `window` bars, %K smoothed over `smooth`, %D over `signal` values; 14, 3 and 3 are customary.
    pub fn new(window: u32, smooth: u32, signal: u32) -> Self {
        Self {
            highest: Highest::new(window),
            lowest: Lowest::new(window),
            k: Sma::new(smooth),
            d: Sma::new(signal),
        }
    }
}

impl Indicator for Stochastic {
    type Input = Hlc;
    type Output = StochasticValue;

    fn push(&mut self, bar: Hlc) -> StochasticValue {
        let (highest, lowest) = (self.highest.push(bar.high), self.lowest.push(bar.low));
        let raw = if highest == lowest { 50.0 } else { 100.0 * (bar.close - lowest) / (highest - lowest) };
        let k = self.k.push(raw);
        StochasticValue { k, d: self.d.push(k) }
    }
}

/// Lane's stochastic of columns; they are cut to the shortest.
pub fn stochastic(
    [high, low, close]: [&[f64]; 3],
    window: u32,
    smooth: u32,
    signal: u32,
) -> Vec<StochasticValue> {
    let mut lines = Stochastic::new(window, smooth, signal);
    let bars = high.iter().zip(low).zip(close);
    bars.map(|((&high, &low), &close)| lines.push(Hlc { high, low, close })).collect()
}
