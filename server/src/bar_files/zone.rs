//! Local times in UTC, with the zone's offset remembered for as long as it holds.

use std::ops::Range;

use bars::{SECOND, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::fault::{Fault, FaultKind};
use super::times::{Moment, out_of_range};

/// A time zone, and the stretch around the last time in which its offset stays the same.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) rules: TimeZone,
    pub(super) name: String,
    /// Local seconds that have `offset`, and no other.
    steady: Range<i64>,
    offset: i64,
}

impl Zone {
    pub(super) fn new(rules: TimeZone, name: String) -> Self {
        Self { rules, name, steady: 0..0, offset: 0 }
    }

    pub(super) fn at(&mut self, local: i64) -> Result<Moment, Fault> {
        let utc = |offset: i64| local.checked_sub(offset * SECOND).map(UnixNanos).ok_or_else(out_of_range);
        if self.steady.contains(&local.div_euclid(SECOND)) {
            return utc(self.offset).map(Moment::Instant);
        }
        let wall = Timestamp::from_nanosecond(i128::from(local)).map_err(|_| out_of_range())?;
        let wall = TimeZone::UTC.to_datetime(wall);
        let seconds = |offset: jiff::tz::Offset| i64::from(offset.seconds());
        match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                self.offset = seconds(offset);
                let instant = utc(self.offset)?;
                self.steady = self.steady_around(instant);
                Ok(Moment::Instant(instant))
            }
            AmbiguousOffset::Gap { .. } => Err(Fault::new(
                FaultKind::Gap,
                format!(
                    "the time {wall} does not exist in {}: the clocks change there and skip it",
                    self.name
                ),
            )),
            AmbiguousOffset::Fold { before, after } => {
                Ok(Moment::Twice { local, early: utc(seconds(before))?, late: utc(seconds(after))? })
            }
        }
    }

    fn steady_around(&self, instant: UnixNanos) -> Range<i64> {
        let Ok(at) = Timestamp::from_nanosecond(i128::from(instant.0)) else { return 0..0 };
        let offset_at = |timestamp: Timestamp| i64::from(self.rules.to_offset(timestamp).seconds());
        let before = |timestamp: Timestamp| {
            timestamp.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(timestamp)
        };
        // Transitions before the next second include one at this very instant.
        let after = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
        let start = self.rules.preceding(after).next().map_or(i64::MIN, |transition| {
            let moment = transition.timestamp();
            moment.as_second() + self.offset.max(offset_at(before(moment)))
        });
        let end = self.rules.following(at).next().map_or(i64::MAX, |transition| {
            transition.timestamp().as_second() + self.offset.min(i64::from(transition.offset().seconds()))
        });
        start..end
    }
}
