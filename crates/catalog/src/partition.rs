//! Series manifests: the partitions of one series, stored as Parquet so that people can query them too.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, FixedSizeBinaryBuilder, Int64Builder, ListBuilder, StringBuilder, UInt32Builder,
    UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampNanosecondArray};
use arrow_schema::Schema;
use bars::{BarType, IntervalSet, TimeRange, UnixNanos};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::footer::contained;
use crate::{EncodedPartition, Error, ErrorKind, FORMAT_VERSION, ObjectRef, Result, Sha256};

/// Files up to this size are fetched whole; the manifest keeps the footers of larger ones.
pub(crate) const WHOLE_FILE_BYTES: u64 = 64 * 1024;

/// One Parquet file of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionEntry {
    /// Key, length and checksum.
    pub object: ObjectRef,
    /// Bars in it.
    pub rows: u64,
    /// First `ts_init`.
    pub first: UnixNanos,
    /// Last `ts_init`.
    pub last: UnixNanos,
    /// Lowest `ts_event`; what is stored without it has the stamps of `ts_init`.
    pub first_event: UnixNanos,
    /// Highest `ts_event`.
    pub last_event: UnixNanos,
    /// CRC-32C of every column chunk, row group by row group.
    pub chunk_crcs: Vec<u32>,
    /// The file's footer, for files over 64 KiB.
    pub footer: Option<Bytes>,
    /// Stretches of time its bars span, from an open to a close; bars without a fixed interval make one stretch.
    pub present: IntervalSet,
}

impl PartitionEntry {
    /// The entry of a file just written under `key`, whose bars span `present`.
    pub fn of(key: String, encoded: &EncodedPartition, present: IntervalSet) -> Self {
        let size_bytes = encoded.bytes.len() as u64;
        Self {
            object: ObjectRef { key, size_bytes, sha256: encoded.sha256 },
            rows: encoded.rows,
            first: encoded.first,
            last: encoded.last,
            first_event: encoded.first_event,
            last_event: encoded.last_event,
            chunk_crcs: encoded.chunk_crcs.clone(),
            footer: (size_bytes > WHOLE_FILE_BYTES).then(|| encoded.footer.clone()),
            present,
        }
    }
}

/// The partitions of a series, ascending and disjoint in `ts_init`.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesManifest {
    /// The series.
    pub bar_type: BarType,
    /// Its files.
    pub partitions: Vec<PartitionEntry>,
    /// Time of which the source says that it holds no bars.
    pub confirmed_empty: IntervalSet,
}

impl SeriesManifest {
    /// The time spanned by bars of all partitions.
    pub fn present(&self) -> IntervalSet {
        self.partitions.iter().flat_map(|partition| partition.present.ranges()).copied().collect()
    }

    /// The object to store.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if Parquet cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let internal = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Internal, "could not write a series manifest").because(error)
        };
        let batch = self.record_batch().map_err(|error| internal(&error))?;
        let level = ZstdLevel::try_new(9).map_err(|error| internal(&error))?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
            .map_err(|error| internal(&error))?;
        writer.write(&batch).map_err(|error| internal(&error))?;
        writer.into_inner().map_err(|error| internal(&error))
    }

    fn record_batch(&self) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let (mut key, mut size, mut rows) =
            (StringBuilder::new(), UInt64Builder::new(), UInt64Builder::new());
        let (mut sha, mut crcs) = (FixedSizeBinaryBuilder::new(32), ListBuilder::new(UInt32Builder::new()));
        let (mut footer, mut present) = (BinaryBuilder::new(), ListBuilder::new(Int64Builder::new()));
        for partition in &self.partitions {
            key.append_value(&partition.object.key);
            size.append_value(partition.object.size_bytes);
            rows.append_value(partition.rows);
            sha.append_value(partition.object.sha256.0)?;
            crcs.append_value(partition.chunk_crcs.iter().copied().map(Some));
            footer.append_option(partition.footer.as_deref());
            present.append_value(flatten(&partition.present).into_iter().map(Some));
        }
        let stamps = |stamp: fn(&PartitionEntry) -> UnixNanos| -> ArrayRef {
            let values = self.partitions.iter().map(|partition| stamp(partition).0);
            Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
        };
        // Bars are mostly known when they close; then these are null and cost nothing.
        let events = |stamp: fn(&PartitionEntry) -> UnixNanos| -> ArrayRef {
            let differs = |partition: &PartitionEntry| {
                (partition.first_event, partition.last_event) != (partition.first, partition.last)
            };
            let values =
                self.partitions.iter().map(|partition| differs(partition).then(|| stamp(partition).0));
            Arc::new(TimestampNanosecondArray::from_iter(values).with_timezone("UTC"))
        };
        let columns: [(&str, ArrayRef); 11] = [
            ("key", Arc::new(key.finish())),
            ("size_bytes", Arc::new(size.finish())),
            ("rows", Arc::new(rows.finish())),
            ("first", stamps(|partition| partition.first)),
            ("last", stamps(|partition| partition.last)),
            ("first_event", events(|partition| partition.first_event)),
            ("last_event", events(|partition| partition.last_event)),
            ("sha256", Arc::new(sha.finish())),
            ("chunk_crc32c", Arc::new(crcs.finish())),
            ("footer", Arc::new(footer.finish())),
            ("present", Arc::new(present.finish())),
        ];
        let batch = RecordBatch::try_from_iter(columns)?;
        let empty: Vec<String> = flatten(&self.confirmed_empty).iter().map(i64::to_string).collect();
        let metadata = [
            ("format", FORMAT_VERSION.to_string()),
            ("bar_type", self.bar_type.to_string()),
            ("confirmed_empty", empty.join(" ")),
        ];
        let metadata: HashMap<String, String> =
            metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata);
        batch.with_schema(Arc::new(schema))
    }

    /// Reads a stored series manifest whose checksum was verified.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is not what it should be, [`ErrorKind::Unsupported`] if a newer version wrote it.
    pub fn decode(key: &str, bytes: Bytes) -> Result<Self> {
        contained(key, || Self::read(key, bytes))
    }

    fn read(key: &str, bytes: Bytes) -> Result<Self> {
        let corrupt = |error: &dyn std::fmt::Display| Error::corrupt(key, error);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| corrupt(&error))?;
        let schema = Arc::clone(builder.schema());
        let text = |name: &str| schema.metadata().get(name).map(String::as_str).unwrap_or_default();
        if text("format").parse::<u32>().map_err(|error| corrupt(&error))? > FORMAT_VERSION {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this catalog was written by a newer version of Barkeep",
            )
            .then("update Barkeep"));
        }
        let bar_type = text("bar_type").parse().map_err(|error| corrupt(&error))?;
        let empty: Result<Vec<i64>, _> = text("confirmed_empty").split_whitespace().map(str::parse).collect();
        let confirmed_empty = unflatten(&empty.map_err(|error| corrupt(&error))?);
        let mut partitions = Vec::new();
        for batch in builder.build().map_err(|error| corrupt(&error))? {
            partitions.extend(
                read_partitions(&batch.map_err(|error| corrupt(&error))?)
                    .ok_or_else(|| corrupt(&"its columns are not those of a series manifest"))?,
            );
        }
        Ok(Self { bar_type, partitions, confirmed_empty })
    }
}

fn read_partitions(batch: &RecordBatch) -> Option<Vec<PartitionEntry>> {
    let column = |name: &str| batch.column_by_name(name);
    let key = column("key")?.as_string_opt::<i32>()?;
    let size = column("size_bytes")?.as_primitive_opt::<UInt64Type>()?;
    let rows = column("rows")?.as_primitive_opt::<UInt64Type>()?;
    let first = column("first")?.as_primitive_opt::<TimestampNanosecondType>()?;
    let last = column("last")?.as_primitive_opt::<TimestampNanosecondType>()?;
    let sha = column("sha256")?.as_fixed_size_binary_opt()?;
    let crcs = column("chunk_crc32c")?.as_list_opt::<i32>()?;
    let footer = column("footer")?.as_binary_opt::<i32>()?;
    let present = column("present")?.as_list_opt::<i32>()?;
    let event = |name: &str, row: usize, otherwise: i64| {
        let stamps = column(name).and_then(|stamps| stamps.as_primitive_opt::<TimestampNanosecondType>());
        UnixNanos(stamps.filter(|stamps| stamps.is_valid(row)).map_or(otherwise, |stamps| stamps.value(row)))
    };
    (0..batch.num_rows())
        .map(|row| {
            Some(PartitionEntry {
                object: ObjectRef {
                    key: key.value(row).to_owned(),
                    size_bytes: size.value(row),
                    sha256: Sha256(sha.value(row).try_into().ok()?),
                },
                rows: rows.value(row),
                first: UnixNanos(first.value(row)),
                last: UnixNanos(last.value(row)),
                first_event: event("first_event", row, first.value(row)),
                last_event: event("last_event", row, last.value(row)),
                chunk_crcs: crcs.value(row).as_primitive_opt::<UInt32Type>()?.values().to_vec(),
                footer: footer.is_valid(row).then(|| Bytes::copy_from_slice(footer.value(row))),
                present: unflatten(present.value(row).as_primitive_opt::<Int64Type>()?.values()),
            })
        })
        .collect()
}

fn flatten(set: &IntervalSet) -> Vec<i64> {
    set.ranges().iter().flat_map(|range| [range.start.0, range.end.0]).collect()
}

fn unflatten(stamps: &[i64]) -> IntervalSet {
    stamps.chunks_exact(2).map(|pair| TimeRange::new(UnixNanos(pair[0]), UnixNanos(pair[1]))).collect()
}
