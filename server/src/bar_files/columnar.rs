//! Bars from Parquet and Arrow files whose columns are mapped by name, a batch at a time.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Schema, TimeUnit};
use bars::{DAY, Date, Decimal, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use jiff::tz::TimeZone;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::fault::Fault;
use super::input::{Content, Input};
use super::layout::{Layout, Places, Sample, choose_preset, named_places};
use super::numbers::{Number, NumberFormat};
use super::options::{Field, ImportOptions, Stamp};
use super::presets::Preset;
use super::rows::{RawBar, Row, missing, number};
use super::times::{Moment, TimeReader};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8192;
/// Bytes of a footer or a batch's head that are believed; a damaged length may say anything.
const CONTINUATION: [u8; 4] = [0xff; 4];

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
    let file = input.open()?;
    match input.content {
        Content::Parquet => {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(input, &error))?;
            Ok(builder.schema().clone())
        }
        _ => match arrow_reader(input)? {
            ArrowReader::File(reader) => Ok(reader.schema()),
            ArrowReader::Stream(reader) => Ok(reader.schema()),
        },
    }
}

enum ArrowReader {
    File(arrow_ipc::reader::FileReader<BufReader<std::fs::File>>),
    Stream(arrow_ipc::reader::StreamReader<BufReader<std::fs::File>>),
}

fn arrow_reader(input: &Input) -> Result<ArrowReader> {
    let mut file = input.open()?;
    let mut magic = [0; 4];
    let begun = file.read_exact(&mut magic).and_then(|()| file.seek(SeekFrom::Start(0)));
    begun.map_err(|error| damaged(input, &error))?;
    let file = BufReader::new(file);
    if magic == CONTINUATION {
        let reader = arrow_ipc::reader::StreamReader::try_new(file, None);
        return reader.map(ArrowReader::Stream).map_err(|error| damaged(input, &error));
    }
    arrow_ipc::reader::FileReader::try_new(file, None)
        .map(ArrowReader::File)
        .map_err(|error| damaged(input, &error))
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
    let mut on_batch = |batch: RecordBatch| {
        let rows = batch.num_rows() as u64;
        read_batch(input, mapping, &mut times, &batch, first_row, &mut on_row)?;
        first_row += rows;
        Ok(())
    };
    if input.content == Content::Parquet {
        let builder = ParquetRecordBatchReaderBuilder::try_new(input.open()?)
            .map_err(|error| damaged(input, &error))?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), mapping.columns.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        for batch in reader.map_err(|error| damaged(input, &error))? {
            on_batch(batch.map_err(|error| damaged(input, &error))?)?;
        }
        return Ok(());
    }
    let mut project = |batch: Result<RecordBatch, arrow_schema::ArrowError>| {
        let batch = batch
            .and_then(|batch| batch.project(&mapping.columns))
            .map_err(|error| damaged(input, &error))?;
        on_batch(batch)
    };
    match arrow_reader(input)? {
        ArrowReader::File(mut reader) => reader.try_for_each(&mut project),
        ArrowReader::Stream(mut reader) => reader.try_for_each(&mut project),
    }
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

fn casted(batch: &RecordBatch, at: usize, to: &DataType) -> Result<ArrayRef, String> {
    let column = batch.column(at);
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(column, to, &options).map_err(|_| {
        format!("`{}` is {}, which is no {to}", batch.schema().field(at).name(), column.data_type())
    })
}

/// A column of exact numbers.
enum NumberColumn {
    Decimal(ArrayRef, i8),
    Double(ArrayRef),
    Single(ArrayRef),
    Integer(ArrayRef),
    Text(ArrayRef),
}

impl NumberColumn {
    fn of(batch: &RecordBatch, at: usize) -> Result<Self, String> {
        let column = batch.column(at);
        Ok(match column.data_type() {
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => {
                Self::Decimal(casted(batch, at, &DataType::Decimal128(38, *scale))?, *scale)
            }
            DataType::Float64 => Self::Double(column.clone()),
            DataType::Float32 => Self::Single(column.clone()),
            DataType::UInt64 => Self::Decimal(casted(batch, at, &DataType::Decimal128(38, 0))?, 0),
            kind if kind.is_integer() => Self::Integer(casted(batch, at, &DataType::Int64)?),
            _ => Self::Text(casted(batch, at, &DataType::Utf8)?),
        })
    }

    /// The number in a row; `None` if there is none.
    fn read(&self, row: usize, shift: u8) -> Option<Result<Number, String>> {
        let (Self::Decimal(array, _)
        | Self::Double(array)
        | Self::Single(array)
        | Self::Integer(array)
        | Self::Text(array)) = self;
        if array.is_null(row) {
            return None;
        }
        let plain = NumberFormat::default();
        let of_text = |text: String| plain.read(text.trim().as_bytes(), shift);
        Some(match self {
            Self::Decimal(array, scale) => {
                decimal(array.as_primitive::<Decimal128Type>().value(row), *scale, shift)
            }
            // The shortest text that reads back as the same float is what was meant.
            Self::Double(array) => of_text(array.as_primitive::<Float64Type>().value(row).to_string()),
            Self::Single(array) => of_text(array.as_primitive::<Float32Type>().value(row).to_string()),
            Self::Integer(array) => of_text(array.as_primitive::<Int64Type>().value(row).to_string()),
            Self::Text(array) => of_text(array.as_string::<i32>().value(row).to_owned()),
        })
    }
}

fn decimal(value: i128, scale: i8, shift: u8) -> Result<Number, String> {
    let places = i32::from(Decimal::SCALE as i8) - i32::from(scale) - i32::from(shift);
    let power = 10i128.checked_pow(places.unsigned_abs());
    let units = match power {
        Some(power) if places >= 0 => value.checked_mul(power),
        Some(power) if value % power == 0 => Some(value / power),
        _ if value == 0 => Some(0),
        _ => return Err(format!("`{value}e-{scale}` has more than 16 decimals")),
    };
    let units = units
        .filter(|units| units.abs() <= Decimal::MAX_UNITS)
        .ok_or_else(|| format!("`{value}e-{scale}` is too large"))?;
    let value = Decimal::from_units(units);
    Ok((value, value.precision()))
}

/// A column of times, or a date and a time of day.
enum TimeColumn {
    /// Instants, shown in a zone.
    Zoned(ArrayRef, TimeZone),
    /// Local times.
    Local(ArrayRef),
    Dates(ArrayRef),
    Texts(ArrayRef),
    Split {
        date: ArrayRef,
        clock: ArrayRef,
    },
}

impl TimeColumn {
    fn of(batch: &RecordBatch, places: &Places) -> Result<Self, String> {
        if let Some(date) = places.date {
            let text = |at: usize| casted(batch, at, &DataType::Utf8);
            return Ok(Self::Split { date: text(date)?, clock: text(places.time)? });
        }
        let at = places.time;
        Ok(match batch.column(at).data_type() {
            DataType::Timestamp(_, zone) => {
                let nanos = casted(batch, at, &DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()))?;
                match zone {
                    Some(zone) => Self::Zoned(nanos, TimeZone::get(zone).unwrap_or(TimeZone::UTC)),
                    None => Self::Local(nanos),
                }
            }
            DataType::Date32 | DataType::Date64 => Self::Dates(casted(batch, at, &DataType::Date32)?),
            _ => Self::Texts(casted(batch, at, &DataType::Utf8)?),
        })
    }

    fn read(&self, times: &mut TimeReader, row: usize) -> Result<Moment, Fault> {
        let (Self::Zoned(array, _)
        | Self::Local(array)
        | Self::Dates(array)
        | Self::Texts(array)
        | Self::Split { clock: array, .. }) = self;
        if array.is_null(row) {
            return Err(missing(Field::Time));
        }
        match self {
            Self::Zoned(array, zone) => {
                times.read_instant(array.as_primitive::<TimestampNanosecondType>().value(row), zone)
            }
            Self::Local(array) => {
                times.read_local(array.as_primitive::<TimestampNanosecondType>().value(row))
            }
            Self::Dates(array) => {
                let days = i64::from(array.as_primitive::<Date32Type>().value(row));
                let date: Option<Date> = days.checked_mul(DAY).map(|nanos| UnixNanos(nanos).date());
                date.map(Moment::Date).ok_or_else(|| missing(Field::Date))
            }
            Self::Texts(array) => times.read(array.as_string::<i32>().value(row).trim().as_bytes(), None),
            Self::Split { date, .. } if date.is_null(row) => Err(missing(Field::Date)),
            Self::Split { date, clock } => {
                let text = |array: &ArrayRef| array.as_string::<i32>().value(row).trim().to_owned();
                times.read(text(date).as_bytes(), Some(text(clock).as_bytes()))
            }
        }
    }
}
