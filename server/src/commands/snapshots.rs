//! `barkeep snapshots`.

use std::collections::BTreeMap;

use bars::{BarColumns, BarType, Decimal};
use catalog::{PartitionEntry, Result, SeriesEntry, Snapshot};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::change::{ChangeArgs, report};
use crate::catalog::{Catalog, read_manifest, read_rows, read_snapshot, read_table};
use crate::commit::{Run, roll_back};
use crate::output::{Format, count_text, say, table, trimmed};
use crate::store::Store;

/// Arguments of `snapshots`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct SnapshotsArgs {
    #[command(subcommand)]
    command: SnapshotsCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotsCommand {
    /// List the snapshots that are kept, newest first
    #[command(
        after_help = "Read at one: `barkeep --snapshot N query …`\n\nExample:\n  barkeep snapshots list --limit 20"
    )]
    List {
        /// The most to list
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// How the list is printed
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show the bars that were added, replaced and removed between two snapshots
    #[command(after_help = "Example:\n  barkeep snapshots diff 3 7")]
    Diff {
        /// The older one
        from: u64,
        /// The newer one; the newest if left out
        to: Option<u64>,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Make an older snapshot's bars the newest again, as a commit of its own
    #[command(
        after_help = "What was committed since stays readable at its snapshots, so a roll back can be rolled back.\n\nExample:\n  barkeep snapshots roll-back 3 --dry-run"
    )]
    RollBack {
        /// The snapshot to go back to
        number: u64,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Rows that differ in one series between two snapshots.
#[derive(Debug, Default, Serialize)]
struct SeriesDiff {
    bar_type: Option<BarType>,
    added: u64,
    replaced: u64,
    removed: u64,
}

/// Lists, compares and restores snapshots.
///
/// # Errors
/// If a snapshot is not kept, or an object is missing or damaged.
pub async fn run(catalog: &Catalog, args: SnapshotsArgs) -> Result<()> {
    match args.command {
        SnapshotsCommand::List { limit, format } => list(catalog, limit.unwrap_or(usize::MAX), format).await,
        SnapshotsCommand::Diff { from, to, format } => {
            let store = catalog.store();
            let newest = catalog.snapshot();
            let from = read_snapshot(store, from, newest).await?;
            let to = read_snapshot(store, to.unwrap_or(newest.number), newest).await?;
            print_diff(&from, &to, &diff(store, &from, &to).await?, format);
            Ok(())
        }
        SnapshotsCommand::RollBack { number, change } => {
            let run = Run::new(format!("roll back to snapshot {number}")).dry(change.dry_run);
            let receipt = roll_back(catalog.store(), number, &run).await?;
            report(&receipt, &change, catalog.store().location());
            Ok(())
        }
    }
}

async fn list(catalog: &Catalog, limit: usize, format: Format) -> Result<()> {
    let newest = catalog.snapshot();
    let mut rows = Vec::new();
    for number in (newest.oldest..=newest.number).rev().take(limit) {
        let snapshot = read_snapshot(catalog.store(), number, newest).await?;
        let series = read_table(catalog.store(), &snapshot.table).await?;
        let bars: u64 = series.iter().map(|entry| entry.rows).sum();
        rows.push((snapshot, series.len() as u64, bars));
    }
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(snapshot, series, bars)| json!({"snapshot": snapshot.number, "committed": snapshot.committed, "operation": snapshot.operation, "writer": snapshot.writer, "series": series, "rows": bars}))
            .collect();
        say!("{:#}", json!(rows));
        return Ok(());
    }
    let mut table =
        table(&["SNAPSHOT", "COMMITTED", "SERIES", "BARS", "OPERATION"], &["SNAPSHOT", "SERIES", "BARS"]);
    for (snapshot, series, bars) in &rows {
        table.add_row([
            snapshot.number.to_string(),
            snapshot.committed.to_string(),
            count_text(*series),
            count_text(*bars),
            snapshot.operation.clone(),
        ]);
    }
    say!("{}", trimmed(&table));
    Ok(())
}

/// What differs, by series; only files that are not in both snapshots are read.
async fn diff(store: &Store, from: &Snapshot, to: &Snapshot) -> Result<Vec<SeriesDiff>> {
    let by_series = |table: Vec<SeriesEntry>| -> BTreeMap<BarType, SeriesEntry> {
        table.into_iter().map(|entry| (entry.bar_type.clone(), entry)).collect()
    };
    let before = by_series(read_table(store, &from.table).await?);
    let after = by_series(read_table(store, &to.table).await?);
    let mut bar_types: Vec<&BarType> = before.keys().chain(after.keys()).collect();
    bar_types.sort_unstable();
    bar_types.dedup();
    let mut diffs = Vec::new();
    for bar_type in bar_types {
        let (old, new) = (before.get(bar_type), after.get(bar_type));
        if old.map(|entry| &entry.manifest) == new.map(|entry| &entry.manifest) {
            continue;
        }
        let (old_files, new_files) = (files(store, old).await?, files(store, new).await?);
        let only = |mine: &[PartitionEntry], other: &[PartitionEntry]| -> Vec<PartitionEntry> {
            let there = |file: &&PartitionEntry| !other.iter().any(|other| other.object == file.object);
            mine.iter().filter(there).cloned().collect()
        };
        let old_rows = read_rows(store, from, bar_type, &only(&old_files, &new_files)).await?;
        let new_rows = read_rows(store, to, bar_type, &only(&new_files, &old_files)).await?;
        diffs.push(SeriesDiff { bar_type: Some(bar_type.clone()), ..compare(&old_rows, &new_rows) });
    }
    Ok(diffs)
}

async fn files(store: &Store, entry: Option<&SeriesEntry>) -> Result<Vec<PartitionEntry>> {
    match entry {
        Some(entry) => Ok(read_manifest(store, entry).await?.partitions),
        None => Ok(Vec::new()),
    }
}

/// Both are ascending in `ts_init`.
fn compare(old: &BarColumns<Decimal>, new: &BarColumns<Decimal>) -> SeriesDiff {
    let mut diff = SeriesDiff::default();
    let (mut left, mut right) = (0, 0);
    while left < old.len() || right < new.len() {
        match (old.ts_init.get(left), new.ts_init.get(right)) {
            (Some(before), Some(after)) if before == after => {
                diff.replaced += u64::from(old.bar(left) != new.bar(right));
                (left, right) = (left + 1, right + 1);
            }
            (Some(before), after) if after.is_none_or(|after| before < after) => {
                diff.removed += 1;
                left += 1;
            }
            _ => {
                diff.added += 1;
                right += 1;
            }
        }
    }
    diff
}

fn print_diff(from: &Snapshot, to: &Snapshot, diffs: &[SeriesDiff], format: Format) {
    if format == Format::Json {
        say!("{:#}", json!({"from": from.number, "to": to.number, "series": diffs}));
        return;
    }
    let mut table = table(&["SERIES", "ADDED", "REPLACED", "REMOVED"], &["ADDED", "REPLACED", "REMOVED"]);
    for diff in diffs {
        let name = diff.bar_type.as_ref().map(BarType::to_string).unwrap_or_default();
        let [added, replaced, removed] = [diff.added, diff.replaced, diff.removed].map(count_text);
        table.add_row([name, added, replaced, removed]);
    }
    if !diffs.is_empty() {
        say!("{}", trimmed(&table));
    }
    eprintln!("{} series differ between snapshots {} and {}", diffs.len(), from.number, to.number);
}

#[cfg(test)]
mod tests {
    use bars::{Bar, UnixNanos};

    use super::*;

    #[test]
    fn rows_are_compared_by_stamp() {
        let bars = |rows: &[(i64, i64)]| -> BarColumns<Decimal> {
            let bar = |(stamp, ticks): &(i64, i64)| {
                let (price, ts) = (Decimal::from_ticks(*ticks, 0), UnixNanos(*stamp));
                Bar {
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    volume: price,
                    ts_event: ts,
                    ts_init: ts,
                }
            };
            rows.iter().map(bar).collect()
        };
        for (old, new, expected) in [
            (&[][..], &[(1, 1), (2, 2)][..], (2, 0, 0)),
            (&[(1, 1), (2, 2), (3, 3)], &[(2, 9), (3, 3), (4, 4)], (1, 1, 1)),
            (&[(5, 5)], &[], (0, 0, 1)),
        ] {
            let diff = compare(&bars(old), &bars(new));
            assert_eq!((diff.added, diff.replaced, diff.removed), expected);
        }
    }
}
