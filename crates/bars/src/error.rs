//! The one error of this room: a text that is not what it should be.

/// A text that could not be read as a value of this crate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not {expected}: {reason}")]
pub struct ParseError {
    /// The text as it was given.
    pub text: String,
    /// What it should have been, such as `a bar type like AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL`.
    pub expected: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl ParseError {
    pub(crate) fn new(text: &str, expected: &'static str, reason: impl Into<String>) -> Self {
        Self { text: text.to_owned(), expected, reason: reason.into() }
    }
}

/// Implements serde for a type by its text form.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;
