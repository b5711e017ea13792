//! A run from bars to report: passes over quiet bars, works orders, marks every bar, asks the trader.

use std::ops::Range;
use std::sync::Arc;

use bars::UnixNanos;

use crate::broker::{Broker, Desk, Log, Quote, bar_number};
use crate::market::Market;
use crate::statistics::{Finished, drawdown, statistics};
use crate::trader::Trader;
use crate::{BacktestError, ExitReason, Fill, Moment, Prices, Profile, Report, Spec, Trade, digest, notes};

/// Runs a strategy over bars.
///
/// Equal prices and spec give equal trades, equity and digest on every machine; statistics made of logarithms and
/// powers may differ in the last digit between platforms. For many runs over the same bars use a [`Market`].
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

/// The first bar at whose close a strategy with this warm-up decides, if enough bars follow.
pub(crate) fn first_bar(spec: &Spec, prices: Prices<'_>, warm_up: u64) -> Result<usize, BacktestError> {
    let (bars, needed) = (prices.len(), warm_up.saturating_add(2));
    if (bars as u64) < needed {
        return Err(BacktestError::TooFewBars { bars, needed });
    }
    Ok(warm_up as usize + usize::from(spec.profile == Profile::Btpy06))
}

/// What a run left behind.
pub(crate) struct Outcome {
    equity: Vec<f64>,
    log: Log,
    open_trades: u32,
    ruined: Option<usize>,
}

impl Outcome {
    pub(crate) fn of(
        market: &Market<'_>,
        spec: &Spec,
        trader: &mut dyn Trader,
        first: usize,
        volatility: Option<Arc<Vec<f64>>>,
    ) -> Result<Self, BacktestError> {
        let mut walk = Walk::new(market.prices, spec);
        volatility.into_iter().for_each(|column| walk.broker.set_volatility(0, column));
        walk.all(trader, first)?;
        let Walk { broker, equity, ruined, .. } = walk;
        let open_trades = broker.open_trades();
        check_finite(&broker.log.trades)?;
        Ok(Self { equity, log: broker.log, open_trades, ruined })
    }

    pub(crate) fn report(self, market: &Market<'_>, spec: &Spec, first: usize) -> Report {
        let Self { equity, log, open_trades, ruined } = self;
        let prices = market.prices;
        let drawdown = drawdown(&equity);
        let warm_up = first - usize::from(spec.profile == Profile::Btpy06);
        let finished =
            Finished { market, warm_up, equity: &equity, drawdown: &drawdown, trades: &log.trades };
        let statistics = statistics(&finished);
        let warnings = notes::warnings(&notes::Facts {
            spec,
            log: &log,
            open_trades,
            ruined: ruined.map(|bar| UnixNanos(prices.times[bar])),
        });
        Report {
            statistics,
            assumptions: notes::assumptions(spec),
            warnings,
            digest: digest::of(&log.executions),
            open_trades,
            first_bar: bar_number(first),
            warm_up: bar_number(warm_up),
            trades: log.trades,
            executions: log.executions,
            equity,
            drawdown,
        }
    }
}

/// A run under way.
struct Walk<'a> {
    prices: Prices<'a>,
    spec: &'a Spec,
    broker: Broker<'a>,
    equity: Vec<f64>,
    ruined: Option<usize>,
}

impl<'a> Walk<'a> {
    fn new(prices: Prices<'a>, spec: &'a Spec) -> Self {
        let equity = vec![spec.cash; prices.len()];
        Self { prices, spec, broker: Broker::new(spec, prices, true), equity, ruined: None }
    }

    fn all(&mut self, trader: &mut dyn Trader, first: usize) -> Result<(), BacktestError> {
        let bars = self.prices.len();
        let mut bar = first;
        while bar < bars {
            let until = self.quiet_until(trader, bar);
            self.mark(bar..until)?;
            if self.ruined.is_some() || until == bars {
                break;
            }
            bar = until;
            self.broker.work(0, bar);
            self.mark(bar..bar + 1)?;
            self.stop_out(bar)?;
            if self.ruined.is_some() {
                break;
            }
            self.ask(trader, bar)?;
            bar += 1;
        }
        if self.spec.finalize && self.ruined.is_none() {
            self.finalize(bars - 1)?;
        }
        Ok(())
    }

    /// The first bar from `bar` on at which an order may fill or the trader decides.
    fn quiet_until(&mut self, trader: &dyn Trader, bar: usize) -> usize {
        let bars = self.prices.len();
        let watched = self.spec.stop_out > 0.0 && self.broker.open_trades() > 0;
        if watched {
            return bar;
        }
        let wake = trader.next(bar, &self.desk(bar)).map_or(bars, |wake| wake.clamp(bar, bars));
        if self.broker.is_idle() { wake } else { self.broker.next_touch(0, bar, wake) }
    }

    fn ask(&mut self, trader: &mut dyn Trader, bar: usize) -> Result<(), BacktestError> {
        let mut desk = self.desk(bar);
        if trader.next(bar, &desk) != Some(bar) {
            return Ok(());
        }
        trader.decide(&mut desk);
        let compatible = self.spec.profile == Profile::Btpy06;
        if self.spec.fill != Fill::NextOpen && !compatible {
            self.broker.work_at_close(0, bar);
            self.mark(bar..bar + 1)?;
        }
        Ok(())
    }

    fn desk(&mut self, bar: usize) -> Desk<'_, 'a> {
        Desk { broker: &mut self.broker, leg: 0, bar }
    }

    fn closing(&self, bar: usize) -> Quote {
        Quote { bar, price: self.prices.close[bar], moment: Moment::Close }
    }

    /// Writes the equity of `bars`, up to ruin.
    fn mark(&mut self, bars: Range<usize>) -> Result<(), BacktestError> {
        let Some(last) = bars.clone().last() else { return Ok(()) };
        let close = &self.prices.close[bars.clone()];
        let equity = &mut self.equity[bars.clone()];
        match self.broker.line() {
            Some((cash, 0.0, _)) => equity.fill(cash),
            Some((cash, units, entry)) => {
                equity
                    .iter_mut()
                    .zip(close)
                    .for_each(|(equity, close)| *equity = cash + units * (close - entry));
            }
            None => {
                for (equity, close) in equity.iter_mut().zip(close) {
                    self.broker.set_mark(0, *close);
                    *equity = self.broker.equity();
                }
            }
        }
        self.broker.set_mark(0, self.prices.close[last]);
        let good = |equity: f64| equity > 0.0 && equity <= f64::MAX;
        if equity.iter().fold(true, |all, &equity| all & good(equity)) {
            return Ok(());
        }
        let bar = bars.start + equity.iter().position(|&equity| !good(equity)).unwrap_or_default();
        if !self.equity[bar].is_finite() {
            return Err(BacktestError::Overflow { bar });
        }
        let quote = self.closing(bar);
        self.broker.set_mark(0, quote.price);
        self.broker.ruin(|_| quote);
        self.equity[bar..].fill(0.0);
        self.ruined = Some(bar);
        Ok(())
    }

    /// Closes everything if the account does not cover enough of the margin any more.
    fn stop_out(&mut self, bar: usize) -> Result<(), BacktestError> {
        if self.spec.stop_out > 0.0 && self.ruined.is_none() {
            let needed = self.spec.stop_out * self.broker.bound_margin();
            if needed > 0.0 && self.broker.equity() < needed {
                let quote = self.closing(bar);
                self.broker.close_all(0, quote, ExitReason::StopOut);
                self.mark(bar..bar + 1)?;
            }
        }
        Ok(())
    }

    /// Closes what is open after the last bar.
    fn finalize(&mut self, last: usize) -> Result<(), BacktestError> {
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
        self.mark(last..last + 1)
    }
}

fn check_finite(trades: &[Trade]) -> Result<(), BacktestError> {
    let finite = |trade: &Trade| {
        let numbers =
            [trade.size, trade.entry_price, trade.exit_price, trade.pnl, trade.commission, trade.return_pct];
        numbers.iter().all(|number| number.is_finite())
    };
    match trades.iter().find(|trade| !finite(trade)) {
        Some(trade) => Err(BacktestError::Overflow { bar: trade.exit_bar as usize }),
        None => Ok(()),
    }
}
