//! When to buy and sell: a strategy becomes conditions over the bars, and a trader that follows them.

mod declared;
mod hours;
mod onto;
mod signals;
mod source;

pub(crate) use declared::Declared;
pub(crate) use onto::Onto;
pub(crate) use signals::{Signals, signals};
pub(crate) use source::{Source, distances_warm_up};
