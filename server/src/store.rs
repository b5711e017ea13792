//! Where a catalog lies: the one place that knows the object store.
//!
//! Four primitives that local disk and every bucket share: read an object or a range of it, create it if it is absent, overwrite
//! it. Local writes are flushed to the disk before they count.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use catalog::{Error, ErrorKind, Result};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attribute, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};

/// A place that holds a catalog's objects.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    location: String,
}

impl Store {
    /// Opens an existing place that a user names: a path, or `file://` with one.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for other schemes, [`ErrorKind::NotFound`] if there is no such directory.
    pub fn open(location: &str) -> Result<Self> {
        let root = local_root(location)?;
        if !root.is_dir() {
            return Err(no_catalog(location, "there is no such directory"));
        }
        Self::local(location, &root)
    }

    /// Opens a place to write to, making the directory if needed.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for other schemes, [`ErrorKind::SourceUnavailable`] if the directory cannot be made.
    pub fn open_or_make(location: &str) -> Result<Self> {
        let root = local_root(location)?;
        std::fs::create_dir_all(&root).map_err(|error| {
            Error::new(ErrorKind::SourceUnavailable, format!("could not make the directory `{location}`"))
                .because(error)
                .then("give another place: `--catalog DIRECTORY`")
        })?;
        Self::local(location, &root)
    }

    /// An empty place in memory, for dry runs into a catalog that does not exist yet.
    pub fn scratch() -> Self {
        Self { inner: Arc::new(InMemory::new()), location: "memory".to_owned() }
    }

    /// A place over any object store, for tests that watch it or let it fail.
    pub fn over(inner: Arc<dyn ObjectStore>, location: &str) -> Self {
        Self { inner, location: location.to_owned() }
    }

    fn local(location: &str, root: &std::path::Path) -> Result<Self> {
        // Without fsync a power cut can leave a committed object empty.
        let store = LocalFileSystem::new_with_prefix(root).map(|store| store.with_fsync(true));
        let store = store.map_err(|error| {
            Error::new(ErrorKind::SourceUnavailable, format!("could not open `{location}`")).because(error)
        })?;
        Ok(Self { inner: Arc::new(store), location: location.to_owned() })
    }

    /// The place as the user named it.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// A whole object, or `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self.inner.get(&path(key)?).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|error| self.failed("read", key, &error)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", key, &error)),
        }
    }

    /// Bytes of an object, which must exist.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it does not, [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        match self.inner.get_range(&path(key)?, range).await {
            Ok(bytes) => Ok(bytes),
            Err(object_store::Error::NotFound { .. }) => Err(missing(key)),
            Err(error) => Err(self.failed("read", key, &error)),
        }
    }

    /// Length and time of an object, or `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        match self.inner.get_opts(&path(key)?, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) => Ok(Some(found.meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", key, &error)),
        }
    }

    /// An object's bytes as they come, for answers that are sent on.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] or [`ErrorKind::SourceUnavailable`].
    pub async fn stream(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> Result<impl futures::Stream<Item = object_store::Result<Bytes>> + use<>> {
        let options = GetOptions {
            range: (!range.is_empty()).then_some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        match self.inner.get_opts(&path(key)?, options).await {
            Ok(found) => Ok(found.into_stream()),
            Err(object_store::Error::NotFound { .. }) => Err(missing(key)),
            Err(error) => Err(self.failed("read", key, &error)),
        }
    }

    /// Creates an object if its key is absent; whether it was.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails; the object may have been created all the same.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<bool> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.inner.put_opts(&path(key)?, bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", key, &error)),
        }
    }

    /// Writes an object, over any that is there, in one step.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.inner
            .put(&path(key)?, bytes.into())
            .await
            .map(|_| ())
            .map_err(|error| self.failed("write", key, &error))
    }

    /// As [`Store::put`], for an object that a bucket hands to browsers: with its media type and how long it may be kept. A directory
    /// keeps neither; there the web server says them.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn put_page(
        &self,
        key: &str,
        bytes: Bytes,
        media: &'static str,
        caching: &'static str,
    ) -> Result<()> {
        let attributes = [(Attribute::ContentType, media), (Attribute::CacheControl, caching)];
        let options = PutOptions { attributes: attributes.into_iter().collect(), ..PutOptions::default() };
        match self.inner.put_opts(&path(key)?, bytes.clone().into(), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotImplemented { .. }) => self.put(key, bytes).await,
            Err(error) => Err(self.failed("write", key, &error)),
        }
    }

    /// Whether any object's key starts with `prefix`.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn any_under(&self, prefix: &str) -> Result<bool> {
        use futures::StreamExt;
        let mut listing = self.inner.list(Some(&path(prefix)?));
        match listing.next().await {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(self.failed("list", prefix, &error)),
        }
    }

    /// The keys under `prefix`.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        use futures::TryStreamExt;
        let listing = self.inner.list(Some(&path(prefix)?)).map_ok(|object| object.location.to_string());
        listing.try_collect().await.map_err(|error| self.failed("list", prefix, &error))
    }

    /// The objects under `prefix`, with length and time of change.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn list_objects(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        use futures::TryStreamExt;
        let listing = self.inner.list(Some(&path(prefix)?));
        listing.try_collect().await.map_err(|error| self.failed("list", prefix, &error))
    }

    /// Removes an object; whether there was one.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        match self.inner.delete(&path(key)?).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("delete", key, &error)),
        }
    }

    /// Gives an object another key, over any that is there; whether there was one. Safe to repeat: a move that was stopped
    /// half-way (a bucket copies, then deletes) is finished by the next one.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn relocate(&self, from: &str, to: &str) -> Result<bool> {
        match self.inner.rename(&path(from)?, &path(to)?).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("move", from, &error)),
        }
    }

    fn failed(&self, verb: &str, key: &str, error: &object_store::Error) -> Error {
        Error::new(ErrorKind::SourceUnavailable, format!("could not {verb} `{key}` in {}", self.location))
            .because(causes(error))
            .then("check that the place exists, that it has space left and that you may read and write there")
    }
}

fn local_root(location: &str) -> Result<PathBuf> {
    match location.split_once("://") {
        None => Ok(PathBuf::from(location)),
        Some(("file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("catalogs at `{scheme}://` cannot be opened by this version"),
        )
        .because("it opens local directories")
        .then("give a directory: `--catalog ./catalog`")),
    }
}

/// There is nothing to read at `location`.
pub(crate) fn no_catalog(location: &str, why: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no catalog at `{location}`"))
        .because(why)
        .then("name the right place: `--catalog DIRECTORY` or the environment variable BARKEEP_CATALOG")
        .then("or make one from a CSV file: `barkeep import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open`")
        .then("or look at real bars first: `barkeep demo`")
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("`{key}` is not a key of a catalog")).because(error)
    })
}

fn missing(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{key}` is missing"))
        .because("the manifest names it, but the store does not hold it")
        .then("restore the file from a backup, or import the bars again into a new catalog")
}
