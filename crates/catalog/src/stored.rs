//! Rows as a scan gave them: decoded, not yet converted; small enough to be kept for the next query.

use std::sync::Arc;

use arrow_array::RecordBatch;
use bars::TimeRange;

use crate::decode::{decode_bars_f64, floats_of, pick, stamps};
use crate::filter::{Term, select};
use crate::scan::{project, trim};
use crate::{Columns, Filter, Layout, Result};

/// Rows of one file, ascending in `ts_init`, with some of its columns.
#[derive(Clone, Debug)]
pub struct StoredRows {
    batch: RecordBatch,
    layout: Layout,
}

impl StoredRows {
    /// What [`crate::Step::Rows`] carries.
    pub fn new(batch: RecordBatch, layout: Layout) -> Self {
        Self { batch, layout }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.batch.num_rows() == 0
    }

    /// Bytes of memory they take.
    pub fn size_bytes(&self) -> usize {
        self.batch.get_array_memory_size()
    }

    /// `ts_init` of each, in nanoseconds.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] if the column was not read.
    pub fn closes(&self) -> Result<Vec<i64>> {
        stamps(&self.batch, "ts_init")
    }

    /// A price or volume column by its stored position (0 to 4), each value as the nearest `f64`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] if the column was not read, [`crate::ErrorKind::Corrupt`] if it holds nulls.
    pub fn floats(&self, at: usize) -> Result<Vec<f64>> {
        floats_of(&self.batch, &self.layout, at)
    }

    /// All of `columns` as bars; the others stay empty.
    ///
    /// # Errors
    /// As [`StoredRows::floats`].
    pub fn bars(&self, columns: Columns) -> Result<bars::BarColumns<f64>> {
        decode_bars_f64(&self.batch, &self.layout, columns)
    }

    /// Those whose `ts_init` lies in `range`; the column must have been read.
    ///
    /// # Errors
    /// As [`StoredRows::closes`].
    pub fn within(&self, range: TimeRange) -> Result<Self> {
        Ok(Self { batch: trim(&self.batch, range)?, layout: self.layout.clone() })
    }

    /// Those that fulfil a condition, with only the wanted columns; all that it looks at must have been read.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] if the condition cannot be computed, as by a division by zero.
    pub fn fulfilling(&self, filter: &Filter, wanted: Columns) -> Result<Self> {
        let terms: Vec<Arc<Term>> = Term::of_filter(filter).into_iter().map(Arc::new).collect();
        let selected = if self.is_empty() { None } else { select(&terms, &self.batch, &self.layout)? };
        let batch = project(&self.batch, wanted)?;
        let batch = match selected {
            Some(rows) => pick(&batch, &rows)?,
            None => batch,
        };
        Ok(Self { batch, layout: self.layout.clone() })
    }
}

impl Filter {
    /// The columns it looks at.
    pub fn columns(&self) -> Columns {
        Term::of_filter(self).iter().map(|term| term.columns).reduce(Columns::and).unwrap_or(Columns::TS_INIT)
    }
}
