//! Queries answer what a naive reading of every bar answers, in any order, and read only what they must.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use bars::expr::{Expression, Row, Value};
use bars::{Bar, BarColumns, BarType, Calendar, DAY, Decimal, MINUTE, TimeRange, UnixNanos};
use bytes::Bytes;
use catalog::{
    Columns, Error, ErrorKind, Fetch, Filter, Order, PartitionEntry, Profile, Query, Scan, SeriesManifest,
    Step, WriteOptions, decode_bars, encode_bars, plan,
};
use proptest::prelude::*;

/// A series in memory, and what was read of it.
struct Series {
    manifest: SeriesManifest,
    files: BTreeMap<String, Bytes>,
}

impl Series {
    /// A file for each part.
    fn of(bar_type: &str, parts: &[BarColumns<Decimal>], profile: Profile, row_group_rows: usize) -> Self {
        let bar_type: BarType = bar_type.parse().unwrap();
        let options =
            WriteOptions { profile, price_precision: 2, size_precision: 8, row_group_rows, zstd_level: 1 };
        let mut files = BTreeMap::new();
        let mut partitions = Vec::new();
        for (number, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
            let encoded = encode_bars(&bar_type, part, &options).unwrap();
            let key = format!("{number}.parquet");
            partitions.push(PartitionEntry::of(key.clone(), &encoded, bars::IntervalSet::default()));
            files.insert(key, encoded.bytes);
        }
        let manifest = SeriesManifest { bar_type, partitions, confirmed_empty: bars::IntervalSet::default() };
        // Queries plan from what is stored of a manifest.
        let stored = manifest.encode().unwrap();
        assert_eq!(SeriesManifest::decode("manifest", stored.into()).unwrap(), manifest);
        Self { manifest, files }
    }

    /// The bars of a query, and what was fetched for them.
    fn read(&self, query: Query) -> Result<(BarColumns<Decimal>, Vec<Fetch>), Error> {
        let (mut bars, mut fetched, mut pending) = (BarColumns::default(), Vec::new(), Vec::new());
        let columns = query.columns;
        let mut scan = Scan::new(plan(&self.manifest, query)?, 1 << 20);
        loop {
            match scan.next()? {
                Step::Fetch(fetches) => pending.extend(fetches),
                Step::Wait => {
                    let fetch: Fetch = pending.pop().unwrap();
                    let range = fetch.range.start as usize..fetch.range.end as usize;
                    scan.supply(&fetch, self.files[&fetch.key].slice(range))?;
                    fetched.push(fetch);
                }
                Step::Rows(batch, layout) => {
                    assert!(batch.num_rows() > 0);
                    let names: BTreeSet<String> =
                        batch.schema().fields().iter().map(|field| field.name().clone()).collect();
                    assert_eq!(names, columns.names().map(str::to_owned).collect(), "only what was wanted");
                    let part = decode_bars(&batch, &layout, columns)?;
                    bars.ts_event.extend(part.ts_event.iter());
                    bars.ts_init.extend(part.ts_init.iter());
                    for (column, from) in bars.prices_mut().into_iter().zip(part.prices()) {
                        column.extend(from);
                    }
                }
                Step::Done => return Ok((bars, fetched)),
            }
        }
    }

    fn stamps(&self, condition: &str) -> Vec<String> {
        let query = Query { filter: Some(Filter::parse(condition).unwrap()), ..Query::default() };
        let (bars, _) = self.read(query).unwrap();
        bars.ts_init.into_iter().map(|stamp| UnixNanos(stamp).to_string()).collect()
    }

    fn keys_read(&self, query: Query) -> Vec<String> {
        let (_, fetched) = self.read(query).unwrap();
        let keys: BTreeSet<String> = fetched.into_iter().map(|fetch| fetch.key).collect();
        keys.into_iter().collect()
    }
}

fn condition(text: &str) -> Query {
    Query { filter: Some(Filter::parse(text).unwrap()), ..Query::default() }
}

fn bar(ts: UnixNanos, close: i64, volume: i64) -> Bar {
    let price = |ticks: i64| Decimal::from_ticks(ticks, 2);
    Bar {
        open: price(close - 3),
        high: price(close + 5),
        low: price(close - 7),
        close: price(close),
        volume: Decimal::from_ticks(volume, 8),
        ts_event: ts,
        ts_init: ts,
    }
}

/// Minutes of whole days from 2024-01-05, a Friday; the close counts the minutes of its day.
fn days(count: i64) -> Vec<BarColumns<Decimal>> {
    let friday: UnixNanos = "2024-01-05".parse().unwrap();
    let day = |day: i64| {
        (1..=1440)
            .map(|minute| bar(friday.plus(day * DAY + minute * MINUTE), minute, 100_000_000 * minute))
            .collect()
    };
    (0..count).map(day).collect()
}

const SERIES: &str = "X.NASDAQ-1-MINUTE-LAST-EXTERNAL";

#[test]
fn conditions_prune_partitions() {
    for profile in [Profile::Nautilus, Profile::Compact] {
        let series = Series::of(SERIES, &days(5), profile, 5000);
        for (text, keys, rows) in [
            ("ts > '2024-01-07' AND ts <= '2024-01-08'", vec![2], 1440),
            ("ts >= '2024-01-07 12:00' AND close > 14.39", vec![2, 3, 4], 3),
            ("close > 14.39 AND (ts < '2024-01-05 12:00' OR ts > '2024-01-09 12:00')", vec![0, 4], 1),
            ("date(ts) = '2024-01-07'", vec![1, 2], 1440),
            ("date(ts) IN ('2024-01-05', '2024-01-09') AND close = 0.01", vec![0, 3, 4], 2),
            ("ts BETWEEN '2024-01-07 00:01' AND '2024-01-07 00:02'", vec![2], 2),
            ("ts NOT BETWEEN '2024-01-05' AND '2024-01-09'", vec![4], 1440),
            ("NOT ts < '2024-01-09 00:01'", vec![4], 1440),
            ("ts_init = '2024-01-07 00:01'", vec![2], 1),
            ("'2024-01-08 23:00' < ts_event", vec![3, 4], 1500),
            ("year(ts) = 2023 OR year(ts) > 2024", vec![], 0),
            ("1 = 2", vec![], 0),
            ("1 = 1 OR close > 0", vec![0, 1, 2, 3, 4], 7200),
            ("ts > '2024-01-09' OR close > 14.39", vec![0, 1, 2, 3, 4], 1444),
        ] {
            let keys: Vec<String> = keys.into_iter().map(|number| format!("{number}.parquet")).collect();
            assert_eq!(series.keys_read(condition(text)), keys, "{text}");
            assert_eq!(series.stamps(text).len(), rows, "{text}");
        }
        // A condition never reaches outside the range.
        let range = TimeRange::new("2024-01-06 00:01".parse().unwrap(), "2024-01-06 00:03".parse().unwrap());
        for text in ["1 = 1 OR close > 0", "close > 0 OR ts > '2000-01-01'", "NOT close < 0"] {
            let (bars, _) = series.read(Query { range, ..condition(text) }).unwrap();
            assert_eq!(
                bars.close,
                [Decimal::from_ticks(1, 2), Decimal::from_ticks(2, 2)].map(|close| close),
                "{text}"
            );
        }
    }
}

#[test]
fn row_groups_and_columns_are_pruned() {
    let seconds = |first: i64| -> BarColumns<Decimal> {
        (first..first + 40_000)
            .map(|second| bar(UnixNanos((second + 1) * bars::SECOND), 1000 + second, second))
            .collect()
    };
    let series =
        Series::of("X.Y-1-SECOND-LAST-EXTERNAL", &[seconds(0), seconds(40_000)], Profile::Nautilus, 500);
    let whole: u64 = series.manifest.partitions.iter().map(|file| file.object.size_bytes).sum();
    let close = Columns::of(&["close"]).unwrap();
    for (query, groups, columns, rows) in [
        // The stamp of the one group is looked at, as its edges lie inside it.
        (condition("ts >= '1970-01-01 00:16:41' AND ts < '1970-01-01 00:16:43'"), 1, "close ts_event", 2),
        (
            condition("ts_init >= '1970-01-01 00:16:41' AND ts_init < '1970-01-01 00:16:43'"),
            1,
            "close ts_init",
            2,
        ),
        // All rows of both files fulfil it by their stamps alone.
        (condition("ts > '1970-01-01' AND year(ts) = 1970"), 160, "close", 80_000),
        (condition("volume = 0.00000007"), 160, "close volume", 1),
        (Query { limit: Some(3), ..Query::default() }, 1, "close", 3),
        (Query { limit: Some(501), order: Order::NewestFirst, ..Query::default() }, 2, "close", 501),
    ] {
        let query = Query { columns: close, ..query };
        let planned = plan(&series.manifest, query.clone()).unwrap();
        let read: BTreeSet<&str> = planned.partitions.iter().flat_map(|file| file.columns.names()).collect();
        assert_eq!(read.into_iter().collect::<Vec<_>>().join(" "), columns, "{query:?}");
        assert_eq!(
            (planned.row_groups_kept(), planned.partitions.len()),
            (groups, usize::div_ceil(groups, 80)),
            "{query:?}"
        );
        let (bars, fetched) = series.read(query).unwrap();
        assert_eq!(bars.close.len(), rows);
        let bytes: u64 = fetched.iter().map(|fetch| fetch.range.end - fetch.range.start).sum();
        assert_eq!((bytes, fetched.len()), (planned.bytes, planned.requests()));
        assert!(groups > 100 || bytes * 50 < whole, "{bytes} of {whole}");
    }
}

#[test]
fn a_limit_stops_early() {
    let series = Series::of(SERIES, &days(40), Profile::Nautilus, 5000);
    let newest = Query { order: Order::NewestFirst, limit: Some(3), ..Query::default() };
    let (bars, fetched) = series.read(newest.clone()).unwrap();
    assert_eq!(bars.close.iter().map(ToString::to_string).collect::<Vec<_>>(), ["14.4", "14.39", "14.38"]);
    assert_eq!(fetched.len(), 1);
    // With a condition no plan knows how far to read: the scan looks at few files, then at more.
    let (bars, fetched) =
        series.read(Query { filter: condition("close <= 0.01").filter, ..newest.clone() }).unwrap();
    assert_eq!(bars.len(), 3);
    assert!(bars.ts_init.is_sorted_by(|left, right| left > right));
    assert!((3..=7).contains(&fetched.len()), "{}", fetched.len());
    let (_, fetched) = series.read(Query { limit: Some(0), ..newest }).unwrap();
    assert!(fetched.is_empty());
}

#[test]
fn sessions() {
    let series = Series::of(SERIES, &days(5), Profile::Nautilus, 5000);
    let query = Query { session: Some(Calendar::UsEquities), ..Query::default() };
    let (bars, fetched) = series.read(query.clone()).unwrap();
    // Friday, Monday and Tuesday; New York opens at 14:30 UTC in winter, and the first bar closes a minute later.
    assert_eq!((bars.len(), fetched.len()), (3 * 390, 3));
    assert_eq!(UnixNanos(bars.ts_init[0]).to_string(), "2024-01-05T14:31:00Z");
    assert_eq!(UnixNanos(bars.ts_init[389]).to_string(), "2024-01-05T21:00:00Z");
    let filter = condition("time(ts AT TIME ZONE 'America/New_York') <= '09:32'").filter;
    let both = Query { filter, limit: Some(5), order: Order::NewestFirst, ..query.clone() };
    let (bars, _) = series.read(both).unwrap();
    let stamps: Vec<String> = bars.ts_init.iter().map(|stamp| UnixNanos(*stamp).to_string()).collect();
    assert_eq!(stamps[..2], ["2024-01-09T14:32:00Z", "2024-01-09T14:31:00Z"]);
    assert_eq!((stamps.len(), &stamps[4][..]), (5, "2024-01-05T14:32:00Z"));
    // A bar that begins before the session does is not in it, and that is no fault.
    let early: UnixNanos = "2024-01-05T14:30:30Z".parse().unwrap();
    let one = Series::of(SERIES, &[[bar(early, 5, 5)].into_iter().collect()], Profile::Nautilus, 5000);
    assert_eq!(one.read(query.clone()).unwrap().0.len(), 0);
    // Bars that are longer than any session.
    let series = Series::of("X.NASDAQ-1-DAY-LAST-EXTERNAL", &days(1), Profile::Nautilus, 5000);
    assert_eq!(series.read(query).unwrap_err().kind, ErrorKind::InvalidInput);
}

#[test]
fn ts_is_the_close_and_ts_init_may_be_later() {
    // Bars that became known two days after they closed.
    let late = |day: i64| -> BarColumns<Decimal> {
        days(day + 1)
            .remove(day as usize)
            .ts_init
            .iter()
            .map(|close| Bar { ts_init: UnixNanos(close + 2 * DAY), ..bar(UnixNanos(*close), 5, 5) })
            .collect()
    };
    let series = Series::of(SERIES, &[late(0), late(1), late(2)], Profile::Compact, 5000);
    for (text, keys, rows) in [
        ("ts <= '2024-01-06'", vec!["0.parquet"], 1440),
        ("ts > '2024-01-06' AND ts_init <= '2024-01-08 00:10'", vec!["1.parquet"], 10),
        ("ts_init > ts AND ts > '2024-01-07 23:50'", vec!["2.parquet"], 10),
    ] {
        assert_eq!(series.keys_read(condition(text)), keys, "{text}");
        assert_eq!(series.stamps(text).len(), rows, "{text}");
    }
}

#[test]
fn wrong_conditions_and_rows_without_a_value() {
    for (text, what, pointer) in [
        ("closs > 5", "unknown name `closs`", "closs > 5\n  ^^^^^"),
        ("close > 'abc'", "a number cannot be compared with text", "close > 'abc'\n          ^^^^^"),
        ("", "is empty", ""),
        ("ts > 5", "a time cannot be compared with a number", "ts > 5\n       ^"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!((error.kind, error.why.as_str()), (ErrorKind::InvalidInput, pointer), "{text}");
        assert!(error.what.contains(what) && !error.next.is_empty(), "{error}");
    }
    let series = Series::of(SERIES, &days(1), Profile::Compact, 5000);
    for (text, what) in [
        ("close / (volume - 3) > 1", "no value for the bar at 2024-01-05T00:03:00Z: division by zero"),
        ("close * 10000000000000000000000000000000000000 > 1", "more than 38 digits"),
        (
            "hour(ts AT TIME ZONE 'UTC') / (close - 0.05) > 0",
            "no value for the bar at 2024-01-05T00:05:00Z: division by zero",
        ),
    ] {
        let error = series.read(condition(text)).unwrap_err();
        assert!(error.kind == ErrorKind::InvalidInput && error.what.contains(what), "{error}");
        assert!(error.why.contains('^'), "{error}");
    }
    assert_eq!(series.stamps("volume <> 3 AND close / (volume - 3) > 100").len(), 0);
}

/// The naive reader: one bar at a time, as the language is defined.
struct OneBar(Bar);

impl Row for OneBar {
    fn name(&self, number: usize) -> Value {
        let bar = &self.0;
        let price = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        match number {
            0..=4 => Value::Number(price[number].into()),
            6 => Value::Time(bar.ts_init),
            _ => Value::Time(bar.ts_event),
        }
    }

    fn call(&self, _: usize, _: &[Value]) -> Value {
        Value::Boolean(false)
    }
}

/// 1970-01-05 at noon UTC, two and a half hours before New York opens.
const MONDAY_NOON: i64 = 4 * DAY + 12 * bars::HOUR;

/// Numbers as people write them in conditions, and some that they do not.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "open",
            "high",
            "low",
            "close",
            "volume",
            "hour(ts)",
            "minute(ts)",
            "day(ts)",
            "dow(ts)",
            "isodow(date(ts))",
            "second(time(ts_init))"
        ])
        .prop_map(str::to_owned),
        (-300i64..1500).prop_map(|ticks| Decimal::from_ticks(ticks, 2).to_string()),
        prop::sample::select(vec![
            "0",
            "0.000000005",
            "99999999999999999999",
            "0.00000000000000000000001",
            "1e30"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(left, sign, right)| format!("({left} {sign} {right})")),
            inner.clone().prop_map(|number| format!("(- {number})")),
            (prop::sample::select(vec!["abs", "floor", "ceil", "round"]), inner.clone())
                .prop_map(|(function, number)| format!("{function}({number})")),
            (prop::sample::select(vec!["least", "greatest"]), inner.clone(), inner.clone())
                .prop_map(|(function, left, right)| format!("{function}({left}, {right})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(left, then, otherwise)| format!(
                "CASE WHEN {left} > 5 THEN {then} ELSE {otherwise} END"
            )),
        ]
    })
}

fn claim() -> impl Strategy<Value = String> {
    let sign = || prop::sample::select(vec!["<", "<=", "=", "<>", ">=", ">"]);
    let stamp = || (0i64..4000).prop_map(|minute| UnixNanos(MONDAY_NOON + minute * MINUTE / 2).to_string());
    let column = || {
        prop::sample::select(vec![
            "ts",
            "ts_event",
            "ts_init",
            "CASE WHEN close > 5 THEN ts ELSE ts_init END",
        ])
    };
    let leaf = prop_oneof![
        (number(), sign(), number()).prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        (number(), any::<bool>(), number(), number()).prop_map(|(value, negated, low, high)| {
            format!("{value} {}BETWEEN {low} AND {high}", if negated { "NOT " } else { "" })
        }),
        (number(), prop::collection::vec(number(), 1..4))
            .prop_map(|(value, list)| format!("{value} IN ({})", list.join(", "))),
        (column(), sign(), stamp()).prop_map(|(column, sign, stamp)| format!("{column} {sign} '{stamp}'")),
        (stamp(), sign(), column()).prop_map(|(stamp, sign, column)| format!("'{stamp}' {sign} {column}")),
        (column(), any::<bool>(), stamp(), stamp()).prop_map(|(column, negated, low, high)| {
            format!("{column} {}BETWEEN '{low}' AND '{high}'", if negated { "NOT " } else { "" })
        }),
        (column(), any::<bool>(), prop::collection::vec(stamp(), 1..3)).prop_map(
            |(column, negated, list)| {
                format!("{column} {}IN ('{}')", if negated { "NOT " } else { "" }, list.join("', '"))
            }
        ),
        (sign(), 5i64..8).prop_map(|(sign, day)| format!("date(ts) {sign} '1970-01-0{day}'")),
        (sign(), 0i64..24).prop_map(|(sign, hour)| format!("time(ts) {sign} '{hour:02}:30'")),
        (sign(), 1969i64..1972).prop_map(|(sign, year)| format!("year(ts_init) {sign} {year}")),
        Just("ts = ts_init".to_owned()),
        Just("(close > 5) = (ts < ts_init)".to_owned()),
        Just("CASE WHEN close > 5 THEN volume > 1 ELSE ts < '1970-01-06' END".to_owned()),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|claim| format!("NOT ({claim})")),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|claims| format!("({})", claims.join(" AND "))),
            prop::collection::vec(inner, 2..4).prop_map(|claims| format!("({})", claims.join(" OR "))),
        ]
    })
}

prop_compose! {
    fn bars()(rows in prop::collection::vec((1i64..40, 1i64..1200, prop_oneof![Just(0i64), 0i64..1_000_000_000], prop_oneof![4 => Just(0i64), 1 => -90i64..90]), 1..120)) -> BarColumns<Decimal> {
        let mut minute = 0;
        let one = |(skip, close, volume, late): (i64, i64, i64, i64)| {
            minute += skip;
            let known = UnixNanos(MONDAY_NOON + minute * MINUTE);
            Bar { ts_event: known.plus(-late * MINUTE), ts_init: known, ..bar(known, close, volume) }
        };
        rows.into_iter().map(one).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn answers_are_those_of_a_naive_reader(
        (bars, cuts) in (bars(), prop::collection::vec(0usize..120, 0..4)),
        claim in prop::option::weighted(0.9, claim()),
        session in prop::option::weighted(0.2, prop::sample::select(Calendar::ALL.to_vec())),
        range in (-10i64..2500, 0i64..2500),
        limit in prop::option::of(0u64..40),
        newest_first in any::<bool>(),
        compact in any::<bool>(),
        row_group_rows in 1usize..30,
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bars.len())).chain([0, bars.len()]).collect();
        cuts.sort_unstable();
        let parts: Vec<BarColumns<Decimal>> = cuts.windows(2).map(|cut| {
            let mut part = BarColumns::default();
            part.extend_from(&bars, cut[0]..cut[1]);
            part
        }).collect();
        let profile = if compact { Profile::Compact } else { Profile::Nautilus };
        let mut series = Series::of(SERIES, &parts, profile, row_group_rows);
        if row_group_rows > 10 {
            // As of large files, whose footers the manifest keeps.
            for entry in &mut series.manifest.partitions {
                let file = &series.files[&entry.object.key];
                let length = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap()) as usize;
                entry.footer = Some(file.slice(file.len() - 8 - length..file.len() - 8));
            }
        }
        let start = UnixNanos(MONDAY_NOON + range.0 * MINUTE);
        let range = TimeRange::new(start, start.plus(range.1 * MINUTE));
        let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
        let expression = match claim.as_ref().map(|claim| Expression::condition(claim, &Filter::scope())) {
            // Constants that have no value are found before anything is read.
            Some(Err(error)) => { prop_assert!(error.what.contains("division") || error.what.contains("digits"), "{}", error); return Ok(()) }
            Some(Ok(expression)) => Some(expression),
            None => None,
        };
        let mut expected = BarColumns::default();
        for row in bars.rows_in(range) {
            let bar = bars.bar(row);
            let span = TimeRange::new(bar.ts_event.plus(-MINUTE), bar.ts_event);
            let inside = session.as_ref().is_none_or(|session| session.sessions(span).nanos() == MINUTE);
            match expression.as_ref().map(|expression| expression.root().holds(&OneBar(bar))) {
                // Whether such a row is looked at depends on what is pruned.
                Some(Err(_)) => return Ok(()),
                Some(Ok(false)) => {}
                Some(Ok(true)) | None => if inside { expected.push(&bar) },
            }
        }
        let count = limit.map_or(expected.len(), |limit| expected.len().min(limit as usize));
        let rows: Vec<usize> = if newest_first { (0..expected.len()).rev().take(count).collect() } else { (0..count).collect() };
        let expected: BarColumns<Decimal> = rows.into_iter().map(|row| expected.bar(row)).collect();
        let filter = claim.as_ref().map(|claim| Filter::parse(claim).unwrap());
        let query = Query { range, columns: Columns::ALL, filter, session, limit, order };
        let planned = plan(&series.manifest, query.clone()).unwrap();
        let (found, fetched) = series.read(query).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(found, expected);
        // Nothing is read that was not planned, and nothing twice.
        let planned: BTreeSet<_> = planned.partitions.into_iter().flat_map(|file| file.fetches).map(|fetch| (fetch.key, fetch.range.start, fetch.range.end)).collect();
        let read: BTreeSet<_> = fetched.iter().map(|fetch| (fetch.key.clone(), fetch.range.start, fetch.range.end)).collect();
        prop_assert!(read.is_subset(&planned) && read.len() == fetched.len());
    }
}
