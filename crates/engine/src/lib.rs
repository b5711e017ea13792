//! The browser engine.
//!
//! [`protocol`] is all that a page sees. The engine behind it reads a catalog over HTTP range requests in a module worker;
//! it is compiled only with the feature `worker`.

pub mod protocol;

pub use backtest;
pub use bars;
