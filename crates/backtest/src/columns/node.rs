//! What columns are made of.

use super::mask::Ties;
use crate::indicators::Seed;

/// A column, by its number in [`Columns`](super::Columns).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Id(pub(super) u32);

/// What a bar carries.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Source {
    Open,
    High,
    Low,
    Close,
    Volume,
    /// Microseconds since 1970, which `f64` holds exactly: the bar's open.
    Opened,
}

/// How a column follows from others. Columns that are equal in text are equal in fact and computed once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Node {
    /// A number for all bars, by its bits.
    Constant(u64),
    /// A column of the prices.
    Source(Source),
    /// A number from a number.
    Unary(Unary, Id),
    /// A number from two.
    Binary(Binary, Id, Id),
    /// The second where the condition holds, else the third.
    Choose(Id, Id, Id),
    /// A series function of a column over a window.
    Windowed(Windowed, Id, u32),
    /// The true range of the bars.
    TrueRange,
    /// The volume-weighted average price of each UTC day.
    Vwap,
    /// A part of the time in column, in a zone.
    Clock(Clock, Id),
    /// Bars since the condition held; not-a-number before it did.
    BarsSince(Id),
    /// A condition for all bars.
    Always(bool),
    /// A condition from two numbers; it never holds for what is not a number.
    Compare(Compare, Id, Id),
    /// Both hold.
    And(Id, Id),
    /// One holds.
    Or(Id, Id),
    /// It does not hold.
    Not(Id),
    /// The first comes to lie above the second.
    CrossAbove(Id, Id, Ties),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Unary {
    Negate,
    Abs,
    Floor,
    Ceil,
    Sqrt,
    Ln,
    Exp,
    /// Half away from zero, to so many decimals.
    Round(i8),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Least,
    Greatest,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Windowed {
    Sma,
    Ema(Seed),
    Wma,
    Wilder,
    Rsi,
    DeviationPopulation,
    DeviationSample,
    Highest,
    Lowest,
    Lag,
    /// The simple mean without the first bar, its first value also standing where the window is not full yet: it looks ahead, as
    /// the reference does.
    MeanFilledBack,
}

/// Parts of a time in microseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Clock {
    /// Microseconds since midnight.
    TimeOfDay,
    /// Days since 1970.
    Date,
    /// What clocks in New York show, in microseconds.
    NewYork,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfYear,
    DayOfWeek,
    IsoDayOfWeek,
    Hour,
    Minute,
    Second,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Compare {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

impl Unary {
    /// Not-a-number where the function has no finite value.
    #[inline]
    pub(super) fn of(self, value: f64) -> f64 {
        let result = self.raw(value);
        if result.is_finite() { result } else { f64::NAN }
    }

    #[inline]
    fn raw(self, value: f64) -> f64 {
        match self {
            Self::Negate => -value,
            Self::Abs => value.abs(),
            Self::Floor => value.floor(),
            Self::Ceil => value.ceil(),
            Self::Sqrt => value.sqrt(),
            // In software, so that a rule decides alike on every machine.
            Self::Ln => libm::log(value),
            Self::Exp => libm::exp(value),
            Self::Round(decimals) => {
                let unit = 10_f64.powi(i32::from(decimals));
                (value * unit).round() / unit
            }
        }
    }
}

impl Binary {
    #[inline]
    pub(super) fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            // A quotient by zero is no number rather than an infinite one, so that no comparison with it holds.
            Self::Divide if right == 0.0 => f64::NAN,
            Self::Divide => left / right,
            Self::Remainder => left % right,
            Self::Least if left.is_nan() || right.is_nan() => f64::NAN,
            Self::Least => left.min(right),
            Self::Greatest if left.is_nan() || right.is_nan() => f64::NAN,
            Self::Greatest => left.max(right),
        }
    }
}

impl Node {
    /// The columns it is computed from.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Id> {
        let ids = match *self {
            Self::Constant(_) | Self::Source(_) | Self::TrueRange | Self::Vwap | Self::Always(_) => {
                [None, None, None]
            }
            Self::Unary(_, a)
            | Self::Windowed(_, a, _)
            | Self::Clock(_, a)
            | Self::BarsSince(a)
            | Self::Not(a) => [Some(a), None, None],
            Self::Binary(_, a, b)
            | Self::Compare(_, a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::CrossAbove(a, b, _) => [Some(a), Some(b), None],
            Self::Choose(a, b, c) => [Some(a), Some(b), Some(c)],
        };
        ids.into_iter().flatten()
    }

    /// Bars it needs before the first value, beyond what its inputs need.
    pub(super) fn lookback(&self) -> u64 {
        match *self {
            Self::Windowed(kind, _, window) => match kind {
                Windowed::Lag | Windowed::Rsi => u64::from(window),
                Windowed::MeanFilledBack => 0,
                _ => u64::from(window.max(1)) - 1,
            },
            _ => 0,
        }
    }

    /// Whether it takes long to compute, so that the next run wants to find it.
    pub(super) fn is_worth_keeping(&self) -> bool {
        match self {
            Self::Windowed(kind, ..) => *kind != Windowed::Lag,
            Self::Vwap | Self::TrueRange | Self::Clock(..) => true,
            _ => false,
        }
    }
}
