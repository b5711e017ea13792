//! The assumptions in force, in plain short sentences.

use super::money::{costs, sizing};
use super::orders::{entries, exits};
use crate::{Fill, Profile, Spec};

/// Every assumption in force.
pub(crate) fn assumptions(spec: &Spec) -> Vec<String> {
    let mut notes = filling(spec);
    notes.extend(entries(spec));
    notes.extend(exits(spec));
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
    if spec.fill == Fill::Nautilus {
        return nautilus();
    }
    let fill = match spec.fill {
        Fill::NextOpen => "Orders fill at the open of the next bar.",
        Fill::ThisClose | Fill::Nautilus => {
            "Orders fill at the close that gave the signal, which is slightly optimistic."
        }
    };
    vec![
        format!("Rules of filling and accounting: {rules}."),
        "The strategy decides at the close of a bar, from that bar and the ones before.".into(),
        ties.into(),
        fill.into(),
        "Orders fill completely; volume and market impact are ignored.".into(),
    ]
}

fn nautilus() -> Vec<String> {
    [
        "Rules of filling and accounting: those of NautilusTrader 1.231 for LAST bars and an L1 book.",
        "The strategy decides at the close of a bar, and its market orders fill there at once: the price the signal was computed from.",
        "The book holds a quarter of the bar's volume; what an order takes beyond fills one tick worse.",
        "The account nets positions, and margin is not asked of orders for a number of units.",
        "While two averages are equal, the side from before lasts; `nautilus_ema_cross` counts equal as above.",
    ]
    .map(String::from)
    .to_vec()
}

fn ending(spec: &Spec) -> Vec<String> {
    let open = match (spec.finalize, spec.profile, spec.fill) {
        (false, ..) => "stay open: they are in the equity, not in the trade statistics",
        (true, Profile::Barkeep, _) => "are closed at the last close",
        (true, Profile::Btpy06, Fill::NextOpen) => "are closed at the open of the last bar",
        (true, Profile::Btpy06, Fill::ThisClose | Fill::Nautilus) => "are closed at the last close but one",
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
