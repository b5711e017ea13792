//! Stamps: whether the inputs of a step are those of its last success.
//!
//! A stamp is a hash over the names and contents of files, so a fresh checkout of the same state counts as unchanged.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Collects what a step depends on.
pub(crate) struct Stamp {
    file: PathBuf,
    hasher: DefaultHasher,
}

impl Stamp {
    /// Begins the stamp that is kept in `file`.
    pub(crate) fn new(file: PathBuf) -> Stamp {
        Stamp { file, hasher: DefaultHasher::new() }
    }

    /// Adds a setting.
    pub(crate) fn text(mut self, text: &str) -> Stamp {
        self.hasher.write_usize(text.len());
        self.hasher.write(text.as_bytes());
        self
    }

    /// Adds a file, or all files below a folder except those under a folder of one of the names in `without`. One that is
    /// absent counts as such.
    pub(crate) fn files(mut self, root: &Path, paths: &[&str], without: &[&str]) -> Result<Stamp> {
        for path in paths {
            let mut found = Vec::new();
            collect(&root.join(path), without, &mut found)?;
            found.sort();
            for file in found {
                let bytes = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
                self = self.text(&file.strip_prefix(root).unwrap_or(&file).to_string_lossy());
                self.hasher.write_usize(bytes.len());
                self.hasher.write(&bytes);
            }
        }
        Ok(self)
    }

    /// The hash over what was added so far: 16 hex digits.
    pub(crate) fn hash(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }

    /// Does `work` unless it was done for these very inputs and what it made is still there; says whether it was done now.
    pub(crate) fn unless_done(self, made: &[PathBuf], work: impl FnOnce() -> Result<()>) -> Result<bool> {
        let stamp = self.hash();
        let done = fs::read_to_string(&self.file).is_ok_and(|kept| kept == stamp);
        if done && made.iter().all(|path| path.exists()) {
            return Ok(false);
        }
        // A step that fails half-way must not look done.
        if self.file.exists() {
            fs::remove_file(&self.file)?;
        }
        work()?;
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.file, stamp).with_context(|| format!("cannot write `{}`", self.file.display()))?;
        Ok(true)
    }
}

/// Files below a folder, in no order; the file itself if it is one; none if it is absent.
pub(crate) fn collect(path: &Path, without: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        found.push(path.to_path_buf());
    } else if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot list `{}`", path.display()))?;
        for entry in entries {
            let entry = entry?;
            if !without.iter().any(|name| entry.file_name() == *name) {
                collect(&entry.path(), without, found)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_repeated_only_when_something_changed() -> Result<()> {
        let root = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(root.join("in/skipped"))?;
        fs::write(root.join("in/a"), "1")?;
        fs::write(root.join("made"), "")?;
        let works = |setting: &str| {
            let stamp = Stamp::new(root.join("stamps/step")).text(setting);
            stamp.files(&root, &["in", "absent"], &["skipped"])?.unless_done(&[root.join("made")], || Ok(()))
        };
        assert!(works("x")?, "the first time");
        assert!(!works("x")?, "nothing changed");
        assert!(works("y")?, "another setting");
        fs::write(root.join("in/skipped/b"), "2")?;
        assert!(!works("y")?, "a file that does not count");
        fs::write(root.join("in/a"), "3")?;
        assert!(works("y")?, "another content");
        fs::rename(root.join("in/a"), root.join("in/c"))?;
        assert!(works("y")?, "another name");
        fs::remove_file(root.join("made"))?;
        assert!(works("y")?, "what was made is gone");
        let failed = Stamp::new(root.join("stamps/step")).text("z").unless_done(&[], || anyhow::bail!("no"));
        assert!(failed.is_err() && !root.join("stamps/step").exists(), "a failed step leaves no stamp");
        fs::remove_dir_all(&root)?;
        Ok(())
    }
}
