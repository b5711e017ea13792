//! Bars from CSV files, plain or gzip.
//!
//! Every row is checked: numbers exact, stamps on the bar's grid and strictly ascending, low ≤ open, close ≤ high, volume ≥ 0.
//! A bad row is reported with its line and its reason; nothing is guessed silently, and what was assumed is said.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bars::{Bar, BarColumns, BarSpec, Calendar, DAY, Date, Decimal, SECOND, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use jiff::civil;
use jiff::tz::TimeZone;

/// Which moment of a bar the file's stamps name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Stamp {
    /// The bar's first moment, as most files have it.
    Open,
    /// The bar's last moment, as the catalog stores it.
    Close,
}

/// How to read a file.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Size of the bars.
    pub spec: BarSpec,
    /// What stamps name.
    pub stamp: Stamp,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
    /// Header names of time, open, high, low, close and volume, where they are not the usual ones.
    pub columns: Vec<(String, String)>,
    /// Whether there is no volume, which is then stored as 0.
    pub no_volume: bool,
    /// When the market trades; says when a daily bar closes.
    pub calendar: Option<Calendar>,
}

/// A row that is not a bar.
#[derive(Clone, Debug)]
pub struct BadRow {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: u64,
    /// The row as it stands.
    pub text: String,
    /// What is wrong.
    pub reason: String,
}

/// What a file held.
#[derive(Debug, Default)]
pub struct CsvBars {
    /// Good rows, ascending.
    pub bars: BarColumns<Decimal>,
    /// Rows that were left out.
    pub bad: Vec<BadRow>,
    /// Most decimals of a price.
    pub price_precision: u8,
    /// Most decimals of a volume.
    pub size_precision: u8,
}

const FIELDS: [(&str, &[&str]); 6] = [
    (
        "time",
        &[
            "time",
            "timestamp",
            "datetime",
            "date",
            "ts",
            "ts_event",
            "open_time",
            "open time",
            "unix",
            "gmt time",
        ],
    ),
    ("open", &["open", "o"]),
    ("high", &["high", "h"]),
    ("low", &["low", "l"]),
    ("close", &["close", "c", "last"]),
    ("volume", &["volume", "vol", "v", "qty"]),
];

/// Reads the files one after the other as one series.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a file is empty, lacks a column or ends in the middle, [`ErrorKind::NotFound`] if there is none.
/// Bad rows are no error here: the caller decides.
pub fn read_csv(
    files: &[PathBuf],
    options: &CsvOptions,
    mut on_progress: impl FnMut(u64),
) -> Result<CsvBars> {
    let mut found = CsvBars::default();
    for file in files {
        read_file(file, options, &mut found, &mut on_progress)?;
    }
    Ok(found)
}

fn read_file(
    file: &Path,
    options: &CsvOptions,
    found: &mut CsvBars,
    on_progress: &mut impl FnMut(u64),
) -> Result<()> {
    let name = file.display();
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(open(file)?);
    let header = reader.headers().map_err(|error| unreadable(file, &error))?.clone();
    if header.is_empty() || header.iter().all(str::is_empty) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("`{name}` is empty"))
            .because("it has no header line")
            .then("export the file again"));
    }
    let columns = find_columns(file, &header, options)?;
    let rows_before = found.bars.len() + found.bad.len();
    let mut row = csv::StringRecord::new();
    let mut bad_in_a_row = 0u32;
    loop {
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) if error.is_io_error() => return Err(unreadable(file, &error)),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                found.bad.push(BadRow {
                    file: file.to_owned(),
                    line,
                    text: String::new(),
                    reason: error.to_string(),
                });
                bad_in_a_row += 1;
                if bad_in_a_row > 1000 {
                    break;
                }
                continue;
            }
        }
        let line = row.position().map_or(0, csv::Position::line);
        match read_row(&row, &columns, options, found) {
            Ok(bar) => found.bars.push(&bar),
            Err(reason) => {
                let text = row.iter().collect::<Vec<_>>().join(",");
                found.bad.push(BadRow { file: file.to_owned(), line, text, reason });
            }
        }
        if line.is_multiple_of(4096) {
            on_progress(line);
        }
    }
    if found.bars.len() + found.bad.len() == rows_before {
        return Err(Error::new(ErrorKind::InvalidInput, format!("`{name}` holds no rows"))
            .because("it has a header and nothing below it")
            .then("export the file again"));
    }
    Ok(())
}

/// The file's text; gzip is recognised by its first bytes.
fn open(file: &Path) -> Result<Box<dyn Read>> {
    let name = file.display();
    let opened = File::open(file).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::SourceUnavailable
        };
        Error::new(kind, format!("could not open `{name}`")).because(error).then("check the file's name")
    })?;
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("`{name}` is a directory"))
            .then(format!("name its files: `{name}/*.csv`")));
    }
    let mut reader = BufReader::with_capacity(1 << 16, opened);
    let magic = reader.fill_buf().map_err(|error| {
        Error::new(ErrorKind::SourceUnavailable, format!("could not read `{name}`")).because(error)
    })?;
    Ok(if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    })
}

fn unreadable(file: &Path, error: &csv::Error) -> Error {
    let name = file.display();
    match error.kind() {
        csv::ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::InvalidInput, format!("`{name}` ends in the middle"))
                .because("its gzip stream is cut off")
                .then("download or copy the file again; nothing was imported")
        }
        csv::ErrorKind::Io(io) => Error::new(ErrorKind::InvalidInput, format!("`{name}` could not be read"))
            .because(io)
            .then("download or copy the file again; nothing was imported"),
        _ => Error::new(ErrorKind::InvalidInput, format!("`{name}` is not a CSV file"))
            .because(error)
            .then("save it as comma-separated text in UTF-8"),
    }
}

/// Where time, open, high, low, close and volume stand; volume may be missing if there is none.
struct Positions {
    time: usize,
    prices: [usize; 4],
    volume: Option<usize>,
}

fn find_columns(file: &Path, header: &csv::StringRecord, options: &CsvOptions) -> Result<Positions> {
    let position = |name: &str| {
        header.iter().position(|column| column.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
    };
    let find = |field: usize| -> Result<Option<usize>> {
        let (field, usual) = FIELDS[field];
        if let Some((_, chosen)) = options.columns.iter().find(|(name, _)| name == field) {
            let found = position(chosen);
            return found.map(Some).ok_or_else(|| no_column(file, header, field, &format!("`{chosen}`")));
        }
        Ok(usual.iter().find_map(|name| position(name)))
    };
    let need = |field: usize| {
        find(field)?.ok_or_else(|| {
            no_column(file, header, FIELDS[field].0, &format!("one named {}", FIELDS[field].1.join(", ")))
        })
    };
    let volume = if options.no_volume { None } else { Some(need(5)?) };
    Ok(Positions { time: need(0)?, prices: [need(1)?, need(2)?, need(3)?, need(4)?], volume })
}

fn no_column(file: &Path, header: &csv::StringRecord, field: &str, looked_for: &str) -> Error {
    let columns: Vec<String> = header.iter().map(|column| format!("`{column}`")).collect();
    let error =
        Error::new(ErrorKind::InvalidInput, format!("`{}` has no column for the {field}", file.display()))
            .because(format!("line 1 has the columns {}; looked for {looked_for}", columns.join(", ")))
            .then(format!("say which column it is: `--columns {field}=NAME`"));
    if field == "volume" { error.then("or say that there is none: `--no-volume`") } else { error }
}

/// One row as a bar, or what is wrong with it.
fn read_row(
    row: &csv::StringRecord,
    columns: &Positions,
    options: &CsvOptions,
    found: &mut CsvBars,
) -> Result<Bar, String> {
    let field = |at: usize, name: &str| {
        row.get(at).filter(|text| !text.is_empty()).ok_or_else(|| format!("the {name} is missing"))
    };
    let number = |at: usize, name: &str| {
        field(at, name)?.parse::<Decimal>().map_err(|error| format!("the {name} {error}"))
    };
    let close_stamp = read_stamp(field(columns.time, "time")?, options)?;
    let names = ["open", "high", "low", "close"];
    let mut prices = [Decimal::ZERO; 4];
    for (at, price) in prices.iter_mut().enumerate() {
        *price = number(columns.prices[at], names[at])?;
    }
    let volume = columns.volume.map_or(Ok(Decimal::ZERO), |at| number(at, "volume"))?;
    let [open, high, low, close] = prices;
    let bar = Bar { open, high, low, close, volume, ts_event: close_stamp, ts_init: close_stamp };
    bar.check().map_err(|fault| {
        format!("{fault}: open {open}, high {high}, low {low}, close {close}, volume {volume}")
    })?;
    match found.bars.ts_init.last() {
        Some(last) if *last == close_stamp.0 => {
            return Err(format!(
                "its stamp is the one of the row before: the bar that closes at {close_stamp} comes twice"
            ));
        }
        Some(last) if *last > close_stamp.0 => {
            return Err(format!(
                "it is out of order: it closes at {close_stamp}, the row before at {}",
                UnixNanos(*last)
            ));
        }
        _ => {}
    }
    found.price_precision = prices.iter().map(|price| price.precision()).fold(found.price_precision, u8::max);
    found.size_precision = found.size_precision.max(volume.precision());
    Ok(bar)
}

/// The close of the bar that a row's time names.
fn read_stamp(text: &str, options: &CsvOptions) -> Result<UnixNanos, String> {
    let interval = options.spec.interval();
    let stamp = match whole_date(text) {
        Some(date) if interval == Some(DAY) => return Ok(daily_close(date, options)),
        Some(date) => zoned(date.to_datetime(civil::Time::midnight()), &options.zone)?,
        None => instant(text, &options.zone)?,
    };
    let Some(interval) = interval else { return Ok(stamp) };
    if interval == DAY {
        // A daily bar's time of day is a matter of the file; its date is what counts.
        let at = jiff::Timestamp::from_nanosecond(i128::from(stamp.0)).map_err(|error| error.to_string())?;
        let date = options.zone.to_datetime(at).date();
        return Ok(if options.stamp == Stamp::Close { stamp } else { daily_close(date, options) });
    }
    if interval < DAY && stamp.0.rem_euclid(interval) != 0 {
        return Err(format!(
            "its time {stamp} is not on the grid of {}-{} bars",
            options.spec.step, options.spec.aggregation
        ));
    }
    Ok(if options.stamp == Stamp::Open { stamp.plus(interval) } else { stamp })
}

/// A date without a time: `2024-01-08` or `20240108`. A date's parser would also take the first half of a date and time.
fn whole_date(text: &str) -> Option<Date> {
    let is_date = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
        || text.len() == 10 && text.contains('-');
    is_date.then(|| text.parse().ok()).flatten()
}

/// When a daily bar closes: with its session if the calendar is known, else at the next UTC midnight.
fn daily_close(date: Date, options: &CsvOptions) -> UnixNanos {
    let close = options.calendar.and_then(|calendar| calendar.session_close(date));
    close.unwrap_or_else(|| UnixNanos::midnight(date).plus(DAY))
}

/// A time as ISO 8601, with an offset or in `zone`, or as Unix seconds, milli-, micro- or nanoseconds by its number of digits.
fn instant(text: &str, zone: &TimeZone) -> Result<UnixNanos, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let value: i64 = text.parse().map_err(|_| format!("the time `{text}` is too large"))?;
        let unit = match digits.len() {
            0..=11 => SECOND,
            12..=14 => 1_000_000,
            15..=17 => 1_000,
            _ => 1,
        };
        return value
            .checked_mul(unit)
            .map(UnixNanos)
            .ok_or_else(|| format!("the time `{text}` is too large"));
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return in_range(timestamp);
    }
    let naive = text.parse::<civil::DateTime>().map_err(|_| {
        format!("the time `{text}` is neither ISO 8601, like 2024-01-08 14:30:00, nor a Unix time")
    })?;
    zoned(naive, zone)
}

fn zoned(naive: civil::DateTime, zone: &TimeZone) -> Result<UnixNanos, String> {
    let ambiguous = zone.to_ambiguous_timestamp(naive);
    match ambiguous.unambiguous() {
        Ok(timestamp) => in_range(timestamp),
        Err(_) => {
            let name = zone.iana_name().unwrap_or("its zone");
            Err(format!(
                "the time {naive} does not exist once in {name}: the clocks change there; give times in UTC or with an offset"
            ))
        }
    }
}

fn in_range(timestamp: jiff::Timestamp) -> Result<UnixNanos, String> {
    i64::try_from(timestamp.as_nanosecond())
        .map(UnixNanos)
        .map_err(|_| "its time lies outside the years 1678 to 2261".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn options(bar: &str) -> CsvOptions {
        CsvOptions {
            spec: bar.parse().unwrap(),
            stamp: Stamp::Open,
            zone: TimeZone::UTC,
            columns: Vec::new(),
            no_volume: false,
            calendar: None,
        }
    }

    fn read(text: &str, options: &CsvOptions) -> Result<CsvBars> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bars.csv");
        std::fs::write(&file, text).unwrap();
        read_csv(&[file], options, |_| {})
    }

    #[test]
    fn stamps_become_closes() {
        let new_york = CsvOptions { zone: TimeZone::get("America/New_York").unwrap(), ..options("1-MINUTE") };
        let at_close = CsvOptions { stamp: Stamp::Close, ..options("1-MINUTE") };
        let daily = CsvOptions { calendar: Some(Calendar::UsEquities), ..options("1-DAY") };
        for (time, options, expected) in [
            ("1704724200", &options("1-MINUTE"), "2024-01-08T14:31:00Z"),
            ("1704724200000", &options("1-MINUTE"), "2024-01-08T14:31:00Z"),
            ("1704724200000000000", &options("1-MINUTE"), "2024-01-08T14:31:00Z"),
            ("2024-01-08T14:30:00", &options("1-MINUTE"), "2024-01-08T14:31:00Z"),
            ("2024-01-08 14:30:00+01:00", &options("5-MINUTE"), "2024-01-08T13:35:00Z"),
            ("2024-01-08 09:30", &new_york, "2024-01-08T14:31:00Z"),
            ("2024-01-08 14:31:00", &at_close, "2024-01-08T14:31:00Z"),
            ("2024-01-08", &options("1-DAY"), "2024-01-09T00:00:00Z"),
            ("2024-01-08", &daily, "2024-01-08T21:00:00Z"),
            ("20240108", &daily, "2024-01-08T21:00:00Z"),
            ("2024-07-03", &daily, "2024-07-03T17:00:00Z"),
        ] {
            assert_eq!(read_stamp(time, options).unwrap().to_string(), expected, "{time}");
        }
        let shown = |time: &str, options: &CsvOptions| read_stamp(time, options).unwrap_err();
        assert!(shown("2024-03-10 02:30", &new_york).contains("clocks change"));
        assert!(shown("2024-11-03 01:30", &new_york).contains("clocks change"));
        assert!(shown("2024-01-08 14:30:30", &options("1-MINUTE")).contains("grid"));
        assert!(shown("08/01/2024", &options("1-MINUTE")).contains("neither"));
    }

    #[test]
    fn bad_rows_are_named() {
        let header = "timestamp,open,high,low,close,volume\n";
        let good = "1704724200,1,2,0.5,1.5,10\n";
        for (row, reason) in [
            ("1704724260,1,2,0.5,abc,10", "`abc` is not a decimal number"),
            ("1704724260,1,2,0.5,,10", "the close is missing"),
            ("1704724260,1,2,0.5", "the close is missing"),
            ("1704724260,1,1.2,0.5,1.5,10", "the high is below"),
            ("1704724260,1,2,1.1,1.5,10", "the low is above"),
            ("1704724260,1,2,0.5,1.5,-10", "the volume is negative"),
            ("1704724260,1,inf,0.5,1.5,10", "is not a decimal number"),
            ("1704724200,1,2,0.5,1.5,10", "comes twice"),
            ("1704724140,1,2,0.5,1.5,10", "out of order"),
            ("1704724261,1,2,0.5,1.5,10", "grid"),
        ] {
            let found = read(&format!("{header}{good}{row}\n"), &options("1-MINUTE")).unwrap();
            assert_eq!((found.bars.len(), found.bad.len()), (1, 1), "{row}");
            assert_eq!(found.bad[0].line, 3, "{row}");
            assert!(found.bad[0].reason.contains(reason), "{row}: {}", found.bad[0].reason);
        }
    }

    #[test]
    fn bad_files_are_refused() {
        for (text, reason) in [
            ("", "is empty"),
            ("timestamp,open,high,low,close,volume\n", "no rows"),
            ("timestamp,open,high,low,volume\n1,1,1,1,1\n", "no column for the close"),
        ] {
            let error = read(text, &options("1-MINUTE")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidInput);
            assert!(error.what.contains(reason), "{}", error.what);
        }
        let directory = tempfile::tempdir().unwrap();
        let missing =
            read_csv(&[directory.path().join("none.csv")], &options("1-MINUTE"), |_| {}).unwrap_err();
        assert_eq!(missing.kind, ErrorKind::NotFound);
    }

    #[test]
    fn a_cut_gzip_is_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"timestamp,open,high,low,close,volume\n").unwrap();
        for minute in 0..5000 {
            writeln!(encoder, "{},1,2,0.5,1.5,{}", 1_704_724_200 + minute * 60, minute * 7919 % 1000)
                .unwrap();
        }
        let packed = encoder.finish().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bars.csv.gz");
        std::fs::write(&file, &packed).unwrap();
        assert_eq!(
            read_csv(std::slice::from_ref(&file), &options("1-MINUTE"), |_| {}).unwrap().bars.len(),
            5000
        );
        std::fs::write(&file, &packed[..packed.len() / 2]).unwrap();
        let error = read_csv(&[file], &options("1-MINUTE"), |_| {}).unwrap_err();
        assert!(error.what.contains("ends in the middle"), "{error}");
    }

    #[test]
    fn precision_is_inferred() {
        let found = read(
            "time,open,high,low,close,volume\n2024-01-08,1.10,2.125,0.5,1.5,10.00000001\n",
            &options("1-DAY"),
        )
        .unwrap();
        assert_eq!((found.price_precision, found.size_precision), (3, 8));
    }
}
