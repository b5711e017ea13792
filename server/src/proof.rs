//! Proof that two sets of bars are the same: counts, ends, exact sums, and a hash that does not depend on their order.

use bars::{Bar, BarColumns, Decimal, UnixNanos};
use catalog::Sha256;
use serde::{Serialize, Serializer};

/// Totals over bars. Equal totals mean equal bars, but for a collision of 128 bits.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Totals {
    /// How many.
    pub rows: u64,
    /// First `ts_init`.
    pub first: Option<UnixNanos>,
    /// Last `ts_init`.
    pub last: Option<UnixNanos>,
    /// Exact sum of the opens.
    pub open: ExactSum,
    /// Exact sum of the highs.
    pub high: ExactSum,
    /// Exact sum of the lows.
    pub low: ExactSum,
    /// Exact sum of the closes.
    pub close: ExactSum,
    /// Exact sum of the volumes.
    pub volume: ExactSum,
    /// Sum, modulo 2¹²⁸, of the first half of each bar's SHA-256 over its seven values: the same in every order.
    #[serde(serialize_with = "as_hex")]
    pub hash: u128,
}

impl Totals {
    /// Adds a bar.
    pub fn add(&mut self, bar: &Bar) {
        self.rows += 1;
        self.first = Some(self.first.map_or(bar.ts_init, |first| first.min(bar.ts_init)));
        self.last = Some(self.last.map_or(bar.ts_init, |last| last.max(bar.ts_init)));
        let sums = [&mut self.open, &mut self.high, &mut self.low, &mut self.close, &mut self.volume];
        for (sum, value) in sums.into_iter().zip([bar.open, bar.high, bar.low, bar.close, bar.volume]) {
            sum.add(value);
        }
        self.hash = self.hash.wrapping_add(canonical(bar));
    }

    /// Adds all bars.
    pub fn add_all(&mut self, bars: &BarColumns<Decimal>) {
        (0..bars.len()).for_each(|row| self.add(&bars.bar(row)));
    }
}

/// A bar as 96 bytes, little-endian: both stamps, then the prices and the volume in units of 10⁻¹⁶.
fn canonical(bar: &Bar) -> u128 {
    let mut bytes = [0; 96];
    bytes[..8].copy_from_slice(&bar.ts_event.0.to_le_bytes());
    bytes[8..16].copy_from_slice(&bar.ts_init.0.to_le_bytes());
    for (at, value) in [bar.open, bar.high, bar.low, bar.close, bar.volume].into_iter().enumerate() {
        bytes[16 * (at + 1)..16 * (at + 2)].copy_from_slice(&value.units().to_le_bytes());
    }
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::of(&bytes).0[..16]);
    u128::from_le_bytes(half)
}

fn as_hex<S: Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{hash:032x}"))
}

/// A sum that no number of decimals overflows: upper and lower 64 bits are added apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExactSum {
    high: i128,
    low: u128,
}

impl ExactSum {
    fn add(&mut self, value: Decimal) {
        self.high += value.units() >> 64;
        self.low += (value.units() & i128::from(u64::MAX)).cast_unsigned();
        self.high += (self.low >> 64).cast_signed();
        self.low &= u128::from(u64::MAX);
    }

    /// The sum, if it is within the range of a decimal.
    pub fn value(self) -> Option<Decimal> {
        let units = self.high.checked_mul(1 << 64)?.checked_add(self.low.cast_signed())?;
        (units.abs() <= Decimal::MAX_UNITS).then(|| Decimal::from_units(units))
    }
}

impl Serialize for ExactSum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value() {
            Some(sum) => serializer.serialize_str(&sum.to_string()),
            None => serializer.serialize_str(&format!("{:x}:{:016x}", self.high, self.low)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(close: i128, stamp: i64) -> Bar {
        let value = Decimal::from_units(close);
        let stamp = UnixNanos(stamp);
        Bar {
            open: value,
            high: value,
            low: value,
            close: value,
            volume: value,
            ts_event: stamp,
            ts_init: stamp,
        }
    }

    #[test]
    fn order_does_not_matter_and_every_value_does() {
        let totals = |bars: &[Bar]| {
            let mut totals = Totals::default();
            bars.iter().for_each(|bar| totals.add(bar));
            totals
        };
        let (a, b, c) = (bar(5, 1), bar(-7, 2), bar(i128::from(u64::MAX) * 9, 3));
        let all = totals(&[a, b, c]);
        assert_eq!(all, totals(&[c, a, b]));
        assert_eq!((all.rows, all.first, all.last), (3, Some(UnixNanos(1)), Some(UnixNanos(3))));
        assert_eq!(all.close.value(), Some(Decimal::from_units(i128::from(u64::MAX) * 9 - 2)));
        let changed = [
            Bar { close: Decimal::from_units(6), ..a },
            Bar { ts_event: UnixNanos(9), ..a },
            Bar { open: b.open, close: b.close, ..a },
        ];
        for other in changed {
            assert_ne!(all.hash, totals(&[other, b, c]).hash);
        }
        assert_ne!(all.hash, totals(&[a, b, c, c]).hash);
    }

    #[test]
    fn sums_beyond_a_decimal_stay_exact() {
        let mut sum = ExactSum::default();
        (0..4).for_each(|_| sum.add(Decimal::from_units(Decimal::MAX_UNITS)));
        assert_eq!(sum.value(), None);
        (0..4).for_each(|_| sum.add(Decimal::from_units(-Decimal::MAX_UNITS)));
        assert_eq!(sum.value(), Some(Decimal::ZERO));
    }
}
