//! Where a catalog lies: the one place that knows the object store.
//!
//! Primitives that local disk and every bucket share: read an object or a range of it, create it if it is absent, overwrite it, list,
//! remove and move. Local writes are flushed to the disk before they count. Commits of several writers stand on "create if
//! absent", so a store is [tested](Store::ready_to_write) before it is written to.

mod buckets;
mod errors;
mod local;
mod place;
mod self_test;
mod settings;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catalog::{Error, ErrorKind, Result, names};
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attribute, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};
use tokio::sync::OnceCell;

use self::errors::{Attempt, causes, explain, is_conflict, lacks_bucket};
pub(crate) use self::local::is_unfinished;
use self::place::{Place, Service};
pub use self::settings::{Settings, assume_single_writer};

/// Times that a creation is tried again which a bucket neither made nor refused.
const CONFLICT_ATTEMPTS: u32 = 5;

/// A place that holds a catalog's objects. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    location: String,
    kind: Kind,
    single_writer: bool,
    ready: Arc<OnceCell<()>>,
}

/// What sort of place it is.
#[derive(Clone)]
enum Kind {
    Local(local::Root),
    Bucket(Service),
    /// A web server: to read only.
    Web,
    /// In memory, or a test's own.
    Other {
        renames: bool,
    },
}

impl Store {
    /// Opens an existing place that a user names: a path, `file://`, `s3://bucket/prefix`, `gs://`, `az://`, or `https://` to read only;
    /// buckets as the environment configures them. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for other schemes, [`ErrorKind::NotFound`] if there is no such directory,
    /// [`ErrorKind::InvalidInput`] if address or environment make no sense.
    pub fn open(location: &str) -> Result<Self> {
        Self::open_with(location, &Settings::from_env())
    }

    /// As [`Store::open`], with settings of the caller's.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(location: &str, settings: &Settings) -> Result<Self> {
        match Place::parse(location)? {
            Place::Directory(root) if root.is_dir() => Self::local(location, &root, settings),
            Place::Directory(root) if root.exists() => {
                Err(no_catalog(location, "it is a file, not a directory"))
            }
            Place::Directory(_) => Err(no_catalog(location, "there is no such directory")),
            Place::Bucket(bucket) => {
                let inner = buckets::open_bucket(location, &bucket, settings)?;
                Ok(Self::new(inner, location, Kind::Bucket(bucket.service), settings))
            }
            Place::Web(address) => {
                Ok(Self::new(buckets::open_web(&address, settings)?, location, Kind::Web, settings))
            }
        }
    }

    /// Opens a place to write to, making the directory if needed. Buckets must exist.
    ///
    /// # Errors
    /// As [`Store::open`], and [`ErrorKind::SourceUnavailable`] if the directory cannot be made, [`ErrorKind::Unsupported`] for a web
    /// server.
    pub fn open_or_make(location: &str) -> Result<Self> {
        Self::open_or_make_with(location, &Settings::from_env())
    }

    /// As [`Store::open_or_make`], with settings of the caller's.
    ///
    /// # Errors
    /// As [`Store::open_or_make`].
    pub fn open_or_make_with(location: &str, settings: &Settings) -> Result<Self> {
        match Place::parse(location)? {
            Place::Directory(root) => local::make_directory(&root).map_err(|error| {
                Error::new(ErrorKind::SourceUnavailable, format!("could not make the directory `{location}`"))
                    .because(error)
                    .then("give another place: `--catalog DIRECTORY`")
            })?,
            Place::Web(_) => return Err(read_only(location)),
            Place::Bucket(_) => {}
        }
        Self::open_with(location, settings)
    }

    /// An empty place in memory, for dry runs into a catalog that does not exist yet.
    pub fn scratch() -> Self {
        Self::over(Arc::new(InMemory::new()), "memory")
    }

    /// A place over any object store, for tests that watch it or let it fail. It counts as [ready to write](Store::ready_to_write).
    pub fn over(inner: Arc<dyn ObjectStore>, location: &str) -> Self {
        Self::new(inner, location, Kind::Other { renames: false }, &Settings::default())
    }

    /// As [`Store::over`], for one that renames in one step as a directory does.
    pub fn over_directory(inner: Arc<dyn ObjectStore>, location: &str) -> Self {
        Self::new(inner, location, Kind::Other { renames: true }, &Settings::default())
    }

    fn local(location: &str, root: &FilePath, settings: &Settings) -> Result<Self> {
        let unopened = |error: &dyn std::error::Error| {
            Error::new(ErrorKind::SourceUnavailable, format!("could not open `{location}`"))
                .because(causes(error))
        };
        let root = local::Root::new(root).map_err(|error| unopened(&error))?;
        for folder in ["data/bars/", "manifest/", "staging/", "retired/", "quarantine/"] {
            root.refuse_link_out(folder)?;
        }
        // Without fsync a power cut can leave a committed object empty.
        let store = LocalFileSystem::new_with_prefix(root.path()).map(|store| store.with_fsync(true));
        let store = store.map_err(|error| unopened(&error))?;
        Ok(Self::new(Arc::new(store), location, Kind::Local(root), settings))
    }

    fn new(inner: Arc<dyn ObjectStore>, location: &str, kind: Kind, settings: &Settings) -> Self {
        let (location, single_writer) = (location.to_owned(), settings.is_single_writer());
        Self { inner, location, kind, single_writer, ready: Arc::default() }
    }

    /// To be called before anything is committed: makes sure, once for this store and its clones, that several writers cannot
    /// overwrite each other. A bucket is tested every time a process first writes to it, a directory when its catalog is made; nothing is
    /// tested where the user promised a single writer.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the store does not truly create objects only if they are absent, or can only be read;
    /// [`ErrorKind::SourceUnavailable`] if it fails.
    pub async fn ready_to_write(&self) -> Result<()> {
        let test = async || match self.kind {
            Kind::Web => Err(read_only(&self.location)),
            Kind::Other { .. } => Ok(()),
            _ if self.single_writer => Ok(()),
            Kind::Bucket(_) => self_test::check(self, self_test::BUCKET).await,
            Kind::Local(_) if self.head(names::HEAD).await?.is_some() => Ok(()),
            Kind::Local(_) => self_test::check(self, self_test::DIRECTORY).await,
        };
        self.ready.get_or_try_init(test).await.copied()
    }

    /// Tests, with some hundred small writes under `manifest/selftest/`, whether the store creates an object only if it is absent also
    /// when many try at once.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it does not, [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn check_conditional_create(&self) -> Result<()> {
        self_test::check(self, self_test::BUCKET).await
    }

    /// The place as the user named it.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The directory it is, if it is one.
    pub fn local_root(&self) -> Option<&FilePath> {
        match &self.kind {
            Kind::Local(root) => Some(root.path()),
            _ => None,
        }
    }

    /// A whole object, or `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails, [`ErrorKind::NotFound`] if there is no such bucket.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self.inner.get(&self.path(key)?).await {
            Ok(found) => found.bytes().await.map(Some).map_err(|error| self.failed("read", key, &error)),
            Err(error) => self.absent_or_failed("read", key, &error),
        }
    }

    /// Bytes of an object, which must exist.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it does not, [`ErrorKind::Corrupt`] if it is shorter, [`ErrorKind::SourceUnavailable`] if the store
    /// fails.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let found = self.inner.get_range(&self.path(key)?, range.clone()).await;
        match &found {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => {}
            Err(object_store::Error::NotFound { .. }) => {}
            // Stores say in many ways that an object is shorter than the range.
            _ => {
                if let Some(object) = self.head(key).await?.filter(|object| object.size < range.end) {
                    let why = format!("it has {} bytes and {} are needed", object.size, range.end);
                    return Err(Error::corrupt(key, why));
                }
            }
        }
        match found {
            Ok(bytes) => Ok(bytes),
            Err(error) => self.absent_or_failed("read", key, &error)?.ok_or_else(|| missing(key)),
        }
    }

    /// Length and time of an object, or `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        match self.inner.get_opts(&self.path(key)?, GetOptions { head: true, ..GetOptions::default() }).await
        {
            Ok(found) => Ok(Some(found.meta)),
            Err(error) => self.absent_or_failed("look at", key, &error),
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
        match self.inner.get_opts(&self.path(key)?, options).await {
            Ok(found) => Ok(found.into_stream()),
            Err(error) => self.absent_or_failed("read", key, &error)?.ok_or_else(|| missing(key)),
        }
    }

    /// Creates an object if its key is absent; whether it was. If it was not, there is an object now: perhaps this very one, whose
    /// answer was lost on the way. Where a single writer was promised, by looking first.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails; the object may have been created all the same.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<bool> {
        if !self.single_writer {
            return self.create_if_absent(key, bytes).await;
        }
        if self.head(key).await?.is_some() {
            return Ok(false);
        }
        self.put(key, bytes).await.map(|()| true)
    }

    async fn create_if_absent(&self, key: &str, bytes: Bytes) -> Result<bool> {
        let mut attempt = 0;
        loop {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let error = match self.inner.put_opts(&self.path(key)?, bytes.clone().into(), options).await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            if !matches!(error, object_store::Error::AlreadyExists { .. }) {
                return Err(self.failed("write", key, &error));
            }
            // S3 answers 409 also when it could not decide between two requests and did neither.
            if !is_conflict(&error) || self.head(key).await?.is_some() {
                return Ok(false);
            }
            if attempt == CONFLICT_ATTEMPTS {
                return Err(self.failed("write", key, &error));
            }
            tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
            attempt += 1;
        }
    }

    /// Writes an object, over any that is there, in one step.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.inner
            .put(&self.path(key)?, bytes.into())
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
        match self.inner.put_opts(&self.path(key)?, bytes.clone().into(), options).await {
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
        if let Kind::Local(root) = &self.kind {
            return self.walk(root, prefix, local::Root::any_under).await;
        }
        let mut listing = self.inner.list(Some(&self.path(prefix)?));
        listing
            .try_next()
            .await
            .map(|found| found.is_some())
            .map_err(|error| self.failed("list", prefix, &error))
    }

    /// The keys under `prefix`.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let objects = self.list_objects(prefix).await?;
        Ok(objects.into_iter().map(|object| object.location.into()).collect())
    }

    /// The objects under `prefix`, with length and time of change.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn list_objects(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        if let Kind::Local(root) = &self.kind {
            return self.walk(root, prefix, local::Root::list).await;
        }
        let listing = self.inner.list(Some(&self.path(prefix)?));
        listing.try_collect().await.map_err(|error| self.failed("list", prefix, &error))
    }

    /// Lists a directory on a thread that may wait for the disk.
    async fn walk<T: Send + 'static>(
        &self,
        root: &local::Root,
        prefix: &str,
        list: fn(&local::Root, &str) -> std::io::Result<T>,
    ) -> Result<T> {
        let (root, of) = (root.clone(), self.path(prefix)?);
        let listed = tokio::task::spawn_blocking(move || list(&root, of.as_ref())).await;
        listed.map_err(std::io::Error::other).and_then(|listed| listed).map_err(|error| {
            let error = object_store::Error::Generic { store: "LocalFileSystem", source: error.into() };
            self.failed("list", prefix, &error)
        })
    }

    /// Removes an object; whether there was one, as far as the store tells (S3 does not, and answers yes).
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        match self.inner.delete(&self.path(key)?).await {
            Ok(()) => Ok(true),
            Err(error) => Ok(self.absent_or_failed::<()>("delete", key, &error)?.is_some()),
        }
    }

    /// Gives an object another key, over any that is there. `true`: it is there now, also if an earlier call had moved it; `false`: there
    /// is neither. A directory renames in one step; a bucket copies and then deletes, and a move that was stopped between the two is
    /// finished by the next.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn relocate(&self, from: &str, to: &str) -> Result<bool> {
        let moved = match self.kind {
            Kind::Bucket(Service::Azure) => self.copy_through(from, to).await?,
            Kind::Bucket(_) => self.copy(from, to).await?,
            Kind::Local(_) | Kind::Web | Kind::Other { .. } => {
                let renamed = self.inner.rename(&self.path(from)?, &self.path(to)?).await;
                return match renamed {
                    Ok(()) => Ok(true),
                    Err(error) => {
                        self.absent_or_failed::<()>("move", from, &error)?;
                        self.refuse_present("move", from).await?;
                        Ok(self.head(to).await?.is_some())
                    }
                };
            }
        };
        if moved {
            self.delete(from).await?;
            return Ok(true);
        }
        Ok(self.head(to).await?.is_some())
    }

    /// Whether [`Store::relocate`] is one step, so that an object is never under both keys, nor removed late.
    pub fn moves_in_one_step(&self) -> bool {
        matches!(self.kind, Kind::Local(_) | Kind::Other { renames: true })
    }

    /// Gives an object a second key, over any object that is there. `true`: it is there now, also if the first key is gone; `false`: there is
    /// neither.
    ///
    /// # Errors
    /// [`ErrorKind::SourceUnavailable`] if the store fails.
    pub async fn duplicate(&self, from: &str, to: &str) -> Result<bool> {
        let copied = match self.kind {
            Kind::Bucket(Service::Azure) => self.copy_through(from, to).await?,
            _ => self.copy(from, to).await?,
        };
        Ok(copied || self.head(to).await?.is_some())
    }

    /// Copies inside the store; whether there was something to copy.
    async fn copy(&self, from: &str, to: &str) -> Result<bool> {
        match self.inner.copy(&self.path(from)?, &self.path(to)?).await {
            Ok(()) => Ok(true),
            Err(error) => {
                self.absent_or_failed::<()>("copy", from, &error)?;
                self.refuse_present("copy", from).await.map(|()| false)
            }
        }
    }

    /// Looks again at an object that is said to be absent: a directory's failed look at it is answered like that too.
    async fn refuse_present(&self, verb: &str, key: &str) -> Result<()> {
        if self.head(key).await?.is_none() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::SourceUnavailable,
            format!("could not {verb} `{key}` in `{}`", self.location),
        )
        .because("the store said that it is absent, and it is there")
        .then("look whether the disk is well (`dmesg`), then run the same again; nothing is lost"))
    }

    /// Copies by reading and writing: Azure may answer that a copy has begun before it is done, and then the source must not go.
    async fn copy_through(&self, from: &str, to: &str) -> Result<bool> {
        let Some(bytes) = self.get(from).await? else { return Ok(false) };
        self.put(to, bytes).await.map(|()| true)
    }

    fn path(&self, key: &str) -> Result<Path> {
        if let Kind::Local(root) = &self.kind {
            root.refuse_link_out(key)?;
        }
        Path::parse(key).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("`{key}` is not a key of a catalog")).because(error)
        })
    }

    /// `None` if only the object is not there.
    fn absent_or_failed<T>(&self, verb: &str, key: &str, error: &object_store::Error) -> Result<Option<T>> {
        match error {
            object_store::Error::NotFound { .. } if !lacks_bucket(error) => Ok(None),
            _ => Err(self.failed(verb, key, error)),
        }
    }

    fn failed(&self, verb: &str, key: &str, error: &object_store::Error) -> Error {
        explain(&Attempt { verb, key, location: &self.location, kind: &self.kind }, error)
    }
}

/// There is nothing to read at `location`.
pub(crate) fn no_catalog(location: &str, why: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no catalog at `{location}`"))
        .because(why)
        .then("name the right place, a directory or `s3://bucket/prefix`: `--catalog PLACE` or the environment variable BARKEEP_CATALOG")
        .then("or make one from a CSV file: `barkeep import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open`")
        .then("or look at real bars first: `barkeep demo`")
}

fn read_only(location: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{location}` can only be read"))
        .because("a web server takes no objects")
        .then("write to where that server has its files: a directory, `s3://`, `gs://` or `az://`")
}

fn missing(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{key}` is missing"))
        .because("the manifest names it, but the store does not hold it")
        .then("see what else is missing: `barkeep verify`")
        .then("restore it from an equal copy, or go on without it: `barkeep repair`")
}
