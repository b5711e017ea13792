//! Files on their way into the copy: encoded beside each other, staged as they are done.

use std::collections::HashSet;
use std::sync::Arc;

use bars::{BarColumns, BarType, Decimal};
use catalog::{Error, ErrorKind, PartitionEntry, Result, WriteOptions, encode_bars, names, present};
use tokio::task::JoinSet;

use crate::store::Store;

/// A file to make.
pub(super) struct Job {
    /// Which slot it fills.
    pub slot: usize,
    /// Its series.
    pub bar_type: BarType,
    /// Its bars.
    pub bars: BarColumns<Decimal>,
    /// How it is written.
    pub options: WriteOptions,
}

/// Makes the files of one series.
pub(super) struct Uploads<'a> {
    target: &'a Store,
    transaction: &'a str,
    dry_run: bool,
    /// What an upload that was stopped has staged already.
    staged: Arc<HashSet<String>>,
    tasks: JoinSet<Result<(usize, PartitionEntry)>>,
    done: Vec<(usize, PartitionEntry)>,
    at_once: usize,
}

impl<'a> Uploads<'a> {
    /// Puts files into `target`'s staging, for the commit `transaction`; `staged` lie there already.
    pub(super) fn new(
        target: &'a Store,
        transaction: &'a str,
        dry_run: bool,
        staged: Arc<HashSet<String>>,
    ) -> Self {
        // Compression at a high level takes a core; a year of minutes takes 100 MB while it is made.
        let at_once = std::thread::available_parallelism().map_or(2, usize::from).min(4);
        Self { target, transaction, dry_run, staged, tasks: JoinSet::new(), done: Vec::new(), at_once }
    }

    /// Starts to make a file; `in_copy` says whether the copy holds it already. Waits while many are under way.
    pub(super) async fn start(&mut self, job: Job, in_copy: &Arc<HashSet<String>>) -> Result<()> {
        while self.tasks.len() >= self.at_once {
            self.one_done().await?;
        }
        let (target, transaction, dry_run) = (self.target.clone(), self.transaction.to_owned(), self.dry_run);
        let (staged, in_copy) = (Arc::clone(&self.staged), Arc::clone(in_copy));
        self.tasks.spawn(async move {
            let slot = job.slot;
            let made = tokio::task::spawn_blocking(move || make(&job)).await;
            let (entry, bytes) = made.map_err(|error| {
                Error::new(ErrorKind::Internal, "a task that writes a file ended early").because(error)
            })??;
            let key = names::staged(&transaction, &entry.object.key);
            if !dry_run && !in_copy.contains(&entry.object.key) && !staged.contains(&key) {
                target.create(&key, bytes).await?;
            }
            Ok((slot, entry))
        });
        Ok(())
    }

    async fn one_done(&mut self) -> Result<()> {
        match self.tasks.join_next().await {
            None => Ok(()),
            Some(Ok(made)) => {
                self.done.push(made?);
                Ok(())
            }
            Some(Err(error)) => {
                Err(Error::new(ErrorKind::Internal, "a task that writes a file ended early").because(error))
            }
        }
    }

    /// The files made since the last call, with their slots.
    pub(super) async fn finish(&mut self) -> Result<Vec<(usize, PartitionEntry)>> {
        while !self.tasks.is_empty() {
            self.one_done().await?;
        }
        Ok(std::mem::take(&mut self.done))
    }
}

fn make(job: &Job) -> Result<(PartitionEntry, bytes::Bytes)> {
    let encoded = encode_bars(&job.bar_type, &job.bars, &job.options)?;
    let key = names::partition(&job.bar_type, encoded.first, encoded.last, &encoded.sha256);
    let entry = PartitionEntry::of(key, &encoded, present(&job.bars, job.bar_type.spec.interval()));
    Ok((entry, encoded.bytes))
}
