//! Queries and their plans: which partitions and row groups a query needs, and which bytes that is.

use std::ops::Range;
use std::sync::Arc;

use bars::TimeRange;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::schema::BAR_COLUMNS;
use crate::{Error, ObjectRef, PartitionEntry, Result, SeriesManifest, Sha256};

/// A set of bar columns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Columns(u8);

impl Columns {
    /// All seven.
    pub const ALL: Self = Self(0x7f);
    /// Prices, volume and `ts_init`: what a chart needs.
    pub const CHART: Self = Self(0x5f);

    /// The named columns; `None` if a name is not a column's.
    pub fn of(names: &[&str]) -> Option<Self> {
        names.iter().try_fold(Self(0), |set, name| {
            let at = BAR_COLUMNS.iter().position(|column| column == name)?;
            Some(Self(set.0 | 1 << at))
        })
    }

    /// Whether the column in stored position `at` is in the set.
    pub fn has(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// Their names, in stored order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..BAR_COLUMNS.len()).filter(move |at| self.has(*at)).map(|at| BAR_COLUMNS[at])
    }

    pub(crate) fn with_ts_init(self) -> Self {
        Self(self.0 | 1 << 6)
    }
}

/// What is wanted of one series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Query {
    /// Bars whose `ts_init` (their close) lies in this range.
    pub range: TimeRange,
    /// Which columns.
    pub columns: Columns,
    /// The most rows; the earliest are kept.
    pub limit: Option<u64>,
}

impl Default for Query {
    fn default() -> Self {
        Self { range: TimeRange::ALL, columns: Columns::ALL, limit: None }
    }
}

/// Bytes of an object, from `start` up to, but not including, `end`.
pub type ByteRange = Range<u64>;

/// Bytes that a scan needs.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fetch {
    /// The object.
    pub key: String,
    /// Which of its bytes.
    pub range: ByteRange,
    /// How many it has in all; a range of that length is the whole object.
    pub object_bytes: u64,
    /// The object's checksum, which names its content wherever it lies.
    pub sha256: Sha256,
}

impl Fetch {
    /// All of an object.
    pub fn whole(object: &ObjectRef) -> Self {
        let (object_bytes, sha256) = (object.size_bytes, object.sha256);
        Self { key: object.key.clone(), range: 0..object_bytes, object_bytes, sha256 }
    }

    /// Whether it is the whole object, so that no range needs to be asked for.
    pub fn is_whole(&self) -> bool {
        self.range == (0..self.object_bytes)
    }
}

/// A partition that a query reads.
#[derive(Clone, Debug)]
pub struct PlannedPartition {
    /// Its entry in the series manifest.
    pub entry: PartitionEntry,
    /// Columns to read: the wanted ones, and `ts_init` where rows must be cut off.
    pub columns: Columns,
    /// Row groups to read; `None` if the file is fetched whole and its footer is not known yet.
    pub row_groups: Option<Vec<usize>>,
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
    /// Partitions to read, ascending.
    pub partitions: Vec<PlannedPartition>,
    /// Partitions that hold nothing of the query.
    pub partitions_pruned: usize,
    /// Row groups that hold nothing of the query, in files whose footer the manifest keeps.
    pub row_groups_pruned: usize,
    /// Bytes to fetch.
    pub bytes: u64,
}

/// Two chunks of one file with fewer bytes than this between them are fetched as one range.
const COALESCE_GAP_BYTES: u64 = 32 * 1024;

/// Plans a query from the series manifest alone.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] if a footer in the manifest cannot be read.
pub fn plan(manifest: &SeriesManifest, query: Query) -> Result<Plan> {
    let mut out =
        Plan { query, partitions: Vec::new(), partitions_pruned: 0, row_groups_pruned: 0, bytes: 0 };
    let mut rows_before = 0;
    for entry in &manifest.partitions {
        let overlaps = entry.last >= query.range.start && entry.first < query.range.end;
        if !overlaps || query.limit.is_some_and(|limit| rows_before >= limit) {
            out.partitions_pruned += 1;
            continue;
        }
        let inside = query.range.contains(entry.first) && query.range.contains(entry.last);
        rows_before += if inside { entry.rows } else { 0 };
        let columns = if inside { query.columns } else { query.columns.with_ts_init() };
        let (planned, pruned) = plan_partition(entry, columns, query.range)?;
        out.row_groups_pruned += pruned;
        out.bytes += planned.fetches.iter().map(|fetch| fetch.range.end - fetch.range.start).sum::<u64>();
        out.partitions.push(planned);
    }
    Ok(out)
}

fn plan_partition(
    entry: &PartitionEntry,
    columns: Columns,
    range: TimeRange,
) -> Result<(PlannedPartition, usize)> {
    let object_bytes = entry.object.size_bytes;
    let sha256 = entry.object.sha256;
    let fetch = |range: ByteRange| Fetch { key: entry.object.key.clone(), range, object_bytes, sha256 };
    let Some(footer) = &entry.footer else {
        let planned = PlannedPartition {
            entry: entry.clone(),
            columns,
            row_groups: None,
            metadata: None,
            fetches: vec![fetch(0..object_bytes)],
        };
        return Ok((planned, 0));
    };
    let metadata = ParquetMetaDataReader::decode_metadata(footer)
        .map_err(|error| Error::corrupt(&entry.object.key, error))?;
    let groups = 0..metadata.num_row_groups();
    let row_groups: Vec<usize> = groups.filter(|group| may_hold(metadata.row_group(*group), range)).collect();
    let ranges =
        row_groups.iter().flat_map(|group| chunk_ranges(metadata.row_group(*group), columns)).collect();
    let planned = PlannedPartition {
        fetches: coalesce(ranges, COALESCE_GAP_BYTES).into_iter().map(fetch).collect(),
        entry: entry.clone(),
        columns,
        row_groups: Some(row_groups),
        metadata: Some(Arc::new(metadata)),
    };
    let pruned = planned.metadata.as_ref().map_or(0, |metadata| metadata.num_row_groups())
        - planned.row_groups.as_ref().map_or(0, Vec::len);
    Ok((planned, pruned))
}

/// Whether the statistics of `ts_init` allow rows in `range`.
fn may_hold(group: &RowGroupMetaData, range: TimeRange) -> bool {
    let stamps = group
        .columns()
        .iter()
        .find(|column| column.column_path().string() == "ts_init")
        .and_then(|column| column.statistics());
    match stamps {
        Some(Statistics::Int64(stamps)) => match (stamps.min_opt(), stamps.max_opt()) {
            (Some(min), Some(max)) => *max >= range.start.0 && *min < range.end.0,
            _ => true,
        },
        _ => true,
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

/// Joins ranges that overlap or have at most `gap` bytes between them; the result is ascending.
pub fn coalesce(mut ranges: Vec<ByteRange>, gap: u64) -> Vec<ByteRange> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut out: Vec<ByteRange> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "these are lists of ranges, not ranges of numbers")]
    fn coalescing_joins_neighbours() {
        for (ranges, gap, expected) in [
            (vec![0..10, 10..20], 0, vec![0..20]),
            (vec![30..40, 0..10], 19, vec![0..10, 30..40]),
            (vec![30..40, 0..10], 20, vec![0..40]),
            (vec![0..50, 10..20], 0, vec![0..50]),
            (vec![], 5, vec![]),
        ] {
            assert_eq!(coalesce(ranges, gap), expected);
        }
    }

    #[test]
    fn columns_by_name() {
        let columns = Columns::of(&["close", "ts_init"]).unwrap();
        assert_eq!(columns.names().collect::<Vec<_>>(), ["close", "ts_init"]);
        assert_eq!(Columns::ALL.names().count(), 7);
        assert_eq!(Columns::of(&["closing"]), None);
    }
}
