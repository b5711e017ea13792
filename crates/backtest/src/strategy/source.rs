//! What a trader follows, resolved over the bars: conditions, distances, volatility.

use std::sync::Arc;

use super::Onto;
use super::declared::Gap;
use super::hours::Open;
use super::signals::{Signals, average_range, volatility};
use crate::columns::{Columns, Id, Mask, Numbers};
use crate::{Direction, Distance, EntryOrder, Prices, Size, Spec};

/// What a trader follows: a spec, the conditions of its strategy over the bars that decide, and the bars that are traded.
pub(crate) struct Source<'s, 'c, 'a> {
    pub(crate) spec: &'s Spec,
    pub(crate) signals: &'c Signals,
    /// Columns of the bars that decide.
    pub(crate) columns: &'c mut Columns<'a>,
    pub(crate) onto: &'c Onto,
    /// The bars that are traded, and their length in nanoseconds.
    pub(crate) prices: Prices<'a>,
    pub(crate) interval: i64,
    /// The first traded bar at whose close something is decided.
    pub(crate) first: usize,
}

impl<'a> Source<'_, '_, 'a> {
    fn condition(&mut self, id: Option<Id>) -> Option<Arc<Mask>> {
        id.map(|id| self.onto.condition(self.columns, id))
    }

    pub(super) fn numbers(&mut self, id: Id) -> Numbers<'a> {
        self.onto.numbers(self.columns, id)
    }

    pub(super) fn gap(&mut self, distance: Distance) -> Gap<'a> {
        match distance {
            Distance::Share(share) => Gap::Share(share),
            Distance::Money(money) => Gap::Money(money),
            Distance::Ticks(ticks) => Gap::Money(ticks * self.spec.instrument.tick),
            Distance::Atr { multiple, window } => {
                let range = average_range(self.columns, self.spec.profile, window);
                Gap::Column(multiple, self.numbers(range))
            }
        }
    }

    /// Volatility a year at each traded bar, if the size needs it.
    pub(crate) fn volatility(&mut self) -> Option<Arc<Vec<f64>>> {
        let Size::Volatility { window, bars_per_year, .. } = self.spec.size else { return None };
        let id = volatility(self.columns, window, bars_per_year);
        Some(Arc::new(self.numbers(id).to_vec()))
    }
}

/// The conditions of a strategy on the traded bars.
pub(super) struct Conditions {
    pub(super) long: Option<Arc<Mask>>,
    pub(super) short: Option<Arc<Mask>>,
    pub(super) leave_long: Option<Arc<Mask>>,
    pub(super) leave_short: Option<Arc<Mask>>,
    pub(super) flat: Option<Mask>,
}

impl Conditions {
    pub(super) fn of(source: &mut Source<'_, '_, '_>) -> Self {
        let Signals { long, short, leave_long, leave_short, once, .. } = *source.signals;
        let (spec, bars) = (source.spec, source.prices.len());
        let (mut long, mut short) = (source.condition(long), source.condition(short));
        let (mut leave_long, mut leave_short) = (source.condition(leave_long), source.condition(leave_short));
        if once {
            let mut only = Mask::all(bars, false);
            only.set(source.first, true);
            let only = Arc::new(only);
            (long, short) = (long.map(|_| only.clone()), short.map(|_| only));
        }
        match spec.direction {
            Direction::Both => {}
            Direction::Long => leave_long = either(leave_long, short.take()),
            Direction::Short => leave_short = either(leave_short, long.take()),
        }
        if !spec.exits.on_signal {
            (leave_long, leave_short) = (None, None);
        }
        let mut flat = None;
        if let Some(session) = &spec.session {
            let open = Open::of(session, source.prices, source.interval, spec.fill);
            let inside = |mask: Arc<Mask>| Arc::new(mask.with(&open.entries, |mask, open| mask & open));
            (long, short) = (long.map(inside), short.map(inside));
            flat = open.flat;
        }
        Self { long, short, leave_long, leave_short, flat }
    }
}

fn either(left: Option<Arc<Mask>>, right: Option<Arc<Mask>>) -> Option<Arc<Mask>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(Arc::new(left.with(&right, |left, right| left | right))),
        (left, right) => left.or(right),
    }
}

/// Bars that a spec's distances and size need before the first value.
pub(crate) fn distances_warm_up(spec: &Spec, columns: &mut Columns<'_>) -> u64 {
    let entry = match spec.entry.order {
        EntryOrder::Market => [None, None],
        EntryOrder::Limit(distance) | EntryOrder::Stop(distance) => [Some(distance), None],
        EntryOrder::StopLimit { stop, limit } => [Some(stop), Some(limit)],
    };
    let distances = spec.exits.distances().map(|(_, distance)| distance).chain(entry.into_iter().flatten());
    let mut bars = 0;
    for distance in distances {
        if let Distance::Atr { window, .. } = distance {
            let range = average_range(columns, spec.profile, window);
            bars = bars.max(columns.warm_up(range));
        }
    }
    if let Size::Volatility { window, bars_per_year, .. } = spec.size {
        let id = volatility(columns, window, bars_per_year);
        bars = bars.max(columns.warm_up(id));
    }
    bars
}
