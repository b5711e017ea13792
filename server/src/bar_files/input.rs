//! Files to read: found by name or pattern, recognised by their first bytes, unpacked on the way, and never further than a limit.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use catalog::{Error, ErrorKind, Result};
use encoding_rs_io::DecodeReaderBytesBuilder;
use tempfile::NamedTempFile;

/// Bytes that may come out of one packed byte, once there are [`BOMB_BYTES`]. Real bars pack 3 to 30 times.
const BOMB_RATIO: u64 = 400;
const BOMB_BYTES: u64 = 64 << 20;
/// Files that a pattern or an archive may stand for.
const MOST_FILES: usize = 100_000;

/// What stands in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Content {
    /// Lines.
    Text,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, as a file or a stream.
    Arrow,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
    Member(usize),
}

/// One file to read, or one member of an archive.
#[derive(Clone, Debug)]
pub struct Input {
    /// As it is shown: the path, and the member.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The file's own name, or the member's, without directories.
    pub file_name: String,
    /// What stands in it.
    pub content: Content,
    packing: Packing,
    limit_bytes: u64,
}

/// Files to read. Standard input is kept in a temporary file as long as this lives.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The files.
    pub list: Vec<Input>,
    /// What the user should know.
    pub notes: Vec<String>,
    spooled: Vec<NamedTempFile>,
}

impl Inputs {
    /// Finds what `names` stand for: paths, patterns like `2024-*.csv`, `-` for standard input. No file unpacks to more than
    /// `limit_bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such file, [`ErrorKind::InvalidInput`] for a directory or a damaged archive.
    pub fn find(names: &[String], limit_bytes: u64) -> Result<Self> {
        let mut found = Self::default();
        for name in names {
            if name == "-" {
                let path = found.spool()?;
                found.add(path, "standard input", limit_bytes)?;
                continue;
            }
            for path in matching(name)? {
                let shown = path.display().to_string();
                found.add(path, &shown, limit_bytes)?;
            }
        }
        let mut seen = HashSet::new();
        found.list.retain(|input| seen.insert(input.name.clone()));
        Ok(found)
    }

    fn add(&mut self, path: PathBuf, shown: &str, limit_bytes: u64) -> Result<()> {
        let mut file = open(&path, shown)?;
        let mut magic = [0; 8];
        let length = read_up_to(&mut file, &mut magic).map_err(|error| unreadable(shown, &error))?;
        let (packing, content) = match &magic[..length] {
            [0x1f, 0x8b, ..] => (Packing::Gzip, Content::Text),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => (Packing::Zstd, Content::Text),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => return self.add_members(&path, shown, limit_bytes),
            [b'P', b'A', b'R', b'1', ..] => (Packing::Plain, Content::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => {
                (Packing::Plain, Content::Arrow)
            }
            _ => (Packing::Plain, Content::Text),
        };
        let spooled = self.spooled.iter().any(|file| file.path() == path);
        let file_name =
            path.file_name().filter(|_| !spooled).unwrap_or_default().to_string_lossy().into_owned();
        self.list.push(Input { name: shown.to_owned(), path, file_name, content, packing, limit_bytes });
        Ok(())
    }

    fn add_members(&mut self, path: &Path, shown: &str, limit_bytes: u64) -> Result<()> {
        let archive = open_zip(path, shown)?;
        let mut members: Vec<(String, usize)> = archive
            .file_names()
            .enumerate()
            .filter_map(|(at, name)| Some((name.ok()?.into_owned(), at)))
            .filter(|(name, _)| {
                !name.ends_with('/') && !name.split('/').any(|part| part.starts_with(['.', '_']))
            })
            .collect();
        members.sort();
        let is_csv = |name: &str| name.to_ascii_lowercase().ends_with(".csv");
        if members.iter().any(|(name, _)| is_csv(name)) && !members.iter().all(|(name, _)| is_csv(name)) {
            members.retain(|(name, _)| is_csv(name));
            self.notes.push(format!("of `{shown}` only the members that end in .csv are read"));
        }
        if members.is_empty() || members.len() > MOST_FILES {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("`{shown}` holds {} files", members.len()),
            )
            .because(format!("a zip archive is read if it holds 1 to {MOST_FILES}"))
            .then("unpack it and name the files to import"));
        }
        for (member, at) in members {
            let name = if archive.len() == 1 { shown.to_owned() } else { format!("{shown}:{member}") };
            let file_name = member.rsplit('/').next().unwrap_or_default().to_owned();
            let packing = Packing::Member(at);
            self.list.push(Input {
                name,
                path: path.to_owned(),
                file_name,
                content: Content::Text,
                packing,
                limit_bytes,
            });
        }
        Ok(())
    }

    /// Standard input in a temporary file: it is read twice.
    fn spool(&mut self) -> Result<PathBuf> {
        if io::stdin().is_terminal() {
            return Err(Error::new(ErrorKind::InvalidInput, "`-` reads standard input, which is a terminal")
                .then("pipe a file into it: `zcat bars.csv.gz | barkeep import csv - …`"));
        }
        let spooled = NamedTempFile::new().and_then(|mut file| {
            io::copy(&mut io::stdin().lock(), &mut file)?;
            Ok(file)
        });
        let spooled = spooled.map_err(|error| {
            Error::new(ErrorKind::SourceUnavailable, "could not keep standard input in a temporary file")
                .because(error)
                .then("set TMPDIR to a directory with room for it")
        })?;
        let path = spooled.path().to_owned();
        self.spooled.push(spooled);
        Ok(path)
    }
}

impl Input {
    /// Reads its text, unpacked and as UTF-8 without a byte order mark.
    ///
    /// # Errors
    /// What `read` says; [`text_error`] explains its I/O errors.
    pub fn with_text<T>(&self, read: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
        let file = open(&self.path, &self.name)?;
        if let Packing::Member(at) = self.packing {
            let mut archive = open_zip(&self.path, &self.name)?;
            let member = archive.by_index(at).map_err(|error| zip_error(&self.name, &error))?;
            let packed = Rc::new(RefCell::new(member.compressed_size()));
            return read(&mut decoded(self.limited(member, packed)));
        }
        let packed = Rc::new(RefCell::new(0));
        let counted = BufReader::with_capacity(1 << 16, Counted { inner: file, bytes: packed.clone() });
        match self.packing {
            Packing::Gzip => {
                read(&mut decoded(self.limited(flate2::bufread::MultiGzDecoder::new(counted), packed)))
            }
            Packing::Zstd => {
                let decoder =
                    zstd::Decoder::with_buffer(counted).map_err(|error| text_error(&self.name, &error))?;
                read(&mut decoded(self.limited(decoder, packed)))
            }
            _ => read(&mut decoded(counted)),
        }
    }

    /// Opens a file that is not packed.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(&self) -> Result<File> {
        open(&self.path, &self.name)
    }

    fn limited<R: Read>(&self, inner: R, packed: Rc<RefCell<u64>>) -> Limited<R> {
        Limited { inner, packed, unpacked: 0, limit: self.limit_bytes }
    }
}

/// UTF-16 is recognised by its byte order mark; bytes that are no UTF-8 pass, for only numbers and names are looked at.
fn decoded(reader: impl Read) -> impl Read {
    DecodeReaderBytesBuilder::new().utf8_passthru(true).strip_bom(true).bom_override(true).build(reader)
}

/// What an I/O error of a text means.
pub fn text_error(name: &str, error: &io::Error) -> Error {
    if let Some(bomb) = error.get_ref().and_then(|inner| inner.downcast_ref::<Bomb>()) {
        return Error::new(ErrorKind::InvalidInput, format!("`{name}` unpacks to more than it may"))
            .because(&bomb.0)
            .then("check where the file comes from")
            .then(
                "if it is what it should be, unpack it and import that, or raise the limit: `--max-unpacked`",
            );
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::new(ErrorKind::InvalidInput, format!("`{name}` ends in the middle"))
            .because("its packed data is cut off")
            .then("download or copy the file again; nothing was imported");
    }
    unreadable(name, error)
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("`{name}` could not be read"))
        .because(error)
        .then("download or copy the file again; nothing was imported")
}

fn open(path: &Path, name: &str) -> Result<File> {
    let opened = File::open(path).map_err(|error| {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::SourceUnavailable
        };
        Error::new(kind, format!("could not open `{name}`")).because(error).then("check the file's name")
    })?;
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("`{name}` is a directory"))
            .then(format!("name its files: `{name}/*.csv`")));
    }
    Ok(opened)
}

fn open_zip(path: &Path, name: &str) -> Result<zip::ZipArchive<BufReader<File>>> {
    zip::ZipArchive::new(BufReader::new(open(path, name)?)).map_err(|error| zip_error(name, &error))
}

fn zip_error(name: &str, error: &zip::result::ZipError) -> Error {
    let error_text = error.to_string();
    let what = if error_text.to_ascii_lowercase().contains("password") {
        return Error::new(ErrorKind::Unsupported, format!("`{name}` is encrypted"))
            .because(error_text)
            .then("unpack it with its password and import the files");
    } else if matches!(error, zip::result::ZipError::InvalidArchive(_)) {
        format!("`{name}` is a zip archive that ends in the middle, or is damaged")
    } else {
        format!("`{name}` could not be read")
    };
    Error::new(ErrorKind::InvalidInput, what)
        .because(error_text)
        .then("download or copy the file again; nothing was imported")
}

/// The files that a name or a pattern stands for, in the order of their names.
fn matching(name: &str) -> Result<Vec<PathBuf>> {
    let path = PathBuf::from(name);
    if !name.contains(['*', '?', '[']) || path.exists() {
        return Ok(vec![path]);
    }
    let pattern = glob::glob(name).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("`{name}` is not a pattern")).because(error)
    })?;
    let found: Vec<PathBuf> =
        pattern.filter_map(std::result::Result::ok).filter(|path| !path.is_dir()).take(MOST_FILES).collect();
    if found.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("no file matches `{name}`"))
            .then("check the pattern: `*` stands for any characters but `/`, `**` for directories"));
    }
    Ok(found)
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

struct Counted<R> {
    inner: R,
    bytes: Rc<RefCell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        *self.bytes.borrow_mut() += read as u64;
        Ok(read)
    }
}

/// Stops unpacking what would never end.
struct Limited<R> {
    inner: R,
    packed: Rc<RefCell<u64>>,
    unpacked: u64,
    limit: u64,
}

#[derive(Debug)]
struct Bomb(String);

impl std::fmt::Display for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Bomb {}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        let packed = *self.packed.borrow();
        if self.unpacked > self.limit {
            let limit = crate::output::bytes_text(self.limit);
            return Err(io::Error::other(Bomb(format!("it holds more than {limit}, which is the limit"))));
        }
        if self.unpacked > BOMB_BYTES && self.unpacked / BOMB_RATIO > packed {
            return Err(io::Error::other(Bomb(format!(
                "{packed} packed bytes gave {} so far, more than {BOMB_RATIO} times as many: bars do not pack so well",
                self.unpacked
            ))));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text_of(bytes: &[u8], limit: u64) -> Result<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let inputs = Inputs::find(&[path.display().to_string()], limit)?;
        let mut text = String::new();
        for input in &inputs.list {
            input.with_text(|reader| {
                reader.read_to_string(&mut text).map_err(|error| text_error(&input.name, &error))
            })?;
        }
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, content) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn utf16(text: &str) -> Vec<u8> {
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn every_packing_is_seen_by_its_bytes() {
        let both = [gzip(b"one,"), gzip(b"two")].concat();
        for (bytes, text) in [
            (b"one,two".to_vec(), "one,two"),
            (b"\xef\xbb\xbfone,two".to_vec(), "one,two"),
            (utf16("one,two\u{20ac}"), "one,two\u{20ac}"),
            (gzip(&utf16("one,two")), "one,two"),
            (both, "one,two"),
            (zstd::encode_all(&b"one,two"[..], 1).unwrap(), "one,two"),
            (
                zip(&[
                    ("b.csv", b"two"),
                    ("a.csv", b"one,"),
                    ("readme.txt", b"no"),
                    ("__MACOSX/._a.csv", b"no"),
                ]),
                "one,two",
            ),
            (zip(&[("only.txt", b"one,two")]), "one,two"),
        ] {
            assert_eq!(text_of(&bytes, 1 << 30).unwrap(), text);
        }
    }

    #[test]
    fn damage_and_bombs_end_with_an_error() {
        let zeros = vec![b'0'; 80 << 20];
        let varied: Vec<u8> =
            (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
        let mut flipped = zip(&[("a.csv", &varied)]);
        flipped[5000] ^= 1;
        for (bytes, limit, expected) in [
            (cut(gzip(&varied)), 1 << 30, "ends in the middle"),
            (cut(zstd::encode_all(&varied[..], 1).unwrap()), 1 << 30, "ends in the middle"),
            (cut(zip(&[("a.csv", &varied)])), 1 << 30, "ends in the middle"),
            (flipped, 1 << 30, "could not be read"),
            (gzip(&zeros), 1 << 30, "unpacks to more than it may"),
            (zstd::encode_all(&zeros[..], 1).unwrap(), 1 << 30, "unpacks to more than it may"),
            (zip(&[("a.csv", &zeros)]), 1 << 30, "unpacks to more than it may"),
            (gzip(&varied), 1000, "unpacks to more than it may"),
            (zip(&[]), 1 << 30, "holds 0 files"),
        ] {
            let error = text_of(&bytes, limit).unwrap_err();
            assert!(error.what.contains(expected), "{expected}: {error}");
            assert!(!error.next.is_empty());
        }
    }

    #[test]
    fn patterns_are_expanded() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt"] {
            std::fs::write(directory.path().join(name), name).unwrap();
        }
        let find = |name: &str| Inputs::find(&[directory.path().join(name).display().to_string()], 1000);
        let names: Vec<String> =
            find("*.csv").unwrap().list.into_iter().map(|input| input.file_name).collect();
        assert_eq!(names, ["a.csv", "b.csv"]);
        assert_eq!(find("*.gz").unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(find("none.csv").unwrap_err().kind, ErrorKind::NotFound);
        assert!(find("").unwrap_err().what.contains("is a directory"));
    }
}
