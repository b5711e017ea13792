//! Vacuum: removes snapshots that are no longer kept, and the objects that no kept snapshot names.
//!
//! First it is listed what can go. Then a commit says so ([`catalog::Commit::expire`]): whoever commits after it, be it a roll back that was
//! under way or a writer that slept for days, sees that snapshots are given up and stages its files anew. Only then are objects removed,
//! and never from `data/`. So no clock decides whether a commit is whole; the grace period for what no snapshot names only spares
//! writers the work of staging twice.

use std::collections::BTreeSet;

use bars::UnixNanos;
use catalog::{Boundary, Error, ErrorKind, Result, SeriesTable, Snapshot, names};
use object_store::ObjectMeta;

use crate::catalog::{
    newest, now, read_boundary, read_manifest, read_snapshot, read_table, stored_snapshots,
};
use crate::commit::{Progress, Run, expire_on, finish};
use crate::store::{Store, no_catalog};

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Snapshots stay for this long after another took their place; nanoseconds.
    pub keep_nanos: i64,
    /// At least so many snapshots stay, whatever their age.
    pub keep_last: u64,
    /// Objects that no snapshot names stay for this long after they were written; nanoseconds.
    pub grace_nanos: i64,
}

/// What a vacuum removes.
#[derive(Clone, Debug, Default)]
pub struct VacuumPlan {
    /// The oldest snapshot that stays.
    pub oldest: u64,
    /// The newest snapshot.
    pub newest: u64,
    /// Numbers of the snapshots that go.
    pub snapshots: Vec<u64>,
    /// Other objects that go: key and bytes.
    pub objects: Vec<(String, u64)>,
}

impl VacuumPlan {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> u64 {
        (self.snapshots.len() + self.objects.len()) as u64
    }

    /// The same with what else goes.
    fn with(mut self, plan: Self) -> Self {
        self.snapshots.extend(plan.snapshots);
        self.objects.extend(plan.objects);
        Self { oldest: plan.oldest, newest: plan.newest, ..self }
    }

    /// Bytes of the objects that go.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Times that the work begins again because another writer committed.
const ATTEMPTS: usize = 20;

/// Removes what is no longer kept; what was removed, or would be.
///
/// # Errors
/// If the store fails, or if writers are faster every time; nothing that a kept snapshot names is ever removed.
pub async fn vacuum(store: &Store, retention: Retention, run: &Run) -> Result<VacuumPlan> {
    let mut done = VacuumPlan::default();
    for _ in 0..ATTEMPTS {
        let Some((snapshot, sha256)) = newest(store).await? else {
            return Err(no_catalog(store.location(), "it has no snapshot"));
        };
        if !run.dry_run {
            finish(store, &snapshot).await?;
        }
        let oldest = oldest_kept(store, &snapshot, retention).await?;
        let mut plan = plan(store, &snapshot, oldest, retention).await?;
        if run.dry_run || (plan.is_empty() && oldest <= snapshot.oldest) {
            return Ok(done.with(plan));
        }
        // What was listed before this commit can be named by no later one: who commits next begins anew (`Snapshot::swept`).
        let Some((number, transaction)) = expire_on(store, &snapshot, sha256, oldest, run).await? else {
            continue;
        };
        plan.newest = number;
        if oldest == snapshot.number {
            // The commit has the same table and stands for it.
            plan.oldest = number;
            plan.snapshots.push(oldest);
        }
        if carry_out(store, &plan, &transaction, &mut done, run).await? {
            return Ok(done.with(VacuumPlan { snapshots: Vec::new(), objects: Vec::new(), ..plan }));
        }
    }
    Err(Error::new(ErrorKind::Conflict, "other writers committed every time").then("try again"))
}

/// The oldest of the snapshots that stay: they are consecutive, up to the newest.
async fn oldest_kept(store: &Store, newest: &Snapshot, retention: Retention) -> Result<u64> {
    let horizon = now().plus(-retention.keep_nanos);
    let (mut oldest, mut replaced) = (newest.number, newest.committed);
    while oldest > newest.oldest {
        let wanted = newest.number - (oldest - 1) < retention.keep_last || replaced > horizon;
        if !wanted {
            break;
        }
        oldest -= 1;
        replaced = read_snapshot(store, oldest, newest).await?.committed;
    }
    Ok(oldest)
}

async fn plan(store: &Store, newest: &Snapshot, oldest: u64, retention: Retention) -> Result<VacuumPlan> {
    let mut plan = VacuumPlan { oldest, newest: newest.number, ..VacuumPlan::default() };
    plan.snapshots = stored_snapshots(store).await?;
    plan.snapshots.retain(|number| *number < oldest);
    let named = named_objects(store, newest, oldest).await?;
    let horizon = now().plus(-retention.grace_nanos);
    let written =
        |object: &ObjectMeta| UnixNanos(object.last_modified.timestamp_nanos_opt().unwrap_or(i64::MAX));
    let journal = names::journal(&newest.transaction);
    for folder in ["retired", "staging", "manifest/series", "manifest/shards", "manifest/instruments"] {
        for object in store.list_objects(folder).await? {
            let key = object.location.to_string();
            let old = written(&object) <= horizon;
            if old && !named.contains(&key) && key != journal {
                plan.objects.push((key, object.size));
            }
        }
    }
    plan.objects.sort_unstable();
    Ok(plan)
}

/// Every object that a kept snapshot names, in every place where it may lie.
async fn named_objects(store: &Store, newest: &Snapshot, oldest: u64) -> Result<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for number in oldest..=newest.number {
        let older;
        let snapshot = if number == newest.number {
            newest
        } else {
            older = read_snapshot(store, number, newest).await?;
            &older
        };
        named.extend(snapshot.instruments.iter().map(|object| object.key.clone()));
        if let SeriesTable::Shards(shards) = &snapshot.table {
            named.extend(shards.iter().map(|shard| shard.object.key.clone()));
        }
        for entry in read_table(store, &snapshot.table).await? {
            if !named.insert(entry.manifest.key.clone()) {
                continue;
            }
            for file in read_manifest(store, &entry).await?.partitions {
                named.extend(names::places(&file.object.key, &file.object.sha256, &newest.transaction));
            }
        }
    }
    Ok(named)
}

/// Removes what the plan says and notes it in `done`; false if another writer committed meanwhile, so that there may be more or less to
/// remove.
async fn carry_out(
    store: &Store,
    plan: &VacuumPlan,
    transaction: &str,
    done: &mut VacuumPlan,
    run: &Run,
) -> Result<bool> {
    if !plan.snapshots.is_empty() {
        raise_boundary(store, plan).await?;
    }
    let total = plan.len();
    for batch in plan.objects.chunks(64) {
        run.check()?;
        let (retired, others): (Vec<_>, Vec<_>) =
            batch.iter().cloned().partition(|(key, _)| key.starts_with("retired/"));
        let is_newest = remove_retired(store, plan.newest, transaction, &retired).await?;
        for (key, _) in &others {
            store.delete(key).await?;
        }
        done.objects.extend_from_slice(batch);
        (run.on_progress)(Progress { done: done.len(), total });
        if !is_newest {
            return Ok(false);
        }
    }
    for number in &plan.snapshots {
        store.delete(&names::snapshot(*number)).await?;
        done.snapshots.push(*number);
        (run.on_progress)(Progress { done: done.len(), total });
    }
    Ok(true)
}

/// Removes retired files; whether the vacuum's commit is still the newest. A file that comes back and is retired again lies at the same
/// place as before. So each first gets a name that nobody else uses; only then it is seen whether it is the old one that was meant.
async fn remove_retired(
    store: &Store,
    number: u64,
    transaction: &str,
    files: &[(String, u64)],
) -> Result<bool> {
    for (key, _) in files {
        store.relocate(key, &names::staged(transaction, key)).await?;
    }
    let is_newest = store.head(&names::snapshot(number + 1)).await?.is_none();
    let named = match newest(store).await? {
        Some((newest, _)) if !is_newest => named_objects(store, &newest, newest.oldest).await?,
        _ => BTreeSet::new(),
    };
    for (key, _) in files {
        let aside = names::staged(transaction, key);
        if named.contains(key) && store.head(key).await?.is_none() {
            store.relocate(&aside, key).await?;
        } else {
            store.delete(&aside).await?;
        }
    }
    Ok(is_newest)
}

/// Says which numbers must not come again. A vacuum that slept must not take back what a later one said.
async fn raise_boundary(store: &Store, plan: &VacuumPlan) -> Result<()> {
    let stored = read_boundary(store).await?;
    let boundary =
        Boundary { oldest: plan.oldest.max(stored.oldest), newest: plan.newest.max(stored.newest) };
    if boundary != stored {
        store.put(names::BOUNDARY, boundary.encode().into()).await?;
    }
    Ok(())
}
