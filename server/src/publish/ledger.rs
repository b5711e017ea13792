//! What a publisher remembers of a copy: which files it made of which. It only saves work: without it files are made again, found
//! to be the same, and not uploaded.

use std::collections::BTreeMap;

use bars::{BarType, UnixNanos};
use catalog::{Profile, Result};
use serde::{Deserialize, Serialize};

use crate::store::Store;

/// The format's version; another one's ledger is not used.
const FORMAT: u32 = 1;

/// The ledger of a copy.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Ledger {
    format: u32,
    /// By series of the copy.
    #[serde(default)]
    pub series: BTreeMap<BarType, SeriesRecord>,
    /// By path: the files of the site around the catalog.
    #[serde(default)]
    pub pages: BTreeMap<String, PageRecord>,
}

/// How a series of the copy was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SeriesRecord {
    /// A name for the source's series and all settings; while it is the same, nothing need be done.
    pub made_from: String,
    /// The start of its manifest's checksum.
    #[serde(default)]
    pub manifest: String,
    /// How values are stored, after all: what does not fit 18 digits is not compact.
    pub profile: Profile,
    /// Its files.
    pub files: Vec<FileRecord>,
}

/// What a file was made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct FileRecord {
    /// A name for the source's partitions and how the file is made of them.
    pub made_of: String,
    /// The file's name; `None` if no bars came of it.
    pub file: Option<String>,
    /// Its length, for copies without a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Its bars, for copies without a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// A file of the site.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct PageRecord {
    /// The start of its checksum.
    pub content: String,
    /// Since when the site does without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<UnixNanos>,
}

impl SeriesRecord {
    /// The record of the file made of `made_of`.
    pub(super) fn file(&self, made_of: &str) -> Option<&FileRecord> {
        self.files.iter().find(|file| file.made_of == made_of)
    }
}

impl Ledger {
    /// Reads a ledger; an empty one if there is none that can be used.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn read(store: &Store, key: &str) -> Result<Self> {
        let ledger: Option<Self> =
            store.get(key).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(ledger.filter(|ledger| ledger.format == FORMAT).unwrap_or_default())
    }

    /// Writes the ledger, over the old one.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn write(mut self, store: &Store, key: &str) -> Result<()> {
        self.format = FORMAT;
        // Strings and numbers always serialise.
        store.put(key, serde_json::to_vec(&self).unwrap_or_default().into()).await
    }
}
