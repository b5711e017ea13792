//! Instrument ids: a symbol at a venue.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;
use crate::error::serde_as_text;

/// `SYMBOL.VENUE`, such as `AAPL.NASDAQ` or `EUR/USD.IDEALPRO`.
///
/// - The venue is what follows the last dot and holds no `-`; the symbol may hold dots, slashes and dashes.
/// - Neither is empty; neither holds white space or control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstrumentId {
    text: Box<str>,
    dot: usize,
}

serde_as_text!(InstrumentId);

impl InstrumentId {
    /// The part before the last dot.
    pub fn symbol(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The part after the last dot.
    pub fn venue(&self) -> &str {
        &self.text[self.dot + 1..]
    }
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for InstrumentId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fail = |reason: &str| Err(ParseError::new(text, "an instrument id like AAPL.NASDAQ", reason));
        let Some(dot) = text.rfind('.') else { return fail("it has no dot before the venue") };
        if dot == 0 {
            return fail("the symbol before the dot is missing");
        }
        if dot + 1 == text.len() {
            return fail("the venue after the dot is missing");
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return fail("it holds white space or a control character");
        }
        if text[dot..].contains(['-', '/', '\\']) {
            return fail("its venue holds a dash or a slash");
        }
        Ok(Self { text: text.into(), dot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_last_dot() {
        for (text, symbol, venue) in [
            ("AAPL.NASDAQ", "AAPL", "NASDAQ"),
            ("BRK.B.NYSE", "BRK.B", "NYSE"),
            ("EUR/USD.SIM", "EUR/USD", "SIM"),
            ("^SPX.CBOE", "^SPX", "CBOE"),
        ] {
            let id: InstrumentId = text.parse().unwrap();
            assert_eq!((id.symbol(), id.venue(), id.to_string().as_str()), (symbol, venue, text));
        }
        for text in ["", "AAPL", ".NASDAQ", "AAPL.", "A B.X", "AAPL.NAS-DAQ", "A\n.X"] {
            assert!(text.parse::<InstrumentId>().is_err(), "{text:?}");
        }
    }
}
