//! Adopting: files that NautilusTrader wrote join a manifest where they lie, and nothing of theirs is touched.
//!
//! [`plan_adoption`] reads every file that the manifest does not know, once, and says what can join and what cannot;
//! [`carry_out`] commits that. Run again later, it follows what the other program has added, merged, removed or renamed.

mod known;
mod series;

use std::collections::BTreeMap;

use bars::{BarType, Calendar, TimeRange, UnixNanos};
use catalog::{Change, Error, ErrorKind, ForeignFile, InstrumentChange, PartitionEntry, Profile, Result};
use futures::stream::{self, StreamExt};
use serde::Serialize;

use self::known::{Known, is_same};
use self::series::plan_series;
use crate::commit::{Progress, Receipt, Run, commit_with};
use crate::foreign::{Listing, examine_file, list_files, read_instrument_file};
use crate::store::Store;

/// Files that are read at once.
const AT_ONCE: usize = 4;

/// What the user says about an adoption.
#[derive(Clone, Debug, Default)]
pub struct AdoptOptions {
    /// Whether a manifest may be there already.
    pub update: bool,
    /// Whether files of known name and size are taken for unchanged without reading them.
    pub quick: bool,
    /// When the market trades, for series whose calendar is not known.
    pub calendar: Option<Calendar>,
    /// Where the bars came from.
    pub source: Option<String>,
    /// What a reader must know.
    pub note: Option<String>,
}

/// What an adoption will do, and what it will not.
#[derive(Debug, Default, Serialize)]
pub struct Adoption {
    /// Series that change.
    pub series: Vec<AdoptedSeries>,
    /// Instruments that join.
    pub instruments: u64,
    /// Files that stay out.
    pub refused: Vec<FileRemark>,
    /// What is wrong with files that join all the same.
    pub remarks: Vec<FileRemark>,
    /// Directories of other data, with their number of files, which are left as they are.
    pub others: BTreeMap<String, u64>,
    #[serde(skip)]
    changes: Vec<Change>,
    #[serde(skip)]
    instrument_change: InstrumentChange,
}

/// What an adoption does to one series.
#[derive(Debug, Serialize)]
pub struct AdoptedSeries {
    /// The series.
    pub bar_type: BarType,
    /// How its files are stored.
    pub profile: Profile,
    /// Files that join.
    pub files_added: u64,
    /// Bars in them.
    pub rows_added: u64,
    /// Files of the manifest that are no longer there, or that were overwritten.
    pub files_gone: Vec<String>,
    /// Bars in them.
    pub rows_gone: u64,
    /// First `ts_init` of the files that join.
    pub first: Option<UnixNanos>,
    /// Last `ts_init` of the files that join.
    pub last: Option<UnixNanos>,
    /// Bars that no file holds any more.
    pub lost: Vec<LostBars>,
}

/// A stretch of time whose bars are no longer there.
#[derive(Clone, Debug, Serialize)]
pub struct LostBars {
    /// From the first one's open to the last one's close.
    #[serde(flatten)]
    pub range: TimeRange,
    /// How many; `None` where bars have no fixed length and other files hold some of that time.
    pub bars: Option<u64>,
}

/// A file and what is wrong with it.
#[derive(Clone, Debug, Serialize)]
pub struct FileRemark {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// Whether `reset-names` mends it.
    pub is_name: bool,
}

impl Adoption {
    /// Whether there is nothing to commit.
    pub fn is_nothing(&self) -> bool {
        self.changes.is_empty()
            && self.instrument_change.add.is_empty()
            && self.instrument_change.gone.is_empty()
    }

    /// Whether every file joins as it is and none took bars with it.
    pub fn is_clean(&self) -> bool {
        self.refused.is_empty()
            && self.remarks.is_empty()
            && self.series.iter().all(|series| series.lost.is_empty())
    }

    fn refuse(&mut self, key: &str, reason: impl std::fmt::Display) {
        self.refused.push(FileRemark { key: key.to_owned(), reason: reason.to_string(), is_name: false });
    }
}

/// Commits a plan.
///
/// # Errors
/// [`ErrorKind::Conflict`] if the catalog was changed since it was made, or if the store fails.
pub async fn carry_out(store: &Store, plan: &Adoption, run: &Run) -> Result<Receipt> {
    commit_with(store, &plan.changes, &plan.instrument_change, run).await
}

/// Finds out what joins, what leaves and what stays out.
///
/// # Errors
/// [`ErrorKind::Conflict`] if there is a manifest and no update was asked for, [`ErrorKind::NotFound`] if there is nothing to adopt,
/// or if the store fails. What is wrong with single files is no error: it stands in the plan.
pub async fn plan_adoption(store: &Store, options: &AdoptOptions, run: &Run) -> Result<Adoption> {
    let known = Known::read(store, options, run).await?;
    let listing = list_files(store).await?;
    if known.series.is_empty() && listing.bars.is_empty() && listing.instruments.is_empty() {
        return Err(nothing_there(store));
    }
    let mut plan = Adoption { others: listing.others.clone(), ..Adoption::default() };
    let (candidates, gone) = known.compare(store, &listing, options.quick).await?;
    let mut by_series = judge_all(store, candidates, &mut plan, run).await?;
    known.refuse_shared_directories(&mut plan, &mut by_series);
    for bar_type in known.series.keys().filter(|bar_type| gone.contains_key(*bar_type)) {
        by_series.entry(bar_type.clone()).or_default();
    }
    for (bar_type, candidates) in by_series {
        let gone = gone.get(&bar_type).cloned().unwrap_or_default();
        plan_series(store, &known, &mut plan, bar_type, candidates, &gone, options).await?;
    }
    plan_instruments(store, &known, &mut plan, &listing).await?;
    for list in [&mut plan.refused, &mut plan.remarks] {
        list.sort_by(|left, right| left.key.cmp(&right.key));
    }
    Ok(plan)
}

/// Reads the files, several at once, and sorts those that may join by series.
async fn judge_all(
    store: &Store,
    keys: Vec<String>,
    plan: &mut Adoption,
    run: &Run,
) -> Result<BTreeMap<BarType, Vec<Candidate>>> {
    let mut by_series = BTreeMap::new();
    let (total, mut done) = (keys.len() as u64, 0);
    let mut reading = stream::iter(keys)
        .map(|key| async move { (examine_file(store, &key).await, key) })
        .buffer_unordered(AT_ONCE);
    while let Some((found, key)) = reading.next().await {
        run.check()?;
        done += 1;
        (run.on_progress)(Progress { done, total });
        match found {
            Ok(file) => plan.judge(file, &mut by_series),
            Err(error) => plan.refuse(&key, one_line(&error)),
        }
    }
    Ok(by_series)
}

fn nothing_there(store: &Store) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is nothing to adopt at `{}`", store.location()))
        .because("it holds no Parquet files under `data/bar` or `data/bars`, where NautilusTrader keeps bars")
        .then("name the catalog's own directory, the one that holds `data`: `barkeep --catalog DIRECTORY adopt`")
}

/// An error without its next steps.
fn one_line(error: &Error) -> String {
    if error.why.is_empty() { error.what.clone() } else { format!("{}: {}", error.what, error.why) }
}

/// A file that may join; its bars are not kept.
#[derive(Clone, Debug)]
struct Candidate {
    entry: PartitionEntry,
    profile: Profile,
    price_precision: u8,
    size_precision: u8,
}

impl Adoption {
    /// Sorts a file by what is wrong with it.
    fn judge(&mut self, file: ForeignFile, by_series: &mut BTreeMap<BarType, Vec<Candidate>>) {
        let key = &file.entry.object.key;
        let (grave, slight): (Vec<_>, Vec<_>) = file.faults.iter().partition(|fault| fault.keeps_out());
        if !grave.is_empty() {
            let reasons: Vec<String> = grave.iter().map(ToString::to_string).collect();
            return self.refuse(key, reasons.join("; "));
        }
        for fault in slight {
            let (key, is_name) = (key.clone(), fault.is_in_name());
            self.remarks.push(FileRemark { key, reason: fault.to_string(), is_name });
        }
        let (price_precision, size_precision) = (file.price_precision, file.size_precision);
        let candidate =
            Candidate { entry: file.entry, profile: file.profile, price_precision, size_precision };
        by_series.entry(file.bar_type).or_default().push(candidate);
    }
}

async fn plan_instruments(
    store: &Store,
    known: &Known,
    plan: &mut Adoption,
    listing: &Listing,
) -> Result<()> {
    for (key, object) in &listing.instruments {
        if let Some(file) = known.instrument_files.get(key) {
            if is_same(store, file, object.size, false).await? {
                continue;
            }
            plan.instrument_change.gone.insert(key.clone());
        }
        match read_instrument_file(store, key).await {
            Ok(found) => plan.instrument_change.add.extend(found),
            Err(error) => plan.refuse(key, one_line(&error)),
        }
    }
    let gone = known.instrument_files.keys().filter(|key| !listing.instruments.contains_key(*key));
    plan.instrument_change.gone.extend(gone.cloned());
    plan.instruments = plan.instrument_change.add.len() as u64;
    Ok(())
}
