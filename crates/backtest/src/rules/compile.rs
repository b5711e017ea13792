//! From the tree of an expression to columns.

use bars::expr::{
    Arithmetic, Expr, ExprError, Expression, Math, Node as Tree, Number, Part, Row, Span, Type, Value, Zone,
};

use super::calls::Call;
use super::functions::functions;
use super::names;
use crate::columns::{Binary, Clock, Columns, Id, Node, Source, Unary};

/// Makes columns of one set of rules.
pub(super) struct Compiler<'c, 'a> {
    columns: &'c mut Columns<'a>,
    interval: i64,
    /// Values of the parameters, in the order of the scope.
    params: &'c [f64],
    divisions: Vec<Division>,
}

/// A division in a rule.
pub(crate) struct Division {
    pub(crate) divisor: Id,
    /// Where its quotient matters; everywhere if none.
    pub(crate) guard: Option<Id>,
    /// The divisor as it was written.
    pub(crate) text: String,
}

impl<'c, 'a> Compiler<'c, 'a> {
    pub(super) fn new(columns: &'c mut Columns<'a>, interval: i64, params: &'c [f64]) -> Self {
        Self { columns, interval, params, divisions: Vec::new() }
    }

    pub(super) fn into_divisions(self) -> Vec<Division> {
        self.divisions
    }

    /// The column of a rule.
    pub(super) fn rule(&mut self, rule: &Expression, is_condition: bool) -> Result<Id, ExprError> {
        let mut tree = Walker { rule, compiler: self, guard: None };
        if is_condition { tree.condition(rule.root(), false) } else { tree.number(rule.root()) }
    }
}

/// A compiler at work on a rule.
pub(super) struct Walker<'w, 'c, 'a> {
    rule: &'w Expression,
    compiler: &'w mut Compiler<'c, 'a>,
    /// What must hold for the part that is compiled to matter: earlier terms of `AND`, the condition of a branch.
    guard: Option<Id>,
}

impl<'a> Walker<'_, '_, 'a> {
    pub(super) fn columns(&mut self) -> &mut Columns<'a> {
        self.compiler.columns
    }

    pub(super) fn error<T>(&self, span: Span, what: impl Into<String>) -> Result<T, ExprError> {
        Err(self.rule.error(span, what))
    }

    /// A column of numbers; times count microseconds, dates days.
    pub(super) fn number(&mut self, expr: &Expr) -> Result<Id, ExprError> {
        Ok(match &expr.node {
            Tree::Constant(value) => {
                let number = self.constant(value, expr.span)?;
                self.columns().constant(number)
            }
            Tree::Name(name, _) => self.name(*name),
            Tree::Call(function, args) => self.call(*function, args)?,
            Tree::Math(math, args) => self.math(*math, args)?,
            Tree::Part(part, inner) => {
                let inner = self.micros(inner)?;
                self.columns().put(Node::Clock(Clock::of(*part), inner))
            }
            Tree::Date(inner) => {
                let inner = self.micros(inner)?;
                self.columns().put(Node::Clock(Clock::Date, inner))
            }
            Tree::TimeOfDay(inner) => {
                let inner = self.micros(inner)?;
                self.columns().put(Node::Clock(Clock::TimeOfDay, inner))
            }
            Tree::Local(zone, inner) => {
                let inner = self.number(inner)?;
                match zone {
                    Zone::Utc => inner,
                    Zone::NewYork => self.columns().put(Node::Clock(Clock::NewYork, inner)),
                }
            }
            Tree::Negate(inner) => {
                let inner = self.number(inner)?;
                self.columns().put(Node::Unary(Unary::Negate, inner))
            }
            Tree::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right)?,
            Tree::Case(branches, otherwise) => {
                let (branches, otherwise) = self.case(branches, otherwise, Self::number)?;
                branches.into_iter().rev().fold(otherwise, |chosen, (when, then)| {
                    self.columns().put(Node::Choose(when, then, chosen))
                })
            }
            Tree::Not(_)
            | Tree::Compare(..)
            | Tree::And(_)
            | Tree::Or(_)
            | Tree::Between(..)
            | Tree::In(..) => {
                return self.error(expr.span, "a number is needed, and this is a condition");
            }
        })
    }

    /// Compiles what matters only where a condition holds.
    pub(super) fn where_holds<T>(&mut self, condition: Id, part: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.guard;
        let both = outer.map_or(condition, |outer| self.columns().and(outer, condition));
        self.guard = Some(both);
        let result = part(self);
        self.guard = outer;
        result
    }

    /// The conditions and results of branches, and the result where none holds.
    pub(super) fn case(
        &mut self,
        branches: &[(Expr, Expr)],
        otherwise: &Expr,
        result: impl Fn(&mut Self, &Expr) -> Result<Id, ExprError>,
    ) -> Result<(Vec<(Id, Id)>, Id), ExprError> {
        let mut compiled = Vec::with_capacity(branches.len());
        let mut none_yet = self.columns().put(Node::Always(true));
        for (when, then) in branches {
            let when = self.where_holds(none_yet, |walker| walker.condition(when, false))?;
            let here = self.columns().and(none_yet, when);
            let then = self.where_holds(here, |walker| result(walker, then))?;
            compiled.push((when, then));
            let not_when = self.columns().not(when);
            none_yet = self.columns().and(none_yet, not_when);
        }
        let otherwise = self.where_holds(none_yet, |walker| result(walker, otherwise))?;
        Ok((compiled, otherwise))
    }

    /// A time of any kind in microseconds.
    fn micros(&mut self, expr: &Expr) -> Result<Id, ExprError> {
        let id = self.number(expr)?;
        Ok(match expr.ty {
            Type::Date => self.columns().times(DAY_MICROS, id),
            _ => id,
        })
    }

    fn constant(&self, value: &Value, span: Span) -> Result<f64, ExprError> {
        let micros = |nanos: i64| nanos as f64 / 1000.0;
        Ok(match value {
            Value::Number(number) => number.to_f64(),
            Value::Time(time) | Value::LocalTime(time) => micros(time.0),
            Value::Date(days) => f64::from(*days),
            Value::TimeOfDay(nanos) => micros(*nanos),
            Value::Boolean(holds) => f64::from(u8::from(*holds)),
            Value::Text(_) => return self.error(span, "text has no use in a rule"),
        })
    }

    fn name(&mut self, number: usize) -> Id {
        if let Some(param) = number.checked_sub(names().len()) {
            let value = self.compiler.params.get(param).copied().unwrap_or(f64::NAN);
            return self.columns().constant(value);
        }
        let source = match number {
            0 => Source::Open,
            1 => Source::High,
            2 => Source::Low,
            3 => Source::Close,
            4 => Source::Volume,
            _ => {
                let interval = self.compiler.interval as f64 / 1000.0;
                let columns = self.columns();
                let (opened, interval) = (columns.source(Source::Opened), columns.constant(interval));
                return columns.plus(opened, interval);
            }
        };
        self.columns().source(source)
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Expr, right: &Expr) -> Result<Id, ExprError> {
        let divisor = right;
        let (left, right) = (self.number(left)?, self.number(right)?);
        let function = match operator {
            Arithmetic::Add => Binary::Add,
            Arithmetic::Subtract => Binary::Subtract,
            Arithmetic::Multiply => Binary::Multiply,
            Arithmetic::Divide => Binary::Divide,
            Arithmetic::Remainder => Binary::Remainder,
        };
        if matches!(operator, Arithmetic::Divide | Arithmetic::Remainder) {
            let zero = 0.0_f64.to_bits();
            if self.columns().node(right) == Node::Constant(zero) {
                return self.error(divisor.span, "division by zero");
            }
            let text = self.rule.text()[divisor.span.start..divisor.span.end].to_owned();
            self.compiler.divisions.push(Division { divisor: right, guard: self.guard, text });
        }
        Ok(self.columns().binary(function, left, right))
    }

    fn math(&mut self, math: Math, args: &[Expr]) -> Result<Id, ExprError> {
        let first = self.number(&args[0])?;
        let unary = match math {
            Math::Abs => Unary::Abs,
            Math::Floor => Unary::Floor,
            Math::Ceil => Unary::Ceil,
            Math::Round => {
                let decimals = args.get(1).and_then(Expr::constant);
                Unary::Round(decimals.map_or(Ok(0.0), |value| self.constant(value, args[0].span))? as i8)
            }
            Math::Least | Math::Greatest => {
                let function = if math == Math::Least { Binary::Least } else { Binary::Greatest };
                return args[1..].iter().try_fold(first, |found, arg| {
                    let next = self.number(arg)?;
                    Ok(self.columns().binary(function, found, next))
                });
            }
        };
        Ok(self.columns().put(Node::Unary(unary, first)))
    }

    /// A constant argument.
    fn value(&self, expr: &Expr) -> Result<f64, ExprError> {
        let row = Params(self.compiler.params);
        match expr.evaluate(&row) {
            Ok(value) => self.constant(&value, expr.span),
            Err(fault) => self.error(fault.span, fault.kind.to_string()),
        }
    }

    /// A constant argument that counts bars, at least `least`.
    fn bars(&self, expr: &Expr, least: u32) -> Result<u32, ExprError> {
        let value = self.value(expr)?;
        if value < 0.0 {
            return self.error(
                expr.span,
                format!("{value} bars would look into the future; count back from {least}"),
            );
        }
        if value.fract() != 0.0 || value < f64::from(least) || value > MAX_WINDOW {
            let what =
                format!("`{value}` is not a number of bars; it must be whole, from {least} to {MAX_WINDOW}");
            return self.error(expr.span, what);
        }
        Ok(value as u32)
    }

    pub(super) fn call(&mut self, function: usize, args: &[Expr]) -> Result<Id, ExprError> {
        let name = functions()[function].name;
        let kinds = functions()[function].arguments;
        let mut call = Call { series: Vec::new(), bars: Vec::new(), factor: 1.0 };
        for (argument, arg) in kinds.iter().zip(args) {
            match argument.kind {
                "series" => call.series.push(self.number(arg)?),
                "condition" => call.series.push(self.condition(arg, false)?),
                "bars" => {
                    let least = if matches!(name, "lag" | "change" | "roc") { 0 } else { 1 };
                    call.bars.push(self.bars(arg, least)?);
                }
                _ => call.factor = self.value(arg)?,
            }
        }
        Ok(call.built(name, self.columns()))
    }
}

/// Microseconds in a day.
const DAY_MICROS: f64 = 86_400.0 * 1e6;
/// The longest window.
const MAX_WINDOW: f64 = 100_000_000.0;

/// Parameters as a row of constants.
struct Params<'v>(&'v [f64]);

impl Row for Params<'_> {
    fn name(&self, number: usize) -> Value {
        let value = number.checked_sub(names().len()).and_then(|param| self.0.get(param));
        Value::Number(Number::new((value.copied().unwrap_or(f64::NAN) * 1e9).round() as i128, 9))
    }

    fn call(&self, _: usize, _: &[Value]) -> Value {
        Value::Boolean(false)
    }
}

impl Clock {
    fn of(part: Part) -> Self {
        match part {
            Part::Year => Self::Year,
            Part::Quarter => Self::Quarter,
            Part::Month => Self::Month,
            Part::Week => Self::Week,
            Part::Day => Self::Day,
            Part::DayOfYear => Self::DayOfYear,
            Part::DayOfWeek => Self::DayOfWeek,
            Part::IsoDayOfWeek => Self::IsoDayOfWeek,
            Part::Hour => Self::Hour,
            Part::Minute => Self::Minute,
            Part::Second => Self::Second,
        }
    }
}
