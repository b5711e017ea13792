//! The bars that runs and sweeps trade.

use ::backtest::OwnedPrices;
use ::catalog::{Error, ErrorKind, Query, Result};
use bars::{BarSpec, BarType, Calendar, TimeRange, UnixNanos, resample};
use clap::Args;

use crate::catalog::Catalog;

/// The bars to trade.
#[derive(Args, Debug)]
pub(super) struct BarsArgs {
    /// The series to trade
    #[arg(long, value_name = "BAR_TYPE")]
    pub(super) series: BarType,
    /// Bars that open at or after this time (UTC)
    #[arg(long, value_name = "TIME")]
    start: Option<UnixNanos>,
    /// Bars that open before this time
    #[arg(long, value_name = "TIME")]
    end: Option<UnixNanos>,
    /// Trade coarser bars, such as 1-HOUR
    #[arg(long, value_name = "SIZE")]
    resample: Option<BarSpec>,
    /// Take so many bars before `--start` to warm up indicators; nothing is traded on them
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    history: usize,
}

/// Bars as they are traded, and how many of the first are history.
pub(super) struct Loaded {
    pub(super) bars: OwnedPrices,
    pub(super) history: usize,
    pub(super) calendar: Option<Calendar>,
}

impl BarsArgs {
    /// Reads the bars, made coarser if asked for.
    pub(super) async fn load(&self, catalog: &Catalog) -> Result<Loaded> {
        let entry = catalog.entry(&self.series)?;
        let base = self.series.spec.interval().unwrap_or_default();
        let close_of =
            |open: Option<UnixNanos>, default: UnixNanos| open.map_or(default, |open| open.plus(base));
        let start = if self.history > 0 { None } else { self.start };
        let range = TimeRange::new(close_of(start, UnixNanos::MIN), close_of(self.end, UnixNanos::MAX));
        let stored = catalog.bars(&self.series, Query { range, ..Query::default() }).await?.to_f64();
        if stored.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("no bars of {} in that range", self.series))
                .because(format!("the catalog holds {} to {}", entry.first, entry.last))
                .then("choose a range inside, or leave `--start` and `--end` out"));
        }
        let (bars, interval) = match &self.resample {
            None => (stored, base),
            Some(wanted) => match wanted.interval() {
                Some(step) if base > 0 && step >= base && step % base == 0 => {
                    (resample(&stored, base, step, 0).bars, step)
                }
                _ => {
                    let what = format!("bars of {} cannot be resampled to {wanted}", self.series);
                    return Err(Error::new(ErrorKind::InvalidInput, what)
                        .because("the new size must be a multiple of the stored one"));
                }
            },
        };
        let times: Vec<i64> = bars.ts_init.iter().map(|close| close - interval).collect();
        let first = self.start.map_or(0, |start| times.partition_point(|time| *time < start.0));
        let history = self.history.min(first);
        let all = OwnedPrices {
            times,
            open: bars.open,
            high: bars.high,
            low: bars.low,
            close: bars.close,
            volume: bars.volume,
        };
        let rows = first - history..all.times.len();
        let bars = if rows.start == 0 {
            all
        } else {
            OwnedPrices::of_rows(all.prices(), std::slice::from_ref(&rows))
        };
        Ok(Loaded { bars, history, calendar: entry.calendar })
    }
}
