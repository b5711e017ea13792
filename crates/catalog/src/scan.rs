//! A scan: asks for byte ranges, is handed bytes, gives record batches.
//!
//! The caller loops over [`Scan::next`]. [`Step::Fetch`] names bytes to start fetching (several partitions ahead, up to a budget),
//! [`Step::Wait`] asks for any of them to be handed over by [`Scan::supply`], [`Step::Rows`] gives rows in the query's order. Every byte
//! is checked against the manifest's checksums before it is decoded.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bars::TimeRange;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::decode::{pick, stamps};
use crate::encode::read_footer;
use crate::filter::{Term, select};
use crate::plan::chunk_ranges;
use crate::schema::reading_schema;
use crate::{Columns, Error, ErrorKind, Fetch, Layout, Order, Plan, PlannedPartition, Result, crc32c};

/// What a scan needs or has.
#[derive(Debug)]
pub enum Step {
    /// Start fetching these; they need not arrive in order.
    Fetch(Vec<Fetch>),
    /// Nothing can be decoded until another of the fetches arrives.
    Wait,
    /// Rows with the wanted columns, in the query's order over all steps, and how they are stored.
    Rows(RecordBatch, Layout),
    /// There are no more.
    Done,
}

/// Reads what a [`Plan`] says.
pub struct Scan {
    range: TimeRange,
    columns: Columns,
    order: Order,
    rows_left: u64,
    budget_bytes: u64,
    /// Partitions that may be under way at once: few at first, where a limit may make the later ones needless.
    partitions_ahead: usize,
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

/// A partition that is being decoded.
struct Decoding {
    source: Source,
    layout: Layout,
    trim: bool,
    terms: Vec<Arc<Term>>,
}

/// Where rows come from.
enum Source {
    /// A file from its start to its end.
    Forward(File, Box<ParquetPushDecoder>),
    /// A file from its end to its start: row groups that are still to come, and batches of the last one.
    Backward(File, Vec<usize>, Vec<RecordBatch>),
}

/// The verified bytes of a file.
struct File {
    key: String,
    reader: ArrowReaderMetadata,
    columns: Columns,
    bytes: Vec<(Range<u64>, Bytes)>,
}

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

impl Scan {
    /// A scan that has at most about `budget_bytes` of fetched bytes in memory, but always one partition.
    pub fn new(plan: Plan, budget_bytes: u64) -> Self {
        Self {
            range: plan.query.range,
            columns: plan.query.columns,
            order: plan.query.order,
            rows_left: plan.query.limit.unwrap_or(u64::MAX),
            budget_bytes,
            partitions_ahead: if plan.may_stop_early() { 1 } else { usize::MAX },
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
                self.decoding = Some(partition.open(self.order)?);
                self.partitions_ahead = self.partitions_ahead.saturating_mul(2);
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
            let is_enough =
                in_memory + bytes > self.budget_bytes || self.underway.len() >= self.partitions_ahead;
            if !self.underway.is_empty() && is_enough {
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
            let Some(batch) = decoding.source.next()? else {
                self.decoding = None;
                continue;
            };
            let batch = decoding.rows_of(batch, self.range, self.order, self.rows_left)?;
            if batch.num_rows() > 0 {
                self.rows_left -= batch.num_rows() as u64;
                return Ok(Some(Step::Rows(project(&batch, self.columns)?, decoding.layout.clone())));
            }
        }
        Ok(None)
    }
}

impl Decoding {
    /// The rows of a batch that are in the answer, in its order.
    fn rows_of(&self, batch: RecordBatch, range: TimeRange, order: Order, limit: u64) -> Result<RecordBatch> {
        let batch = if self.trim { trim(&batch, range)? } else { batch };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let selected = if batch.num_rows() == 0 { None } else { select(&self.terms, &batch, &self.layout)? };
        match (selected, order) {
            (None, Order::OldestFirst) => Ok(batch.slice(0, batch.num_rows().min(most))),
            (Some(rows), Order::OldestFirst) => pick(&batch, &rows[..rows.len().min(most)]),
            (None, Order::NewestFirst) => {
                let rows: Vec<u32> = (0..batch.num_rows() as u32).rev().take(most).collect();
                pick(&batch, &rows)
            }
            (Some(rows), Order::NewestFirst) => {
                let rows: Vec<u32> = rows.into_iter().rev().take(most).collect();
                pick(&batch, &rows)
            }
        }
    }
}

impl Source {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Self::Forward(file, decoder) => file.decode(decoder),
            Self::Backward(file, groups, batches) => {
                while batches.is_empty() {
                    let Some(group) = groups.pop() else { return Ok(None) };
                    let mut decoder = file.decoder(Some(vec![group]))?;
                    while let Some(batch) = file.decode(&mut decoder)? {
                        batches.push(batch);
                    }
                }
                Ok(batches.pop())
            }
        }
    }
}

impl File {
    fn decoder(&self, row_groups: Option<Vec<usize>>) -> Result<ParquetPushDecoder> {
        let damaged = |error: ParquetError| Error::corrupt(&self.key, error);
        let stored = self.reader.metadata().file_metadata().schema_descr();
        let mut builder = ParquetPushDecoderBuilder::new_with_metadata(self.reader.clone())
            .with_projection(ProjectionMask::columns(stored, self.columns.names()))
            .with_batch_size(BATCH_ROWS);
        if let Some(row_groups) = row_groups {
            builder = builder.with_row_groups(row_groups);
        }
        let mut decoder = builder.build().map_err(damaged)?;
        let (ranges, buffers) = self.bytes.iter().cloned().unzip();
        decoder.push_ranges(ranges, buffers).map_err(damaged)?;
        Ok(decoder)
    }

    fn decode(&self, decoder: &mut ParquetPushDecoder) -> Result<Option<RecordBatch>> {
        match decoder.try_decode() {
            Ok(DecodeResult::Data(batch)) => Ok(Some(batch)),
            Ok(DecodeResult::Finished) => Ok(None),
            Ok(DecodeResult::NeedsData(ranges)) => {
                let what = format!("the plan of `{}` lacks bytes", self.key);
                Err(Error::new(ErrorKind::Internal, what).because(format!("{ranges:?}")))
            }
            Err(error) => Err(Error::corrupt(&self.key, error)),
        }
    }
}

impl Underway {
    /// Verifies the bytes and starts decoding.
    fn open(self, order: Order) -> Result<Decoding> {
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
        let all_groups = || (0..metadata.num_row_groups()).collect();
        let row_groups = self.planned.row_groups.unwrap_or_else(all_groups);
        let (reader, layout) = reader(&key, metadata)?;
        let file = File { key, reader, columns: self.planned.columns, bytes };
        let source = match order {
            Order::OldestFirst => {
                let decoder = file.decoder(Some(row_groups))?;
                Source::Forward(file, Box::new(decoder))
            }
            Order::NewestFirst => Source::Backward(file, row_groups, Vec::new()),
        };
        Ok(Decoding { source, layout, trim: self.planned.trim, terms: self.planned.terms })
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

/// How to decode a file, and what it says of itself.
fn reader(key: &str, metadata: Arc<ParquetMetaData>) -> Result<(ArrowReaderMetadata, Layout)> {
    let damaged = |error: ParquetError| Error::corrupt(key, error);
    let stored =
        ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new()).map_err(damaged)?;
    let layout = Layout::of(stored.schema(), key)?;
    let schema = reading_schema(stored.schema());
    if &schema == stored.schema() {
        return Ok((stored, layout));
    }
    let options = ArrowReaderOptions::new().with_schema(schema);
    Ok((ArrowReaderMetadata::try_new(metadata, options).map_err(damaged)?, layout))
}

/// The rows whose `ts_init` lies in `range`; they ascend.
fn trim(batch: &RecordBatch, range: TimeRange) -> Result<RecordBatch> {
    let stamps = stamps(batch, "ts_init")?;
    let at = |limit: i64| stamps.partition_point(|stamp| *stamp < limit);
    let (start, end) = (at(range.start.0), at(range.end.0));
    Ok(batch.slice(start, end.saturating_sub(start)))
}

/// Only the wanted columns; others were read to decide which rows to keep.
fn project(batch: &RecordBatch, wanted: Columns) -> Result<RecordBatch> {
    let schema = batch.schema();
    let is_wanted = |name: &String| wanted.names().any(|wanted| wanted == name);
    let kept: Vec<usize> =
        (0..batch.num_columns()).filter(|at| is_wanted(schema.field(*at).name())).collect();
    if kept.len() == batch.num_columns() {
        return Ok(batch.clone());
    }
    batch
        .project(&kept)
        .map_err(|error| Error::new(ErrorKind::Internal, "could not leave columns out").because(error))
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
