//! Rows of a text file as bars, one after the other.

use std::io::Read;

use bars::Decimal;
use catalog::{Error, ErrorKind, Result};
use csv::ByteRecord;

use super::fault::{Fault, FaultKind};
use super::input::{Input, text_error};
use super::layout::Layout;
use super::options::Field;
use super::times::Moment;

/// A row's fields, read but not compared with other rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawBar {
    /// The time, as the file names it.
    pub moment: Moment,
    /// Open, high, low and close.
    pub prices: [Decimal; 4],
    /// The volume.
    pub volume: Decimal,
    /// Most decimals of a price.
    pub price_precision: u8,
    /// Decimals of the volume.
    pub size_precision: u8,
}

/// A row and where it stands.
pub struct Row<'a> {
    /// Line or row, from 1.
    pub line: u64,
    /// Its symbol; empty if the file names none.
    pub symbol: &'a [u8],
    /// Its fields, or why they are none.
    pub bar: Result<RawBar, Fault>,
    /// The row as it stands, for people.
    pub text: &'a dyn Fn() -> String,
}

/// Rows that are read backwards are kept in memory; this many at most.
const MOST_BACKWARDS: usize = 2_000_000;

/// Reads a text file's rows, oldest first.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the file cannot be read to its end, or what `on_row` says.
pub fn read_rows(
    input: &Input,
    layout: &Layout,
    mut on_row: impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut layout = layout.clone();
    input.with_text(|reader| {
        let mut lines = Lines { inner: reader, left: layout.skip_lines, last: b'\n' };
        lines.skip().map_err(|error| text_error(&input.name, &error))?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(layout.delimiter)
            // Carriage returns are trimmed with other white space; so lines can be counted.
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(lines);
        let mut record = ByteRecord::new();
        let mut kept = Vec::new();
        while reader.read_byte_record(&mut record).map_err(|error| csv_error(input, error))? {
            let within = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            let line = layout.skip_lines + reader.position().line() - 1 - within;
            if layout.newest_first {
                kept.push((line, record.clone()));
                if kept.len() > MOST_BACKWARDS {
                    return Err(too_long_backwards(input));
                }
            } else {
                hand_on(&mut layout, line, &record, &mut on_row)?;
            }
        }
        kept.iter().rev().try_for_each(|(line, record)| hand_on(&mut layout, *line, record, &mut on_row))
    })
}

fn hand_on(
    layout: &mut Layout,
    line: u64,
    record: &ByteRecord,
    on_row: &mut impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    if record.iter().all(|cell| cell.trim_ascii().is_empty()) {
        return Ok(());
    }
    let delimiter = layout.delimiter;
    let symbol = layout.places.symbol.and_then(|at| record.get(at)).unwrap_or_default().trim_ascii();
    let bar = read_bar(layout, record);
    on_row(Row { line, symbol, bar, text: &|| as_written(record, delimiter) })
}

fn read_bar(layout: &mut Layout, record: &ByteRecord) -> Result<RawBar, Fault> {
    let places = layout.places;
    let field = |at: usize, field: Field| {
        record.get(at).map(<[u8]>::trim_ascii).filter(|text| !text.is_empty()).ok_or_else(|| missing(field))
    };
    let clock = field(places.time, Field::Time)?;
    let moment = match places.date {
        Some(date) => layout.times.read(field(date, Field::Date)?, Some(clock))?,
        None => layout.times.read(clock, None)?,
    };
    let mut prices = [Decimal::ZERO; 4];
    let mut price_precision = 0;
    for ((price, at), name) in prices.iter_mut().zip(places.prices).zip(Field::PRICES) {
        let read = layout
            .numbers
            .read(field(at, name)?, layout.price_shift)
            .map_err(|reason| number(name, &reason))?;
        *price = read.0;
        price_precision = price_precision.max(read.1);
    }
    let (volume, size_precision) = match places.volume {
        None => (Decimal::ZERO, 0),
        Some(at) => match field(at, Field::Volume)? {
            b"-1" | b"-1.0" if layout.minus_one_volume => (Decimal::ZERO, 0),
            text => layout.numbers.read(text, 0).map_err(|reason| number(Field::Volume, &reason))?,
        },
    };
    Ok(RawBar { moment, prices, volume, price_precision, size_precision })
}

pub(super) fn missing(field: Field) -> Fault {
    Fault::new(FaultKind::Missing, format!("the {field} is missing"))
}

pub(super) fn number(field: Field, reason: &str) -> Fault {
    Fault::new(FaultKind::Number, format!("the {field} {reason}"))
}

/// The row as it stood in the file, but for spaces around quotes.
fn as_written(record: &ByteRecord, delimiter: u8) -> String {
    let cells = record.iter().map(|cell| cell.strip_suffix(b"\r").unwrap_or(cell));
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    let written =
        writer.write_record(cells).map_err(|_| ()).and_then(|()| writer.into_inner().map_err(|_| ()));
    String::from_utf8_lossy(&written.unwrap_or_default()).trim_end_matches(['\r', '\n']).to_owned()
}

fn csv_error(input: &Input, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(io) => text_error(&input.name, &io),
        other => Error::new(ErrorKind::InvalidInput, format!("`{}` is not a CSV file", input.name))
            .because(format!("{other:?}"))
            .then("save it as comma-separated text in UTF-8"),
    }
}

fn too_long_backwards(input: &Input) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("`{}` is newest first and too long to be turned around", input.name),
    )
    .because(format!("it has more than {MOST_BACKWARDS} rows"))
    .then("turn it around: `(head -1 FILE; tail -n +2 FILE | tac) > SORTED`, and import that")
}

/// Passes over lines that are no rows, so that the reader begins at the first row, and ends the last line if the file does not.
struct Lines<'a> {
    inner: &'a mut dyn Read,
    left: u64,
    last: u8,
}

impl Lines<'_> {
    fn skip(&mut self) -> std::io::Result<()> {
        let mut byte = [0];
        while self.left > 0 && self.inner.read(&mut byte)? == 1 {
            self.left -= u64::from(byte == *b"\n");
        }
        Ok(())
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(last) = length.checked_sub(1) {
            self.last = buffer[last];
        } else if self.last != b'\n' && !buffer.is_empty() {
            (self.last, buffer[0]) = (b'\n', b'\n');
            return Ok(1);
        }
        Ok(length)
    }
}
