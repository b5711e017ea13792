//! Parquet and Arrow files with columns of every type that holds a time or a number.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow_schema::ArrowError;

use super::*;
use crate::bar_files::{Field, OnInvalid};

const SECONDS: [i64; 2] = [1_704_724_200, 1_704_724_260];

fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).unwrap()
}

fn parquet_file(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow_file(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

fn arrow_stream(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Prices 1.1, 2.25, 0.5, 1.5 and volume 10, twice, with the times given.
fn with_times(time: ArrayRef) -> RecordBatch {
    let double = |value: f64| Arc::new(Float64Array::from(vec![value; 2])) as ArrayRef;
    batch(&[
        ("unused", double(9.0)),
        ("time", time),
        ("open", double(1.1)),
        ("high", Arc::new(Decimal128Array::from(vec![22_500; 2]).with_precision_and_scale(20, 4).unwrap())),
        ("low", Arc::new(Float32Array::from(vec![0.5; 2]))),
        ("close", Arc::new(StringArray::from(vec!["1.50"; 2]))),
        ("volume", Arc::new(UInt64Array::from(vec![10; 2]))),
    ])
}

#[test]
fn every_type_of_time() {
    let local: Vec<i64> = SECONDS.iter().map(|second| second - 5 * 3600).collect();
    let scaled = |by: i64| SECONDS.iter().map(|second| second * by).collect::<Vec<i64>>();
    let text = |texts: [&'static str; 2]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let times: [ArrayRef; 8] = [
        Arc::new(TimestampNanosecondArray::from(scaled(1_000_000_000)).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000)).with_timezone("America/New_York")),
        Arc::new(TimestampMillisecondArray::from(scaled(1_000)).with_timezone("+01:00")),
        Arc::new(TimestampSecondArray::from(local)),
        Arc::new(Int64Array::from(scaled(1_000))),
        Arc::new(Int64Array::from(scaled(1_000_000_000))),
        text(["2024-01-08T14:30:00Z", "2024-01-08T14:31:00Z"]),
        text(["2024-01-08 09:30", "2024-01-08 09:31"]),
    ];
    for time in times {
        let shown = format!("{:?}", time.data_type());
        let batch = with_times(time);
        for (name, bytes) in [
            ("f", parquet_file(&batch)),
            ("f", arrow_file(&batch).unwrap()),
            ("f", arrow_stream(&batch).unwrap()),
        ] {
            let files = Files::one(name, bytes);
            let mut options = files.options("1-MINUTE");
            options.zone = zone("America/New_York");
            let bars = bars(&options);
            let bar = bars.bar(1);
            let row =
                format!("{} {} {} {} {} {}", bar.ts_init, bar.open, bar.high, bar.low, bar.close, bar.volume);
            assert_eq!(
                (bars.len(), row.as_str()),
                (2, "2024-01-08T14:32:00Z 1.1 2.25 0.5 1.5 10"),
                "{shown}"
            );
        }
    }
}

#[test]
fn dates_are_days() {
    let files = Files::one("f", parquet_file(&with_times(Arc::new(Date32Array::from(vec![19_730, 19_731])))));
    let bars = bars(&silent(files.options("1-DAY")));
    assert_eq!(bars.bar(0).ts_init.to_string(), "2024-01-09T00:00:00Z");
    // A daily bar of a zone begins at its midnight.
    let midnights = [1_704_726_000i64, 1_704_812_400].map(|second| second - 15 * 3600 - 9 * 3600 + 15 * 3600);
    let tokyo =
        TimestampSecondArray::from(midnights.map(|second| second / 86_400 * 86_400 - 9 * 3600).to_vec())
            .with_timezone("Asia/Tokyo");
    let files = Files::one("f", parquet_file(&with_times(Arc::new(tokyo))));
    assert_eq!(
        super::bars(&silent(files.options("1-DAY"))).bar(0).ts_init.to_string(),
        "2024-01-09T00:00:00Z"
    );
}

#[test]
fn names_are_mapped_and_symbols_make_series() {
    let one = |value: f64| Arc::new(Float64Array::from(vec![value; 2])) as ArrayRef;
    let batch = batch(&[
        ("when", Arc::new(Int64Array::from(vec![SECONDS[0]; 2])) as ArrayRef),
        ("ticker", Arc::new(StringArray::from(vec!["A", "B"]))),
        ("first", one(1.0)),
        ("max", one(2.0)),
        ("min", one(0.5)),
        ("last", one(1.5)),
        ("n", Arc::new(Int32Array::from(vec![7, 8]))),
    ]);
    let files = Files::one("f.parquet", parquet_file(&batch));
    let mut options = files.options("1-MINUTE");
    let error = look(&options).unwrap_err();
    assert!(error.what.contains("no column for the time") && error.why.contains("`when`"), "{error}");
    let columns = [
        (Field::Time, "when"),
        (Field::Open, "first"),
        (Field::High, "max"),
        (Field::Low, "min"),
        (Field::Volume, "n"),
    ];
    options.layout.columns = columns.map(|(field, name)| (field, name.to_owned())).to_vec();
    options.naming = Naming::BySymbol { venue: "V".to_owned() };
    let additions = look(&options).unwrap().into_additions(&options).unwrap();
    let shown: Vec<String> = additions
        .iter()
        .map(|one| format!("{} {}", one.bar_type.instrument, one.bars.bar(0).volume))
        .collect();
    assert_eq!(shown, ["A.V 7", "B.V 8"]);
}

#[test]
fn bad_values_and_files() {
    let time = Arc::new(Int64Array::from(vec![Some(SECONDS[0]), None])) as ArrayRef;
    let mut columns: Vec<(&str, ArrayRef)> = vec![("time", time)];
    for name in ["open", "high", "low", "volume"] {
        columns.push((name, Arc::new(Float64Array::from(vec![1.0; 2]))));
    }
    columns.push(("close", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))));
    let files = Files::one("f", parquet_file(&batch(&columns)));
    let mut options = files.options("1-MINUTE");
    options.on_invalid = OnInvalid::Skip;
    let found = look(&options).unwrap();
    let reasons: Vec<&str> = found.bad.shown.iter().map(|bad| bad.fault.reason.as_str()).collect();
    assert!(
        reasons[0].contains("the close `NaN` is not a decimal number") && reasons[1] == "the time is missing",
        "{reasons:?}"
    );
    assert!(look(&silent(options)).is_ok(), "Unix times need no zone");
    // A timestamp without a zone does.
    let naive = with_times(Arc::new(TimestampSecondArray::from(SECONDS.to_vec())));
    let files = Files::one("f", parquet_file(&naive));
    assert!(look(&silent(files.options("1-MINUTE"))).unwrap_err().what.contains("in which zone"));
    // Cut off: an error, but for an Arrow stream that only lacks its end mark. With a flipped bit anything may be read, as an error,
    // a bad row or another number; it must not take the program down.
    for (kind, bytes) in [
        ("parquet", parquet_file(&naive)),
        ("arrow", arrow_file(&naive).unwrap()),
        ("stream", arrow_stream(&naive).unwrap()),
    ] {
        for length in [9, bytes.len() / 2, bytes.len() - 3] {
            let files = Files::one("f", &bytes[..length]);
            let looked = look(&files.options("1-MINUTE"));
            assert!(looked.is_err() || kind == "stream" && length == bytes.len() - 3, "{kind} {length}");
        }
        for at in (8..bytes.len()).step_by(7) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let files = Files::one("f", &flipped);
            let options = files.options("1-MINUTE");
            let survived = std::panic::catch_unwind(|| look(&options).map(|found| found.rows()));
            assert!(survived.is_ok(), "{kind}: byte {at}");
        }
    }
}
