//! Files in their places, also after a mover that slept.
//!
//! Moves are harmless to repeat while their commit is the newest. One that was held up until later commits were there may take a file away
//! that was put back meanwhile, or bring one back that had left. Whoever moves files looks afterwards whether a later commit is there, and
//! then at the files it moved.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use catalog::{Moves, Result, Sha256, Snapshot, names};

use crate::catalog::{newest, read_manifest, read_table};
use crate::commit::finish;
use crate::store::Store;

/// Times that it is looked again because another writer committed meanwhile, or the store failed.
const ATTEMPTS: u32 = 20;

/// Whether a later commit is there. The moves of this one are then not to be gone on with.
///
/// # Errors
/// If the store fails.
pub(crate) async fn is_overtaken(store: &Store, number: u64) -> Result<bool> {
    // A vacuum may have removed the next one, but not without this one.
    let (own, next) = (names::snapshot(number), names::snapshot(number + 1));
    let (own, next) = futures::try_join!(store.head(&own), store.head(&next))?;
    Ok(own.is_none() || next.is_some())
}

/// After moves: if a later commit is there, puts the files that they were about to where the newest snapshot wants them. A store that
/// fails is asked again, since nobody else would look.
///
/// # Errors
/// If the store fails every time; `barkeep repair` does the same later.
pub(crate) async fn put_right(store: &Store, moves: &Moves) -> Result<()> {
    let mut outcome = Ok(());
    for attempt in 0..ATTEMPTS {
        match look_again(store, moves).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                outcome = Err(error);
                tokio::time::sleep(Duration::from_millis(10 << attempt.min(6))).await;
            }
        }
    }
    outcome
}

/// Whether everything is in its place and nobody committed meanwhile.
async fn look_again(store: &Store, moves: &Moves) -> Result<bool> {
    if moves.is_empty() || !is_overtaken(store, moves.number).await? {
        return Ok(true);
    }
    let Some((snapshot, _)) = newest(store).await? else { return Ok(true) };
    compare(store, &snapshot, moves).await?;
    Ok(!is_overtaken(store, snapshot.number).await?)
}

async fn compare(store: &Store, newest: &Snapshot, moves: &Moves) -> Result<()> {
    complete(store, newest).await?;
    let named = named_beside(store, newest, moves).await?;
    let left = moves.leave.iter().map(|step| &step.from);
    let keys: BTreeSet<&String> = left.chain(moves.arrive.iter().map(|step| &step.to)).collect();
    for key in keys {
        match named.get(key) {
            Some(content) => bring_back(store, key, content).await?,
            None => put_away(store, key).await?,
        }
    }
    Ok(())
}

/// The newest commit's own moves come first, and whoever makes them looks here afterwards.
fn complete<'a>(
    store: &'a Store,
    newest: &'a Snapshot,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(finish(store, newest))
}

/// The files that a snapshot names in the directories that moves are about, and their content.
async fn named_beside(store: &Store, snapshot: &Snapshot, moves: &Moves) -> Result<BTreeMap<String, Sha256>> {
    let inside = moves.leave.iter().map(|step| step.from.as_str());
    let directories: BTreeSet<&str> =
        inside.chain(moves.arrive.iter().map(|step| step.to.as_str())).map(directory).collect();
    let mut named = BTreeMap::new();
    for entry in read_table(store, &snapshot.table).await? {
        let current = names::series_directory(&entry.bar_type);
        let old = names::old_series_directory(&entry.bar_type);
        if directories.contains(current.as_str()) || directories.contains(old.as_str()) {
            let files = read_manifest(store, &entry).await?.partitions.into_iter();
            named.extend(files.map(|file| (file.object.key, file.object.sha256)));
        }
    }
    Ok(named)
}

fn directory(key: &str) -> &str {
    names::file_name(key.rsplit_once('/').map_or("", |(path, _)| path))
}

/// A file that left late although it is named again. It stays among the retired too: a removal of it that comes late then takes away a
/// copy.
async fn bring_back(store: &Store, key: &str, content: &Sha256) -> Result<()> {
    if store.head(key).await?.is_none() && store.duplicate(&names::retired(key, content), key).await? {
        tracing::info!(key, "a file that left `data/` late is put back");
    }
    Ok(())
}

/// A file that arrived late although it is named no more.
async fn put_away(store: &Store, key: &str) -> Result<()> {
    let Some(bytes) = store.get(key).await? else { return Ok(()) };
    tracing::info!(key, "a file that came to `data/` late is put away");
    store.relocate(key, &names::retired(key, &Sha256::of(&bytes))).await?;
    Ok(())
}
