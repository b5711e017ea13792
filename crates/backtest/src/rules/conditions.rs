//! Conditions of rules, and their opposites.

use bars::expr::{Comparison, Expr, ExprError, Node as Tree, Type, Value};

use super::compile::Walker;
use crate::columns::{Compare, Id, Node};

impl Walker<'_, '_, '_> {
    /// A condition, or its opposite. What cannot be compared holds neither way, so the opposite goes down to the comparisons.
    pub(super) fn condition(&mut self, expr: &Expr, negated: bool) -> Result<Id, ExprError> {
        Ok(match &expr.node {
            Tree::Constant(Value::Boolean(holds)) => self.columns().put(Node::Always(*holds != negated)),
            Tree::Not(inner) => self.condition(inner, !negated)?,
            Tree::And(terms) => self.joined(terms, negated, !negated)?,
            Tree::Or(terms) => self.joined(terms, negated, negated)?,
            Tree::Compare(operator, left, right) if left.ty == Type::Boolean => {
                let same = (*operator == Comparison::Equal) != negated;
                self.same(left, right, same)?
            }
            Tree::Compare(operator, left, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                self.compare(*operator, left, right, negated)
            }
            Tree::Between(parts, not) => {
                let [value, low, high] = &**parts;
                let (value, low, high) = (self.number(value)?, self.number(low)?, self.number(high)?);
                let negated = *not != negated;
                let above = self.compare(Comparison::GreaterOrEqual, value, low, negated);
                let below = self.compare(Comparison::LessOrEqual, value, high, negated);
                self.pair(above, below, !negated)
            }
            Tree::In(value, list, not) => {
                let value = self.number(value)?;
                let negated = *not != negated;
                let mut found = self.columns().put(Node::Always(negated));
                for item in list {
                    let item = self.number(item)?;
                    let equal = self.compare(Comparison::Equal, value, item, negated);
                    found = self.pair(found, equal, negated);
                }
                found
            }
            Tree::Case(branches, otherwise) => {
                let result = |walker: &mut Self, expr: &Expr| walker.condition(expr, negated);
                let (branches, mut chosen) = self.case(branches, otherwise, result)?;
                for (when, then) in branches.into_iter().rev() {
                    let not_when = self.columns().not(when);
                    let (yes, no) = (self.pair(when, then, true), self.pair(not_when, chosen, true));
                    chosen = self.pair(yes, no, false);
                }
                chosen
            }
            Tree::Call(function, args) => {
                let condition = self.call(*function, args)?;
                if negated { self.columns().not(condition) } else { condition }
            }
            _ => return self.error(expr.span, "a condition is needed here"),
        })
    }

    /// All of the terms, or one of them.
    fn joined(&mut self, terms: &[Expr], negated: bool, all: bool) -> Result<Id, ExprError> {
        let mut joined = self.columns().put(Node::Always(all));
        for term in terms {
            // A term matters only where those before have not decided.
            let open = if all { joined } else { self.columns().not(joined) };
            let term = self.where_holds(open, |walker| walker.condition(term, negated))?;
            joined = self.pair(joined, term, all);
        }
        Ok(joined)
    }

    fn pair(&mut self, left: Id, right: Id, all: bool) -> Id {
        self.columns().put(if all { Node::And(left, right) } else { Node::Or(left, right) })
    }

    /// Two conditions that hold together or not, or of which exactly one holds.
    fn same(&mut self, left: &Expr, right: &Expr, same: bool) -> Result<Id, ExprError> {
        let (yes, not_yes) = (self.condition(left, false)?, self.condition(left, true)?);
        let (other, not_other) = (self.condition(right, false)?, self.condition(right, true)?);
        let (other, not_other) = if same { (other, not_other) } else { (not_other, other) };
        let (both, neither) = (self.pair(yes, other, true), self.pair(not_yes, not_other, true));
        Ok(self.pair(both, neither, false))
    }

    fn compare(&mut self, operator: Comparison, left: Id, right: Id, negated: bool) -> Id {
        let (compare, swapped) = match operator {
            Comparison::Equal if negated => (Compare::NotEqual, false),
            Comparison::NotEqual if negated => (Compare::Equal, false),
            Comparison::Equal => (Compare::Equal, false),
            Comparison::NotEqual => (Compare::NotEqual, false),
            Comparison::Less => (if negated { Compare::LessOrEqual } else { Compare::Less }, negated),
            Comparison::LessOrEqual => (if negated { Compare::Less } else { Compare::LessOrEqual }, negated),
            Comparison::Greater => (if negated { Compare::LessOrEqual } else { Compare::Less }, !negated),
            Comparison::GreaterOrEqual => {
                (if negated { Compare::Less } else { Compare::LessOrEqual }, !negated)
            }
        };
        let (left, right) = if swapped { (right, left) } else { (left, right) };
        self.columns().put(Node::Compare(compare, left, right))
    }
}
