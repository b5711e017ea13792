//! Which bars of a window are missing, and leaving out the days that miss too many.

use std::ops::Range;

use bars::{Calendar, Date, Gap, IntervalSet, TimeRange, UnixNanos, coverage};
use serde::{Deserialize, Serialize};

use crate::Prices;

/// How complete bars are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    /// Bars that are there.
    pub found: u64,
    /// Bars that the calendar expects between the first and the last; `None` without a calendar.
    pub expected: Option<u64>,
    /// Stretches of session time without bars, each with how many are missing; empty without a calendar.
    pub gaps: Vec<Gap>,
    /// Days of which a smaller share than asked for is there; empty without a calendar.
    pub poor_days: Vec<Date>,
}

impl Completeness {
    /// Judges bars of `interval` nanoseconds by a calendar; days with less than `least_share` of their bars are poor.
    pub fn of(prices: Prices<'_>, interval: i64, calendar: Option<&Calendar>, least_share: f64) -> Self {
        let interval = interval.max(1);
        let found = coverage(&spanned(prices.times, interval), &IntervalSet::default(), interval, calendar);
        let is_poor = |found: u32, expected: Option<u32>| {
            expected.is_some_and(|expected| f64::from(found) < f64::from(expected) * least_share)
        };
        let poor = found.days.iter().filter(|day| is_poor(day.found, day.expected));
        Self {
            found: prices.len() as u64,
            expected: found.expected,
            poor_days: poor.map(|day| day.date).collect(),
            gaps: found.gaps,
        }
    }

    /// Bars that are missing.
    pub fn missing(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.missing).sum()
    }

    /// The rows of bars whose opens do not lie on the poor days.
    pub fn good_rows(&self, times: &[i64]) -> Vec<Range<usize>> {
        let mut rows: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for day in &self.poor_days {
            let begin = UnixNanos::midnight(*day);
            let first = times.partition_point(|time| *time < begin.0);
            let after = times.partition_point(|time| *time < begin.plus(bars::DAY).0);
            rows.extend((start < first).then_some(start..first));
            start = after;
        }
        rows.extend((start < times.len()).then_some(start..times.len()));
        rows
    }

    /// What a reader should know, if bars are missing.
    pub(crate) fn warning(&self) -> Option<String> {
        let (missing, expected) = (self.missing(), self.expected?);
        let longest = self.gaps.iter().max_by_key(|gap| gap.missing)?;
        let count = self.gaps.len();
        let gaps = if count == 1 { "1 gap".into() } else { format!("{count} gaps") };
        Some(format!(
            "{missing} of {expected} bars are missing, in {gaps}; the longest, of {} bars, begins at {}. Orders wait across a gap, and stops fill at the price behind it.",
            longest.missing, longest.range.start
        ))
    }
}

/// The time that bars span.
fn spanned(times: &[i64], interval: i64) -> IntervalSet {
    let mut spans: Vec<TimeRange> = Vec::new();
    for open in times {
        let (open, close) = (UnixNanos(*open), UnixNanos(*open).plus(interval));
        match spans.last_mut() {
            Some(last) if last.end == open => last.end = close,
            _ => spans.push(TimeRange::new(open, close)),
        }
    }
    spans.into_iter().collect()
}
