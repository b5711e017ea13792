//! A strategy as keys and values of the URL fragment and as texts of the form: its name and what differs from its defaults.

use engine::backtest::{ClockTime, ParamInfo, ParamKind, Rules, Strategy, StrategyInfo, strategies};

use super::number;

/// The key of the strategy's name.
pub(crate) const KEY: &str = "strategy";

/// The rules that can be typed, by their keys.
pub(crate) const RULES: [&str; 4] = ["long", "short", "exit_long", "exit_short"];

/// What is known of a strategy.
pub(crate) fn info(strategy: &Strategy) -> Option<&'static StrategyInfo> {
    strategies().iter().find(|info| info.name == strategy.name())
}

/// A strategy as the form begins with it: with its defaults, and rules with an example.
pub(crate) fn fresh(name: &str) -> Result<Strategy, String> {
    let mut strategy = Strategy::named(name).map_err(|error| error.to_string())?;
    if let Strategy::Rules(rules) = &mut strategy {
        rules.long = Some("crosses_above(sma(close, 10), sma(close, 20))".into());
        rules.exit_long = Some("crosses_below(sma(close, 10), sma(close, 20))".into());
    }
    Ok(strategy)
}

/// Pairs of everything that differs from the default, in a fixed order.
pub(crate) fn pairs(strategy: &Strategy) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let name = strategy.name();
    if name != Strategy::default().name() {
        out.push((KEY, name.to_owned()));
    }
    let plain = Strategy::named(name).unwrap_or_default();
    let params = info(strategy).map_or(&[][..], |info| info.params);
    let keys = params.iter().map(|param| param.name).chain(RULES);
    out.extend(keys.map(|key| (key, text(strategy, key))).filter(|(key, value)| *value != text(&plain, key)));
    out
}

/// A parameter or rule as it is typed; empty if the strategy has none of this name.
pub(crate) fn text(strategy: &Strategy, key: &str) -> String {
    if let Strategy::Rules(rules) = strategy {
        let mut rules = rules.clone();
        return rule(&mut rules, key).and_then(|rule| rule.take()).unwrap_or_default();
    }
    let Some(value) = value(strategy, key) else { return String::new() };
    match param(strategy, key).map(|param| param.kind) {
        Some(ParamKind::Clock) => {
            let time = ClockTime::from_seconds((value * 60.0) as u32);
            time.map(|time| time.to_string()).unwrap_or_default()
        }
        _ => number::plain(value),
    }
}

/// Sets the strategy, a parameter or a rule; `None` if no strategy has anything of this name.
pub(crate) fn set(strategy: &mut Strategy, key: &str, value: &str) -> Option<Result<(), String>> {
    if key == KEY {
        let named = Strategy::named(value).map_err(|error| error.to_string());
        return Some(named.map(|named| *strategy = named));
    }
    if let Strategy::Rules(rules) = strategy
        && let Some(rule) = rule(rules, key)
    {
        let value = value.trim();
        *rule = (!value.is_empty()).then(|| value.to_owned());
        return Some(Ok(()));
    }
    if let Some(param) = param(strategy, key) {
        return Some(set_param(strategy, param, value));
    }
    let known = RULES.contains(&key) || strategies().iter().any(|info| named(info.params, key).is_some());
    known.then(|| Err(format!("the strategy `{}` has no `{key}`", strategy.name())))
}

/// What a strategy's values make impossible together: where to say it, and what.
pub(crate) fn clash(strategy: &Strategy) -> Option<(&'static str, &'static str)> {
    match strategy {
        Strategy::SmaCross { fast, slow }
        | Strategy::EmaCross { fast, slow, .. }
        | Strategy::Macd { fast, slow, .. }
        | Strategy::NautilusEmaCross { fast, slow }
            if fast == slow =>
        {
            Some(("slow", "it must differ from the fast window"))
        }
        Strategy::RsiReversion { low, high, .. } if low >= high => Some(("high", "it must be above the low")),
        Strategy::TimeOfDay { enter, exit } if enter == exit => {
            Some(("exit", "it must differ from the time to enter"))
        }
        Strategy::Rules(rules) if rules.long.is_none() && rules.short.is_none() => {
            Some(("short", "a rule to go long or one to go short is needed"))
        }
        _ => None,
    }
}

fn set_param(strategy: &mut Strategy, param: &ParamInfo, text: &str) -> Result<(), String> {
    let value = match param.kind {
        ParamKind::Clock => {
            text.trim().parse::<ClockTime>().ok().map(|time| f64::from(time.seconds()) / 60.0)
        }
        ParamKind::Bars | ParamKind::Number => number::read(text),
    };
    let whole = param.kind != ParamKind::Number;
    let fits = |value: &f64| (param.least..=param.most).contains(value) && (!whole || value.fract() == 0.0);
    let value = value.filter(fits).ok_or_else(|| expected(param))?;
    strategy.set(param.name, value).map_err(|error| error.to_string())
}

fn expected(param: &ParamInfo) -> String {
    match param.kind {
        ParamKind::Bars => "a window is a whole number of bars from 1".into(),
        ParamKind::Clock => "a time of day to the minute, such as 14:30".into(),
        ParamKind::Number => format!("a number from {} to {}", param.least, param.most),
    }
}

fn param(strategy: &Strategy, key: &str) -> Option<&'static ParamInfo> {
    info(strategy).and_then(|info| named(info.params, key))
}

fn named(params: &'static [ParamInfo], key: &str) -> Option<&'static ParamInfo> {
    params.iter().find(|param| param.name == key)
}

fn value(strategy: &Strategy, key: &str) -> Option<f64> {
    strategy.values().into_iter().find_map(|(name, value)| (name == key).then_some(value))
}

fn rule<'a>(rules: &'a mut Rules, key: &str) -> Option<&'a mut Option<String>> {
    match key {
        "long" => Some(&mut rules.long),
        "short" => Some(&mut rules.short),
        "exit_long" => Some(&mut rules.exit_long),
        "exit_short" => Some(&mut rules.exit_short),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_round_trips() {
        for info in strategies() {
            let mut strategy = fresh(info.name).expect("it is listed");
            for param in info.params {
                let other = if param.kind == ParamKind::Clock { "03:07" } else { "17" };
                let refused = set(&mut strategy, param.name, other).expect("it is listed").err();
                assert_eq!(refused, None, "{} {}", info.name, param.name);
            }
            let mut again = Strategy::default();
            for (key, value) in pairs(&strategy) {
                assert_eq!(set(&mut again, key, &value), Some(Ok(())), "{} {key}", info.name);
            }
            assert_eq!(again, strategy);
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (name, key, text) in [
            ("sma_cross", "fast", "0"),
            ("sma_cross", "fast", "1.5"),
            ("sma_cross", "fast", "nan"),
            ("rsi_reversion", "high", "100.5"),
            ("bollinger_reversion", "deviations", "0"),
            ("time_of_day", "enter", "24:00"),
            ("time_of_day", "enter", "12:00:30"),
            ("buy_and_hold", "fast", "10"),
            ("macd", "strategy", "moon"),
        ] {
            let mut strategy = fresh(name).expect("it is listed");
            let before = strategy.clone();
            assert!(set(&mut strategy, key, text).is_some_and(|set| set.is_err()), "{name} {key}={text}");
            assert_eq!(strategy, before);
        }
        assert_eq!(set(&mut Strategy::default(), "later", "7"), None);
    }

    #[test]
    fn values_that_clash_are_said() {
        for (name, key, text) in [
            ("macd", "slow", "12"),
            ("rsi_reversion", "high", "30"),
            ("time_of_day", "exit", "14:30"),
            ("rules", "long", ""),
        ] {
            let mut strategy = fresh(name).expect("it is listed");
            assert_eq!(clash(&strategy), None, "{name}");
            assert_eq!(set(&mut strategy, key, text), Some(Ok(())));
            assert!(clash(&strategy).is_some(), "{name}");
        }
    }
}
