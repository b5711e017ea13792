//! Two files of a series that hold bars of one time: a reader would get them twice, or out of order.

use ::catalog::{Finding, PartitionEntry};

use super::planner::Planner;

impl Planner<'_> {
    /// Puts files in order where they are only described or listed wrongly; else the file with fewer bars leaves its series.
    pub(super) fn overlap(&mut self, finding: &Finding) {
        let files = self.as_they_are(finding);
        let overlapping = |file: &&PartitionEntry| {
            let others = files.iter().filter(|other| other.object.key != file.object.key);
            let mut others = others.filter(|other| other.first <= file.last && file.first <= other.last);
            // Of two equally long ones the later leaves.
            others.any(|other| (other.rows, file.first) >= (file.rows, other.first))
        };
        let here = files.iter().find(|file| file.object.key == finding.key);
        let touching = |file: &PartitionEntry| {
            here.is_some_and(|here| here.first <= file.last && file.first <= here.last)
        };
        let leaving = files.iter().filter(|file| touching(file)).find(overlapping);
        match leaving.map(|file| file.object.key.clone()) {
            Some(key) => self.quarantine(&Finding { key, ..finding.clone() }),
            None => {
                self.mending(finding);
                self.done(finding, "puts the files in order", (0, 0, 0));
            }
        }
    }

    /// The files of a series, described by their own bytes where that is known.
    fn as_they_are(&self, finding: &Finding) -> Vec<PartitionEntry> {
        let state = finding.series.as_ref().and_then(|series| self.survey.series.get(series));
        let files = state
            .and_then(|state| state.manifest.as_ref())
            .into_iter()
            .flat_map(|manifest| &manifest.partitions);
        let described = |file: &PartitionEntry| {
            self.survey.described.get(&file.object.key).map(|facts| facts.entry.clone())
        };
        files.map(|file| described(file).unwrap_or_else(|| file.clone())).collect()
    }
}
