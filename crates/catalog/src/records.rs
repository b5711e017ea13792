//! Quotes, trades and instruments of catalogs that NautilusTrader wrote. Barkeep reads them; it writes only bars.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bars::{Decimal, UnixNanos};
use serde_json::{Map, Value};

use crate::decode::{column, decimals, stamps};
use crate::{Error, ErrorKind, Layout, Result};

/// Best bid and ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QuoteTick {
    /// Best bid.
    pub bid_price: Decimal,
    /// Best ask.
    pub ask_price: Decimal,
    /// Size at the bid.
    pub bid_size: Decimal,
    /// Size at the ask.
    pub ask_size: Decimal,
    /// When it happened.
    pub ts_event: UnixNanos,
    /// When it became known.
    pub ts_init: UnixNanos,
}

/// One trade.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TradeTick {
    /// Price.
    pub price: Decimal,
    /// Size.
    pub size: Decimal,
    /// `BUYER`, `SELLER` or `NO_AGGRESSOR`.
    pub aggressor_side: String,
    /// The venue's id of it.
    pub trade_id: String,
    /// When it happened.
    pub ts_event: UnixNanos,
    /// When it became known.
    pub ts_init: UnixNanos,
}

/// Quotes of a batch.
///
/// # Errors
/// As [`crate::decode_bars`].
pub fn decode_quotes(batch: &RecordBatch, layout: &Layout) -> Result<Vec<QuoteTick>> {
    let value = |name: &str, precision: u8| decimals(column(batch, name)?, layout, precision, name);
    let (bid, ask) =
        (value("bid_price", layout.price_precision)?, value("ask_price", layout.price_precision)?);
    let (bid_size, ask_size) =
        (value("bid_size", layout.size_precision)?, value("ask_size", layout.size_precision)?);
    let (event, init) = (stamps(batch, "ts_event")?, stamps(batch, "ts_init")?);
    let quote = |row: usize| QuoteTick {
        bid_price: bid[row],
        ask_price: ask[row],
        bid_size: bid_size[row],
        ask_size: ask_size[row],
        ts_event: UnixNanos(event[row]),
        ts_init: UnixNanos(init[row]),
    };
    Ok((0..batch.num_rows()).map(quote).collect())
}

/// Trades of a batch.
///
/// # Errors
/// As [`crate::decode_bars`].
pub fn decode_trades(batch: &RecordBatch, layout: &Layout) -> Result<Vec<TradeTick>> {
    let price = decimals(column(batch, "price")?, layout, layout.price_precision, "price")?;
    let size = decimals(column(batch, "size")?, layout, layout.size_precision, "size")?;
    let (event, init) = (stamps(batch, "ts_event")?, stamps(batch, "ts_init")?);
    let (side, id) = (column(batch, "aggressor_side")?, column(batch, "trade_id")?);
    let trade = |row: usize| {
        Some(TradeTick {
            price: price[row],
            size: size[row],
            aggressor_side: aggressor(side, row)?.to_owned(),
            trade_id: text(id, row)?,
            ts_event: UnixNanos(event[row]),
            ts_init: UnixNanos(init[row]),
        })
    };
    let foreign = || {
        Error::new(
            ErrorKind::Unsupported,
            "a trade's side or id is stored in a way this catalog does not read",
        )
    };
    (0..batch.num_rows()).map(|row| trade(row).ok_or_else(foreign)).collect()
}

/// The side by any of its stored forms: a number in formats A, a word in format B.
fn aggressor(array: &ArrayRef, row: usize) -> Option<&'static str> {
    if let Some(numbers) = array.as_primitive_opt::<UInt8Type>() {
        return ["NO_AGGRESSOR", "BUYER", "SELLER"].get(usize::from(numbers.value(row))).copied();
    }
    match text(array, row)?.as_str() {
        "BUY" | "BUYER" => Some("BUYER"),
        "SELL" | "SELLER" => Some("SELLER"),
        "NO_AGGRESSOR" => Some("NO_AGGRESSOR"),
        _ => None,
    }
}

/// Text, plain or dictionary-encoded with any of the index types that NautilusTrader used.
fn text(array: &ArrayRef, row: usize) -> Option<String> {
    let indexed = |row: usize| -> Option<(ArrayRef, usize)> {
        if let Some(dictionary) = array.as_dictionary_opt::<Int8Type>() {
            return Some((dictionary.values().clone(), usize::try_from(dictionary.keys().value(row)).ok()?));
        }
        if let Some(dictionary) = array.as_dictionary_opt::<Int16Type>() {
            return Some((dictionary.values().clone(), usize::try_from(dictionary.keys().value(row)).ok()?));
        }
        let dictionary = array.as_dictionary_opt::<Int64Type>()?;
        Some((dictionary.values().clone(), usize::try_from(dictionary.keys().value(row)).ok()?))
    };
    if let Some(strings) = array.as_string_opt::<i32>() {
        return Some(strings.value(row).to_owned());
    }
    let (values, at) = indexed(row)?;
    Some(values.as_string_opt::<i32>()?.value(at).to_owned())
}

/// Instruments of a batch: every stored field by its name. `info`, which is stored as JSON, is read; stamps are nanoseconds.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if a column has a type that instruments never have.
pub fn decode_instruments(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>> {
    let schema = batch.schema();
    let field = |row: usize, at: usize| {
        let name = schema.field(at).name();
        let value = json(batch.column(at), row);
        let foreign = || {
            Error::new(
                ErrorKind::Unsupported,
                format!("`{name}` of an instrument is stored as {}", schema.field(at).data_type()),
            )
        };
        value.map(|value| (name.clone(), value)).ok_or_else(foreign)
    };
    (0..batch.num_rows()).map(|row| (0..batch.num_columns()).map(|at| field(row, at)).collect()).collect()
}

fn json(array: &ArrayRef, row: usize) -> Option<Value> {
    if array.is_null(row) {
        return Some(Value::Null);
    }
    let from_json = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
    match array.data_type() {
        DataType::Utf8 => {
            let value = text(array, row)?;
            // The extension type arrow.json is text that holds JSON: only `info` does.
            Some(if value.starts_with('{') { from_json(value.as_bytes())? } else { Value::String(value) })
        }
        DataType::Dictionary(..) => text(array, row).map(Value::String),
        DataType::Boolean => Some(array.as_boolean_opt()?.value(row).into()),
        DataType::Int32 => Some(array.as_primitive_opt::<Int32Type>()?.value(row).into()),
        DataType::Int64 => Some(array.as_primitive_opt::<Int64Type>()?.value(row).into()),
        DataType::UInt32 => Some(array.as_primitive_opt::<UInt32Type>()?.value(row).into()),
        DataType::Float64 => Some(array.as_primitive_opt::<Float64Type>()?.value(row).into()),
        DataType::Binary => from_json(array.as_binary_opt::<i32>()?.value(row)),
        DataType::UInt8 => Some(array.as_primitive_opt::<UInt8Type>()?.value(row).into()),
        DataType::UInt64 => Some(array.as_primitive_opt::<UInt64Type>()?.value(row).into()),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(array.as_primitive_opt::<TimestampNanosecondType>()?.value(row).into())
        }
        _ => None,
    }
}
