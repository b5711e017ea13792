//! In-sample and out-of-sample: splits, and walking forward through the bars.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Sweep, SweepRun, best};
use crate::{BacktestError, Market, Objective, Prices, Score, Spec};

/// The rows of the first `share` of bars, and the rest.
pub fn split(bars: usize, share: f64) -> (Range<usize>, Range<usize>) {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 };
    let middle = (bars as f64 * share).round() as usize;
    (0..middle, middle..bars)
}

/// How bars are walked through.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkForwardPlan {
    /// Bars that parameters are chosen on.
    pub train: usize,
    /// Bars after them on which they are tried.
    pub test: usize,
    /// Training always begins at the first bar, so that it grows.
    #[serde(default)]
    pub anchored: bool,
}

/// Rows to choose on and rows to try on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// Rows to choose parameters on.
    pub train: Range<usize>,
    /// Rows right after them to try them on.
    pub test: Range<usize>,
}

/// The folds of so many bars; the last one's test may be shorter.
///
/// ```
/// use backtest::{WalkForwardPlan, folds};
/// let plan = WalkForwardPlan { train: 60, test: 30, anchored: false };
/// let tests: Vec<_> = folds(150, plan).into_iter().map(|fold| (fold.train, fold.test)).collect();
/// assert_eq!(tests, [(0..60, 60..90), (30..90, 90..120), (60..120, 120..150)]);
/// ```
pub fn folds(bars: usize, plan: WalkForwardPlan) -> Vec<Fold> {
    let WalkForwardPlan { train, test, anchored } = plan;
    if train == 0 || test == 0 {
        return Vec::new();
    }
    let mut folds = Vec::new();
    let mut end = train;
    while end < bars {
        let start = if anchored { 0 } else { end - train };
        folds.push(Fold { train: start..end, test: end..bars.min(end + test) });
        end += test;
    }
    folds
}

/// What became of a fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Its rows.
    pub fold: Fold,
    /// The best run in training; none if no run had a value of the objective.
    pub chosen: Option<SweepRun>,
    /// Its score in the test; why there is none, if it could not be run.
    pub test: Option<Result<Score, String>>,
}

/// One step of walking forward.
#[derive(Clone, Debug, PartialEq)]
pub enum WalkStep {
    /// A run was scored in training.
    Scored {
        /// The fold, from 0.
        fold: usize,
        /// Runs scored in it so far.
        runs: u64,
    },
    /// A fold is done.
    Done(Box<FoldResult>),
}

/// Walks forward: chooses parameters by an objective on each training window and tries them on what follows.
///
/// An iterator that makes one run with each step, to be stopped between any two. All bars before a test are its history: its
/// indicators are warm, and have the values that they would have had in one long run.
pub struct WalkForward<'a> {
    prices: Prices<'a>,
    sweep: &'a Sweep,
    objective: Objective,
    folds: std::vec::IntoIter<Fold>,
    now: Option<Now<'a>>,
    done: usize,
}

/// The fold that is being walked.
struct Now<'a> {
    fold: Fold,
    market: Market<'a>,
    next: u64,
    runs: Vec<SweepRun>,
}

impl<'a> WalkForward<'a> {
    /// Begins to walk.
    ///
    /// # Errors
    /// A [`BacktestError`] if the columns are no bars, or fewer than a training window and one bar more.
    pub fn new(
        prices: Prices<'a>,
        sweep: &'a Sweep,
        plan: WalkForwardPlan,
        objective: Objective,
    ) -> Result<Self, BacktestError> {
        prices.check()?;
        let folds = folds(prices.len(), plan);
        if folds.is_empty() {
            let needed = plan.train.max(1) as u64 + 1;
            return Err(BacktestError::TooFewBars { bars: prices.len(), needed });
        }
        Ok(Self { prices, sweep, objective, folds: folds.into_iter(), now: None, done: 0 })
    }

    /// Scores a spec on the rows of `test`, with all bars before it as history.
    fn tried(&self, spec: &Spec, test: &Range<usize>) -> Result<Score, BacktestError> {
        Market::new(self.prices.rows(0..test.end))?.with_history(test.start)?.score(spec)
    }
}

impl Iterator for WalkForward<'_> {
    type Item = Result<WalkStep, BacktestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.now.is_none() {
            let fold = self.folds.next()?;
            match Market::new(self.prices.rows(fold.train.clone())) {
                Ok(market) => self.now = Some(Now { fold, market, next: 0, runs: Vec::new() }),
                Err(error) => return Some(Err(error)),
            }
        }
        let now = self.now.as_mut()?;
        while now.next < self.sweep.len() {
            let run = self.sweep.score(now.next, &mut now.market);
            now.next += 1;
            if let Some(run) = run {
                now.runs.push(run);
                let runs = now.runs.len() as u64;
                return Some(Ok(WalkStep::Scored { fold: self.done, runs }));
            }
        }
        let Now { fold, runs, .. } = self.now.take()?;
        self.done += 1;
        let chosen = best(&runs, self.objective).cloned();
        let tried = |run: &SweepRun| {
            let score = self.sweep.with(&run.values).and_then(|spec| self.tried(&spec, &fold.test));
            score.map_err(|error| error.to_string())
        };
        let test = chosen.as_ref().map(tried);
        Some(Ok(WalkStep::Done(Box::new(FoldResult { fold, chosen, test }))))
    }
}
