//! The newest snapshot cannot be read, and the head does not repeat it.
//!
//! `data/` tells what it named all the same, unless its commit was stopped between its snapshot and its moves: files of ours that the
//! snapshot before does not name were written by it, and files of that snapshot which lie in `retired/` were replaced by it. So the snapshot
//! before is committed anew with these changes. Where a commit may have been stopped, it is committed as it was.

use ::catalog::{
    Change, Finding, Moves, PartitionEntry, Profile, Result, SeriesFacts, Storage, WriteOptions, names,
    scan_file,
};
use bars::{BarType, Calendar};
use bytes::Bytes;

use super::planner::Planner;
use crate::output::count_text;
use crate::verify::{described, is_own};

impl Planner<'_> {
    pub(super) async fn snapshot(&mut self, finding: &Finding) -> Result<()> {
        let Some(newest) = &self.survey.newest else { return Ok(()) };
        let number = newest.snapshot.number;
        if let Some(bytes) = newest.put_back.clone().filter(|_| finding.key == names::snapshot(number)) {
            let size = bytes.len() as u64;
            self.plan.work.puts.push((finding.key.clone(), bytes));
            self.done(finding, "writes it again from the head, which repeats it", (1, 0, size));
            return Ok(());
        }
        self.plan.work.fall_back = true;
        let lost = newest.unreadable.map_or(number, |(lost, _)| lost);
        self.recovers = lost == number + 1 && !self.was_stopped(lost).await?;
        let consequence = match self.recovers {
            true => "with the files that the lost commit wrote; what it noted besides bars is lost",
            false => "what was committed after it is lost, its files go to `retired/`",
        };
        let action = format!("commits snapshot {number} ({}) anew, {consequence}", newest.snapshot.operation);
        self.done(finding, action, (0, 0, 0));
        Ok(())
    }

    /// Whether a journal is left of a commit with this number, or one that cannot be read.
    async fn was_stopped(&self, number: u64) -> Result<bool> {
        for key in self.survey.listing.keys() {
            if key.starts_with("staging/") && key.ends_with(".json") {
                let moves = self.store.get(key).await?.map(|bytes| Moves::decode(key, &bytes));
                if moves.is_some_and(|moves| moves.is_ok_and(|moves| moves.number < number)) {
                    continue;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the lost commit took the file out of its series.
    pub(super) fn was_replaced(&self, finding: &Finding) -> bool {
        let file = self.entry(finding);
        file.is_some_and(|file| {
            self.survey.listing.contains_key(&names::retired(&file.object.key, &file.object.sha256))
        })
    }

    pub(super) fn give_up(&mut self, finding: &Finding) {
        let rows = self.entry(finding).map_or(0, |file| file.rows);
        if let Some(mending) = self.mending(finding) {
            mending.missing.insert(finding.key.clone());
        }
        self.done(finding, "leaves it in `retired/`, where the lost commit put it", (1, rows, 0));
    }

    /// Takes a file of the lost commit into its series; whether it can be.
    pub(super) async fn take_in(&mut self, finding: &Finding) -> Result<bool> {
        if !is_own(self.store, &finding.key).await? {
            return Ok(false);
        }
        let Some(bytes) = self.store.get(&finding.key).await? else { return Ok(false) };
        let Some((series, facts)) = identity(&finding.key, &bytes) else { return Ok(false) };
        let Some(found) = described(&series, &finding.key, bytes).await? else { return Ok(false) };
        let entry = found.entry;
        if !self.has_room(&series, &entry) {
            return Ok(false);
        }
        let tally = (1, entry.rows, entry.object.size_bytes);
        let action =
            format!("takes its {} bars into {series}: the lost commit wrote it", count_text(entry.rows));
        let known = self.survey.series.get(&series).is_some_and(|state| state.manifest.is_some());
        let owned = Finding { series: Some(series.clone()), ..finding.clone() };
        if known {
            if let Some(mending) = self.mending(&owned) {
                mending.found.push(entry);
            }
        } else if let Change::Adopt { files, .. } =
            self.plan.work.adopt.entry(series.clone()).or_insert_with(|| Change::Adopt {
                bar_type: series,
                files: Vec::new(),
                gone: Default::default(),
                facts,
            })
        {
            files.push(entry);
        }
        self.done(&owned, action, tally);
        Ok(true)
    }

    /// Whether no file of the series that stays or was taken in holds bars of the same time.
    fn has_room(&self, series: &BarType, file: &PartitionEntry) -> bool {
        let manifest = self.survey.series.get(series).and_then(|state| state.manifest.as_ref());
        let named = manifest.iter().flat_map(|manifest| &manifest.partitions);
        let stay = named.filter(|other| self.survey.listing.contains_key(&other.object.key));
        let found = self.plan.work.mend.get(series).into_iter().flat_map(|mending| &mending.found);
        let adopted = match self.plan.work.adopt.get(series) {
            Some(Change::Adopt { files, .. }) => files.as_slice(),
            _ => &[],
        };
        !stay.chain(found).chain(adopted).any(|other| other.first <= file.last && file.first <= other.last)
    }
}

/// The series a file says it is of, and what is known of that besides.
fn identity(key: &str, bytes: &Bytes) -> Option<(BarType, SeriesFacts)> {
    let (layout, _) = scan_file(key, bytes.clone()).ok()?;
    let bar_type: BarType = layout.identity.parse().ok()?;
    let compact = matches!(layout.storage, Storage::Decimal(scale) if scale < 16);
    let options = WriteOptions {
        profile: if compact { Profile::Compact } else { Profile::Nautilus },
        price_precision: layout.price_precision,
        size_precision: layout.size_precision,
        ..WriteOptions::default()
    };
    let source = "not known any more: the commit that added it was damaged".to_owned();
    let calendar = Calendar::of_venue(bar_type.instrument.venue());
    Some((bar_type, SeriesFacts { source, calendar, options, ..SeriesFacts::default() }))
}
