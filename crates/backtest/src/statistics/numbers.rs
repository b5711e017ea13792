//! Means, spreads, quantiles and the normal distribution. Logarithms and powers are computed in software (`libm`), so that they have
//! the same digits on every machine.

use crate::lanes::extremes;

/// The mean, or not-a-number of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    sum / count
}

/// The variance of a sample (n - 1), or not-a-number below two values.
pub(crate) fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let center = mean(values.clone());
    let (count, squares) = values
        .fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + (value - center) * (value - center)));
    if count < 2.0 { f64::NAN } else { squares / (count - 1.0) }
}

/// The deviation of a sample (n - 1).
pub(crate) fn deviation(values: &[f64]) -> f64 {
    variance(values.iter().copied()).sqrt()
}

/// The constant return that compounds to the same end; 0 if one return loses everything.
pub(crate) fn geometric_mean(returns: impl Iterator<Item = f64> + Clone) -> f64 {
    if returns.clone().any(|share| share <= -1.0) {
        return 0.0;
    }
    libm::exp(mean(returns.map(|share| libm::log(1.0 + share)))) - 1.0
}

/// The mean of powers of the distances from the mean.
fn moment(values: &[f64], power: u32) -> f64 {
    let center = mean(values.iter().copied());
    let raised = |distance: f64| (1..power).fold(distance, |product, _| product * distance);
    mean(values.iter().map(|value| raised(value - center)))
}

/// Skewness of a sample, corrected for its size as pandas does; not-a-number below three values.
pub(crate) fn skewness(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if count < 3.0 {
        return f64::NAN;
    }
    let spread = moment(values, 2).sqrt();
    let biased = moment(values, 3) / (spread * spread * spread);
    (count * (count - 1.0)).sqrt() / (count - 2.0) * biased
}

/// Excess kurtosis of a sample, corrected for its size as pandas does; not-a-number below four values.
pub(crate) fn kurtosis(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if count < 4.0 {
        return f64::NAN;
    }
    let spread = moment(values, 2);
    let biased = moment(values, 4) / (spread * spread) - 3.0;
    (count - 1.0) / ((count - 2.0) * (count - 3.0)) * ((count + 1.0) * biased + 6.0)
}

/// The value below which a share of sorted values lies, between neighbours in proportion; not-a-number of nothing.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Values in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Correlation of pairs; not-a-number where one side never moves.
pub(crate) fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let (left, right) = (mean(pairs.clone().map(|pair| pair.0)), mean(pairs.clone().map(|pair| pair.1)));
    let (mut both, mut lefts, mut rights) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        both += (x - left) * (y - right);
        lefts += (x - left) * (x - left);
        rights += (y - right) * (y - right);
    }
    both / (lefts * rights).sqrt()
}

/// The share of a standard normal distribution below `z`.
pub(crate) fn normal_share(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The density of a standard normal distribution at `z`.
pub(crate) fn normal_density(z: f64) -> f64 {
    libm::exp(-z * z / 2.0) / (2.0 * std::f64::consts::PI).sqrt()
}

/// The value below which a `share` of a standard normal distribution lies; infinite at 0 and 1.
pub(crate) fn normal_quantile(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return if share <= 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if share > 0.5 {
        return -normal_quantile(1.0 - share);
    }
    // A rough start (Abramowitz and Stegun 26.2.23), then Newton's method on the share itself.
    let t = (-2.0 * libm::log(share)).sqrt();
    let ratio = (2.515_517 + t * (0.802_853 + t * 0.010_328))
        / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let mut z = ratio - t;
    for _ in 0..4 {
        let step = (normal_share(z) - share) / normal_density(z);
        if step.is_finite() {
            z -= step;
        }
    }
    z
}

/// ln(`after` / `before`) of positive values.
pub(crate) fn log_ratio(before: f64, after: f64) -> f64 {
    let z = (after - before) / (after + before);
    if z.abs() <= NEAR { near_logarithm(z) } else { libm::log(after / before) }
}

/// The logarithms of the ratios of neighbours, of which there is one less than values.
pub(crate) fn log_returns(values: &[f64], returns: &mut [f64]) {
    let Some(returns) = returns.get_mut(..values.len().saturating_sub(1)) else { return };
    for (pair, z) in values.windows(2).zip(returns.iter_mut()) {
        *z = (pair[1] - pair[0]) / (pair[1] + pair[0]);
    }
    let (low, high) = extremes(returns);
    if low >= -NEARER && high <= NEARER {
        returns.iter_mut().for_each(|z| *z = nearer_logarithm(*z));
    } else if low >= -NEAR && high <= NEAR {
        returns.iter_mut().for_each(|z| *z = near_logarithm(*z));
    } else {
        for (pair, target) in values.windows(2).zip(returns) {
            *target = log_ratio(pair[0], pair[1]);
        }
    }
}

/// ln((1 + z) / (1 - z)) of a small `z`.
///
/// Neighbouring prices are close together, where a short series for the inverse hyperbolic tangent is exact to the last digits and,
/// unlike a library's logarithm, several are computed at a time.
#[inline]
fn near_logarithm(z: f64) -> f64 {
    let square = z * z;
    let series = 1.0 / 9.0 + square * (1.0 / 11.0 + square * (1.0 / 13.0));
    let series = 1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * series)));
    2.0 * z * series
}

/// The same of an even smaller `z`, which needs three terms only.
#[inline]
fn nearer_logarithm(z: f64) -> f64 {
    let square = z * z;
    2.0 * z * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0)))
}

/// Up to this the first three terms leave less than one part in 10^17.
const NEARER: f64 = 0.002;

/// Up to this the first seven terms of the series leave less than one part in 10^17.
const NEAR: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [1.0, 2.0, 4.0, 8.0];
        let cases = [(0.0, 1.0), (1.0, 8.0), (0.5, 3.0), (0.25, 1.75), (0.9, 6.8)];
        for (share, expected) in cases {
            assert!((quantile(&values, share) - expected).abs() < 1e-12, "{share}");
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[7.0], 0.5), 7.0);
    }

    #[test]
    fn the_normal_distribution() {
        let cases = [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.05, -1.644_853_626_951_472_2),
            (1e-10, -6.361_340_902_404_056),
        ];
        for (share, z) in cases {
            assert!((normal_quantile(share) - z).abs() < 1e-12, "{share}: {}", normal_quantile(share));
            assert!((normal_share(z) - share).abs() < 1e-14, "{z}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn ratios_near_and_far() {
        for step in 0..2000 {
            let after = 0.5 + f64::from(step) * 0.001;
            let expected = libm::log(after / 1.0);
            assert!((log_ratio(1.0, after) - expected).abs() <= 4e-16 * expected.abs().max(0.05), "{after}");
        }
        assert_eq!(log_ratio(3.0, 3.0), 0.0);
        // Neighbours as near as minutes, as days, and as far as bubbles burst.
        for step in [1e-5, 1e-3, 0.04, 3.0] {
            let values: Vec<f64> = (0..20).map(|at| 5.0 + step * f64::from(at * 7 % 5)).collect();
            let mut returns = [0.0; 30];
            log_returns(&values, &mut returns);
            for (pair, found) in values.windows(2).zip(returns) {
                let expected = libm::log(pair[1] / pair[0]);
                assert!((found - expected).abs() <= 3e-16, "{step}: {found} is not {expected}");
            }
        }
        log_returns(&[], &mut []);
    }

    #[test]
    fn shape_of_a_sample() {
        // Worked with pandas' formulas by hand.
        let values = [1.0, 2.0, 3.0, 10.0];
        assert!((skewness(&values) - 1.763_632_614_803_888).abs() < 1e-12, "{}", skewness(&values));
        assert!((kurtosis(&values) - 3.228).abs() < 1e-12, "{}", kurtosis(&values));
        assert!(skewness(&values[..2]).is_nan() && kurtosis(&values[..3]).is_nan());
    }
}
