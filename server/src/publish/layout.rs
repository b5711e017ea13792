//! Which bars of a series go into one file of the copy.

use std::ops::Range;

use bars::{DAY, Frame, TimeRange, UnixNanos};
use catalog::{PartitionEntry, Period, Sha256};

/// How the files of a copy are cut.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum By {
    /// Closed time in files that a browser reads well, running time in smaller ones, so that little is uploaded again:
    /// one-minute bars by year, and the year of the last bar by month.
    #[default]
    Auto,
    /// One file a period.
    Period(Period),
}

impl By {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Period(Period::Day) => "day",
            Self::Period(Period::Week) => "week",
            Self::Period(Period::Month) => "month",
            Self::Period(Period::Year) => "year",
            Self::Period(Period::All) => "all",
        }
    }
}

/// Bars that a closed file may hold, if all of its time were traded: a year of minutes.
const CLOSED_ROWS: i64 = 600_000;
/// Bars that a file may hold which is written again whenever the series grows: a month of minutes.
const RUNNING_ROWS: i64 = 50_000;

/// The files of one series: closed periods, and the last of them cut finer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grouping {
    closed: Period,
    running: Period,
    running_from: UnixNanos,
}

impl Grouping {
    /// The files of a series whose bars have this interval and whose last bar opens at `last_open`.
    pub(super) fn of(by: By, interval: Option<i64>, last_open: UnixNanos) -> Self {
        let (closed, running) = match (by, interval) {
            (By::Period(period), _) => (period, period),
            (By::Auto, None) => (Period::Year, Period::Month),
            (By::Auto, Some(interval)) => (longest(interval, CLOSED_ROWS), longest(interval, RUNNING_ROWS)),
        };
        Self { closed, running, running_from: closed.range(last_open).start }
    }

    /// The time of the file that a bar is in which opens at `open`.
    pub(super) fn file(&self, open: UnixNanos) -> TimeRange {
        if open < self.running_from { self.closed.range(open) } else { self.running.range(open) }
    }
}

fn longest(interval: i64, rows: i64) -> Period {
    let fits = |days: i64| days * DAY / interval.max(1) <= rows;
    match () {
        () if fits(366) => Period::Year,
        () if fits(31) => Period::Month,
        () => Period::Day,
    }
}

/// One file of the copy, before it is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    /// Opens of the bars it holds.
    pub opens: TimeRange,
    /// Opens of the source's bars that these are made of.
    pub input: TimeRange,
    /// Which of the source's partitions hold those.
    pub partitions: Range<usize>,
}

/// How a series of the copy is made of a series of the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The interval of the source's bars, 0 if it varies.
    pub base: i64,
    /// How they are folded, for an overview.
    pub frame: Option<Frame>,
    /// How files are cut.
    pub by: By,
    /// Only bars of the source with a `ts_init` in this range.
    pub range: TimeRange,
}

impl Shape {
    /// The interval of the copy's bars.
    pub(super) fn interval(&self) -> Option<i64> {
        self.frame.map(|frame| frame.interval()).or((self.base > 0).then_some(self.base))
    }

    fn open_of(&self, base_open: UnixNanos) -> UnixNanos {
        self.frame.map_or(base_open, |frame| frame.close_of(base_open).plus(-frame.interval()))
    }

    /// First and last open that a partition may have in the range.
    fn opens(&self, partition: &PartitionEntry) -> Option<(UnixNanos, UnixNanos)> {
        let first = partition.first.max(self.range.start);
        let last = partition.last.min(self.range.end.plus(-1));
        (first <= last).then(|| (first.plus(-self.base), last.plus(-self.base)))
    }

    /// The files of the copy, ascending. One may turn out to be empty, where a partition has a hole as long as a file.
    pub(super) fn slots(&self, partitions: &[PartitionEntry]) -> Vec<Slot> {
        let Some((_, last)) = partitions.iter().rev().find_map(|partition| self.opens(partition)) else {
            return Vec::new();
        };
        let grouping = Grouping::of(self.by, self.interval(), self.open_of(last));
        let mut files: Vec<TimeRange> = Vec::new();
        for (first, last) in partitions.iter().filter_map(|partition| self.opens(partition)) {
            let (mut at, last) = (self.open_of(first), self.open_of(last));
            loop {
                let file = grouping.file(at);
                if files.last() != Some(&file) {
                    files.push(file);
                }
                if last < file.end || file.end <= at {
                    break;
                }
                at = file.end;
            }
        }
        files.into_iter().map(|opens| self.slot(opens, partitions)).collect()
    }

    fn slot(&self, opens: TimeRange, partitions: &[PartitionEntry]) -> Slot {
        let input = self.frame.map_or(opens, |frame| frame.input(opens));
        let closes = self.closes(input);
        let first = partitions.partition_point(|partition| partition.last < closes.start);
        let end = partitions.partition_point(|partition| partition.first < closes.end);
        Slot { opens, input, partitions: first..end.max(first) }
    }

    /// The `ts_init` of source bars that open in `opens`, within the range.
    pub(super) fn closes(&self, opens: TimeRange) -> TimeRange {
        let close = |edge: UnixNanos| if edge == UnixNanos::MIN { edge } else { edge.plus(self.base) };
        TimeRange::new(close(opens.start), close(opens.end)).intersect(&self.range)
    }

    /// A name for what a slot's file is made of: equal names make equal files.
    pub(super) fn made_of(&self, slot: &Slot, partitions: &[PartitionEntry], how: &str) -> String {
        let mut text = format!("{how}\n{}\n", slot.opens);
        for partition in &partitions[slot.partitions.clone()] {
            text.push_str(&partition.object.sha256.to_string());
            if !self.range.contains(partition.first) || !self.range.contains(partition.last) {
                text.push_str(&self.range.to_string());
            }
            text.push('\n');
        }
        Sha256::of(text.as_bytes()).short()
    }
}

#[cfg(test)]
mod tests {
    use bars::{Calendar, HOUR, IntervalSet, MINUTE, SECOND};
    use catalog::ObjectRef;

    use super::*;

    fn at(text: &str) -> UnixNanos {
        text.parse().unwrap()
    }

    fn partition(first: &str, last: &str) -> PartitionEntry {
        PartitionEntry {
            object: ObjectRef { key: first.into(), size_bytes: 1, sha256: Sha256::of(first.as_bytes()) },
            rows: 1,
            first: at(first),
            last: at(last),
            first_event: at(first),
            last_event: at(last),
            chunk_crcs: Vec::new(),
            footer: None,
            present: IntervalSet::default(),
        }
    }

    fn starts(shape: Shape, partitions: &[PartitionEntry]) -> Vec<String> {
        shape.slots(partitions).iter().map(|slot| slot.opens.start.date().to_string()).collect()
    }

    #[test]
    fn closed_time_in_long_files_and_running_time_in_short_ones() {
        let partitions = [
            partition("2022-03-01T00:01:00Z", "2023-01-01T00:00:00Z"),
            partition("2023-01-01T00:01:00Z", "2023-01-02T00:00:00Z"),
            partition("2024-01-30T00:01:00Z", "2024-02-01T00:00:00Z"),
            partition("2024-02-01T00:01:00Z", "2024-02-02T00:00:00Z"),
        ];
        let shape = |base, by| Shape { base, frame: None, by, range: TimeRange::ALL };
        let minutes = ["2022-01-01", "2023-01-01", "2024-01-01", "2024-02-01"];
        assert_eq!(starts(shape(MINUTE, By::Auto), &partitions), minutes);
        assert_eq!(starts(shape(HOUR, By::Auto), &partitions), ["2022-01-01", "2023-01-01", "2024-01-01"]);
        assert_eq!(starts(shape(MINUTE, By::Period(Period::All)), &partitions), ["1677-09-21"]);
        let days = starts(shape(SECOND, By::Auto), &partitions[2..]);
        assert_eq!(days, ["2024-01-30", "2024-01-31", "2024-02-01"]);
        let cut = Shape {
            range: TimeRange::new(at("2024-02-01T00:01:00Z"), UnixNanos::MAX),
            ..shape(MINUTE, By::Auto)
        };
        assert_eq!(starts(cut, &partitions), ["2024-02-01"]);
        let slots = shape(MINUTE, By::Auto).slots(&partitions);
        assert_eq!(
            slots.iter().map(|slot| slot.partitions.clone()).collect::<Vec<_>>(),
            [0..1, 1..2, 2..3, 3..4]
        );
    }

    #[test]
    fn what_a_file_is_made_of_names_it() {
        let mut partitions = vec![
            partition("2024-01-30T00:01:00Z", "2024-02-01T00:00:00Z"),
            partition("2024-02-01T00:01:00Z", "2024-02-02T00:00:00Z"),
        ];
        let days = Shape {
            base: MINUTE,
            frame: Some(Frame::of(DAY, Some(Calendar::UsEquities))),
            by: By::Auto,
            range: TimeRange::ALL,
        };
        let minutes = Shape { frame: None, ..days };
        let names = |shape: Shape, partitions: &[PartitionEntry]| -> Vec<String> {
            shape.slots(partitions).iter().map(|slot| shape.made_of(slot, partitions, "x")).collect()
        };
        let (before, overview) = (names(minutes, &partitions), names(days, &partitions));
        assert_eq!((before.len(), overview.len()), (2, 1));
        partitions.push(partition("2024-02-02T00:01:00Z", "2024-02-03T00:00:00Z"));
        let after = names(minutes, &partitions);
        assert_eq!(after[0], before[0]);
        assert_ne!(after[1], before[1]);
        assert_ne!(names(days, &partitions), overview);
        let cut = Shape { range: TimeRange::new(at("2024-01-31"), UnixNanos::MAX), ..minutes };
        let cut = names(cut, &partitions);
        assert_ne!(cut[0], before[0]);
        assert_eq!(cut[1], after[1]);
    }
}
