//! One series of the copy: which of its files stay, which are made, and what that does to the series.

use std::collections::HashSet;
use std::sync::Arc;

use bars::{BarColumns, BarType, Decimal, Fold, IntervalSet, TimeRange, UnixNanos};
use catalog::{
    Columns, Edit, PartitionEntry, Period, Profile, Query, Result, SeriesFacts, SeriesManifest, Step,
    WriteOptions, decode_bars, fits_compact, names, plan,
};

use super::layout::{Shape, Slot};
use super::ledger::{FileRecord, SeriesRecord};
use super::uploads::{Job, Uploads};
use crate::catalog::{read_bars, scan};
use crate::commit::Run;
use crate::store::Store;

/// What a series of the copy is to be.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The series.
    pub bar_type: BarType,
    /// How it is made of the source's series.
    pub shape: Shape,
    /// How it is written.
    pub options: WriteOptions,
    /// Facts for the series table.
    pub facts: SeriesFacts,
    /// A name for all that it depends on.
    pub made_from: String,
    /// Whether it is a coarser copy that lists leave out.
    pub overview: bool,
}

/// Where the source's bars are read.
pub(super) struct Source<'a> {
    /// The source catalog.
    pub store: &'a Store,
    /// Its snapshot's transaction.
    pub transaction: &'a str,
    /// The series' partitions.
    pub manifest: &'a SeriesManifest,
}

/// A file of the copy.
#[derive(Clone, Debug)]
enum File {
    ToMake,
    Empty,
    There(PartitionEntry),
}

/// A series of the copy under way.
pub(super) struct Copy<'a> {
    pub wish: Wish,
    stored: Option<&'a SeriesManifest>,
    in_copy: Arc<HashSet<String>>,
    slots: Vec<Slot>,
    made_of: Vec<String>,
    files: Vec<File>,
    unfit: bool,
}

impl<'a> Copy<'a> {
    /// Plans a series: files that the copy holds and that are made of the same partitions in the same way stay.
    pub(super) fn plan(
        mut wish: Wish,
        source: &SeriesManifest,
        record: Option<&SeriesRecord>,
        stored: Option<&'a SeriesManifest>,
    ) -> Self {
        if record.is_some_and(|record| record.profile == Profile::Nautilus) {
            // It did not fit 18 digits before, so it will not now.
            wish.options.profile = Profile::Nautilus;
        }
        let options = wish.options;
        let how = format!(
            "{} {} {} {} {} {}",
            wish.bar_type,
            options.profile.as_str(),
            options.price_precision,
            options.size_precision,
            options.row_group_rows,
            options.zstd_level
        );
        let slots = wish.shape.slots(&source.partitions);
        let made_of: Vec<String> =
            slots.iter().map(|slot| wish.shape.made_of(slot, &source.partitions, &how)).collect();
        let partitions = stored.map_or(&[][..], |stored| &stored.partitions);
        let held = |made_of: &String| {
            let Some(record) = record.and_then(|record| record.file(made_of)) else { return File::ToMake };
            let Some(name) = &record.file else { return File::Empty };
            let found = partitions.iter().find(|file| names::file_name(&file.object.key) == name);
            found.map_or(File::ToMake, |file| File::There(file.clone()))
        };
        let files = made_of.iter().map(held).collect();
        let in_copy = Arc::new(partitions.iter().map(|file| file.object.key.clone()).collect());
        Self { wish, stored, in_copy, slots, made_of, files, unfit: false }
    }

    fn to_make(&self) -> impl Iterator<Item = usize> {
        (0..self.slots.len()).filter(|slot| !self.unfit && matches!(self.files[*slot], File::ToMake))
    }

    /// Whether a value did not fit the compact profile, so that nothing came of it.
    pub(super) fn is_unfit(&self) -> bool {
        self.unfit
    }

    /// Makes a file of bars that may be none.
    async fn make(
        &mut self,
        slot: usize,
        bars: BarColumns<Decimal>,
        uploads: &mut Uploads<'_>,
    ) -> Result<()> {
        let options = self.wish.options;
        if bars.is_empty() {
            self.files[slot] = File::Empty;
        } else if options.profile == Profile::Compact
            && !fits_compact(&bars, options.price_precision, options.size_precision)
        {
            self.unfit = true;
        } else {
            let job = Job { slot, bar_type: self.wish.bar_type.clone(), bars, options };
            uploads.start(job, &self.in_copy).await?;
        }
        Ok(())
    }

    async fn settle(&mut self, uploads: &mut Uploads<'_>) -> Result<()> {
        for (slot, entry) in uploads.finish().await? {
            self.files[slot] = File::There(entry);
        }
        Ok(())
    }

    /// What becomes of the series.
    pub(super) fn edit(&self, confirmed_empty: &IntervalSet) -> Edit {
        let mut edit = Edit::new(&self.wish.bar_type, self.wish.options);
        edit.facts = Some(self.wish.facts.clone());
        edit.is_copy = true;
        edit.overview = self.wish.overview;
        edit.confirmed_empty = confirmed_empty.clone();
        let wanted: Vec<&PartitionEntry> = self.entries().collect();
        let keys: HashSet<&str> = wanted.iter().map(|file| file.object.key.as_str()).collect();
        for file in self.stored.iter().flat_map(|stored| &stored.partitions) {
            if !keys.contains(file.object.key.as_str()) {
                edit.tally.partitions_removed += 1;
                edit.tally.bytes_removed += file.object.size_bytes;
                edit.tally.rows_removed += file.rows;
                edit.retire.push(file.object.clone());
            }
        }
        for file in wanted.into_iter().filter(|file| !self.in_copy.contains(&file.object.key)) {
            edit.tally.partitions_added += 1;
            edit.tally.bytes_added += file.object.size_bytes;
            edit.tally.rows_added += file.rows;
            edit.staged.push(file.clone());
        }
        edit
    }

    /// Its files.
    pub(super) fn entries(&self) -> impl Iterator<Item = &PartitionEntry> {
        self.files.iter().filter_map(|file| match file {
            File::There(entry) => Some(entry),
            File::ToMake | File::Empty => None,
        })
    }

    /// What to remember of it.
    pub(super) fn record(&self) -> SeriesRecord {
        let files = self.made_of.iter().zip(&self.files).filter_map(|(made_of, file)| {
            let file = match file {
                File::ToMake => return None,
                File::Empty => None,
                File::There(entry) => Some(names::file_name(&entry.object.key).to_owned()),
            };
            Some(FileRecord { made_of: made_of.clone(), file, size_bytes: None, rows: None })
        });
        SeriesRecord {
            made_from: self.wish.made_from.clone(),
            manifest: String::new(),
            profile: self.wish.options.profile,
            files: files.collect(),
        }
    }
}

/// Makes the missing files of a series that is copied bar by bar.
///
/// # Errors
/// If the source cannot be read, or the copy not written.
pub(super) async fn copy_bars(
    source: &Source<'_>,
    copy: &mut Copy<'_>,
    uploads: &mut Uploads<'_>,
    run: &Run,
) -> Result<()> {
    for slot in copy.to_make().collect::<Vec<_>>() {
        run.check()?;
        let range = copy.wish.shape.closes(copy.slots[slot].input);
        let query = Query { range, ..Query::default() };
        let plan = plan(source.manifest, query)?;
        let bars = read_bars(source.store, source.transaction, plan, Columns::ALL).await?;
        copy.make(slot, bars, uploads).await?;
        if copy.unfit {
            break;
        }
    }
    copy.settle(uploads).await
}

/// Makes the missing files of overviews, all in one reading of the source, a year at a time.
///
/// # Errors
/// As [`copy_bars`].
pub(super) async fn fold_bars(
    source: &Source<'_>,
    copies: &mut [Copy<'_>],
    uploads: &mut Uploads<'_>,
    run: &Run,
) -> Result<()> {
    let mut missing: Vec<(UnixNanos, usize, usize)> = Vec::new();
    for (at, copy) in copies.iter().enumerate() {
        let year = |slot: usize| Period::Year.range(copy.slots[slot].opens.start).start;
        missing.extend(copy.to_make().map(|slot| (year(slot), at, slot)));
    }
    missing.sort_unstable();
    for year in missing.chunk_by(|left, right| left.0 == right.0) {
        run.check()?;
        let folded = fold_year(source, copies, year).await?;
        for (at, bars) in folded {
            let copy = &mut copies[at];
            for (_, _, slot) in year.iter().filter(|(_, other, _)| *other == at) {
                let part = opening_in(&bars, copy.slots[*slot].opens, copy.wish.shape);
                if !copy.unfit {
                    copy.make(*slot, part, uploads).await?;
                }
            }
            copy.settle(uploads).await?;
        }
    }
    Ok(())
}

/// The overviews' bars that some of their files need, by overview.
async fn fold_year(
    source: &Source<'_>,
    copies: &[Copy<'_>],
    files: &[(UnixNanos, usize, usize)],
) -> Result<Vec<(usize, BarColumns<Decimal>)>> {
    let mut folds: Vec<(usize, TimeRange, Fold)> = Vec::new();
    for (_, at, slot) in files {
        let shape = copies[*at].wish.shape;
        let Some(frame) = shape.frame else { continue };
        let input = shape.closes(copies[*at].slots[*slot].input);
        match folds.iter_mut().find(|(other, _, _)| other == at) {
            Some((_, range, _)) => {
                *range = TimeRange::new(range.start.min(input.start), range.end.max(input.end));
            }
            None => folds.push((*at, input, Fold::new(shape.base, frame))),
        }
    }
    let start = folds.iter().map(|(_, range, _)| range.start).min().unwrap_or(UnixNanos::MAX);
    let end = folds.iter().map(|(_, range, _)| range.end).max().unwrap_or(UnixNanos::MIN);
    let query = Query { range: TimeRange::new(start, end), ..Query::default() };
    scan(source.store, source.transaction, plan(source.manifest, query)?, |step| {
        if let Step::Rows(batch, layout) = step {
            let bars = decode_bars(&batch, &layout, Columns::ALL)?;
            folds.iter_mut().for_each(|(_, _, fold)| fold.push(&bars));
        }
        Ok(())
    })
    .await?;
    Ok(folds.into_iter().map(|(at, _, fold)| (at, fold.finish())).collect())
}

/// The bars that open in `opens`.
fn opening_in(bars: &BarColumns<Decimal>, opens: TimeRange, shape: Shape) -> BarColumns<Decimal> {
    let interval = shape.interval().unwrap_or_default();
    let close = |edge: UnixNanos| if edge == UnixNanos::MIN { edge } else { edge.plus(interval) };
    let rows = bars.rows_in(TimeRange::new(close(opens.start), close(opens.end)));
    let mut part = BarColumns::with_capacity(rows.len());
    part.extend_from(bars, rows);
    part
}
