//! Publishing: a read-optimised copy of a catalog, for static hosts and buckets.
//!
//! The copy is a catalog of its own, whose snapshots say which snapshot of the source they show. What is new is staged and committed
//! as any other change is (see [`crate::commit`]): a publish that is stopped leaves the copy as it was, repeating it uploads what is
//! missing, and files that the copy does without stay readable under the heads before, until a grace period is over.
//!
//! Files are made the same way every time and named by their content, so only what changed is uploaded. A ledger beside the manifest
//! remembers of which partitions each file was made, so that most files need not be made to know that.

mod layout;
mod ledger;
mod nautilus_v1;
mod pages;
mod series;
mod uploads;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use ::catalog::{
    Base, Commit, CommitInfo, Edit, Error, ErrorKind, Head, Profile, Published, Result, SeriesEntry,
    SeriesFacts, SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot, WriteOptions, names,
};
use bars::{Aggregation, BarType, DAY, Frame, TimeRange};

pub use layout::By;
pub use nautilus_v1::{V1Report, publish_v1};
pub use pages::{Page, PagesReport, built_in_pages, publish_pages, read_pages};

use self::layout::Shape;
use self::ledger::{Ledger, SeriesRecord};
use self::series::{Copy, Source, Wish, copy_bars, fold_bars};
use self::uploads::Uploads;
use crate::catalog::{Catalog, foreign, newest, now, read_manifest, read_shard, read_table};
use crate::commit::{Progress, Run, finish, put};
use crate::store::Store;

/// Raised when files are to be made anew although their source did not change.
const RECIPE: u32 = 1;
/// Times that a publish begins again because another writer committed to the copy.
const ATTEMPTS: usize = 5;

/// What is published, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How values are stored. What does not fit 18 digits is never compact.
    pub profile: Profile,
    /// How files are cut.
    pub by: By,
    /// Only series whose bar type contains one of these texts; all if empty.
    pub series: Vec<String>,
    /// Only bars with a `ts_init` in this range.
    pub range: TimeRange,
    /// Steps of the coarser copies; each divides a day.
    pub overviews: Vec<(NonZeroU32, Aggregation)>,
    /// Rows in a row group.
    pub row_group_rows: usize,
    /// ZSTD level.
    pub zstd_level: i32,
}

impl Default for Settings {
    fn default() -> Self {
        let step = |step: u32, aggregation| (NonZeroU32::new(step).unwrap_or(NonZeroU32::MIN), aggregation);
        Self {
            profile: Profile::Compact,
            by: By::Auto,
            series: Vec::new(),
            range: TimeRange::ALL,
            overviews: vec![
                step(5, Aggregation::Minute),
                step(1, Aggregation::Hour),
                step(1, Aggregation::Day),
            ],
            row_group_rows: 8192,
            zstd_level: 15,
        }
    }
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, objects: u64, bytes: u64) {
        self.objects += objects;
        self.bytes += bytes;
    }
}

/// What a publish did, or would do.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// The source's snapshot.
    pub source: u64,
    /// The copy's new snapshot; `None` if it stayed as it was.
    pub snapshot: Option<u64>,
    /// Series, overviews not counted.
    pub series: u64,
    /// Their bars.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Coarser copies.
    pub overviews: u64,
    /// Bytes of their files.
    pub overview_bytes: u64,
    /// Files that are new.
    pub new: Count,
    /// Files that stay.
    pub unchanged: Count,
    /// Files that the copy does without from now on.
    pub removed: Count,
}

/// Makes `target` show the source's snapshot.
///
/// # Errors
/// [`ErrorKind::Conflict`] if `target` holds another catalog, [`ErrorKind::NotFound`] if there is nothing to publish, or if a store
/// fails; then the copy is as it was.
pub async fn publish(source: &Catalog, target: &Store, settings: &Settings, run: &Run) -> Result<Report> {
    for _ in 0..ATTEMPTS {
        let publisher = Publisher::open(source, target, settings, run).await?;
        if let Some(report) = publisher.publish().await? {
            return Ok(report);
        }
    }
    Err(Error::new(ErrorKind::Conflict, "other writers committed to the copy every time").then("try again"))
}

/// Whether there is something to publish, and `target` a place for it; nothing is written.
///
/// # Errors
/// As [`publish`].
pub async fn check(source: &Catalog, target: &Store, settings: &Settings) -> Result<()> {
    wanted(source, &settings.series)?;
    match newest(target).await? {
        Some((snapshot, _)) => refuse_other_catalog(target, &snapshot, source.snapshot()),
        None if target.any_under("data").await? => Err(foreign(target)),
        None => Ok(()),
    }
}

struct Publisher<'a> {
    source: &'a Catalog,
    target: &'a Store,
    settings: &'a Settings,
    run: &'a Run,
    base: Option<(Snapshot, Sha256)>,
    stored: BTreeMap<BarType, SeriesEntry>,
    ledger: Ledger,
    transaction: String,
    /// What an upload of the same work has staged that was stopped.
    staged: Arc<HashSet<String>>,
}

/// What became of a series of the copy.
struct Outcome {
    edit: Edit,
    record: SeriesRecord,
    stored: Option<SeriesManifest>,
}

impl<'a> Publisher<'a> {
    async fn open(
        source: &'a Catalog,
        target: &'a Store,
        settings: &'a Settings,
        run: &'a Run,
    ) -> Result<Self> {
        check(source, target, settings).await?;
        let base = newest(target).await?;
        let mut stored = BTreeMap::new();
        if let Some((snapshot, _)) = &base {
            if !run.dry_run {
                finish(target, snapshot).await?;
            }
            let entries = read_table(target, &snapshot.table).await?;
            stored.extend(entries.into_iter().map(|entry| (entry.bar_type.clone(), entry)));
        }
        let ledger = Ledger::read(target, names::PUBLISHED).await?;
        // The same work has the same name, so that an upload that was stopped is taken up again.
        let named = format!(
            "{RECIPE} {:?} {} {settings:?}",
            base.as_ref().map(|(_, sha256)| sha256),
            source.snapshot().transaction
        );
        let transaction = Sha256::of(named.as_bytes()).to_string()[..32].to_owned();
        let staged = if run.dry_run { HashSet::new() } else { staged(target, &transaction).await? };
        Ok(Self {
            source,
            target,
            settings,
            run,
            base,
            stored,
            ledger,
            transaction,
            staged: Arc::new(staged),
        })
    }

    /// Publishes; `None` if another writer committed to the copy meanwhile.
    async fn publish(mut self) -> Result<Option<Report>> {
        let wishes = self.wishes()?;
        let mut report = Report { source: self.source.snapshot().number, ..Report::default() };
        let total = wishes.iter().map(|(entry, _)| entry.size_bytes).sum();
        let (mut done, mut outcomes) = (0, Vec::new());
        for (entry, wishes) in &wishes {
            (self.run.on_progress)(Progress { done, total });
            let changed: Vec<Wish> =
                wishes.iter().filter(|wish| !self.is_up_to_date(wish)).cloned().collect();
            for wish in wishes.iter().filter(|wish| self.is_up_to_date(wish)) {
                self.count_unchanged(wish, &mut report);
            }
            outcomes.extend(self.copy_series(entry, changed, &mut report).await?);
            done += entry.size_bytes;
        }
        (self.run.on_progress)(Progress { done, total });
        let wanted: BTreeSet<BarType> =
            wishes.iter().flat_map(|(_, wishes)| wishes).map(|wish| wish.bar_type.clone()).collect();
        outcomes.extend(self.removals(&wanted, &mut report).await?);
        if self.run.dry_run {
            return Ok(Some(report));
        }
        match self.commit(outcomes).await? {
            None => Ok(None),
            Some(snapshot) => {
                report.snapshot = snapshot;
                Ok(Some(report))
            }
        }
    }

    /// The series of the copy, by the series of the source that each is made of.
    fn wishes(&self) -> Result<Vec<(&'a SeriesEntry, Vec<Wish>)>> {
        let entries = wanted(self.source, &self.settings.series)?;
        let own: HashSet<&BarType> = entries.iter().map(|entry| &entry.bar_type).collect();
        let wishes = entries.iter().map(|entry| {
            let mut wishes = vec![self.wish(entry, entry.bar_type.clone(), None)];
            for (bar_type, frame) in overviews(entry, &self.settings.overviews) {
                if !own.contains(&bar_type) {
                    wishes.push(self.wish(entry, bar_type, Some(frame)));
                }
            }
            (*entry, wishes)
        });
        Ok(wishes.collect())
    }

    fn wish(&self, entry: &SeriesEntry, bar_type: BarType, frame: Option<Frame>) -> Wish {
        let settings = self.settings;
        let options = WriteOptions {
            profile: settings.profile,
            price_precision: entry.price_precision,
            size_precision: entry.size_precision,
            row_group_rows: settings.row_group_rows,
            zstd_level: settings.zstd_level,
        };
        let shape = Shape {
            base: entry.bar_type.spec.interval().unwrap_or_default(),
            frame,
            by: settings.by,
            range: settings.range,
        };
        let source = match frame {
            None => entry.source.clone(),
            Some(_) => format!("made of {} by `barkeep publish`", entry.bar_type),
        };
        let (note, calendar) = (entry.note.clone(), entry.calendar);
        let made_from = format!(
            "{RECIPE} {} {bar_type} {options:?} {shape:?} {source} {note} {calendar:?} {}",
            entry.manifest.sha256, entry.overview
        );
        Wish {
            bar_type,
            shape,
            options,
            facts: SeriesFacts { source, note, calendar, options },
            made_from: Sha256::of(made_from.as_bytes()).short(),
            overview: frame.is_some() || entry.overview,
        }
    }

    /// Whether the copy holds a series already that was made of the same partitions with the same settings.
    fn is_up_to_date(&self, wish: &Wish) -> bool {
        let (Some(record), Some(entry)) =
            (self.ledger.series.get(&wish.bar_type), self.stored.get(&wish.bar_type))
        else {
            return false;
        };
        record.made_from == wish.made_from && record.manifest == entry.manifest.sha256.short()
    }

    fn count_unchanged(&self, wish: &Wish, report: &mut Report) {
        if let Some(entry) = self.stored.get(&wish.bar_type) {
            report.unchanged.add(entry.partitions, entry.size_bytes);
            count_series(wish, entry.rows, entry.size_bytes, report);
        }
    }

    /// Makes what is missing of the series that are made of one series of the source.
    async fn copy_series(
        &self,
        entry: &SeriesEntry,
        wishes: Vec<Wish>,
        report: &mut Report,
    ) -> Result<Vec<Outcome>> {
        if wishes.is_empty() {
            return Ok(Vec::new());
        }
        let manifest = read_manifest(self.source.store(), entry).await?;
        let mut stored = Vec::new();
        for wish in &wishes {
            stored.push(match self.stored.get(&wish.bar_type) {
                Some(entry) => Some(read_manifest(self.target, entry).await?),
                None => None,
            });
        }
        let mut outcomes = Vec::new();
        let mut todo: Vec<(Wish, usize)> = wishes.into_iter().zip(0..).collect();
        while !todo.is_empty() {
            let (mut copies, at): (Vec<Copy>, Vec<usize>) = todo
                .drain(..)
                .map(|(wish, at)| {
                    let record = self.ledger.series.get(&wish.bar_type);
                    (Copy::plan(wish, &manifest, record, stored[at].as_ref()), at)
                })
                .unzip();
            self.make(&manifest, &mut copies).await?;
            for (copy, at) in copies.into_iter().zip(at) {
                if copy.is_unfit() {
                    let mut wish = copy.wish;
                    tracing::info!(series = %wish.bar_type, "has values of more than 18 digits, so it is not stored as compact");
                    wish.options.profile = Profile::Nautilus;
                    wish.facts.options.profile = Profile::Nautilus;
                    todo.push((wish, at));
                    continue;
                }
                let edit = copy.edit(&manifest.confirmed_empty);
                count_copy(&copy, &edit, report);
                outcomes.push(Outcome { edit, record: copy.record(), stored: stored[at].clone() });
            }
        }
        Ok(outcomes)
    }

    async fn make(&self, manifest: &SeriesManifest, copies: &mut Vec<Copy<'_>>) -> Result<()> {
        let source =
            Source { store: self.source.store(), transaction: &self.source.snapshot().transaction, manifest };
        let staged = Arc::clone(&self.staged);
        let mut uploads = Uploads::new(self.target, &self.transaction, self.run.dry_run, staged);
        for copy in copies.iter_mut().filter(|copy| copy.wish.shape.frame.is_none()) {
            copy_bars(&source, copy, &mut uploads, self.run).await?;
        }
        fold_bars(&source, copies, &mut uploads, self.run).await
    }

    /// Takes the series out of the copy that are not wanted.
    async fn removals(&self, wanted: &BTreeSet<BarType>, report: &mut Report) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (bar_type, entry) in self.stored.iter().filter(|(bar_type, _)| !wanted.contains(*bar_type)) {
            let manifest = read_manifest(self.target, entry).await?;
            let mut edit = Edit::new(bar_type, entry.write_options());
            edit.is_copy = true;
            edit.retire = manifest.partitions.iter().map(|file| file.object.clone()).collect();
            report.removed.add(entry.partitions, entry.size_bytes);
            let record = SeriesRecord {
                made_from: String::new(),
                manifest: String::new(),
                profile: entry.profile,
                files: Vec::new(),
            };
            outcomes.push(Outcome { edit, record, stored: Some(manifest) });
        }
        Ok(outcomes)
    }

    /// Commits, and writes down what the files were made of. The commit's number, if one was needed; `None` if it was lost to another
    /// writer.
    async fn commit(&mut self, outcomes: Vec<Outcome>) -> Result<Option<Option<u64>>> {
        let shown = self.source.snapshot();
        let published = Published {
            snapshot: shown.number,
            transaction: shown.transaction.clone(),
            committed: shown.committed,
        };
        let info = CommitInfo {
            transaction: self.transaction.clone(),
            committed: now(),
            writer: concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned(),
            operation: format!("publish snapshot {}", shown.number),
        };
        let base = self.commit_base(&outcomes).await?;
        let edits: Vec<Edit> = outcomes.iter().map(|outcome| outcome.edit.clone()).collect();
        let commit = Commit::publish(&base, &edits, &info, &published)?;
        let number = commit.as_ref().map(|commit| commit.number);
        if let Some(commit) = &commit {
            self.run.check()?;
            if !put(self.target, commit, &info.transaction).await? {
                return Ok(None);
            }
            self.agree_on_head(commit).await?;
        }
        for outcome in outcomes {
            self.ledger.series.insert(outcome.edit.bar_type, outcome.record);
        }
        self.remember().await?;
        Ok(Some(number))
    }

    async fn commit_base(&self, outcomes: &[Outcome]) -> Result<Base> {
        let mut base = Base { snapshot: self.base.clone(), ..Base::default() };
        if let Some((Snapshot { table: SeriesTable::Shards(table), .. }, _)) = &self.base {
            for outcome in outcomes {
                let number = ShardRef::shard_of(&outcome.edit.bar_type);
                if let Some(shard) = table.iter().find(|shard| shard.shard == number)
                    && !base.shards.contains_key(&number)
                {
                    base.shards.insert(number, read_shard(self.target, shard).await?);
                }
            }
        }
        for outcome in outcomes {
            let stored = outcome.stored.clone();
            base.series.extend(stored.map(|stored| (outcome.edit.bar_type.clone(), stored)));
        }
        Ok(base)
    }

    /// Two publishers of the same work give their commits one name, so either may find the other's snapshot in place of its own; the
    /// head must repeat the one that is stored.
    async fn agree_on_head(&self, commit: &Commit) -> Result<()> {
        let stored = self.target.get(&commit.snapshot.key).await?;
        let Some(bytes) = stored.filter(|bytes| *bytes != commit.snapshot.bytes) else { return Ok(()) };
        let snapshot = Snapshot::decode(&commit.snapshot.key, &bytes)?;
        self.target.put(names::HEAD, Head::of(snapshot, &bytes).encode().into()).await
    }

    async fn remember(&mut self) -> Result<()> {
        let before = self.ledger.clone();
        let copy = Catalog::open(self.target.clone()).await?;
        self.ledger.series.retain(|bar_type, record| {
            let entry = copy.series().iter().find(|entry| entry.bar_type == *bar_type);
            record.manifest = entry.map(|entry| entry.manifest.sha256.short()).unwrap_or_default();
            entry.is_some()
        });
        if self.ledger == before && !self.ledger.series.is_empty() {
            return Ok(());
        }
        self.ledger.clone().write(self.target, names::PUBLISHED).await
    }
}

async fn staged(target: &Store, transaction: &str) -> Result<HashSet<String>> {
    let own = format!("staging/{transaction}_");
    let keys = target.list("staging").await?;
    Ok(keys.into_iter().filter(|key| key.starts_with(&own)).collect())
}

/// The series of the source whose bar type contains one of `texts`; all if there are none.
fn wanted<'a>(source: &'a Catalog, texts: &[String]) -> Result<Vec<&'a SeriesEntry>> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let is_wanted = |entry: &&SeriesEntry| {
        let name = entry.bar_type.to_string().to_lowercase();
        texts.is_empty() || texts.iter().any(|text| name.contains(text))
    };
    let entries: Vec<&SeriesEntry> = source.series().iter().filter(is_wanted).collect();
    if entries.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no series to publish")
            .because(format!("the catalog has {} series, and none of them is wanted", source.series().len()))
            .then("see which series there are: `barkeep list`"));
    }
    Ok(entries)
}

/// The coarser copies that a series can have.
fn overviews(entry: &SeriesEntry, steps: &[(NonZeroU32, Aggregation)]) -> Vec<(BarType, Frame)> {
    let Some(base) = entry.bar_type.spec.interval() else { return Vec::new() };
    let overview = |(step, aggregation): &(NonZeroU32, Aggregation)| {
        let bar_type = entry.bar_type.overview(*step, *aggregation)?;
        let step = bar_type.spec.interval()?;
        let divides = step > base && step % base == 0 && DAY % step == 0;
        divides.then(|| (bar_type, Frame::of(step, entry.calendar)))
    };
    steps.iter().filter_map(overview).collect()
}

fn count_series(wish: &Wish, rows: u64, bytes: u64, report: &mut Report) {
    if wish.overview {
        report.overviews += 1;
        report.overview_bytes += bytes;
    } else {
        report.series += 1;
        report.rows += rows;
        report.bytes += bytes;
    }
}

fn count_copy(copy: &Copy<'_>, edit: &Edit, report: &mut Report) {
    let (mut rows, mut all) = (0, Count::default());
    for file in copy.entries() {
        rows += file.rows;
        all.add(1, file.object.size_bytes);
    }
    let tally = &edit.tally;
    report.new.add(tally.partitions_added, tally.bytes_added);
    report.removed.add(tally.partitions_removed, tally.bytes_removed);
    report.unchanged.add(all.objects - tally.partitions_added, all.bytes - tally.bytes_added);
    count_series(&copy.wish, rows, all.bytes, report);
}

/// A copy may only take the place of an older copy of the same catalog.
fn refuse_other_catalog(target: &Store, stored: &Snapshot, source: &Snapshot) -> Result<()> {
    let location = target.location();
    let Some(shown) = &stored.published else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("`{location}` holds a catalog that is no published copy"),
        )
        .because("publishing there would take the place of its series; nothing was changed")
        .then("choose an empty place, such as `barkeep publish ./site`"));
    };
    let is_older = shown.snapshot < source.number
        || (shown.snapshot == source.number && shown.transaction == source.transaction);
    if is_older {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!("`{location}` shows another catalog, or a later state of this one"),
    )
    .because(format!(
        "it shows snapshot {} of {}; this catalog is at snapshot {} of {}",
        shown.snapshot, shown.committed, source.number, source.committed
    ))
    .then("check `--catalog` and the place")
    .then("or remove the copy first, or choose another place"))
}
