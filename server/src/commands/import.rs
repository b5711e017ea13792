//! `barkeep import csv`.

use std::path::{Path, PathBuf};

use bars::{Aggregation, BarSpec, BarType, Calendar, InstrumentId, Source, UnixNanos};
use catalog::{Addition, Error, ErrorKind, Overlap, Profile, Result, SeriesFacts, WriteOptions};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::commit::{Receipt, Run, commit_bars};
use crate::csv_bars::{BadRow, CsvBars, CsvOptions, Stamp, read_csv};
use crate::output::{Format, bytes_text, count_text, say};
use crate::store::Store;

/// Arguments of `import`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct ImportArgs {
    #[command(subcommand)]
    source: ImportSource,
}

#[derive(Debug, Subcommand)]
enum ImportSource {
    /// Import CSV files, plain or gzip, as one series
    #[command(
        after_help = "Times may be ISO 8601 (with an offset, or in --tz) or Unix seconds, milli-, micro- or nanoseconds.\nEvery row is checked before anything is written; running an import again adds only what is new.\n\nExample:\n  barkeep import csv btc.csv.gz --instrument BTC/USD.BITSTAMP --bar 1-MINUTE --stamp open --tz UTC"
    )]
    Csv(Box<CsvArgs>),
}

#[derive(Args, Debug)]
struct CsvArgs {
    /// Files, in the order of time
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose bars, as SYMBOL.VENUE
    #[arg(long, value_name = "ID")]
    instrument: InstrumentId,
    /// Their size, and price type unless it is LAST: 1-MINUTE, 5-MINUTE-BID, 1-DAY
    #[arg(long, value_name = "SIZE")]
    bar: BarSpec,
    /// Whether the file's times are the bars' opens or closes
    #[arg(long, value_enum)]
    stamp: Option<Stamp>,
    /// IANA zone of times without an offset
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Columns whose names are unusual: time=Date,close="Adj Close"
    #[arg(long, value_name = "FIELD=NAME,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// The files have no volume; it is stored as 0
    #[arg(long)]
    no_volume: bool,
    /// When the market trades: 24/7, fx or us-equities; known for some venues
    #[arg(long, value_name = "NAME")]
    calendar: Option<Calendar>,
    /// Decimals of prices; as many as the file shows by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    price_precision: Option<u8>,
    /// Decimals of volumes; as many as the file shows by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16))]
    size_precision: Option<u8>,
    /// How a new series is stored
    #[arg(long, value_enum, default_value_t = ProfileName::Nautilus)]
    profile: ProfileName,
    /// Rows in a row group
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    row_group_rows: u32,
    /// What to do with rows that are no bars
    #[arg(long, value_enum, default_value_t = OnInvalid::Fail)]
    on_invalid: OnInvalid,
    /// What to do with bars that differ from stored ones
    #[arg(long, value_enum, default_value_t = OverlapChoice::Fail)]
    overlap: OverlapChoice,
    /// A line for readers of the catalog, such as licence and attribution
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum ProfileName {
    /// As NautilusTrader 2 stores bars; every reader understands it
    Nautilus,
    /// 64-bit decimals, delta-encoded: a third of the bytes, not for NautilusTrader
    Compact,
}

impl ProfileName {
    pub(super) fn profile(self) -> Profile {
        match self {
            Self::Nautilus => Profile::Nautilus,
            Self::Compact => Profile::Compact,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum OnInvalid {
    /// Import nothing
    Fail,
    /// Leave them out and say so
    Skip,
    /// Leave them out and write them to FILE.rejects.csv
    Quarantine,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum OverlapChoice {
    /// Import nothing
    Fail,
    /// Keep what is stored
    Keep,
    /// Store the new bars in their place
    Replace,
}

/// Runs an import.
///
/// # Errors
/// If an input is bad or contradicts what is stored; then nothing was written.
pub async fn run(location: &str, args: ImportArgs) -> Result<()> {
    let ImportSource::Csv(args) = args.source;
    let bar_type = BarType {
        instrument: args.instrument.clone(),
        spec: args.bar,
        source: Source::External,
        composite: None,
    };
    let options = csv_options(&args)?;
    let spinner = progress();
    let mut found = read_csv(&args.files, &options, |line| spinner.set_position(line))?;
    spinner.finish_and_clear();
    judge(&found, &args)?;
    if found.bars.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "no row of the input is a bar")
            .because(format!("{} rows were left out", found.bad.len())));
    }
    let facts = facts(&args, &found, &options);
    let rows = found.bars.len();
    let span = (UnixNanos(found.bars.ts_init[0]), UnixNanos(found.bars.ts_init[rows - 1]));
    let addition = Addition {
        bar_type: bar_type.clone(),
        bars: std::mem::take(&mut found.bars),
        facts,
        overlap: match args.overlap {
            OverlapChoice::Fail => Overlap::Fail,
            OverlapChoice::Keep => Overlap::Keep,
            OverlapChoice::Replace => Overlap::Replace,
        },
    };
    let operation =
        format!("import csv {}", args.files.iter().map(|file| file_name(file)).collect::<Vec<_>>().join(" "));
    let store = if args.dry_run {
        Store::open(location).unwrap_or_else(|_| Store::scratch())
    } else {
        Store::open_or_make(location)?
    };
    let receipt = commit_bars(&store, vec![addition], &Run::new(operation).dry(args.dry_run)).await?;
    report(&bar_type, &args, &found.bad, span, &receipt, location);
    Ok(())
}

fn csv_options(args: &CsvArgs) -> Result<CsvOptions> {
    let zone_name = args.tz.as_deref().unwrap_or("UTC");
    let zone = TimeZone::get(zone_name).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("`{zone_name}` is not a time zone")).because(error).then(
            "use a name of the IANA database: `--tz America/New_York`, `--tz Europe/London` or `--tz UTC`",
        )
    })?;
    if matches!(args.bar.aggregation, Aggregation::Month | Aggregation::Year)
        && args.stamp != Some(Stamp::Close)
    {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "opens of monthly and yearly bars cannot be turned into closes",
        )
        .then("give their closes and say so: `--stamp close`"));
    }
    let columns: Result<Vec<(String, String)>> = args.columns.iter().map(|text| column_pair(text)).collect();
    Ok(CsvOptions {
        spec: args.bar,
        stamp: args.stamp.unwrap_or(Stamp::Open),
        zone,
        columns: columns?,
        no_volume: args.no_volume,
        calendar: calendar(args),
    })
}

fn column_pair(text: &str) -> Result<(String, String)> {
    let pair = text
        .split_once('=')
        .map(|(field, name)| (field.trim().to_ascii_lowercase(), name.trim().trim_matches('"').to_owned()));
    pair.filter(|(field, _)| ["time", "open", "high", "low", "close", "volume"].contains(&field.as_str()))
        .ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{text}` does not name a column"))
                .because(
                    "a column is given as FIELD=NAME, FIELD being time, open, high, low, close or volume",
                )
                .then("for example `--columns time=Date,close=Last`")
        })
}

fn calendar(args: &CsvArgs) -> Option<Calendar> {
    args.calendar.or_else(|| Calendar::of_venue(args.instrument.venue()))
}

/// Fails on bad rows, unless they may be left out.
fn judge(found: &CsvBars, args: &CsvArgs) -> Result<()> {
    let Some(first) = found.bad.first() else { return Ok(()) };
    match args.on_invalid {
        OnInvalid::Skip => Ok(()),
        OnInvalid::Quarantine => args.files.iter().try_for_each(|file| write_rejects(file, &found.bad)),
        OnInvalid::Fail => {
            let shown: Vec<String> = found
                .bad
                .iter()
                .take(5)
                .map(|bad| format!("{} line {}: {}", bad.file.display(), bad.line, bad.reason))
                .collect();
            let more = if found.bad.len() > shown.len() {
                format!("\n  … and {} more", found.bad.len() - shown.len())
            } else {
                String::new()
            };
            let rows = if found.bad.len() == 1 {
                "1 row is no bar".to_owned()
            } else {
                format!("{} rows are no bars", found.bad.len())
            };
            Err(Error::new(ErrorKind::InvalidInput, format!("{rows}; nothing was imported"))
                .because(format!("{}{more}", shown.join("\n  ")))
                .then(format!("mend line {} of `{}`", first.line, first.file.display()))
                .then("or leave such rows out: `--on-invalid skip`, or `--on-invalid quarantine` to keep them in a file"))
        }
    }
}

fn write_rejects(file: &Path, bad: &[BadRow]) -> Result<()> {
    let mine: Vec<&BadRow> = bad.iter().filter(|bad| bad.file == file).collect();
    if mine.is_empty() {
        return Ok(());
    }
    let target = PathBuf::from(format!("{}.rejects.csv", file.display()));
    let text: String = mine
        .iter()
        .map(|bad| format!("{},\"{}\",{}\n", bad.line, bad.reason.replace('"', "\"\""), bad.text))
        .collect();
    std::fs::write(&target, format!("line,reason,row\n{text}")).map_err(|error| {
        Error::new(ErrorKind::SourceUnavailable, format!("could not write `{}`", target.display()))
            .because(error)
    })
}

fn facts(args: &CsvArgs, found: &CsvBars, options: &CsvOptions) -> SeriesFacts {
    let write = WriteOptions {
        profile: args.profile.profile(),
        price_precision: args.price_precision.unwrap_or(0).max(found.price_precision),
        size_precision: args.size_precision.unwrap_or(0).max(found.size_precision),
        row_group_rows: args.row_group_rows as usize,
        ..WriteOptions::default()
    };
    let stamp = if options.stamp == Stamp::Open { "opens" } else { "closes" };
    let zone = args.tz.as_deref().unwrap_or("UTC");
    let names: Vec<String> = args.files.iter().map(|file| file_name(file)).collect();
    SeriesFacts {
        source: format!("CSV {} (stamps were bar {stamp}, {zone})", names.join(", ")),
        note: args.note.clone(),
        calendar: options.calendar,
        options: write,
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} reading line {human_pos} ({elapsed})");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn report(
    bar_type: &BarType,
    args: &CsvArgs,
    bad: &[BadRow],
    span: (UnixNanos, UnixNanos),
    receipt: &Receipt,
    location: &str,
) {
    let tally = &receipt.tally;
    if args.stamp.is_none() {
        eprintln!("note: the files' times were taken for bar opens; say `--stamp close` if they are closes");
    }
    for bad in bad.iter().take(5) {
        eprintln!("left out: {} line {}: {}", bad.file.display(), bad.line, bad.reason);
    }
    if args.format == Format::Json {
        let summary = serde_json::json!({
            "bar_type": bar_type, "catalog": location, "dry_run": args.dry_run, "snapshot": receipt.snapshot, "first": span.0, "last": span.1,
            "rows_added": tally.rows_added, "rows_identical": tally.rows_identical, "rows_kept": tally.rows_kept, "rows_replaced": tally.rows_replaced, "rows_left_out": bad.len(),
            "partitions_added": tally.partitions_added, "partitions_removed": tally.partitions_removed, "bytes_added": tally.bytes_added,
        });
        say!("{summary}");
        return;
    }
    let verb = if args.dry_run { "would add" } else { "added" };
    say!("{bar_type}: {verb} {} bars that close from {} to {}", count_text(tally.rows_added), span.0, span.1);
    if tally.rows_added > 0 {
        say!(
            "  {} files, {}, {:.1} bytes a bar",
            tally.partitions_added,
            bytes_text(tally.bytes_added),
            tally.bytes_added as f64 / tally.rows_added as f64
        );
    }
    for (count, what) in [
        (tally.rows_identical, "were stored already"),
        (tally.rows_kept, "differ from stored ones, which were kept"),
        (tally.rows_replaced, "took the place of stored ones that differ"),
        (bad.len() as u64, "rows were left out"),
    ] {
        if count > 0 {
            say!("  {} {what}", count_text(count));
        }
    }
    match receipt.snapshot {
        Some(snapshot) => say!("  snapshot {snapshot} of {location}"),
        None if args.dry_run => say!("  dry run: nothing was written to {location}"),
        None => say!("  nothing to commit in {location}"),
    }
}
