//! `barkeep import`: what the command line says becomes [`ImportOptions`], and what was done is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bars::{BarSpec, Calendar, InstrumentId, PriceType, UnixNanos};
use catalog::{Error, ErrorKind, Overlap, Profile, Result};
use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::bar_files::{
    CHUNK_ROWS, Field, ImportOptions, Imported, LayoutChoice, Naming, NumberChoice, OnInvalid, PRESETS,
    Preset, PresetChoice, Rejects, Stamp, Survey, TimeFormat, blocking, commit_survey, span, survey,
    tally_text,
};
use crate::commit::{Progress, Run};
use crate::output::{Format, bytes_text, count_text, say, table, trimmed};
use crate::store::Store;

/// Series that a summary names; of more it tells the number.
const SERIES_SHOWN: usize = 20;

/// Arguments of `import`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct ImportArgs {
    #[command(subcommand)]
    source: ImportSource,
}

#[derive(Debug, Subcommand)]
enum ImportSource {
    /// Import CSV files in any layout, plain or packed with gzip, zstd or zip
    #[command(after_help = CSV_HELP)]
    Csv(Box<TextFiles>),
    /// Import Parquet files, their columns mapped by name
    #[command(after_help = COLUMNAR_HELP)]
    Parquet(Box<ColumnFiles>),
    /// Import Arrow IPC files or streams, their columns mapped by name
    #[command(after_help = COLUMNAR_HELP)]
    Arrow(Box<ColumnFiles>),
    /// Import files of any of these kinds, each recognised by its content
    Files(Box<TextFiles>),
}

const CSV_HELP: &str = "\
Separator, header, decimal mark and the way times are written are found by themselves, and so are the files of known
sources (--list-presets). What a file cannot tell is asked for: the zone of times without an offset, the order of day and
month. Every row is checked before anything is written; running an import again adds only what is new.

Examples:
  barkeep import csv btc.csv.gz --instrument BTC/USD.BITSTAMP --bar 1-MINUTE --stamp open --tz UTC
  barkeep import csv 'BTCUSDT-1m-*.zip' --instrument BTCUSDT.BINANCE --bar 1-MINUTE
  barkeep import csv nasdaq.txt --venue NASDAQ --bar 5-MINUTE --stamp open --tz America/New_York --dry-run
  zcat bars.csv.gz | barkeep import csv - --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open --tz UTC";

const COLUMNAR_HELP: &str = "\
Timestamps may have any unit and zone, prices may be decimals, integers, floats or text; a float becomes the shortest
decimal that reads back as the same float.

Example:
  barkeep import parquet aapl.parquet --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open --columns time=ts,close=last";

/// Options that every kind of file has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Which bars")]
struct Common {
    /// Whose bars, as SYMBOL.VENUE
    #[arg(long, value_name = "ID")]
    instrument: Option<InstrumentId>,
    /// One series for each symbol of the files, or of their names, at this venue
    #[arg(long, value_name = "VENUE", conflicts_with = "instrument")]
    venue: Option<String>,
    /// Only rows of this symbol
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Their size, and price type unless it is LAST: 1-MINUTE, 5-MINUTE-BID, 1-DAY
    #[arg(long, value_name = "SIZE")]
    bar: Option<BarSize>,
    /// Whether the files' times are the bars' opens or closes
    #[arg(long, value_name = "MOMENT")]
    stamp: Option<Stamp>,
    /// IANA zone of times without an offset, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// When the market trades: 24/7, fx or us-equities; known for some venues
    #[arg(long, value_name = "NAME")]
    calendar: Option<Calendar>,
    /// Columns whose names are unusual, by name or number from 1: time=Date,close="Adj Close"
    #[arg(long, value_name = "FIELD=NAME,…", value_delimiter = ',', help_heading = "Columns")]
    columns: Vec<String>,
    /// The column that says which instrument a row is of
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    symbol_column: Option<String>,
    /// The files have no volume; it is stored as 0
    #[arg(long, help_heading = "Columns")]
    no_volume: bool,
    /// Prices are integers that are to be divided by this power of ten
    #[arg(long, value_name = "N", value_parser = power_of_ten, help_heading = "Columns")]
    price_divisor: Option<u8>,
    /// What to do with rows that are no bars
    #[arg(long, value_enum, default_value_t = OnInvalidChoice::Fail, help_heading = "Rows that are no bars, or differ")]
    on_invalid: OnInvalidChoice,
    /// Write rows that are no bars to this file, with the reason
    #[arg(long, value_name = "FILE", help_heading = "Rows that are no bars, or differ")]
    rejects: Option<PathBuf>,
    /// What to do with bars that differ from stored ones
    #[arg(long, value_enum, default_value_t = OverlapChoice::Fail, help_heading = "Rows that are no bars, or differ")]
    overlap: OverlapChoice,
    /// Decimals of prices; as many as the files show by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16), help_heading = "How they are stored")]
    price_precision: Option<u8>,
    /// Decimals of volumes; as many as the files show by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=16), help_heading = "How they are stored")]
    size_precision: Option<u8>,
    /// How a new series is stored
    #[arg(long, value_enum, default_value_t = ProfileName::Nautilus, help_heading = "How they are stored")]
    profile: ProfileName,
    /// Rows in a row group
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..), help_heading = "How they are stored")]
    row_group_rows: u32,
    /// Rows of one commit; a larger import is committed in several
    #[arg(long, value_name = "N", default_value_t = CHUNK_ROWS, value_parser = positive, help_heading = "How they are stored")]
    chunk_rows: usize,
    /// A line for readers of the catalog, such as licence and attribution
    #[arg(long, default_value = "", hide_default_value = true, help_heading = "How they are stored")]
    note: String,
    /// Show what was understood and what would be written, and write nothing
    #[arg(long, help_heading = "Before and after")]
    dry_run: bool,
    /// Bars that a dry run shows
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Before and after")]
    preview: usize,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Before and after")]
    format: Format,
}

#[derive(Args, Debug)]
struct ColumnFiles {
    /// Files, or patterns in quotes
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct TextFiles {
    /// Files, patterns in quotes, or - for standard input; in any order
    #[arg(required_unless_present = "list_presets", value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    common: Common,
    /// The source whose conventions hold, or none; by default the one that a file looks like
    #[arg(long, value_name = "NAME", help_heading = "How the text is written")]
    preset: Option<String>,
    /// List the sources whose files are known, and their conventions
    #[arg(long, exclusive = true, help_heading = "How the text is written")]
    list_presets: bool,
    /// What separates columns: comma, semicolon, tab, pipe or a character
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, help_heading = "How the text is written")]
    delimiter: Option<u8>,
    /// Whether the first line names the columns
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no, help_heading = "How the text is written")]
    header: Option<bool>,
    /// Lines to pass over before the header, or before the first row
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "How the text is written"
    )]
    skip_lines: u64,
    /// What stands before the decimals: . or ,
    #[arg(long, value_name = "CHARACTER", value_parser = decimal_mark, help_heading = "How the text is written")]
    decimal_mark: Option<u8>,
    /// What stands between thousands: , or . or ' or space or none
    #[arg(long, value_name = "CHARACTER", value_parser = thousands, help_heading = "How the text is written")]
    thousands: Option<Thousands>,
    /// How times are written
    #[arg(long, value_name = "FORMAT", help_heading = "How the text is written")]
    time_format: Option<TimeFormat>,
    /// Gigabytes that a packed file may hold
    #[arg(
        long,
        value_name = "GB",
        default_value_t = 256,
        hide_default_value = true,
        help_heading = "How the text is written"
    )]
    max_unpacked: u64,
}

/// A bar size, and whether it says its price type.
#[derive(Clone, Copy, Debug)]
struct BarSize {
    spec: BarSpec,
    price_type_given: bool,
}

impl std::str::FromStr for BarSize {
    type Err = bars::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let price_type_given = PriceType::ALL.iter().any(|price| text.ends_with(price.as_str()));
        Ok(Self { spec: text.parse()?, price_type_given })
    }
}

impl ValueEnum for Stamp {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Open, Self::Close]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Open => PossibleValue::new("open").help("The bar's first moment, as most files have it"),
            Self::Close => {
                PossibleValue::new("close").help("The bar's last moment, as the catalog stores it")
            }
        })
    }
}

impl ValueEnum for TimeFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Auto,
            Self::UnixSeconds,
            Self::UnixMillis,
            Self::UnixMicros,
            Self::UnixNanos,
            Self::DayFirst,
            Self::MonthFirst,
            Self::MillisOfDay,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "Year first, or a Unix time whose unit follows from its digits"),
            Self::UnixSeconds => ("unix-s", "Seconds since 1970"),
            Self::UnixMillis => ("unix-ms", "Milliseconds since 1970"),
            Self::UnixMicros => ("unix-us", "Microseconds since 1970"),
            Self::UnixNanos => ("unix-ns", "Nanoseconds since 1970"),
            Self::DayFirst => ("dmy", "Dates like 31/12/2024"),
            Self::MonthFirst => ("mdy", "Dates like 12/31/2024"),
            Self::MillisOfDay => {
                ("ms-of-day", "Milliseconds since midnight of the date that the file's name begins with")
            }
        };
        Some(PossibleValue::new(name).help(help))
    }
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
enum OnInvalidChoice {
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

/// What stands between thousands, if anything.
#[derive(Clone, Copy, Debug)]
struct Thousands(Option<u8>);

fn character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("give one ASCII character".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "comma" => Ok(b','),
        "semicolon" => Ok(b';'),
        "tab" | "\\t" => Ok(b'\t'),
        "pipe" => Ok(b'|'),
        "space" => Ok(b' '),
        _ => character(text),
    }
}

fn decimal_mark(text: &str) -> Result<u8, String> {
    match text {
        "." | "point" => Ok(b'.'),
        "," | "comma" => Ok(b','),
        _ => Err("give . or ,".to_owned()),
    }
}

fn thousands(text: &str) -> Result<Thousands, String> {
    match text {
        "none" => Ok(Thousands(None)),
        "space" => Ok(Thousands(Some(b' '))),
        "," | "." | "'" | "_" | " " => character(text).map(Some).map(Thousands),
        _ => Err("give , or . or ' or space or none".to_owned()),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "none" | "false" => Ok(false),
        _ => Err("give yes or no".to_owned()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "give a whole number from 1".to_owned())
}

fn power_of_ten(text: &str) -> Result<u8, String> {
    let shift =
        text.strip_prefix('1').filter(|zeros| zeros.len() <= 16 && zeros.bytes().all(|byte| byte == b'0'));
    shift
        .map(|zeros| zeros.len() as u8)
        .ok_or_else(|| "give a power of ten from 1 to 10000000000000000".to_owned())
}

/// Runs an import.
///
/// # Errors
/// If an input is bad or contradicts what is stored; then nothing was written.
pub async fn run(location: &str, args: ImportArgs) -> Result<()> {
    let (kind, files, common, layout, max_unpacked_bytes) = match args.source {
        ImportSource::Csv(args) if args.list_presets => return list_presets(),
        ImportSource::Files(args) if args.list_presets => return list_presets(),
        ImportSource::Csv(args) => text_parts("csv", *args)?,
        ImportSource::Files(args) => text_parts("files", *args)?,
        ImportSource::Parquet(args) => {
            ("parquet", args.files, args.common, LayoutChoice::default(), u64::MAX)
        }
        ImportSource::Arrow(args) => ("arrow", args.files, args.common, LayoutChoice::default(), u64::MAX),
    };
    let options = options(files, &common, layout, max_unpacked_bytes)?;
    let names: Vec<&str> = options.files.iter().map(|file| file_name(file)).collect();
    let watched = watch(Run::new(format!("import {kind} {}", names.join(" "))).dry(common.dry_run));
    let found = look(&options, &watched).await?;
    tell_before(&options, &common, &found);
    found.refuse_bad_rows(&options)?;
    let store = if common.dry_run {
        Store::open(location).unwrap_or_else(|_| Store::scratch())
    } else {
        Store::open_or_make(location)?
    };
    let done = commit_survey(&store, &options, found, &watched.run).await;
    watched.bar.finish_and_clear();
    report(&common, &done?, location);
    Ok(())
}

type Parts = (&'static str, Vec<String>, Common, LayoutChoice, u64);

fn text_parts(kind: &'static str, args: TextFiles) -> Result<Parts> {
    let preset = match args.preset.as_deref() {
        None => PresetChoice::Detect,
        Some("none") => PresetChoice::None,
        Some(name) => PresetChoice::Named(Preset::named(name)?),
    };
    let layout = LayoutChoice {
        preset,
        delimiter: args.delimiter,
        header: args.header,
        skip_lines: args.skip_lines,
        numbers: NumberChoice {
            decimal_mark: args.decimal_mark,
            thousands: args.thousands.map(|thousands| thousands.0),
        },
        time_format: args.time_format,
        ..LayoutChoice::default()
    };
    Ok((kind, args.files, args.common, layout, args.max_unpacked.saturating_mul(1 << 30)))
}

fn options(
    files: Vec<String>,
    args: &Common,
    layout: LayoutChoice,
    max_unpacked_bytes: u64,
) -> Result<ImportOptions> {
    let naming = match (&args.instrument, &args.venue) {
        (Some(instrument), _) => Naming::One(instrument.clone()),
        (None, Some(venue)) => Naming::BySymbol { venue: venue.clone() },
        (None, None) => {
            return Err(missing("--instrument SYMBOL.VENUE", "whose bars these are")
                .then("or one series for each symbol of the files: `--venue VENUE`"));
        }
    };
    if let Naming::BySymbol { venue } = &naming {
        format!("X.{venue}").parse::<InstrumentId>()?;
    }
    let bar = args.bar.ok_or_else(|| missing("--bar 1-MINUTE", "how long a bar is"))?;
    let mut columns: Vec<(Field, String)> =
        args.columns.iter().map(|text| column_pair(text)).collect::<Result<_>>()?;
    columns.extend(args.symbol_column.clone().map(|name| (Field::Symbol, name)));
    let rejects = match (&args.rejects, args.on_invalid) {
        (Some(file), _) => Rejects::File(file.clone()),
        (None, OnInvalidChoice::Quarantine) if !args.dry_run => Rejects::Beside,
        _ => Rejects::Nowhere,
    };
    Ok(ImportOptions {
        only_symbol: args.symbol.clone(),
        price_type_given: bar.price_type_given,
        stamp: args.stamp,
        zone: args.tz.as_deref().map(zone).transpose()?,
        layout: LayoutChoice {
            columns,
            no_volume: args.no_volume,
            price_shift: args.price_divisor,
            ..layout
        },
        calendar: args.calendar,
        price_precision: args.price_precision.unwrap_or(0),
        size_precision: args.size_precision.unwrap_or(0),
        profile: match args.profile {
            ProfileName::Nautilus => Profile::Nautilus,
            ProfileName::Compact => Profile::Compact,
        },
        row_group_rows: args.row_group_rows as usize,
        on_invalid: if args.on_invalid == OnInvalidChoice::Fail { OnInvalid::Fail } else { OnInvalid::Skip },
        rejects,
        overlap: match args.overlap {
            OverlapChoice::Fail => Overlap::Fail,
            OverlapChoice::Keep => Overlap::Keep,
            OverlapChoice::Replace => Overlap::Replace,
        },
        note: args.note.clone(),
        chunk_rows: args.chunk_rows,
        preview_rows: if args.dry_run { args.preview } else { 0 },
        max_unpacked_bytes,
        ..ImportOptions::new(files, naming, bar.spec)
    })
}

fn missing(flag: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("say {what}: `{flag}`"))
        .then("see `barkeep import csv --help`")
}

fn zone(name: &str) -> Result<(TimeZone, String)> {
    let zone = TimeZone::get(name).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("`{name}` is not a time zone")).because(error).then(
            "use a name of the IANA database: `--tz America/New_York`, `--tz Europe/London` or `--tz UTC`",
        )
    })?;
    Ok((zone, name.to_owned()))
}

fn column_pair(text: &str) -> Result<(Field, String)> {
    let (field, name) = text.split_once('=').unwrap_or((text, ""));
    let field = if name.is_empty() { "" } else { field };
    Ok((
        field
            .parse::<Field>()
            .map_err(|error| Error { what: format!("`{text}` does not name a column"), ..error })?,
        name.trim().trim_matches('"').to_owned(),
    ))
}

fn file_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// A run whose progress is drawn, and that ^C stops after the current commit.
struct Watched {
    run: Run,
    bar: ProgressBar,
}

fn watch(run: Run) -> Watched {
    let style = ProgressStyle::with_template("{spinner} {msg} {human_pos} rows ({per_sec}, {elapsed})");
    let bar =
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let drawn = bar.clone();
    let on_progress = move |progress: Progress| {
        let message = match progress.total {
            0 => "checking".to_owned(),
            total => format!("committing {}% of {} rows:", progress.done * 100 / total, count_text(total)),
        };
        drawn.set_message(message);
        drawn.set_position(progress.done);
    };
    let run = Run { on_progress: Arc::new(on_progress), ..run };
    let cancel = run.cancel.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if cancel.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    Watched { run, bar }
}

async fn look(options: &ImportOptions, watched: &Watched) -> Result<Survey> {
    let (wanted, run) = (options.clone(), watched.run.clone());
    let found = blocking(move || survey(&wanted, &run)).await;
    if found.is_err() {
        watched.bar.finish_and_clear();
    }
    found
}

/// What was understood, on standard error; of a dry run also the first bars.
fn tell_before(options: &ImportOptions, args: &Common, found: &Survey) {
    for note in found.notes.iter().take(SERIES_SHOWN) {
        eprintln!("note: {note}");
    }
    if found.notes.len() > SERIES_SHOWN {
        eprintln!("note: … and {} more of this kind", found.notes.len() - SERIES_SHOWN);
    }
    if options.on_invalid == OnInvalid::Skip {
        for bad in found.bad.shown.iter().take(5) {
            eprintln!("left out: {} line {}: {}", bad.file, bad.line, bad.fault.reason);
        }
        for (kind, count) in found.bad.by_kind().filter(|_| found.bad.count > 5) {
            eprintln!("left out: {} rows {}", count_text(count), kind.label());
        }
    }
    for file in &found.bad.written {
        eprintln!("note: rows that are no bars were written to {}", file.display());
    }
    if args.dry_run && args.format == Format::Table {
        preview(options, found);
    }
}

fn preview(options: &ImportOptions, found: &Survey) {
    for (name, summary) in found.layouts.iter().take(SERIES_SHOWN) {
        say!("{name}: {summary}");
    }
    let interval = options.spec.interval().unwrap_or_default();
    let headers = ["series", "opens (UTC)", "closes (UTC)", "open", "high", "low", "close", "volume"];
    let mut shown = table(&headers, &["open", "high", "low", "close", "volume"]);
    for (series, bar) in &found.preview {
        let series = &found.series[*series];
        let price = |value: bars::Decimal| {
            value.display(series.price_precision.max(options.price_precision)).to_string()
        };
        let volume = bar.volume.display(series.size_precision.max(options.size_precision)).to_string();
        shown.add_row([
            series.bar_type.instrument.to_string(),
            bar.ts_init.plus(-interval).to_string(),
            bar.ts_init.to_string(),
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            volume,
        ]);
    }
    say!("{}", trimmed(&shown));
    for series in found.series.iter().take(SERIES_SHOWN) {
        say!(
            "{}: {} rows, prices with {} decimals, volumes with {}",
            series.bar_type,
            count_text(series.rows),
            series.price_precision.max(options.price_precision),
            series.size_precision.max(options.size_precision)
        );
    }
}

fn report(args: &Common, done: &Imported, location: &str) {
    let (tally, found) = (&done.receipt.tally, &done.survey);
    let (first, last) = span(&found.series);
    if args.format == Format::Json {
        return report_json(args, done, location, (first, last));
    }
    let verb = if args.dry_run { "would add" } else { "added" };
    let whose = match &found.series[..] {
        [one] => one.bar_type.to_string(),
        many => format!("{} series", count_text(many.len() as u64)),
    };
    say!("{whose}: {verb} {} bars that close from {first} to {last}", count_text(tally.rows_added));
    if tally.rows_added > 0 {
        say!(
            "  {} files, {}, {:.1} bytes a bar",
            count_text(tally.partitions_added),
            bytes_text(tally.bytes_added),
            tally.bytes_added as f64 / tally.rows_added as f64
        );
    }
    if found.series.len() > 1 {
        for (bar_type, tally) in done.receipt.series.iter().take(SERIES_SHOWN) {
            say!("  {bar_type}: {}", tally_text(tally));
        }
        if done.receipt.series.len() > SERIES_SHOWN {
            say!("  … and {} more series", done.receipt.series.len() - SERIES_SHOWN);
        }
    }
    for (count, what) in [
        (tally.rows_identical, "were stored already"),
        (tally.rows_kept, "differ from stored ones, which were kept"),
        (tally.rows_replaced, "took the place of stored ones that differ"),
        (found.bad.count, "rows were left out"),
        (found.other_symbols, "rows are of other symbols"),
    ] {
        if count > 0 {
            say!("  {} {what}", count_text(count));
        }
    }
    match done.receipt.snapshot {
        Some(snapshot) if done.commits > 1 => {
            say!("  {} commits up to snapshot {snapshot} of {location}", done.commits)
        }
        Some(snapshot) => say!("  snapshot {snapshot} of {location}"),
        None if args.dry_run => say!("  dry run: nothing was written to {location}"),
        None => say!("  nothing to commit in {location}"),
    }
}

fn report_json(args: &Common, done: &Imported, location: &str, (first, last): (UnixNanos, UnixNanos)) {
    let (tally, found) = (&done.receipt.tally, &done.survey);
    let reasons: serde_json::Map<String, serde_json::Value> =
        found.bad.by_kind().map(|(kind, count)| (format!("{kind:?}").to_lowercase(), count.into())).collect();
    let series: Vec<serde_json::Value> = done
        .receipt
        .series
        .iter()
        .map(|(bar_type, tally)| serde_json::json!({"bar_type": bar_type, "rows_added": tally.rows_added, "rows_identical": tally.rows_identical,
            "rows_kept": tally.rows_kept, "rows_replaced": tally.rows_replaced}))
        .collect();
    let preview: Vec<serde_json::Value> = found
        .preview
        .iter()
        .map(|(at, bar)| serde_json::json!({"bar_type": found.series[*at].bar_type, "ts_event": bar.ts_event, "open": bar.open, "high": bar.high,
            "low": bar.low, "close": bar.close, "volume": bar.volume}))
        .collect();
    let layouts: Vec<serde_json::Value> = found
        .layouts
        .iter()
        .map(|(file, layout)| serde_json::json!({"file": file, "layout": layout}))
        .collect();
    let bar_type = match &found.series[..] {
        [one] => Some(&one.bar_type),
        _ => None,
    };
    let summary = serde_json::json!({
        "bar_type": bar_type, "catalog": location, "dry_run": args.dry_run, "snapshot": done.receipt.snapshot, "commits": done.commits, "first": first, "last": last,
        "rows_added": tally.rows_added, "rows_identical": tally.rows_identical, "rows_kept": tally.rows_kept, "rows_replaced": tally.rows_replaced,
        "rows_left_out": found.bad.count, "left_out_by_reason": reasons,
        "partitions_added": tally.partitions_added, "partitions_removed": tally.partitions_removed, "bytes_added": tally.bytes_added,
        "series": series, "files": layouts, "preview": preview,
    });
    say!("{summary}");
}

fn list_presets() -> Result<()> {
    for preset in PRESETS {
        say!(
            "{}\n  {}\n  recognised by: {}\n  {}\n",
            preset.name,
            preset.about,
            preset.recognised_by,
            preset.summary()
        );
    }
    say!("none\n  no conventions: columns by their usual names, stamps and zone as given");
    Ok(())
}
