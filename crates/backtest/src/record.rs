//! What a run keeps of the account's value after each bar: all of it for a report, or only what a score needs.

use std::ops::Range;

use crate::lanes::extremes;

/// Where the account's value after each bar goes. Bars come in order, each once.
pub(crate) trait Record {
    /// The account is worth `equity` after each of `bars`.
    fn constant(&mut self, bars: Range<usize>, equity: f64);

    /// The account is worth `cash` + `units` × (close − `entry`) after each of `bars`, whose closes are given.
    ///
    /// Stops before the first bar where that is not positive and finite, and gives it with its value.
    fn line(&mut self, bars: Range<usize>, line: Line, close: &[f64]) -> Option<(usize, f64)>;
}

/// The account's value while one trade is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) cash: f64,
    pub(crate) units: f64,
    pub(crate) entry: f64,
}

impl Line {
    #[inline]
    fn at(self, close: f64) -> f64 {
        self.cash + self.units * (close - self.entry)
    }
}

/// Whether an account lives: it is worth something, and not more than a number can hold.
#[inline]
pub(crate) fn is_good(equity: f64) -> bool {
    equity > 0.0 && equity <= f64::MAX
}

/// The value after every bar.
pub(crate) struct Curve {
    pub(crate) equity: Vec<f64>,
}

impl Record for Curve {
    fn constant(&mut self, bars: Range<usize>, equity: f64) {
        self.equity[bars].fill(equity);
    }

    fn line(&mut self, bars: Range<usize>, line: Line, close: &[f64]) -> Option<(usize, f64)> {
        let equity = &mut self.equity[bars.clone()];
        equity.iter_mut().zip(close).for_each(|(equity, close)| *equity = line.at(*close));
        // The value rises or falls with the close, so the worst lies at one of its extremes.
        let (low, high) = extremes(close);
        if is_good(line.at(low)) && is_good(line.at(high)) {
            return None;
        }
        let bad = equity.iter().position(|&equity| !is_good(equity))?;
        Some((bars.start + bad, equity[bad]))
    }
}

/// What a score needs: the deepest drawdown, the value at the end of each period, the last one.
pub(crate) struct Summary<'m> {
    /// The last bar of each period, ascending.
    ends: &'m [usize],
    /// The value at each of them so far.
    pub(crate) at_ends: Vec<f64>,
    peak: f64,
    /// Least share of the peak.
    least: f64,
    pub(crate) last: f64,
}

/// Bars that are looked at together.
const BLOCK: usize = 128;

impl<'m> Summary<'m> {
    pub(crate) fn new(ends: &'m [usize]) -> Self {
        let at_ends = Vec::with_capacity(ends.len());
        Self { ends, at_ends, peak: f64::MIN_POSITIVE, least: 1.0, last: f64::NAN }
    }

    /// The deepest drawdown as a share, 0 down to -1.
    pub(crate) fn deepest(&self) -> f64 {
        self.least - 1.0
    }

    /// The bars among `bars` at which a period ends.
    fn ends_in(&self, bars: &Range<usize>) -> &'m [usize] {
        let rest = &self.ends[self.at_ends.len()..];
        &rest[..rest.partition_point(|end| *end < bars.end)]
    }
}

impl Record for Summary<'_> {
    fn constant(&mut self, bars: Range<usize>, equity: f64) {
        if bars.is_empty() {
            return;
        }
        self.at_ends.extend(self.ends_in(&bars).iter().map(|_| equity));
        self.peak = self.peak.max(equity);
        self.least = self.least.min(equity / self.peak);
        self.last = equity;
    }

    fn line(&mut self, bars: Range<usize>, line: Line, close: &[f64]) -> Option<(usize, f64)> {
        for (place, block) in close.chunks(BLOCK).enumerate() {
            // Value rises or falls with the close: its extremes lie at those of the close.
            let (low, high) = extremes(block);
            let (low, high) = if line.units >= 0.0 { (low, high) } else { (high, low) };
            let (least, most) = (line.at(low), line.at(high));
            if !is_good(least) || !is_good(most) {
                let bad = block.iter().position(|close| !is_good(line.at(*close)))?;
                let bar = bars.start + place * BLOCK + bad;
                let ends = self.ends_in(&(bars.start..bar));
                self.at_ends.extend(ends.iter().map(|end| line.at(close[*end - bars.start])));
                return Some((bar, line.at(block[bad])));
            }
            if most <= self.peak {
                self.least = self.least.min(least / self.peak);
                continue;
            }
            for close in block {
                let equity = line.at(*close);
                self.peak = self.peak.max(equity);
                self.least = self.least.min(equity / self.peak);
            }
        }
        let at_end = |end: &usize| line.at(close[*end - bars.start]);
        self.at_ends.extend(self.ends_in(&bars).iter().map(at_end));
        self.last = close.last().map_or(self.last, |close| line.at(*close));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both records of the same lines agree.
    #[test]
    fn a_summary_is_that_of_the_curve() {
        let close: Vec<f64> = (0..1000).map(|bar| 100.0 + f64::from(bar * 7919 % 541) / 10.0).collect();
        let ends = [0, 9, 10, 500, 999];
        for units in [-1.0, 0.0, 2.0] {
            let line = Line { cash: 300.0, units, entry: 120.0 };
            let mut curve = Curve { equity: vec![0.0; 1000] };
            let mut summary = Summary::new(&ends);
            for range in [0..1, 1..10, 10..600, 600..1000] {
                let part = &close[range.clone()];
                if units == 0.0 {
                    curve.constant(range.clone(), 300.0);
                    summary.constant(range, 300.0);
                } else {
                    assert_eq!(curve.line(range.clone(), line, part), None);
                    assert_eq!(summary.line(range, line, part), None);
                }
            }
            let drawdown = crate::statistics::drawdown(&curve.equity);
            assert_eq!(summary.deepest(), drawdown.into_iter().fold(0.0, f64::min));
            assert_eq!(summary.at_ends, ends.map(|end| curve.equity[end]));
            assert_eq!(summary.last, curve.equity[999]);
        }
    }

    #[test]
    fn both_stop_at_the_first_bad_bar() {
        let close = [100.0, 90.0, 40.0, 30.0, 100.0];
        let line = Line { cash: 100.0, units: 2.0, entry: 90.0 };
        let mut curve = Curve { equity: vec![0.0; 5] };
        assert_eq!(curve.line(0..5, line, &close), Some((2, 0.0)));
        assert_eq!(Summary::new(&[4]).line(0..5, line, &close), Some((2, 0.0)));
    }
}
