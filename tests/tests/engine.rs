//! The browser's engine, driven on the host over the files that `barkeep` wrote: it must say what the command line says.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::cell::RefCell;
use std::path::PathBuf;

use bytes::Bytes;
use catalog::{Error, ErrorKind, Fetch};
use engine::backtest::{Report, Spec, Strategy};
use engine::bars::{BarType, DayState, MINUTE, TimeRange};
use engine::protocol::{Answer, BarsInfo, Op, QueryInfo, QueryOp, Total, TotalKind};
use engine::{Engine, NamedColumn, Source};
use futures::executor::block_on;
use tests::Place;

/// A catalog's directory, and what was read of it.
struct Directory {
    root: PathBuf,
    read: RefCell<Vec<String>>,
}

impl Directory {
    fn new(place: &Place) -> Self {
        Self { root: place.catalog(), read: RefCell::default() }
    }

    fn bytes(&self, key: &str) -> Result<Bytes, Error> {
        std::fs::read(self.root.join(key))
            .map(Bytes::from)
            .map_err(|error| Error::new(ErrorKind::NotFound, format!("no {key}")).because(error))
    }
}

impl Source for Directory {
    async fn fresh(&self, key: &str) -> Result<Bytes, Error> {
        self.read.borrow_mut().push(key.to_owned());
        self.bytes(key)
    }

    async fn read(&self, fetch: &Fetch) -> Result<Bytes, Error> {
        let name = fetch.key.split('/').take(2).collect::<Vec<_>>().join("/");
        self.read.borrow_mut().push(format!("{name} {}", if fetch.is_whole() { "whole" } else { "range" }));
        Ok(self.bytes(&fetch.key)?.slice(fetch.range.start as usize..fetch.range.end as usize))
    }

    fn progress(&self, _: u64, _: u64) -> Result<(), Error> {
        Ok(())
    }
}

const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
const ACME: &str = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn series(text: &str) -> BarType {
    text.parse().unwrap()
}

fn opened(source: &Directory) -> Engine {
    let engine = Engine::default();
    let op = Op::Open { catalog: "http://host/catalog/".into(), snapshot: None };
    let (answer, _) = block_on(engine.answer(op, source)).unwrap();
    let Answer::Open(info) = answer else { panic!("{answer:?}") };
    assert_eq!((info.snapshot, info.series.len()), (1, 2));
    engine
}

fn bars(engine: &Engine, source: &Directory, op: Op) -> (BarsInfo, Vec<NamedColumn>) {
    match block_on(engine.answer(op, source)).unwrap() {
        (Answer::Bars(info), columns) => (info, columns),
        (other, _) => panic!("{other:?}"),
    }
}

fn range(start: &str, end: &str) -> Option<TimeRange> {
    Some(TimeRange::new(start.parse().unwrap(), end.parse().unwrap()))
}

#[test]
fn few_requests_to_the_first_candle() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    bars(
        &engine,
        &source,
        Op::Bars {
            series: series(BTC),
            range: range("2026-08-20", "2026-08-21"),
            step: None,
            max_bars: 8000,
        },
    );
    assert_eq!(*source.read.borrow(), ["manifest/head.json", "manifest/series whole", "data/bars whole"]);
    // The same bars at another size are not fetched again.
    bars(
        &engine,
        &source,
        Op::Bars {
            series: series(BTC),
            range: range("2026-08-20", "2026-08-21"),
            step: Some(5 * MINUTE),
            max_bars: 8000,
        },
    );
    assert_eq!(source.read.borrow().len(), 3);
}

#[test]
fn bars_are_those_of_the_command_line() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    let op = Op::Bars {
        series: series(ACME),
        range: range("2026-09-02T14:00:00Z", "2026-09-02T19:00:00Z"),
        step: None,
        max_bars: 8000,
    };
    let (info, columns) = bars(&engine, &source, op);
    let csv = place.barkeep(&format!(
        "query {ACME} --start 2026-09-02T14:01:00Z --end 2026-09-02T19:01:00Z --columns close --format csv"
    ));
    let closes: Vec<f64> = csv.out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(columns[4].values, closes);
    assert_eq!((info.bars, info.stored_bars, info.step), (210, 210, MINUTE));
    assert_eq!(info.gaps.iter().map(|gap| gap.missing).collect::<Vec<_>>(), [90]);
    // A quarter of an hour: first open, highest high, lowest low, last close, sum of volumes.
    let (whole, minutes) = bars(
        &engine,
        &source,
        Op::Bars { series: series(BTC), range: None, step: Some(MINUTE), max_bars: 100_000 },
    );
    let (quarter, columns) = bars(
        &engine,
        &source,
        Op::Bars { series: series(BTC), range: None, step: Some(15 * MINUTE), max_bars: 100_000 },
    );
    assert_eq!((whole.bars, quarter.bars, quarter.coarsened), (20_160, 1344, false));
    let high = minutes[2].values[30..45].iter().copied().fold(f64::MIN, f64::max);
    assert_eq!(
        (columns[1].values[2], columns[2].values[2], columns[4].values[2]),
        (minutes[1].values[30], high, minutes[4].values[44])
    );
    assert_eq!(columns[0].values[2], minutes[0].values[30]);
}

#[test]
fn no_more_bars_than_asked_for() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    for max_bars in [1, 10, 100, 1000, 5000, 20_160] {
        let (info, columns) = bars(
            &engine,
            &source,
            Op::Bars { series: series(BTC), range: None, step: Some(MINUTE), max_bars },
        );
        assert!(info.bars <= max_bars && info.bars > 0, "{max_bars}: {}", info.bars);
        assert_eq!((columns[0].values.len() as u32, info.coarsened), (info.bars, max_bars < 20_160));
    }
}

fn asked(engine: &Engine, source: &Directory, op: QueryOp) -> Result<(QueryInfo, Vec<NamedColumn>), Error> {
    match block_on(engine.answer(Op::Query(op), source))? {
        (Answer::Query(info), columns) => Ok((info, columns)),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn queries_find_what_the_command_line_finds() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    for (name, filter, limit, newest_first) in [
        (ACME, None, None, false),
        (ACME, None, Some(7), true),
        (ACME, Some("close > open AND volume > 1000"), None, false),
        (ACME, Some("hour(ts) = 15 AND close < open"), Some(100), true),
        (BTC, Some("close > open AND volume > 1"), Some(3000), false),
        (BTC, Some("volume > 0 AND close / volume > 1000000"), None, true),
        (BTC, Some("close < 0"), None, false),
    ] {
        let op = QueryOp {
            columns: vec!["close".into(), "volume".into()],
            filter: filter.map(String::from),
            limit,
            newest_first,
            ..QueryOp::of(series(name))
        };
        let (info, columns) = asked(&engine, &source, op).unwrap();
        let mut words = format!("query {name} --columns close,volume --format csv");
        if let Some(limit) = limit {
            words += &format!(" --limit {limit}");
        }
        if newest_first {
            words += " --newest-first";
        }
        let condition: Vec<&str> = filter.into_iter().flat_map(|filter| ["--where", filter]).collect();
        let csv = place.barkeep_with(&words, &condition);
        assert_eq!(csv.code, 0, "{words} {filter:?}: {}", csv.err);
        let rows: Vec<Vec<f64>> = csv
            .out
            .lines()
            .skip(1)
            .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
            .collect();
        let found: Vec<Vec<f64>> = (0..columns[0].values.len())
            .map(|row| columns.iter().map(|column| column.values[row]).collect())
            .collect();
        assert_eq!(found, rows, "{words} {filter:?}");
        assert_eq!(found.is_empty(), filter == Some("close < 0"), "{words} {filter:?}");
        assert_eq!(info.rows, rows.len() as u64);
    }
}

#[test]
fn totals_are_those_of_the_bars() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    let total = |kind, column: &str| Total { kind, column: column.into() };
    let op = QueryOp {
        range: range("2026-08-20", "2026-08-22"),
        columns: vec!["time".into(), "high".into(), "volume".into()],
        totals: vec![
            total(TotalKind::Count, ""),
            total(TotalKind::Sum, "volume"),
            total(TotalKind::Max, "high"),
            total(TotalKind::First, "open"),
            total(TotalKind::Last, "close"),
        ],
        ..QueryOp::of(series(BTC))
    };
    let (info, columns) = asked(&engine, &source, op.clone()).unwrap();
    let (_, bars) = bars(
        &engine,
        &source,
        Op::Bars { series: op.series.clone(), range: op.range, step: None, max_bars: 8000 },
    );
    assert_eq!((columns[0].values.len(), info.rows), (2880, 2880));
    assert_eq!([&columns[0].values, &columns[1].values], [&bars[0].values, &bars[2].values]);
    let highest = bars[2].values.iter().copied().fold(f64::MIN, f64::max);
    let volume: f64 = bars[5].values.iter().sum();
    let totals: Vec<f64> = info.totals.iter().map(|total| total.unwrap()).collect();
    assert!((totals[1] - volume).abs() < 1e-9 * volume, "{} {volume}", totals[1]);
    assert_eq!(
        [totals[0], totals[2], totals[3], totals[4]],
        [2880.0, highest, bars[1].values[0], bars[4].values[2879]]
    );
    // Two daily files of fourteen, each one request; those that hold nothing of the answer are not read.
    assert_eq!((info.fetches, info.partitions_pruned), (2, 12));
    let nothing = QueryOp { filter: Some("close < 0".into()), ..op.clone() };
    let (info, _) = asked(&engine, &source, nothing).unwrap();
    assert_eq!(info.totals, [Some(0.0), Some(0.0), None, None, None]);
    let later = QueryOp { filter: Some("ts > '2027-01-01'".into()), ..op };
    let (info, _) = asked(&engine, &source, later).unwrap();
    assert_eq!((info.rows, info.fetches, info.bytes), (0, 0, 0));
}

#[test]
fn coverage_shows_the_holiday_and_the_hole() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    let (answer, _) = block_on(engine.answer(Op::Coverage { series: series(ACME) }, &source)).unwrap();
    let Answer::Coverage(info) = answer else { panic!("{answer:?}") };
    let day = |date: &str| info.coverage.days.iter().find(|day| day.date.to_string() == date).unwrap().state;
    assert_eq!(day("2026-09-02"), DayState::Partial);
    assert_eq!(day("2026-09-07"), DayState::Closed);
    assert_eq!(day("2026-09-15"), DayState::Missing);
    assert_eq!(info.coverage.gaps.iter().map(|gap| gap.missing).collect::<Vec<_>>(), [90, 390]);
}

#[test]
fn page_and_command_line_fill_alike() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    for (name, fast, slow, step, flags) in [
        (BTC, 10, 20, None, ""),
        (BTC, 20, 100, Some(15 * MINUTE), "--resample 15-MINUTE"),
        (ACME, 5, 30, None, ""),
    ] {
        let spec = Spec {
            strategy: Strategy::SmaCross { fast, slow },
            cash: 100_000.0,
            commission: 0.001,
            ..Spec::default()
        };
        let op =
            Op::Backtest { series: series(name), range: None, step, spec: Box::new(spec), max_points: 500 };
        let (answer, columns) = block_on(engine.answer(op, &source)).unwrap();
        let Answer::Backtest(info) = answer else { panic!("{answer:?}") };
        let words = format!(
            "backtest run --series {name} --param fast={fast} --param slow={slow} --cash 100000 --commission 0.001 {flags} --format json"
        );
        let report: Report = serde_json::from_str(&place.barkeep(&words).out).unwrap();
        assert_eq!(info.report.digest, report.digest);
        assert_eq!((info.report.statistics, info.report.trades), (report.statistics, report.trades));
        assert!(columns.iter().all(|column| column.values.len() <= 502 && column.values.len() > 100));
        assert_eq!(info.missing_bars, Some(if name == ACME { 480 } else { 0 }));
    }
}

#[test]
fn errors_say_what_to_do() {
    let place = Place::new();
    let source = Directory::new(place.demo());
    let engine = opened(&source);
    let bars = |name: &str, range, step| Op::Bars { series: series(name), range, step, max_bars: 100 };
    for (op, kind) in [
        (bars("X.Y-1-MINUTE-LAST-EXTERNAL", None, None), ErrorKind::NotFound),
        (bars(BTC, range("2030-01-01", "2030-01-02"), None), ErrorKind::NotFound),
        (bars(BTC, None, Some(MINUTE + 1)), ErrorKind::InvalidInput),
        (bars(BTC, None, Some(0)), ErrorKind::InvalidInput),
        (bars(BTC, None, Some(-5)), ErrorKind::InvalidInput),
        (Op::Open { catalog: "http://host/".into(), snapshot: Some(99) }, ErrorKind::NotFound),
    ] {
        let error = block_on(engine.answer(op.clone(), &source)).unwrap_err();
        assert_eq!(error.kind, kind, "{op:?}");
        assert!(!error.next.is_empty(), "{error}");
    }
}
