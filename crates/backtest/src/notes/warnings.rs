//! What a reader should know before trusting the numbers.

use bars::UnixNanos;

use super::counted;
use crate::broker::Log;
use crate::{Spec, Trade};

/// Below this many trades the statistics are mostly chance.
const FEW_TRADES: usize = 30;

/// What the warnings depend on.
pub(crate) struct Facts<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) log: &'a Log,
    pub(crate) open_trades: u32,
    /// The bar on which the account was empty.
    pub(crate) ruined: Option<UnixNanos>,
}

pub(crate) fn warnings(facts: &Facts<'_>) -> Vec<String> {
    let Facts { spec, log, open_trades, ruined } = *facts;
    let (trades, refused) = (&log.trades[..], log.refused);
    let mut notes = Vec::new();
    if let Some(time) = ruined {
        notes
            .push(format!("The strategy ran out of money on the bar of {time}; nothing is traded after it."));
    }
    if trades.len() < FEW_TRADES {
        notes.push(format!(
            "Only {}: fewer than {FEW_TRADES} say little.",
            counted(trades.len(), "closed trade")
        ));
    }
    if spec.is_free_of_costs() {
        notes.push("No costs: real trading pays commission and spread.".into());
    }
    if let Some(trade) = dominant(trades) {
        notes.push(format!(
            "One trade, entered on the bar of {}, made more than half of the net {}.",
            trade.entry_time,
            if trade.pnl > 0.0 { "profit" } else { "loss" }
        ));
    }
    if open_trades > 0 {
        notes.push(format!(
            "{} at the end: not in the trade statistics.",
            counted(open_trades as usize, "open trade")
        ));
    }
    if log.ambiguous > 0 {
        notes.push(format!(
            "{} decided inside one bar, where the order of events is unknown: the worse was taken.",
            counted(log.ambiguous as usize, "exit")
        ));
    }
    if log.unprotected > 0 {
        notes.push(format!(
            "{} had stop or target in the range of the bar of the entry; both waited for the next bar.",
            counted(log.unprotected as usize, "trade")
        ));
    }
    if refused > 0 {
        notes.push(format!("{} refused for lack of margin.", counted(refused as usize, "order")));
    }
    notes
}

/// The trade that made more than half of the net result, if there are several trades.
fn dominant(trades: &[Trade]) -> Option<&Trade> {
    let net: f64 = trades.iter().map(|trade| trade.pnl).sum();
    let share = |trade: &Trade| trade.pnl * net.signum();
    let best = trades.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    (trades.len() > 1 && net != 0.0 && share(best) > net.abs() / 2.0).then_some(best)
}
