//! Bars prepared for any number of runs.

use std::sync::Arc;

use bars::Calendar;

use crate::columns::Columns;
use crate::record::{Curve, Summary};
use crate::rules::{Compiled, Division};
use crate::run::Plan;
use crate::spacing::Spacing;
use crate::strategy::{Declared, Onto, Source, distances_warm_up, signals};
use crate::{
    Analysis, BacktestError, Completeness, Family, Fill, Prices, Profile, Report, Score, Spec, Strategy,
    Table, Trader,
};

/// Bars that were checked, with what runs over them share: indicators, periods, spacing.
///
/// ```
/// use backtest::{Market, Prices, Spec, Strategy};
/// let close: Vec<f64> = (0..200).map(|bar| 100.0 + f64::from(bar % 40 - 20).abs()).collect();
/// let times: Vec<i64> = (0..200).map(|day| day * bars::DAY).collect();
/// let prices = Prices { times: &times, open: &close, high: &close, low: &close, close: &close, volume: &[] };
/// let mut market = Market::new(prices)?;
/// for slow in [20, 30] {
///     let spec = Spec { strategy: Strategy::SmaCross { fast: 5, slow }, ..Spec::default() };
///     assert!(market.score(&spec)?.trades > 0); // the fast average is computed once
/// }
/// # Ok::<(), backtest::BacktestError>(())
/// ```
pub struct Market<'a> {
    pub(crate) prices: Prices<'a>,
    pub(crate) columns: Columns<'a>,
    pub(crate) spacing: Spacing,
    /// The last bar of each period over which a return is taken.
    pub(crate) period_ends: Vec<usize>,
    /// Bars at the beginning that only warm up.
    pub(crate) history: usize,
    /// How complete the bars are, if a calendar was given.
    completeness: Option<Completeness>,
}

/// A run that is to be made, and who trades in it.
struct Planned<'s, 'a> {
    plan: Plan<'s>,
    trader: Declared<'s, 'a>,
    divisions: Vec<Division>,
}

/// A trader, the first bar at which it decides, and volatility a year at each bar if its sizes need it.
type Ready<'s, 'a> = (Declared<'s, 'a>, usize, Option<Arc<Vec<f64>>>);

impl<'a> Market<'a> {
    /// Checks the bars and prepares them.
    ///
    /// # Errors
    /// A [`BacktestError`] if the columns are no bars.
    pub fn new(prices: Prices<'a>) -> Result<Self, BacktestError> {
        prices.check()?;
        let spacing = Spacing::of(prices.times);
        let period_ends = spacing.period.ends(prices.times);
        Ok(Self {
            prices,
            columns: Columns::new(prices),
            spacing,
            period_ends,
            history: 0,
            completeness: None,
        })
    }

    /// The bars.
    pub fn prices(&self) -> Prices<'a> {
        self.prices
    }

    /// Takes the first `bars` bars for history: they fill the windows of indicators, but nothing fills on them, and statistics do not
    /// count them. The first decision falls on the close of the last of them, or later if that is not enough to warm up.
    ///
    /// # Errors
    /// [`BacktestError::TooFewBars`] if no bar is left.
    pub fn with_history(mut self, bars: usize) -> Result<Self, BacktestError> {
        if bars >= self.prices.len() {
            return Err(BacktestError::TooFewBars { bars: self.prices.len(), needed: bars as u64 + 1 });
        }
        self.history = bars;
        Ok(self)
    }

    /// Judges by a calendar which bars are missing; reports then warn of gaps.
    #[must_use]
    pub fn with_calendar(mut self, calendar: &Calendar) -> Self {
        let counted = self.prices.rows(self.history..self.prices.len());
        self.completeness = Some(Completeness::of(counted, self.spacing.interval, Some(calendar), 0.0));
        self
    }

    /// How complete the bars are, if a calendar was given.
    pub fn completeness(&self) -> Option<&Completeness> {
        self.completeness.as_ref()
    }

    /// The length of a bar in nanoseconds: the shortest distance of two opens.
    pub fn interval(&self) -> i64 {
        self.spacing.interval
    }

    /// Periods of [returns](crate::period_returns) a year: 365 or 252 days, 52 weeks, 12 months, 1 year.
    pub fn periods_per_year(&self) -> f64 {
        self.spacing.periods_per_year
    }

    /// The last bar of each period that counts.
    pub(crate) fn counted_ends(&self) -> &[usize] {
        &self.period_ends[self.period_ends.partition_point(|end| *end < self.history)..]
    }

    /// Keeps at most so many bytes of indicators between runs; 256 MiB unless told otherwise.
    pub fn set_cache_bytes(&mut self, bytes: usize) {
        self.columns.set_budget(bytes);
    }

    /// Runs a spec's strategy.
    ///
    /// # Errors
    /// A [`BacktestError`] if the spec is out of range, the bars are too few, or the account overflows.
    pub fn run(&mut self, spec: &Spec) -> Result<Report, BacktestError> {
        let Planned { plan, mut trader, divisions } = self.planned(spec, true)?;
        let mut curve = self.curve();
        let outcome = plan.walk(&mut trader, &mut curve)?;
        let mut report = self.report(&plan, outcome, curve.equity);
        report.warnings.extend(self.zero_divisors(&divisions, plan.first));
        Ok(report)
    }

    /// Runs a strategy of one's own; the spec's strategy, entry and exits are not looked at.
    ///
    /// # Errors
    /// A [`BacktestError`] if the spec is out of range, the bars are too few, or the account overflows.
    pub fn run_trader(&mut self, trader: &mut dyn Trader, spec: &Spec) -> Result<Report, BacktestError> {
        self.check(spec)?;
        let first = self.first_bar(spec, trader.warm_up() as u64)?;
        let plan = Plan { prices: self.prices, spec, first, volatility: None, with_executions: true };
        let mut curve = self.curve();
        let outcome = plan.walk(trader, &mut curve)?;
        Ok(self.report(&plan, outcome, curve.equity))
    }

    /// Runs a spec's strategy for its score only, which is several times faster: for sweeps.
    ///
    /// The numbers are those of the [report](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn score(&mut self, spec: &Spec) -> Result<Score, BacktestError> {
        let Planned { plan, mut trader, .. } = self.planned(spec, false)?;
        let mut summary = Summary::new(self.counted_ends());
        let outcome = plan.walk(&mut trader, &mut summary)?;
        Ok(Score::of(self, spec, &outcome, &summary))
    }

    /// The statistics of a run over these bars by a family's definitions; `report` must hold its equity.
    pub fn statistics(&self, report: &Report, family: Family) -> Table {
        crate::statistics::table(self, report, family)
    }

    /// What stands beside the statistics of a run over these bars; `report` must hold its equity.
    pub fn analysis(&self, report: &Report) -> Analysis {
        crate::statistics::analysis(self, report)
    }

    fn planned<'s>(&mut self, spec: &'s Spec, with_executions: bool) -> Result<Planned<'s, 'a>, BacktestError>
    where
        'a: 's,
    {
        self.check(spec)?;
        self.columns.begin();
        let (Compiled { signals, divisions }, warm_up) = self.signals(spec)?;
        let (prices, interval) = (self.prices, self.spacing.interval);
        let first = self.first_bar(spec, warm_up)?;
        let columns = &mut self.columns;
        let mut source =
            Source { spec, signals: &signals, columns, onto: &Onto::Same, prices, interval, first };
        let volatility = source.volatility();
        let plan = Plan { prices, spec, first, volatility, with_executions };
        Ok(Planned { plan, trader: Declared::new(source), divisions })
    }

    /// Runs a spec's strategy, deciding by `coarse` bars of the same instrument and trading these finer ones: what a coarse bar says is
    /// known at the close of the last fine bar that ended with it or before, and is traded on the fine bars after that.
    ///
    /// # Errors
    /// As [`run`](Self::run); also if the deciding bars are finer than the traded ones.
    pub fn run_with_signals<'b>(&self, coarse: &mut Market<'b>, spec: &Spec) -> Result<Report, BacktestError>
    where
        'a: 'b,
    {
        self.check(spec)?;
        coarse.check(spec)?;
        let (coarse_interval, interval) = (coarse.spacing.interval, self.spacing.interval);
        if coarse_interval < interval {
            return Err(BacktestError::Contradiction {
                what: "the bars that decide are finer than those that are traded",
                next: "swap them, or decide and trade on the same bars",
            });
        }
        coarse.columns.begin();
        let (Compiled { signals, .. }, warm_up) = coarse.signals(spec)?;
        let onto = Onto::coarse(coarse.prices, coarse_interval, self.prices, interval);
        let first =
            self.first_bar(spec, onto.bar(warm_up.min(coarse.prices.len() as u64) as usize) as u64)?;
        let (prices, columns) = (self.prices, &mut coarse.columns);
        let mut source = Source { spec, signals: &signals, columns, onto: &onto, prices, interval, first };
        let volatility = source.volatility();
        let plan = Plan { prices, spec, first, volatility, with_executions: true };
        let mut curve = self.curve();
        let outcome = plan.walk(&mut Declared::new(source), &mut curve)?;
        let mut report = self.report(&plan, outcome, curve.equity);
        let seconds = |nanos: i64| nanos / bars::SECOND;
        report.assumptions.push(format!(
            "Bars of {} seconds decide, bars of {} are traded: what a bar says is known at the close of the last bar that ended with it.",
            seconds(coarse_interval),
            seconds(interval)
        ));
        Ok(report)
    }

    /// The trader of a spec, its first bar, and the volatility that its sizes need.
    pub(crate) fn trader<'s>(&mut self, spec: &'s Spec) -> Result<Ready<'s, 'a>, BacktestError>
    where
        'a: 's,
    {
        let Planned { plan, trader, .. } = self.planned(spec, true)?;
        Ok((trader, plan.first, plan.volatility))
    }

    /// Bars that a spec's strategy needs before the first on which every indicator has a value.
    ///
    /// # Errors
    /// A [`BacktestError`] if the spec is out of range.
    pub fn warm_up(&mut self, spec: &Spec) -> Result<u64, BacktestError> {
        self.check(spec)?;
        Ok(self.signals(spec)?.1)
    }

    /// The first bar at whose close a strategy with this warm-up decides, if enough bars follow.
    fn first_bar(&self, spec: &Spec, warm_up: u64) -> Result<usize, BacktestError> {
        let needed = warm_up.saturating_add(2);
        if (self.prices.len() as u64) < needed {
            return Err(BacktestError::TooFewBars { bars: self.prices.len(), needed });
        }
        let first = warm_up as usize + usize::from(spec.profile == Profile::Btpy06);
        Ok(first.max(self.history.saturating_sub(1)))
    }

    fn signals(&mut self, spec: &Spec) -> Result<(Compiled, u64), BacktestError> {
        let compiled = signals(spec, &mut self.columns, self.spacing.interval)?;
        let warm_up = compiled.signals.warm_up.max(distances_warm_up(spec, &mut self.columns));
        Ok((compiled, warm_up))
    }

    fn check(&self, spec: &Spec) -> Result<(), BacktestError> {
        spec.check()?;
        if !self.prices.volume.is_empty() {
            return Ok(());
        }
        match &spec.strategy {
            _ if spec.fill == Fill::Nautilus => Err(BacktestError::NoVolume { what: "fill `nautilus`" }),
            Strategy::Rules(rules) if rules.needs_volume() => {
                Err(BacktestError::NoVolume { what: "a rule with `volume` or `vwap()`" })
            }
            _ => Ok(()),
        }
    }

    fn curve(&self) -> Curve {
        Curve { equity: vec![0.0; self.prices.len()] }
    }
}
