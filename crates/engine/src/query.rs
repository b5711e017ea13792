//! Queries: columns as they are stored, or totals over them; a condition is tested here, so that only results leave the worker.

use bars::{BarColumns, TimeRange, UnixNanos};
use catalog::{Columns, Error, ErrorKind, Filter, Order, Query, Result};

use crate::NamedColumn;
use crate::protocol::{QueryOp, Total, TotalKind};

/// Names of columns that can be asked for, at their stored positions; `time` is the open that belongs to a close.
const NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A query whose words are understood.
pub(crate) struct Question {
    columns: Vec<&'static str>,
    totals: Vec<Total>,
    filter: Option<Filter>,
    limit: Option<u64>,
    order: Order,
}

/// What a query found so far.
pub(crate) struct Found {
    pub(crate) rows: u64,
    pub(crate) columns: Vec<NamedColumn>,
    totals: Vec<Running>,
}

/// A total under way.
struct Running {
    kind: TotalKind,
    column: Option<usize>,
    rows: u64,
    value: f64,
}

impl Question {
    /// Understands names and condition.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] that names the wrong word.
    pub(crate) fn new(op: &QueryOp) -> Result<Self> {
        let columns = op.columns.iter().map(|name| known(name)).collect::<Result<Vec<_>>>()?;
        let twice = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at]));
        if let Some(at) = twice {
            let what = format!("the column `{}` is asked for twice", columns[at]);
            return Err(Error::new(ErrorKind::InvalidInput, what).then("name each column once"));
        }
        for total in &op.totals {
            match total.kind {
                TotalKind::Count if total.column.is_empty() => {}
                _ => drop(stored(&total.column)?),
            }
        }
        if columns.is_empty() && op.totals.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a query asks for neither columns nor totals")
                .then("name columns: `time`, `open`, `high`, `low`, `close`, `volume`")
                .then("or a total: `count`, or `sum`, `min`, `max`, `first`, `last` of a column"));
        }
        Ok(Self {
            columns,
            totals: op.totals.clone(),
            filter: op.filter.as_deref().map(Filter::parse).transpose()?,
            limit: op.limit,
            order: if op.newest_first { Order::NewestFirst } else { Order::OldestFirst },
        })
    }

    /// The catalog's query for bars that close in `closes`.
    pub(crate) fn query(&self, closes: TimeRange) -> Query {
        Query {
            range: closes,
            columns: self.reads(),
            filter: self.filter.clone(),
            limit: self.limit,
            order: self.order,
            ..Query::default()
        }
    }

    /// Stored columns that its answer is made of; at least the stamps, by which rows are counted.
    pub(crate) fn reads(&self) -> Columns {
        let totals = self.totals.iter().map(|total| total.column.as_str());
        let names: Vec<&str> =
            self.columns.iter().copied().chain(totals).filter(|name| NAMES.contains(name)).collect();
        let needs_stamps = names.is_empty() || self.columns.contains(&"time");
        let read = Columns::of(&names).unwrap_or(Columns::CHART);
        if needs_stamps { read.and(Columns::TS_INIT) } else { read }
    }

    /// An answer without rows.
    pub(crate) fn nothing(&self) -> Found {
        let column = |name: &&'static str| NamedColumn { name, values: Vec::new() };
        let running = |total: &Total| Running {
            kind: total.kind,
            column: NAMES.iter().position(|name| *name == total.column),
            rows: 0,
            value: 0.0,
        };
        Found {
            rows: 0,
            columns: self.columns.iter().map(column).collect(),
            totals: self.totals.iter().map(running).collect(),
        }
    }
}

impl Found {
    /// Takes in the next `rows` bars of the answer; `interval` is a bar's length in nanoseconds.
    pub(crate) fn add(&mut self, bars: &BarColumns<f64>, rows: usize, interval: i64) {
        self.rows += rows as u64;
        for total in &mut self.totals {
            match total.column {
                Some(at) => total.add(bars.prices()[at]),
                None => total.rows += rows as u64,
            }
        }
        for column in &mut self.columns {
            match NAMES.iter().position(|name| *name == column.name) {
                Some(at) => column.values.extend_from_slice(bars.prices()[at]),
                None => {
                    let open = |close: &i64| UnixNanos(close - interval).as_millis() as f64;
                    column.values.extend(bars.ts_init.iter().map(open));
                }
            }
        }
    }

    /// The totals, in the order they were asked for; none where there was no row.
    pub(crate) fn totals(&self) -> Vec<Option<f64>> {
        let value = |total: &Running| match total.kind {
            TotalKind::Count => Some(total.rows as f64),
            TotalKind::Sum if total.rows == 0 => Some(0.0),
            _ => (total.rows > 0).then_some(total.value),
        };
        self.totals.iter().map(value).collect()
    }
}

impl Running {
    fn add(&mut self, values: &[f64]) {
        let Some((first, last)) = values.first().zip(values.last()) else { return };
        let is_first = self.rows == 0;
        self.rows += values.len() as u64;
        let fold = |f: fn(f64, f64) -> f64| values.iter().copied().fold(*first, f);
        self.value = match self.kind {
            TotalKind::Count => return,
            TotalKind::Sum => self.value + sum(values),
            TotalKind::Min if is_first => fold(f64::min),
            TotalKind::Min => fold(f64::min).min(self.value),
            TotalKind::Max if is_first => fold(f64::max),
            TotalKind::Max => fold(f64::max).max(self.value),
            TotalKind::First if is_first => *first,
            TotalKind::First => self.value,
            TotalKind::Last => *last,
        };
    }
}

/// The sum in eight lanes: quicker than one after the other, and with a smaller error.
fn sum(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

fn known(name: &str) -> Result<&'static str> {
    if name == "time" { Ok("time") } else { stored(name) }
}

fn stored(name: &str) -> Result<&'static str> {
    NAMES.into_iter().find(|known| *known == name).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("bars have no column `{name}`"))
            .then(
                "columns are `time` (the open, in milliseconds), `open`, `high`, `low`, `close` and `volume`",
            )
            .then("totals are made of all of them but `time`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_run_over_several_parts() {
        let parts: [&[f64]; 3] = [&[2.0, 9.0], &[], &[-1.0, 3.0, 4.0]];
        for (kind, expected) in [
            (TotalKind::Sum, 17.0),
            (TotalKind::Min, -1.0),
            (TotalKind::Max, 9.0),
            (TotalKind::First, 2.0),
            (TotalKind::Last, 4.0),
        ] {
            let mut running = Running { kind, column: Some(0), rows: 0, value: 0.0 };
            parts.iter().for_each(|part| running.add(part));
            assert_eq!((running.value, running.rows), (expected, 5), "{kind:?}");
        }
    }

    #[test]
    fn sums_of_many_are_those_of_one_by_one() {
        for rows in [0_u32, 1, 7, 8, 9, 1000] {
            let values: Vec<f64> = (0..rows).map(f64::from).collect();
            assert_eq!(sum(&values), values.iter().sum::<f64>(), "{rows}");
        }
    }

    #[test]
    fn wrong_words_are_named() {
        let sum = |column: &str| Total { kind: TotalKind::Sum, column: column.into() };
        for (columns, totals, filter, says) in [
            (vec!["closs"], vec![], None, "`closs`"),
            (vec!["close", "close"], vec![], None, "twice"),
            (vec![], vec![sum("ts_event")], None, "`ts_event`"),
            (vec![], vec![sum("time")], None, "`time`"),
            (vec![], vec![sum("")], None, "``"),
            (vec![], vec![], None, "neither"),
            (vec!["close"], vec![], Some("close >"), "condition"),
        ] {
            let op = QueryOp {
                columns: columns.into_iter().map(String::from).collect(),
                totals,
                filter: filter.map(String::from),
                ..QueryOp::of("A.B-1-MINUTE-LAST-EXTERNAL".parse().unwrap())
            };
            let error = Question::new(&op).err().map(|error| error.what);
            assert!(error.as_deref().is_some_and(|what| what.contains(says)), "{error:?}");
        }
    }
}
