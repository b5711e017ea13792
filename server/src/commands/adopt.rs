//! `barkeep adopt` and `barkeep reset-names`: files that NautilusTrader wrote.

use ::catalog::{Change, Error, ErrorKind, Profile, Result};
use bars::{BarType, Calendar};
use clap::Args;
use serde_json::json;

use super::progress::{progress_bar, watched};
use crate::adopt::{AdoptOptions, Adoption, FileRemark, carry_out, plan_adoption};
use crate::commit::{Receipt, Run, commit};
use crate::output::{Format, count_text, say, table, trimmed};
use crate::store::Store;

/// Arguments of `adopt`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every file is read once and judged; none is touched. Files that cannot join (out of order, duplicate, overlapping or damaged) are\nlisted with the reason, and the others join all the same.\n\nExamples:\n  barkeep --catalog ~/nautilus/catalog adopt --dry-run\n  barkeep --catalog ~/nautilus/catalog adopt --calendar us-equities\n  barkeep --catalog ~/nautilus/catalog adopt --update      after NautilusTrader wrote, consolidated or deleted"
)]
pub struct AdoptArgs {
    /// Follow what other programs added, merged, renamed or removed since the last adoption
    #[arg(long)]
    update: bool,
    /// With --update: take files of known name and size for unchanged without reading them
    #[arg(long, requires = "update")]
    quick: bool,
    /// When the market trades: 24/7, fx or us-equities; known for some venues
    #[arg(long, value_name = "NAME")]
    calendar: Option<Calendar>,
    /// Where the bars came from, in words
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// A line for readers of the catalog, such as licence and attribution
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Adopt nothing if anything is wrong with any file, or if bars are gone
    #[arg(long)]
    strict: bool,
    /// Show what would be adopted, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Arguments of `reset-names`.
#[derive(Args, Debug)]
#[command(
    after_help = "NautilusTrader finds bars by the times in a file's name, and misses those outside of them.\n\nExample:\n  barkeep reset-names AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL --dry-run"
)]
pub struct ResetNamesArgs {
    /// The series; all of them if left out
    #[arg(value_name = "BAR_TYPE")]
    series: Vec<BarType>,
    /// Show what would be renamed, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Adopts the files of a catalog.
///
/// # Errors
/// If there is nothing to adopt, if `--strict` finds a fault, or if the store fails.
pub async fn run(location: &str, args: AdoptArgs) -> Result<()> {
    let store = Store::open(location)?;
    let options = AdoptOptions {
        update: args.update,
        quick: args.quick,
        calendar: args.calendar,
        source: args.source.clone(),
        note: args.note.clone(),
    };
    let operation =
        if args.update { "follow files of other programs" } else { "adopt files of another program" };
    let bar = progress_bar();
    let run = watched(Run::new(operation).dry(args.dry_run), &bar);
    let plan = plan_adoption(&store, &options, &run).await;
    bar.finish_and_clear();
    let plan = plan?;
    let refused = args.strict && !plan.is_clean();
    let receipt = if refused || plan.is_nothing() {
        Receipt::default()
    } else {
        carry_out(&store, &plan, &run).await?
    };
    match args.format {
        Format::Json => say!(
            "{:#}",
            json!({"catalog": location, "dry_run": args.dry_run, "snapshot": receipt.snapshot, "plan": plan})
        ),
        Format::Table => print(&plan, &receipt, &args, location),
    }
    if refused {
        return Err(Error::new(ErrorKind::Conflict, "nothing was adopted, as `--strict` asks")
            .because(format!("{} files cannot join, {} have a fault", plan.refused.len(), plan.remarks.len()))
            .then("mend what is listed above, or adopt the rest without `--strict`"));
    }
    Ok(())
}

fn print(plan: &Adoption, receipt: &Receipt, args: &AdoptArgs, location: &str) {
    if !plan.series.is_empty() {
        let columns = ["SERIES", "FILES", "BARS", "FIRST CLOSE", "LAST CLOSE", "STORED AS"];
        let mut table = table(&columns, &["FILES", "BARS"]);
        for series in &plan.series {
            let stamp =
                |stamp: Option<bars::UnixNanos>| stamp.map_or("–".to_owned(), |stamp| stamp.to_string());
            table.add_row([
                series.bar_type.to_string(),
                count_text(series.files_added),
                count_text(series.rows_added),
                stamp(series.first),
                stamp(series.last),
                series.profile.as_str().to_owned(),
            ]);
        }
        say!("{}\n", trimmed(&table));
    }
    print_gone(plan);
    print_remarks("not adopted", &plan.refused);
    print_remarks("adopted with a fault", &plan.remarks);
    if plan.remarks.iter().any(|remark| remark.is_name) {
        say!("  give such files names that tell the truth: `barkeep reset-names`\n");
    }
    if !plan.others.is_empty() {
        let others: Vec<String> =
            plan.others.iter().map(|(name, files)| format!("{name} ({files} files)")).collect();
        say!("left as they are, since a catalog keeps bars and instruments: {}", others.join(", "));
    }
    print_summary(plan, receipt, args, location);
}

fn print_summary(plan: &Adoption, receipt: &Receipt, args: &AdoptArgs, location: &str) {
    let sum = |of: fn(&crate::adopt::AdoptedSeries) -> u64| plan.series.iter().map(of).sum::<u64>();
    let verb = if receipt.snapshot.is_some() { "adopted" } else { "would adopt" };
    if plan.is_nothing() {
        say!("nothing to adopt: the manifest knows every file of {location} that can join");
        return;
    }
    say!(
        "{verb} {} files with {} bars of {} series, and {} instruments",
        count_text(sum(|series| series.files_added)),
        count_text(sum(|series| series.rows_added)),
        count_text(plan.series.len() as u64),
        count_text(plan.instruments)
    );
    match receipt.snapshot {
        Some(snapshot) => say!("  snapshot {snapshot} of {location}; no file under data/ was touched"),
        None if args.dry_run => say!("  dry run: nothing was written to {location}"),
        None => say!("  nothing was written to {location}"),
    }
    if plan.series.iter().any(|series| series.profile == Profile::NautilusV1) {
        say!(
            "  series stored as nautilus-v1 are read here and written by NautilusTrader 1.x; to write them with Barkeep:\n  `barkeep --catalog NEW migrate nautilus {location}`"
        );
    }
}

fn print_gone(plan: &Adoption) {
    for series in plan.series.iter().filter(|series| !series.files_gone.is_empty()) {
        say!(
            "{}: {} files with {} bars are no longer there",
            series.bar_type,
            count_text(series.files_gone.len() as u64),
            count_text(series.rows_gone)
        );
        if series.lost.is_empty() {
            say!("  all of their time is held by other files");
        }
        for lost in series.lost.iter().take(20) {
            match lost.bars {
                Some(bars) => say!(
                    "  deleted: {} bars from {} to {}",
                    count_text(bars),
                    lost.range.start,
                    lost.range.end
                ),
                None => say!("  deleted: bars between {} and {}", lost.range.start, lost.range.end),
            }
        }
        if series.lost.len() > 20 {
            say!("  … and {} more stretches", series.lost.len() - 20);
        }
        say!("");
    }
}

fn print_remarks(title: &str, remarks: &[FileRemark]) {
    if remarks.is_empty() {
        return;
    }
    say!("{title}:");
    for remark in remarks {
        say!("  {}\n    {}", remark.key, remark.reason);
    }
    say!("");
}

/// Gives files names that tell their content; a commit a series, since old names may be the same in several directories.
///
/// # Errors
/// If a series is not there, or the store fails.
pub async fn reset_names(catalog: &crate::catalog::Catalog, args: ResetNamesArgs) -> Result<()> {
    let all = || catalog.series().iter().map(|entry| entry.bar_type.clone()).collect();
    let series: Vec<BarType> = if args.series.is_empty() { all() } else { args.series };
    let mut files = 0;
    for bar_type in series {
        let run = Run::new(format!("reset names of {bar_type}")).dry(args.dry_run);
        let change = Change::ResetNames { bar_type: bar_type.clone() };
        let receipt = commit(catalog.store(), &[change], &run).await?;
        let tally = receipt.tally;
        if tally.partitions_added > 0 {
            let verb = if args.dry_run { "would rename" } else { "renamed" };
            say!("{bar_type}: {verb} {} files", count_text(tally.partitions_added));
        }
        files += tally.partitions_added;
    }
    if files == 0 {
        say!("every file's name tells the truth");
    }
    Ok(())
}
