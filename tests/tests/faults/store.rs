//! An object store that fails on purpose: it counts changes, crashes at one of them, loses answers, and takes its time.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use barkeep::store::Store;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::time::Instant;

/// Seeded random numbers (splitmix64), so that a run can be had again.
#[derive(Debug)]
pub struct Random(pub AtomicU64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d))
    }

    pub fn below(&self, limit: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mut value = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit.max(1)
    }
}

/// What goes wrong.
#[derive(Debug)]
pub enum Faults {
    /// The process dies at a change, counted from 0; with `applied` the change has happened, but nobody heard of it.
    Crash { at: u64, applied: bool },
    /// So many of a hundred requests fail, half of those that change something after they were applied; all take their time.
    Random { percent: u64, random: Random },
}

/// See the module.
pub struct FaultStore {
    pub inner: Arc<InMemory>,
    faults: Faults,
    changes: AtomicU64,
    injected: AtomicU64,
    dead: AtomicBool,
    /// When objects were written, by the clock of the simulation.
    written: Mutex<BTreeMap<String, Instant>>,
}

/// Objects older than this count as two days old.
const OLD: Duration = Duration::from_secs(120);

impl FaultStore {
    pub fn new(inner: Arc<InMemory>, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults,
            changes: AtomicU64::new(0),
            injected: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            written: Mutex::default(),
        })
    }

    pub fn store(self: &Arc<Self>) -> Store {
        Store::over(Arc::clone(self) as Arc<dyn ObjectStore>, "faults")
    }

    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    fn failed(&self) -> Error {
        self.injected.fetch_add(1, Ordering::Relaxed);
        Error::Generic { store: "faults", source: "no answer".into() }
    }

    /// Whether a request happens, and whether its answer arrives.
    async fn fate(&self, changes: bool) -> (bool, bool) {
        match &self.faults {
            Faults::Crash { .. } if self.dead.load(Ordering::Relaxed) => (false, false),
            Faults::Crash { at, applied } => {
                let number = if changes { self.changes.fetch_add(1, Ordering::Relaxed) } else { u64::MAX };
                if number != *at {
                    return (true, true);
                }
                self.dead.store(true, Ordering::Relaxed);
                (*applied, false)
            }
            Faults::Random { percent, random } => {
                tokio::time::sleep(Duration::from_millis(random.below(40))).await;
                let fails = random.below(100) < *percent;
                (!fails || (changes && random.below(2) == 0), !fails)
            }
        }
    }

    async fn change<T>(&self, key: &Path, act: impl Future<Output = Result<T>>) -> Result<T> {
        let (happens, answers) = self.fate(true).await;
        let done = if happens { Some(act.await) } else { None };
        if matches!(done, Some(Ok(_))) {
            self.written.lock().unwrap().insert(key.to_string(), Instant::now());
        }
        match done {
            Some(done) if answers => done,
            _ => Err(self.failed()),
        }
    }

    fn aged(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let written = self.written.lock().unwrap().get(meta.location.as_ref()).copied();
        if written.is_none_or(|written| written.elapsed() > OLD) {
            meta.last_modified -= Duration::from_secs(48 * 3600);
        }
        meta
    }
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultStore")
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultStore")
    }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.change(key, self.inner.put_opts(key, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let (happens, answers) = self.fate(false).await;
        if happens && answers { self.inner.get_opts(key, options).await } else { Err(self.failed()) }
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // The caller removes one object at a time and waits; what is needed of the store lives as long.
        let fate = match &self.faults {
            Faults::Random { percent, random } => {
                let fails = random.below(100) < *percent;
                (!fails || random.below(2) == 0, !fails)
            }
            _ => futures::executor::block_on(self.fate(true)),
        };
        let failed = (!fate.1).then(|| self.failed());
        let done = if fate.0 { self.inner.delete_stream(keys) } else { stream::empty().boxed() };
        match failed {
            None => done,
            Some(error) => done.filter_map(|_| async { None }).chain(stream::iter([Err(error)])).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.dead.load(Ordering::Relaxed) {
            return stream::iter([Err(self.failed())]).boxed();
        }
        let listed = futures::executor::block_on(self.inner.list(prefix).try_collect::<Vec<_>>());
        let listed = listed.map(|listed| listed.into_iter().map(|meta| self.aged(meta)).collect::<Vec<_>>());
        stream::iter([listed]).map_ok(|listed| stream::iter(listed).map(Ok)).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.change(to, self.inner.copy_opts(from, to, options)).await
    }
}

/// A copy of everything that is stored.
pub async fn fork(store: &InMemory) -> Arc<InMemory> {
    let copy = Arc::new(InMemory::new());
    let objects: Vec<ObjectMeta> = store.list(None).try_collect().await.unwrap();
    for object in objects {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copy.put(&object.location, bytes.into()).await.unwrap();
    }
    copy
}
