//! The first look at the files: how each is laid out, whether every row is a bar, and what they hold.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use bars::{Bar, BarColumns, Decimal, UnixNanos};
use catalog::{Error, ErrorKind, Result};

use super::check::{Checker, Place, SeriesFound};
use super::columnar::{self, Mapping};
use super::fault::{BadRows, Rejects};
use super::input::{Content, Input, Inputs};
use super::layout::Layout;
use super::options::{ImportOptions, Naming, OnInvalid};
use super::rows::read_rows;
use crate::commit::{Progress, Run};

/// Rows between two looks at whether the work is to go on.
const ROWS_A_LOOK: u64 = 16_384;

/// A file and how to read it.
#[derive(Debug)]
pub(super) struct Source {
    input: Input,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Text(Box<Layout>),
    Columns(Box<Mapping>),
}

/// What files hold, before anything is committed.
#[derive(Debug)]
pub struct Survey {
    /// The series, in the order in which they were met.
    pub series: Vec<SeriesFound>,
    /// Rows that are no bars.
    pub bad: BadRows,
    /// What was taken for granted, for the user.
    pub notes: Vec<String>,
    /// Each file and how it is laid out.
    pub layouts: Vec<(String, String)>,
    /// The first bars, each with the number of its series.
    pub preview: Vec<(usize, Bar)>,
    /// Rows of other symbols than the one asked for.
    pub other_symbols: u64,
    /// All bars by series, if they are few enough for one commit.
    pub(super) kept: Option<Vec<BarColumns<Decimal>>>,
    /// How stamps and zones were read, for the series table.
    pub(super) reading: String,
    sources: Vec<Source>,
    /// Keeps the copy of standard input.
    _inputs: Inputs,
}

/// Reads all files once and checks every row. Blocks: call it where that does no harm.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a file cannot be read or leaves open what only its owner can know, [`ErrorKind::NotFound`] if there
/// is none, [`ErrorKind::Cancelled`]. Bad rows are no error here: [`Survey::refuse_bad_rows`] is.
pub fn survey(options: &ImportOptions, run: &Run) -> Result<Survey> {
    let mut inputs = Inputs::find(&options.files, options.max_unpacked_bytes)?;
    let mut notes = std::mem::take(&mut inputs.notes);
    let mut sources = Vec::with_capacity(inputs.list.len());
    for input in &inputs.list {
        run.check()?;
        sources.push(Source::look_at(input, options)?);
    }
    if sources.len() > 1 && sources.iter().all(|source| source.first().is_some()) {
        sources.sort_by_key(Source::first);
    }
    refuse_two_readings(&sources, options)?;
    for source in &sources {
        notes.extend(source.notes().iter().filter(|note| !notes.contains(note)).cloned().collect::<Vec<_>>());
    }
    if options.by_symbol() && sources.iter().any(|source| !source.has_symbols()) {
        notes.push(
            "symbols were taken from the names of files; `--symbol-column NAME` takes them from a column"
                .to_owned(),
        );
    }
    let mut kept = Some(Vec::<BarColumns<Decimal>>::new());
    let (mut rows, mut preview) = (0, Vec::new());
    let keep = |series: usize, bar: &Bar| {
        if preview.len() < options.preview_rows {
            preview.push((series, *bar));
        }
        rows += 1;
        if rows > options.chunk_rows {
            kept = None;
        }
        if let Some(kept) = &mut kept {
            kept.resize_with(kept.len().max(series + 1), BarColumns::default);
            kept[series].push(bar);
        }
        Ok(())
    };
    let mut checker = Checker::new(options, options.rejects.clone(), keep);
    read_all(&sources, &mut checker, run, 0)?;
    let (series, mut bad, other_symbols) = (checker.series, checker.bad, checker.other_symbols);
    bad.finish()?;
    let told_apart: u64 = series.iter().map(|series| series.told_apart).sum();
    if told_apart > 0 {
        notes.push(format!(
            "{told_apart} rows have local times that come twice when the clocks change; they were told apart by their order"
        ));
    }
    let layouts =
        sources.iter().map(|source| (source.input.name.clone(), source.summary().to_owned())).collect();
    let reading = sources.first().map_or_else(String::new, |source| source.reading(options));
    Ok(Survey {
        series,
        bad,
        notes,
        layouts,
        preview,
        other_symbols,
        kept,
        reading,
        sources,
        _inputs: inputs,
    })
}

/// Files of one import stamp the same moment, unless the caller says which.
fn refuse_two_readings(sources: &[Source], options: &ImportOptions) -> Result<()> {
    let of = |source: &Source| match &source.way {
        Way::Text(layout) => (layout.stamp, layout.preset.map(|preset| preset.name)),
        Way::Columns(mapping) => (mapping.stamp, mapping.preset.map(|preset| preset.name)),
    };
    let Some(first) = sources.first() else { return Ok(()) };
    match sources.iter().find(|source| of(source).0 != of(first).0) {
        Some(other) if options.stamp.is_none() => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("`{}` and `{}` stamp bars differently", first.input.name, other.input.name),
        )
        .because("one looks like a file that stamps opens, the other closes")
        .then("say which it is: `--stamp open` or `--stamp close`")
        .then("or import them one after the other")),
        _ => Ok(()),
    }
}

impl Survey {
    /// Good rows of all series.
    pub fn rows(&self) -> u64 {
        self.series.iter().map(|series| series.rows).sum()
    }

    /// Reads all rows again and hands the good ones on.
    ///
    /// # Errors
    /// What the sink says, or [`ErrorKind::Conflict`] if a file changed meanwhile.
    pub(super) fn read_again(
        &self,
        options: &ImportOptions,
        run: &Run,
        sink: impl FnMut(usize, &Bar) -> Result<()>,
    ) -> Result<()> {
        let mut checker = Checker::new(options, Rejects::Nowhere, sink);
        read_all(&self.sources, &mut checker, run, self.rows() + self.bad.count)?;
        let same = checker.bad.count == self.bad.count
            && checker.series.len() == self.series.len()
            && checker
                .series
                .iter()
                .zip(&self.series)
                .all(|(now, then)| now.rows == then.rows && now.last == then.last);
        if same {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, "a file changed while it was imported")
            .because("it held other rows when it was read the second time")
            .then("run the import again when the file is complete: what is stored already is no conflict"))
    }

    /// Fails if rows are no bars and may not be left out, or if nothing is left.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with the first bad rows and a count by reason.
    pub fn refuse_bad_rows(&self, options: &ImportOptions) -> Result<()> {
        if options.on_invalid == OnInvalid::Fail && self.bad.count > 0 {
            return Err(self.bad_rows_error());
        }
        if self.rows() == 0 {
            let error = Error::new(ErrorKind::InvalidInput, "no row of the input is a bar");
            return Err(if self.other_symbols > 0 {
                let symbol = options.only_symbol.as_deref().unwrap_or_default();
                error.because(format!("{} rows are of other symbols than `{symbol}`", self.other_symbols))
                    .then("check how the file spells it: `--dry-run --venue X` without `--symbol` lists what it holds")
            } else {
                error
                    .because(format!("{} rows were left out", self.bad.count))
                    .then("see why: leave `--on-invalid` out, or add `--rejects FILE`")
            });
        }
        Ok(())
    }

    fn bad_rows_error(&self) -> Error {
        let bad = &self.bad;
        let mut lines: Vec<String> = Vec::new();
        let mut shown = bad.shown.iter().take(5).collect::<Vec<_>>();
        shown.sort_by_key(|row| row.line);
        lines.extend(shown.iter().map(|row| format!("{} line {}: {}", row.file, row.line, row.fault.reason)));
        if bad.count > lines.len() as u64 {
            lines.push(format!("… and {} more", bad.count - lines.len() as u64));
            let kinds: Vec<String> =
                bad.by_kind().map(|(kind, count)| format!("{count} {}", kind.label())).collect();
            lines.push(kinds.join("; "));
        }
        let rows = if bad.count == 1 {
            "1 row is no bar".to_owned()
        } else {
            format!("{} rows are no bars", bad.count)
        };
        let error = Error::new(ErrorKind::InvalidInput, format!("{rows}; nothing was imported"))
            .because(lines.join("\n  "));
        let error = match shown.first() {
            Some(first) => error.then(format!("mend line {} of `{}`", first.line, first.file)),
            None => error,
        };
        error.then("or leave such rows out: `--on-invalid skip`, or `--on-invalid quarantine` to keep them in a file")
    }
}

fn read_all<S: FnMut(usize, &Bar) -> Result<()>>(
    sources: &[Source],
    checker: &mut Checker<'_, S>,
    run: &Run,
    total: u64,
) -> Result<()> {
    let mut done = 0u64;
    let look = |done: u64| {
        (run.on_progress)(Progress { done, total });
        if run.cancel.load(Ordering::Relaxed) { run.check() } else { Ok(()) }
    };
    for source in sources {
        let path = PathBuf::from(&source.input.path);
        let named = checker.options.by_symbol() && !source.has_symbols();
        let symbol = if named { symbol_in_name(&source.input.file_name) } else { String::new() };
        let place = source.place(&path, symbol.as_bytes());
        let mut on_row = |row: super::rows::Row<'_>| {
            done += 1;
            if done.is_multiple_of(ROWS_A_LOOK) {
                look(done)?;
            }
            checker.row(&place, &row)
        };
        match &source.way {
            Way::Text(layout) => read_rows(&source.input, layout, &mut on_row)?,
            Way::Columns(mapping) => columnar::read_rows(&source.input, mapping, &mut on_row)?,
        }
        checker.end_file(&place)?;
    }
    look(done)
}

/// The symbol in the name of a file whose rows do not name theirs: `BTCUSDT-1m-2024-01.csv`, `XBTUSD_60.csv`,
/// `20240108_spy_minute_trade.csv`, `DAT_ASCII_EURUSD_M1_2024.csv`.
fn symbol_in_name(file_name: &str) -> String {
    let parts: Vec<&str> = file_name.split('.').next().unwrap_or_default().split(['_', ' ']).collect();
    let is_date = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    match parts[..] {
        [date, symbol, ..] if is_date(date) => symbol.to_uppercase(),
        ["DAT", _, symbol, ..] => symbol.to_owned(),
        _ => {
            let first = parts.first().copied().unwrap_or_default();
            let digit_follows = |at: &usize| first.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
            let end = first.match_indices('-').map(|(at, _)| at).find(digit_follows).unwrap_or(first.len());
            first[..end].to_owned()
        }
    }
}

impl Source {
    fn look_at(input: &Input, options: &ImportOptions) -> Result<Self> {
        let way = match input.content {
            Content::Text => Way::Text(Box::new(Layout::detect(input, options)?)),
            Content::Parquet | Content::Arrow => Way::Columns(Box::new(Mapping::detect(input, options)?)),
        };
        Ok(Self { input: input.clone(), way })
    }

    fn first(&self) -> Option<i64> {
        match &self.way {
            Way::Text(layout) => layout.first.filter(|_| layout.places.symbol.is_none()),
            Way::Columns(_) => None,
        }
    }

    fn notes(&self) -> &[String] {
        match &self.way {
            Way::Text(layout) => &layout.notes,
            Way::Columns(mapping) => &mapping.notes,
        }
    }

    fn summary(&self) -> &str {
        match &self.way {
            Way::Text(layout) => &layout.summary,
            Way::Columns(mapping) => &mapping.summary,
        }
    }

    fn reading(&self, options: &ImportOptions) -> String {
        let (kind, stamp, zone) = match &self.way {
            Way::Text(layout) => ("CSV", layout.stamp, layout.times.zone_name()),
            Way::Columns(mapping) => (mapping.kind, mapping.stamp, mapping.times.zone_name()),
        };
        let stamp = if stamp == super::Stamp::Open { "opens" } else { "closes" };
        let names: Vec<&str> =
            options.files.iter().take(3).map(|file| file.rsplit('/').next().unwrap_or(file)).collect();
        let more = if options.files.len() > 3 {
            format!(" and {} more", options.files.len() - 3)
        } else {
            String::new()
        };
        format!("{kind} {}{more} (stamps were bar {stamp}, {zone})", names.join(", "))
    }

    fn place<'a>(&'a self, path: &'a std::path::Path, symbol: &'a [u8]) -> Place<'a> {
        let (stamp, times) = match &self.way {
            Way::Text(layout) => (layout.stamp, &layout.times),
            Way::Columns(mapping) => (mapping.stamp, &mapping.times),
        };
        Place { name: &self.input.name, path, stamp, zone: times.zone(), symbol }
    }

    fn has_symbols(&self) -> bool {
        match &self.way {
            Way::Text(layout) => layout.places.symbol.is_some(),
            Way::Columns(mapping) => mapping.places.symbol.is_some(),
        }
    }
}

/// The span of closes of all series.
pub fn span(series: &[SeriesFound]) -> (UnixNanos, UnixNanos) {
    let first = series.iter().map(|series| series.first).min().unwrap_or_default();
    (first, series.iter().map(|series| series.last).max().unwrap_or_default())
}

impl ImportOptions {
    /// Whether each symbol makes a series.
    pub fn by_symbol(&self) -> bool {
        matches!(self.naming, Naming::BySymbol { .. })
    }
}
