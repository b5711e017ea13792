//! The assumptions in force, in plain short sentences.

use super::percent;
use crate::{
    Behind, Direction, Distance, EntryOrder, Fill, Hours, Origin, Profile, Session, Size, Slippage, Spec,
    Units, When,
};

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

fn entries(spec: &Spec) -> Vec<String> {
    let mut notes = Vec::new();
    match spec.direction {
        Direction::Both => notes.push("Selling short is always possible.".into()),
        Direction::Long => notes.push("Only long: a signal to go short closes what is held.".into()),
        Direction::Short => {
            notes.push(
                "Only short, which is always possible: a signal to go long closes what is held.".into(),
            );
        }
    }
    match spec.entry.when {
        None => {}
        Some(When::Always) => {
            notes.push("Every signal is followed, also in the direction that is held.".into())
        }
        Some(When::Reverse) => notes.push("A signal in the direction that is held is passed over.".into()),
        Some(When::Flat) => notes.push("A signal counts only while nothing is held.".into()),
    }
    notes.extend(spec.session.as_ref().map(session));
    let tick = spec.instrument.tick;
    let order = match spec.entry.order {
        EntryOrder::Market => return notes,
        EntryOrder::Limit(distance) => {
            format!("Entries wait at a limit {} better than the close.", length(distance, tick))
        }
        EntryOrder::Stop(distance) => {
            format!("Entries wait for a stop {} beyond the close.", length(distance, tick))
        }
        EntryOrder::StopLimit { stop, limit } => format!(
            "Entries wait for a stop {} beyond the close, then at a limit {} better than the stop.",
            length(stop, tick),
            length(limit, tick)
        ),
    };
    let until = match spec.entry.valid_bars {
        None => "until the next signal".into(),
        Some(bars) => format!("for {bars} bars, or until the next signal"),
    };
    notes.push(format!("{order} They wait {until}."));
    notes.push("A limit fills at its price or better, a stop at its price or worse, also over a gap.".into());
    notes
}

fn session(session: &Session) -> String {
    let hours = match session.hours {
        Hours::Calendar(calendar) => format!("in the sessions of the calendar `{calendar}`"),
        Hours::Daily { from, to } => format!("from {from} to {to} UTC"),
    };
    let end = if session.flat { "all is closed with their last bar" } else { "what is held stays" };
    format!("Trades are entered {hours} only; {end}. Stops and targets work at all times.")
}

fn exits(spec: &Spec) -> Vec<String> {
    let (exits, tick, mut notes) = (&spec.exits, spec.instrument.tick, Vec::new());
    let from = match exits.from {
        Origin::Entry => "the entry's price",
        Origin::Signal => "the close of the signal",
    };
    if let Some(stop) = exits.stop {
        notes.push(format!("A stop loss lies {} from {from}.", length(stop, tick)));
    }
    if let Some(target) = exits.target {
        notes.push(format!("A take profit lies {} from {from}.", length(target, tick)));
    }
    if let Some(trail) = exits.trail {
        let behind = match trail.behind {
            Behind::Close => "the closes",
            Behind::Extreme => "the highs of a long trade, the lows of a short one",
        };
        let distance = length(trail.distance, tick);
        notes.push(format!(
            "A stop trails {behind} by {distance}; it is moved at a close and works from the next bar."
        ));
    }
    if exits.stop.or(exits.target).is_some() || exits.trail.is_some() {
        notes.extend(inside_a_bar(spec));
    }
    if let Some(bars) = exits.bars {
        notes.push(format!("A trade is closed {bars} bars after its entry."));
    }
    if let Some(part) = exits.part {
        notes.push(format!(
            "The first signal to leave closes {} of a trade, the next the rest.",
            percent(part)
        ));
    }
    if !exits.on_signal {
        notes.push("Signals to leave are not followed.".into());
    }
    notes
}

fn inside_a_bar(spec: &Spec) -> Vec<String> {
    let mut notes = vec![
        "What happens first inside a bar is unknown: if stop and target both lie in it, the stop is taken."
            .into(),
        "A stop that a gap passes over fills at the open, a target there too.".into(),
    ];
    let waiting = spec.entry.order != EntryOrder::Market;
    match spec.profile {
        Profile::Barkeep if waiting => notes.push(
            "In the bar of a limit or stop entry the stop counts as reached if the bar's range holds it; the target only after a stop entry."
                .into(),
        ),
        Profile::Btpy06 if waiting => {
            notes.push("Stop and target of a limit or stop entry wait for the next bar.".into());
        }
        _ => {}
    }
    let ranged = spec.exits.distances().any(|(_, distance)| matches!(distance, Distance::Atr { .. }));
    notes.push(match (ranged, spec.profile) {
        (true, Profile::Btpy06) => {
            "Average true ranges are simple means; before the first one, that first one is used, which looks ahead.".into()
        }
        (true, Profile::Barkeep) => "Average true ranges are Wilder's.".into(),
        (false, _) => return notes,
    });
    notes
}

fn costs(spec: &Spec) -> Vec<String> {
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

fn sizing(spec: &Spec) -> Vec<String> {
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

fn length(distance: Distance, tick: f64) -> String {
    match distance {
        Distance::Share(share) => percent(share),
        Distance::Money(money) => format!("{money}"),
        Distance::Ticks(ticks) => format!("{ticks} ticks of {tick}"),
        Distance::Atr { multiple, window } => format!("{multiple} average true ranges of {window} bars"),
    }
}
