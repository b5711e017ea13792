//! A writer that falls asleep at any of its requests, for as long as it takes others to do anything; then it goes on.

use std::sync::Arc;

use barkeep::catalog::Catalog;
use barkeep::commit::{Run, commit, commit_bars, roll_back};
use barkeep::store::Store;
use barkeep::vacuum::vacuum;
use bars::TimeRange;
use catalog::{Change, Overlap, Period};

use crate::oracle::{check_vacuumed, check_whole, content};
use crate::simulation::setting;
use crate::store::{FaultStore, Faults, Kind, fork};
use crate::workflows::{ALL, NOTHING_KEPT, OTHER, SERIES, Workflow, addition, bars_from, range, series};

/// What others do meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meanwhile {
    /// Somebody opens the catalog, which finishes a commit that is under way.
    Open,
    /// Another series grows.
    OtherSeries,
    /// The same series is rewritten.
    Consolidate,
    /// What was done is undone.
    RollBack,
    /// The same is done, undone, and done again.
    ThereAndBack,
    /// Files come back that had gone, and go again.
    SplitAndMerge,
    /// Everything is removed that is not needed any more.
    Vacuum,
    /// Many commits, and a vacuum that keeps only the last.
    Overtake,
}

const EVENTS: [Meanwhile; 8] = [
    Meanwhile::Open,
    Meanwhile::OtherSeries,
    Meanwhile::Consolidate,
    Meanwhile::RollBack,
    Meanwhile::ThereAndBack,
    Meanwhile::SplitAndMerge,
    Meanwhile::Vacuum,
    Meanwhile::Overtake,
];

impl Meanwhile {
    async fn happen(self, workflow: Workflow, store: &Store) {
        let run = Run::new("meanwhile");
        // What is not possible at the moment is not done.
        match self {
            Self::Open => drop(Catalog::open(store.clone()).await),
            Self::OtherSeries => drop(add_other(store, 200).await),
            Self::Consolidate => consolidate(store, Period::All).await,
            Self::SplitAndMerge => {
                for period in [Period::Day, Period::All, Period::Day, Period::All] {
                    consolidate(store, period).await;
                }
            }
            Self::RollBack => {
                let Ok(catalog) = Catalog::open(store.clone()).await else { return };
                let _ = roll_back(store, catalog.snapshot().number.saturating_sub(1), &run).await;
            }
            Self::ThereAndBack => {
                let before =
                    Catalog::open(store.clone()).await.map_or(0, |catalog| catalog.snapshot().number);
                let _ = workflow.run(store).await;
                let _ = roll_back(store, before, &run).await;
                let _ = workflow.run(store).await;
            }
            Self::Vacuum => drop(vacuum(store, NOTHING_KEPT, &run).await),
            Self::Overtake => {
                for number in 0..4 {
                    let _ = add_other(store, 200 + number).await;
                }
                let _ = vacuum(store, NOTHING_KEPT, &run).await;
            }
        }
    }
}

async fn consolidate(store: &Store, period: Period) {
    let change = Change::Consolidate { bar_type: series(), period, range: TimeRange::ALL };
    let _ = commit(store, &[change], &Run::new("meanwhile")).await;
}

async fn add_other(store: &Store, minute: i64) -> Result<(), catalog::Error> {
    let added = vec![addition(OTHER, bars_from(minute, 1, 0), Overlap::Fail)];
    commit_bars(store, added, &Run::new("meanwhile")).await.map(|_| ())
}

/// Whether what the workflow does is there.
async fn holds(workflow: Workflow, store: &Store) -> bool {
    let content = content(store).await;
    let stored = |name: &str, first: i64, count: i64| {
        let wanted = bars_from(first, count, 0);
        let Some(bars) = content.get(name) else { return false };
        (0..wanted.len()).all(|row| {
            bars.ts_init.binary_search(&wanted.ts_init[row]).is_ok_and(|at| bars.bar(at) == wanted.bar(row))
        })
    };
    match workflow {
        Workflow::First => stored(SERIES, 0, 75),
        Workflow::Append => stored(SERIES, 83, 50),
        Workflow::GrowDay => stored(SERIES, 83, 3),
        Workflow::FillHole => stored(SERIES, 35, 7),
        Workflow::SeveralSeries => stored(SERIES, 83, 5) && stored(OTHER, 20, 50),
        Workflow::Replace => content.get(SERIES).is_some_and(|bars| {
            let wanted = bars_from(25, 25, 7);
            bars.ts_init.binary_search(&wanted.ts_init[0]).is_ok_and(|at| bars.bar(at) == wanted.bar(0))
        }),
        Workflow::Delete => {
            !content.get(SERIES).is_some_and(|bars| bars.ts_init.contains(&range(25, 25).start.0))
        }
        _ => true,
    }
}

async fn sleep_everywhere(workflow: Workflow, kind: Kind, event: Meanwhile) -> u64 {
    let base = workflow.prepare().await;
    let whole = FaultStore::new(fork(&*base).await, kind, Faults::None);
    workflow.run(&whole.store()).await.unwrap();
    let mut slept = 0;
    // Every day a part of the requests, another one for each case; in the campaign all.
    let stride = setting("BARKEEP_STALL_STRIDE", 5).max(1);
    let first = (workflow as u64 + event as u64) % stride;
    for at in (first..whole.requests()).step_by(stride as usize) {
        let sleepy = FaultStore::new(fork(&*base).await, kind, Faults::Sleep { at });
        let others = FaultStore::new(Arc::clone(&sleepy.inner), kind, Faults::None);
        let writer = {
            let store = sleepy.store();
            tokio::spawn(async move { workflow.run(&store).await })
        };
        tokio::select! {
            () = sleepy.asleep() => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(3600)) => {}
        }
        event.happen(workflow, &others.store()).await;
        slept += u64::from(sleepy.wake());
        let outcome = writer.await.unwrap();
        let told = format!(
            "{workflow:?} in a {kind:?} slept at request {at} while {event:?}, said {outcome:?}\n{}\nothers:\n{}",
            sleepy.log(),
            others.log()
        );
        let survivor = sleepy.survivor();
        check_whole(&survivor, &told).await;
        // It may have been undone only where that was done.
        let undone = matches!(event, Meanwhile::RollBack | Meanwhile::ThereAndBack);
        if outcome.is_ok() && !undone {
            assert!(holds(workflow, &survivor).await, "an acknowledged commit is gone: {told}");
        }
        add_other(&survivor, 900).await.unwrap_or_else(|error| panic!("{error}: {told}"));
        check_whole(&survivor, &told).await;
        check_vacuumed(&survivor).await;
    }
    slept
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_sleeps_at_any_request() {
    let (mut all, mut failed) = (0, Vec::new());
    for workflow in ALL {
        for event in EVENTS {
            for kind in [Kind::Directory, Kind::Bucket] {
                let run = tokio::spawn(sleep_everywhere(workflow, kind, event));
                match run.await {
                    Ok(slept) => all += slept,
                    Err(_) => failed.push(format!("{workflow:?} {kind:?} {event:?}")),
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
    println!(
        "stalls: {all} requests slept through, {} workflows, {} events, 0 failures",
        ALL.len(),
        EVENTS.len()
    );
}
