//! Writing: what `catalog` decides is staged, committed and moved to where it belongs.
//!
//! The order of a commit is in [`catalog::Commit`]. A commit that was stopped after its snapshot is finished by whoever opens the
//! catalog next ([`finish`]); one that was stopped before it left nothing but files in `staging/`, which a vacuum removes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bars::{BarColumns, BarType};
use catalog::{
    Addition, Base, Change, Commit, CommitInfo, Edit, Error, ErrorKind, Head, InstrumentChange, Instruments,
    Move, Moves, NewFile, PartitionEntry, Put, Result, SeriesManifest, SeriesTable, Sha256, ShardRef,
    Snapshot, SnapshotFate, Tally, fate_of, names,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::catalog::{
    foreign, newest, now, read_boundary, read_file, read_instruments, read_manifest, read_rows, read_shard,
    read_snapshot, read_table,
};
use crate::places::{is_overtaken, put_right};
use crate::store::Store;

/// Commits that lost the race to other writers before this one gives up.
const COMMIT_ATTEMPTS: usize = 50;
/// Times that a snapshot is created again when the store said neither yes nor no.
const CREATE_ATTEMPTS: u32 = 5;
/// Objects that are written or moved at once.
const AT_ONCE: usize = 8;

/// How an operation is run.
#[derive(Clone)]
pub struct Run {
    /// What is done, in words, as the snapshot tells it.
    pub operation: String,
    /// Everything is decided, nothing is written.
    pub dry_run: bool,
    /// Is told how far the work has come.
    pub on_progress: Arc<dyn Fn(Progress) + Send + Sync>,
    /// Stops the work before its next step when set.
    pub cancel: Arc<AtomicBool>,
}

/// How far the work has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Pieces of work done.
    pub done: u64,
    /// Pieces of work in all.
    pub total: u64,
}

impl Run {
    /// A run that nobody watches.
    pub fn new(operation: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            dry_run: false,
            on_progress: Arc::new(|_| {}),
            cancel: Arc::default(),
        }
    }

    /// The same, but nothing is written if `dry_run`.
    #[must_use]
    pub fn dry(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Fails if the run was told to stop.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "stopped before it was committed; nothing was changed",
            ));
        }
        Ok(())
    }
}

/// What a commit did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// The snapshot; `None` if nothing was committed.
    pub snapshot: Option<u64>,
    /// All in all.
    pub tally: Tally,
    /// By series, in the order of the changes.
    pub series: Vec<(BarType, Tally)>,
}

/// Adds bars: [`commit`] for the commonest change.
///
/// # Errors
/// As [`commit`].
pub async fn commit_bars(store: &Store, additions: Vec<Addition>, run: &Run) -> Result<Receipt> {
    let changes: Vec<Change> = additions.into_iter().map(Change::Add).collect();
    commit(store, &changes, run).await
}

/// Commits changes, one a series, on top of whatever other writers commit meanwhile.
///
/// # Errors
/// As [`Commit::build`], or if the store fails; then nothing is visible of the commit, or all of it.
pub async fn commit(store: &Store, changes: &[Change], run: &Run) -> Result<Receipt> {
    commit_with(store, changes, &InstrumentChange::default(), run).await
}

/// As [`commit`], with a change of the instruments in the same commit.
///
/// # Errors
/// As [`commit`].
pub async fn commit_with(
    store: &Store,
    changes: &[Change],
    instruments: &InstrumentChange,
    run: &Run,
) -> Result<Receipt> {
    refuse_twice(changes)?;
    if !run.dry_run {
        store.ready_to_write().await?;
    }
    let mut info = commit_info(run);
    let mut staging = Staging::new(store, &info.transaction, run.dry_run);
    for _ in 0..COMMIT_ATTEMPTS {
        let base = match read_base(store, changes, run.dry_run).await {
            Ok(base) => base,
            Err(error) => return staging.abandon(error).await,
        };
        if staging.is_swept(&base) {
            // What was staged may be gone, or go at any moment.
            staging.clear().await;
            info = commit_info(run);
            staging = Staging::new(store, &info.transaction, run.dry_run);
        }
        let planned = plan_commit(store, &base, changes, instruments, &mut staging, run, &info).await;
        let (edits, commit) = match planned {
            Ok(planned) => planned,
            Err(error) => return staging.abandon(error).await,
        };
        let mut receipt = Receipt::default();
        for edit in &edits {
            receipt.tally.add(&edit.tally);
            receipt.series.push((edit.bar_type.clone(), edit.tally));
        }
        let Some(commit) = commit.filter(|_| !run.dry_run) else {
            staging.clear().await;
            return Ok(receipt);
        };
        let prepared = futures::try_join!(staging.settle(), prepare(store, &commit, &info.transaction));
        if let Err(error) = prepared {
            return staging.abandon(error).await;
        }
        // From here on the commit may hold although an error comes back, so what is staged stays.
        if conclude(store, &commit, &info.transaction).await? {
            staging.clear_all_but(&commit.moves).await;
            receipt.snapshot = Some(commit.number);
            return Ok(receipt);
        }
        tracing::debug!(number = commit.number, "another writer committed first, building again");
    }
    Err(too_slow())
}

/// Commits changes, or without any the same series anew, on a base that the caller mended; its number, or `None` if another writer was
/// first.
///
/// # Errors
/// As [`commit`].
pub(crate) async fn commit_on(
    store: &Store,
    base: &Base,
    changes: &[Change],
    run: &Run,
) -> Result<Option<u64>> {
    let info = commit_info(run);
    let mut staging = Staging::new(store, &info.transaction, false);
    let edits = match plan_edits(store, base, changes, &mut staging, run).await {
        Ok(edits) => edits,
        Err(error) => return staging.abandon(error).await,
    };
    if let Err(error) = staging.settle().await {
        return staging.abandon(error).await;
    }
    let oldest = base.snapshot.as_ref().map_or(1, |(snapshot, _)| snapshot.oldest);
    let commit = match Commit::build(base, &edits, &info) {
        Ok(commit) => commit.unwrap_or_else(|| Commit::expire(base, oldest, &info)),
        Err(error) => return staging.abandon(error).await,
    };
    Ok(put(store, &commit, &info.transaction).await?.then_some(commit.number))
}

/// Makes an older snapshot's series the newest again, as a commit of its own.
///
/// # Errors
/// [`ErrorKind::NotFound`] if the snapshot is not kept, [`ErrorKind::Corrupt`] if a file it names is gone.
pub async fn roll_back(store: &Store, number: u64, run: &Run) -> Result<Receipt> {
    if !run.dry_run {
        store.ready_to_write().await?;
    }
    let info = commit_info(run);
    for _ in 0..COMMIT_ATTEMPTS {
        let base = read_base(store, &[], run.dry_run).await?;
        let Some((current, _)) = &base.snapshot else { return Err(no_snapshots(store)) };
        let snapshot = read_snapshot(store, number, current).await?;
        let (now, then) = differing_files(store, current, &snapshot).await?;
        let commit = Commit::roll_back(&base, &snapshot, &now, &then, &info)?;
        if let Some(gone) = first_gone(store, &commit.moves.arrive).await? {
            // The snapshot may have been given up meanwhile, which is no damage.
            if is_overtaken(store, current.number).await? {
                continue;
            }
            return Err(Error::new(ErrorKind::Corrupt, format!("snapshot {number} cannot be restored"))
                .because(format!("it names `{}`, which is gone", gone.to))
                .then("choose a later snapshot: `barkeep snapshots list`"));
        }
        let tally = commit.tally;
        let done = snapshot.table == current.table;
        if done || run.dry_run {
            return Ok(Receipt { snapshot: None, tally, series: Vec::new() });
        }
        if put(store, &commit, &info.transaction).await? {
            return Ok(Receipt { snapshot: Some(commit.number), tally, series: Vec::new() });
        }
    }
    Err(too_slow())
}

/// The first file that is neither where it was put aside nor in its place.
async fn first_gone<'m>(store: &Store, moves: &'m [Move]) -> Result<Option<&'m Move>> {
    for step in moves {
        // Between two looks it may go from the second place to the first.
        let mut found = false;
        for key in [&step.from, &step.to, &step.from] {
            found = found || store.head(key).await?.is_some();
        }
        if !found {
            return Ok(Some(step));
        }
    }
    Ok(None)
}

/// Gives up the snapshots before `oldest` on top of a certain snapshot, as [`Commit::expire`]; its number and transaction, or `None` if
/// another writer was first. If only the newest is to stay, the commit itself stands for it: it has the same table.
///
/// # Errors
/// If the store fails.
pub(crate) async fn expire_on(
    store: &Store,
    snapshot: &Snapshot,
    sha256: Sha256,
    oldest: u64,
    run: &Run,
) -> Result<Option<(u64, String)>> {
    store.ready_to_write().await?;
    let info = commit_info(run);
    let oldest = if oldest >= snapshot.number { snapshot.number + 1 } else { oldest };
    let base = Base { snapshot: Some((snapshot.clone(), sha256)), ..Base::default() };
    let commit = Commit::expire(&base, oldest, &info);
    Ok(put(store, &commit, &info.transaction).await?.then_some((commit.number, info.transaction)))
}

/// Gives up the snapshots before `oldest`, as a commit of its own; its number, or `None` if they were given up already.
///
/// # Errors
/// If the store fails.
pub async fn expire(store: &Store, oldest: u64, run: &Run) -> Result<Option<u64>> {
    if !run.dry_run {
        store.ready_to_write().await?;
    }
    for _ in 0..COMMIT_ATTEMPTS {
        let base = read_base(store, &[], run.dry_run).await?;
        let Some((current, sha256)) = &base.snapshot else { return Err(no_snapshots(store)) };
        if oldest <= current.oldest || run.dry_run {
            return Ok(None);
        }
        if let Some((number, _)) = expire_on(store, current, *sha256, oldest, run).await? {
            return Ok(Some(number));
        }
    }
    Err(too_slow())
}

/// Finishes what the commit of `snapshot` began: moves its files to where they belong and renews the head. Nothing to do, at the price
/// of one request, unless its writer was stopped.
///
/// # Errors
/// If the store fails; it can be tried again.
pub async fn finish(store: &Store, snapshot: &Snapshot) -> Result<()> {
    let key = names::journal(&snapshot.transaction);
    let Some(bytes) = store.get(&key).await? else { return Ok(()) };
    let moves = Moves::decode(&key, &bytes)?;
    if moves.number != snapshot.number {
        return Ok(());
    }
    tracing::info!(number = snapshot.number, "finishing a commit whose writer was stopped");
    let done = async {
        carry_out(store, &moves).await?;
        renew_head(store, snapshot.number).await?;
        store.delete(&key).await.map(|_| ())
    };
    // What was moved too late is put right, whatever else fails.
    let done = done.await;
    put_right(store, &moves).await?;
    done
}

fn commit_info(run: &Run) -> CommitInfo {
    CommitInfo {
        transaction: uuid::Uuid::new_v4().to_string(),
        committed: now(),
        writer: concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned(),
        operation: run.operation.clone(),
    }
}

fn refuse_twice(changes: &[Change]) -> Result<()> {
    let mut seen = HashSet::new();
    match changes.iter().find(|change| !seen.insert(change.bar_type())) {
        None => Ok(()),
        Some(change) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("one commit cannot change {} twice", change.bar_type()),
        )
        .then("commit one change after the other")),
    }
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Conflict, "other writers were faster every time")
        .because(format!("{COMMIT_ATTEMPTS} attempts lost the race"))
        .then("try again")
}

fn no_snapshots(store: &Store) -> Error {
    crate::store::no_catalog(store.location(), "it has no snapshot")
}

/// The edits of the changes, and the commit they make, if they make any.
async fn plan_commit(
    store: &Store,
    base: &Base,
    changes: &[Change],
    instruments: &InstrumentChange,
    staging: &mut Staging,
    run: &Run,
    info: &CommitInfo,
) -> Result<(Vec<Edit>, Option<Commit>)> {
    let edits = plan_edits(store, base, changes, staging, run).await?;
    let known = match &base.snapshot {
        Some((snapshot, _)) => read_instruments(store, snapshot).await?,
        None => Instruments::default(),
    };
    let commit = Commit::build_with(base, &edits, known.changed(instruments).as_ref(), info)?;
    Ok((edits, commit))
}

/// What each change does to its series; the files it writes are staged.
async fn plan_edits(
    store: &Store,
    base: &Base,
    changes: &[Change],
    staging: &mut Staging,
    run: &Run,
) -> Result<Vec<Edit>> {
    staging.swept.get_or_insert(base.swept());
    let snapshot = base.snapshot.as_ref().map(|(snapshot, _)| snapshot);
    let mut planned = Vec::with_capacity(changes.len());
    for change in changes {
        planned.push((change, change.pieces(base.stored(change.bar_type()))?));
    }
    let total = planned.iter().map(|(_, (_, pieces))| pieces.len() as u64).sum();
    let (mut done, mut edits) = (0, Vec::with_capacity(changes.len()));
    for (change, (mut edit, pieces)) in planned {
        for piece in pieces {
            run.check()?;
            let rows = match snapshot {
                Some(snapshot) => read_rows(store, snapshot, &edit.bar_type, &piece.reads).await?,
                None => BarColumns::default(),
            };
            for file in change.run(&piece, &rows, &mut edit)? {
                staging.put(file).await?;
            }
            done += 1;
            (run.on_progress)(Progress { done, total });
        }
        for (old, new) in &edit.renamed {
            let transaction = snapshot.map(|snapshot| snapshot.transaction.as_str()).unwrap_or_default();
            let bytes = read_file(store, transaction, old).await?;
            staging.put(NewFile { entry: new.clone(), bytes }).await?;
        }
        edit.refuse_conflicts()?;
        edits.push(edit);
    }
    Ok(edits)
}

/// The files of a commit on their way into `staging/`, several at once.
struct Staging {
    store: Store,
    transaction: String,
    dry_run: bool,
    /// [`Snapshot::swept`] of the state that the first file was staged on.
    swept: Option<u64>,
    staged: HashSet<String>,
    writing: JoinSet<Result<bool>>,
}

impl Staging {
    fn new(store: &Store, transaction: &str, dry_run: bool) -> Self {
        Self {
            store: store.clone(),
            transaction: transaction.to_owned(),
            dry_run,
            swept: None,
            staged: HashSet::new(),
            writing: JoinSet::new(),
        }
    }

    /// Whether a vacuum may have removed what was staged.
    fn is_swept(&self, base: &Base) -> bool {
        self.swept.is_some_and(|swept| swept != base.swept())
    }

    async fn put(&mut self, file: NewFile) -> Result<()> {
        let key = names::staged(&self.transaction, &file.entry.object.key);
        // Built again after a lost race, it is there already.
        if self.dry_run || !self.staged.insert(key.clone()) {
            return Ok(());
        }
        while self.writing.len() >= AT_ONCE {
            self.written().await?;
        }
        let store = self.store.clone();
        self.writing.spawn(async move { store.create(&key, file.bytes).await });
        Ok(())
    }

    async fn written(&mut self) -> Result<()> {
        match self.writing.join_next().await {
            None => Ok(()),
            Some(Ok(outcome)) => outcome.map(|_| ()),
            Some(Err(error)) => {
                Err(Error::new(ErrorKind::Internal, "a task that writes a file ended early").because(error))
            }
        }
    }

    async fn settle(&mut self) -> Result<()> {
        while !self.writing.is_empty() {
            self.written().await?;
        }
        Ok(())
    }

    /// Removes what was staged for a commit that will not be; what cannot be removed is left to a vacuum.
    async fn clear(&mut self) {
        while self.writing.join_next().await.is_some() {}
        for key in self.staged.drain() {
            if let Err(error) = self.store.delete(&key).await {
                tracing::debug!(key, %error, "a staged file stays until the next vacuum");
            }
        }
    }

    /// Removes what an attempt staged that lost the race and the next one did not need.
    async fn clear_all_but(&mut self, moves: &Moves) {
        for arriving in &moves.arrive {
            self.staged.remove(&arriving.from);
        }
        self.clear().await;
    }

    async fn abandon<T>(&mut self, error: Error) -> Result<T> {
        self.clear().await;
        Err(error)
    }
}

/// Puts a commit's objects and moves its files; whether it won its number.
pub(crate) async fn put(store: &Store, commit: &Commit, transaction: &str) -> Result<bool> {
    prepare(store, commit, transaction).await?;
    conclude(store, commit, transaction).await
}

/// Puts what the snapshot will name.
async fn prepare(store: &Store, commit: &Commit, transaction: &str) -> Result<()> {
    let create = async |store: Store, object: Put| {
        // Named by content: what is there already is the same, unless it was damaged.
        if !store.create(&object.key, object.bytes.clone()).await?
            && store.get(&object.key).await?.as_ref() != Some(&object.bytes)
        {
            store.put(&object.key, object.bytes).await?;
        }
        Ok(())
    };
    let objects = at_once(commit.objects.clone(), |object| create(store.clone(), object));
    let journal = async {
        if commit.moves.is_empty() {
            return Ok(());
        }
        store.put(&names::journal(transaction), commit.moves.encode().into()).await
    };
    futures::try_join!(objects, journal).map(|_| ())
}

/// Creates the snapshot and puts everything in its place; whether it won its number.
async fn conclude(store: &Store, commit: &Commit, transaction: &str) -> Result<bool> {
    if !create_snapshot(store, &commit.snapshot, transaction).await? {
        return Ok(false);
    }
    refuse_removed_number(store, commit).await?;
    if let Err(error) = settle(store, commit, &names::journal(transaction)).await {
        // The commit holds: whoever opens the catalog next finishes it, and readers find its files where they are.
        tracing::warn!(number = commit.number, %error, "committed, but not all of its files are in place yet");
    }
    Ok(true)
}

async fn settle(store: &Store, commit: &Commit, journal: &str) -> Result<()> {
    let done = async {
        // Readers of the new head find files that are not in place yet in staging/, those of the old one in retired/.
        let head = store.put(&commit.head.key, commit.head.bytes.clone());
        futures::try_join!(carry_out(store, &commit.moves), head)?;
        if !commit.moves.is_empty() {
            store.delete(journal).await?;
        }
        // Two writers may renew the head in the wrong order; the later of them sees that.
        if is_overtaken(store, commit.number).await? {
            renew_head(store, commit.number).await?;
        }
        Ok(())
    };
    // What was moved too late is put right, whatever else fails.
    let done = done.await;
    put_right(store, &commit.moves).await?;
    done
}

/// Creates the snapshot; whether it is there and ours.
async fn create_snapshot(store: &Store, snapshot: &Put, transaction: &str) -> Result<bool> {
    let mut attempt = 0;
    loop {
        let created = store.create(&snapshot.key, snapshot.bytes.clone()).await;
        if matches!(created, Ok(true)) {
            return Ok(true);
        }
        let stored = store.get(&snapshot.key).await?;
        match fate_of(&snapshot.key, stored.as_deref(), transaction)? {
            SnapshotFate::Committed => return Ok(true),
            SnapshotFate::Lost => return Ok(false),
            SnapshotFate::Absent if attempt < CREATE_ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
                attempt += 1;
            }
            SnapshotFate::Absent => return created.map(|_| false),
        }
    }
}

/// A writer that slept through a vacuum may have created a number that was removed; it must not stay.
async fn refuse_removed_number(store: &Store, commit: &Commit) -> Result<()> {
    let (boundary, head) = futures::try_join!(read_boundary(store), store.get(names::HEAD))?;
    let head = head.and_then(|bytes| Head::decode(&bytes).ok()).map_or(1, |head| head.snapshot.oldest);
    let oldest = boundary.oldest.max(head);
    if commit.number >= oldest {
        return Ok(());
    }
    store.delete(&commit.snapshot.key).await?;
    Err(Error::new(ErrorKind::Conflict, "this commit took so long that the catalog went on without it")
        .because(format!(
            "snapshots before {oldest} were given up meanwhile, and this one is {}",
            commit.number
        ))
        .then("try again: bars that are stored already are no conflict"))
}

/// Makes the head name the newest snapshot, if it names an older one than `number` or than that.
async fn renew_head(store: &Store, number: u64) -> Result<()> {
    let Some((snapshot, sha256)) = newest(store).await? else { return Ok(()) };
    let head = store.get(names::HEAD).await?.and_then(|bytes| Head::decode(&bytes).ok());
    if head.is_none_or(|head| head.snapshot.number < snapshot.number.max(number)) {
        store.put(names::HEAD, Head { snapshot_sha256: sha256, snapshot }.encode().into()).await?;
    }
    Ok(())
}

/// Moves files to where they belong. Once a later commit is there, its writer has done it.
async fn carry_out(store: &Store, moves: &Moves) -> Result<()> {
    for batch in moves.leave.chunks(64) {
        if is_overtaken(store, moves.number).await? {
            return Ok(());
        }
        at_once(batch.to_vec(), |step| leave(store.clone(), step, moves.number)).await?;
    }
    for batch in moves.arrive.chunks(64) {
        if is_overtaken(store, moves.number).await? {
            return Ok(());
        }
        at_once(batch.to_vec(), |step| arrive(store.clone(), step)).await?;
    }
    Ok(())
}

/// Does the same to many things, several at a time; the first error ends it.
async fn at_once<T, F: Future<Output = Result<()>>>(things: Vec<T>, act: impl Fn(T) -> F) -> Result<()> {
    stream::iter(things).map(act).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await
}

/// Takes a file out of `data/`. A bucket copies and removes, and a removal that comes late takes away what has come back since: so it is
/// only made while the commit is the newest.
async fn leave(store: Store, step: Move, number: u64) -> Result<()> {
    if is_followed(&store, &step).await? {
        return Ok(());
    }
    if store.moves_in_one_step() {
        return told(&step, store.relocate(&step.from, &step.to).await?);
    }
    let is_there = store.duplicate(&step.from, &step.to).await?;
    if is_there && !is_overtaken(&store, number).await? {
        store.delete(&step.from).await?;
    }
    told(&step, is_there)
}

/// Brings a file into `data/`. One that was retired stays there too: a removal of it that comes late then takes away a copy.
async fn arrive(store: Store, step: Move) -> Result<()> {
    let is_there = match step.from.starts_with("staging/") {
        true => store.relocate(&step.from, &step.to).await?,
        false => store.duplicate(&step.from, &step.to).await?,
    };
    told(&step, is_there)
}

fn told(step: &Move, is_there: bool) -> Result<()> {
    if !is_there {
        tracing::error!(from = step.from, to = step.to, "a file that was to be moved is not there");
    }
    Ok(())
}

/// Whether a file has gone already and another one of the same name has come, which happens where names do not tell the content.
async fn is_followed(store: &Store, step: &Move) -> Result<bool> {
    let told = |key: &str| names::content_of(names::file_name(key)).map(str::to_owned);
    let (None, Some(content)) = (told(&step.from), told(&step.to)) else { return Ok(false) };
    if store.head(&step.to).await?.is_none() {
        return Ok(false);
    }
    let there = store.get(&step.from).await?;
    Ok(there.is_some_and(|bytes| Sha256::of(&bytes).short() != content))
}

/// What a commit of `changes` builds on; the commit before it is finished first.
async fn read_base(store: &Store, changes: &[Change], dry_run: bool) -> Result<Base> {
    // A writer that cannot tell whether its number was removed must not begin.
    let (newest, _) = futures::try_join!(newest(store), read_boundary(store))?;
    let Some((snapshot, sha256)) = newest else {
        if !changes.iter().any(|change| matches!(change, Change::Adopt { .. })) {
            refuse_foreign_catalog(store).await?;
        }
        return Ok(Base::default());
    };
    if !dry_run {
        finish(store, &snapshot).await?;
    }
    let mut base = Base { snapshot: Some((snapshot.clone(), sha256)), ..Base::default() };
    if let SeriesTable::Shards(table) = &snapshot.table {
        for change in changes {
            let number = ShardRef::shard_of(change.bar_type());
            if let Some(shard) = table.iter().find(|shard| shard.shard == number)
                && !base.shards.contains_key(&number)
            {
                base.shards.insert(number, read_shard(store, shard).await?);
            }
        }
    }
    for change in changes {
        let entries = match &snapshot.table {
            SeriesTable::Inline(entries) => Some(entries),
            SeriesTable::Shards(_) => base.shards.get(&ShardRef::shard_of(change.bar_type())),
        };
        let entry = entries
            .and_then(|entries| entries.iter().find(|entry| entry.bar_type == *change.bar_type()))
            .cloned();
        let manifest = match &entry {
            Some(entry) => Some(read_manifest(store, entry).await?),
            None => None,
        };
        if let Change::Add(addition) = change {
            refuse_foreign_files(store, addition, manifest.as_ref()).await?;
        }
        if let Change::Adopt { files, .. } = change {
            at_once(files.clone(), |file| refuse_gone(store, file)).await?;
        }
        base.series.extend(manifest.map(|manifest| (change.bar_type().clone(), manifest)));
    }
    Ok(base)
}

/// Refuses to adopt a file that was taken away since it was found: a roll back may have retired it.
async fn refuse_gone(store: &Store, file: PartitionEntry) -> Result<()> {
    let size = store.head(&file.object.key).await?.map(|found| found.size);
    if size == Some(file.object.size_bytes) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the catalog changed since its files were looked at")
        .because(format!("`{}` is not what it was", file.object.key))
        .then("adopt again: `barkeep adopt --update`"))
}

/// Refuses to begin a catalog among another program's files.
async fn refuse_foreign_catalog(store: &Store) -> Result<()> {
    for key in store.list("data").await? {
        // Instruments are no bars: a commit that was stopped may have left some.
        if names::is_bar_file(&key) && !is_own(store, &key).await? {
            return Err(foreign(store));
        }
    }
    Ok(())
}

/// Refuses bars where another program has written a file of the same time: whoever lists the directory would see them twice.
async fn refuse_foreign_files(
    store: &Store,
    addition: &Addition,
    manifest: Option<&SeriesManifest>,
) -> Result<()> {
    let directories = [
        format!("data/bars/{}", names::series_directory(&addition.bar_type)),
        format!("data/bar/{}", names::old_series_directory(&addition.bar_type)),
    ];
    let (Some(first), Some(last)) = (addition.bars.ts_init.first(), addition.bars.ts_init.last()) else {
        return Ok(());
    };
    let known: HashSet<&str> = manifest
        .iter()
        .flat_map(|manifest| &manifest.partitions)
        .map(|file| file.object.key.as_str())
        .collect();
    let mut keys = store.list(&directories[0]).await?;
    keys.extend(store.list(&directories[1]).await?);
    for key in keys {
        let overlaps = names::parse_file_name(names::file_name(&key))
            .is_some_and(|(start, end)| end.0 >= *first && start.0 <= *last);
        if known.contains(key.as_str()) || !overlaps || is_own(store, &key).await? {
            continue;
        }
        return Err(Error::new(ErrorKind::Conflict, format!("another program has written bars of {} for that time", addition.bar_type))
            .because(format!("`{key}` is in the catalog's directory and not in its manifest; with both, NautilusTrader and DuckDB would read bars twice"))
            .then("take that file into the catalog: `barkeep adopt --update`")
            .then("or move it away if its bars are in the import"));
    }
    Ok(())
}

/// Whether a file is named by its content as ours are: one of a commit that is under way or was stopped. One that is gone since it was
/// listed was taken away by such a commit.
async fn is_own(store: &Store, key: &str) -> Result<bool> {
    let Some(hash) = names::content_of(names::file_name(key)) else { return Ok(false) };
    Ok(store.get(key).await?.is_none_or(|bytes| Sha256::of(&bytes).short() == hash))
}

/// The partitions of the series that differ between two snapshots: those of the one, those of the other.
pub(crate) async fn differing_files(
    store: &Store,
    left: &Snapshot,
    right: &Snapshot,
) -> Result<(Vec<PartitionEntry>, Vec<PartitionEntry>)> {
    let tables = [read_table(store, &left.table).await?, read_table(store, &right.table).await?];
    let keys = tables
        .each_ref()
        .map(|table| table.iter().map(|entry| entry.manifest.key.as_str()).collect::<HashSet<_>>());
    let mut files = [Vec::new(), Vec::new()];
    for (at, table) in tables.iter().enumerate() {
        for entry in table.iter().filter(|entry| !keys[1 - at].contains(entry.manifest.key.as_str())) {
            files[at].extend(read_manifest(store, entry).await?.partitions);
        }
    }
    Ok(files.into())
}
