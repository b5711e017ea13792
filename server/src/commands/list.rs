//! `barkeep list`.

use ::catalog::Result;
use clap::Args;

use crate::catalog::Catalog;
use crate::output::{Format, bytes_text, count_text, coverage_text, say, table, trimmed};

/// Arguments of `list`.
#[derive(Args, Debug)]
#[command(
    after_help = "Coverage is bars found of bars the series' calendar expects between its first and last.\n\nExample:\n  barkeep list --format json | jq '.[].bar_type'"
)]
pub struct ListArgs {
    /// Only series whose bar type contains this text
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    /// Also list the overviews of a published copy: coarser bars made of its other series
    #[arg(long)]
    all: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints the series.
///
/// # Errors
/// None of its own.
pub fn run(catalog: &Catalog, args: &ListArgs) -> Result<()> {
    let wanted = |bar_type: String| {
        args.filter.as_ref().is_none_or(|text| bar_type.to_lowercase().contains(&text.to_lowercase()))
    };
    let (series, folded): (Vec<_>, Vec<_>) = catalog
        .series()
        .iter()
        .filter(|entry| wanted(entry.bar_type.to_string()))
        .partition(|entry| args.all || !entry.overview);
    if args.format == Format::Json {
        say!("{}", serde_json::to_string_pretty(&series).unwrap_or_default());
        return Ok(());
    }
    let mut table = table(
        &["SERIES", "BARS", "FIRST CLOSE", "LAST CLOSE", "COVERAGE", "FILES", "SIZE", "NOTE"],
        &["BARS", "COVERAGE", "FILES", "SIZE"],
    );
    for entry in &series {
        table.add_row([
            entry.bar_type.to_string(),
            count_text(entry.rows),
            entry.first.to_string(),
            entry.last.to_string(),
            coverage_text(entry),
            count_text(entry.partitions),
            bytes_text(entry.size_bytes),
            entry.note.clone(),
        ]);
    }
    say!("{}", trimmed(&table));
    let rows: u64 = series.iter().map(|entry| entry.rows).sum();
    eprintln!(
        "\n{} series, {} bars, snapshot {} of {}",
        series.len(),
        count_text(rows),
        catalog.snapshot().number,
        catalog.store().location()
    );
    if !folded.is_empty() {
        eprintln!("{} overviews of them are not listed: `barkeep list --all`", folded.len());
    }
    Ok(())
}
