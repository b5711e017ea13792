//! The catalog: stored format, manifest, query.
//!
//! This room decides which bytes to read or write and never fetches them: no async, no clock, no files. A reader asks
//! [`Plan`] and [`Scan`] for byte ranges and hands them over; a writer turns bars into a [`Commit`], a list of objects to put
//! in order. The same code drives the server's object stores, the browser's `fetch` and the tests.
//!
//! The stored files are ordinary Parquet in the layout of NautilusTrader's catalog; see `ARCHITECTURE.md`.

mod change;
mod checksum;
mod commit;
mod decode;
mod encode;
mod error;
mod examine;
mod filter;
mod finding;
mod footer;
mod inspect;
mod instruments;
mod manifest;
mod moves;
pub mod names;
mod nautilus_v1;
mod partition;
mod plan;
mod query;
mod records;
mod scan;
mod schema;

pub use change::{
    Addition, Change, Edit, Mending, NewFile, Overlap, Period, Piece, SeriesFacts, Tally, present,
};
pub use checksum::{Sha256, crc32c};
pub use commit::{Base, Commit, CommitInfo, Put, SnapshotFate, fate_of, restate};
pub use decode::{decode_bars, decode_bars_f64};
pub use encode::{EncodedPartition, Profile, WriteOptions, encode_bars, fits_compact};
pub use error::{Error, ErrorKind, Result};
pub use examine::{Fault, FilePeek, ForeignFile, examine, peek};
pub use filter::Filter;
pub use finding::{Finding, FindingKind, Severity};
pub use footer::{contain, is_contained};
pub use inspect::{Described, Flaw, describe, inspect, precision_of};
pub use instruments::{
    INSTRUMENT_DIRECTORIES, Instrument, InstrumentChange, Instruments, encode_instrument, read_instruments,
};
pub use manifest::{
    Boundary, FORMAT_VERSION, Head, INLINE_SERIES, ObjectRef, Published, SeriesEntry, SeriesTable, ShardRef,
    Snapshot,
};
pub use moves::{Move, Moves};
pub use nautilus_v1::{encode_nautilus_v1, is_own_file};
pub use partition::{PartitionEntry, SeriesManifest};
pub use plan::{Plan, PlannedPartition, plan};
pub use query::{ByteRange, Columns, Fetch, Order, Query, coalesce};
pub use records::{QuoteTick, TradeTick, decode_instruments, decode_quotes, decode_trades};
pub use scan::{Scan, Step, scan_file};
pub use schema::{DataKind, Layout, Storage};
