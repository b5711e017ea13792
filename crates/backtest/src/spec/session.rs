//! When a strategy may trade.

use bars::Calendar;
use serde::{Deserialize, Serialize};

use super::ClockTime;
use crate::BacktestError;

/// Times outside of which nothing is entered.
///
/// Exits, stops and targets work at all times. In JSON: `{"hours": {"calendar": "us-equities"}, "flat": true}` or
/// `{"hours": {"daily": {"from": "14:30", "to": "21:00"}}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The times.
    pub hours: Hours,
    /// Everything is closed at the end of each session: at the open of its last bar, or at its last close if orders fill at the
    /// close.
    #[serde(default)]
    pub flat: bool,
}

/// Times that repeat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// The sessions of a calendar.
    Calendar(Calendar),
    /// Every day in UTC.
    Daily {
        /// The first moment.
        from: ClockTime,
        /// The first moment after; earlier than `from` means on the next day.
        to: ClockTime,
    },
}

impl Session {
    pub(super) fn check(&self) -> Result<(), BacktestError> {
        match self.hours {
            Hours::Daily { from, to } if from == to => Err(BacktestError::Contradiction {
                what: "the session begins and ends at the same time",
                next: "give `from` and `to` different times, or leave `session` out",
            }),
            _ => Ok(()),
        }
    }
}
