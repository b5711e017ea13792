//! Head, snapshots, boundary, series table and series manifests: can they be read, and do they agree?

use ::catalog::{
    Boundary, ErrorKind, FindingKind, Head, Result, SeriesEntry, SeriesManifest, SeriesTable, Sha256,
    Snapshot, names, restate,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use parquet::file::metadata::ParquetMetaDataReader;

use super::{Newest, Scope, State, Survey};
use crate::catalog::{foreign, stored_snapshots};
use crate::store::{Store, no_catalog};

/// Objects that are read at once.
pub(super) const AT_ONCE: usize = 8;

/// Reads the newest snapshot and everything it names but files.
pub(super) async fn look(store: &Store, scope: &Scope, survey: &mut Survey) -> Result<()> {
    survey.newest = newest(store, survey).await?;
    let Some(newest) = survey.newest.clone() else { return Ok(()) };
    chain(store, &newest.snapshot, survey).await?;
    boundary(store, &newest.snapshot, survey).await?;
    for entry in table(store, &newest.snapshot.table, survey).await? {
        if scope.holds(&entry.bar_type) {
            survey.series.insert(entry.bar_type.clone(), State { entry, manifest: None });
        }
    }
    let entries: Vec<SeriesEntry> = survey.series.values().map(|state| state.entry.clone()).collect();
    let mut reading =
        stream::iter(entries.into_iter().map(|entry| read_manifest(store, entry))).buffered(AT_ONCE);
    while let Some(read) = reading.next().await {
        let (entry, manifest) = read?;
        survey.checked.series += 1;
        match manifest {
            Err(observed) => survey.note(
                FindingKind::ManifestDamaged,
                Some(&entry.bar_type),
                &entry.manifest.key,
                observed,
            ),
            Ok(manifest) => {
                survey.checked.files += manifest.partitions.len() as u64;
                judge(&entry, &manifest, survey);
                survey.series.insert(entry.bar_type.clone(), State { entry, manifest: Some(manifest) });
            }
        }
    }
    Ok(())
}

/// The newest snapshot that can be read: the head's, or a later one.
async fn newest(store: &Store, survey: &mut Survey) -> Result<Option<Newest>> {
    let stored = store.get(names::HEAD).await?;
    let numbers = stored_snapshots(store).await?;
    let head = match &stored {
        None if numbers.is_empty() => {
            let other = store.any_under("data").await?;
            return Err(if other {
                foreign(store)
            } else {
                no_catalog(store.location(), "it has no head and no snapshot")
            });
        }
        None => {
            survey.note(
                FindingKind::HeadMissing,
                None,
                names::HEAD,
                format!("there are {} snapshots", numbers.len()),
            );
            None
        }
        Some(bytes) => match Head::decode(bytes) {
            Ok(head) => Some(head),
            Err(error) if error.kind == ErrorKind::Unsupported => {
                survey.note(FindingKind::NewerFormat, None, names::HEAD, error.why);
                return Ok(None);
            }
            Err(error) => {
                survey.note(FindingKind::HeadDamaged, None, names::HEAD, error.why);
                None
            }
        },
    };
    let mut unreadable = None;
    for number in numbers.iter().rev().copied() {
        if head.as_ref().is_some_and(|head| head.snapshot.number >= number) {
            break;
        }
        let key = names::snapshot(number);
        let Some(bytes) = store.get(&key).await? else { continue };
        match decode(number, &key, &bytes) {
            Ok(snapshot) => {
                if let Some(head) = &head {
                    let observed =
                        format!("it names snapshot {} and {number} is there", head.snapshot.number);
                    survey.note(FindingKind::HeadStale, None, names::HEAD, observed);
                }
                return Ok(Some(Newest { snapshot, sha256: Sha256::of(&bytes), put_back: None, unreadable }));
            }
            Err((FindingKind::NewerFormat, observed)) => {
                survey.note(FindingKind::NewerFormat, None, key, observed);
                return Ok(None);
            }
            Err((_, observed)) => {
                survey.note(FindingKind::SnapshotDamaged, None, key, observed);
                unreadable = unreadable.or(Some((number, Sha256::of(&bytes))));
            }
        }
    }
    match head {
        Some(head) => of_head(store, head, unreadable, survey).await.map(Some),
        None => Ok(None),
    }
}

/// The head's snapshot, whether its object is there or not.
async fn of_head(
    store: &Store,
    head: Head,
    unreadable: Option<(u64, Sha256)>,
    survey: &mut Survey,
) -> Result<Newest> {
    let Head { snapshot, snapshot_sha256: sha256 } = head;
    let key = names::snapshot(snapshot.number);
    let stored = store.get(&key).await?;
    if stored.as_ref().is_some_and(|bytes| Sha256::of(bytes) == sha256) {
        return Ok(Newest { snapshot, sha256, put_back: None, unreadable });
    }
    match stored.map(|bytes| (Sha256::of(&bytes), decode(snapshot.number, &key, &bytes))) {
        Some((found, Ok(stored))) => {
            survey.note(
                FindingKind::HeadDamaged,
                None,
                names::HEAD,
                "it names other content of its snapshot than is there",
            );
            return Ok(Newest { snapshot: stored, sha256: found, put_back: None, unreadable });
        }
        Some((_, Err((_, observed)))) => survey.note(FindingKind::SnapshotDamaged, None, key, observed),
        None => survey.note(FindingKind::SnapshotMissing, None, key, "the head names it"),
    }
    let bytes = Bytes::from(snapshot.encode());
    let put_back = (Sha256::of(&bytes) == sha256).then_some(bytes);
    Ok(Newest { snapshot, sha256, put_back, unreadable })
}

/// A snapshot, or what is wrong with it.
pub(super) fn decode(number: u64, key: &str, bytes: &[u8]) -> Result<Snapshot, (FindingKind, String)> {
    match Snapshot::decode(key, bytes) {
        Ok(snapshot) if snapshot.number == number => Ok(snapshot),
        Ok(snapshot) => {
            Err((FindingKind::SnapshotDamaged, format!("it says that it is snapshot {}", snapshot.number)))
        }
        Err(error) if error.kind == ErrorKind::Unsupported => Err((FindingKind::NewerFormat, error.why)),
        Err(error) => Err((FindingKind::SnapshotDamaged, error.why)),
    }
}

/// Every kept snapshot must be there and be the one its successor was made from.
async fn chain(store: &Store, newest: &Snapshot, survey: &mut Survey) -> Result<()> {
    survey.checked.snapshots = 1;
    let mut expected = newest.predecessor;
    let numbers = (newest.oldest..newest.number).rev();
    let read = async |number: u64| store.get(&names::snapshot(number)).await.map(|bytes| (number, bytes));
    let mut reading = stream::iter(numbers.map(read)).buffered(AT_ONCE);
    while let Some(read) = reading.next().await {
        let (number, bytes) = read?;
        let key = names::snapshot(number);
        survey.checked.snapshots += 1;
        let Some(bytes) = bytes else {
            survey.note(FindingKind::OldSnapshotBroken, None, key, "it is missing");
            expected = None;
            continue;
        };
        match decode(number, &key, &bytes) {
            Err((_, observed)) => {
                survey.note(FindingKind::OldSnapshotBroken, None, key, observed);
                expected = None;
            }
            Ok(snapshot) => {
                if expected.is_some_and(|expected| expected != Sha256::of(&bytes)) {
                    let observed = format!("snapshot {} was made from other content", number + 1);
                    survey.note(FindingKind::ChainBroken, None, key, observed);
                }
                expected = snapshot.predecessor;
            }
        }
    }
    Ok(())
}

/// What a vacuum leaves behind must be there once snapshots are gone.
async fn boundary(store: &Store, newest: &Snapshot, survey: &mut Survey) -> Result<()> {
    let wrong = match store.get(names::BOUNDARY).await? {
        Some(bytes) => match Boundary::decode(&bytes) {
            Err(error) => Some(error.why),
            Ok(boundary) => (boundary.newest > newest.number).then(|| {
                format!(
                    "it says that snapshot {} was there, and the newest is {}",
                    boundary.newest, newest.number
                )
            }),
        },
        // A vacuum that was stopped between its commit and its boundary has removed nothing yet.
        None if newest.oldest > 1 && store.head(&names::snapshot(newest.oldest - 1)).await?.is_none() => {
            Some(format!("it is missing, and snapshots before {} were removed", newest.oldest))
        }
        None => None,
    };
    if let Some(observed) = wrong {
        survey.note(FindingKind::BoundaryDamaged, None, names::BOUNDARY, observed);
    }
    Ok(())
}

/// The entries of the series table that can be read.
async fn table(store: &Store, table: &SeriesTable, survey: &mut Survey) -> Result<Vec<SeriesEntry>> {
    let shards = match table {
        SeriesTable::Inline(entries) => return Ok(entries.clone()),
        SeriesTable::Shards(shards) => shards,
    };
    let mut entries = Vec::new();
    let read = async |shard: &::catalog::ShardRef| {
        store.get(&shard.object.key).await.map(|bytes| (shard.clone(), bytes))
    };
    let mut reading = stream::iter(shards.iter().map(read)).buffered(AT_ONCE);
    while let Some(read) = reading.next().await {
        let (shard, bytes) = read?;
        let found = match bytes {
            None => Err("it is missing".to_owned()),
            Some(bytes) => SeriesTable::decode_shard(&shard, &bytes).map_err(|error| error.why),
        };
        match found {
            Ok(found) => entries.extend(found),
            Err(observed) => {
                survey.note(FindingKind::ShardDamaged, None, &shard.object.key, observed);
                survey.lost_shards.push(shard);
            }
        }
    }
    Ok(entries)
}

/// A series manifest, or what is wrong with it.
pub(super) async fn read_manifest(
    store: &Store,
    entry: SeriesEntry,
) -> Result<(SeriesEntry, Result<SeriesManifest, String>)> {
    let Some(bytes) = store.get(&entry.manifest.key).await? else {
        return Ok((entry, Err("it is missing".to_owned())));
    };
    let manifest = entry
        .manifest
        .verify(&bytes)
        .and_then(|()| SeriesManifest::decode(&entry.manifest.key, bytes))
        .map_err(|error| if error.why.is_empty() { error.what } else { error.why })
        .and_then(|manifest| match manifest.bar_type == entry.bar_type {
            true => Ok(manifest),
            false => Err(format!("it is that of {}", manifest.bar_type)),
        });
    Ok((entry, manifest))
}

fn judge(entry: &SeriesEntry, manifest: &SeriesManifest, survey: &mut Survey) {
    let (series, key) = (Some(&entry.bar_type), &entry.manifest.key);
    let counted = restate(entry, manifest, entry.manifest.clone());
    let numbers = |entry: &SeriesEntry| {
        format!(
            "{} bars in {} files of {} bytes that close from {} to {}",
            entry.rows, entry.partitions, entry.size_bytes, entry.first, entry.last
        )
    };
    if numbers(entry) != numbers(&counted) {
        let observed = format!("the table says {}, the manifest {}", numbers(entry), numbers(&counted));
        survey.note(FindingKind::TotalsWrong, series, key, observed);
    }
    for pair in manifest.partitions.windows(2).filter(|pair| pair[0].last >= pair[1].first) {
        let observed =
            format!("`{}` ends at {} and this begins at {}", pair[0].object.key, pair[0].last, pair[1].first);
        survey.note(FindingKind::NamedOverlap, series, &pair[1].object.key, observed);
    }
    for file in &manifest.partitions {
        let footer = file.footer.as_ref().map(|footer| ParquetMetaDataReader::decode_metadata(footer));
        if let Some(Err(error)) = footer {
            survey.note(FindingKind::ManifestFooter, series, &file.object.key, error.to_string());
        }
    }
}
