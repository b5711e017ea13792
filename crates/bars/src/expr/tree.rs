//! The tree of an expression whose names and types are known.

use std::fmt;

use super::error::Span;
use super::number::Number;
use super::syntax::{Arithmetic, Comparison};
use crate::UnixNanos;

/// What a value is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Type {
    /// An exact decimal.
    Number,
    /// True or false.
    Boolean,
    /// An instant.
    Time,
    /// What a clock on a wall shows: date and time of day in some zone.
    LocalTime,
    /// A date.
    Date,
    /// A time of day.
    TimeOfDay,
    /// Text.
    Text,
}

impl Type {
    /// The type as a message names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Boolean => "a condition",
            Self::Time => "a time",
            Self::LocalTime => "a local time",
            Self::Date => "a date",
            Self::TimeOfDay => "a time of day",
            Self::Text => "text",
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`Type::Number`].
    Number(Number),
    /// Of [`Type::Boolean`].
    Boolean(bool),
    /// Of [`Type::Time`].
    Time(UnixNanos),
    /// Of [`Type::LocalTime`]: the instant at which a clock in UTC shows the same.
    LocalTime(UnixNanos),
    /// Of [`Type::Date`]: days since 1970-01-01.
    Date(i32),
    /// Of [`Type::TimeOfDay`]: nanoseconds since midnight.
    TimeOfDay(i64),
    /// Of [`Type::Text`].
    Text(String),
}

impl Value {
    /// Its type.
    pub const fn ty(&self) -> Type {
        match self {
            Self::Number(_) => Type::Number,
            Self::Boolean(_) => Type::Boolean,
            Self::Time(_) => Type::Time,
            Self::LocalTime(_) => Type::LocalTime,
            Self::Date(_) => Type::Date,
            Self::TimeOfDay(_) => Type::TimeOfDay,
            Self::Text(_) => Type::Text,
        }
    }
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// What it gives.
    pub ty: Type,
    /// The bytes it was read from.
    pub span: Span,
}

/// What a node is. Operands have the types that the operator needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A value that was written down or follows from such values.
    Constant(Value),
    /// The caller's name of this number; the flag says that it has one value for all rows.
    Name(usize, bool),
    /// The caller's function of this number.
    Call(usize, Vec<Expr>),
    /// A function of the language on numbers.
    Math(Math, Vec<Expr>),
    /// A part of a time, as a number.
    Part(Part, Box<Expr>),
    /// The date of a time.
    Date(Box<Expr>),
    /// The time of day of a time.
    TimeOfDay(Box<Expr>),
    /// What clocks of a zone show at a time.
    Local(Zone, Box<Expr>),
    /// The other sign.
    Negate(Box<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// Two numbers make one.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// Two values of one type are compared.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// All hold; the first that does not decides, and the others are not looked at.
    And(Vec<Expr>),
    /// One holds; the first that does decides, and the others are not looked at.
    Or(Vec<Expr>),
    /// Value, lower and upper end, both included; the flag says `NOT`.
    Between(Box<[Expr; 3]>, bool),
    /// A value is one of a list; the flag says `NOT`.
    In(Box<Expr>, Vec<Expr>, bool),
    /// The result of the first condition that holds; only that is computed.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
}

/// Functions of the language on numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Math {
    /// `abs(x)`
    Abs,
    /// `floor(x)`
    Floor,
    /// `ceil(x)`
    Ceil,
    /// `round(x)`, `round(x, decimals)`: half away from zero.
    Round,
    /// `least(x, …)`
    Least,
    /// `greatest(x, …)`
    Greatest,
}

impl Math {
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("abs", Self::Abs),
        ("floor", Self::Floor),
        ("ceil", Self::Ceil),
        ("ceiling", Self::Ceil),
        ("round", Self::Round),
        ("least", Self::Least),
        ("greatest", Self::Greatest),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, math)| *math)
    }
}

/// Parts of a time that are numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Calendar year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// ISO 8601 week, 1 to 53.
    Week,
    /// Day of the month, 1 to 31.
    Day,
    /// Day of the year, 1 to 366.
    DayOfYear,
    /// Day of the week from Sunday, 0, to Saturday, 6, as PostgreSQL and DuckDB count.
    DayOfWeek,
    /// Day of the week from Monday, 1, to Sunday, 7.
    IsoDayOfWeek,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59, whole seconds.
    Second,
}

impl Part {
    pub(super) const NAMES: [(&'static str, Self); 13] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("doy", Self::DayOfYear),
        ("dayofyear", Self::DayOfYear),
        ("dow", Self::DayOfWeek),
        ("dayofweek", Self::DayOfWeek),
        ("isodow", Self::IsoDayOfWeek),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }

    /// Whether it is a part of the time of day rather than of the date.
    pub const fn is_of_day(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second)
    }
}

/// Zones whose rules are built in, since the browser has no zone database that could be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Zone {
    /// UTC.
    Utc,
    /// New York, by the rules since 1987.
    NewYork,
}

impl Zone {
    pub(super) fn of(name: &str) -> Option<Self> {
        const NAMES: [(&str, Zone); 6] = [
            ("UTC", Zone::Utc),
            ("Etc/UTC", Zone::Utc),
            ("GMT", Zone::Utc),
            ("America/New_York", Zone::NewYork),
            ("US/Eastern", Zone::NewYork),
            ("EST5EDT", Zone::NewYork),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone)
    }
}

/// Why an expression has no value for a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The part of the expression that it is about.
    pub span: Span,
}

/// What can happen to a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// A number left the limits of [`Number`].
    Overflow,
    /// A division by zero.
    DivisionByZero,
    /// A local time before its zone's rules are known.
    UnknownLocalTime,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overflow => "the result has more than 38 digits or 64 decimals",
            Self::DivisionByZero => "division by zero",
            Self::UnknownLocalTime => "New York's clocks are known from 1987 on",
        })
    }
}

impl Expr {
    /// The nodes directly below.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.node {
            Node::Constant(_) | Node::Name(..) => Vec::new(),
            Node::Call(_, args) | Node::Math(_, args) | Node::And(args) | Node::Or(args) => {
                args.iter().collect()
            }
            Node::Part(_, inner)
            | Node::Date(inner)
            | Node::TimeOfDay(inner)
            | Node::Local(_, inner)
            | Node::Negate(inner)
            | Node::Not(inner) => vec![inner],
            Node::Arithmetic(_, left, right) | Node::Compare(_, left, right) => vec![left, right],
            Node::Between(parts, _) => parts.iter().collect(),
            Node::In(value, list, _) => std::iter::once(&**value).chain(list).collect(),
            Node::Case(branches, otherwise) => {
                branches.iter().flat_map(|(when, then)| [when, then]).chain([&**otherwise]).collect()
            }
        }
    }

    /// The numbers of all names in it, ascending, each once.
    pub fn names(&self) -> Vec<usize> {
        let mut names = Vec::new();
        self.add_names(&mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    fn add_names(&self, names: &mut Vec<usize>) {
        if let Node::Name(name, _) = &self.node {
            names.push(*name);
        }
        self.children().into_iter().for_each(|child| child.add_names(names));
    }

    /// Whether it has one value for all rows: it is made of constants only.
    pub fn is_constant(&self) -> bool {
        match &self.node {
            Node::Name(_, constant) => *constant,
            Node::Call(..) => false,
            _ => self.children().into_iter().all(Expr::is_constant),
        }
    }

    /// The constant it is, if it is one that was written down or follows from such.
    pub const fn constant(&self) -> Option<&Value> {
        match &self.node {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }
}
