//! Conditions over columns: each node of the tree once for all rows, not each row through all nodes.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use bars::UnixNanos;
use bars::expr::{self, Expr, Expression, Fault, FaultKind, Math, Node, Number, Type, Value};

use super::numbers::{Failed, Numbers, arithmetic, compare, pairs};
use super::{pointer, stored_position};
use crate::decode::stamps;
use crate::schema::BAR_COLUMNS;
use crate::{Error, ErrorKind, Layout};

/// Rows of a batch.
#[derive(Clone, Copy)]
pub(super) enum Rows<'r> {
    /// Every one of so many.
    All(usize),
    /// These, ascending.
    Picked(&'r [u32]),
}

impl<'r> Rows<'r> {
    pub fn of(picked: Option<&'r [u32]>, all: usize) -> Self {
        picked.map_or(Self::All(all), Self::Picked)
    }

    pub fn iter(self) -> impl Iterator<Item = usize> + 'r {
        let (all, picked) = match self {
            Self::All(all) => (0..all, &[] as &[u32]),
            Self::Picked(picked) => (0..0, picked),
        };
        all.chain(picked.iter().map(|row| *row as usize))
    }

    pub fn len(self) -> usize {
        match self {
            Self::All(all) => all,
            Self::Picked(picked) => picked.len(),
        }
    }

    pub fn row(self, at: usize) -> usize {
        match self {
            Self::All(_) => at,
            Self::Picked(picked) => picked.get(at).map_or(0, |row| *row as usize),
        }
    }

    /// Those of the rows whose flag is as wanted, and where they stand among these.
    fn narrowed(self, flags: &[bool], wanted: bool) -> (Vec<usize>, Vec<u32>) {
        let kept = self.iter().enumerate().zip(flags).filter(|(_, flag)| **flag == wanted);
        kept.map(|((at, row), _)| (at, row as u32)).unzip()
    }

    pub fn pick<'a, T: Copy>(self, values: Cow<'a, [T]>) -> Cow<'a, [T]> {
        match self {
            Self::All(_) => values,
            Self::Picked(picked) => picked.iter().map(|row| values[*row as usize]).collect(),
        }
    }
}

/// Why a condition cannot be computed.
pub(super) enum Failure {
    /// A row of the batch has no value.
    Row(usize, Fault),
    /// The batch is not what it should be.
    Batch(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Batch(error)
    }
}

impl Failure {
    pub fn explained(self, whole: &Expression, batch: &RecordBatch) -> Error {
        let (row, fault) = match self {
            Self::Row(row, fault) => (row, fault),
            Self::Batch(error) => return error,
        };
        let at = ["ts_init", "ts_event"].iter().find_map(|name| {
            batch.column_by_name(name)?;
            Some(UnixNanos(*stamps(batch, name).ok()?.get(row)?))
        });
        let bar = at.map_or_else(|| "a bar".to_owned(), |at| format!("the bar at {at}"));
        let what = format!("the condition has no value for {bar}: {}", fault.kind);
        let pointed = whole.error(fault.span, fault.kind.to_string());
        let error = Error::new(ErrorKind::InvalidInput, what).because(pointer(&pointed));
        match fault.kind {
            FaultKind::DivisionByZero => {
                error.then("leave such bars out first: `volume > 0 AND close / volume > 2`")
            }
            FaultKind::Overflow => error.then("compute with smaller numbers"),
            FaultKind::UnknownLocalTime => error.then("begin later: `--start 1987-01-01`"),
        }
    }
}

/// The rows that a branch of CASE decides, and where they stand among all.
pub(super) struct Share<'e> {
    pub expr: &'e Expr,
    pub places: Vec<usize>,
    pub rows: Vec<u32>,
}

pub(super) type Computed<T> = Result<T, Failure>;

/// A batch, and how its file stores values.
pub(super) struct Bars<'a> {
    pub batch: &'a RecordBatch,
    pub layout: &'a Layout,
}

impl<'a> Bars<'a> {
    /// Whether a condition holds in each of the rows. Of AND, OR and CASE only what decides is looked at.
    pub fn holds(&self, expr: &Expr, rows: Rows) -> Computed<Vec<bool>> {
        Ok(match &expr.node {
            Node::Constant(value) => vec![*value == Value::Boolean(true); rows.len()],
            Node::Not(inner) => self.holds(inner, rows)?.into_iter().map(|holds| !holds).collect(),
            Node::And(terms) => self.decided(terms, rows, false)?,
            Node::Or(terms) => self.decided(terms, rows, true)?,
            Node::Compare(operator, left, right) => match left.ty {
                Type::Number => {
                    let alone = right.constant().is_some() || left.constant().is_some();
                    let (left, right) =
                        (self.operand(left, rows, !alone)?, self.operand(right, rows, !alone)?);
                    compare(*operator, &left, &right, rows.len())
                }
                Type::Boolean => {
                    let (left, right) = (self.holds(left, rows)?, self.holds(right, rows)?);
                    left.iter().zip(&right).map(|(left, right)| operator.holds(left.cmp(right))).collect()
                }
                _ => {
                    let (left, right) = (self.moments(left, rows)?, self.moments(right, rows)?);
                    left.iter()
                        .zip(right.iter())
                        .map(|(left, right)| operator.holds(left.cmp(right)))
                        .collect()
                }
            },
            Node::Between(parts, negated) => self.between(parts, *negated, rows)?,
            Node::In(value, list, negated) => self.one_of(value, list, *negated, rows)?,
            Node::Case(branches, otherwise) => {
                let mut out = vec![false; rows.len()];
                for share in self.shares(branches, otherwise, rows)? {
                    let holds = self.holds(share.expr, Rows::Picked(&share.rows))?;
                    share.places.iter().zip(holds).for_each(|(at, holds)| out[*at] = holds);
                }
                out
            }
            // The scope has neither conditions nor functions of its own.
            _ => vec![false; rows.len()],
        })
    }

    /// AND (decided by a false term) or OR (decided by a true one).
    fn decided(&self, terms: &[Expr], rows: Rows, by: bool) -> Computed<Vec<bool>> {
        let mut out = vec![!by; rows.len()];
        for term in terms {
            let (places, open) = rows.narrowed(&out, !by);
            if open.is_empty() {
                break;
            }
            let is_all = open.len() == rows.len();
            let holds = self.holds(term, if is_all { rows } else { Rows::Picked(&open) })?;
            places.into_iter().zip(holds).for_each(|(place, holds)| out[place] = holds);
        }
        Ok(out)
    }

    fn between(&self, parts: &[Expr; 3], negated: bool, rows: Rows) -> Computed<Vec<bool>> {
        use expr::Comparison::{GreaterOrEqual, LessOrEqual};
        let [value, low, high] = parts;
        let (above, below) = if value.ty == Type::Number {
            let narrow = low.constant().is_none() || high.constant().is_none();
            let value = self.operand(value, rows, narrow)?;
            let (low, high) = (self.operand(low, rows, narrow)?, self.operand(high, rows, narrow)?);
            (
                compare(GreaterOrEqual, &value, &low, rows.len()),
                compare(LessOrEqual, &value, &high, rows.len()),
            )
        } else {
            let value = self.moments(value, rows)?;
            let (low, high) = (self.moments(low, rows)?, self.moments(high, rows)?);
            (pairs(GreaterOrEqual, &value, &low), pairs(LessOrEqual, &value, &high))
        };
        Ok(above.iter().zip(&below).map(|(above, below)| (*above && *below) != negated).collect())
    }

    fn one_of(&self, value: &Expr, list: &[Expr], negated: bool, rows: Rows) -> Computed<Vec<bool>> {
        let mut found = vec![false; rows.len()];
        let mut add =
            |holds: Vec<bool>| found.iter_mut().zip(holds).for_each(|(found, holds)| *found |= holds);
        match value.ty {
            Type::Number => {
                let value = self.operand(value, rows, list.iter().any(|item| item.constant().is_none()))?;
                for item in list {
                    add(compare(
                        expr::Comparison::Equal,
                        &value,
                        &self.operand(item, rows, true)?,
                        rows.len(),
                    ));
                }
            }
            Type::Boolean => {
                let value = self.holds(value, rows)?;
                for item in list {
                    add(self
                        .holds(item, rows)?
                        .iter()
                        .zip(&value)
                        .map(|(item, value)| item == value)
                        .collect());
                }
            }
            _ => {
                let value = self.moments(value, rows)?;
                for item in list {
                    add(pairs(expr::Comparison::Equal, &value, &self.moments(item, rows)?));
                }
            }
        }
        Ok(found.into_iter().map(|found| found != negated).collect())
    }

    /// Which rows each branch of CASE decides.
    pub fn shares<'e>(
        &self,
        branches: &'e [(Expr, Expr)],
        otherwise: &'e Expr,
        rows: Rows,
    ) -> Computed<Vec<Share<'e>>> {
        let (mut places, mut open) = rows.narrowed(&vec![true; rows.len()], true);
        let mut shares = Vec::with_capacity(branches.len() + 1);
        for (when, then) in branches {
            let here = Rows::Picked(&open);
            let holds = self.holds(when, here)?;
            let ((chosen_at, chosen), (rest_at, rest)) =
                (here.narrowed(&holds, true), here.narrowed(&holds, false));
            let place = |at: Vec<usize>| at.into_iter().map(|at| places[at]).collect::<Vec<usize>>();
            shares.push(Share { expr: then, places: place(chosen_at), rows: chosen });
            (places, open) = (place(rest_at), rest);
        }
        shares.push(Share { expr: otherwise, places, rows: open });
        Ok(shares)
    }

    /// Numbers of the rows; with `narrow`, a column in as few digits as it has, which computing needs and comparing does not.
    fn operand(&self, expr: &Expr, rows: Rows, narrow: bool) -> Computed<Numbers<'a>> {
        let count = rows.len();
        Ok(match &expr.node {
            Node::Constant(Value::Number(number)) => Numbers::Same(*number),
            Node::Name(name, _) => self.values(BAR_COLUMNS[stored_position(*name)], rows, narrow)?,
            Node::Negate(inner) => self.operand(inner, rows, true)?.negated(count),
            Node::Arithmetic(operator, left, right) => {
                let (first, second) = (self.operand(left, rows, true)?, self.operand(right, rows, true)?);
                let failed =
                    |(at, kind): Failed| Failure::Row(rows.row(at), operator.fault(kind, expr, right));
                arithmetic(*operator, &first, &second, count).map_err(failed)?
            }
            Node::Math(math, args) => self.math(*math, args, rows)?,
            Node::Part(part, inner) => Numbers::Narrow(self.part(*part, inner, rows)?.into(), 0),
            Node::Case(branches, otherwise) => {
                let mut out = vec![Number::ZERO; count];
                for share in self.shares(branches, otherwise, rows)? {
                    let numbers = self.operand(share.expr, Rows::Picked(&share.rows), true)?;
                    share.places.iter().enumerate().for_each(|(from, at)| out[*at] = numbers.get(from));
                }
                Numbers::Mixed(out)
            }
            // The scope has no functions of its own.
            _ => Numbers::Same(Number::ZERO),
        })
    }

    fn math(&self, math: Math, args: &[Expr], rows: Rows) -> Computed<Numbers<'a>> {
        let args: Computed<Vec<Numbers>> = args.iter().map(|arg| self.operand(arg, rows, true)).collect();
        let args = args?;
        Ok(match (math, &args[..]) {
            (Math::Abs, [only]) => only.abs(rows.len()),
            _ => Numbers::combined(&args, rows.len(), |args| math.of_numbers(args)),
        })
    }
}
