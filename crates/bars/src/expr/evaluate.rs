//! The value of an expression for one row. The meaning of the language is defined here; faster evaluators must agree.

use std::cmp::Ordering;

use super::number::Number;
use super::syntax::Arithmetic;
use super::times;
use super::tree::{Expr, Fault, FaultKind, Math, Node, Part, Type, Value};

/// Where names and functions of the caller get their values.
pub trait Row {
    /// The value of a name, by its number in the scope; it has the type that the scope says.
    fn name(&self, number: usize) -> Value;

    /// The value of a function, by its number in the scope.
    fn call(&self, number: usize, args: &[Value]) -> Value;
}

impl Expr {
    /// The value for a row.
    ///
    /// # Errors
    /// A [`Fault`] if there is none: overflow, division by zero, an unknown local time.
    pub fn evaluate(&self, row: &impl Row) -> Result<Value, Fault> {
        let fault = |kind: FaultKind| Fault { kind, span: self.span };
        let number = |expr: &Expr| expr.number(row);
        Ok(match &self.node {
            Node::Constant(value) => value.clone(),
            Node::Name(name, _) => row.name(*name),
            Node::Call(function, args) => {
                let args: Result<Vec<Value>, Fault> = args.iter().map(|arg| arg.evaluate(row)).collect();
                row.call(*function, &args?)
            }
            Node::Math(math, args) => {
                let args: Result<Vec<Number>, Fault> = args.iter().map(number).collect();
                Value::Number(math.of_numbers(&args?))
            }
            Node::Part(part, inner) => Value::Number(part_of(*part, &inner.evaluate(row)?).into()),
            Node::Date(inner) => Value::Date(moment(&inner.evaluate(row)?).0),
            Node::TimeOfDay(inner) => Value::TimeOfDay(moment(&inner.evaluate(row)?).1),
            Node::Local(zone, inner) => match inner.evaluate(row)? {
                Value::Time(instant) => Value::LocalTime(
                    times::local(*zone, instant).ok_or_else(|| fault(FaultKind::UnknownLocalTime))?,
                ),
                other => other,
            },
            Node::Negate(inner) => Value::Number(number(inner)?.negated()),
            Node::Not(inner) => Value::Boolean(!inner.holds(row)?),
            Node::Arithmetic(operator, left, right) => {
                let result = operator.apply(number(left)?, number(right)?);
                Value::Number(result.map_err(|kind| operator.fault(kind, self, right))?)
            }
            Node::Compare(operator, left, right) => {
                Value::Boolean(operator.holds(order(&left.evaluate(row)?, &right.evaluate(row)?)))
            }
            Node::And(terms) => {
                Value::Boolean(terms.iter().try_fold(true, |all, term| Ok(all && term.holds(row)?))?)
            }
            Node::Or(terms) => {
                Value::Boolean(terms.iter().try_fold(false, |any, term| Ok(any || term.holds(row)?))?)
            }
            Node::Between(parts, negated) => {
                let [value, low, high] = &**parts;
                let (value, low, high) = (value.evaluate(row)?, low.evaluate(row)?, high.evaluate(row)?);
                Value::Boolean((order(&value, &low).is_ge() && order(&value, &high).is_le()) != *negated)
            }
            Node::In(value, list, negated) => {
                let value = value.evaluate(row)?;
                let items: Result<Vec<Value>, Fault> = list.iter().map(|item| item.evaluate(row)).collect();
                Value::Boolean(items?.iter().any(|item| order(&value, item).is_eq()) != *negated)
            }
            Node::Case(branches, otherwise) => {
                for (when, then) in branches {
                    if when.holds(row)? {
                        return then.evaluate(row);
                    }
                }
                otherwise.evaluate(row)?
            }
        })
    }

    /// Whether a condition holds for a row.
    ///
    /// # Errors
    /// As [`Expr::evaluate`].
    pub fn holds(&self, row: &impl Row) -> Result<bool, Fault> {
        Ok(self.evaluate(row)? == Value::Boolean(true))
    }

    fn number(&self, row: &impl Row) -> Result<Number, Fault> {
        Ok(match self.evaluate(row)? {
            Value::Number(number) => number,
            // Types are checked before, so there is no other value.
            _ => Number::ZERO,
        })
    }
}

impl Arithmetic {
    /// The result.
    ///
    /// # Errors
    /// [`FaultKind::DivisionByZero`], or [`FaultKind::Overflow`] if it is beyond the limits of [`Number`].
    pub fn apply(self, left: Number, right: Number) -> Result<Number, FaultKind> {
        let result = match self {
            Self::Add => left.plus(right),
            Self::Subtract => left.minus(right),
            Self::Multiply => left.times(right),
            Self::Divide | Self::Remainder if right == Number::ZERO => return Err(FaultKind::DivisionByZero),
            Self::Divide => left.over(right),
            Self::Remainder => left.remainder(right),
        };
        result.ok_or(FaultKind::Overflow)
    }

    /// The fault of an operation: a division by zero is about the divisor, all else about the whole.
    pub fn fault(self, kind: FaultKind, whole: &Expr, right: &Expr) -> Fault {
        Fault { kind, span: if kind == FaultKind::DivisionByZero { right.span } else { whole.span } }
    }
}

impl Math {
    /// The function's value; it has at least one argument.
    pub fn of_numbers(self, args: &[Number]) -> Number {
        let first = args.first().copied().unwrap_or_default();
        match self {
            Self::Abs => first.abs(),
            Self::Floor => first.floor(),
            Self::Ceil => first.ceil(),
            Self::Round => {
                let decimals = args.get(1).and_then(|decimals| decimals.to_integer()).unwrap_or_default();
                first.round(decimals.clamp(0, i64::from(Number::MAX_SCALE)) as u8)
            }
            Self::Least => args.iter().copied().min().unwrap_or_default(),
            Self::Greatest => args.iter().copied().max().unwrap_or_default(),
        }
    }
}

/// The order of two values of one type.
fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.cmp(right),
        (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
        (Value::Time(left), Value::Time(right)) | (Value::LocalTime(left), Value::LocalTime(right)) => {
            left.cmp(right)
        }
        (Value::Date(left), Value::Date(right)) => left.cmp(right),
        (Value::TimeOfDay(left), Value::TimeOfDay(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        // Types are checked before, so two types never meet.
        _ => Ordering::Less,
    }
}

fn moment(value: &Value) -> (i32, i64) {
    match value {
        Value::Time(instant) | Value::LocalTime(instant) => times::split(*instant),
        Value::Date(days) => (*days, 0),
        Value::TimeOfDay(nanos) => (0, *nanos),
        _ => (0, 0),
    }
}

fn part_of(part: Part, value: &Value) -> i64 {
    let (days, nanos) = moment(value);
    if part.is_of_day() { times::part_of_day(part, nanos) } else { times::part_of_date(part, days) }
}

/// A row without names, for what is constant.
pub(super) struct NoRow;

impl Row for NoRow {
    fn name(&self, _: usize) -> Value {
        Value::Boolean(false)
    }

    fn call(&self, _: usize, _: &[Value]) -> Value {
        Value::Boolean(false)
    }
}

impl Type {
    /// Whether smaller and greater make sense.
    pub(super) const fn is_ordered(self) -> bool {
        !matches!(self, Self::Boolean | Self::Text)
    }
}
