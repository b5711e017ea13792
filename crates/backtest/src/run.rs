//! A run from bars to report: walks the signals, fills their orders, marks every bar.

use std::ops::Range;

use bars::UnixNanos;

use crate::broker::{Broker, Quote, bar_number};
use crate::statistics::{Outcome, drawdown, statistics};
use crate::strategy::{Side, Ties};
use crate::{BacktestError, Fill, Profile, Report, Spec, Trade, notes};

/// The bars of a run, in columns of equal length.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a> {
    /// Open times in nanoseconds since 1970 UTC, strictly ascending.
    pub times: &'a [i64],
    /// First prices; positive.
    pub open: &'a [f64],
    /// Highest prices; positive.
    pub high: &'a [f64],
    /// Lowest prices; positive.
    pub low: &'a [f64],
    /// Last prices; positive.
    pub close: &'a [f64],
}

/// Runs a strategy over bars.
///
/// Equal prices and spec give equal trades, equity and digest on every machine; statistics made of logarithms and
/// powers may differ in the last digit between platforms.
///
/// ```
/// use backtest::{Prices, Spec, Strategy, run};
/// let close = [3.0, 2.0, 1.0, 4.0, 8.0];
/// let open = [3.0, 3.0, 2.0, 1.0, 5.0];
/// let times = [0, 1, 2, 3, 4].map(|day| day * bars::DAY);
/// let prices = Prices { times: &times, open: &open, high: &close, low: &close, close: &close };
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
    prices.check()?;
    let (bars, warm_up) = (prices.times.len(), spec.strategy.warm_up());
    if bars < warm_up.saturating_add(2) {
        return Err(BacktestError::TooFewBars { bars, needed: warm_up as u64 + 2 });
    }
    let mut walk = Walk::new(prices, spec, warm_up + 1);
    walk.all()?;
    let Walk { broker, equity, ruined, .. } = walk;
    let open_trades = broker.open_trades();
    let (trades, refused, digest) = broker.into_results();
    check_finite(&trades)?;
    let drawdown = drawdown(&equity);
    let outcome = Outcome { prices, warm_up, equity: &equity, drawdown: &drawdown, trades: &trades };
    let statistics = statistics(&outcome);
    let warnings = notes::warnings(&notes::Facts {
        spec,
        trades: &trades,
        open_trades,
        refused,
        ruined: ruined.map(|bar| UnixNanos(prices.times[bar])),
    });
    Ok(Report {
        statistics,
        assumptions: notes::assumptions(spec),
        warnings,
        digest,
        open_trades,
        first_bar: bar_number(warm_up + 1),
        trades,
        equity,
        drawdown,
    })
}

/// A run under way: bars before `next` are marked.
struct Walk<'a> {
    prices: &'a Prices<'a>,
    spec: &'a Spec,
    broker: Broker<'a>,
    equity: Vec<f64>,
    next: usize,
    ruined: Option<usize>,
}

impl<'a> Walk<'a> {
    fn new(prices: &'a Prices<'a>, spec: &'a Spec, first: usize) -> Self {
        let equity = vec![spec.cash; prices.times.len()];
        Self { prices, spec, broker: Broker::new(spec, prices.times), equity, next: first, ruined: None }
    }

    fn all(&mut self) -> Result<(), BacktestError> {
        let last = self.prices.times.len() - 1;
        let mut waiting = None;
        let ties = match self.spec.profile {
            Profile::Barkeep => Ties::Keep,
            Profile::Btpy06 => Ties::Break,
        };
        for signal in self.spec.strategy.signals(self.prices.close, ties) {
            if signal.bar == last {
                waiting = Some(signal.side);
                break;
            }
            self.fill(signal.bar, signal.side)?;
            if self.ruined.is_some() {
                return Ok(());
            }
        }
        self.mark(self.next..last + 1)?;
        if self.spec.finalize && self.ruined.is_none() {
            self.finalize(last, waiting)?;
        }
        Ok(())
    }

    /// Fills an order placed at the close of `bar`, which is not the last, after marking the bars before the fill.
    fn fill(&mut self, bar: usize, side: Side) -> Result<(), BacktestError> {
        let Prices { open, close, .. } = *self.prices;
        let (quote, seen, mark) = match (self.spec.fill, self.spec.profile) {
            (Fill::NextOpen, Profile::Barkeep) => {
                (Quote { bar: bar + 1, price: open[bar + 1] }, bar + 1, open[bar + 1])
            }
            (Fill::ThisClose, Profile::Barkeep) => (Quote { bar, price: close[bar] }, bar, close[bar]),
            // Free margin is taken at the close of the bar in which the order is worked off, which lies ahead.
            (Fill::NextOpen, Profile::Btpy06) => {
                (Quote { bar: bar + 1, price: open[bar + 1] }, bar + 1, close[bar + 1])
            }
            (Fill::ThisClose, Profile::Btpy06) => (Quote { bar, price: close[bar] }, bar + 1, close[bar + 1]),
        };
        self.mark(self.next..seen)?;
        if self.ruined.is_none() {
            self.broker.order(side, quote, mark);
        }
        Ok(())
    }

    /// Writes the equity of `bars`, up to ruin.
    fn mark(&mut self, bars: Range<usize>) -> Result<(), BacktestError> {
        self.next = self.next.max(bars.end);
        for bar in bars {
            let price = self.prices.close[bar];
            let equity = self.broker.equity(price);
            if !equity.is_finite() {
                return Err(BacktestError::Overflow { bar });
            }
            self.equity[bar] = equity;
            if equity <= 0.0 {
                self.broker.ruin(Quote { bar, price });
                self.equity[bar..].fill(0.0);
                self.ruined = Some(bar);
                break;
            }
        }
        Ok(())
    }

    /// Closes what is open after the last bar.
    fn finalize(&mut self, last: usize, waiting: Option<Side>) -> Result<(), BacktestError> {
        let Prices { open, close, .. } = *self.prices;
        match (self.spec.profile, self.spec.fill) {
            (Profile::Barkeep, _) => self.broker.close_all(Quote { bar: last, price: close[last] }),
            // Orders are worked off once more in the last bar, also the one placed at its end.
            (Profile::Btpy06, fill) => {
                let quote = match fill {
                    Fill::NextOpen => Quote { bar: last, price: open[last] },
                    Fill::ThisClose => Quote { bar: last - 1, price: close[last - 1] },
                };
                self.broker.close_all(quote);
                if let Some(side) = waiting {
                    self.broker.order(side, quote, close[last]);
                }
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

impl Prices<'_> {
    fn columns(&self) -> [(&'static str, &[f64]); 4] {
        [("open", self.open), ("high", self.high), ("low", self.low), ("close", self.close)]
    }

    fn check(&self) -> Result<(), BacktestError> {
        let bars = self.times.len();
        if u32::try_from(bars).is_err() {
            return Err(BacktestError::TooManyBars { bars });
        }
        for (name, column) in self.columns() {
            if column.len() != bars {
                return Err(BacktestError::UnequalColumns { name, found: column.len(), expected: bars });
            }
        }
        if let Some(bar) = self.times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(BacktestError::NotAscending { bar: bar + 1, time: UnixNanos(self.times[bar + 1]) });
        }
        for (column, values) in self.columns() {
            if let Some(bar) = values.iter().position(|&value| !(value > 0.0 && value.is_finite())) {
                let (time, value) = (UnixNanos(self.times[bar]), values[bar]);
                return Err(BacktestError::BadPrice { column, bar, time, value });
            }
        }
        Ok(())
    }
}
