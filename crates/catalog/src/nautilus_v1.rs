//! Bars in the format of NautilusTrader 1.x (`A16`), for copies that its `ParquetDataCatalog` reads.
//!
//! Values are little-endian integers of 16 bytes in 10⁻¹⁶, stamps unsigned; columns are read by position, and identity and precision must
//! stand in the Arrow schema. What deviates ends that version's process, so this module is exact about it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeBinaryArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use bars::{BarColumns, BarType, Decimal, UnixNanos};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::footer::read_footer;
use crate::schema::BAR_COLUMNS;
use crate::{Error, ErrorKind, Result};

/// Greatest magnitude of a price in NautilusTrader 1.x.
const PRICE_LIMIT: i128 = 17_014_118_346_046;
/// Greatest quantity.
const QUANTITY_LIMIT: i128 = 34_028_236_692_093;
/// One in units of 10⁻¹⁶.
const ONE: i128 = 10_000_000_000_000_000;
/// Rows in a row group, as that version writes them.
const GROUP_ROWS: usize = 5000;

/// Writes bars as one file of NautilusTrader 1.x. Rows ascend strictly in `ts_init`; at least one is needed.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if there are no rows, if they are not ascending, or for a value or stamp that version cannot hold.
pub fn encode_nautilus_v1(
    bar_type: &BarType,
    bars: &BarColumns<Decimal>,
    price_precision: u8,
    size_precision: u8,
) -> Result<Bytes> {
    let invalid = |why: String| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("bars of {bar_type} cannot be stored for NautilusTrader 1.x"),
        )
        .because(why)
    };
    if bars.is_empty() {
        return Err(invalid("there are none".into()));
    }
    if let Some(row) = bars.ts_init.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(invalid(format!(
            "the bar at {} is followed by an earlier one",
            UnixNanos(bars.ts_init[row])
        )));
    }
    let batch = record_batch(bar_type, bars, [price_precision, size_precision]).map_err(invalid)?;
    write(&batch).map_err(|error| Error::new(ErrorKind::Internal, "could not write Parquet").because(error))
}

/// Whether a file was written by this program.
pub fn is_own_file(file: &Bytes) -> bool {
    let footer = read_footer(file).ok();
    footer.is_some_and(|(metadata, _)| {
        metadata.file_metadata().created_by().is_some_and(|writer| writer.starts_with("barkeep "))
    })
}

fn record_batch(
    bar_type: &BarType,
    bars: &BarColumns<Decimal>,
    [price_precision, size_precision]: [u8; 2],
) -> Result<RecordBatch, String> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(7);
    for (at, values) in bars.prices().into_iter().enumerate() {
        let (limits, precision) = match at {
            4 => (0..=QUANTITY_LIMIT * ONE, size_precision),
            _ => (-PRICE_LIMIT * ONE..=PRICE_LIMIT * ONE, price_precision),
        };
        let fits = |value: &Decimal| limits.contains(&value.units()) && value.precision() <= precision;
        if let Some(row) = values.iter().position(|value| !fits(value)) {
            let (name, stamp) = (BAR_COLUMNS[at], UnixNanos(bars.ts_init[row]));
            return Err(format!(
                "`{name}` of the bar at {stamp} is {}; it holds {} to {} with {precision} decimals",
                values[row],
                limits.start() / ONE,
                limits.end() / ONE
            ));
        }
        let raw = values.iter().map(|value| value.units().to_le_bytes());
        let array = FixedSizeBinaryArray::try_from_iter(raw).map_err(|error| error.to_string())?;
        columns.push(Arc::new(array));
    }
    for stamps in [&bars.ts_event, &bars.ts_init] {
        let unsigned: Result<Vec<u64>, _> = stamps.iter().map(|stamp| u64::try_from(*stamp)).collect();
        let unsigned = unsigned.map_err(|_| "it has bars before 1970".to_owned())?;
        columns.push(Arc::new(UInt64Array::from(unsigned)));
    }
    let field = |(at, name): (usize, &&str)| {
        let data_type = if at < 5 { DataType::FixedSizeBinary(16) } else { DataType::UInt64 };
        Field::new(*name, data_type, false)
    };
    let fields: Vec<Field> = BAR_COLUMNS.iter().enumerate().map(field).collect();
    let metadata: HashMap<String, String> = [
        ("bar_type", bar_type.to_string()),
        ("instrument_id", bar_type.instrument.to_string()),
        ("price_precision", price_precision.to_string()),
        ("size_precision", size_precision.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    RecordBatch::try_new(schema, columns).map_err(|error| error.to_string())
}

fn write(batch: &RecordBatch) -> parquet::errors::Result<Bytes> {
    let mut metadata: Vec<KeyValue> = batch
        .schema()
        .metadata()
        .iter()
        .map(|(name, value)| KeyValue::new(name.clone(), value.clone()))
        .collect();
    metadata.sort_by(|left, right| left.key.cmp(&right.key));
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(9)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata));
    for (at, name) in BAR_COLUMNS.iter().enumerate() {
        let column = ColumnPath::from(*name);
        properties = if at < 5 {
            properties.set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT)
        } else {
            // Its queries are pruned by the statistics of stamps; those of little-endian prices mean nothing.
            properties
                .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
                .set_column_statistics_enabled(column, EnabledStatistics::Chunk)
        };
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.into_inner().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use bars::{Bar, MINUTE};

    use super::*;
    use crate::{Columns, DataKind, Storage, decode_bars, scan_file};

    fn bars(price: &str, volume: &str, rows: i64) -> BarColumns<Decimal> {
        let (price, volume) = (price.parse().unwrap(), volume.parse().unwrap());
        let bar = |row| Bar {
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            ts_event: UnixNanos(row * MINUTE),
            ts_init: UnixNanos(row * MINUTE + 7),
        };
        (1..=rows).map(bar).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bar_type: BarType = "EUR/USD.SIM-1-MINUTE-BID-EXTERNAL".parse().unwrap();
        for (price, volume, precision) in
            [("184.64", "11339", 2), ("-37.63", "0", 2), ("0.0000000000000001", "34028236692093", 16)]
        {
            let written = bars(price, volume, 12_345);
            let file = encode_nautilus_v1(&bar_type, &written, precision, 0).unwrap();
            assert!(is_own_file(&file));
            let (layout, batches) = scan_file("x", file).unwrap();
            assert_eq!((layout.kind, layout.storage), (DataKind::Bar, Storage::Binary16));
            assert_eq!((layout.price_precision, layout.size_precision), (precision, 0));
            assert_eq!(layout.identity, bar_type.to_string());
            let mut read = BarColumns::default();
            for batch in &batches {
                let part = decode_bars(batch, &layout, Columns::ALL).unwrap();
                read.extend_from(&part, 0..part.len());
            }
            assert_eq!(read, written);
        }
    }

    #[test]
    fn what_that_version_cannot_hold_is_refused() {
        let bar_type: BarType = "X.Y-1-MINUTE-LAST-EXTERNAL".parse().unwrap();
        let mut early = bars("1", "1", 2);
        early.ts_event[0] = -1;
        let mut twice = bars("1", "1", 2);
        twice.ts_init[1] = twice.ts_init[0];
        for bars in [
            bars("17014118346047", "1", 1),
            bars("1", "34028236692094", 1),
            bars("1", "-1", 1),
            bars("1.5", "1", 1),
            bars("1", "1", 0),
            early,
            twice,
        ] {
            let error = encode_nautilus_v1(&bar_type, &bars, 0, 0).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidInput, "{error}");
        }
        assert!(!is_own_file(&Bytes::from_static(b"PAR1")));
    }
}
