//! The drive loops: what `catalog` asks for is fetched, what it decides is put.

use std::collections::BTreeMap;

use bars::{BarColumns, BarType, Decimal, UnixNanos};
use bytes::Bytes;
use catalog::{
    Addition, Base, Columns, Commit, CommitInfo, Error, ErrorKind, Fetch, Head, Outcome, Plan, Query, Result,
    Scan, SeriesBase, SeriesEntry, SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot, SnapshotFate,
    Step, decode_bars, fate_of, names, plan,
};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::store::{Store, no_catalog};

/// Bytes of partitions that a scan may have in memory at once.
const SCAN_BUDGET_BYTES: u64 = 64 << 20;
/// Commits that lost the race to other writers before this one gives up.
const COMMIT_ATTEMPTS: usize = 20;

/// A catalog at a snapshot.
pub struct Catalog {
    store: Store,
    snapshot: Snapshot,
    series: Vec<SeriesEntry>,
}

impl Catalog {
    /// Opens the newest snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no catalog, [`ErrorKind::Unsupported`] if it is another program's.
    pub async fn open(store: Store) -> Result<Self> {
        let Some((snapshot, _)) = newest(&store).await? else {
            return Err(if store.any_under("data").await? {
                foreign(&store)
            } else {
                no_catalog(store.location(), "the directory holds no `manifest/head.json`")
            });
        };
        let series = match &snapshot.table {
            SeriesTable::Inline(entries) => entries.clone(),
            SeriesTable::Shards(shards) => {
                let mut series = Vec::new();
                for shard in shards {
                    series.extend(read_shard(&store, shard).await?);
                }
                series.sort_by(|left, right| left.bar_type.cmp(&right.bar_type));
                series
            }
        };
        Ok(Self { store, snapshot, series })
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Every series, ascending.
    pub fn series(&self) -> &[SeriesEntry] {
        &self.series
    }

    /// Where it lies.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The entry of a series.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], naming series that were perhaps meant.
    pub fn entry(&self, bar_type: &BarType) -> Result<&SeriesEntry> {
        self.series.iter().find(|entry| entry.bar_type == *bar_type).ok_or_else(|| {
            let same = self.series.iter().filter(|entry| entry.bar_type.instrument == bar_type.instrument);
            let meant: Vec<String> = same.map(|entry| format!("`{}`", entry.bar_type)).collect();
            let error = Error::new(ErrorKind::NotFound, format!("the catalog has no series {bar_type}"));
            let error = if meant.is_empty() {
                error
            } else {
                error.because(format!("of {} it has {}", bar_type.instrument, meant.join(", ")))
            };
            error
                .then("see which series there are: `barkeep list`")
                .then("or import it: `barkeep import csv …`")
        })
    }

    /// The partitions of a series.
    ///
    /// # Errors
    /// As [`Catalog::entry`], or if the series manifest is missing or damaged.
    pub async fn manifest(&self, bar_type: &BarType) -> Result<SeriesManifest> {
        read_manifest(&self.store, self.entry(bar_type)?).await
    }

    /// Bytes of a partition, and what they were fetched for.
    pub(crate) async fn fetch(&self, fetch: Fetch) -> (Fetch, Result<Bytes>) {
        read(&self.store, fetch).await
    }

    /// All bars of a query at once, with exact values.
    ///
    /// # Errors
    /// As [`Catalog::manifest`], or if a partition is missing or damaged.
    pub async fn bars(&self, bar_type: &BarType, query: Query) -> Result<BarColumns<Decimal>> {
        let manifest = self.manifest(bar_type).await?;
        let columns = query.columns;
        read_bars(&self.store, plan(&manifest, query)?, columns).await
    }
}

/// Reads what a plan says, handing every batch on as it comes.
///
/// # Errors
/// If bytes are missing or damaged, or whatever `on_rows` returns.
pub async fn scan(store: &Store, plan: Plan, mut on_rows: impl FnMut(Step) -> Result<()>) -> Result<()> {
    let mut scan = Scan::new(plan, SCAN_BUDGET_BYTES);
    let mut fetching = FuturesUnordered::new();
    loop {
        match scan.next()? {
            Step::Fetch(fetches) => fetching.extend(fetches.into_iter().map(|fetch| read(store, fetch))),
            Step::Wait => match fetching.next().await {
                Some((fetch, bytes)) => scan.supply(&fetch, bytes?)?,
                None => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "a scan waits for bytes that nobody fetches",
                    ));
                }
            },
            rows @ Step::Rows(..) => on_rows(rows)?,
            Step::Done => return Ok(()),
        }
    }
}

async fn read(store: &Store, fetch: Fetch) -> (Fetch, Result<Bytes>) {
    let bytes = store.get_range(&fetch.key, fetch.range.clone()).await;
    (fetch, bytes)
}

async fn read_bars(store: &Store, plan: Plan, columns: Columns) -> Result<BarColumns<Decimal>> {
    let mut bars = BarColumns::with_capacity(0);
    scan(store, plan, |step| {
        if let Step::Rows(batch, layout) = step {
            let part = decode_bars(&batch, &layout, columns)?;
            bars.ts_event.extend(&part.ts_event);
            bars.ts_init.extend(&part.ts_init);
            for (column, from) in bars.prices_mut().into_iter().zip(part.prices()) {
                column.extend(from);
            }
        }
        Ok(())
    })
    .await?;
    Ok(bars)
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receipt {
    /// The snapshot; `None` if nothing had to be committed.
    pub snapshot: Option<u64>,
    /// Bars added.
    pub rows_added: u64,
    /// Bars that were stored already.
    pub rows_identical: u64,
    /// Bars dropped in favour of stored ones.
    pub rows_kept: u64,
    /// Files written.
    pub partitions_added: u64,
    /// Their bytes.
    pub bytes_added: u64,
}

/// Commits bars, again on top of whatever other writers commit meanwhile. With `dry_run` everything is decided and nothing is put.
///
/// # Errors
/// As [`Commit::build`], or if the store fails; then nothing is visible of the commit, or all of it.
pub async fn commit(
    store: &Store,
    additions: &[Addition],
    operation: &str,
    dry_run: bool,
) -> Result<Receipt> {
    for _ in 0..COMMIT_ATTEMPTS {
        let base = read_base(store, additions).await?;
        let info = CommitInfo {
            transaction: uuid::Uuid::new_v4().to_string(),
            committed: now(),
            writer: concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned(),
            operation: operation.to_owned(),
        };
        let commit = match Commit::build(&base, additions, &info)? {
            Outcome::Nothing => {
                let rows = additions.iter().map(|addition| addition.bars.len() as u64).sum();
                return Ok(Receipt { rows_identical: rows, ..Receipt::default() });
            }
            Outcome::Commit(commit) => commit,
        };
        if dry_run || put(store, &commit, &info.transaction).await? {
            return Ok(receipt(&commit, !dry_run));
        }
        tracing::debug!(number = commit.number, "another writer committed first, building again");
    }
    Err(Error::new(ErrorKind::Conflict, "other writers were faster every time")
        .because(format!("{COMMIT_ATTEMPTS} attempts lost the race"))
        .then("try again"))
}

/// Puts a commit's objects; whether it won its number.
async fn put(store: &Store, commit: &Commit, transaction: &str) -> Result<bool> {
    for object in &commit.objects {
        // Named by content: if it is there, it is the same.
        store.create(&object.key, object.bytes.clone()).await?;
    }
    let key = &commit.snapshot.key;
    let created = store.create(key, commit.snapshot.bytes.clone()).await;
    if !matches!(created, Ok(true)) {
        let stored = store.get(key).await?;
        match fate_of(key, stored.as_deref(), transaction)? {
            SnapshotFate::Committed => {}
            SnapshotFate::Lost => return Ok(false),
            SnapshotFate::Absent => return created.map(|_| false),
        }
    }
    if let Err(error) = store.put(&commit.head.key, commit.head.bytes.clone()).await {
        // The commit holds: the next writer renews the head, readers see the state before until then.
        tracing::warn!(number = commit.number, %error, "committed, but could not renew the head");
    }
    Ok(true)
}

fn receipt(commit: &Commit, committed: bool) -> Receipt {
    let data = commit.objects.iter().filter(|object| object.key.starts_with("data/"));
    Receipt {
        snapshot: committed.then_some(commit.number),
        rows_added: commit.rows_added,
        rows_identical: commit.rows_identical,
        rows_kept: commit.rows_kept,
        partitions_added: commit.partitions_added,
        bytes_added: data.map(|object| object.bytes.len() as u64).sum(),
    }
}

/// What a commit of `additions` builds on.
async fn read_base(store: &Store, additions: &[Addition]) -> Result<Base> {
    let Some((snapshot, sha256)) = newest(store).await? else {
        for key in store.list("data").await? {
            // Files of a first commit that was stopped are harmless: they are named by their content.
            if !is_own(store, &key, key.rsplit('/').next().unwrap_or_default()).await? {
                return Err(foreign(store));
            }
        }
        return Ok(Base::default());
    };
    let mut shards = BTreeMap::new();
    if let SeriesTable::Shards(table) = &snapshot.table {
        for addition in additions {
            let number = ShardRef::shard_of(&addition.bar_type);
            if let Some(shard) = table.iter().find(|shard| shard.shard == number) {
                shards.insert(number, read_shard(store, shard).await?);
            }
        }
    }
    let mut series = BTreeMap::new();
    for addition in additions {
        let stored = read_series(store, &snapshot, &shards, addition).await?;
        refuse_foreign_files(store, addition, stored.as_ref()).await?;
        series.extend(stored.map(|stored| (addition.bar_type.clone(), stored)));
    }
    Ok(Base { snapshot: Some((snapshot, sha256)), shards, series })
}

async fn read_series(
    store: &Store,
    snapshot: &Snapshot,
    shards: &BTreeMap<u8, Vec<SeriesEntry>>,
    addition: &Addition,
) -> Result<Option<SeriesBase>> {
    let entries = match &snapshot.table {
        SeriesTable::Inline(entries) => Some(entries),
        SeriesTable::Shards(_) => shards.get(&ShardRef::shard_of(&addition.bar_type)),
    };
    let entry = entries.and_then(|entries| entries.iter().find(|entry| entry.bar_type == addition.bar_type));
    let Some(entry) = entry else { return Ok(None) };
    let manifest = read_manifest(store, entry).await?;
    let query = Query { range: addition.range(), ..Query::default() };
    let overlapping = read_bars(store, plan(&manifest, query)?, Columns::ALL).await?;
    Ok(Some(SeriesBase { manifest, overlapping }))
}

/// Refuses bars where another program has written a file of the same time: whoever lists the directory would see them twice.
async fn refuse_foreign_files(store: &Store, addition: &Addition, stored: Option<&SeriesBase>) -> Result<()> {
    let directory = format!("data/bars/{}", names::series_directory(&addition.bar_type));
    let range = addition.range();
    for key in store.list(&directory).await? {
        let known = stored.is_some_and(|stored| {
            stored.manifest.partitions.iter().any(|partition| partition.object.key == key)
        });
        let name = key.rsplit('/').next().unwrap_or_default();
        let overlaps = names::parse_file_name(name)
            .is_some_and(|(first, last)| last >= range.start && first < range.end);
        if known || !overlaps || is_own(store, &key, name).await? {
            continue;
        }
        return Err(Error::new(ErrorKind::Conflict, format!("another program has written bars of {} for that time", addition.bar_type))
            .because(format!("`{key}` is in the catalog's directory and not in its manifest; with both, NautilusTrader and DuckDB would read bars twice"))
            .then("move that file away if its bars are in the import")
            .then("or import only the other bars; this version does not take foreign files into the manifest yet"));
    }
    Ok(())
}

/// Whether a file is named by its content as ours are: one of a commit that is under way or was stopped.
async fn is_own(store: &Store, key: &str, name: &str) -> Result<bool> {
    let hash = name
        .strip_suffix(".parquet")
        .and_then(|stem| stem.rsplit_once('_'))
        .map(|(_, hash)| hash)
        .unwrap_or_default();
    let bytes = if hash.len() == 16 { store.get(key).await? } else { None };
    Ok(bytes.is_some_and(|bytes| Sha256::of(&bytes).short() == hash))
}

/// The newest snapshot: the head's, or one that a stopped writer committed after it.
async fn newest(store: &Store) -> Result<Option<(Snapshot, Sha256)>> {
    let mut newest = match store.get(names::HEAD).await? {
        Some(bytes) => Head::decode(&bytes).map(|head| Some((head.snapshot, head.snapshot_sha256)))?,
        None => None,
    };
    loop {
        let key = names::snapshot(newest.as_ref().map_or(1, |(snapshot, _)| snapshot.number + 1));
        match store.get(&key).await? {
            None => return Ok(newest),
            Some(bytes) => newest = Some((Snapshot::decode(&key, &bytes)?, Sha256::of(&bytes))),
        }
    }
}

async fn read_shard(store: &Store, shard: &ShardRef) -> Result<Vec<SeriesEntry>> {
    SeriesTable::decode_shard(shard, &read_whole(store, &shard.object.key).await?)
}

async fn read_manifest(store: &Store, entry: &SeriesEntry) -> Result<SeriesManifest> {
    let bytes = read_whole(store, &entry.manifest.key).await?;
    entry.manifest.verify(&bytes)?;
    SeriesManifest::decode(&entry.manifest.key, bytes)
}

async fn read_whole(store: &Store, key: &str) -> Result<Bytes> {
    store.get(key).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("`{key}` is missing in {}", store.location()))
            .because("the manifest names it, so the catalog was copied only in part or something was deleted")
            .then("copy the catalog again, or restore it from a backup")
    })
}

fn foreign(store: &Store) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("`{}` holds files that Barkeep did not write", store.location()),
    )
    .because("it has a directory `data` but no `manifest/head.json`, as a catalog of NautilusTrader does")
    .then("nothing was changed; this version does not adopt such a catalog yet")
    .then("use a place of its own for Barkeep: `--catalog DIRECTORY`")
}

/// Time of this machine.
pub fn now() -> UnixNanos {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
