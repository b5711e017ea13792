//! Bars on standard output: written block by block, so that an answer may be larger than memory.

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
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::merge::Block;

/// How bars are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum BarFormat {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line; prices are exact decimal strings
    Jsonl,
    /// A JSON array of such objects
    Json,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

impl BarFormat {
    /// Whether a terminal cannot show it.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

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

const BAR_TYPE: &str = "bar_type";

impl Sheet {
    /// Series, close, prices, and when it became known.
    fn names(&self) -> Vec<&'static str> {
        let (stamps, prices): (Vec<&str>, Vec<&str>) =
            self.columns.names().partition(|name| name.starts_with("ts_"));
        let (event, init): (Vec<&str>, Vec<&str>) = stamps.into_iter().partition(|name| *name == "ts_event");
        let series = if self.with_bar_type { vec![BAR_TYPE] } else { Vec::new() };
        [series, event, prices, init].concat()
    }

    fn write_cell(&self, out: &mut impl Write, block: &Block, row: usize, name: &str) -> io::Result<()> {
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
}

/// Writes blocks of bars to standard output in one format.
pub struct BarWriter {
    sheet: Sheet,
    names: Vec<&'static str>,
    rows: u64,
    form: Form,
}

enum Form {
    Table(Pending, Vec<usize>),
    Csv(Pending),
    Jsonl(Pending),
    Json(Pending),
    Arrow(Box<arrow_ipc::writer::StreamWriter<Pending>>),
    Parquet(Box<ArrowWriter<Pending>>),
}

impl BarWriter {
    /// Begins a sheet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the format cannot be begun.
    pub fn new(sheet: Sheet, format: BarFormat) -> Result<Self> {
        let out = Pending::default();
        let form = match format {
            BarFormat::Table => Form::Table(out, Vec::new()),
            BarFormat::Csv => Form::Csv(out),
            BarFormat::Jsonl => Form::Jsonl(out),
            BarFormat::Json => Form::Json(out),
            BarFormat::Arrow => {
                let writer = arrow_ipc::writer::StreamWriter::try_new(out, &sheet.schema());
                Form::Arrow(Box::new(writer.map_err(failed)?))
            }
            BarFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned())
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    // A row group is in memory until it is whole.
                    .set_max_row_group_row_count(Some(131_072))
                    .build();
                let writer = ArrowWriter::try_new(out, sheet.schema(), Some(properties));
                Form::Parquet(Box::new(writer.map_err(failed)?))
            }
        };
        Ok(Self { names: sheet.names(), sheet, rows: 0, form })
    }

    /// Bars written so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the next bars.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if standard output cannot be written.
    pub fn write(&mut self, block: &Block) -> Result<()> {
        let rows = 0..block.series.len();
        let (sheet, names) = (&self.sheet, &self.names);
        match &mut self.form {
            Form::Table(out, widths) => {
                if self.rows == 0 {
                    *widths = sheet.widths(names, block).map_err(failed)?;
                    write_table_row(out, widths, names, |out, name| write!(out, "{name}")).map_err(failed)?;
                }
                for row in rows.clone() {
                    write_table_row(out, widths, names, |out, name| sheet.write_cell(out, block, row, name))
                        .map_err(failed)?;
                }
            }
            Form::Csv(out) => {
                if self.rows == 0 {
                    writeln!(out, "{}", names.join(",")).map_err(failed)?;
                }
                rows.clone()
                    .try_for_each(|row| sheet.write_csv_row(out, block, row, names))
                    .map_err(failed)?;
            }
            Form::Jsonl(out) => {
                for row in rows.clone() {
                    sheet
                        .write_object(out, block, row, names)
                        .and_then(|()| out.write_all(b"\n"))
                        .map_err(failed)?;
                }
            }
            Form::Json(out) => {
                for row in rows.clone() {
                    let before: &[u8] = if self.rows == 0 && row == 0 { b"[\n" } else { b",\n" };
                    out.write_all(before)
                        .and_then(|()| sheet.write_object(out, block, row, names))
                        .map_err(failed)?;
                }
            }
            Form::Arrow(writer) => writer.write(&sheet.batch(block, names)?).map_err(failed)?,
            Form::Parquet(writer) => writer.write(&sheet.batch(block, names)?).map_err(failed)?,
        }
        self.rows += block.series.len() as u64;
        Ok(())
    }

    /// Ends the sheet and hands everything to standard output.
    ///
    /// # Errors
    /// As [`BarWriter::write`].
    pub fn finish(mut self) -> Result<()> {
        if self.rows == 0 && matches!(self.form, Form::Table(..) | Form::Csv(_)) {
            // Of no bars, the header.
            self.write(&Block::default())?;
        }
        let mut out = match self.form {
            Form::Table(out, _) | Form::Csv(out) | Form::Jsonl(out) => out,
            Form::Json(mut out) => {
                let end: &[u8] = if self.rows == 0 { b"[]\n" } else { b"\n]\n" };
                out.write_all(end).map_err(failed)?;
                out
            }
            Form::Arrow(writer) => writer.into_inner().map_err(failed)?,
            Form::Parquet(writer) => writer.into_inner().map_err(failed)?,
        };
        out.hand_over().map_err(failed)
    }
}

impl Sheet {
    /// How wide the columns of a table must be for the rows of its first block.
    fn widths(&self, names: &[&str], block: &Block) -> io::Result<Vec<usize>> {
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

    fn write_csv_row(
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

    fn write_object(
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
    fn schema(&self) -> SchemaRef {
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

    fn batch(&self, block: &Block, names: &[&str]) -> Result<RecordBatch> {
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

/// Cells two blanks apart, numbers to the right, no blanks at the end.
fn write_table_row(
    out: &mut impl Write,
    widths: &[usize],
    names: &[&str],
    mut write_cell: impl FnMut(&mut Vec<u8>, &str) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    for (name, width) in names.iter().zip(widths) {
        let mut cell = Vec::new();
        write_cell(&mut cell, name)?;
        let blanks = vec![b' '; width.saturating_sub(cell.len())];
        let is_text = *name == BAR_TYPE || name.starts_with("ts_");
        let parts = if is_text { [&cell, &blanks] } else { [&blanks, &cell] };
        parts.into_iter().for_each(|part| line.extend(part));
        line.extend(b"  ");
    }
    out.write_all(line.trim_ascii_end())?;
    out.write_all(b"\n")
}

/// Bytes on their way to standard output.
///
/// They are handed over in large portions, and what is held back is dropped if the query fails: so a small answer is printed whole or
/// not at all.
#[derive(Default)]
struct Pending(Vec<u8>);

/// Bytes held back at most.
const PENDING_BYTES: usize = 8 << 20;

impl Pending {
    fn hand_over(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(&self.0).and_then(|()| out.flush()) {
            // A closed pipe (`| head`) is no fault.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            done => {
                self.0.clear();
                done
            }
        }
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if self.0.len() >= PENDING_BYTES {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::SourceUnavailable, "could not write the bars to standard output").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table() {
        let mut out = Vec::new();
        let cells = |cell: &mut Vec<u8>, name: &str| write!(cell, "{}", name.len());
        write_table_row(&mut out, &[5, 3, 8], &["bar_type", "close", "ts_init"], cells).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "8        5  7\n");
    }
}
