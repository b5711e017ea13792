//! The one error of the catalog, in the shape that command line, server and page share.

use std::fmt;

/// What kind of thing went wrong; a caller acts by it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// What was asked for is not there.
    NotFound,
    /// The request or the input makes no sense.
    InvalidInput,
    /// It contradicts what is stored.
    Conflict,
    /// Stored bytes are not what the manifest says.
    Corrupt,
    /// A store, host or source does not answer as it should.
    SourceUnavailable,
    /// It is well formed, but this version cannot do it.
    Unsupported,
    /// The caller stopped it.
    Cancelled,
    /// A fault of this program.
    Internal,
}

impl ErrorKind {
    /// The kind's name in JSON and in the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InvalidInput => "invalid_input",
            Self::Conflict => "conflict",
            Self::Corrupt => "corrupt",
            Self::SourceUnavailable => "source_unavailable",
            Self::Unsupported => "unsupported",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// The catalog's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened, the observed fact that says so, and what to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    /// Its kind.
    pub kind: ErrorKind,
    /// What happened: a lower-case fragment without a full stop, values in backticks.
    pub what: String,
    /// What was observed; may be empty.
    pub why: String,
    /// What to do, in order; commands in backticks.
    pub next: Vec<String>,
}

impl Error {
    /// An error of `kind` that says what happened.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: String::new(), next: Vec::new() }
    }

    /// Adds the observed fact.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = why.to_string();
        self
    }

    /// Adds a step to take.
    #[must_use]
    pub fn then(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }

    /// An object's bytes are not what the manifest says.
    pub fn corrupt(key: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupt, format!("`{key}` is damaged and was not used"))
            .because(why)
            .then("see what else is damaged: `barkeep verify --full`")
            .then("restore it from an equal copy, or put it aside so that the rest can be used: `barkeep repair`")
            .then("if the catalog is a copy, copy or publish it again")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, "\n  {}", self.why)?;
        }
        for (number, step) in self.next.iter().enumerate() {
            write!(f, "\n  {}. {step}", number + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<bars::ParseError> for Error {
    fn from(error: bars::ParseError) -> Self {
        Self::new(ErrorKind::InvalidInput, error.to_string())
    }
}
