//! One attempt to publish: what the copy is to hold, what it lacks, the commit.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use ::catalog::{
    Base, Commit, CommitInfo, Edit, Head, Instruments, Profile, Published, Result, SeriesEntry, SeriesFacts,
    SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot, WriteOptions, names,
};
use bars::{Aggregation, BarType, DAY, Frame};

use super::layout::Shape;
use super::ledger::{Ledger, SeriesRecord};
use super::report::{Report, count_copy, count_series};
use super::series::{Copy, Source, Wish, copy_bars, fold_bars};
use super::settings::Settings;
use super::uploads::Uploads;
use super::{check, instruments, wanted};
use crate::catalog::{Catalog, newest, now, read_manifest, read_shard, read_table};
use crate::commit::{Progress, Run, finish, put};
use crate::store::Store;

/// Raised when files are to be made anew although their source did not change.
const RECIPE: u32 = 1;

/// One attempt to publish.
pub(super) struct Publisher<'a> {
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
    /// Sees how far the copy is.
    ///
    /// # Errors
    /// As [`super::check`], or if the store fails.
    pub(super) async fn open(
        source: &'a Catalog,
        target: &'a Store,
        settings: &'a Settings,
        run: &'a Run,
    ) -> Result<Self> {
        check(source, target, settings).await?;
        if !run.dry_run {
            target.ready_to_write().await?;
        }
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
    pub(super) async fn publish(mut self) -> Result<Option<Report>> {
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
        let instruments = self.instruments().await?;
        let commit = Commit::publish(&base, &edits, instruments.as_ref(), &info, &published)?;
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

    async fn instruments(&self) -> Result<Option<Instruments>> {
        let entries = wanted(self.source, &self.settings.series)?;
        let ids = entries.iter().map(|entry| entry.bar_type.instrument.to_string()).collect();
        let base = self.base.as_ref().map(|(snapshot, _)| snapshot);
        instruments::carry(self.source, self.target, base, &ids).await
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
