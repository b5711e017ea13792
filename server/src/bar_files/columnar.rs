//! Bars from Parquet and Arrow files whose columns are mapped by name, a batch at a time.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Schema};
use bars::{DAY, Decimal};
use catalog::{Error, ErrorKind, Result, contain};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::arrow_file::ArrowBatches;
use super::fault::Fault;
use super::input::{Content, Input};
use super::layout::{Layout, choose_preset};
use super::options::{Field, ImportOptions, Stamp};
use super::places::{Places, named_places};
use super::presets::Preset;
use super::rows::{RawBar, Row, missing, number};
use super::sample::Sample;
use super::times::TimeReader;
use super::typed::{NumberColumn, TimeColumn, casted};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8192;

/// How the columns of a file become bars.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Parquet or Arrow.
    pub kind: &'static str,
    /// Where the fields stand among the columns that are read.
    pub places: Places,
    /// How to read times.
    pub times: TimeReader,
    /// What stamps name.
    pub stamp: Stamp,
    /// The source whose conventions were taken.
    pub preset: Option<&'static Preset>,
    /// What was taken for granted.
    pub notes: Vec<String>,
    /// In short: what the file is.
    pub summary: String,
    minus_one_volume: bool,
    price_shift: u8,
    /// Columns of the file to read, ascending.
    columns: Vec<usize>,
}

impl Mapping {
    /// How a file's columns are to be read.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is damaged, lacks a column, or leaves open what only its owner can know.
    pub fn detect(input: &Input, options: &ImportOptions) -> Result<Self> {
        let kind = if input.content == Content::Parquet { "Parquet" } else { "Arrow" };
        let schema = schema(input)?;
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        let sample = Sample::of_columns(&input.name, names);
        let preset = choose_preset(&sample, options)?;
        let places = named_places(&sample, preset, options)?;
        let layout = Layout::new(&sample, preset, places, options)?;
        let all = places
            .prices
            .into_iter()
            .chain([places.time])
            .chain(places.date)
            .chain(places.volume)
            .chain(places.symbol);
        let mut columns: Vec<usize> = all.collect();
        columns.sort_unstable();
        columns.dedup();
        let mapping = Self {
            kind,
            places: shifted(places, &columns),
            times: layout.times,
            stamp: layout.stamp,
            preset,
            notes: layout.notes,
            summary: summary(kind, &schema, &places, layout.stamp),
            minus_one_volume: layout.minus_one_volume,
            price_shift: options
                .layout
                .price_shift
                .unwrap_or_else(|| integer_shift(preset, &schema, &places)),
            columns,
        };
        mapping.ask_zone(input, &schema, &places, options)?;
        Ok(mapping)
    }

    fn ask_zone(
        &self,
        input: &Input,
        schema: &Schema,
        places: &Places,
        options: &ImportOptions,
    ) -> Result<()> {
        let intraday = options.spec.interval().is_none_or(|interval| interval < DAY);
        let local = matches!(schema.field(places.time).data_type(), DataType::Timestamp(_, None));
        if !(intraday && local && options.zone.is_none() && self.times.zone_name() == "UTC") {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("say in which zone the times of `{}` are", input.name),
        )
        .because(format!("its column `{}` is a timestamp without a zone", schema.field(places.time).name()))
        .then("`--tz UTC` if they are in UTC")
        .then("`--tz America/New_York` if they are local times there; any name of the IANA database will do"))
    }
}

/// Integers of Databento's are fixed-point prices.
fn integer_shift(preset: Option<&'static Preset>, schema: &Schema, places: &Places) -> u8 {
    match preset {
        Some(preset)
            if preset.name == "databento" && schema.field(places.prices[0]).data_type().is_integer() =>
        {
            9
        }
        Some(preset) if preset.name != "databento" => preset.price_shift,
        _ => 0,
    }
}

fn shifted(places: Places, columns: &[usize]) -> Places {
    let at = |column: usize| columns.binary_search(&column).unwrap_or_default();
    Places {
        time: at(places.time),
        date: places.date.map(at),
        prices: places.prices.map(at),
        volume: places.volume.map(at),
        symbol: places.symbol.map(at),
    }
}

fn summary(kind: &str, schema: &Schema, places: &Places, stamp: Stamp) -> String {
    let name = |at: usize| format!("{} {}", schema.field(at).name(), schema.field(at).data_type());
    let mut columns = vec![format!("time={}", name(places.time))];
    columns
        .extend(Field::PRICES.iter().zip(places.prices).map(|(field, at)| format!("{field}={}", name(at))));
    columns.push(places.volume.map_or("no volume".to_owned(), |at| format!("volume={}", name(at))));
    columns.extend(places.symbol.map(|at| format!("symbol={}", name(at))));
    let stamp = if stamp == Stamp::Open { "opens" } else { "closes" };
    format!("{kind}; {}; stamps are bar {stamp}", columns.join(", "))
}

fn schema(input: &Input) -> Result<Arc<Schema>> {
    guarded(input, || unguarded_schema(input))
}

fn unguarded_schema(input: &Input) -> Result<Arc<Schema>> {
    let file = input.open()?;
    match input.content {
        Content::Parquet => {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(input, &error))?;
            Ok(builder.schema().clone())
        }
        _ => Ok(ArrowBatches::open(file).map_err(|error| damaged(input, &error))?.schema()),
    }
}

/// Runs a decoder; its panic is an error about the file.
fn guarded<T>(input: &Input, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    contain(decode).unwrap_or_else(|| Err(damaged(input, &"its bytes make no sense to the decoder")))
}

fn damaged(input: &Input, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("`{}` could not be read", input.name))
        .because(error)
        .then("download or copy the file again; nothing was imported")
        .then("or write it again with another tool: pandas `to_parquet`, DuckDB `COPY … TO`")
}

/// Reads a file's rows, in their order.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the file is damaged or a column has a type that is no time or number, or what `on_row` says.
pub fn read_rows(
    input: &Input,
    mapping: &Mapping,
    mut on_row: impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut times = mapping.times.clone();
    let mut first_row = 1;
    let mut on_batch = |batch: RecordBatch| -> Result<()> {
        let rows = batch.num_rows() as u64;
        read_batch(input, mapping, &mut times, &batch, first_row, &mut on_row)?;
        first_row += rows;
        Ok(())
    };
    let mut batches = guarded(input, || batches(input, mapping))?;
    while let Some(batch) = guarded(input, || batches.next().transpose())? {
        on_batch(batch)?;
    }
    Ok(())
}

type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + 'a>;

fn batches<'a>(input: &'a Input, mapping: &'a Mapping) -> Result<Batches<'a>> {
    if input.content == Content::Parquet {
        let builder = ParquetRecordBatchReaderBuilder::try_new(input.open()?)
            .map_err(|error| damaged(input, &error))?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), mapping.columns.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let reader = reader.map_err(|error| damaged(input, &error))?;
        return Ok(Box::new(reader.map(|batch| batch.map_err(|error| damaged(input, &error)))));
    }
    let project = |batch: Result<RecordBatch, arrow_schema::ArrowError>| {
        batch.and_then(|batch| batch.project(&mapping.columns)).map_err(|error| damaged(input, &error))
    };
    let batches = ArrowBatches::open(input.open()?).map_err(|error| damaged(input, &error))?;
    Ok(Box::new(batches.map(project)))
}

fn read_batch(
    input: &Input,
    mapping: &Mapping,
    times: &mut TimeReader,
    batch: &RecordBatch,
    first_row: u64,
    on_row: &mut impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    let places = mapping.places;
    let wrong_type = |reason: String| {
        Error::new(ErrorKind::InvalidInput, format!("`{}` has a column that cannot be used", input.name))
            .because(reason)
            .then("choose other columns: `--columns time=NAME,close=NAME`")
    };
    let numeric = |at: usize| NumberColumn::of(batch, at).map_err(wrong_type);
    let prices = [
        numeric(places.prices[0])?,
        numeric(places.prices[1])?,
        numeric(places.prices[2])?,
        numeric(places.prices[3])?,
    ];
    let volume = places.volume.map(numeric).transpose()?;
    let time = TimeColumn::of(batch, &places).map_err(wrong_type)?;
    let symbols =
        places.symbol.map(|at| casted(batch, at, &DataType::Utf8)).transpose().map_err(wrong_type)?;
    for row in 0..batch.num_rows() {
        let bar = read_row(mapping, times, &time, &prices, volume.as_ref(), row);
        let symbol = match &symbols {
            Some(symbols) if symbols.is_valid(row) => symbols.as_string::<i32>().value(row),
            _ => "",
        };
        let text = || as_text(batch, row);
        on_row(Row { line: first_row + row as u64, symbol: symbol.trim().as_bytes(), bar, text: &text })?;
    }
    Ok(())
}

fn read_row(
    mapping: &Mapping,
    times: &mut TimeReader,
    time: &TimeColumn,
    prices: &[NumberColumn; 4],
    volume: Option<&NumberColumn>,
    row: usize,
) -> Result<RawBar, Fault> {
    let moment = time.read(times, row)?;
    let mut bar = RawBar {
        moment,
        prices: [Decimal::ZERO; 4],
        volume: Decimal::ZERO,
        price_precision: 0,
        size_precision: 0,
    };
    for ((price, column), field) in bar.prices.iter_mut().zip(prices).zip(Field::PRICES) {
        let read = column.read(row, mapping.price_shift).ok_or_else(|| missing(field))?;
        let read = read.map_err(|reason| number(field, &reason))?;
        *price = read.0;
        bar.price_precision = bar.price_precision.max(read.1);
    }
    if let Some(column) = volume {
        let read = column.read(row, 0).ok_or_else(|| missing(Field::Volume))?;
        (bar.volume, bar.size_precision) = read.map_err(|reason| number(Field::Volume, &reason))?;
        if mapping.minus_one_volume && bar.volume == Decimal::from_ticks(-1, 0) {
            bar.volume = Decimal::ZERO;
        }
    }
    Ok(bar)
}

fn as_text(batch: &RecordBatch, row: usize) -> String {
    let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap_or_default());
    cells.collect::<Vec<_>>().join(",")
}
