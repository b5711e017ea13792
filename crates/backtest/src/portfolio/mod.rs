//! Several instruments in one account.

mod walk;

use bars::UnixNanos;
use serde::{Deserialize, Serialize};

use crate::broker::{Broker, bar_number};
use crate::run::check_finite;
use crate::{BacktestError, Market, OwnedPrices, Prices, Profile, Report, Spec, digest, notes};
use walk::Walk;

/// An instrument of a portfolio: its bars, and what is done with it.
#[derive(Clone, Debug)]
pub struct Leg<'a> {
    /// Its name, for people.
    pub name: String,
    /// Its bars.
    pub prices: Prices<'a>,
    /// Strategy, sizes, costs and instrument. Cash, profile, fill, finalisation and stop-out are the account's, and equal in all legs.
    pub spec: Spec,
}

/// The result of a portfolio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortfolioReport {
    /// The whole: rows, bars and equity are those of the [index](Portfolio::index), trades say which leg they are of.
    ///
    /// Its digest is taken over `barkeep-fills-2\n` and, for each fill, the leg's number (u16) before what a
    /// [single run](Report::digest) has; bars are rows of the index.
    pub report: Report,
    /// What each leg made.
    pub legs: Vec<LegResult>,
}

/// What a leg of a portfolio made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegResult {
    /// Its name.
    pub name: String,
    /// Closed trades.
    pub trades: u32,
    /// Their profit in money, after commissions.
    pub pnl: f64,
    /// Their commissions in money.
    pub commission: f64,
    /// The share of its bars on which it held something.
    pub exposure: f64,
}

/// Several instruments with one account.
///
/// All bars have one length. At each open the orders of the legs are worked off in their order, so that the first has the first
/// claim on free margin; at each close all are marked and asked.
pub struct Portfolio<'a> {
    legs: Vec<Leg<'a>>,
    index: OwnedPrices,
    /// For each leg, the row of the index of each of its bars.
    rows: Vec<Vec<usize>>,
}

impl<'a> Portfolio<'a> {
    /// Checks the legs and lays their bars side by side.
    ///
    /// # Errors
    /// A [`BacktestError`] if there are no legs, bars are no bars, or account fields differ between legs.
    pub fn new(legs: Vec<Leg<'a>>) -> Result<Self, BacktestError> {
        let Some(first) = legs.first() else {
            return Err(BacktestError::Contradiction {
                what: "the portfolio has no instrument",
                next: "give it at least one",
            });
        };
        if u16::try_from(legs.len()).is_err() {
            return Err(BacktestError::Contradiction {
                what: "the portfolio has more than 65535 instruments",
                next: "take fewer",
            });
        }
        for leg in &legs {
            leg.prices.check()?;
            same_account(&first.spec, &leg.spec)?;
        }
        let lengths: Vec<i64> =
            legs.iter().filter(|leg| leg.prices.len() > 1).map(|leg| shortest(leg.prices.times)).collect();
        if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(BacktestError::Contradiction {
                what: "the bars of the portfolio differ in length",
                next: "resample them all to the longest",
            });
        }
        let index = index(&legs);
        let row = |time: &i64| index.times.partition_point(|known| known < time);
        let rows = legs.iter().map(|leg| leg.prices.times.iter().map(row).collect()).collect();
        Ok(Self { legs, index, rows })
    }

    /// Equal parts of all legs, bought at their first close and held: one row for every time at which some leg has a bar.
    ///
    /// It is the benchmark of the portfolio, and the bars of its report.
    pub fn index(&self) -> &OwnedPrices {
        &self.index
    }

    /// Runs all legs with one account.
    ///
    /// # Errors
    /// A [`BacktestError`] if a spec is out of range, a leg has too few bars, or the account overflows.
    pub fn run(&self) -> Result<PortfolioReport, BacktestError> {
        let mut markets =
            self.legs.iter().map(|leg| Market::new(leg.prices)).collect::<Result<Vec<_>, _>>()?;
        let mut traders = Vec::with_capacity(self.legs.len());
        let mut volatilities = Vec::with_capacity(self.legs.len());
        for (market, leg) in markets.iter_mut().zip(&self.legs) {
            let (trader, first, volatility) = market.trader(&leg.spec)?;
            traders.push((trader, first));
            volatilities.push(volatility);
        }
        let legs = self.legs.iter().map(|leg| (&leg.spec, leg.prices)).collect();
        let mut broker = Broker::of_legs(legs, true);
        for (leg, volatility) in volatilities.into_iter().enumerate() {
            volatility.into_iter().for_each(|column| broker.set_volatility(leg, column));
        }
        let spec = &self.legs[0].spec;
        let equity = vec![spec.cash; self.index.times.len()];
        let mut walk =
            Walk { portfolio: self, broker, traders, equity, next: vec![0; self.legs.len()], ruined: None };
        walk.all()?;
        self.report(walk)
    }

    fn report(&self, walk: Walk<'_, '_>) -> Result<PortfolioReport, BacktestError> {
        let Walk { broker, equity, ruined, traders, .. } = walk;
        let spec = &self.legs[0].spec;
        let open_trades = broker.open_trades();
        let mut log = broker.log;
        check_finite(&log)?;
        let legs = self.results(&log.trades);
        let row = |leg: u16, bar: u32| bar_number(self.rows[leg as usize][bar as usize]);
        for trade in &mut log.trades {
            (trade.entry_bar, trade.exit_bar) =
                (row(trade.leg, trade.entry_bar), row(trade.leg, trade.exit_bar));
        }
        log.executions.iter_mut().for_each(|fill| fill.bar = row(fill.leg, fill.bar));
        let first = traders.iter().enumerate().map(|(leg, (_, first))| self.rows[leg][*first]).min();
        let market = Market::new(self.index.prices())?;
        let ruined = ruined.map(|row| UnixNanos(self.index.times[row]));
        let warnings = notes::warnings(&notes::Facts { spec, log: &log, open_trades, ruined });
        let mut report = Report {
            statistics: Vec::new(),
            assumptions: self.assumptions(),
            warnings,
            digest: digest::of_portfolio(&log.executions),
            open_trades,
            first_bar: bar_number(first.unwrap_or_default()),
            warm_up: bar_number(first.unwrap_or_default()),
            cash: spec.cash,
            trades: log.trades,
            executions: log.executions,
            drawdown: crate::statistics::drawdown(&equity),
            equity,
        };
        report.statistics = crate::statistics::statistics(&crate::statistics::Finished::of(&market, &report));
        Ok(PortfolioReport { report, legs })
    }

    fn results(&self, trades: &[crate::Trade]) -> Vec<LegResult> {
        let result = |(number, leg): (usize, &Leg<'_>)| {
            let own = || trades.iter().filter(move |trade| trade.leg as usize == number);
            LegResult {
                name: leg.name.clone(),
                trades: u32::try_from(own().count()).unwrap_or(u32::MAX),
                pnl: own().map(|trade| trade.pnl).sum(),
                commission: own().map(|trade| trade.commission).sum(),
                exposure: crate::statistics::exposed_bars(own()) as f64 / leg.prices.len().max(1) as f64,
            }
        };
        self.legs.iter().enumerate().map(result).collect()
    }

    /// What the legs take for granted; what they do not share is told with their names.
    fn assumptions(&self) -> Vec<String> {
        let all: Vec<Vec<String>> = self.legs.iter().map(|leg| notes::assumptions(&leg.spec)).collect();
        let mut notes = vec![
            format!(
                "{} instruments trade with one account; at each open they are served in their order.",
                self.legs.len()
            ),
            "The benchmark holds equal parts of all, each from its first close on.".into(),
        ];
        for note in &all[0] {
            if all.iter().all(|own| own.contains(note)) {
                notes.push(note.clone());
            }
        }
        for (leg, own) in self.legs.iter().zip(&all) {
            let of_leg = own.iter().filter(|note| !notes.contains(note));
            let named: Vec<String> = of_leg.map(|note| format!("{}: {note}", leg.name)).collect();
            notes.extend(named);
        }
        notes
    }
}

fn same_account(one: &Spec, other: &Spec) -> Result<(), BacktestError> {
    let differs = one.cash != other.cash
        || one.profile != other.profile
        || one.fill != other.fill
        || one.finalize != other.finalize
        || one.stop_out != other.stop_out;
    if one.profile != Profile::Barkeep {
        return Err(BacktestError::Contradiction {
            what: "backtesting.py has no portfolios, so the profile `btpy-0.6` has none either",
            next: "set `profile` to `barkeep`",
        });
    }
    match differs {
        true => Err(BacktestError::Contradiction {
            what: "cash, profile, fill, finalize and stop_out are the account's, and differ between the instruments",
            next: "give them all the same",
        }),
        false => Ok(()),
    }
}

fn shortest(times: &[i64]) -> i64 {
    times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).min().unwrap_or_default()
}

/// Equal parts of all legs; a leg without a bar keeps its last close, and one that has not begun counts as cash.
fn index(legs: &[Leg<'_>]) -> OwnedPrices {
    let mut times: Vec<i64> = legs.iter().flat_map(|leg| leg.prices.times.iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    let mut next = vec![0; legs.len()];
    let mut worth = vec![1.0; legs.len()];
    let mut close = Vec::with_capacity(times.len());
    for time in &times {
        for (leg, of) in legs.iter().enumerate() {
            if of.prices.times.get(next[leg]) == Some(time) {
                worth[leg] = of.prices.close[next[leg]] / of.prices.close[0];
                next[leg] += 1;
            }
        }
        close.push(100.0 * worth.iter().sum::<f64>() / legs.len() as f64);
    }
    let (open, high, low) = (close.clone(), close.clone(), close.clone());
    OwnedPrices { times, open, high, low, close, volume: Vec::new() }
}
