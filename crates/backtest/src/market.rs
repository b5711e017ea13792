//! Bars prepared for any number of runs.

use crate::columns::Columns;
use crate::error::BacktestError;
use crate::run::{self, Outcome};
use crate::spacing::Spacing;
use crate::strategy::{Declared, distances_warm_up, signals, volatility_column};
use crate::{Analysis, Family, Fill, Prices, Report, Spec, Table, Trader};

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
///     assert!(!market.run(&spec)?.trades.is_empty()); // the fast average is computed once
/// }
/// # Ok::<(), backtest::BacktestError>(())
/// ```
pub struct Market<'a> {
    pub(crate) prices: Prices<'a>,
    pub(crate) columns: Columns<'a>,
    pub(crate) spacing: Spacing,
    /// The last bar of each period over which a return is taken.
    pub(crate) period_ends: Vec<usize>,
}

impl<'a> Market<'a> {
    /// Checks the bars and prepares them.
    ///
    /// # Errors
    /// A [`BacktestError`] if the columns are no bars.
    pub fn new(prices: Prices<'a>) -> Result<Self, BacktestError> {
        prices.check()?;
        let spacing = Spacing::of(prices.times);
        let period_ends = spacing.period.ends(prices.times);
        Ok(Self { prices, columns: Columns::new(prices), spacing, period_ends })
    }

    /// The bars.
    pub fn prices(&self) -> Prices<'a> {
        self.prices
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
        self.check(spec)?;
        self.columns.trim();
        let signals = signals(spec, &mut self.columns, self.spacing.interval);
        let warm_up = signals.warm_up.max(distances_warm_up(spec, &mut self.columns));
        let first = run::first_bar(spec, self.prices, warm_up)?;
        let mut trader = Declared::new(spec, &mut self.columns, &signals, first);
        let volatility = volatility_column(spec, &mut self.columns);
        let outcome = Outcome::of(self, spec, &mut trader, first, volatility)?;
        Ok(outcome.report(self, spec, first))
    }

    /// Runs a strategy of one's own; the spec's strategy, entry and exits are not looked at.
    ///
    /// # Errors
    /// A [`BacktestError`] if the spec is out of range, the bars are too few, or the account overflows.
    pub fn run_trader(&mut self, trader: &mut dyn Trader, spec: &Spec) -> Result<Report, BacktestError> {
        self.check(spec)?;
        let first = run::first_bar(spec, self.prices, trader.warm_up() as u64)?;
        let outcome = Outcome::of(self, spec, trader, first, None)?;
        Ok(outcome.report(self, spec, first))
    }

    /// The statistics of a run over these bars by a family's definitions; `report` must hold its equity.
    pub fn statistics(&self, report: &Report, family: Family) -> Table {
        crate::statistics::table(self, report, family)
    }

    /// What stands beside the statistics of a run over these bars; `report` must hold its equity.
    pub fn analysis(&self, report: &Report) -> Analysis {
        crate::statistics::analysis(self, report)
    }

    fn check(&self, spec: &Spec) -> Result<(), BacktestError> {
        spec.check()?;
        if spec.fill == Fill::Nautilus && self.prices.volume.is_empty() {
            return Err(BacktestError::NoVolume { what: "fill `nautilus`" });
        }
        Ok(())
    }
}
