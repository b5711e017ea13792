//! How one file is laid out: found from its first lines, from what the caller said, and from the conventions of its source.

use bars::{Aggregation, DAY};
use catalog::{Error, ErrorKind, Result};
use jiff::tz::{Offset, TimeZone};

use super::input::{Content, Input};
use super::numbers::{Guess, NumberFormat, guess_format};
use super::options::{Field, ImportOptions, PresetChoice, Stamp};
use super::places::{Places, counted_places, named_places};
use super::presets::{Preset, PresetZone};
use super::sample::Sample;
use super::times::{Moment, TimeFormat, TimeReader, year_last};

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
