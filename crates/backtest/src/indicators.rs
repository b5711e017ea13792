//! Indicators as whole columns: one value a bar, not-a-number until the window is full.

/// The simple moving average of `values` over `window` of them; `window` is at least 1.
///
/// A running sum with Kahan's compensation, one for what is added and one for what leaves; it equals pandas bit for
/// bit. Rounding matters: on a tick grid averages tie exactly, and a wrong last bit would make a cross.
pub(crate) fn sma(values: &[f64], window: usize) -> Vec<f64> {
    let mut means = Vec::with_capacity(values.len());
    let mut sum = RunningSum::default();
    let (mut equal, mut before) = (0_usize, f64::NAN);
    for (row, &value) in values.iter().enumerate() {
        if row >= window {
            sum.remove(values[row - window]);
        }
        sum.add(value);
        equal = if value == before { equal + 1 } else { 1 };
        before = value;
        means.push(match row + 1 {
            seen if seen < window => f64::NAN,
            _ if equal >= window => value,
            _ => sum.total / window as f64,
        });
    }
    means
}

/// A sum whose lost low digits are carried along.
#[derive(Default)]
struct RunningSum {
    total: f64,
    added: f64,
    removed: f64,
}

impl RunningSum {
    fn add(&mut self, value: f64) {
        let exact = value - self.added;
        let total = self.total + exact;
        self.added = total - self.total - exact;
        self.total = total;
    }

    fn remove(&mut self, value: f64) {
        let exact = -value - self.removed;
        let total = self.total + exact;
        self.removed = total - self.total - exact;
        self.total = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_full_windows() {
        let cases: [(&[f64], usize, &[f64]); 5] = [
            (&[], 3, &[]),
            (&[1.0, 2.0], 3, &[f64::NAN, f64::NAN]),
            (&[1.0, 2.0, 6.0, 1.0], 3, &[f64::NAN, f64::NAN, 3.0, 3.0]),
            (&[1.0, 2.0, 6.0], 1, &[1.0, 2.0, 6.0]),
            (&[1e16, 0.1, 0.1, 0.1], 3, &[f64::NAN, f64::NAN, 1e16 / 3.0, 0.1]),
        ];
        for (values, window, expected) in cases {
            let bits = |column: &[f64]| column.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&sma(values, window)), bits(expected), "{values:?} {window}");
        }
    }
}
