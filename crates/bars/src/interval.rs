//! Half-open ranges of time and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::UnixNanos;

/// The instants from `start` up to, but not including, `end`.
///
/// A range whose end is not after its start is empty.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TimeRange {
    /// First instant.
    pub start: UnixNanos,
    /// First instant after the range.
    pub end: UnixNanos,
}

impl TimeRange {
    /// All of time (but for the very last nanosecond).
    pub const ALL: Self = Self { start: UnixNanos::MIN, end: UnixNanos::MAX };

    /// From `start` up to `end`.
    pub const fn new(start: UnixNanos, end: UnixNanos) -> Self {
        Self { start, end }
    }

    /// Whether no instant lies in it.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// Whether `instant` lies in it.
    pub fn contains(&self, instant: UnixNanos) -> bool {
        self.start <= instant && instant < self.end
    }

    /// What both ranges hold (possibly empty).
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Its length in nanoseconds, saturating; 0 when empty.
    pub fn nanos(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0).max(0)
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// A set of instants, kept as ascending ranges that are not empty, do not overlap and do not touch.
///
/// ```
/// use bars::{IntervalSet, TimeRange, UnixNanos};
/// let range = |start, end| TimeRange::new(UnixNanos(start), UnixNanos(end));
/// let set: IntervalSet = [range(5, 9), range(0, 5)].into_iter().collect();
/// assert_eq!(set.ranges(), [range(0, 9)]);
/// assert_eq!(set.subtract(&[range(2, 3)].into_iter().collect()).ranges(), [range(0, 2), range(3, 9)]);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IntervalSet(Vec<TimeRange>);

impl IntervalSet {
    /// The ranges, ascending.
    pub fn ranges(&self) -> &[TimeRange] {
        &self.0
    }

    /// Whether it holds no instant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `instant` lies in one of the ranges.
    pub fn contains(&self, instant: UnixNanos) -> bool {
        let after = self.0.partition_point(|range| range.start <= instant);
        after > 0 && self.0[after - 1].contains(instant)
    }

    /// Nanoseconds in all ranges together, saturating.
    pub fn nanos(&self) -> i64 {
        self.0.iter().fold(0, |sum, range| sum.saturating_add(range.nanos()))
    }

    /// Instants in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// Instants in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut out, mut left, mut right) =
            (Vec::new(), self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let both = a.intersect(b);
            if !both.is_empty() {
                out.push(both);
            }
            if a.end <= b.end {
                left.next();
            } else {
                right.next();
            }
        }
        Self(out)
    }

    /// Instants in this set and not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let (mut out, mut cuts) = (Vec::new(), other.0.iter().peekable());
        for range in &self.0 {
            let mut rest = *range;
            while let Some(cut) = cuts.peek() {
                if cut.end <= rest.start {
                    cuts.next();
                    continue;
                }
                if cut.start >= rest.end {
                    break;
                }
                if cut.start > rest.start {
                    out.push(TimeRange::new(rest.start, cut.start));
                }
                rest.start = cut.end.min(rest.end);
                if rest.is_empty() {
                    break;
                }
                cuts.next();
            }
            if !rest.is_empty() {
                out.push(rest);
            }
        }
        Self(out)
    }
}

impl FromIterator<TimeRange> for IntervalSet {
    fn from_iter<I: IntoIterator<Item = TimeRange>>(ranges: I) -> Self {
        let mut ranges: Vec<TimeRange> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        ranges.sort_unstable();
        let mut merged: Vec<TimeRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set() -> impl Strategy<Value = IntervalSet> {
        prop::collection::vec((0i64..40, 0i64..12), 0..8).prop_map(|ranges| {
            ranges
                .into_iter()
                .map(|(start, length)| TimeRange::new(UnixNanos(start), UnixNanos(start + length)))
                .collect()
        })
    }

    fn holds(set: &IntervalSet, instant: i64) -> bool {
        set.ranges().iter().any(|range| range.contains(UnixNanos(instant)))
    }

    proptest! {
        #[test]
        fn algebra_is_that_of_sets(a in set(), b in set()) {
            for instant in -1..60 {
                let (in_a, in_b) = (holds(&a, instant), holds(&b, instant));
                prop_assert_eq!(holds(&a.union(&b), instant), in_a || in_b);
                prop_assert_eq!(holds(&a.intersect(&b), instant), in_a && in_b);
                prop_assert_eq!(holds(&a.subtract(&b), instant), in_a && !in_b);
            }
            prop_assert_eq!(a.intersect(&b).nanos() + a.subtract(&b).nanos(), a.nanos());
        }

        #[test]
        fn ranges_never_touch(a in set(), b in set()) {
            for set in [a.union(&b), a.intersect(&b), a.subtract(&b)] {
                prop_assert!(set.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
                prop_assert!(set.ranges().iter().all(|range| !range.is_empty()));
            }
        }
    }
}
