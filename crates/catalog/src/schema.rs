//! Schemas of stored files: which there are, and how one is recognised.
//!
//! NautilusTrader has written three formats, told apart by the Arrow types of a file and never by its directory
//! (`A8` and `A16`: little-endian fixed-size binary of 8 or 16 bytes; `B`: decimals). Identity and precision stand in the
//! schema's metadata. This module also spells the two schemas that Barkeep writes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bars::{BarType, Decimal};

use crate::{Error, ErrorKind, Profile, Result};

/// The columns of a bar file, in stored order.
pub(crate) const BAR_COLUMNS: [&str; 7] = ["open", "high", "low", "close", "volume", "ts_event", "ts_init"];

/// What rows a file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DataKind {
    /// Bars.
    Bar,
    /// Quotes.
    Quote,
    /// Trades.
    Trade,
    /// An instrument: one row, its fields.
    Instrument,
}

/// How a file stores a price or a quantity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Storage {
    /// Format A8: little-endian `i64`, in 10⁻⁹.
    Binary8,
    /// Format A16: little-endian `i128`, in 10⁻¹⁶.
    Binary16,
    /// A decimal with this scale: format B (scale 16) and the compact profile.
    Decimal(u8),
}

/// What a file says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    /// What its rows are.
    pub kind: DataKind,
    /// How the first price column is stored.
    pub storage: Storage,
    /// Meaningful decimals of prices.
    pub price_precision: u8,
    /// Meaningful decimals of quantities.
    pub size_precision: u8,
    /// The bar type or instrument id its metadata names.
    pub identity: String,
}

impl Layout {
    /// Recognises a schema.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it is none that NautilusTrader or Barkeep writes, or if metadata is missing.
    pub fn of(schema: &Schema, key: &str) -> Result<Self> {
        let unsupported = |why: String| {
            Err(Error::new(ErrorKind::Unsupported, format!("`{key}` is not a file this catalog can read"))
                .because(why)
                .then("bring the data in with `barkeep import csv`, which states what it expects"))
        };
        let has = |name: &str| schema.column_with_name(name).is_some();
        let (kind, price_column) = if has("open") && has("close") {
            (DataKind::Bar, "open")
        } else if has("bid_price") {
            (DataKind::Quote, "bid_price")
        } else if has("aggressor_side") {
            (DataKind::Trade, "price")
        } else if has("raw_symbol") || schema.metadata().contains_key("class") {
            (DataKind::Instrument, "")
        } else {
            return unsupported(format!("its columns are {}", column_names(schema)));
        };
        let text = |name: &str| schema.metadata().get(name).cloned();
        if kind == DataKind::Instrument {
            let identity = text("instrument_id").unwrap_or_default();
            return Ok(Self {
                kind,
                storage: Storage::Decimal(Decimal::SCALE),
                price_precision: 0,
                size_precision: 0,
                identity,
            });
        }
        let column_type = schema.column_with_name(price_column).map(|(_, field)| field.data_type());
        let storage = match column_type {
            Some(DataType::FixedSizeBinary(8)) => Storage::Binary8,
            Some(DataType::FixedSizeBinary(16)) => Storage::Binary16,
            Some(DataType::Decimal128(_, scale) | DataType::Decimal64(_, scale))
                if (0..=16).contains(scale) =>
            {
                Storage::Decimal(*scale as u8)
            }
            other => return unsupported(format!("its column `{price_column}` has the type {other:?}")),
        };
        let identity_key = if kind == DataKind::Bar { "bar_type" } else { "instrument_id" };
        let precision = |name: &str| {
            text(name)
                .and_then(|text| text.parse::<u8>().ok())
                .filter(|precision| *precision <= Decimal::SCALE)
        };
        let (Some(identity), Some(price_precision), Some(size_precision)) =
            (text(identity_key), precision("price_precision"), precision("size_precision"))
        else {
            return unsupported(format!(
                "its schema metadata lacks `{identity_key}`, `price_precision` or `size_precision`"
            ));
        };
        Ok(Self { kind, storage, price_precision, size_precision, identity })
    }
}

fn column_names(schema: &Schema) -> String {
    schema.fields().iter().map(|field| format!("`{}`", field.name())).collect::<Vec<_>>().join(", ")
}

/// The schema of a bar file that Barkeep writes, metadata included.
pub(crate) fn bar_schema(
    bar_type: &BarType,
    profile: Profile,
    price_precision: u8,
    size_precision: u8,
) -> SchemaRef {
    let value = |scale: u8| match profile {
        // Old files are never written.
        Profile::Nautilus | Profile::NautilusV1 => DataType::Decimal128(38, 16),
        Profile::Compact => DataType::Decimal128(18, scale as i8),
    };
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, false);
    let stamp = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let mut fields: Vec<Field> =
        BAR_COLUMNS[..4].iter().map(|name| field(name, value(price_precision))).collect();
    fields.push(field("volume", value(size_precision)));
    fields.push(field("ts_event", stamp()));
    fields.push(field("ts_init", stamp()));
    let metadata = [
        ("bar_type", bar_type.to_string()),
        ("instrument_id", bar_type.instrument.to_string()),
        ("price_precision", price_precision.to_string()),
        ("size_precision", size_precision.to_string()),
        ("type_name", "Bar".to_owned()),
    ];
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// The schema to decode a file with: the stored one, but with decimals of up to 18 digits as `i64` instead of `i128`.
pub(crate) fn reading_schema(stored: &SchemaRef) -> SchemaRef {
    let narrow = |field: &Arc<Field>| match field.data_type() {
        DataType::Decimal128(precision, scale) if *precision <= 18 => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Decimal64(*precision, *scale)))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<Arc<Field>> = stored.fields().iter().map(narrow).collect();
    Arc::new(Schema::new_with_metadata(fields, stored.metadata().clone()))
}
