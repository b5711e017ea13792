//! Commits: bars in, objects to put out.
//!
//! [`Commit::build`] decides; its caller reads what it needs beforehand ([`Base`]) and puts what it says afterwards, in this order:
//! the objects (immutable and named by content, so putting one twice is harmless), then the snapshot **only if its key is
//! absent**, which is the commit, then the head. If creating the snapshot fails in any way, the caller reads the key back and
//! asks [`fate_of`]: an answer that was lost makes one's own commit look like somebody else's.

use std::collections::BTreeMap;
use std::ops::Range;

use bars::{BarColumns, BarType, Calendar, DAY, Decimal, IntervalSet, TimeRange, UnixNanos, coverage};
use bytes::Bytes;

use crate::manifest::INLINE_SERIES;
use crate::{
    EncodedPartition, Error, ErrorKind, FORMAT_VERSION, Head, ObjectRef, PartitionEntry, Result, SeriesEntry,
    SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot, WriteOptions, encode_bars, names,
};

/// What is known of a series besides its bars.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeriesFacts {
    /// Where the bars came from.
    pub source: String,
    /// What a reader must know.
    pub note: String,
    /// When the market trades.
    pub calendar: Option<Calendar>,
    /// How to store a new series. An existing one keeps its profile, and at least its precision.
    pub options: WriteOptions,
}

/// Bars to add to a series; strictly ascending in `ts_init`.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The series.
    pub bar_type: BarType,
    /// The bars.
    pub bars: BarColumns<Decimal>,
    /// Facts for the series table.
    pub facts: SeriesFacts,
    /// Whether a bar that differs from the stored one of its stamp is dropped; otherwise it fails the commit.
    pub keep_stored: bool,
}

impl Addition {
    /// The `ts_init` of its bars, end excluded.
    pub fn range(&self) -> TimeRange {
        let stamp = |stamp: Option<&i64>| UnixNanos(stamp.copied().unwrap_or_default());
        TimeRange::new(stamp(self.bars.ts_init.first()), stamp(self.bars.ts_init.last()).plus(1))
    }
}

/// A series as it is stored.
#[derive(Clone, Debug)]
pub struct SeriesBase {
    /// Its partitions.
    pub manifest: SeriesManifest,
    /// Its stored bars in the addition's range.
    pub overlapping: BarColumns<Decimal>,
}

/// The state a commit builds on.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// The newest snapshot and its object's checksum; `None` for a new catalog.
    pub snapshot: Option<(Snapshot, Sha256)>,
    /// The shards of the additions' series, if the table is in shards.
    pub shards: BTreeMap<u8, Vec<SeriesEntry>>,
    /// The additions' series that exist.
    pub series: BTreeMap<BarType, SeriesBase>,
}

/// Who commits, when and what for.
#[derive(Clone, Debug)]
pub struct CommitInfo {
    /// Random; recognises this commit.
    pub transaction: String,
    /// The writer's time.
    pub committed: UnixNanos,
    /// The writing program.
    pub writer: String,
    /// What is done, in words.
    pub operation: String,
}

/// An object to put.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a commit came to.
#[derive(Debug)]
pub enum Outcome {
    /// Every bar is already stored.
    Nothing,
    /// These objects are to be put.
    Commit(Box<Commit>),
}

/// Objects that make a commit.
#[derive(Debug)]
pub struct Commit {
    /// Partitions, series manifests and shards: first.
    pub objects: Vec<Put>,
    /// The snapshot: second, only if its key is absent.
    pub snapshot: Put,
    /// The head: last, overwritten.
    pub head: Put,
    /// The snapshot's number.
    pub number: u64,
    /// Bars added.
    pub rows_added: u64,
    /// Bars that were stored already, with equal values.
    pub rows_identical: u64,
    /// Bars dropped in favour of stored ones that differ.
    pub rows_kept: u64,
    /// Partitions written.
    pub partitions_added: u64,
}

impl Commit {
    /// Plans the commit of `additions` on top of `base`.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if a bar differs from the stored one of its stamp, or if two series would share a directory;
    /// [`ErrorKind::Unsupported`] if a bar falls between the bars of a stored file; [`ErrorKind::InvalidInput`] for values that
    /// cannot be stored.
    pub fn build(base: &Base, additions: &[Addition], info: &CommitInfo) -> Result<Outcome> {
        let mut commit = Self::empty(base.snapshot.as_ref().map_or(1, |(snapshot, _)| snapshot.number + 1));
        let mut changed = BTreeMap::new();
        for addition in additions {
            if let Some(entry) = commit.add(base, addition)? {
                changed.insert(entry.bar_type.clone(), entry);
            }
        }
        if changed.is_empty() {
            return Ok(Outcome::Nothing);
        }
        let table = commit.table(base, changed)?;
        let snapshot = Snapshot {
            format: FORMAT_VERSION,
            number: commit.number,
            predecessor: base.snapshot.as_ref().map(|(_, sha256)| *sha256),
            transaction: info.transaction.clone(),
            committed: info.committed,
            writer: info.writer.clone(),
            operation: info.operation.clone(),
            table,
        };
        let bytes = snapshot.encode();
        commit.head.bytes = Head::of(snapshot, &bytes).encode().into();
        commit.snapshot = Put { key: names::snapshot(commit.number), bytes: bytes.into() };
        Ok(Outcome::Commit(Box::new(commit)))
    }

    fn empty(number: u64) -> Self {
        let put = |key: String| Put { key, bytes: Bytes::new() };
        Self {
            objects: Vec::new(),
            snapshot: put(names::snapshot(number)),
            head: put(names::HEAD.to_owned()),
            number,
            rows_added: 0,
            rows_identical: 0,
            rows_kept: 0,
            partitions_added: 0,
        }
    }

    fn put(&mut self, key: String, bytes: impl Into<Bytes>) -> ObjectRef {
        let bytes = bytes.into();
        let object =
            ObjectRef { key: key.clone(), size_bytes: bytes.len() as u64, sha256: Sha256::of(&bytes) };
        self.objects.push(Put { key, bytes });
        object
    }

    /// Writes what an addition adds; the series' new entry, or `None` if it adds nothing.
    fn add(&mut self, base: &Base, addition: &Addition) -> Result<Option<SeriesEntry>> {
        let bar_type = &addition.bar_type;
        let stored = base.series.get(bar_type);
        let entry = find_entry(base, bar_type);
        let options = options_of(addition, entry)?;
        let fresh = self.fresh_rows(addition, stored.map(|stored| &stored.overlapping))?;
        if fresh.is_empty() {
            return Ok(None);
        }
        let empty = || SeriesManifest {
            bar_type: bar_type.clone(),
            partitions: Vec::new(),
            confirmed_empty: IntervalSet::default(),
        };
        let mut manifest = stored.map_or_else(empty, |stored| stored.manifest.clone());
        for rows in partition_rows(&fresh, bar_type, &manifest.partitions)? {
            let mut part = BarColumns::with_capacity(rows.len());
            part.extend_from(&fresh, rows);
            let encoded = encode_bars(bar_type, &part, &options)?;
            manifest.partitions.push(self.put_partition(
                bar_type,
                &encoded,
                present(&part, bar_type.spec.interval()),
            ));
        }
        manifest.partitions.sort_by_key(|partition| partition.first);
        self.rows_added += fresh.len() as u64;
        let bytes = manifest.encode()?;
        let object = self.put(names::series_manifest(bar_type, &Sha256::of(&bytes)), bytes);
        Ok(Some(series_entry(&manifest, object, addition, entry, &options)))
    }

    fn put_partition(
        &mut self,
        bar_type: &BarType,
        encoded: &EncodedPartition,
        present: IntervalSet,
    ) -> PartitionEntry {
        let key = names::partition(bar_type, encoded.first, encoded.last, &encoded.sha256);
        self.partitions_added += 1;
        self.put(key.clone(), encoded.bytes.clone());
        PartitionEntry::of(key, encoded, present)
    }

    /// The rows that are not stored yet.
    fn fresh_rows(
        &mut self,
        addition: &Addition,
        stored: Option<&BarColumns<Decimal>>,
    ) -> Result<BarColumns<Decimal>> {
        let bars = &addition.bars;
        let Some(stored) = stored.filter(|stored| !stored.is_empty()) else { return Ok(bars.clone()) };
        let (mut fresh, mut differing) = (BarColumns::with_capacity(bars.len()), Vec::new());
        for row in 0..bars.len() {
            match stored.ts_init.binary_search(&bars.ts_init[row]) {
                Err(_) => fresh.extend_from(bars, row..row + 1),
                Ok(at) if stored.bar(at) == bars.bar(row) => self.rows_identical += 1,
                Ok(at) => differing.push((row, at)),
            }
        }
        match differing.first() {
            Some((row, at)) if !addition.keep_stored => {
                Err(conflict(addition, differing.len(), *row, stored, *at))
            }
            _ => {
                self.rows_kept += differing.len() as u64;
                Ok(fresh)
            }
        }
    }

    /// The series table with the changed entries, shards written as needed.
    fn table(&mut self, base: &Base, changed: BTreeMap<BarType, SeriesEntry>) -> Result<SeriesTable> {
        match base.snapshot.as_ref().map(|(snapshot, _)| &snapshot.table) {
            Some(SeriesTable::Shards(shards)) => {
                let mut shards: BTreeMap<u8, ShardRef> =
                    shards.iter().map(|shard| (shard.shard, shard.clone())).collect();
                let mut changed_by_shard: BTreeMap<u8, BTreeMap<BarType, SeriesEntry>> = BTreeMap::new();
                for (bar_type, entry) in changed {
                    changed_by_shard
                        .entry(ShardRef::shard_of(&bar_type))
                        .or_default()
                        .insert(bar_type, entry);
                }
                for (shard, changed) in changed_by_shard {
                    let entries = merge(base.shards.get(&shard).into_iter().flatten(), changed)?;
                    shards.insert(shard, self.put_shard(shard, &entries));
                }
                Ok(SeriesTable::Shards(shards.into_values().collect()))
            }
            inline => {
                let stored = match inline {
                    Some(SeriesTable::Inline(entries)) => entries.as_slice(),
                    _ => &[],
                };
                let entries = merge(stored.iter(), changed)?;
                if entries.len() <= INLINE_SERIES {
                    return Ok(SeriesTable::Inline(entries));
                }
                let mut by_shard: BTreeMap<u8, Vec<SeriesEntry>> = BTreeMap::new();
                for entry in entries {
                    by_shard.entry(ShardRef::shard_of(&entry.bar_type)).or_default().push(entry);
                }
                Ok(SeriesTable::Shards(
                    by_shard.into_iter().map(|(shard, entries)| self.put_shard(shard, &entries)).collect(),
                ))
            }
        }
    }

    fn put_shard(&mut self, shard: u8, entries: &[SeriesEntry]) -> ShardRef {
        let bytes = SeriesTable::encode_shard(entries);
        let object = self.put(names::shard(&Sha256::of(&bytes)), bytes);
        ShardRef { shard, series: entries.len() as u64, object }
    }
}

/// What became of a snapshot that could not be created, or whose creation was not answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SnapshotFate {
    /// It is stored and it is ours: the commit holds.
    Committed,
    /// Another writer's commit took the number: read it and build again.
    Lost,
    /// Nothing is stored: try again.
    Absent,
}

/// Judges what stands under the snapshot's key.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is damaged.
pub fn fate_of(key: &str, stored: Option<&[u8]>, transaction: &str) -> Result<SnapshotFate> {
    Ok(match stored {
        None => SnapshotFate::Absent,
        Some(bytes) if Snapshot::decode(key, bytes)?.transaction == transaction => SnapshotFate::Committed,
        Some(_) => SnapshotFate::Lost,
    })
}

fn find_entry<'a>(base: &'a Base, bar_type: &BarType) -> Option<&'a SeriesEntry> {
    let entries = match &base.snapshot.as_ref()?.0.table {
        SeriesTable::Inline(entries) => entries,
        SeriesTable::Shards(_) => base.shards.get(&ShardRef::shard_of(bar_type))?,
    };
    entries.iter().find(|entry| entry.bar_type == *bar_type)
}

/// How the series is written: as it was, with more decimals where the new bars have them.
fn options_of(addition: &Addition, entry: Option<&SeriesEntry>) -> Result<WriteOptions> {
    let mut options = addition.facts.options;
    let Some(entry) = entry else { return Ok(options) };
    options.profile = entry.profile;
    options.price_precision = options.price_precision.max(entry.price_precision);
    options.size_precision = options.size_precision.max(entry.size_precision);
    let grew =
        options.price_precision > entry.price_precision || options.size_precision > entry.size_precision;
    if entry.profile == crate::Profile::Compact && grew {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the new bars of {} have more decimals than its compact files", addition.bar_type),
        )
        .because(format!(
            "it is stored with {} decimals for prices and {} for volumes",
            entry.price_precision, entry.size_precision
        ))
        .then("import the whole series into a new catalog with the higher precision"));
    }
    Ok(options)
}

fn conflict(addition: &Addition, count: usize, row: usize, stored: &BarColumns<Decimal>, at: usize) -> Error {
    let show = |bars: &BarColumns<Decimal>, row: usize| {
        let bar = bars.bar(row);
        format!("{} {} {} {} {}", bar.open, bar.high, bar.low, bar.close, bar.volume)
    };
    let (new, old) = (show(&addition.bars, row), show(stored, at));
    Error::new(
        ErrorKind::Conflict,
        format!("{count} of the bars differ from bars of {} that are stored", addition.bar_type),
    )
    .because(format!(
        "the bar that closes at {} is stored as {old} and now comes as {new}",
        UnixNanos(stored.ts_init[at])
    ))
    .then("check that instrument, bar size, time zone and `--stamp` are right")
    .then("keep what is stored and add only the other bars: `--overlap keep`")
}

/// Rows of each new partition: one UTC day, or one year for daily and longer bars, never across a stored file.
fn partition_rows(
    bars: &BarColumns<Decimal>,
    bar_type: &BarType,
    stored: &[PartitionEntry],
) -> Result<Vec<Range<usize>>> {
    let interval = bar_type.spec.interval();
    let period = |stamp: i64| {
        let open = UnixNanos(stamp.saturating_sub(interval.unwrap_or_default()));
        if interval.is_none_or(|interval| interval < DAY) {
            open.0.div_euclid(DAY)
        } else {
            i64::from(open.date().year())
        }
    };
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut group = None;
    for (row, stamp) in bars.ts_init.iter().enumerate() {
        let files_before = stored.partition_point(|partition| partition.last.0 < *stamp);
        if let Some(file) = stored.get(files_before).filter(|file| file.first.0 <= *stamp) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a bar of {bar_type} falls into a hole of a stored file"),
            )
            .because(format!(
                "the bar that closes at {} lies inside `{}`",
                UnixNanos(*stamp),
                file.object.key
            ))
            .then(
                "this version adds bars before, between and after stored files; it does not rewrite one yet",
            )
            .then("import the whole series into a new catalog: `barkeep --catalog NEW import csv …`"));
        }
        let here = Some((period(*stamp), files_before));
        match out.last_mut() {
            Some(rows) if here == group => rows.end = row + 1,
            _ => out.push(row..row + 1),
        }
        group = here;
    }
    Ok(out)
}

/// The time spanned by bars, from opens to closes.
fn present(bars: &BarColumns<Decimal>, interval: Option<i64>) -> IntervalSet {
    let (first, last) =
        (bars.ts_init.first().copied().unwrap_or_default(), bars.ts_init.last().copied().unwrap_or_default());
    let Some(interval) = interval else {
        return [TimeRange::new(UnixNanos(first), UnixNanos(last).plus(1))].into_iter().collect();
    };
    let spans =
        bars.ts_init.iter().map(|close| TimeRange::new(UnixNanos(*close).plus(-interval), UnixNanos(*close)));
    spans.collect()
}

fn series_entry(
    manifest: &SeriesManifest,
    object: ObjectRef,
    addition: &Addition,
    stored: Option<&SeriesEntry>,
    options: &WriteOptions,
) -> SeriesEntry {
    let partitions = &manifest.partitions;
    let facts = &addition.facts;
    let known = |new: &str, old: Option<&String>| {
        if new.is_empty() { old.cloned().unwrap_or_default() } else { new.to_owned() }
    };
    let calendar = facts.calendar.or(stored.and_then(|stored| stored.calendar));
    let interval = manifest.bar_type.spec.interval();
    let expected = interval.and_then(|interval| {
        coverage(&manifest.present(), &manifest.confirmed_empty, interval, calendar.as_ref()).expected
    });
    SeriesEntry {
        bar_type: manifest.bar_type.clone(),
        rows: partitions.iter().map(|partition| partition.rows).sum(),
        first: partitions.first().map_or(UnixNanos(0), |partition| partition.first),
        last: partitions.last().map_or(UnixNanos(0), |partition| partition.last),
        size_bytes: partitions.iter().map(|partition| partition.object.size_bytes).sum(),
        partitions: partitions.len() as u64,
        profile: options.profile,
        price_precision: options.price_precision,
        size_precision: options.size_precision,
        source: known(&facts.source, stored.map(|stored| &stored.source)),
        note: known(&facts.note, stored.map(|stored| &stored.note)),
        calendar,
        expected,
        manifest: object,
    }
}

/// Stored entries with the changed ones put in; refuses two series with one directory.
fn merge<'a>(
    stored: impl Iterator<Item = &'a SeriesEntry>,
    changed: BTreeMap<BarType, SeriesEntry>,
) -> Result<Vec<SeriesEntry>> {
    let mut entries: BTreeMap<BarType, SeriesEntry> =
        stored.map(|entry| (entry.bar_type.clone(), entry.clone())).collect();
    entries.extend(changed);
    let mut owners: BTreeMap<String, &BarType> = BTreeMap::new();
    for bar_type in entries.keys() {
        let directory = names::series_directory(bar_type);
        if let Some(owner) = owners.insert(directory.clone(), bar_type) {
            return Err(Error::new(ErrorKind::Conflict, format!("{bar_type} and {owner} cannot be in one catalog"))
                .because(format!("NautilusTrader keeps both in the directory `data/bars/{directory}`, so each would read the other's bars"))
                .then("give one of them another symbol, or keep it in a catalog of its own: `barkeep --catalog OTHER …`"));
        }
    }
    Ok(entries.into_values().collect())
}
