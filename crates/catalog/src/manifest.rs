//! Head, snapshots and the series table.
//!
//! A snapshot is created once and never changed; creating it is the commit. The head repeats the newest snapshot's body so that
//! a reader needs one request; it is only a hint, since a writer may have been stopped before it renewed the head.
//!
//! Both are JSON with their own checksum: `{"sha256":"…","body":{…}}`, the sum taken over the body's bytes as they stand.

use bars::{BarType, Calendar, UnixNanos};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Error, ErrorKind, Profile, Result, Sha256, WriteOptions, names};

/// The stored format's version. A reader refuses a newer one.
pub const FORMAT_VERSION: u32 = 1;

/// Up to this many series the table stands inside head and snapshots; above, in shards of its own.
pub const INLINE_SERIES: usize = 100;

/// An immutable object and what it must be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ObjectRef {
    /// Its key.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its checksum.
    pub sha256: Sha256,
}

impl ObjectRef {
    /// Checks an object's bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if length or checksum differ.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 != self.size_bytes {
            return Err(Error::corrupt(
                &self.key,
                format!("it has {} bytes instead of {}", bytes.len(), self.size_bytes),
            ));
        }
        if Sha256::of(bytes) != self.sha256 {
            return Err(Error::corrupt(&self.key, "its SHA-256 is not the one in the manifest"));
        }
        Ok(())
    }
}

/// One series at a snapshot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeriesEntry {
    /// Which bars.
    pub bar_type: BarType,
    /// How many.
    pub rows: u64,
    /// First `ts_init`.
    pub first: UnixNanos,
    /// Last `ts_init`.
    pub last: UnixNanos,
    /// Bytes of its partitions.
    pub size_bytes: u64,
    /// How many partitions.
    pub partitions: u64,
    /// How values are stored.
    pub profile: Profile,
    /// Meaningful decimals of prices.
    pub price_precision: u8,
    /// Meaningful decimals of volumes.
    pub size_precision: u8,
    /// Where the bars came from.
    pub source: String,
    /// What a reader must know: a licence with its attribution, or that they are synthetic.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When the market trades, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Bars that the calendar expects between first and last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Whether it is a coarser copy that `publish` made of another series of this catalog, which lists leave out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overview: bool,
    /// The series manifest.
    pub manifest: ObjectRef,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl SeriesEntry {
    /// How files of the series are written.
    pub fn write_options(&self) -> WriteOptions {
        WriteOptions {
            profile: self.profile,
            price_precision: self.price_precision,
            size_precision: self.size_precision,
            ..WriteOptions::default()
        }
    }
}

/// All series of a snapshot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesTable {
    /// The table itself, ascending by bar type.
    Inline(Vec<SeriesEntry>),
    /// Where its parts are, ascending by shard number.
    Shards(Vec<ShardRef>),
}

/// A part of a large series table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ShardRef {
    /// Its number: the first byte of the SHA-256 of each of its series' directory names, so that two series that would share a
    /// directory meet in one shard.
    pub shard: u8,
    /// Series in it.
    pub series: u64,
    /// The object: a JSON array of [`SeriesEntry`] in the envelope of this module.
    #[serde(flatten)]
    pub object: ObjectRef,
}

impl ShardRef {
    /// The shard that a bar type's entry is in.
    pub fn shard_of(bar_type: &BarType) -> u8 {
        Sha256::of(names::series_directory(bar_type).as_bytes()).0[0]
    }
}

/// Which snapshot of another catalog a published copy shows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Published {
    /// Its number there.
    pub snapshot: u64,
    /// Its transaction.
    pub transaction: String,
    /// When it was committed there.
    pub committed: UnixNanos,
}

/// A commit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    /// [`FORMAT_VERSION`] of its writer.
    pub format: u32,
    /// Its number, one more than its predecessor's; the first is 1.
    pub number: u64,
    /// Checksum of the predecessor's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Sha256>,
    /// Chosen by the writer at random, by which it recognises its own commit when an answer was lost.
    pub transaction: String,
    /// When it was committed, by the writer's clock.
    pub committed: UnixNanos,
    /// The program that wrote it.
    pub writer: String,
    /// What was done, in words.
    pub operation: String,
    /// The oldest snapshot that is kept; older ones may be removed with what only they name.
    #[serde(default = "first_snapshot")]
    pub oldest: u64,
    /// The last commit after which a vacuum removed objects that no snapshot named. A writer that put objects for a commit on an earlier
    /// state puts them again, under new names.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub swept: u64,
    /// What it shows, if this catalog is a published copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// The series.
    pub table: SeriesTable,
    /// The instruments, if any are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruments: Option<ObjectRef>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn first_snapshot() -> u64 {
    1
}

/// What a vacuum leaves behind, so that no writer that slept through it builds on a snapshot it removed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Boundary {
    /// The oldest snapshot that was kept.
    pub oldest: u64,
    /// The vacuum's own snapshot.
    pub newest: u64,
}

impl Boundary {
    /// The object to store.
    pub fn encode(&self) -> Vec<u8> {
        seal(self)
    }

    /// Reads a stored boundary.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        unseal(names::BOUNDARY, bytes)
    }
}

/// The newest snapshot a reader should use.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// Checksum of the snapshot's object.
    pub snapshot_sha256: Sha256,
    /// The snapshot.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

impl Snapshot {
    /// The object to store.
    pub fn encode(&self) -> Vec<u8> {
        seal(self)
    }

    /// Reads a stored snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is damaged, [`ErrorKind::Unsupported`] if a newer version wrote it.
    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self> {
        open(key, bytes)
    }
}

impl Head {
    /// The head that names `snapshot`, whose stored bytes are `bytes`.
    pub fn of(snapshot: Snapshot, bytes: &[u8]) -> Self {
        Self { snapshot_sha256: Sha256::of(bytes), snapshot }
    }

    /// The object to store.
    pub fn encode(&self) -> Vec<u8> {
        seal(self)
    }

    /// Reads a stored head.
    ///
    /// # Errors
    /// As [`Snapshot::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        open(names::HEAD, bytes)
    }
}

impl SeriesTable {
    /// The entries of a shard's object.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is damaged.
    pub fn decode_shard(shard: &ShardRef, bytes: &[u8]) -> Result<Vec<SeriesEntry>> {
        shard.object.verify(bytes)?;
        unseal(&shard.object.key, bytes)
    }

    /// The object of a shard.
    pub fn encode_shard(entries: &[SeriesEntry]) -> Vec<u8> {
        seal(&entries)
    }
}

#[derive(Deserialize, Serialize)]
struct Envelope<'a> {
    sha256: Sha256,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

pub(crate) fn seal<T: Serialize>(value: &T) -> Vec<u8> {
    // These types hold only strings and numbers, which always serialise.
    let body = serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let envelope = Envelope { sha256: Sha256::of(body.get().as_bytes()), body: &body };
    serde_json::to_vec(&envelope).unwrap_or_default()
}

fn open<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    let version: FormatOnly = unseal(key, bytes)?;
    if version.format > FORMAT_VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this catalog was written by a newer version of Barkeep",
        )
        .because(format!("`{key}` has format {}, this version reads up to {FORMAT_VERSION}", version.format))
        .then("update Barkeep, or reload the page if it is older than the catalog"));
    }
    unseal(key, bytes)
}

pub(crate) fn unseal<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    let envelope: Envelope = serde_json::from_slice(bytes)
        .map_err(|error| Error::corrupt(key, format!("it is not the JSON it should be: {error}")))?;
    if Sha256::of(envelope.body.get().as_bytes()) != envelope.sha256 {
        return Err(Error::corrupt(key, "its content does not match its checksum"));
    }
    serde_json::from_str(envelope.body.get()).map_err(|error| Error::corrupt(key, error))
}
