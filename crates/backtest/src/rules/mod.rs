//! Rules typed by the user, in the language of [`bars::expr`] with series functions.
//!
//! Names are `open`, `high`, `low`, `close`, `volume`, `ts` (the bar's close) and the rules' own parameters; [`functions`] lists the
//! functions. A rule becomes columns once, and sweeps share what does not depend on their parameters. Numbers are computed as
//! binary fractions (`f64`). **A comparison with a number that does not exist never holds**, nor does its `NOT`: before there are
//! enough bars, or after a division by zero, which the report counts.
//!
//! There is no look into the future: every function sees its own bar and earlier ones, and windows and lags cannot be negative.

mod calls;
mod compile;
mod conditions;
mod functions;

use std::collections::BTreeMap;

use bars::expr::{ExprError, Expression, Scope, Type};
use serde::{Deserialize, Serialize};

pub use functions::{ArgumentInfo, FunctionInfo, functions, names};

use crate::columns::{Columns, Id};
use crate::strategy::Signals;
use crate::{BacktestError, When};
use compile::Compiler;
pub(crate) use compile::Division;

/// When to enter and leave, and at what prices, as expressions.
///
/// In JSON:
/// `{"name": "rules", "long": "crosses_above(sma(close, fast), sma(close, 50))", "exit_long": "close < lowest(low, 20)", "params": {"fast": 10}}`.
///
/// A rule that is left out never holds. If `long` and `short` hold on one bar, neither is followed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// When to go long: a condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long: Option<String>,
    /// When to go short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// When to leave a long trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_long: Option<String>,
    /// When to leave a short trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_short: Option<String>,
    /// The price of the stop loss of a long trade, at its signal; goes before [`Exits::stop`](crate::Exits::stop).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_long: Option<String>,
    /// The price of the stop loss of a short trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_short: Option<String>,
    /// The price of the take profit of a long trade, at its signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_long: Option<String>,
    /// The price of the take profit of a short trade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_short: Option<String>,
    /// How much an entry takes, at its signal, as a share of the account's value; goes before [`Spec::size`](crate::Spec::size). Nothing
    /// is entered where it is not positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Numbers that the rules may name, and sweeps change.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, f64>,
}

/// Prices and sizes that rules give an entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels {
    /// Of long and short trades.
    pub(crate) stop: [Option<Id>; 2],
    pub(crate) target: [Option<Id>; 2],
    pub(crate) size: Option<Id>,
}

impl Levels {
    fn ids(&self) -> impl Iterator<Item = Id> {
        self.stop.into_iter().chain(self.target).chain([self.size]).flatten()
    }
}

/// Rules over the columns of some bars.
pub(crate) struct Compiled {
    pub(crate) signals: Signals,
    pub(crate) divisions: Vec<Division>,
}

impl Rules {
    /// Every rule with the name of its field.
    fn texts(&self) -> [(&'static str, &Option<String>, bool); 9] {
        [
            ("long", &self.long, true),
            ("short", &self.short, true),
            ("exit_long", &self.exit_long, true),
            ("exit_short", &self.exit_short, true),
            ("stop_long", &self.stop_long, false),
            ("stop_short", &self.stop_short, false),
            ("target_long", &self.target_long, false),
            ("target_short", &self.target_short, false),
            ("size", &self.size, false),
        ]
    }

    /// Checks every rule: words, types, windows.
    ///
    /// # Errors
    /// [`BacktestError::Rule`], which points at the word; or another [`BacktestError`] if nothing is ever entered or a parameter has a
    /// bad name.
    pub fn check(&self) -> Result<(), BacktestError> {
        if self.long.is_none() && self.short.is_none() {
            return Err(BacktestError::Contradiction {
                what: "the rules never enter a trade",
                next: "give `long` or `short` a condition, like `crosses_above(sma(close, 20), sma(close, 50))`",
            });
        }
        for (name, value) in &self.params {
            self.check_param(name, *value)?;
        }
        // The columns do not matter: what is wrong with a rule is wrong with any bars.
        let empty = crate::Prices { times: &[], open: &[], high: &[], low: &[], close: &[], volume: &[] };
        self.compile(&mut Columns::new(empty), 0).map(|_| ())
    }

    fn check_param(&self, name: &str, value: f64) -> Result<(), BacktestError> {
        let is_word = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit();
        let taken = names().iter().any(|(known, _)| *known == name)
            || functions().iter().any(|function| function.name == name);
        let parses = Expression::compile(name, &Scope::default().with_constant(name, Type::Number)).is_ok();
        let why = if !is_word || !parses {
            "a parameter is called by lower-case letters, digits and `_`, and no word of the language"
        } else if taken {
            "a column or function is called so already"
        } else if !value.is_finite() {
            "its value must be a finite number"
        } else {
            return Ok(());
        };
        Err(BacktestError::BadParameter { name: name.to_owned(), why })
    }

    /// Whether a rule names the volume.
    pub(crate) fn needs_volume(&self) -> bool {
        let mut columns = Columns::new(crate::Prices {
            times: &[],
            open: &[],
            high: &[],
            low: &[],
            close: &[],
            volume: &[],
        });
        self.compile(&mut columns, 0).is_ok() && columns.has_volume()
    }

    /// Makes columns of the rules.
    pub(crate) fn compile(
        &self,
        columns: &mut Columns<'_>,
        interval: i64,
    ) -> Result<Compiled, BacktestError> {
        let scope = self.scope();
        let values: Vec<f64> = self.params.values().copied().collect();
        let mut compiler = Compiler::new(columns, interval, &values);
        let mut ids = [None; 9];
        for (id, (field, text, is_condition)) in ids.iter_mut().zip(self.texts()) {
            let Some(text) = text else { continue };
            let rule = |error: ExprError| BacktestError::Rule { field, error };
            let expression =
                if is_condition { Expression::condition(text, &scope) } else { number(text, &scope) };
            *id = Some(compiler.rule(&expression.map_err(rule)?, is_condition).map_err(rule)?);
        }
        let divisions = compiler.into_divisions();
        let [long, short, leave_long, leave_short, stop_long, stop_short, target_long, target_short, size] =
            ids;
        let levels = Levels { stop: [stop_long, stop_short], target: [target_long, target_short], size };
        let (long, short) = apart(columns, long, short);
        let mut signals =
            Signals { long, short, leave_long, leave_short, levels, ..Signals::new(When::Reverse) };
        let all = signals.conditions().chain(levels.ids());
        signals.warm_up = all.map(|id| columns.warm_up(id)).max().unwrap_or(0);
        Ok(Compiled { signals, divisions })
    }

    fn scope(&self) -> Scope {
        let scope = names().iter().fold(Scope::default(), |scope, (name, _)| {
            scope.with_name(name, if *name == "ts" { Type::Time } else { Type::Number })
        });
        let scope = self.params.keys().fold(scope, |scope, name| scope.with_constant(name, Type::Number));
        functions().iter().fold(scope, |scope, function| scope.with_function(function.declared()))
    }
}

/// Reads a number.
fn number(text: &str, scope: &Scope) -> Result<Expression, ExprError> {
    let expression = Expression::compile(text, scope)?;
    let root = expression.root();
    if root.ty == Type::Number {
        return Ok(expression);
    }
    Err(expression.error(root.span, format!("a number is needed here, and this is {}", root.ty.as_str())))
}

/// Two conditions, each without the bars on which both hold.
fn apart(columns: &mut Columns<'_>, long: Option<Id>, short: Option<Id>) -> (Option<Id>, Option<Id>) {
    let (Some(long), Some(short)) = (long, short) else { return (long, short) };
    let mut without = |one, other| {
        let not_other = columns.not(other);
        columns.and(one, not_other)
    };
    (Some(without(long, short)), Some(without(short, long)))
}
