//! Bars from files into the catalog, a chunk a commit.
//!
//! Files are read twice: once to check every row, so that nothing is imported if a row is bad, and once to commit, with no more in
//! memory than some chunks. Files that fit into one chunk are read once. A chunk ends where a stored file ends, so that no file is
//! written twice; an import that was stopped leaves whole chunks, which the next run finds stored already.

use std::sync::Arc;

use bars::{Bar, BarColumns, BarType, Decimal, UnixNanos};
use catalog::{
    Addition, Error, ErrorKind, Overlap, Period, Profile, Result, SeriesFacts, Tally, WriteOptions,
};
use tokio::sync::mpsc;

use super::options::ImportOptions;
use super::survey::{Survey, survey};
use crate::catalog::Catalog;
use crate::commit::{Receipt, Run, commit_bars};
use crate::store::Store;

/// What an import found and did.
#[derive(Debug)]
pub struct Imported {
    /// What the files hold.
    pub survey: Arc<Survey>,
    /// What was added, or would be; `snapshot` is the last one.
    pub receipt: Receipt,
    /// Commits made.
    pub commits: u64,
}

/// Imports files as `options` say: [`survey()`] and [`commit_survey`].
///
/// # Errors
/// As these.
pub async fn import(store: &Store, options: &ImportOptions, run: &Run) -> Result<Imported> {
    let (wanted, watched) = (options.clone(), run.clone());
    let found = blocking(move || survey(&wanted, &watched)).await?;
    commit_survey(store, options, found, run).await
}

/// Commits what a survey found.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for bad rows, [`ErrorKind::Conflict`] if bars differ from stored ones; nothing is committed then.
/// [`ErrorKind::Cancelled`], or if the store fails: the error says how much was committed before.
pub async fn commit_survey(
    store: &Store,
    options: &ImportOptions,
    mut survey: Survey,
    run: &Run,
) -> Result<Imported> {
    survey.refuse_bad_rows(options)?;
    if let Some(kept) = survey.kept.take() {
        let additions = additions(options, &survey, kept);
        let receipt = commit_bars(store, additions, run).await?;
        let commits = u64::from(receipt.snapshot.is_some());
        return Ok(Imported { survey: Arc::new(survey), receipt, commits });
    }
    let survey = Arc::new(survey);
    if !run.dry_run && may_be_refused(store, options, &survey).await? {
        stream(store, options, &survey, &run.clone().dry(true)).await?;
    }
    let (receipt, commits) = stream(store, options, &survey, run).await?;
    Ok(Imported { survey, receipt, commits })
}

/// Runs what blocks where it may; a panic of a decoder ends as an error.
///
/// # Errors
/// Those of `work`.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Internal, "reading the files ended early")
            .because(error)
            .then("if a file is damaged, copy it again; else report this with the file"))
    })
}

/// Whether a later chunk might be refused when earlier ones are committed: then all are tried first.
async fn may_be_refused(store: &Store, options: &ImportOptions, survey: &Survey) -> Result<bool> {
    if options.profile == Profile::Compact {
        return Ok(true);
    }
    if options.overlap != Overlap::Fail {
        return Ok(false);
    }
    let catalog = match Catalog::open(store.clone()).await {
        Ok(catalog) => catalog,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let stored = |bar_type: &BarType| catalog.series().iter().any(|entry| entry.bar_type == *bar_type);
    Ok(survey.series.iter().any(|series| stored(&series.bar_type)))
}

/// Reads the files again and commits chunk after chunk.
async fn stream(
    store: &Store,
    options: &ImportOptions,
    survey: &Arc<Survey>,
    run: &Run,
) -> Result<(Receipt, u64)> {
    let (sender, mut receiver) = mpsc::channel::<Vec<BarColumns<Decimal>>>(1);
    let (again, wanted, watched) = (survey.clone(), options.clone(), run.clone());
    let reading = tokio::spawn(blocking(move || {
        let gone = || Error::new(ErrorKind::Cancelled, "the import was stopped");
        let mut chunker = Chunker::new(&again, &wanted);
        again.read_again(&wanted, &watched, |series, bar| match chunker.push(series, bar) {
            Some(chunk) => sender.blocking_send(chunk).map_err(|_| gone()),
            None => Ok(()),
        })?;
        sender.blocking_send(chunker.finish()).map_err(|_| gone())
    }));
    // The commits' own progress counts files of a chunk; here rows are counted.
    let quiet = Run { on_progress: Arc::new(|_| {}), ..run.clone() };
    let (mut receipt, mut commits, mut committed_rows) = (Receipt::default(), 0, 0);
    while let Some(chunk) = receiver.recv().await {
        let rows: usize = chunk.iter().map(BarColumns::len).sum();
        match commit_bars(store, additions(options, survey, chunk), &quiet).await {
            Ok(done) => {
                commits += u64::from(done.snapshot.is_some());
                committed_rows += rows;
                add(&mut receipt, done);
            }
            Err(error) => return Err(with_progress(error, commits, committed_rows)),
        }
    }
    let read = reading.await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Internal, "reading the files ended early").because(error))
    });
    match read {
        Ok(()) => Ok((receipt, commits)),
        Err(error) => Err(with_progress(error, commits, committed_rows)),
    }
}

/// An error that came after some chunks: they stay.
fn with_progress(error: Error, commits: u64, rows: usize) -> Error {
    if commits == 0 {
        return error;
    }
    let what = if error.kind == ErrorKind::Cancelled {
        "the import was stopped".to_owned()
    } else {
        error.what.clone()
    };
    let why = format!("{rows} rows were committed before, in {commits} commits, and stay");
    let why = if error.why.is_empty() { why } else { format!("{}\n  {why}", error.why) };
    let error = Error { what, why, ..error };
    error.then("run the import again: it goes on where it stopped, for equal bars are no conflict")
}

fn add(receipt: &mut Receipt, done: Receipt) {
    receipt.snapshot = done.snapshot.or(receipt.snapshot);
    receipt.tally.add(&done.tally);
    for (bar_type, tally) in done.series {
        match receipt.series.iter_mut().find(|(known, _)| *known == bar_type) {
            Some((_, sum)) => sum.add(&tally),
            None => receipt.series.push((bar_type, tally)),
        }
    }
}

impl Survey {
    /// What was found, to be committed together with other changes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for bad rows, [`ErrorKind::Unsupported`] if the files hold more than one chunk.
    pub fn into_additions(mut self, options: &ImportOptions) -> Result<Vec<Addition>> {
        self.refuse_bad_rows(options)?;
        let kept = self.kept.take().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "the files hold too many bars for one commit")
        })?;
        Ok(additions(options, &self, kept))
    }
}

fn additions(options: &ImportOptions, survey: &Survey, chunk: Vec<BarColumns<Decimal>>) -> Vec<Addition> {
    let filled = survey.series.iter().zip(chunk).filter(|(_, bars)| !bars.is_empty());
    let addition = |(series, bars): (&super::check::SeriesFound, BarColumns<Decimal>)| Addition {
        bar_type: series.bar_type.clone(),
        bars,
        facts: SeriesFacts {
            source: options.source.clone().unwrap_or_else(|| survey.reading.clone()),
            note: options.note.clone(),
            calendar: options.calendar(),
            options: WriteOptions {
                profile: options.profile,
                price_precision: options.price_precision.max(series.price_precision),
                size_precision: options.size_precision.max(series.size_precision),
                row_group_rows: options.row_group_rows,
                ..WriteOptions::default()
            },
        },
        overlap: options.overlap,
    };
    filled.map(addition).collect()
}

/// Collects bars until there are enough for a commit, and cuts where files end.
struct Chunker {
    period: Period,
    interval: i64,
    limit: usize,
    series: Vec<Growing>,
    held: usize,
    next_cut: usize,
}

#[derive(Default)]
struct Growing {
    bars: BarColumns<Decimal>,
    period: Option<i64>,
    /// Where the rows of the last period begin; it may not be complete.
    border: usize,
}

impl Chunker {
    fn new(survey: &Survey, options: &ImportOptions) -> Self {
        let period = survey.series.first().map_or(Period::Day, |series| Period::of(&series.bar_type));
        let interval = options.spec.interval().unwrap_or_default();
        let series = survey.series.iter().map(|_| Growing::default()).collect();
        Self {
            period,
            interval,
            limit: options.chunk_rows.max(1),
            series,
            held: 0,
            next_cut: options.chunk_rows.max(1),
        }
    }

    fn push(&mut self, series: usize, bar: &Bar) -> Option<Vec<BarColumns<Decimal>>> {
        let growing = self.series.get_mut(series)?;
        let period = self.period.number(UnixNanos(bar.ts_init.0).plus(-self.interval));
        if growing.period != Some(period) {
            growing.period = Some(period);
            growing.border = growing.bars.len();
        }
        growing.bars.push(bar);
        self.held += 1;
        if self.held < self.next_cut {
            return None;
        }
        let whole: usize = self.series.iter().map(|growing| growing.border).sum();
        // Periods that never end, such as a year of many symbols' days, are cut where they are.
        let all = self.held >= 2 * self.limit;
        if !all && whole * 2 < self.limit {
            self.next_cut = self.held + self.limit.div_ceil(8);
            return None;
        }
        Some(self.cut(all))
    }

    fn cut(&mut self, all: bool) -> Vec<BarColumns<Decimal>> {
        let take = |growing: &mut Growing| {
            let border = if all { growing.bars.len() } else { growing.border };
            let mut rest = BarColumns::default();
            rest.extend_from(&growing.bars, border..growing.bars.len());
            growing.bars.truncate(border);
            growing.border = 0;
            std::mem::replace(&mut growing.bars, rest)
        };
        let chunk: Vec<BarColumns<Decimal>> = self.series.iter_mut().map(take).collect();
        self.held = self.series.iter().map(|growing| growing.bars.len()).sum();
        self.next_cut = self.limit.max(self.held + self.limit.div_ceil(8));
        chunk
    }

    fn finish(&mut self) -> Vec<BarColumns<Decimal>> {
        self.cut(true)
    }
}

/// What was, or would be, added and found stored, in one line.
pub fn tally_text(tally: &Tally) -> String {
    format!(
        "{} new, {} stored already, {} kept as stored, {} replaced",
        tally.rows_added, tally.rows_identical, tally.rows_kept, tally.rows_replaced
    )
}
