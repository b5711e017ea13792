//! Rules typed by the user: what they mean, what is refused and where, and that they never look ahead.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use std::collections::BTreeMap;

use backtest::indicators::{
    Seed, bollinger, deviation, ema, highest, keltner, lowest, macd, roc, rsi, sma, stochastic, vwap, wma,
};
use backtest::{
    Axis, BacktestError, Entry, Exits, Market, Prices, Rules, Size, Space, Spec, Strategy, Sweep, functions,
    rule_names, run,
};
use bars::DAY;

use common::{Bars, Traded};

fn rules(long: &str) -> Rules {
    Rules { long: Some(long.into()), ..Rules::default() }
}

fn spec(rules: Rules) -> Spec {
    Spec { strategy: Strategy::Rules(Box::new(rules)), ..Spec::default() }
}

/// The bars on which a condition holds, read off the entries of one unit that is never left.
fn holds(condition: &str, prices: Prices<'_>) -> Vec<usize> {
    let spec = Spec {
        strategy: Strategy::Rules(Box::new(rules(condition))),
        entry: Entry { when: Some(backtest::When::Always), ..Entry::default() },
        size: Size::Units { units: 1.0 },
        cash: 1e9,
        exclusive: false,
        finalize: false,
        ..Spec::default()
    };
    let report = run(&prices, &spec).unwrap_or_else(|error| panic!("{condition}: {error}"));
    report.executions.iter().map(|fill| fill.bar as usize - 1).collect()
}

#[test]
fn conditions_hold_where_they_should() {
    let traded = Traded::load();
    let prices = traded.prices();
    let Prices { times, open, high, low, close, volume } = prices;
    let bars = close.len();
    let mean = sma(close, 10);
    type Naive<'n> = Box<dyn Fn(usize) -> bool + 'n>;
    let cases: Vec<(&str, Naive<'_>)> = vec![
        ("close > open", Box::new(|bar| close[bar] > open[bar])),
        ("NOT close > open", Box::new(|bar| close[bar] <= open[bar])),
        (
            "close - open >= 0.5 AND high < 105 OR low < 90",
            Box::new(|bar| close[bar] - open[bar] >= 0.5 && high[bar] < 105.0 || low[bar] < 90.0),
        ),
        ("close BETWEEN 95 AND 100", Box::new(|bar| (95.0..=100.0).contains(&close[bar]))),
        ("close NOT BETWEEN 95 AND 100", Box::new(|bar| !(95.0..=100.0).contains(&close[bar]))),
        ("volume IN (0, 3)", Box::new(|bar| volume[bar] == 0.0 || volume[bar] == 3.0)),
        ("volume NOT IN (0, 3)", Box::new(|bar| volume[bar] != 0.0 && volume[bar] != 3.0)),
        (
            "CASE WHEN volume > 5 THEN close > 100 ELSE close < 100 END",
            Box::new(|bar| if volume[bar] > 5.0 { close[bar] > 100.0 } else { close[bar] < 100.0 }),
        ),
        ("CASE WHEN volume > 5 THEN 1 ELSE 2 END = 2", Box::new(|bar| volume[bar] <= 5.0)),
        (
            "abs(close - open) > greatest(0.5, high - low - 1)",
            Box::new(|bar| (close[bar] - open[bar]).abs() > f64::max(0.5, high[bar] - low[bar] - 1.0)),
        ),
        ("round(close, 1) = 99.9", Box::new(|bar| (close[bar] * 10.0).round() / 10.0 == 99.9)),
        ("floor(close) % 2 = 0", Box::new(|bar| close[bar].floor() % 2.0 == 0.0)),
        (
            "sqrt(close) < 9.9 AND ln(close) > 4",
            Box::new(|bar| close[bar].sqrt() < 9.9 && close[bar].ln() > 4.0),
        ),
        ("(close > open) = (volume > 5)", Box::new(|bar| (close[bar] > open[bar]) == (volume[bar] > 5.0))),
        ("close > sma(close, 10)", Box::new(|bar| bar >= 9 && close[bar] > mean[bar])),
        // Before there are ten closes neither the comparison nor its opposite holds.
        ("NOT (close > sma(close, 10))", Box::new(|bar| bar >= 9 && close[bar] <= mean[bar])),
        // A quotient by zero is no number: neither holds.
        ("close / volume > 20", Box::new(|bar| volume[bar] > 0.0 && close[bar] / volume[bar] > 20.0)),
        ("NOT (close / volume > 20)", Box::new(|bar| volume[bar] > 0.0 && close[bar] / volume[bar] <= 20.0)),
        ("close > lag(close, 3)", Box::new(|bar| bar >= 3 && close[bar] > close[bar - 3])),
        ("change(close, 2) > 1", Box::new(|bar| bar >= 2 && close[bar] - close[bar - 2] > 1.0)),
        (
            "rising(close, 2) AND falling(volume, 1)",
            Box::new(|bar| bar >= 2 && close[bar] > close[bar - 2] && volume[bar] < volume[bar - 1]),
        ),
        (
            "bars_since(volume = 0) = 2",
            Box::new(|bar| bar >= 2 && volume[bar - 2] == 0.0 && volume[bar - 1] * volume[bar] != 0.0),
        ),
        (
            "month(ts) = 3 AND day(ts) < 10",
            Box::new(|bar| {
                let date = bars::UnixNanos(times[bar] + DAY).date();
                date.month() == 3 && date.day() < 10
            }),
        ),
        (
            "isodow(ts) = 2",
            Box::new(|bar| {
                bars::UnixNanos(times[bar] + DAY).date().weekday() == jiff::civil::Weekday::Tuesday
            }),
        ),
        (
            "ts >= '2018-01-02' AND ts < '2018-02-01 00:00'",
            Box::new(|bar| {
                let close = bars::UnixNanos(times[bar] + DAY);
                close >= "2018-01-02".parse().unwrap() && close < "2018-02-01".parse().unwrap()
            }),
        ),
        (
            "time(ts AT TIME ZONE 'America/New_York') = '20:00'",
            Box::new(|bar| {
                // Midnight in UTC is 20:00 in summer.
                let close = bars::UnixNanos(times[bar] + DAY);
                jiff::Timestamp::from_nanosecond(close.0.into()).is_ok() && {
                    let (month, day) = (close.date().month(), close.date().day());
                    let year = close.date().year();
                    let nth = |month: i8, nth: i8| {
                        bars::Date::constant(year, month, 1)
                            .nth_weekday_of_month(nth, jiff::civil::Weekday::Sunday)
                            .unwrap()
                    };
                    let date = bars::Date::constant(year, month, day);
                    // The clocks change at 2:00 local time, after the midnight in UTC of that day.
                    date > nth(3, 2) && date <= nth(11, 1)
                }
            }),
        ),
        ("TRUE", Box::new(|_| true)),
    ];
    for (text, naive) in cases {
        let expected: Vec<usize> = (0..bars - 1).filter(|bar| naive(*bar)).collect();
        assert!(!expected.is_empty(), "{text} never holds: it proves nothing");
        assert_eq!(holds(text, prices), expected, "{text}");
    }
}

#[test]
fn functions_are_the_indicators() {
    let traded = Traded::load();
    let prices = traded.prices();
    let Prices { times, high, low, close, volume, .. } = prices;
    let days: Vec<i64> = times.iter().map(|time| time / DAY).collect();
    let hlc = [high, low, close];
    let of = |values: Vec<f64>| values;
    let bands = bollinger(close, 20, 2.5);
    let lines = macd(close, 12, 26, 9);
    let channel = keltner(hlc, 20, 10, 1.5);
    let swing = stochastic(hlc, 14, 3, 5);
    let cases: Vec<(&str, Vec<f64>)> = vec![
        ("sma(close, 7)", sma(close, 7)),
        ("ema(close, 7)", ema(close, 7, Seed::Sma)),
        ("ema_first(close, 7)", ema(close, 7, Seed::First)),
        ("wma(close, 7)", wma(close, 7)),
        ("wilder(close, 7)", backtest::indicators::wilder(close, 7)),
        ("rsi(close, 14)", rsi(close, 14)),
        ("macd(close, 12, 26)", of(lines.iter().map(|value| value.line).collect())),
        ("macd_signal(close, 12, 26, 9)", of(lines.iter().map(|value| value.signal).collect())),
        ("macd_histogram(close, 12, 26, 9)", of(lines.iter().map(|value| value.histogram).collect())),
        ("stddev(close, 20)", deviation(close, 20, backtest::indicators::Degrees::Population)),
        ("stddev_sample(close, 20)", deviation(close, 20, backtest::indicators::Degrees::Sample)),
        ("bollinger_upper(close, 20, 2.5)", of(bands.iter().map(|band| band.upper).collect())),
        ("bollinger_lower(close, 20, 2.5)", of(bands.iter().map(|band| band.lower).collect())),
        ("highest(close, 9)", highest(close, 9)),
        ("lowest(close, 9)", lowest(close, 9)),
        ("donchian_upper(9)", highest(high, 9)),
        ("donchian_lower(9)", lowest(low, 9)),
        ("true_range()", backtest::indicators::true_range(high, low, close)),
        ("atr(14)", backtest::indicators::atr(high, low, close, 14)),
        ("keltner_upper(20, 10, 1.5)", of(channel.iter().map(|band| band.upper).collect())),
        ("keltner_lower(20, 10, 1.5)", of(channel.iter().map(|band| band.lower).collect())),
        ("stochastic_k(14, 3)", of(swing.iter().map(|line| line.k).collect())),
        ("stochastic_d(14, 3, 5)", of(swing.iter().map(|line| line.d).collect())),
        ("vwap()", vwap(&days, hlc, volume)),
        ("lag(close, 4)", backtest::indicators::lag(close, 4)),
        ("roc(close, 4)", roc(close, 4)),
    ];
    for (text, expected) in cases {
        // The stop of a trade is the function's value at the bar before its entry.
        let rules = Rules {
            long: Some("TRUE".into()),
            stop_long: Some(format!("({text}) * 0 + ({text}) / 1000000")),
            ..Rules::default()
        };
        let spec = Spec { exits: Exits { bars: Some(1), ..Exits::default() }, ..spec(rules) };
        let report = run(&prices, &spec).unwrap();
        assert!(report.trades.len() > 300, "{text}: {}", report.trades.len());
        for trade in &report.trades {
            let expected = expected[trade.entry_bar as usize - 1] / 1e6;
            let same = match trade.stop {
                Some(stop) => (stop - expected).abs() <= 1e-12 * expected.abs(),
                None => expected.is_nan(),
            };
            assert!(same, "{text}: bar {}: {:?} is not {expected}", trade.entry_bar, trade.stop);
        }
    }
}

#[test]
fn rules_can_say_what_is_built_in() {
    let traded = Traded::load();
    let prices = traded.prices();
    let pair = |long: &str, short: &str| Rules {
        long: Some(long.into()),
        short: Some(short.into()),
        ..Rules::default()
    };
    let always = Entry { when: Some(backtest::When::Always), ..Entry::default() };
    let cases = [
        (
            Strategy::SmaCross { fast: 10, slow: 20 },
            pair(
                "crosses_above(sma(close, 10), sma(close, 20))",
                "crosses_below(sma(close, 10), sma(close, 20))",
            ),
            always,
        ),
        (
            Strategy::Macd { fast: 12, slow: 26, signal: 9 },
            pair(
                "crosses_above(macd(close, 12, 26), macd_signal(close, 12, 26, 9))",
                "crosses_below(macd(close, 12, 26), macd_signal(close, 12, 26, 9))",
            ),
            always,
        ),
        (
            Strategy::RsiReversion { window: 14, low: 30.0, high: 70.0 },
            pair("rsi(close, 14) < 30", "rsi(close, 14) > 70"),
            Entry::default(),
        ),
        (
            Strategy::BollingerReversion { window: 20, deviations: 2.0 },
            Rules {
                exit_long: Some("close >= sma(close, 20)".into()),
                exit_short: Some("close <= sma(close, 20)".into()),
                ..pair("close < bollinger_lower(close, 20, 2)", "close > bollinger_upper(close, 20, 2)")
            },
            Entry { when: Some(backtest::When::Flat), ..Entry::default() },
        ),
        (
            Strategy::DonchianBreakout { entry: 20, exit: 10 },
            Rules {
                exit_long: Some("close < lag(donchian_lower(10), 1)".into()),
                exit_short: Some("close > lag(donchian_upper(10), 1)".into()),
                ..pair("close > lag(donchian_upper(20), 1)", "close < lag(donchian_lower(20), 1)")
            },
            Entry { when: Some(backtest::When::Flat), ..Entry::default() },
        ),
    ];
    for (strategy, rules, entry) in cases {
        let built_in = run(&prices, &Spec { strategy: strategy.clone(), ..Spec::default() }).unwrap();
        let typed = run(&prices, &Spec { entry, ..spec(rules) }).unwrap();
        assert!(built_in.trades.len() > 5, "{strategy:?}");
        assert_eq!((typed.digest, typed.warm_up), (built_in.digest, built_in.warm_up), "{strategy:?}");
    }
}

#[test]
fn stops_targets_sizes_and_parameters() {
    let traded = Traded::load();
    let prices = traded.prices();
    let close = prices.close;
    let full = Rules {
        long: Some("crosses_above(close, sma(close, n))".into()),
        short: Some("crosses_below(close, sma(close, n))".into()),
        stop_long: Some("close * (1 - risk)".into()),
        stop_short: Some("close * (1 + risk)".into()),
        target_long: Some("close * (1 + 2 * risk)".into()),
        target_short: Some("close * (1 - 2 * risk)".into()),
        size: Some("CASE WHEN hour(ts) = 0 THEN 0.25 ELSE 1 END".into()),
        params: BTreeMap::from([("n".into(), 20.0), ("risk".into(), 0.02)]),
        ..Rules::default()
    };
    let report = run(&prices, &spec(full.clone())).unwrap();
    assert!(report.trades.len() > 50);
    for trade in &report.trades {
        let signal = close[trade.entry_bar as usize - 1];
        let sign = trade.size.signum();
        assert!((trade.stop.unwrap() - signal * (1.0 - sign * 0.02)).abs() < 1e-9);
        assert!((trade.target.unwrap() - signal * (1.0 + sign * 0.04)).abs() < 1e-9);
        let share = trade.size.abs() * trade.entry_price / report.equity[trade.entry_bar as usize - 1];
        assert!((share - 0.25).abs() < 1e-3, "{share}");
    }
    // Parameters are swept like those of any strategy.
    let axes =
        vec![Axis::range("n", 10.0, 30.0, 10.0).unwrap(), Axis::range("risk", 0.01, 0.02, 0.01).unwrap()];
    let sweep = Sweep::new(&spec(full.clone()), &Space { axes, ..Space::default() }).unwrap();
    let runs: Vec<_> = sweep.scores(0..sweep.len(), &mut Market::new(prices).unwrap()).collect();
    let own = runs.iter().find(|run| run.values == [20.0, 0.02]).unwrap();
    assert_eq!(own.score.as_ref().unwrap().final_equity, *report.equity.last().unwrap());
    assert_eq!(runs.len(), 6);
    // A size that is not positive enters nothing.
    let none = Rules { size: Some("close - close".into()), ..full };
    assert_eq!(run(&prices, &spec(none)).unwrap().executions.len(), 0);
}

#[test]
fn both_sides_at_once_are_followed_by_neither() {
    let traded = Traded::load();
    let both = Rules { short: Some("close > 100".into()), ..rules("close > 99") };
    let report = run(&traded.prices(), &spec(both)).unwrap();
    for trade in &report.trades {
        let signal = traded.prices().close[trade.entry_bar as usize - 1];
        assert!(trade.size > 0.0 && signal > 99.0 && signal <= 100.0, "{trade:?}");
    }
    assert!(!report.trades.is_empty());
}

#[test]
fn errors_point_at_the_word() {
    let with = |rules: Rules| spec(rules);
    let cases = [
        (with(Rules::default()), "the rules never enter a trade; give `long` or `short` a condition"),
        (
            with(rules("closs > 5")),
            "`long` is wrong: unknown name `closs`\n  closs > 5\n  ^^^^^\n  did you mean `close`?",
        ),
        (
            with(rules("close > smma(close, 5)")),
            "`long` is wrong: there is no function `smma`\n  close > smma(close, 5)\n          ^^^^",
        ),
        (with(rules("close + 1")), "`long` is wrong: this needs a condition, and this is a number"),
        (
            with(rules("close > sma(close, 0)")),
            "`long` is wrong: `0` is not a number of bars; it must be whole, from 1 to 100000000\n  close > sma(close, 0)\n                     ^",
        ),
        (with(rules("close > sma(close, 2.5)")), "`long` is wrong: `2.5` is not a number of bars"),
        (
            with(rules("close > sma(close, volume)")),
            "`long` is wrong: `window` of `sma` must be the same for all bars",
        ),
        (
            with(rules("close > lag(close, -1)")),
            "`long` is wrong: -1 bars would look into the future; count back from 0\n  close > lag(close, -1)\n                     ^^",
        ),
        (with(rules("close > lag(close, 3 - n)")), "`long` is wrong: unknown name `n`"),
        (with(rules("close / 0 > 1")), "`long` is wrong: division by zero\n  close / 0 > 1\n          ^"),
        (with(rules("close > 'abc'")), "`long` is wrong: a number cannot be compared with text"),
        (
            with(Rules { stop_long: Some("close > 5".into()), ..rules("close > 5") }),
            "`stop_long` is wrong: a number is needed here, and this is a condition",
        ),
        (
            with(Rules { params: BTreeMap::from([("close".into(), 1.0)]), ..rules("close > 5") }),
            "the parameter `close` cannot be: a column or function is called so already",
        ),
        (
            with(Rules { params: BTreeMap::from([("and".into(), 1.0)]), ..rules("close > 5") }),
            "the parameter `and` cannot be: a parameter is called by lower-case letters",
        ),
        (
            with(Rules { params: BTreeMap::from([("N".into(), 1.0)]), ..rules("close > 5") }),
            "the parameter `N` cannot be",
        ),
        (
            with(Rules { params: BTreeMap::from([("n".into(), f64::NAN)]), ..rules("close > 5") }),
            "the parameter `n` cannot be: its value must be a finite number",
        ),
    ];
    for (spec, expected) in cases {
        let error = run(&Bars::load().prices(), &spec).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n  instead of\n{expected}");
    }
    // A parameter may make a window wrong, too, in a sweep as much as in a run.
    let future = Rules { params: BTreeMap::from([("n".into(), -2.0)]), ..rules("close > lag(close, n)") };
    let error = run(&Bars::load().prices(), &spec(future)).unwrap_err();
    assert!(
        matches!(&error, BacktestError::Rule { field: "long", error } if &error.text[error.span.start..error.span.end] == "n"),
        "{error}"
    );
    let error = run(&Bars::load().prices(), &spec(rules("volume > 5"))).unwrap_err();
    assert_eq!(error, BacktestError::NoVolume { what: "a rule with `volume` or `vwap()`" });
}

#[test]
fn a_division_by_zero_is_told() {
    let traded = Traded::load();
    let report = run(&traded.prices(), &spec(rules("close / volume > 20"))).unwrap();
    let zeros = traded.volume.iter().filter(|volume| **volume == 0.0).count();
    let expected = format!(
        "A rule divides by `volume`, which was 0 on {zeros} of the bars, first on that of 2015-01-01T00:00:00Z: what is compared with the quotient does not hold there."
    );
    assert!(report.warnings.contains(&expected), "{:?}", report.warnings);
    for statistic in &report.statistics {
        assert!(statistic.value.number().is_none_or(f64::is_finite));
    }
    // Where it does not matter, nothing is told.
    for guarded in [
        "volume > 0 AND close / volume > 20",
        "NOT (volume = 0 OR close / volume <= 20)",
        "CASE WHEN volume = 0 THEN FALSE ELSE close / volume > 20 END",
        "CASE WHEN volume > 0 THEN close / volume ELSE 0 END > 20",
    ] {
        let other = run(&traded.prices(), &spec(rules(guarded))).unwrap();
        assert_eq!(other.digest, report.digest, "{guarded}");
        assert!(other.warnings.iter().all(|warning| !warning.contains("divides")), "{guarded}");
    }
}

#[test]
fn rules_read_as_json() {
    let text = r#"{"strategy":{"name":"rules","long":"close > sma(close, n)","params":{"n":20.0}}}"#;
    let spec: Spec = serde_json::from_str(text).unwrap();
    let Strategy::Rules(rules) = &spec.strategy else { panic!("{spec:?}") };
    assert_eq!((rules.long.as_deref(), rules.params["n"]), (Some("close > sma(close, n)"), 20.0));
    let again: Spec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
    for text in
        [r#"{"strategy":{"name":"rules","lng":"close > 1"}}"#, r#"{"strategy":{"name":"rules","long":5}}"#]
    {
        assert!(serde_json::from_str::<Spec>(text).is_err(), "{text}");
    }
}

#[test]
fn every_function_is_described_and_works() {
    let traded = Traded::load();
    for function in functions() {
        assert!(
            function.doc.len() > 10 && function.doc.is_ascii() == function.doc.is_ascii(),
            "{}",
            function.name
        );
        let arguments = function.arguments.iter().map(|argument| match argument.kind {
            "series" => "close",
            "condition" => "close > open",
            "bars" => "3",
            _ => "2.5",
        });
        let call = format!("{}({})", function.name, arguments.collect::<Vec<_>>().join(", "));
        let condition = if function.result == "condition" { call } else { format!("{call} > -1000000") };
        assert!(run(&traded.prices(), &spec(rules(&condition))).is_ok(), "{condition}");
        assert!(function.usage().starts_with(function.name));
    }
    for (name, doc) in rule_names() {
        assert!(!doc.is_empty());
        let condition = if *name == "ts" { "ts > '2000-01-01'".into() } else { format!("{name} >= 0") };
        assert!(run(&traded.prices(), &spec(rules(&condition))).is_ok(), "{name}");
    }
}
