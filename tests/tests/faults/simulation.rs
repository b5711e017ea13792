//! Seeded simulation: several writers, a janitor and readers on one catalog, while requests fail and answers get lost.
//!
//! `BARKEEP_SEEDS=N` runs so many seeds, `BARKEEP_SEED=S` begins with that one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use barkeep::catalog::Catalog;
use barkeep::commit::{Run, commit, commit_bars};
use barkeep::store::Store;
use barkeep::vacuum::{Retention, vacuum};
use bars::TimeRange;
use catalog::{Change, ErrorKind, Overlap, Period, Query};
use object_store::memory::InMemory;

use crate::oracle::{check_vacuumed, check_whole, content, plain};
use crate::store::{FaultStore, Faults, Kind, Random};
use crate::workflows::{OTHER, SERIES, addition, bar};

/// What writers attempted, and what was acknowledged: minutes by series.
#[derive(Default)]
struct Book {
    attempted: BTreeMap<&'static str, BTreeSet<i64>>,
    acknowledged: BTreeMap<&'static str, BTreeSet<i64>>,
}

type Shared = Arc<Mutex<Book>>;

const WRITERS: i64 = 3;

/// Adds minutes that no other writer adds, in three days that all of them share, and tries each until it is acknowledged.
async fn write(store: Store, writer: i64, random: Arc<Random>, book: Shared) {
    for step in 0..4 {
        let series = if random.below(3) == 0 { OTHER } else { SERIES };
        let first = random.below(3) as i64 * 1440 + random.below(120) as i64 + step * 200;
        let minutes: Vec<i64> =
            (0..random.below(6) as i64 + 1).map(|offset| (first + offset * 7) * WRITERS + writer).collect();
        book.lock().unwrap().attempted.entry(series).or_default().extend(&minutes);
        let bars = minutes.iter().map(|minute| bar(*minute, 0)).collect();
        let addition = addition(series, bars, Overlap::Fail);
        for _ in 0..40 {
            match commit_bars(&store, vec![addition.clone()], &Run::new("write")).await {
                Ok(_) => {
                    book.lock().unwrap().acknowledged.entry(series).or_default().extend(&minutes);
                    break;
                }
                Err(error) => assert!(
                    matches!(
                        error.kind,
                        ErrorKind::SourceUnavailable | ErrorKind::Conflict | ErrorKind::NotFound
                    ),
                    "{error}"
                ),
            }
        }
        tokio::time::sleep(Duration::from_millis(random.below(2_000))).await;
    }
}

async fn tidy(store: Store, random: Arc<Random>) {
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(random.below(4_000))).await;
        // What fails is tried again by the next one.
        if random.below(2) == 0 {
            let period = [Period::Day, Period::Week, Period::All][random.below(3) as usize];
            let change =
                Change::Consolidate { bar_type: SERIES.parse().unwrap(), period, range: TimeRange::ALL };
            let _ = commit(&store, &[change], &Run::new("tidy")).await;
        } else {
            let retention =
                Retention { keep_nanos: 0, keep_last: 1 + random.below(3), grace_nanos: 24 * bars::HOUR };
            let _ = vacuum(&store, retention, &Run::new("vacuum")).await;
        }
        tokio::time::sleep(Duration::from_secs(random.below(200))).await;
    }
}

async fn read(store: Store, random: Arc<Random>, book: Shared) {
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
        let acknowledged = book.lock().unwrap().acknowledged.clone();
        let Ok(catalog) = Catalog::open(store.clone()).await else { continue };
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        for entry in catalog.series() {
            // An old snapshot may be given up while it is read; then it is said, and no bar is wrong.
            let Ok(bars) = catalog.bars(&entry.bar_type, Query::default()).await else { continue };
            assert_eq!(bars.len() as u64, entry.rows, "a torn state was read");
            let name = if entry.bar_type.to_string() == SERIES { SERIES } else { OTHER };
            let stamps: BTreeSet<i64> = bars.ts_init.iter().map(|stamp| stamp / bars::MINUTE - 1).collect();
            assert_eq!(stamps.len(), bars.len(), "a bar was read twice");
            for (row, minute) in stamps.iter().enumerate() {
                assert_eq!(bars.bar(row), bar(*minute, 0), "a wrong bar was read");
            }
            let missing: Vec<_> = acknowledged
                .get(name)
                .into_iter()
                .flatten()
                .filter(|minute| !stamps.contains(minute))
                .collect();
            assert!(missing.is_empty(), "acknowledged bars were not read: {missing:?}");
        }
    }
}

/// One run; how many faults it met.
async fn simulate(seed: u64) -> u64 {
    let memory = Arc::new(InMemory::new());
    let faulty = {
        let kind = if seed % 2 == 0 { Kind::Directory } else { Kind::Bucket };
        let naps = if seed % 4 < 2 { 0 } else { 40 };
        FaultStore::new(
            Arc::clone(&memory) as _,
            kind,
            Faults::Random { percent: 5, naps, random: Random::new(seed) },
        )
    };
    let (book, random) = (Shared::default(), Arc::new(Random::new(seed ^ 0x5eed)));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        // Each process opens the store for itself.
        tasks.spawn(write(faulty.store(), writer, Arc::clone(&random), Arc::clone(&book)));
    }
    tasks.spawn(tidy(faulty.store(), Arc::clone(&random)));
    tasks.spawn(read(faulty.store(), Arc::clone(&random), Arc::clone(&book)));
    while let Some(done) = tasks.join_next().await {
        done.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    let store = plain(&memory);
    let found = content(&store).await;
    check_whole(&store, &format!("seed {seed}")).await;
    let book = book.lock().unwrap().acknowledged.clone();
    for (series, minutes) in &book {
        let bars = &found[*series];
        let stored: BTreeSet<i64> = bars.ts_init.iter().map(|stamp| stamp / bars::MINUTE - 1).collect();
        let lost: Vec<_> = minutes.iter().filter(|minute| !stored.contains(minute)).collect();
        assert!(lost.is_empty(), "seed {seed}: acknowledged bars are lost: {lost:?}");
    }
    check_vacuumed(&store).await;
    faulty.injected()
}

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn writers_janitor_and_readers_under_faults() {
    let (first, seeds) = (setting("BARKEEP_SEED", 0), setting("BARKEEP_SEEDS", 200));
    let mut faults = 0;
    for seed in first..first + seeds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let done =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(simulate(seed))));
        faults += done.unwrap_or_else(|panic| {
            eprintln!("seed {seed} failed; again: BARKEEP_SEED={seed} BARKEEP_SEEDS=1");
            std::panic::resume_unwind(panic)
        });
    }
    println!(
        "simulation: {seeds} seeds from {first}, {faults} faults, 0 failures (fewer than 3 in {seeds} runs, 95 %)"
    );
}

#[tokio::test]
async fn sixteen_writers_race() {
    for round in 0..setting("BARKEEP_ROUNDS", 25) {
        let memory = Arc::new(InMemory::new());
        let mut racing = tokio::task::JoinSet::new();
        for writer in 0..16i64 {
            let store = plain(&memory);
            racing.spawn(async move {
                let bars = (0..10).map(|step| bar(step * 16 + writer, 0)).collect();
                let added = vec![addition(SERIES, bars, Overlap::Fail)];
                commit_bars(&store, added, &Run::new("race")).await.map(|receipt| receipt.snapshot)
            });
        }
        let mut numbers = BTreeSet::new();
        while let Some(done) = racing.join_next().await {
            let number = done.unwrap().unwrap().unwrap();
            assert!(numbers.insert(number), "round {round}: two commits have the number {number}");
        }
        assert_eq!(numbers, (1..=16).collect());
        let store = plain(&memory);
        assert_eq!(content(&store).await[SERIES].len(), 160, "round {round}");
        check_whole(&store, &format!("round {round}")).await;
    }
}
