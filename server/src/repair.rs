//! Repair: a plan from what a verification found, and what carries it out.
//!
//! Nothing is deleted: damaged bytes are put aside in `quarantine/`, files that belong to no series go to `retired/`. What has an equal copy
//! anywhere in the catalog is restored and needs no commit; what has none leaves its series in one commit, and coverage shows the hole.
//! Other programs' files are never touched. Doing it twice does no harm.

mod carry;
mod lost_commit;
mod overlap;
mod planner;
mod rebuild;

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{
    Change, Error, ErrorKind, Finding, FindingKind, Mending, ObjectRef, Result, SeriesEntry, SeriesManifest,
};
use bars::{BarType, TimeRange};
use bytes::Bytes;
use serde::Serialize;

use self::planner::Planner;
use crate::commit::{Run, finish};
use crate::store::Store;
use crate::verify::{Scope, Survey, verify};

/// One thing that a repair does.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was found.
    pub kind: &'static str,
    /// In which series, if in one.
    pub series: Option<BarType>,
    /// In which object.
    pub key: String,
    /// What is done about it.
    pub action: String,
    /// Files that are moved or written.
    pub files: u64,
    /// Bars in them, where that is known.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Bars that a series loses, to be had from their source again.
#[derive(Clone, Debug, Serialize)]
pub struct Hole {
    /// The series.
    pub series: BarType,
    /// From the open of the first bar to the close of the last.
    #[serde(flatten)]
    pub range: TimeRange,
    /// How many bars.
    pub rows: u64,
}

/// What a repair does.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of the findings.
    pub steps: Vec<Step>,
    /// What a repair does not mend.
    pub by_hand: Vec<Finding>,
    /// Bars that are lost to the catalog, not to `quarantine/`.
    pub holes: Vec<Hole>,
    work: Work,
}

/// The steps as the store needs them.
#[derive(Debug, Default)]
struct Work {
    /// Objects to write, what lies there put aside.
    puts: Vec<(String, Bytes)>,
    /// Copies to make: from, to, and what it must be.
    copies: Vec<(String, String, ObjectRef)>,
    /// Files to move.
    moves: Vec<(String, String)>,
    /// Objects that are damaged and that nothing takes the place of.
    aside: Vec<String>,
    /// Series table parts and series manifests that were built again.
    shards: BTreeMap<u8, Vec<SeriesEntry>>,
    manifests: BTreeMap<BarType, SeriesManifest>,
    mend: BTreeMap<BarType, Mending>,
    rename: BTreeSet<BarType>,
    /// The newest readable snapshot is committed again, over one that is not.
    fall_back: bool,
    /// Series that are known from their files alone.
    adopt: BTreeMap<BarType, Change>,
    head: bool,
    leftovers: Vec<String>,
    forget_history: bool,
}

impl Work {
    /// Whether what the catalog is known to hold changes with it.
    fn builds_again(&self) -> bool {
        !self.manifests.is_empty() || !self.shards.is_empty() || !self.puts.is_empty() || self.fall_back
    }
}

/// How a repair is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Older snapshots are given up if one of them is broken.
    pub forget_history: bool,
}

/// What was found, and what was done about it or would be.
#[derive(Debug)]
pub struct Repaired {
    /// What was found.
    pub survey: Survey,
    /// What was done.
    pub plan: Plan,
    /// The commit, if one was needed.
    pub snapshot: Option<u64>,
}

/// Verifies and repairs. A dry run only plans.
///
/// # Errors
/// As [`verify`]; [`ErrorKind::Unsupported`] for a catalog of a newer version, [`ErrorKind::Corrupt`] if no snapshot can be read,
/// [`ErrorKind::Conflict`] if another writer commits meanwhile.
pub async fn repair(store: &Store, scope: &Scope, options: Options, run: &Run) -> Result<Repaired> {
    let mut survey = verify(store, scope, run).await?;
    if survey.has(FindingKind::CommitUnfinished) && !run.dry_run {
        if let Some(newest) = &survey.newest {
            finish(store, &newest.snapshot).await?;
        }
        survey = verify(store, scope, run).await?;
    }
    let mut plan = plan(store, &survey, options).await?;
    let mut snapshot = None;
    if !run.dry_run {
        snapshot = carry_out(store, &survey, &plan, run).await?;
        if plan.work.builds_again() {
            // Only now it can be said of its files which belong to a series that had been lost.
            let rest = verify(store, scope, run).await?;
            let more = self::plan(store, &rest, options).await?;
            snapshot = carry_out(store, &rest, &more, run).await?.or(snapshot);
            plan.steps.extend(more.steps);
            plan.holes.extend(more.holes);
            plan.by_hand = more.by_hand;
        }
    }
    Ok(Repaired { survey, plan, snapshot })
}

/// What to do about what was found; nothing is changed.
///
/// # Errors
/// As [`repair`].
pub async fn plan(store: &Store, survey: &Survey, options: Options) -> Result<Plan> {
    refuse(store, survey)?;
    let mut planner = Planner { store, survey, options, recovers: false, plan: Plan::default() };
    for finding in &survey.findings {
        planner.step(finding).await?;
    }
    Ok(planner.plan)
}

/// Does what a plan says, on the catalog that was surveyed for it; the last snapshot that was committed, if one was.
///
/// # Errors
/// [`ErrorKind::Conflict`] if another writer committed meanwhile, or if the store fails; it can be done again.
pub async fn carry_out(store: &Store, survey: &Survey, plan: &Plan, run: &Run) -> Result<Option<u64>> {
    carry::carry_out(store, survey, &plan.work, run).await
}

fn refuse(store: &Store, survey: &Survey) -> Result<()> {
    if let Some(newer) = survey.findings.iter().find(|finding| finding.kind == FindingKind::NewerFormat) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this catalog was written by a newer version of Barkeep",
        )
        .because(&newer.observed)
        .then("update Barkeep; nothing was changed"));
    }
    if survey.newest.is_none() {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("no snapshot of `{}` can be read", store.location()),
        )
        .because(
            "neither the head nor any snapshot is whole, so nothing says which files belong to the catalog",
        )
        .then("restore the directory `manifest` from a backup; the files in `data/` are untouched")
        .then("or read them as they are, with NautilusTrader or DuckDB"));
    }
    Ok(())
}
