//! Footers, and the fence around the Parquet crates: what strangers wrote may make them panic, and must end that file only.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use crate::{Error, Result, crc32c};

thread_local!(static CONTAINED: Cell<bool> = const { Cell::new(false) });

/// Whether a panic on this thread, now, will be taken for a damaged file, so that a panic hook need not report it.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Runs a decoder of other people's bytes; `None` if it panics. Where panics abort, as in the browser, it ends the worker all the same.
///
/// Only decoders run in here, so that no fault of ours is taken for one of the bytes; what they leave half done is dropped with them.
pub fn contain<T>(decode: impl FnOnce() -> T) -> Option<T> {
    let outer = CONTAINED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(decode));
    CONTAINED.set(outer);
    done.ok()
}

/// As [`contain`]; a panic is a damaged file.
///
/// # Errors
/// Those of `decode`, and [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it panics.
pub(crate) fn contained<T>(key: &str, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    contain(decode).unwrap_or_else(|| Err(Error::corrupt(key, "the Parquet decoder gave up on it")))
}

/// A file's metadata and the footer bytes it was read from.
pub(crate) fn read_footer(file: &Bytes) -> parquet::errors::Result<(ParquetMetaData, Bytes)> {
    let short = || ParquetError::General("it is too short to be a Parquet file".into());
    let body = file.len().checked_sub(8).ok_or_else(short)?;
    if &file[body + 4..] != b"PAR1" {
        return Err(ParquetError::General("it does not end as a Parquet file does".into()));
    }
    let mut length = [0; 4];
    length.copy_from_slice(&file[body..body + 4]);
    let start = body.checked_sub(u32::from_le_bytes(length) as usize).ok_or_else(short)?;
    let footer = file.slice(start..body);
    Ok((decode_footer(&footer)?, footer))
}

/// Metadata from footer bytes, with chunks that can be somewhere: the crates take that for granted.
pub(crate) fn decode_footer(footer: &[u8]) -> parquet::errors::Result<ParquetMetaData> {
    let metadata = ParquetMetaDataReader::decode_metadata(footer)?;
    let mut chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    match chunks.find(|chunk| is_nowhere(chunk)) {
        None => Ok(metadata),
        Some(chunk) => Err(ParquetError::General(format!(
            "its column `{}` has a negative place or length",
            chunk.column_path().string()
        ))),
    }
}

fn is_nowhere(chunk: &ColumnChunkMetaData) -> bool {
    chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset()) < 0
        || chunk.compressed_size() < 0
}

/// The checksum of every column chunk of a file, row group by row group.
pub(crate) fn chunk_crcs(file: &[u8], metadata: &ParquetMetaData) -> Vec<u32> {
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let range = |(start, length): (u64, u64)| start as usize..(start + length) as usize;
    chunks.map(|chunk| file.get(range(chunk.byte_range())).map_or(0, crc32c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_panic_is_a_damaged_file() {
        let error = contained("data/x.parquet", || -> Result<()> {
            assert!(is_contained());
            panic!("of the decoder")
        });
        assert_eq!(error.unwrap_err().kind, ErrorKind::Corrupt);
        assert!(!is_contained());
    }
}
