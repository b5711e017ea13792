//! Carrying out a repair: objects are put back, files moved, and what has to be committed is committed.

use ::catalog::{
    Base, Change, Error, ErrorKind, Head, Result, SeriesTable, Sha256, ShardRef, Snapshot, names,
};
use bars::BarType;

use super::Work;
use crate::catalog::{read_manifest, read_shard};
use crate::commit::{Run, commit_on, expire};
use crate::store::Store;
use crate::verify::Survey;

/// Does the work; the last snapshot that was committed, if one was.
pub(super) async fn carry_out(store: &Store, survey: &Survey, work: &Work, run: &Run) -> Result<Option<u64>> {
    let Some(newest) = &survey.newest else { return Ok(None) };
    let top = newest.unreadable.map_or(newest.snapshot.number, |(number, _)| number);
    if store.head(&names::snapshot(top + 1)).await?.is_some() {
        return Err(changed("the newest snapshot"));
    }
    for (key, bytes) in &work.puts {
        run.check()?;
        put_aside(store, key).await?;
        store.put(key, bytes.clone()).await?;
    }
    for (from, to, object) in &work.copies {
        run.check()?;
        let Some(bytes) = store.get(from).await?.filter(|bytes| object.verify(bytes).is_ok()) else {
            return Err(changed(from));
        };
        put_aside(store, to).await?;
        store.put(to, bytes).await?;
    }
    for (from, to) in &work.moves {
        run.check()?;
        store.relocate(from, to).await?;
    }
    if work.head {
        // A commit writes over it.
        put_aside(store, names::HEAD).await?;
    }
    let snapshot = commit(store, survey, work, run).await?;
    if work.head && snapshot.is_none() {
        let head = Head { snapshot_sha256: newest.sha256, snapshot: newest.snapshot.clone() };
        store.put(names::HEAD, head.encode().into()).await?;
    }
    for key in &work.aside {
        put_aside(store, key).await?;
        store.delete(key).await?;
    }
    remove_leftovers(store, work)?;
    if work.forget_history {
        let number = snapshot.unwrap_or(newest.snapshot.number);
        return Ok(expire(store, number, run).await?.or(snapshot));
    }
    Ok(snapshot)
}

/// One commit for what the manifest says of files; names are reset in a second one where a series needs both.
async fn commit(store: &Store, survey: &Survey, work: &Work, run: &Run) -> Result<Option<u64>> {
    let Some(newest) = &survey.newest else { return Ok(None) };
    let mut base = Base { snapshot: Some((newest.snapshot.clone(), newest.sha256)), ..Base::default() };
    if work.fall_back {
        let (number, sha256) = newest.unreadable.unwrap_or((newest.snapshot.number, newest.sha256));
        // Whether a vacuum was the reason for the commit that cannot be read is not known.
        base.snapshot = Some((Snapshot { number, swept: number, ..newest.snapshot.clone() }, sha256));
    }
    let mut changes: Vec<Change> = work.mend.values().cloned().map(Change::Mend).collect();
    let only_renamed = work.rename.iter().filter(|series| !work.mend.contains_key(series));
    changes.extend(only_renamed.map(|series| Change::ResetNames { bar_type: series.clone() }));
    changes.extend(work.adopt.values().cloned());
    for change in &changes {
        base_of(store, survey, work, change.bar_type(), &mut base).await?;
    }
    let mut snapshot = None;
    if !changes.is_empty() || work.fall_back {
        let committed = commit_on(store, &base, &changes, run).await?;
        snapshot = Some(committed.ok_or_else(|| changed("the newest snapshot"))?);
    }
    let both: Vec<Change> = work
        .rename
        .iter()
        .filter(|series| work.mend.contains_key(series))
        .map(|series| Change::ResetNames { bar_type: series.clone() })
        .collect();
    if both.is_empty() {
        return Ok(snapshot);
    }
    Ok(crate::commit::commit(store, &both, run).await?.snapshot.or(snapshot))
}

/// The stored state of a series, or what was built in its place.
async fn base_of(
    store: &Store,
    survey: &Survey,
    work: &Work,
    series: &BarType,
    base: &mut Base,
) -> Result<()> {
    let shard = ShardRef::shard_of(series);
    if let Some((Snapshot { table: SeriesTable::Shards(table), .. }, _)) = &base.snapshot
        && !base.shards.contains_key(&shard)
    {
        let stored = table.iter().find(|stored| stored.shard == shard);
        let entries = match (work.shards.get(&shard), stored) {
            (Some(built), _) => built.clone(),
            (None, Some(stored)) => read_shard(store, stored).await?,
            (None, None) => Vec::new(),
        };
        base.shards.insert(shard, entries);
    }
    let state = survey.series.get(series);
    let manifest = match (work.manifests.get(series), state) {
        (Some(built), _) => built.clone(),
        (None, Some(state)) => match &state.manifest {
            Some(manifest) => manifest.clone(),
            None => read_manifest(store, &state.entry).await?,
        },
        (None, None) => return Ok(()),
    };
    base.series.insert(series.clone(), manifest);
    Ok(())
}

/// Keeps the bytes of an object that is to be written over.
async fn put_aside(store: &Store, key: &str) -> Result<()> {
    if let Some(bytes) = store.get(key).await? {
        let to = names::put_aside(key, &Sha256::of(&bytes));
        store.put(&to, bytes).await?;
    }
    Ok(())
}

fn remove_leftovers(store: &Store, work: &Work) -> Result<()> {
    let Some(root) = store.local_root() else { return Ok(()) };
    for key in &work.leftovers {
        std::fs::remove_file(root.join(key)).map_err(|error| {
            Error::new(ErrorKind::SourceUnavailable, format!("could not remove `{key}`")).because(error)
        })?;
    }
    Ok(())
}

fn changed(what: &str) -> Error {
    Error::new(ErrorKind::Conflict, "the catalog changed while it was repaired")
        .because(format!("{what} is not as it was found"))
        .then("run the repair again")
}
