//! Which window a chart shows, and which bars to ask the engine for.

use engine::bars::{Calendar, DAY, HOUR, MINUTE, TimeRange, UnixNanos};
use engine::protocol::SeriesInfo;

use super::bar_size::BarSize;

/// The most bars the engine is asked for at once.
pub(crate) const MOST_BARS: u32 = 8_000;
/// How many bars fill a screen comfortably where the page chooses their size.
const SCREEN_BARS: i64 = 800;
/// Room to pan is loaded beside a window up to this many bars in all.
const ROOMY_BARS: i64 = 4_000;

/// A customary stretch at the end of the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Preset {
    Days(i64),
    Everything,
}

impl Preset {
    pub(crate) const ALL: [(&str, Self); 4] =
        [("1D", Self::Days(1)), ("5D", Self::Days(5)), ("1M", Self::Days(30)), ("All", Self::Everything)];
}

/// Where a series has bars: its ends, its bar size and its calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    /// From the first bar's open to the last bar's close.
    pub(crate) data: TimeRange,
    /// Interval of the stored bars in nanoseconds; a minute stands in where it varies.
    pub(crate) base: i64,
    pub(crate) calendar: Option<Calendar>,
}

impl Extent {
    pub(crate) fn of(series: &SeriesInfo) -> Self {
        let interval = series.interval.filter(|interval| *interval > 0);
        Self {
            data: TimeRange::new(series.first.plus(-interval.unwrap_or(0)), series.last),
            base: interval.unwrap_or(MINUTE),
            calendar: series.calendar.as_ref().and_then(|name| name.parse().ok()),
        }
    }

    /// The window to start with: the last day of intraday bars, some hundred of longer ones.
    pub(crate) fn opening(&self) -> TimeRange {
        self.last(if self.base < HOUR { DAY } else { self.base.saturating_mul(300) })
    }

    /// The window that a preset means here.
    pub(crate) fn preset(&self, preset: Preset) -> TimeRange {
        match preset {
            Preset::Days(days) => self.last(days * DAY),
            Preset::Everything => self.data,
        }
    }

    fn last(&self, nanos: i64) -> TimeRange {
        TimeRange::new(self.data.end.plus(-nanos).max(self.data.start), self.data.end)
    }

    /// The wanted window where it overlaps the data, else the opening one.
    pub(crate) fn clip(&self, wanted: Option<TimeRange>) -> TimeRange {
        match wanted.map(|wanted| wanted.intersect(&self.data)) {
            Some(window) if !window.is_empty() => window,
            _ => self.opening(),
        }
    }

    /// Bars of `size` that a range is expected to hold.
    pub(crate) fn bars(&self, range: TimeRange, size: BarSize) -> i64 {
        let range = range.intersect(&self.data);
        let open = self.calendar.map_or(range.nanos(), |calendar| calendar.sessions(range).nanos());
        open / size.nanos()
    }

    /// The size of bars for a window: the wanted one if the bars can have it, else the finest that fills a screen.
    pub(crate) fn size(&self, wanted: Option<BarSize>, window: TimeRange) -> BarSize {
        let base = BarSize::new(self.base).unwrap_or(BarSize::CUSTOMARY[0]);
        let fits = |size: &BarSize| self.bars(window, *size) <= SCREEN_BARS;
        let choices = BarSize::choices(self.base);
        let own = wanted.filter(|size| size.nanos() % self.base == 0);
        own.or_else(|| choices.iter().copied().find(fits)).or(choices.last().copied()).unwrap_or(base)
    }

    /// What to load for a window: it and about as many bars on either side, in whole bars.
    pub(crate) fn padded(&self, window: TimeRange, size: BarSize) -> TimeRange {
        let bars = self.bars(window, size);
        let room = bars.max(SCREEN_BARS / 4).min((ROOMY_BARS - bars).max(0) / 2);
        let mut out = window;
        if room > 0 {
            let mut pad = size.nanos().saturating_mul(room);
            let before = |pad: i64| TimeRange::new(window.start.plus(-pad), window.start);
            while self.bars(before(pad), size) < room && before(pad).start > self.data.start {
                pad = pad.saturating_mul(2);
            }
            out.start = before(pad).start;
            let mut pad = size.nanos().saturating_mul(room);
            let after = |pad: i64| TimeRange::new(window.end, window.end.plus(pad));
            while self.bars(after(pad), size) < room && after(pad).end < self.data.end {
                pad = pad.saturating_mul(2);
            }
            out.end = after(pad).end;
        }
        let (start, end) = (out.start.max(self.data.start), out.end.min(self.data.end));
        TimeRange::new(start.floor(size.nanos()), end.plus(size.nanos() - 1).floor(size.nanos()))
    }

    /// Whether a window wants bars that a load of `loaded` at `step` does not hold, with a little room to pan.
    pub(crate) fn needs_load(&self, window: TimeRange, size: BarSize, loaded: TimeRange, step: i64) -> bool {
        let ahead = if self.bars(window, size) < ROOMY_BARS { window.nanos() / 4 } else { 0 };
        let inside = TimeRange::new(window.start.plus(-ahead), window.end.plus(ahead)).intersect(&self.data);
        let covered = loaded.start <= inside.start && inside.end <= loaded.end;
        let refines = size.nanos() < step && self.bars(window, size) < i64::from(MOST_BARS);
        !inside.is_empty() && (!covered || size.nanos() > step || refines)
    }
}

/// A window as long as `window` that starts at `at`.
pub(crate) fn starting_at(at: UnixNanos, window: TimeRange) -> TimeRange {
    TimeRange::new(at, at.plus(window.nanos().max(HOUR)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> TimeRange {
        TimeRange::new(start.parse().expect("a time"), end.parse().expect("a time"))
    }

    fn size(text: &str) -> BarSize {
        text.parse().expect("a size")
    }

    fn crypto() -> Extent {
        Extent { data: range("2024-01-01", "2024-01-15"), base: MINUTE, calendar: Some(Calendar::Always) }
    }

    fn equity() -> Extent {
        Extent {
            data: range("2024-01-02T14:30Z", "2024-01-19T21:00Z"),
            base: MINUTE,
            calendar: Some(Calendar::UsEquities),
        }
    }

    #[test]
    fn presets_are_cut_to_the_data() {
        for ((name, preset), expected) in
            Preset::ALL.into_iter().zip(["2024-01-14", "2024-01-10", "2024-01-01", "2024-01-01"])
        {
            assert_eq!(crypto().preset(preset), range(expected, "2024-01-15"), "{name}");
        }
        assert_eq!(crypto().clip(Some(range("2020-01-01", "2021-01-01"))), crypto().opening());
    }

    #[test]
    fn the_page_chooses_a_size_that_fills_a_screen() {
        for (days, expected) in [(1, "5m"), (5, "15m"), (30, "30m")] {
            assert_eq!(crypto().size(None, crypto().preset(Preset::Days(days))).to_string(), expected);
        }
        assert_eq!(equity().size(None, equity().opening()).to_string(), "1m", "a session is 390 minutes");
        assert_eq!(crypto().size(Some(size("1h")), crypto().data).to_string(), "1h");
        assert_eq!(crypto().size(Some(size("90s")), crypto().opening()).to_string(), "5m", "no multiple");
    }

    #[test]
    fn loads_a_window_and_room_to_pan_in_whole_bars() {
        let window = range("2024-01-10T00:02Z", "2024-01-10T06:00Z");
        assert_eq!(crypto().padded(window, size("5m")), range("2024-01-09T07:20Z", "2024-01-10T22:40Z"));
        assert_eq!(crypto().padded(crypto().data, size("1m")), crypto().data, "a full screen has no room");
        // Monday's session: a session's worth of bars before it lies beyond the weekend.
        let monday = range("2024-01-08T14:30Z", "2024-01-08T21:00Z");
        assert!(equity().padded(monday, size("1m")).start <= "2024-01-05T14:30Z".parse().expect("a time"));
    }

    #[test]
    fn loads_again_when_the_window_leaves_or_refines() {
        let loaded = range("2024-01-05", "2024-01-07");
        let needs = |window, bar, step| crypto().needs_load(window, size(bar), loaded, step);
        let noon = range("2024-01-05T12:00Z", "2024-01-06T12:00Z");
        assert!(!needs(noon, "1m", MINUTE));
        assert!(needs(range("2024-01-06", "2024-01-08"), "1m", MINUTE), "beyond the end");
        assert!(needs(range("2024-01-06T01:00Z", "2024-01-06T23:00Z"), "1m", MINUTE), "close to the end");
        assert!(needs(noon, "1m", 5 * MINUTE), "finer");
        assert!(needs(noon, "1h", MINUTE), "coarser");
        assert!(!needs(range("2024-02-05", "2024-02-06"), "1m", MINUTE), "outside the data");
        let start = crypto().needs_load(
            range("2023-12-31", "2024-01-02"),
            size("1m"),
            range("2024-01-01", "2024-01-07"),
            MINUTE,
        );
        assert!(!start, "nothing to load before the first bar");
    }
}
