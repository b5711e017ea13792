//! Prices weighed by volume.

use super::{Hlc, Indicator};

/// The volume-weighted average price of a session so far: Σ typical price × volume / Σ volume, where the typical price is
/// (high + low + close) / 3.
///
/// Not-a-number until something was traded in the session.
#[derive(Clone, Debug, Default)]
pub struct Vwap {
    session: i64,
    value: f64,
    volume: f64,
}

impl Indicator for Vwap {
    /// The session's number (any change begins a new one), the bar, and its volume.
    type Input = (i64, Hlc, f64);
    type Output = f64;

    #[inline]
    fn push(&mut self, (session, bar, volume): (i64, Hlc, f64)) -> f64 {
        if session != self.session {
            *self = Self { session, ..Self::default() };
        }
        self.value += (bar.high + bar.low + bar.close) / 3.0 * volume;
        self.volume += volume;
        if self.volume > 0.0 { self.value / self.volume } else { f64::NAN }
    }
}

/// The volume-weighted average price of columns, from session to session; columns are cut to the shortest.
pub fn vwap(sessions: &[i64], [high, low, close]: [&[f64]; 3], volume: &[f64]) -> Vec<f64> {
    let mut average = Vwap { session: sessions.first().copied().unwrap_or_default(), ..Vwap::default() };
    let bars = sessions.iter().zip(high).zip(low).zip(close).zip(volume);
    bars.map(|((((&session, &high), &low), &close), &volume)| {
        average.push((session, Hlc { high, low, close }, volume))
    })
    .collect()
}
