//! The conditions of the built-in strategies.

use crate::columns::{Columns, Compare, Id, Node, Source, Ties, Unary, Windowed};
use crate::indicators::Seed;
use crate::rules::{Compiled, Levels};
use crate::{BacktestError, ClockTime, Direction, Profile, Spec, Strategy, When};

/// When a strategy wants to enter and leave. Each is a condition, known at the close of its bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signals {
    pub(crate) long: Option<Id>,
    pub(crate) short: Option<Id>,
    pub(crate) leave_long: Option<Id>,
    pub(crate) leave_short: Option<Id>,
    /// When entries are followed unless the spec says otherwise.
    pub(crate) when: When,
    /// Entries count on the first bar only.
    pub(crate) once: bool,
    /// Prices and sizes of entries.
    pub(crate) levels: Levels,
    /// Bars before the first on which every column has a value.
    pub(crate) warm_up: u64,
}

impl Signals {
    pub(crate) fn new(when: When) -> Self {
        let levels = Levels::default();
        Self {
            long: None,
            short: None,
            leave_long: None,
            leave_short: None,
            when,
            once: false,
            levels,
            warm_up: 0,
        }
    }

    pub(crate) fn conditions(&self) -> impl Iterator<Item = Id> {
        [self.long, self.short, self.leave_long, self.leave_short].into_iter().flatten()
    }
}

/// The conditions of a spec's strategy over bars of `interval` nanoseconds, and the divisions in them.
pub(crate) fn signals(
    spec: &Spec,
    columns: &mut Columns<'_>,
    interval: i64,
) -> Result<Compiled, BacktestError> {
    let close = columns.close();
    let mut signals = match spec.strategy {
        Strategy::Rules(ref rules) => return rules.compile(columns, interval),
        Strategy::SmaCross { fast, slow } => {
            let average = |columns: &mut Columns<'_>, window| columns.windowed(Windowed::Sma, close, window);
            let (fast, slow) = (average(columns, fast), average(columns, slow));
            crossing(spec, columns, fast, slow)
        }
        Strategy::EmaCross { fast, slow, seed } => {
            let average =
                |columns: &mut Columns<'_>, window| columns.windowed(Windowed::Ema(seed), close, window);
            let (fast, slow) = (average(columns, fast), average(columns, slow));
            crossing(spec, columns, fast, slow)
        }
        Strategy::Macd { fast, slow, signal } => {
            let (fast, slow) = (columns.ema(close, fast), columns.ema(close, slow));
            let line = columns.minus(fast, slow);
            let signal = columns.ema(line, signal);
            crossing(spec, columns, line, signal)
        }
        Strategy::RsiReversion { window, low, high } => {
            let rsi = columns.windowed(Windowed::Rsi, close, window);
            let (low, high) = (columns.constant(low), columns.constant(high));
            let (long, short) = (columns.below(rsi, low), columns.above(rsi, high));
            Signals { long: Some(long), short: Some(short), ..Signals::new(When::Reverse) }
        }
        Strategy::BollingerReversion { window, deviations } => bollinger(columns, window, deviations),
        Strategy::DonchianBreakout { entry, exit } => donchian(columns, entry, exit),
        Strategy::TimeOfDay { enter, exit } => time_of_day(spec.direction, columns, interval, enter, exit),
        Strategy::BuyAndHold {} => {
            let always = Some(columns.put(Node::Always(true)));
            let (long, short) =
                if spec.direction == Direction::Short { (None, always) } else { (always, None) };
            Signals { long, short, once: true, ..Signals::new(When::Flat) }
        }
        Strategy::NautilusEmaCross { fast, slow } => nautilus(columns, fast, slow),
    };
    signals.warm_up = signals.conditions().map(|id| columns.warm_up(id)).max().unwrap_or(0);
    Ok(Compiled { signals, divisions: Vec::new() })
}

/// Long when `fast` comes to lie above `slow`, short when below.
fn crossing(spec: &Spec, columns: &mut Columns<'_>, fast: Id, slow: Id) -> Signals {
    let ties = match spec.profile {
        Profile::Barkeep => Ties::Keep,
        Profile::Btpy06 => Ties::Break,
    };
    let long = columns.put(Node::CrossAbove(fast, slow, ties));
    let short = columns.put(Node::CrossAbove(slow, fast, ties));
    Signals { long: Some(long), short: Some(short), ..Signals::new(When::Always) }
}

fn bollinger(columns: &mut Columns<'_>, window: u32, deviations: f64) -> Signals {
    let close = columns.close();
    let middle = columns.windowed(Windowed::Sma, close, window);
    let deviation = columns.windowed(Windowed::DeviationPopulation, close, window);
    let distance = columns.times(deviations, deviation);
    let (upper, lower) = (columns.plus(middle, distance), columns.minus(middle, distance));
    let (long, short) = (columns.below(close, lower), columns.above(close, upper));
    let leave_long = columns.put(Node::Compare(Compare::LessOrEqual, middle, close));
    let leave_short = columns.put(Node::Compare(Compare::LessOrEqual, close, middle));
    Signals {
        long: Some(long),
        short: Some(short),
        leave_long: Some(leave_long),
        leave_short: Some(leave_short),
        ..Signals::new(When::Flat)
    }
}

fn donchian(columns: &mut Columns<'_>, entry: u32, exit: u32) -> Signals {
    let (high, low) = (columns.source(Source::High), columns.source(Source::Low));
    let close = columns.close();
    let mut before = |function, of, window| {
        let present = columns.windowed(function, of, window);
        columns.windowed(Windowed::Lag, present, 1)
    };
    let (highest, lowest) = (before(Windowed::Highest, high, entry), before(Windowed::Lowest, low, entry));
    let (leave_high, leave_low) =
        (before(Windowed::Highest, high, exit), before(Windowed::Lowest, low, exit));
    Signals {
        long: Some(columns.above(close, highest)),
        short: Some(columns.below(close, lowest)),
        leave_long: Some(columns.below(close, leave_low)),
        leave_short: Some(columns.above(close, leave_high)),
        ..Signals::new(When::Flat)
    }
}

fn time_of_day(
    direction: Direction,
    columns: &mut Columns<'_>,
    interval: i64,
    enter: ClockTime,
    exit: ClockTime,
) -> Signals {
    let opened = columns.source(Source::Opened);
    let length = columns.constant(interval as f64 / 1000.0);
    let ended = columns.plus(opened, length);
    let time = columns.put(Node::Clock(crate::columns::Clock::TimeOfDay, ended));
    let mut from = |clock: ClockTime| {
        let micros = columns.constant(f64::from(clock.seconds()) * 1e6);
        columns.put(Node::Compare(Compare::LessOrEqual, micros, time))
    };
    let (after_enter, after_exit) = (from(enter), from(exit));
    let before_exit = columns.put(Node::Not(after_exit));
    let inside = if enter < exit {
        columns.and(after_enter, before_exit)
    } else {
        columns.put(Node::Or(after_enter, before_exit))
    };
    let [one, half, zero] = [1.0, 0.5, 0.0].map(|number| columns.constant(number));
    let step = columns.put(Node::Choose(inside, one, zero));
    let begins = Some(columns.put(Node::CrossAbove(step, half, Ties::Keep)));
    let outside = Some(columns.put(Node::Not(inside)));
    let (long, short) = if direction == Direction::Short { (None, begins) } else { (begins, None) };
    Signals { long, short, leave_long: outside, leave_short: outside, ..Signals::new(When::Flat) }
}

fn nautilus(columns: &mut Columns<'_>, fast: u32, slow: u32) -> Signals {
    let close = columns.close();
    let mut average = |window| columns.windowed(Windowed::Ema(Seed::First), close, window);
    let (fast, slow) = (average(fast), average(slow));
    let (high, low) = (columns.source(Source::High), columns.source(Source::Low));
    let moved = columns.above(high, low);
    let over = columns.put(Node::Compare(Compare::LessOrEqual, slow, fast));
    let under = columns.below(fast, slow);
    let (long, short) = (columns.and(over, moved), columns.and(under, moved));
    Signals { long: Some(long), short: Some(short), ..Signals::new(When::Reverse) }
}

/// The true range averaged as a spec's profile averages it.
pub(super) fn average_range(columns: &mut Columns<'_>, profile: Profile, window: u32) -> Id {
    match profile {
        Profile::Barkeep => columns.atr(window),
        Profile::Btpy06 => {
            let range = columns.put(Node::TrueRange);
            columns.windowed(Windowed::MeanFilledBack, range, window)
        }
    }
}

/// Volatility a year of a column's returns at each bar: the sample deviation of the last `window` simple returns, times the root
/// of the bars a year.
pub(super) fn volatility(columns: &mut Columns<'_>, window: u32, bars_per_year: Option<f64>) -> Id {
    const YEAR_MICROS: f64 = 365.25 * 86_400.0 * 1e6;
    let close = columns.close();
    let before = columns.windowed(Windowed::Lag, close, 1);
    let change = columns.minus(close, before);
    let returns = columns.binary(crate::columns::Binary::Divide, change, before);
    let deviation = columns.windowed(Windowed::DeviationSample, returns, window);
    let bars_a_year = match bars_per_year {
        Some(bars) => columns.constant(bars),
        None => {
            let opened = columns.source(Source::Opened);
            let begun = columns.windowed(Windowed::Lag, opened, window);
            let lasted = columns.minus(opened, begun);
            let year = columns.constant(YEAR_MICROS * f64::from(window));
            columns.binary(crate::columns::Binary::Divide, year, lasted)
        }
    };
    let root = columns.put(Node::Unary(Unary::Sqrt, bars_a_year));
    columns.binary(crate::columns::Binary::Multiply, deviation, root)
}
