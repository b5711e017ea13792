//! Text as people write it: stamps, zones, clocks that are put back, numbers, columns, symbols, several files.

use bars::{Calendar, UnixNanos};

use super::*;
use crate::bar_files::{Field, OnInvalid, TimeFormat};

const HEADER: &str = "timestamp,open,high,low,close,volume\n";

fn closes(options: &ImportOptions) -> Vec<String> {
    bars(options).ts_init.iter().map(|close| UnixNanos(*close).to_string()).collect()
}

fn times(rows: &[&str], bar: &str) -> (Files, ImportOptions) {
    let rows: String = rows.iter().map(|time| format!("{time},1,2,0.5,1.5,10\n")).collect();
    let files = Files::one("bars.csv", format!("{HEADER}{rows}"));
    let options = files.options(bar);
    (files, options)
}

#[test]
fn stamps_become_closes() {
    let new_york = |options: &mut ImportOptions| options.zone = zone("America/New_York");
    let at_close = |options: &mut ImportOptions| options.stamp = Some(Stamp::Close);
    let us = |options: &mut ImportOptions| options.calendar = Some(Calendar::UsEquities);
    let plain = |_: &mut ImportOptions| {};
    let tokyo = |options: &mut ImportOptions| options.zone = zone("Asia/Tokyo");
    for (time, bar, change, expected) in [
        ("1704724200", "1-MINUTE", &plain as &dyn Fn(&mut ImportOptions), "2024-01-08T14:31:00Z"),
        ("2024-01-08 14:30:00+01:00", "5-MINUTE", &plain, "2024-01-08T13:35:00Z"),
        ("2024-01-08 09:30", "1-MINUTE", &new_york, "2024-01-08T14:31:00Z"),
        ("2024-01-08 14:31:00", "1-MINUTE", &at_close, "2024-01-08T14:31:00Z"),
        ("2024-01-08", "1-DAY", &plain, "2024-01-09T00:00:00Z"),
        ("2024-01-08", "1-DAY", &us, "2024-01-08T21:00:00Z"),
        ("20240108", "1-DAY", &us, "2024-01-08T21:00:00Z"),
        ("2024-07-03", "1-DAY", &us, "2024-07-03T17:00:00Z"),
        ("2024-01-08 00:00:00+09:00", "1-DAY", &plain, "2024-01-09T00:00:00Z"),
        ("2024-01-07T15:00:00Z", "1-DAY", &tokyo, "2024-01-09T00:00:00Z"),
        ("2024-01-08 16:00:00", "1-DAY", &plain, "2024-01-09T00:00:00Z"),
    ] {
        let (_files, mut options) = times(&[time], bar);
        change(&mut options);
        assert_eq!(closes(&options), [expected], "{time} {bar}");
    }
}

#[test]
fn hours_that_come_twice_are_told_apart_by_their_order() {
    let half_hours =
        ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"].map(|clock| format!("2024-11-03 {clock}"));
    let rows: Vec<&str> = half_hours.iter().map(String::as_str).collect();
    let (_files, mut options) = times(&rows, "30-MINUTE");
    options.zone = zone("America/New_York");
    assert_eq!(
        closes(&options),
        [
            "2024-11-03T05:00:00Z",
            "2024-11-03T05:30:00Z",
            "2024-11-03T06:00:00Z",
            "2024-11-03T06:30:00Z",
            "2024-11-03T07:00:00Z",
            "2024-11-03T07:30:00Z"
        ]
    );
    assert!(
        look(&options)
            .unwrap()
            .notes
            .iter()
            .any(|note| note.starts_with("4 rows have local times that come twice"))
    );
    // Once only: nothing tells which hour it is. And what the clocks skip does not exist.
    for (rows, bad, reason) in [
        (
            &["2024-11-03 00:30", "2024-11-03 01:00", "2024-11-03 02:00"][..],
            1,
            "comes twice, at 2024-11-03T05:00:00Z and at 2024-11-03T06:00:00Z",
        ),
        (&["2024-11-03 01:00"], 1, "comes twice"),
        (&["2024-11-03 01:00", "2024-11-03 01:00", "2024-11-03 01:00"], 3, "comes twice"),
        (
            &["2024-03-10 01:30", "2024-03-10 02:30", "2024-03-10 03:00"],
            1,
            "does not exist in America/New_York",
        ),
    ] {
        let (_files, mut options) = times(rows, "30-MINUTE");
        options.zone = zone("America/New_York");
        let found = look(&options).unwrap();
        assert_eq!(found.bad.count, bad, "{rows:?} {:?}", found.bad.shown);
        assert!(found.bad.shown[0].fault.reason.contains(reason), "{}", found.bad.shown[0].fault.reason);
        assert_eq!(found.rows() + bad, rows.len() as u64);
    }
}

#[test]
fn layouts_are_found() {
    let expected = "2024-01-08T14:31:00Z 1234.5 1300 1200.25 1250 1000.5";
    let plain = |_: &mut ImportOptions| {};
    for (text, change) in [
        (
            "timestamp,open,high,low,close,volume\n2024-01-08 14:30,1234.5,1300,1200.25,1250,1000.5\n",
            &plain as &dyn Fn(&mut ImportOptions),
        ),
        (
            "\u{feff}Timestamp;Open;High;Low;Close;Volume\r\n2024-01-08 14:30;1234.5;1300;1200.25;1250;1000.5\r\n",
            &plain,
        ),
        ("time|o|h|l|c|v\n2024-01-08 14:30|1234,5|1300|1200,25|1250|1000,5\n", &plain),
        (
            "Date\tTime\tOpen\tHigh\tLow\tClose\tVol\n2024-01-08\t14:30\t1.234,50\t1.300,00\t1.200,25\t1.250,00\t1.000,50\n",
            &plain,
        ),
        ("volume,close,low,high,open,date\n1000.5,1250,1200.25,1300,1234.5,2024-01-08 14:30\n", &plain),
        (
            "time,open,high,low,close,volume\n\"2024-01-08 14:30\",\"1,234.50\",\"1,300.00\",\"1,200.25\",\"1,250.00\",\"1,000.50\"\n",
            &plain,
        ),
        ("2024-01-08 14:30,1234.5,1300,1200.25,1250,1000.5\n", &plain),
        ("2024-01-08,14:30,1234.5,1300,1200.25,1250,1000.5\n", &plain),
        (
            "made by hand\n\ntime,open,high,low,close,volume\n2024-01-08 14:30,1234.5,1300,1200.25,1250,1000.5\n",
            &|options| options.layout.skip_lines = 2,
        ),
        (
            "Zeit;Start;Hoch;Tief;Schluss;Menge\n08.01.2024 14:30;1234,5;1300,0;1200,25;1250,0;1000,5\n",
            &|options| {
                options.layout.time_format = Some(TimeFormat::DayFirst);
                options.layout.columns = [
                    (Field::Time, "Zeit"),
                    (Field::Open, "Start"),
                    (Field::High, "Hoch"),
                    (Field::Low, "Tief"),
                    (Field::Close, "Schluss"),
                    (Field::Volume, "6"),
                ]
                .map(|(field, name)| (field, name.to_owned()))
                .to_vec();
            },
        ),
        ("1000.5,2024-01-08 14:30,1234.5,1300,1200.25,1250\n", &|options| {
            options.layout.columns = [
                (Field::Volume, "1"),
                (Field::Time, "2"),
                (Field::Open, "3"),
                (Field::High, "4"),
                (Field::Low, "5"),
                (Field::Close, "6"),
            ]
            .map(|(field, name)| (field, name.to_owned()))
            .to_vec();
        }),
        ("time,open,high,low,close,volume\n1704724200,123450,130000,120025,125000,1000.5\n", &|options| {
            options.layout.price_shift = Some(2)
        }),
    ] {
        let files = Files::one("bars.csv", text);
        let mut options = files.options("1-MINUTE");
        change(&mut options);
        let bars = bars(&options);
        let bar = bars.bar(0);
        let shown =
            format!("{} {} {} {} {} {}", bar.ts_init, bar.open, bar.high, bar.low, bar.close, bar.volume);
        assert_eq!((shown.as_str(), bars.len()), (expected, 1), "{text}");
    }
}

#[test]
fn a_date_with_a_day_above_twelve_tells_the_order() {
    let (_files, options) = times(&["12/01/2024 14:30", "13/01/2024 14:30"], "1-MINUTE");
    assert_eq!(closes(&options), ["2024-01-12T14:31:00Z", "2024-01-13T14:31:00Z"]);
    let (_files, options) = times(&["01/12/2024 14:30", "01/13/2024 14:30"], "1-MINUTE");
    assert_eq!(closes(&options)[1], "2024-01-13T14:31:00Z");
}

#[test]
fn newest_first_files_are_turned_around() {
    let (_files, options) = times(&["1704724320", "1704724260", "1704724200"], "1-MINUTE");
    assert_eq!(closes(&options), ["2024-01-08T14:31:00Z", "2024-01-08T14:32:00Z", "2024-01-08T14:33:00Z"]);
}

#[test]
fn precision_is_inferred() {
    let files = Files::one(
        "bars.csv",
        "time,open,high,low,close,volume\n2024-01-08,1.10,2.125,0.5,1.5,10.00000001\n",
    );
    let found = look(&files.options("1-DAY")).unwrap();
    assert_eq!((found.series[0].price_precision, found.series[0].size_precision), (3, 8));
}

#[test]
fn symbols_make_series() {
    let text = "time,symbol,open,high,low,close,volume\n\
        1704724200,AAPL,1,2,0.5,1.5,10\n1704724200,MSFT,1,2,0.5,1.5,10\n1704724260,AAPL,1,2,0.5,1.5,10\n1704724260,,1,2,0.5,1.5,10\n";
    let files = Files::one("bars.csv", text);
    let mut options = files.options("1-MINUTE");
    let error = look(&options).unwrap_err();
    assert!(
        error.what.contains("several symbols")
            && error.next.iter().any(|next| next.contains("--symbol AAPL")),
        "{error}"
    );
    options.naming = Naming::BySymbol { venue: "NASDAQ".to_owned() };
    let found = look(&options).unwrap();
    let series: Vec<(String, u64)> =
        found.series.iter().map(|series| (series.bar_type.to_string(), series.rows)).collect();
    let name = |symbol: &str| format!("{symbol}.NASDAQ-1-MINUTE-LAST-EXTERNAL");
    assert_eq!(series, [(name("AAPL"), 2), (name("MSFT"), 1)]);
    assert_eq!((found.bad.count, found.bad.shown[0].fault.reason.as_str()), (1, "the symbol is missing"));
    options.only_symbol = Some("MSFT".to_owned());
    let found = look(&options).unwrap();
    assert_eq!((found.rows(), found.other_symbols, found.bad.count), (1, 3, 0));
}

#[test]
fn names_of_files_name_symbols() {
    let row = |minute: i64| format!("{HEADER}{},1,2,0.5,1.5,10\n", 1_704_724_200 + minute * 60);
    let files = Files::new()
        .with("BTCUSDT-1m-2024-02.csv", row(1))
        .with("BTCUSDT-1m-2024-01.csv", row(0))
        .with("BRK-B.csv", row(0))
        .with("XBTUSD_1.csv", row(0));
    let mut options = files.options("1-MINUTE");
    options.naming = Naming::BySymbol { venue: "V".to_owned() };
    let mut series: Vec<(String, u64)> = look(&options)
        .unwrap()
        .series
        .iter()
        .map(|series| (series.bar_type.instrument.to_string(), series.rows))
        .collect();
    series.sort();
    assert_eq!(series, [("BRK-B.V".to_owned(), 1), ("BTCUSDT.V".to_owned(), 2), ("XBTUSD.V".to_owned(), 1)]);
    // All of one instrument, whatever the files are called, and in the order of time.
    let files = Files::new().with("b.csv", row(0)).with("a.csv", row(1));
    assert_eq!(bars(&files.options("1-MINUTE")).len(), 2);
}

#[test]
fn rejects_keep_the_row_and_the_reason() {
    let files = Files::one(
        "bars.csv",
        format!("{HEADER}1704724200,1,2,0.5,1.5,10\n1704724260,\"1,0\",2,0.5,abc,10\n"),
    );
    let mut options = files.options("1-MINUTE");
    let rejects = files.path("bad.csv");
    options.rejects = crate::bar_files::Rejects::File(rejects.clone());
    options.on_invalid = OnInvalid::Skip;
    options.layout.numbers.decimal_mark = Some(b'.');
    let found = look(&options).unwrap();
    assert_eq!((found.bad.count, found.rows()), (1, 1));
    let mut reader = csv::Reader::from_path(rejects).unwrap();
    let record = reader.records().next().unwrap().unwrap();
    assert_eq!((&record[1], &record[3]), ("3", "1704724260,\"1,0\",2,0.5,abc,10"));
    assert!(record[2].contains("the open `1,0`"), "{}", &record[2]);
}
