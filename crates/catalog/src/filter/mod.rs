//! Conditions on bars: `where` and sessions, as terms of which every bar of an answer fulfils each.
//!
//! A filter is always a conjunct of the query's time range: it can only take bars away from it. What its terms say about
//! stamps prunes partitions and row groups like the range does (`times`); the rest is computed column by column (`compute`,
//! `leaves`, `numbers`), with the meaning that [`bars::expr::Expr::evaluate`] defines for one row.

mod compute;
mod leaves;
mod numbers;
mod times;

use std::sync::Arc;

use arrow_array::RecordBatch;
use bars::expr::{Expr, ExprError, Expression, Node, Scope, Type};
use bars::{Calendar, DAY, IntervalSet, TimeRange, UnixNanos};

use self::compute::{Bars, Rows};
use self::times::Implied;
use crate::decode::stamps;
use crate::schema::BAR_COLUMNS;
use crate::{Columns, Error, ErrorKind, Layout, Result};

/// A condition on bars in the language of [`bars::expr`], over the columns of a bar and `ts`, its close (`ts_event`).
///
/// ```
/// use catalog::Filter;
/// assert!(Filter::parse("close > 184.64 AND hour(ts) >= 14").is_ok());
/// let error = Filter::parse("closs > 5").unwrap_err();
/// assert_eq!(error.why, "closs > 5\n  ^^^^^");
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Arc<Expression>,
}

impl Filter {
    /// Reads a condition.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] that points at the wrong word.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { expression: Arc::new(Expression::condition(text, &Self::scope())?) })
    }

    /// The condition as it was given.
    pub fn text(&self) -> &str {
        self.expression.text()
    }

    /// The names it may use, in this order: the stored columns, and `ts`.
    pub fn scope() -> Scope {
        let column = |scope: Scope, name: &&str| {
            scope.with_name(name, if name.starts_with("ts_") { Type::Time } else { Type::Number })
        };
        BAR_COLUMNS.iter().fold(Scope::default(), column).with_name("ts", Type::Time)
    }
}

impl From<ExprError> for Error {
    fn from(error: ExprError) -> Self {
        let wrong = Self::new(ErrorKind::InvalidInput, format!("the condition is wrong: {}", error.what));
        let is_blank = error.text.trim().is_empty();
        let pointed = if is_blank { wrong } else { wrong.because(pointer(&error)) };
        error.next.into_iter().fold(pointed, Self::then)
    }
}

/// The text and the carets below it, as the lines of an error stand.
fn pointer(error: &ExprError) -> String {
    error.pointer().replace('\n', "\n  ")
}

/// The stored position of a column by its number in [`Filter::scope`].
fn stored_position(name: usize) -> usize {
    // `ts` is another name of `ts_event`.
    if name == BAR_COLUMNS.len() { 5 } else { name }
}

/// What every bar of an answer must fulfil.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    test: Test,
    /// Columns it looks at.
    pub columns: Columns,
    /// What it says about stamps.
    implied: Implied,
}

#[derive(Clone, Debug)]
enum Test {
    /// A conjunct of the condition.
    Condition { whole: Arc<Expression>, term: usize },
    /// The close lies in one of these ranges.
    Closes(IntervalSet),
}

impl Term {
    /// The conjuncts of a condition, in their order: a later one is only looked at where the earlier ones hold.
    pub fn of_filter(filter: &Filter) -> Vec<Self> {
        let whole = &filter.expression;
        let make = |(term, expr): (usize, &Expr)| {
            let names = expr.names().into_iter().map(|name| BAR_COLUMNS[stored_position(name)]);
            Self {
                columns: Columns::of(&names.collect::<Vec<_>>()).unwrap_or(Columns::ALL),
                implied: Implied::of(expr),
                test: Test::Condition { whole: Arc::clone(whole), term },
            }
        };
        conjuncts(whole.root()).into_iter().enumerate().map(make).collect()
    }

    /// Bars that lie wholly in a session; of bars without a fixed interval, those that close in one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if a bar is longer than any session around that time.
    pub fn of_sessions(calendar: &Calendar, interval: Option<i64>, closes: TimeRange) -> Result<Self> {
        let span = interval.unwrap_or_default();
        // Far enough around that the sessions at both ends are whole.
        let around = span.saturating_add(8 * DAY);
        let sessions = calendar.sessions(TimeRange::new(closes.start.plus(-around), closes.end.plus(around)));
        let longest = sessions.ranges().iter().map(TimeRange::nanos).max().unwrap_or(i64::MAX);
        if span > longest {
            return Err(Error::new(ErrorKind::InvalidInput, "no bar lies wholly in a session")
                .because(format!("a bar is longer than any session of the calendar {calendar} in that time"))
                .then("leave the session filter out, or query a series of shorter bars"));
        }
        // A close at the session's end belongs to it, one at its start does not.
        let first_close = span.max(1);
        let closes = sessions
            .ranges()
            .iter()
            .map(|session| TimeRange::new(session.start.plus(first_close), session.end.plus(1)));
        let closes: IntervalSet = closes.collect();
        let columns = Columns::of(&["ts_event"]).unwrap_or(Columns::ALL);
        Ok(Self { columns, implied: Implied::closes(closes.clone()), test: Test::Closes(closes) })
    }

    /// Whether bars with such stamps (first and last of each, both included) may fulfil it.
    pub fn may_hold(&self, inits: [UnixNanos; 2], events: [UnixNanos; 2]) -> bool {
        self.implied.may_hold(inits, events)
    }

    /// Whether all bars with such stamps fulfil it.
    pub fn must_hold(&self, inits: [UnixNanos; 2], events: [UnixNanos; 2]) -> bool {
        self.implied.must_hold(inits, events)
    }

    /// Those of the rows that fulfil it; `None` stands for all rows of the batch.
    fn keep(&self, batch: &RecordBatch, layout: &Layout, rows: Option<Vec<u32>>) -> Result<Option<Vec<u32>>> {
        let holds = match &self.test {
            Test::Closes(closes) => {
                let events = stamps(batch, "ts_event")?;
                let picked = Rows::of(rows.as_deref(), batch.num_rows());
                picked.iter().map(|row| contains(closes, events[row])).collect()
            }
            Test::Condition { whole, term } => {
                let bars = Bars { batch, layout };
                let picked = Rows::of(rows.as_deref(), batch.num_rows());
                let term = conjuncts(whole.root())[*term];
                bars.holds(term, picked).map_err(|failure| failure.explained(whole, batch))?
            }
        };
        if holds.iter().all(|holds| *holds) {
            return Ok(rows);
        }
        let picked = Rows::of(rows.as_deref(), batch.num_rows());
        let kept = picked.iter().zip(&holds).filter(|(_, holds)| **holds);
        Ok(Some(kept.map(|(row, _)| row as u32).collect()))
    }
}

/// The rows of a batch that fulfil every term; `None` stands for all.
pub(crate) fn select(terms: &[Arc<Term>], batch: &RecordBatch, layout: &Layout) -> Result<Option<Vec<u32>>> {
    terms.iter().try_fold(None, |rows: Option<Vec<u32>>, term| match rows {
        Some(rows) if rows.is_empty() => Ok(Some(rows)),
        rows => term.keep(batch, layout, rows),
    })
}

fn conjuncts(root: &Expr) -> Vec<&Expr> {
    match &root.node {
        Node::And(terms) => terms.iter().flat_map(conjuncts).collect(),
        _ => vec![root],
    }
}

fn contains(set: &IntervalSet, stamp: i64) -> bool {
    let ranges = set.ranges();
    let at = ranges.partition_point(|range| range.end.0 <= stamp);
    ranges.get(at).is_some_and(|range| range.start.0 <= stamp)
}
