//! What is special about a directory: links that lead out of it, and a listing that takes no error of the disk for absence.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Error, ErrorKind, Result};
use object_store::ObjectMeta;
use object_store::path::Path as Key;
use walkdir::{DirEntry, WalkDir};

/// A catalog's directory.
#[derive(Clone, Debug)]
pub(super) struct Root {
    path: Arc<PathBuf>,
    /// Directories below it that were seen to lie inside.
    inside: Arc<Mutex<HashSet<PathBuf>>>,
}

/// Makes a directory and those above it, so that a power loss does not take them away with all that is put inside.
///
/// # Errors
/// If one cannot be made or synced.
pub(super) fn make_directory(directory: &Path) -> std::io::Result<()> {
    let directory = std::path::absolute(directory)?;
    let made: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    std::fs::create_dir_all(&directory)?;
    // Windows syncs no directories, and needs it less: its file system keeps a journal of them.
    #[cfg(unix)]
    for parent in made.iter().filter_map(|path| path.parent()) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

impl Root {
    /// The directory, which must exist.
    ///
    /// # Errors
    /// If it cannot be found out where it lies.
    pub(super) fn new(directory: &Path) -> std::io::Result<Self> {
        Ok(Self { path: Arc::new(directory.canonicalize()?), inside: Arc::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a key whose file is reached over a symbolic link that leads out of the catalog. Directories are looked at once, a
    /// file every time it is used.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if one does.
    pub(super) fn refuse_link_out(&self, key: &str) -> Result<()> {
        let mut path = self.path.to_path_buf();
        let mut parts = key.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            let is_directory = parts.peek().is_some();
            if is_directory && self.known().contains(&path) {
                continue;
            }
            match path.symlink_metadata() {
                Ok(found) if found.is_symlink() && self.leads_out(&path) => return Err(self.link_out(&path)),
                Ok(found) if is_directory && (found.is_dir() || found.is_symlink()) => {
                    self.known().insert(path.clone());
                }
                Ok(_) => {}
                // Nothing is there, or nothing that could be looked at: the access itself tells.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// The files under a prefix, with length and time of change. Written here because `object_store` leaves out of its listing what it
    /// could not look at, and a snapshot that is not listed is one that a vacuum does not spare.
    ///
    /// # Errors
    /// If a directory or a file cannot be looked at. What is gone by the time it is looked at is no error.
    pub(super) fn list(&self, prefix: &str) -> io::Result<Vec<ObjectMeta>> {
        self.walk(prefix).filter_map(|entry| self.object(entry).transpose()).collect()
    }

    /// Whether any file lies under a prefix.
    ///
    /// # Errors
    /// As [`Root::list`].
    pub(super) fn any_under(&self, prefix: &str) -> io::Result<bool> {
        let found = self.walk(prefix).find_map(|entry| self.object(entry).transpose());
        Ok(found.transpose()?.is_some())
    }

    fn walk(&self, prefix: &str) -> walkdir::IntoIter {
        WalkDir::new(self.path.join(prefix)).min_depth(1).follow_links(true).into_iter()
    }

    /// `None` for what is no object: a directory, a file that is gone or still being written, or one whose name no key can be.
    fn object(&self, entry: walkdir::Result<DirEntry>) -> io::Result<Option<ObjectMeta>> {
        let looked_at = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata)));
        let (entry, metadata) = match looked_at.map_err(io::Error::from) {
            Ok((entry, metadata)) if metadata.is_file() => (entry, metadata),
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(location) = self.key(entry.path()) else { return Ok(None) };
        let last_modified = metadata.modified()?.into();
        Ok(Some(ObjectMeta { location, last_modified, size: metadata.len(), e_tag: None, version: None }))
    }

    fn key(&self, file: &Path) -> Option<Key> {
        let parts = file.strip_prefix(&*self.path).ok()?.iter().map(|part| part.to_str());
        let parts = parts.collect::<Option<Vec<_>>>()?;
        if parts.last().is_some_and(|name| is_unfinished(name)) {
            return None;
        }
        Key::parse(parts.join("/")).ok()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link to nowhere leads nowhere.
    fn leads_out(&self, link: &Path) -> bool {
        link.canonicalize().is_ok_and(|target| !target.starts_with(&*self.path))
    }

    fn link_out(&self, link: &Path) -> Error {
        let inside = link.strip_prefix(&*self.path).unwrap_or(link).display();
        Error::new(
            ErrorKind::Unsupported,
            format!("`{inside}` in `{}` leads out of the catalog", self.path.display()),
        )
        .because(
            "it is a symbolic link to another place, and whoever may read the catalog would read that too",
        )
        .then("put the files themselves there, or mount the other place there (`mount --bind`)")
        .then("or move the whole catalog and link to its root, which is allowed")
    }
}

/// Whether a file's name is one that `object_store` writes under before it renames: the key's, `#`, and a number.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
