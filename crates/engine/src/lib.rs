//! The browser engine.
//!
//! [`protocol`] is all that a page sees. The engine behind it reads a catalog over HTTP range requests in a module worker;
//! it is compiled only with the feature `worker`. Everything but the fetching itself (`worker` in the binary) is plain Rust that
//! the host's tests drive too: it asks a [`Source`] for bytes.

pub mod protocol;

#[cfg(feature = "worker")]
mod answer;
#[cfg(feature = "worker")]
mod drive;
#[cfg(feature = "worker")]
mod query;
#[cfg(feature = "worker")]
mod source;

pub use backtest;
pub use bars;

#[cfg(feature = "worker")]
pub use answer::{Engine, NamedColumn};
#[cfg(feature = "worker")]
pub use source::Source;
