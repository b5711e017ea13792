//! Inspection: what is wrong with a file's bars, judged from its bytes and its entry alone.
//!
//! The decoder may panic on bytes that no writer made; a caller that does not trust them isolates the call.

use bars::{BarColumns, BarType, DAY, Decimal, TimeRange, UnixNanos};
use bytes::Bytes;

use crate::footer::{chunk_crcs, contained, decode_footer, read_footer};
use crate::{
    Columns, DataKind, EncodedPartition, Error, ErrorKind, FindingKind, Layout, PartitionEntry, Profile,
    Result, SeriesEntry, Sha256, Storage, decode_bars, names, present, scan_file,
};

/// Something wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flaw {
    /// What.
    pub kind: FindingKind,
    /// The fact that says so.
    pub observed: String,
}

/// A file as its bytes describe it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its entry, as a series manifest should have it.
    pub entry: PartitionEntry,
    /// How it is stored, and which series it says it is of.
    pub layout: Layout,
    /// Its bars, in stored order.
    pub bars: BarColumns<Decimal>,
}

/// Describes a file of bars from its bytes.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it cannot be decoded or holds no bars, [`ErrorKind::Unsupported`] if it is not a file of bars.
pub fn describe(bar_type: &BarType, key: &str, file: &Bytes) -> Result<Described> {
    let damaged = |error: parquet::errors::ParquetError| Error::corrupt(key, error);
    let (metadata, footer) = contained(key, || read_footer(file).map_err(damaged))?;
    let (layout, batches) = scan_file(key, file.clone())?;
    if layout.kind != DataKind::Bar {
        return Err(Error::new(ErrorKind::Unsupported, format!("`{key}` holds no bars"))
            .because(format!("its rows are {:?}s", layout.kind)));
    }
    let mut bars = BarColumns::with_capacity(0);
    for batch in &batches {
        let part = decode_bars(batch, &layout, Columns::ALL)?;
        bars.extend_from(&part, 0..part.len());
    }
    let (Some(first), Some(last)) = (bars.ts_init.first(), bars.ts_init.last()) else {
        return Err(Error::corrupt(key, "it holds no rows"));
    };
    let encoded = EncodedPartition {
        bytes: file.clone(),
        sha256: Sha256::of(file),
        rows: bars.len() as u64,
        first: UnixNanos(*first),
        last: UnixNanos(*last),
        first_event: UnixNanos(bars.ts_event.iter().copied().min().unwrap_or(*first)),
        last_event: UnixNanos(bars.ts_event.iter().copied().max().unwrap_or(*last)),
        chunk_crcs: chunk_crcs(file, &metadata),
        footer,
    };
    let entry = PartitionEntry::of(key.to_owned(), &encoded, present(&bars, bar_type.spec.interval()));
    Ok(Described { entry, layout, bars })
}

/// Judges a file against its entry: every flaw found, and the file as it is if it can be decoded.
pub fn inspect(
    series: &SeriesEntry,
    stored: &PartitionEntry,
    file: &Bytes,
) -> (Vec<Flaw>, Option<Described>) {
    let flaw = |kind: FindingKind, observed: String| vec![Flaw { kind, observed }];
    if let Err(error) = stored.object.verify(file) {
        let observed = match damaged_chunk(stored, file) {
            Some(place) => format!("{}; {place}", error.why),
            None => error.why,
        };
        return (flaw(FindingKind::FileDamaged, observed), None);
    }
    let found = match describe(&series.bar_type, &stored.object.key, file) {
        Ok(found) => found,
        Err(error) => {
            let observed = if error.why.is_empty() { error.what } else { error.why };
            return (flaw(FindingKind::FileUndecodable, observed), None);
        }
    };
    let mut flaws = Vec::new();
    let mut note = |kind: FindingKind, observed: Option<String>| {
        flaws.extend(observed.map(|observed| Flaw { kind, observed }));
    };
    if let Some(observed) = wrong_series(&found.layout, &series.bar_type) {
        note(FindingKind::WrongSeries, Some(observed));
        return (flaws, Some(found));
    }
    if let Some(observed) = disordered(&found.bars) {
        note(FindingKind::RowsDisordered, Some(observed));
        return (flaws, Some(found));
    }
    note(FindingKind::EntryWrong, entry_differs(stored, &found.entry));
    note(FindingKind::NameLies, name_lies(&found.entry));
    note(FindingKind::OffGrid, off_grid(&found.bars, &series.bar_type));
    note(FindingKind::OffSession, off_session(&found.bars, series));
    note(FindingKind::BadPrices, bad_prices(&found.bars));
    note(FindingKind::TooPrecise, too_precise(&found.bars, series));
    note(FindingKind::FileTooPrecise, file_too_precise(&found.bars, &found.layout));
    note(FindingKind::PrecisionDiffers, precision_differs(&found.layout, series));
    (flaws, Some(found))
}

/// The decimals that prices and volumes of a series need to show these bars whole.
pub fn precision_of(bars: &BarColumns<Decimal>) -> (u8, u8) {
    let most = |values: &[Decimal]| values.iter().map(|value| value.precision()).max().unwrap_or(0);
    let [open, high, low, close, volume] = bars.prices();
    (most(open).max(most(high)).max(most(low)).max(most(close)), most(volume))
}

/// Where the bytes differ, if the manifest's footer tells.
fn damaged_chunk(stored: &PartitionEntry, file: &Bytes) -> Option<String> {
    let metadata = decode_footer(stored.footer.as_ref()?).ok()?;
    let found = chunk_crcs(file, &metadata);
    let at = found.iter().zip(&stored.chunk_crcs).position(|(found, stored)| found != stored)?;
    let columns = metadata.file_metadata().schema_descr().num_columns().max(1);
    let chunk = metadata.row_groups().get(at / columns)?.columns().get(at % columns)?;
    let (start, length) = chunk.byte_range();
    Some(format!(
        "the damage is in bytes {start}-{} (`{}`)",
        start.saturating_add(length),
        chunk.column_path().string()
    ))
}

fn wrong_series(layout: &Layout, bar_type: &BarType) -> Option<String> {
    let same = layout.identity.parse::<BarType>().is_ok_and(|named| named == *bar_type);
    (!same).then(|| format!("its metadata says `{}`", layout.identity))
}

fn disordered(bars: &BarColumns<Decimal>) -> Option<String> {
    let at = bars.ts_init.windows(2).position(|pair| pair[0] >= pair[1])?;
    let (before, after) = (UnixNanos(bars.ts_init[at]), UnixNanos(bars.ts_init[at + 1]));
    Some(if before == after {
        format!("two bars close at {before}")
    } else {
        format!("the bar of {before} is followed by that of {after}")
    })
}

fn entry_differs(stored: &PartitionEntry, found: &PartitionEntry) -> Option<String> {
    let mut wrong = Vec::new();
    if stored.rows != found.rows {
        wrong.push(format!("it has {} bars instead of {}", found.rows, stored.rows));
    }
    for (name, stored, found) in [("first", stored.first, found.first), ("last", stored.last, found.last)] {
        if stored != found {
            wrong.push(format!("its {name} bar closes at {found} instead of {stored}"));
        }
    }
    if stored.footer != found.footer {
        wrong.push("its footer is another".to_owned());
    }
    if stored.chunk_crcs != found.chunk_crcs {
        wrong.push("its column chunks have other checksums".to_owned());
    }
    if stored.present != found.present {
        wrong.push("its bars span other times".to_owned());
    }
    (!wrong.is_empty()).then(|| wrong.join(", "))
}

/// Our names tell first, last and content. Those of NautilusTrader may tell more time than there are bars, never less, and names that
/// tell no time (`part-0.parquet`) cannot lie.
fn name_lies(found: &PartitionEntry) -> Option<String> {
    let name = names::file_name(&found.object.key);
    let (first, last) = names::parse_file_name(name)?;
    let content = found.object.sha256.short();
    let lies = match names::content_of(name) {
        Some(hash) if hash != content => return Some(format!("its content is {content}")),
        Some(_) => (first, last) != (found.first, found.last),
        None => first > found.first || last < found.last,
    };
    lies.then(|| format!("its bars close from {} to {}", found.first, found.last))
}

/// Daily and longer bars close when their market does.
fn off_grid(bars: &BarColumns<Decimal>, bar_type: &BarType) -> Option<String> {
    let interval = bar_type.spec.interval().filter(|interval| *interval < DAY)?;
    count(
        bars,
        |row| bars.ts_event[row].rem_euclid(interval) != 0,
        |row| UnixNanos(bars.ts_event[row]).to_string(),
    )
}

fn off_session(bars: &BarColumns<Decimal>, series: &SeriesEntry) -> Option<String> {
    let calendar = series.calendar?;
    let interval = series.bar_type.spec.interval().filter(|interval| *interval < DAY)?;
    let open = |row: usize| UnixNanos(bars.ts_event[row]).plus(-interval);
    let range = TimeRange::new(
        UnixNanos(*bars.ts_event.iter().min()?).plus(-interval),
        UnixNanos(*bars.ts_event.iter().max()?),
    );
    let sessions = calendar.sessions(range);
    let outside = |row: usize| {
        let after = sessions.ranges().partition_point(|session| session.start <= open(row));
        after == 0 || !sessions.ranges()[after - 1].contains(open(row))
    };
    count(bars, outside, |row| format!("the one that opens at {}", open(row)))
}

fn bad_prices(bars: &BarColumns<Decimal>) -> Option<String> {
    let fault = |row: usize| bars.bar(row).check().err();
    count(
        bars,
        |row| fault(row).is_some(),
        |row| {
            let fault = fault(row).map(|fault| fault.to_string()).unwrap_or_default();
            format!("of the bar that closes at {} {fault}", UnixNanos(bars.ts_event[row]))
        },
    )
}

fn too_precise(bars: &BarColumns<Decimal>, series: &SeriesEntry) -> Option<String> {
    exceeds(precision_of(bars), (series.price_precision, series.size_precision))
}

fn file_too_precise(bars: &BarColumns<Decimal>, layout: &Layout) -> Option<String> {
    exceeds(precision_of(bars), (layout.price_precision, layout.size_precision))
}

fn exceeds((price, size): (u8, u8), (price_stated, size_stated): (u8, u8)) -> Option<String> {
    (price > price_stated || size > size_stated).then(|| {
        format!("prices have up to {price} decimals and {price_stated} are stated, volumes {size} and {size_stated}")
    })
}

/// Files of fewer decimals than their series are fine: a series gains decimals as it grows. Not so where the scale is in the storage.
fn precision_differs(layout: &Layout, series: &SeriesEntry) -> Option<String> {
    let (price, size) = (layout.price_precision, layout.size_precision);
    let compact = series.profile == Profile::Compact;
    let more = price > series.price_precision || size > series.size_precision;
    let fewer = compact && (price < series.price_precision || size < series.size_precision);
    let storage = compact && layout.storage != Storage::Decimal(series.price_precision);
    (more || fewer || storage).then(|| {
        format!(
            "it has {price} decimals for prices and {size} for volumes ({:?}), its series {} and {} ({})",
            layout.storage,
            series.price_precision,
            series.size_precision,
            series.profile.as_str()
        )
    })
}

/// How many rows are so, and the first of them.
fn count(
    bars: &BarColumns<Decimal>,
    is_so: impl Fn(usize) -> bool,
    show: impl Fn(usize) -> String,
) -> Option<String> {
    let mut rows = (0..bars.len()).filter(|row| is_so(*row));
    let first = rows.next()?;
    Some(match rows.count() {
        0 => format!("1 bar: {}", show(first)),
        more => format!("{} bars, first {}", more + 1, show(first)),
    })
}

#[cfg(test)]
mod tests {
    use bars::{Bar, IntervalSet, MINUTE};

    use super::*;
    use crate::{DataKind, ObjectRef, WriteOptions, encode_bars};

    fn bars() -> BarColumns<Decimal> {
        let value = |text: &str| text.parse().unwrap();
        let bar = |minute: i64| Bar {
            open: value("1.5"),
            high: value("2.0125"),
            low: value("1"),
            close: value("1.25"),
            volume: value("3"),
            ts_event: UnixNanos(minute * MINUTE),
            ts_init: UnixNanos(minute * MINUTE),
        };
        (1..4).map(bar).collect()
    }

    #[test]
    fn decimals_are_compared_with_what_file_and_series_say() {
        let layout = |price_precision| Layout {
            kind: DataKind::Bar,
            storage: Storage::Decimal(16),
            price_precision,
            size_precision: 0,
            identity: String::new(),
        };
        assert_eq!(precision_of(&bars()), (4, 0));
        assert_eq!(file_too_precise(&bars(), &layout(4)), None);
        let said = file_too_precise(&bars(), &layout(2)).unwrap();
        assert!(said.contains("up to 4 decimals and 2 are stated"), "{said}");
    }

    #[test]
    fn names_lie_or_do_not() {
        let content = Sha256::of(b"abc");
        let stamp = |minute: i64| names::file_stamp(UnixNanos(minute * MINUTE));
        let own = |first, last| format!("{}_{}_{}.parquet", stamp(first), stamp(last), content.short());
        let foreign = |first, last| format!("{}_{}.parquet", stamp(first), stamp(last));
        let other = format!("{}_{}_0123456789abcdef.parquet", stamp(1), stamp(3));
        for (name, lies) in [
            (own(1, 3), false),
            (own(0, 3), true),
            (own(1, 4), true),
            (other, true),
            (foreign(1, 3), false),
            (foreign(0, 4), false),
            (foreign(2, 3), true),
            (foreign(1, 2), true),
            ("part-0.parquet".to_owned(), false),
        ] {
            let entry = PartitionEntry {
                object: ObjectRef { key: format!("data/bars/x/{name}"), size_bytes: 3, sha256: content },
                rows: 3,
                first: UnixNanos(MINUTE),
                last: UnixNanos(3 * MINUTE),
                first_event: UnixNanos(MINUTE),
                last_event: UnixNanos(3 * MINUTE),
                chunk_crcs: Vec::new(),
                footer: None,
                present: IntervalSet::default(),
            };
            assert_eq!(name_lies(&entry).is_some(), lies, "{name}");
        }
    }

    #[test]
    fn a_file_is_described_as_its_writer_did() {
        let bar_type: BarType = "A.B-1-MINUTE-LAST-EXTERNAL".parse().unwrap();
        let options = WriteOptions { price_precision: 4, ..WriteOptions::default() };
        let encoded = encode_bars(&bar_type, &bars(), &options).unwrap();
        let written = PartitionEntry::of("k".into(), &encoded, present(&bars(), Some(MINUTE)));
        let found = describe(&bar_type, "k", &encoded.bytes).unwrap();
        assert_eq!((found.entry, found.bars), (written, bars()));
        assert_eq!(
            describe(&bar_type, "k", &Bytes::from_static(b"PAR1")).unwrap_err().kind,
            ErrorKind::Corrupt
        );
    }
}
