//! Bars to Parquet.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, TimestampNanosecondArray};
use arrow_schema::DataType;
use bars::{BarColumns, BarType, Decimal, UnixNanos};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::footer::{chunk_crcs, read_footer};
use crate::schema::{BAR_COLUMNS, bar_schema};
use crate::{Error, ErrorKind, Result, Sha256};

/// How the values of a series are stored. A series has one profile and one scale in all its files, since some readers silently
/// misread a mixture.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// NautilusTrader's own format: `DECIMAL(38,16)`, which every reader understands.
    #[default]
    Nautilus,
    /// `DECIMAL(18, precision)` on 64-bit integers, delta-encoded: a third of the bytes, but NautilusTrader refuses it.
    Compact,
    /// Files as NautilusTrader 1.x wrote them, adopted where they lie; Barkeep reads such a series and does not write into it.
    NautilusV1,
}

impl Profile {
    /// The profile's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nautilus => "nautilus",
            Self::Compact => "compact",
            Self::NautilusV1 => "nautilus-v1",
        }
    }
}

/// How to write a series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WriteOptions {
    /// Storage of values.
    pub profile: Profile,
    /// Meaningful decimals of prices, at most 16.
    pub price_precision: u8,
    /// Meaningful decimals of volumes, at most 16.
    pub size_precision: u8,
    /// Rows in a row group.
    pub row_group_rows: usize,
    /// ZSTD level, 1 to 22.
    pub zstd_level: i32,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            profile: Profile::Nautilus,
            price_precision: 2,
            size_precision: 0,
            row_group_rows: 5000,
            zstd_level: 1,
        }
    }
}

/// A Parquet file, ready to be put, and what the manifest records of it.
#[derive(Clone, Debug)]
pub struct EncodedPartition {
    /// The file.
    pub bytes: Bytes,
    /// Its checksum.
    pub sha256: Sha256,
    /// Bars in it.
    pub rows: u64,
    /// First `ts_init`.
    pub first: UnixNanos,
    /// Last `ts_init`.
    pub last: UnixNanos,
    /// Lowest `ts_event`.
    pub first_event: UnixNanos,
    /// Highest `ts_event`.
    pub last_event: UnixNanos,
    /// CRC-32C of every column chunk: all columns of the first row group, then of the second.
    pub chunk_crcs: Vec<u32>,
    /// The footer's Thrift bytes (without length and magic).
    pub footer: Bytes,
}

/// Writes bars as one Parquet file. Rows ascend strictly in `ts_init`; at least one is needed.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if there are no rows, if they are not ascending, or if a value has more decimals than the
/// options say or does not fit the profile.
pub fn encode_bars(
    bar_type: &BarType,
    bars: &BarColumns<Decimal>,
    options: &WriteOptions,
) -> Result<EncodedPartition> {
    let (Some(first), Some(last)) = (bars.ts_init.first(), bars.ts_init.last()) else {
        return Err(Error::new(ErrorKind::InvalidInput, "a partition needs at least one bar"));
    };
    if options.profile == Profile::NautilusV1 {
        return Err(written_by_others(bar_type));
    }
    if let Some(row) = bars.ts_init.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the bars of {bar_type} are not in ascending order"),
        )
        .because(format!(
            "{} is followed by {}",
            UnixNanos(bars.ts_init[row]),
            UnixNanos(bars.ts_init[row + 1])
        )));
    }
    let batch = record_batch(bar_type, bars, options)?;
    let bytes = write(&batch, options)
        .map_err(|error| Error::new(ErrorKind::Internal, "could not write Parquet").because(error))?;
    let (metadata, footer) = read_footer(&bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, "could not read back what was written").because(error)
    })?;
    Ok(EncodedPartition {
        sha256: Sha256::of(&bytes),
        rows: bars.len() as u64,
        first: UnixNanos(*first),
        last: UnixNanos(*last),
        first_event: UnixNanos(bars.ts_event.iter().copied().min().unwrap_or(*first)),
        last_event: UnixNanos(bars.ts_event.iter().copied().max().unwrap_or(*last)),
        chunk_crcs: chunk_crcs(&bytes, &metadata),
        footer,
        bytes,
    })
}

/// Bars cannot be written into a series of old files: whoever lists directories would see only a part of it.
pub(crate) fn written_by_others(bar_type: &BarType) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{bar_type} was adopted from NautilusTrader 1.x and is not written to"))
        .because("its files have the old format, which Barkeep does not write; with new files beside them, NautilusTrader 1.x would see only the old ones and 2.x and DuckDB only the new ones")
        .then("bring the catalog into the current format, bar by bar and proven: `barkeep --catalog NEW migrate nautilus OLD`, then write there")
        .then("or let NautilusTrader 1.x write the bars, and follow it: `barkeep adopt --update`")
}

fn record_batch(
    bar_type: &BarType,
    bars: &BarColumns<Decimal>,
    options: &WriteOptions,
) -> Result<RecordBatch> {
    let schema = bar_schema(bar_type, options.profile, options.price_precision, options.size_precision);
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(7);
    for (at, values) in bars.prices().into_iter().enumerate() {
        let precision = if at == 4 { options.size_precision } else { options.price_precision };
        let name = BAR_COLUMNS[at];
        let values = stored_values(values, options.profile, precision).map_err(|(row, reason)| {
            let stamp = UnixNanos(bars.ts_init[row]);
            Error::new(ErrorKind::InvalidInput, format!("`{name}` of the bar at {stamp} cannot be stored"))
                .because(format!("{} {reason}", values[row]))
                .then("state the precision of the instrument, as in `--price-precision 5`")
        })?;
        let array = Decimal128Array::from(values).with_data_type(schema.field(at).data_type().clone());
        columns.push(Arc::new(array));
    }
    for stamps in [&bars.ts_event, &bars.ts_init] {
        columns.push(Arc::new(TimestampNanosecondArray::from(stamps.clone()).with_timezone("UTC")));
    }
    RecordBatch::try_new(schema, columns)
        .map_err(|error| Error::new(ErrorKind::Internal, "could not build a record batch").because(error))
}

/// Whether every value fits the compact profile: 18 digits with the series' decimals.
pub fn fits_compact(bars: &BarColumns<Decimal>, price_precision: u8, size_precision: u8) -> bool {
    let [prices @ .., volumes] = bars.prices();
    let fits =
        |values: &[Decimal], precision: u8| values.iter().all(|value| ticks(*value, precision).is_some());
    prices.into_iter().all(|values| fits(values, price_precision)) && fits(volumes, size_precision)
}

/// A value as the compact profile stores it.
fn ticks(value: Decimal, precision: u8) -> Option<i64> {
    const LIMIT: i64 = 1_000_000_000_000_000_000;
    value.to_ticks(precision).filter(|ticks| (-LIMIT + 1..LIMIT).contains(ticks))
}

/// The integers to store, or the row that cannot be and why.
fn stored_values(values: &[Decimal], profile: Profile, precision: u8) -> Result<Vec<i128>, (usize, String)> {
    let store = |(row, value): (usize, &Decimal)| {
        if profile == Profile::Nautilus {
            return if value.precision() > precision {
                Err((row, format!("has more than {precision} decimals")))
            } else {
                Ok(value.units())
            };
        }
        ticks(*value, precision)
            .map(i128::from)
            .ok_or_else(|| (row, format!("does not fit 18 digits with {precision} decimals")))
    };
    values.iter().enumerate().map(store).collect()
}

fn write(batch: &RecordBatch, options: &WriteOptions) -> parquet::errors::Result<Bytes> {
    let stamps = [BAR_COLUMNS[5], BAR_COLUMNS[6]];
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.zstd_level)?))
        .set_max_row_group_row_count(Some(options.row_group_rows.max(1)))
        .set_data_page_row_count_limit(options.row_group_rows.max(1))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 6,
            descending: false,
            nulls_first: false,
        }]));
    for name in stamps {
        properties = properties
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
    }
    for (at, name) in BAR_COLUMNS[..5].iter().enumerate() {
        // Only 64-bit decimals can be delta-encoded; 16-byte ones stay plain, which every reader accepts.
        let compact = matches!(batch.schema().field(at).data_type(), DataType::Decimal128(18, _));
        let encoding = if compact { Encoding::DELTA_BINARY_PACKED } else { Encoding::PLAIN };
        properties = properties.set_column_encoding(ColumnPath::from(*name), encoding);
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.into_inner().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighteen_digits_fit_and_no_more() {
        let limit = 10i64.pow(18);
        for (ticks, fits) in [
            (0, true),
            (limit - 1, true),
            (1 - limit, true),
            (limit, false),
            (-limit, false),
            (i64::MIN, false),
        ] {
            let value = Decimal::from_ticks(ticks, 2);
            assert_eq!(stored_values(&[value], Profile::Compact, 2).is_ok(), fits, "{ticks}");
        }
        assert!(stored_values(&["0.001".parse().unwrap()], Profile::Compact, 2).is_err());
    }
}
