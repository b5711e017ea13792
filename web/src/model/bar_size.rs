//! Sizes of bars as traders write them: `5m`, `4h`, `1d`.

use std::fmt;
use std::str::FromStr;

use engine::bars::{BarSpec, DAY, HOUR, MINUTE, SECOND};

const MILLISECOND: i64 = 1_000_000;
const WEEK: i64 = 7 * DAY;
const UNITS: [(&str, i64); 6] =
    [("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND)];

/// A bar's interval in nanoseconds; positive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct BarSize(i64);

impl BarSize {
    /// The sizes a chart offers.
    pub(crate) const CUSTOMARY: [Self; 7] = [
        Self(MINUTE),
        Self(5 * MINUTE),
        Self(15 * MINUTE),
        Self(30 * MINUTE),
        Self(HOUR),
        Self(4 * HOUR),
        Self(DAY),
    ];

    /// `None` unless positive.
    pub(crate) fn new(nanos: i64) -> Option<Self> {
        (nanos > 0).then_some(Self(nanos))
    }

    pub(crate) fn nanos(self) -> i64 {
        self.0
    }

    /// The customary sizes that bars of `base` can be resampled to, `base` first.
    pub(crate) fn choices(base: i64) -> Vec<Self> {
        let coarser =
            Self::CUSTOMARY.into_iter().filter(|size| size.0 > base && base > 0 && size.0 % base == 0);
        Self::new(base).into_iter().chain(coarser).collect()
    }
}

impl fmt::Display for BarSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, nanos)| self.0 % nanos == 0) {
            Some((unit, nanos)) => write!(f, "{}{unit}", self.0 / nanos),
            None => write!(f, "{}ns", self.0),
        }
    }
}

impl FromStr for BarSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is not a bar size like 5m, 1h or 1d");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fail)?;
        let (count, unit) = text.split_at(digits);
        let nanos = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(fail)?.1;
        count
            .parse::<i64>()
            .ok()
            .and_then(|count| count.checked_mul(nanos))
            .and_then(Self::new)
            .ok_or_else(fail)
    }
}

/// A series' own bar size, also where it is not a length of time: `1m`, `1000 TICK`.
pub(crate) fn spec_label(spec: &BarSpec) -> String {
    match spec.interval().and_then(BarSize::new) {
        Some(size) => size.to_string(),
        None => format!("{} {}", spec.step, spec.aggregation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["1m", "5m", "90m", "1h", "4h", "1d", "2w", "30s", "250ms"] {
            assert_eq!(text.parse::<BarSize>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "m", "5", "0m", "-1m", "5x", "99999999999999999999w", "5 m"] {
            assert!(text.parse::<BarSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_multiples_are_offered() {
        let labels =
            |base| BarSize::choices(base).iter().map(BarSize::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(MINUTE), "1m 5m 15m 30m 1h 4h 1d");
        assert_eq!(labels(2 * MINUTE), "2m 30m 1h 4h 1d");
        assert_eq!(labels(DAY), "1d");
    }
}
