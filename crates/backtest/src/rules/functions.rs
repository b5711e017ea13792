//! The functions of rules: what they are called, what they take, what they mean.

use bars::expr::{Function, Param, Type};
use serde::Serialize;

/// A function that rules may call, for completion and help.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FunctionInfo {
    /// Its name.
    pub name: &'static str,
    /// What it takes, in order; all must be given.
    pub arguments: &'static [ArgumentInfo],
    /// What it gives: `number` or `condition`.
    pub result: &'static str,
    /// What that is, in one line.
    pub doc: &'static str,
}

/// An argument of a function.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ArgumentInfo {
    /// Its name.
    pub name: &'static str,
    /// `series` (a number a bar), `condition`, `bars` (a whole number, the same for all bars) or `number` (the same for all bars).
    pub kind: &'static str,
}

const SERIES: ArgumentInfo = ArgumentInfo { name: "series", kind: "series" };
const WINDOW: ArgumentInfo = bars("window");
const FACTOR: ArgumentInfo = ArgumentInfo { name: "factor", kind: "number" };

const fn bars(name: &'static str) -> ArgumentInfo {
    ArgumentInfo { name, kind: "bars" }
}

const fn series(name: &'static str) -> ArgumentInfo {
    ArgumentInfo { name, kind: "series" }
}

const fn number(name: &'static str, arguments: &'static [ArgumentInfo], doc: &'static str) -> FunctionInfo {
    FunctionInfo { name, arguments, result: "number", doc }
}

const fn condition(
    name: &'static str,
    arguments: &'static [ArgumentInfo],
    doc: &'static str,
) -> FunctionInfo {
    FunctionInfo { name, arguments, result: "condition", doc }
}

/// Every function of rules; the language's own (`abs`, `least`, `hour`, …) come on top.
pub fn functions() -> &'static [FunctionInfo] {
    const MACD: &[ArgumentInfo] = &[SERIES, bars("fast"), bars("slow"), bars("signal")];
    const BAND: &[ArgumentInfo] = &[SERIES, WINDOW, FACTOR];
    const CHANNEL: &[ArgumentInfo] = &[WINDOW, bars("range_window"), FACTOR];
    const ALL: &[FunctionInfo] = &[
        number("sma", &[SERIES, WINDOW], "simple moving average: the mean of the last `window` values"),
        number(
            "ema",
            &[SERIES, WINDOW],
            "exponential moving average, seeded by the mean of the first `window` values",
        ),
        number(
            "ema_first",
            &[SERIES, WINDOW],
            "exponential moving average, seeded by the first value, as NautilusTrader 1 has it",
        ),
        number("wma", &[SERIES, WINDOW], "linearly weighted moving average, the newest value weighing most"),
        number("wilder", &[SERIES, WINDOW], "Wilder's smoothing: (previous × (window − 1) + value) / window"),
        number("rsi", &[SERIES, WINDOW], "Wilder's relative strength index, 0 to 100"),
        number(
            "macd",
            &[SERIES, bars("fast"), bars("slow")],
            "MACD line: ema(series, fast) − ema(series, slow)",
        ),
        number("macd_signal", MACD, "the MACD's signal: the exponential average of its line"),
        number("macd_histogram", MACD, "MACD line minus its signal"),
        number(
            "stddev",
            &[SERIES, WINDOW],
            "standard deviation of the last `window` values (population, divided by n)",
        ),
        number(
            "stddev_sample",
            &[SERIES, WINDOW],
            "standard deviation of the last `window` values (sample, divided by n − 1)",
        ),
        number("zscore", &[SERIES, WINDOW], "(value − sma) / stddev: how many deviations from the mean"),
        number("bollinger_upper", BAND, "Bollinger's upper band: sma + factor × stddev"),
        number("bollinger_lower", BAND, "Bollinger's lower band: sma − factor × stddev"),
        number(
            "highest",
            &[SERIES, WINDOW],
            "greatest of the last `window` values, the present one included",
        ),
        number("lowest", &[SERIES, WINDOW], "least of the last `window` values, the present one included"),
        number(
            "donchian_upper",
            &[WINDOW],
            "highest high of the last `window` bars; lag(…, 1) leaves the present bar out",
        ),
        number("donchian_lower", &[WINDOW], "lowest low of the last `window` bars"),
        number("true_range", &[], "greatest of high − low and the distances of both from the close before"),
        number("atr", &[WINDOW], "Wilder's average true range"),
        number(
            "keltner_upper",
            CHANNEL,
            "Keltner's upper line: ema(close, window) + factor × atr(range_window)",
        ),
        number(
            "keltner_lower",
            CHANNEL,
            "Keltner's lower line: ema(close, window) − factor × atr(range_window)",
        ),
        number(
            "stochastic_k",
            &[WINDOW, bars("smooth")],
            "stochastic %K, 0 to 100, averaged over `smooth` bars",
        ),
        number(
            "stochastic_d",
            &[WINDOW, bars("smooth"), bars("signal")],
            "stochastic %D: the average of %K over `signal` values",
        ),
        number("vwap", &[], "volume-weighted average price of the UTC day so far"),
        number("typical", &[], "(high + low + close) / 3"),
        number("lag", &[SERIES, bars("bars")], "the value so many bars ago"),
        number("change", &[SERIES, bars("bars")], "value minus the value so many bars ago"),
        number("roc", &[SERIES, bars("bars")], "rate of change over so many bars in percent"),
        number(
            "bars_since",
            &[ArgumentInfo { name: "condition", kind: "condition" }],
            "bars since the condition held last; 0 on that bar",
        ),
        number("ln", &[SERIES], "natural logarithm"),
        number("exp", &[SERIES], "e to the power of the value"),
        number("sqrt", &[SERIES], "square root"),
        condition(
            "crosses_above",
            &[series("left"), series("right")],
            "`left` comes to lie above `right`, below which it lay when they last differed",
        ),
        condition(
            "crosses_below",
            &[series("left"), series("right")],
            "`left` comes to lie below `right`, above which it lay when they last differed",
        ),
        condition("rising", &[SERIES, bars("bars")], "the value is above that of so many bars ago"),
        condition("falling", &[SERIES, bars("bars")], "the value is below that of so many bars ago"),
    ];
    ALL
}

/// The names of rules besides their own parameters, each with what it is.
pub fn names() -> &'static [(&'static str, &'static str)] {
    &[
        ("open", "first price of the bar"),
        ("high", "highest price of the bar"),
        ("low", "lowest price of the bar"),
        ("close", "last price of the bar"),
        ("volume", "traded volume of the bar"),
        ("ts", "close of the bar, in UTC; `hour(ts)`, `time(ts AT TIME ZONE 'America/New_York')`"),
    ]
}

impl FunctionInfo {
    /// How it is called: `sma(series, window)`.
    pub fn usage(&self) -> String {
        let names: Vec<&str> = self.arguments.iter().map(|argument| argument.name).collect();
        format!("{}({})", self.name, names.join(", "))
    }

    /// The function as the language's scope knows it.
    pub(super) fn declared(&self) -> Function {
        let param = |argument: &ArgumentInfo| match argument.kind {
            "series" => Param::series(argument.name, Type::Number),
            "condition" => Param::series(argument.name, Type::Boolean),
            _ => Param::constant(argument.name, Type::Number),
        };
        Function {
            name: self.name.to_owned(),
            params: self.arguments.iter().map(param).collect(),
            required: self.arguments.len(),
            result: if self.result == "condition" { Type::Boolean } else { Type::Number },
        }
    }
}
