//! The built-in strategies and their parameters.

use serde::{Deserialize, Serialize};

use super::Seed;
use crate::{BacktestError, Rules};

/// A built-in strategy and its parameters.
///
/// In JSON: `{"name": "sma_cross", "fast": 10, "slow": 20}`. [`strategies`] describes them all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    /// Buy when the simple moving average over `fast` closes crosses above the one over `slow`, sell (go short) when it
    /// crosses below.
    ///
    /// A cross is a change of side; while the averages are equal the side from before lasts (in
    /// [`Profile::Btpy06`](crate::Profile) a cross through equality goes unnoticed instead). `fast` above `slow` is allowed and
    /// turns the rule around; equal windows never cross and are refused.
    SmaCross {
        /// Bars in the first average; at least 1.
        fast: u32,
        /// Bars in the second average; at least 1.
        slow: u32,
    },
    /// The same with exponential averages.
    EmaCross {
        /// Bars in the first average; at least 1.
        fast: u32,
        /// Bars in the second average; at least 1.
        slow: u32,
        /// How the averages begin.
        #[serde(default)]
        seed: Seed,
    },
    /// Buy while Wilder's RSI is below `low`, unless long; sell while it is above `high`, unless short.
    RsiReversion {
        /// Changes in the RSI; at least 1.
        window: u32,
        /// Oversold below; 0 to 100.
        low: f64,
        /// Overbought above; 0 to 100.
        high: f64,
    },
    /// While nothing is held, buy below the lower Bollinger band and sell above the upper; leave at the middle.
    BollingerReversion {
        /// Bars in the bands; at least 1.
        window: u32,
        /// Deviations from the middle to a band; positive.
        deviations: f64,
    },
    /// While nothing is held, buy above the highest high of the `entry` bars before and sell below their lowest low; leave beyond
    /// the channel of the `exit` bars before.
    DonchianBreakout {
        /// Bars of the channel to enter by; at least 1.
        entry: u32,
        /// Bars of the channel to leave by; at least 1.
        exit: u32,
    },
    /// Buy when the MACD line crosses above its signal, sell when it crosses below.
    Macd {
        /// Bars in the fast average; at least 1.
        fast: u32,
        /// Bars in the slow average; at least 1.
        slow: u32,
        /// Values in the average of the line; at least 1.
        signal: u32,
    },
    /// Buy at the close of the first bar that ends at or after `enter`, leave at the first that ends at or after `exit`, every
    /// UTC day. `direction` short sells instead.
    TimeOfDay {
        /// When to enter.
        enter: ClockTime,
        /// When to leave; earlier than `enter` means on the next day.
        exit: ClockTime,
    },
    /// Buy at the first bar and hold.
    BuyAndHold {},
    /// The `EMACross` of NautilusTrader's examples: long while the fast average is at or above the slow one, else short. Averages
    /// begin with the first close; bars without any movement are passed over.
    NautilusEmaCross {
        /// Bars in the first average; at least 1.
        fast: u32,
        /// Bars in the second average; at least 1.
        slow: u32,
    },
    /// Rules of one's own.
    Rules(Box<Rules>),
}

impl Default for Strategy {
    fn default() -> Self {
        Self::SmaCross { fast: 10, slow: 20 }
    }
}

/// A time of day in UTC, to the second.
///
/// In JSON and in text `"14:30"` or `"14:30:05"`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ClockTime {
    seconds: u32,
}

const DAY_SECONDS: u32 = 86_400;

impl ClockTime {
    /// So many seconds after midnight; `None` from 86,400 on.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (seconds < DAY_SECONDS).then_some(Self { seconds })
    }

    /// Seconds after midnight.
    pub fn seconds(self) -> u32 {
        self.seconds
    }
}

impl std::fmt::Display for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hour, minute, second) = (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        write!(f, "{hour:02}:{minute:02}")?;
        if second == 0 { Ok(()) } else { write!(f, ":{second:02}") }
    }
}

impl std::str::FromStr for ClockTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Option<Vec<u32>> = text
            .split(':')
            .map(|part| {
                part.parse().ok().filter(|_| part.len() == 2 && part.bytes().all(|c| c.is_ascii_digit()))
            })
            .collect();
        let seconds = match parts.as_deref() {
            Some([hour @ 0..24, minute @ 0..60]) => Some(hour * 3600 + minute * 60),
            Some([hour @ 0..24, minute @ 0..60, second @ 0..60]) => Some(hour * 3600 + minute * 60 + second),
            _ => None,
        };
        let time = seconds.and_then(Self::from_seconds);
        time.ok_or_else(|| format!("`{text}` is not a time of day; write it like 14:30 or 14:30:05"))
    }
}

impl Serialize for ClockTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

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
    /// Whether it is a whole number.
    pub whole: bool,
}

const fn bars(name: &'static str, doc: &'static str, default: f64) -> ParamInfo {
    ParamInfo { name, doc, default, least: 1.0, most: u32::MAX as f64, whole: true }
}

const fn number(name: &'static str, doc: &'static str, [least, default, most]: [f64; 3]) -> ParamInfo {
    ParamInfo { name, doc, default, least, most, whole: false }
}

const fn clock(name: &'static str, doc: &'static str, default: f64) -> ParamInfo {
    ParamInfo { name, doc, default, least: 0.0, most: 1439.0, whole: true }
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

/// A parameter in place.
enum Param<'a> {
    Bars(&'a mut u32),
    Number(&'a mut f64),
    Clock(&'a mut ClockTime),
}

impl Strategy {
    /// A strategy with its default parameters.
    ///
    /// # Errors
    /// [`BacktestError::UnknownStrategy`] if there is none of this name.
    pub fn named(name: &str) -> Result<Self, BacktestError> {
        let time = |minutes: u32| ClockTime { seconds: minutes * 60 };
        Ok(match name {
            "sma_cross" => Self::SmaCross { fast: 10, slow: 20 },
            "ema_cross" => Self::EmaCross { fast: 10, slow: 20, seed: Seed::Sma },
            "rsi_reversion" => Self::RsiReversion { window: 14, low: 30.0, high: 70.0 },
            "bollinger_reversion" => Self::BollingerReversion { window: 20, deviations: 2.0 },
            "donchian_breakout" => Self::DonchianBreakout { entry: 20, exit: 10 },
            "macd" => Self::Macd { fast: 12, slow: 26, signal: 9 },
            "time_of_day" => Self::TimeOfDay { enter: time(870), exit: time(1200) },
            "buy_and_hold" => Self::BuyAndHold {},
            "nautilus_ema_cross" => Self::NautilusEmaCross { fast: 10, slow: 20 },
            "rules" => Self::Rules(Box::default()),
            _ => return Err(BacktestError::UnknownStrategy { name: name.to_owned() }),
        })
    }

    /// Its name in a spec.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SmaCross { .. } => "sma_cross",
            Self::EmaCross { .. } => "ema_cross",
            Self::RsiReversion { .. } => "rsi_reversion",
            Self::BollingerReversion { .. } => "bollinger_reversion",
            Self::DonchianBreakout { .. } => "donchian_breakout",
            Self::Macd { .. } => "macd",
            Self::TimeOfDay { .. } => "time_of_day",
            Self::BuyAndHold {} => "buy_and_hold",
            Self::NautilusEmaCross { .. } => "nautilus_ema_cross",
            Self::Rules(_) => "rules",
        }
    }

    fn params(&mut self) -> Vec<(&str, Param<'_>)> {
        use Param::{Bars, Clock, Number};
        match self {
            Self::SmaCross { fast, slow }
            | Self::EmaCross { fast, slow, .. }
            | Self::NautilusEmaCross { fast, slow } => vec![("fast", Bars(fast)), ("slow", Bars(slow))],
            Self::RsiReversion { window, low, high } => {
                vec![("window", Bars(window)), ("low", Number(low)), ("high", Number(high))]
            }
            Self::BollingerReversion { window, deviations } => {
                vec![("window", Bars(window)), ("deviations", Number(deviations))]
            }
            Self::DonchianBreakout { entry, exit } => vec![("entry", Bars(entry)), ("exit", Bars(exit))],
            Self::Macd { fast, slow, signal } => {
                vec![("fast", Bars(fast)), ("slow", Bars(slow)), ("signal", Bars(signal))]
            }
            Self::TimeOfDay { enter, exit } => vec![("enter", Clock(enter)), ("exit", Clock(exit))],
            Self::BuyAndHold {} => Vec::new(),
            Self::Rules(rules) => {
                rules.params.iter_mut().map(|(name, value)| (name.as_str(), Number(value))).collect()
            }
        }
    }

    /// The names of its parameters and their values; times of day as minutes after midnight.
    pub fn values(&self) -> Vec<(String, f64)> {
        let mut copy = self.clone();
        let value = |param: &Param<'_>| match param {
            Param::Bars(bars) => f64::from(**bars),
            Param::Number(number) => **number,
            Param::Clock(time) => f64::from(time.seconds) / 60.0,
        };
        copy.params().iter().map(|(name, param)| ((*name).to_owned(), value(param))).collect()
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// [`BacktestError::UnknownParameter`] if it has none of this name, [`BacktestError::OutOfRange`] if the value is not of its
    /// kind.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), BacktestError> {
        let strategy = self.name();
        let mut params = self.params();
        let Some((_, param)) = params.iter_mut().find(|(known, _)| *known == name) else {
            let known = params.iter().map(|(name, _)| (*name).to_owned()).collect();
            return Err(BacktestError::UnknownParameter { name: name.to_owned(), strategy, known });
        };
        let whole = |most: f64| value.fract() == 0.0 && (0.0..=most).contains(&value);
        let refused = |expected| Err(BacktestError::BadValue { name: name.to_owned(), value, expected });
        match param {
            Param::Bars(bars) if whole(f64::from(u32::MAX)) => **bars = value as u32,
            Param::Bars(_) => return refused("a whole number of bars"),
            Param::Number(number) => **number = value,
            Param::Clock(time) if whole(1439.0) => **time = ClockTime { seconds: value as u32 * 60 },
            Param::Clock(_) => return refused("minutes after midnight, from 0 to 1439"),
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), BacktestError> {
        for (name, param) in self.clone().params() {
            if matches!(param, Param::Bars(bars) if *bars == 0) {
                return Err(BacktestError::ZeroWindow { name: name.to_owned() });
            }
        }
        if let Self::Rules(rules) = self {
            return rules.check();
        }
        match *self {
            Self::SmaCross { fast, slow }
            | Self::EmaCross { fast, slow, .. }
            | Self::Macd { fast, slow, .. }
            | Self::NautilusEmaCross { fast, slow }
                if fast == slow =>
            {
                Err(BacktestError::EqualWindows { bars: fast })
            }
            Self::RsiReversion { low, high, .. } => super::ranges([
                ("low", low, (0.0..=100.0).contains(&low), "from 0 to 100"),
                ("high", high, (0.0..=100.0).contains(&high) && low < high, "from 0 to 100, above `low`"),
            ]),
            Self::BollingerReversion { deviations, .. } => super::ranges([(
                "deviations",
                deviations,
                deviations > 0.0 && deviations.is_finite(),
                "a positive number of deviations",
            )]),
            Self::TimeOfDay { enter, exit } if enter == exit => super::ranges([(
                "exit",
                f64::from(exit.seconds) / 60.0,
                false,
                "another time than `enter`, or the position never lasts",
            )]),
            _ => Ok(()),
        }
    }
}
