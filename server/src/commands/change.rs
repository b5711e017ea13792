//! What the commands that change stored series share: dry run, progress, and the report of what was done.

use catalog::{Change, Result, Tally};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::commit::{Receipt, Run, commit};
use crate::output::{Format, bytes_text, count_text, say, table, trimmed};
use crate::store::Store;

/// How a change is made and told.
#[derive(Args, Clone, Copy, Debug)]
pub struct ChangeArgs {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Makes changes in one commit and reports it.
///
/// # Errors
/// As [`commit`].
pub async fn change(store: &Store, changes: &[Change], operation: String, args: &ChangeArgs) -> Result<()> {
    let bar = progress_bar();
    let run = watched(Run::new(operation).dry(args.dry_run), &bar);
    let receipt = commit(store, changes, &run).await;
    bar.finish_and_clear();
    report(&receipt?, args, store.location());
    Ok(())
}

/// A progress bar on standard error.
pub fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} ({elapsed})");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A run that moves the bar, and stops at Ctrl-C before its next step.
pub fn watched(mut run: Run, bar: &ProgressBar) -> Run {
    let (bar, cancel) = (bar.clone(), run.cancel.clone());
    run.on_progress = std::sync::Arc::new(move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("stopping …");
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    run
}

/// Prints what a commit did, or would do.
pub fn report(receipt: &Receipt, args: &ChangeArgs, location: &str) {
    if args.format == Format::Json {
        let series: Vec<_> = receipt
            .series
            .iter()
            .map(|(bar_type, tally)| json!({"bar_type": bar_type, "changes": tally}))
            .collect();
        say!(
            "{:#}",
            json!({"catalog": location, "dry_run": args.dry_run, "snapshot": receipt.snapshot, "changes": receipt.tally, "series": series})
        );
        return;
    }
    let changed: Vec<_> = receipt.series.iter().filter(|(_, tally)| *tally != Tally::default()).collect();
    if changed.len() > 1 || receipt.series.len() > 1 {
        let headers =
            ["SERIES", "BARS ADDED", "REPLACED", "REMOVED", "FILES OUT", "BYTES OUT", "FILES IN", "BYTES IN"];
        let mut table = table(&headers, &headers[1..]);
        for (bar_type, tally) in &changed {
            table.add_row([
                bar_type.to_string(),
                count_text(tally.rows_added),
                count_text(tally.rows_replaced),
                count_text(tally.rows_removed),
                count_text(tally.partitions_removed),
                bytes_text(tally.bytes_removed),
                count_text(tally.partitions_added),
                bytes_text(tally.bytes_added),
            ]);
        }
        if !changed.is_empty() {
            say!("{}\n", trimmed(&table));
        }
    }
    say!("{}", summary(receipt, args.dry_run));
    match receipt.snapshot {
        Some(snapshot) => say!("snapshot {snapshot} of {location}"),
        None if args.dry_run => say!("dry run: nothing was changed in {location}"),
        None => say!("nothing to do in {location}"),
    }
}

fn summary(receipt: &Receipt, dry_run: bool) -> String {
    let tally = &receipt.tally;
    let mut parts = Vec::new();
    for (count, what) in [
        (tally.rows_added, "bars added"),
        (tally.rows_replaced, "bars replaced"),
        (tally.rows_removed, "bars removed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", count_text(count)));
        }
    }
    if tally.partitions_removed + tally.partitions_added > 0 {
        parts.push(format!(
            "{} files ({}) become {} ({})",
            count_text(tally.partitions_removed),
            bytes_text(tally.bytes_removed),
            count_text(tally.partitions_added),
            bytes_text(tally.bytes_added)
        ));
    }
    if parts.is_empty() {
        return "no bar and no file changes".to_owned();
    }
    format!("{}{}", if dry_run { "would be done: " } else { "" }, parts.join(", "))
}
