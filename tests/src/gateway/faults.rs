//! What can be made to go wrong, and when.

use std::str::FromStr;
use std::time::Duration;

/// What goes wrong. The numbers are those of the fault menu in docs/ibkr.md.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// F2, F32: the connection is accepted and nothing is said.
    Silent,
    /// F3: the connection is closed at once.
    Slam,
    /// F4: the server speaks only an older protocol.
    Old,
    /// F5: the client id is taken.
    TakenId,
    /// F6: the handshake ends, but neither accounts nor ids come.
    NoIds,
    /// F7, F8: the connection drops in the middle of the answer.
    Drop,
    /// F9, F10: the answer comes late.
    Stall(Duration),
    /// F11: bars without their end.
    NoEnd,
    /// F12: the end before the bars.
    EndFirst,
    /// F12: a bar whose time cannot be read.
    BadBar,
    /// F12: a time zone nobody knows.
    BadZone,
    /// F13: a senseless length.
    BadFrame,
    /// F13: a message nobody knows, then the answer.
    Unknown,
    /// F14, F16, F18 to F20: an error instead of the answer.
    Error(i32, String),
    /// F22 to F24: a notice, then the answer.
    Notice(i32, String),
    /// F17: no bars, and their end.
    Zero,
    /// F25: all connections are closed and nobody answers for a while.
    Restart(Duration),
    /// F27: every bar twice.
    Duplicate,
    /// F27: a bar twice with different prices.
    Differing,
    /// F28: bars in the wrong order.
    Shuffle,
    /// F29: only the first half of the bars.
    Half,
    /// F30: a high below the low.
    Insane,
    /// F30: bars before the session.
    Leak,
    /// F30: prices of a later split.
    Split,
    /// F31: byte after byte.
    Drip,
}

/// When it goes wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Only at the request of this number, counted from 1 over all connections.
    pub request: Option<u64>,
    /// Only at requests of this symbol.
    pub symbol: Option<String>,
    /// Only on the connection of this number, counted from 1.
    pub connection: Option<u64>,
    /// Not before the gateway has been up for this time, on its own clock.
    pub after: Option<Duration>,
    /// Only at requests for bars, not at those for contracts, head stamps and schedules.
    pub bars: bool,
    /// How often; `None` is always.
    pub times: Option<u64>,
}

impl Rule {
    /// Once, at the next request for bars.
    pub fn once() -> Self {
        Self { bars: true, times: Some(1), ..Self::default() }
    }

    /// At every request for bars.
    pub fn always() -> Self {
        Self { bars: true, ..Self::default() }
    }

    /// At the next `times` requests for bars.
    pub fn times(times: u64) -> Self {
        Self { bars: true, times: Some(times), ..Self::default() }
    }
}

/// Reads `half bars times=1`, `stall:3000 symbol=AAPL`, `error:162:…:Historical data request pacing violation request=4`.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let mut number =
            || parts.next().and_then(|part| part.parse::<i64>().ok()).ok_or("a number is missing");
        Ok(match name {
            "silent" => Self::Silent,
            "slam" => Self::Slam,
            "old" => Self::Old,
            "taken-id" => Self::TakenId,
            "no-ids" => Self::NoIds,
            "drop" => Self::Drop,
            "stall" => Self::Stall(Duration::from_millis(number()?.unsigned_abs())),
            "no-end" => Self::NoEnd,
            "end-first" => Self::EndFirst,
            "bad-bar" => Self::BadBar,
            "bad-zone" => Self::BadZone,
            "bad-frame" => Self::BadFrame,
            "unknown" => Self::Unknown,
            "error" => Self::Error(number()? as i32, parts.next().unwrap_or_default().replace('_', " ")),
            "notice" => Self::Notice(number()? as i32, parts.next().unwrap_or_default().replace('_', " ")),
            "zero" => Self::Zero,
            "restart" => Self::Restart(Duration::from_millis(number()?.unsigned_abs())),
            "duplicate" => Self::Duplicate,
            "differing" => Self::Differing,
            "shuffle" => Self::Shuffle,
            "half" => Self::Half,
            "insane" => Self::Insane,
            "leak" => Self::Leak,
            "split" => Self::Split,
            "drip" => Self::Drip,
            _ => return Err(format!("there is no fault `{name}`")),
        })
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self::default();
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u64>().map_err(|_| format!("`{word}` needs a number"));
            match name {
                "bars" => rule.bars = true,
                "request" => rule.request = Some(number()?),
                "connection" => rule.connection = Some(number()?),
                "after" => rule.after = Some(Duration::from_secs(number()?)),
                "times" => rule.times = Some(number()?),
                "symbol" => rule.symbol = Some(value.to_owned()),
                _ => return Err(format!("a fault is not addressed by `{word}`")),
            }
        }
        Ok(rule)
    }
}
