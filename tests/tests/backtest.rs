//! Backtests on the command line.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use backtest::{Report, Strategy};
use serde_json::Value as Json;
use tests::Place;

const BTC: &str = "--series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
const ACME: &str = "--series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn report(place: &Place, words: &str, more: &[&str]) -> Report {
    let said = place.barkeep_with(&format!("backtest run {words} --format json"), more);
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.err))
}

#[test]
fn every_strategy_runs() {
    let place = Place::new();
    place.demo();
    for info in backtest::strategies().iter().filter(|info| info.name != "rules") {
        let report = report(&place, &format!("{BTC} --strategy {} --commission 0.0005", info.name), &[]);
        assert!(!report.executions.is_empty(), "{}", info.name);
        assert!(place.barkeep("backtest run --help").out.contains(info.name));
    }
}

#[test]
fn options_say_the_same_as_a_spec() {
    let place = Place::new();
    place.demo();
    let options = report(
        &place,
        &format!(
            "{BTC} --resample 15-MINUTE --strategy ema_cross --param fast=8 --param slow=40 --direction long --size equity=0.5 \
             --stop 1% --target 2atr14 --trail 3% --hold-bars 60 --unit-fee 0.01 --slippage 2bp --spread 0.0001 --netting"
        ),
        &[],
    );
    let spec = r#"{"strategy": {"name": "ema_cross", "fast": 8, "slow": 40}, "direction": "long", "size": {"by": "equity", "share": 0.5},
        "exits": {"stop": {"share": 0.01}, "target": {"atr": {"multiple": 2, "window": 14}}, "trail": {"distance": {"share": 0.03}}, "bars": 60},
        "unit_fee": {"per_unit": 0.01}, "slippage": {"basis_points": 2}, "spread": 0.0001, "exclusive": false}"#;
    place.file("spec.json", spec);
    let file = report(&place, &format!("{BTC} --resample 15-MINUTE --spec spec.json"), &[]);
    assert!(options.trades.len() > 10);
    assert_eq!((options.digest, options.assumptions), (file.digest, file.assumptions));
    place.file("spec.json", r#"{"strategi": {}}"#);
    let failed = place.barkeep(&format!("backtest run {BTC} --spec spec.json"));
    assert!(failed.code == 2 && failed.err.contains("strategi"), "{}", failed.err);
}

#[test]
fn rules_are_typed_on_the_command_line() {
    let place = Place::new();
    place.demo();
    let typed = report(
        &place,
        &format!("{BTC} --resample 1-HOUR --param n=40"),
        &["--long", "rsi(close, 14) < n", "--exit-long", "close > sma(close, 20)"],
    );
    assert!(!typed.trades.is_empty() && typed.trades.iter().all(|trade| trade.size > 0.0));
    let failed = place.barkeep_with(&format!("backtest run {BTC}"), &["--long", "close > smma(close, 20)"]);
    assert_eq!(failed.code, 2);
    assert!(failed.err.contains("  close > smma(close, 20)\n          ^^^^\n"), "{}", failed.err);
    let both = place.barkeep_with(&format!("backtest run {BTC} --strategy macd"), &["--long", "close > 1"]);
    assert!(both.code == 2 && both.err.contains("both a built-in strategy and rules"), "{}", both.err);
    let functions = place.barkeep("backtest functions").out;
    assert!(backtest::functions().iter().all(|function| functions.contains(&function.usage())));
}

#[test]
fn a_run_prints_what_is_wanted() {
    let place = Place::new();
    place.demo();
    for (family, expected) in [
        ("btpy", "Kelly Criterion"),
        ("quantstats", "BENCHMARK"),
        ("tradingview", "Ratio avg win / avg loss"),
        ("nautilus", "Returns Volatility (252 days)"),
    ] {
        let said = place.barkeep(&format!("backtest run {BTC} --family {family}"));
        assert!(said.out.contains(expected), "{family}: {}", said.out);
    }
    let report = report(&place, BTC, &[]);
    for (format, lines) in
        [("trades", report.trades.len()), ("fills", report.executions.len()), ("equity", report.equity.len())]
    {
        let said = place.barkeep(&format!("backtest run {BTC} --format {format}"));
        assert_eq!(said.out.lines().count(), lines + 1, "{format}");
    }
    let tested = place.barkeep(&format!("backtest run {BTC} --resample 1-HOUR --self-test"));
    assert!(tested.err.contains("no fill or value before them changed"), "{}", tested.err);
    let holed = place.barkeep(&format!("backtest run {ACME}"));
    assert!(holed.out.contains("480 of 7410 bars are missing"), "{}", holed.out);
}

#[test]
fn history_warms_up() {
    let place = Place::new();
    place.demo();
    let start = "--start 2026-08-20 --param fast=50 --param slow=200";
    let (cold, warm) = (
        report(&place, &format!("{BTC} {start}"), &[]),
        report(&place, &format!("{BTC} {start} --history 500"), &[]),
    );
    assert_eq!((cold.first_bar, warm.first_bar), (199, 499));
    let first = |report: &Report| report.trades[0].entry_time;
    assert!(first(&warm) < first(&cold) && first(&warm) >= "2026-08-20".parse().unwrap());
}

#[test]
fn coarse_bars_decide_and_poor_days_are_left_out() {
    let place = Place::new();
    place.demo();
    let params = "--param fast=5 --param slow=20";
    let coarse = report(&place, &format!("{BTC} {params} --resample 1-HOUR"), &[]);
    let fine = report(&place, &format!("{BTC} {params} --signals 1-HOUR"), &[]);
    let entries = |report: &Report| {
        report.trades.iter().map(|trade| (trade.entry_time, trade.entry_price)).collect::<Vec<_>>()
    };
    assert_eq!(entries(&fine), entries(&coarse));
    assert_eq!(fine.equity.len(), 60 * coarse.equity.len());
    // The hole of 2026-09-02 is 90 of 390 minutes.
    let days = |words: &str| report(&place, &format!("{ACME} {words}"), &[]).equity.len();
    assert_eq!((days(""), days("--least-coverage 0.5"), days("--least-coverage 0.9")), (6930, 6930, 6630));
}

#[test]
fn a_sweep_is_the_same_for_any_number_of_workers() {
    let place = Place::new();
    place.demo();
    let words = format!(
        "backtest sweep {BTC} --resample 15-MINUTE --commission 0.0005 --vary fast=5..30:5 --vary slow=10..70:5"
    );
    let sweep = |more: &str| place.barkeep_with(&format!("{words} {more}"), &["--where", "fast < slow"]);
    let one: Json = serde_json::from_str(&sweep("--workers 1 --format json").out).unwrap();
    let three: Json = serde_json::from_str(&sweep("--workers 3 --format json").out).unwrap();
    assert_eq!(one, three);
    assert_eq!(one["runs"].as_array().unwrap().len(), 63);
    // The best run, run alone, has the same result.
    let best = &one["best"];
    let values = best["values"].as_array().unwrap();
    let alone = report(
        &place,
        &format!(
            "{BTC} --resample 15-MINUTE --commission 0.0005 --param fast={} --param slow={}",
            values[0], values[1]
        ),
        &[],
    );
    assert_eq!(best["score"]["Ok"]["final_equity"].as_f64(), alone.equity.last().copied());
    let table = sweep("--walk-forward 600:300 --top 3").out;
    for expected in ["63 of 78 runs", "neighbours have", "deflated Sharpe ratio", "bars 600 to 900"] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    assert_eq!(sweep("--format csv").out.lines().count(), 64);
    assert!(sweep("--random 10").out.contains(" of 10 runs"));
    for (more, expected) in [
        ("--vary fats=1..3", "has no parameter `fats`"),
        ("--vary stop=0.1..0.01", "must rise by a positive step"),
        ("--objective luck", "expected one of sharpe"),
    ] {
        let failed = sweep(more);
        assert!(failed.code == 2 && failed.err.contains(expected), "{more}: {}", failed.err);
    }
}

#[test]
fn the_defaults_are_those_of_the_library() {
    let place = Place::new();
    place.demo();
    let plain = report(&place, BTC, &[]);
    let spec = backtest::Spec::default();
    assert_eq!(spec.strategy, Strategy::SmaCross { fast: 10, slow: 20 });
    assert_eq!((plain.cash, plain.warm_up), (spec.cash, 19));
}
