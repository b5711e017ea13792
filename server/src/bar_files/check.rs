//! Rows compared with their neighbours: stamps become closes in UTC, ascend and lie on the grid; local times that come twice are
//! told apart by their order.

use std::collections::HashMap;
use std::path::Path;

use bars::{Bar, BarType, Calendar, DAY, Date, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::fault::{BadRow, BadRows, Fault, FaultKind, Rejects};
use super::options::{ImportOptions, Naming, Stamp};
use super::rows::{RawBar, Row};
use super::times::Moment;

/// Rows that wait until it is known which of two hours they belong to; so many seconds are in five hours.
const MOST_WAITING: usize = 20_000;

/// What is known of a series of the files.
#[derive(Clone, Debug)]
pub struct SeriesFound {
    /// The series.
    pub bar_type: BarType,
    /// Good rows.
    pub rows: u64,
    /// The first close.
    pub first: UnixNanos,
    /// The last close.
    pub last: UnixNanos,
    /// Most decimals of a price.
    pub price_precision: u8,
    /// Most decimals of a volume.
    pub size_precision: u8,
    /// Rows whose local time comes twice, told apart by their order.
    pub told_apart: u64,
    waiting: Vec<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    line: u64,
    local: i64,
    early: UnixNanos,
    late: UnixNanos,
    bar: RawBar,
    text: String,
}

/// The file whose rows are checked.
pub struct Place<'a> {
    /// As it is shown.
    pub name: &'a str,
    /// Where it lies.
    pub path: &'a Path,
    /// What its stamps name.
    pub stamp: Stamp,
    /// The zone of its times.
    pub zone: TimeZone,
    /// The symbol in its name, for rows that name none.
    pub symbol: &'a [u8],
}

/// Checks rows and hands on those that are bars, with the number of their series.
pub struct Checker<'a, S> {
    /// What the caller said.
    pub options: &'a ImportOptions,
    calendar: Option<Calendar>,
    sink: S,
    /// Series found so far.
    pub series: Vec<SeriesFound>,
    /// Rows that are no bars.
    pub bad: BadRows,
    /// Rows of other symbols than the one asked for.
    pub other_symbols: u64,
    by_symbol: HashMap<Box<[u8]>, usize>,
    last_symbol: (Box<[u8]>, usize),
}

impl<'a, S: FnMut(usize, &Bar) -> Result<()>> Checker<'a, S> {
    /// A checker that writes bad rows to `rejects`.
    pub fn new(options: &'a ImportOptions, rejects: Rejects, sink: S) -> Self {
        Self {
            options,
            calendar: options.calendar(),
            sink,
            series: Vec::new(),
            bad: BadRows::new(rejects),
            other_symbols: 0,
            by_symbol: HashMap::new(),
            last_symbol: (Box::default(), usize::MAX),
        }
    }

    /// Checks a row.
    ///
    /// # Errors
    /// What the sink says, or if rows of several symbols are to be one series. A bad row is no error.
    pub fn row(&mut self, place: &Place<'_>, row: &Row<'_>) -> Result<()> {
        let symbol = if row.symbol.is_empty() { place.symbol } else { row.symbol };
        if self.options.only_symbol.as_ref().is_some_and(|only| only.as_bytes() != symbol) {
            self.other_symbols += 1;
            return Ok(());
        }
        let series = match self.series_of(symbol, place)? {
            Ok(series) => series,
            Err(fault) => return self.reject(place, row.line, (row.text)(), fault),
        };
        let raw = match &row.bar {
            Ok(raw) => *raw,
            Err(fault) => return self.reject(place, row.line, (row.text)(), fault.clone()),
        };
        if let Moment::Twice { local, early, late } = raw.moment {
            let again = self.series[series].waiting.last().is_some_and(|last| {
                // Another turn of the clocks, a year later.
                local.saturating_sub(last.local).saturating_abs() > DAY
            });
            if again || self.series[series].waiting.len() >= MOST_WAITING {
                self.tell_apart(place, series)?;
            }
            self.series[series].waiting.push(Waiting {
                line: row.line,
                local,
                early,
                late,
                bar: raw,
                text: (row.text)(),
            });
            return Ok(());
        }
        if !self.series[series].waiting.is_empty() {
            self.tell_apart(place, series)?;
        }
        match self.finish_row(place, series, &raw) {
            Ok(bar) => (self.sink)(series, &bar),
            Err(fault) => self.reject(place, row.line, (row.text)(), fault),
        }
    }

    /// Ends a file: no row may wait for one of the next file.
    ///
    /// # Errors
    /// What the sink says.
    pub fn end_file(&mut self, place: &Place<'_>) -> Result<()> {
        (0..self.series.len()).try_for_each(|series| self.tell_apart(place, series))
    }

    fn reject(&mut self, place: &Place<'_>, line: u64, text: String, fault: Fault) -> Result<()> {
        self.bad.add(BadRow { file: place.name.to_owned(), line, text, fault }, place.path)
    }

    fn series_of(&mut self, symbol: &[u8], place: &Place<'_>) -> Result<Result<usize, Fault>> {
        if self.last_symbol.1 != usize::MAX && *self.last_symbol.0 == *symbol {
            return Ok(Ok(self.last_symbol.1));
        }
        let known = self.by_symbol.get(symbol).copied();
        let series = match known {
            Some(series) => series,
            None => {
                if matches!(self.options.naming, Naming::One(_)) && !self.by_symbol.is_empty() {
                    return Err(self.several_symbols(symbol, place));
                }
                let name = String::from_utf8_lossy(symbol);
                let bar_type = match self.options.bar_type(&name) {
                    Ok(bar_type) => bar_type,
                    Err(_) if symbol.is_empty() => {
                        return Ok(Err(Fault::new(FaultKind::Symbol, "the symbol is missing")));
                    }
                    Err(error) => return Ok(Err(Fault::new(FaultKind::Symbol, error.to_string()))),
                };
                self.series.push(SeriesFound {
                    bar_type,
                    rows: 0,
                    first: UnixNanos::MAX,
                    last: UnixNanos::MIN,
                    price_precision: 0,
                    size_precision: 0,
                    told_apart: 0,
                    waiting: Vec::new(),
                });
                self.by_symbol.insert(symbol.into(), self.series.len() - 1);
                self.series.len() - 1
            }
        };
        self.last_symbol = (symbol.into(), series);
        Ok(Ok(series))
    }

    fn several_symbols(&self, symbol: &[u8], place: &Place<'_>) -> Error {
        let first = self
            .by_symbol
            .keys()
            .next()
            .map(|symbol| String::from_utf8_lossy(symbol).into_owned())
            .unwrap_or_default();
        let second = String::from_utf8_lossy(symbol);
        Error::new(ErrorKind::InvalidInput, format!("`{}` holds bars of several symbols", place.name))
            .because(format!("`{first}` and `{second}`, and `--instrument` names one series"))
            .then("one series a symbol: `--venue VENUE` instead of `--instrument`")
            .then(format!("or only one of them: `--symbol {first}`"))
    }

    /// Rows of an hour that comes twice: those before the clock goes back are of the first, the others of the second.
    fn tell_apart(&mut self, place: &Place<'_>, series: usize) -> Result<()> {
        let waiting = std::mem::take(&mut self.series[series].waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let turns: Vec<usize> =
            (1..waiting.len()).filter(|at| waiting[*at].local <= waiting[*at - 1].local).collect();
        for (at, row) in waiting.into_iter().enumerate() {
            let instant = match turns[..] {
                [turn] if at < turn => Ok(row.early),
                [_] => Ok(row.late),
                _ => Err(Fault::new(
                    FaultKind::Fold,
                    format!(
                        "its local time comes twice, at {} and at {}, when the clocks change, and the rows around it do not tell which one it is; give times in UTC or with an offset",
                        row.early, row.late
                    ),
                )),
            };
            let raw = instant.map(|instant| RawBar { moment: Moment::Instant(instant), ..row.bar });
            match raw.and_then(|raw| self.finish_row(place, series, &raw)) {
                Ok(bar) => {
                    self.series[series].told_apart += 1;
                    (self.sink)(series, &bar)?;
                }
                Err(fault) => self.reject(place, row.line, row.text, fault)?,
            }
        }
        Ok(())
    }

    fn finish_row(&mut self, place: &Place<'_>, series: usize, raw: &RawBar) -> Result<Bar, Fault> {
        let close_time = self.close_time(place, raw.moment)?;
        let [open, high, low, close] = raw.prices;
        let bar =
            Bar { open, high, low, close, volume: raw.volume, ts_event: close_time, ts_init: close_time };
        bar.check().map_err(|fault| {
            let volume = raw.volume;
            let reason =
                format!("{fault}: open {open}, high {high}, low {low}, close {close}, volume {volume}");
            Fault::new(FaultKind::Prices, reason)
        })?;
        let found = &mut self.series[series];
        if found.rows > 0 && close_time <= found.last {
            return Err(if close_time == found.last {
                Fault::new(
                    FaultKind::Twice,
                    format!(
                        "its stamp is the one of the row before: the bar that closes at {close_time} comes twice"
                    ),
                )
            } else {
                Fault::new(
                    FaultKind::Order,
                    format!(
                        "it is out of order: it closes at {close_time}, the row before at {}",
                        found.last
                    ),
                )
            });
        }
        found.rows += 1;
        found.first = found.first.min(close_time);
        found.last = close_time;
        found.price_precision = found.price_precision.max(raw.price_precision);
        found.size_precision = found.size_precision.max(raw.size_precision);
        Ok(bar)
    }

    /// The close of the bar that a row's time names.
    fn close_time(&self, place: &Place<'_>, moment: Moment) -> Result<UnixNanos, Fault> {
        let spec = self.options.spec;
        let interval = spec.interval();
        let stamp = match moment {
            Moment::Instant(instant) | Moment::Twice { early: instant, .. } => instant,
            Moment::Date(date) if interval == Some(DAY) => return Ok(daily_close(date, self.calendar)),
            Moment::Date(date) => match place.zone.to_timestamp(date.to_datetime(Time::midnight())) {
                Ok(midnight) => {
                    i64::try_from(midnight.as_nanosecond()).map(UnixNanos).map_err(|_| far_away())?
                }
                Err(_) => return Err(far_away()),
            },
        };
        let Some(interval) = interval else { return Ok(stamp) };
        if interval == DAY {
            // A daily bar's time of day is a matter of the file; its date is what counts.
            let at = jiff::Timestamp::from_nanosecond(i128::from(stamp.0)).map_err(|_| far_away())?;
            let date = place.zone.to_datetime(at).date();
            return Ok(if place.stamp == Stamp::Close { stamp } else { daily_close(date, self.calendar) });
        }
        if interval < DAY && stamp.0.rem_euclid(interval) != 0 {
            let reason =
                format!("its time {stamp} is not on the grid of {}-{} bars", spec.step, spec.aggregation);
            return Err(Fault::new(FaultKind::Grid, reason));
        }
        Ok(if place.stamp == Stamp::Open { stamp.plus(interval) } else { stamp })
    }
}

fn far_away() -> Fault {
    Fault::new(FaultKind::Time, "its time lies outside the years 1678 to 2261")
}

/// When a daily bar closes: with its session if the calendar is known, else at the next UTC midnight.
fn daily_close(date: Date, calendar: Option<Calendar>) -> UnixNanos {
    let close = calendar.and_then(|calendar| calendar.session_close(date));
    close.unwrap_or_else(|| UnixNanos::midnight(date).plus(DAY))
}
