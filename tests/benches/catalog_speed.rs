//! How fast the catalog is, for `cargo xtask bench catalog`: each task is timed and printed as a line of JSON, so that it can be set beside
//! what peers need for the same bars. Times are wall-clock, without the start of the process and without making the bars.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use barkeep::catalog::{Catalog, newest, read_manifest, read_table};
use barkeep::commit::{Run, commit, commit_bars};
use barkeep::store::Store;
use bars::{Bar, BarColumns, BarType, Calendar, Decimal, MINUTE, TimeRange, UnixNanos};
use catalog::{
    Addition, Change, Columns, Overlap, Period, Query, SeriesFacts, WriteOptions, decode_bars_f64, plan,
};
use object_store::memory::InMemory;

const SERIES: &str = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    // The same bars as a Parquet file, for the peers.
    if let Some(file) = std::env::var_os("BARKEEP_BENCH_BARS") {
        let bars = minutes("2024-01-01", "2025-01-01");
        let encoded = catalog::encode_bars(&series(), &bars, &addition(SERIES, &bars).facts.options).unwrap();
        std::fs::write(file, encoded.bytes).unwrap();
    }
    let year = minutes("2024-01-01", "2025-01-01");
    let day = minutes("2025-01-02", "2025-01-03");
    writing(&year, &day).await;
    reading(&year).await;
    consolidating(&year).await;
    planning(&year).await;
    commits_into_large_catalogs(&day).await;
}

fn report(task: &str, rows: usize, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    println!(
        "{{\"who\":\"barkeep\",\"task\":\"{task}\",\"rows\":{rows},\"seconds\":{}}}",
        times[times.len() / 2]
    );
}

/// A random walk in regular US hours, with two decimals; the same on every machine.
fn minutes(start: &str, end: &str) -> BarColumns<Decimal> {
    let range = TimeRange::new(start.parse().unwrap(), end.parse().unwrap());
    let (mut bars, mut state, mut close) = (BarColumns::default(), 7u64, 18_464i64);
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % limit) as i64
    };
    for session in Calendar::UsEquities.sessions(range).ranges() {
        let mut stamp = session.start;
        while stamp < session.end {
            stamp = stamp.plus(MINUTE);
            let open = (close + below(5) - 2).max(1_000);
            close = (open + below(31) - 15).max(1_000);
            let price = |ticks: i64| Decimal::from_ticks(ticks, 2);
            bars.push(&Bar {
                open: price(open),
                high: price(open.max(close) + below(9)),
                low: price(open.min(close) - below(9)),
                close: price(close),
                volume: Decimal::from_ticks(100 + below(20_000), 0),
                ts_event: stamp,
                ts_init: stamp,
            });
        }
    }
    bars
}

fn addition(bar_type: &str, bars: &BarColumns<Decimal>) -> Addition {
    let facts = SeriesFacts {
        source: "benchmark".into(),
        calendar: Some(Calendar::UsEquities),
        options: WriteOptions { price_precision: 2, size_precision: 0, ..WriteOptions::default() },
        ..SeriesFacts::default()
    };
    Addition { bar_type: bar_type.parse().unwrap(), bars: bars.clone(), facts, overlap: Overlap::Fail }
}

fn place() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_make(folder.path().to_str().unwrap()).unwrap();
    (folder, store)
}

async fn filled(year: &BarColumns<Decimal>) -> (tempfile::TempDir, Store) {
    let (folder, store) = place();
    commit_bars(&store, vec![addition(SERIES, year)], &Run::new("benchmark")).await.unwrap();
    (folder, store)
}

async fn writing(year: &BarColumns<Decimal>, day: &BarColumns<Decimal>) {
    let (mut disk, mut memory, mut append, mut append_memory) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let ((_folder, store), bars) = (place(), vec![addition(SERIES, year)]);
        let start = Instant::now();
        commit_bars(&store, bars, &Run::new("benchmark")).await.unwrap();
        disk.push(start.elapsed().as_secs_f64());
        let bars = vec![addition(SERIES, day)];
        let start = Instant::now();
        commit_bars(&store, bars, &Run::new("benchmark")).await.unwrap();
        append.push(start.elapsed().as_secs_f64());
        let (store, bars) = (Store::over(Arc::new(InMemory::new()), "memory"), vec![addition(SERIES, year)]);
        let start = Instant::now();
        commit_bars(&store, bars, &Run::new("benchmark")).await.unwrap();
        memory.push(start.elapsed().as_secs_f64());
        let bars = vec![addition(SERIES, day)];
        let start = Instant::now();
        commit_bars(&store, bars, &Run::new("benchmark")).await.unwrap();
        append_memory.push(start.elapsed().as_secs_f64());
    }
    report("write a year", year.len(), &mut disk);
    report("write a year, in memory", year.len(), &mut memory);
    report("append a day", day.len(), &mut append);
    report("append a day, in memory", day.len(), &mut append_memory);
}

async fn reading(year: &BarColumns<Decimal>) {
    let (_folder, store) = filled(year).await;
    read_tasks(&store, year, "daily files").await;
    let everything = Change::Consolidate { bar_type: series(), period: Period::All, range: TimeRange::ALL };
    commit(&store, &[everything], &Run::new("benchmark")).await.unwrap();
    read_tasks(&store, year, "one file").await;
}

async fn read_tasks(store: &Store, year: &BarColumns<Decimal>, files: &str) {
    let day = TimeRange::new(stamp("2024-06-03"), stamp("2024-06-04"));
    let close = Columns::of(&["close", "ts_init"]).unwrap();
    for (task, query) in [
        ("decode a year", Query::default()),
        ("read one day", Query { range: day, ..Query::default() }),
        ("read a year of closes", Query { columns: close, ..Query::default() }),
    ] {
        let (mut times, mut rows) = (Vec::new(), 0);
        for _ in 0..9 {
            let start = Instant::now();
            let catalog = Catalog::open(store.clone()).await.unwrap();
            let bars = read_f64(&catalog, query.clone()).await;
            rows = bars;
            times.push(start.elapsed().as_secs_f64());
        }
        assert!(rows > 0 && rows <= year.len());
        report(&format!("{task}, {files}"), rows, &mut times);
    }
}

/// Reads as the engine and the peers do, into doubles.
async fn read_f64(catalog: &Catalog, query: Query) -> usize {
    let manifest = catalog.manifest(&series()).await.unwrap();
    let (columns, mut rows) = (query.columns, 0);
    let plan = plan(&manifest, query).unwrap();
    let transaction = catalog.snapshot().transaction.clone();
    barkeep::catalog::scan(catalog.store(), &transaction, plan, |step| {
        if let catalog::Step::Rows(batch, layout) = step {
            rows += black_box(decode_bars_f64(&batch, &layout, columns)?).len();
        }
        Ok(())
    })
    .await
    .unwrap();
    rows
}

async fn consolidating(year: &BarColumns<Decimal>) {
    let mut times = Vec::new();
    for _ in 0..5 {
        let (_folder, store) = filled(year).await;
        let change = Change::Consolidate { bar_type: series(), period: Period::All, range: TimeRange::ALL };
        let start = Instant::now();
        commit(&store, &[change], &Run::new("benchmark")).await.unwrap();
        times.push(start.elapsed().as_secs_f64());
    }
    report("consolidate a year", year.len(), &mut times);
}

/// A catalog of 1,000 series with 2,520 daily files each: open it and plan one day of one series.
async fn planning(year: &BarColumns<Decimal>) {
    let store = Store::over(Arc::new(InMemory::new()), "memory");
    let first_day = year.rows_in(TimeRange::new(stamp("2024-01-02"), stamp("2024-01-03")));
    let mut files = Vec::new();
    let mut day = BarColumns::default();
    day.extend_from(year, first_day);
    for number in 0..2_520i64 {
        let shift = number * bars::DAY;
        let mut later = day.clone();
        for column in [&mut later.ts_event, &mut later.ts_init] {
            column.iter_mut().for_each(|stamp| *stamp += shift);
        }
        files.push(later);
    }
    // One real series; the others have its files under their own names.
    let mut all = BarColumns::default();
    files.iter().for_each(|file| all.extend_from(file, 0..file.len()));
    commit_bars(&store, vec![addition(SERIES, &all)], &Run::new("benchmark")).await.unwrap();
    let (snapshot, _) = newest(&store).await.unwrap().unwrap();
    let entry = read_table(&store, &snapshot.table).await.unwrap().remove(0);
    let manifest = read_manifest(&store, &entry).await.unwrap();
    for batch in 0..10 {
        let adopt = |number: usize| Change::Adopt {
            bar_type: format!("S{number:04}.NASDAQ-1-MINUTE-LAST-EXTERNAL").parse().unwrap(),
            files: manifest.partitions.clone(),
            gone: Default::default(),
            facts: addition(SERIES, &day).facts,
        };
        let changes: Vec<Change> = (batch * 100..batch * 100 + 100).map(adopt).collect();
        commit(&store, &changes, &Run::new("benchmark")).await.unwrap();
    }
    let mut times = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let catalog = Catalog::open(store.clone()).await.unwrap();
        let manifest =
            catalog.manifest(&"S0500.NASDAQ-1-MINUTE-LAST-EXTERNAL".parse().unwrap()).await.unwrap();
        let range = TimeRange::new(stamp("2027-01-02"), stamp("2027-01-03"));
        let planned = plan(&manifest, Query { range, ..Query::default() }).unwrap();
        assert_eq!(planned.partitions.len(), 1);
        times.push(start.elapsed().as_secs_f64());
    }
    report("open and plan a day of 1,000 series x 2,520 days", 1, &mut times);
}

async fn commits_into_large_catalogs(day: &BarColumns<Decimal>) {
    for series in [1, 100, 10_000] {
        let store = Store::over(Arc::new(InMemory::new()), "memory");
        let few = {
            let mut few = BarColumns::default();
            few.extend_from(day, 0..2);
            few
        };
        let name = |number: usize| format!("S{number:05}.NASDAQ-1-MINUTE-LAST-EXTERNAL");
        let additions = (0..series).map(|number| addition(&name(number), &few)).collect();
        commit_bars(&store, additions, &Run::new("benchmark")).await.unwrap();
        let mut times = Vec::new();
        for row in 2..17 {
            let mut next = BarColumns::default();
            next.extend_from(day, row..row + 1);
            let start = Instant::now();
            commit_bars(&store, vec![addition(&name(0), &next)], &Run::new("benchmark")).await.unwrap();
            times.push(start.elapsed().as_secs_f64());
        }
        report(&format!("commit into a catalog of {series} series"), 1, &mut times);
    }
}

fn series() -> BarType {
    SERIES.parse().unwrap()
}

fn stamp(text: &str) -> UnixNanos {
    text.parse().unwrap()
}
