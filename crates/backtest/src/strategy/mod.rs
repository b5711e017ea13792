//! When to buy and sell: a strategy becomes conditions over the bars, and a trader that follows them.

mod declared;
mod signals;

pub(crate) use declared::{Declared, distances_warm_up, volatility_column};
pub(crate) use signals::{Signals, signals};
