//! Seeded simulation: several writers, janitors and readers on one catalog, while requests fail, answers get lost, and some take very long.
//!
//! `BARKEEP_SEEDS=N` runs so many seeds, `BARKEEP_SEED=S` begins with that one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use barkeep::catalog::{Catalog, newest};
use barkeep::commit::{Run, commit, commit_bars, roll_back};
use barkeep::store::Store;
use barkeep::vacuum::{Retention, vacuum};
use bars::TimeRange;
use catalog::{Change, Error, ErrorKind, Overlap, Period, Query};
use object_store::memory::InMemory;

use crate::model::{History, Operation, SALTS, closes};
use crate::oracle::{Content, check_vacuumed, check_whole, content};
use crate::store::{FaultStore, Faults, Kind, Random};
use crate::workflows::{OTHER, SERIES, addition, bar};

/// What was acknowledged.
struct Acknowledged {
    told: u64,
    snapshot: Option<u64>,
    /// The newest commits before and after.
    between: (u64, u64),
}

/// What was read: a commit's number and transaction, and its bars.
type Observation = (u64, String, Content);

/// Everything that is asked and answered.
#[derive(Default)]
struct Book {
    operations: Vec<Operation>,
    acknowledged: Vec<Acknowledged>,
    read: Vec<Observation>,
}

/// A process: its view of the store, and what it notes down.
#[derive(Clone)]
struct Process {
    faulty: FaultStore,
    store: Store,
    random: Arc<Random>,
    book: Arc<Mutex<Book>>,
}

impl Process {
    fn below(&self, limit: u64) -> i64 {
        self.random.below(limit) as i64
    }

    async fn pause(&self, most_millis: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.below(most_millis))).await;
    }

    /// The number by which the snapshot tells an operation.
    fn note(&self, operation: Operation) -> u64 {
        let operations = &mut self.book.lock().unwrap().operations;
        operations.push(operation);
        operations.len() as u64 - 1
    }

    /// Tries an operation a few times; what fails may have been done all the same.
    async fn attempt(&self, operation: Operation, act: impl AsyncFn(&Run) -> Result<Option<u64>, Error>) {
        let told = self.note(operation);
        let run = Run::new(format!("operation {told}"));
        let before = self.faulty.newest();
        for _ in 0..10 {
            match act(&run).await {
                Ok(snapshot) => {
                    let between = (before, self.faulty.newest());
                    self.book.lock().unwrap().acknowledged.push(Acknowledged { told, snapshot, between });
                    return;
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
    }

    async fn add(&self, series: &'static str, minutes: Vec<i64>, salt: i64, overlap: Overlap) {
        let bars = minutes.iter().map(|minute| bar(*minute, salt)).collect();
        let added = addition(series, bars, overlap);
        let operation = Operation::Add { series, minutes, salt, overlap };
        let act = async |run: &Run| {
            commit_bars(&self.store, vec![added.clone()], run).await.map(|done| done.snapshot)
        };
        self.attempt(operation, act).await;
    }

    async fn change(&self, operation: Operation, change: Change) {
        let act = async |run: &Run| {
            commit(&self.store, std::slice::from_ref(&change), run).await.map(|done| done.snapshot)
        };
        self.attempt(operation, act).await;
    }
}

fn any_series(process: &Process) -> &'static str {
    if process.below(3) == 0 { OTHER } else { SERIES }
}

/// Adds, replaces and removes minutes in three days that all writers share.
async fn write(process: Process) {
    for _ in 0..5 {
        let series = any_series(&process);
        let first = process.below(3) * 1440 + process.below(60) * 3;
        let minutes: Vec<i64> = (0..process.below(6) + 1).map(|step| first + step * 7).collect();
        match process.below(8) {
            0 => {
                let (last, bar_type) = (first + process.below(200), series.parse().unwrap());
                let change = Change::Delete { bar_type, range: closes(first, last) };
                process.change(Operation::Delete { series, first, last }, change).await;
            }
            1 | 2 => process.add(series, minutes, process.below(SALTS as u64), Overlap::Replace).await,
            3 => process.add(series, minutes, process.below(SALTS as u64), Overlap::Keep).await,
            // Often the very bars that were removed: the same files come back.
            _ => process.add(series, minutes, 0, Overlap::Fail).await,
        }
        process.pause(2_000).await;
    }
}

async fn tidy(process: Process) {
    for _ in 0..4 {
        process.pause(4_000).await;
        match process.below(5) {
            0 | 1 => {
                let period = [Period::Day, Period::Week, Period::All][process.below(3) as usize];
                let bar_type = any_series(&process).parse().unwrap();
                process
                    .change(Operation::Tidy, Change::Consolidate { bar_type, period, range: TimeRange::ALL })
                    .await;
            }
            2 => {
                let number =
                    newest(&process.store).await.ok().flatten().map_or(0, |(newest, _)| newest.number);
                let number = number.saturating_sub(process.random.below(3)).max(1);
                let act =
                    async |run: &Run| roll_back(&process.store, number, run).await.map(|done| done.snapshot);
                process.attempt(Operation::RollBack(number), act).await;
            }
            _ => {
                // With this grace everything is old, also what a commit has staged that is under way.
                let grace_nanos = if process.below(2) == 0 { 24 * bars::HOUR } else { -bars::HOUR };
                let retention =
                    Retention { keep_nanos: 0, keep_last: 1 + process.random.below(3), grace_nanos };
                let told = process.note(Operation::Tidy);
                // What fails is tried again by the next one.
                let _ = vacuum(&process.store, retention, &Run::new(format!("operation {told}"))).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(process.random.below(200))).await;
    }
}

/// Opens the catalog, takes its time, and reads what it opened, perhaps an older snapshot.
async fn read(process: Process) {
    for _ in 0..6 {
        process.pause(3_000).await;
        let Ok(mut catalog) = Catalog::open(process.store.clone()).await else { continue };
        if process.below(3) == 0 {
            let older = catalog.snapshot().number.saturating_sub(process.random.below(3)).max(1);
            match Catalog::open_at(process.store.clone(), older).await {
                Ok(opened) => catalog = opened,
                Err(_) => continue,
            }
        }
        process.pause(500).await;
        let mut found = Content::new();
        for entry in catalog.series().to_vec() {
            match catalog.bars(&entry.bar_type, Query::default()).await {
                Ok(bars) => found.insert(entry.bar_type.to_string(), bars),
                Err(error) => {
                    refuse_broken(&process, &catalog, &error).await;
                    break;
                }
            };
        }
        if found.len() == catalog.series().len() {
            let (number, transaction) = (catalog.snapshot().number, catalog.snapshot().transaction.clone());
            process.book.lock().unwrap().read.push((number, transaction, found));
        }
    }
}

/// A snapshot may be given up while it is read; as long as it is kept, nothing may be missing or damaged.
async fn refuse_broken(process: &Process, catalog: &Catalog, error: &Error) {
    if error.kind == ErrorKind::SourceUnavailable {
        return;
    }
    let kept = newest(&process.faulty.survivor()).await.unwrap().map_or(0, |(newest, _)| newest.oldest);
    let number = catalog.snapshot().number;
    assert!(number < kept, "snapshot {number} is kept, the oldest is {kept}, and it cannot be read: {error}");
}

/// The requests of a run that failed, to look at: `BARKEEP_LOG=FILE`.
struct Trace(FaultStore);

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(file) = std::env::var_os("BARKEEP_LOG") {
            let _ = std::fs::write(file, self.0.log());
        }
    }
}

/// One run; how many faults it met, and how many commits it made.
async fn simulate(seed: u64) -> (u64, u64) {
    let kind = if seed.is_multiple_of(2) { Kind::Directory } else { Kind::Bucket };
    let naps = if seed % 4 < 2 { 0 } else { 40 };
    let faults = Faults::Random { percent: 5, naps, random: Random::new(seed) };
    let faulty = FaultStore::new(Arc::new(InMemory::new()), kind, faults);
    let _trace = Trace(faulty.clone());
    let (book, random) = (Arc::<Mutex<Book>>::default(), Arc::new(Random::new(seed ^ 0x5eed)));
    // Each process opens the store for itself.
    let process = || Process {
        faulty: faulty.clone(),
        store: faulty.store(),
        random: Arc::clone(&random),
        book: Arc::clone(&book),
    };
    futures::join!(
        write(process()),
        write(process()),
        write(process()),
        tidy(process()),
        tidy(process()),
        read(process()),
    );
    let store = faulty.survivor();
    let found = content(&store).await;
    check_whole(&store, &format!("seed {seed}")).await;
    let book = std::mem::take(&mut *book.lock().unwrap());
    let history = History::of(&faulty.snapshots(), &book.operations);
    if let Some((snapshot, _)) = newest(&store).await.unwrap() {
        assert_eq!(snapshot.number, history.newest(), "the newest commit");
        history.check(snapshot.number, &snapshot.transaction, &found);
    }
    for (number, transaction, read) in &book.read {
        history.check(*number, transaction, read);
    }
    for Acknowledged { told, snapshot, between } in book.acknowledged {
        history.check_acknowledged(told, snapshot, between, &book.operations[told as usize]);
    }
    check_vacuumed(&store).await;
    (faulty.injected(), history.newest())
}

pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn writers_janitors_and_readers_under_faults() {
    let (first, seeds) = (setting("BARKEEP_SEED", 0), setting("BARKEEP_SEEDS", 1_000));
    let (mut faults, mut commits) = (0, 0);
    for seed in first..first + seeds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let done =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(simulate(seed))));
        let met = done.unwrap_or_else(|panic| {
            eprintln!("seed {seed} failed; again: BARKEEP_SEED={seed} BARKEEP_SEEDS=1");
            std::panic::resume_unwind(panic)
        });
        (faults, commits) = (faults + met.0, commits + met.1);
    }
    println!(
        "simulation: {seeds} seeds from {first}, {commits} commits, {faults} faults, 0 failures (fewer than 3 in {seeds} runs, 95 %)"
    );
}

#[tokio::test]
async fn sixteen_writers_race() {
    let rounds = setting("BARKEEP_ROUNDS", 50);
    for round in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let store = match round % 2 {
            0 => FaultStore::new(Arc::new(InMemory::new()), Kind::Bucket, Faults::None).survivor(),
            _ => Store::open(directory.path().to_str().unwrap()).unwrap(),
        };
        let mut racing = tokio::task::JoinSet::new();
        for writer in 0..16i64 {
            let store = store.clone();
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
        assert_eq!(content(&store).await[SERIES].len(), 160, "round {round}");
        check_whole(&store, &format!("round {round}")).await;
    }
    println!("races: {rounds} rounds of 16 writers, half of them on disk, 0 failures");
}
