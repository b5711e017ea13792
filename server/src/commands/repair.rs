//! `barkeep repair`.

use ::catalog::{Error, ErrorKind, Result, Severity};
use bars::BarType;
use clap::Args;
use serde_json::json;

use super::verify::{ScopeArgs, survey_json, watched};
use crate::output::{Format, bytes_text, count_text, say, table, trimmed};
use crate::repair::{Hole, Options, Repaired, Step, repair};
use crate::store::Store;

/// Arguments of `repair`.
#[derive(Args, Debug)]
#[command(
    after_help = "Everything is read before something is changed (--quick compares sizes only). Nothing is deleted: damaged bytes go to\nquarantine/, files that belong to no series to retired/. Other programs' files are left alone.\nExit codes: 0 no error is left, 5 one is.\n\nExamples:\n  barkeep repair --dry-run\n  barkeep repair --refetch"
)]
pub struct RepairArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Give up the snapshots before the newest if one of them is broken; no bar of the newest is lost
    #[arg(long)]
    forget_history: bool,
    /// Print the commands that bring lost bars in again
    #[arg(long)]
    refetch: bool,
    /// How the plan is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Verifies, prints what is done about it, and does it.
///
/// # Errors
/// As [`repair`]; [`ErrorKind::Corrupt`] if an error is left.
pub async fn run(location: &str, args: RepairArgs) -> Result<()> {
    let store = Store::open(location)?;
    let scope = args.scope.scope(true)?;
    let (run, bar) = watched("repair");
    let options = Options { forget_history: args.forget_history };
    let done = repair(&store, &scope, options, &run.dry(args.dry_run)).await;
    bar.finish_and_clear();
    let done = done?;
    match args.format {
        Format::Json => say!("{:#}", repaired_json(location, &args, &done)),
        Format::Table => print(location, &args, &done),
    }
    let left = done.plan.by_hand.iter().filter(|finding| finding.kind.severity() == Severity::Error).count();
    if left == 0 || args.dry_run {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Corrupt, "not everything can be repaired")
        .because(format!("{left} of the findings are errors that only you can mend"))
        .then("do what is said of them above; docs/verify.md says more"))
}

fn repaired_json(location: &str, args: &RepairArgs, done: &Repaired) -> serde_json::Value {
    let refetch: Vec<String> = done.plan.holes.iter().map(refetch_command).collect();
    json!({
        "dry_run": args.dry_run, "found": survey_json(location, &done.survey), "steps": done.plan.steps, "by_hand": done.plan.by_hand,
        "lost": done.plan.holes, "refetch": refetch, "snapshot": done.snapshot,
    })
}

fn print(location: &str, args: &RepairArgs, done: &Repaired) {
    let plan = &done.plan;
    if plan.steps.is_empty() {
        say!("nothing to repair");
    } else {
        print_steps(&plan.steps);
    }
    if !plan.by_hand.is_empty() {
        say!("\nleft as it is:");
    }
    for finding in &plan.by_hand {
        say!("  {} `{}`: {}\n    {}", finding.kind, finding.key, finding.observed, finding.kind.repair());
    }
    print_holes(&plan.holes, args.refetch);
    match done.snapshot {
        Some(snapshot) => say!("\nsnapshot {snapshot} of {location}"),
        None if args.dry_run => say!("\ndry run: nothing was changed in {location}"),
        None => {}
    }
}

fn print_steps(steps: &[Step]) {
    let mut rows =
        table(&["FINDING", "WHERE", "ACTION", "FILES", "BARS", "SIZE"], &["FILES", "BARS", "SIZE"]);
    for step in steps {
        rows.add_row([
            step.kind.to_owned(),
            step.key.clone(),
            step.action.clone(),
            count_text(step.files),
            count_text(step.rows),
            bytes_text(step.bytes),
        ]);
    }
    say!("{}", trimmed(&rows));
}

fn print_holes(holes: &[Hole], refetch: bool) {
    if holes.is_empty() {
        return;
    }
    say!("\nbars that are lost to the catalog (what is left of their files is in `quarantine/`):");
    for hole in holes {
        say!("  {} {}: {} bars", hole.series, hole.range, count_text(hole.rows));
        if refetch {
            say!("    {}", refetch_command(hole));
        }
    }
    if !refetch {
        say!("  commands that bring them in again: `barkeep repair --refetch`, or see `barkeep gaps`");
    }
}

/// What brings lost bars in again. A series whose source can be asked gets that source's command here; files are the only source yet.
fn refetch_command(hole: &Hole) -> String {
    let BarType { instrument, spec, .. } = &hole.series;
    format!(
        "barkeep import csv FILE --instrument {instrument} --bar {spec} --stamp open   # with bars that open from {} to {}",
        hole.range.start, hole.range.end
    )
}
