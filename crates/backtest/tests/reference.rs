//! The compatible profile against recorded runs of backtesting.py 0.6.6, see `tests/fixtures/backtest/next_open`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    Behind, Desk, Direction, Distance, Entry, Exits, Family, Fill, Market, Order, OrderKind, Origin, Profile,
    Protection, Report, Seed, Side, Size, Spec, Statistic, Strategy, Trader, Trail, Units, Value, When, run,
};
use serde_json::Value as Json;

use common::{Bars, Row, fixtures, rows};

#[test]
fn recorded_scenarios() {
    let bars = Bars::load();
    let mut scenarios = 0;
    for folder in std::fs::read_dir(fixtures().join("runs")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        check_scenario(&name, &bars, &folder);
        scenarios += 1;
    }
    assert_eq!(scenarios, 21);
}

fn check_scenario(scenario: &str, bars: &Bars, folder: &std::path::Path) {
    let text = std::fs::read_to_string(folder.join("result.json")).unwrap();
    let result: Json = serde_json::from_str(&text).unwrap();
    let report = run_recorded(&result, bars);
    assert_eq!(u64::from(report.open_trades), result["open_trades_at_end"].as_u64().unwrap(), "{scenario}");

    let trades = rows(std::fs::File::open(folder.join("trades.csv")).unwrap());
    let number = |row: &Row, name: &str| row[name].parse::<f64>().unwrap();
    let cells = ["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL", "Commission", "ReturnPct"];
    let expected: Vec<Vec<f64>> =
        trades.iter().map(|row| cells.iter().map(|cell| number(row, cell)).collect()).collect();
    check_trades(scenario, &report, &expected);
    for (trade, row) in report.trades.iter().zip(&trades) {
        assert_eq!(trade.entry_time, row["EntryTime"].parse().unwrap(), "{scenario}");
        assert_eq!(trade.exit_time, row["ExitTime"].parse().unwrap(), "{scenario}");
        for (found, name) in [(trade.stop, "SL"), (trade.target, "TP")] {
            let same = match (found, row[name].parse::<f64>().ok()) {
                (Some(found), Some(expected)) => near(found, expected),
                (found, expected) => found == expected,
            };
            assert!(same, "{scenario}: {name} {found:?} is not {}", row[name]);
        }
    }

    let equity =
        rows(flate2::read::GzDecoder::new(std::fs::File::open(folder.join("equity.csv.gz")).unwrap()));
    assert_eq!(equity.len(), report.equity.len(), "{scenario}");
    for (bar, row) in equity.iter().enumerate() {
        close_to(report.equity[bar], number(row, "Equity"), scenario, bar);
        close_to(report.drawdown[bar], -number(row, "DrawdownPct"), scenario, bar);
    }

    // Rounding may leave a day of 1e-16 in the recorded equity, which then counts as a losing one: so the recorded equity is used.
    let equity = equity.iter().map(|row| number(row, "Equity")).collect();
    let recorded = Report { equity, ..report.clone() };
    check_quantstats(scenario, bars, &recorded, result["quantstats"].as_object().unwrap());
    check_statistics(scenario, &report.statistics, result["stats"].as_object().unwrap());
    let places = report.statistics.iter().map(|statistic| text.find(&format!("\n  \"{}\":", statistic.name)));
    assert!(places.is_sorted(), "{scenario}: the statistics are in another order");
}

fn check_quantstats(scenario: &str, bars: &Bars, report: &Report, expected: &serde_json::Map<String, Json>) {
    let table = Market::new(bars.prices()).unwrap().statistics(report, Family::QuantStats);
    let recorded = expected.iter().filter(|(name, _)| !name.starts_with('_'));
    assert_eq!(table.rows.len(), recorded.clone().count(), "{scenario}");
    for (name, expected) in recorded {
        let row = table.rows.iter().find(|row| row.name == *name);
        check_value(scenario, name, row.map(|row| row.all), expected);
    }
}

fn run_recorded(result: &Json, bars: &Bars) -> Report {
    let spec = spec(result);
    if result["strategy"] == "LimitStop" {
        return Market::new(bars.prices()).unwrap().run_trader(&mut LimitStop, &spec).unwrap();
    }
    run(&bars.prices(), &spec).unwrap()
}

/// Every 20 bars two waiting entries, one to buy cheaper and one to buy a rise, in place of those that still wait.
struct LimitStop;

impl Trader for LimitStop {
    // The recording computed an average over 5 bars, which nothing is done with.
    fn warm_up(&self) -> usize {
        4
    }

    fn decide(&mut self, desk: &mut Desk<'_, '_>) {
        let bar = desk.bar();
        if (bar + 1) % 20 != 0 {
            return;
        }
        let close = desk.prices().close[bar];
        desk.cancel_waiting();
        let order = |kind, stop, target| Order {
            size: Some(Size::Units { units: 10.0 }),
            stop: Some(Protection::At(close * stop)),
            target: Some(Protection::At(close * target)),
            ..Order::new(Side::Buy, kind)
        };
        desk.order(order(OrderKind::Limit(close * 0.99), 0.96, 1.03));
        desk.order(order(OrderKind::Stop(close * 1.01), 0.98, 1.05));
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
    let engine = &result["engine"];
    let number = |name: &str| engine[name].as_f64().unwrap();
    let (commission_fixed, commission) = match &engine["commission"] {
        Json::Array(both) => (both[0].as_f64().unwrap(), both[1].as_f64().unwrap()),
        rate => (0.0, rate.as_f64().unwrap()),
    };
    let account = Spec {
        cash: number("cash"),
        commission,
        commission_fixed,
        spread: number("spread"),
        margin: number("margin"),
        fill: if engine["trade_on_close"] == true { Fill::ThisClose } else { Fill::NextOpen },
        exclusive: engine["exclusive_orders"] == true,
        hedging: engine["hedging"] == true,
        finalize: engine["finalize_trades"] == true,
        units: Units::Whole,
        profile: Profile::Btpy06,
        ..Spec::default()
    };
    with_strategy(account, result["strategy"].as_str().unwrap_or("SmaCross"), &result["params"])
}

/// The recorded strategies, said with this house's words.
fn with_strategy(account: Spec, name: &str, params: &Json) -> Spec {
    let bars = |name: &str| params[name].as_u64().unwrap() as u32;
    let real = |name: &str| params[name].as_f64().unwrap();
    let cross = |first, second| Strategy::SmaCross { fast: bars(first), slow: bars(second) };
    let long_only = Spec { direction: Direction::Long, ..account.clone() };
    let when_flat = Entry { when: Some(When::Flat), ..Entry::default() };
    match name {
        "SmaCross" => Spec { strategy: cross("n1", "n2"), ..account },
        // Closing before each order is what exclusive orders do.
        "SmaCrossClose" => Spec { strategy: cross("fast", "slow"), exclusive: true, ..account },
        "SmaLongOnly" => Spec { strategy: cross("n1", "n2"), size: Size::Free { share: 0.5 }, ..long_only },
        "EmaCross" => {
            let strategy = Strategy::EmaCross { fast: bars("n1"), slow: bars("n2"), seed: Seed::Sma };
            Spec { strategy, ..account }
        }
        "RsiRevert" => {
            let strategy = Strategy::RsiReversion { window: bars("n"), low: real("lo"), high: real("hi") };
            Spec { strategy, ..account }
        }
        "BollRevert" => {
            let strategy = Strategy::BollingerReversion { window: bars("n"), deviations: real("k") };
            Spec { strategy, ..account }
        }
        "Donchian" => {
            Spec { strategy: Strategy::DonchianBreakout { entry: bars("n"), exit: bars("m") }, ..account }
        }
        "SmaBracket" => {
            let (stop, target) = (Some(Distance::Share(real("slp"))), Some(Distance::Share(real("tpp"))));
            let exits = Exits { stop, target, from: Origin::Signal, ..Exits::default() };
            Spec { strategy: cross("n1", "n2"), exits, ..account }
        }
        "AtrTrail" => {
            let distance = Distance::Atr { multiple: 3.0, window: 100 };
            let trail = Some(Trail { distance, behind: Behind::Close });
            let exits = Exits { trail, on_signal: false, ..Exits::default() };
            Spec { strategy: cross("n1", "n2"), entry: when_flat, exits, ..long_only }
        }
        "HedgeBoth" => {
            let exits = Exits { bars: Some(25), ..Exits::default() };
            Spec { strategy: cross("n1", "n2"), size: Size::Free { share: 0.2 }, exits, ..account }
        }
        "Partial" => {
            let exits = Exits { part: Some(0.5), ..Exits::default() };
            let size = Size::Free { share: 0.9 };
            Spec { strategy: cross("n1", "n2"), entry: when_flat, size, exits, ..long_only }
        }
        "BuyHold" => Spec { strategy: Strategy::BuyAndHold {}, ..account },
        "LimitStop" => account,
        other => panic!("{other} is not known"),
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
