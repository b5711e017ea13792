//! `barkeep publish`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use ::catalog::{Error, ErrorKind, Period, Profile, Result};
use bars::{Aggregation, BarSpec, DAY};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::RangeArgs;
use crate::catalog::{Catalog, now};
use crate::commit::{Progress, Run};
use crate::output::{Format, bytes_text, count_text, say};
use crate::publish::{
    By, Count, PagesReport, Report, Settings, V1Report, built_in_pages, check, publish, publish_pages,
    publish_v1, read_pages,
};
use crate::store::Store;
use crate::vacuum::{Retention, vacuum};

/// Arguments of `publish`.
#[derive(Args, Debug)]
#[command(
    after_help = "DEST becomes a whole site: the research pages at its root and the catalog in `catalog/`. With --no-pages, and for\nNautilusTrader 1.x, it is a catalog itself. Repeating it uploads only what changed; how to host it: docs/publish.md.\n\nExamples:\n  barkeep publish ./site\n  barkeep publish ./site --dry-run\n  barkeep publish ./nautilus-catalog --format nautilus-v1"
)]
pub struct PublishArgs {
    /// Where the copy is to lie: a directory
    #[arg(value_name = "DEST")]
    destination: String,
    /// Who is to read it
    #[arg(long, value_enum, default_value_t = Target::Barkeep)]
    format: Target,
    /// How values are stored
    #[arg(long, value_enum, default_value_t = ProfileChoice::Compact)]
    profile: ProfileChoice,
    /// What one file holds
    #[arg(long, value_enum, default_value_t = ByChoice::Auto)]
    by: ByChoice,
    /// Only series whose bar type contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    series: Vec<String>,
    #[command(flatten)]
    range: RangeArgs,
    /// Bar sizes of the coarser copies that pages draw long series from
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', default_values = ["5-MINUTE", "1-HOUR", "1-DAY"], conflicts_with = "no_overviews")]
    overviews: Vec<BarSpec>,
    /// Make no coarser copies
    #[arg(long)]
    no_overviews: bool,
    /// Publish only the catalog, at DEST itself
    #[arg(long, conflicts_with = "pages")]
    no_pages: bool,
    /// Publish these pages instead of the built-in ones
    #[arg(long, value_name = "DIRECTORY")]
    pages: Option<PathBuf>,
    /// How long files that were replaced stay for readers of an older head, in days (7d) or hours (12h)
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    keep: i64,
    /// Rows in a row group
    #[arg(long, value_name = "N", default_value_t = Settings::default().row_group_rows as u32, value_parser = clap::value_parser!(u32).range(1..))]
    row_group_rows: u32,
    /// ZSTD level
    #[arg(long, value_name = "N", default_value_t = Settings::default().zstd_level, value_parser = clap::value_parser!(i32).range(1..=22))]
    zstd_level: i32,
    /// Show what would be uploaded and removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Target {
    /// Browsers, barkeep, DuckDB, Polars, pyarrow
    Barkeep,
    /// NautilusTrader 1.x
    NautilusV1,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ProfileChoice {
    /// 64-bit decimals, delta-encoded: a third of the bytes, not for NautilusTrader
    Compact,
    /// As NautilusTrader 2 stores bars
    Nautilus,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ByChoice {
    /// Closed time in long files, running time in short ones
    Auto,
    /// A UTC day
    Day,
    /// Monday to Sunday
    Week,
    /// A month
    Month,
    /// A year
    Year,
    /// All bars
    All,
}

fn duration(text: &str) -> Result<i64, String> {
    let wrong = || "expected days or hours, like 7d or 12h".to_owned();
    let (count, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let count: i64 = count.parse().ok().filter(|count| *count >= 0).ok_or_else(wrong)?;
    let unit = match unit {
        "d" => DAY,
        "h" => bars::HOUR,
        _ => return Err(wrong()),
    };
    count.checked_mul(unit).ok_or_else(wrong)
}

/// Publishes.
///
/// # Errors
/// If the place holds something else, or a store fails; then the copy is as it was.
pub async fn run(catalog: &Catalog, args: PublishArgs) -> Result<()> {
    let settings = settings(&args)?;
    let destination = args.destination.trim_end_matches('/').to_owned();
    let bar = progress();
    let shown = bar.clone();
    let mut run = Run::new("publish").dry(args.dry_run);
    run.on_progress = Arc::new(move |Progress { done, total }| {
        shown.set_length(total);
        shown.set_position(done);
    });
    if args.format == Target::NautilusV1 {
        let target = open(&destination, catalog, args.dry_run)?;
        let report = publish_v1(catalog, &target, &settings, &run).await?;
        bar.finish_and_clear();
        print_v1(&report, &args, &destination);
        return Ok(());
    }
    let root = if args.no_pages { destination.clone() } else { format!("{destination}/catalog") };
    let site = open(&destination, catalog, args.dry_run)?;
    refuse_other_kind(&site, args.no_pages).await?;
    let pages = match (&args.pages, args.no_pages) {
        (_, true) => None,
        (Some(directory), false) => Some(read_pages(directory)?),
        (None, false) => Some(built_in_pages()?),
    };
    let target = open(&root, catalog, args.dry_run)?;
    check(catalog, &target, &settings).await?;
    if !args.dry_run {
        target.ready_to_write().await?;
    }
    let pages = match pages {
        None => None,
        Some(pages) => Some(publish_pages(&site, &target, pages, args.keep, args.dry_run).await?),
    };
    let report = publish(catalog, &target, &settings, &run).await?;
    bar.finish_and_clear();
    let vacuumed = if args.dry_run { 0 } else { clean(&target, args.keep).await? };
    print(&report, pages.as_ref(), vacuumed, &args, &root);
    Ok(())
}

fn settings(args: &PublishArgs) -> Result<Settings> {
    let overview = |spec: &BarSpec| -> Result<(NonZeroU32, Aggregation)> {
        let divides = spec.interval().is_some_and(|step| DAY % step == 0);
        divides.then_some((spec.step, spec.aggregation)).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{spec}` cannot be the size of an overview"))
                .because("an overview's step divides a day")
                .then("choose others, such as `--overviews 5-MINUTE,1-HOUR,1-DAY`, or none: `--no-overviews`")
        })
    };
    let overviews = if args.no_overviews { &[][..] } else { &args.overviews };
    Ok(Settings {
        profile: match args.profile {
            ProfileChoice::Compact => Profile::Compact,
            ProfileChoice::Nautilus => Profile::Nautilus,
        },
        by: match args.by {
            ByChoice::Auto => By::Auto,
            ByChoice::Day => By::Period(Period::Day),
            ByChoice::Week => By::Period(Period::Week),
            ByChoice::Month => By::Period(Period::Month),
            ByChoice::Year => By::Period(Period::Year),
            ByChoice::All => By::Period(Period::All),
        },
        series: args.series.clone(),
        range: args.range.range()?,
        overviews: overviews.iter().map(overview).collect::<Result<_>>()?,
        row_group_rows: args.row_group_rows as usize,
        zstd_level: args.zstd_level,
    })
}

/// Opens a place of the copy, which is not the catalog itself.
fn open(location: &str, catalog: &Catalog, dry_run: bool) -> Result<Store> {
    let own = std::fs::canonicalize(catalog.store().location());
    let same = location == catalog.store().location()
        || own.is_ok_and(|own| std::fs::canonicalize(location).is_ok_and(|place| place == own));
    if same {
        return Err(Error::new(ErrorKind::InvalidInput, "a catalog cannot be published onto itself")
            .because(format!("`{location}` is the catalog"))
            .then("choose another place, such as `barkeep publish ./site`"));
    }
    if dry_run {
        return Ok(Store::open(location).unwrap_or_else(|_| Store::scratch()));
    }
    Store::open_or_make(location)
}

/// A site has its catalog in `catalog/`, a bare copy at its root; one place is not both.
async fn refuse_other_kind(site: &Store, no_pages: bool) -> Result<()> {
    let head = if no_pages { "catalog/manifest/head.json" } else { "manifest/head.json" };
    if site.head(head).await?.is_none() {
        return Ok(());
    }
    let location = site.location();
    let (what, step) = if no_pages {
        (
            "a site with its catalog in `catalog/`",
            format!("publish into it: `barkeep publish {location}/catalog --no-pages`"),
        )
    } else {
        ("a catalog without pages", "keep it so: `--no-pages`".to_owned())
    };
    Err(Error::new(ErrorKind::Conflict, format!("`{location}` is {what}"))
        .because(format!("it holds `{head}`; the copy would be there twice"))
        .then(step)
        .then("or choose another place"))
}

/// Removes what no head needs that was current within `keep_nanos`; how many objects that were. Giving up snapshots is a commit, so it
/// is left alone while nothing else would come of it.
async fn clean(target: &Store, keep_nanos: i64) -> Result<usize> {
    // An upload that is under way elsewhere has a day.
    let retention = Retention { keep_nanos, keep_last: 2, grace_nanos: keep_nanos.max(DAY) };
    let horizon = now().plus(-retention.grace_nanos);
    let mut has_old = false;
    for folder in ["retired", "staging"] {
        let written = |object: &object_store::ObjectMeta| object.last_modified.timestamp_nanos_opt();
        let objects = target.list_objects(folder).await?;
        has_old |= objects.iter().filter_map(written).any(|written| written <= horizon.0);
    }
    let run = Run::new("publish: give up old snapshots");
    if !has_old || vacuum(target, retention, &run.clone().dry(true)).await?.objects.is_empty() {
        return Ok(0);
    }
    let removed = vacuum(target, retention, &run).await?;
    Ok(removed.objects.len() + removed.snapshots.len())
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("publishing {bytes} of {total_bytes} {wide_bar} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn print(report: &Report, pages: Option<&PagesReport>, vacuumed: usize, args: &PublishArgs, root: &str) {
    if args.output == Format::Json {
        let json = json!({"destination": args.destination, "catalog": root, "dry_run": args.dry_run, "catalog_report": report, "pages": pages, "objects_vacuumed": vacuumed});
        say!("{json:#}");
        return;
    }
    let would = if args.dry_run { "would be " } else { "" };
    say!("snapshot   {} of the catalog, at {root}", report.source);
    let a_bar = report.bytes as f64 / report.rows.max(1) as f64;
    say!(
        "series     {}: {} bars, {}, {a_bar:.1} bytes a bar",
        report.series,
        count_text(report.rows),
        bytes_text(report.bytes)
    );
    say!("overviews  {}: {}", report.overviews, bytes_text(report.overview_bytes));
    say!("new        {} {would}uploaded", files(report.new));
    say!("unchanged  {}", files(report.unchanged));
    say!("replaced   {} {would}kept aside for readers of older heads", files(report.removed));
    if let Some(pages) = pages {
        say!(
            "pages      {} new, {} unchanged, {} removed",
            files(pages.new),
            files(pages.unchanged),
            files(pages.removed)
        );
    }
    if vacuumed > 0 {
        say!("removed    {vacuumed} objects that no head of the last days needs");
    }
    match report.snapshot {
        _ if args.dry_run => say!("\nnothing was changed"),
        Some(number) => say!("\npublished as snapshot {number}"),
        None => say!("\nthe copy was up to date"),
    }
}

fn files(count: Count) -> String {
    format!("{} files, {}", count_text(count.objects), bytes_text(count.bytes))
}

fn print_v1(report: &V1Report, args: &PublishArgs, destination: &str) {
    if args.output == Format::Json {
        say!("{:#}", json!({"destination": destination, "dry_run": args.dry_run, "report": report}));
        return;
    }
    let would = if args.dry_run { "would be " } else { "" };
    say!("snapshot   {} of the catalog, for NautilusTrader 1.x at {destination}", report.source);
    say!("series     {}: {} bars", report.series, count_text(report.rows));
    say!("new        {} {would}written", files(report.new));
    say!("unchanged  {}", files(report.unchanged));
    say!("removed    {}", files(report.removed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_keep() {
        for (text, expected) in [
            ("7d", Some(7 * DAY)),
            ("0d", Some(0)),
            ("12h", Some(DAY / 2)),
            ("7", None),
            ("", None),
            ("-1d", None),
            ("7µ", None),
        ] {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }
}
