//! A portfolio's run: at each open the legs' orders are worked off, at each close all are marked and asked.

use super::Portfolio;
use crate::broker::{Broker, Desk, Quote};
use crate::record::is_good;
use crate::strategy::Declared;
use crate::trader::Trader;
use crate::{BacktestError, ExitReason, Fill, Moment, Profile};

/// A portfolio's run under way.
pub(super) struct Walk<'p, 'a> {
    pub(super) portfolio: &'p Portfolio<'a>,
    pub(super) broker: Broker<'p>,
    /// With the first bar at which each decides.
    pub(super) traders: Vec<(Declared<'p, 'a>, usize)>,
    pub(super) equity: Vec<f64>,
    /// The next bar of each leg.
    pub(super) next: Vec<usize>,
    pub(super) ruined: Option<usize>,
}

impl Walk<'_, '_> {
    pub(super) fn all(&mut self) -> Result<(), BacktestError> {
        let rows = self.equity.len();
        for row in 0..rows {
            let time = self.portfolio.index.times[row];
            let now = |(leg, next): (usize, &usize)| {
                (self.portfolio.legs[leg].prices.times.get(*next) == Some(&time)).then_some((leg, *next))
            };
            let present: Vec<(usize, usize)> = self.next.iter().enumerate().filter_map(now).collect();
            present.iter().for_each(|(leg, _)| self.next[*leg] += 1);
            self.work(&present);
            if self.ended(row)? {
                return Ok(());
            }
            self.stop_out();
            self.ask(&present);
            if row + 1 == rows && self.portfolio.legs[0].spec.finalize {
                self.close_all(ExitReason::End);
            }
            if self.ended(row)? {
                return Ok(());
            }
            self.equity[row] = self.broker.equity();
        }
        Ok(())
    }

    fn work(&mut self, present: &[(usize, usize)]) {
        for (leg, bar) in present {
            // Until its close, a leg is worth what it opened at.
            let prices = self.portfolio.legs[*leg].prices;
            self.broker.set_mark(*leg, prices.open[*bar]);
        }
        present.iter().for_each(|(leg, bar)| self.broker.work(*leg, *bar));
        for (leg, bar) in present {
            self.broker.set_mark(*leg, self.portfolio.legs[*leg].prices.close[*bar]);
        }
    }

    fn ask(&mut self, present: &[(usize, usize)]) {
        for (leg, bar) in present {
            let spec = &self.portfolio.legs[*leg].spec;
            let (trader, first) = &mut self.traders[*leg];
            let mut desk = Desk { broker: &mut self.broker, leg: *leg, bar: *bar };
            if bar < first || trader.next(*bar, &desk) != Some(*bar) {
                continue;
            }
            trader.decide(&mut desk);
            if spec.fill != Fill::NextOpen && spec.profile == Profile::Barkeep {
                self.broker.work_at_close(*leg, *bar);
            }
        }
    }

    /// The last close of a leg.
    fn closing(&self, leg: usize) -> Quote {
        let bar = self.next[leg].saturating_sub(1);
        Quote { bar, price: self.portfolio.legs[leg].prices.close[bar], moment: Moment::Close }
    }

    fn ended(&mut self, row: usize) -> Result<bool, BacktestError> {
        let equity = self.broker.equity();
        if is_good(equity) {
            return Ok(false);
        }
        if !equity.is_finite() {
            return Err(BacktestError::Overflow { bar: row });
        }
        let quotes: Vec<Quote> = (0..self.next.len()).map(|leg| self.closing(leg)).collect();
        self.broker.ruin(|leg| quotes[leg]);
        self.equity[row..].fill(0.0);
        self.ruined = Some(row);
        Ok(true)
    }

    fn stop_out(&mut self) {
        let share = self.portfolio.legs[0].spec.stop_out;
        let needed = share * self.broker.bound_margin();
        if needed > 0.0 && self.broker.equity() < needed {
            self.close_all(ExitReason::StopOut);
        }
    }

    fn close_all(&mut self, why: ExitReason) {
        for leg in 0..self.next.len() {
            let quote = self.closing(leg);
            self.broker.close_all(leg, quote, why);
        }
    }
}
