//! Assumptions about entries and exits.

use super::percent;
use crate::{Behind, Direction, Distance, EntryOrder, Hours, Origin, Profile, Session, Spec, When};

pub(super) fn entries(spec: &Spec) -> Vec<String> {
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

pub(super) fn exits(spec: &Spec) -> Vec<String> {
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

fn length(distance: Distance, tick: f64) -> String {
    match distance {
        Distance::Share(share) => percent(share),
        Distance::Money(money) => format!("{money}"),
        Distance::Ticks(ticks) => format!("{ticks} ticks of {tick}"),
        Distance::Atr { multiple, window } => format!("{multiple} average true ranges of {window} bars"),
    }
}
