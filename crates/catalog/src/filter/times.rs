//! What a condition says about stamps, found without reading any.

use bars::expr::{Comparison, Expr, Node, Part, Value};
use bars::{Date, IntervalSet, TimeRange, UnixNanos};

use super::stored_position;

/// Stamps outside these sets cannot fulfil the condition; `None` stands for all stamps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Implied {
    events: Option<IntervalSet>,
    inits: Option<IntervalSet>,
    /// Whether stamps inside fulfil it, so that nothing else need be looked at.
    exact: bool,
}

impl Implied {
    const NOTHING: Self = Self { events: None, inits: None, exact: false };

    /// What lies in a set of closes, exactly.
    pub fn closes(closes: IntervalSet) -> Self {
        Self { events: Some(closes), inits: None, exact: true }
    }

    /// What a condition implies.
    pub fn of(expr: &Expr) -> Self {
        match &expr.node {
            Node::Constant(Value::Boolean(holds)) => {
                Self { inits: (!holds).then(IntervalSet::default), events: None, exact: true }
            }
            Node::And(terms) => {
                let all = Self { events: None, inits: None, exact: true };
                terms.iter().map(Self::of).fold(all, Self::and)
            }
            Node::Or(terms) => terms.iter().map(Self::of).reduce(Self::or).unwrap_or(Self::NOTHING),
            Node::Not(inner) => Self::of(inner).not(),
            Node::Compare(operator, left, right) => match (Stamp::of(left), Stamp::of(right)) {
                (Some(stamp), None) => stamp.compared(*operator, right),
                (None, Some(stamp)) => stamp.compared(operator.mirrored(), left),
                _ => Self::NOTHING,
            },
            Node::Between(parts, negated) => {
                let [value, low, high] = &**parts;
                let Some(stamp) = Stamp::of(value) else { return Self::NOTHING };
                let within = stamp.compared(Comparison::GreaterOrEqual, low);
                let within = within.and(stamp.compared(Comparison::LessOrEqual, high));
                if *negated { within.not() } else { within }
            }
            Node::In(value, list, negated) => {
                let Some(stamp) = Stamp::of(value) else { return Self::NOTHING };
                let items = list.iter().map(|item| stamp.compared(Comparison::Equal, item));
                let any = items.reduce(Self::or).unwrap_or(Self::NOTHING);
                if *negated { any.not() } else { any }
            }
            _ => Self::NOTHING,
        }
    }

    fn and(self, other: Self) -> Self {
        let both = |left: Option<IntervalSet>, right: Option<IntervalSet>| match (left, right) {
            (Some(left), Some(right)) => Some(left.intersect(&right)),
            (one, other) => one.or(other),
        };
        Self {
            events: both(self.events, other.events),
            inits: both(self.inits, other.inits),
            exact: self.exact && other.exact,
        }
    }

    fn or(self, other: Self) -> Self {
        let either = |left: &Option<IntervalSet>, right: &Option<IntervalSet>| match (left, right) {
            (Some(left), Some(right)) => Some(left.union(right)),
            _ => None,
        };
        // Of conditions on different columns, the union is no box.
        let one_column = |implied: &Self| implied.events.is_none() || implied.inits.is_none();
        let alike =
            self.events.is_some() == other.events.is_some() && self.inits.is_some() == other.inits.is_some();
        Self {
            exact: self.exact && other.exact && alike && one_column(&self),
            events: either(&self.events, &other.events),
            inits: either(&self.inits, &other.inits),
        }
    }

    fn not(self) -> Self {
        let rest = |set: IntervalSet| [TimeRange::ALL].into_iter().collect::<IntervalSet>().subtract(&set);
        match (self.exact, self.events, self.inits) {
            (true, Some(events), None) => Self { events: Some(rest(events)), inits: None, exact: true },
            (true, None, Some(inits)) => Self { events: None, inits: Some(rest(inits)), exact: true },
            (true, None, None) => Self { events: None, inits: Some(IntervalSet::default()), exact: true },
            _ => Self::NOTHING,
        }
    }

    pub fn may_hold(&self, inits: [UnixNanos; 2], events: [UnixNanos; 2]) -> bool {
        let meets = |set: &Option<IntervalSet>, [first, last]: [UnixNanos; 2]| {
            set.as_ref().is_none_or(|set| {
                let at = set.ranges().partition_point(|range| range.end <= first);
                set.ranges().get(at).is_some_and(|range| range.start <= last)
            })
        };
        meets(&self.inits, inits) && meets(&self.events, events)
    }

    pub fn must_hold(&self, inits: [UnixNanos; 2], events: [UnixNanos; 2]) -> bool {
        let holds_all = |set: &Option<IntervalSet>, [first, last]: [UnixNanos; 2]| {
            set.as_ref().is_none_or(|set| {
                let at = set.ranges().partition_point(|range| range.end <= first);
                set.ranges().get(at).is_some_and(|range| range.start <= first && last < range.end)
            })
        };
        self.exact && holds_all(&self.inits, inits) && holds_all(&self.events, events)
    }
}

/// A column of stamps, or its date or year, which ascend with it.
#[derive(Clone, Copy)]
struct Stamp {
    is_init: bool,
    grain: Grain,
}

#[derive(Clone, Copy)]
enum Grain {
    Instant,
    Date,
    Year,
}

impl Stamp {
    fn of(expr: &Expr) -> Option<Self> {
        let (grain, inner) = match &expr.node {
            Node::Date(inner) => (Grain::Date, &**inner),
            Node::Part(Part::Year, inner) => (Grain::Year, &**inner),
            _ => (Grain::Instant, expr),
        };
        match &inner.node {
            Node::Name(name, _) => match stored_position(*name) {
                5 => Some(Self { is_init: false, grain }),
                6 => Some(Self { is_init: true, grain }),
                _ => None,
            },
            // The date of the year of a time zone does not ascend with UTC's.
            _ => None,
        }
    }

    /// What a comparison with a constant implies.
    fn compared(self, operator: Comparison, constant: &Expr) -> Implied {
        let Some(equal) = constant.constant().and_then(|value| self.equal_to(value)) else {
            return Implied::NOTHING;
        };
        let before = TimeRange::new(UnixNanos::MIN, equal.start);
        let after = TimeRange::new(equal.end, UnixNanos::MAX);
        let ranges = match operator {
            Comparison::Equal => vec![equal],
            Comparison::NotEqual => vec![before, after],
            Comparison::Less => vec![before],
            Comparison::LessOrEqual => vec![before, equal],
            Comparison::Greater => vec![after],
            Comparison::GreaterOrEqual => vec![equal, after],
        };
        let set = Some(ranges.into_iter().collect());
        let (events, inits) = if self.is_init { (None, set) } else { (set, None) };
        Implied { events, inits, exact: true }
    }

    /// Stamps whose instant, date or year is the constant.
    fn equal_to(self, value: &Value) -> Option<TimeRange> {
        match (self.grain, value) {
            (Grain::Instant, Value::Time(instant)) => Some(TimeRange::new(*instant, instant.plus(1))),
            (Grain::Date, Value::Date(days)) => {
                let midnight = |days: i32| UnixNanos(i64::from(days).saturating_mul(bars::DAY));
                Some(TimeRange::new(midnight(*days), midnight(days.checked_add(1)?)))
            }
            (Grain::Year, Value::Number(year)) => {
                let year = year.to_integer().and_then(|year| i16::try_from(year).ok())?;
                let new_year = |year: i16| Some(UnixNanos::midnight(Date::new(year, 1, 1).ok()?));
                Some(TimeRange::new(new_year(year)?, new_year(year.checked_add(1)?)?))
            }
            _ => None,
        }
    }
}
