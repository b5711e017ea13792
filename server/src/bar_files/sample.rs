//! The first lines of a file: what separates columns, whether they have names, and a look at the rows.

use std::io::Read;

use bars::Date;
use catalog::{Error, ErrorKind, Result};

use super::input::{Input, text_error};
use super::options::ImportOptions;

/// Bytes of a file that are looked at to tell its layout.
const SAMPLE_BYTES: u64 = 64 << 10;

/// Rows of it.
const SAMPLE_ROWS: usize = 200;

/// Columns that a bar needs at least.
const FEWEST_COLUMNS: usize = 5;

/// The first lines of a file.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The file, as it is shown.
    pub name: String,
    /// Its own name.
    pub file_name: String,
    /// What separates columns.
    pub delimiter: u8,
    /// The names of the columns, if the first line holds such.
    pub raw_header: Option<Vec<String>>,
    /// The rows below.
    pub rows: Vec<Vec<String>>,
    /// A date that the file's name begins with, as Lean's do.
    pub file_date: Option<Date>,
    /// Its names as names are compared.
    pub(super) header: Option<Vec<String>>,
}

impl Sample {
    /// Whether the header has all of these columns.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.position(name).is_some())
    }

    /// Whether the header has one of these columns.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.position(name).is_some())
    }

    /// The first row of a file without a header.
    pub fn first_row(&self) -> Option<&Vec<String>> {
        self.rows.first().filter(|_| self.header.is_none())
    }

    /// Whether the file is named as HistData names its files.
    pub fn is_histdata(&self) -> bool {
        ["DAT_ASCII_", "DAT_MT_", "DAT_NT_", "DAT_XLSX_", "DAT_MS_"]
            .iter()
            .any(|prefix| self.file_name.starts_with(prefix))
    }

    /// Where a column stands.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.header.as_ref()?.iter().position(|column| column == &normal(name))
    }

    /// A sample of columns named as in a Parquet or Arrow file.
    pub(super) fn of_columns(name: &str, columns: Vec<String>) -> Self {
        let header = Some(columns.iter().map(|column| normal(column)).collect());
        Self { name: name.to_owned(), raw_header: Some(columns), header, ..Self::default() }
    }

    /// The first lines of a file.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is empty, has no rows, or is no text.
    pub(super) fn read(input: &Input, options: &ImportOptions) -> Result<Self> {
        let text = input.with_text(|reader| {
            let mut bytes = Vec::new();
            let read = reader.take(SAMPLE_BYTES).read_to_end(&mut bytes);
            read.map_err(|error| text_error(&input.name, &error))?;
            Ok(bytes)
        })?;
        let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        if text.len() as u64 == SAMPLE_BYTES && lines.len() > 1 {
            // The last line goes on where the sample ends.
            lines.pop();
        }
        refuse_other_contents(input, &text)?;
        let lines = lines.get(options.layout.skip_lines as usize..).unwrap_or_default();
        let text = lines.concat();
        let delimiter = options.layout.delimiter.unwrap_or_else(|| guess_delimiter(lines));
        let mut rows = records(&text, delimiter).into_iter();
        let first = rows.next().unwrap_or_default();
        if first.iter().all(String::is_empty) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is empty", input.name))
                .because("it has no header line and no rows")
                .then("export the file again"));
        }
        let has_header = options.layout.header.unwrap_or_else(|| looks_like_header(&first));
        let mut sample = Self {
            name: input.name.clone(),
            file_name: input.file_name.clone(),
            delimiter,
            file_date: input
                .file_name
                .get(..8)
                .filter(|_| input.file_name.as_bytes().get(8) == Some(&b'_'))
                .and_then(|text| text.parse().ok()),
            ..Self::default()
        };
        if has_header {
            sample.header = Some(first.iter().map(|column| normal(column)).collect());
            sample.raw_header = Some(first);
        } else {
            sample.rows.push(first);
        }
        sample.rows.extend(rows.take(SAMPLE_ROWS));
        if sample.rows.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` holds no rows", input.name))
                .because("it has a header and nothing below it")
                .then("export the file again"));
        }
        Ok(sample)
    }
}

/// A column's name as names are compared.
fn normal(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').trim_matches(['<', '>', '"']).trim().to_lowercase()
}

fn looks_like_header(cells: &[String]) -> bool {
    let named = |cell: &&String| {
        cell.trim_start_matches(['"', '<', '\u{feff}']).starts_with(|first: char| first.is_alphabetic())
    };
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    cells.iter().filter(named).count() * 2 > filled
}

fn guess_delimiter(lines: &[&[u8]]) -> u8 {
    let lines: Vec<&[u8]> =
        lines.iter().copied().filter(|line| !line.trim_ascii().is_empty()).take(50).collect();
    let width = |line: &[u8], delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count() + 1;
    let fits = |delimiter: &u8| {
        let Some(first) = lines.first().map(|line| width(line, *delimiter)) else { return false };
        first >= FEWEST_COLUMNS
            && lines.iter().filter(|line| width(line, *delimiter) == first).count() * 5 >= lines.len() * 4
    };
    // Commas last: they may be decimal marks between other delimiters.
    [b'\t', b';', b'|', b','].into_iter().find(fits).unwrap_or(b',')
}

fn records(text: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
    reader
        .byte_records()
        .filter_map(std::result::Result::ok)
        .take(SAMPLE_ROWS + 1)
        .map(|record| record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect())
        .collect()
}

fn refuse_other_contents(input: &Input, text: &[u8]) -> Result<()> {
    let what = if text.starts_with(b"PAR1") || text.starts_with(b"ARROW1") {
        "a packed Parquet or Arrow file"
    } else if text.contains(&0) {
        "binary, or UTF-16 without its mark"
    } else if text.trim_ascii_start().starts_with(b"<!DOCTYPE")
        || text.trim_ascii_start().starts_with(b"<html")
    {
        "a web page"
    } else if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") {
        "JSON"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is not a CSV file", input.name))
        .because(format!("it is {what}"))
        .then("save it as comma-separated text in UTF-8, or as Parquet or Arrow that is not packed again"))
}
