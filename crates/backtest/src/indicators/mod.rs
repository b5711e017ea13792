//! Indicators with the definitions of the field.
//!
//! Each exists twice: as a state that is fed value by value ([`Indicator`], for streams) and as a function over whole columns
//! (for backtests). Both give the same bits. A value is not-a-number until there is enough to compute it from, and **an input
//! that is not a number starts the indicator over**, so that a hole never leaks into what follows.
//!
//! Windows are counted in bars and are at least 1; a window of 0 counts as 1.
//!
//! | indicator | definition after |
//! |---|---|
//! | [`Sma`], [`Wma`], [`Deviation`] | textbook; windows include the present value |
//! | [`Ema`] | α = 2 / (n + 1); seeded by the SMA of the first n (TA-Lib) or by the first value (NautilusTrader 1, pandas `adjust=False`) |
//! | [`Wilder`], [`Rsi`], [`Atr`] | J. Welles Wilder, *New Concepts in Technical Trading Systems*, 1978 |
//! | [`Macd`] | Gerald Appel; exponential averages seeded by their SMA |
//! | [`Bollinger`] | John Bollinger: SMA ± k population deviations |
//! | [`Keltner`] | Linda Raschke's form: EMA ± k ATR |
//! | [`Highest`], [`Lowest`] | Richard Donchian's channel is both of them, over highs and lows |
//! | [`Stochastic`] | George Lane: slow %K and %D |
//! | [`Vwap`] | by session, from typical prices |
//! | [`roc`], [`lag`] | textbook |

mod average;
mod momentum;
mod range;
mod spread;
mod volume;
mod window;

pub(crate) use average::sma_pair;
pub use average::{Ema, Seed, Sma, Wilder, Wma, ema, sma, wilder, wma};
pub use momentum::{Macd, MacdValue, Rsi, Stochastic, StochasticValue, macd, roc, rsi, stochastic};
pub use range::{Atr, Hlc, Keltner, atr, keltner, true_range};
pub use spread::{Band, Bollinger, Degrees, Deviation, bollinger, deviation};
pub use volume::{Vwap, vwap};
pub use window::{Highest, Lowest, highest, lag, lowest};

/// A computation that is fed value by value.
///
/// ```
/// use backtest::indicators::{Indicator, Sma};
/// let mut average = Sma::new(3);
/// let values = [1.0, 2.0, 6.0, 1.0].map(|value| average.push(value));
/// assert!(values[1].is_nan());
/// assert_eq!(values[2..], [3.0, 3.0]);
/// ```
pub trait Indicator {
    /// What it is fed.
    type Input: Copy;
    /// What it gives.
    type Output;

    /// Takes the next value and gives the indicator's value there.
    fn push(&mut self, input: Self::Input) -> Self::Output;
}

/// Feeds a whole column.
fn column(mut indicator: impl Indicator<Input = f64, Output = f64>, values: &[f64]) -> Vec<f64> {
    values.iter().map(|&value| indicator.push(value)).collect()
}
