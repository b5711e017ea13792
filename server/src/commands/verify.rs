//! `barkeep verify`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::catalog::{Error, ErrorKind, Finding, Result, Severity};
use bars::BarType;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::RangeArgs;
use crate::commit::Run;
use crate::output::{Format, bytes_text, count_text, say, table, trimmed};
use crate::store::Store;
use crate::verify::{Scope, Survey, verify};

/// What is verified.
#[derive(Args, Clone, Debug)]
pub struct ScopeArgs {
    /// Compare the manifest with the listing of files and their sizes
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Also read every file: checksums, decoding, order, prices, names
    #[arg(long)]
    full: bool,
    /// Only these series
    #[arg(long, value_name = "BAR_TYPE", value_delimiter = ',')]
    series: Vec<BarType>,
    #[command(flatten)]
    range: RangeArgs,
    /// Whose files are checked
    #[arg(long, value_enum, default_value_t = Snapshots::Newest)]
    snapshots: Snapshots,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Snapshots {
    /// Those of the newest snapshot
    Newest,
    /// Those of every snapshot that is kept
    All,
}

impl ScopeArgs {
    /// The scope; `full` is what it is if neither is said.
    pub fn scope(&self, full: bool) -> Result<Scope> {
        Ok(Scope {
            full: self.full || (full && !self.quick),
            history: self.snapshots == Snapshots::All,
            series: self.series.iter().cloned().collect::<BTreeSet<_>>(),
            range: self.range.range()?,
        })
    }
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 nothing worse than a warning, 5 an error was found (with --strict also for a warning).\nWhat each finding means: docs/verify.md.\n\nExamples:\n  barkeep verify\n  barkeep verify --full --snapshots all\n  barkeep verify --full --format json | jq '.findings[] | select(.severity == \"error\")'"
)]
pub struct VerifyArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Warnings are errors
    #[arg(long)]
    strict: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints what is wrong with the catalog.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if something is, or whatever kept it from being looked at.
pub async fn run(location: &str, args: VerifyArgs) -> Result<()> {
    let store = Store::open(location)?;
    let scope = args.scope.scope(false)?;
    let (run, bar) = watched("verify");
    let survey = verify(&store, &scope, &run).await;
    bar.finish_and_clear();
    let survey = survey?;
    match args.format {
        Format::Json => say!("{:#}", survey_json(location, &survey)),
        Format::Table => print(location, &survey, scope.full),
    }
    let (errors, warnings) = (survey.count(Severity::Error), survey.count(Severity::Warning));
    if errors == 0 && !(args.strict && warnings > 0) {
        return Ok(());
    }
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let found = format!("the catalog has {} and {}", many(errors, "error"), many(warnings, "warning"));
    Err(Error::new(ErrorKind::Corrupt, found)
        .then("see what a repair would do: `barkeep repair --dry-run`")
        .then("repair it: `barkeep repair`; nothing is deleted"))
}

/// A run with a progress bar.
pub fn watched(operation: &str) -> (Run, ProgressBar) {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} files ({elapsed})");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let watched = bar.clone();
    let mut run = Run::new(operation);
    run.on_progress = Arc::new(move |progress| {
        watched.set_length(progress.total);
        watched.set_position(progress.done);
    });
    (run, bar)
}

/// A survey for programs.
pub fn survey_json(location: &str, survey: &Survey) -> serde_json::Value {
    json!({
        "catalog": location, "snapshot": survey.snapshot(), "checked": survey.checked, "findings": survey.findings,
        "errors": survey.count(Severity::Error), "warnings": survey.count(Severity::Warning), "infos": survey.count(Severity::Info),
    })
}

fn print(location: &str, survey: &Survey, full: bool) {
    print_findings(&survey.findings);
    let checked = &survey.checked;
    eprint!(
        "{location}: {} snapshots, {} series, {} files",
        count_text(checked.snapshots),
        count_text(checked.series),
        count_text(checked.files)
    );
    if full {
        eprintln!(
            "; {} bars in {} were read and judged",
            count_text(checked.rows_read),
            bytes_text(checked.bytes_read)
        );
    } else {
        eprintln!("; files were compared by size, `--full` reads them");
    }
    if survey.findings.is_empty() {
        say!("nothing is wrong");
    }
}

/// Findings as a table, and below it what each kind means.
pub fn print_findings(findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let mut rows = table(&["SEVERITY", "FINDING", "WHERE", "OBSERVED"], &[]);
    for finding in findings {
        rows.add_row([
            finding.kind.severity().as_str().to_owned(),
            finding.kind.as_str().to_owned(),
            finding.key.clone(),
            finding.observed.clone(),
        ]);
    }
    say!("{}\n", trimmed(&rows));
    let mut kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    for kind in kinds {
        say!("{kind}: {}; `barkeep repair`: {}", kind.what(), kind.repair());
    }
}
