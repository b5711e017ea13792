//! The table of series: its columns, how it is sorted, and what a filter keeps.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use engine::protocol::SeriesInfo;

use super::bar_size::spec_label;

/// How complete a series is, from the manifest alone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Completeness {
    /// Every bar that the calendar expects is there.
    Complete,
    /// Some are missing.
    Gaps,
    /// No calendar says what to expect.
    NoCalendar,
}

impl Completeness {
    pub(crate) fn of(series: &SeriesInfo) -> Self {
        match series.expected {
            Some(expected) if series.rows >= expected => Self::Complete,
            Some(_) => Self::Gaps,
            None => Self::NoCalendar,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Gaps => "gaps",
            Self::NoCalendar => "no calendar",
        }
    }

    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Complete => "✔",
            Self::Gaps => "▲",
            Self::NoCalendar => "○",
        }
    }
}

/// What a reader must not overlook in a series' note, as one word.
pub(crate) fn label(series: &SeriesInfo) -> Option<&'static str> {
    series.note.to_ascii_lowercase().contains("synthetic").then_some("SYNTHETIC")
}

/// A column of the table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Column {
    #[default]
    Instrument,
    Bar,
    Price,
    Rows,
    First,
    Last,
    Size,
    Files,
    Coverage,
    State,
}

impl Column {
    pub(crate) const ALL: [Self; 10] = [
        Self::Instrument,
        Self::Bar,
        Self::Price,
        Self::Rows,
        Self::First,
        Self::Last,
        Self::Size,
        Self::Files,
        Self::Coverage,
        Self::State,
    ];

    /// As the URL writes it.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Instrument => "instrument",
            Self::Bar => "bar",
            Self::Price => "price",
            Self::Rows => "rows",
            Self::First => "first",
            Self::Last => "last",
            Self::Size => "size",
            Self::Files => "files",
            Self::Coverage => "coverage",
            Self::State => "state",
        }
    }

    /// Whether its values stand on the right.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Rows | Self::Size | Self::Files | Self::Coverage)
    }

    fn compare(self, a: &SeriesInfo, b: &SeriesInfo) -> Ordering {
        let share =
            |series: &SeriesInfo| series.expected.map(|expected| series.rows as f64 / expected.max(1) as f64);
        match self {
            Self::Instrument => a.bar_type.instrument.cmp(&b.bar_type.instrument),
            Self::Bar => (a.interval, &a.bar_type.spec).cmp(&(b.interval, &b.bar_type.spec)),
            Self::Price => a.bar_type.spec.price_type.as_str().cmp(b.bar_type.spec.price_type.as_str()),
            Self::Rows => a.rows.cmp(&b.rows),
            Self::First => a.first.cmp(&b.first),
            Self::Last => a.last.cmp(&b.last),
            Self::Size => a.size_bytes.cmp(&b.size_bytes),
            Self::Files => a.partitions.cmp(&b.partitions),
            Self::Coverage => share(a).partial_cmp(&share(b)).unwrap_or(Ordering::Equal),
            Self::State => Completeness::of(a).cmp(&Completeness::of(b)),
        }
    }
}

/// A column and a direction: `rows`, or `-rows` from the top down.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sort {
    pub(crate) column: Column,
    pub(crate) descending: bool,
}

impl Sort {
    /// What a click on a column's header asks for: numbers start from the top.
    pub(crate) fn clicked(self, column: Column) -> Self {
        let descending = if self.column == column { !self.descending } else { column.is_number() };
        Self { column, descending }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.column.key())
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (descending, key) = text.strip_prefix('-').map_or((false, text), |key| (true, key));
        let column = Column::ALL.into_iter().find(|column| column.key() == key);
        column.map(|column| Self { column, descending }).ok_or_else(|| format!("there is no column `{key}`"))
    }
}

/// Indexes of the series that the filter keeps, sorted; ties by bar type.
pub(crate) fn arrange(series: &[SeriesInfo], filter: &str, sort: Sort) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..series.len()).filter(|index| keeps(filter, &series[*index])).collect();
    kept.sort_by(|a, b| {
        let (a, b) = (&series[*a], &series[*b]);
        let order = sort.column.compare(a, b);
        let order = if sort.descending { order.reverse() } else { order };
        order.then_with(|| a.bar_type.cmp(&b.bar_type))
    });
    kept
}

/// Whether every word of the filter fits: a part of the bar type or note, or `venue:`, `bar:`, `price:`, `state:` and a start.
pub(crate) fn keeps(filter: &str, series: &SeriesInfo) -> bool {
    filter.to_lowercase().split_whitespace().all(|word| {
        let starts = |value: &str, start: &str| value.to_lowercase().starts_with(start);
        match word.split_once(':') {
            Some(("venue", start)) => starts(series.bar_type.instrument.venue(), start),
            Some(("bar", start)) => starts(&spec_label(&series.bar_type.spec), start),
            Some(("price", start)) => starts(series.bar_type.spec.price_type.as_str(), start),
            Some(("state", start)) => starts(Completeness::of(series).word(), start),
            _ => format!("{} {}", series.bar_type, series.note).to_lowercase().contains(word),
        }
    })
}

#[cfg(test)]
mod tests {
    use engine::bars::{MINUTE, UnixNanos};

    use super::*;

    fn series(bar_type: &str, rows: u64, expected: Option<u64>, note: &str) -> SeriesInfo {
        SeriesInfo {
            bar_type: bar_type.parse().expect("a bar type"),
            rows,
            first: UnixNanos(0),
            last: UnixNanos(rows as i64),
            size_bytes: rows * 12,
            partitions: 1,
            price_precision: 2,
            size_precision: 0,
            source: "csv".into(),
            note: note.into(),
            calendar: None,
            expected,
            interval: Some(MINUTE),
            profile: "compact".into(),
        }
    }

    fn three() -> [SeriesInfo; 3] {
        [
            series("AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL", 90, Some(100), "a synthetic walk"),
            series("BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL", 200, Some(200), ""),
            series("ES.CME-5-MINUTE-BID-EXTERNAL", 90, None, ""),
        ]
    }

    #[test]
    fn sorts_both_ways_with_stable_ties() {
        for (sort, expected) in [
            ("instrument", [0, 1, 2]),
            ("-instrument", [2, 1, 0]),
            ("-rows", [1, 0, 2]),
            ("rows", [0, 2, 1]),
            ("coverage", [2, 0, 1]),
            ("state", [1, 0, 2]),
        ] {
            assert_eq!(arrange(&three(), "", sort.parse().expect("a sort")), expected, "{sort}");
        }
    }

    #[test]
    fn filters_by_words() {
        for (filter, expected) in [
            ("", vec![0, 1, 2]),
            ("btc", vec![1]),
            ("minute last", vec![0, 1]),
            ("venue:nas", vec![0]),
            ("bar:5m", vec![2]),
            ("price:bid", vec![2]),
            ("state:gaps", vec![0]),
            ("state:no", vec![2]),
            ("SYNTHETIC", vec![0]),
            ("nothing", vec![]),
        ] {
            assert_eq!(arrange(&three(), filter, Sort::default()), expected, "{filter}");
        }
        assert_eq!((label(&three()[0]), label(&three()[1])), (Some("SYNTHETIC"), None));
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let first = Sort::default().clicked(Column::Rows);
        assert_eq!(
            (first.to_string(), first.clicked(Column::Rows).to_string()),
            ("-rows".into(), "rows".into())
        );
    }
}
