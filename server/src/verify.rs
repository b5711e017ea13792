//! Verification: is the catalog what its manifest says?
//!
//! The quick pass compares head, snapshots, series manifests and the listing of objects; the full one also reads every file, checks its
//! bytes and judges its bars ([`catalog::inspect`]). Nothing is changed. What is found is enough for [`crate::repair`] to plan from.

mod files;
mod history;
mod manifests;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use ::catalog::{
    Described, Error, ErrorKind, Finding, FindingKind, ObjectRef, Result, SeriesEntry, SeriesManifest,
    Severity, Sha256, ShardRef, Snapshot,
};
use bars::{BarType, TimeRange, UnixNanos};
use bytes::Bytes;
use serde::Serialize;

pub(crate) use self::files::{described, find};
pub(crate) use self::objects::{directory, is_own};
use crate::catalog::stored_snapshots;
use crate::commit::Run;
use crate::store::Store;

/// What is checked.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Every file is read and its bars are judged.
    pub full: bool,
    /// Also what only older snapshots name.
    pub history: bool,
    /// Only these series; all if empty.
    pub series: BTreeSet<BarType>,
    /// Only files with bars of this time are read.
    pub range: TimeRange,
}

impl Scope {
    /// Manifest against listing.
    pub fn quick() -> Self {
        Self { full: false, history: false, series: BTreeSet::new(), range: TimeRange::ALL }
    }

    /// Every byte of every kept snapshot.
    pub fn everything() -> Self {
        Self { full: true, history: true, ..Self::quick() }
    }

    fn holds(&self, bar_type: &BarType) -> bool {
        self.series.is_empty() || self.series.contains(bar_type)
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Checked {
    /// Kept snapshots.
    pub snapshots: u64,
    /// Series.
    pub series: u64,
    /// Files that the newest snapshot names.
    pub files: u64,
    /// Files that were read.
    pub files_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Their bars.
    pub rows_read: u64,
}

/// What a verification found, and the state it found it in.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub checked: Checked,
    pub(crate) newest: Option<Newest>,
    pub(crate) series: BTreeMap<BarType, State>,
    pub(crate) lost_shards: Vec<ShardRef>,
    pub(crate) listing: BTreeMap<String, Stored>,
    pub(crate) described: BTreeMap<String, Facts>,
    pub(crate) old_files: BTreeMap<String, ObjectRef>,
    pub(crate) leftovers: BTreeMap<String, UnixNanos>,
}

/// The newest snapshot that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    pub snapshot: Snapshot,
    pub sha256: Sha256,
    /// Its bytes, if they are to be put back under its key.
    pub put_back: Option<Bytes>,
    /// A later one that cannot be read: its number and the checksum of what is stored.
    pub unreadable: Option<(u64, Sha256)>,
}

/// A series as the newest snapshot has it.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub entry: SeriesEntry,
    /// `None` if it cannot be read.
    pub manifest: Option<SeriesManifest>,
}

/// An object that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub size_bytes: u64,
    pub written: UnixNanos,
}

/// A file as its bytes describe it, without its bars.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub entry: ::catalog::PartitionEntry,
    pub precision: (u8, u8),
}

impl Facts {
    pub(crate) fn of(found: &Described) -> Self {
        let (price, size) = ::catalog::precision_of(&found.bars);
        let precision = (price.max(found.layout.price_precision), size.max(found.layout.size_precision));
        Self { entry: found.entry.clone(), precision }
    }
}

impl Survey {
    /// How many findings are so bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.kind.severity() == severity).count()
    }

    /// Whether there is no error.
    pub fn is_clean(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// Whether something of this kind was found.
    pub fn has(&self, kind: FindingKind) -> bool {
        self.findings.iter().any(|finding| finding.kind == kind)
    }

    /// The number of the newest snapshot that can be read.
    pub fn snapshot(&self) -> Option<u64> {
        self.newest.as_ref().map(|newest| newest.snapshot.number)
    }

    pub(crate) fn note(
        &mut self,
        kind: FindingKind,
        series: Option<&BarType>,
        key: impl Into<String>,
        observed: impl Into<String>,
    ) {
        let (key, observed) = (key.into(), observed.into());
        self.findings.push(Finding { kind, series: series.cloned(), key, observed });
    }

    pub(crate) fn transaction(&self) -> &str {
        self.newest.as_ref().map_or("", |newest| &newest.snapshot.transaction)
    }
}

/// Times that the manifest is read again because a writer committed while it was compared.
const ATTEMPTS: usize = 5;

/// Looks at the catalog and changes nothing.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no catalog, [`ErrorKind::Conflict`] if writers are faster every time, or if the store fails: then
/// nothing is said, so that a lost connection is not taken for lost files.
pub async fn verify(store: &Store, scope: &Scope, run: &Run) -> Result<Survey> {
    for _ in 0..ATTEMPTS {
        let mut survey = Survey::default();
        manifests::look(store, scope, &mut survey).await?;
        if survey.newest.is_none() {
            return Ok(finished(survey));
        }
        objects::look(store, scope, &mut survey).await?;
        if stored_snapshots(store).await?.last().copied() > survey.top() {
            continue;
        }
        if scope.history {
            history::look(store, scope, &mut survey).await?;
        }
        if scope.full {
            files::look(store, scope, run, &mut survey).await?;
        }
        return Ok(finished(survey));
    }
    Err(Error::new(ErrorKind::Conflict, "writers committed every time while the catalog was verified")
        .because(format!("{ATTEMPTS} attempts came to no end"))
        .then("try again when fewer of them are at work"))
}

impl Survey {
    /// The highest number of a snapshot that was seen, readable or not.
    fn top(&self) -> Option<u64> {
        let newest = self.newest.as_ref()?;
        Some(newest.unreadable.map_or(newest.snapshot.number, |(number, _)| number))
    }
}

fn finished(mut survey: Survey) -> Survey {
    survey.findings.sort_by(|left, right| {
        let by = |finding: &Finding| (std::cmp::Reverse(finding.kind.severity()), finding.kind);
        by(left).cmp(&by(right)).then_with(|| left.key.cmp(&right.key))
    });
    survey
}
