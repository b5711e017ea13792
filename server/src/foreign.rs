//! Files that other programs keep in a catalog: which there are, and what is in one.

use std::collections::BTreeMap;

use bytes::Bytes;
use catalog::{Error, ErrorKind, ForeignFile, INSTRUMENT_DIRECTORIES, Instrument, Result, examine, names};
use object_store::ObjectMeta;

use crate::store::Store;

/// The files under `data/`, by what they hold.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files of bars, by key.
    pub bars: BTreeMap<String, ObjectMeta>,
    /// Files of instruments, by key.
    pub instruments: BTreeMap<String, ObjectMeta>,
    /// Files of other data, counted by directory.
    pub others: BTreeMap<String, u64>,
}

/// Lists what lies under `data/`.
///
/// # Errors
/// If the store fails.
pub(crate) async fn list_files(store: &Store) -> Result<Listing> {
    let mut listing = Listing::default();
    for object in store.list_objects("data").await? {
        let key = object.location.to_string();
        let directory = key.split('/').nth(1).unwrap_or_default().to_owned();
        if !key.ends_with(".parquet") {
            continue;
        }
        if names::is_bar_file(&key) {
            listing.bars.insert(key, object);
        } else if INSTRUMENT_DIRECTORIES.contains(&directory.as_str()) {
            listing.instruments.insert(key, object);
        } else {
            *listing.others.entry(directory).or_default() += 1;
        }
    }
    Ok(listing)
}

/// Reads and judges a file of bars.
///
/// # Errors
/// As [`examine`], or if the store fails.
pub(crate) async fn examine_file(store: &Store, key: &str) -> Result<ForeignFile> {
    let (bytes, name) = (read(store, key).await?, key.to_owned());
    guarded(key, move || examine(&name, &bytes)).await
}

/// Reads a file of instruments.
///
/// # Errors
/// As [`catalog::read_instruments`], or if the store fails.
pub(crate) async fn read_instrument_file(store: &Store, key: &str) -> Result<Vec<Instrument>> {
    let (bytes, name) = (read(store, key).await?, key.to_owned());
    guarded(key, move || catalog::read_instruments(&name, bytes)).await
}

/// A whole object.
///
/// # Errors
/// [`ErrorKind::NotFound`] if it is gone, or if the store fails.
pub(crate) async fn read(store: &Store, key: &str) -> Result<Bytes> {
    let found = store.get(key).await?;
    found.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("`{key}` is gone"))
            .because("another program removed it while it was to be read")
            .then("try again")
    })
}

/// No checksum vouches for such a file, and some damage makes the decoder panic: that must end no more than the file's reading.
async fn guarded<T: Send + 'static>(
    key: &str,
    decode: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(decode).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Corrupt, format!("`{key}` is damaged"))
            .because("the decoder broke off in the middle of it"))
    })
}
