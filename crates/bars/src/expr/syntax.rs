//! The tree of an expression as it was written, before names and types are known.

use std::fmt::{self, Display, Write};

use super::error::Span;
use super::number::Number;

/// A node of the tree, and its bytes. Two nodes are equal if they print alike, wherever they stand.
#[derive(Clone, Debug)]
pub struct Syntax {
    /// What it is.
    pub kind: SyntaxKind,
    /// The bytes it was read from.
    pub span: Span,
    /// Levels below it, itself included.
    pub(super) depth: usize,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum SyntaxKind {
    /// `184.64`
    Number(Number),
    /// `'text'`
    Text(String),
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// `TIMESTAMP '…'`, `DATE '…'`, `TIME '…'`
    Moment(Moment, String),
    /// `close`, `"close"`
    Name(String),
    /// `hour(ts)`, which is also what `EXTRACT(hour FROM ts)` becomes.
    Call(String, Vec<Syntax>),
    /// `-x`
    Negate(Box<Syntax>),
    /// `NOT x`
    Not(Box<Syntax>),
    /// `x AT TIME ZONE 'zone'`
    AtZone(Box<Syntax>, String),
    /// `x + y`
    Arithmetic(Arithmetic, Box<Syntax>, Box<Syntax>),
    /// `x <= y`
    Compare(Comparison, Box<Syntax>, Box<Syntax>),
    /// `x AND y AND z`
    And(Vec<Syntax>),
    /// `x OR y OR z`
    Or(Vec<Syntax>),
    /// `x BETWEEN low AND high`; the flag says `NOT`.
    Between(Box<[Syntax; 3]>, bool),
    /// `x IN (a, b)`; the flag says `NOT`.
    In(Box<Syntax>, Vec<Syntax>, bool),
    /// `x IS NULL`; the flag says `NOT`.
    IsNull(Box<Syntax>, bool),
    /// `CASE WHEN x THEN y ELSE z END`
    Case(Vec<(Syntax, Syntax)>, Box<Syntax>),
}

/// Kinds of literal times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// An instant.
    Timestamp,
    /// A date.
    Date,
    /// A time of day.
    Time,
}

/// Operators on two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Operators that compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Moment {
    pub(super) const ALL: [Self; 3] = [Self::Timestamp, Self::Date, Self::Time];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Time => "TIME",
        }
    }
}

impl Arithmetic {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    pub(super) const fn power(self) -> Power {
        match self {
            Self::Add | Self::Subtract => Power::Sum,
            _ => Power::Product,
        }
    }
}

impl Comparison {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it holds between two values of that order.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison that holds when the sides are exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

/// How strongly an operator holds its operands, weakest first, as in SQL.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Power {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
    Zone,
    Atom,
}

impl Syntax {
    pub(super) fn new(kind: SyntaxKind, span: Span) -> Self {
        let depth = 1 + children(&kind).into_iter().map(|child| child.depth).max().unwrap_or_default();
        Self { kind, span, depth }
    }

    fn power(&self) -> Power {
        match &self.kind {
            SyntaxKind::Or(_) => Power::Or,
            SyntaxKind::And(_) => Power::And,
            SyntaxKind::Not(_) => Power::Not,
            SyntaxKind::Compare(..)
            | SyntaxKind::Between(..)
            | SyntaxKind::In(..)
            | SyntaxKind::IsNull(..) => Power::Comparison,
            SyntaxKind::Arithmetic(operator, ..) => operator.power(),
            SyntaxKind::Negate(_) => Power::Sign,
            SyntaxKind::AtZone(..) => Power::Zone,
            _ => Power::Atom,
        }
    }

    /// Prints the node for a place that needs at least `power`, in parentheses if it has less.
    fn within(&self, power: Power) -> Within<'_> {
        Within(self, power)
    }
}

fn children(kind: &SyntaxKind) -> Vec<&Syntax> {
    match kind {
        SyntaxKind::Call(_, args) | SyntaxKind::And(args) | SyntaxKind::Or(args) => args.iter().collect(),
        SyntaxKind::Negate(inner)
        | SyntaxKind::Not(inner)
        | SyntaxKind::AtZone(inner, _)
        | SyntaxKind::IsNull(inner, _) => vec![inner],
        SyntaxKind::Arithmetic(_, left, right) | SyntaxKind::Compare(_, left, right) => vec![left, right],
        SyntaxKind::Between(parts, _) => parts.iter().collect(),
        SyntaxKind::In(value, list, _) => std::iter::once(&**value).chain(list).collect(),
        SyntaxKind::Case(branches, otherwise) => {
            branches.iter().flat_map(|(when, then)| [when, then]).chain([&**otherwise]).collect()
        }
        SyntaxKind::Number(_)
        | SyntaxKind::Text(_)
        | SyntaxKind::Boolean(_)
        | SyntaxKind::Moment(..)
        | SyntaxKind::Name(_) => Vec::new(),
    }
}

impl PartialEq for Syntax {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

struct Within<'a>(&'a Syntax, Power);

impl Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.power() < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

/// Prints what reads back as the same tree, with as few parentheses as that needs.
impl Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negation = |negated: &bool| if *negated { "NOT " } else { "" };
        match &self.kind {
            SyntaxKind::Number(number) => number.fmt(f),
            SyntaxKind::Text(text) => quote(f, text, '\''),
            SyntaxKind::Boolean(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            SyntaxKind::Moment(moment, text) => {
                write!(f, "{} ", moment.as_str())?;
                quote(f, text, '\'')
            }
            SyntaxKind::Name(name) => write_name(f, name, super::parser::is_reserved(name)),
            SyntaxKind::Call(name, args) => {
                let moment = Moment::ALL.iter().any(|moment| name.eq_ignore_ascii_case(moment.as_str()));
                write_name(f, name, super::parser::is_reserved(name) && !moment)?;
                write!(f, "({})", listed(args, ", ", Power::Or))
            }
            SyntaxKind::Negate(inner) => write!(f, "-{}", inner.within(Power::Zone)),
            SyntaxKind::Not(inner) => write!(f, "NOT {}", inner.within(Power::Not)),
            SyntaxKind::AtZone(inner, zone) => {
                write!(f, "{} AT TIME ZONE ", inner.within(Power::Zone))?;
                quote(f, zone, '\'')
            }
            SyntaxKind::Arithmetic(operator, left, right) => {
                let (own, above) = match operator.power() {
                    Power::Sum => (Power::Sum, Power::Product),
                    _ => (Power::Product, Power::Sign),
                };
                write!(f, "{} {} {}", left.within(own), operator.as_str(), right.within(above))
            }
            SyntaxKind::Compare(operator, left, right) => {
                write!(f, "{} {} {}", left.within(Power::Sum), operator.as_str(), right.within(Power::Sum))
            }
            SyntaxKind::And(terms) => listed(terms, " AND ", Power::Not).fmt(f),
            SyntaxKind::Or(terms) => listed(terms, " OR ", Power::And).fmt(f),
            SyntaxKind::Between(parts, negated) => {
                let [value, low, high] = &**parts;
                let (value, low, high) =
                    (value.within(Power::Sum), low.within(Power::Sum), high.within(Power::Sum));
                write!(f, "{value} {}BETWEEN {low} AND {high}", negation(negated))
            }
            SyntaxKind::In(value, list, negated) => {
                let list = listed(list, ", ", Power::Or);
                write!(f, "{} {}IN ({list})", value.within(Power::Sum), negation(negated))
            }
            SyntaxKind::IsNull(value, negated) => {
                write!(f, "{} IS {}NULL", value.within(Power::Sum), negation(negated))
            }
            SyntaxKind::Case(branches, otherwise) => {
                f.write_str("CASE")?;
                branches.iter().try_for_each(|(when, then)| write!(f, " WHEN {when} THEN {then}"))?;
                write!(f, " ELSE {otherwise} END")
            }
        }
    }
}

fn listed(items: &[Syntax], separator: &str, power: Power) -> String {
    items.iter().map(|item| item.within(power).to_string()).collect::<Vec<_>>().join(separator)
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for char in text.chars() {
        f.write_char(char)?;
        if char == quote {
            f.write_char(char)?;
        }
    }
    f.write_char(quote)
}

/// Names that would be read as something else stand in double quotes.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str, reserved: bool) -> fmt::Result {
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let plain = starts && chars.all(|char| char.is_alphanumeric() || char == '_');
    if plain && !reserved && name == name.to_lowercase() { f.write_str(name) } else { quote(f, name, '"') }
}
