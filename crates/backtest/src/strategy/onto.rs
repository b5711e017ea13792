//! Conditions of coarser bars on the finer bars that are traded.

use std::sync::Arc;

use crate::Prices;
use crate::columns::{Columns, Id, Mask, Numbers};

/// Where the bars that decide lie among the bars that are traded.
pub(crate) enum Onto {
    /// They are the same.
    Same,
    /// Each coarse bar is known at the close of this fine bar; none if no fine bar ended by then.
    Coarse {
        /// Fine bars, by coarse bar.
        known_at: Vec<Option<usize>>,
        /// How many fine bars there are.
        bars: usize,
    },
}

impl Onto {
    /// Coarse bars of `coarse_interval` on fine ones of `interval` nanoseconds.
    pub(crate) fn coarse(coarse: Prices<'_>, coarse_interval: i64, fine: Prices<'_>, interval: i64) -> Self {
        let mut ended = 0;
        let known = |open: &i64| {
            let close = open.saturating_add(coarse_interval);
            while ended < fine.len() && fine.times[ended].saturating_add(interval) <= close {
                ended += 1;
            }
            ended.checked_sub(1)
        };
        Self::Coarse { known_at: coarse.times.iter().map(known).collect(), bars: fine.len() }
    }

    /// The fine bar at which a coarse bar is known; past the end if it never is.
    pub(crate) fn bar(&self, bar: usize) -> usize {
        match self {
            Self::Same => bar,
            Self::Coarse { known_at, bars } => {
                known_at[bar.min(known_at.len())..].iter().flatten().next().map_or(*bars, |at| *at)
            }
        }
    }

    /// A condition on the traded bars: where it became known.
    pub(super) fn condition(&self, columns: &mut Columns<'_>, id: Id) -> Arc<Mask> {
        let mask = columns.condition(id);
        let Self::Coarse { known_at, bars } = self else { return mask };
        let mut onto = Mask::all(*bars, false);
        for (bar, at) in known_at.iter().enumerate() {
            // Two coarse bars that became known at once: the later one counts.
            if let Some(at) = at {
                onto.set(*at, mask.get(bar));
            }
        }
        Arc::new(onto)
    }

    /// A column on the traded bars: the value of the last coarse bar that is known.
    pub(super) fn numbers<'a>(&self, columns: &mut Columns<'a>, id: Id) -> Numbers<'a> {
        let values = columns.numbers_of(id);
        let Self::Coarse { known_at, bars } = self else { return values };
        let mut onto = vec![f64::NAN; *bars];
        let mut coarse = known_at.iter().zip(values.iter()).peekable();
        let mut now = f64::NAN;
        for (bar, value) in onto.iter_mut().enumerate() {
            while let Some((_, known)) = coarse.next_if(|(at, _)| at.is_none_or(|at| at <= bar)) {
                now = *known;
            }
            *value = now;
        }
        onto.into()
    }
}
