//! What commands print: tables for people, the rest for programs.

use std::io::Write;

use ::catalog::SeriesEntry;
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

/// A table's text without blanks at line ends.
pub fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
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
