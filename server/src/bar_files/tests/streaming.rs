//! Files larger than a chunk: the same bars as in one piece, whole chunks when stopped, nothing when refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use catalog::{ErrorKind, Overlap, Query};

use super::*;
use crate::bar_files::{OnInvalid, import};
use crate::catalog::Catalog;
use crate::store::Store;

const HEADER: &str = "time,symbol,open,high,low,close,volume\n";

/// Ten days of one-minute bars in blocks of 100 for each of three symbols.
fn text(bad_last: bool, factor: i64) -> String {
    let mut text = HEADER.to_owned();
    for block in 0..144i64 {
        for symbol in ["A", "B", "C"] {
            for minute in block * 100..block * 100 + 100 {
                let close = 100 + (minute * 7 % 50) * factor;
                text.push_str(&format!(
                    "{},{symbol},100,{},90,{close},{minute}\n",
                    1_704_067_200 + minute * 60,
                    200 + close
                ));
            }
        }
    }
    if bad_last {
        text.push_str("1800000000,C,1,2,0.5,x,1\n");
    }
    text
}

fn chunked(files: &Files, chunk_rows: usize) -> ImportOptions {
    let mut options = files.options("1-MINUTE");
    options.naming = Naming::BySymbol { venue: "V".to_owned() };
    options.chunk_rows = chunk_rows;
    options
}

async fn stored(store: &Store) -> Vec<(String, Vec<Bar>, u64)> {
    let catalog = Catalog::open(store.clone()).await.unwrap();
    let mut all = Vec::new();
    for entry in catalog.series() {
        let bars = catalog.bars(&entry.bar_type, Query::default()).await.unwrap();
        all.push((entry.bar_type.to_string(), list(&bars), entry.partitions));
    }
    all
}

#[tokio::test]
async fn chunks_hold_what_one_commit_holds() {
    let files = Files::one("bars.csv", text(false, 1));
    let whole = Store::scratch();
    let once = import(&whole, &chunked(&files, 1_000_000), &Run::new("import")).await.unwrap();
    assert_eq!((once.commits, once.receipt.tally.rows_added), (1, 43_200));
    let expected = stored(&whole).await;
    for chunk_rows in [1_000, 5_000, 20_000] {
        let store = Store::scratch();
        let done = import(&store, &chunked(&files, chunk_rows), &Run::new("import")).await.unwrap();
        assert!(done.commits > 1, "{chunk_rows}");
        assert_eq!(done.receipt.tally.rows_added, 43_200);
        assert_eq!(done.receipt.series.len(), 3);
        let found = stored(&store).await;
        for (one, other) in expected.iter().zip(&found) {
            assert_eq!((&one.0, &one.1), (&other.0, &other.1), "{chunk_rows}");
        }
        if chunk_rows >= 5_000 {
            // Cut where files end: as many files as in one commit.
            assert_eq!(expected, found, "{chunk_rows}");
        }
        let again = import(&store, &chunked(&files, chunk_rows), &Run::new("import")).await.unwrap();
        assert_eq!((again.commits, again.receipt.tally.rows_identical), (0, 43_200));
    }
}

#[tokio::test]
async fn nothing_is_committed_if_the_last_row_is_bad() {
    let files = Files::one("bars.csv", text(true, 1));
    let store = Store::scratch();
    let refused = import(&store, &chunked(&files, 5_000), &Run::new("import")).await.unwrap_err();
    assert!(refused.what.contains("1 row is no bar"), "{refused}");
    assert!(!store.any_under("").await.unwrap());
    let mut skipping = chunked(&files, 5_000);
    skipping.on_invalid = OnInvalid::Skip;
    let done = import(&store, &skipping, &Run::new("import")).await.unwrap();
    assert_eq!((done.receipt.tally.rows_added, done.survey.bad.count), (43_200, 1));
}

#[tokio::test]
async fn a_conflict_in_a_late_chunk_commits_nothing() {
    let store = Store::scratch();
    let tail: String = text(false, 2)
        .lines()
        .skip(1)
        .filter(|line| line.contains(",A,"))
        .skip(14_000)
        .map(|line| format!("{line}\n"))
        .collect();
    let late = Files::one("late.csv", format!("{HEADER}{tail}"));
    import(&store, &chunked(&late, 1_000_000), &Run::new("import")).await.unwrap();
    let before = stored(&store).await;
    let files = Files::one("bars.csv", text(false, 1));
    let refused = import(&store, &chunked(&files, 5_000), &Run::new("import")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert_eq!(stored(&store).await, before);
    let mut replacing = chunked(&files, 5_000);
    replacing.overlap = Overlap::Replace;
    let done = import(&store, &replacing, &Run::new("import")).await.unwrap();
    assert!(done.receipt.tally.rows_replaced > 300);
    assert_eq!(stored(&store).await[0].1.len(), 14_400);
}

#[tokio::test]
async fn a_stopped_import_goes_on_where_it_stopped() {
    let files = Files::one("bars.csv", text(false, 1));
    let store = Store::scratch();
    let mut run = Run::new("import");
    let cancel = run.cancel.clone();
    // The second reading tells how many rows there are; far into it, somebody has enough.
    run.on_progress = Arc::new(move |progress| {
        if progress.total > 0 && progress.done > 30_000 {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    let stopped = import(&store, &chunked(&files, 2_000), &run).await.unwrap_err();
    assert_eq!(stopped.kind, ErrorKind::Cancelled);
    assert!(
        stopped.why.contains("rows were committed before")
            && stopped.next.iter().any(|next| next.contains("goes on")),
        "{stopped}"
    );
    let rows: usize = stored(&store).await.iter().map(|(_, bars, _)| bars.len()).sum();
    assert!(rows > 0 && rows < 43_200, "{rows}");
    let done = import(&store, &chunked(&files, 2_000), &Run::new("import")).await.unwrap();
    assert_eq!(
        (done.receipt.tally.rows_identical, done.receipt.tally.rows_added),
        (rows as u64, 43_200 - rows as u64)
    );
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_writes_nothing() {
    let files = Files::one("bars.csv", text(false, 1));
    let store = Store::scratch();
    for chunk_rows in [5_000, 1_000_000] {
        let done = import(&store, &chunked(&files, chunk_rows), &Run::new("import").dry(true)).await.unwrap();
        assert_eq!((done.receipt.tally.rows_added, done.commits), (43_200, 0));
        assert!(!store.any_under("").await.unwrap());
    }
}
