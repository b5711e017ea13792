//! Files: read, checked against their sums, decoded and judged, several at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::catalog::{
    Described, Error, ErrorKind, FindingKind, Flaw, PartitionEntry, Result, SeriesEntry, describe, inspect,
    names,
};
use bars::BarType;
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::{Facts, Scope, Survey};
use crate::commit::{Progress, Run};
use crate::store::Store;

/// Files that are in memory at once.
const AT_ONCE: usize = 4;

struct Judged {
    series: BarType,
    key: String,
    flaws: Vec<Flaw>,
    facts: Option<Facts>,
    bytes: u64,
    rows: u64,
}

/// Reads every file in scope.
pub(super) async fn look(store: &Store, scope: &Scope, run: &Run, survey: &mut Survey) -> Result<()> {
    let mut work: Vec<(SeriesEntry, PartitionEntry)> = Vec::new();
    for state in survey.series.values() {
        let files = state.manifest.iter().flat_map(|manifest| &manifest.partitions);
        let wanted = files.filter(|file| file.last >= scope.range.start && file.first < scope.range.end);
        work.extend(wanted.map(|file| (state.entry.clone(), file.clone())));
    }
    let transaction = survey.transaction().to_owned();
    let (total, mut done) = (work.len() as u64, 0);
    let judge =
        async |(series, file): (SeriesEntry, PartitionEntry)| judge(store, &transaction, series, file).await;
    let mut judging = stream::iter(work).map(judge).buffer_unordered(AT_ONCE);
    while let Some(judged) = judging.next().await {
        run.check()?;
        done += 1;
        (run.on_progress)(Progress { done, total });
        let Some(judged) = judged? else { continue };
        survey.checked.files_read += 1;
        survey.checked.bytes_read += judged.bytes;
        survey.checked.rows_read += judged.rows;
        for flaw in judged.flaws {
            // The listing may have said so already.
            let known = survey.findings.iter().any(|finding| {
                finding.key == judged.key
                    && (finding.kind, flaw.kind) == (FindingKind::FileDamaged, FindingKind::FileDamaged)
            });
            if !known {
                survey.note(flaw.kind, Some(&judged.series), &judged.key, flaw.observed);
            }
        }
        survey.described.extend(judged.facts.map(|facts| (judged.key, facts)));
    }
    Ok(())
}

/// What is wrong with a file; `None` if it is not there, which the listing has told.
async fn judge(
    store: &Store,
    transaction: &str,
    series: SeriesEntry,
    file: PartitionEntry,
) -> Result<Option<Judged>> {
    let Some(bytes) = find(store, transaction, &file).await? else { return Ok(None) };
    let (bar_type, key) = (series.bar_type.clone(), file.object.key.clone());
    let size = bytes.len() as u64;
    let outcome = isolated(move || {
        let (flaws, described) = inspect(&series, &file, &bytes);
        let rows = described.as_ref().map_or(0, |found| found.entry.rows);
        let facts = described.as_ref().filter(|_| !flaws.is_empty()).map(Facts::of);
        (flaws, facts, rows)
    });
    let (flaws, facts, rows) = outcome.await?.unwrap_or_else(|panic| {
        (vec![Flaw { kind: FindingKind::FileUndecodable, observed: panic }], None, 0)
    });
    Ok(Some(Judged { series: bar_type, key, flaws, facts, bytes: size, rows }))
}

/// A file's bytes, wherever a commit has moved it.
pub(crate) async fn find(store: &Store, transaction: &str, file: &PartitionEntry) -> Result<Option<Bytes>> {
    let places = names::places(&file.object.key, &file.object.sha256, transaction);
    // Twice over: between two looks the file may move to a place that was looked at already.
    for place in places.iter().chain(&places) {
        if let Some(bytes) = store.get(place).await? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Describes a file whose bytes may be anything; `None` if it is not a file of bars.
pub(crate) async fn described(series: &BarType, key: &str, bytes: Bytes) -> Result<Option<Described>> {
    let (series, key) = (series.clone(), key.to_owned());
    let outcome = isolated(move || describe(&series, &key, &bytes).ok()).await?;
    Ok(outcome.ok().flatten())
}

/// Runs work on a thread for such; a decoder that panics says why.
async fn isolated<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<Result<T, String>> {
    let outcome = tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(work))).await;
    let outcome = outcome.map_err(|error| {
        Error::new(ErrorKind::Internal, "a task that reads a file ended early").because(error)
    })?;
    Ok(outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no said reason");
        format!("the decoder gave up: {text}")
    }))
}
