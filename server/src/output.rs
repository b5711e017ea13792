//! What commands print: tables for people, the rest for programs.

use std::io::Write;

use ::catalog::{Columns, Error, ErrorKind, Result, SeriesEntry};
use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, TimestampNanosecondArray};
use bars::{BarColumns, Decimal, UnixNanos};
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

/// Prints a line to standard output. A closed pipe (`| head`) ends the program quietly, as other tools do.
macro_rules! say {
    ($($arg:tt)*) => { $crate::output::line(format_args!($($arg)*)) };
}
pub(crate) use say;

/// What [`say`] does.
pub fn line(text: std::fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// How a summary is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// How bars are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum BarFormat {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line; prices are exact decimal strings
    Jsonl,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

/// A table without frames, headers on top; columns named in `right` are right-aligned.
pub fn table(headers: &[&str], right: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers.iter().copied());
    for (at, header) in headers.iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, 2));
            if right.contains(header) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}

/// A count with thin grouping: `20,160`.
pub fn count_text(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as `712 B`, `19.1 KB` or `1.4 MB` (powers of ten).
pub fn bytes_text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Found of expected as a percentage, cut off rather than rounded so that only a complete series shows 100 %.
pub fn coverage_text(entry: &SeriesEntry) -> String {
    match entry.expected {
        Some(expected) if expected > 0 => {
            format!("{:.2} %", (entry.rows.min(expected) as f64 / expected as f64 * 10_000.0).floor() / 100.0)
        }
        _ => "–".to_owned(),
    }
}

/// Prints bars to standard output.
///
/// # Errors
/// [`ErrorKind::Internal`] if they cannot be written.
pub fn print_bars(
    bars: &BarColumns<Decimal>,
    columns: Columns,
    entry: &SeriesEntry,
    format: BarFormat,
) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = match format {
        BarFormat::Table => {
            let (names, right) = (ordered(columns), ["open", "high", "low", "close", "volume"]);
            let mut table = table(&names, &right);
            for row in 0..bars.len() {
                table.add_row(names.iter().map(|name| cell(bars, row, name, entry)));
            }
            writeln!(out, "{}", trimmed(&table))
        }
        BarFormat::Csv => write_csv(&mut out, bars, columns, entry),
        BarFormat::Jsonl => write_jsonl(&mut out, bars, columns, entry),
        BarFormat::Parquet | BarFormat::Arrow => return write_arrow(&mut out, bars, columns, entry, format),
    };
    finish(written.and_then(|()| out.flush()))
}

/// A closed pipe (`| head`) is no fault.
fn finish(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::SourceUnavailable, "could not write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// A table's text without blanks at line ends.
pub fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Stamps first, then prices.
fn ordered(columns: Columns) -> Vec<&'static str> {
    let (stamps, prices): (Vec<&str>, Vec<&str>) = columns.names().partition(|name| name.starts_with("ts_"));
    let (event, init): (Vec<&str>, Vec<&str>) = stamps.into_iter().partition(|name| *name == "ts_event");
    [event, prices, init].concat()
}

fn cell(bars: &BarColumns<Decimal>, row: usize, name: &str, entry: &SeriesEntry) -> String {
    let price = |value: Decimal| value.display(entry.price_precision).to_string();
    match name {
        "open" => price(bars.open[row]),
        "high" => price(bars.high[row]),
        "low" => price(bars.low[row]),
        "close" => price(bars.close[row]),
        "volume" => bars.volume[row].display(entry.size_precision).to_string(),
        "ts_event" => UnixNanos(bars.ts_event[row]).to_string(),
        _ => UnixNanos(bars.ts_init[row]).to_string(),
    }
}

fn write_csv(
    out: &mut impl Write,
    bars: &BarColumns<Decimal>,
    columns: Columns,
    entry: &SeriesEntry,
) -> std::io::Result<()> {
    let names = ordered(columns);
    writeln!(out, "{}", names.join(","))?;
    for row in 0..bars.len() {
        let cells: Vec<String> = names.iter().map(|name| cell(bars, row, name, entry)).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

fn write_jsonl(
    out: &mut impl Write,
    bars: &BarColumns<Decimal>,
    columns: Columns,
    entry: &SeriesEntry,
) -> std::io::Result<()> {
    let names = ordered(columns);
    for row in 0..bars.len() {
        let cells: Vec<String> =
            names.iter().map(|name| format!("\"{name}\":\"{}\"", cell(bars, row, name, entry))).collect();
        writeln!(out, "{{{}}}", cells.join(","))?;
    }
    Ok(())
}

/// Arrow with decimals at the series' own precision, so that any reader shows them as they are.
fn write_arrow(
    out: &mut impl Write,
    bars: &BarColumns<Decimal>,
    columns: Columns,
    entry: &SeriesEntry,
    format: BarFormat,
) -> Result<()> {
    let internal = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Internal, "could not write the bars").because(error)
    };
    let decimals = |values: &[Decimal], precision: u8| -> Result<ArrayRef> {
        let unit = 10i128.pow(u32::from(Decimal::SCALE - precision));
        let array: Decimal128Array = values.iter().map(|value| Some(value.units() / unit)).collect();
        Ok(std::sync::Arc::new(
            array.with_precision_and_scale(38, precision as i8).map_err(|error| internal(&error))?,
        ))
    };
    let mut fields: Vec<(&str, ArrayRef)> = Vec::new();
    for name in ordered(columns) {
        let array: ArrayRef = match name {
            "open" => decimals(&bars.open, entry.price_precision)?,
            "high" => decimals(&bars.high, entry.price_precision)?,
            "low" => decimals(&bars.low, entry.price_precision)?,
            "close" => decimals(&bars.close, entry.price_precision)?,
            "volume" => decimals(&bars.volume, entry.size_precision)?,
            stamps => {
                let stamps = if stamps == "ts_event" { &bars.ts_event } else { &bars.ts_init };
                std::sync::Arc::new(TimestampNanosecondArray::from(stamps.clone()).with_timezone("UTC"))
            }
        };
        fields.push((name, array));
    }
    let batch = RecordBatch::try_from_iter(fields).map_err(|error| internal(&error))?;
    let bytes = if format == BarFormat::Arrow {
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema())
            .map_err(|error| internal(&error))?;
        writer.write(&batch).map_err(|error| internal(&error))?;
        writer.into_inner().map_err(|error| internal(&error))?
    } else {
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None)
            .map_err(|error| internal(&error))?;
        writer.write(&batch).map_err(|error| internal(&error))?;
        writer.into_inner().map_err(|error| internal(&error))?
    };
    finish(out.write_all(&bytes).and_then(|()| out.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [0, 999, 1_000, 20_160, 1_234_567].map(count_text),
            ["0", "999", "1,000", "20,160", "1,234,567"]
        );
        assert_eq!([712, 19_100, 1_362_769].map(bytes_text), ["712 B", "19.1 KB", "1.4 MB"]);
    }
}
