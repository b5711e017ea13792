//! What stands beside a result: the assumptions in force, and warnings about what the numbers can bear.

use bars::UnixNanos;

use crate::{Fill, Profile, Spec, Trade, Units};

/// Below this many trades the statistics are mostly chance.
const FEW_TRADES: usize = 30;

/// Every assumption in force, in plain short sentences.
pub(crate) fn assumptions(spec: &Spec) -> Vec<String> {
    let mut notes = filling(spec);
    notes.extend(costs(spec));
    notes.extend(sizing(spec));
    notes.extend(ending(spec));
    notes
}

fn filling(spec: &Spec) -> Vec<String> {
    let rules = match spec.profile {
        Profile::Barkeep => "Barkeep's own",
        Profile::Btpy06 => "those of backtesting.py 0.6, with its quirks",
    };
    let ties = match spec.profile {
        Profile::Barkeep => "While two averages are equal, the side from before lasts.",
        Profile::Btpy06 => "Averages that pass through equality do not count as crossing.",
    };
    let fill = match spec.fill {
        Fill::NextOpen => "Orders fill at the open of the next bar.",
        Fill::ThisClose => "Orders fill at the close that gave the signal, which is slightly optimistic.",
    };
    vec![
        format!("Rules of filling and accounting: {rules}."),
        "The strategy decides at the close of a bar, from that bar and the ones before.".into(),
        ties.into(),
        fill.into(),
        "Orders fill completely; volume and market impact are ignored.".into(),
    ]
}

fn costs(spec: &Spec) -> Vec<String> {
    let (rate, fixed) = (percent(spec.commission), spec.commission_fixed);
    let spread = match spec.profile {
        _ if spec.spread == 0.0 => "There is no spread and no slippage.".into(),
        Profile::Barkeep => format!(
            "The spread is {}: half of it is paid at the entry, half at the exit.",
            percent(spec.spread)
        ),
        Profile::Btpy06 => format!("The spread is {}: all of it is paid at the entry.", percent(spec.spread)),
    };
    let commission = match (spec.commission == 0.0, fixed == 0.0) {
        (true, true) => "There is no commission.".into(),
        (false, true) => format!("The commission is {rate} of the value of each fill."),
        (true, false) => format!("The commission is {fixed} for each entry and each exit."),
        (false, false) => {
            format!("The commission is {fixed} plus {rate} of the value, for each entry and each exit.")
        }
    };
    let mut notes = vec![spread, commission];
    if spec.profile == Profile::Btpy06 && fixed != 0.0 {
        notes.push(
            "The fixed fee is counted for each unit when an order is sized, so it buys fewer than it could."
                .into(),
        );
        notes.push("A trade closed in parts reports the fixed entry fee once for each part.".into());
    }
    notes.push("Borrowing costs nothing, idle money earns nothing, and the risk-free rate is 0.".into());
    notes
}

fn sizing(spec: &Spec) -> Vec<String> {
    let units = match spec.units {
        Units::Whole => "whole units",
        Units::Fractional => "0.00000001 units",
    };
    let leverage = match spec.margin {
        1.0 => "There is no leverage.".into(),
        margin => {
            format!("Leverage is {}; there is no margin call before the account is empty.", 1.0 / margin)
        }
    };
    let other = match spec.exclusive {
        true => "A new order first closes every open trade, also one in its own direction.",
        false => "A new order first closes opposite trades, oldest first; only free margin limits it.",
    };
    let mut notes = vec![
        format!("Each order takes all free margin, rounded down to {units}."),
        leverage,
        "Selling short is always possible.".into(),
        other.into(),
    ];
    if spec.profile == Profile::Btpy06 && !spec.exclusive {
        notes.push("Free margin is taken at the close of the bar of the fill, which lies ahead.".into());
    }
    notes
}

fn ending(spec: &Spec) -> Vec<String> {
    let open = match (spec.finalize, spec.profile, spec.fill) {
        (false, ..) => "stay open: they are in the equity, not in the trade statistics",
        (true, Profile::Barkeep, _) => "are closed at the last close",
        (true, Profile::Btpy06, Fill::NextOpen) => "are closed at the open of the last bar",
        (true, Profile::Btpy06, Fill::ThisClose) => "are closed at the last close but one",
    };
    let late = match (spec.finalize, spec.profile) {
        (true, Profile::Btpy06) => "An order placed on the last bar fills at that same price.",
        _ => "An order placed on the last bar is not filled.",
    };
    let mut notes = vec![
        format!("Trades open at the end {open}."),
        late.into(),
        "When the account is worth nothing at a close, all is closed there and the run ends.".into(),
        "Losses beyond the account are not owed.".into(),
    ];
    if spec.profile == Profile::Btpy06 && !spec.exclusive {
        notes.push("Of the trades open at that moment, every second one is left out of the trades.".into());
    }
    notes
}

/// What the warnings depend on.
pub(crate) struct Facts<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) trades: &'a [Trade],
    pub(crate) open_trades: u32,
    pub(crate) refused: u32,
    /// The bar on which the account was empty.
    pub(crate) ruined: Option<UnixNanos>,
}

/// What a reader should know before trusting the numbers.
pub(crate) fn warnings(facts: &Facts<'_>) -> Vec<String> {
    let Facts { spec, trades, open_trades, refused, ruined } = *facts;
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
    if spec.commission == 0.0 && spec.commission_fixed == 0.0 && spec.spread == 0.0 {
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

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A share in percent, without the noise of binary fractions.
fn percent(share: f64) -> String {
    let text = format!("{:.8}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
