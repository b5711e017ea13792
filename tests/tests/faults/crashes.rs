//! A crash at every change of every workflow, and a failure of every single request: once before it is applied and once after, with the
//! answer lost; as a directory moves objects and as a bucket does.

use crate::oracle::{check_vacuumed, check_whole, content};
use crate::store::{FaultStore, Faults, Kind, fork};
use crate::workflows::{ALL, Workflow};

/// Runs a workflow that meets faults, and again without them; how many faults there were.
async fn run_through(
    workflow: Workflow,
    kind: Kind,
    faults: impl Fn(u64, bool) -> Faults,
    count: impl Fn(&FaultStore) -> u64,
) -> u64 {
    let base = workflow.prepare().await;
    let before = content(&FaultStore::new(fork(&*base).await, kind, Faults::None).store()).await;
    let whole = FaultStore::new(fork(&*base).await, kind, Faults::None);
    workflow.run(&whole.store()).await.unwrap();
    let steps = count(&whole);
    let after = content(&whole.survivor()).await;
    let mut met = 0;
    for at in 0..steps {
        for applied in [false, true] {
            let faulty = FaultStore::new(fork(&*base).await, kind, faults(at, applied));
            let outcome = workflow.run(&faulty.store()).await;
            let told = format!(
                "{workflow:?} in a {kind:?}, step {at}, applied {applied}, said {outcome:?}\n{}",
                faulty.log()
            );
            met += faulty.injected().min(1);
            let survivor = faulty.survivor();
            let found = content(&survivor).await;
            assert!(found == before || found == after, "neither before nor after: {told}");
            assert!(outcome.is_err() || found == after, "an acknowledged commit is gone: {told}");
            check_whole(&survivor, &told).await;
            // Whoever tries again gets what was wanted.
            if !matches!(workflow, Workflow::RollBack | Workflow::DeleteAll | Workflow::Adopt)
                || found == before
            {
                workflow.run(&survivor).await.unwrap_or_else(|error| panic!("{told}: again: {error}"));
            }
            assert_eq!(content(&survivor).await, after, "{told}");
            check_whole(&survivor, &told).await;
            check_vacuumed(&survivor).await;
        }
    }
    met
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_every_change_of_every_workflow() {
    let mut all = 0;
    for workflow in ALL {
        for kind in [Kind::Directory, Kind::Bucket] {
            let crashes =
                run_through(workflow, kind, |at, applied| Faults::Crash { at, applied }, FaultStore::changes)
                    .await;
            assert!(crashes > 0, "{workflow:?} changed nothing");
            all += crashes;
        }
    }
    println!("crash boundaries: {all} crashes in {} workflows, 0 failures", ALL.len());
}

#[tokio::test(start_paused = true)]
async fn every_single_request_fails_once() {
    let mut all = 0;
    for workflow in ALL {
        for kind in [Kind::Directory, Kind::Bucket] {
            all +=
                run_through(workflow, kind, |at, applied| Faults::Fail { at, applied }, FaultStore::requests)
                    .await;
        }
    }
    println!("failed requests: {all} in {} workflows, 0 failures", ALL.len());
}
