//! Whether an answer is what was asked for: IBKR's client library passes everything on.

use std::collections::{BTreeMap, BTreeSet};

use bars::{Bar, BarColumns, DAY, Decimal, IntervalSet, TimeRange, UnixNanos};

use super::plan::slots;
use super::{Chunk, RawBar, RawTime};

/// What became of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accepted {
    /// Its bars in the chunk's window, by their closes, ascending.
    pub bars: BarColumns<Decimal>,
    /// Wanted time that it holds no bars of.
    pub lacking: IntervalSet,
    /// Bars that were expected.
    pub expected: u64,
    /// Bars that were expected and are not there.
    pub missing: u64,
    /// What was put right, in words.
    pub notes: Vec<String>,
}

/// How an answer is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It can be stored; it may lack bars.
    Good(Box<Accepted>),
    /// It contradicts itself or makes no sense.
    Bad(String),
}

/// Judges an answer. `latest` is the last moment at which a bar may end.
pub fn accept(chunk: &Chunk, answer: &[RawBar], latest: UnixNanos) -> Verdict {
    match sorted(chunk, answer, latest) {
        Err(why) => Verdict::Bad(why),
        Ok((bars, notes)) => Verdict::Good(Box::new(counted(chunk, bars, notes))),
    }
}

/// The bars of the window by their closes, each with its open.
type ByClose = BTreeMap<UnixNanos, (UnixNanos, Bar)>;

fn sorted(chunk: &Chunk, answer: &[RawBar], latest: UnixNanos) -> Result<(ByClose, Vec<String>), String> {
    let interval = chunk.request.spec.interval().unwrap_or(DAY);
    let grid: BTreeMap<RawTime, (UnixNanos, UnixNanos)> = chunk
        .sessions
        .iter()
        .flat_map(|session| {
            let time =
                move |open| if interval >= DAY { RawTime::Date(session.date) } else { RawTime::Open(open) };
            slots(session.range, interval).into_iter().map(move |slot| (time(slot.0), slot))
        })
        .collect();
    let (mut bars, mut last) = (ByClose::new(), None);
    let (mut doubled, mut disordered, mut outside) = (0u64, 0u64, 0u64);
    for raw in answer {
        disordered += u64::from(last.is_some_and(|last| raw.time < last));
        last = Some(raw.time);
        let Some((open, close)) = grid.get(&raw.time).copied() else {
            let stray = matches!(raw.time, RawTime::Open(time)
                if chunk.sessions.iter().any(|session| session.range.contains(time)));
            if stray {
                return Err(format!(
                    "a bar at {} is not on the grid of {}",
                    text(raw.time),
                    chunk.request.spec
                ));
            }
            outside += 1;
            continue;
        };
        if close > latest || close > chunk.window.end {
            outside += 1;
            continue;
        }
        let bar = exact(raw, close).map_err(|why| format!("the bar at {}: {why}", text(raw.time)))?;
        match bars.insert(close, (open, bar)) {
            Some((_, earlier)) if earlier != bar => {
                return Err(format!("two different bars at {}", text(raw.time)));
            }
            Some(_) => doubled += 1,
            None => {}
        }
    }
    let mut notes = Vec::new();
    // Durations count whole sessions back, so that more than was asked for is usual; it is not worth a word.
    tracing::debug!(outside, "bars outside of the chunk were dropped");
    for (count, what) in [(doubled, "came twice"), (disordered, "came out of order")] {
        if count > 0 {
            notes.push(format!("{count} bars {what}"));
        }
    }
    Ok((bars, notes))
}

fn text(time: RawTime) -> String {
    match time {
        RawTime::Open(time) => time.to_string(),
        RawTime::Date(date) => date.to_string(),
    }
}

fn exact(raw: &RawBar, close: UnixNanos) -> Result<Bar, String> {
    let mut values = [Decimal::ZERO; 5];
    for (value, number) in values.iter_mut().zip(raw.prices.iter().chain([&raw.volume.max(0.0)])) {
        if !number.is_finite() {
            return Err(format!("`{number}` is no price"));
        }
        // Ten decimals hold every price of IBKR's and none of the noise of binary fractions.
        *value = format!("{number:.10}").parse().map_err(|error| format!("{error}"))?;
    }
    let [open, high, low, price, volume] = values;
    let bar = Bar { open, high, low, close: price, volume, ts_event: close, ts_init: close };
    bar.check().map_err(|fault| fault.to_string())?;
    Ok(bar)
}

fn counted(chunk: &Chunk, bars: ByClose, notes: Vec<String>) -> Accepted {
    let interval = chunk.request.spec.interval().unwrap_or(DAY);
    let there: BTreeSet<UnixNanos> = bars.values().map(|(open, _)| *open).collect();
    let expected = chunk.expected();
    let (mut lacking, mut missing) = (Vec::new(), 0);
    for session in &chunk.sessions {
        for (open, close) in slots(session.range, interval) {
            if expected.binary_search(&open).is_ok() && !there.contains(&open) {
                lacking.push(TimeRange::new(open, close));
                missing += 1;
            }
        }
    }
    Accepted {
        bars: bars.into_values().map(|(_, bar)| bar).collect(),
        lacking: lacking.into_iter().collect(),
        expected: expected.len() as u64,
        missing,
        notes,
    }
}
