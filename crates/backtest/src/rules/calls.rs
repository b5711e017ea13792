//! What the functions of rules are made of.

use crate::columns::{Binary, Columns, Compare, Id, Node, Source, Ties, Unary, Windowed};
use crate::indicators::Seed;

/// The arguments of a call, by kind.
pub(super) struct Call {
    pub(super) series: Vec<Id>,
    pub(super) bars: Vec<u32>,
    pub(super) factor: f64,
}

impl Call {
    /// The column of a function; its arguments are complete, since the language has checked them.
    pub(super) fn built(&self, name: &str, columns: &mut Columns<'_>) -> Id {
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
