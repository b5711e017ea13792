//! Bars from Interactive Brokers, through TWS or IB Gateway.
//!
//! [`Gateway`] speaks to a gateway under deadlines; everything else knows only the [`Source`]: a [`Ledger`] that admits requests under
//! IBKR's pacing rules, a plan of chunks that coverage lacks, the acceptance of an answer, and [`fetch`], which commits chunk by chunk.

mod accept;
mod classify;
mod fetch;
mod gateway;
mod ledger;
mod plan;
mod settings;
mod source;

pub use accept::{Accepted, Verdict, accept};
pub use classify::{Class, Fault, classify};
pub use fetch::{Event, Fetch, Report, fetch};
pub use gateway::Gateway;
pub use ledger::{Admitted, Asked, Ledger, Limits, SharedLedger};
pub use plan::{Chunk, ChunkSize, Plan, chunk_size};
pub use settings::{IbkrSettings, Watch, WatchFile};
pub use source::{BarRequest, Instrument, RawBar, RawTime, Session, Source, Span};
