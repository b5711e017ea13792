//! Assumptions about costs and sizes.

use super::percent;
use crate::{EntryOrder, Fill, Profile, Size, Slippage, Spec, Units};

pub(super) fn costs(spec: &Spec) -> Vec<String> {
    let spread = match spec.profile {
        _ if spec.fill == Fill::Nautilus => {
            "There is no spread, and no slippage but that of the book.".into()
        }
        _ if spec.spread == 0.0 && spec.slippage == Slippage::None => {
            "There is no spread and no slippage.".into()
        }
        _ if spec.spread == 0.0 => "There is no spread.".into(),
        Profile::Barkeep => format!(
            "The spread is {}: half of it is paid at the entry, half at the exit.",
            percent(spec.spread)
        ),
        Profile::Btpy06 => format!("The spread is {}: all of it is paid at the entry.", percent(spec.spread)),
    };
    let mut notes = vec![spread];
    match spec.slippage {
        Slippage::None => {}
        Slippage::Ticks(ticks) => notes.push(format!("Market and stop orders slip by {ticks} ticks.")),
        Slippage::BasisPoints(points) => {
            notes.push(format!("Market and stop orders slip by {points} basis points of the price."));
        }
    }
    let limits = spec.entry.order != EntryOrder::Market || spec.exits.target.is_some();
    if limits && spec.profile == Profile::Barkeep && (spec.spread != 0.0 || spec.slippage != Slippage::None) {
        notes.push("Limits and targets pay neither: they fill once the price touches them.".into());
    }
    notes.push(commission(spec));
    if spec.profile == Profile::Btpy06 && spec.commission_fixed != 0.0 {
        notes.push(
            "The fixed fee is counted for each unit when an order is sized, so it buys fewer than it could."
                .into(),
        );
        notes.push("A trade closed in parts reports the fixed entry fee once for each part.".into());
    }
    if let Some(decimals) = spec.instrument.money_decimals {
        notes.push(format!("The profit and the commission of each fill are rounded to {decimals} decimals."));
    }
    notes.push("Borrowing costs nothing, idle money earns nothing, and the risk-free rate is 0.".into());
    notes
}

fn commission(spec: &Spec) -> String {
    let (rate, fixed, unit) = (percent(spec.commission), spec.commission_fixed, &spec.unit_fee);
    let base = match (spec.commission == 0.0, fixed == 0.0) {
        (true, true) if unit.is_free() => return "There is no commission.".into(),
        (true, true) => String::new(),
        (false, true) => format!("The commission is {rate} of the value of each fill."),
        (true, false) => format!("The commission is {fixed} for each entry and each exit."),
        (false, false) => {
            format!("The commission is {fixed} plus {rate} of the value, for each entry and each exit.")
        }
    };
    if unit.is_free() {
        return base;
    }
    let tiers = if unit.tiers.is_empty() { "" } else { ", falling with the month's volume" };
    let mut limits = Vec::new();
    if unit.minimum > 0.0 {
        limits.push(format!("at least {}", unit.minimum));
    }
    if unit.maximum > 0.0 {
        limits.push(format!("at most {} of the value", percent(unit.maximum)));
    }
    let limits = if limits.is_empty() { String::new() } else { format!("; {} a fill", limits.join(", ")) };
    format!("{base} Each unit pays {}{tiers}{limits}.", unit.per_unit).trim_start().to_owned()
}

pub(super) fn sizing(spec: &Spec) -> Vec<String> {
    let units = match spec.units {
        _ if spec.instrument.lot > 0.0 => format!("lots of {}", spec.instrument.lot),
        Units::Whole => "whole units".into(),
        Units::Fractional => "0.00000001 units".into(),
    };
    let size = match spec.size {
        Size::Free { share: 1.0 } => "takes all free margin".into(),
        Size::Free { share } => format!("takes {} of the free margin", percent(share)),
        Size::Equity { share } => format!("takes a position worth {} of the account", percent(share)),
        Size::Units { units } => format!("takes {units} units, or is refused"),
        Size::Cash { money } => format!("takes a position worth {money}"),
        Size::Risk { share } => format!("takes what loses {} of the account at its stop", percent(share)),
        Size::Volatility { target, window, .. } => format!(
            "takes a position whose yearly volatility is {} of the account, judged by {window} bars",
            percent(target)
        ),
    };
    let mut notes =
        vec![format!("Each order {size}, rounded down to {units}; it is computed at the price of the fill.")];
    if !matches!(spec.size, Size::Free { .. } | Size::Units { .. }) {
        notes.push("Where free margin does not allow so much, as much as it allows.".into());
    }
    notes.push(match spec.margin {
        1.0 => "There is no leverage.".into(),
        margin if spec.stop_out == 0.0 => {
            format!("Leverage is {}; there is no margin call before the account is empty.", 1.0 / margin)
        }
        margin => format!(
            "Leverage is {}; everything is closed at a close where the account covers less than {} of the margin.",
            1.0 / margin,
            percent(spec.stop_out)
        ),
    });
    notes.push(match (spec.hedging, spec.exclusive) {
        (true, _) => "Long and short trades stand side by side; each binds margin.".into(),
        (_, true) => "A new order first closes every open trade, also one in its own direction.".into(),
        _ => "A new order first closes opposite trades, oldest first; only free margin limits it.".into(),
    });
    if spec.instrument.multiplier != 1.0 {
        notes.push(format!("A unit makes {} for each point of the price.", spec.instrument.multiplier));
    }
    if spec.profile == Profile::Btpy06 && !spec.exclusive {
        notes.push("Free margin is taken at the close of the bar of the fill, which lies ahead.".into());
    }
    notes
}
