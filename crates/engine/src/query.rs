//! Queries: columns as they are stored, or totals over them; a condition is tested here, so that only results leave the worker.

use catalog::{Columns, Error, ErrorKind, Filter, Result, StoredRows};

use crate::NamedColumn;
use crate::protocol::{Total, TotalKind};

/// Names of columns that can be asked for, at their stored positions; `time` is the open that belongs to a close.
const NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A query whose words are understood.
pub(crate) struct Question {
    columns: Vec<&'static str>,
    totals: Vec<Total>,
    filter: Option<Filter>,
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
    pub(crate) fn new(columns: &[String], totals: Vec<Total>, filter: Option<&str>) -> Result<Self> {
        let columns = columns.iter().map(|name| known(name)).collect::<Result<Vec<_>>>()?;
        for total in &totals {
            if total.kind != TotalKind::Count || !total.column.is_empty() {
                stored(&total.column)?;
            }
        }
        if columns.is_empty() && totals.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a query asks for neither columns nor totals")
                .then("name columns: `time`, `open`, `high`, `low`, `close`, `volume`")
                .then("or a total: `count`, or `sum`, `min`, `max`, `first`, `last` of a column"));
        }
        Ok(Self { columns, totals, filter: filter.map(Filter::parse).transpose()? })
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
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

    /// An answer without rows, with room for `rows` of them.
    pub(crate) fn nothing(&self, rows: usize) -> Found {
        let column = |name: &&'static str| NamedColumn { name, values: Vec::with_capacity(rows) };
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
    /// Takes rows in; `interval` is a bar's length in nanoseconds.
    ///
    /// # Errors
    /// As [`StoredRows::floats`].
    pub(crate) fn add(&mut self, rows: &StoredRows, interval: i64) -> Result<()> {
        self.rows += rows.len() as u64;
        let mut floats: [Option<Vec<f64>>; 5] = Default::default();
        for total in &mut self.totals {
            match total.column {
                Some(at) => total.add(cached(&mut floats, rows, at)?),
                None => total.rows += rows.len() as u64,
            }
        }
        for column in &mut self.columns {
            match NAMES.iter().position(|name| *name == column.name) {
                Some(at) => column.values.extend_from_slice(cached(&mut floats, rows, at)?),
                None => {
                    // Milliseconds of an open before 1970 are rounded down too.
                    let open = |close: &i64| (close - interval).div_euclid(1_000_000) as f64;
                    column.values.extend(rows.closes()?.iter().map(open));
                }
            }
        }
        Ok(())
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

fn cached<'a>(floats: &'a mut [Option<Vec<f64>>; 5], rows: &StoredRows, at: usize) -> Result<&'a [f64]> {
    let slot = &mut floats[at];
    if slot.is_none() {
        *slot = Some(rows.floats(at)?);
    }
    Ok(slot.as_deref().unwrap_or_default())
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
            .then("columns are `time` (the open, in milliseconds), `open`, `high`, `low`, `close` and `volume`")
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
            (vec!["closs"], vec![], None, "closs"),
            (vec![], vec![sum("ts_event")], None, "ts_event"),
            (vec![], vec![sum("")], None, "``"),
            (vec![], vec![], None, "neither"),
            (vec!["close"], vec![], Some("close >"), "condition"),
        ] {
            let columns: Vec<String> = columns.into_iter().map(String::from).collect();
            let error = Question::new(&columns, totals, filter).err().map(|error| error.what);
            assert!(error.as_deref().is_some_and(|what| what.contains(says)), "{error:?}");
        }
    }
}
