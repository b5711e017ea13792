//! Importing, listing and querying as a user does, with good and with bad input.

use std::io::Write;

use serde_json::Value;
use tests::Place;

const HEADER: &str = "timestamp,open,high,low,close,volume\n";
const IMPORT: &str = "import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open --tz UTC";
const SERIES: &str = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";

/// Minutes of 2024-01-08 from 14:30, with 2 decimals.
fn rows(minutes: std::ops::Range<i64>) -> String {
    let row = |minute: i64| {
        format!(
            "{},185.{:02},186.00,184.50,185.{:02},{}\n",
            1_704_724_200 + minute * 60,
            minute % 50,
            minute % 37,
            100 + minute
        )
    };
    minutes.map(row).collect()
}

#[test]
fn an_import_can_be_read_back() {
    let place = Place::new();
    place.file("bars.csv", format!("{HEADER}{}", rows(0..390)));
    let done = place.barkeep(IMPORT);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("added 390 bars that close from 2024-01-08T14:31:00Z to 2024-01-08T21:00:00Z"),
        "{}",
        done.out
    );
    let csv = place.barkeep(&format!(
        "query {SERIES} --start 2024-01-08T14:31:00Z --end 2024-01-08T14:33:00Z --format csv"
    ));
    assert_eq!(
        csv.out,
        "ts_event,open,high,low,close,volume,ts_init\n\
         2024-01-08T14:31:00Z,185.00,186.00,184.50,185.00,100,2024-01-08T14:31:00Z\n\
         2024-01-08T14:32:00Z,185.01,186.00,184.50,185.01,101,2024-01-08T14:32:00Z\n"
    );
    let columns = place.barkeep(&format!("query {SERIES} --columns ts_event,close --limit 1 --format jsonl"));
    assert_eq!(columns.out, "{\"ts_event\":\"2024-01-08T14:31:00Z\",\"close\":\"185.00\"}\n");
    let list: Value = serde_json::from_str(&place.barkeep("list --format json").out).unwrap();
    assert_eq!(
        (&list[0]["bar_type"], &list[0]["rows"], &list[0]["expected"]),
        (&SERIES.into(), &390.into(), &390.into())
    );
    // Again: nothing new. Longer: only what is new, and as one more file.
    assert!(place.barkeep(IMPORT).out.contains("390 were stored already"));
    place.file("bars.csv", format!("{HEADER}{}", rows(0..400)));
    assert!(place.barkeep(IMPORT).out.contains("added 10 bars"));
    let all = place.barkeep(&format!("query {SERIES} --format csv"));
    assert_eq!(all.out.lines().count(), 401);
}

#[test]
fn gzip_and_formats() {
    let place = Place::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(format!("{HEADER}{}", rows(0..100)).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    place.file("bars.csv", &packed);
    assert_eq!(place.barkeep(&format!("{IMPORT} --profile compact")).code, 0);
    for (format, magic) in [("parquet", "PAR1"), ("arrow", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}")] {
        let printed = place.barkeep(&format!("query {SERIES} --format {format}"));
        assert!(printed.out.starts_with(magic), "{format}");
    }
    // Cut off in the middle: nothing is imported.
    let other = Place::new();
    other.file("bars.csv", &packed[..packed.len() - 20]);
    let cut = other.barkeep(IMPORT);
    assert_eq!(cut.code, 2);
    assert!(cut.err.contains("ends in the middle"), "{}", cut.err);
    assert!(!other.catalog().exists());
}

#[test]
fn bad_input_names_place_and_remedy_and_imports_nothing() {
    for (content, flags, expected) in [
        (format!("{HEADER}{}1704724260,1,2,0.5,abc,1\n", rows(0..1)), "", "line 3"),
        (format!("{HEADER}{}1704724200,1,2,0.5,1,1\n", rows(0..1)), "", "comes twice"),
        (format!("{HEADER}{}1704720000,1,2,0.5,1,1\n", rows(0..1)), "", "out of order"),
        (format!("{HEADER}1704724200,1,0.9,0.5,1,1\n"), "", "the high is below"),
        ("timestamp,open,high,low,volume\n1,1,1,1,1\n".to_owned(), "", "no column for the close"),
        (HEADER.to_owned(), "", "holds no rows"),
        (String::new(), "", "is empty"),
        (format!("{HEADER}{}", rows(0..3)), " --tz Mars/Olympus", "`Mars/Olympus` is not a time zone"),
        (format!("{HEADER}{}", rows(0..3)), " --columns close=Last", "`Last`"),
    ] {
        let place = Place::new();
        place.file("bars.csv", content);
        let import = if flags.contains("--tz") { IMPORT.replace(" --tz UTC", "") } else { IMPORT.to_owned() };
        let failed = place.barkeep(&format!("{import}{flags}"));
        assert_eq!(failed.code, 2, "{expected}: {}", failed.err);
        assert!(failed.err.contains(expected) && failed.err.contains("\n  1. "), "{}", failed.err);
        assert!(!place.catalog().join("manifest").exists(), "{expected}");
    }
}

#[test]
fn bad_rows_can_be_left_out_or_kept_aside() {
    let place = Place::new();
    place.file("bars.csv", format!("{HEADER}{}1704724260,1,2,0.5,abc,1\n{}", rows(0..1), rows(2..5)));
    let done = place.barkeep(&format!("{IMPORT} --on-invalid quarantine"));
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("added 4 bars") && done.out.contains("1 rows were left out"), "{}", done.out);
    let rejects = std::fs::read_to_string(place.path("bars.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("3,") && rejects.contains("abc"), "{rejects}");
    let skipped = place.barkeep(&format!("{IMPORT} --on-invalid skip"));
    assert!(skipped.out.contains("4 were stored already"), "{}", skipped.out);
}

#[test]
fn contradictions_and_dry_runs_change_nothing() {
    let place = Place::new();
    place.file("bars.csv", format!("{HEADER}{}", rows(0..10)));
    assert!(place.barkeep(&format!("{IMPORT} --dry-run")).out.contains("would add 10 bars"));
    assert!(!place.catalog().exists());
    place.barkeep(IMPORT);
    place.file("bars.csv", format!("{HEADER}{}", rows(0..12).replace("184.50", "184.40")));
    let conflict = place.barkeep(IMPORT);
    assert_eq!(conflict.code, 4, "{}", conflict.err);
    assert!(
        conflict.err.contains("10 of the bars differ") && conflict.err.contains("--overlap keep"),
        "{}",
        conflict.err
    );
    let kept = place.barkeep(&format!("{IMPORT} --overlap keep"));
    assert!(kept.out.contains("added 2 bars") && kept.out.contains("10 differ"), "{}", kept.out);
}

#[test]
fn files_of_known_sources_need_less_said() {
    let place = Place::new();
    let kline = |minute: i64| {
        let open = 1_704_724_200_000 + minute * 60_000;
        format!("{open},1.0,2.0,0.5,1.5,10.5,{},100.0,5,1.0,2.0,0\n", open + 59_999)
    };
    place.file("BTCUSDT-1m-2024-01-09.csv", (0..3).map(|minute| kline(1440 + minute)).collect::<String>());
    place.file("BTCUSDT-1m-2024-01-08.csv", (0..3).map(kline).collect::<String>());
    let import = "import csv BTCUSDT-1m-*.csv --venue BINANCE --bar 1-MINUTE";
    let shown = place.barkeep(&format!("{import} --dry-run --preview 2"));
    assert!(shown.err.contains("looks like binance") && shown.err.contains("--preset none"), "{}", shown.err);
    assert!(
        shown.out.contains("2024-01-08T14:30:00Z  2024-01-08T14:31:00Z   1.0   2.0  0.5    1.5    10.5"),
        "{}",
        shown.out
    );
    assert!(!place.catalog().exists());
    let done = place.barkeep(&format!("{import} --chunk-rows 3"));
    assert!(
        done.out.contains("BTCUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL: added 6 bars"),
        "{} {}",
        done.out,
        done.err
    );
    assert!(done.out.contains("2 commits up to snapshot 2"), "{}", done.out);
    let columns = place.barkeep("query BTCUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL --format csv");
    assert_eq!(columns.out.lines().count(), 7);
    assert!(place.barkeep("import csv --list-presets").out.contains("metatrader"));
    let asked = place.barkeep("import csv BTCUSDT-1m-2024-01-08.csv --venue BINANCE");
    assert!(asked.code == 2 && asked.err.contains("say how long a bar is"), "{}", asked.err);
}

#[test]
fn catalogs_that_are_none() {
    let place = Place::new();
    let missing = place.barkeep("list");
    assert_eq!(missing.code, 3);
    assert!(
        missing.err.contains("there is no catalog") && missing.err.contains("barkeep demo"),
        "{}",
        missing.err
    );
    std::fs::create_dir_all(place.catalog().join("data/bar/X.Y-1-MINUTE-LAST-EXTERNAL")).unwrap();
    std::fs::write(place.catalog().join("data/bar/X.Y-1-MINUTE-LAST-EXTERNAL/part-0.parquet"), b"PAR1")
        .unwrap();
    for command in ["list", IMPORT] {
        place.file("bars.csv", format!("{HEADER}{}", rows(0..3)));
        let foreign = place.barkeep(command);
        assert!(foreign.err.contains("files that Barkeep did not write"), "{}", foreign.err);
    }
}

#[test]
fn a_foreign_file_is_not_doubled() {
    let place = Place::new();
    place.file("bars.csv", format!("{HEADER}{}", rows(0..10)));
    place.barkeep(IMPORT);
    let directory = place.catalog().join("data/bars").join(SERIES);
    let ours = std::fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
    // As NautilusTrader names it, for the ten minutes after ours.
    let foreign = directory.join("2024-01-08T14-41-00-000000000Z_2024-01-08T14-50-00-000000000Z.parquet");
    std::fs::copy(ours, &foreign).unwrap();
    place.file("bars.csv", format!("{HEADER}{}", rows(0..20)));
    let refused = place.barkeep(IMPORT);
    assert_eq!(refused.code, 4);
    assert!(
        refused.err.contains("another program has written") && refused.err.contains("14-41-00"),
        "{}",
        refused.err
    );
    std::fs::remove_file(foreign).unwrap();
    assert!(place.barkeep(IMPORT).out.contains("added 10 bars"));
}

#[test]
fn damage_is_found_and_named() {
    let place = Place::new();
    let catalog = place.demo().catalog();
    let entry: Value =
        serde_json::from_str(&place.barkeep("info ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --format json").out)
            .unwrap();
    let key = entry["partitions"][3]["key"].as_str().unwrap();
    let file = catalog.join(key);
    let good = std::fs::read(&file).unwrap();
    let query = "query ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --format csv";
    let before = place.barkeep(query).out;
    let mut flipped = good.clone();
    flipped[good.len() / 3] ^= 4;
    for damaged in [&flipped[..], &good[..good.len() / 2], &[]] {
        std::fs::write(&file, damaged).unwrap();
        let failed = place.barkeep(query);
        assert!(failed.code != 0 && failed.out.is_empty(), "{}", failed.out);
        assert!(failed.err.contains(key), "{}", failed.err);
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(place.barkeep(query).code, 3);
    // Other days are not affected.
    let other = place.barkeep(&format!("{query} --end 2026-08-26"));
    assert_eq!((other.code, other.out.lines().count()), (0, 781), "{}", other.err);
    std::fs::write(&file, &good).unwrap();
    assert_eq!(place.barkeep(query).out, before);
    let head = catalog.join("manifest/head.json");
    let text = std::fs::read(&head).unwrap();
    std::fs::write(&head, &text[..text.len() / 2]).unwrap();
    // The head is a hint: without it the newest snapshot is found all the same.
    let listed = place.barkeep("list");
    assert_eq!(listed.code, 0);
    assert!(listed.err.contains("manifest/head.json"), "{}", listed.err);
}

#[test]
fn a_stopped_writer_leaves_a_whole_catalog() {
    let place = Place::new();
    let catalog = place.demo().catalog();
    // As if the writer was killed after its commit and before it renewed the head.
    let head = catalog.join("manifest/head.json");
    let old = std::fs::read(&head).unwrap();
    place.file("bars.csv", format!("{HEADER}{}", rows(0..10)));
    place.barkeep(IMPORT);
    std::fs::write(&head, &old).unwrap();
    assert!(place.barkeep("info").out.contains("snapshot   2"));
    place.file("bars.csv", format!("{HEADER}{}", rows(0..20)));
    assert!(place.barkeep(IMPORT).out.contains("snapshot 3"));
    std::fs::remove_file(&head).unwrap();
    assert!(place.barkeep("info").out.contains("snapshot   3"));
    // And as if it was killed before its very first commit.
    std::fs::remove_dir_all(catalog.join("manifest")).unwrap();
    assert!(place.barkeep("demo --no-serve").out.contains("27,090 bars"));
}

#[test]
fn wrong_usage_is_explained() {
    let place = Place::new();
    place.demo();
    for (words, expected) in [
        ("query BTC/USD.BITSTAMP-1-MINUTE-LAST", "it needs instrument"),
        ("query BTC/USD.KRAKEN-1-MINUTE-LAST-EXTERNAL", "the catalog has no series"),
        ("query ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --columns closing", "there is no column `closing`"),
        ("query ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --start 2026-09-02 --end 2026-09-01", "is empty"),
        ("backtest run --series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --param fats=3 --param slow=5", "fats"),
        ("backtest run --series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --param fast=5 --param slow=5", "5"),
        ("backtest run --series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --cash 0", "cash"),
        ("backtest run --series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --start 2030-01-01", "no bars of ACME"),
    ] {
        let failed = place.barkeep(words);
        assert!(failed.code != 0 && failed.err.contains(expected), "{words}: {}", failed.err);
    }
    for command in [
        "",
        "import",
        "import csv",
        "import parquet",
        "import files",
        "list",
        "info",
        "query",
        "serve",
        "demo",
        "backtest",
        "backtest run",
        "backtest sweep",
    ] {
        let help = place.barkeep(&format!("{command} --help"));
        assert!(help.code == 0 && help.out.contains("Usage:"), "{command}");
    }
}
