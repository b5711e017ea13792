//! Commits: edits in, objects to put out.
//!
//! [`Commit::build`] decides; its caller reads what it needs beforehand ([`Base`]) and puts what it says afterwards, in this order: new
//! partitions into `staging/`, the objects (named by content), the journal, then the snapshot **only if its key is absent**, which is the
//! commit, then the moves, then the head. If creating the snapshot fails in any way, the caller reads the key back and asks
//! [`fate_of`]: an answer that was lost makes one's own commit look like somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use bars::{BarType, Calendar, IntervalSet, UnixNanos, coverage};
use bytes::Bytes;

use crate::manifest::INLINE_SERIES;
use crate::{
    Edit, Error, ErrorKind, FORMAT_VERSION, Head, Instruments, Move, Moves, ObjectRef, PartitionEntry,
    Published, Result, SeriesEntry, SeriesFacts, SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot,
    Tally, names,
};

/// The state a commit builds on.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// The newest snapshot and its object's checksum; `None` for a new catalog.
    pub snapshot: Option<(Snapshot, Sha256)>,
    /// The shards of the changed series, if the table is in shards.
    pub shards: BTreeMap<u8, Vec<SeriesEntry>>,
    /// The changed series that exist.
    pub series: BTreeMap<BarType, SeriesManifest>,
}

impl Base {
    /// The number of the commit that builds on it.
    pub fn next_number(&self) -> u64 {
        self.snapshot.as_ref().map_or(1, |(snapshot, _)| snapshot.number + 1)
    }

    /// [`Snapshot::swept`] of what it builds on.
    pub fn swept(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(snapshot, _)| snapshot.swept)
    }

    /// A changed series as it is stored.
    pub fn stored(&self, bar_type: &BarType) -> Option<(&SeriesEntry, &SeriesManifest)> {
        let entries = match &self.snapshot.as_ref()?.0.table {
            SeriesTable::Inline(entries) => entries,
            SeriesTable::Shards(_) => self.shards.get(&ShardRef::shard_of(bar_type))?,
        };
        let entry = entries.iter().find(|entry| entry.bar_type == *bar_type)?;
        Some((entry, self.series.get(bar_type)?))
    }
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

/// Objects that make a commit.
#[derive(Debug)]
pub struct Commit {
    /// Series manifests and shards: first.
    pub objects: Vec<Put>,
    /// Where files go once the snapshot is there; its object, if there is anything to move, is put before the snapshot.
    pub moves: Moves,
    /// The snapshot: only if its key is absent.
    pub snapshot: Put,
    /// The head: last, overwritten.
    pub head: Put,
    /// The snapshot's number.
    pub number: u64,
    /// What it comes to.
    pub tally: Tally,
    instruments: Option<ObjectRef>,
    swept: u64,
}

impl Commit {
    /// Plans the commit of `edits` on top of `base`; `None` if they change nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if a bar differs from the stored one of its stamp, if two series would share a directory, or if an edit
    /// was made for another state of its series; [`ErrorKind::InvalidInput`] for values that cannot be stored.
    pub fn build(base: &Base, edits: &[Edit], info: &CommitInfo) -> Result<Option<Self>> {
        Self::build_showing(base, edits, None, None, info)
    }

    /// The same, with other instruments than the base's if any are given.
    ///
    /// # Errors
    /// As [`Commit::build`].
    pub fn build_with(
        base: &Base,
        edits: &[Edit],
        instruments: Option<&Instruments>,
        info: &CommitInfo,
    ) -> Result<Option<Self>> {
        Self::build_showing(base, edits, instruments, None, info)
    }

    /// As [`Commit::build_with`], for a published copy: the commit also says which snapshot of its source it shows, and is made if
    /// only that changes.
    ///
    /// # Errors
    /// As [`Commit::build`].
    pub fn publish(
        base: &Base,
        edits: &[Edit],
        instruments: Option<&Instruments>,
        info: &CommitInfo,
        published: &Published,
    ) -> Result<Option<Self>> {
        Self::build_showing(base, edits, instruments, Some(published), info)
    }

    fn build_showing(
        base: &Base,
        edits: &[Edit],
        instruments: Option<&Instruments>,
        published: Option<&Published>,
        info: &CommitInfo,
    ) -> Result<Option<Self>> {
        let mut commit = Self::empty(base);
        let shown = base.snapshot.as_ref().and_then(|(snapshot, _)| snapshot.published.as_ref());
        let mut changed = BTreeMap::new();
        for edit in edits {
            edit.refuse_conflicts()?;
            commit.tally.add(&edit.tally);
            if edit.is_nothing() {
                continue;
            }
            let entry = commit.apply(base, edit, &info.transaction)?;
            if !edit.is_copy || entry.as_ref() != base.stored(&edit.bar_type).map(|(stored, _)| stored) {
                changed.insert(edit.bar_type.clone(), entry);
            }
        }
        if changed.is_empty() && instruments.is_none() && (published.is_none() || published == shown) {
            return Ok(None);
        }
        if let Some(instruments) = instruments {
            let stored = commit.instruments.take();
            let key = |content: &Sha256| names::instruments(content, &info.transaction);
            commit.instruments = Some(commit.put(stored.as_ref(), key, instruments.encode()));
        }
        let table = commit.table(base, changed, &info.transaction)?;
        let oldest = base.snapshot.as_ref().map_or(1, |(snapshot, _)| snapshot.oldest);
        Ok(Some(commit.sealed(base, info, oldest, table, published)))
    }

    /// Plans the commit that makes an older snapshot's table the newest again. `current` and `target` are the partitions of the series
    /// that differ between base and `snapshot`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the base no longer keeps that snapshot.
    pub fn roll_back(
        base: &Base,
        snapshot: &Snapshot,
        current: &[PartitionEntry],
        target: &[PartitionEntry],
        info: &CommitInfo,
    ) -> Result<Self> {
        let oldest = base.snapshot.as_ref().map_or(1, |(snapshot, _)| snapshot.oldest);
        if snapshot.number < oldest {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("snapshot {} is not kept any more", snapshot.number),
            )
            .because(format!("the oldest one that is kept is {oldest}"))
            .then("see which there are: `barkeep snapshots list`"));
        }
        let mut commit = Self::empty(base);
        commit.instruments.clone_from(&snapshot.instruments);
        let objects = |files: &[PartitionEntry]| -> BTreeSet<(String, Sha256)> {
            files.iter().map(|file| (file.object.key.clone(), file.object.sha256)).collect()
        };
        let is_in = |objects: &BTreeSet<(String, Sha256)>, file: &PartitionEntry| {
            objects.contains(&(file.object.key.clone(), file.object.sha256))
        };
        let (now, then) = (objects(current), objects(target));
        for file in current.iter().filter(|file| !is_in(&then, file)) {
            commit.tally.rows_removed += file.rows;
            commit.tally.partitions_removed += 1;
            commit.tally.bytes_removed += file.object.size_bytes;
            commit.leave(&file.object, names::retired(&file.object.key, &file.object.sha256));
        }
        for file in target.iter().filter(|file| !is_in(&now, file)) {
            commit.tally.rows_added += file.rows;
            commit.tally.partitions_added += 1;
            commit.tally.bytes_added += file.object.size_bytes;
            let from = names::retired(&file.object.key, &file.object.sha256);
            commit.moves.arrive.push(Move { from, to: file.object.key.clone() });
        }
        Ok(commit.sealed(base, info, oldest, snapshot.table.clone(), snapshot.published.as_ref()))
    }

    /// Plans the commit that gives up the snapshots before `oldest`. Once it is there, objects may be removed that existed before and
    /// that no kept snapshot names: [`Snapshot::swept`] tells writers that began earlier.
    pub fn expire(base: &Base, oldest: u64, info: &CommitInfo) -> Self {
        let mut commit = Self::empty(base);
        commit.swept = commit.number;
        let table = base.snapshot.as_ref().map(|(snapshot, _)| snapshot.table.clone());
        let table = table.unwrap_or(SeriesTable::Inline(Vec::new()));
        commit.sealed(base, info, oldest, table, None)
    }

    fn empty(base: &Base) -> Self {
        let number = base.next_number();
        let put = |key: String| Put { key, bytes: Bytes::new() };
        Self {
            objects: Vec::new(),
            moves: Moves::new(number),
            snapshot: put(names::snapshot(number)),
            head: put(names::HEAD.to_owned()),
            number,
            tally: Tally::default(),
            instruments: base.snapshot.as_ref().and_then(|(snapshot, _)| snapshot.instruments.clone()),
            swept: base.swept(),
        }
    }

    fn sealed(
        mut self,
        base: &Base,
        info: &CommitInfo,
        oldest: u64,
        table: SeriesTable,
        published: Option<&Published>,
    ) -> Self {
        let shown = base.snapshot.as_ref().and_then(|(snapshot, _)| snapshot.published.as_ref());
        let snapshot = Snapshot {
            format: FORMAT_VERSION,
            number: self.number,
            predecessor: base.snapshot.as_ref().map(|(_, sha256)| *sha256),
            transaction: info.transaction.clone(),
            committed: info.committed,
            writer: info.writer.clone(),
            operation: info.operation.clone(),
            oldest,
            swept: self.swept,
            published: published.or(shown).cloned(),
            table,
            instruments: self.instruments.clone(),
        };
        let bytes = snapshot.encode();
        self.head.bytes = Head::of(snapshot, &bytes).encode().into();
        self.snapshot.bytes = bytes.into();
        self
    }

    /// Puts an object, unless the stored one that it takes the place of is the same.
    fn put(
        &mut self,
        stored: Option<&ObjectRef>,
        key: impl Fn(&Sha256) -> String,
        bytes: impl Into<Bytes>,
    ) -> ObjectRef {
        let bytes = bytes.into();
        let sha256 = Sha256::of(&bytes);
        if let Some(stored) = stored.filter(|stored| stored.sha256 == sha256) {
            return stored.clone();
        }
        let object = ObjectRef { key: key(&sha256), size_bytes: bytes.len() as u64, sha256 };
        self.objects.push(Put { key: object.key.clone(), bytes });
        object
    }

    fn leave(&mut self, object: &ObjectRef, to: String) {
        self.moves.leave.push(Move { from: object.key.clone(), to });
    }

    /// Applies an edit to its series; the series' new entry, or `None` if nothing is left of it.
    fn apply(&mut self, base: &Base, edit: &Edit, transaction: &str) -> Result<Option<SeriesEntry>> {
        let stored = base.stored(&edit.bar_type);
        let empty = || SeriesManifest {
            bar_type: edit.bar_type.clone(),
            partitions: Vec::new(),
            confirmed_empty: IntervalSet::default(),
        };
        let mut manifest = stored.map_or_else(empty, |(_, manifest)| manifest.clone());
        let leaving: BTreeSet<&str> = edit.leaving().map(|object| object.key.as_str()).collect();
        let before = manifest.partitions.len();
        manifest.partitions.retain(|file| !leaving.contains(file.object.key.as_str()));
        if before - manifest.partitions.len() != leaving.len() {
            return Err(Error::new(ErrorKind::Conflict, format!("{} was changed meanwhile", edit.bar_type))
                .then("try again"));
        }
        manifest.partitions.extend(edit.joining().cloned());
        manifest.partitions.sort_by_key(|file| file.first);
        refuse_overlaps(&manifest)?;
        manifest.confirmed_empty = if edit.is_copy {
            edit.confirmed_empty.clone()
        } else {
            manifest.confirmed_empty.union(&edit.confirmed_empty)
        };
        self.move_files(edit, transaction);
        if manifest.partitions.is_empty() && manifest.confirmed_empty.is_empty() {
            return Ok(None);
        }
        let key = |content: &Sha256| names::series_manifest(&edit.bar_type, content, transaction);
        let object = self.put(stored.map(|(entry, _)| &entry.manifest), key, manifest.encode()?);
        Ok(Some(series_entry(&manifest, object, edit, stored.map(|(entry, _)| entry))))
    }

    fn move_files(&mut self, edit: &Edit, transaction: &str) {
        // What is written again with the same content stays where it is.
        let joining: BTreeSet<_> =
            edit.joining().map(|file| (file.object.key.as_str(), file.object.sha256)).collect();
        let stays = |object: &&ObjectRef| !joining.contains(&(object.key.as_str(), object.sha256));
        let renamed = edit.renamed.iter().map(|(old, _)| old);
        for object in edit.retire.iter().chain(renamed).filter(stays) {
            self.leave(object, names::retired(&object.key, &object.sha256));
        }
        for object in edit.quarantine.iter().filter(stays) {
            self.leave(object, names::quarantined(&object.key, &object.sha256));
        }
        for file in edit.staged.iter().chain(edit.renamed.iter().map(|(_, new)| new)) {
            let key = &file.object.key;
            self.moves.arrive.push(Move { from: names::staged(transaction, key), to: key.clone() });
        }
    }

    /// The series table with the changed entries, shards written as needed.
    fn table(
        &mut self,
        base: &Base,
        changed: BTreeMap<BarType, Option<SeriesEntry>>,
        transaction: &str,
    ) -> Result<SeriesTable> {
        match base.snapshot.as_ref().map(|(snapshot, _)| &snapshot.table) {
            Some(SeriesTable::Shards(shards)) => {
                let mut shards: BTreeMap<u8, ShardRef> =
                    shards.iter().map(|shard| (shard.shard, shard.clone())).collect();
                let mut by_shard: BTreeMap<u8, BTreeMap<BarType, Option<SeriesEntry>>> = BTreeMap::new();
                for (bar_type, entry) in changed {
                    by_shard.entry(ShardRef::shard_of(&bar_type)).or_default().insert(bar_type, entry);
                }
                for (shard, changed) in by_shard {
                    let entries = merge(base.shards.get(&shard).into_iter().flatten(), changed)?;
                    let stored = shards.remove(&shard).map(|shard| shard.object);
                    if !entries.is_empty() {
                        shards.insert(shard, self.put_shard(shard, &entries, stored.as_ref(), transaction));
                    }
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
                    by_shard
                        .into_iter()
                        .map(|(shard, entries)| self.put_shard(shard, &entries, None, transaction))
                        .collect(),
                ))
            }
        }
    }

    fn put_shard(
        &mut self,
        shard: u8,
        entries: &[SeriesEntry],
        stored: Option<&ObjectRef>,
        transaction: &str,
    ) -> ShardRef {
        let key = |content: &Sha256| names::shard(content, transaction);
        let object = self.put(stored, key, SeriesTable::encode_shard(entries));
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

fn refuse_overlaps(manifest: &SeriesManifest) -> Result<()> {
    let pair = manifest.partitions.windows(2).find(|pair| pair[0].last >= pair[1].first);
    let Some([left, right]) = pair else { return Ok(()) };
    Err(Error::new(
        ErrorKind::Conflict,
        format!("two files of {} would hold bars of one time", manifest.bar_type),
    )
    .because(format!("`{}` and `{}` overlap", left.object.key, right.object.key))
    .then("try again; if it stays so, `barkeep verify` says which files are in the way"))
}

/// An entry of the series table with the numbers of its series manifest, which is stored as `object`; facts stay.
pub fn restate(entry: &SeriesEntry, manifest: &SeriesManifest, object: ObjectRef) -> SeriesEntry {
    let partitions = &manifest.partitions;
    SeriesEntry {
        rows: partitions.iter().map(|partition| partition.rows).sum(),
        first: partitions.first().map_or(UnixNanos(0), |partition| partition.first),
        last: partitions.last().map_or(UnixNanos(0), |partition| partition.last),
        size_bytes: partitions.iter().map(|partition| partition.object.size_bytes).sum(),
        partitions: partitions.len() as u64,
        expected: expected(manifest, entry.calendar.as_ref()),
        manifest: object,
        ..entry.clone()
    }
}

/// Bars that a calendar expects between the first and the last of a series.
fn expected(manifest: &SeriesManifest, calendar: Option<&Calendar>) -> Option<u64> {
    let interval = manifest.bar_type.spec.interval()?;
    coverage(&manifest.present(), &manifest.confirmed_empty, interval, calendar).expected
}

fn series_entry(
    manifest: &SeriesManifest,
    object: ObjectRef,
    edit: &Edit,
    stored: Option<&SeriesEntry>,
) -> SeriesEntry {
    let unknown = SeriesFacts::default();
    let facts = edit.facts.as_ref().unwrap_or(&unknown);
    let known = |new: &str, old: Option<&String>| {
        if new.is_empty() { old.cloned().unwrap_or_default() } else { new.to_owned() }
    };
    let entry = SeriesEntry {
        bar_type: manifest.bar_type.clone(),
        rows: 0,
        first: UnixNanos(0),
        last: UnixNanos(0),
        size_bytes: 0,
        partitions: 0,
        profile: edit.options.profile,
        price_precision: edit.options.price_precision,
        size_precision: edit.options.size_precision,
        source: known(&facts.source, stored.map(|stored| &stored.source)),
        note: known(&facts.note, stored.map(|stored| &stored.note)),
        calendar: facts.calendar.or(stored.and_then(|stored| stored.calendar)),
        expected: None,
        overview: if edit.is_copy { edit.overview } else { stored.is_some_and(|stored| stored.overview) },
        manifest: object.clone(),
    };
    restate(&entry, manifest, object)
}

/// Stored entries with the changed ones put in, or taken out; refuses two series with one directory.
fn merge<'a>(
    stored: impl Iterator<Item = &'a SeriesEntry>,
    changed: BTreeMap<BarType, Option<SeriesEntry>>,
) -> Result<Vec<SeriesEntry>> {
    let mut entries: BTreeMap<BarType, SeriesEntry> =
        stored.map(|entry| (entry.bar_type.clone(), entry.clone())).collect();
    for (bar_type, entry) in changed {
        match entry {
            Some(entry) => entries.insert(bar_type, entry),
            None => entries.remove(&bar_type),
        };
    }
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
