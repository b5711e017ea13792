//! Sliding windows: sums that keep their precision, extremes, past values.

use std::collections::VecDeque;

use super::{Indicator, column};

/// A sum whose lost low digits are carried along (Kahan), one carry for what is added and one for what leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningSum {
    total: f64,
    added: f64,
    removed: f64,
}

impl RunningSum {
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let exact = value - self.added;
        let total = self.total + exact;
        self.added = total - self.total - exact;
        self.total = total;
    }

    #[inline]
    pub(super) fn remove(&mut self, value: f64) {
        let exact = -value - self.removed;
        let total = self.total + exact;
        self.removed = total - self.total - exact;
        self.total = total;
    }

    #[inline]
    pub(super) fn total(&self) -> f64 {
        self.total
    }
}

/// The last `capacity` values, oldest first once it is full.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    values: Vec<f64>,
    capacity: usize,
    next: usize,
}

impl Ring {
    pub(super) fn new(window: u32) -> Self {
        Self { values: Vec::new(), capacity: window.max(1) as usize, next: 0 }
    }

    /// Puts a value in and gives the one that it pushed out of a full window.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let pushed_out = if self.values.len() < self.capacity {
            self.values.push(value);
            None
        } else {
            Some(std::mem::replace(&mut self.values[self.next], value))
        };
        self.next = if self.next + 1 == self.capacity { 0 } else { self.next + 1 };
        pushed_out
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.values.len() == self.capacity
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.next = 0;
    }

    /// The values in no particular order.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values from the oldest to the newest.
    pub(super) fn in_order(&self) -> impl Iterator<Item = f64> + '_ {
        let oldest = if self.is_full() { self.next } else { 0 };
        self.values[oldest..].iter().chain(&self.values[..oldest]).copied()
    }
}

/// The greatest of the last `window` values.
#[derive(Clone, Debug)]
pub struct Highest(Extreme);

/// The least of the last `window` values.
#[derive(Clone, Debug)]
pub struct Lowest(Extreme);

impl Highest {
    /// Over `window` values.
    pub fn new(window: u32) -> Self {
        Self(Extreme::new(window))
    }
}

impl Lowest {
    /// Over `window` values.
    pub fn new(window: u32) -> Self {
        Self(Extreme::new(window))
    }
}

impl Indicator for Highest {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        self.0.push(value)
    }
}

impl Indicator for Lowest {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        -self.0.push(-value)
    }
}

/// The greatest value of a window: candidates in a queue that falls, so that each value enters and leaves it once.
#[derive(Clone, Debug)]
struct Extreme {
    window: u64,
    seen: u64,
    candidates: VecDeque<(u64, f64)>,
}

impl Extreme {
    fn new(window: u32) -> Self {
        Self { window: u64::from(window.max(1)), seen: 0, candidates: VecDeque::new() }
    }

    #[inline]
    fn push(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            (self.seen, self.candidates) = (0, VecDeque::new());
            return f64::NAN;
        }
        while self.candidates.back().is_some_and(|(_, candidate)| *candidate <= value) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, value));
        self.seen += 1;
        if self.candidates.front().is_some_and(|(at, _)| at + self.window < self.seen) {
            self.candidates.pop_front();
        }
        match self.candidates.front() {
            Some((_, greatest)) if self.seen >= self.window => *greatest,
            _ => f64::NAN,
        }
    }
}

/// The greatest of the last `window` values of a column.
pub fn highest(values: &[f64], window: u32) -> Vec<f64> {
    column(Highest::new(window), values)
}

/// The least of the last `window` values of a column.
pub fn lowest(values: &[f64], window: u32) -> Vec<f64> {
    column(Lowest::new(window), values)
}

/// The value `bars` rows before; not-a-number where there is none.
pub fn lag(values: &[f64], bars: u32) -> Vec<f64> {
    let bars = (bars as usize).min(values.len());
    let mut lagged = vec![f64::NAN; bars];
    lagged.extend_from_slice(&values[..values.len() - bars]);
    lagged
}
