//! Folds over columns that take several values at a time: four partial results side by side, none waiting for another.

const LANES: usize = 4;

/// The least and the greatest value; infinities the wrong way round for none. What is not a number is passed over.
#[inline]
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let lanes = values.chunks_exact(LANES);
    let rest = lanes.remainder();
    for lane in lanes {
        for (at, &value) in lane.iter().enumerate() {
            low[at] = if value < low[at] { value } else { low[at] };
            high[at] = if value > high[at] { value } else { high[at] };
        }
    }
    let low = low.into_iter().chain(rest.iter().copied()).fold(f64::INFINITY, f64::min);
    let high = high.into_iter().chain(rest.iter().copied()).fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// Whether all values are finite and at least `least`.
pub(crate) fn all_finite_from(values: &[f64], least: f64) -> bool {
    let (mut low, mut noise) = ([f64::INFINITY; LANES], [0.0_f64; LANES]);
    let lanes = values.chunks_exact(LANES);
    let rest = lanes.remainder();
    for lane in lanes {
        for (at, &value) in lane.iter().enumerate() {
            low[at] = if value < low[at] { value } else { low[at] };
            // 0 for a finite number, else not a number.
            noise[at] += value * 0.0;
        }
    }
    let low = low.into_iter().chain(rest.iter().copied()).fold(f64::INFINITY, f64::min);
    let noise: f64 = noise.into_iter().chain(rest.iter().map(|value| value * 0.0)).sum();
    noise == 0.0 && (low >= least || values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_counts() {
        for length in 0..20 {
            let values: Vec<f64> = (0..length).map(|at| 5.0 + f64::from(at)).collect();
            assert!(all_finite_from(&values, 5.0));
            for place in 0..values.len() {
                let with = |value| {
                    let mut changed = values.clone();
                    changed[place] = value;
                    changed
                };
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 4.9, -1.0] {
                    assert!(!all_finite_from(&with(bad), 5.0), "{bad} at {place} of {length}");
                }
                assert_eq!(extremes(&with(-7.0)).0, -7.0);
                assert_eq!(extremes(&with(99.0)).1, 99.0);
            }
        }
        assert_eq!(extremes(&[]), (f64::INFINITY, f64::NEG_INFINITY));
    }
}
