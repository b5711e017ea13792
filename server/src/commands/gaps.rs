//! `barkeep gaps` and `barkeep intervals`.

use std::path::{Path, PathBuf};

use bars::{BarType, Calendar, Gap, IntervalSet, TimeRange, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use clap::Args;
use serde_json::json;

use super::RangeArgs;
use crate::catalog::Catalog;
use crate::output::{Format, count_text, say, table, trimmed};

/// Arguments of `gaps`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without a calendar every hole between the first and the last bar is a gap. A range may reach beyond the stored bars: what is missing of it\nis listed too. Times are those of opens and closes: a gap from 14:30 to 14:32 lacks the minutes that open at 14:30 and 14:31.\n\nA file of sessions has two columns, `open` and `close`, in ISO 8601 with an offset.\n\nExamples:\n  barkeep gaps ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL\n  barkeep gaps ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --start 2026-08-01 --end 2026-10-01 --format json\n  barkeep gaps ES.CME-1-MINUTE-LAST-EXTERNAL --sessions es-sessions.csv"
)]
pub struct GapsArgs {
    /// The series
    #[arg(value_name = "BAR_TYPE")]
    bar_type: BarType,
    #[command(flatten)]
    range: RangeArgs,
    /// Judge by this calendar instead of the series' own: 24/7, fx or us-equities
    #[arg(long, value_name = "NAME", conflicts_with = "sessions")]
    calendar: Option<Calendar>,
    /// Judge by the sessions in this CSV file
    #[arg(long, value_name = "FILE")]
    sessions: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Arguments of `intervals`.
#[derive(Args, Debug)]
#[command(
    after_help = "The stretches that bars span without a hole, from an open to a close; no calendar is asked. With a range, only what lies in it.\n\nExample:\n  barkeep intervals ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL --start 2026-09-01"
)]
pub struct IntervalsArgs {
    /// The series
    #[arg(value_name = "BAR_TYPE")]
    bar_type: BarType,
    #[command(flatten)]
    range: RangeArgs,
    /// The stretches of the range that are missing instead
    #[arg(long)]
    missing: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints what is missing.
///
/// # Errors
/// If there is no such series, or the file of sessions cannot be read.
pub async fn gaps(catalog: &Catalog, args: GapsArgs) -> Result<()> {
    let entry = catalog.entry(&args.bar_type)?;
    let manifest = catalog.manifest(&args.bar_type).await?;
    let Some(interval) = args.bar_type.spec.interval() else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("bars of {} have no fixed length", args.bar_type),
        )
        .because("whether one is missing cannot be told from the time between them"));
    };
    let present = manifest.present();
    let range = clipped(args.range.range()?, &present);
    let calendar = args.calendar.or(entry.calendar).filter(|_| interval <= bars::DAY);
    let (sessions, judge) = match (&args.sessions, calendar) {
        (Some(file), _) => (read_sessions(file)?, format!("sessions of {}", file.display())),
        (None, Some(calendar)) => (calendar.sessions_by_date(range), format!("calendar {calendar}")),
        (None, None) => (vec![range], "no calendar: closed markets count as gaps".to_owned()),
    };
    let sessions = within(sessions, range, interval);
    let gaps = bars::gaps(&sessions, &present, &manifest.confirmed_empty, interval);
    print_gaps(&args.bar_type, &judge, range, &gaps, args.format);
    Ok(())
}

/// Prints what is there.
///
/// # Errors
/// If there is no such series.
pub async fn intervals(catalog: &Catalog, args: IntervalsArgs) -> Result<()> {
    let present = catalog.manifest(&args.bar_type).await?.present();
    let range = only(clipped(args.range.range()?, &present));
    let shown = if args.missing { range.subtract(&present) } else { present.intersect(&range) };
    if args.format == Format::Json {
        say!("{:#}", json!(shown.ranges()));
        return Ok(());
    }
    let mut table = table(&["FROM", "TO"], &[]);
    for range in shown.ranges() {
        table.add_row([range.start.to_string(), range.end.to_string()]);
    }
    say!("{}", trimmed(&table));
    Ok(())
}

/// Open ends of a range end where the bars do.
fn clipped(range: TimeRange, present: &IntervalSet) -> TimeRange {
    let ranges = present.ranges();
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
        return TimeRange::new(range.start, range.start);
    };
    TimeRange::new(
        if range.start == UnixNanos::MIN { first.start } else { range.start },
        if range.end == UnixNanos::MAX { last.end } else { range.end },
    )
}

fn only(range: TimeRange) -> IntervalSet {
    [range].into_iter().collect()
}

/// What lies in the range: of sessions within a day their part, of those that a daily bar stands for the ones that close in it.
fn within(sessions: Vec<TimeRange>, range: TimeRange, interval: i64) -> Vec<TimeRange> {
    if interval >= bars::DAY {
        let closes = |session: &TimeRange| session.end > range.start && session.end <= range.end;
        return sessions.into_iter().filter(closes).collect();
    }
    sessions.iter().map(|session| session.intersect(&range)).collect()
}

fn read_sessions(file: &Path) -> Result<Vec<TimeRange>> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidInput, format!("`{}` is no file of sessions", file.display()))
            .because(why)
            .then("give a CSV file with the columns `open` and `close`, such as `2026-09-01T09:30:00-04:00,2026-09-01T16:00:00-04:00`")
    };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(|error| wrong(&error))?;
    let headers = reader.headers().map_err(|error| wrong(&error))?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header.eq_ignore_ascii_case(name))
            .ok_or_else(|| wrong(&format!("it has no column `{name}`")))
    };
    let (open, close) = (column("open")?, column("close")?);
    let mut sessions = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(&error))?;
        let stamp = |column: usize| {
            let text = record.get(column).unwrap_or_default();
            text.parse::<UnixNanos>().map_err(|error| wrong(&format!("line {}: {error}", at + 2)))
        };
        let session = TimeRange::new(stamp(open)?, stamp(close)?);
        if session.is_empty() {
            return Err(wrong(&format!("line {}: the close is not after the open", at + 2)));
        }
        sessions.push(session);
    }
    sessions.sort_unstable();
    Ok(sessions)
}

fn print_gaps(bar_type: &BarType, judge: &str, range: TimeRange, gaps: &[Gap], format: Format) {
    let missing: u64 = gaps.iter().map(|gap| gap.missing).sum();
    if format == Format::Json {
        say!(
            "{:#}",
            json!({"bar_type": bar_type, "judged_by": judge, "range": range, "missing": missing, "gaps": gaps})
        );
        return;
    }
    if !gaps.is_empty() {
        let mut table = table(&["GAP FROM", "TO", "MISSING BARS"], &["MISSING BARS"]);
        for gap in gaps {
            table.add_row([gap.range.start.to_string(), gap.range.end.to_string(), count_text(gap.missing)]);
        }
        say!("{}", trimmed(&table));
    }
    eprintln!(
        "{} gaps, {} bars missing from {range} ({judge})",
        count_text(gaps.len() as u64),
        count_text(missing)
    );
}
