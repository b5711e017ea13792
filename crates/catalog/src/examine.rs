//! Files of bars that another program wrote: what is in them, and what is wrong with them.
//!
//! Nothing is taken from a file's place or name: identity and precision come from its metadata, its range from its rows.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bars::{BarColumns, BarFault, BarType, Decimal, UnixNanos};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::footer::{chunk_crcs, contained, read_footer};
use crate::{
    Columns, DataKind, EncodedPartition, Error, ErrorKind, Layout, PartitionEntry, Profile, Result, Sha256,
    Storage, decode_bars, names, present, scan_file,
};

/// A file that no manifest describes, decoded as a whole.
#[derive(Clone, Debug)]
pub struct ForeignFile {
    /// The series its metadata names.
    pub bar_type: BarType,
    /// What a series manifest would say of it.
    pub entry: PartitionEntry,
    /// How a series of such files is kept.
    pub profile: Profile,
    /// Meaningful decimals of prices.
    pub price_precision: u8,
    /// Meaningful decimals of volumes.
    pub size_precision: u8,
    /// Its bars, in stored order.
    pub bars: BarColumns<Decimal>,
    /// What is wrong with it, gravest first.
    pub faults: Vec<Fault>,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It holds no bars.
    Empty,
    /// A bar is followed by an earlier one.
    Unsorted {
        /// The earlier one's `ts_init`.
        at: UnixNanos,
    },
    /// Several bars have one `ts_init`.
    Duplicates {
        /// How many bars too many.
        count: u64,
        /// The first such stamp.
        first: UnixNanos,
        /// Whether they are equal in all columns.
        equal: bool,
    },
    /// Values that mean "undefined" or are out of all range.
    Undefined {
        /// How many bars have one.
        count: u64,
        /// The first of them.
        first: UnixNanos,
    },
    /// Values have more decimals than the metadata says, and every reader rounds them.
    MixedPrecision {
        /// How many bars have one.
        count: u64,
        /// A value as it is stored.
        stored: Decimal,
        /// The same value as it is read.
        read: Decimal,
    },
    /// Bars whose prices or volumes contradict each other.
    Implausible {
        /// How many.
        count: u64,
        /// The first of them.
        first: UnixNanos,
        /// What is wrong with that one.
        fault: BarFault,
    },
    /// The name's range does not cover the rows, so that NautilusTrader misses some.
    NameTooNarrow,
    /// The name tells no range.
    NameWithoutRange,
    /// It does not lie where NautilusTrader looks for its series.
    Misplaced,
}

impl Fault {
    /// Whether a file with it cannot join a catalog as it is.
    pub fn keeps_out(&self) -> bool {
        matches!(self, Self::Empty | Self::Unsorted { .. } | Self::Duplicates { .. } | Self::Undefined { .. })
    }

    /// Whether a new name mends it.
    pub fn is_in_name(&self) -> bool {
        matches!(self, Self::NameTooNarrow | Self::NameWithoutRange)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it holds no bars"),
            Self::Unsorted { at } => {
                write!(f, "its bars are not in order: the one of {at} follows a later one")
            }
            Self::Duplicates { count, first, equal } => {
                let kind = if *equal { "equal" } else { "different" };
                write!(f, "it holds {count} bars too many: {kind} bars of one stamp, first {first}")
            }
            Self::Undefined { count, first } => {
                write!(f, "{count} bars hold values that mean \"undefined\", first the one of {first}")
            }
            Self::MixedPrecision { count, stored, read } => write!(
                f,
                "{count} bars have more decimals than its metadata says, so that {stored} is read as {read} (by NautilusTrader too)"
            ),
            Self::Implausible { count, first, fault } => {
                write!(f, "{count} bars are implausible, first the one of {first}: {fault}")
            }
            Self::NameTooNarrow => {
                f.write_str("its name tells a narrower range than its bars have: NautilusTrader misses some")
            }
            Self::NameWithoutRange => f.write_str("its name tells no range, as NautilusTrader's names do"),
            Self::Misplaced => f.write_str("it is not in the directory of its bar type"),
        }
    }
}

/// Decodes a file and judges it. Bars come as every reader reads them: binary values rounded to the file's precision.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is damaged, [`ErrorKind::Unsupported`] if it holds no bars in a known format.
pub fn examine(key: &str, file: &Bytes) -> Result<ForeignFile> {
    let damaged = |error: ParquetError| Error::corrupt(key, error);
    let (layout, batches) = scan_file(key, file.clone())?;
    let bar_type = identity(&layout, key)?;
    // The stored values, before they are rounded to what the metadata says.
    let exact = Layout { price_precision: 16, size_precision: 16, ..layout.clone() };
    let stored = decode_all(&batches, &exact)?;
    let bars = if profile_of(layout.storage) == Profile::NautilusV1 {
        decode_all(&batches, &layout)?
    } else {
        stored.clone()
    };
    let (metadata, footer) = contained(key, || read_footer(file).map_err(damaged))?;
    let stamp = |found: Option<&i64>| UnixNanos(found.copied().unwrap_or_default());
    let encoded = EncodedPartition {
        bytes: file.clone(),
        sha256: Sha256::of(file),
        rows: bars.len() as u64,
        first: stamp(bars.ts_init.iter().min()),
        last: stamp(bars.ts_init.iter().max()),
        first_event: stamp(bars.ts_event.iter().min()),
        last_event: stamp(bars.ts_event.iter().max()),
        chunk_crcs: chunk_crcs(file, &metadata),
        footer,
    };
    let spans = present(&bars, bar_type.spec.interval());
    let entry = PartitionEntry::of(key.to_owned(), &encoded, spans);
    let mut faults = faults_of_bars(&bars, &stored, &layout);
    if !bars.is_empty() {
        faults.extend(faults_of_name(&bar_type, &entry));
    }
    let (price_precision, size_precision) = precision(&bars, &layout);
    let profile = profile_of(layout.storage);
    Ok(ForeignFile { bar_type, entry, profile, price_precision, size_precision, bars, faults })
}

/// What a file's footer tells of it.
#[derive(Clone, Debug)]
pub struct FilePeek {
    /// The series its metadata names.
    pub bar_type: BarType,
    /// Bars in it.
    pub rows: u64,
    /// First and last `ts_init`, if its statistics tell.
    pub stamps: Option<(UnixNanos, UnixNanos)>,
    /// Meaningful decimals of prices, as stated.
    pub price_precision: u8,
    /// Meaningful decimals of volumes, as stated.
    pub size_precision: u8,
}

/// Reads a file's footer from its last bytes, or from all of them.
///
/// # Errors
/// As [`examine`]; [`ErrorKind::Corrupt`] also if these are too few bytes.
pub fn peek(key: &str, tail: &Bytes) -> Result<FilePeek> {
    let damaged = |error: ParquetError| Error::corrupt(key, error);
    let (rows, stamps, reader) = contained(key, || {
        let (metadata, _) = read_footer(tail).map_err(damaged)?;
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
        let stamps = stamps_of(&metadata);
        let reader = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new());
        Ok((rows, stamps, reader.map_err(damaged)?))
    })?;
    let layout = Layout::of(reader.schema(), key)?;
    let (price_precision, size_precision) = (layout.price_precision, layout.size_precision);
    Ok(FilePeek { bar_type: identity(&layout, key)?, rows, stamps, price_precision, size_precision })
}

fn stamps_of(metadata: &ParquetMetaData) -> Option<(UnixNanos, UnixNanos)> {
    let of_group = |group: &RowGroupMetaData| {
        let column = group.columns().iter().find(|column| column.column_path().string() == "ts_init")?;
        let Some(Statistics::Int64(stamps)) = column.statistics() else { return None };
        Some((*stamps.min_opt()?, *stamps.max_opt()?))
    };
    let groups: Option<Vec<(i64, i64)>> = metadata.row_groups().iter().map(of_group).collect();
    let groups = groups?;
    let first = groups.iter().map(|(first, _)| *first).min()?;
    let last = groups.iter().map(|(_, last)| *last).max()?;
    Some((UnixNanos(first), UnixNanos(last)))
}

fn identity(layout: &Layout, key: &str) -> Result<BarType> {
    if layout.kind != DataKind::Bar {
        return Err(Error::new(ErrorKind::Unsupported, format!("`{key}` holds no bars")));
    }
    layout.identity.parse().map_err(|error| {
        Error::new(ErrorKind::Unsupported, format!("`{key}` names a bar type this catalog does not know"))
            .because(error)
    })
}

fn decode_all(batches: &[RecordBatch], layout: &Layout) -> Result<BarColumns<Decimal>> {
    let mut bars = BarColumns::default();
    for batch in batches {
        let part = decode_bars(batch, layout, Columns::ALL)?;
        bars.extend_from(&part, 0..part.len());
    }
    Ok(bars)
}

fn profile_of(storage: Storage) -> Profile {
    match storage {
        Storage::Binary8 | Storage::Binary16 => Profile::NautilusV1,
        Storage::Decimal(Decimal::SCALE) => Profile::Nautilus,
        Storage::Decimal(_) => Profile::Compact,
    }
}

/// As many decimals as the metadata says, and more where values have more.
fn precision(bars: &BarColumns<Decimal>, layout: &Layout) -> (u8, u8) {
    let most = |values: &[Decimal], stated: u8| {
        let more = values.iter().filter(|value| !fits(**value, stated)).map(|value| value.precision());
        more.max().unwrap_or(stated).max(stated)
    };
    let [open, high, low, close, volume] = bars.prices();
    let prices = [open, high, low, close].map(|values| most(values, layout.price_precision));
    (prices.into_iter().max().unwrap_or(layout.price_precision), most(volume, layout.size_precision))
}

fn fits(value: Decimal, precision: u8) -> bool {
    value.units() % 10i128.pow(u32::from(Decimal::SCALE - precision.min(Decimal::SCALE))) == 0
}

fn faults_of_bars(bars: &BarColumns<Decimal>, stored: &BarColumns<Decimal>, layout: &Layout) -> Vec<Fault> {
    if bars.is_empty() {
        return vec![Fault::Empty];
    }
    let mut faults = Vec::new();
    let backwards = bars.ts_init.windows(2).position(|pair| pair[1] < pair[0]);
    faults.extend(backwards.map(|row| Fault::Unsorted { at: UnixNanos(bars.ts_init[row + 1]) }));
    faults.extend(duplicates(bars));
    let rows = || 0..bars.len();
    let stamp = |row: usize| UnixNanos(bars.ts_init[row]);
    let undefined: Vec<usize> = rows().filter(|row| is_undefined(stored, *row, layout.storage)).collect();
    if let Some(first) = undefined.first() {
        faults.push(Fault::Undefined { count: undefined.len() as u64, first: stamp(*first) });
        return faults;
    }
    let mut rounded = rows().filter_map(|row| rounding(bars, stored, row, layout)).peekable();
    if let Some((stored, read)) = rounded.peek().copied() {
        faults.push(Fault::MixedPrecision { count: rounded.count() as u64, stored, read });
    }
    let mut implausible =
        rows().filter_map(|row| bars.bar(row).check().err().map(|fault| (row, fault))).peekable();
    if let Some((row, fault)) = implausible.peek().copied() {
        let count = implausible.count() as u64;
        faults.push(Fault::Implausible { count, first: stamp(row), fault });
    }
    faults
}

fn duplicates(bars: &BarColumns<Decimal>) -> Option<Fault> {
    let mut order: Vec<usize> = (0..bars.len()).collect();
    order.sort_by_key(|row| bars.ts_init[*row]);
    let same = |pair: &&[usize]| bars.ts_init[pair[0]] == bars.ts_init[pair[1]];
    let first = order.windows(2).find(same)?[0];
    let pairs: Vec<&[usize]> = order.windows(2).filter(same).collect();
    let equal = pairs.iter().all(|pair| bars.bar(pair[0]) == bars.bar(pair[1]));
    Some(Fault::Duplicates { count: pairs.len() as u64, first: UnixNanos(bars.ts_init[first]), equal })
}

/// NautilusTrader marks undefined values with the ends of the stored integer's range.
fn is_undefined(stored: &BarColumns<Decimal>, row: usize, storage: Storage) -> bool {
    let limit = match storage {
        // 2⁶³ - 1 and, for quantities, 2⁶⁴ - 1 billionths.
        Storage::Binary8 => i128::from(i64::MAX) * 10_000_000,
        _ => Decimal::MAX_UNITS,
    };
    let [open, high, low, close, volume] = stored.prices().map(|column| column[row].units());
    [open, high, low, close].into_iter().any(|units| units.unsigned_abs() >= limit.unsigned_abs())
        || volume.unsigned_abs() >= limit.unsigned_abs().saturating_mul(2)
        // 2¹²⁸ - 1, read as a signed number.
        || storage == Storage::Binary16 && volume == -1
}

/// A stored value and what it is read as, if the difference is more than the error of a float.
fn rounding(
    bars: &BarColumns<Decimal>,
    stored: &BarColumns<Decimal>,
    row: usize,
    layout: &Layout,
) -> Option<(Decimal, Decimal)> {
    let step = if layout.storage == Storage::Binary8 { 20_000_000 } else { 0 };
    bars.prices().into_iter().zip(stored.prices()).enumerate().find_map(|(at, (read, stored))| {
        let (read, stored) = (read[row], stored[row]);
        let tolerance = step.max(stored.units().unsigned_abs() >> 44);
        let stated = if at == 4 { layout.size_precision } else { layout.price_precision };
        let changed = (stored.units() - read.units()).unsigned_abs() > tolerance;
        (changed || read == stored && !fits(stored, stated)).then_some((stored, read))
    })
}

fn faults_of_name(bar_type: &BarType, entry: &PartitionEntry) -> Vec<Fault> {
    let mut faults = Vec::new();
    match names::parse_file_name(names::file_name(&entry.object.key)) {
        None => faults.push(Fault::NameWithoutRange),
        Some((first, last)) if first > entry.first || last < entry.last => faults.push(Fault::NameTooNarrow),
        Some(_) => {}
    }
    let directory = entry.object.key.rsplit('/').nth(1).unwrap_or_default();
    if directory != names::series_directory(bar_type) && directory != names::old_series_directory(bar_type) {
        faults.push(Fault::Misplaced);
    }
    faults
}
