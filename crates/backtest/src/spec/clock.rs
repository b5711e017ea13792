//! Times of day.

use serde::{Deserialize, Serialize};

/// A time of day in UTC, to the second.
///
/// In JSON and in text `"14:30"` or `"14:30:05"`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ClockTime {
    pub(super) seconds: u32,
}

const DAY_SECONDS: u32 = 86_400;

impl ClockTime {
    /// So many seconds after midnight; `None` from 86,400 on.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (seconds < DAY_SECONDS).then_some(Self { seconds })
    }

    /// Seconds after midnight.
    pub fn seconds(self) -> u32 {
        self.seconds
    }
}

impl std::fmt::Display for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hour, minute, second) = (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        write!(f, "{hour:02}:{minute:02}")?;
        if second == 0 { Ok(()) } else { write!(f, ":{second:02}") }
    }
}

impl std::str::FromStr for ClockTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Option<Vec<u32>> = text
            .split(':')
            .map(|part| {
                part.parse().ok().filter(|_| part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit()))
            })
            .collect();
        let seconds = match parts.as_deref() {
            Some([hour @ 0..24, minute @ 0..60]) => Some(hour * 3600 + minute * 60),
            Some([hour @ 0..24, minute @ 0..60, second @ 0..60]) => Some(hour * 3600 + minute * 60 + second),
            _ => None,
        };
        let time = seconds.and_then(Self::from_seconds);
        time.ok_or_else(|| format!("`{text}` is not a time of day; write it like 14:30 or 14:30:05"))
    }
}

impl Serialize for ClockTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
