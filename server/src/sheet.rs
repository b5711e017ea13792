//! A sheet of bars: which columns it has, and what its cells hold as text and in Arrow.

use std::io::{self, Write};
use std::sync::Arc;

use ::catalog::{Columns, Error, ErrorKind, Result};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bars::{Decimal, UnixNanos};

use crate::merge::Block;

/// What a sheet of bars has for columns.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Columns of bars.
    pub columns: Columns,
    /// Whether the first column names the series.
    pub with_bar_type: bool,
    /// The series, by their place in a [`Block`].
    pub series: Vec<SheetSeries>,
}

/// A series on a sheet.
#[derive(Clone, Debug)]
pub struct SheetSeries {
    /// Its name.
    pub bar_type: String,
    /// Meaningful decimals of prices.
    pub price_precision: u8,
    /// Meaningful decimals of volumes.
    pub size_precision: u8,
}

pub(crate) const BAR_TYPE: &str = "bar_type";

impl Sheet {
    /// Series, close, prices, and when it became known.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let (stamps, prices): (Vec<&str>, Vec<&str>) =
            self.columns.names().partition(|name| name.starts_with("ts_"));
        let (event, init): (Vec<&str>, Vec<&str>) = stamps.into_iter().partition(|name| *name == "ts_event");
        let series = if self.with_bar_type { vec![BAR_TYPE] } else { Vec::new() };
        [series, event, prices, init].concat()
    }

    pub(crate) fn write_cell(
        &self,
        out: &mut impl Write,
        block: &Block,
        row: usize,
        name: &str,
    ) -> io::Result<()> {
        let (bars, series) = (&block.bars, &self.series[block.series[row]]);
        match name {
            BAR_TYPE => out.write_all(series.bar_type.as_bytes()),
            "open" => write!(out, "{}", bars.open[row].display(series.price_precision)),
            "high" => write!(out, "{}", bars.high[row].display(series.price_precision)),
            "low" => write!(out, "{}", bars.low[row].display(series.price_precision)),
            "close" => write!(out, "{}", bars.close[row].display(series.price_precision)),
            "volume" => write!(out, "{}", bars.volume[row].display(series.size_precision)),
            "ts_event" => write!(out, "{}", UnixNanos(bars.ts_event[row])),
            _ => write!(out, "{}", UnixNanos(bars.ts_init[row])),
        }
    }

    /// How wide the columns of a table must be for the rows of its first block.
    pub(crate) fn widths(&self, names: &[&str], block: &Block) -> io::Result<Vec<usize>> {
        let mut widths: Vec<usize> = names.iter().map(|name| name.len()).collect();
        let mut cell = Vec::new();
        for row in 0..block.series.len() {
            for (name, width) in names.iter().zip(&mut widths) {
                cell.clear();
                self.write_cell(&mut cell, block, row, name)?;
                *width = (*width).max(cell.len());
            }
        }
        Ok(widths)
    }

    pub(crate) fn write_csv_row(
        &self,
        out: &mut impl Write,
        block: &Block,
        row: usize,
        names: &[&str],
    ) -> io::Result<()> {
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            let series = &self.series[block.series[row]].bar_type;
            if *name == BAR_TYPE && series.contains([',', '"', '\n']) {
                write!(out, "\"{}\"", series.replace('"', "\"\""))?;
            } else {
                self.write_cell(out, block, row, name)?;
            }
        }
        out.write_all(b"\n")
    }

    pub(crate) fn write_object(
        &self,
        out: &mut impl Write,
        block: &Block,
        row: usize,
        names: &[&str],
    ) -> io::Result<()> {
        for (at, name) in names.iter().enumerate() {
            write!(out, "{}\"{name}\":", if at == 0 { '{' } else { ',' })?;
            if *name == BAR_TYPE {
                serde_json::to_writer(&mut *out, &self.series[block.series[row]].bar_type)?;
            } else {
                out.write_all(b"\"")?;
                self.write_cell(out, block, row, name)?;
                out.write_all(b"\"")?;
            }
        }
        out.write_all(b"}")
    }

    /// Decimals at the series' own precision, so that any reader shows them as they are; of several series at the greatest.
    pub(crate) fn schema(&self) -> SchemaRef {
        let field = |name: &'static str| {
            let data_type = match name {
                BAR_TYPE => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
                "volume" => DataType::Decimal128(38, self.precision(|series| series.size_precision) as i8),
                name if name.starts_with("ts_") => {
                    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
                }
                _ => DataType::Decimal128(38, self.precision(|series| series.price_precision) as i8),
            };
            Field::new(name, data_type, false)
        };
        Arc::new(Schema::new(self.names().into_iter().map(field).collect::<Vec<Field>>()))
    }

    fn precision(&self, of: fn(&SheetSeries) -> u8) -> u8 {
        self.series.iter().map(of).max().unwrap_or_default().min(Decimal::SCALE)
    }

    pub(crate) fn batch(&self, block: &Block, names: &[&str]) -> Result<RecordBatch> {
        let schema = self.schema();
        let bars = &block.bars;
        let decimals = |values: &[Decimal], precision: u8| -> Result<ArrayRef> {
            let unit = 10i128.pow(u32::from(Decimal::SCALE - precision));
            let array: Decimal128Array = values.iter().map(|value| Some(value.units() / unit)).collect();
            Ok(Arc::new(array.with_precision_and_scale(38, precision as i8).map_err(failed)?))
        };
        let stamps = |stamps: &[i64]| -> ArrayRef {
            Arc::new(TimestampNanosecondArray::from(stamps.to_vec()).with_timezone("UTC"))
        };
        let price = self.precision(|series| series.price_precision);
        let column = |name: &&str| match *name {
            BAR_TYPE => self.series_column(block),
            "open" => decimals(&bars.open, price),
            "high" => decimals(&bars.high, price),
            "low" => decimals(&bars.low, price),
            "close" => decimals(&bars.close, price),
            "volume" => decimals(&bars.volume, self.precision(|series| series.size_precision)),
            "ts_event" => Ok(stamps(&bars.ts_event)),
            _ => Ok(stamps(&bars.ts_init)),
        };
        let columns: Result<Vec<ArrayRef>> = names.iter().map(column).collect();
        RecordBatch::try_new(schema, columns?).map_err(failed)
    }

    fn series_column(&self, block: &Block) -> Result<ArrayRef> {
        let keys: Int32Array = block.series.iter().map(|series| i32::try_from(*series).ok()).collect();
        let values: StringArray = self.series.iter().map(|series| Some(series.bar_type.as_str())).collect();
        let column = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values)).map_err(failed)?;
        Ok(Arc::new(column))
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, "could not lay the bars out").because(error)
}
