//! From what happened in a run to its report.

use bars::UnixNanos;

use crate::broker::bar_number;
use crate::market::Market;
use crate::rules::Division;
use crate::run::{Outcome, Plan};
use crate::statistics::{Finished, drawdown, statistics};
use crate::{Completeness, Profile, Report, digest, notes};

impl Market<'_> {
    pub(crate) fn report(&self, plan: &Plan<'_>, outcome: Outcome, equity: Vec<f64>) -> Report {
        let (spec, first) = (plan.spec, plan.first);
        let warm_up = first - usize::from(spec.profile == Profile::Btpy06);
        let Outcome { log, open_trades, ruined } = outcome;
        let ruined = ruined.map(|bar| UnixNanos(self.prices.times[bar]));
        let mut warnings = notes::warnings(&notes::Facts { spec, log: &log, open_trades, ruined });
        warnings.extend(self.completeness().and_then(Completeness::warning));
        let mut report = Report {
            statistics: Vec::new(),
            assumptions: [notes::assumptions(spec), vec![self.warmed_up(first)]].concat(),
            warnings,
            digest: digest::of(&log.executions),
            open_trades,
            first_bar: bar_number(first),
            warm_up: bar_number(warm_up),
            cash: spec.cash,
            trades: log.trades,
            executions: log.executions,
            drawdown: drawdown(&equity),
            equity,
        };
        report.statistics = statistics(&Finished::of(self, &report));
        report
    }

    /// From when on something is decided.
    fn warmed_up(&self, first: usize) -> String {
        let history = match self.history {
            0 => String::new(),
            bars => format!(" The first {bars} bars are history, and statistics do not count them."),
        };
        let time = self.prices.time(first);
        format!(
            "Indicators fill on the first {first} bars; the first decision is at the close of the bar of {time}.{history}"
        )
    }

    /// A warning for each divisor of rules that was 0 where it mattered, on bars from `first` on.
    pub(crate) fn zero_divisors(&mut self, divisions: &[Division], first: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        for Division { divisor, guard, text } in divisions {
            let values = self.columns.numbers_of(*divisor);
            let guard = guard.map(|guard| self.columns.condition(guard));
            let matters = |bar: usize| guard.as_ref().is_none_or(|guard| guard.get(bar));
            let zeros = || (first..values.len()).filter(|bar| values[*bar] == 0.0 && matters(*bar));
            if let Some(at) = zeros().next() {
                let (count, time) = (zeros().count(), self.prices.time(at));
                warnings.push(format!(
                    "A rule divides by `{text}`, which was 0 on {count} of the bars, first on that of {time}: what is compared with the quotient does not hold there."
                ));
            }
        }
        warnings.dedup();
        warnings
    }
}
