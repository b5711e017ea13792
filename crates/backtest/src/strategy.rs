//! When to buy and sell: a strategy becomes a list of signals, each known at the close of its bar.

use crate::Strategy;
use crate::indicators::sma;

/// The direction of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Side {
    /// 1 to buy, -1 to sell.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// A market order for all free margin, placed at the close of a bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signal {
    pub(crate) bar: usize,
    pub(crate) side: Side,
}

impl Strategy {
    /// The first bar on which every indicator has a value.
    pub(crate) fn warm_up(&self) -> usize {
        let Self::SmaCross { fast, slow } = *self;
        (fast.max(slow) as usize).saturating_sub(1)
    }

    /// What the strategy orders over the closes, in order of bars; nothing before the bar after the warm-up.
    pub(crate) fn signals(&self, close: &[f64], ties: Ties) -> Vec<Signal> {
        let Self::SmaCross { fast, slow } = *self;
        crosses(&sma(close, fast as usize), &sma(close, slow as usize), self.warm_up(), ties)
    }
}

/// What two equal averages mean, which tick prices often make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ties {
    /// The side from before lasts: passing through a tie is a cross, touching is none.
    Keep,
    /// A cross needs both sides on neighbouring bars: passing through a tie goes unnoticed.
    Break,
}

/// Where `fast` comes to lie strictly above (buy) or below (sell) `slow`, from the bar after `warm_up`.
fn crosses(fast: &[f64], slow: &[f64], warm_up: usize, ties: Ties) -> Vec<Signal> {
    let mut signals = Vec::new();
    let mut before = None;
    for (bar, (fast, slow)) in fast.iter().zip(slow).enumerate().skip(warm_up) {
        let now = match (fast > slow, fast < slow) {
            (true, _) => Some(Side::Buy),
            (_, true) => Some(Side::Sell),
            _ if ties == Ties::Keep => before,
            _ => None,
        };
        if let (Some(side), Some(_)) = (now, before)
            && now != before
        {
            signals.push(Signal { bar, side });
        }
        before = now;
    }
    signals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cross_is_a_change_of_side() {
        let buy = |bar| Signal { bar, side: Side::Buy };
        let sell = |bar| Signal { bar, side: Side::Sell };
        type Case<'a> = (&'a [f64], &'a [Signal], &'a [Signal]);
        let cases: [Case<'_>; 6] = [
            (&[-1.0, 1.0, 2.0, -1.0], &[buy(1), sell(3)], &[buy(1), sell(3)]),
            (&[0.0, 1.0], &[], &[]),
            (&[1.0, 1.0], &[], &[]),
            (&[1.0, 0.0, 1.0], &[], &[]),
            (&[1.0, 0.0, 0.0, -1.0], &[sell(3)], &[]),
            (&[f64::NAN, -1.0, 1.0], &[buy(2)], &[buy(2)]),
        ];
        for (fast, kept, broken) in cases {
            let slow = vec![0.0; fast.len()];
            assert_eq!(crosses(fast, &slow, 0, Ties::Keep), kept, "{fast:?}");
            assert_eq!(crosses(fast, &slow, 0, Ties::Break), broken, "{fast:?}");
        }
    }
}
