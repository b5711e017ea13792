//! Columns of any type as exact numbers and moments.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use bars::{DAY, Date, Decimal, UnixNanos};
use jiff::tz::TimeZone;

use super::fault::Fault;
use super::numbers::{Number, NumberFormat};
use super::options::Field;
use super::places::Places;
use super::rows::missing;
use super::times::{Moment, TimeReader};

pub(super) fn casted(batch: &RecordBatch, at: usize, to: &DataType) -> Result<ArrayRef, String> {
    let column = batch.column(at);
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(column, to, &options).map_err(|_| {
        format!("`{}` is {}, which is no {to}", batch.schema().field(at).name(), column.data_type())
    })
}

/// A column of exact numbers.
pub(super) enum NumberColumn {
    Decimal(ArrayRef, i8),
    Double(ArrayRef),
    Single(ArrayRef),
    Integer(ArrayRef),
    Text(ArrayRef),
}

impl NumberColumn {
    pub(super) fn of(batch: &RecordBatch, at: usize) -> Result<Self, String> {
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
    pub(super) fn read(&self, row: usize, shift: u8) -> Option<Result<Number, String>> {
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
pub(super) enum TimeColumn {
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
    pub(super) fn of(batch: &RecordBatch, places: &Places) -> Result<Self, String> {
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

    pub(super) fn read(&self, times: &mut TimeReader, row: usize) -> Result<Moment, Fault> {
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
