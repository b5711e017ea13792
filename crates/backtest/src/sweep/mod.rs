//! Many runs: which parameters, in which order, and what their results are worth.
//!
//! A [`Sweep`] is a pure numbering of runs: any run can be asked for by its number, so that a caller can shard them over workers in
//! whatever way, stop between any two, and gets the same results. Each worker has a [`Market`](crate::Market) of its own over the
//! same bars, which keeps its indicators.

mod axis;
mod judge;
mod order;
mod resample;
mod walk_forward;

use bars::expr::{ExprError, Expression, Number, Scope, Type, Value};
use serde::{Deserialize, Serialize};

pub use axis::Axis;
pub use judge::{Cell, Neighbourhood, at_edge, best, heat_map, neighbourhoods};
pub use resample::{
    Bootstrap, DeflatedSharpe, Interval, bootstrap_sharpe, deflated_sharpe, period_returns,
    variance_of_trials,
};
pub use walk_forward::{Fold, FoldResult, WalkForward, WalkForwardPlan, WalkStep, folds, split};

use crate::{BacktestError, Market, Score, Spec};
use order::Permutation;

/// The most runs a sweep may have; more take years and are a slip of the pen.
pub const MAX_RUNS: u64 = 100_000_000;

/// Which parameters a sweep tries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Space {
    /// The parameters, each with its values; see [`Spec::set`] for the names.
    pub axes: Vec<Axis>,
    /// Conditions on the parameters, like `fast < slow`; runs that break one are left out.
    pub constraints: Vec<String>,
    /// Which of them are run.
    pub search: Search,
}

/// Which combinations are run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// All of them, the last parameter running fastest.
    #[default]
    Grid,
    /// So many of them, drawn without repeats; the same for the same seed.
    Random {
        /// How many.
        runs: u64,
        /// What decides the draw.
        seed: u64,
    },
    /// Every value of every parameter alone, the others as the spec has them.
    OneAtATime,
}

/// The runs of a spec over a space, by number.
///
/// ```
/// use backtest::{Axis, Space, Spec, Sweep};
/// let axes = vec![Axis::range("fast", 5.0, 15.0, 5.0)?, Axis::range("slow", 10.0, 30.0, 10.0)?];
/// let space = Space { axes, constraints: vec!["fast < slow".into()], ..Space::default() };
/// let sweep = Sweep::new(&Spec::default(), &space)?;
/// assert_eq!(sweep.len(), 9);
/// // The runs of one of two workers; 10/10 and 15/10 are left out.
/// let shard: Vec<Vec<f64>> = (0..sweep.len()).step_by(2).filter_map(|run| sweep.values(run)).collect();
/// assert_eq!(shard, [[5.0, 10.0], [5.0, 30.0], [10.0, 20.0], [15.0, 30.0]]);
/// # Ok::<(), backtest::BacktestError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sweep {
    spec: Spec,
    axes: Vec<Axis>,
    constraints: Vec<Expression>,
    search: Search,
    combinations: u64,
    runs: u64,
    permutation: Permutation,
}

/// A run of a sweep and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRun {
    /// Its number.
    pub run: u64,
    /// The values of the parameters, in the order of the axes.
    pub values: Vec<f64>,
    /// Its score; why there is none, if it could not be run.
    pub score: Result<Score, String>,
}

impl Sweep {
    /// Numbers the runs of a spec over a space.
    ///
    /// # Errors
    /// A [`BacktestError`] if the space is empty or too large, a parameter does not exist or does not take a value, or a constraint
    /// makes no sense.
    pub fn new(spec: &Spec, space: &Space) -> Result<Self, BacktestError> {
        let axes = space.axes.clone();
        if axes.is_empty() {
            return Err(BacktestError::Contradiction {
                what: "the sweep has no parameter",
                next: "give at least one with its values, like `fast` from 5 to 30 by 5",
            });
        }
        for axis in &axes {
            axis.check()?;
            let mut spec = spec.clone();
            axis.values.iter().try_for_each(|value| spec.set(&axis.param, *value))?;
        }
        if let Some(twice) = repeated(&axes) {
            return Err(BacktestError::RepeatedAxis { name: twice });
        }
        let constraints =
            space.constraints.iter().map(|text| constraint(text, &axes)).collect::<Result<_, _>>()?;
        let combinations =
            axes.iter().try_fold(1_u64, |count, axis| count.checked_mul(axis.values.len() as u64));
        let runs = match space.search {
            Search::Grid => combinations,
            Search::Random { runs, .. } => combinations.map_or(Some(runs), |all| Some(runs.min(all))),
            Search::OneAtATime => Some(axes.iter().map(|axis| axis.values.len() as u64).sum()),
        };
        let (combinations, runs) = match (combinations, runs) {
            (Some(combinations), Some(runs)) if runs <= MAX_RUNS => (combinations, runs),
            _ => return Err(BacktestError::EnormousSweep { axes: described(&axes), most: MAX_RUNS }),
        };
        let seed = if let Search::Random { seed, .. } = space.search { seed } else { 0 };
        let permutation = Permutation::new(combinations, seed);
        let spec = spec.clone();
        Ok(Self { spec, axes, constraints, search: space.search, combinations, runs, permutation })
    }

    /// Runs, those that a constraint leaves out included.
    pub fn len(&self) -> u64 {
        self.runs
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs == 0
    }

    /// The parameters.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The values of a run in the order of the axes; `None` past the end, or if a constraint leaves it out.
    pub fn values(&self, run: u64) -> Option<Vec<f64>> {
        if run >= self.runs {
            return None;
        }
        let values = match self.search {
            Search::Grid => self.combination(run),
            Search::Random { .. } => self.combination(self.permutation.of(run)),
            Search::OneAtATime => self.alone(run),
        };
        let row = Parameters(&values);
        let holds = |constraint: &Expression| constraint.root().holds(&row).unwrap_or(false);
        self.constraints.iter().all(holds).then_some(values)
    }

    /// The spec of a run; `None` past the end, or if a constraint leaves it out.
    ///
    /// # Errors
    /// A [`BacktestError`] if the parameters do not go together.
    pub fn spec(&self, run: u64) -> Option<Result<Spec, BacktestError>> {
        self.values(run).map(|values| self.with(&values))
    }

    /// The spec with values in the order of the axes.
    ///
    /// # Errors
    /// A [`BacktestError`] if a parameter does not take its value.
    pub fn with(&self, values: &[f64]) -> Result<Spec, BacktestError> {
        let mut spec = self.spec.clone();
        self.axes.iter().zip(values).try_for_each(|(axis, value)| spec.set(&axis.param, *value))?;
        Ok(spec)
    }

    /// Scores a run; `None` past the end, or if a constraint leaves it out.
    ///
    /// A run that is refused (equal windows, too few bars) has no score but the reason.
    pub fn score(&self, run: u64, market: &mut Market<'_>) -> Option<SweepRun> {
        let values = self.values(run)?;
        let score = self.with(&values).and_then(|spec| market.score(&spec));
        Some(SweepRun { run, values, score: score.map_err(|error| error.to_string()) })
    }

    /// Scores the runs of a range, one with each step of the iterator; stop it whenever.
    pub fn scores<'m>(
        &'m self,
        runs: std::ops::Range<u64>,
        market: &'m mut Market<'_>,
    ) -> impl Iterator<Item = SweepRun> + 'm {
        (runs.start..runs.end.min(self.runs)).filter_map(|run| self.score(run, market))
    }

    fn combination(&self, number: u64) -> Vec<f64> {
        let mut rest = number % self.combinations.max(1);
        let mut values: Vec<f64> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let count = axis.values.len() as u64;
                let value = axis.values[(rest % count) as usize];
                rest /= count;
                value
            })
            .collect();
        values.reverse();
        values
    }

    fn alone(&self, run: u64) -> Vec<f64> {
        let mut rest = run as usize;
        let value = |axis: &Axis| {
            let own = axis.values.get(rest).copied();
            rest = rest.wrapping_sub(axis.values.len());
            own.unwrap_or_else(|| self.spec.value(&axis.param).unwrap_or(axis.values[0]))
        };
        // An axis before the run's own has fewer values than are left; after it, what is left has wrapped around.
        self.axes.iter().map(value).collect()
    }
}

/// Parameters as a row of constants.
struct Parameters<'v>(&'v [f64]);

impl bars::expr::Row for Parameters<'_> {
    fn name(&self, number: usize) -> Value {
        Value::Number(decimal(self.0.get(number).copied().unwrap_or_default()))
    }

    fn call(&self, _: usize, _: &[Value]) -> Value {
        Value::Boolean(false)
    }
}

/// A number as the language has it: exact to nine decimals.
fn decimal(value: f64) -> Number {
    Number::new((value * 1e9).round() as i128, 9)
}

fn constraint(text: &str, axes: &[Axis]) -> Result<Expression, BacktestError> {
    let scope = axes.iter().fold(Scope::default(), |scope, axis| scope.with_name(&axis.param, Type::Number));
    Expression::condition(text, &scope)
        .map_err(|error: ExprError| BacktestError::Rule { field: "constraint", error })
}

fn repeated(axes: &[Axis]) -> Option<String> {
    let twice = |at: usize| axes[..at].iter().any(|axis| axis.param == axes[at].param);
    (0..axes.len()).find(|at| twice(*at)).map(|at| axes[at].param.clone())
}

fn described(axes: &[Axis]) -> String {
    let counts: Vec<String> =
        axes.iter().map(|axis| format!("{} × `{}`", axis.values.len(), axis.param)).collect();
    counts.join(", ")
}
