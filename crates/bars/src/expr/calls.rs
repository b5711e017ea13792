//! Calls of functions: the caller's, and the language's own.

use super::check::{Checker, node};
use super::error::{ExprError, Span};
use super::number::Number;
use super::scope::Function;
use super::suggest::did_you_mean;
use super::syntax::Syntax;
use super::tree::{Expr, Math, Node, Part, Type, Value};

/// Functions of the language that are neither mathematics nor parts.
const MOMENTS: [&str; 2] = ["date", "time"];

impl Checker<'_> {
    pub(super) fn function_names(&self) -> impl Iterator<Item = &str> + Clone {
        let own = Math::NAMES
            .iter()
            .map(|(name, _)| *name)
            .chain(Part::NAMES.iter().map(|(name, _)| *name))
            .chain(MOMENTS);
        self.scope.functions.iter().map(|function| function.name.as_str()).chain(own)
    }

    pub(super) fn call(&self, name: &str, args: &[Syntax], span: Span) -> Result<Expr, ExprError> {
        if let Some(number) = self.scope.functions.iter().position(|known| known.name == name) {
            return self.scoped_call(number, args, span);
        }
        if let Some(math) = Math::of(name) {
            return self.math(math, name, args, span);
        }
        if let Some(part) = Part::of(name) {
            let of_date = !part.is_of_day();
            let accepts = move |ty| match ty {
                Type::Time | Type::LocalTime => true,
                Type::Date => of_date,
                Type::TimeOfDay => !of_date,
                _ => false,
            };
            let inner = self.only(name, args, span, accepts)?;
            return Ok(node(Node::Part(part, Box::new(inner)), Type::Number, span));
        }
        if MOMENTS.contains(&name) {
            let inner = self.only(name, args, span, |ty| matches!(ty, Type::Time | Type::LocalTime))?;
            return Ok(match name {
                "date" => node(Node::Date(Box::new(inner)), Type::Date, span),
                _ => node(Node::TimeOfDay(Box::new(inner)), Type::TimeOfDay, span),
            });
        }
        let word = self.word(name, span);
        let error = self.error(word, format!("there is no function `{name}`"));
        if self.scope.names.iter().any(|known| known.name == name) {
            return Err(error.then(format!("`{name}` is a name: write it without parentheses")));
        }
        Err(did_you_mean(error, name, self.function_names()))
    }

    /// The bytes of a call's name.
    fn word(&self, name: &str, span: Span) -> Span {
        let plain = self.text[span.start..].to_lowercase().starts_with(name);
        let length = if plain { name.len() } else { self.text[span.start..].find('(').unwrap_or(1) };
        Span::new(span.start, span.start + length)
    }

    fn scoped_call(&self, number: usize, args: &[Syntax], span: Span) -> Result<Expr, ExprError> {
        let function: &Function = &self.scope.functions[number];
        let usage = format!("as in `{}`", function.usage());
        if args.len() < function.required || args.len() > function.params.len() {
            let expected = match (function.required, function.params.len()) {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let what = format!("`{}` takes {expected} arguments, not {}", function.name, args.len());
            return Err(self.error(span, what).then(usage));
        }
        let mut checked = Vec::with_capacity(args.len());
        for (param, arg) in function.params.iter().zip(args) {
            let place = format!("`{}` of `{}`", param.name, function.name);
            let arg = self.typed(arg, param.ty, &place).map_err(|error| error.then(usage.clone()))?;
            if param.constant && !arg.is_constant() {
                let what = format!("{place} must be the same for all bars");
                return Err(self.error(arg.span, what).then("write a number, such as 20").then(usage));
            }
            checked.push(arg);
        }
        Ok(node(Node::Call(number, checked), function.result, span))
    }

    fn math(&self, math: Math, name: &str, args: &[Syntax], span: Span) -> Result<Expr, ExprError> {
        let (most, usage) = match math {
            Math::Least | Math::Greatest => (usize::MAX, format!("as in `{name}(open, close)`")),
            Math::Round => (2, "as in `round(close)` or `round(close, 2)`".to_owned()),
            _ => (1, format!("as in `{name}(close - open)`")),
        };
        if args.is_empty() || args.len() > most {
            return Err(self
                .error(span, format!("`{name}` does not take {} arguments", args.len()))
                .then(usage));
        }
        let place = format!("`{name}`");
        let checked: Result<Vec<Expr>, ExprError> =
            args.iter().map(|arg| self.typed(arg, Type::Number, &place)).collect();
        let checked = checked?;
        if let (Math::Round, Some(decimals)) = (math, checked.get(1)) {
            let given = decimals.constant().and_then(|value| match value {
                Value::Number(number) => number.to_integer(),
                _ => None,
            });
            if !given.is_some_and(|given| (0..=i64::from(Number::QUOTIENT_SCALE)).contains(&given)) {
                return Err(self.error(decimals.span, "`round` rounds to 0 to 16 decimals").then(usage));
            }
        }
        Ok(node(Node::Math(math, checked), Type::Number, span))
    }

    /// The one argument of a function on times.
    fn only(
        &self,
        name: &str,
        args: &[Syntax],
        span: Span,
        accepts: impl Fn(Type) -> bool,
    ) -> Result<Expr, ExprError> {
        let usage = format!("as in `{name}(ts)`");
        let [arg] = args else {
            return Err(self
                .error(span, format!("`{name}` takes one argument, not {}", args.len()))
                .then(usage));
        };
        let arg = self.expr(arg)?;
        if accepts(arg.ty) {
            return Ok(arg);
        }
        Err(self.error(arg.span, format!("{} has no {name}", arg.ty.as_str())).then(usage))
    }
}
