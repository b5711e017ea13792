//! Adopting: files that NautilusTrader wrote join a manifest where they lie, and nothing of theirs is touched.
//!
//! [`plan_adoption`] reads every file that the manifest does not know, once, and says what can join and what cannot;
//! [`carry_out`] commits that. Run again later, it follows what the other program has added, merged, removed or renamed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bars::{BarType, Calendar, IntervalSet, TimeRange, UnixNanos};
use catalog::{
    Change, Error, ErrorKind, ForeignFile, InstrumentChange, ObjectRef, PartitionEntry, Profile, Result,
    SeriesEntry, SeriesFacts, Sha256, WriteOptions, names,
};
use futures::stream::{self, StreamExt};
use serde::Serialize;

use crate::catalog::{newest, read_instruments, read_manifest, read_table};
use crate::commit::{Progress, Receipt, Run, commit_with, finish};
use crate::foreign::{Listing, examine_file, list_files, read, read_instrument_file};
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
    let mut by_series: BTreeMap<BarType, Vec<Candidate>> = BTreeMap::new();
    let (total, mut done) = (candidates.len() as u64, 0);
    let mut reading = stream::iter(candidates)
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

/// What the manifest knows already.
#[derive(Default)]
struct Known {
    series: BTreeMap<BarType, (SeriesEntry, Vec<PartitionEntry>)>,
    instrument_files: HashMap<String, ObjectRef>,
    transaction: String,
}

impl Known {
    async fn read(store: &Store, options: &AdoptOptions, run: &Run) -> Result<Self> {
        let mut known = Self::default();
        let Some((snapshot, _)) = newest(store).await? else { return Ok(known) };
        if !options.update {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("`{}` has a manifest already", store.location()),
            )
            .because(format!(
                "snapshot {} of {} ({})",
                snapshot.number, snapshot.committed, snapshot.operation
            ))
            .then("take in what other programs have changed since: `barkeep adopt --update`"));
        }
        if !run.dry_run {
            finish(store, &snapshot).await?;
        }
        known.transaction.clone_from(&snapshot.transaction);
        for entry in read_table(store, &snapshot.table).await? {
            let partitions = read_manifest(store, &entry).await?.partitions;
            known.series.insert(entry.bar_type.clone(), (entry, partitions));
        }
        for instrument in read_instruments(store, &snapshot).await?.iter() {
            known
                .instrument_files
                .extend(instrument.file.iter().map(|file| (file.key.clone(), file.clone())));
        }
        Ok(known)
    }

    /// Keys to read, and files of the manifest that are not there any more or are others now.
    async fn compare(
        &self,
        store: &Store,
        listing: &Listing,
        quick: bool,
    ) -> Result<(Vec<String>, HashMap<BarType, BTreeSet<String>>)> {
        let mut candidates: BTreeSet<String> = listing.bars.keys().cloned().collect();
        let mut gone: HashMap<BarType, BTreeSet<String>> = HashMap::new();
        for (bar_type, (_, files)) in &self.series {
            for file in files {
                let key = &file.object.key;
                let is_there = match listing.bars.get(key) {
                    Some(object) => is_same(store, &file.object, object.size, quick).await?,
                    // Another writer may have committed between the two looks, or be moving its files now.
                    None => {
                        let staged = names::staged(&self.transaction, key);
                        store.head(key).await?.is_some() || store.head(&staged).await?.is_some()
                    }
                };
                if is_there {
                    candidates.remove(key);
                } else {
                    gone.entry(bar_type.clone()).or_default().insert(key.clone());
                }
            }
        }
        Ok((candidates.into_iter().collect(), gone))
    }

    fn remaining<'a>(
        &'a self,
        bar_type: &BarType,
        gone: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a PartitionEntry> {
        let files = self.series.get(bar_type).map(|(_, files)| files.as_slice()).unwrap_or_default();
        files.iter().filter(|file| !gone.contains(&file.object.key))
    }

    /// Two series in one directory would be read as one by NautilusTrader, and a catalog refuses that: the larger one joins.
    fn refuse_shared_directories(
        &self,
        plan: &mut Adoption,
        by_series: &mut BTreeMap<BarType, Vec<Candidate>>,
    ) {
        let mut owners: HashMap<String, BarType> = self
            .series
            .keys()
            .map(|bar_type| (names::series_directory(bar_type), bar_type.clone()))
            .collect();
        let rows = |files: &[Candidate]| files.iter().map(|file| file.entry.rows).sum::<u64>();
        let mut order: Vec<BarType> = by_series.keys().cloned().collect();
        order.sort_by_key(|bar_type| std::cmp::Reverse(rows(&by_series[bar_type])));
        for bar_type in order {
            let owner = owners.entry(names::series_directory(&bar_type)).or_insert_with(|| bar_type.clone());
            if *owner != bar_type {
                for file in by_series.remove(&bar_type).unwrap_or_default() {
                    plan.refuse(
                        &file.entry.object.key,
                        format!("it holds {bar_type}, which would share a directory with {owner}"),
                    );
                }
            }
        }
    }
}

/// Whether a file is still the one the manifest describes. Names with the content's hash in them are never used twice.
async fn is_same(store: &Store, object: &ObjectRef, size_bytes: u64, quick: bool) -> Result<bool> {
    if size_bytes != object.size_bytes {
        return Ok(false);
    }
    if quick || object.key.ends_with(&format!("_{}.parquet", object.sha256.short())) {
        return Ok(true);
    }
    Ok(Sha256::of(&read(store, &object.key).await?) == object.sha256)
}

async fn plan_series(
    store: &Store,
    known: &Known,
    plan: &mut Adoption,
    bar_type: BarType,
    candidates: Vec<Candidate>,
    gone: &BTreeSet<String>,
    options: &AdoptOptions,
) -> Result<()> {
    let remaining: Vec<PartitionEntry> = known.remaining(&bar_type, gone).cloned().collect();
    let stored = known.series.get(&bar_type);
    let candidates =
        one_profile(plan, candidates, stored.map(|(entry, _)| entry).filter(|_| !remaining.is_empty()));
    let accepted = disjoint(store, plan, candidates, &remaining).await?;
    if accepted.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let left: Vec<&PartitionEntry> =
        stored.iter().flat_map(|(_, files)| files).filter(|file| gone.contains(&file.object.key)).collect();
    let now: Vec<&PartitionEntry> = remaining.iter().chain(accepted.iter().map(|file| &file.entry)).collect();
    let options = facts(&bar_type, &accepted, stored.map(|(entry, _)| entry), !remaining.is_empty(), options);
    plan.series.push(AdoptedSeries {
        bar_type: bar_type.clone(),
        profile: options.options.profile,
        files_added: accepted.len() as u64,
        rows_added: accepted.iter().map(|file| file.entry.rows).sum(),
        files_gone: gone.iter().cloned().collect(),
        rows_gone: left.iter().map(|file| file.rows).sum(),
        first: accepted.iter().map(|file| file.entry.first).min(),
        last: accepted.iter().map(|file| file.entry.last).max(),
        lost: lost_bars(&bar_type, &left, &now),
    });
    let files = accepted.into_iter().map(|file| file.entry).collect();
    plan.changes.push(Change::Adopt { bar_type, files, gone: gone.clone(), facts: options });
    Ok(())
}

/// The files that can be of one series: DuckDB silently misreads a mixture of decimal scales.
fn one_profile(
    plan: &mut Adoption,
    mut candidates: Vec<Candidate>,
    stored: Option<&SeriesEntry>,
) -> Vec<Candidate> {
    candidates.sort_by_key(|file| std::cmp::Reverse(file.entry.rows));
    let compact =
        |profile: Profile, price: u8, size: u8| (profile == Profile::Compact).then_some((price, size));
    let wanted = match (stored, candidates.first()) {
        (Some(entry), _) => compact(entry.profile, entry.price_precision, entry.size_precision),
        (None, Some(file)) => compact(file.profile, file.price_precision, file.size_precision),
        (None, None) => None,
    };
    let (fitting, others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|file| compact(file.profile, file.price_precision, file.size_precision) == wanted);
    for file in others {
        let reason = "its decimals are stored in another way than those of the series' other files, and some readers misread such a mixture";
        plan.refuse(&file.entry.object.key, reason);
    }
    fitting
}

/// The files that share no time with others: stored ones first, then the largest.
async fn disjoint(
    store: &Store,
    plan: &mut Adoption,
    candidates: Vec<Candidate>,
    remaining: &[PartitionEntry],
) -> Result<Vec<Candidate>> {
    let overlaps =
        |left: &PartitionEntry, right: &PartitionEntry| left.first <= right.last && right.first <= left.last;
    let mut accepted: Vec<Candidate> = Vec::new();
    for file in candidates {
        let taken = remaining.iter().chain(accepted.iter().map(|other| &other.entry));
        let in_the_way: Vec<String> = taken
            .filter(|other| overlaps(other, &file.entry))
            .map(|other| other.object.key.clone())
            .collect();
        if in_the_way.is_empty() {
            accepted.push(file);
        } else {
            let reason = compare_bars(store, &file.entry.object.key, &in_the_way).await?;
            plan.refuse(&file.entry.object.key, reason);
        }
    }
    accepted.sort_by_key(|file| file.entry.first);
    Ok(accepted)
}

/// How the bars of a file relate to those of the files it overlaps.
async fn compare_bars(store: &Store, key: &str, others: &[String]) -> Result<String> {
    let file = examine_file(store, key).await?.bars;
    let mut stored = BTreeMap::new();
    for other in others {
        let bars = examine_file(store, other).await?.bars;
        stored.extend((0..bars.len()).map(|row| (bars.ts_init[row], bars.bar(row))));
    }
    let (mut equal, mut different, mut only_here) = (0, 0, 0);
    for row in 0..file.len() {
        match stored.get(&file.ts_init[row]) {
            Some(bar) if *bar == file.bar(row) => equal += 1,
            Some(_) => different += 1,
            None => only_here += 1,
        }
    }
    Ok(format!(
        "it overlaps `{}`, so that NautilusTrader reads bars twice: {equal} of its bars are equal there, {different} differ, {only_here} are only here",
        others.join("`, `")
    ))
}

fn facts(
    bar_type: &BarType,
    accepted: &[Candidate],
    stored: Option<&SeriesEntry>,
    keeps_files: bool,
    options: &AdoptOptions,
) -> SeriesFacts {
    let kept = stored.filter(|_| keeps_files || accepted.is_empty());
    let profiles =
        kept.map(|entry| entry.profile).into_iter().chain(accepted.iter().map(|file| file.profile));
    // One old file suffices: no program sees all of a series in both directories.
    let profile = profiles.fold(None, |chosen, profile| match chosen {
        Some(Profile::NautilusV1) => chosen,
        _ => Some(profile),
    });
    let most = |of_file: fn(&Candidate) -> u8, of_entry: fn(&SeriesEntry) -> u8| {
        kept.map(of_entry).into_iter().chain(accepted.iter().map(of_file)).max().unwrap_or_default()
    };
    let source = match (&options.source, stored) {
        (Some(source), _) => source.clone(),
        (None, Some(_)) => String::new(),
        (None, None) => "files of NautilusTrader, adopted".to_owned(),
    };
    let known_calendar = stored.and_then(|entry| entry.calendar);
    let guessed = || Calendar::of_venue(bar_type.instrument.venue());
    SeriesFacts {
        source,
        note: options.note.clone().unwrap_or_default(),
        calendar: options.calendar.or(known_calendar).or_else(guessed),
        options: WriteOptions {
            profile: profile.unwrap_or_default(),
            price_precision: most(|file| file.price_precision, |entry| entry.price_precision),
            size_precision: most(|file| file.size_precision, |entry| entry.size_precision),
            ..WriteOptions::default()
        },
    }
}

/// Time that only files which are gone held.
fn lost_bars(bar_type: &BarType, gone: &[&PartitionEntry], now: &[&PartitionEntry]) -> Vec<LostBars> {
    if let Some(interval) = bar_type.spec.interval() {
        let span = |files: &[&PartitionEntry]| -> IntervalSet {
            files.iter().flat_map(|file| file.present.ranges()).copied().collect()
        };
        let lost = span(gone).subtract(&span(now));
        let count = |range: &TimeRange| u64::try_from(range.nanos() / interval).ok();
        return lost.ranges().iter().map(|range| LostBars { range: *range, bars: count(range) }).collect();
    }
    let lost = gone.iter().filter_map(|file| {
        let inside: Vec<_> =
            now.iter().filter(|other| other.first <= file.last && file.first <= other.last).collect();
        let rows: u64 = inside.iter().map(|other| other.rows).sum();
        let range = TimeRange::new(file.first, file.last.plus(1));
        // As many or more bars in files that hold all of that time are the same ones, as far as can be told.
        let covers = inside.iter().any(|other| other.first <= file.first && other.last >= file.last);
        (!covers || rows < file.rows)
            .then(|| LostBars { range, bars: inside.is_empty().then_some(file.rows) })
    });
    lost.collect()
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
