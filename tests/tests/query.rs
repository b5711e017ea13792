//! `barkeep query` as a user runs it: conditions, sessions, coarser bars, several series, and what is read for them.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use serde_json::Value;
use tests::Place;

const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
const ACME: &str = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL";

/// A row as it was printed: what stands under each header.
type Row = BTreeMap<String, String>;

/// Whether a row is in the answer.
type Holds<'a> = &'a dyn Fn(&Row) -> bool;

fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row =
        |line: &str| names.iter().map(ToString::to_string).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

fn query(place: &Place, words: &str, more: &[&str]) -> Vec<Row> {
    let said = place.barkeep_with(&format!("query --format csv {words}"), more);
    assert_eq!(said.code, 0, "{words} {more:?}: {}", said.err);
    rows(&said.out)
}

fn number(row: &Row, name: &str) -> f64 {
    row[name].parse().unwrap()
}

#[test]
fn conditions_choose_bars() {
    let place = Place::new();
    place.demo();
    let all = query(&place, BTC, &[]);
    let hour = |row: &Row| row["ts_event"][11..13].parse::<u32>().unwrap();
    let cases: [(&str, Holds); 9] = [
        ("close > 77700", &|row| number(row, "close") > 77_700.0),
        ("close > open AND NOT volume < 5.5", &|row| {
            number(row, "close") > number(row, "open") && number(row, "volume") >= 5.5
        }),
        ("high - low >= 100.5 OR close = 77701.70", &|row| {
            (number(row, "high") * 100.0).round() - (number(row, "low") * 100.0).round() >= 10_050.0
                || row["close"] == "77701.70"
        }),
        ("volume IN (2.30483994, 0.04141335)", &|row| {
            ["2.30483994", "0.04141335"].contains(&row["volume"].as_str())
        }),
        ("hour(ts) BETWEEN 13 AND 14 AND close > 60000", &|row| (13..=14).contains(&hour(row))),
        ("date(ts) = '2026-08-20' AND time(ts) < '00:03'", &|row| {
            ["2026-08-20T00:00:00Z", "2026-08-20T00:01:00Z", "2026-08-20T00:02:00Z"]
                .contains(&row["ts_event"].as_str())
        }),
        ("hour(ts AT TIME ZONE 'America/New_York') = 9", &|row| hour(row) == 13),
        ("volume > 0 AND close / volume > 1000000", &|row| {
            number(row, "volume") > 0.0 && number(row, "close") / number(row, "volume") > 1e6
        }),
        ("CASE WHEN close > open THEN volume ELSE 0 END > 20", &|row| {
            number(row, "close") > number(row, "open") && number(row, "volume") > 20.0
        }),
    ];
    for (condition, holds) in cases {
        let expected: Vec<&Row> = all.iter().filter(|row| holds(row)).collect();
        let found = query(&place, BTC, &["--where", condition]);
        assert!(!expected.is_empty() && expected.len() < all.len(), "{condition}");
        assert!(
            found.iter().eq(expected.iter().copied()),
            "{condition}: {} of {}",
            found.len(),
            expected.len()
        );
        // Columns that only the condition looks at are not printed, and the other end is the other end.
        let last =
            query(&place, &format!("{BTC} --columns open --newest-first --limit 1"), &["--where", condition]);
        let open = |row: &Row| [("open".to_owned(), row["open"].clone())].into_iter().collect::<Row>();
        assert_eq!(last, [open(expected[expected.len() - 1])], "{condition}");
    }
    // Nothing escapes the range.
    let range = format!("{BTC} --start 2026-08-20 --end 2026-08-20T00:02:00Z");
    for condition in ["1 = 1 OR close > 0", "close < 0 OR ts < '2100-01-01'"] {
        assert_eq!(query(&place, &range, &["--where", condition]).len(), 2, "{condition}");
    }
}

#[test]
fn wrong_conditions_point_at_the_word() {
    let place = Place::new();
    place.demo();
    for (condition, expected) in [
        ("closs > 5", "unknown name `closs`\n  closs > 5\n  ^^^^^\n  1. did you mean `close`?"),
        ("close > 'abc'", "a number cannot be compared with text\n  close > 'abc'\n          ^^^^^\n  1. "),
        ("close > 'abc", "a quote is not closed\n  close > 'abc\n          ^^^^\n  1. "),
        ("ts > 20260820", "a time cannot be compared with a number\n  ts > 20260820\n       ^^^^^^^^\n  1. "),
        ("close >", "ends too early\n  close >\n         ^\n  1. "),
        ("", "the expression is empty\n  1. "),
        ("close", "needs a condition, and this is a number\n  close\n  ^^^^^\n  1. "),
        ("close > 1 / 0", "division by zero\n  close > 1 / 0\n              ^"),
        (
            "close * 1e38 > 1",
            "no value for the bar at 2026-08-17T00:01:00Z: the result has more than 38 digits",
        ),
        (
            "close / (volume - volume) > 1",
            "division by zero\n  close / (volume - volume) > 1\n          ^^^^^^^^^^^^^^^^^",
        ),
        ("-close > 1 -- all", "no comments"),
        (&"(".repeat(100_000), "more than 65536"),
        (&"(".repeat(60_000), "levels deep"),
    ] {
        let said = place.barkeep_with(&format!("query {BTC}"), &["--where", condition]);
        let shown: String = condition.chars().take(40).collect();
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{shown}: {}", said.err);
        assert!(said.err.contains(expected), "{shown}: {}", said.err);
    }
    for (words, code, expected) in [
        (format!("{BTC} --align session"), 2, "--resample"),
        (format!("{BTC} --resample 90-SECOND"), 2, "multiple of the stored one"),
        (format!("{BTC} --resample 1-MONTH"), 2, "fixed length"),
        (format!("{BTC} --resample 1-WEEK --align session"), 2, "at most one session"),
        (format!("{BTC} --session lunar"), 2, "lunar"),
        (format!("{BTC} {BTC}"), 2, "asked for twice"),
        (format!("{BTC} X.Y-1-MINUTE-LAST-EXTERNAL"), 3, "no series"),
        (format!("{BTC} --order desc --newest-first"), 2, "cannot be used with"),
        (format!("{BTC} --explain --format csv"), 2, "as a table or as JSON"),
    ] {
        let said = place.barkeep(&format!("query {words}"));
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{words}: {}", said.err);
        assert!(said.err.contains(expected), "{words}: {}", said.err);
    }
}

#[test]
fn only_what_is_planned_is_read() {
    let place = Place::new();
    let catalog = place.demo().catalog();
    let explain = |more: &[&str]| -> Value {
        let said = place.barkeep_with(&format!("query {BTC} --explain --format json"), more);
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str::<Value>(&said.out).unwrap()["series"][0].clone()
    };
    let all = explain(&[]);
    assert_eq!((&all["partitions_kept"], &all["partitions_pruned"]), (&14.into(), &0.into()));
    assert_eq!((&all["bytes"], &all["rows_at_most"]), (&all["series_bytes"], &20_160.into()));
    let day = ["--where", "ts > '2026-08-20' AND ts <= '2026-08-21' AND close > 0"];
    let one = explain(&day);
    assert_eq!(
        (&one["partitions_kept"], &one["partitions_pruned"], &one["requests"]),
        (&1.into(), &13.into(), &1.into())
    );
    let newest = ["--newest-first", "--limit", "5"];
    let last = explain(&newest);
    let weekend = ["--session", "us-equities"];
    assert_eq!(explain(&weekend)["partitions_kept"], 10);
    let text = place.barkeep_with(&format!("query {BTC} --explain"), &day);
    for line in ["partitions  1 kept, 13 pruned", "where       ts > '2026-08-20'", "to fetch    1 request, "]
    {
        assert!(text.out.contains(line), "{}", text.out);
    }
    // With all other files gone, what was planned can still be read; and a plan reads no bars at all.
    let kept: Vec<&str> =
        [&one, &last].iter().map(|plan| plan["files"][0]["key"].as_str().unwrap()).collect();
    for file in all["files"].as_array().unwrap() {
        let key = file["key"].as_str().unwrap();
        if !kept.contains(&key) {
            std::fs::remove_file(catalog.join(key)).unwrap();
        }
    }
    assert_eq!(query(&place, BTC, &day).len(), 1440);
    assert_eq!(query(&place, BTC, &newest)[0]["ts_event"], "2026-08-31T00:00:00Z");
    assert_eq!(explain(&[]), all);
    let broken = place.barkeep(&format!("query {BTC}"));
    assert_eq!((broken.code, broken.out.as_str()), (3, ""), "{}", broken.err);
}

#[test]
fn several_series_come_in_the_order_of_their_stamps() {
    let place = Place::new();
    place.demo();
    let range = "--start 2026-08-25T12:00:00Z --end 2026-08-26T18:00:00Z";
    let mut expected = Vec::new();
    for (place_in_order, series) in [ACME, BTC].into_iter().enumerate() {
        for row in query(&place, &format!("{series} {range} --columns bar_type,ts_init,close"), &[]) {
            assert_eq!(row["bar_type"], series);
            expected.push((row["ts_init"].clone(), place_in_order, row["close"].clone()));
        }
    }
    let pairs = |rows: Vec<Row>| -> Vec<(String, usize, String)> {
        let place = |row: &Row| usize::from(row["bar_type"] == BTC);
        rows.into_iter().map(|row| (row["ts_init"].clone(), place(&row), row["close"].clone())).collect()
    };
    expected.sort();
    assert!(expected.len() > 2_000);
    let words = format!("{ACME} {BTC} {range} --columns ts_init,close");
    assert_eq!(pairs(query(&place, &words, &[])), expected);
    assert_eq!(pairs(query(&place, &format!("{words} --limit 777"), &[])), expected[..777]);
    let newest = pairs(query(&place, &format!("{words} --order desc --limit 1500"), &[]));
    expected.sort_by(|left, right| (&right.0, left.1).cmp(&(&left.0, right.1)));
    assert_eq!(newest, expected[..1500]);
    let plan: Value =
        serde_json::from_str(&place.barkeep(&format!("query {words} --explain --format json")).out).unwrap();
    let bytes: u64 =
        plan["series"].as_array().unwrap().iter().map(|series| series["bytes"].as_u64().unwrap()).sum();
    assert_eq!(plan["bytes"], bytes);
}

/// First open, highest high, lowest low, last close, sum of volumes, in cents and units.
fn aggregated(rows: &[&Row]) -> (f64, f64, f64, f64, f64) {
    let column = |name: &'static str| rows.iter().map(move |row| number(row, name));
    (
        number(rows[0], "open"),
        column("high").fold(f64::MIN, f64::max),
        column("low").fold(f64::MAX, f64::min),
        number(rows[rows.len() - 1], "close"),
        column("volume").sum(),
    )
}

#[test]
fn coarser_bars_are_made_of_all_their_bars() {
    let place = Place::new();
    place.demo();
    let minutes = query(&place, ACME, &[]);
    let minute_of = |row: &Row| -> u64 {
        let stamp = &row["ts_event"];
        let part = |range: std::ops::Range<usize>| stamp[range].parse::<u64>().unwrap();
        (part(5..7) * 31 + part(8..10)) * 1440 + part(11..13) * 60 + part(14..16)
    };
    // New York opens at 13:30 UTC in summer.
    for (words, size, opens_at) in [
        ("--align clock", 15, 0),
        ("--align session", 60, 13 * 60 + 30),
        ("--align session", 45, 13 * 60 + 30),
    ] {
        let mut groups: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
        for row in &minutes {
            let (day, minute) = ((minute_of(row) - 1) / 1440, (minute_of(row) - 1) % 1440);
            groups.entry(day * 10_000 + (minute - opens_at) / size).or_default().push(row);
        }
        let words = format!("{ACME} --resample {size}-MINUTE {words}");
        let found = query(&place, &words, &[]);
        assert_eq!(found.len(), groups.len(), "{words}");
        for (row, group) in found.iter().zip(groups.values()) {
            assert_eq!(aggregated(&[row]), aggregated(group), "{words} {}", row["ts_event"]);
            assert_eq!(row["ts_event"], row["ts_init"]);
            assert!(minute_of(row) >= minute_of(group[group.len() - 1]), "labelled by the close");
        }
        let mut newest = query(&place, &format!("{words} --newest-first"), &[]);
        newest.reverse();
        assert_eq!(newest, found, "{words}");
        for limit in [1, 7] {
            assert_eq!(query(&place, &format!("{words} --limit {limit}"), &[]), found[..limit], "{words}");
            let last = query(&place, &format!("{words} --newest-first --limit {limit}"), &[]);
            assert!(last.iter().eq(found.iter().rev().take(limit)), "{words}");
        }
    }
    let said = place.barkeep(&format!(
        "query {ACME} --resample 1-DAY --align session --columns bar_type,ts_event,volume"
    ));
    assert!(
        said.out.contains("ACME.NASDAQ-1-DAY-LAST-INTERNAL@1-MINUTE-EXTERNAL  2026-08-24T20:00:00Z"),
        "{}",
        said.out
    );
    assert_eq!(said.out.lines().count(), 19, "18 sessions");
    for part in [
        "18 ACME.NASDAQ-1-DAY-LAST-INTERNAL@1-MINUTE-EXTERNAL made of 6,930 ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL",
        "aligned to the open of each session, each stamped with the close of its interval",
        // The session with the hole.
        "1 made of fewer bars than the interval holds, which are kept",
    ] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    // The condition chooses stored bars, before they are made coarser.
    let filtered = query(
        &place,
        &format!("{ACME} --resample 1-DAY --align session --limit 1"),
        &["--where", "volume > 5000"],
    );
    let first_day = minutes.iter().take_while(|row| row["ts_event"].starts_with("2026-08-24"));
    let expected: Vec<&Row> = first_day.filter(|row| number(row, "volume") > 5000.0).collect();
    assert_eq!(aggregated(&[&filtered[0]]), aggregated(&expected));
}

#[test]
fn formats_hold_the_same_bars() {
    let place = Place::new();
    place.demo();
    let words =
        format!("{ACME} {BTC} --start 2026-08-27 --end 2026-08-29 --columns bar_type,ts_event,close,volume");
    let csv = query(&place, &words, &[]);
    assert!(csv.len() > 3_000);
    let objects = |text: &str| -> Vec<Row> { serde_json::from_str(text).unwrap() };
    assert_eq!(objects(&place.barkeep(&format!("query {words} --format json")).out), csv);
    let lines = place.barkeep(&format!("query {words} --format jsonl")).out;
    assert_eq!(objects(&format!("[{}]", lines.trim_end().replace('\n', ","))), csv);
    let table = place.barkeep(&format!("query {words}")).out;
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (line, row) in table.lines().skip(1).zip(&csv) {
        assert_eq!(cells(line), ["bar_type", "ts_event", "close", "volume"].map(|name| row[name].clone()));
    }
    let arrow = place.bytes(&format!("query {words} --format arrow"));
    let reader = arrow_ipc::reader::StreamReader::try_new(&arrow[..], None).unwrap();
    assert_eq!(shown(reader.map(Result::unwrap)), csv);
    let parquet = place.bytes(&format!("query {words} --format parquet"));
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet))
            .unwrap();
    assert_eq!(shown(reader.build().unwrap().map(Result::unwrap)), csv);
    // Of no bars, every format is still one of its kind.
    let none = format!("query {BTC} --end 2000-01-01 --columns close --format");
    for (format, expected) in [("csv", "close\n"), ("jsonl", ""), ("json", "[]\n"), ("table", "close\n")] {
        assert_eq!(place.barkeep(&format!("{none} {format}")).out, expected, "{format}");
    }
    let empty = place.bytes(&format!("{none} parquet"));
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(empty))
            .unwrap();
    assert_eq!(reader.schema().fields().len(), 1);
}

/// Rows of record batches as CSV shows them; of several series, decimals have those of the most exact one.
fn shown(batches: impl Iterator<Item = RecordBatch>) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let series = column("bar_type").as_dictionary::<Int32Type>();
        let names = series.values().as_string::<i32>();
        let stamps = column("ts_event").as_primitive::<arrow_array::types::TimestampNanosecondType>();
        let decimal = |name: &str, row: usize, decimals: usize| {
            let values = column(name).as_primitive::<Decimal128Type>();
            let text = values.value_as_string(row);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let cut = &fraction[..decimals.min(fraction.len())];
            if decimals == 0 { whole.to_owned() } else { format!("{whole}.{cut}") }
        };
        for row in 0..batch.num_rows() {
            let name = names.value(series.keys().value(row) as usize);
            let size_decimals = if name == BTC { 8 } else { 0 };
            let stamp =
                stamps.value_as_datetime(row).map(|time| format!("{}Z", time.format("%Y-%m-%dT%H:%M:%S")));
            rows.push(Row::from([
                ("bar_type".to_owned(), name.to_owned()),
                ("ts_event".to_owned(), stamp.unwrap()),
                ("close".to_owned(), decimal("close", row, 2)),
                ("volume".to_owned(), decimal("volume", row, size_decimals)),
            ]));
        }
    }
    rows
}

#[test]
fn help_teaches_the_language() {
    let help = Place::new().barkeep("query --help");
    for part in
        ["--where <CONDITION>", "AT TIME ZONE", "dow (Sunday is 0)", "--explain", "--newest-first --limit 10"]
    {
        assert!(help.code == 0 && help.out.contains(part), "{part}: {}", help.out);
    }
}
