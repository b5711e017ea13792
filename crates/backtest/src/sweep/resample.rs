//! How sure a Sharpe ratio is: by resampling, and after many trials.

use serde::{Deserialize, Serialize};

use super::order::Random;
use crate::spacing::Spacing;
use crate::statistics::numbers::{
    kurtosis, normal_quantile, normal_share, quantile, skewness, sorted, variance,
};
use crate::statistics::sharpe;
use crate::{Market, Report};

/// Returns of a run from period to period: UTC days, or longer for weekly and longer bars; `report` must hold its equity.
///
/// There are [`Market::periods_per_year`] of them a year.
pub fn period_returns(market: &Market<'_>, report: &Report) -> Vec<f64> {
    Spacing::returns(market.counted_ends().iter().map(|end| report.equity[*end])).0
}

/// How a ratio is resampled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// How often.
    pub resamples: u32,
    /// Neighbouring returns that are drawn together, so that what depends on each other stays together; the cube root of their
    /// number if left out.
    pub block: Option<u32>,
    /// The share of resamples inside the interval.
    pub confidence: f64,
    /// Returns a year.
    pub periods_per_year: f64,
    /// What decides the draw.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, block: None, confidence: 0.95, periods_per_year: 252.0, seed: 1 }
    }
}

/// An estimate and between what it lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The estimate from all returns.
    pub estimate: f64,
    /// The upper end.
    pub high: f64,
    /// The share of resamples in which it is above 0.
    pub above_zero: f64,
}

/// The interval of the Sharpe ratio a year (mean / deviation × √periods), by drawing blocks of returns with replacement around a circle
/// (Politis and Romano 1992) and taking percentiles.
///
/// `None` if there are fewer than ten returns, none that differs, or nothing is resampled.
pub fn bootstrap_sharpe(returns: &[f64], options: &Bootstrap) -> Option<Interval> {
    let count = returns.len();
    let inside = options.confidence > 0.0 && options.confidence < 1.0;
    let estimate = sharpe(returns);
    if count < 10 || options.resamples == 0 || !inside || !estimate.is_finite() {
        return None;
    }
    let cube_root = libm::cbrt(count as f64).round() as u32;
    let block = options.block.unwrap_or(cube_root).clamp(1, count as u32) as usize;
    let mut random = Random::new(options.seed);
    let mut drawn = Vec::with_capacity(count + block);
    let mut ratios = Vec::with_capacity(options.resamples as usize);
    for _ in 0..options.resamples {
        drawn.clear();
        while drawn.len() < count {
            let start = random.below(count as u64) as usize;
            drawn.extend((start..start + block).map(|at| returns[at % count]));
        }
        drawn.truncate(count);
        let ratio = sharpe(&drawn);
        ratios.extend(ratio.is_finite().then_some(ratio));
    }
    let ratios = sorted(&ratios);
    let year = options.periods_per_year.sqrt();
    let tail = (1.0 - options.confidence) / 2.0;
    let above = ratios.len() - ratios.partition_point(|ratio| *ratio <= 0.0);
    let interval = Interval {
        low: quantile(&ratios, tail) * year,
        estimate: estimate * year,
        high: quantile(&ratios, 1.0 - tail) * year,
        above_zero: above as f64 / ratios.len() as f64,
    };
    interval.low.is_finite().then_some(interval)
}

/// What a Sharpe ratio is worth after so many trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeflatedSharpe {
    /// The ratio a period (not a year).
    pub sharpe: f64,
    /// What the best of so many trials without any skill would be expected to have.
    pub expected_best: f64,
    /// The probability that the ratio is above that, given length, skewness and kurtosis of the returns.
    pub probability: f64,
    /// How many trials.
    pub trials: u64,
}

/// The deflated Sharpe ratio (Bailey and López de Prado 2014) of returns that are the best of `trials` runs whose Sharpe ratios a
/// period have a variance of `variance_of_trials`.
///
/// `None` with fewer than two trials or four returns, or where the ratio is undefined.
pub fn deflated_sharpe(returns: &[f64], trials: u64, variance_of_trials: f64) -> Option<DeflatedSharpe> {
    let (count, ratio) = (returns.len() as f64, sharpe(returns));
    if trials < 2
        || count < 4.0
        || !ratio.is_finite()
        || variance_of_trials.is_nan()
        || variance_of_trials < 0.0
    {
        return None;
    }
    let expected_best = expected_best(trials, variance_of_trials);
    let (skew, kurtosis) = (skewness(returns), kurtosis(returns) + 3.0);
    let probability = probability(ratio, expected_best, count, skew, kurtosis);
    probability.is_finite().then_some(DeflatedSharpe { sharpe: ratio, expected_best, probability, trials })
}

/// The expected maximum of so many independent draws from a normal distribution around 0.
fn expected_best(trials: u64, variance: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let count = trials as f64;
    let first = normal_quantile(1.0 - 1.0 / count);
    let second = normal_quantile(1.0 - 1.0 / (count * std::f64::consts::E));
    variance.sqrt() * ((1.0 - EULER) * first + EULER * second)
}

/// The probability that a true ratio is above `benchmark`; `kurtosis` is 3 for a normal distribution.
fn probability(ratio: f64, benchmark: f64, count: f64, skew: f64, kurtosis: f64) -> f64 {
    let spread = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio;
    normal_share((ratio - benchmark) * (count - 1.0).sqrt() / spread.sqrt())
}

/// The variance of the [Sharpe ratios a period](crate::Score::period_sharpe) of scored runs; not-a-number below two.
pub fn variance_of_trials(ratios: &[f64]) -> f64 {
    variance(ratios.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the paper: 100 trials with a variance of 1/2 a year, five years of 250 days, a Sharpe ratio of 2.5 a year with
    /// skewness -3 and kurtosis 10.
    #[test]
    fn the_example_of_the_paper() {
        let best = expected_best(100, 0.5 / 250.0);
        assert!((best - 0.1132).abs() < 5e-5, "{best}");
        let found = probability(2.5 / 250_f64.sqrt(), best, 1250.0, -3.0, 10.0);
        assert!((found - 0.9004).abs() < 5e-5, "{found}");
    }

    #[test]
    fn an_interval_holds_its_estimate_and_repeats() {
        let mut random = Random::new(3);
        let returns: Vec<f64> = (0..500).map(|_| random.below(2001) as f64 / 1e5 - 0.0095).collect();
        let interval = bootstrap_sharpe(&returns, &Bootstrap::default()).unwrap();
        assert!(interval.low < interval.estimate && interval.estimate < interval.high, "{interval:?}");
        assert_eq!(bootstrap_sharpe(&returns, &Bootstrap::default()), Some(interval));
        let other = Bootstrap { seed: 2, ..Bootstrap::default() };
        assert_ne!(bootstrap_sharpe(&returns, &other), Some(interval));
        // The standard error of a ratio a period is about one over the root of their number.
        let width = (interval.high - interval.low) / 252_f64.sqrt();
        assert!((width * 500_f64.sqrt() / (2.0 * 1.96) - 1.0).abs() < 0.15, "{width}");
    }

    #[test]
    fn what_cannot_be_judged_has_no_number() {
        assert_eq!(bootstrap_sharpe(&[0.01; 50], &Bootstrap::default()), None);
        assert_eq!(bootstrap_sharpe(&[0.01, -0.01], &Bootstrap::default()), None);
        let returns = [0.01, -0.02, 0.03, 0.01, 0.02];
        assert_eq!(deflated_sharpe(&returns, 1, 0.1), None);
        assert_eq!(deflated_sharpe(&[0.0; 9], 10, 0.1), None);
        assert_eq!(deflated_sharpe(&returns, 10, f64::NAN), None);
        let one = deflated_sharpe(&returns, 10, 0.1).unwrap();
        let more = deflated_sharpe(&returns, 1000, 0.1).unwrap();
        assert!(more.probability < one.probability && more.expected_best > one.expected_best);
    }
}
