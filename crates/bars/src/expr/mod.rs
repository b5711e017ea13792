//! The language of conditions: SQL's expression grammar over names and functions that the caller provides.
//!
//! `where` of a query is written in it, and so are rules of a backtest. An [`Expression`] is compiled against a [`Scope`], which
//! says what columns, parameters and functions there are; errors point at the bytes of the wrong word.
//!
//! - Numbers are exact decimals ([`Number`]): comparisons, `+`, `-`, `*` and `%` are exact, a quotient is rounded half away from
//!   zero to 16 decimals (so `7 / 2` is 3.5), and what is too large is an error and never a wrong value. `%` has the sign of the dividend.
//! - `AND OR NOT`, `= <> != < <= > >=`, `[NOT] BETWEEN`, `[NOT] IN (…)`, `CASE WHEN … THEN … ELSE … END`, `TRUE FALSE`,
//!   `abs floor ceil round least greatest`. `AND`, `OR` and `CASE` do not look at what they need not, so
//!   `volume > 0 AND close / volume > 2` never divides by zero.
//! - Times are UTC: `ts >= '2024-01-08 14:30'`, `TIMESTAMP '…'`, `date(ts) = '2024-01-08'`, `time(ts) >= '14:30'`,
//!   `EXTRACT(hour FROM ts)` or `hour(ts)`; the parts are year, quarter, month, week (ISO), day, dayofyear, dow (Sunday is 0),
//!   isodow (Monday is 1), hour, minute, second. `ts AT TIME ZONE 'America/New_York'` is what clocks show there.
//! - Bars have no nulls: `IS NOT NULL` is always true, and `NULL` is refused.
//!
//! Nothing is read, and nothing is evaluated but one row at a time ([`Expr::evaluate`]); the catalog does it for columns.

mod calls;
mod check;
mod error;
mod evaluate;
mod lexer;
mod number;
mod operands;
mod parser;
mod scope;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod times;
mod tree;

pub use error::{ExprError, Span};
pub use evaluate::Row;
pub use number::Number;
pub use parser::{MAX_BYTES, MAX_DEPTH, parse};
pub use scope::{Function, Name, Param, Scope};
pub use syntax::{Arithmetic, Comparison, Moment, Syntax, SyntaxKind};
pub use times::{local, part_of_date, part_of_day, split};
pub use tree::{Expr, Fault, FaultKind, Math, Node, Part, Type, Value, Zone};

/// An expression that makes sense, with the text it was read from.
///
/// ```
/// use bars::expr::{Expression, Scope, Type};
/// let scope = Scope::default().with_name("close", Type::Number).with_name("ts", Type::Time);
/// let rule = Expression::condition("close > 184.64 AND hour(ts) BETWEEN 14 AND 20", &scope)?;
/// assert_eq!(rule.root().names(), [0, 1]);
/// let error = Expression::condition("close > 'abc'", &scope).unwrap_err();
/// assert_eq!(&error.text[error.span.start..error.span.end], "'abc'");
/// # Ok::<(), bars::expr::ExprError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    root: Expr,
}

impl Expression {
    /// Reads an expression of any type.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn compile(text: &str, scope: &Scope) -> Result<Self, ExprError> {
        let root = check::Checker { text, scope }.expr(&parse(text)?)?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong and where; also if it is a number or a time.
    pub fn condition(text: &str, scope: &Scope) -> Result<Self, ExprError> {
        let root = check::Checker { text, scope }.condition(&parse(text)?, "this")?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tree.
    pub const fn root(&self) -> &Expr {
        &self.root
    }

    /// An error about a part of it, for what only the caller can judge, such as the range of a parameter.
    pub fn error(&self, span: Span, what: impl Into<String>) -> ExprError {
        ExprError::new(&self.text, span, what)
    }
}
