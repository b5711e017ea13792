//! Syntax to tree: names are looked up, types are checked, texts become times, constants are computed.

use super::error::{ExprError, Span};
use super::evaluate::NoRow;
use super::number::Number;
use super::scope::Scope;
use super::suggest::did_you_mean;
use super::syntax::{Comparison, Moment, Syntax, SyntaxKind};
use super::times;
use super::tree::{Expr, Node, Type, Value, Zone};
use crate::UnixNanos;
use crate::time::DAY;

pub(super) struct Checker<'a> {
    pub text: &'a str,
    pub scope: &'a Scope,
}

impl Checker<'_> {
    pub(super) fn expr(&self, syntax: &Syntax) -> Result<Expr, ExprError> {
        let span = syntax.span;
        let checked = match &syntax.kind {
            SyntaxKind::Number(number) => constant(Value::Number(*number), span),
            SyntaxKind::Text(text) => constant(Value::Text(text.clone()), span),
            SyntaxKind::Boolean(value) => constant(Value::Boolean(*value), span),
            SyntaxKind::Moment(moment, text) => self.moment(*moment, text, span)?,
            SyntaxKind::Name(name) => self.name(name, span)?,
            SyntaxKind::Call(name, args) => self.call(name, args, span)?,
            SyntaxKind::Negate(inner) => {
                let inner = self.typed(inner, Type::Number, "`-`")?;
                node(Node::Negate(Box::new(inner)), Type::Number, span)
            }
            SyntaxKind::Not(inner) => {
                let inner = self.condition(inner, "`NOT`")?;
                node(Node::Not(Box::new(inner)), Type::Boolean, span)
            }
            SyntaxKind::AtZone(inner, zone) => self.at_zone(inner, zone, span)?,
            SyntaxKind::Arithmetic(operator, left, right) => {
                let sign = format!("`{}`", operator.as_str());
                let left = self.typed(left, Type::Number, &sign)?;
                let right = self.typed(right, Type::Number, &sign)?;
                node(Node::Arithmetic(*operator, Box::new(left), Box::new(right)), Type::Number, span)
            }
            SyntaxKind::Compare(operator, left, right) => self.compare(*operator, left, right, span)?,
            SyntaxKind::And(terms) => node(Node::And(self.conditions(terms, "`AND`")?), Type::Boolean, span),
            SyntaxKind::Or(terms) => node(Node::Or(self.conditions(terms, "`OR`")?), Type::Boolean, span),
            SyntaxKind::Between(parts, negated) => {
                let [value, low, high] = &**parts;
                let (value, low) = self.pair(value, low, true)?;
                let (_, high) = self.alike(value.clone(), self.expr(high)?, true)?;
                node(Node::Between(Box::new([value, low, high]), *negated), Type::Boolean, span)
            }
            SyntaxKind::In(value, list, negated) => {
                let (value, list) = self.one_of(value, list)?;
                node(Node::In(Box::new(value), list, *negated), Type::Boolean, span)
            }
            SyntaxKind::IsNull(value, negated) => {
                self.expr(value)?;
                constant(Value::Boolean(*negated), span)
            }
            SyntaxKind::Case(branches, otherwise) => self.case(branches, otherwise, span)?,
        };
        self.folded(checked)
    }

    /// What all of whose parts are constants becomes one.
    fn folded(&self, expr: Expr) -> Result<Expr, ExprError> {
        let parts = expr.children();
        if parts.is_empty()
            || matches!(expr.node, Node::Call(..))
            || !parts.iter().all(|part| part.constant().is_some())
        {
            return Ok(expr);
        }
        match expr.evaluate(&NoRow) {
            Ok(value) => Ok(constant(value, expr.span)),
            Err(fault) => Err(self.error(fault.span, fault.kind.to_string())),
        }
    }

    fn name(&self, name: &str, span: Span) -> Result<Expr, ExprError> {
        let found = self.scope.names.iter().position(|known| known.name == name);
        if let Some(number) = found {
            let known = &self.scope.names[number];
            return Ok(node(Node::Name(number, known.constant), known.ty, span));
        }
        let error = self.error(span, format!("unknown name `{name}`"));
        if self.function_names().any(|known| known == name) {
            return Err(error.then(format!("`{name}` is a function: write `{name}(…)`")));
        }
        let error = did_you_mean(error, name, self.scope.names.iter().map(|known| known.name.as_str()));
        let is_quoted = self.text.as_bytes().get(span.start) == Some(&b'"');
        Err(if is_quoted {
            error.then("double quotes are for names; text stands in single quotes")
        } else {
            error
        })
    }

    fn at_zone(&self, inner: &Syntax, zone: &str, span: Span) -> Result<Expr, ExprError> {
        let inner = self.typed(inner, Type::Time, "`AT TIME ZONE`")?;
        let at = self.text[..span.end]
            .rfind('\'')
            .and_then(|end| self.text[..end].rfind('\''))
            .unwrap_or(span.start);
        let known = Zone::of(zone).ok_or_else(|| {
            self.error(Span::new(at, span.end), format!("the time zone `{zone}` is not known here"))
                .then("known are UTC and America/New_York: the expression also runs in a browser, where there is no zone database")
        })?;
        Ok(node(Node::Local(known, Box::new(inner)), Type::LocalTime, span))
    }

    fn moment(&self, moment: Moment, text: &str, span: Span) -> Result<Expr, ExprError> {
        let ty = match moment {
            Moment::Timestamp => Type::Time,
            Moment::Date => Type::Date,
            Moment::Time => Type::TimeOfDay,
        };
        self.read(text, ty, span)
    }

    /// A text as a time of some kind.
    fn read(&self, text: &str, ty: Type, span: Span) -> Result<Expr, ExprError> {
        let (value, example) = match ty {
            Type::Time => (
                times::time(text).map(Value::Time),
                "'2024-01-08', '2024-01-08 14:30' (UTC) or '2024-01-08T09:30:00-05:00'",
            ),
            Type::LocalTime => (times::local_time(text).map(Value::LocalTime), "'2024-01-08 09:30'"),
            Type::Date => (times::date(text).map(Value::Date), "'2024-01-08'"),
            _ => (times::time_of_day(text).map(Value::TimeOfDay), "'14:30'"),
        };
        match value {
            Ok(value) => Ok(constant(value, span)),
            Err(_) => Err(self
                .error(span, format!("'{text}' is not {}", ty.as_str()))
                .then(format!("write {example}"))),
        }
    }

    fn compare(
        &self,
        operator: Comparison,
        left: &Syntax,
        right: &Syntax,
        span: Span,
    ) -> Result<Expr, ExprError> {
        let ordered = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
        let (left, right) = self.pair(left, right, ordered)?;
        Ok(node(Node::Compare(operator, Box::new(left), Box::new(right)), Type::Boolean, span))
    }

    fn pair(&self, left: &Syntax, right: &Syntax, ordered: bool) -> Result<(Expr, Expr), ExprError> {
        self.alike(self.expr(left)?, self.expr(right)?, ordered)
    }

    /// A value and a list, all of one type.
    fn one_of(&self, value: &Syntax, list: &[Syntax]) -> Result<(Expr, Vec<Expr>), ExprError> {
        let mut value = self.expr(value)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let (as_item, item) = self.alike(value, self.expr(item)?, false)?;
            value = as_item;
            items.push(item);
        }
        // A text may have become a time after the first items.
        let ty = value.ty;
        let items: Result<Vec<Expr>, ExprError> =
            items.into_iter().map(|item| self.as_type(item, ty)).collect();
        Ok((value, items?))
    }

    /// Two operands of one type; a text or a date becomes what it is compared with.
    fn alike(&self, left: Expr, right: Expr, ordered: bool) -> Result<(Expr, Expr), ExprError> {
        let (left, right) = (self.as_type(left, right.ty)?, right);
        let (right, left) = (self.as_type(right, left.ty)?, left);
        if left.ty != right.ty {
            return Err(self.mismatch(&left, &right));
        }
        if ordered && !left.ty.is_ordered() {
            let what = format!("{} is neither smaller nor greater than another", left.ty.as_str());
            return Err(self.error(right.span, what).then("compare it with `=` or `<>`"));
        }
        Ok((left, right))
    }

    fn as_type(&self, expr: Expr, ty: Type) -> Result<Expr, ExprError> {
        match (expr.constant(), ty) {
            (Some(Value::Text(text)), Type::Time | Type::LocalTime | Type::Date | Type::TimeOfDay) => {
                self.read(text, ty, expr.span)
            }
            (Some(Value::Date(days)), Type::Time | Type::LocalTime) => {
                let midnight = UnixNanos(i64::from(*days).saturating_mul(DAY));
                let value = if ty == Type::Time { Value::Time(midnight) } else { Value::LocalTime(midnight) };
                Ok(constant(value, expr.span))
            }
            _ => Ok(expr),
        }
    }

    fn mismatch(&self, left: &Expr, right: &Expr) -> ExprError {
        // The literal is more likely wrong than what it is compared with.
        let (wrong, other) = if left.constant().is_some() && right.constant().is_none() {
            (left, right)
        } else {
            (right, left)
        };
        let what = format!("{} cannot be compared with {}", other.ty.as_str(), wrong.ty.as_str());
        let error = self.error(wrong.span, what);
        match (wrong.constant(), other.ty) {
            (Some(Value::Text(text)), Type::Number)
                if Number::of_literal(text.trim_start_matches('-')).is_some_and(|_| !text.is_empty()) =>
            {
                error.then(format!("write the number without quotes: {text}"))
            }
            (Some(Value::Text(_)), Type::Number) => error.then("compare it with a number, such as 184.64"),
            (Some(Value::Number(_)), Type::Time | Type::LocalTime) => {
                error.then("write a time in quotes: '2024-01-08 14:30'")
            }
            (Some(Value::Number(_)), Type::Date) => error.then("write a date in quotes: '2024-01-08'"),
            (Some(Value::Number(_)), Type::TimeOfDay) => error.then("write a time of day in quotes: '14:30'"),
            _ => error,
        }
    }

    fn case(&self, branches: &[(Syntax, Syntax)], otherwise: &Syntax, span: Span) -> Result<Expr, ExprError> {
        let otherwise = self.expr(otherwise)?;
        if otherwise.ty == Type::Text {
            return Err(self
                .error(otherwise.span, "the result of CASE cannot be text")
                .then("let it be a number, a condition or a time: `TIMESTAMP '2024-01-08 14:30'`"));
        }
        let branch = |(when, then): &(Syntax, Syntax)| {
            let then = self.as_type(self.expr(then)?, otherwise.ty)?;
            if then.ty == otherwise.ty {
                return Ok((self.condition(when, "`WHEN`")?, then));
            }
            let what =
                format!("after THEN stands {}, after ELSE {}", then.ty.as_str(), otherwise.ty.as_str());
            Err(self.error(then.span, what).then("all results of CASE are of one kind"))
        };
        let branches: Result<Vec<(Expr, Expr)>, ExprError> = branches.iter().map(branch).collect();
        let ty = otherwise.ty;
        Ok(node(Node::Case(branches?, Box::new(otherwise)), ty, span))
    }

    fn conditions(&self, terms: &[Syntax], place: &str) -> Result<Vec<Expr>, ExprError> {
        terms.iter().map(|term| self.condition(term, place)).collect()
    }

    pub(super) fn condition(&self, syntax: &Syntax, place: &str) -> Result<Expr, ExprError> {
        let expr = self.expr(syntax)?;
        if expr.ty == Type::Boolean {
            return Ok(expr);
        }
        let what = format!("{place} needs a condition, and this is {}", expr.ty.as_str());
        Err(self.error(expr.span, what).then("compare it with something, as in `close > 100`"))
    }

    pub(super) fn typed(&self, syntax: &Syntax, ty: Type, place: &str) -> Result<Expr, ExprError> {
        let expr = self.as_type(self.expr(syntax)?, ty)?;
        if expr.ty == ty {
            return Ok(expr);
        }
        Err(self.error(expr.span, format!("{place} needs {}, and this is {}", ty.as_str(), expr.ty.as_str())))
    }

    pub(super) fn error(&self, span: Span, what: impl Into<String>) -> ExprError {
        ExprError::new(self.text, span, what)
    }
}

fn constant(value: Value, span: Span) -> Expr {
    Expr { ty: value.ty(), node: Node::Constant(value), span }
}

pub(super) fn node(node: Node, ty: Type, span: Span) -> Expr {
    Expr { node, ty, span }
}
