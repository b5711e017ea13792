//! Plans: which partitions and row groups a query needs, and which bytes that is.

use std::sync::Arc;

use bars::{TimeRange, UnixNanos};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::filter::Term;
use crate::footer::{contained, decode_footer};
use crate::query::coalesce;
use crate::{ByteRange, Columns, Error, Fetch, Order, PartitionEntry, Query, Result, SeriesManifest};

/// A partition that a query reads.
#[derive(Clone, Debug)]
pub struct PlannedPartition {
    /// Its entry in the series manifest.
    pub entry: PartitionEntry,
    /// Columns to read: the wanted ones, those that the filter looks at, and `ts_init` where rows must be cut off.
    pub columns: Columns,
    /// Row groups to read, ascending; `None` if the file is fetched whole and its footer is not known yet.
    pub row_groups: Option<Vec<usize>>,
    /// Whether it holds rows outside the range.
    pub(crate) trim: bool,
    /// What its rows must fulfil: not what its stamps say already.
    pub(crate) terms: Vec<Arc<Term>>,
    /// The footer from the manifest.
    pub(crate) metadata: Option<Arc<ParquetMetaData>>,
    /// The bytes it needs.
    pub fetches: Vec<Fetch>,
}

/// What a query will read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The query.
    pub query: Query,
    /// Partitions to read, in the order of the query.
    pub partitions: Vec<PlannedPartition>,
    /// Partitions that hold nothing of the query.
    pub partitions_pruned: usize,
    /// Row groups that hold nothing of the query, in files whose footer the manifest keeps.
    pub row_groups_pruned: usize,
    /// Bytes to fetch. With a limit and a filter fewer may do.
    pub bytes: u64,
}

impl PlannedPartition {
    /// Rows in what is read of it, of which the range and the filter may leave fewer.
    pub fn rows_read(&self) -> u64 {
        match (&self.metadata, &self.row_groups) {
            (Some(metadata), Some(groups)) => {
                let rows = groups.iter().map(|group| metadata.row_group(*group).num_rows());
                rows.sum::<i64>().unsigned_abs()
            }
            _ => self.entry.rows,
        }
    }

    /// Whether rows are tested one by one, since stamps alone do not say that all fulfil the filter.
    pub fn is_filtered(&self) -> bool {
        !self.terms.is_empty()
    }
}

impl Plan {
    /// Row groups to read, in files whose footer the manifest keeps.
    pub fn row_groups_kept(&self) -> usize {
        self.partitions.iter().filter_map(|partition| partition.row_groups.as_ref()).map(Vec::len).sum()
    }

    /// Ranges to fetch, each of which is a request.
    pub fn requests(&self) -> usize {
        self.partitions.iter().map(|partition| partition.fetches.len()).sum()
    }

    /// Whether the query's limit may be reached before all of that is read, which no plan can know.
    pub fn may_stop_early(&self) -> bool {
        self.query.limit.is_some() && self.partitions.iter().any(|partition| !partition.terms.is_empty())
    }
}

/// Two chunks of one file with fewer bytes than this between them are fetched as one range.
const COALESCE_GAP_BYTES: u64 = 32 * 1024;

/// Plans a query from the series manifest alone.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] if a footer in the manifest cannot be read, [`crate::ErrorKind::InvalidInput`] if sessions are
/// asked for that are shorter than a bar.
pub fn plan(manifest: &SeriesManifest, query: Query) -> Result<Plan> {
    let terms = terms(manifest, &query)?;
    let mut planner = Planner { query: &query, terms: &terms, rows_known: 0, row_groups_pruned: 0 };
    let mut partitions = Vec::new();
    let mut plan_one = |entry: &PartitionEntry| -> Result<()> {
        if planner.wants(entry) {
            partitions.extend(planner.partition(entry)?);
        }
        Ok(())
    };
    match query.order {
        Order::OldestFirst => manifest.partitions.iter().try_for_each(&mut plan_one)?,
        Order::NewestFirst => manifest.partitions.iter().rev().try_for_each(&mut plan_one)?,
    }
    let row_groups_pruned = planner.row_groups_pruned;
    let fetches = partitions.iter().flat_map(|planned: &PlannedPartition| &planned.fetches);
    Ok(Plan {
        bytes: fetches.map(|fetch| fetch.range.end - fetch.range.start).sum(),
        partitions_pruned: manifest.partitions.len() - partitions.len(),
        partitions,
        row_groups_pruned,
        query,
    })
}

/// What every bar must fulfil besides lying in the range.
fn terms(manifest: &SeriesManifest, query: &Query) -> Result<Vec<Arc<Term>>> {
    let mut terms = Vec::new();
    let range = &query.range;
    let read =
        manifest.partitions.iter().filter(|entry| entry.last >= range.start && entry.first < range.end);
    // `ts_event` may leave the range, which is one of `ts_init`.
    let lowest = read.clone().map(|entry| entry.first_event).min();
    let highest = read.map(|entry| entry.last_event).max();
    if let (Some(calendar), Some(lowest), Some(highest)) = (&query.session, lowest, highest) {
        let closes = TimeRange::new(lowest, highest.plus(1));
        terms.push(Arc::new(Term::of_sessions(calendar, manifest.bar_type.spec.interval(), closes)?));
    }
    terms.extend(query.filter.iter().flat_map(Term::of_filter).map(Arc::new));
    Ok(terms)
}

/// Lowest and highest stamps of some rows.
#[derive(Clone, Copy)]
struct Stamps {
    inits: [UnixNanos; 2],
    events: [UnixNanos; 2],
}

struct Planner<'a> {
    query: &'a Query,
    terms: &'a [Arc<Term>],
    /// Rows planned so far that are in the answer for certain.
    rows_known: u64,
    row_groups_pruned: usize,
}

impl Planner<'_> {
    fn is_full(&self) -> bool {
        self.query.limit.is_some_and(|limit| self.rows_known >= limit)
    }

    fn wants(&self, entry: &PartitionEntry) -> bool {
        !self.is_full() && self.may_hold(stamps_of(entry))
    }

    fn may_hold(&self, stamps: Stamps) -> bool {
        let [first, last] = stamps.inits;
        let range = &self.query.range;
        last >= range.start
            && first < range.end
            && self.terms.iter().all(|term| term.may_hold(stamps.inits, stamps.events))
    }

    fn is_inside(&self, stamps: Stamps) -> bool {
        stamps.inits.iter().all(|stamp| self.query.range.contains(*stamp))
    }

    /// What to read of a partition; `None` if none of its row groups holds anything.
    fn partition(&mut self, entry: &PartitionEntry) -> Result<Option<PlannedPartition>> {
        let stamps = stamps_of(entry);
        let trim = !self.is_inside(stamps);
        let open = self.terms.iter().filter(|term| !term.must_hold(stamps.inits, stamps.events));
        let terms: Vec<Arc<Term>> = open.cloned().collect();
        let read = terms.iter().fold(self.query.columns, |columns, term| columns.and(term.columns));
        let columns = if trim { read.and(Columns::TS_INIT) } else { read };
        let object_bytes = entry.object.size_bytes;
        let sha256 = entry.object.sha256;
        let fetch = |range: ByteRange| Fetch { key: entry.object.key.clone(), range, object_bytes, sha256 };
        let mut planned = PlannedPartition {
            entry: entry.clone(),
            columns,
            row_groups: None,
            trim,
            terms,
            metadata: None,
            fetches: vec![fetch(0..object_bytes)],
        };
        let Some(footer) = &entry.footer else {
            self.rows_known += if trim || !planned.terms.is_empty() { 0 } else { entry.rows };
            return Ok(Some(planned));
        };
        let key = &entry.object.key;
        let metadata = contained(key, || decode_footer(footer).map_err(|error| Error::corrupt(key, error)))?;
        let row_groups = self.row_groups(&metadata, stamps, planned.terms.is_empty());
        let chunks = row_groups.iter().flat_map(|group| chunk_ranges(metadata.row_group(*group), columns));
        planned.fetches = coalesce(chunks.collect(), COALESCE_GAP_BYTES).into_iter().map(fetch).collect();
        self.row_groups_pruned += metadata.num_row_groups() - row_groups.len();
        planned.metadata = Some(Arc::new(metadata));
        let is_empty = row_groups.is_empty();
        planned.row_groups = Some(row_groups);
        Ok((!is_empty).then_some(planned))
    }

    /// The row groups to read, ascending; no more than the limit needs if `unfiltered`.
    fn row_groups(&mut self, metadata: &ParquetMetaData, file: Stamps, unfiltered: bool) -> Vec<usize> {
        let mut kept = Vec::new();
        let count = metadata.num_row_groups();
        for at in 0..count {
            let group = if self.query.order == Order::NewestFirst { count - 1 - at } else { at };
            let row_group = metadata.row_group(group);
            let stamps = Stamps {
                inits: statistics(row_group, "ts_init").unwrap_or(file.inits),
                events: statistics(row_group, "ts_event").unwrap_or(file.events),
            };
            if self.is_full() || !self.may_hold(stamps) {
                continue;
            }
            kept.push(group);
            if unfiltered && self.is_inside(stamps) {
                self.rows_known += u64::try_from(row_group.num_rows()).unwrap_or_default();
            }
        }
        kept.sort_unstable();
        kept
    }
}

fn stamps_of(entry: &PartitionEntry) -> Stamps {
    Stamps { inits: [entry.first, entry.last], events: [entry.first_event, entry.last_event] }
}

/// Lowest and highest stamp of a column by its statistics, if there are any.
fn statistics(group: &RowGroupMetaData, name: &str) -> Option<[UnixNanos; 2]> {
    let column = group.columns().iter().find(|column| column.column_path().string() == name)?;
    match column.statistics()? {
        Statistics::Int64(stamps) => Some([UnixNanos(*stamps.min_opt()?), UnixNanos(*stamps.max_opt()?)]),
        _ => None,
    }
}

/// Where the wanted column chunks of a row group lie.
pub(crate) fn chunk_ranges(group: &RowGroupMetaData, columns: Columns) -> impl Iterator<Item = ByteRange> {
    let wanted = move |name: &str| columns.names().any(|column| column == name);
    group.columns().iter().filter(move |chunk| wanted(&chunk.column_path().string())).map(|chunk| {
        let (start, length) = chunk.byte_range();
        start..start.saturating_add(length)
    })
}
