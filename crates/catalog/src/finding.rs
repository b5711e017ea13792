//! What can be wrong with a catalog: one kind for each, what it means, and what a repair does about it.

use std::fmt;

use bars::BarType;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Every bar can be read; something is not as it should be.
    Warning,
    /// Bars cannot be read, or a reader would be misled.
    Error,
}

impl Severity {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $severity:ident $what:literal $repair:literal;)+) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum FindingKind {
            $(#[doc = $what] $kind,)+
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name in JSON and in tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)+ }
            }

            /// What it means.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$kind => $what,)+ }
            }

            /// What a repair does about it.
            pub const fn repair(self) -> &'static str {
                match self { $(Self::$kind => $repair,)+ }
            }
        }
    };
}

kinds! {
    NewerFormat "newer_format" Error
        "a newer version of Barkeep wrote this catalog" "nothing; update Barkeep";
    HeadMissing "head_missing" Error
        "there is no head, so pages cannot open the catalog" "writes it from the newest snapshot";
    HeadDamaged "head_damaged" Error
        "the head is damaged" "puts it aside and writes it from the newest snapshot";
    HeadStale "head_stale" Warning
        "the head names an older snapshot than the newest" "writes it from the newest snapshot";
    SnapshotMissing "snapshot_missing" Error
        "the newest snapshot is not there" "writes it again from the head, which repeats it";
    SnapshotDamaged "snapshot_damaged" Error
        "the newest snapshot is damaged" "writes it again from the head; without one, commits the snapshot before it anew with the files that are in `data/`";
    ShardDamaged "shard_damaged" Error
        "a part of the series table is missing or damaged" "builds it again from older ones, series manifests and files";
    ManifestDamaged "manifest_damaged" Error
        "a series manifest is missing or damaged" "builds it again from older ones and from the files in `data/`";
    ManifestFooter "manifest_footer" Error
        "a footer in the series manifest cannot be read" "describes the file anew";
    NamedOverlap "named_overlap" Error
        "two files of a series hold bars of one time" "puts them in order; if they do overlap, takes the one with fewer bars out of the series, into `quarantine/`";
    TotalsWrong "totals_wrong" Error
        "the series table and the series manifest disagree" "commits the numbers of the series manifest";
    FileMissing "file_missing" Error
        "a file is missing" "restores it from an equal copy; without one, takes it out of the series";
    FileDamaged "file_damaged" Error
        "a file is damaged" "restores it from an equal copy; without one, takes it out of the series, into `quarantine/`";
    FileElsewhere "file_elsewhere" Warning
        "a file is not in `data/` yet, or not any more, so other programs miss its bars" "moves it into `data/`";
    FileUndecodable "file_undecodable" Error
        "a file cannot be decoded" "takes it out of the series, into `quarantine/`";
    WrongSeries "wrong_series" Error
        "a file says that its bars are of another series" "takes it out of the series, into `quarantine/`";
    RowsDisordered "rows_disordered" Error
        "bars of a file are out of order or come twice" "takes it out of the series, into `quarantine/`";
    EntryWrong "entry_wrong" Error
        "the series manifest describes a file wrongly" "describes the file anew";
    OwnFileUnnamed "own_file_unnamed" Error
        "a file that Barkeep wrote lies in `data/` and belongs to no series, so other programs read bars too many"
        "moves it to `retired/`";
    ForeignFile "foreign_file" Warning
        "another program's file lies in `data/`" "nothing; `barkeep adopt --update` takes it in";
    ForeignOverlap "foreign_overlap" Error
        "another program's file holds bars of a time that the series has, so other programs read them twice"
        "nothing; `barkeep adopt --update` takes it in, or move it away";
    NameLies "name_lies" Warning
        "a file's name does not tell its content" "gives it the name that does";
    CommitUnfinished "commit_unfinished" Warning
        "a commit holds, but its files are not all moved" "finishes it";
    JournalDamaged "journal_damaged" Error
        "the list of files that the newest commit moves is damaged, so nothing can be written" "puts it aside and moves files by the manifest";
    BoundaryDamaged "boundary_damaged" Error
        "what the last vacuum left behind is missing, damaged or ahead of the newest snapshot" "writes it again";
    ChainBroken "chain_broken" Warning
        "a snapshot is not the one that its successor was made from" "nothing, or gives the snapshots before up: `--forget-history`";
    OldSnapshotBroken "old_snapshot_broken" Warning
        "an older snapshot cannot be read" "nothing, or gives it and those before it up: `--forget-history`";
    OldFileBroken "old_file_broken" Warning
        "a file that only older snapshots name is missing or damaged"
        "restores it from an equal copy; or gives the snapshots up: `--forget-history`";
    OffGrid "off_grid" Warning
        "bars close at times that are not on the grid of their bar type" "nothing; import them again";
    BadPrices "bad_prices" Warning
        "bars have prices or volumes that cannot be" "nothing; import them again with `--overlap replace`";
    TooPrecise "too_precise" Warning
        "values have more decimals than the series shows" "raises the decimals of the series";
    FileTooPrecise "file_too_precise" Warning
        "values have more decimals than their file says, so NautilusTrader shows them cut off" "nothing; import them again";
    PrecisionDiffers "precision_differs" Warning
        "a file's decimals or storage differ from those of the series" "raises the decimals of the series where that helps";
    OldFileQuarantined "old_file_quarantined" Info
        "a file that older snapshots name was found damaged and is in `quarantine/`" "nothing is left to do";
    OffSession "off_session" Info
        "bars lie outside of the sessions of the series' calendar" "nothing";
    StagingOrphan "staging_orphan" Info
        "files are staged for a commit that is under way or was stopped" "nothing; `barkeep vacuum` removes them in time";
    Leftover "leftover" Info
        "a write was stopped and left a file that nobody reads" "removes it once it is an hour old";
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that was found, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// In which series, if in one.
    pub series: Option<BarType>,
    /// In which object.
    pub key: String,
    /// The fact that says so.
    pub observed: String,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Finding", 7)?;
        out.serialize_field("kind", self.kind.as_str())?;
        out.serialize_field("severity", &self.kind.severity())?;
        out.serialize_field("series", &self.series)?;
        out.serialize_field("key", &self.key)?;
        out.serialize_field("what", self.kind.what())?;
        out.serialize_field("observed", &self.observed)?;
        out.serialize_field("repair", self.kind.repair())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_plain() {
        let names: BTreeSet<&str> = FindingKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), FindingKind::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
