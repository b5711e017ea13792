//! Where bytes come from: HTTP in the browser, memory in tests.

use std::future::Future;

use bytes::Bytes;
use catalog::{Error, Fetch};

/// Gives the engine the bytes it asks for.
pub trait Source {
    /// A whole object by its key, not from any cache: the head.
    ///
    /// # Errors
    /// In the shape a user is shown: what happened, why, what to do.
    fn fresh(&self, key: &str) -> impl Future<Output = Result<Bytes, Error>>;

    /// Bytes of an immutable object.
    ///
    /// # Errors
    /// As [`Source::fresh`].
    fn read(&self, fetch: &Fetch) -> impl Future<Output = Result<Bytes, Error>>;

    /// Told how many of how many bytes have arrived; also the place to notice that the request was cancelled.
    ///
    /// # Errors
    /// [`catalog::ErrorKind::Cancelled`] if it was.
    fn progress(&self, done: u64, total: u64) -> Result<(), Error>;
}
