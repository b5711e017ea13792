//! The listing: is every named file where it belongs, and what else lies there?

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{FindingKind, Moves, PartitionEntry, Result, Sha256, names};
use bars::{BarType, HOUR, MINUTE, UnixNanos};

use super::{Scope, Stored, Survey};
use crate::catalog::now;
use crate::output::bytes_text;
use crate::store::{Store, is_unfinished};

/// Where objects of bars lie. Instruments, quotes and trades are not ours to judge.
const FOLDERS: [&str; 5] = ["data/bars", "data/bar", "staging", "retired", "quarantine"];

/// Compares the listing with the series manifests.
pub(super) async fn look(store: &Store, scope: &Scope, survey: &mut Survey) -> Result<()> {
    for folder in FOLDERS {
        for object in store.list_objects(folder).await? {
            let written = UnixNanos(object.last_modified.timestamp_nanos_opt().unwrap_or_default());
            let stored = Stored { size_bytes: object.size, written };
            survey.listing.insert(object.location.to_string(), stored);
        }
    }
    named(survey);
    unnamed(scope, survey);
    staging(store, survey).await?;
    leftovers(store, survey);
    Ok(())
}

/// The files of the newest snapshot, with their series.
pub(crate) fn files(survey: &Survey) -> impl Iterator<Item = (&BarType, &PartitionEntry)> {
    let manifests = survey.series.values().filter_map(|state| state.manifest.as_ref());
    manifests.flat_map(|manifest| manifest.partitions.iter().map(|file| (&manifest.bar_type, file)))
}

fn named(survey: &mut Survey) {
    let mut found = Vec::new();
    for (series, file) in files(survey) {
        let object = &file.object;
        let [here, elsewhere @ ..] = names::places(&object.key, &object.sha256, survey.transaction());
        let size = |place: &String| survey.listing.get(place).map(|stored| stored.size_bytes);
        let (kind, observed) = match size(&here) {
            Some(bytes) if bytes == object.size_bytes => continue,
            Some(bytes) => {
                (FindingKind::FileDamaged, format!("it has {bytes} bytes instead of {}", object.size_bytes))
            }
            None => match elsewhere.iter().find(|place| size(place) == Some(object.size_bytes)) {
                Some(place) => (FindingKind::FileElsewhere, format!("it lies at `{place}`")),
                None => (FindingKind::FileMissing, format!("{} bars are not to be had", file.rows)),
            },
        };
        found.push((kind, series.clone(), object.key.clone(), observed));
    }
    for (kind, series, key, observed) in found {
        survey.note(kind, Some(&series), key, observed);
    }
}

/// Parquet files in `data/` that no series names.
fn unnamed(scope: &Scope, survey: &mut Survey) {
    let mut known = BTreeSet::new();
    let mut spans: BTreeMap<String, Vec<(UnixNanos, UnixNanos, String)>> = BTreeMap::new();
    let mut owners: BTreeMap<String, BarType> = BTreeMap::new();
    for (series, file) in files(survey) {
        known.insert(file.object.key.clone());
        let span = (file.first, file.last, names::file_name(&file.object.key).to_owned());
        spans.entry(names::series_directory(series)).or_default().push(span);
    }
    for (series, state) in &survey.series {
        // Of a series whose manifest is lost it cannot be said what belongs to it.
        if state.manifest.is_some() {
            owners.insert(names::series_directory(series), series.clone());
        }
    }
    let unjudged: BTreeSet<String> = survey
        .series
        .values()
        .filter(|state| state.manifest.is_none())
        .map(|state| names::series_directory(&state.entry.bar_type))
        .collect();
    let lost = survey.lost_shards.iter().map(|shard| shard.shard).collect::<BTreeSet<u8>>();
    let strangers: Vec<String> = survey
        .listing
        .keys()
        .filter(|key| key.starts_with("data/") && key.ends_with(".parquet") && !known.contains(*key))
        .cloned()
        .collect();
    for key in strangers {
        let directory = directory(&key);
        let judged = !unjudged.contains(directory) && !lost.contains(&shard_of(directory));
        if !judged || (!scope.series.is_empty() && !owners.contains_key(directory)) {
            continue;
        }
        let owner = owners.get(directory).cloned();
        let span = names::parse_file_name(names::file_name(&key));
        let twin = span.and_then(|(first, last)| {
            let twins = spans.get(directory)?.iter();
            let mut twins = twins.filter(|(start, end, _)| *start <= last && first <= *end);
            let same = twins.clone().find(|(start, end, _)| (*start, *end) == (first, last));
            same.map(|twin| (twin, true)).or_else(|| twins.next().map(|twin| (twin, false)))
        });
        let observed = match twin {
            Some(((_, _, name), true)) => format!("its name tells the very interval of `{name}`"),
            Some(((_, _, name), false)) => format!("its name tells an interval that overlaps `{name}`"),
            None => "no series names it".to_owned(),
        };
        // Named as ours are, it is ours, damaged or not.
        let own = span.is_some() && names::content_of(names::file_name(&key)).is_some();
        let kind = match (own, twin) {
            (true, _) => FindingKind::OwnFileUnnamed,
            (false, Some(_)) => FindingKind::ForeignOverlap,
            (false, None) => FindingKind::ForeignFile,
        };
        survey.note(kind, owner.as_ref(), key, observed);
    }
}

/// Whether a file is named by its content, as ours are.
pub(crate) async fn is_own(store: &Store, key: &str) -> Result<bool> {
    let Some(hash) = names::content_of(names::file_name(key)) else { return Ok(false) };
    Ok(store.get(key).await?.is_some_and(|bytes| Sha256::of(&bytes).short() == hash))
}

/// The directory that a file lies in, without what is above it.
pub(crate) fn directory(key: &str) -> &str {
    let path = key.rsplit_once('/').map_or("", |(path, _)| path);
    names::file_name(path)
}

fn shard_of(directory: &str) -> u8 {
    Sha256::of(directory.as_bytes()).0[0]
}

/// Journals and staged files, by the commit they belong to.
async fn staging(store: &Store, survey: &mut Survey) -> Result<()> {
    let newest = survey.transaction().to_owned();
    let mut orphans: BTreeMap<String, (u64, u64, UnixNanos)> = BTreeMap::new();
    let wanted: BTreeSet<String> =
        files(survey).map(|(_, file)| names::staged(&newest, &file.object.key)).collect();
    let mut pending = false;
    if let Some(bytes) = store.get(&names::journal(&newest)).await? {
        let key = names::journal(&newest);
        match Moves::decode(&key, &bytes) {
            Ok(moves) => {
                pending = true;
                let observed = format!(
                    "commit {}: {} files leave `data/` and {} arrive, written {} ago",
                    moves.number,
                    moves.leave.len(),
                    moves.arrive.len(),
                    survey.listing.get(&key).map_or_else(String::new, |stored| age(stored.written))
                );
                survey.note(FindingKind::CommitUnfinished, None, key, observed);
            }
            Err(error) => survey.note(FindingKind::JournalDamaged, None, key, error.why),
        }
    }
    for (key, stored) in survey.listing.iter().filter(|(key, _)| key.starts_with("staging/")) {
        let name = names::file_name(key);
        let transaction = name.split(['_', '.']).next().unwrap_or(name);
        let ours = transaction == newest;
        if wanted.contains(key) || (ours && (pending || key.ends_with(".json"))) {
            continue;
        }
        let (count, bytes, written) = orphans.entry(transaction.to_owned()).or_insert((0, 0, stored.written));
        *count += 1;
        *bytes += stored.size_bytes;
        *written = (*written).max(stored.written);
    }
    for (transaction, (count, bytes, written)) in orphans {
        let observed = format!("{count} objects, {}, last written {} ago", bytes_text(bytes), age(written));
        survey.note(FindingKind::StagingOrphan, None, format!("staging/{transaction}"), observed);
    }
    Ok(())
}

/// Files that a stopped write of the local store left: it writes `name#1` and gives it its name when it is whole.
fn leftovers(store: &Store, survey: &mut Survey) {
    let Some(root) = store.local_root() else { return };
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // What cannot be listed holds nothing that this program wrote.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(key) = path.strip_prefix(root).ok().filter(|_| is_unfinished(&name)) else { continue };
            let key = key.to_string_lossy().replace('\\', "/");
            let written = entry.metadata().and_then(|data| data.modified()).ok();
            let age = written.and_then(|written| written.elapsed().ok()).unwrap_or_default();
            let written = now().plus(-i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
            survey.leftovers.insert(key.clone(), written);
            survey.note(FindingKind::Leftover, None, key, format!("it is {} old", self::age(written)));
        }
    }
}

/// How long ago something was, for people.
fn age(written: UnixNanos) -> String {
    span(now().0.saturating_sub(written.0))
}

fn span(nanos: i64) -> String {
    match nanos.max(0) {
        short if short < MINUTE => format!("{} seconds", short / 1_000_000_000),
        some if some < HOUR => format!("{} minutes", some / MINUTE),
        some if some < 48 * HOUR => format!("{} hours", some / HOUR),
        long => format!("{} days", long / (24 * HOUR)),
    }
}
