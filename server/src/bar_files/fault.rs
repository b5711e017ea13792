//! What can be wrong with a row, and the rows that were left out.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use catalog::{Error, ErrorKind, Result};

/// Bad rows that are kept to be shown; the others are counted.
const SHOWN: usize = 20;

/// A kind of mistake, by which bad rows are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// A field is missing.
    Missing,
    /// A time cannot be read.
    Time,
    /// A local time does not exist.
    Gap,
    /// A local time comes twice a year and nothing tells which one it is.
    Fold,
    /// A number cannot be read.
    Number,
    /// A time is not on the bars' grid.
    Grid,
    /// A bar comes twice.
    Twice,
    /// A bar comes after a later one.
    Order,
    /// Prices or volume contradict each other.
    Prices,
    /// A symbol makes no instrument.
    Symbol,
}

impl FaultKind {
    const ALL: [Self; 10] = [
        Self::Missing,
        Self::Time,
        Self::Gap,
        Self::Fold,
        Self::Number,
        Self::Grid,
        Self::Twice,
        Self::Order,
        Self::Prices,
        Self::Symbol,
    ];

    /// What such rows have in common, as it follows their number.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "lack a field",
            Self::Time => "have a time that cannot be read",
            Self::Gap => "have a local time that the clocks skip",
            Self::Fold => "have a local time that comes twice, and nothing tells which one it is",
            Self::Number => "have a number that cannot be read",
            Self::Grid => "have a time that is not on the bars' grid",
            Self::Twice => "come twice",
            Self::Order => "are out of order",
            Self::Prices => "have prices or volumes that cannot be",
            Self::Symbol => "have a symbol that cannot be",
        }
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// The reason, with the values seen.
    pub reason: String,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// A row that is not a bar.
#[derive(Clone, Debug)]
pub struct BadRow {
    /// The file, as it is shown.
    pub file: String,
    /// Its line, from 1; in files without lines the row, from 1.
    pub line: u64,
    /// The row as it stands.
    pub text: String,
    /// What is wrong.
    pub fault: Fault,
}

/// Where bad rows are written to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Rejects {
    /// Nowhere.
    #[default]
    Nowhere,
    /// All into one file.
    File(PathBuf),
    /// Into `FILE.rejects.csv` beside each file.
    Beside,
}

/// Bad rows: the first of them, the number of all by kind, and all of them in a file if one is wanted.
#[derive(Debug, Default)]
pub struct BadRows {
    /// The first of them.
    pub shown: Vec<BadRow>,
    /// How many there are.
    pub count: u64,
    by_kind: [u64; FaultKind::ALL.len()],
    rejects: Rejects,
    open: Option<(PathBuf, BufWriter<File>)>,
    /// Files that were written.
    pub written: Vec<PathBuf>,
}

impl BadRows {
    pub(super) fn new(rejects: Rejects) -> Self {
        Self { rejects, ..Self::default() }
    }

    /// Kinds of mistakes that occur, and how often.
    pub fn by_kind(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL.into_iter().zip(self.by_kind).filter(|(_, count)| *count > 0)
    }

    /// Keeps a bad row; `path` is the file it stands in.
    pub(super) fn add(&mut self, row: BadRow, path: &Path) -> Result<()> {
        self.count += 1;
        self.by_kind[FaultKind::ALL.iter().position(|kind| *kind == row.fault.kind).unwrap_or_default()] += 1;
        let target = match &self.rejects {
            Rejects::Nowhere => None,
            Rejects::File(target) => Some(target.clone()),
            Rejects::Beside => Some(PathBuf::from(format!("{}.rejects.csv", path.display()))),
        };
        if let Some(target) = target {
            self.write(&target, &row).map_err(|error| cannot_write(&target, &error))?;
        }
        if self.shown.len() < SHOWN {
            self.shown.push(row);
        }
        Ok(())
    }

    fn write(&mut self, target: &Path, row: &BadRow) -> std::io::Result<()> {
        if self.open.as_ref().is_none_or(|(path, _)| path != target) {
            let again = self.written.iter().any(|path| path == target);
            let file = if again { File::options().append(true).open(target)? } else { File::create(target)? };
            let mut writer = BufWriter::new(file);
            if !again {
                writer.write_all(b"file,line,reason,row\n")?;
                self.written.push(target.to_owned());
            }
            // A writer that is dropped has no way to report that it failed.
            if let Some((_, mut before)) = self.open.replace((target.to_owned(), writer)) {
                before.flush()?;
            }
        }
        let Some((_, writer)) = &mut self.open else { return Ok(()) };
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        writeln!(
            writer,
            "{},{},{},{}",
            quoted(&row.file),
            row.line,
            quoted(&row.fault.reason),
            quoted(&row.text)
        )
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        match &mut self.open {
            Some((path, writer)) => writer.flush().map_err(|error| cannot_write(path, &error)),
            None => Ok(()),
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::SourceUnavailable, format!("could not write `{}`", path.display()))
        .because(error)
        .then("give another place for rows that are no bars: `--rejects FILE`")
}
