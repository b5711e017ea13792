//! The built-in strategies as data: for forms, help and completion.

use serde::Serialize;

/// What a strategy is, for forms, help and completion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StrategyInfo {
    /// Its name in a spec.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// When it buys and sells, in one sentence.
    pub doc: &'static str,
    /// Its parameters in order.
    pub params: &'static [ParamInfo],
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ParamInfo {
    /// Its name in a spec.
    pub name: &'static str,
    /// What it means, with its unit.
    pub doc: &'static str,
    /// What it is unless stated.
    pub default: f64,
    /// The least it may be.
    pub least: f64,
    /// The most it may be.
    pub most: f64,
    /// How it is counted and written.
    pub kind: ParamKind,
}

/// How a parameter is counted and written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// A whole number of bars.
    Bars,
    /// Any number.
    Number,
    /// A time of day in whole minutes after midnight, UTC.
    Clock,
}

const fn bars(name: &'static str, doc: &'static str, default: f64) -> ParamInfo {
    ParamInfo { name, doc, default, least: 1.0, most: u32::MAX as f64, kind: ParamKind::Bars }
}

const fn number(name: &'static str, doc: &'static str, [least, default, most]: [f64; 3]) -> ParamInfo {
    ParamInfo { name, doc, default, least, most, kind: ParamKind::Number }
}

const fn clock(name: &'static str, doc: &'static str, default: f64) -> ParamInfo {
    ParamInfo { name, doc, default, least: 0.0, most: 1439.0, kind: ParamKind::Clock }
}

const AVERAGES: &[ParamInfo] =
    &[bars("fast", "bars in the first average", 10.0), bars("slow", "bars in the second average", 20.0)];

/// Every built-in strategy.
pub fn strategies() -> &'static [StrategyInfo] {
    const ALL: &[StrategyInfo] = &[
        StrategyInfo {
            name: "sma_cross",
            title: "SMA cross",
            doc: "long when the fast simple average crosses above the slow one, short when below",
            params: AVERAGES,
        },
        StrategyInfo {
            name: "ema_cross",
            title: "EMA cross",
            doc: "long when the fast exponential average crosses above the slow one, short when below",
            params: AVERAGES,
        },
        StrategyInfo {
            name: "rsi_reversion",
            title: "RSI reversion",
            doc: "long while Wilder's RSI is below `low`, short while it is above `high`",
            params: &[
                bars("window", "changes in the RSI", 14.0),
                number("low", "oversold below", [0.0, 30.0, 100.0]),
                number("high", "overbought above", [0.0, 70.0, 100.0]),
            ],
        },
        StrategyInfo {
            name: "bollinger_reversion",
            title: "Bollinger reversion",
            doc: "long below the lower band, short above the upper, out at the middle",
            params: &[
                bars("window", "bars in the bands", 20.0),
                number("deviations", "deviations from the middle to a band", [1e-9, 2.0, 1e9]),
            ],
        },
        StrategyInfo {
            name: "donchian_breakout",
            title: "Donchian breakout",
            doc: "long above the highest high of the bars before, short below their lowest low, out at the shorter channel",
            params: &[
                bars("entry", "bars of the channel to enter by", 20.0),
                bars("exit", "bars of the channel to leave by", 10.0),
            ],
        },
        StrategyInfo {
            name: "macd",
            title: "MACD",
            doc: "long when the MACD line crosses above its signal, short when below",
            params: &[
                bars("fast", "bars in the fast average", 12.0),
                bars("slow", "bars in the slow average", 26.0),
                bars("signal", "values in the average of the line", 9.0),
            ],
        },
        StrategyInfo {
            name: "time_of_day",
            title: "Time of day",
            doc: "long from one time of day (UTC) to another",
            params: &[
                clock("enter", "minutes after midnight UTC", 870.0),
                clock("exit", "minutes after midnight UTC", 1200.0),
            ],
        },
        StrategyInfo {
            name: "buy_and_hold",
            title: "Buy and hold",
            doc: "long from the first bar on",
            params: &[],
        },
        StrategyInfo {
            name: "nautilus_ema_cross",
            title: "EMA cross of NautilusTrader",
            doc: "long while the fast exponential average is at or above the slow one, else short, as NautilusTrader's example",
            params: AVERAGES,
        },
        StrategyInfo {
            name: "rules",
            title: "Rules",
            doc: "when to enter and leave as expressions, such as `crosses_above(sma(close, 20), sma(close, 50))`",
            params: &[],
        },
    ];
    ALL
}
