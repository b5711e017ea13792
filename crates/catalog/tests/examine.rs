//! Files of other programs: what is wrong with them is found, and what they hold is read as those programs read it.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, FixedSizeBinaryArray, RecordBatch, TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{Field, Schema};
use bars::{BarFault, UnixNanos};
use bytes::Bytes;
use catalog::{ErrorKind, Fault, Profile, examine, peek};
use parquet::arrow::ArrowWriter;

const SERIES: &str = "EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL";
const NAME: &str = "1970-01-01T00-00-01-000000000Z_1970-01-01T00-01-00-000000000Z.parquet";
/// One unit, in the storage of format A16 and B.
const ONE: i128 = 10_000_000_000_000_000;

/// How a file is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    A8,
    A16,
    B,
}

/// A file as NautilusTrader would write it, of bars given as stamp (in seconds), price and volume (in units).
fn file(format: Format, rows: &[(i64, i128, i128)], precision: &str) -> Bytes {
    let values = |of: &dyn Fn(&(i64, i128, i128)) -> i128| -> ArrayRef {
        let values = rows.iter().map(of);
        match format {
            Format::A8 => {
                let raw = values.map(|value| ((value / 10_000_000) as u64).to_le_bytes());
                Arc::new(FixedSizeBinaryArray::try_from_iter(raw).unwrap())
            }
            Format::A16 => {
                let raw = values.map(|value| value.to_le_bytes());
                Arc::new(FixedSizeBinaryArray::try_from_iter(raw).unwrap())
            }
            Format::B => {
                Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(38, 16).unwrap())
            }
        }
    };
    let stamps = || -> ArrayRef {
        let stamps = rows.iter().map(|row| row.0 * 1_000_000_000);
        match format {
            Format::B => Arc::new(TimestampNanosecondArray::from_iter_values(stamps).with_timezone("UTC")),
            _ => Arc::new(UInt64Array::from_iter_values(stamps.map(i64::cast_unsigned))),
        }
    };
    let price = || values(&|row| row.1);
    let columns = [
        ("open", price()),
        ("high", price()),
        ("low", price()),
        ("close", price()),
        ("volume", values(&|row| row.2)),
        ("ts_event", stamps()),
        ("ts_init", stamps()),
    ];
    let metadata = [("bar_type", SERIES), ("price_precision", precision), ("size_precision", "0")];
    let metadata: HashMap<String, String> =
        metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false)).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.map(|(_, array)| array).to_vec()).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn key(name: &str) -> String {
    format!("data/bar/EURUSD.SIM-1-MINUTE-LAST-EXTERNAL/{name}")
}

fn faults(name: &str, file: &Bytes) -> Vec<Fault> {
    examine(&key(name), file).unwrap().faults
}

#[test]
fn what_is_wrong_is_found() {
    let second = |seconds: i64| UnixNanos(seconds * 1_000_000_000);
    for format in [Format::A8, Format::A16, Format::B] {
        let of = |rows: &[(i64, i128, i128)]| faults(NAME, &file(format, rows, "2"));
        assert_eq!(of(&[(1, ONE, ONE), (2, ONE, 0)]), [], "{format:?}");
        assert_eq!(of(&[(2, ONE, ONE), (1, ONE, 0)]), [Fault::Unsorted { at: second(1) }]);
        assert_eq!(
            of(&[(1, ONE, ONE), (1, ONE, ONE), (2, ONE, ONE)]),
            [Fault::Duplicates { count: 1, first: second(1), equal: true }]
        );
        assert_eq!(
            of(&[(1, ONE, ONE), (1, 2 * ONE, ONE)]),
            [Fault::Duplicates { count: 1, first: second(1), equal: false }]
        );
    }
    assert_eq!(faults(NAME, &file(Format::B, &[], "2")), [Fault::Empty]);
    let negative = file(Format::B, &[(1, ONE, -ONE)], "2");
    assert_eq!(
        faults(NAME, &negative),
        [Fault::Implausible { count: 1, first: second(1), fault: BarFault::NegativeVolume }]
    );
    for (name, fault) in [
        ("part-0.parquet", Fault::NameWithoutRange),
        ("a_b.parquet", Fault::NameWithoutRange),
        ("1970-01-01T00-00-01-000000000Z_1970-01-01T00-00-01-000000000Z.parquet", Fault::NameTooNarrow),
    ] {
        let found = faults(name, &file(Format::A16, &[(1, ONE, 0), (2, ONE, 0)], "2"));
        assert_eq!(found, [fault], "{name}");
        assert!(found[0].is_in_name() && !found[0].keeps_out());
    }
    let elsewhere = examine("data/bars/OTHER/".to_owned().as_str(), &negative);
    assert!(elsewhere.unwrap().faults.contains(&Fault::Misplaced));
}

#[test]
fn values_are_read_as_nautilus_trader_reads_them() {
    // 1.55 with one stated decimal is read as 1.6; the error of a float is repaired without a word.
    let mixed = file(Format::A16, &[(1, ONE * 155 / 100, 0), (2, ONE + 3, 0)], "1");
    let found = examine(&key(NAME), &mixed).unwrap();
    assert_eq!(found.bars.close.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.6", "1"]);
    let [Fault::MixedPrecision { count: 1, stored, read }] = &found.faults[..] else {
        panic!("{:?}", found.faults)
    };
    assert_eq!((stored.to_string(), read.to_string()), ("1.55".to_owned(), "1.6".to_owned()));
    // A decimal says what it is: it is kept, and the series takes its decimals.
    let exact = examine(&key(NAME), &file(Format::B, &[(1, ONE * 155 / 100, 0)], "1")).unwrap();
    assert_eq!((exact.bars.close[0].to_string(), exact.price_precision), ("1.55".to_owned(), 2));
    assert_eq!((exact.profile, found.profile), (Profile::Nautilus, Profile::NautilusV1));
    // Quantities of 8 bytes are unsigned: SHIB trades more than 9.2 billion a day.
    let large = examine(&key(NAME), &file(Format::A8, &[(1, ONE, 17_000_000_000 * ONE)], "2")).unwrap();
    assert_eq!(large.bars.volume[0].to_string(), "17000000000");
    assert_eq!(large.faults, []);
}

#[test]
fn undefined_values_keep_a_file_out() {
    for (format, price, volume) in [
        (Format::A16, i128::MAX, ONE),
        (Format::A16, i128::MIN, ONE),
        (Format::A16, ONE, -1),
        (Format::A8, i128::from(i64::MAX) * 10_000_000, ONE),
        (Format::A8, ONE, i128::from(u64::MAX) * 10_000_000),
    ] {
        let found = faults(NAME, &file(format, &[(1, price, volume)], "0"));
        assert!(
            matches!(found[..], [Fault::Undefined { count: 1, .. }]),
            "{format:?} {price} {volume}: {found:?}"
        );
        assert!(found[0].keeps_out());
    }
}

#[test]
fn a_footer_tells_what_a_file_is() {
    let bytes = file(Format::A16, &[(1, ONE, 0), (9, ONE, 0)], "5");
    let found = peek(&key(NAME), &bytes.slice(4..)).unwrap();
    assert_eq!((found.bar_type.to_string().as_str(), found.rows, found.price_precision), (SERIES, 2, 5));
    assert_eq!(found.stamps, Some((UnixNanos(1_000_000_000), UnixNanos(9_000_000_000))));
    assert_eq!(peek(&key(NAME), &bytes.slice(bytes.len() - 20..)).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(examine(&key(NAME), &bytes.slice(..bytes.len() - 1)).unwrap_err().kind, ErrorKind::Corrupt);
}
