//! Bars in time: the periods whose returns are annualised, and the unit durations are rounded to.

use std::ops::Range;

use bars::{DAY, HOUR, MINUTE, SECOND, UnixNanos};

use crate::Value;

/// How the family reads the spacing of the bars.
pub(crate) struct Spacing {
    pub(crate) period: Period,
    pub(crate) periods_per_year: f64,
    pub(crate) unit: Unit,
    /// The shortest distance of two opens, which is the length of a bar; in nanoseconds.
    pub(crate) interval: i64,
}

/// The span over which one return is taken; all are of UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Period {
    Day,
    /// Monday to Sunday.
    Week,
    Month,
    Year,
}

/// The unit that durations are rounded up to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// Above this share of Saturdays and Sundays a market counts as one that never closes.
const WEEKEND_SHARE: f64 = 0.6 * 2.0 / 7.0;

/// The spacing of so many stamps at the end stands for all.
const SPACING_STAMPS: usize = 100;

impl Spacing {
    pub(crate) fn of(times: &[i64]) -> Self {
        let step = median_step(times);
        let (period, periods_per_year) = match step / i128::from(DAY) {
            7 => (Period::Week, 52.0),
            31 => (Period::Month, 12.0),
            365 => (Period::Year, 1.0),
            _ if trades_on_weekends(times) => (Period::Day, 365.0),
            _ => (Period::Day, 252.0),
        };
        let shortest =
            times.windows(2).fold(i64::MAX, |least, pair| least.min(pair[1].saturating_sub(pair[0])));
        let interval = if times.len() < 2 { 0 } else { shortest };
        Self { period, periods_per_year, unit: Unit::of(step), interval }
    }

    /// The mean of `count` durations of together `total` nanoseconds, rounded up to the unit; undefined for none.
    pub(crate) fn duration(&self, total: i128, count: usize) -> Value {
        if count == 0 {
            return Value::Undefined;
        }
        let unit = i128::from(self.unit.nanos());
        let mean = total / count as i128;
        Value::Duration(seconds((mean + unit - 1).div_euclid(unit) * unit))
    }

    /// The returns from period to period of the last equity in each; none of an empty account.
    pub(crate) fn returns(equity_at_ends: impl Iterator<Item = f64>) -> PeriodReturns {
        let mut returns = Vec::new();
        let mut before = None;
        for equity in equity_at_ends {
            returns.extend(before.filter(|&before: &f64| before > 0.0).map(|before| equity / before - 1.0));
            before = Some(equity);
        }
        PeriodReturns(returns)
    }
}

/// Returns from period to period, as shares.
pub(crate) struct PeriodReturns(pub(crate) Vec<f64>);

impl Period {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The last row of each period, ascending.
    pub(crate) fn ends(self, times: &[i64]) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut before = None;
        // A day lies in one period.
        for (day, rows) in Days::of(times) {
            let period = self.number(day.saturating_mul(DAY));
            if before.is_some_and(|before| before != period) {
                ends.push(rows.start - 1);
            }
            before = Some(period);
        }
        ends.extend(times.len().checked_sub(1));
        ends
    }

    /// A number that grows from period to period.
    pub(crate) fn number(self, time: i64) -> i64 {
        let day = time.div_euclid(DAY);
        match self {
            Self::Day => day,
            Self::Week => weeks(day),
            Self::Month => {
                let date = UnixNanos(time).date();
                i64::from(date.year()) * 12 + i64::from(date.month())
            }
            Self::Year => i64::from(UnixNanos(time).date().year()),
        }
    }
}

impl Unit {
    /// The greatest unit that divides `step`.
    fn of(step: i128) -> Self {
        let divides = |unit: &Self| step % i128::from(unit.nanos()) == 0;
        [Self::Day, Self::Hour, Self::Minute].into_iter().find(divides).unwrap_or(Self::Second)
    }

    fn nanos(self) -> i64 {
        match self {
            Self::Second => SECOND,
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Whole seconds in `nanos`.
pub(crate) fn seconds(nanos: i128) -> i64 {
    // A span of i64 nanoseconds fits in i64 seconds many times over.
    (nanos / i128::from(SECOND)) as i64
}

/// The median distance of the last stamps, in nanoseconds; 0 of fewer than two.
fn median_step(times: &[i64]) -> i128 {
    let tail = &times[times.len().saturating_sub(SPACING_STAMPS)..];
    let mut steps: Vec<i128> =
        tail.windows(2).map(|pair| i128::from(pair[1]) - i128::from(pair[0])).collect();
    steps.sort_unstable();
    match steps.len() {
        0 => 0,
        odd if odd % 2 == 1 => steps[odd / 2],
        even => (steps[even / 2 - 1] + steps[even / 2]) / 2,
    }
}

fn trades_on_weekends(times: &[i64]) -> bool {
    // 1970-01-01 was a Thursday: three days later the week begins to count at Monday.
    let weekend = Days::of(times).filter(|(day, _)| (day + 3).rem_euclid(7) >= 5);
    let bars: usize = weekend.map(|(_, rows)| rows.len()).sum();
    bars as f64 > WEEKEND_SHARE * times.len() as f64
}

/// Days since 1970 that have rows, each with its rows; times ascend.
struct Days<'t> {
    times: &'t [i64],
    row: usize,
}

impl<'t> Days<'t> {
    fn of(times: &'t [i64]) -> Self {
        Self { times, row: 0 }
    }
}

impl Iterator for Days<'_> {
    type Item = (i64, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (start, rest) = (self.row, &self.times[self.row..]);
        let day = rest.first()?.div_euclid(DAY);
        let end = day.saturating_add(1).saturating_mul(DAY);
        // Ever longer steps, then halves between the last two: few looks at many bars a day, one at one.
        let mut reach = 1;
        while rest.get(reach).is_some_and(|time| *time < end) {
            reach *= 2;
        }
        let within = &rest[reach / 2..rest.len().min(reach)];
        // The last instant that can be told has no end of its day.
        let bars = (reach / 2 + within.partition_point(|time| *time < end)).max(1);
        self.row = start + bars;
        Some((day, start..self.row))
    }
}

/// Weeks from Monday to Sunday since 1970, from days.
fn weeks(day: i64) -> i64 {
    (day + 3).div_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_decides_period_factor_and_unit() {
        let cases = [
            (SECOND / 2, Period::Day, 252.0, Unit::Second),
            (15 * MINUTE, Period::Day, 252.0, Unit::Minute),
            (90 * MINUTE, Period::Day, 365.0, Unit::Minute),
            (HOUR, Period::Day, 252.0, Unit::Hour),
            (DAY, Period::Day, 365.0, Unit::Day),
            (7 * DAY, Period::Week, 52.0, Unit::Day),
            (31 * DAY, Period::Month, 12.0, Unit::Day),
            (365 * DAY, Period::Year, 1.0, Unit::Day),
        ];
        for (step, period, factor, unit) in cases {
            let times: Vec<i64> = (0..40).map(|bar| bar * step).collect();
            let spacing = Spacing::of(&times);
            assert_eq!((spacing.period, spacing.unit), (period, unit), "{step}");
            assert_eq!(spacing.periods_per_year, factor, "{step}");
        }
    }

    #[test]
    fn days_and_their_rows() {
        let times: Vec<i64> = [-1, 0, 1, 5, 23, 24, 47, 49, 240]
            .iter()
            .map(|hour| hour * HOUR)
            .chain([i64::MAX - 5, i64::MAX])
            .collect();
        let days: Vec<(i64, Range<usize>)> = Days::of(&times).collect();
        let last = i64::MAX.div_euclid(DAY);
        assert_eq!(days[..5], [(-1, 0..1), (0, 1..5), (1, 5..7), (2, 7..8), (10, 8..9)]);
        assert!(days[5..].iter().all(|(day, _)| *day == last) && days[days.len() - 1].1.end == times.len());
        for count in 0..70 {
            let minutes: Vec<i64> = (0..count).map(|minute| DAY - 30 * MINUTE + minute * MINUTE).collect();
            let rows: Vec<usize> = Days::of(&minutes).map(|(_, rows)| rows.len()).collect();
            assert_eq!(rows.iter().sum::<usize>(), count as usize);
            assert!(rows.first().is_none_or(|first| *first == count.min(30) as usize), "{count}: {rows:?}");
        }
    }

    #[test]
    fn weeks_end_on_sunday() {
        // 1970-01-04 was a Sunday.
        assert_eq!([2, 3, 4, 10, 11].map(weeks), [0, 0, 1, 1, 2]);
    }
}
