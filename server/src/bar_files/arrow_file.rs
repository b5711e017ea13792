//! Arrow files and streams, read so that no length in them is believed before the bytes are there: the crate allocates first.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::{FileReader, StreamDecoder};
use arrow_schema::{ArrowError, Schema, SchemaRef};

/// How a stream begins.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// How a file ends, after four bytes that are its footer's length.
const MAGIC: &[u8; 6] = b"ARROW1";
/// Bytes of a stream that are read at once.
const READ_BYTES: usize = 1 << 20;

/// The batches of a file or a stream.
pub(super) enum ArrowBatches {
    File(FileReader<BufReader<File>>),
    Stream(Stream),
}

/// A stream and how far it is decoded.
pub(super) struct Stream {
    file: File,
    decoder: StreamDecoder,
    /// Bytes that were read and are not decoded yet.
    rest: Buffer,
    schema: SchemaRef,
    /// A batch that came with the schema's bytes.
    first: Option<RecordBatch>,
}

impl ArrowBatches {
    /// Opens either, and reads its schema.
    ///
    /// # Errors
    /// If it is damaged, or shorter than it says.
    pub(super) fn open(mut file: File) -> Result<Self, ArrowError> {
        let mut magic = [0; 4];
        file.read_exact(&mut magic)?;
        file.rewind()?;
        if magic == CONTINUATION {
            return Stream::open(file).map(Self::Stream);
        }
        refuse_absent_blocks(&mut file)?;
        FileReader::try_new(BufReader::new(file), None).map(Self::File)
    }

    pub(super) fn schema(&self) -> Arc<Schema> {
        match self {
            Self::File(reader) => reader.schema(),
            Self::Stream(stream) => Arc::clone(&stream.schema),
        }
    }
}

impl Iterator for ArrowBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stream(stream) => stream.first.take().map(Ok).or_else(|| stream.batch().transpose()),
        }
    }
}

impl Stream {
    fn open(file: File) -> Result<Self, ArrowError> {
        let (decoder, rest, schema) = (StreamDecoder::new(), Buffer::default(), Arc::new(Schema::empty()));
        let mut stream = Self { file, decoder, rest, schema, first: None };
        stream.first = stream.batch()?;
        let missing = || ArrowError::IpcError("it ends before its schema does".to_owned());
        stream.schema = stream.decoder.schema().ok_or_else(missing)?;
        Ok(stream)
    }

    /// The next batch; `None` at the end.
    fn batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.rest)? {
                return Ok(Some(batch));
            }
            let mut bytes = Vec::with_capacity(READ_BYTES);
            if self.file.by_ref().take(READ_BYTES as u64).read_to_end(&mut bytes)? == 0 {
                return self.decoder.finish().map(|()| None);
            }
            self.rest = bytes.into();
        }
    }
}

/// Refuses a file whose footer names blocks that it has no bytes for.
fn refuse_absent_blocks(file: &mut File) -> Result<(), ArrowError> {
    let damaged = |what: &str| ArrowError::IpcError(what.to_owned());
    let length = file.metadata()?.len();
    let mut end = [0; 10];
    file.seek(SeekFrom::Start(length.saturating_sub(10)))?;
    file.read_exact(&mut end)?;
    let (size, magic) = end.split_at(4);
    let size = u64::from(u32::from_le_bytes(size.try_into().unwrap_or_default()));
    if magic != MAGIC {
        return Err(damaged("it does not end as an Arrow file does"));
    }
    let start = length.checked_sub(10 + size).ok_or_else(|| damaged("it is shorter than its footer says"))?;
    let mut footer = vec![0; size as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut footer)?;
    let footer = arrow_ipc::root_as_footer(&footer).map_err(|error| damaged(&error.to_string()))?;
    let blocks = footer.recordBatches().into_iter().chain(footer.dictionaries()).flatten();
    for block in blocks {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = parts.iter().try_fold(0i64, |end, part| end.checked_add(*part));
        if parts.iter().any(|part| *part < 0) || end.is_none_or(|end| end as u64 > length) {
            return Err(damaged("its footer names bytes that it does not have"));
        }
    }
    Ok(file.rewind()?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use arrow_array::Int64Array;
    use arrow_ipc::writer::{FileWriter, StreamWriter};

    use super::*;

    fn read(bytes: &[u8]) -> Result<usize, ArrowError> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        ArrowBatches::open(file)?.map(|batch| batch.map(|batch| batch.num_rows())).sum()
    }

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)]).unwrap()
    }

    #[test]
    fn both_kinds_and_their_beginnings() {
        let (mut file, mut stream) = (Vec::new(), Vec::new());
        let mut writer = FileWriter::try_new(&mut file, &batch().schema()).unwrap();
        (0..3).for_each(|_| writer.write(&batch()).unwrap());
        writer.finish().unwrap();
        let mut writer = StreamWriter::try_new(&mut stream, &batch().schema()).unwrap();
        (0..3).for_each(|_| writer.write(&batch()).unwrap());
        writer.finish().unwrap();
        for whole in [&file, &stream] {
            assert_eq!(read(whole).unwrap(), 9);
            for length in 0..whole.len() {
                // A stream may end without its mark.
                assert!(
                    read(&whole[..length]).is_ok_and(|rows| rows % 3 == 0) || read(&whole[..length]).is_err()
                );
            }
        }
    }

    #[test]
    fn lengths_are_not_believed() {
        let stream = [&CONTINUATION[..], &0x7fff_ffffu32.to_le_bytes(), b"x"].concat();
        assert!(read(&stream).is_err());
        let mut file = Vec::new();
        let mut writer = FileWriter::try_new(&mut file, &batch().schema()).unwrap();
        writer.write(&batch()).unwrap();
        writer.finish().unwrap();
        // The body's length is the last number of the block, of which the footer holds one.
        let body = 64i64.to_le_bytes();
        let at = file.windows(8).rposition(|bytes| bytes == body).expect("the block's body");
        file[at..at + 8].copy_from_slice(&(1i64 << 46).to_le_bytes());
        assert!(read(&file).unwrap_err().to_string().contains("bytes that it does not have"));
    }
}
