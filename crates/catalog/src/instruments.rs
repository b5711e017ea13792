//! Instruments: what a catalog knows of the things whose bars it holds.
//!
//! A snapshot names one immutable object with all of them, since they are few, small and rarely changed. Fields are kept as they were
//! stored, whatever the class; equities and currency pairs can also be written in NautilusTrader 2's own schema.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bars::UnixNanos;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::manifest::{seal, unseal};
use crate::{
    DataKind, Error, ErrorKind, FORMAT_VERSION, ObjectRef, Result, Sha256, decode_instruments, names,
    scan_file,
};

/// Directories under `data/` in which NautilusTrader keeps instruments.
pub const INSTRUMENT_DIRECTORIES: [&str; 16] = [
    "betting_instrument",
    "binary_option",
    "cfd",
    "commodity",
    "crypto_future",
    "crypto_option",
    "crypto_perpetual",
    "currency_pair",
    "equity",
    "futures_contract",
    "futures_spread",
    "index_instrument",
    "instruments",
    "option_contract",
    "option_spread",
    "perpetual_contract",
];

/// An instrument as it was stored; one that changed over time has several, by their `ts_init`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Instrument {
    /// Its id, such as `AAPL.NASDAQ`.
    pub id: String,
    /// Its class in NautilusTrader's words, such as `Equity`.
    #[serde(rename = "type")]
    pub class: String,
    /// Every stored field.
    pub fields: Map<String, Value>,
    /// The file it was read from or written to, if that is in this catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ObjectRef>,
}

/// All instruments of a snapshot, ascending by id and time.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Instruments {
    format: u32,
    instruments: Vec<Instrument>,
}

/// What a commit does to the instruments.
#[derive(Clone, Debug, Default)]
pub struct InstrumentChange {
    /// Those that join; one that is there already stays as it is.
    pub add: Vec<Instrument>,
    /// Keys of files that are no longer there; what is known of their instruments stays.
    pub gone: BTreeSet<String>,
}

impl Instrument {
    /// When it became known, in UTC nanoseconds.
    pub fn ts_init(&self) -> UnixNanos {
        UnixNanos(self.fields.get("ts_init").and_then(Value::as_i64).unwrap_or_default())
    }

    fn same(&self, other: &Self) -> bool {
        (&self.id, &self.class, &self.fields) == (&other.id, &other.class, &other.fields)
    }
}

impl Instruments {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Instrument> {
        self.instruments.iter()
    }

    /// The newest state of an instrument.
    pub fn newest(&self, id: &str) -> Option<&Instrument> {
        self.instruments.iter().rfind(|instrument| instrument.id == id)
    }

    /// These with a change applied; `None` if it changes nothing.
    pub fn changed(&self, change: &InstrumentChange) -> Option<Self> {
        let mut all = self.instruments.clone();
        for instrument in &mut all {
            if instrument.file.as_ref().is_some_and(|file| change.gone.contains(&file.key)) {
                instrument.file = None;
            }
        }
        for new in &change.add {
            match all.iter_mut().find(|known| known.same(new)) {
                Some(known) if known.file.is_none() => known.file.clone_from(&new.file),
                Some(_) => {}
                None => all.push(new.clone()),
            }
        }
        all.sort_by(|left, right| (&left.id, left.ts_init()).cmp(&(&right.id, right.ts_init())));
        (all != self.instruments).then_some(Self { format: FORMAT_VERSION, instruments: all })
    }

    /// The object to store.
    pub fn encode(&self) -> Vec<u8> {
        seal(self)
    }

    /// Reads a stored object.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is damaged.
    pub fn decode(object: &ObjectRef, bytes: &[u8]) -> Result<Self> {
        object.verify(bytes)?;
        unseal(&object.key, bytes)
    }
}

/// The instruments of a file that NautilusTrader, any release, wrote under `key`.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is damaged, [`ErrorKind::Unsupported`] if it holds something else.
pub fn read_instruments(key: &str, bytes: Bytes) -> Result<Vec<Instrument>> {
    let object =
        ObjectRef { key: key.to_owned(), size_bytes: bytes.len() as u64, sha256: Sha256::of(&bytes) };
    let (layout, batches) = scan_file(key, bytes)?;
    if layout.kind != DataKind::Instrument {
        return Err(Error::new(ErrorKind::Unsupported, format!("`{key}` holds no instruments")));
    }
    let mut found = Vec::new();
    for batch in &batches {
        let schema = batch.schema();
        let class = ["type_name", "class"].iter().find_map(|name| schema.metadata().get(*name));
        let class = class.cloned().unwrap_or_else(|| class_of_directory(key));
        for fields in decode_instruments(batch)? {
            let Some(id) = fields.get("id").and_then(Value::as_str).map(str::to_owned) else {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("`{key}` holds an instrument without an id"),
                ));
            };
            found.push(Instrument { id, class: class.clone(), fields, file: Some(object.clone()) });
        }
    }
    Ok(found)
}

/// `currency_pair` of `data/currency_pair/…` to `CurrencyPair`.
fn class_of_directory(key: &str) -> String {
    let directory = key.split('/').nth(1).unwrap_or_default();
    directory.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// How a column of format B's instrument files is stored, and whether it may be null.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Text,
    TextOrNull,
    /// Text that files of old releases may lack, and what it is then.
    TextOr(&'static str),
    Number,
    Json,
    Stamp,
}

type Layout = &'static [(&'static str, Column)];

const EQUITY: Layout = &[
    ("id", Column::Text),
    ("raw_symbol", Column::Text),
    ("currency", Column::Text),
    ("price_precision", Column::Number),
    ("price_increment", Column::Text),
    ("lot_size", Column::TextOrNull),
    ("isin", Column::TextOrNull),
    ("max_quantity", Column::TextOrNull),
    ("min_quantity", Column::TextOrNull),
    ("max_price", Column::TextOrNull),
    ("min_price", Column::TextOrNull),
    ("margin_init", Column::TextOr("0")),
    ("margin_maint", Column::TextOr("0")),
    ("tick_scheme", Column::TextOrNull),
    ("info", Column::Json),
    ("ts_event", Column::Stamp),
    ("ts_init", Column::Stamp),
];

const CURRENCY_PAIR: Layout = &[
    ("id", Column::Text),
    ("raw_symbol", Column::Text),
    ("base_currency", Column::Text),
    ("quote_currency", Column::Text),
    ("price_precision", Column::Number),
    ("size_precision", Column::Number),
    ("price_increment", Column::Text),
    ("size_increment", Column::Text),
    ("multiplier", Column::TextOr("1")),
    ("lot_size", Column::TextOrNull),
    ("max_quantity", Column::TextOrNull),
    ("min_quantity", Column::TextOrNull),
    ("max_notional", Column::TextOrNull),
    ("min_notional", Column::TextOrNull),
    ("max_price", Column::TextOrNull),
    ("min_price", Column::TextOrNull),
    ("margin_init", Column::TextOr("0")),
    ("margin_maint", Column::TextOr("0")),
    ("tick_scheme", Column::TextOrNull),
    ("info", Column::Json),
    ("ts_event", Column::Stamp),
    ("ts_init", Column::Stamp),
];

/// A file of an instrument in NautilusTrader 2's schema, to be put under its key; `None` for classes whose schema is not known here.
/// Fees, which that release no longer stores with an instrument, are left out of the file.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a field that the schema needs is missing.
pub fn encode_instrument(instrument: &Instrument) -> Result<Option<(ObjectRef, Bytes)>> {
    let (layout, directory) = match instrument.class.as_str() {
        "Equity" => (EQUITY, "equity"),
        "CurrencyPair" => (CURRENCY_PAIR, "currency_pair"),
        _ => return Ok(None),
    };
    let internal = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Internal, format!("could not write the instrument {}", instrument.id))
            .because(error)
    };
    let columns: Vec<(Field, ArrayRef)> =
        layout.iter().map(|(name, column)| encode_field(instrument, name, *column)).collect::<Result<_>>()?;
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let metadata = [("instrument_id", instrument.id.clone()), ("type_name", instrument.class.clone())];
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| internal(&error))?;
    let properties = WriterProperties::builder()
        .set_created_by(concat!("barkeep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|error| internal(&error))?;
    writer.write(&batch).map_err(|error| internal(&error))?;
    let bytes = Bytes::from(writer.into_inner().map_err(|error| internal(&error))?);
    let sha256 = Sha256::of(&bytes);
    let key = names::instrument(directory, &instrument.id, instrument.ts_init(), &sha256);
    Ok(Some((ObjectRef { key, size_bytes: bytes.len() as u64, sha256 }, bytes)))
}

fn encode_field(instrument: &Instrument, name: &str, column: Column) -> Result<(Field, ArrayRef)> {
    let value = instrument.fields.get(name).filter(|value| !value.is_null());
    let missing = || {
        Error::new(ErrorKind::InvalidInput, format!("the instrument {} has no `{name}`", instrument.id))
            .because("NautilusTrader 2 needs it")
    };
    let text = value.and_then(Value::as_str);
    let field = |data_type: DataType, nullable: bool| Field::new(name, data_type, nullable);
    let strings = |value: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    Ok(match column {
        Column::Text => (field(DataType::Utf8, false), strings(Some(text.ok_or_else(missing)?))),
        Column::TextOr(otherwise) => (field(DataType::Utf8, false), strings(Some(text.unwrap_or(otherwise)))),
        Column::TextOrNull => (field(DataType::Utf8, true), strings(text)),
        Column::Number => {
            let number = value.and_then(Value::as_u64).and_then(|number| u8::try_from(number).ok());
            let number = number.ok_or_else(missing)?;
            (field(DataType::UInt8, false), Arc::new(UInt8Array::from(vec![number])))
        }
        Column::Json => {
            let extension = [("ARROW:extension:name", "arrow.json"), ("ARROW:extension:metadata", "")];
            let extension = extension.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let json = value.map(Value::to_string);
            (field(DataType::Utf8, true).with_metadata(extension), strings(json.as_deref()))
        }
        Column::Stamp => {
            let stamp = value.and_then(Value::as_i64).unwrap_or_default();
            let zone = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
            (field(zone, false), Arc::new(TimestampNanosecondArray::from(vec![stamp]).with_timezone("UTC")))
        }
    })
}
