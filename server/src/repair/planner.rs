//! From findings to steps: one method for each thing that a repair can do.

use ::catalog::{
    Boundary, Finding, FindingKind, Mending, ObjectRef, PartitionEntry, Profile, Result, Severity, Sha256,
    names,
};
use bars::{HOUR, TimeRange};

use super::{Hole, Options, Plan, Step, rebuild};
use crate::catalog::now;
use crate::output::count_text;
use crate::store::Store;
use crate::verify::{Survey, described, find};

pub(super) struct Planner<'a> {
    pub store: &'a Store,
    pub survey: &'a Survey,
    pub options: Options,
    /// The newest commit cannot be read, and its files are where it put them.
    pub recovers: bool,
    pub plan: Plan,
}

impl Planner<'_> {
    pub async fn step(&mut self, finding: &Finding) -> Result<()> {
        use FindingKind as Kind;
        match finding.kind {
            Kind::HeadMissing | Kind::HeadDamaged | Kind::HeadStale => {
                self.plan.work.head = true;
                self.done(finding, "writes the head from the newest snapshot", (1, 0, 0));
            }
            Kind::SnapshotMissing | Kind::SnapshotDamaged => self.snapshot(finding).await?,
            Kind::ShardDamaged => self.shard(finding).await?,
            Kind::ManifestDamaged => self.manifest(finding).await?,
            Kind::ManifestFooter | Kind::EntryWrong => self.describe(finding).await?,
            Kind::NamedOverlap => self.overlap(finding),
            Kind::TotalsWrong => {
                self.mending(finding);
                self.done(finding, "commits the numbers of the series manifest", (0, 0, 0));
            }
            Kind::FileElsewhere if self.recovers && self.was_replaced(finding) => self.give_up(finding),
            Kind::OwnFileUnnamed if self.recovers && self.take_in(finding).await? => {}
            Kind::FileMissing | Kind::FileDamaged | Kind::FileElsewhere => self.file(finding).await?,
            Kind::FileUndecodable | Kind::WrongSeries | Kind::RowsDisordered => self.quarantine(finding),
            Kind::OwnFileUnnamed => self.retire(finding).await?,
            Kind::NameLies => {
                self.plan.work.rename.extend(finding.series.clone());
                self.done(finding, "gives the file a name that tells its content", (1, 0, 0));
            }
            Kind::CommitUnfinished => self.done(finding, "finishes the commit", (0, 0, 0)),
            Kind::JournalDamaged => {
                self.plan.work.aside.push(finding.key.clone());
                self.done(finding, "puts the journal aside", (1, 0, 0));
            }
            Kind::BoundaryDamaged => self.boundary(finding),
            Kind::OldFileBroken => self.old_file(finding).await?,
            Kind::ChainBroken | Kind::OldSnapshotBroken => self.history(finding),
            Kind::TooPrecise | Kind::PrecisionDiffers => self.precision(finding),
            Kind::Leftover => self.leftover(finding),
            _ if finding.kind.severity() > Severity::Info => self.plan.by_hand.push(finding.clone()),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn done(
        &mut self,
        finding: &Finding,
        action: impl Into<String>,
        (files, rows, bytes): (u64, u64, u64),
    ) {
        let (series, key) = (finding.series.clone(), finding.key.clone());
        let kind = finding.kind.as_str();
        self.plan.steps.push(Step { kind, series, key, action: action.into(), files, rows, bytes });
    }

    pub(super) fn mending(&mut self, finding: &Finding) -> Option<&mut Mending> {
        let series = finding.series.as_ref()?;
        Some(self.plan.work.mend.entry(series.clone()).or_insert_with(|| Mending::new(series)))
    }

    pub(super) fn entry(&self, finding: &Finding) -> Option<PartitionEntry> {
        let manifest = self.survey.series.get(finding.series.as_ref()?)?.manifest.as_ref()?;
        manifest.partitions.iter().find(|file| file.object.key == finding.key).cloned()
    }

    async fn shard(&mut self, finding: &Finding) -> Result<()> {
        let lost = self.survey.lost_shards.iter().find(|shard| shard.object.key == finding.key);
        let Some(shard) = lost else { return Ok(()) };
        let built = rebuild::shard(self.store, self.survey, shard).await?;
        if let Some(bytes) = built.exact {
            let size = bytes.len() as u64;
            self.plan.work.puts.push((finding.key.clone(), bytes));
            self.plan.work.puts.extend(built.fresh);
            self.done(finding, "builds it again, equal to what it was", (1, 0, size));
            return Ok(());
        }
        if built.entries.is_empty() {
            self.plan.by_hand.push(finding.clone());
            return Ok(());
        }
        let action = format!("builds it again: {} of {} series", built.entries.len(), shard.series);
        let rows = built.entries.iter().map(|entry| entry.rows).sum();
        for entry in &built.entries {
            let series = entry.bar_type.clone();
            self.plan.work.mend.entry(series.clone()).or_insert_with(|| Mending::new(&series));
        }
        self.plan.work.shards.insert(shard.shard, built.entries);
        self.plan.work.manifests.extend(built.manifests);
        self.done(finding, action, (1, rows, 0));
        Ok(())
    }

    async fn manifest(&mut self, finding: &Finding) -> Result<()> {
        let state = finding.series.as_ref().and_then(|series| self.survey.series.get(series));
        let Some(entry) = state.map(|state| state.entry.clone()) else { return Ok(()) };
        let built = rebuild::series(self.store, self.survey, &entry.bar_type, Some(&entry)).await?;
        let rows: u64 = built.manifest.partitions.iter().map(|file| file.rows).sum();
        let files = built.manifest.partitions.len() as u64;
        if let Some(bytes) = built.exact {
            self.plan.work.puts.push((finding.key.clone(), bytes));
            self.done(finding, "builds it again, equal to what it was", (files, rows, entry.size_bytes));
            return Ok(());
        }
        self.mending(finding);
        self.plan.work.manifests.insert(entry.bar_type.clone(), built.manifest);
        let lost = match entry.rows.checked_sub(rows) {
            Some(0) | None => "no bar is lost".to_owned(),
            Some(lost) => format!("{} of {} bars are lost", count_text(lost), count_text(entry.rows)),
        };
        self.done(finding, format!("builds it again from {files} files; {lost}"), (files, rows, 0));
        Ok(())
    }

    async fn describe(&mut self, finding: &Finding) -> Result<()> {
        let (Some(file), Some(series)) = (self.entry(finding), finding.series.clone()) else { return Ok(()) };
        let known = self.survey.described.get(&finding.key).map(|facts| facts.entry.clone());
        let entry = match known {
            Some(entry) => Some(entry),
            None => match find(self.store, self.survey.transaction(), &file).await? {
                Some(bytes) => described(&series, &finding.key, bytes).await?.map(|found| found.entry),
                None => None,
            },
        };
        let Some(entry) = entry.filter(|entry| entry.object.sha256 == file.object.sha256) else {
            return Ok(());
        };
        let tally = (1, entry.rows, entry.object.size_bytes);
        if let Some(mending) = self.mending(finding) {
            mending.described.retain(|other| other.object.key != entry.object.key);
            mending.described.push(entry);
        }
        self.done(finding, "describes the file anew", tally);
        Ok(())
    }

    /// A file that is damaged, missing or elsewhere: restored if it is to be had, else given up.
    async fn file(&mut self, finding: &Finding) -> Result<()> {
        let Some(file) = self.entry(finding) else { return Ok(()) };
        let object = &file.object;
        let tally = (1, file.rows, object.size_bytes);
        if let Some(from) = self.copy_of(object, &object.key).await? {
            let moved = finding.kind == FindingKind::FileElsewhere && !from.starts_with("data/");
            let action = format!(
                "{} `{from}`",
                if moved { "moves it into place from" } else { "restores it from its equal" }
            );
            if moved {
                self.plan.work.moves.push((from, object.key.clone()));
            } else {
                self.plan.work.copies.push((from, object.key.clone(), object.clone()));
            }
            self.done(finding, action, tally);
            return Ok(());
        }
        if finding.kind == FindingKind::FileDamaged {
            self.quarantine(finding);
            return Ok(());
        }
        if let Some(mending) = self.mending(finding) {
            mending.missing.insert(object.key.clone());
        }
        self.lose(finding, &file);
        self.done(
            finding,
            format!("takes it out of the series; {} bars are lost", count_text(file.rows)),
            tally,
        );
        Ok(())
    }

    pub(super) fn quarantine(&mut self, finding: &Finding) {
        let Some(file) = self.entry(finding) else { return };
        let leaves =
            self.mending(finding).is_some_and(|mending| mending.damaged.insert(file.object.key.clone()));
        if !leaves {
            return;
        }
        self.lose(finding, &file);
        let action = format!(
            "takes it out of the series, into `quarantine/`; {} bars are lost",
            count_text(file.rows)
        );
        self.done(finding, action, (1, file.rows, file.object.size_bytes));
    }

    fn lose(&mut self, finding: &Finding, file: &PartitionEntry) {
        let Some(series) = &finding.series else { return };
        let ranges = file.present.ranges();
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return };
        let range = TimeRange::new(first.start, last.end);
        self.plan.holes.push(Hole { series: series.clone(), range, rows: file.rows });
    }

    /// Where the same bytes lie besides `key`.
    async fn copy_of(&self, object: &ObjectRef, key: &str) -> Result<Option<String>> {
        let same_size = self
            .survey
            .listing
            .iter()
            .filter(|(other, stored)| other.as_str() != key && stored.size_bytes == object.size_bytes);
        let mut candidates: Vec<&String> = same_size.map(|(other, _)| other).collect();
        let short = object.sha256.short();
        candidates.sort_by_key(|other| !other.contains(&short));
        for candidate in candidates {
            if self.store.get(candidate).await?.is_some_and(|bytes| object.verify(&bytes).is_ok()) {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    async fn retire(&mut self, finding: &Finding) -> Result<()> {
        let Some(bytes) = self.store.get(&finding.key).await? else { return Ok(()) };
        let content = Sha256::of(&bytes);
        let whole = names::content_of(names::file_name(&finding.key)) == Some(content.short().as_str());
        let to = match whole {
            true => names::retired(&finding.key, &content),
            false => names::put_aside(&finding.key, &content),
        };
        let size = bytes.len() as u64;
        let rows = match &finding.series {
            Some(series) => described(series, &finding.key, bytes).await?.map_or(0, |found| found.entry.rows),
            None => 0,
        };
        self.done(finding, format!("moves it to `{to}`"), (1, rows, size));
        self.plan.work.moves.push((finding.key.clone(), to));
        Ok(())
    }

    fn boundary(&mut self, finding: &Finding) {
        let Some(newest) = &self.survey.newest else { return };
        let boundary = Boundary { oldest: newest.snapshot.oldest, newest: newest.snapshot.number };
        self.plan.work.puts.push((names::BOUNDARY.to_owned(), boundary.encode().into()));
        self.done(finding, "writes it again", (1, 0, 0));
    }

    async fn old_file(&mut self, finding: &Finding) -> Result<()> {
        let Some(object) = self.survey.old_files.get(&finding.key).cloned() else { return Ok(()) };
        let to = names::retired(&object.key, &object.sha256);
        match self.copy_of(&object, &to).await? {
            None => self.history(finding),
            Some(from) => {
                self.done(finding, format!("restores it from its equal `{from}`"), (1, 0, object.size_bytes));
                self.plan.work.copies.push((from, to, object));
            }
        }
        Ok(())
    }

    fn history(&mut self, finding: &Finding) {
        if self.options.forget_history {
            self.plan.work.forget_history = true;
            self.done(finding, "gives up the snapshots before the newest", (0, 0, 0));
        } else {
            self.plan.by_hand.push(finding.clone());
        }
    }

    fn precision(&mut self, finding: &Finding) {
        let series = finding.series.as_ref().and_then(|series| self.survey.series.get(series));
        let facts = self.survey.described.get(&finding.key).cloned();
        let (Some(state), Some(facts)) = (series, facts) else { return };
        // The scale of compact files is in their storage.
        if state.entry.profile == Profile::Compact {
            self.plan.by_hand.push(finding.clone());
            return;
        }
        if let Some(mending) = self.mending(finding) {
            let (price, size) = facts.precision;
            mending.precision = (mending.precision.0.max(price), mending.precision.1.max(size));
        }
        self.done(finding, "raises the decimals of the series", (0, facts.entry.rows, 0));
    }

    fn leftover(&mut self, finding: &Finding) {
        let written = self.survey.leftovers.get(&finding.key).copied();
        if written.is_some_and(|written| now().0.saturating_sub(written.0) > HOUR) {
            self.plan.work.leftovers.push(finding.key.clone());
            self.done(finding, "removes it", (1, 0, 0));
        }
    }
}
