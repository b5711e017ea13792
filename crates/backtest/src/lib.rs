//! Bars in; fills, equity and statistics out.
//!
//! A [`Spec`] and [`Prices`] go into [`run`], a [`Report`] comes out; a [`Market`] makes many runs over the same bars. A strategy
//! turns columns of prices into conditions, a trader follows them, the broker fills its orders and keeps the account, the
//! statistics read what happened. There is no clock and no I/O here, and no randomness but from a seed that is passed in.

mod broker;
mod columns;
mod completeness;
mod digest;
mod error;
pub mod indicators;
mod lanes;
mod market;
mod notes;
mod owned;
mod portfolio;
mod prices;
mod record;
mod report;
mod reporting;
mod rules;
mod run;
mod score;
mod self_test;
mod spacing;
mod spec;
mod statistics;
mod strategy;
mod sweep;
mod trader;

pub use broker::{Desk, OpenPosition, Order, OrderKind, Protection, Side, TradeId};
pub use completeness::Completeness;
pub use error::BacktestError;
pub use market::Market;
pub use owned::OwnedPrices;
pub use portfolio::{Leg, LegResult, Portfolio, PortfolioReport};
pub use prices::Prices;
pub use report::{Execution, ExitReason, Moment, Report, Statistic, Trade, Value};
pub use rules::{ArgumentInfo, FunctionInfo, Rules, functions, names as rule_names};
pub use run::run;
pub use score::{Objective, Score};
pub use self_test::{LookAhead, SelfTest, self_test, self_test_with};
pub use spec::{
    Behind, ClockTime, Direction, Distance, Entry, EntryOrder, Exits, Fill, Hours, Instrument, Origin,
    ParamInfo, ParamKind, Profile, Seed, Session, Size, Slippage, Spec, Strategy, StrategyInfo, Tier, Trail,
    UnitFee, Units, When, strategies,
};
pub use statistics::{Analysis, Bin, DrawdownSpell, Excursion, Family, Month, Row, Table};
pub use sweep::{
    Axis, Bootstrap, Cell, DeflatedSharpe, Fold, FoldResult, Interval, MAX_RUNS, Neighbourhood, Search,
    Space, Sweep, SweepRun, WalkForward, WalkForwardPlan, WalkStep, at_edge, best, bootstrap_sharpe,
    deflated_sharpe, folds, heat_map, neighbourhoods, period_returns, split, variance_of_trials,
};
pub use trader::Trader;

/// The family whose definitions the [statistics](Report::statistics) follow, to be shown beside them.
///
/// Other tools compute different numbers under the same names.
pub fn family() -> &'static str {
    Family::Btpy.title()
}
