//! What only older snapshots name: is it still there, so that they can be read and rolled back to?

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{FindingKind, PartitionEntry, Result, SeriesEntry, SeriesTable, names};
use bars::BarType;

use super::manifests::{decode, read_manifest};
use super::{Scope, Survey, objects};
use crate::store::Store;

/// A file of an older snapshot, and the newest such snapshot.
type Old = (PartitionEntry, BarType, u64);

/// Looks at every kept snapshot but the newest.
pub(super) async fn look(store: &Store, scope: &Scope, survey: &mut Survey) -> Result<()> {
    let Some(newest) = survey.newest.clone() else { return Ok(()) };
    let mut seen: BTreeSet<String> =
        survey.series.values().map(|state| state.entry.manifest.key.clone()).collect();
    seen.extend(survey.lost_shards.iter().map(|shard| shard.object.key.clone()));
    let current: BTreeSet<String> = objects::files(survey).map(|(_, file)| file.object.key.clone()).collect();
    let mut old: BTreeMap<String, Old> = BTreeMap::new();
    for number in (newest.snapshot.oldest..newest.snapshot.number).rev() {
        let key = names::snapshot(number);
        let Some(bytes) = store.get(&key).await? else { continue };
        let Ok(snapshot) = decode(number, &key, &bytes) else { continue };
        for entry in table(store, number, &snapshot.table, &mut seen, survey).await? {
            if !scope.holds(&entry.bar_type) || !seen.insert(entry.manifest.key.clone()) {
                continue;
            }
            match read_manifest(store, entry).await? {
                (entry, Err(observed)) => {
                    let observed = format!("snapshot {number} names it: {observed}");
                    survey.note(
                        FindingKind::OldSnapshotBroken,
                        Some(&entry.bar_type),
                        &entry.manifest.key,
                        observed,
                    );
                }
                (entry, Ok(manifest)) => {
                    for file in
                        manifest.partitions.into_iter().filter(|file| !current.contains(&file.object.key))
                    {
                        old.entry(file.object.key.clone()).or_insert((file, entry.bar_type.clone(), number));
                    }
                }
            }
        }
    }
    for (file, series, number) in old.into_values() {
        judge(store, scope, &file, &series, number, survey).await?;
    }
    Ok(())
}

async fn table(
    store: &Store,
    number: u64,
    table: &SeriesTable,
    seen: &mut BTreeSet<String>,
    survey: &mut Survey,
) -> Result<Vec<SeriesEntry>> {
    let shards = match table {
        SeriesTable::Inline(entries) => return Ok(entries.clone()),
        SeriesTable::Shards(shards) => shards,
    };
    let mut entries = Vec::new();
    for shard in shards.iter().filter(|shard| seen.insert(shard.object.key.clone())) {
        let read = match store.get(&shard.object.key).await? {
            None => Err("it is missing".to_owned()),
            Some(bytes) => SeriesTable::decode_shard(shard, &bytes).map_err(|error| error.why),
        };
        match read {
            Ok(read) => entries.extend(read),
            Err(observed) => {
                let observed = format!("snapshot {number} names it: {observed}");
                survey.note(FindingKind::OldSnapshotBroken, None, &shard.object.key, observed);
            }
        }
    }
    Ok(entries)
}

async fn judge(
    store: &Store,
    scope: &Scope,
    file: &PartitionEntry,
    series: &BarType,
    number: u64,
    survey: &mut Survey,
) -> Result<()> {
    let object = &file.object;
    let places = names::places(&object.key, &object.sha256, survey.transaction());
    let mut damaged = None;
    for place in places.into_iter().filter(|place| survey.listing.contains_key(place)) {
        let size = survey.listing.get(&place).map(|stored| stored.size_bytes);
        let whole = match scope.full {
            false => size == Some(object.size_bytes),
            true => store.get(&place).await?.is_some_and(|bytes| object.verify(&bytes).is_ok()),
        };
        if scope.full {
            survey.checked.files_read += 1;
            survey.checked.bytes_read += size.unwrap_or_default();
        }
        if whole {
            return Ok(());
        }
        damaged = damaged.or(Some(place));
    }
    let aside = names::quarantined(&object.key, &object.sha256);
    let observed = match damaged {
        None if survey.listing.contains_key(&aside) => {
            let observed = format!("snapshot {number} names it; it lies at `{aside}`");
            survey.note(FindingKind::OldFileQuarantined, Some(series), &object.key, observed);
            return Ok(());
        }
        None => format!("snapshot {number} names it: {} bars are not to be had", file.rows),
        Some(place) => format!("snapshot {number} names it: what lies at `{place}` is damaged"),
    };
    survey.old_files.insert(object.key.clone(), object.clone());
    survey.note(FindingKind::OldFileBroken, Some(series), &object.key, observed);
    Ok(())
}
