//! A crash at every change of every workflow, once before it is applied and once after, with the answer lost.

use std::sync::Arc;

use barkeep::catalog::{Catalog, newest};
use barkeep::commit::{Run, commit, commit_bars, roll_back};
use barkeep::store::Store;
use barkeep::vacuum::{Retention, vacuum};
use bars::{Bar, BarColumns, BarType, Calendar, Decimal, IntervalSet, MINUTE, TimeRange, UnixNanos};
use catalog::{Addition, Change, Error, Overlap, Period, SeriesFacts, WriteOptions};
use object_store::memory::InMemory;

use crate::oracle::{check_vacuumed, check_whole, content, plain};
use crate::store::{FaultStore, Faults, fork};

pub const SERIES: &str = "BTC/USD.SIM-1-MINUTE-LAST-EXTERNAL";
pub const OTHER: &str = "ETH/USD.SIM-1-MINUTE-LAST-EXTERNAL";

/// Minutes from `first`, whose values tell their stamp and `salt`.
pub fn minutes(first: i64, count: i64, salt: i64) -> BarColumns<Decimal> {
    (first..first + count).map(|minute| bar(minute, salt)).collect()
}

pub fn bar(minute: i64, salt: i64) -> Bar {
    let price = |offset: i64| Decimal::from_ticks(6_000_000 + minute * 7919 % 1000 + offset, 2);
    let ts = UnixNanos((minute + 1) * MINUTE);
    let volume = Decimal::from_ticks(minute * 10 + salt, 0);
    Bar { open: price(3), high: price(9), low: price(-4), close: price(1), volume, ts_event: ts, ts_init: ts }
}

pub fn addition(bar_type: &str, bars: BarColumns<Decimal>, overlap: Overlap) -> Addition {
    let options = WriteOptions { price_precision: 2, size_precision: 0, ..WriteOptions::default() };
    let facts =
        SeriesFacts { source: "test".into(), note: String::new(), calendar: Some(Calendar::Always), options };
    Addition { bar_type: bar_type.parse().unwrap(), bars, facts, overlap }
}

fn series() -> BarType {
    SERIES.parse().unwrap()
}

fn range(first: i64, last: i64) -> TimeRange {
    TimeRange::new(UnixNanos((first + 1) * MINUTE), UnixNanos((last + 1) * MINUTE))
}

#[derive(Clone, Copy, Debug)]
enum Workflow {
    First,
    Append,
    GrowDay,
    FillHole,
    Replace,
    SeveralSeries,
    Delete,
    DeleteAll,
    Consolidate,
    Split,
    Quarantine,
    ConfirmEmpty,
    RollBack,
    Vacuum,
}

const ALL: [Workflow; 14] = [
    Workflow::First,
    Workflow::Append,
    Workflow::GrowDay,
    Workflow::FillHole,
    Workflow::Replace,
    Workflow::SeveralSeries,
    Workflow::Delete,
    Workflow::DeleteAll,
    Workflow::Consolidate,
    Workflow::Split,
    Workflow::Quarantine,
    Workflow::ConfirmEmpty,
    Workflow::RollBack,
    Workflow::Vacuum,
];

/// Three days with a hole, and another series; two snapshots.
async fn prepare(workflow: Workflow) -> Arc<InMemory> {
    let memory = Arc::new(InMemory::new());
    if matches!(workflow, Workflow::First) {
        return memory;
    }
    let store = plain(&memory);
    let mut bars = minutes(0, 1500, 0);
    bars.extend_from(&minutes(1520, 1800, 0), 0..1800);
    let first =
        vec![addition(SERIES, bars, Overlap::Fail), addition(OTHER, minutes(0, 100, 0), Overlap::Fail)];
    commit_bars(&store, first, &Run::new("prepare")).await.unwrap();
    if matches!(workflow, Workflow::Split | Workflow::Vacuum | Workflow::RollBack) {
        let change = Change::Consolidate { bar_type: series(), period: Period::All, range: TimeRange::ALL };
        commit(&store, &[change], &Run::new("prepare")).await.unwrap();
    }
    memory
}

async fn run(workflow: Workflow, store: &Store) -> Result<(), Error> {
    let add = |bars, overlap| Change::Add(addition(SERIES, bars, overlap));
    let changes = match workflow {
        Workflow::First => vec![add(minutes(0, 3000, 0), Overlap::Fail)],
        Workflow::Append => vec![add(minutes(3320, 2000, 0), Overlap::Fail)],
        Workflow::GrowDay => vec![add(minutes(3320, 5, 0), Overlap::Fail)],
        Workflow::FillHole => vec![add(minutes(1490, 50, 0), Overlap::Fail)],
        Workflow::Replace => vec![add(minutes(1000, 1000, 7), Overlap::Replace)],
        Workflow::SeveralSeries => vec![
            add(minutes(3320, 10, 0), Overlap::Fail),
            Change::Add(addition(OTHER, minutes(50, 2000, 0), Overlap::Fail)),
            Change::Add(addition("NEW.SIM-1-MINUTE-LAST-EXTERNAL", minutes(0, 10, 0), Overlap::Fail)),
        ],
        Workflow::Delete => vec![Change::Delete { bar_type: series(), range: range(700, 3000) }],
        Workflow::DeleteAll => vec![Change::Delete { bar_type: series(), range: TimeRange::ALL }],
        Workflow::Consolidate => {
            vec![Change::Consolidate { bar_type: series(), period: Period::Month, range: TimeRange::ALL }]
        }
        Workflow::Split => {
            vec![Change::Consolidate { bar_type: series(), period: Period::Day, range: TimeRange::ALL }]
        }
        Workflow::Quarantine => {
            let catalog = Catalog::open(store.clone()).await?;
            let file = catalog
                .manifest(&series())
                .await?
                .partitions
                .into_iter()
                .find(|file| file.first == UnixNanos(MINUTE));
            let keys = file.into_iter().map(|file| file.object.key).collect();
            vec![Change::Quarantine { bar_type: series(), keys }]
        }
        Workflow::ConfirmEmpty => {
            let ranges: IntervalSet = [range(1500, 1519)].into_iter().collect();
            let facts = addition(SERIES, minutes(0, 1, 0), Overlap::Fail).facts;
            vec![Change::ConfirmEmpty { bar_type: series(), ranges, facts }]
        }
        Workflow::RollBack => return roll_back(store, 1, &Run::new("test")).await.map(|_| ()),
        Workflow::Vacuum => {
            let retention = Retention { keep_nanos: 0, keep_last: 1, grace_nanos: -3600 * bars::SECOND };
            return vacuum(store, retention, &Run::new("test")).await.map(|_| ());
        }
    };
    commit(store, &changes, &Run::new("test")).await.map(|_| ())
}

/// Crashes at every change of a workflow; how many crashes that were.
async fn crash_everywhere(workflow: Workflow) -> u64 {
    let base = prepare(workflow).await;
    let before = content(&plain(&base)).await;
    let whole = FaultStore::new(fork(&base).await, Faults::Crash { at: u64::MAX - 1, applied: false });
    run(workflow, &whole.store()).await.unwrap();
    let after = content(&whole.store()).await;
    let mut crashes = 0;
    for at in 0..whole.changes() {
        for applied in [false, true] {
            let crashing = FaultStore::new(fork(&base).await, Faults::Crash { at, applied });
            let outcome = run(workflow, &crashing.store()).await;
            let told = format!("{workflow:?}, change {at}, applied {applied}, said {outcome:?}");
            let survivor = plain(&crashing.inner);
            let found = content(&survivor).await;
            assert!(found == before || found == after, "neither before nor after: {told}");
            assert!(outcome.is_err() || found == after, "an acknowledged commit is gone: {told}");
            check_whole(&survivor).await;
            // Whoever tries again gets what was wanted.
            if !matches!(workflow, Workflow::RollBack | Workflow::DeleteAll) || found == before {
                run(workflow, &survivor).await.unwrap_or_else(|error| panic!("{told}: again: {error}"));
            }
            assert_eq!(content(&survivor).await, after, "{told}");
            check_whole(&survivor).await;
            check_vacuumed(&survivor).await;
            crashes += 1;
        }
    }
    assert!(newest(&plain(&base)).await.unwrap().is_some() || matches!(workflow, Workflow::First));
    crashes
}

#[tokio::test]
async fn a_crash_at_every_change_of_every_workflow() {
    let mut all = 0;
    for workflow in ALL {
        let crashes = crash_everywhere(workflow).await;
        assert!(crashes > 0, "{workflow:?} changed nothing");
        all += crashes;
    }
    println!("crash boundaries: {all} crashes in {} workflows, 0 failures", ALL.len());
}
