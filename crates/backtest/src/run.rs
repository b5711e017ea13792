//! A run from bars to what a record keeps: passes over quiet bars, works orders, marks every bar, asks the trader.

use std::ops::Range;
use std::sync::Arc;

use crate::broker::{Broker, Desk, Log, Quote};
use crate::record::{Line, Record, is_good};
use crate::trader::Trader;
use crate::{BacktestError, ExitReason, Fill, Market, Moment, Prices, Profile, Report, Spec, Trade};

/// Runs a strategy over bars.
///
/// Equal prices and spec give equal trades, equity, statistics and digest on every machine. For many runs over the same bars use
/// a [`Market`].
///
/// ```
/// use backtest::{Prices, Spec, Strategy, run};
/// let close = [3.0, 2.0, 1.0, 4.0, 8.0];
/// let open = [3.0, 3.0, 2.0, 1.0, 5.0];
/// let times = [0, 1, 2, 3, 4].map(|day| day * bars::DAY);
/// let prices = Prices { times: &times, open: &open, high: &close, low: &close, close: &close, volume: &[] };
/// let spec = Spec { strategy: Strategy::SmaCross { fast: 1, slow: 2 }, ..Spec::default() };
/// let report = run(&prices, &spec)?;
/// // The close of bar 3 crosses above; the order fills at the open of bar 4 and is closed at its close.
/// assert_eq!((report.trades[0].entry_price, report.trades[0].exit_price), (5.0, 8.0));
/// assert_eq!(report.equity, [10_000.0, 10_000.0, 10_000.0, 10_000.0, 16_000.0]);
/// # Ok::<(), backtest::BacktestError>(())
/// ```
///
/// # Errors
/// A [`BacktestError`] if the spec or the prices are out of range, the bars are too few, or the account overflows.
pub fn run(prices: &Prices<'_>, spec: &Spec) -> Result<Report, BacktestError> {
    spec.check()?;
    Market::new(*prices)?.run(spec)
}

/// What happened in a run, besides what its record kept.
pub(crate) struct Outcome {
    pub(crate) log: Log,
    pub(crate) open_trades: u32,
    pub(crate) ruined: Option<usize>,
}

/// A run that is to be made.
pub(crate) struct Plan<'a> {
    pub(crate) prices: Prices<'a>,
    pub(crate) spec: &'a Spec,
    /// The first bar at whose close the trader decides.
    pub(crate) first: usize,
    /// Volatility a year at each bar, if sizes need it.
    pub(crate) volatility: Option<Arc<Vec<f64>>>,
    /// Whether fills are written down.
    pub(crate) with_executions: bool,
}

impl Plan<'_> {
    /// Makes the run.
    pub(crate) fn walk(
        &self,
        trader: &mut dyn Trader,
        record: &mut impl Record,
    ) -> Result<Outcome, BacktestError> {
        let mut broker = Broker::new(self.spec, self.prices, self.with_executions);
        self.volatility.iter().for_each(|column| broker.set_volatility(0, column.clone()));
        let mut walk = Walk { prices: self.prices, spec: self.spec, broker, record, ruined: None };
        walk.all(trader, self.first)?;
        let Walk { broker, ruined, .. } = walk;
        let open_trades = broker.open_trades();
        check_finite(&broker.log)?;
        Ok(Outcome { log: broker.log, open_trades, ruined })
    }
}

/// A run under way.
struct Walk<'a, 'r, R> {
    prices: Prices<'a>,
    spec: &'a Spec,
    broker: Broker<'a>,
    record: &'r mut R,
    ruined: Option<usize>,
}

impl<'a, R: Record> Walk<'a, '_, R> {
    fn all(&mut self, trader: &mut dyn Trader, first: usize) -> Result<(), BacktestError> {
        let last = self.prices.len() - 1;
        self.record.constant(0..first.min(last), self.spec.cash);
        let mut bar = first.min(last);
        while self.ruined.is_none() {
            let until = self.quiet_until(trader, bar);
            self.mark(bar..until)?;
            bar = until;
            if self.ruined.is_some() || !self.busy(trader, bar)? {
                break;
            }
            if bar == last && self.spec.finalize {
                self.finalize(last);
            }
            self.mark(bar..bar + 1)?;
            if bar == last {
                break;
            }
            bar += 1;
        }
        Ok(())
    }

    /// The first bar from `bar` on at which an order may fill or the trader decides, at most the last.
    fn quiet_until(&mut self, trader: &dyn Trader, bar: usize) -> usize {
        let last = self.prices.len() - 1;
        let watched = self.spec.stop_out > 0.0 && self.broker.open_trades() > 0;
        if watched {
            return bar;
        }
        let wake = trader.next(bar, &self.desk(bar)).map_or(last, |wake| wake.clamp(bar, last));
        if self.broker.is_idle() { wake } else { self.broker.next_touch(0, bar, wake) }
    }

    /// A bar on which something may happen; says whether the account lives on.
    fn busy(&mut self, trader: &mut dyn Trader, bar: usize) -> Result<bool, BacktestError> {
        self.broker.work(0, bar);
        self.broker.set_mark(0, self.prices.close[bar]);
        let equity = self.broker.equity();
        if !is_good(equity) {
            self.end(bar, equity)?;
            return Ok(false);
        }
        self.stop_out(bar);
        let mut desk = self.desk(bar);
        if trader.next(bar, &desk) != Some(bar) {
            return Ok(true);
        }
        trader.decide(&mut desk);
        if self.spec.fill != Fill::NextOpen && self.spec.profile != Profile::Btpy06 {
            self.broker.work_at_close(0, bar);
        }
        Ok(true)
    }

    fn desk(&mut self, bar: usize) -> Desk<'_, 'a> {
        Desk { broker: &mut self.broker, leg: 0, bar }
    }

    fn closing(&self, bar: usize) -> Quote {
        Quote { bar, price: self.prices.close[bar], moment: Moment::Close }
    }

    /// Records the account's value after `bars`, on which nothing happens, up to ruin.
    fn mark(&mut self, bars: Range<usize>) -> Result<(), BacktestError> {
        let Some(last) = bars.clone().last() else { return Ok(()) };
        let close = &self.prices.close[bars.clone()];
        let bad = match self.broker.line() {
            Some((cash, 0.0, _)) if is_good(cash) => {
                self.record.constant(bars, cash);
                None
            }
            Some((cash, 0.0, _)) => Some((bars.start, cash)),
            Some((cash, units, entry)) => self.record.line(bars, Line { cash, units, entry }, close),
            None => self.mark_each(bars),
        };
        match bad {
            Some((bar, equity)) => self.end(bar, equity),
            None => {
                self.broker.set_mark(0, self.prices.close[last]);
                Ok(())
            }
        }
    }

    /// With several open trades, bar by bar.
    fn mark_each(&mut self, bars: Range<usize>) -> Option<(usize, f64)> {
        for bar in bars {
            self.broker.set_mark(0, self.prices.close[bar]);
            let equity = self.broker.equity();
            if !is_good(equity) {
                return Some((bar, equity));
            }
            self.record.constant(bar..bar + 1, equity);
        }
        None
    }

    /// The account is worth nothing at the close of a bar: all is closed there, and nothing follows.
    fn end(&mut self, bar: usize, equity: f64) -> Result<(), BacktestError> {
        if !equity.is_finite() {
            return Err(BacktestError::Overflow { bar });
        }
        let quote = self.closing(bar);
        self.broker.set_mark(0, quote.price);
        self.broker.ruin(|_| quote);
        self.record.constant(bar..self.prices.len(), 0.0);
        self.ruined = Some(bar);
        Ok(())
    }

    /// Closes everything if the account does not cover enough of the margin any more.
    fn stop_out(&mut self, bar: usize) {
        if self.spec.stop_out > 0.0 {
            let needed = self.spec.stop_out * self.broker.bound_margin();
            if needed > 0.0 && self.broker.equity() < needed {
                let quote = self.closing(bar);
                self.broker.close_all(0, quote, ExitReason::StopOut);
            }
        }
    }

    /// Closes what is open after the last bar.
    fn finalize(&mut self, last: usize) {
        match self.spec.profile {
            Profile::Barkeep => {
                let quote = self.closing(last);
                self.broker.close_all(0, quote, ExitReason::End);
            }
            // Orders are worked off once more in the last bar, also those placed at its end.
            Profile::Btpy06 => {
                self.broker.leave_all(0, ExitReason::End, false);
                self.broker.work(0, last);
            }
        }
    }
}

/// Refuses what happened if it is beyond all numbers.
pub(crate) fn check_finite(log: &Log) -> Result<(), BacktestError> {
    let finite = |trade: &&Trade| {
        let numbers =
            [trade.size, trade.entry_price, trade.exit_price, trade.pnl, trade.commission, trade.return_pct];
        let levels = [trade.stop, trade.target];
        numbers.iter().chain(levels.iter().flatten()).all(|number| number.is_finite())
    };
    let bar = log.trades.iter().find(|trade| !finite(trade)).map(|trade| trade.exit_bar as usize);
    match log.overflow.or(bar) {
        Some(bar) => Err(BacktestError::Overflow { bar }),
        None => Ok(()),
    }
}
