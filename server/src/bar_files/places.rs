//! Where a bar's fields stand in a row: by the names of columns, or by their order.

use catalog::{Error, ErrorKind, Result};

use super::options::{Field, ImportOptions};
use super::presets::Preset;
use super::sample::Sample;
use super::times::{is_date, is_time_of_day};

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
pub(super) fn counted_places(sample: &Sample, options: &ImportOptions) -> Result<Places> {
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
