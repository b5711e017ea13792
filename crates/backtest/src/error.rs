//! Why a run was refused.

use bars::UnixNanos;
use bars::expr::ExprError;

/// Why a run was refused; the message says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// A window of no bars.
    #[error("`{name}` is 0; give it at least 1 bar")]
    ZeroWindow {
        /// The parameter.
        name: String,
    },
    /// Two averages that can never cross.
    #[error("`fast` and `slow` are both {bars}, so they never cross; make `fast` the smaller")]
    EqualWindows {
        /// The window of both, in bars.
        bars: u32,
    },
    /// No strategy of this name.
    #[error("there is no strategy `{name}`; the strategies are {}", known_strategies())]
    UnknownStrategy {
        /// What was asked for.
        name: String,
    },
    /// No parameter of this name.
    #[error("`{strategy}` has no parameter `{name}`; {}", known_parameters(known))]
    UnknownParameter {
        /// What was asked for.
        name: String,
        /// The strategy.
        strategy: &'static str,
        /// Its parameters.
        known: Vec<String>,
    },
    /// Two fields that do not go together.
    #[error("{what}; {next}")]
    Contradiction {
        /// What is wrong.
        what: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// A parameter of rules that cannot be called so, or has no such value.
    #[error("the parameter `{name}` cannot be: {why}")]
    BadParameter {
        /// The parameter.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A parameter of a sweep whose values make no sense.
    #[error("`{name}` cannot be swept: {why}")]
    BadAxis {
        /// The parameter.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A parameter that is swept twice.
    #[error("`{name}` is swept twice; put all its values into one list")]
    RepeatedAxis {
        /// The parameter.
        name: String,
    },
    /// A sweep with more runs than can be made.
    #[error("{axes} are more than {most} runs; take larger steps, or draw some of them with a random search")]
    EnormousSweep {
        /// The parameters and how many values each has.
        axes: String,
        /// The most runs.
        most: u64,
    },
    /// A rule or constraint that makes no sense; the error points at the word.
    #[error("`{field}` is wrong: {}\n  {}{}", error.what, error.pointer().replace('\n', "\n  "), steps(&error.next))]
    Rule {
        /// Which rule.
        field: &'static str,
        /// What is wrong, and where.
        error: ExprError,
    },
    /// A number outside its range.
    #[error("`{name}` is `{value}`; it must be {expected}")]
    OutOfRange {
        /// The field of the spec.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A value that a parameter does not take.
    #[error("`{name}` is `{value}`; it must be {expected}")]
    BadValue {
        /// The parameter.
        name: String,
        /// What it was.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Columns that do not belong together.
    #[error("column `{name}` has {found} rows but `times` has {expected}; pass columns of the same bars")]
    UnequalColumns {
        /// The column that differs.
        name: &'static str,
        /// Its rows.
        found: usize,
        /// The rows of the time column.
        expected: usize,
    },
    /// Too few bars for the strategy to see a single cross.
    #[error(
        "{bars} bars are too few; the strategy needs at least {needed}, so choose a longer range or shorter windows"
    )]
    TooFewBars {
        /// The bars given.
        bars: usize,
        /// The bars needed.
        needed: u64,
    },
    /// More bars than a bar number can count.
    #[error("{bars} bars are too many; at most {max} fit, so choose a shorter range or longer bars", max = u32::MAX)]
    TooManyBars {
        /// The bars given.
        bars: usize,
    },
    /// A price that is no price.
    #[error(
        "`{column}` of bar {bar} at {time} is `{value}`; prices must be positive and finite, so repair or leave out the bar"
    )]
    BadPrice {
        /// The column.
        column: &'static str,
        /// The row, from 0.
        bar: usize,
        /// Its open time.
        time: UnixNanos,
        /// What stood there.
        value: f64,
    },
    /// A volume that is no volume.
    #[error(
        "`volume` of bar {bar} at {time} is `{value}`; volumes must be finite and not negative, so repair the bar, or pass no volumes"
    )]
    BadVolume {
        /// The row, from 0.
        bar: usize,
        /// Its open time.
        time: UnixNanos,
        /// What stood there.
        value: f64,
    },
    /// Volumes are needed and not known.
    #[error("{what} needs volumes, which these bars do not have; choose another, or bars with volumes")]
    NoVolume {
        /// What needs them.
        what: &'static str,
    },
    /// A bar that is not later than the one before.
    #[error("bar {bar} at {time} is not later than the bar before; sort the bars by time and drop repeats")]
    NotAscending {
        /// The row, from 0.
        bar: usize,
        /// Its open time.
        time: UnixNanos,
    },
    /// The account grew beyond what a number can hold.
    #[error(
        "the account is beyond all numbers at bar {bar}; look for faulty prices, or start with less `cash` or leverage"
    )]
    Overflow {
        /// The row, from 0.
        bar: usize,
    },
}

fn known_strategies() -> String {
    let names: Vec<String> = crate::strategies().iter().map(|info| format!("`{}`", info.name)).collect();
    names.join(", ")
}

fn known_parameters(known: &[String]) -> String {
    match known {
        [] => "it has none".into(),
        known => format!("it has `{}`", known.join("`, `")),
    }
}

fn steps(next: &[String]) -> String {
    next.iter().map(|step| format!("\n  {step}")).collect()
}
