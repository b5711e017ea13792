//! Everything that a writer does to a catalog, small enough to be done thousands of times.

use std::sync::Arc;

use barkeep::adopt::{AdoptOptions, carry_out, plan_adoption};
use barkeep::catalog::Catalog;
use barkeep::commit::{Run, commit, commit_bars, expire, roll_back};
use barkeep::store::Store;
use barkeep::vacuum::{Retention, vacuum};
use bars::{Bar, BarColumns, BarType, Calendar, Decimal, IntervalSet, MINUTE, TimeRange, UnixNanos};
use catalog::{
    Addition, Change, Error, ErrorKind, Overlap, Period, SeriesFacts, WriteOptions, encode_bars, names,
};
use object_store::memory::InMemory;

use crate::oracle::plain;
use crate::store::{FaultStore, Faults, Kind, fork};

pub const SERIES: &str = "BTC/USD.SIM-1-MINUTE-LAST-EXTERNAL";
pub const OTHER: &str = "ETH/USD.SIM-1-MINUTE-LAST-EXTERNAL";
pub const NEW: &str = "NEW.SIM-1-MINUTE-LAST-EXTERNAL";

/// Bars stand so many minutes apart: 36 a day are enough, and thousands of runs stay fast.
const STEP: i64 = 40;

/// Bars from the `first` on, whose values tell their stamp and `salt`.
pub fn bars_from(first: i64, count: i64, salt: i64) -> BarColumns<Decimal> {
    (first..first + count).map(|number| bar(number * STEP, salt)).collect()
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

pub fn series() -> BarType {
    SERIES.parse().unwrap()
}

pub fn range(first: i64, last: i64) -> TimeRange {
    let close = |number: i64| UnixNanos((number * STEP + 1) * MINUTE);
    TimeRange::new(close(first), close(last))
}

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Workflow {
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
    Adopt,
    ResetNames,
    Quarantine,
    ConfirmEmpty,
    RollBack,
    Expire,
    Vacuum,
    Finish,
}

pub const ALL: [Workflow; 18] = [
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
    Workflow::Adopt,
    Workflow::ResetNames,
    Workflow::Quarantine,
    Workflow::ConfirmEmpty,
    Workflow::RollBack,
    Workflow::Expire,
    Workflow::Vacuum,
    Workflow::Finish,
];

/// Keeps as little as can be, and takes every object for an old one.
pub const NOTHING_KEPT: Retention =
    Retention { keep_nanos: 0, keep_last: 1, grace_nanos: -3600 * bars::SECOND };

impl Workflow {
    /// Three days with a hole, and another series; two snapshots where the workflow wants them.
    pub async fn prepare(self) -> Arc<InMemory> {
        let memory = Arc::new(InMemory::new());
        if self == Self::First {
            return memory;
        }
        let store = plain(&memory);
        let mut bars = bars_from(0, 37, 0);
        bars.extend_from(&bars_from(40, 43, 0), 0..43);
        let first =
            vec![addition(SERIES, bars, Overlap::Fail), addition(OTHER, bars_from(0, 30, 0), Overlap::Fail)];
        commit_bars(&store, first, &Run::new("prepare")).await.unwrap();
        if matches!(self, Self::Split | Self::Vacuum | Self::RollBack | Self::Expire) {
            let change =
                Change::Consolidate { bar_type: series(), period: Period::All, range: TimeRange::ALL };
            commit(&store, &[change], &Run::new("prepare")).await.unwrap();
        }
        if matches!(self, Self::Adopt | Self::ResetNames) {
            put_foreign_file(&store).await;
        }
        if self == Self::ResetNames {
            adopt(&store).await.unwrap();
        }
        if self == Self::Finish {
            return stop_after_snapshot(&memory).await;
        }
        memory
    }

    /// Does it.
    pub async fn run(self, store: &Store) -> Result<(), Error> {
        let changes = match self {
            Self::Adopt => return adopt(store).await,
            Self::RollBack => return roll_back(store, 1, &Run::new("test")).await.map(|_| ()),
            Self::Expire => return expire(store, 2, &Run::new("test")).await.map(|_| ()),
            Self::Vacuum => return vacuum(store, NOTHING_KEPT, &Run::new("test")).await.map(|_| ()),
            Self::Finish => return Catalog::open(store.clone()).await.map(|_| ()),
            Self::Quarantine => vec![quarantine_first(store).await?],
            _ => self.changes(),
        };
        commit(store, &changes, &Run::new("test")).await.map(|_| ())
    }

    fn changes(self) -> Vec<Change> {
        let add = |bars, overlap| Change::Add(addition(SERIES, bars, overlap));
        let consolidate = |period| Change::Consolidate { bar_type: series(), period, range: TimeRange::ALL };
        match self {
            Self::First => vec![add(bars_from(0, 75, 0), Overlap::Fail)],
            Self::Append => vec![add(bars_from(83, 50, 0), Overlap::Fail)],
            Self::GrowDay => vec![add(bars_from(83, 3, 0), Overlap::Fail)],
            Self::FillHole => vec![add(bars_from(35, 7, 0), Overlap::Fail)],
            Self::Replace => vec![add(bars_from(25, 25, 7), Overlap::Replace)],
            Self::SeveralSeries => vec![
                add(bars_from(83, 5, 0), Overlap::Fail),
                Change::Add(addition(OTHER, bars_from(20, 50, 0), Overlap::Fail)),
                Change::Add(addition(NEW, bars_from(0, 10, 0), Overlap::Fail)),
            ],
            Self::Delete => vec![Change::Delete { bar_type: series(), range: range(17, 75) }],
            Self::DeleteAll => vec![Change::Delete { bar_type: series(), range: TimeRange::ALL }],
            Self::Consolidate => vec![consolidate(Period::Month)],
            Self::Split => vec![consolidate(Period::Day)],
            Self::ResetNames => vec![Change::ResetNames { bar_type: series() }],
            Self::ConfirmEmpty => {
                let ranges: IntervalSet = [range(37, 39)].into_iter().collect();
                let facts = addition(SERIES, bars_from(0, 1, 0), Overlap::Fail).facts;
                vec![Change::ConfirmEmpty { bar_type: series(), ranges, facts }]
            }
            Self::Adopt | Self::RollBack | Self::Expire | Self::Vacuum | Self::Quarantine | Self::Finish => {
                Vec::new()
            }
        }
    }
}

/// A commit whose writer died right after its snapshot was there.
async fn stop_after_snapshot(base: &InMemory) -> Arc<InMemory> {
    let key = names::snapshot(2);
    for at in 0.. {
        let memory = fork(base).await;
        let crashing =
            FaultStore::new(Arc::clone(&memory) as _, Kind::Directory, Faults::Crash { at, applied: true });
        let _ = commit(&crashing.store(), &Workflow::Replace.changes(), &Run::new("prepare")).await;
        if plain(&memory).head(&key).await.unwrap().is_some() {
            return memory;
        }
    }
    unreachable!("the commit comes about")
}

/// A day as another program would leave it: under a name that tells no content, and a wrong stamp.
async fn put_foreign_file(store: &Store) {
    let bars = bars_from(250, 20, 0);
    let options = addition(SERIES, bars_from(0, 1, 0), Overlap::Fail).facts.options;
    let file = encode_bars(&series(), &bars, &options).unwrap();
    let name = format!("{}_{}", names::file_stamp(file.first), names::file_stamp(file.last.plus(-MINUTE)));
    let key = format!("data/bars/{}/{name}.parquet", names::series_directory(&series()));
    store.put(&key, file.bytes).await.unwrap();
}

async fn adopt(store: &Store) -> Result<(), Error> {
    let run = Run::new("adopt");
    let options = AdoptOptions { update: true, ..AdoptOptions::default() };
    let plan = plan_adoption(store, &options, &run).await?;
    if let Some(refused) = plan.refused.first() {
        return Err(Error::new(ErrorKind::SourceUnavailable, &refused.reason));
    }
    carry_out(store, &plan, &run).await.map(|_| ())
}

async fn quarantine_first(store: &Store) -> Result<Change, Error> {
    let catalog = Catalog::open(store.clone()).await?;
    let files = catalog.manifest(&series()).await?.partitions;
    let keys = files.into_iter().filter(|file| file.first == UnixNanos(MINUTE)).map(|file| file.object.key);
    Ok(Change::Quarantine { bar_type: series(), keys: keys.collect() })
}
