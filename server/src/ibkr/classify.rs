//! What an error of IBKR's means for whoever waits for bars.

use catalog::{Error, ErrorKind};

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// The same request later, after seconds.
    Later(u32),
    /// The connection is gone; connect again, then ask again.
    Reconnect,
    /// No answer within the deadline; ask again, and for less if it goes on.
    Timeout,
    /// The answer cannot be used; ask again.
    Unusable,
    /// The source says that it holds no bars of that time.
    Empty,
    /// It will not change by itself.
    Permanent,
    /// Somebody must do something.
    Operator,
}

/// A request that failed: what to do, and what was said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What to do about it.
    pub class: Class,
    /// IBKR's code; 0 if it is not from IBKR.
    pub code: i32,
    /// What was said, or seen.
    pub text: String,
    /// What a person can do.
    pub remedy: &'static str,
}

impl Fault {
    /// A fault that is not told by a code of IBKR's.
    pub fn new(class: Class, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { class, code: 0, text: text.into(), remedy }
    }

    /// The error that a user sees who wanted `what`.
    pub fn into_error(self, what: &str) -> Error {
        let kind = match self.class {
            Class::Permanent if self.code == 200 => ErrorKind::NotFound,
            Class::Permanent => ErrorKind::Unsupported,
            _ => ErrorKind::SourceUnavailable,
        };
        let why = match self.code {
            0 => self.text,
            code => format!("IBKR says: {} (code {code})", self.text),
        };
        Error::new(kind, format!("could not fetch {what}"))
            .because(why)
            .then(self.remedy)
            .then("then run the same command again: what is committed is not fetched twice (docs/ibkr.md)")
    }
}

/// Classifies by code, and by IBKR's own words wherever they stand: gateways translate what comes before them, and details follow them.
pub fn classify(code: i32, message: &str) -> Fault {
    let said = message.to_lowercase();
    let has = |text: &str| said.contains(text);
    const WAIT: &str = "wait some minutes: IBKR's limits count over ten of them, and other programs of the same user count too";
    const LOGIN: &str = "log out elsewhere (Client Portal, mobile, TWS), or use a user of its own for data";
    const PERMISSION: &str =
        "subscribe to this market's data in Client Portal, Settings, Market Data Subscriptions";
    const BUG: &str = "report it with the text above: Barkeep should not have asked for this";
    let (class, remedy) = match code {
        100 => (Class::Later(10), WAIT),
        162 | 420 if has("pacing violation") => (Class::Later(120), WAIT),
        162 if has("returned no data") => (Class::Empty, "nothing: the answer is kept"),
        162 | 10197 if code == 10197 || has("different ip address") => (Class::Operator, LOGIN),
        162 | 354 | 420 | 10090 | 10168 | 10186 if code != 162 || has("no market data permissions") => {
            (Class::Permanent, PERMISSION)
        }
        162 if has("invalid step") || has("time length exceed") => (Class::Permanent, BUG),
        162 if has("head time stamp") => {
            (Class::Permanent, "ask for another price type: IBKR keeps no history of this one")
        }
        162 if has("query cancelled") => (Class::Later(1), WAIT),
        200 => (
            Class::Permanent,
            "check symbol, venue and currency; at night IBKR says this of good symbols too, so try again in the morning",
        ),
        321 | 10314 | 10339 | 385 | 386 => (Class::Permanent, BUG),
        322 => (Class::Later(15), WAIT),
        326 => (Class::Operator, "choose another `client_id`, or end the program that uses this one"),
        1100 | 2103 | 2105 | 2110 | 2157 => (Class::Later(30), "wait: the gateway lost IBKR's servers"),
        366 => (Class::Later(1), WAIT),
        _ => (Class::Later(30), "look at the gateway's window and log"),
    };
    Fault { class, code, text: message.to_owned(), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts() {
        let cases = [
            (
                162,
                "Historical Market Data Service error message:Historical data request pacing violation",
                Class::Later(120),
            ),
            (162, "Mensaje de error:HMDS query returned no data: AAPL@SMART Trades", Class::Empty),
            (162, "x:No market data permissions for ISLAND STK", Class::Permanent),
            (162, "x:Trading TWS session is connected from a different IP address", Class::Operator),
            (162, "x:invalid step: 1", Class::Permanent),
            (162, "x:something new", Class::Later(30)),
            (200, "No security definition has been found for the request", Class::Permanent),
            (321, "Error validating request.-'bM' : cause - x", Class::Permanent),
            (322, "Only 50 simultaneous API historical data requests allowed.", Class::Later(15)),
            (354, "Requested market data is not subscribed", Class::Permanent),
            (10197, "No market data during competing live session", Class::Operator),
            (326, "client id in use", Class::Operator),
            (1100, "Connectivity has been lost", Class::Later(30)),
        ];
        for (code, text, class) in cases {
            assert_eq!(classify(code, text).class, class, "{code} {text}");
        }
    }
}
