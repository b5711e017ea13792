//! Changes to a series: which stored files one must read, and which files it writes and retires.
//!
//! Every operation on bars, be it an import, a deletion or a consolidation, comes down to an [`Edit`]: some files leave the series and
//! others take their place. [`Change::pieces`] cuts the work into [`Piece`]s that fit in memory one after the other; the caller reads
//! what a piece wants and runs it.

use std::collections::BTreeSet;
use std::ops::Range;

use bars::{BarColumns, BarType, Calendar, DAY, Date, Decimal, IntervalSet, TimeRange, UnixNanos};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::encode::written_by_others;
use crate::{
    Error, ErrorKind, ObjectRef, PartitionEntry, Profile, Result, SeriesEntry, SeriesManifest, WriteOptions,
    encode_bars, names,
};

/// What is known of a series besides its bars.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeriesFacts {
    /// Where the bars came from.
    pub source: String,
    /// What a reader must know.
    pub note: String,
    /// When the market trades.
    pub calendar: Option<Calendar>,
    /// How to store a new series. An existing one keeps its profile, and at least its precision.
    pub options: WriteOptions,
}

/// What becomes of a new bar that differs from the stored one of its stamp. Equal bars are no conflict.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overlap {
    /// Nothing is committed.
    #[default]
    Fail,
    /// The stored bar stays.
    Keep,
    /// The new bar takes its place.
    Replace,
}

/// Bars to add to a series; strictly ascending in `ts_init`.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The series.
    pub bar_type: BarType,
    /// The bars.
    pub bars: BarColumns<Decimal>,
    /// Facts for the series table.
    pub facts: SeriesFacts,
    /// Which of two different bars of one stamp is stored.
    pub overlap: Overlap,
}

/// A stretch of the UTC calendar that one file holds. A bar belongs to the one it opened in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A UTC day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
    /// All of time.
    All,
}

impl Period {
    /// What a new file of this series holds: a day, or a year of daily and longer bars.
    pub fn of(bar_type: &BarType) -> Self {
        if bar_type.spec.interval().is_none_or(|interval| interval < DAY) { Self::Day } else { Self::Year }
    }

    /// The period that bars lie in which open at `open`; its ends are midnights, or the ends of time.
    pub fn range(self, open: UnixNanos) -> TimeRange {
        let midnight = |year, month| Date::new(year, month, 1).map(UnixNanos::midnight);
        let (day, date) = (open.0.div_euclid(DAY), open.date());
        let days = |first: i64, count: i64| {
            let edge = |day: i64| UnixNanos(day.saturating_mul(DAY));
            TimeRange::new(edge(first), edge(first + count))
        };
        let (year, month) = (date.year(), date.month());
        let (start, end) = match self {
            Self::Day => return days(day, 1),
            Self::Week => return days((day + 3).div_euclid(7) * 7 - 3, 7),
            Self::Month if month == 12 => (midnight(year, 12), midnight(year + 1, 1)),
            Self::Month => (midnight(year, month), midnight(year, month + 1)),
            Self::Year => (midnight(year, 1), midnight(year + 1, 1)),
            Self::All => return TimeRange::ALL,
        };
        TimeRange::new(start.unwrap_or(UnixNanos::MIN), end.unwrap_or(UnixNanos::MAX))
    }

    /// The number of the period in which a bar that opens at `open` lies; greater for later ones.
    pub fn number(self, open: UnixNanos) -> i64 {
        let day = open.0.div_euclid(DAY);
        let date = open.date();
        match self {
            Self::Day => day,
            // 1970-01-01 was a Thursday.
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => i64::from(date.year()) * 12 + i64::from(date.month()),
            Self::Year => i64::from(date.year()),
            Self::All => 0,
        }
    }
}

/// What is to happen to one series.
#[derive(Clone, Debug)]
pub enum Change {
    /// Bars are added.
    Add(Addition),
    /// Bars whose `ts_init` lies in a range are removed.
    Delete {
        /// The series.
        bar_type: BarType,
        /// Which bars.
        range: TimeRange,
    },
    /// Files are merged, or split, so that each holds one period.
    Consolidate {
        /// The series.
        bar_type: BarType,
        /// What a file is to hold.
        period: Period,
        /// Only files that lie in this range of `ts_init` as a whole.
        range: TimeRange,
    },
    /// Files whose names do not tell their content get names that do.
    ResetNames {
        /// The series.
        bar_type: BarType,
    },
    /// Files that are damaged leave the series.
    Quarantine {
        /// The series.
        bar_type: BarType,
        /// Their keys.
        keys: BTreeSet<String>,
    },
    /// What the manifest says of a series is put right.
    Mend(Mending),
    /// Files that another program wrote into `data/` join the series, where they lie.
    Adopt {
        /// The series.
        bar_type: BarType,
        /// The files.
        files: Vec<PartitionEntry>,
        /// Files of the manifest that are no longer there, or that other files took the place of.
        gone: BTreeSet<String>,
        /// Facts for the series table.
        facts: SeriesFacts,
    },
    /// The source says that it holds no bars of these times.
    ConfirmEmpty {
        /// The series, which may be new.
        bar_type: BarType,
        /// The times.
        ranges: IntervalSet,
        /// Facts for the series table.
        facts: SeriesFacts,
    },
}

/// How a series is put right.
#[derive(Clone, Debug)]
pub struct Mending {
    /// The series.
    pub bar_type: BarType,
    /// Files that are damaged and leave it.
    pub damaged: BTreeSet<String>,
    /// Files that are gone.
    pub missing: BTreeSet<String>,
    /// Files of the series that are described anew, under the keys they have.
    pub described: Vec<PartitionEntry>,
    /// Files in `data/` that belong to it and that it does not name.
    pub found: Vec<PartitionEntry>,
    /// At least so many decimals of prices and of volumes are shown from now on.
    pub precision: (u8, u8),
}

impl Mending {
    /// Nothing but numbers are put right: those of the series table are counted again.
    pub fn new(bar_type: &BarType) -> Self {
        Self {
            bar_type: bar_type.clone(),
            damaged: BTreeSet::new(),
            missing: BTreeSet::new(),
            described: Vec::new(),
            found: Vec::new(),
            precision: (0, 0),
        }
    }
}

/// Bars and files that a change touches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Tally {
    /// Bars added.
    pub rows_added: u64,
    /// Bars that were stored already, with equal values.
    pub rows_identical: u64,
    /// Bars dropped in favour of stored ones that differ.
    pub rows_kept: u64,
    /// Stored bars that others took the place of.
    pub rows_replaced: u64,
    /// Bars removed.
    pub rows_removed: u64,
    /// Files that join.
    pub partitions_added: u64,
    /// Their bytes.
    pub bytes_added: u64,
    /// Files that leave.
    pub partitions_removed: u64,
    /// Their bytes.
    pub bytes_removed: u64,
}

impl Tally {
    /// Adds another one's numbers.
    pub fn add(&mut self, other: &Self) {
        self.rows_added += other.rows_added;
        self.rows_identical += other.rows_identical;
        self.rows_kept += other.rows_kept;
        self.rows_replaced += other.rows_replaced;
        self.rows_removed += other.rows_removed;
        self.partitions_added += other.partitions_added;
        self.bytes_added += other.bytes_added;
        self.partitions_removed += other.partitions_removed;
        self.bytes_removed += other.bytes_removed;
    }
}

/// What a commit does to one series.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The series.
    pub bar_type: BarType,
    /// Facts for the series table; `None` keeps what is known.
    pub facts: Option<SeriesFacts>,
    /// How the series is written from now on.
    pub options: WriteOptions,
    /// Files that leave `data/`.
    pub retire: Vec<ObjectRef>,
    /// Files that leave `data/` because they are damaged.
    pub quarantine: Vec<ObjectRef>,
    /// Files of the manifest that are no longer there.
    pub forget: Vec<ObjectRef>,
    /// New files; they lie in `staging/` until the commit.
    pub staged: Vec<PartitionEntry>,
    /// Files that lie in `data/` already.
    pub adopted: Vec<PartitionEntry>,
    /// Stored files that get another name: the old one, and the new file to stage with the same bytes.
    pub renamed: Vec<(ObjectRef, PartitionEntry)>,
    /// Time of which the source says that it holds no bars.
    pub confirmed_empty: IntervalSet,
    /// The series manifest and the numbers of the series table are written anew, whatever else changes.
    pub restated: bool,
    /// Whether the series is a copy of another catalog's: what is known of empty time is then replaced, not added to.
    pub is_copy: bool,
    /// Whether the series is a coarser copy of another series of this catalog.
    pub overview: bool,
    /// What it comes to.
    pub tally: Tally,
    conflicts: Option<Conflicts>,
    overlap: Overlap,
}

#[derive(Clone, Debug)]
struct Conflicts {
    count: u64,
    first: String,
}

/// A part of a change's work: stored files to read, rows to write.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Files whose bars it needs, ascending.
    pub reads: Vec<PartitionEntry>,
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    Merge(Range<usize>),
    Cut(TimeRange),
    Regroup(Period),
}

/// A file to put into `staging/`.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its entry in the series manifest.
    pub entry: PartitionEntry,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Change {
    /// The series.
    pub fn bar_type(&self) -> &BarType {
        match self {
            Self::Add(addition) => &addition.bar_type,
            Self::Mend(mending) => &mending.bar_type,
            Self::Delete { bar_type, .. }
            | Self::Consolidate { bar_type, .. }
            | Self::ResetNames { bar_type }
            | Self::Quarantine { bar_type, .. }
            | Self::Adopt { bar_type, .. }
            | Self::ConfirmEmpty { bar_type, .. } => bar_type,
        }
    }

    /// What to do to a series whose entry and partitions are given: what is known without reading bars, and the pieces of work.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the change needs a series that is not there, [`ErrorKind::Unsupported`] if new bars have more
    /// decimals than a compact series can take.
    pub fn pieces(&self, stored: Option<(&SeriesEntry, &SeriesManifest)>) -> Result<(Edit, Vec<Piece>)> {
        let partitions = stored.map_or(&[][..], |(_, manifest)| &manifest.partitions);
        let entry = stored.map(|(entry, _)| entry);
        match self {
            Self::Add(addition) => {
                let mut edit = Edit::new(
                    &addition.bar_type,
                    options_of(&addition.bar_type, &addition.facts.options, entry)?,
                );
                edit.facts = Some(addition.facts.clone());
                edit.overlap = addition.overlap;
                let pieces = merge_pieces(addition, partitions);
                refuse_rewriting(entry, &pieces)?;
                Ok((edit, pieces))
            }
            Self::Adopt { bar_type, files, gone, facts } => {
                let mut edit = Edit::new(bar_type, facts.options);
                edit.facts = Some(facts.clone());
                for file in partitions.iter().filter(|file| gone.contains(&file.object.key)) {
                    edit.tally.rows_removed += file.rows;
                    edit.leaves(file, |edit| &mut edit.forget);
                }
                for file in files {
                    edit.tally.rows_added += file.rows;
                    edit.tally.partitions_added += 1;
                    edit.tally.bytes_added += file.object.size_bytes;
                }
                edit.adopted = files.clone();
                Ok((edit, Vec::new()))
            }
            Self::ConfirmEmpty { bar_type, ranges, facts } => {
                let mut edit = Edit::new(bar_type, options_of(bar_type, &facts.options, entry)?);
                edit.facts = Some(facts.clone());
                edit.confirmed_empty = ranges.clone();
                Ok((edit, Vec::new()))
            }
            _ => {
                let bar_type = self.bar_type();
                let entry = entry.ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, format!("the catalog has no series {bar_type}"))
                        .then("see which series there are: `barkeep list`")
                })?;
                let mut edit = Edit::new(bar_type, entry.write_options());
                let pieces = match self {
                    Self::Delete { range, .. } => delete_pieces(&mut edit, *range, partitions),
                    Self::Consolidate { period, range, .. } => {
                        regroup_pieces(bar_type, *period, *range, partitions)
                    }
                    Self::Quarantine { keys, .. } => {
                        for file in partitions.iter().filter(|file| keys.contains(&file.object.key)) {
                            edit.tally.rows_removed += file.rows;
                            edit.leaves(file, |edit| &mut edit.quarantine);
                        }
                        Vec::new()
                    }
                    Self::Mend(mending) => {
                        mend(&mut edit, mending, partitions);
                        Vec::new()
                    }
                    _ => {
                        rename(&mut edit, partitions);
                        Vec::new()
                    }
                };
                refuse_rewriting(Some(entry), &pieces)?;
                Ok((edit, pieces))
            }
        }
    }

    /// Does a piece of work: `rows` are the bars of the files it reads. The files it gives are to be staged.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for values that cannot be stored.
    pub fn run(&self, piece: &Piece, rows: &BarColumns<Decimal>, edit: &mut Edit) -> Result<Vec<NewFile>> {
        let mut files = Vec::new();
        match &piece.task {
            Task::Merge(range) => {
                if let Self::Add(addition) = self {
                    merge(addition, range.clone(), &piece.reads, rows, edit, &mut files)?;
                }
            }
            Task::Cut(range) => {
                let cut = rows.rows_in(*range);
                edit.tally.rows_removed += cut.len() as u64;
                if !cut.is_empty() {
                    for file in &piece.reads {
                        edit.leaves(file, |edit| &mut edit.retire);
                    }
                    edit.write(rows, [0..cut.start, cut.end..rows.len()], &mut files)?;
                }
            }
            Task::Regroup(period) => {
                for file in &piece.reads {
                    edit.leaves(file, |edit| &mut edit.retire);
                }
                let groups = group_rows(rows, 0..rows.len(), &edit.bar_type, *period);
                edit.write(rows, groups, &mut files)?;
            }
        }
        Ok(files)
    }
}

impl Edit {
    /// An edit that changes nothing yet.
    pub fn new(bar_type: &BarType, options: WriteOptions) -> Self {
        Self {
            bar_type: bar_type.clone(),
            facts: None,
            options,
            retire: Vec::new(),
            quarantine: Vec::new(),
            forget: Vec::new(),
            staged: Vec::new(),
            adopted: Vec::new(),
            renamed: Vec::new(),
            confirmed_empty: IntervalSet::default(),
            restated: false,
            is_copy: false,
            overview: false,
            tally: Tally::default(),
            conflicts: None,
            overlap: Overlap::Fail,
        }
    }

    /// Every file that leaves the series.
    pub fn leaving(&self) -> impl Iterator<Item = &ObjectRef> {
        let renamed = self.renamed.iter().map(|(old, _)| old);
        self.retire.iter().chain(&self.quarantine).chain(&self.forget).chain(renamed)
    }

    /// Every file that joins it.
    pub fn joining(&self) -> impl Iterator<Item = &PartitionEntry> {
        self.staged.iter().chain(&self.adopted).chain(self.renamed.iter().map(|(_, new)| new))
    }

    /// Whether it changes nothing.
    pub fn is_nothing(&self) -> bool {
        // A copy's facts may have changed, which shows when it is applied.
        let files = self.leaving().next().is_some() || self.joining().next().is_some();
        !files && self.confirmed_empty.is_empty() && !self.restated && !self.is_copy
    }

    /// Refuses new bars that differ from stored ones, unless it was said what to do with them.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`].
    pub fn refuse_conflicts(&self) -> Result<()> {
        let Some(conflicts) = self.conflicts.as_ref().filter(|_| self.overlap == Overlap::Fail) else {
            return Ok(());
        };
        let what =
            format!("{} of the bars differ from bars of {} that are stored", conflicts.count, self.bar_type);
        Err(Error::new(ErrorKind::Conflict, what)
            .because(&conflicts.first)
            .then("check that instrument, bar size, time zone and `--stamp` are right")
            .then("keep what is stored and add only the other bars: `--overlap keep`")
            .then("or store the new bars in their place: `--overlap replace`; the old ones stay readable at the snapshot before"))
    }

    fn leaves(&mut self, file: &PartitionEntry, list: impl Fn(&mut Self) -> &mut Vec<ObjectRef>) {
        self.tally.partitions_removed += 1;
        self.tally.bytes_removed += file.object.size_bytes;
        list(self).push(file.object.clone());
    }

    fn conflicting(
        &mut self,
        new: &BarColumns<Decimal>,
        row: usize,
        stored: &BarColumns<Decimal>,
        at: usize,
    ) {
        let show = |bars: &BarColumns<Decimal>, row: usize| {
            let bar = bars.bar(row);
            format!("{} {} {} {} {}", bar.open, bar.high, bar.low, bar.close, bar.volume)
        };
        let conflicts = self.conflicts.get_or_insert_with(|| {
            let stamp = UnixNanos(stored.ts_init[at]);
            let (old, new) = (show(stored, at), show(new, row));
            Conflicts {
                count: 0,
                first: format!("the bar that closes at {stamp} is stored as {old} and now comes as {new}"),
            }
        });
        conflicts.count += 1;
    }

    /// Encodes each of `groups` of rows as a file.
    fn write(
        &mut self,
        bars: &BarColumns<Decimal>,
        groups: impl IntoIterator<Item = Range<usize>>,
        files: &mut Vec<NewFile>,
    ) -> Result<()> {
        for rows in groups.into_iter().filter(|rows| !rows.is_empty()) {
            let mut part = BarColumns::with_capacity(rows.len());
            part.extend_from(bars, rows);
            let encoded = encode_bars(&self.bar_type, &part, &self.options)?;
            let key = names::partition(&self.bar_type, encoded.first, encoded.last, &encoded.sha256);
            let entry = PartitionEntry::of(key, &encoded, present(&part, self.bar_type.spec.interval()));
            self.tally.partitions_added += 1;
            self.tally.bytes_added += entry.object.size_bytes;
            self.staged.push(entry.clone());
            files.push(NewFile { entry, bytes: encoded.bytes });
        }
        Ok(())
    }
}

/// How the series is written: as it was, with more decimals where the new bars have them.
fn options_of(bar_type: &BarType, new: &WriteOptions, entry: Option<&SeriesEntry>) -> Result<WriteOptions> {
    let mut options = *new;
    let Some(entry) = entry else { return Ok(options) };
    options.profile = entry.profile;
    options.price_precision = options.price_precision.max(entry.price_precision);
    options.size_precision = options.size_precision.max(entry.size_precision);
    let grew =
        options.price_precision > entry.price_precision || options.size_precision > entry.size_precision;
    if entry.profile == Profile::Compact && grew {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the new bars of {bar_type} have more decimals than its compact files"),
        )
        .because(format!(
            "it is stored with {} decimals for prices and {} for volumes",
            entry.price_precision, entry.size_precision
        ))
        .then("import the whole series into a new catalog with the higher precision"));
    }
    Ok(options)
}

/// Files of NautilusTrader 1.x may leave a series as a whole; nothing is written beside them.
fn refuse_rewriting(entry: Option<&SeriesEntry>, pieces: &[Piece]) -> Result<()> {
    match entry {
        Some(entry) if entry.profile == Profile::NautilusV1 && !pieces.is_empty() => {
            Err(written_by_others(&entry.bar_type))
        }
        _ => Ok(()),
    }
}

/// New bars in runs that touch the same stored files: one run a period, and more only where a stored file spans several.
fn merge_pieces(addition: &Addition, stored: &[PartitionEntry]) -> Vec<Piece> {
    let bars = &addition.bars;
    let period = Period::of(&addition.bar_type);
    let mut pieces: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for rows in group_rows(bars, 0..bars.len(), &addition.bar_type, period) {
        let (first, last) = (bars.ts_init[rows.start], bars.ts_init[rows.end - 1]);
        let touched = stored.partition_point(|file| file.last.0 < first)
            ..stored.partition_point(|file| file.first.0 <= last);
        match pieces.last_mut() {
            Some((run, files)) if !touched.is_empty() && touched.start < files.end => {
                run.end = rows.end;
                files.end = files.end.max(touched.end);
            }
            _ => pieces.push((rows, touched)),
        }
    }
    let piece = |(rows, files): (Range<usize>, Range<usize>)| Piece {
        reads: stored[files].to_vec(),
        task: Task::Merge(rows),
    };
    pieces.into_iter().map(piece).collect()
}

/// Puts new bars beside and into the stored files they touch.
fn merge(
    addition: &Addition,
    rows: Range<usize>,
    files: &[PartitionEntry],
    stored: &BarColumns<Decimal>,
    edit: &mut Edit,
    out: &mut Vec<NewFile>,
) -> Result<()> {
    let bars = &addition.bars;
    let period = Period::of(&addition.bar_type);
    let mut next = rows.start;
    for file in files {
        let before = next + bars.ts_init[next..rows.end].partition_point(|stamp| *stamp < file.first.0);
        let beside = group_rows(bars, next..before, &addition.bar_type, period);
        edit.tally.rows_added += (before - next) as u64;
        edit.write(bars, beside, out)?;
        next = before + bars.ts_init[before..rows.end].partition_point(|stamp| *stamp <= file.last.0);
        let own = stored.rows_in(TimeRange::new(file.first, file.last.plus(1)));
        let merged = merge_rows(addition, before..next, stored, own, edit);
        if let Some(merged) = merged {
            edit.leaves(file, |edit| &mut edit.retire);
            edit.write(&merged, std::iter::once(0..merged.len()), out)?;
        }
    }
    let after = group_rows(bars, next..rows.end, &addition.bar_type, period);
    edit.tally.rows_added += (rows.end - next) as u64;
    edit.write(bars, after, out)
}

/// The rows of a stored file with new ones among them; `None` if it stays as it is.
fn merge_rows(
    addition: &Addition,
    new: Range<usize>,
    stored: &BarColumns<Decimal>,
    own: Range<usize>,
    edit: &mut Edit,
) -> Option<BarColumns<Decimal>> {
    let bars = &addition.bars;
    let mut taken = Vec::new();
    for row in new {
        match stored.ts_init[own.clone()].binary_search(&bars.ts_init[row]) {
            Err(_) => {
                edit.tally.rows_added += 1;
                taken.push(row);
            }
            Ok(at) if stored.bar(own.start + at) == bars.bar(row) => edit.tally.rows_identical += 1,
            Ok(at) if addition.overlap == Overlap::Replace => {
                edit.conflicting(bars, row, stored, own.start + at);
                edit.tally.rows_replaced += 1;
                taken.push(row);
            }
            Ok(at) => {
                edit.conflicting(bars, row, stored, own.start + at);
                edit.tally.rows_kept += 1;
            }
        }
    }
    if taken.is_empty() {
        return None;
    }
    let mut merged = BarColumns::with_capacity(own.len() + taken.len());
    let mut at = own.start;
    for row in taken {
        let stamp = bars.ts_init[row];
        let until = at + stored.ts_init[at..own.end].partition_point(|stored| *stored < stamp);
        merged.extend_from(stored, at..until);
        merged.extend_from(bars, row..row + 1);
        at = until + usize::from(stored.ts_init[until..own.end].first() == Some(&stamp));
    }
    merged.extend_from(stored, at..own.end);
    Some(merged)
}

fn delete_pieces(edit: &mut Edit, range: TimeRange, stored: &[PartitionEntry]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for file in stored.iter().filter(|file| file.last >= range.start && file.first < range.end) {
        if range.contains(file.first) && range.contains(file.last) {
            edit.tally.rows_removed += file.rows;
            edit.leaves(file, |edit| &mut edit.retire);
        } else {
            pieces.push(Piece { reads: vec![file.clone()], task: Task::Cut(range) });
        }
    }
    pieces
}

/// Files that share a period, together; those that hold one period each are left alone.
fn regroup_pieces(
    bar_type: &BarType,
    period: Period,
    range: TimeRange,
    stored: &[PartitionEntry],
) -> Vec<Piece> {
    let interval = bar_type.spec.interval().unwrap_or_default();
    let number = |close: UnixNanos| period.number(close.plus(-interval));
    let mut pieces: Vec<Piece> = Vec::new();
    for file in stored.iter().filter(|file| range.contains(file.first) && range.contains(file.last)) {
        match pieces.last_mut() {
            Some(piece) if piece.reads.last().is_some_and(|last| number(last.last) == number(file.first)) => {
                piece.reads.push(file.clone());
            }
            _ => pieces.push(Piece { reads: vec![file.clone()], task: Task::Regroup(period) }),
        }
    }
    pieces.retain(|piece| {
        piece.reads.len() > 1 || piece.reads.iter().any(|file| number(file.first) != number(file.last))
    });
    pieces
}

fn mend(edit: &mut Edit, mending: &Mending, stored: &[PartitionEntry]) {
    edit.restated = true;
    edit.tally.rows_added += mending.found.iter().map(|file| file.rows).sum::<u64>();
    edit.adopted.extend(mending.found.iter().cloned());
    edit.options.price_precision = edit.options.price_precision.max(mending.precision.0);
    edit.options.size_precision = edit.options.size_precision.max(mending.precision.1);
    for file in stored {
        let key = &file.object.key;
        if mending.damaged.contains(key) || mending.missing.contains(key) {
            edit.tally.rows_removed += file.rows;
        }
        if mending.damaged.contains(key) {
            edit.leaves(file, |edit| &mut edit.quarantine);
        } else if mending.missing.contains(key) {
            edit.leaves(file, |edit| &mut edit.forget);
        } else if let Some(described) =
            mending.described.iter().find(|described| described.object.key == *key)
        {
            edit.forget.push(file.object.clone());
            edit.adopted.push(described.clone());
        }
    }
}

fn rename(edit: &mut Edit, stored: &[PartitionEntry]) {
    for file in stored {
        let name = names::file_name(&file.object.key);
        let tells = names::parse_file_name(name).is_some_and(|(first, last)| match names::content_of(name) {
            Some(hash) => hash == file.object.sha256.short() && (first, last) == (file.first, file.last),
            None => first <= file.first && last >= file.last,
        });
        // A name that others gave and that tells the truth stays, so that they still know their file.
        let key = match names::old_directory(&file.object.key) {
            _ if tells => file.object.key.clone(),
            Some(directory) => names::old_partition(directory, file.first, file.last),
            None => names::partition(&edit.bar_type, file.first, file.last, &file.object.sha256),
        };
        if key != file.object.key {
            let object = ObjectRef { key, ..file.object.clone() };
            edit.renamed.push((file.object.clone(), PartitionEntry { object, ..file.clone() }));
            edit.tally.partitions_added += 1;
            edit.tally.partitions_removed += 1;
        }
    }
}

/// Consecutive rows of one period.
fn group_rows(
    bars: &BarColumns<Decimal>,
    rows: Range<usize>,
    bar_type: &BarType,
    period: Period,
) -> Vec<Range<usize>> {
    let interval = bar_type.spec.interval().unwrap_or_default();
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut last = None;
    for row in rows {
        let here = Some(period.number(UnixNanos(bars.ts_init[row]).plus(-interval)));
        match groups.last_mut() {
            Some(group) if here == last => group.end = row + 1,
            _ => groups.push(row..row + 1),
        }
        last = here;
    }
    groups
}

/// The time spanned by bars, from opens to closes.
pub fn present(bars: &BarColumns<Decimal>, interval: Option<i64>) -> IntervalSet {
    let (first, last) =
        (bars.ts_init.first().copied().unwrap_or_default(), bars.ts_init.last().copied().unwrap_or_default());
    let Some(interval) = interval else {
        return [TimeRange::new(UnixNanos(first), UnixNanos(last).plus(1))].into_iter().collect();
    };
    let spans =
        bars.ts_init.iter().map(|close| TimeRange::new(UnixNanos(*close).plus(-interval), UnixNanos(*close)));
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_ends() {
        for (period, start, end) in [
            (Period::Day, "2024-02-29", "2024-03-01"),
            (Period::Week, "2024-02-26", "2024-03-04"),
            (Period::Month, "2024-02-01", "2024-03-01"),
            (Period::Year, "2024-01-01", "2025-01-01"),
        ] {
            let range = period.range("2024-02-29T12:00:00Z".parse().unwrap());
            assert_eq!(range, TimeRange::new(start.parse().unwrap(), end.parse().unwrap()));
            let number = |instant: UnixNanos| period.number(instant);
            assert_eq!(number(range.start), number(range.end.plus(-1)));
            assert!(
                number(range.start.plus(-1)) < number(range.start) && number(range.end) > number(range.start)
            );
        }
        let december = Period::Month.range("2023-12-31T23:59:59Z".parse().unwrap());
        assert_eq!(december.end.to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(Period::All.range(UnixNanos(0)), TimeRange::ALL);
        for extreme in [UnixNanos::MIN, UnixNanos::MAX] {
            for period in [Period::Day, Period::Week, Period::Month, Period::Year] {
                assert!(!period.range(extreme).is_empty());
            }
        }
    }
}
