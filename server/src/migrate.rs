//! Migration: the bars of a catalog that NautilusTrader wrote, any release, become commits of this one, and that is proven.
//!
//! Files are read in order of time and committed in chunks, so that a migration which was stopped goes on where it was; bars that
//! are here already are found equal and not written again. After each chunk it is read back, and its totals are compared with those
//! of the source.

mod chunk;
mod instruments;

use std::collections::BTreeMap;

use bars::{BarType, Calendar, UnixNanos};
use catalog::{Error, ErrorKind, FilePeek, Profile, Result, SeriesFacts, WriteOptions, names, peek};
use serde::Serialize;

use self::chunk::migrate_chunk;
use self::instruments::migrate_instruments;
use crate::adopt::FileRemark;
use crate::commit::{Progress, Run};
use crate::foreign::{Listing, list_files, read};
use crate::proof::Totals;
use crate::store::Store;

/// A commit holds about this many bars, or one source file.
const CHUNK_ROWS: u64 = 500_000;
/// Bytes at the end of a file that hold its footer, as a rule.
const TAIL_BYTES: u64 = 64 * 1024;

/// What the user says about a migration.
#[derive(Clone, Debug, Default)]
pub struct MigrateOptions {
    /// Only these series; all if empty.
    pub only: Vec<BarType>,
    /// How new series are stored.
    pub profile: Profile,
    /// When the market trades, for series whose venue does not tell.
    pub calendar: Option<Calendar>,
    /// Where the bars came from.
    pub source: Option<String>,
    /// What a reader must know.
    pub note: String,
}

/// What a migration did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Migration {
    /// By series.
    pub series: Vec<MigratedSeries>,
    /// Instruments that were written in NautilusTrader 2's format.
    pub instruments: u64,
    /// Instruments of other classes, whose fields are kept in the manifest only.
    pub instruments_kept: Vec<String>,
    /// Files that could not be used.
    pub refused: Vec<FileRemark>,
    /// What is wrong with files that were used.
    pub remarks: Vec<FileRemark>,
    /// Directories of other data, with their number of files.
    pub others: BTreeMap<String, u64>,
}

/// What became of one series.
#[derive(Debug, Serialize)]
pub struct MigratedSeries {
    /// The series.
    pub bar_type: BarType,
    /// Its files at the source.
    pub files: u64,
    /// Bars at the source that were equal to others of their stamp, and were left out.
    pub duplicates: u64,
    /// Bars that this catalog had already.
    pub rows_present: u64,
    /// Bars in the same time that only this catalog has.
    pub rows_only_here: u64,
    /// Totals of the source.
    pub source: Totals,
    /// Totals of the same stamps, read back from this catalog.
    pub target: Totals,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, unless it is good.
    pub reason: Option<String>,
}

/// How a series fared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It would be migrated.
    Planned,
    /// Every bar of the source is here, with equal values.
    Equal,
    /// Some files could not be used; every bar of the others is here.
    Partial,
    /// It was not migrated as a whole.
    Failed,
    /// What was read back is not what the source holds.
    Different,
}

/// A file of the source and what its footer tells.
struct SourceFile {
    key: String,
    peek: FilePeek,
}

/// Copies what `source` holds into `target`.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is nothing to migrate, [`ErrorKind::Cancelled`], or if a store fails. What goes wrong with one
/// series stands in the result.
pub async fn migrate(
    source: &Store,
    target: &Store,
    options: &MigrateOptions,
    run: &Run,
) -> Result<Migration> {
    let listing = list_files(source).await?;
    let mut migration = Migration { others: listing.others.clone(), ..Migration::default() };
    let series = group_files(source, &listing, options, &mut migration).await?;
    if series.is_empty() && listing.instruments.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is nothing to migrate at `{}`", source.location()),
        )
        .because("it holds no files of bars under `data/bar` or `data/bars`")
        .then("name the directory of a NautilusTrader catalog, the one that holds `data`"));
    }
    let total = series.values().flatten().map(|file| file.peek.rows).sum();
    let mut progress = Progress { done: 0, total };
    for (bar_type, files) in series {
        let migrated =
            migrate_series(source, target, bar_type, files, options, run, &mut migration, &mut progress);
        let migrated = migrated.await?;
        migration.series.push(migrated);
    }
    migrate_instruments(source, target, &listing, run, &mut migration).await?;
    Ok(migration)
}

/// The files of each series, in order of time. Footers suffice for that.
async fn group_files(
    source: &Store,
    listing: &Listing,
    options: &MigrateOptions,
    migration: &mut Migration,
) -> Result<BTreeMap<BarType, Vec<SourceFile>>> {
    let mut series: BTreeMap<BarType, Vec<SourceFile>> = BTreeMap::new();
    for (key, object) in &listing.bars {
        match peek_file(source, key, object.size).await {
            Ok(peek) if options.only.is_empty() || options.only.contains(&peek.bar_type) => {
                series.entry(peek.bar_type.clone()).or_default().push(SourceFile { key: key.clone(), peek });
            }
            Ok(_) => {}
            Err(error) if is_of_file(&error) => migration.refused.push(remark(key, &error)),
            Err(error) => return Err(error),
        }
    }
    for files in series.values_mut() {
        files.sort_by_key(|file| file.peek.stamps.map_or(UnixNanos::MIN, |(first, _)| first));
    }
    Ok(series)
}

async fn peek_file(source: &Store, key: &str, size: u64) -> Result<FilePeek> {
    if size > TAIL_BYTES {
        let tail = source.get_range(key, size - TAIL_BYTES..size).await?;
        if let Ok(found) = peek(key, &tail) {
            return Ok(found);
        }
    }
    peek(key, &read(source, key).await?)
}

/// Whether an error concerns a file and not the store or the whole run.
fn is_of_file(error: &Error) -> bool {
    !matches!(error.kind, ErrorKind::SourceUnavailable | ErrorKind::Cancelled | ErrorKind::Internal)
}

fn remark(key: &str, error: &Error) -> FileRemark {
    let reason =
        if error.why.is_empty() { error.what.clone() } else { format!("{}: {}", error.what, error.why) };
    FileRemark { key: key.to_owned(), reason, is_name: false }
}

#[expect(clippy::too_many_arguments, reason = "the state of the whole run is what it is")]
async fn migrate_series(
    source: &Store,
    target: &Store,
    bar_type: BarType,
    files: Vec<SourceFile>,
    options: &MigrateOptions,
    run: &Run,
    migration: &mut Migration,
    progress: &mut Progress,
) -> Result<MigratedSeries> {
    let mut done = MigratedSeries {
        bar_type: bar_type.clone(),
        files: files.len() as u64,
        duplicates: 0,
        rows_present: 0,
        rows_only_here: 0,
        source: Totals::default(),
        target: Totals::default(),
        verdict: if run.dry_run { Verdict::Planned } else { Verdict::Equal },
        reason: None,
    };
    let facts = facts(&bar_type, &files, source, options);
    for chunk in chunks(files) {
        run.check()?;
        let moved = migrate_chunk(source, target, &chunk, &facts, run, migration, &mut done).await;
        if let Err(error) = moved {
            if !is_of_file(&error) {
                return Err(error);
            }
            done.verdict = Verdict::Failed;
            done.reason = Some(remark("", &error).reason);
            return Ok(done);
        }
        progress.done += chunk.iter().map(|file| file.peek.rows).sum::<u64>();
        (run.on_progress)(*progress);
    }
    if !run.dry_run && done.source != done.target {
        done.verdict = Verdict::Different;
        done.reason = Some("the bars read back are not those of the source".to_owned());
    }
    Ok(done)
}

fn facts(bar_type: &BarType, files: &[SourceFile], source: &Store, options: &MigrateOptions) -> SeriesFacts {
    let most = |of: fn(&FilePeek) -> u8| files.iter().map(|file| of(&file.peek)).max().unwrap_or_default();
    SeriesFacts {
        // The last part only: a whole path tells those who read a published copy more than they need.
        source: options.source.clone().unwrap_or_else(|| {
            format!("NautilusTrader catalog {}", names::file_name(source.location().trim_end_matches('/')))
        }),
        note: options.note.clone(),
        calendar: options.calendar.or_else(|| Calendar::of_venue(bar_type.instrument.venue())),
        options: WriteOptions {
            profile: options.profile,
            price_precision: most(|peek| peek.price_precision),
            size_precision: most(|peek| peek.size_precision),
            ..WriteOptions::default()
        },
    }
}

/// Files in runs of about [`CHUNK_ROWS`]; files that share time, or whose time is not known, are in one run.
fn chunks(files: Vec<SourceFile>) -> Vec<Vec<SourceFile>> {
    let mut chunks: Vec<Vec<SourceFile>> = Vec::new();
    let (mut rows, mut last) = (0, None);
    for file in files {
        let apart = match (last, file.peek.stamps) {
            (Some(last), Some((first, _))) => first > last,
            _ => false,
        };
        rows += file.peek.rows;
        last = match (last, file.peek.stamps) {
            (None, Some((_, own))) if chunks.is_empty() => Some(own),
            (Some(last), Some((_, own))) => Some(last.max(own)),
            // A file without statistics may hold any time.
            _ => None,
        };
        match chunks.last_mut() {
            Some(chunk) if !apart || rows <= CHUNK_ROWS => chunk.push(file),
            _ => {
                rows = file.peek.rows;
                chunks.push(vec![file]);
            }
        }
    }
    chunks
}

/// Refuses to migrate a catalog into itself.
///
/// # Errors
/// [`ErrorKind::InvalidInput`].
pub fn refuse_same_place(source: &str, target: &str) -> Result<()> {
    let real = |place: &str| {
        let place = place.strip_prefix("file://").unwrap_or(place);
        std::fs::canonicalize(place).unwrap_or_else(|_| place.trim_end_matches('/').into())
    };
    if real(source) != real(target) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, "source and catalog are the same place")
        .because(format!("both are `{source}`"))
        .then("migrate into a new place: `barkeep --catalog NEW migrate nautilus OLD`")
        .then("or leave the files as they are and read them where they lie: `barkeep adopt`"))
}
