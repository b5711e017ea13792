//! Bars as the engine sends them: columns, for the chart as they are and for tables by row.

use js_sys::{Float64Array, Reflect};
use wasm_bindgen::prelude::*;

/// Columns of equal length; times are opens in milliseconds.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The engine's own arrays.
    pub(crate) js: JsValue,
    pub(crate) time: Vec<f64>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
    count: Vec<f64>,
}

/// One bar; its time is its open in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) time: f64,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: f64,
    /// Stored bars in it.
    pub(crate) count: f64,
    /// Close of the bar before it, if there is one.
    pub(crate) before: Option<f64>,
}

/// A column of an answer; empty if it is missing.
pub(crate) fn column(columns: &JsValue, name: &str) -> Vec<f64> {
    let array =
        Reflect::get(columns, &name.into()).ok().and_then(|value| value.dyn_into::<Float64Array>().ok());
    array.map(|array| array.to_vec()).unwrap_or_default()
}

impl Columns {
    pub(crate) fn new(js: JsValue) -> Self {
        let read = |name| column(&js, name);
        Self {
            time: read("time"),
            open: read("open"),
            high: read("high"),
            low: read("low"),
            close: read("close"),
            volume: read("volume"),
            count: read("count"),
            js,
        }
    }

    pub(crate) fn row(&self, index: usize) -> Option<Row> {
        Some(Row {
            time: *self.time.get(index)?,
            open: *self.open.get(index)?,
            high: *self.high.get(index)?,
            low: *self.low.get(index)?,
            close: *self.close.get(index)?,
            volume: *self.volume.get(index)?,
            count: self.count.get(index).copied().unwrap_or(1.0),
            before: index.checked_sub(1).and_then(|before| self.close.get(before)).copied(),
        })
    }

    /// Indexes of the bars that open from `from` up to `to`.
    pub(crate) fn within(&self, from: f64, to: f64) -> std::ops::Range<usize> {
        let start = self.time.partition_point(|time| *time < from);
        start..self.time.partition_point(|time| *time < to).max(start)
    }
}
