//! The built-in strategies and their parameters.

use serde::{Deserialize, Serialize};

use super::{ClockTime, Seed};
use crate::{BacktestError, Rules};

/// A built-in strategy and its parameters.
///
/// In JSON: `{"name": "sma_cross", "fast": 10, "slow": 20}`. [`strategies`](crate::strategies) describes them all.
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
