//! `barkeep query`.

use std::io::IsTerminal;

use ::catalog::{Columns, Error, ErrorKind, Filter, Order, Result};
use bars::{BarSpec, BarType};
use clap::{Args, ValueEnum};

use super::{RangeArgs, explain};
use crate::bar_output::{BarFormat, BarWriter};
use crate::catalog::Catalog;
use crate::merge::Tally;
use crate::output::{count_text, say};
use crate::query::{Align, Prepared, Resample, SessionChoice, Wanted, prepare, stream};
use crate::sheet::{Sheet, SheetSeries};

const HELP: &str = "\
Stamps are closes in UTC: ts_event (ts for short) is a bar's close, ts_init when it became known; --start and --end go by ts_init.

--where takes an SQL condition over open, high, low, close, volume, ts, ts_event and ts_init. It narrows the range and never widens it.
  numbers   exact decimals: + - * / %, abs, floor, ceil, round, least, greatest; a quotient has 16 decimals
  logic     AND, OR, NOT, = <> < <= > >=, BETWEEN, IN (…), CASE WHEN … THEN … ELSE … END
  times     ts >= '2024-01-08 14:30' (UTC), date(ts) = '2024-01-08', time(ts) < '15:00', EXTRACT(hour FROM ts) or hour(ts);
            also year, quarter, month, week, day, dayofyear, dow (Sunday is 0), isodow (Monday is 1), minute, second
  zones     ts AT TIME ZONE 'America/New_York' is what clocks show there

--resample applies to the bars that --where and --session leave. Coarser bars are stamped with the close of their interval.

Examples:
  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --start 2026-08-17 --end 2026-08-18 --format csv
  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --columns ts_event,close --format parquet > closes.parquet
  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --newest-first --limit 10
  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --where \"high - low > 100 AND hour(ts) BETWEEN 13 AND 20\" --explain
  barkeep query ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --session regular --resample 1-HOUR --align session
  barkeep query ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --limit 20";

/// Arguments of `query`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct QueryArgs {
    /// The series; several are merged in the order of their stamps
    #[arg(value_name = "BAR_TYPE", required = true)]
    bar_types: Vec<BarType>,
    #[command(flatten)]
    range: RangeArgs,
    /// Columns to print: open, high, low, close, volume, ts_event, ts_init, bar_type
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// Only bars that fulfil this condition
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true)]
    condition: Option<String>,
    /// Only bars that lie wholly in a session: `regular` for the series' own calendar, or us-equities, fx or 24/7
    #[arg(long, value_name = "CALENDAR")]
    session: Option<SessionChoice>,
    /// Make coarser bars, such as 5-MINUTE
    #[arg(long, value_name = "SIZE")]
    resample: Option<BarSpec>,
    /// Where coarser bars begin
    #[arg(long, value_enum, default_value_t = Align::Clock, requires = "resample")]
    align: Align,
    /// The most bars to print; the first in the order are kept
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// In which order
    #[arg(long, value_enum, default_value_t = OrderName::Asc)]
    order: OrderName,
    /// The same as `--order desc`
    #[arg(long, conflicts_with = "order")]
    newest_first: bool,
    /// Show what would be read instead of reading it
    #[arg(long)]
    explain: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = BarFormat::Table)]
    format: BarFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum OrderName {
    /// The earliest bars first
    Asc,
    /// The latest bars first
    Desc,
}

/// Prints bars.
///
/// # Errors
/// If a series does not exist, a column's name or the condition is wrong, or bytes are missing or damaged.
pub async fn run(catalog: &Catalog, args: QueryArgs) -> Result<()> {
    let (columns, names_series) = columns(&args.columns)?;
    let wanted = wanted(&args, columns)?;
    if let Some(twice) = repeated(&args.bar_types) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{twice} is asked for twice"))
            .then("name every series once"));
    }
    let mut series = Vec::with_capacity(args.bar_types.len());
    for bar_type in &args.bar_types {
        series.push(prepare(catalog, bar_type, &wanted).await?);
    }
    if args.explain {
        return explained(&series, &wanted, args.format);
    }
    if args.format.is_binary() && std::io::stdout().is_terminal() {
        return Err(Error::new(ErrorKind::InvalidInput, "a binary format would be written to the terminal")
            .then("send it to a file: `… --format parquet > bars.parquet`"));
    }
    let sheet = Sheet {
        columns,
        with_bar_type: names_series || series.len() > 1,
        series: series.iter().map(sheet_series).collect(),
    };
    let remarks: Vec<Remark> = series.iter().map(Remark::of).collect();
    let mut writer = BarWriter::new(sheet, args.format)?;
    let mut merge = stream(catalog, series, &wanted);
    while let Some(block) = merge.next().await? {
        writer.write(&block)?;
    }
    let rows = writer.rows();
    writer.finish()?;
    for (remark, tally) in remarks.iter().zip(merge.tallies()) {
        remark.print(&tally, &wanted);
    }
    if rows == 0 {
        say_nothing_found(&remarks, &wanted);
    }
    Ok(())
}

fn wanted(args: &QueryArgs, columns: Columns) -> Result<Wanted> {
    let newest_first = args.newest_first || args.order == OrderName::Desc;
    Ok(Wanted {
        range: args.range.range()?,
        columns,
        filter: args.condition.as_deref().map(Filter::parse).transpose()?,
        session: args.session.clone(),
        resample: args.resample.map(|size| Resample { size, align: args.align }),
        limit: args.limit,
        order: if newest_first { Order::NewestFirst } else { Order::OldestFirst },
    })
}

fn repeated(bar_types: &[BarType]) -> Option<&BarType> {
    bar_types
        .iter()
        .enumerate()
        .find(|(at, bar_type)| bar_types[..*at].contains(bar_type))
        .map(|(_, twice)| twice)
}

fn sheet_series(prepared: &Prepared<'_>) -> SheetSeries {
    SheetSeries {
        bar_type: prepared.bar_type.to_string(),
        price_precision: prepared.entry.price_precision,
        size_precision: prepared.entry.size_precision,
    }
}

fn explained(series: &[Prepared<'_>], wanted: &Wanted, format: BarFormat) -> Result<()> {
    match format {
        BarFormat::Table => explain::print(series, wanted),
        BarFormat::Json | BarFormat::Jsonl => say!("{:#}", explain::json(series, wanted)),
        _ => {
            return Err(Error::new(ErrorKind::InvalidInput, "a plan is printed as a table or as JSON")
                .then("leave `--format` out, or say `--format json`"));
        }
    }
    Ok(())
}

/// What is said of a series on standard error after its bars.
struct Remark {
    stored: BarType,
    made: BarType,
    held: String,
}

impl Remark {
    fn of(prepared: &Prepared<'_>) -> Self {
        Self {
            stored: prepared.entry.bar_type.clone(),
            made: prepared.bar_type.clone(),
            held: format!(
                "{} holds {} to {}",
                prepared.entry.bar_type, prepared.entry.first, prepared.entry.last
            ),
        }
    }

    /// What became of the stored bars when they were made coarser.
    fn print(&self, tally: &Tally, wanted: &Wanted) {
        let Some(resample) = &wanted.resample else { return };
        let start = match resample.align {
            Align::Clock => "the UTC clock",
            Align::Session => "the open of each session",
        };
        eprintln!(
            "{} {} made of {} {}, aligned to {start}, each stamped with the close of its interval",
            count_text(tally.made),
            self.made,
            count_text(tally.stored),
            self.stored
        );
        if tally.partial > 0 {
            let partial = count_text(tally.partial);
            eprintln!("  {partial} made of fewer bars than the interval holds, which are kept");
        }
        if tally.left_out > 0 {
            eprintln!("  {} bars lie wholly in no session and were left out", count_text(tally.left_out));
        }
    }
}

fn say_nothing_found(remarks: &[Remark], wanted: &Wanted) {
    let held: Vec<&str> = remarks.iter().map(|remark| remark.held.as_str()).collect();
    let held = held.join("; ");
    match (&wanted.filter, &wanted.session) {
        (None, None) => eprintln!("no bars close in that range; {held}"),
        (Some(filter), _) => eprintln!("no bars in that range fulfil `{}`; {held}", filter.text()),
        (None, Some(_)) => eprintln!("no bars in that range lie in a session; {held}"),
    }
}

/// The columns of bars, and whether one is to name the series.
fn columns(names: &[String]) -> Result<(Columns, bool)> {
    let names_series = names.iter().any(|name| name == "bar_type");
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "bar_type").collect();
    if names.is_empty() {
        return Ok((Columns::ALL, names_series));
    }
    let found = Columns::of(&names).ok_or_else(|| {
        let known: Vec<&str> = Columns::ALL.names().collect();
        let wrong: Vec<String> =
            names.iter().filter(|name| !known.contains(name)).map(|name| format!("`{name}`")).collect();
        Error::new(ErrorKind::InvalidInput, format!("there is no column {}", wrong.join(", ")))
            .because(format!("the columns are {}, bar_type", known.join(", ")))
            .then("mend `--columns`")
    });
    Ok((found?, names_series))
}
