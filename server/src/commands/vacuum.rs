//! `barkeep vacuum`.

use catalog::{Error, ErrorKind, Result};
use clap::Args;
use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::json;

use super::change::{ChangeArgs, progress_bar, watched};
use crate::commit::Run;
use crate::output::{Format, bytes_text, count_text, say};
use crate::store::Store;
use crate::vacuum::{Retention, VacuumPlan, vacuum};

/// The shortest grace: a commit takes less time than this from its first object to its snapshot.
const SHORTEST_GRACE_HOURS: f64 = 1.0;

/// Arguments of `vacuum`.
#[derive(Args, Debug)]
#[command(
    after_help = "Nothing that a kept snapshot names is ever removed, and nothing from data/. Files in quarantine/ stay.\n\nExamples:\n  barkeep vacuum --dry-run\n  barkeep vacuum --keep 30d --keep-last 10"
)]
pub struct VacuumArgs {
    /// How long a snapshot stays after another took its place, such as 7d or 36h
    #[arg(long, default_value = "7d", value_name = "DURATION")]
    keep: Span,
    /// How many snapshots stay at least
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep_last: u64,
    /// How long files stay that no snapshot names: they may belong to a commit that is under way
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    grace: Span,
    /// Accept a grace under an hour; only where no other process writes
    #[arg(long)]
    no_other_writers: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Removes what is no longer kept.
///
/// # Errors
/// If the store fails, or a duration makes no sense.
pub async fn run(store: &Store, args: VacuumArgs) -> Result<()> {
    let grace_nanos = nanos(args.grace, "--grace")?;
    if !args.no_other_writers && (grace_nanos as f64) < SHORTEST_GRACE_HOURS * bars::HOUR as f64 {
        return Err(Error::new(ErrorKind::InvalidInput, "that grace is too short")
            .because("a commit of another process may need its files for up to an hour before its snapshot names them")
            .then("give an hour or more: `--grace 1h`")
            .then("or say that no other process writes: `--no-other-writers`"));
    }
    let retention =
        Retention { keep_nanos: nanos(args.keep, "--keep")?, keep_last: args.keep_last, grace_nanos };
    let bar = progress_bar();
    let run = watched(Run::new("vacuum").dry(args.change.dry_run), &bar);
    let plan = vacuum(store, retention, &run).await;
    bar.finish_and_clear();
    report(&plan?, &args.change, store.location());
    Ok(())
}

fn nanos(span: Span, flag: &str) -> Result<i64> {
    let total = span.total((Unit::Nanosecond, SpanRelativeTo::days_are_24_hours()));
    let nanos = total.ok().filter(|nanos| (0.0..i64::MAX as f64).contains(nanos));
    nanos.map(|nanos| nanos as i64).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("`{flag} {span:#}` is no length of time"))
            .then(format!("give days or hours: `{flag} 7d` or `{flag} 36h`"))
    })
}

fn report(plan: &VacuumPlan, args: &ChangeArgs, location: &str) {
    if args.format == Format::Json {
        let objects: Vec<_> =
            plan.objects.iter().map(|(key, bytes)| json!({"key": key, "size_bytes": bytes})).collect();
        say!(
            "{:#}",
            json!({"catalog": location, "dry_run": args.dry_run, "oldest": plan.oldest, "newest": plan.newest, "snapshots": plan.snapshots, "objects": objects})
        );
        return;
    }
    let verb = if args.dry_run { "would be removed" } else { "removed" };
    if args.dry_run {
        for (key, bytes) in &plan.objects {
            say!("{key}  {}", bytes_text(*bytes));
        }
    }
    say!(
        "{verb}: {} snapshots, {} other objects, {}",
        count_text(plan.snapshots.len() as u64),
        count_text(plan.objects.len() as u64),
        bytes_text(plan.bytes())
    );
    say!("kept: snapshots {} to {} of {location}", plan.oldest, plan.newest);
}
