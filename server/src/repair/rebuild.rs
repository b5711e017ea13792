//! What a lost series manifest or part of the series table said, told from what is left.
//!
//! `data/` holds every file of the newest snapshot exactly once and nothing else of ours, so its listing says which files a series has;
//! older series manifests describe most of them, and the others are read.

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{
    ObjectRef, PartitionEntry, Profile, Result, SeriesEntry, SeriesManifest, SeriesTable, Sha256, ShardRef,
    Storage, names, restate,
};
use bars::{BarType, IntervalSet, UnixNanos};
use bytes::Bytes;

use crate::catalog::{read_shard, read_snapshot};
use crate::store::Store;
use crate::verify::{Survey, described, directory, is_own};

/// A series manifest that was built again.
pub(super) struct Series {
    pub manifest: SeriesManifest,
    /// Its object, if it is the lost one to the byte.
    pub exact: Option<Bytes>,
    /// Decimals and storage of a file that was read, for a series whose entry is lost too.
    layout: Option<(u8, u8, Profile)>,
}

/// A part of the series table that was built again.
pub(super) struct Shard {
    pub entries: Vec<SeriesEntry>,
    pub manifests: BTreeMap<BarType, SeriesManifest>,
    /// Series manifests that it names and that had to be built again too.
    pub fresh: Vec<(String, Bytes)>,
    /// Its object, if it is the lost one to the byte.
    pub exact: Option<Bytes>,
}

/// Builds a series manifest from older ones and from files; `lost` is the entry that names it.
pub(super) async fn series(
    store: &Store,
    survey: &Survey,
    bar_type: &BarType,
    lost: Option<&SeriesEntry>,
) -> Result<Series> {
    let older: Vec<SeriesManifest> =
        stored_manifests(store, bar_type).await?.into_iter().map(|(_, found)| found).collect();
    let known: BTreeMap<&str, &PartitionEntry> = older
        .iter()
        .flat_map(|manifest| &manifest.partitions)
        .map(|file| (file.object.key.as_str(), file))
        .collect();
    let folder = names::series_directory(bar_type);
    let mut partitions = Vec::new();
    let mut layout = None;
    for key in survey.listing.keys().filter(|key| key.starts_with("data/") && key.ends_with(".parquet")) {
        let entry = known.get(key.as_str()).copied();
        if entry.is_none() && directory(key) != folder {
            continue;
        }
        let Some(bytes) = store.get(key).await? else { continue };
        if let Some(entry) = entry.filter(|entry| entry.object.verify(&bytes).is_ok()) {
            partitions.push(entry.clone());
        } else if is_own(store, key).await?
            && let Some(found) = described(bar_type, key, bytes).await?
            && found.layout.identity == bar_type.to_string()
        {
            let compact = matches!(found.layout.storage, Storage::Decimal(scale) if scale < 16);
            let profile = if compact { Profile::Compact } else { Profile::Nautilus };
            layout = Some((found.layout.price_precision, found.layout.size_precision, profile));
            partitions.push(found.entry);
        }
    }
    partitions.sort_by_key(|file| file.first);
    partitions.dedup_by(|next, kept| next.first <= kept.last);
    let empty: IntervalSet =
        older.iter().flat_map(|manifest| manifest.confirmed_empty.ranges()).copied().collect();
    let mut manifest = SeriesManifest { bar_type: bar_type.clone(), partitions, confirmed_empty: empty };
    let mut exact = None;
    let choices = older.iter().map(|manifest| manifest.confirmed_empty.clone());
    for confirmed_empty in choices.chain([manifest.confirmed_empty.clone(), IntervalSet::default()]) {
        let candidate = SeriesManifest { confirmed_empty, ..manifest.clone() };
        let bytes = Bytes::from(candidate.encode()?);
        if lost.is_some_and(|lost| lost.manifest.verify(&bytes).is_ok()) {
            (manifest, exact) = (candidate, Some(bytes));
            break;
        }
    }
    Ok(Series { manifest, exact, layout })
}

/// Every manifest of a series that is stored and whole, whichever snapshot named it.
async fn stored_manifests(store: &Store, bar_type: &BarType) -> Result<Vec<(ObjectRef, SeriesManifest)>> {
    let mut found = Vec::new();
    for object in store.list_objects(&names::series_manifests(bar_type)).await? {
        let key = object.location.to_string();
        let Some(bytes) = store.get(&key).await? else { continue };
        found.extend(whole(&key, bytes).filter(|(_, manifest)| manifest.bar_type == *bar_type));
    }
    Ok(found)
}

/// A series manifest, if it is what its name says.
fn whole(key: &str, bytes: Bytes) -> Option<(ObjectRef, SeriesManifest)> {
    let sha256 = Sha256::of(&bytes);
    let named = names::version_content(key) == sha256.short();
    let object = ObjectRef { key: key.to_owned(), size_bytes: bytes.len() as u64, sha256 };
    let manifest = named.then(|| SeriesManifest::decode(key, bytes).ok()).flatten()?;
    Some((object, manifest))
}

/// Builds a part of the series table from an older one and from the series manifests that are stored.
pub(super) async fn shard(store: &Store, survey: &Survey, lost: &ShardRef) -> Result<Shard> {
    let older = older_entries(store, survey, lost.shard).await?;
    let mut series: BTreeSet<BarType> = older.iter().map(|entry| entry.bar_type.clone()).collect();
    series.extend(
        stored_series(store).await?.into_iter().filter(|name| ShardRef::shard_of(name) == lost.shard),
    );
    let mut shard = Shard { entries: Vec::new(), manifests: BTreeMap::new(), fresh: Vec::new(), exact: None };
    for bar_type in series {
        let built = self::series(store, survey, &bar_type, None).await?;
        if built.manifest.partitions.is_empty() {
            continue;
        }
        let stored = stored_manifests(store, &bar_type).await?;
        // The newest manifest is the one that names what is there.
        let current = stored.into_iter().find(|(_, stored)| stored.partitions == built.manifest.partitions);
        let (object, manifest) = match current {
            Some(current) => current,
            None => {
                let bytes = Bytes::from(built.manifest.encode()?);
                let sha256 = Sha256::of(&bytes);
                let key = names::series_manifest(&bar_type, &sha256, survey.transaction());
                let object = ObjectRef { key: key.clone(), size_bytes: bytes.len() as u64, sha256 };
                shard.fresh.push((key, bytes));
                (object, built.manifest)
            }
        };
        let facts = older.iter().find(|entry| entry.bar_type == bar_type).cloned();
        let facts = facts.unwrap_or_else(|| bare_entry(&bar_type, &object, built.layout));
        shard.entries.push(restate(&facts, &manifest, object));
        shard.manifests.insert(bar_type, manifest);
    }
    let bytes = Bytes::from(SeriesTable::encode_shard(&shard.entries));
    shard.exact = lost.object.verify(&bytes).is_ok().then_some(bytes);
    Ok(shard)
}

/// The entries of a shard in the newest older snapshot that has them.
async fn older_entries(store: &Store, survey: &Survey, number: u8) -> Result<Vec<SeriesEntry>> {
    let Some(newest) = &survey.newest else { return Ok(Vec::new()) };
    for older in (newest.snapshot.oldest..newest.snapshot.number).rev() {
        let Ok(snapshot) = read_snapshot(store, older, &newest.snapshot).await else { continue };
        match &snapshot.table {
            SeriesTable::Inline(entries) => {
                let ours = entries.iter().filter(|entry| ShardRef::shard_of(&entry.bar_type) == number);
                return Ok(ours.cloned().collect());
            }
            SeriesTable::Shards(shards) => {
                let Some(shard) = shards.iter().find(|shard| shard.shard == number) else {
                    return Ok(Vec::new());
                };
                if let Ok(entries) = read_shard(store, shard).await {
                    return Ok(entries);
                }
            }
        }
    }
    Ok(Vec::new())
}

/// Every series of which a whole manifest is stored.
async fn stored_series(store: &Store) -> Result<BTreeSet<BarType>> {
    let mut seen = BTreeSet::new();
    let mut series = BTreeSet::new();
    for key in store.list("manifest/series").await? {
        let folder = directory(&key).to_owned();
        if seen.contains(&folder) {
            continue;
        }
        let found = store.get(&key).await?.and_then(|bytes| whole(&key, bytes));
        if let Some((_, manifest)) = found {
            seen.insert(folder);
            series.insert(manifest.bar_type);
        }
    }
    Ok(series)
}

/// An entry of which nothing is known but what its files tell.
fn bare_entry(bar_type: &BarType, object: &ObjectRef, layout: Option<(u8, u8, Profile)>) -> SeriesEntry {
    let (price_precision, size_precision, profile) = layout.unwrap_or((16, 16, Profile::Nautilus));
    SeriesEntry {
        bar_type: bar_type.clone(),
        rows: 0,
        first: UnixNanos(0),
        last: UnixNanos(0),
        size_bytes: 0,
        partitions: 0,
        profile,
        price_precision,
        size_precision,
        source: "not known any more: the series table was damaged".to_owned(),
        note: String::new(),
        calendar: None,
        expected: None,
        overview: false,
        manifest: object.clone(),
    }
}
