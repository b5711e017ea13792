//! Files of every kind, good and bad, read as a caller reads them.

mod columns;
mod malformed;
mod sources;
mod streaming;
mod texts;
mod times;

use std::path::PathBuf;

use bars::{Bar, BarColumns, Decimal};
use catalog::Result;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::{ImportOptions, Naming, PresetChoice, Stamp, Survey, survey};
use crate::commit::Run;

/// A directory with files, and options to read them all.
struct Files {
    directory: TempDir,
    names: Vec<String>,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), names: Vec::new() }
    }

    fn one(name: &str, content: impl AsRef<[u8]>) -> Self {
        Self::new().with(name, content)
    }

    fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        self.names.push(path.display().to_string());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Bars of `X.SIM`, stamped at the open; local times are in UTC.
    fn options(&self, bar: &str) -> ImportOptions {
        let naming = Naming::One("X.SIM".parse().unwrap());
        let mut options = ImportOptions::new(self.names.clone(), naming, bar.parse().unwrap());
        options.stamp = Some(Stamp::Open);
        options.zone = Some((TimeZone::UTC, "UTC".to_owned()));
        options
    }
}

/// The options of someone who says nothing but the bars' size.
fn silent(mut options: ImportOptions) -> ImportOptions {
    (options.stamp, options.zone) = (None, None);
    options
}

fn zone(name: &str) -> Option<(TimeZone, String)> {
    Some((TimeZone::get(name).unwrap(), name.to_owned()))
}

fn preset(name: &str) -> PresetChoice {
    PresetChoice::Named(super::Preset::named(name).unwrap())
}

fn look(options: &ImportOptions) -> Result<Survey> {
    survey(options, &Run::new("test"))
}

/// The bars of the only series.
fn bars(options: &ImportOptions) -> BarColumns<Decimal> {
    let found = look(options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.bad.count, 0, "{:?}", found.bad.shown);
    found.into_additions(options).unwrap_or_else(|error| panic!("{error}")).remove(0).bars
}

fn list(bars: &BarColumns<Decimal>) -> Vec<Bar> {
    (0..bars.len()).map(|row| bars.bar(row)).collect()
}
