//! Days of bars, and how they get into a catalog and out again.

use barkeep::catalog::Catalog;
use barkeep::commit::{Run, commit_bars};
use barkeep::store::Store;
use bars::{Bar, BarColumns, BarType, Calendar, DAY, Decimal, MINUTE, TimeRange, UnixNanos};
use catalog::{Addition, Error, ErrorKind, Overlap, Query, SeriesFacts, WriteOptions};

/// Bars of a day.
pub(crate) const BARS: usize = 30;

fn series() -> BarType {
    // A slash, so that one of its keys has an escaped one.
    "EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL".parse().expect("a bar type")
}

/// The first bars of a day that is counted from 2024-01-01. Their prices tell the day.
pub(crate) fn day(number: usize) -> BarColumns<Decimal> {
    let start = "2024-01-01".parse::<UnixNanos>().expect("a date").plus(number as i64 * DAY);
    let price = |ticks: i64| Decimal::from_ticks(ticks, 2);
    let bar = |minute: usize| {
        let close = start.plus((minute as i64 + 1) * MINUTE);
        let ticks = 10_000 + number as i64;
        Bar {
            open: price(ticks),
            high: price(ticks + 5),
            low: price(ticks - 5),
            close: price(ticks + 1),
            volume: Decimal::from_ticks(minute as i64, 0),
            ts_event: close,
            ts_init: close,
        }
    };
    (0..BARS).map(bar).collect()
}

/// Commits a day; whether there was anything to commit.
pub(crate) async fn add(store: &Store, number: usize) -> Result<bool, Error> {
    let facts = SeriesFacts {
        source: "test".into(),
        calendar: Some(Calendar::Always),
        options: WriteOptions { price_precision: 2, size_precision: 0, ..WriteOptions::default() },
        ..SeriesFacts::default()
    };
    let addition = Addition { bar_type: series(), bars: day(number), facts, overlap: Overlap::Fail };
    commit_bars(store, vec![addition], &Run::new("test")).await.map(|receipt| receipt.snapshot.is_some())
}

/// The stored bars of a day, and the number of commits so far.
pub(crate) async fn stored(store: &Store, number: usize) -> (BarColumns<Decimal>, u64) {
    let start = "2024-01-01".parse::<UnixNanos>().expect("a date").plus(number as i64 * DAY);
    query(store, TimeRange::new(start.plus(1), start.plus(DAY + 1))).await
}

/// Everything that is stored, and the number of commits so far.
pub(crate) async fn all(store: &Store) -> (BarColumns<Decimal>, u64) {
    query(store, TimeRange::ALL).await
}

/// The number of commits so far.
pub(crate) async fn commits(store: &Store) -> u64 {
    let catalog = Catalog::open(store.clone()).await.unwrap_or_else(|error| panic!("{error}"));
    catalog.snapshot().number
}

type Keys = std::collections::BTreeSet<String>;

/// The keys that the manifest names, and those that whoever lists the directories finds.
pub(crate) async fn named_and_listed(store: &Store) -> [Keys; 2] {
    let catalog = Catalog::open(store.clone()).await.unwrap_or_else(|error| panic!("{error}"));
    let manifest = catalog.manifest(&series()).await.unwrap_or_else(|error| panic!("{error}"));
    let named = manifest.partitions.into_iter().map(|partition| partition.object.key).collect();
    [named, store.list("data").await.unwrap().into_iter().collect()]
}

async fn query(store: &Store, range: TimeRange) -> (BarColumns<Decimal>, u64) {
    let catalog = match Catalog::open(store.clone()).await {
        Ok(catalog) => catalog,
        Err(error) if error.kind == ErrorKind::NotFound => return (BarColumns::default(), 0),
        Err(error) => panic!("{error}"),
    };
    let query = Query { range, ..Query::default() };
    let bars = catalog.bars(&series(), query).await.unwrap_or_else(|error| panic!("{error}"));
    (bars, catalog.snapshot().number)
}
