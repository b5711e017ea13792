//! The catalog: stored format, manifest, query.
//!
//! This room decides which bytes to read or write and never fetches them: no async, no clock, no files. A reader asks
//! [`Plan`] and [`Scan`] for byte ranges and hands them over; a writer turns bars into a [`Commit`], a list of objects to put
//! in order. The same code drives the server's object stores, the browser's `fetch` and the tests.
//!
//! The stored files are ordinary Parquet in the layout of NautilusTrader's catalog; see `ARCHITECTURE.md`.

mod checksum;
mod commit;
mod decode;
mod encode;
mod error;
mod filter;
mod manifest;
pub mod names;
mod partition;
mod plan;
mod query;
mod records;
mod scan;
mod schema;

pub use checksum::{Sha256, crc32c};
pub use commit::{
    Addition, Base, Commit, CommitInfo, Outcome, Put, SeriesBase, SeriesFacts, SnapshotFate, fate_of,
};
pub use decode::{decode_bars, decode_bars_f64};
pub use encode::{EncodedPartition, Profile, WriteOptions, encode_bars};
pub use error::{Error, ErrorKind, Result};
pub use filter::Filter;
pub use manifest::{
    FORMAT_VERSION, Head, INLINE_SERIES, ObjectRef, SeriesEntry, SeriesTable, ShardRef, Snapshot,
};
pub use partition::{PartitionEntry, SeriesManifest};
pub use plan::{Plan, PlannedPartition, plan};
pub use query::{ByteRange, Columns, Fetch, Order, Query, coalesce};
pub use records::{QuoteTick, TradeTick, decode_instruments, decode_quotes, decode_trades};
pub use scan::{Scan, Step, scan_file};
pub use schema::{DataKind, Layout, Storage};
