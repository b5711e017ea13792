//! Bars on standard output: written block by block, so that an answer may be larger than memory.

use std::io::{self, Write};

use ::catalog::{Error, ErrorKind, Result};
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::merge::Block;
use crate::sheet::{BAR_TYPE, Sheet};

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
