//! A copy for NautilusTrader 1.x, which knows no manifest: a directory of files that its `ParquetDataCatalog` lists.
//!
//! Its readers take every file they find, so at every instant there must be one file for an interval: a file that grew is written over
//! the old one and then renamed. Only files of this program are ever changed.

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{
    Columns, Error, ErrorKind, Period, Query, Result, SeriesEntry, SeriesManifest, encode_nautilus_v1,
    is_own_file, names, plan,
};
use bars::{BarColumns, BarType, Decimal, UnixNanos};
use bytes::Bytes;

use super::layout::{By, Shape, Slot};
use super::ledger::{FileRecord, Ledger, SeriesRecord};
use super::{Count, Settings};
use crate::catalog::{Catalog, read_bars, read_manifest};
use crate::commit::{Progress, Run};
use crate::store::Store;

/// The ledger of such a copy: beside `data`, where NautilusTrader does not look.
const LEDGER: &str = "barkeep-published.json";
/// Raised when files are to be made anew although their source did not change.
const RECIPE: &str = "nautilus-v1 1";

/// What became of the copy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct V1Report {
    /// The source's snapshot.
    pub source: u64,
    /// Series.
    pub series: u64,
    /// Their bars.
    pub rows: u64,
    /// Files that are new or changed.
    pub new: Count,
    /// Files that stay.
    pub unchanged: Count,
    /// Files that are gone.
    pub removed: Count,
}

/// Makes `target` hold the source's bars as a catalog of NautilusTrader 1.x.
///
/// # Errors
/// [`ErrorKind::Conflict`] if another program's files are in the way, [`ErrorKind::InvalidInput`] for values that version cannot hold,
/// or if a store fails; repeating it finishes the work.
pub async fn publish_v1(
    source: &Catalog,
    target: &Store,
    settings: &Settings,
    run: &Run,
) -> Result<V1Report> {
    let mut report = V1Report { source: source.snapshot().number, ..V1Report::default() };
    let mut ledger = Ledger::read(target, LEDGER).await?;
    let entries = super::wanted(source, &settings.series)?;
    let total = entries.iter().map(|entry| entry.size_bytes).sum();
    let mut done = 0;
    let wanted: BTreeSet<&BarType> = entries.iter().map(|entry| &entry.bar_type).collect();
    let left: Vec<BarType> =
        ledger.series.keys().filter(|bar_type| !wanted.contains(bar_type)).cloned().collect();
    for entry in &entries {
        run.check()?;
        let series = Series::open(source, target, entry, settings, run.dry_run).await?;
        let record = series.copy(ledger.series.get(&entry.bar_type), &mut report).await?;
        if !run.dry_run && ledger.series.get(&entry.bar_type) != Some(&record) {
            ledger.series.insert(entry.bar_type.clone(), record);
            ledger.clone().write(target, LEDGER).await?;
        }
        done += entry.size_bytes;
        (run.on_progress)(Progress { done, total });
    }
    for bar_type in left {
        if let Some(record) = ledger.series.remove(&bar_type) {
            remove(target, &bar_type, &record, run.dry_run, &mut report).await?;
        }
        if !run.dry_run {
            ledger.clone().write(target, LEDGER).await?;
        }
    }
    Ok(report)
}

/// One series of the copy.
struct Series<'a> {
    source: &'a Catalog,
    target: &'a Store,
    entry: &'a SeriesEntry,
    manifest: SeriesManifest,
    shape: Shape,
    directory: String,
    /// Names and lengths of the files that are there.
    there: BTreeMap<String, u64>,
    dry_run: bool,
}

impl<'a> Series<'a> {
    async fn open(
        source: &'a Catalog,
        target: &'a Store,
        entry: &'a SeriesEntry,
        settings: &Settings,
        dry_run: bool,
    ) -> Result<Self> {
        let base = entry.bar_type.spec.interval().unwrap_or_default();
        // Regrouping files leaves readers that list the directory a moment with both, so closed time keeps its files.
        let by = match settings.by {
            By::Auto if base >= bars::DAY => By::Period(Period::All),
            By::Auto => By::Period(Period::Month),
            chosen => chosen,
        };
        let directory = names::nautilus_v1_directory(&entry.bar_type);
        let there = target
            .list_objects(&directory)
            .await?
            .into_iter()
            .map(|object| (names::file_name(object.location.as_ref()).to_owned(), object.size))
            .filter(|(name, _)| name.ends_with(".parquet"))
            .collect();
        let shape = Shape { base, frame: None, by, range: settings.range };
        let manifest = read_manifest(source.store(), entry).await?;
        Ok(Self { source, target, entry, manifest, shape, directory, there, dry_run })
    }

    async fn copy(mut self, record: Option<&SeriesRecord>, report: &mut V1Report) -> Result<SeriesRecord> {
        let how = format!(
            "{RECIPE} {} {} {}",
            self.entry.bar_type, self.entry.price_precision, self.entry.size_precision
        );
        let mut files = Vec::new();
        report.series += 1;
        let slots: Vec<(Slot, String)> = self
            .shape
            .slots(&self.manifest.partitions)
            .into_iter()
            .map(|slot| (slot.clone(), self.shape.made_of(&slot, &self.manifest.partitions, &how)))
            .collect();
        let known: Vec<Option<FileRecord>> = slots
            .iter()
            .map(|(_, made_of)| record.and_then(|record| record.file(made_of)).cloned())
            .map(|file| file.filter(|file| self.is_there(file)))
            .collect();
        let mut kept: BTreeSet<String> =
            known.iter().flatten().filter_map(|file| file.file.clone()).collect();
        for ((slot, made_of), known) in slots.into_iter().zip(known) {
            if let Some(file) = known {
                if let Some(size) = file.size_bytes {
                    report.unchanged.add(1, size);
                }
                report.rows += file.rows.unwrap_or_default();
                files.push(file);
                continue;
            }
            let bars = self.read(&slot).await?;
            let (Some(first), Some(last)) = (bars.ts_init.first(), bars.ts_init.last()) else {
                files.push(FileRecord { made_of, file: None, size_bytes: None, rows: None });
                continue;
            };
            let rows = bars.len() as u64;
            report.rows += rows;
            let name = names::nautilus_v1_file(UnixNanos(*first), UnixNanos(*last));
            let bytes = self.encode(bars).await?;
            let size = bytes.len() as u64;
            self.put(&name, bytes, record, &kept, report).await?;
            kept.insert(name.clone());
            files.push(FileRecord { made_of, file: Some(name), size_bytes: Some(size), rows: Some(rows) });
        }
        self.remove_rest(record, &kept, report).await?;
        Ok(SeriesRecord {
            made_from: String::new(),
            manifest: String::new(),
            profile: self.entry.profile,
            files,
        })
    }

    fn is_there(&self, file: &FileRecord) -> bool {
        match &file.file {
            None => true,
            Some(name) => self.there.get(name).copied() == file.size_bytes,
        }
    }

    async fn read(&self, slot: &Slot) -> Result<BarColumns<Decimal>> {
        let query = Query { range: self.shape.closes(slot.input), ..Query::default() };
        let plan = plan(&self.manifest, query)?;
        read_bars(self.source.store(), &self.source.snapshot().transaction, plan, Columns::ALL).await
    }

    async fn encode(&self, bars: BarColumns<Decimal>) -> Result<Bytes> {
        let (bar_type, prices, sizes) =
            (self.entry.bar_type.clone(), self.entry.price_precision, self.entry.size_precision);
        let encoded =
            tokio::task::spawn_blocking(move || encode_nautilus_v1(&bar_type, &bars, prices, sizes)).await;
        encoded.map_err(|error| {
            Error::new(ErrorKind::Internal, "a task that writes a file ended early").because(error)
        })?
    }

    /// Puts a file in the place of those that hold bars of its time.
    async fn put(
        &mut self,
        name: &str,
        bytes: Bytes,
        record: Option<&SeriesRecord>,
        kept: &BTreeSet<String>,
        report: &mut V1Report,
    ) -> Result<()> {
        let key = |name: &str| format!("{}/{name}", self.directory);
        let in_the_way: Vec<String> = self
            .there
            .keys()
            .filter(|other| !kept.contains(*other) && overlap(name, other))
            .cloned()
            .collect();
        for other in &in_the_way {
            self.refuse_foreign(other, record).await?;
        }
        report.new.add(1, bytes.len() as u64);
        let size = bytes.len() as u64;
        if !self.dry_run {
            match in_the_way.as_slice() {
                [] => self.target.put(&key(name), bytes).await?,
                [old, others @ ..] => {
                    // The old name with the new bars, then the new name: no reader sees a bar twice.
                    self.target.put(&key(old), bytes).await?;
                    for other in others {
                        self.target.delete(&key(other)).await?;
                    }
                    if old != name {
                        self.target.relocate(&key(old), &key(name)).await?;
                    }
                }
            }
        }
        for other in in_the_way {
            let size = self.there.remove(&other).unwrap_or_default();
            if other != name {
                report.removed.add(1, size);
            }
        }
        self.there.insert(name.to_owned(), size);
        Ok(())
    }

    /// Only files of this program are written over.
    async fn refuse_foreign(&self, name: &str, record: Option<&SeriesRecord>) -> Result<()> {
        let is_known = record.is_some_and(|record| {
            record.files.iter().any(|file| {
                file.file.as_deref() == Some(name) && file.size_bytes == self.there.get(name).copied()
            })
        });
        let key = format!("{}/{name}", self.directory);
        let is_own = is_known || self.target.get(&key).await?.is_some_and(|bytes| is_own_file(&bytes));
        if is_own {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!("another program has written bars of {} into the copy", self.entry.bar_type),
        )
        .because(format!("`{key}` holds bars of the same time and was not written by `barkeep publish`"))
        .then("publish into a place of its own")
        .then("or remove that file if its bars are in the catalog"))
    }

    /// Removes files of earlier copies that hold nothing that is wanted now.
    async fn remove_rest(
        &self,
        record: Option<&SeriesRecord>,
        kept: &BTreeSet<String>,
        report: &mut V1Report,
    ) -> Result<()> {
        for file in record.iter().flat_map(|record| &record.files) {
            let Some(name) = file.file.as_ref().filter(|name| !kept.contains(*name)) else { continue };
            let Some(size) = self.there.get(name) else { continue };
            report.removed.add(1, *size);
            if !self.dry_run {
                self.target.delete(&format!("{}/{name}", self.directory)).await?;
            }
        }
        Ok(())
    }
}

/// Whether two files' names say that they hold bars of one time.
fn overlap(left: &str, right: &str) -> bool {
    match (names::parse_file_name(left), names::parse_file_name(right)) {
        (Some(left), Some(right)) => left.0 <= right.1 && right.0 <= left.1,
        _ => false,
    }
}

/// Removes a series that the source does not have any more.
async fn remove(
    target: &Store,
    bar_type: &BarType,
    record: &SeriesRecord,
    dry_run: bool,
    report: &mut V1Report,
) -> Result<()> {
    let directory = names::nautilus_v1_directory(bar_type);
    for name in record.files.iter().filter_map(|file| file.file.as_ref()) {
        let key = format!("{directory}/{name}");
        let Some(stored) = target.head(&key).await? else { continue };
        report.removed.add(1, stored.size);
        if !dry_run {
            target.delete(&key).await?;
        }
    }
    Ok(())
}
