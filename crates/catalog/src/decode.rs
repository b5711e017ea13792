//! Record batches to bars, from any of the stored formats.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal64Type, Decimal128Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow_buffer::MutableBuffer;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use bars::{BarColumns, Decimal};

use crate::{Columns, Error, ErrorKind, Layout, Result, Storage};

/// Bars of a batch with exact values; columns that are not `wanted` stay empty.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if a wanted column is missing or has a foreign type, [`ErrorKind::Corrupt`] if it holds nulls.
pub fn decode_bars(batch: &RecordBatch, layout: &Layout, wanted: Columns) -> Result<BarColumns<Decimal>> {
    decode(batch, layout, wanted, decimals)
}

/// As [`decode_bars`], each value as the nearest `f64`.
///
/// # Errors
/// As [`decode_bars`].
pub fn decode_bars_f64(batch: &RecordBatch, layout: &Layout, wanted: Columns) -> Result<BarColumns<f64>> {
    decode(batch, layout, wanted, floats)
}

fn decode<T: Copy>(
    batch: &RecordBatch,
    layout: &Layout,
    wanted: Columns,
    values: impl Fn(&ArrayRef, &Layout, u8, &str) -> Result<Vec<T>>,
) -> Result<BarColumns<T>> {
    let mut bars = BarColumns::with_capacity(0);
    for (at, name) in ["open", "high", "low", "close", "volume"].into_iter().enumerate() {
        if wanted.has(at) {
            let precision = if at == 4 { layout.size_precision } else { layout.price_precision };
            *bars.prices_mut()[at] = values(column(batch, name)?, layout, precision, name)?;
        }
    }
    if wanted.has(5) {
        bars.ts_event = stamps(batch, "ts_event")?;
    }
    if wanted.has(6) {
        bars.ts_init = stamps(batch, "ts_init")?;
    }
    Ok(bars)
}

pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let found = batch.column_by_name(name);
    let found = found
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("the file has no column `{name}`")))?;
    if found.null_count() > 0 {
        return Err(Error::new(ErrorKind::Corrupt, format!("the column `{name}` holds nulls")));
    }
    Ok(found)
}

/// Nanosecond stamps, stored as timestamps or as unsigned integers.
pub(crate) fn stamps(batch: &RecordBatch, name: &str) -> Result<Vec<i64>> {
    let array = column(batch, name)?;
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Ok(array.as_primitive::<TimestampNanosecondType>().values().to_vec())
        }
        DataType::Int64 => Ok(array.as_primitive::<Int64Type>().values().to_vec()),
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values().iter();
            let outside =
                |_| Error::new(ErrorKind::Corrupt, format!("`{name}` holds a stamp after the year 2262"));
            values.map(|stamp| i64::try_from(*stamp)).collect::<Result<_, _>>().map_err(outside)
        }
        other => Err(foreign(name, other)),
    }
}

/// Exact values; binary formats are rounded to the file's precision, which repairs float damage in old catalogs.
pub(crate) fn decimals(array: &ArrayRef, layout: &Layout, precision: u8, name: &str) -> Result<Vec<Decimal>> {
    let decimals = match (array.data_type(), layout.storage) {
        (DataType::Decimal128(_, 16), _) => array
            .as_primitive::<Decimal128Type>()
            .values()
            .iter()
            .map(|units| Decimal::from_units(*units))
            .collect(),
        (DataType::Decimal128(_, scale), _) if (0..16).contains(scale) => {
            let unit = 10i128.pow((16 - scale) as u32);
            let values = array.as_primitive::<Decimal128Type>().values().iter();
            values.map(|value| Decimal::from_units(value.saturating_mul(unit))).collect()
        }
        (DataType::Decimal64(_, scale), _) if (0..=16).contains(scale) => {
            let values = array.as_primitive::<Decimal64Type>().values().iter();
            values.map(|ticks| Decimal::from_ticks(*ticks, *scale as u8)).collect()
        }
        (DataType::FixedSizeBinary(8), Storage::Binary8) => {
            let raw = array.as_fixed_size_binary().value_data().chunks_exact(8);
            // Prices are signed, quantities are not: half of their range lies above what a signed number holds.
            let is_quantity = ["volume", "size", "bid_size", "ask_size"].contains(&name);
            raw.map(|bytes| {
                let raw = i64::from_le_bytes(bytes.try_into().unwrap_or_default());
                let nanos = if is_quantity { i128::from(raw.cast_unsigned()) } else { i128::from(raw) };
                Decimal::from_units(nanos * 10_000_000).round(precision)
            })
            .collect()
        }
        (DataType::FixedSizeBinary(16), Storage::Binary16) => {
            let raw = array.as_fixed_size_binary().value_data().chunks_exact(16);
            raw.map(|bytes| {
                Decimal::from_units(i128::from_le_bytes(bytes.try_into().unwrap_or_default()))
                    .round(precision)
            })
            .collect()
        }
        (other, _) => return Err(foreign(name, other)),
    };
    Ok(decimals)
}

fn floats(array: &ArrayRef, layout: &Layout, precision: u8, name: &str) -> Result<Vec<f64>> {
    Ok(match array.data_type() {
        DataType::Decimal128(_, 16) => {
            let convert = TickConverter::new(precision);
            array
                .as_primitive::<Decimal128Type>()
                .values()
                .iter()
                .map(|units| convert.to_f64(*units))
                .collect()
        }
        DataType::Decimal64(_, scale) if (0..=16).contains(scale) => {
            let power = 10f64.powi(i32::from(*scale));
            let exact = |ticks: i64| {
                if ticks.unsigned_abs() <= 1 << 53 {
                    ticks as f64 / power
                } else {
                    Decimal::from_ticks(ticks, *scale as u8).to_f64()
                }
            };
            array.as_primitive::<Decimal64Type>().values().iter().map(|ticks| exact(*ticks)).collect()
        }
        _ => decimals(array, layout, precision, name)?.into_iter().map(Decimal::to_f64).collect(),
    })
}

/// These rows of a batch, in this order.
///
/// arrow's own kernels have code for every type there is, which would weigh much in the engine; the values of bars all have a
/// fixed width, so bytes are copied.
pub(crate) fn pick(batch: &RecordBatch, rows: &[u32]) -> Result<RecordBatch> {
    let fields = batch.schema();
    let pairs = fields.fields().iter().zip(batch.columns());
    let columns: Result<Vec<ArrayRef>> =
        pairs.map(|(field, array)| pick_values(field.name(), array, rows)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(batch.schema(), columns?, &options).map_err(|error| unpicked(&error))
}

fn pick_values(name: &str, array: &ArrayRef, rows: &[u32]) -> Result<ArrayRef> {
    let data_type = array.data_type();
    let width = match data_type {
        DataType::FixedSizeBinary(size) => usize::try_from(*size).ok(),
        other => other.primitive_width(),
    };
    let Some(width) = width.filter(|_| array.null_count() == 0) else { return Err(foreign(name, data_type)) };
    let data = array.to_data();
    let [values] = data.buffers() else { return Err(foreign(name, data_type)) };
    let mut picked = MutableBuffer::with_capacity(rows.len() * width);
    for row in rows {
        let start = (data.offset() + *row as usize) * width;
        picked.extend_from_slice(&values.as_slice()[start..start + width]);
    }
    let builder = data.into_builder().len(rows.len()).offset(0).nulls(None).buffers(vec![picked.into()]);
    Ok(make_array(builder.build().map_err(|error| unpicked(&error))?))
}

fn unpicked(error: &ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "could not pick rows of a batch").because(error)
}

fn foreign(name: &str, data_type: &DataType) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the column `{name}` has a type this catalog does not read"))
        .because(format!("it is stored as {data_type}"))
}

/// Units of 10⁻¹⁶ to `f64` without a 128-bit division, which wasm does in software.
///
/// A value with `precision` decimals is a multiple of 10ⁿ, n = 16 - precision; 10ⁿ = 2ⁿ · 5ⁿ, so shifting by n and multiplying
/// with the inverse of 5ⁿ modulo 2⁶⁴ divides exactly. One multiplication checks the result; what fails it goes the slow way.
pub(crate) struct TickConverter {
    shift: u32,
    inverse: u64,
    unit: i128,
    power: f64,
}

impl TickConverter {
    pub(crate) fn new(precision: u8) -> Self {
        let shift = u32::from(Decimal::SCALE.saturating_sub(precision));
        let five: u64 = 5u64.pow(shift);
        // Newton's iteration doubles the correct bits; five of them reach 64 from 5.
        let inverse = (0..6)
            .fold(five, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(five.wrapping_mul(inverse))));
        Self { shift, inverse, unit: 10i128.pow(shift), power: 10f64.powi(i32::from(precision)) }
    }

    /// The value as a count of 10^-precision, if it is one and fits.
    pub(crate) fn to_ticks(&self, units: i128) -> Option<i64> {
        let ticks = ((units >> self.shift) as u64).wrapping_mul(self.inverse) as i64;
        (i128::from(ticks) * self.unit == units).then_some(ticks)
    }

    fn to_f64(&self, units: i128) -> f64 {
        match self.to_ticks(units) {
            // Numerator and power of ten are exact, so this rounds once.
            Some(ticks) if ticks.unsigned_abs() <= 1 << 53 => ticks as f64 / self.power,
            _ => Decimal::from_units(units).to_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn conversion_is_exact(ticks in any::<i64>(), precision in 0u8..=16, error in prop::sample::select(vec![0i128, 1, -7])) {
            let units = Decimal::from_ticks(ticks, precision).units() + error;
            prop_assert_eq!(TickConverter::new(precision).to_f64(units), Decimal::from_units(units).to_string().parse::<f64>().unwrap());
        }
    }
}
