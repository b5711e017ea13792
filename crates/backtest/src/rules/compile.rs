//! From the tree of an expression to columns.

use bars::expr::{
    Arithmetic, Comparison, Expr, ExprError, Expression, Math, Node as Tree, Number, Part, Row, Span, Type,
    Value, Zone,
};

use super::functions::functions;
use super::names;
use crate::columns::{Binary, Clock, Columns, Compare, Id, Node, Source, Ties, Unary, Windowed};
use crate::indicators::Seed;

/// Makes columns of one set of rules.
pub(super) struct Compiler<'c, 'a> {
    columns: &'c mut Columns<'a>,
    interval: i64,
    /// Values of the parameters, in the order of the scope.
    params: &'c [f64],
    divisions: Vec<(Id, String)>,
}

impl<'c, 'a> Compiler<'c, 'a> {
    pub(super) fn new(columns: &'c mut Columns<'a>, interval: i64, params: &'c [f64]) -> Self {
        Self { columns, interval, params, divisions: Vec::new() }
    }

    pub(super) fn into_divisions(self) -> Vec<(Id, String)> {
        self.divisions
    }

    /// The column of a rule.
    pub(super) fn rule(&mut self, rule: &Expression, is_condition: bool) -> Result<Id, ExprError> {
        let mut tree = Walker { rule, compiler: self };
        if is_condition { tree.condition(rule.root(), false) } else { tree.number(rule.root()) }
    }
}

/// A compiler at work on a rule.
struct Walker<'w, 'c, 'a> {
    rule: &'w Expression,
    compiler: &'w mut Compiler<'c, 'a>,
}

impl<'a> Walker<'_, '_, 'a> {
    fn columns(&mut self) -> &mut Columns<'a> {
        self.compiler.columns
    }

    fn error<T>(&self, span: Span, what: impl Into<String>) -> Result<T, ExprError> {
        Err(self.rule.error(span, what))
    }

    /// A column of numbers; times count microseconds, dates days.
    fn number(&mut self, expr: &Expr) -> Result<Id, ExprError> {
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
                let mut chosen = self.number(otherwise)?;
                for (when, then) in branches.iter().rev() {
                    let (when, then) = (self.condition(when, false)?, self.number(then)?);
                    chosen = self.columns().put(Node::Choose(when, then, chosen));
                }
                chosen
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
            self.compiler.divisions.push((right, text));
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

    /// A condition, or its opposite. What cannot be compared holds neither way, so the opposite goes down to the comparisons.
    fn condition(&mut self, expr: &Expr, negated: bool) -> Result<Id, ExprError> {
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
                let mut chosen = self.condition(otherwise, negated)?;
                for (when, then) in branches.iter().rev() {
                    let (when, then) = (self.condition(when, false)?, self.condition(then, negated)?);
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
            let term = self.condition(term, negated)?;
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

    fn call(&mut self, function: usize, args: &[Expr]) -> Result<Id, ExprError> {
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

/// The arguments of a call, by kind.
struct Call {
    series: Vec<Id>,
    bars: Vec<u32>,
    factor: f64,
}

impl Call {
    /// The column of a function; its arguments are complete, since the language has checked them.
    fn built(&self, name: &str, columns: &mut Columns<'_>) -> Id {
        let series = || self.series[0];
        let window = |at: usize| self.bars[at];
        match name {
            "sma" => columns.windowed(Windowed::Sma, series(), window(0)),
            "ema" => columns.ema(series(), window(0)),
            "ema_first" => columns.windowed(Windowed::Ema(Seed::First), series(), window(0)),
            "wma" => columns.windowed(Windowed::Wma, series(), window(0)),
            "wilder" => columns.windowed(Windowed::Wilder, series(), window(0)),
            "rsi" => columns.windowed(Windowed::Rsi, series(), window(0)),
            "macd" => macd(columns, series(), window(0), window(1)),
            "macd_signal" | "macd_histogram" => {
                let line = macd(columns, series(), window(0), window(1));
                let signal = columns.ema(line, window(2));
                if name == "macd_signal" { signal } else { columns.minus(line, signal) }
            }
            "stddev" => columns.windowed(Windowed::DeviationPopulation, series(), window(0)),
            "stddev_sample" => columns.windowed(Windowed::DeviationSample, series(), window(0)),
            "zscore" => {
                let mean = columns.windowed(Windowed::Sma, series(), window(0));
                let deviation = columns.windowed(Windowed::DeviationPopulation, series(), window(0));
                let distance = columns.minus(series(), mean);
                columns.binary(Binary::Divide, distance, deviation)
            }
            "bollinger_upper" | "bollinger_lower" => {
                let mean = columns.windowed(Windowed::Sma, series(), window(0));
                let deviation = columns.windowed(Windowed::DeviationPopulation, series(), window(0));
                around(columns, mean, self.factor, deviation, name == "bollinger_upper")
            }
            "highest" => columns.windowed(Windowed::Highest, series(), window(0)),
            "lowest" => columns.windowed(Windowed::Lowest, series(), window(0)),
            "lag" => columns.windowed(Windowed::Lag, series(), window(0)),
            "bars_since" => columns.put(Node::BarsSince(series())),
            "ln" => columns.put(Node::Unary(Unary::Ln, series())),
            "exp" => columns.put(Node::Unary(Unary::Exp, series())),
            "sqrt" => columns.put(Node::Unary(Unary::Sqrt, series())),
            "crosses_above" => columns.put(Node::CrossAbove(self.series[0], self.series[1], Ties::Keep)),
            "crosses_below" => columns.put(Node::CrossAbove(self.series[1], self.series[0], Ties::Keep)),
            "change" | "roc" | "rising" | "falling" => self.against_before(name, columns),
            _ => self.of_bars(name, columns),
        }
    }

    /// Functions of a value and the one some bars ago.
    fn against_before(&self, name: &str, columns: &mut Columns<'_>) -> Id {
        let series = self.series[0];
        let before = columns.windowed(Windowed::Lag, series, self.bars[0]);
        match name {
            "rising" => columns.above(series, before),
            "falling" => columns.below(series, before),
            "change" => columns.minus(series, before),
            _ => {
                let ratio = columns.binary(Binary::Divide, series, before);
                let one = columns.constant(1.0);
                let growth = columns.minus(ratio, one);
                columns.times(100.0, growth)
            }
        }
    }

    /// Functions of the bars themselves.
    fn of_bars(&self, name: &str, columns: &mut Columns<'_>) -> Id {
        let window = |at: usize| self.bars[at];
        let (high, low, close) =
            (columns.source(Source::High), columns.source(Source::Low), columns.source(Source::Close));
        match name {
            "donchian_upper" => columns.windowed(Windowed::Highest, high, window(0)),
            "donchian_lower" => columns.windowed(Windowed::Lowest, low, window(0)),
            "true_range" => columns.put(Node::TrueRange),
            "atr" => columns.atr(window(0)),
            "keltner_upper" | "keltner_lower" => {
                let (middle, range) = (columns.ema(close, window(0)), columns.atr(window(1)));
                around(columns, middle, self.factor, range, name == "keltner_upper")
            }
            "stochastic_k" => stochastic(columns, window(0), window(1)),
            "stochastic_d" => {
                let k = stochastic(columns, window(0), window(1));
                columns.windowed(Windowed::Sma, k, window(2))
            }
            "vwap" => columns.put(Node::Vwap),
            // `typical`: the table and this list name the same functions, which a test proves.
            _ => {
                let sum = columns.plus(high, low);
                let (sum, three) = (columns.plus(sum, close), columns.constant(3.0));
                columns.binary(Binary::Divide, sum, three)
            }
        }
    }
}

fn macd(columns: &mut Columns<'_>, series: Id, fast: u32, slow: u32) -> Id {
    let (fast, slow) = (columns.ema(series, fast), columns.ema(series, slow));
    columns.minus(fast, slow)
}

fn around(columns: &mut Columns<'_>, middle: Id, factor: f64, distance: Id, above: bool) -> Id {
    let distance = columns.times(factor, distance);
    if above { columns.plus(middle, distance) } else { columns.minus(middle, distance) }
}

fn stochastic(columns: &mut Columns<'_>, window: u32, smooth: u32) -> Id {
    let (high, low, close) =
        (columns.source(Source::High), columns.source(Source::Low), columns.source(Source::Close));
    let highest = columns.windowed(Windowed::Highest, high, window);
    let lowest = columns.windowed(Windowed::Lowest, low, window);
    let (above, range) = (columns.minus(close, lowest), columns.minus(highest, lowest));
    let scaled = columns.times(100.0, above);
    let share = columns.binary(Binary::Divide, scaled, range);
    let (flat, middle) =
        (columns.put(Node::Compare(Compare::Equal, highest, lowest)), columns.constant(50.0));
    let raw = columns.put(Node::Choose(flat, middle, share));
    columns.windowed(Windowed::Sma, raw, smooth)
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
