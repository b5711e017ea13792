//! What the environment says about stores, as a value: tests give their own, the program the process's.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by `--single-writer`.
static SINGLE_WRITER: AtomicBool = AtomicBool::new(false);

/// Makes every store that this process opens from now on believe that nobody else writes to it.
pub fn assume_single_writer() {
    SINGLE_WRITER.store(true, Ordering::Relaxed);
}

/// The variables that configure stores, `AWS_*`, `GOOGLE_*`, `AZURE_*`, and whether only one process writes. It holds secrets, so it
/// cannot be printed.
#[derive(Clone, Default)]
pub struct Settings {
    variables: Vec<(String, String)>,
    single_writer: bool,
}

impl Settings {
    /// What this process's environment says. `BARKEEP_SINGLE_WRITER` counts unless it is empty, `0` or `false`.
    pub fn from_env() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let settings = Self::new(std::env::vars_os().filter_map(text));
        let alone = settings.get("BARKEEP_SINGLE_WRITER").is_some_and(|said| !["0", "false"].contains(&said));
        settings.single_writer(alone || SINGLE_WRITER.load(Ordering::Relaxed))
    }

    /// These variables and no others.
    pub fn new<Name: Into<String>, Value: Into<String>>(
        variables: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: variables.collect(), single_writer: false }
    }

    /// The same, but promising that only one process writes at a time, or not.
    #[must_use]
    pub fn single_writer(mut self, alone: bool) -> Self {
        self.single_writer = alone;
        self
    }

    pub(super) fn is_single_writer(&self) -> bool {
        self.single_writer
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.variables.iter();
        all.find(|(found, value)| found == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The variables whose names begin so and that are not empty.
    pub(super) fn under<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, value)| name.starts_with(start) && !value.is_empty())
    }
}
