//! Queries: what is wanted of a series, and the words for bytes that a scan asks for.

use std::ops::Range;

use bars::{Calendar, TimeRange};

use crate::Filter;
use crate::schema::BAR_COLUMNS;

/// A set of bar columns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Columns(u8);

impl Columns {
    /// All seven.
    pub const ALL: Self = Self(0x7f);
    /// `ts_init` alone.
    pub const TS_INIT: Self = Self(1 << 6);
    /// Prices, volume and `ts_init`: what a chart needs.
    pub const CHART: Self = Self(0x5f);

    /// The named columns; `None` if a name is not a column's.
    pub fn of(names: &[&str]) -> Option<Self> {
        names.iter().try_fold(Self(0), |set, name| {
            let at = BAR_COLUMNS.iter().position(|column| column == name)?;
            Some(Self(set.0 | 1 << at))
        })
    }

    /// Whether the column in stored position `at` is in the set.
    pub fn has(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// Their names, in stored order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..BAR_COLUMNS.len()).filter(move |at| self.has(*at)).map(|at| BAR_COLUMNS[at])
    }

    /// The columns of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which bars come first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// The earliest, as they are stored.
    #[default]
    OldestFirst,
    /// The latest.
    NewestFirst,
}

/// What is wanted of one series.
#[derive(Clone, Debug)]
pub struct Query {
    /// Bars whose `ts_init` (their close) lies in this range.
    pub range: TimeRange,
    /// Which columns.
    pub columns: Columns,
    /// Only bars that fulfil this, within the range.
    pub filter: Option<Filter>,
    /// Only bars that lie wholly in a session of this calendar; of bars without a fixed interval, those that close in one.
    pub session: Option<Calendar>,
    /// The most rows; the first in the order are kept.
    pub limit: Option<u64>,
    /// In which order.
    pub order: Order,
}

impl Default for Query {
    /// Everything, as it is stored.
    fn default() -> Self {
        Self {
            range: TimeRange::ALL,
            columns: Columns::ALL,
            filter: None,
            session: None,
            limit: None,
            order: Order::OldestFirst,
        }
    }
}

/// Bytes of an object, from `start` up to, but not including, `end`.
pub type ByteRange = Range<u64>;

/// Bytes that a scan needs.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fetch {
    /// The object.
    pub key: String,
    /// Which of its bytes.
    pub range: ByteRange,
    /// How many it has in all; a range of that length is the whole object.
    pub object_bytes: u64,
}

impl Fetch {
    /// Whether it is the whole object, so that no range needs to be asked for.
    pub fn is_whole(&self) -> bool {
        self.range == (0..self.object_bytes)
    }
}

/// Joins ranges that overlap or have at most `gap` bytes between them; the result is ascending.
pub fn coalesce(mut ranges: Vec<ByteRange>, gap: u64) -> Vec<ByteRange> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut out: Vec<ByteRange> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "these are lists of ranges, not ranges of numbers")]
    fn coalescing_joins_neighbours() {
        for (ranges, gap, expected) in [
            (vec![0..10, 10..20], 0, vec![0..20]),
            (vec![30..40, 0..10], 19, vec![0..10, 30..40]),
            (vec![30..40, 0..10], 20, vec![0..40]),
            (vec![0..50, 10..20], 0, vec![0..50]),
            (vec![], 5, vec![]),
        ] {
            assert_eq!(coalesce(ranges, gap), expected);
        }
    }

    #[test]
    fn columns_by_name() {
        let columns = Columns::of(&["close", "ts_init"]).unwrap();
        assert_eq!(columns.names().collect::<Vec<_>>(), ["close", "ts_init"]);
        assert_eq!(Columns::ALL.names().count(), 7);
        assert_eq!(Columns::of(&["closing"]), None);
    }
}
