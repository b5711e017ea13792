//! Computing a column from its inputs.

use std::sync::Arc;

use bars::expr::{Part, Zone, local, part_of_date};
use bars::{DAY, UnixNanos};

use super::mask::crosses;
use super::{Clock, Columns, Compare, Id, Mask, Node, Numbers, Source, Value, Windowed};
use crate::indicators::{self, Degrees};

impl<'a> Columns<'a> {
    pub(super) fn compute(&mut self, node: Node) -> Value<'a> {
        let bars = self.prices.times.len();
        match node {
            Node::Constant(bits) => Value::Constant(f64::from_bits(bits)),
            Node::Source(source) => Value::Numbers(self.source_column(source)),
            Node::Unary(function, a) => match self.value(a) {
                Value::Constant(a) => Value::Constant(function.of(a)),
                other => numbers(self.dense(other).iter().map(|&a| function.of(a))),
            },
            Node::Binary(function, a, b) => self.pairs(a, b, |a, b| function.of(a, b)),
            Node::Choose(condition, then, otherwise) => {
                let condition = self.condition(condition);
                let (then, otherwise) = (self.numbers_of(then), self.numbers_of(otherwise));
                let pick = |bar: usize| if condition.get(bar) { then[bar] } else { otherwise[bar] };
                numbers((0..bars).map(pick))
            }
            Node::Windowed(Windowed::Sma, of, window) => self.average(of, window),
            Node::Windowed(function, of, window) => {
                Value::Numbers(windowed(function, &self.numbers_of(of), window).into())
            }
            Node::TrueRange => {
                let (high, low, close) = (self.prices.high, self.prices.low, self.prices.close);
                Value::Numbers(indicators::true_range(high, low, close).into())
            }
            Node::Vwap => {
                let days: Vec<i64> = self.prices.times.iter().map(|time| time.div_euclid(DAY)).collect();
                let prices = [self.prices.high, self.prices.low, self.prices.close];
                Value::Numbers(indicators::vwap(&days, prices, self.prices.volume).into())
            }
            Node::Clock(clock, of) => numbers(self.numbers_of(of).iter().map(|&time| clock_of(clock, time))),
            Node::BarsSince(condition) => numbers(bars_since(&self.condition(condition), bars)),
            Node::Always(holds) => Value::Condition(Arc::new(Mask::all(bars, holds))),
            Node::Compare(compare, a, b) => {
                let mask = compared(compare, &self.value(a), &self.value(b), bars);
                Value::Condition(Arc::new(mask))
            }
            Node::And(a, b) => self.join(a, b, |a, b| a & b),
            Node::Or(a, b) => self.join(a, b, |a, b| a | b),
            Node::Not(a) => Value::Condition(Arc::new(self.condition(a).not())),
            Node::CrossAbove(a, b, ties) => {
                let (above, below) = (self.above(a, b), self.below(a, b));
                let (above, below) = (self.condition(above), self.condition(below));
                Value::Condition(Arc::new(crosses(&above, &below, ties)))
            }
        }
    }

    /// A simple moving average; if another one of the same column is wanted, both are computed at once.
    fn average(&mut self, of: Id, window: u32) -> Value<'a> {
        let values = self.numbers_of(of);
        let wanted = self.nodes.iter().zip(&self.values).rev().take(RECENT_NODES).find_map(
            |(node, value)| match *node {
                Node::Windowed(Windowed::Sma, column, other) if column == of && other != window => {
                    value.is_none().then_some((*node, other))
                }
                _ => None,
            },
        );
        let Some((node, other)) = wanted else {
            return Value::Numbers(indicators::sma(&values, window).into());
        };
        let [own, another] = indicators::sma_pair(&values, [window, other]);
        let id = self.put(node);
        self.keep(id, Value::Numbers(another.into()));
        Value::Numbers(own.into())
    }

    fn join(&mut self, a: Id, b: Id, join: impl Fn(u64, u64) -> u64) -> Value<'a> {
        let (a, b) = (self.condition(a), self.condition(b));
        Value::Condition(Arc::new(a.with(&b, join)))
    }

    fn pairs(&mut self, a: Id, b: Id, of: impl Fn(f64, f64) -> f64) -> Value<'a> {
        match (self.value(a), self.value(b)) {
            (Value::Constant(a), Value::Constant(b)) => Value::Constant(of(a, b)),
            (a, Value::Constant(b)) => numbers(self.dense(a).iter().map(|&a| of(a, b))),
            (Value::Constant(a), b) => numbers(self.dense(b).iter().map(|&b| of(a, b))),
            (a, b) => numbers(self.dense(a).iter().zip(self.dense(b).iter()).map(|(&a, &b)| of(a, b))),
        }
    }

    /// A column of numbers, one a bar.
    pub(crate) fn numbers_of(&mut self, id: Id) -> Numbers<'a> {
        let value = self.value(id);
        self.dense(value)
    }

    fn dense(&self, value: Value<'a>) -> Numbers<'a> {
        let bars = self.prices.times.len();
        match value {
            Value::Numbers(numbers) => numbers,
            Value::Constant(number) => vec![number; bars].into(),
            Value::Condition(mask) => {
                (0..bars).map(|bar| f64::from(u8::from(mask.get(bar)))).collect::<Vec<f64>>().into()
            }
        }
    }

    fn source_column(&self, source: Source) -> Numbers<'a> {
        let prices = self.prices;
        match source {
            Source::Open => Numbers::Given(prices.open),
            Source::High => Numbers::Given(prices.high),
            Source::Low => Numbers::Given(prices.low),
            Source::Close => Numbers::Given(prices.close),
            Source::Volume => Numbers::Given(prices.volume),
            Source::Opened => {
                let micros = prices.times.iter().map(|time| time.div_euclid(1000) as f64);
                micros.collect::<Vec<f64>>().into()
            }
        }
    }
}

fn numbers<'a>(values: impl Iterator<Item = f64>) -> Value<'a> {
    Value::Numbers(values.collect::<Vec<f64>>().into())
}

fn compared(compare: Compare, left: &Value<'_>, right: &Value<'_>, bars: usize) -> Mask {
    // One loop for each comparison, so that it is not chosen anew for every value.
    match compare {
        Compare::Less => mask_of(left, right, bars, |left, right| left < right),
        Compare::LessOrEqual => mask_of(left, right, bars, |left, right| left <= right),
        Compare::Equal => mask_of(left, right, bars, |left, right| left == right),
        // Not `!=`, which holds for what is not a number.
        Compare::NotEqual => mask_of(left, right, bars, |left, right| (left < right) | (left > right)),
    }
}

#[inline]
fn mask_of(left: &Value<'_>, right: &Value<'_>, bars: usize, holds: impl Fn(f64, f64) -> bool) -> Mask {
    match (left, right) {
        (Value::Numbers(left), Value::Constant(right)) => Mask::of_values(left, |left| holds(left, *right)),
        (Value::Constant(left), Value::Numbers(right)) => Mask::of_values(right, |right| holds(*left, right)),
        (Value::Numbers(left), Value::Numbers(right)) => Mask::of_pairs(left, right, holds),
        (Value::Constant(left), Value::Constant(right)) => Mask::all(bars, holds(*left, *right)),
        _ => Mask::all(bars, false),
    }
}

fn windowed(function: Windowed, values: &[f64], window: u32) -> Vec<f64> {
    match function {
        Windowed::Sma => indicators::sma(values, window),
        Windowed::Ema(seed) => indicators::ema(values, window, seed),
        Windowed::Wma => indicators::wma(values, window),
        Windowed::Wilder => indicators::wilder(values, window),
        Windowed::Rsi => indicators::rsi(values, window),
        Windowed::DeviationPopulation => indicators::deviation(values, window, Degrees::Population),
        Windowed::DeviationSample => indicators::deviation(values, window, Degrees::Sample),
        Windowed::Highest => indicators::highest(values, window),
        Windowed::Lowest => indicators::lowest(values, window),
        Windowed::Lag => indicators::lag(values, window),
        Windowed::MeanFilledBack => {
            let mut means = vec![f64::NAN; values.len().min(1)];
            means.extend(indicators::sma(values.get(1..).unwrap_or_default(), window));
            let first = means.iter().copied().find(|mean| !mean.is_nan()).unwrap_or(f64::NAN);
            means.iter_mut().take_while(|mean| mean.is_nan()).for_each(|mean| *mean = first);
            means
        }
    }
}

/// Nodes among which another average of the same column is looked for.
const RECENT_NODES: usize = 16;

/// Microseconds in a day.
const DAY_MICROS: f64 = (DAY / 1000) as f64;

fn clock_of(clock: Clock, micros: f64) -> f64 {
    if micros.is_nan() {
        return f64::NAN;
    }
    let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let part = match clock {
        Clock::TimeOfDay => return rest,
        Clock::Date => return days,
        Clock::NewYork => {
            let shown = local(Zone::NewYork, UnixNanos((micros as i64).saturating_mul(1000)));
            return shown.map_or(f64::NAN, |shown| shown.0.div_euclid(1000) as f64);
        }
        Clock::Hour => return (rest / 3.6e9).floor(),
        Clock::Minute => return (rest / 6e7).floor() % 60.0,
        Clock::Second => return (rest / 1e6).floor() % 60.0,
        Clock::Year => Part::Year,
        Clock::Quarter => Part::Quarter,
        Clock::Month => Part::Month,
        Clock::Week => Part::Week,
        Clock::Day => Part::Day,
        Clock::DayOfYear => Part::DayOfYear,
        Clock::DayOfWeek => Part::DayOfWeek,
        Clock::IsoDayOfWeek => Part::IsoDayOfWeek,
    };
    part_of_date(part, days as i32) as f64
}

fn bars_since(condition: &Mask, bars: usize) -> impl Iterator<Item = f64> + '_ {
    let mut since = f64::NAN;
    (0..bars).map(move |bar| {
        since = if condition.get(bar) { 0.0 } else { since + 1.0 };
        since
    })
}
