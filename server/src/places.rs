//! Files in their places, also after a mover that slept.
//!
//! Moves are harmless to repeat while their commit is the newest. One that was held up until later commits were there may take a file away
//! that was put back meanwhile, or bring one back that had left. Whoever moves files looks afterwards whether a later commit is there, and
//! then at the files it moved.

use std::collections::BTreeSet;
use std::pin::Pin;

use catalog::{Move, Moves, Result, Sha256, Snapshot, names};

use crate::catalog::{newest, read_manifest, read_table};
use crate::commit::finish;
use crate::store::Store;

/// Times that it is looked again because another writer committed meanwhile.
const ATTEMPTS: usize = 20;

/// Puts the files that these moves were about to where the newest snapshot wants them.
///
/// # Errors
/// If the store fails; `barkeep repair` does the same later.
pub(crate) async fn put_right(store: &Store, moves: &Moves) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let Some((snapshot, _)) = newest(store).await? else { return Ok(()) };
        let outcome = compare(store, &snapshot, moves).await;
        if store.head(&names::snapshot(snapshot.number + 1)).await?.is_none() {
            return outcome;
        }
    }
    Ok(())
}

async fn compare(store: &Store, newest: &Snapshot, moves: &Moves) -> Result<()> {
    complete(store, newest).await?;
    let named = named_beside(store, newest, moves).await?;
    for step in &moves.leave {
        bring_back(store, step, &named).await?;
    }
    for step in moves.arrive.iter().filter(|step| !named.contains(&step.to)) {
        put_away(store, &step.to).await?;
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

/// The files that a snapshot names in the directories that moves are about.
async fn named_beside(store: &Store, snapshot: &Snapshot, moves: &Moves) -> Result<BTreeSet<String>> {
    let inside = moves.leave.iter().map(|step| step.from.as_str());
    let directories: BTreeSet<&str> =
        inside.chain(moves.arrive.iter().map(|step| step.to.as_str())).map(directory).collect();
    let mut named = BTreeSet::new();
    for entry in read_table(store, &snapshot.table).await? {
        let current = names::series_directory(&entry.bar_type);
        let old = names::old_series_directory(&entry.bar_type);
        if directories.contains(current.as_str()) || directories.contains(old.as_str()) {
            named.extend(
                read_manifest(store, &entry).await?.partitions.into_iter().map(|file| file.object.key),
            );
        }
    }
    Ok(named)
}

fn directory(key: &str) -> &str {
    names::file_name(key.rsplit_once('/').map_or("", |(path, _)| path))
}

/// A file that left late although it is named again.
async fn bring_back(store: &Store, step: &Move, named: &BTreeSet<String>) -> Result<()> {
    if named.contains(&step.from)
        && store.head(&step.from).await?.is_none()
        && store.head(&step.to).await?.is_some()
    {
        tracing::info!(key = step.from, "a file that left `data/` late is put back");
        store.relocate(&step.to, &step.from).await?;
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
