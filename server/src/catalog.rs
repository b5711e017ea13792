//! Reading: the newest snapshot, or an older one, and the loop that fetches what a scan asks for.

use bars::{BarColumns, BarType, Decimal, IntervalSet, UnixNanos};
use bytes::Bytes;
use catalog::{
    Boundary, Columns, Error, ErrorKind, Fetch, Head, Instruments, PartitionEntry, Plan, Query, Result, Scan,
    SeriesEntry, SeriesManifest, SeriesTable, Sha256, ShardRef, Snapshot, Step, decode_bars, names, plan,
};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::store::{Store, no_catalog};

/// Bytes of partitions that a scan may have in memory at once.
const SCAN_BUDGET_BYTES: u64 = 64 << 20;

/// A catalog at a snapshot.
pub struct Catalog {
    store: Store,
    snapshot: Snapshot,
    series: Vec<SeriesEntry>,
    /// Parts of the series table that cannot be read; the others can be used all the same.
    unreadable: Vec<(u8, Error)>,
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
        if let Err(error) = crate::commit::finish(&store, &snapshot).await {
            // A place that cannot be written can be read all the same: files are looked for where they are.
            tracing::debug!(number = snapshot.number, %error, "could not finish a commit that was stopped");
        }
        Self::at(store, snapshot).await
    }

    /// Opens an older snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none of that number, or not any more.
    pub async fn open_at(store: Store, number: u64) -> Result<Self> {
        let Self { store, snapshot, .. } = Self::open(store).await?;
        let snapshot = read_snapshot(&store, number, &snapshot).await?;
        Self::at(store, snapshot).await
    }

    async fn at(store: Store, snapshot: Snapshot) -> Result<Self> {
        let (mut series, mut unreadable) = (Vec::new(), Vec::new());
        match &snapshot.table {
            SeriesTable::Inline(entries) => series.clone_from(entries),
            SeriesTable::Shards(shards) => {
                for shard in shards {
                    match read_shard(&store, shard).await {
                        Ok(entries) => series.extend(entries),
                        Err(error) if error.kind == ErrorKind::SourceUnavailable => return Err(error),
                        Err(error) => {
                            tracing::warn!(series = shard.series, %error, "some series cannot be used");
                            unreadable.push((shard.shard, error));
                        }
                    }
                }
                series.sort_by(|left, right| left.bar_type.cmp(&right.bar_type));
            }
        }
        Ok(Self { store, snapshot, series, unreadable })
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
            let shard = ShardRef::shard_of(bar_type);
            if let Some((_, error)) = self.unreadable.iter().find(|(number, _)| *number == shard) {
                return error.clone();
            }
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
        read(&self.store, &self.snapshot.transaction, fetch).await
    }

    /// All bars of a query at once, with exact values.
    ///
    /// # Errors
    /// As [`Catalog::manifest`], or if a partition is missing or damaged.
    pub async fn bars(&self, bar_type: &BarType, query: Query) -> Result<BarColumns<Decimal>> {
        let manifest = self.manifest(bar_type).await?;
        let columns = query.columns;
        read_bars(&self.store, &self.snapshot.transaction, plan(&manifest, query)?, columns).await
    }
}

/// Reads what a plan says, handing every batch on as it comes.
///
/// # Errors
/// If bytes are missing or damaged, or whatever `on_rows` returns.
pub async fn scan(
    store: &Store,
    transaction: &str,
    plan: Plan,
    mut on_rows: impl FnMut(Step) -> Result<()>,
) -> Result<()> {
    let mut scan = Scan::new(plan, SCAN_BUDGET_BYTES);
    let mut fetching = FuturesUnordered::new();
    loop {
        match scan.next()? {
            Step::Fetch(fetches) => {
                fetching.extend(fetches.into_iter().map(|fetch| read(store, transaction, fetch)))
            }
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

/// Reads a part of a partition of the snapshot with this transaction, wherever a commit has moved it meanwhile.
async fn read(store: &Store, transaction: &str, fetch: Fetch) -> (Fetch, Result<Bytes>) {
    // Twice over: between two looks the file may move to a place that was looked at already.
    let places = names::places(&fetch.key, &fetch.sha256, transaction);
    let mut found = store.get_range(&fetch.key, fetch.range.clone()).await;
    for place in places.iter().skip(1).chain(&places) {
        match &found {
            Err(error) if error.kind == ErrorKind::NotFound => {
                let elsewhere = store.get_range(place, fetch.range.clone()).await;
                if !matches!(&elsewhere, Err(error) if error.kind == ErrorKind::NotFound) {
                    found = elsewhere;
                }
            }
            _ => break,
        }
    }
    (fetch, found)
}

/// A whole partition, verified.
///
/// # Errors
/// [`ErrorKind::NotFound`] or [`ErrorKind::Corrupt`].
pub async fn read_file(store: &Store, transaction: &str, object: &catalog::ObjectRef) -> Result<Bytes> {
    let bytes = read(store, transaction, Fetch::whole(object)).await.1?;
    object.verify(&bytes)?;
    Ok(bytes)
}

/// All bars of some files of a series, which a snapshot names.
///
/// # Errors
/// If a file is missing or damaged.
pub async fn read_rows(
    store: &Store,
    snapshot: &Snapshot,
    bar_type: &BarType,
    files: &[PartitionEntry],
) -> Result<BarColumns<Decimal>> {
    if files.is_empty() {
        return Ok(BarColumns::default());
    }
    let part = SeriesManifest {
        bar_type: bar_type.clone(),
        partitions: files.to_vec(),
        confirmed_empty: IntervalSet::default(),
    };
    read_bars(store, &snapshot.transaction, plan(&part, Query::default())?, Columns::ALL).await
}

/// All bars of a plan, with exact values.
pub(crate) async fn read_bars(
    store: &Store,
    transaction: &str,
    plan: Plan,
    columns: Columns,
) -> Result<BarColumns<Decimal>> {
    let mut bars = BarColumns::with_capacity(0);
    scan(store, transaction, plan, |step| {
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

/// The newest snapshot: the head's, or one that a stopped writer committed after it.
///
/// # Errors
/// [`ErrorKind::Corrupt`] or [`ErrorKind::Unsupported`] if it cannot be read, or the store fails.
pub async fn newest(store: &Store) -> Result<Option<(Snapshot, Sha256)>> {
    let (head, boundary) = futures::join!(store.get(names::HEAD), read_boundary(store));
    let head = head?;
    let boundary = match boundary {
        // Without it no snapshot can be trusted to be the newest but the one with the highest number.
        Err(error) if error.kind == ErrorKind::Corrupt => {
            tracing::warn!(%error, "looking for the newest snapshot instead");
            Boundary { oldest: 1, newest: u64::MAX }
        }
        boundary => boundary?,
    };
    let mut newest = match head.map(|bytes| Head::decode(&bytes)) {
        Some(Ok(head)) => Some((head.snapshot, head.snapshot_sha256)),
        Some(Err(error)) if error.kind != ErrorKind::Corrupt => return Err(error),
        // The head is a hint: without it the snapshots themselves are asked.
        damaged_or_missing => {
            if let Some(Err(error)) = damaged_or_missing {
                tracing::warn!(%error, "the head is damaged, looking for the newest snapshot instead");
            }
            highest(store).await?
        }
    };
    if newest.as_ref().is_some_and(|(snapshot, _)| snapshot.number < boundary.newest) {
        newest = highest(store).await?;
    }
    while let Some((snapshot, _)) = &newest {
        match read_numbered(store, snapshot.number + 1).await? {
            None => break,
            found => newest = found,
        }
    }
    Ok(newest)
}

/// The snapshot with the highest number of all that are stored.
async fn highest(store: &Store) -> Result<Option<(Snapshot, Sha256)>> {
    match stored_snapshots(store).await?.last() {
        None => Ok(None),
        Some(number) => read_numbered(store, *number).await,
    }
}

/// The numbers of the snapshots that are stored, ascending.
///
/// # Errors
/// [`ErrorKind::SourceUnavailable`] if the store fails.
pub async fn stored_snapshots(store: &Store) -> Result<Vec<u64>> {
    let keys = store.list("manifest/snapshots").await?;
    let number = |key: &String| names::file_name(key).strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> = keys.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

async fn read_numbered(store: &Store, number: u64) -> Result<Option<(Snapshot, Sha256)>> {
    let key = names::snapshot(number);
    match store.get(&key).await? {
        None => Ok(None),
        Some(bytes) => Ok(Some((Snapshot::decode(&key, &bytes)?, Sha256::of(&bytes)))),
    }
}

/// A snapshot that the newest one still keeps.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none of that number, or not any more.
pub async fn read_snapshot(store: &Store, number: u64, newest: &Snapshot) -> Result<Snapshot> {
    let kept = if number < newest.oldest { None } else { read_numbered(store, number).await? };
    kept.map(|(snapshot, _)| snapshot).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no snapshot {number}"))
            .because(format!("kept are {} to {}", newest.oldest, newest.number))
            .then("see which there are: `barkeep snapshots list`")
    })
}

/// Where a vacuum removed snapshots.
pub(crate) async fn read_boundary(store: &Store) -> Result<Boundary> {
    store.get(names::BOUNDARY).await?.map_or(Ok(Boundary::default()), |bytes| Boundary::decode(&bytes))
}

/// Every series of a snapshot, ascending.
///
/// # Errors
/// If a shard is missing or damaged.
pub async fn read_table(store: &Store, table: &SeriesTable) -> Result<Vec<SeriesEntry>> {
    let shards = match table {
        SeriesTable::Inline(entries) => return Ok(entries.clone()),
        SeriesTable::Shards(shards) => shards,
    };
    let mut series = Vec::new();
    for shard in shards {
        series.extend(read_shard(store, shard).await?);
    }
    series.sort_by(|left, right| left.bar_type.cmp(&right.bar_type));
    Ok(series)
}

/// The instruments of a snapshot.
///
/// # Errors
/// If their object is missing or damaged.
pub async fn read_instruments(store: &Store, snapshot: &Snapshot) -> Result<Instruments> {
    match &snapshot.instruments {
        None => Ok(Instruments::default()),
        Some(object) => Instruments::decode(object, &read_whole(store, &object.key).await?),
    }
}

pub(crate) async fn read_shard(store: &Store, shard: &ShardRef) -> Result<Vec<SeriesEntry>> {
    SeriesTable::decode_shard(shard, &read_whole(store, &shard.object.key).await?)
}

/// The partitions of a series.
///
/// # Errors
/// [`ErrorKind::NotFound`] or [`ErrorKind::Corrupt`].
pub async fn read_manifest(store: &Store, entry: &SeriesEntry) -> Result<SeriesManifest> {
    let bytes = read_whole(store, &entry.manifest.key).await?;
    entry.manifest.verify(&bytes)?;
    SeriesManifest::decode(&entry.manifest.key, bytes)
}

async fn read_whole(store: &Store, key: &str) -> Result<Bytes> {
    store.get(key).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("`{key}` is missing in {}", store.location()))
            .because("the manifest names it, so the catalog was copied only in part or something was deleted")
            .then("see what else is missing: `barkeep verify`")
            .then("build it again from what is left: `barkeep repair`")
            .then("if the catalog is a copy, copy it again")
    })
}

pub(crate) fn foreign(store: &Store) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("`{}` holds files that Barkeep did not write", store.location()),
    )
    .because("it has a directory `data` but no `manifest/head.json`, as a catalog of NautilusTrader does")
    .then("take its files into a manifest, where they lie: `barkeep adopt` (`--dry-run` shows what that would do)")
    .then("or use a place of its own for Barkeep: `--catalog DIRECTORY`")
}

/// Time of this machine.
pub fn now() -> UnixNanos {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
