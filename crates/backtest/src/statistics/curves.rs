//! What is drawn or tabled beside the statistics: months, drawdowns, rolling ratios, distributions, excursions, the benchmark.

use bars::UnixNanos;
use serde::{Deserialize, Serialize};

use super::family::daily;
use super::numbers::{deviation, mean};
use super::{Finished, growth};
use crate::market::Market;
use crate::spacing::Period;
use crate::{Moment, Prices, Report, Trade};

/// Days over which the rolling ratios look back.
const ROLLING_DAYS: usize = 63;
/// How many drawdowns are told.
const WORST: usize = 10;
/// Bars of a histogram.
const BINS: usize = 40;

/// What stands beside the statistics of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The return of every calendar month (UTC) with bars.
    pub months: Vec<Month>,
    /// The deepest drawdowns, deepest first.
    pub drawdowns: Vec<DrawdownSpell>,
    /// The Sharpe ratio a year (252 days, mean / deviation of daily returns) of the [`rolling_days`](Self::rolling_days) days up to
    /// each day; empty with fewer days. Days on which it is undefined are left out.
    pub rolling_sharpe: Vec<(UnixNanos, f64)>,
    /// Days that each rolling value looks back.
    pub rolling_days: u32,
    /// How often daily returns fell into which range.
    pub day_returns: Vec<Bin>,
    /// How often returns of trades fell into which range.
    pub trade_returns: Vec<Bin>,
    /// For each trade, in order, how far it went for and against it.
    pub excursions: Vec<Excursion>,
    /// Bars on which something was held, as a share of the bars from the first that could be traded on.
    pub exposure: f64,
    /// The account's value after each bar if the instrument had been bought at the first close that the strategy saw, without
    /// costs; before it the initial cash.
    pub benchmark: Vec<f64>,
    /// The growth of the benchmark as a share.
    pub benchmark_return: f64,
}

/// The return of a month.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// The year.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// Growth of the account as a share: 0.05 is 5 %.
    pub strategy: f64,
    /// Growth of the instrument's close.
    pub market: f64,
}

/// A time below a peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawdownSpell {
    /// The bar of the peak.
    pub start: UnixNanos,
    /// The bar of the deepest point.
    pub valley: UnixNanos,
    /// The bar on which the peak was reached again; none if it was not.
    pub end: Option<UnixNanos>,
    /// The deepest point as a share of the peak, negative.
    pub depth: f64,
    /// Bars from the peak to the end, or to the last bar.
    pub bars: u32,
}

/// A range of values and how many fell into it: from `from` up to, not including, `to`; the last includes its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Its lower end.
    pub from: f64,
    /// Its upper end.
    pub to: f64,
    /// Values in it.
    pub count: u32,
}

/// How far a trade went for and against it while it was open, as shares of its entry's price; costs are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Excursion {
    /// Maximum adverse excursion: how far it was in the red at worst, 0 or negative.
    pub adverse: f64,
    /// Maximum favourable excursion: how far it was in the green at best, 0 or positive.
    pub favourable: f64,
}

/// What stands beside the statistics of a run over these bars; `report` must hold its equity.
pub fn analysis(market: &Market<'_>, report: &Report) -> Analysis {
    let days = daily(market, &report.equity);
    let shares: Vec<f64> = report.trades.iter().map(|trade| trade.return_pct).collect();
    let finished = Finished::of(market, report);
    let (close, cash, bars) = (market.prices.close, report.cash, market.prices.len());
    let begin = (report.warm_up as usize).max(market.history);
    let start = close.get(begin).copied().unwrap_or(f64::NAN);
    let held = super::exposed_bars(report.trades.iter());
    let hold = |bar: usize| if bar < begin { cash } else { cash * (close[bar] / start) };
    Analysis {
        months: months(&finished),
        drawdowns: worst(finished.prices.times, finished.drawdown),
        rolling_sharpe: rolling(finished.prices.times, &days),
        rolling_days: ROLLING_DAYS as u32,
        day_returns: histogram(&days),
        trade_returns: histogram(&shares),
        excursions: report.trades.iter().map(|trade| excursion(market.prices, trade)).collect(),
        exposure: held as f64 / bars.saturating_sub(begin).max(1) as f64,
        benchmark: (0..bars).map(hold).collect(),
        benchmark_return: growth(close, begin),
    }
}

fn months(finished: &Finished<'_>) -> Vec<Month> {
    let Finished { prices, equity, cash, .. } = finished;
    let mut before: Option<(f64, f64)> = None;
    let mut months = Vec::new();
    for bar in Period::Month.ends(prices.times) {
        let now = (equity[bar], prices.close[bar]);
        // The first month grows from the first bar on.
        let (value, close) = before.unwrap_or((*cash, prices.close[0]));
        let date = prices.time(bar).date();
        if value > 0.0 {
            let (strategy, market) = (now.0 / value - 1.0, now.1 / close - 1.0);
            months.push(Month { year: date.year(), month: date.month(), strategy, market });
        }
        before = Some(now);
    }
    months
}

fn worst(times: &[i64], drawdown: &[f64]) -> Vec<DrawdownSpell> {
    let time = |bar: usize| UnixNanos(times[bar]);
    let mut spells = Vec::new();
    let (mut peak, mut valley) = (0, 0);
    let mut close = |peak: usize, valley: usize, bar: usize, recovered: bool| {
        if drawdown[valley] < 0.0 {
            let (start, valley_time, end) = (time(peak), time(valley), recovered.then(|| time(bar)));
            let bars = u32::try_from(bar - peak).unwrap_or(u32::MAX);
            spells.push(DrawdownSpell { start, valley: valley_time, end, depth: drawdown[valley], bars });
        }
    };
    for (bar, depth) in drawdown.iter().enumerate() {
        if *depth == 0.0 {
            close(peak, valley, bar, true);
            (peak, valley) = (bar, bar);
        } else if *depth < drawdown[valley] {
            valley = bar;
        }
    }
    if let Some(last) = drawdown.len().checked_sub(1).filter(|_| peak < drawdown.len()) {
        close(peak, valley, last, false);
    }
    spells.sort_by(|left, right| left.depth.total_cmp(&right.depth));
    spells.truncate(WORST);
    spells
}

fn rolling(times: &[i64], days: &[f64]) -> Vec<(UnixNanos, f64)> {
    let ends = Period::Day.ends(times);
    // The first day has no return, and an empty account none either.
    let skipped = ends.len() - days.len();
    let windows = days.windows(ROLLING_DAYS).enumerate();
    let values = windows.map(|(at, window)| {
        let ratio = sharpe(window) * 252_f64.sqrt();
        (UnixNanos(times[ends[at + ROLLING_DAYS - 1 + skipped]]), ratio)
    });
    values.filter(|(_, ratio)| ratio.is_finite()).collect()
}

fn histogram(values: &[f64]) -> Vec<Bin> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return Vec::new();
    }
    let bins = if most > least { BINS } else { 1 };
    let width = (most - least) / bins as f64;
    let edge = |at: usize| if at == bins { most } else { least + width * at as f64 };
    let mut counted: Vec<Bin> =
        (0..bins).map(|at| Bin { from: edge(at), to: edge(at + 1), count: 0 }).collect();
    for value in values {
        let place = if width > 0.0 { ((value - least) / width) as usize } else { 0 };
        counted[place.min(bins - 1)].count += 1;
    }
    counted
}

/// Bars in which the trade was open the whole time count with high and low; the bar it was entered or left in counts from the
/// price at which that happened, and wholly if it happened inside, to be on the safe side.
fn excursion(prices: Prices<'_>, trade: &Trade) -> Excursion {
    let (first, last_bar) = (trade.entry_bar as usize, trade.exit_bar as usize);
    let from = first + usize::from(trade.entry_at == Moment::Close);
    let until = last_bar + usize::from(trade.exit_at != Moment::Open);
    let range = from.min(until)..until.min(prices.len());
    let high = prices.high[range.clone()].iter().copied().fold(trade.exit_price, f64::max);
    let low = prices.low[range].iter().copied().fold(trade.exit_price, f64::min);
    let (up, down) = (high / trade.entry_price - 1.0, low / trade.entry_price - 1.0);
    let (favourable, adverse) = if trade.size > 0.0 { (up, down) } else { (-down, -up) };
    Excursion { adverse: adverse.min(0.0), favourable: favourable.max(0.0) }
}

/// The Sharpe ratio a period that rolling values and resampling share: mean over deviation (n - 1); not-a-number where returns do
/// not differ but by rounding.
pub(crate) fn sharpe(returns: &[f64]) -> f64 {
    let (mean, spread) = (mean(returns.iter().copied()), deviation(returns));
    if spread <= mean.abs() * 1e-13 { f64::NAN } else { mean / spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_are_ranked_and_may_stay_open() {
        let drawdown = [0.0, -0.1, 0.0, 0.0, -0.2, -0.3, -0.1, 0.0, -0.05, -0.02];
        let times: Vec<i64> = (0..10).collect();
        let found: Vec<_> = worst(&times, &drawdown)
            .iter()
            .map(|spell| (spell.start.0, spell.valley.0, spell.end.map(|end| end.0), spell.depth, spell.bars))
            .collect();
        assert_eq!(found, [(3, 5, Some(7), -0.3, 4), (0, 1, Some(2), -0.1, 2), (7, 8, None, -0.05, 2)]);
        assert!(worst(&[], &[]).is_empty());
        assert!(worst(&times, &[0.0; 10]).is_empty());
    }

    #[test]
    fn histograms_count_everything() {
        for values in [&[][..], &[3.0], &[1.0, 1.0], &[-1.0, 0.0, 0.5, 2.0]] {
            let bins = histogram(values);
            assert_eq!(bins.iter().map(|bin| bin.count as usize).sum::<usize>(), values.len());
            assert!(bins.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
        assert_eq!(histogram(&[3.0]), [Bin { from: 3.0, to: 3.0, count: 1 }]);
    }
}
