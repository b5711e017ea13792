//! What came of a publish.

use catalog::Edit;

use super::series::{Copy, Wish};

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Count {
    pub(super) fn add(&mut self, objects: u64, bytes: u64) {
        self.objects += objects;
        self.bytes += bytes;
    }
}

/// What a publish did, or would do.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// The source's snapshot.
    pub source: u64,
    /// The copy's new snapshot; `None` if it stayed as it was.
    pub snapshot: Option<u64>,
    /// Series, overviews not counted.
    pub series: u64,
    /// Their bars.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Coarser copies.
    pub overviews: u64,
    /// Bytes of their files.
    pub overview_bytes: u64,
    /// Files that are new.
    pub new: Count,
    /// Files that stay.
    pub unchanged: Count,
    /// Files that the copy does without from now on.
    pub removed: Count,
}

/// Counts a series of the copy.
pub(super) fn count_series(wish: &Wish, rows: u64, bytes: u64, report: &mut Report) {
    if wish.overview {
        report.overviews += 1;
        report.overview_bytes += bytes;
    } else {
        report.series += 1;
        report.rows += rows;
        report.bytes += bytes;
    }
}

/// Counts what becomes of its files.
pub(super) fn count_copy(copy: &Copy<'_>, edit: &Edit, report: &mut Report) {
    let (mut rows, mut all) = (0, Count::default());
    for file in copy.entries() {
        rows += file.rows;
        all.add(1, file.object.size_bytes);
    }
    let tally = &edit.tally;
    report.new.add(tally.partitions_added, tally.bytes_added);
    report.removed.add(tally.partitions_removed, tally.bytes_removed);
    report.unchanged.add(all.objects - tally.partitions_added, all.bytes - tally.bytes_added);
    count_series(&copy.wish, rows, all.bytes, report);
}
