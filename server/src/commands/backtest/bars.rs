//! The bars that runs and sweeps trade.

use ::backtest::{Completeness, OwnedPrices};
use ::catalog::{Error, ErrorKind, Query, Result, SeriesEntry};
use bars::{BarColumns, BarSpec, BarType, Calendar, TimeRange, UnixNanos, resample};
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
    /// Leave out UTC days of which less than this share of the expected bars is there
    #[arg(long, value_name = "SHARE")]
    least_coverage: Option<f64>,
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
        let stored = self.stored(catalog, entry).await?;
        let (bars, interval) = self.resampled(stored, self.resample.as_ref(), self.base())?;
        let times: Vec<i64> = bars.ts_init.iter().map(|close| close - interval).collect();
        let mut own = owned(bars, times);
        if let Some(share) = self.least_coverage {
            let judged = Completeness::of(own.prices(), interval, entry.calendar.as_ref(), share);
            own = OwnedPrices::of_rows(own.prices(), &judged.good_rows(&own.times));
        }
        let first = self.start.map_or(0, |start| own.times.partition_point(|time| *time < start.0));
        let history = self.history.min(first);
        let rows = first - history..own.times.len();
        let bars = OwnedPrices::of_rows(own.prices(), std::slice::from_ref(&rows));
        Ok(Loaded { bars, history, calendar: entry.calendar })
    }

    /// Coarser bars that decide for those that [`load`](Self::load) gives.
    pub(super) async fn deciding(&self, catalog: &Catalog, size: &BarSpec) -> Result<OwnedPrices> {
        let stored = self.stored(catalog, catalog.entry(&self.series)?).await?;
        let (bars, interval) = self.resampled(stored, Some(size), self.base())?;
        let times = bars.ts_init.iter().map(|close| close - interval).collect();
        Ok(owned(bars, times))
    }

    fn base(&self) -> i64 {
        self.series.spec.interval().unwrap_or_default()
    }

    async fn stored(&self, catalog: &Catalog, entry: &SeriesEntry) -> Result<BarColumns<f64>> {
        let close_of =
            |open: Option<UnixNanos>, default: UnixNanos| open.map_or(default, |open| open.plus(self.base()));
        let start = if self.history > 0 { None } else { self.start };
        let range = TimeRange::new(close_of(start, UnixNanos::MIN), close_of(self.end, UnixNanos::MAX));
        let stored = catalog.bars(&self.series, Query { range, ..Query::default() }).await?.to_f64();
        if stored.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("no bars of {} in that range", self.series))
                .because(format!("the catalog holds {} to {}", entry.first, entry.last))
                .then("choose a range inside, or leave `--start` and `--end` out"));
        }
        Ok(stored)
    }

    /// Bars of a size, and their length in nanoseconds.
    fn resampled(
        &self,
        stored: BarColumns<f64>,
        size: Option<&BarSpec>,
        base: i64,
    ) -> Result<(BarColumns<f64>, i64)> {
        let Some(size) = size else { return Ok((stored, base)) };
        match size.interval() {
            Some(step) if base > 0 && step >= base && step % base == 0 => {
                Ok((resample(&stored, base, step, 0).bars, step))
            }
            _ => {
                let what = format!("bars of {} cannot be resampled to {size}", self.series);
                Err(Error::new(ErrorKind::InvalidInput, what)
                    .because("the new size must be a multiple of the stored one"))
            }
        }
    }
}

fn owned(bars: BarColumns<f64>, times: Vec<i64>) -> OwnedPrices {
    let BarColumns { open, high, low, close, volume, .. } = bars;
    OwnedPrices { times, open, high, low, close, volume }
}
