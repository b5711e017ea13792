//! How one file is laid out: found from its first lines, from what the caller said, and from the conventions of its source.

use std::io::Read;

use bars::{Aggregation, DAY, Date};
use catalog::{Error, ErrorKind, Result};
use jiff::tz::{Offset, TimeZone};

use super::input::{Content, Input, text_error};
use super::numbers::{Guess, NumberFormat, guess_format};
use super::options::{Field, ImportOptions, PresetChoice, Stamp};
use super::presets::{Preset, PresetZone};
use super::times::{Moment, TimeFormat, TimeReader, is_date, is_time_of_day, year_last};

/// Bytes of a file that are looked at to tell its layout.
const SAMPLE_BYTES: u64 = 64 << 10;
/// Rows of it.
const SAMPLE_ROWS: usize = 200;
/// Columns that a bar needs at least.
const FEWEST_COLUMNS: usize = 5;

/// The first lines of a file.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The file, as it is shown.
    pub name: String,
    /// Its own name.
    pub file_name: String,
    /// What separates columns.
    pub delimiter: u8,
    /// The names of the columns, if the first line holds such.
    pub raw_header: Option<Vec<String>>,
    /// The rows below.
    pub rows: Vec<Vec<String>>,
    /// A date that the file's name begins with, as Lean's do.
    pub file_date: Option<Date>,
    header: Option<Vec<String>>,
}

/// Where a bar's fields stand in a row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// The time, or the time of day.
    pub time: usize,
    /// The date, if it has a column of its own.
    pub date: Option<usize>,
    /// Open, high, low and close.
    pub prices: [usize; 4],
    /// The volume.
    pub volume: Option<usize>,
    /// The symbol.
    pub symbol: Option<usize>,
}

/// How to read one file.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What separates columns.
    pub delimiter: u8,
    /// Lines that are no rows, header included.
    pub skip_lines: u64,
    /// Where the fields stand.
    pub places: Places,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// Prices are integers of 10^-n.
    pub price_shift: u8,
    /// How to read times.
    pub times: TimeReader,
    /// What stamps name.
    pub stamp: Stamp,
    /// A volume of -1 says that there is none.
    pub minus_one_volume: bool,
    /// The last row is the oldest.
    pub newest_first: bool,
    /// The first row's time, to put files in order.
    pub first: Option<i64>,
    /// The source whose conventions were taken.
    pub preset: Option<&'static Preset>,
    /// What was taken for granted, for the user.
    pub notes: Vec<String>,
    /// In short: what the file is.
    pub summary: String,
}

impl Sample {
    /// Whether the header has all of these columns.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.position(name).is_some())
    }

    /// Whether the header has one of these columns.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.position(name).is_some())
    }

    /// The first row of a file without a header.
    pub fn first_row(&self) -> Option<&Vec<String>> {
        self.rows.first().filter(|_| self.header.is_none())
    }

    /// Whether the file is named as HistData names its files.
    pub fn is_histdata(&self) -> bool {
        ["DAT_ASCII_", "DAT_MT_", "DAT_NT_", "DAT_XLSX_", "DAT_MS_"]
            .iter()
            .any(|prefix| self.file_name.starts_with(prefix))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.header.as_ref()?.iter().position(|column| column == &normal(name))
    }

    /// A sample of columns named as in a Parquet or Arrow file.
    pub(super) fn of_columns(name: &str, columns: Vec<String>) -> Self {
        let header = Some(columns.iter().map(|column| normal(column)).collect());
        Self { name: name.to_owned(), raw_header: Some(columns), header, ..Self::default() }
    }

    fn read(input: &Input, options: &ImportOptions) -> Result<Self> {
        let text = input.with_text(|reader| {
            let mut bytes = Vec::new();
            let read = reader.take(SAMPLE_BYTES).read_to_end(&mut bytes);
            read.map_err(|error| text_error(&input.name, &error))?;
            Ok(bytes)
        })?;
        let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        if text.len() as u64 == SAMPLE_BYTES && lines.len() > 1 {
            // The last line goes on where the sample ends.
            lines.pop();
        }
        refuse_other_contents(input, &text)?;
        let lines = lines.get(options.layout.skip_lines as usize..).unwrap_or_default();
        let text = lines.concat();
        let delimiter = options.layout.delimiter.unwrap_or_else(|| guess_delimiter(lines));
        let mut rows = records(&text, delimiter).into_iter();
        let first = rows.next().unwrap_or_default();
        if first.iter().all(String::is_empty) {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is empty", input.name))
                .because("it has no header line and no rows")
                .then("export the file again"));
        }
        let has_header = options.layout.header.unwrap_or_else(|| looks_like_header(&first));
        let mut sample = Self {
            name: input.name.clone(),
            file_name: input.file_name.clone(),
            delimiter,
            file_date: input
                .file_name
                .get(..8)
                .filter(|_| input.file_name.as_bytes().get(8) == Some(&b'_'))
                .and_then(|text| text.parse().ok()),
            ..Self::default()
        };
        if has_header {
            sample.header = Some(first.iter().map(|column| normal(column)).collect());
            sample.raw_header = Some(first);
        } else {
            sample.rows.push(first);
        }
        sample.rows.extend(rows.take(SAMPLE_ROWS));
        if sample.rows.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, format!("`{}` holds no rows", input.name))
                .because("it has a header and nothing below it")
                .then("export the file again"));
        }
        Ok(sample)
    }
}

impl Layout {
    /// How a text file is laid out.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is empty, lacks a column, or leaves open what only its owner can know.
    pub fn detect(input: &Input, options: &ImportOptions) -> Result<Self> {
        debug_assert_eq!(input.content, Content::Text);
        let sample = Sample::read(input, options)?;
        let preset = choose_preset(&sample, options)?;
        let places = if sample.header.is_some() {
            named_places(&sample, preset, options)?
        } else {
            counted_places(&sample, options)?
        };
        let column = |at: usize| sample.rows.iter().filter_map(move |row| row.get(at)).map(String::as_str);
        let numbers = choose_numbers(&sample, &places, options)?;
        let mut layout = Self::new(&sample, preset, places, options)?;
        layout.numbers = numbers;
        layout.note_guesses(&sample, options);
        layout.price_shift = options
            .layout
            .price_shift
            .unwrap_or_else(|| price_shift(preset, places.prices.iter().flat_map(|at| column(*at))));
        layout.delimiter = sample.delimiter;
        layout.skip_lines = options.layout.skip_lines + u64::from(sample.header.is_some());
        layout.settle_times(&sample, options)?;
        layout.summary = layout.describe(&sample);
        Ok(layout)
    }

    /// What does not depend on text: stamps, zone, price type.
    pub(super) fn new(
        sample: &Sample,
        preset: Option<&'static Preset>,
        places: Places,
        options: &ImportOptions,
    ) -> Result<Self> {
        ask_price_type(sample, preset, options)?;
        let mut notes = Vec::new();
        if let Some(preset) = preset {
            let chosen = if matches!(options.layout.preset, PresetChoice::Named(_)) {
                format!("`{}` is read as", sample.name)
            } else {
                format!("`{}` looks like", sample.name)
            };
            let off = if matches!(options.layout.preset, PresetChoice::Named(_)) {
                ""
            } else {
                "; `--preset none` reads it without these conventions"
            };
            notes.push(format!("{chosen} {}: {} ({}){off}", preset.name, preset.about, preset.summary()));
        }
        let stated = options.stamp.or_else(|| preset.and_then(|preset| preset.stamp));
        if stated.is_none() {
            notes.push(
                "the files' times were taken for bar opens; say `--stamp close` if they are closes"
                    .to_owned(),
            );
        }
        let stamp = stated.unwrap_or(Stamp::Open);
        if matches!(options.spec.aggregation, Aggregation::Month | Aggregation::Year) && stamp == Stamp::Open
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "opens of monthly and yearly bars cannot be turned into closes",
            )
            .then("give their closes and say so: `--stamp close`"));
        }
        let format = options
            .layout
            .time_format
            .unwrap_or_else(|| preset.map_or(TimeFormat::Auto, |preset| preset.time_format));
        let zone = options.zone.clone().or_else(|| preset.and_then(preset_zone));
        let daily_opens = options.spec.interval() == Some(DAY) && stamp == Stamp::Open;
        Ok(Self {
            delimiter: b',',
            skip_lines: 0,
            places,
            numbers: NumberFormat::default(),
            price_shift: 0,
            times: TimeReader::new(format, zone, sample.file_date).only_dates(daily_opens),
            stamp,
            minus_one_volume: preset.is_some_and(|preset| preset.minus_one_volume),
            newest_first: false,
            first: None,
            preset,
            notes,
            summary: String::new(),
        })
    }

    /// Finds the order of day and month, the order of rows, and asks for a zone if there is no telling.
    fn settle_times(&mut self, sample: &Sample, options: &ImportOptions) -> Result<()> {
        let places = self.places;
        let texts = |row: &Vec<String>| {
            let cell = |at: usize| row.get(at).cloned().unwrap_or_default();
            match places.date {
                Some(date) => (cell(date), Some(cell(places.time))),
                None => (cell(places.time), None),
            }
        };
        let times: Vec<(String, Option<String>)> = sample.rows.iter().map(texts).collect();
        let zone = options.zone.clone().or_else(|| self.preset.and_then(preset_zone));
        if options.layout.time_format.is_none()
            && self.preset.is_none_or(|preset| preset.time_format == TimeFormat::Auto)
            && let Some(format) = day_order(sample, &times)?
        {
            let daily_opens = options.spec.interval() == Some(DAY) && self.stamp == Stamp::Open;
            self.times = TimeReader::new(format, zone.clone(), sample.file_date).only_dates(daily_opens);
            let order = if format == TimeFormat::DayFirst { "day/month/year" } else { "month/day/year" };
            self.notes.push(format!(
                "dates in `{}` are read as {order}, for no other order fits its first rows",
                sample.name
            ));
        }
        // Without a zone a local time is refused; that is how one sees that there are such.
        let mut probe = self.times.clone();
        let mut moments = Vec::new();
        for (date, clock) in &times {
            match probe.read(date.as_bytes(), clock.as_deref().map(str::as_bytes)) {
                Ok(Moment::Instant(instant)) => moments.push(instant.0),
                Ok(Moment::Date(date))
                    if zone.is_some() || options.spec.interval().is_some_and(|interval| interval >= DAY) =>
                {
                    moments.push(bars::UnixNanos::midnight(date).0);
                }
                Ok(Moment::Twice { early, .. }) => moments.push(early.0),
                Ok(Moment::Date(_)) => return Err(ask_zone(sample, self.preset, date)),
                Err(fault) if zone.is_none() && fault.reason.contains("--tz") => {
                    return Err(ask_zone(sample, self.preset, date));
                }
                Err(_) => {}
            }
        }
        self.first = moments.first().copied();
        self.newest_first =
            places.symbol.is_none() && moments.len() >= 3 && moments.windows(2).all(|pair| pair[0] > pair[1]);
        if self.newest_first {
            self.first = moments.last().copied();
            self.notes.push(format!("`{}` is newest first and was read from its end", sample.name));
        }
        Ok(())
    }

    /// Says what was taken for granted about columns and numbers.
    fn note_guesses(&mut self, sample: &Sample, options: &ImportOptions) {
        let name = &sample.name;
        if sample.header.is_none() && self.preset.is_none() && options.layout.columns.is_empty() {
            let volume = if self.places.volume.is_some() { " and volume" } else { "" };
            self.notes.push(format!(
                "`{name}` has no header; its columns were taken for time, open, high, low, close{volume}"
            ));
        }
        if options.layout.numbers.format().is_none() && self.numbers != NumberFormat::default() {
            let mark = if self.numbers.decimal_mark == b',' { "a decimal comma" } else { "a decimal point" };
            let thousands = self
                .numbers
                .thousands
                .map_or(String::new(), |byte| format!(" and `{}` between thousands", char::from(byte)));
            self.notes.push(format!("numbers in `{name}` were read with {mark}{thousands}"));
        }
    }

    fn describe(&self, sample: &Sample) -> String {
        let delimiter = match self.delimiter {
            b'\t' => "tabs".to_owned(),
            byte => format!("`{}`", char::from(byte)),
        };
        let name = |at: usize| match &sample.raw_header {
            Some(header) => header.get(at).cloned().unwrap_or_default(),
            None => format!("{}", at + 1),
        };
        let mut columns = Vec::new();
        columns.extend(self.places.symbol.map(|at| format!("symbol={}", name(at))));
        columns.extend(self.places.date.map(|at| format!("date={}", name(at))));
        columns.push(format!("time={}", name(self.places.time)));
        columns.extend(
            Field::PRICES.iter().zip(self.places.prices).map(|(field, at)| format!("{field}={}", name(at))),
        );
        columns.push(self.places.volume.map_or("no volume".to_owned(), |at| format!("volume={}", name(at))));
        let mark = char::from(self.numbers.decimal_mark);
        let shift = if self.price_shift > 0 {
            format!(", prices in units of 1e-{}", self.price_shift)
        } else {
            String::new()
        };
        let stamp = if self.stamp == Stamp::Open { "opens" } else { "closes" };
        let header = if sample.header.is_some() { "a header" } else { "no header" };
        format!(
            "{}; separated by {delimiter}, {header}; {}; decimal mark `{mark}`{shift}; stamps are bar {stamp}",
            self.preset.map_or("no preset", |preset| preset.name),
            columns.join(" ")
        )
    }
}

pub(super) fn choose_preset(sample: &Sample, options: &ImportOptions) -> Result<Option<&'static Preset>> {
    match options.layout.preset {
        PresetChoice::None => Ok(None),
        PresetChoice::Named(preset) => Ok(Some(preset)),
        PresetChoice::Detect => Preset::detect(sample),
    }
}

fn preset_zone(preset: &'static Preset) -> Option<(TimeZone, String)> {
    match preset.zone {
        PresetZone::InText | PresetZone::Ask => None,
        PresetZone::Fixed(hours, name) => Some((TimeZone::fixed(Offset::constant(hours)), name.to_owned())),
        PresetZone::Iana(name) => TimeZone::get(name).ok().map(|zone| (zone, name.to_owned())),
    }
}

fn ask_price_type(sample: &Sample, preset: Option<&'static Preset>, options: &ImportOptions) -> Result<()> {
    let Some((preset, price)) = preset.and_then(|preset| Some((preset, preset.price_type?))) else {
        return Ok(());
    };
    if options.price_type_given {
        return Ok(());
    }
    let size = format!("{}-{}", options.spec.step, options.spec.aggregation);
    Err(Error::new(ErrorKind::InvalidInput, format!("say which prices the bars of `{}` show", sample.name))
        .because(format!(
            "files of {} hold {price} prices as a rule, and `--bar {size}` would store them as LAST",
            preset.name
        ))
        .then(format!("`--bar {size}-{price}` if they do"))
        .then(format!("`--bar {size}-LAST` if these are of trades")))
}

fn ask_zone(sample: &Sample, preset: Option<&'static Preset>, text: &str) -> Error {
    let why = match preset {
        Some(preset) => format!(
            "it holds times like `{text}`, which have no offset, and files of {} do not say their zone",
            preset.name
        ),
        None => format!("it holds times like `{text}`, which have no offset"),
    };
    Error::new(ErrorKind::InvalidInput, format!("say in which zone the times of `{}` are", sample.name))
        .because(why)
        .then("`--tz UTC` if they are in UTC")
        .then("`--tz America/New_York` if they are local times there; any name of the IANA database will do")
        .then("`--tz Etc/GMT+5` for a fixed offset, here five hours west of Greenwich")
}

/// The order of day and month in dates whose year comes last; `None` if there are no such dates.
fn day_order(sample: &Sample, times: &[(String, Option<String>)]) -> Result<Option<TimeFormat>> {
    let mut found = None;
    let (mut first_is_day, mut second_is_day) = (false, false);
    for (date, _) in times {
        if let Some((first, second)) = year_last(date.as_bytes()).filter(|(_, second)| *second > 0) {
            found = Some(date);
            first_is_day |= first > 12;
            second_is_day |= second > 12;
        }
    }
    let Some(example) = found else { return Ok(None) };
    match (first_is_day, second_is_day) {
        (true, false) => Ok(Some(TimeFormat::DayFirst)),
        (false, true) => Ok(Some(TimeFormat::MonthFirst)),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("say what comes first in the dates of `{}`", sample.name),
        )
        .because(format!("it holds dates like `{example}`, and its first rows fit both orders or none"))
        .then("`--time-format dmy` if the day comes first")
        .then("`--time-format mdy` if the month comes first")),
    }
}

fn choose_numbers(sample: &Sample, places: &Places, options: &ImportOptions) -> Result<NumberFormat> {
    if let Some(format) = options.layout.numbers.format() {
        return Ok(format);
    }
    let numeric = |text: &&str| {
        text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.' | ','))
    };
    let columns = |places: Vec<usize>| {
        let cells =
            sample.rows.iter().flat_map(move |row| places.clone().into_iter().filter_map(|at| row.get(at)));
        cells.map(String::as_str).filter(numeric)
    };
    match guess_format(columns(places.prices.into_iter().chain(places.volume).collect())) {
        Guess::Sure(format) => Ok(format),
        Guess::Ambiguous => {
            let example = columns(places.prices.to_vec())
                .find(|text| text.contains(','))
                .unwrap_or_default()
                .to_owned();
            Err(Error::new(ErrorKind::InvalidInput, format!("say what the comma means in the numbers of `{}`", sample.name))
                .because(format!("it holds numbers like `{example}`, which may be more than a thousand, or little more than {}", example.split(',').next().unwrap_or_default()))
                .then("`--thousands ,` if it stands between thousands")
                .then("`--decimal-mark ,` if it stands before the decimals"))
        }
    }
}

/// Databento writes fixed-point prices without a point, and others with one.
fn price_shift<'a>(preset: Option<&'static Preset>, mut prices: impl Iterator<Item = &'a str>) -> u8 {
    match preset {
        Some(preset) if preset.name == "databento" => {
            if prices.any(|price| price.contains('.')) {
                0
            } else {
                9
            }
        }
        Some(preset) => preset.price_shift,
        None => 0,
    }
}

/// Where the columns of a header stand.
pub(super) fn named_places(
    sample: &Sample,
    preset: Option<&'static Preset>,
    options: &ImportOptions,
) -> Result<Places> {
    let chosen = |field: Field| {
        options.layout.columns.iter().find(|(name, _)| *name == field).map(|(_, column)| column.as_str())
    };
    let width = sample.raw_header.as_ref().map_or(0, Vec::len);
    let find = |field: Field| -> Result<Option<usize>> {
        if let Some(column) = chosen(field) {
            let exact =
                sample.raw_header.as_ref().and_then(|header| header.iter().position(|name| name == column));
            let found = exact.or_else(|| sample.position(column)).or_else(|| column_number(column, width));
            return found.map(Some).ok_or_else(|| no_column(sample, field, &format!("`{column}`")));
        }
        let of_preset = preset.and_then(|preset| preset.columns.iter().find(|(name, _)| *name == field));
        if let Some(found) = of_preset.and_then(|(_, column)| sample.position(column)) {
            return Ok(Some(found));
        }
        Ok(field.usual_names().iter().find_map(|name| sample.position(name)))
    };
    let need = |field: Field| {
        find(field)?
            .ok_or_else(|| no_column(sample, field, &format!("one named {}", field.usual_names().join(", "))))
    };
    let time = need(Field::Time)?;
    let mut date = if chosen(Field::Time).is_some() {
        chosen(Field::Date).map_or(Ok(None), |_| find(Field::Date))?
    } else {
        find(Field::Date)?
    };
    let mut time = time;
    if date == Some(time) {
        date = None;
        // A date column with a column for the time of day beside it.
        if let Some(clock) = ["time", "hour", "timestamp"]
            .iter()
            .find_map(|name| sample.position(name))
            .filter(|clock| *clock != time)
        {
            (date, time) = (Some(time), clock);
        }
    }
    // A column called date that repeats a full time is left out.
    if let Some(at) = date.filter(|_| chosen(Field::Date).is_none()) {
        let clock = !sample.rows.is_empty()
            && sample
                .rows
                .iter()
                .filter_map(|row| row.get(time))
                .all(|text| is_time_of_day(text.as_bytes()) || text == "0");
        if !clock {
            date = None;
            let is_full = sample.rows.iter().filter_map(|row| row.get(time)).any(|text| !text.is_empty());
            if !is_full {
                time = at;
            }
        }
    }
    Ok(Places {
        time,
        date,
        prices: [need(Field::Open)?, need(Field::High)?, need(Field::Low)?, need(Field::Close)?],
        volume: if options.layout.no_volume { None } else { Some(need(Field::Volume)?) },
        symbol: find(Field::Symbol)?,
    })
}

/// Where columns stand that have no names: as the caller says, or in the order that everyone uses, if the prices fit it.
fn counted_places(sample: &Sample, options: &ImportOptions) -> Result<Places> {
    let row = sample.rows.first().map_or(&[][..], Vec::as_slice);
    let split = row.len() > 1
        && is_date(row[0].as_bytes())
        && is_time_of_day(row[1].as_bytes())
        && !row[0].contains(':');
    let start = if split { 2 } else { 1 };
    let mut places = Places {
        time: start - 1,
        date: split.then_some(0),
        prices: [start, start + 1, start + 2, start + 3],
        volume: (!options.layout.no_volume).then_some(start + 4),
        symbol: None,
    };
    for (field, column) in &options.layout.columns {
        let at = column_number(column, row.len())
            .ok_or_else(|| no_column(sample, *field, &format!("`{column}`")))?;
        match field {
            Field::Time => places.time = at,
            Field::Date => places.date = Some(at),
            Field::Volume => places.volume = Some(at),
            Field::Symbol => places.symbol = Some(at),
            price => {
                for (name, place) in Field::PRICES.iter().zip(&mut places.prices) {
                    if name == price {
                        *place = at;
                    }
                }
            }
        }
    }
    let widest = places.prices.into_iter().chain(places.volume).max().unwrap_or_default();
    if row.len() <= widest || !prices_fit(sample, &places) {
        return Err(unnamed(sample, row, widest));
    }
    Ok(places)
}

/// Whether the columns taken for prices are such in most rows of the sample.
fn prices_fit(sample: &Sample, places: &Places) -> bool {
    let number = |text: &String| text.replace([',', ' ', '\''], "").parse::<f64>().ok();
    let fits = |row: &&Vec<String>| {
        let prices: Option<Vec<f64>> = places.prices.iter().map(|at| row.get(*at).and_then(number)).collect();
        prices.is_some_and(|prices| {
            prices[1] >= prices[0].max(prices[3]) && prices[2] <= prices[0].min(prices[3])
        })
    };
    // Decimal commas are taken for separators here, which changes the order of some prices.
    sample.rows.iter().filter(fits).count() * 2 >= sample.rows.len()
}

fn unnamed(sample: &Sample, row: &[String], widest: usize) -> Error {
    let why = if row.len() <= widest {
        format!(
            "its rows have {} columns; without names they would be time, open, high, low, close and volume",
            row.len()
        )
    } else {
        "taken for time, open, high, low, close and volume, its first rows are no bars: the high is not the highest price".to_owned()
    };
    Error::new(ErrorKind::InvalidInput, format!("`{}` has no header that names its columns", sample.name))
        .because(format!("{why}; the first row is `{}`", row.join(&char::from(sample.delimiter).to_string())))
        .then(
            "say by number where the columns stand: `--columns time=1,open=2,high=3,low=4,close=5,volume=6`",
        )
        .then("or that there is no volume: `--no-volume`")
        .then("or name the source: `--preset NAME`, one of `barkeep import csv --list-presets`")
}

fn no_column(sample: &Sample, field: Field, looked_for: &str) -> Error {
    let columns: Vec<String> = match &sample.raw_header {
        Some(header) => header.iter().map(|column| format!("`{column}`")).collect(),
        None => vec!["no names".to_owned()],
    };
    let error =
        Error::new(ErrorKind::InvalidInput, format!("`{}` has no column for the {field}", sample.name))
            .because(format!("it has the columns {}; looked for {looked_for}", columns.join(", ")))
            .then(format!("say which column it is: `--columns {field}=NAME`"));
    if field == Field::Volume { error.then("or say that there is none: `--no-volume`") } else { error }
}

fn column_number(text: &str, width: usize) -> Option<usize> {
    text.parse::<usize>().ok().filter(|number| (1..=width).contains(number)).map(|number| number - 1)
}

/// A column's name as names are compared.
fn normal(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').trim_matches(['<', '>', '"']).trim().to_lowercase()
}

fn looks_like_header(cells: &[String]) -> bool {
    let named = |cell: &&String| {
        cell.trim_start_matches(['"', '<', '\u{feff}']).starts_with(|first: char| first.is_alphabetic())
    };
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    cells.iter().filter(named).count() * 2 > filled
}

fn guess_delimiter(lines: &[&[u8]]) -> u8 {
    let lines: Vec<&[u8]> =
        lines.iter().copied().filter(|line| !line.trim_ascii().is_empty()).take(50).collect();
    let width = |line: &[u8], delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count() + 1;
    let fits = |delimiter: &u8| {
        let Some(first) = lines.first().map(|line| width(line, *delimiter)) else { return false };
        first >= FEWEST_COLUMNS
            && lines.iter().filter(|line| width(line, *delimiter) == first).count() * 5 >= lines.len() * 4
    };
    // Commas last: they may be decimal marks between other delimiters.
    [b'\t', b';', b'|', b','].into_iter().find(fits).unwrap_or(b',')
}

fn records(text: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
    reader
        .byte_records()
        .filter_map(std::result::Result::ok)
        .take(SAMPLE_ROWS + 1)
        .map(|record| record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect())
        .collect()
}

fn refuse_other_contents(input: &Input, text: &[u8]) -> Result<()> {
    let what = if text.starts_with(b"PAR1") || text.starts_with(b"ARROW1") {
        "a packed Parquet or Arrow file"
    } else if text.contains(&0) {
        "binary, or UTF-16 without its mark"
    } else if text.trim_ascii_start().starts_with(b"<!DOCTYPE")
        || text.trim_ascii_start().starts_with(b"<html")
    {
        "a web page"
    } else if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") {
        "JSON"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("`{}` is not a CSV file", input.name))
        .because(format!("it is {what}"))
        .then("save it as comma-separated text in UTF-8, or as Parquet or Arrow that is not packed again"))
}
