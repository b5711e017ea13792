//! `barkeep consolidate`.

use bars::BarType;
use catalog::{Change, Period, Profile, Result};
use clap::{Args, ValueEnum};

use super::RangeArgs;
use super::change::{ChangeArgs, change};
use crate::catalog::Catalog;

/// Arguments of `consolidate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Files are merged until each holds one period of UTC time, and split where they hold more. Bars are not changed. A second time there is\nnothing to do.\n\nExamples:\n  barkeep consolidate --by month --end 2026-01-01 --dry-run\n  barkeep consolidate BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --by week"
)]
pub struct ConsolidateArgs {
    /// The series; all of them if left out, but for those adopted from NautilusTrader 1.x
    #[arg(value_name = "BAR_TYPE")]
    bar_types: Vec<BarType>,
    /// What a file is to hold
    #[arg(long, value_enum, value_name = "PERIOD")]
    by: By,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// A UTC day
    Day,
    /// Monday to Sunday
    Week,
    /// A month
    Month,
    /// A year
    Year,
    /// Everything
    All,
}

/// Merges and splits files.
///
/// # Errors
/// If there is no such series, or a file is damaged.
pub async fn run(catalog: &Catalog, args: ConsolidateArgs) -> Result<()> {
    let (period, name) = match args.by {
        By::Day => (Period::Day, "day"),
        By::Week => (Period::Week, "week"),
        By::Month => (Period::Month, "month"),
        By::Year => (Period::Year, "year"),
        By::All => (Period::All, "all"),
    };
    for bar_type in &args.bar_types {
        catalog.entry(bar_type)?;
    }
    let bar_types = if args.bar_types.is_empty() {
        // Files that NautilusTrader 1.x keeps are not rewritten.
        let ours = catalog.series().iter().filter(|entry| entry.profile != Profile::NautilusV1);
        ours.map(|entry| entry.bar_type.clone()).collect()
    } else {
        args.bar_types
    };
    let range = args.range.range()?;
    let consolidate = |bar_type| Change::Consolidate { bar_type, period, range };
    let changes: Vec<Change> = bar_types.into_iter().map(consolidate).collect();
    change(catalog.store(), &changes, format!("consolidate by {name}"), &args.change).await
}
