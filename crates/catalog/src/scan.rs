//! A scan: asks for byte ranges, is handed bytes, gives record batches.
//!
//! The caller loops over [`Scan::next`]. [`Step::Fetch`] names bytes to start fetching (several partitions ahead, up to a budget),
//! [`Step::Wait`] asks for any of them to be handed over by [`Scan::supply`], [`Step::Rows`] gives rows in stored order. Every byte
//! is checked against the manifest's checksums before it is decoded.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampNanosecondType, UInt64Type};
use arrow_schema::DataType;
use bars::TimeRange;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::encode::read_footer;
use crate::query::chunk_ranges;
use crate::schema::reading_schema;
use crate::{Columns, Error, ErrorKind, Fetch, Layout, Plan, PlannedPartition, Result, crc32c};

/// What a scan needs or has.
#[derive(Debug)]
pub enum Step {
    /// Start fetching these; they need not arrive in order.
    Fetch(Vec<Fetch>),
    /// Nothing can be decoded until another of the fetches arrives.
    Wait,
    /// Rows, ascending over all steps, and how they are stored.
    Rows(RecordBatch, Layout),
    /// There are no more.
    Done,
}

/// Reads what a [`Plan`] says.
pub struct Scan {
    range: TimeRange,
    rows_left: u64,
    budget_bytes: u64,
    waiting: VecDeque<PlannedPartition>,
    underway: VecDeque<Underway>,
    decoding: Option<Decoding>,
}

/// A partition whose bytes were asked for.
struct Underway {
    planned: PlannedPartition,
    arrived: HashMap<Range<u64>, Bytes>,
    bytes: u64,
}

struct Decoding {
    key: String,
    decoder: ParquetPushDecoder,
    layout: Layout,
    trim: bool,
}

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

impl Scan {
    /// A scan that has at most about `budget_bytes` of fetched bytes in memory, but always one partition.
    pub fn new(plan: Plan, budget_bytes: u64) -> Self {
        Self {
            range: plan.query.range,
            rows_left: plan.query.limit.unwrap_or(u64::MAX),
            budget_bytes,
            waiting: plan.partitions.into(),
            underway: VecDeque::new(),
            decoding: None,
        }
    }

    /// The next step.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if bytes differ from what the manifest says.
    #[expect(clippy::should_implement_trait, reason = "a step can fail, and waiting is not the end")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if self.rows_left == 0 {
                return Ok(Step::Done);
            }
            let fetches = self.ask();
            if !fetches.is_empty() {
                return Ok(Step::Fetch(fetches));
            }
            if let Some(rows) = self.decode()? {
                return Ok(rows);
            }
            match self.underway.front() {
                None => return Ok(Step::Done),
                Some(partition) if partition.arrived.len() < partition.planned.fetches.len() => {
                    return Ok(Step::Wait);
                }
                Some(_) => {}
            }
            if let Some(partition) = self.underway.pop_front() {
                self.decoding = Some(partition.open()?);
            }
        }
    }

    /// Hands over the bytes of a fetch that was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if they are not as many as asked for, [`ErrorKind::Internal`] if nobody asked.
    pub fn supply(&mut self, fetch: &Fetch, bytes: Bytes) -> Result<()> {
        let wanted = fetch.range.end - fetch.range.start;
        if bytes.len() as u64 != wanted {
            return Err(Error::new(ErrorKind::SourceUnavailable, format!("`{}` was not delivered whole", fetch.key))
                .because(format!("bytes {}-{} were asked for and {} came", fetch.range.start, fetch.range.end, bytes.len()))
                .then("try again; if it stays so, the file is not the one the manifest describes: `barkeep verify` says what is wrong, `barkeep repair` mends it")
                .then("if the catalog is a copy, copy it again"));
        }
        let partition = self.underway.iter_mut().find(|partition| partition.planned.fetches.contains(fetch));
        let Some(partition) = partition else {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("bytes of `{}` were supplied that no scan asked for", fetch.key),
            ));
        };
        partition.arrived.insert(fetch.range.clone(), bytes);
        Ok(())
    }

    /// Fetches of further partitions, as the budget allows.
    fn ask(&mut self) -> Vec<Fetch> {
        let mut in_memory: u64 = self.underway.iter().map(|partition| partition.bytes).sum();
        let mut fetches = Vec::new();
        while let Some(planned) = self.waiting.pop_front() {
            let bytes = planned.fetches.iter().map(|fetch| fetch.range.end - fetch.range.start).sum();
            if !self.underway.is_empty() && in_memory + bytes > self.budget_bytes {
                self.waiting.push_front(planned);
                break;
            }
            in_memory += bytes;
            fetches.extend(planned.fetches.iter().cloned());
            self.underway.push_back(Underway { planned, arrived: HashMap::new(), bytes });
        }
        fetches
    }

    /// Rows of the partition being decoded, if there are more.
    fn decode(&mut self) -> Result<Option<Step>> {
        while let Some(decoding) = &mut self.decoding {
            match decoding.decoder.try_decode() {
                Ok(DecodeResult::Data(batch)) => {
                    let batch = if decoding.trim { trim(&batch, self.range)? } else { batch };
                    let rows = batch.num_rows().min(usize::try_from(self.rows_left).unwrap_or(usize::MAX));
                    self.rows_left -= rows as u64;
                    if rows > 0 {
                        return Ok(Some(Step::Rows(batch.slice(0, rows), decoding.layout.clone())));
                    }
                }
                Ok(DecodeResult::Finished) => self.decoding = None,
                Ok(DecodeResult::NeedsData(ranges)) => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        format!("the plan of `{}` lacks bytes", decoding.key),
                    )
                    .because(format!("{ranges:?}")));
                }
                Err(error) => return Err(Error::corrupt(&decoding.key, error)),
            }
        }
        Ok(None)
    }
}

impl Underway {
    /// Verifies the bytes and starts decoding.
    fn open(self) -> Result<Decoding> {
        let key = self.planned.entry.object.key.clone();
        let damaged = |error: ParquetError| Error::corrupt(&key, error);
        let (metadata, bytes) = match &self.planned.metadata {
            Some(metadata) => {
                self.verify_chunks(metadata)?;
                (Arc::clone(metadata), self.arrived.into_iter().collect::<Vec<_>>())
            }
            None => {
                let (range, file) = self.arrived.into_iter().next().unwrap_or_default();
                self.planned.entry.object.verify(&file)?;
                let (metadata, _) = read_footer(&file).map_err(damaged)?;
                (Arc::new(metadata), vec![(range, file)])
            }
        };
        let trim = self.planned.columns.has(6);
        let row_groups = self.planned.row_groups;
        let (mut decoder, layout) = decoder(&key, metadata, self.planned.columns, row_groups)?;
        let (ranges, buffers) = bytes.into_iter().unzip();
        decoder.push_ranges(ranges, buffers).map_err(damaged)?;
        Ok(Decoding { key, decoder, layout, trim })
    }

    fn verify_chunks(&self, metadata: &ParquetMetaData) -> Result<()> {
        let key = &self.planned.entry.object.key;
        let columns = metadata.file_metadata().schema_descr().num_columns();
        for group in self.planned.row_groups.iter().flatten() {
            let row_group = metadata.row_group(*group);
            for range in chunk_ranges(row_group, self.planned.columns) {
                let at = row_group
                    .columns()
                    .iter()
                    .position(|chunk| chunk.byte_range().0 == range.start)
                    .unwrap_or_default();
                let expected = self.planned.entry.chunk_crcs.get(group * columns + at);
                let found = self.bytes_of(&range).map(|bytes| crc32c(&bytes));
                if expected.is_none() || found.as_ref() != expected {
                    return Err(Error::corrupt(
                        key,
                        format!("bytes {}-{} do not match their checksum", range.start, range.end),
                    ));
                }
            }
        }
        Ok(())
    }

    fn bytes_of(&self, range: &Range<u64>) -> Option<Bytes> {
        let (whole, bytes) =
            self.arrived.iter().find(|(whole, _)| whole.start <= range.start && range.end <= whole.end)?;
        let at = |offset: u64| usize::try_from(offset - whole.start).ok();
        Some(bytes.slice(at(range.start)?..at(range.end)?))
    }
}

fn decoder(
    key: &str,
    metadata: Arc<ParquetMetaData>,
    columns: Columns,
    row_groups: Option<Vec<usize>>,
) -> Result<(ParquetPushDecoder, Layout)> {
    let damaged = |error: ParquetError| Error::corrupt(key, error);
    let stored =
        ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new()).map_err(damaged)?;
    let layout = Layout::of(stored.schema(), key)?;
    let schema = reading_schema(stored.schema());
    let reader = if &schema == stored.schema() {
        stored
    } else {
        ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new().with_schema(schema))
            .map_err(damaged)?
    };
    let mask = ProjectionMask::columns(metadata.file_metadata().schema_descr(), columns.names());
    let mut builder = ParquetPushDecoderBuilder::new_with_metadata(reader)
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS);
    if let Some(row_groups) = row_groups {
        builder = builder.with_row_groups(row_groups);
    }
    Ok((builder.build().map_err(damaged)?, layout))
}

/// The rows whose `ts_init` lies in `range`; they ascend.
fn trim(batch: &RecordBatch, range: TimeRange) -> Result<RecordBatch> {
    let column = crate::decode::column(batch, "ts_init")?;
    let within = |before: &dyn Fn(i64) -> usize| before(range.start.0)..before(range.end.0);
    let rows = match column.data_type() {
        DataType::UInt64 => {
            let stamps = column.as_primitive::<UInt64Type>().values();
            within(&|limit| stamps.partition_point(|stamp| i128::from(*stamp) < i128::from(limit)))
        }
        _ => {
            let stamps = column.as_primitive_opt::<TimestampNanosecondType>();
            let stamps = stamps
                .ok_or_else(|| Error::new(ErrorKind::Unsupported, "`ts_init` is not stored in nanoseconds"))?
                .values();
            within(&|limit| stamps.partition_point(|stamp| *stamp < limit))
        }
    };
    Ok(batch.slice(rows.start, rows.end.saturating_sub(rows.start)))
}

/// Decodes a whole file that no manifest describes, which any writer may have made: its layout, and its rows in stored order.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is no Parquet file, [`ErrorKind::Unsupported`] if its schema is foreign.
pub fn scan_file(key: &str, file: Bytes) -> Result<(Layout, Vec<RecordBatch>)> {
    let damaged = |error: ParquetError| Error::corrupt(key, error);
    let (metadata, _) = read_footer(&file).map_err(damaged)?;
    let reader =
        ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new()).map_err(damaged)?;
    let layout = Layout::of(reader.schema(), key)?;
    let mut decoder = ParquetPushDecoderBuilder::new_with_metadata(reader)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(damaged)?;
    decoder.push_range(0..file.len() as u64, file).map_err(damaged)?;
    let mut batches = Vec::new();
    loop {
        match decoder.try_decode().map_err(damaged)? {
            DecodeResult::Data(batch) => batches.push(batch),
            DecodeResult::Finished => return Ok((layout, batches)),
            DecodeResult::NeedsData(_) => {
                return Err(Error::corrupt(key, "it is shorter than its footer says"));
            }
        }
    }
}
