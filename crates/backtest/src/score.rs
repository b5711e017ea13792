//! What a run of a sweep is judged by.

use serde::{Deserialize, Serialize};

use crate::Spec;
use crate::market::Market;
use crate::record::Summary;
use crate::run::Outcome;
use crate::spacing::Spacing;
use crate::statistics::{Annual, Trading, cagr, exposed_bars, lasted, sharpe};

/// The numbers of a run that sweeps compare, by the definitions of [`Family::Btpy`](crate::Family); shares, not percents.
///
/// An undefined number (no trade, no losing trade, no volatility) is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The account's value after the last bar, in money.
    pub final_equity: f64,
    /// Its growth: 0.05 is 5 %.
    pub growth: f64,
    /// Growth a year, of the geometric mean of the periods' returns.
    pub annual_return: Option<f64>,
    /// Volatility a year.
    pub volatility: Option<f64>,
    /// Growth a year of the calendar.
    pub cagr: Option<f64>,
    /// Annual return over volatility.
    pub sharpe: Option<f64>,
    /// Mean over deviation of the periods' returns, not a year: what [`deflated_sharpe`](crate::deflated_sharpe) compares.
    pub period_sharpe: Option<f64>,
    /// Annual return over downside deviation.
    pub sortino: Option<f64>,
    /// Annual return over the deepest drawdown.
    pub calmar: Option<f64>,
    /// The deepest drawdown, 0 down to -1.
    pub max_drawdown: f64,
    /// Closed trades.
    pub trades: u32,
    /// Share of trades with a profit.
    pub win_rate: Option<f64>,
    /// Sum of positive over sum of negative returns of trades.
    pub profit_factor: Option<f64>,
    /// Mean return of a trade.
    pub expectancy: Option<f64>,
    /// System quality number.
    pub sqn: Option<f64>,
    /// Share of bars inside a closed trade.
    pub exposure: f64,
    /// The account was empty before the end.
    pub ruined: bool,
}

impl Score {
    pub(crate) fn of(market: &Market<'_>, spec: &Spec, outcome: &Outcome, summary: &Summary<'_>) -> Self {
        let defined = |number: f64| number.is_finite().then_some(number + 0.0);
        let times = &market.prices.times[market.history..];
        let returns = Spacing::returns(summary.at_ends.iter().copied());
        let annual = Annual::of(&returns, market.spacing.periods_per_year);
        let trading = Trading::of(outcome.log.trades.iter());
        let growth = (summary.last - spec.cash) / spec.cash;
        let held = exposed_bars(outcome.log.trades.iter());
        Self {
            final_equity: summary.last,
            growth,
            annual_return: defined(annual.mean_return),
            volatility: defined(annual.volatility),
            cagr: defined(cagr(growth, lasted(times))),
            sharpe: defined(annual.sharpe),
            period_sharpe: defined(sharpe(&returns.0)),
            sortino: defined(annual.sortino),
            calmar: defined(annual.mean_return / -summary.deepest()),
            max_drawdown: summary.deepest(),
            trades: u32::try_from(outcome.log.trades.len()).unwrap_or(u32::MAX),
            win_rate: defined(trading.wins),
            profit_factor: defined(trading.profit_factor),
            expectancy: defined(trading.expectancy),
            sqn: defined(trading.sqn),
            exposure: held as f64 / times.len() as f64,
            ruined: outcome.ruined.is_some(),
        }
    }
}

/// What a sweep looks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// [`Score::growth`].
    Growth,
    /// [`Score::cagr`].
    Cagr,
    /// [`Score::sharpe`].
    #[default]
    Sharpe,
    /// [`Score::sortino`].
    Sortino,
    /// [`Score::calmar`].
    Calmar,
    /// [`Score::max_drawdown`], the least deep first.
    MaxDrawdown,
    /// [`Score::profit_factor`].
    ProfitFactor,
    /// [`Score::expectancy`].
    Expectancy,
    /// [`Score::sqn`].
    Sqn,
    /// [`Score::win_rate`].
    WinRate,
}

impl Objective {
    /// Every objective with its name in a spec and for people.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Sharpe, "sharpe", "Sharpe Ratio"),
        (Self::Sortino, "sortino", "Sortino Ratio"),
        (Self::Calmar, "calmar", "Calmar Ratio"),
        (Self::Growth, "growth", "Return"),
        (Self::Cagr, "cagr", "CAGR"),
        (Self::MaxDrawdown, "max_drawdown", "Max. Drawdown"),
        (Self::ProfitFactor, "profit_factor", "Profit Factor"),
        (Self::Expectancy, "expectancy", "Expectancy"),
        (Self::Sqn, "sqn", "SQN"),
        (Self::WinRate, "win_rate", "Win Rate"),
    ];

    /// Its value in a score, of which greater is better; `None` if undefined.
    pub fn of(self, score: &Score) -> Option<f64> {
        match self {
            Self::Growth => Some(score.growth),
            Self::Cagr => score.cagr,
            Self::Sharpe => score.sharpe,
            Self::Sortino => score.sortino,
            Self::Calmar => score.calmar,
            Self::MaxDrawdown => Some(score.max_drawdown),
            Self::ProfitFactor => score.profit_factor,
            Self::Expectancy => score.expectancy,
            Self::Sqn => score.sqn,
            Self::WinRate => score.win_rate,
        }
    }
}
