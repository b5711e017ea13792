//! The house from outside: the `barkeep` binary as its users run it.
//!
//! `BARKEEP_BIN` names the binary; `cargo xtask test` builds it and sets the variable.

pub mod gateway;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory of its own with a catalog in it, and the binary to work on it.
pub struct Place {
    directory: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Place {
    /// An empty place.
    ///
    /// # Panics
    /// If there is no temporary directory.
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The catalog's directory.
    pub fn catalog(&self) -> PathBuf {
        self.path("catalog")
    }

    /// Writes a file and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the temporary directory can be written");
        path
    }

    /// Runs `barkeep` with these words, split at spaces, on the catalog.
    ///
    /// # Panics
    /// If the binary cannot be started.
    pub fn barkeep(&self, words: &str) -> Said {
        self.barkeep_with(words, &[])
    }

    /// As [`Place::barkeep`], with further words that may hold spaces.
    ///
    /// # Panics
    /// If the binary cannot be started.
    pub fn barkeep_with(&self, words: &str, more: &[&str]) -> Said {
        said(self.run(words, more))
    }

    /// What `barkeep` printed, byte by byte.
    ///
    /// # Panics
    /// If the binary cannot be started or fails.
    pub fn bytes(&self, words: &str) -> Vec<u8> {
        let output = self.run(words, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn run(&self, words: &str, more: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.current_dir(self.directory.path()).env_remove("BARKEEP_CATALOG").env_remove("NAUTILUS_PATH");
        command
            .arg("--catalog")
            .arg(self.catalog())
            .args(words.split_whitespace())
            .args(more)
            .output()
            .expect("barkeep can be started")
    }

    /// Writes the demo catalog.
    ///
    /// # Panics
    /// If that fails.
    pub fn demo(&self) -> &Self {
        let done = self.barkeep("demo --no-serve");
        assert_eq!(done.code, 0, "{}", done.err);
        self
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The binary under test.
///
/// # Panics
/// If `BARKEEP_BIN` does not name it and it was not built.
pub fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/barkeep");
    let binary = std::env::var_os("BARKEEP_BIN").map_or(built, PathBuf::from);
    assert!(binary.is_file(), "build the binary first: `cargo xtask build` ({})", binary.display());
    binary
}
