//! `barkeep info`.

use ::catalog::{Result, SeriesEntry, SeriesManifest};
use bars::{BarType, Coverage, DayState, coverage};
use clap::Args;
use serde_json::json;

use super::instruments::print_fields;
use crate::catalog::{Catalog, read_instruments};
use crate::output::{Format, bytes_text, count_text, coverage_text, say, table, trimmed};

/// Arguments of `info`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  barkeep info ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL")]
pub struct InfoArgs {
    /// A series; the whole catalog if left out
    #[arg(value_name = "BAR_TYPE")]
    bar_type: Option<BarType>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints what is there and what is missing.
///
/// # Errors
/// If there is no such series, or its manifest cannot be read.
pub async fn run(catalog: &Catalog, args: InfoArgs) -> Result<()> {
    let Some(bar_type) = args.bar_type else {
        print_catalog(catalog, args.format);
        return Ok(());
    };
    let entry = catalog.entry(&bar_type)?;
    let manifest = catalog.manifest(&bar_type).await?;
    let found = bar_type.spec.interval().map(|interval| {
        coverage(&manifest.present(), &manifest.confirmed_empty, interval, entry.calendar.as_ref())
    });
    let instruments = read_instruments(catalog.store(), catalog.snapshot()).await?;
    let instrument = instruments.newest(&bar_type.instrument.to_string());
    match args.format {
        Format::Json => {
            let mut info = series_json(entry, &manifest, found.as_ref());
            info["instrument"] = json!(instrument);
            say!("{info:#}");
        }
        Format::Table => {
            print_series(entry, &manifest, found.as_ref());
            if let Some(instrument) = instrument {
                say!("");
                print_fields(instrument);
            }
        }
    }
    Ok(())
}

fn print_catalog(catalog: &Catalog, format: Format) {
    let snapshot = catalog.snapshot();
    let sum = |of: fn(&SeriesEntry) -> u64| catalog.series().iter().map(of).sum::<u64>();
    let (rows, bytes, files) =
        (sum(|entry| entry.rows), sum(|entry| entry.size_bytes), sum(|entry| entry.partitions));
    if format == Format::Json {
        let info = json!({
            "catalog": catalog.store().location(), "format": snapshot.format, "snapshot": snapshot.number, "committed": snapshot.committed, "writer": snapshot.writer,
            "operation": snapshot.operation, "published": snapshot.published, "series": catalog.series().len(), "rows": rows, "partitions": files, "size_bytes": bytes,
        });
        say!("{info:#}");
        return;
    }
    say!("catalog    {}", catalog.store().location());
    say!("snapshot   {} of {} ({})", snapshot.number, snapshot.committed, snapshot.operation);
    if let Some(shown) = &snapshot.published {
        say!("shows      snapshot {} of its source, committed {}", shown.snapshot, shown.committed);
    }
    say!("written by {}, format {}", snapshot.writer, snapshot.format);
    say!(
        "holds      {} series, {} bars, {} files, {}",
        catalog.series().len(),
        count_text(rows),
        count_text(files),
        bytes_text(bytes)
    );
}

fn series_json(
    entry: &SeriesEntry,
    manifest: &SeriesManifest,
    coverage: Option<&Coverage>,
) -> serde_json::Value {
    let partitions: Vec<_> = manifest
        .partitions
        .iter()
        .map(|partition| json!({"key": partition.object.key, "rows": partition.rows, "first": partition.first, "last": partition.last, "size_bytes": partition.object.size_bytes, "sha256": partition.object.sha256}))
        .collect();
    json!({"series": entry, "coverage": coverage, "partitions": partitions})
}

fn print_series(entry: &SeriesEntry, manifest: &SeriesManifest, coverage: Option<&Coverage>) {
    say!("series     {}", entry.bar_type);
    say!(
        "bars       {}, closing from {} to {} (UTC, stamped at the close)",
        count_text(entry.rows),
        entry.first,
        entry.last
    );
    say!("precision  {} decimals of price, {} of volume", entry.price_precision, entry.size_precision);
    say!("source     {}", entry.source);
    if !entry.note.is_empty() {
        say!("note       {}", entry.note);
    }
    let bytes_a_bar = entry.size_bytes as f64 / entry.rows.max(1) as f64;
    say!(
        "stored     {} files, {}, {bytes_a_bar:.1} bytes a bar, profile {}",
        entry.partitions,
        bytes_text(entry.size_bytes),
        entry.profile.as_str()
    );
    match (entry.calendar, coverage) {
        (Some(calendar), Some(coverage)) => print_coverage(entry, calendar, coverage),
        _ => say!(
            "coverage   unknown: no calendar is set for this series, so gaps cannot be told from closed markets"
        ),
    }
    let mut table = table(&["FILE", "BARS", "SIZE"], &["BARS", "SIZE"]);
    for partition in &manifest.partitions {
        let name = partition.object.key.rsplit('/').next().unwrap_or_default();
        table.add_row([name.to_owned(), count_text(partition.rows), bytes_text(partition.object.size_bytes)]);
    }
    say!("\n{}", trimmed(&table));
}

fn print_coverage(entry: &SeriesEntry, calendar: bars::Calendar, coverage: &Coverage) {
    let days = |state: DayState| coverage.days.iter().filter(|day| day.state == state).count();
    say!(
        "coverage   {} of the calendar {calendar}: days {} complete, {} partial, {} missing, {} closed",
        coverage_text(entry),
        days(DayState::Complete),
        days(DayState::Partial),
        days(DayState::Missing),
        days(DayState::Closed)
    );
    if coverage.gaps.is_empty() {
        say!("gaps       none");
        return;
    }
    let mut table = table(&["GAP FROM", "TO", "MISSING BARS"], &["MISSING BARS"]);
    for gap in coverage.gaps.iter().take(50) {
        table.add_row([gap.range.start.to_string(), gap.range.end.to_string(), count_text(gap.missing)]);
    }
    say!("\n{}", trimmed(&table));
    if coverage.gaps.len() > 50 {
        say!("… and {} more", coverage.gaps.len() - 50);
    }
}
