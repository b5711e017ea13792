//! The compatible profile against recorded runs of backtesting.py 0.6.6, see `tests/fixtures/backtest/next_open`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{Fill, Profile, Report, Spec, Statistic, Strategy, Units, Value, run};
use serde_json::Value as Json;

use common::{Bars, Row, fixtures, rows};

const SCENARIOS: [&str; 7] = [
    "SmaCross_10_20__comm0.002",
    "SmaCross_10_20__finalize_comm0.001",
    "SmaCross_10_20__free",
    "SmaCross_10_20__margin0.5",
    "SmaCross_10_20__not_exclusive",
    "SmaCross_10_20__onclose",
    "SmaCross_10_20__spread0.0002",
];

#[test]
fn recorded_scenarios() {
    let bars = Bars::load();
    for scenario in SCENARIOS {
        let folder = fixtures().join("runs").join(scenario);
        let result = json(&folder.join("result.json"));
        let text = std::fs::read_to_string(folder.join("result.json")).unwrap();
        let report = run(&bars.prices(), &spec(&result)).unwrap();

        check_statistics(scenario, &report.statistics, result["stats"].as_object().unwrap());
        let places =
            report.statistics.iter().map(|statistic| text.find(&format!("\n  \"{}\":", statistic.name)));
        assert!(places.is_sorted(), "{scenario}: the statistics are in another order");
        let trades = rows(std::fs::File::open(folder.join("trades.csv")).unwrap());
        let number = |row: &Row, name: &str| row[name].parse::<f64>().unwrap();
        let cells =
            ["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL", "Commission", "ReturnPct"];
        let expected: Vec<Vec<f64>> =
            trades.iter().map(|row| cells.iter().map(|cell| number(row, cell)).collect()).collect();
        check_trades(scenario, &report, &expected);
        for (trade, row) in report.trades.iter().zip(&trades) {
            assert_eq!(trade.entry_time, row["EntryTime"].parse().unwrap(), "{scenario}");
            assert_eq!(trade.exit_time, row["ExitTime"].parse().unwrap(), "{scenario}");
        }

        let equity =
            rows(flate2::read::GzDecoder::new(std::fs::File::open(folder.join("equity.csv.gz")).unwrap()));
        assert_eq!(equity.len(), report.equity.len(), "{scenario}");
        for (bar, row) in equity.iter().enumerate() {
            close_to(report.equity[bar], number(row, "Equity"), scenario, bar);
            close_to(report.drawdown[bar], -number(row, "DrawdownPct"), scenario, bar);
        }
    }
}

#[test]
fn recorded_extra_runs() {
    let bars = Bars::load();
    let runs = json(&fixtures().join("extra_runs.json"));
    for result in runs.as_array().unwrap() {
        let name = result["scenario"].as_str().unwrap();
        let mut bars = bars.cut(result["bars"].as_u64().unwrap() as usize);
        if let Some(times) = result["times_seconds"].as_array() {
            bars.times = times.iter().map(|time| time.as_i64().unwrap() * bars::SECOND).collect();
        }
        let report = run(&bars.prices(), &spec(result)).unwrap();
        check_statistics(name, &report.statistics, result["stats"].as_object().unwrap());
        if let Some(trades) = result["trades"].as_array() {
            let numbers =
                |row: &Json| row.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect();
            check_trades(name, &report, &trades.iter().map(numbers).collect::<Vec<_>>());
        }
        for point in result["equity"].as_array().unwrap() {
            let bar = point[0].as_u64().unwrap() as usize;
            close_to(report.equity[bar], point[1].as_f64().unwrap(), name, bar);
        }
    }
}

#[test]
fn recorded_grid() {
    let bars = Bars::load();
    let grid = rows(std::fs::File::open(fixtures().join("grid_63_sma_cross.csv")).unwrap());
    assert_eq!(grid.len(), 63);
    for row in grid {
        let (fast, slow) = (row["n1"].parse().unwrap(), row["n2"].parse().unwrap());
        let spec = Spec {
            strategy: Strategy::SmaCross { fast, slow },
            commission: 0.002,
            finalize: false,
            units: Units::Whole,
            profile: Profile::Btpy06,
            ..Spec::default()
        };
        let report = run(&bars.prices(), &spec).unwrap();
        for (name, expected) in row.iter().filter(|(name, _)| !["n1", "n2"].contains(&name.as_str())) {
            let expected = expected.parse::<f64>().unwrap_or(f64::NAN);
            let found = report.statistics.iter().find(|statistic| statistic.name == *name);
            check_value(
                &format!("{fast}/{slow}"),
                name,
                found.map(|statistic| statistic.value),
                &expected.into(),
            );
        }
    }
}

fn spec(result: &Json) -> Spec {
    let window = |name: &str| result["params"][name].as_u64().unwrap() as u32;
    let engine = &result["engine"];
    let number = |name: &str| engine[name].as_f64().unwrap();
    let (commission_fixed, commission) = match &engine["commission"] {
        Json::Array(both) => (both[0].as_f64().unwrap(), both[1].as_f64().unwrap()),
        rate => (0.0, rate.as_f64().unwrap()),
    };
    assert_ne!(engine["hedging"], Json::Bool(true));
    Spec {
        strategy: Strategy::SmaCross { fast: window("n1"), slow: window("n2") },
        cash: number("cash"),
        commission,
        commission_fixed,
        spread: number("spread"),
        margin: number("margin"),
        fill: if engine["trade_on_close"] == true { Fill::ThisClose } else { Fill::NextOpen },
        exclusive: engine["exclusive_orders"] == true,
        finalize: engine["finalize_trades"] == true,
        units: Units::Whole,
        profile: Profile::Btpy06,
    }
}

fn check_trades(scenario: &str, report: &Report, expected: &[Vec<f64>]) {
    assert_eq!(report.trades.len(), expected.len(), "{scenario}: trades");
    for (number, (trade, expected)) in report.trades.iter().zip(expected).enumerate() {
        let bars = [f64::from(trade.entry_bar), f64::from(trade.exit_bar)];
        assert_eq!([trade.size, bars[0], bars[1]], expected[..3], "{scenario}: trade {number}");
        let found = [trade.entry_price, trade.exit_price, trade.pnl, trade.commission, trade.return_pct];
        for (found, expected) in found.iter().zip(&expected[3..]) {
            assert!(near(*found, *expected), "{scenario}: trade {number}: {found} is not {expected}");
        }
    }
}

fn check_statistics(scenario: &str, found: &[Statistic], expected: &serde_json::Map<String, Json>) {
    let names: Vec<_> = found.iter().map(|statistic| statistic.name.as_str()).collect();
    let mut known: Vec<_> = expected.keys().map(String::as_str).collect();
    known.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, known, "{scenario}");
    for statistic in found {
        check_value(scenario, &statistic.name, Some(statistic.value), &expected[&statistic.name]);
    }
}

fn check_value(scenario: &str, name: &str, found: Option<Value>, expected: &Json) {
    let fits = match (found, expected) {
        (Some(Value::Number(found)), Json::Number(expected)) => near(found, expected.as_f64().unwrap()),
        (Some(Value::Time(found)), Json::String(expected)) => Ok(found) == expected.parse(),
        (Some(Value::Duration(found)), Json::Object(expected)) => {
            expected["seconds"].as_f64() == Some(found as f64)
        }
        (Some(Value::Undefined), Json::String(expected)) => {
            ["nan", "NaN", "inf", "-inf"].contains(&expected.as_str())
        }
        // A fault of the reference: the length of a drawdown of one bar is printed as its depth.
        (Some(Value::Undefined), Json::Number(_)) => name.ends_with("Drawdown Duration"),
        (Some(Value::Undefined), Json::Null) => true,
        _ => false,
    };
    assert!(fits, "{scenario}: {name}: {found:?} is not {expected}");
}

fn near(found: f64, expected: f64) -> bool {
    found == expected || (found - expected).abs() <= 1e-9 * expected.abs()
}

fn close_to(found: f64, expected: f64, scenario: &str, bar: usize) {
    assert!((found - expected).abs() <= 1e-8, "{scenario}: bar {bar}: {found} is not {expected}");
}

fn json(path: &std::path::Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
