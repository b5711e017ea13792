//! Vacuum: removes snapshots that are no longer kept, and the objects that no kept snapshot names.
//!
//! Giving snapshots up is a commit of its own ([`crate::commit::expire`]): whoever commits after it, be it a roll back that was under way,
//! sees that they are gone. Only then are objects removed, and never from `data/`. What is in no snapshot yet may belong to a commit that
//! is under way, and stays for a grace period.

use std::collections::BTreeSet;

use bars::UnixNanos;
use catalog::{Boundary, Error, ErrorKind, Result, SeriesTable, Snapshot, names};
use object_store::ObjectMeta;

use crate::catalog::{newest, now, read_manifest, read_snapshot, read_table, stored_snapshots};
use crate::commit::{Progress, Run, expire, finish};
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
    let mut expired = run.dry_run;
    for _ in 0..ATTEMPTS {
        let Some((snapshot, _)) = newest(store).await? else {
            return Err(no_catalog(store.location(), "it has no snapshot"));
        };
        if !run.dry_run {
            finish(store, &snapshot).await?;
        }
        let oldest = oldest_kept(store, &snapshot, retention).await?;
        if !expired {
            expired = true;
            if expire(store, oldest, run).await?.is_some() {
                // The commit is the newest snapshot now, and names what stays.
                continue;
            }
        }
        let oldest = if run.dry_run { oldest } else { snapshot.oldest };
        let plan = plan(store, &snapshot, oldest, retention).await?;
        if run.dry_run || carry_out(store, &snapshot, &plan, run).await? {
            return Ok(plan);
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
    for folder in ["retired", "staging", "manifest/series", "manifest/shards"] {
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

/// Removes what the plan says; false if another writer committed meanwhile, so that the plan may be out of date.
async fn carry_out(store: &Store, newest: &Snapshot, plan: &VacuumPlan, run: &Run) -> Result<bool> {
    let next = names::snapshot(newest.number + 1);
    if !plan.snapshots.is_empty() {
        let boundary = Boundary { oldest: plan.oldest, newest: newest.number };
        store.put(names::BOUNDARY, boundary.encode().into()).await?;
    }
    let snapshots = plan.snapshots.iter().map(|number| names::snapshot(*number));
    let keys: Vec<String> = plan.objects.iter().map(|(key, _)| key.clone()).chain(snapshots).collect();
    for (done, key) in keys.iter().enumerate() {
        if done % 64 == 0 {
            run.check()?;
            if store.head(&next).await?.is_some() {
                return Ok(false);
            }
        }
        store.delete(key).await?;
        (run.on_progress)(Progress { done: done as u64 + 1, total: keys.len() as u64 });
    }
    Ok(true)
}
