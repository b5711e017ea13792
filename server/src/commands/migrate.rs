//! `barkeep migrate nautilus`.

use ::catalog::{Error, ErrorKind, Result};
use bars::{BarType, Calendar};
use clap::{Args, Subcommand};
use serde_json::json;

use super::import::ProfileName;
use super::progress::{progress_bar, watched};
use crate::commit::Run;
use crate::migrate::{MigrateOptions, MigratedSeries, Migration, Verdict, migrate, refuse_same_place};
use crate::output::{Format, count_text, say, table, trimmed};
use crate::store::Store;

/// Arguments of `migrate`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct MigrateArgs {
    #[command(subcommand)]
    source: MigrateSource,
}

#[derive(Debug, Subcommand)]
enum MigrateSource {
    /// Copy a NautilusTrader catalog of any release, and prove that every bar is equal
    #[command(
        after_help = "The source is only read. Bars are rewritten in the current format in daily files; every series is read back and compared by count,\nends, exact sums and a hash. A migration that was stopped goes on where it was; run again, it writes nothing and proves it again.\nExit codes: 0 all equal, 4 something could not be migrated, 5 something differs.\n\nExample:\n  barkeep --catalog ./catalog migrate nautilus ~/old/catalog --calendar us-equities"
    )]
    Nautilus(Box<NautilusArgs>),
}

#[derive(Args, Debug)]
struct NautilusArgs {
    /// The old catalog: the place that holds its `data`
    #[arg(value_name = "SRC")]
    source: String,
    /// Only this series; can be given several times
    #[arg(long, value_name = "BAR_TYPE")]
    series: Vec<BarType>,
    /// When the market trades: 24/7, fx or us-equities; known for some venues
    #[arg(long, value_name = "NAME")]
    calendar: Option<Calendar>,
    /// How new series are stored
    #[arg(long, value_enum, default_value_t = ProfileName::Nautilus)]
    profile: ProfileName,
    /// Where the bars came from, in words
    #[arg(long = "source", value_name = "TEXT", id = "origin")]
    origin: Option<String>,
    /// A line for readers of the catalog, such as licence and attribution
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// Show what would be migrated, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Migrates a catalog and reports.
///
/// # Errors
/// If anything could not be migrated or is not equal; the report says what.
pub async fn run(location: &str, args: MigrateArgs) -> Result<()> {
    let MigrateSource::Nautilus(args) = args.source;
    refuse_same_place(&args.source, location)?;
    let source = Store::open(&args.source)?;
    let target = match Store::open(location) {
        Err(_) if args.dry_run => Store::scratch(),
        _ if args.dry_run => Store::open(location)?,
        _ => Store::open_or_make(location)?,
    };
    let options = MigrateOptions {
        only: args.series.clone(),
        profile: args.profile.profile(),
        calendar: args.calendar,
        source: args.origin.clone(),
        note: args.note.clone(),
    };
    let bar = progress_bar();
    let run = watched(Run::new(format!("migrate {}", args.source)).dry(args.dry_run), &bar);
    let migration = migrate(&source, &target, &options, &run).await;
    bar.finish_and_clear();
    let migration = migration?;
    match args.format {
        Format::Json => {
            say!(
                "{:#}",
                json!({"source": args.source, "catalog": location, "dry_run": args.dry_run, "report": migration})
            );
        }
        Format::Table => print(&migration, &args, location),
    }
    judge(&migration)
}

fn judge(migration: &Migration) -> Result<()> {
    let count = |verdict: Verdict| migration.series.iter().filter(|series| series.verdict == verdict).count();
    let different = count(Verdict::Different);
    if different > 0 {
        return Err(Error::new(ErrorKind::Corrupt, format!("{different} series differ from their source"))
            .because("the report above says which")
            .then("look for what is wrong: `barkeep verify`"));
    }
    let failed = count(Verdict::Failed) + count(Verdict::Partial);
    if failed > 0 || !migration.refused.is_empty() {
        return Err(Error::new(ErrorKind::Conflict, "not all of the source was migrated")
            .because(format!(
                "{failed} series are not here as a whole, {} files could not be used",
                migration.refused.len()
            ))
            .then(
                "mend at the source what the report names, and run this again: it goes on where it stopped",
            ));
    }
    Ok(())
}

fn print(migration: &Migration, args: &NautilusArgs, location: &str) {
    let columns = ["SERIES", "BARS", "FIRST CLOSE", "LAST CLOSE", "SUM OF CLOSES", "HASH", "VERDICT"];
    let mut table = table(&columns, &["BARS", "SUM OF CLOSES"]);
    for series in &migration.series {
        let stamp =
            |stamp: Option<bars::UnixNanos>| stamp.map_or("–".to_owned(), |stamp| stamp.to_string());
        let totals = &series.source;
        table.add_row([
            series.bar_type.to_string(),
            count_text(totals.rows),
            stamp(totals.first),
            stamp(totals.last),
            totals.close.value().map_or("–".to_owned(), |sum| sum.to_string()),
            format!("{:08x}…", totals.hash >> 96),
            verdict_text(series.verdict).to_owned(),
        ]);
    }
    say!("{}\n", trimmed(&table));
    migration.series.iter().for_each(print_notes);
    for (title, remarks) in
        [("not migrated", &migration.refused), ("migrated with a fault", &migration.remarks)]
    {
        for (at, remark) in remarks.iter().enumerate() {
            if at == 0 {
                say!("{title}:");
            }
            say!("  {}\n    {}", remark.key, remark.reason);
        }
    }
    if !migration.instruments_kept.is_empty() {
        say!(
            "instruments whose fields are kept, but not written for NautilusTrader 2: {}",
            migration.instruments_kept.join(", ")
        );
    }
    if !migration.others.is_empty() {
        let others: Vec<&str> = migration.others.keys().map(String::as_str).collect();
        say!("left at the source, since a catalog keeps bars and instruments: {}", others.join(", "));
    }
    let rows = migration.series.iter().map(|series| series.source.rows).sum();
    let verb = if args.dry_run { "would migrate" } else { "migrated" };
    say!(
        "{verb} {} bars of {} series and {} instruments from {} to {location}",
        count_text(rows),
        count_text(migration.series.len() as u64),
        count_text(migration.instruments),
        args.source
    );
}

fn print_notes(series: &MigratedSeries) {
    let notes = [
        (series.duplicates, "bars at the source were equal to others of their stamp and left out"),
        (series.rows_present, "bars were here already"),
        (series.rows_only_here, "bars of that time are only here"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        say!("{}: {} {what}", series.bar_type, count_text(count));
    }
    if let Some(reason) = &series.reason {
        say!("{}: {reason}", series.bar_type);
    }
    if series.verdict == Verdict::Different {
        let text = |totals| serde_json::to_string(totals).unwrap_or_default();
        say!("  source {}\n  here   {}", text(&series.source), text(&series.target));
    }
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Planned => "planned",
        Verdict::Equal => "equal",
        Verdict::Partial => "PARTIAL",
        Verdict::Failed => "FAILED",
        Verdict::Different => "DIFFERENT",
    }
}
