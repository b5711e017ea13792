//! Bars in; fills, equity and statistics out.
//!
//! A [`Spec`] and [`Prices`] go into [`run`], a [`Report`] comes out. A strategy turns the closes into signals, the
//! broker fills them and keeps the account, the statistics read what happened. There is no clock, no I/O and no
//! randomness here, and no order but the market order for all free margin.

mod broker;
mod error;
mod indicators;
mod notes;
mod report;
mod run;
mod spacing;
mod spec;
mod statistics;
mod strategy;

pub use error::BacktestError;
pub use report::{Report, Statistic, Trade, Value};
pub use run::{Prices, run};
pub use spec::{Fill, Profile, Spec, Strategy, Units};

/// The family whose definitions the [statistics](Report::statistics) follow, to be shown beside them.
///
/// Other tools compute different numbers under the same names.
pub fn family() -> &'static str {
    "backtesting.py 0.6"
}
