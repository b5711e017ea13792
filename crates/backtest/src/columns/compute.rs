//! Computing a column from its inputs.

use std::sync::Arc;

use bars::expr::{Part, Zone, local, part_of_date};
use bars::{DAY, UnixNanos};

use super::mask::crosses;
use super::{Clock, Columns, Id, Mask, Node, Numbers, Source, Value, Windowed};
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
                let mask = match (self.value(a), self.value(b)) {
                    (Value::Numbers(a), Value::Constant(b)) => Mask::of_values(&a, |a| compare.of(a, b)),
                    (Value::Constant(a), Value::Numbers(b)) => Mask::of_values(&b, |b| compare.of(a, b)),
                    (Value::Numbers(a), Value::Numbers(b)) => Mask::of_pairs(&a, &b, |a, b| compare.of(a, b)),
                    (Value::Constant(a), Value::Constant(b)) => Mask::all(bars, compare.of(a, b)),
                    _ => Mask::all(bars, false),
                };
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
