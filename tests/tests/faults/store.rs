//! An object store that fails on purpose: it counts requests, crashes, fails or sleeps at one of them, loses answers, takes its time.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use barkeep::store::Store;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use tokio::sync::Notify;
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

/// What goes wrong. Requests and changes are counted from 0.
#[derive(Debug)]
pub enum Faults {
    /// Nothing.
    None,
    /// The process dies at a change; with `applied` the change has happened, but nobody heard of it.
    Crash { at: u64, applied: bool },
    /// One request fails; with `applied` it has happened all the same. The process goes on.
    Fail { at: u64, applied: bool },
    /// One request is held back until [`FaultStore::wake`]; the others of the process go on.
    Sleep { at: u64 },
    /// So many of a hundred requests fail, half of those that change something after they were applied; all take their time, and one in
    /// `naps` takes very long.
    Random { percent: u64, naps: u64, random: Random },
}

/// See the module.
#[derive(Clone)]
pub struct FaultStore {
    pub inner: Arc<dyn ObjectStore>,
    kind: Kind,
    state: Arc<State>,
}

/// How an object gets another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// In one step.
    Directory,
    /// By a copy and a removal.
    Bucket,
}

struct State {
    faults: Faults,
    requests: AtomicU64,
    changes: AtomicU64,
    injected: AtomicU64,
    dead: AtomicBool,
    sleeping: AtomicBool,
    asleep: Notify,
    woken: Notify,
    /// When objects were written, by the clock of the simulation.
    written: Mutex<BTreeMap<String, Instant>>,
    log: Mutex<Vec<String>>,
    /// Snapshots that were created, whether or not anybody heard of it.
    snapshots: Mutex<Vec<(String, Vec<u8>)>>,
}

/// Objects older than this count as two days old.
const OLD: Duration = Duration::from_secs(120);

/// What becomes of a request.
#[derive(Clone, Copy)]
struct Fate {
    happens: bool,
    answers: bool,
}

const FINE: Fate = Fate { happens: true, answers: true };

impl State {
    async fn fate(&self, what: &str, key: &Path, changes: bool) -> Fate {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let change = if changes { self.changes.fetch_add(1, Ordering::Relaxed) } else { u64::MAX };
        let fate = match &self.faults {
            Faults::None => FINE,
            Faults::Crash { .. } if self.dead.load(Ordering::Relaxed) => {
                Fate { happens: false, answers: false }
            }
            Faults::Crash { at, applied } if change == *at => {
                self.dead.store(true, Ordering::Relaxed);
                Fate { happens: *applied, answers: false }
            }
            Faults::Fail { at, applied } if number == *at => Fate { happens: *applied, answers: false },
            Faults::Sleep { at } if number == *at => {
                self.sleeping.store(true, Ordering::Relaxed);
                self.asleep.notify_one();
                self.woken.notified().await;
                FINE
            }
            Faults::Crash { .. } | Faults::Fail { .. } | Faults::Sleep { .. } => FINE,
            Faults::Random { percent, naps, random } => {
                let long = *naps > 0 && random.below(*naps) == 0;
                let most = if long { 20_000 } else { 40 };
                tokio::time::sleep(Duration::from_millis(random.below(most))).await;
                let fails = random.below(100) < *percent;
                Fate { happens: !fails || (changes && random.below(2) == 0), answers: !fails }
            }
        };
        let told = match fate {
            Fate { answers: true, .. } => "",
            Fate { happens: true, .. } => ", answer lost",
            Fate { .. } => ", not applied",
        };
        self.log.lock().unwrap().push(format!("{number} {what} {key}{told}"));
        fate
    }

    fn failed(&self) -> Error {
        self.injected.fetch_add(1, Ordering::Relaxed);
        Error::Generic { store: "faults", source: "no answer".into() }
    }

    async fn change<T>(&self, what: &str, key: &Path, act: impl Future<Output = Result<T>>) -> Result<T> {
        let fate = self.fate(what, key, true).await;
        let done = if fate.happens { Some(act.await) } else { None };
        if matches!(done, Some(Ok(_))) {
            self.written.lock().unwrap().insert(key.to_string(), Instant::now());
        }
        match done {
            Some(done) if fate.answers => done,
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

impl FaultStore {
    pub fn new(inner: Arc<dyn ObjectStore>, kind: Kind, faults: Faults) -> Self {
        let state = State {
            faults,
            requests: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            injected: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            asleep: Notify::new(),
            woken: Notify::new(),
            written: Mutex::default(),
            log: Mutex::default(),
            snapshots: Mutex::default(),
        };
        Self { inner, kind, state: Arc::new(state) }
    }

    pub fn store(&self) -> Store {
        self.over(Arc::new(self.clone()))
    }

    /// The same objects without any fault.
    pub fn survivor(&self) -> Store {
        self.over(Arc::clone(&self.inner))
    }

    fn over(&self, inner: Arc<dyn ObjectStore>) -> Store {
        match self.kind {
            Kind::Directory => Store::over_directory(inner, "directory"),
            Kind::Bucket => Store::over(inner, "bucket"),
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Changes so far.
    pub fn changes(&self) -> u64 {
        self.state.changes.load(Ordering::Relaxed)
    }

    /// Faults so far.
    pub fn injected(&self) -> u64 {
        self.state.injected.load(Ordering::Relaxed)
    }

    /// Waits until the request is there that is to be held back.
    pub async fn asleep(&self) {
        self.state.asleep.notified().await;
    }

    /// Lets it go on; whether there was one.
    pub fn wake(&self) -> bool {
        self.state.woken.notify_one();
        self.state.sleeping.load(Ordering::Relaxed)
    }

    /// Snapshots that were created, with their keys, in order.
    pub fn snapshots(&self) -> Vec<(String, Vec<u8>)> {
        self.state.snapshots.lock().unwrap().clone()
    }

    /// The number of the newest.
    pub fn newest(&self) -> u64 {
        let snapshots = self.state.snapshots.lock().unwrap();
        let number = |key: &str| key.rsplit('/').next()?.strip_suffix(".json")?.parse::<u64>().ok();
        snapshots.iter().filter_map(|(key, _)| number(key)).max().unwrap_or_default()
    }

    /// Every request, in order.
    pub fn log(&self) -> String {
        self.state.log.lock().unwrap().join("\n")
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
        let bytes = Bytes::from(payload.clone()).to_vec();
        let act = async {
            let done = self.inner.put_opts(key, payload, options).await?;
            if key.as_ref().starts_with("manifest/snapshots/") {
                self.state.snapshots.lock().unwrap().push((key.to_string(), bytes));
            }
            Ok(done)
        };
        self.state.change("put", key, act).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.state.fate("get", key, false).await;
        if fate.happens && fate.answers {
            self.inner.get_opts(key, options).await
        } else {
            Err(self.state.failed())
        }
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |key: Result<Path>| {
            let this = this.clone();
            async move {
                let key = key?;
                let act = this.inner.delete(&key);
                this.state.change("delete", &key, act).await.map(|()| key.clone())
            }
        };
        keys.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let told = prefix.clone().unwrap_or_default();
            let fate = this.state.fate("list", &told, false).await;
            if !(fate.happens && fate.answers) {
                return Err(this.state.failed());
            }
            let found: Vec<ObjectMeta> = this.inner.list(prefix.as_ref()).try_collect().await?;
            Ok(stream::iter(found.into_iter().map(|meta| this.state.aged(meta)).map(Ok).collect::<Vec<_>>()))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.state.change("copy", to, self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        match self.kind {
            Kind::Directory => {
                self.state.change("rename", to, self.inner.rename_opts(from, to, options)).await
            }
            Kind::Bucket => {
                self.copy(from, to).await?;
                self.delete(from).await
            }
        }
    }
}

/// A copy of everything that is stored.
pub async fn fork(store: &dyn ObjectStore) -> Arc<InMemory> {
    let copy = Arc::new(InMemory::new());
    let objects: Vec<ObjectMeta> = store.list(None).try_collect().await.unwrap();
    for object in objects {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copy.put(&object.location, bytes.into()).await.unwrap();
    }
    copy
}
