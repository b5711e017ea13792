//! `barkeep query`.

use std::io::IsTerminal;

use ::catalog::{Columns, Error, ErrorKind, Query, Result};
use bars::BarType;
use clap::Args;

use super::RangeArgs;
use crate::catalog::Catalog;
use crate::output::{BarFormat, print_bars};

/// Arguments of `query`.
#[derive(Args, Debug)]
#[command(
    after_help = "Stamps are closes in UTC: ts_event is a bar's close, ts_init when it became known; ranges go by ts_init.\n\nExamples:\n  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --start 2026-08-17 --end 2026-08-18 --format csv\n  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --columns ts_event,close --format parquet > closes.parquet"
)]
pub struct QueryArgs {
    /// The series
    #[arg(value_name = "BAR_TYPE")]
    bar_type: BarType,
    #[command(flatten)]
    range: RangeArgs,
    /// Columns to print: open, high, low, close, volume, ts_event, ts_init
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// The most bars to print; the earliest are kept
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = BarFormat::Table)]
    format: BarFormat,
}

/// Prints bars.
///
/// # Errors
/// If the series does not exist, a column's name is wrong, or bytes are missing or damaged.
pub async fn run(catalog: &Catalog, args: QueryArgs) -> Result<()> {
    let columns = columns(&args.columns)?;
    if matches!(args.format, BarFormat::Parquet | BarFormat::Arrow) && std::io::stdout().is_terminal() {
        return Err(Error::new(ErrorKind::InvalidInput, "a binary format would be written to the terminal")
            .then("send it to a file: `… --format parquet > bars.parquet`"));
    }
    let entry = catalog.entry(&args.bar_type)?;
    let query = Query {
        range: args.range.range()?,
        columns: with_stamp(columns),
        limit: args.limit,
        ..Query::default()
    };
    let bars = catalog.bars(&args.bar_type, query).await?;
    print_bars(&bars, columns, entry, args.format)?;
    if bars.is_empty() {
        eprintln!("no bars close in that range; the series holds {} to {}", entry.first, entry.last);
    }
    Ok(())
}

/// Rows are counted by their stamps, so one stamp column is always read.
fn with_stamp(columns: Columns) -> Columns {
    let names: Vec<&str> = columns.names().chain(["ts_init"]).collect();
    Columns::of(&names).unwrap_or(Columns::ALL)
}

fn columns(names: &[String]) -> Result<Columns> {
    if names.is_empty() {
        return Ok(Columns::ALL);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Columns::of(&names).ok_or_else(|| {
        let known: Vec<&str> = Columns::ALL.names().collect();
        let wrong: Vec<String> =
            names.iter().filter(|name| !known.contains(name)).map(|name| format!("`{name}`")).collect();
        Error::new(ErrorKind::InvalidInput, format!("there is no column {}", wrong.join(", ")))
            .because(format!("the columns are {}", known.join(", ")))
            .then("mend `--columns`")
    })
}
