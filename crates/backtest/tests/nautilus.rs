//! The fill model `nautilus` against recorded runs of NautilusTrader 1.231.0, see `tests/fixtures/backtest/nautilus`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use std::fs::File;
use std::path::PathBuf;

use backtest::indicators::{Seed, ema};
use backtest::{Family, Fill, Instrument, Market, Prices, Report, Size, Spec, Strategy, Units, run};
use bars::MINUTE;
use serde_json::Value as Json;

use common::{Row, rows};

/// Recorded bars by column; times are opens.
struct Minutes {
    times: Vec<i64>,
    columns: [Vec<f64>; 5],
}

impl Minutes {
    fn load() -> Self {
        let rows = zipped("synth_aapl_nofee/bars.csv.gz");
        let times = rows.iter().map(|row| row["ts_init"].parse::<i64>().unwrap() - MINUTE).collect();
        let column = |name: &str| rows.iter().map(|row| number(row, name)).collect();
        Self { times, columns: ["open", "high", "low", "close", "volume"].map(column) }
    }

    fn prices(&self) -> Prices<'_> {
        let [open, high, low, close, volume] = &self.columns;
        Prices { times: &self.times, open, high, low, close, volume }
    }
}

#[test]
fn averages_bit_for_bit() {
    let minutes = Minutes::load();
    let close = &minutes.columns[3];
    let recorded = zipped("synth_aapl_nofee/ema.csv.gz");
    assert_eq!(recorded.len(), close.len());
    for (name, window) in [("fast_ema", 10), ("slow_ema", 20)] {
        let expected: Vec<u64> = recorded.iter().map(|row| number(row, name).to_bits()).collect();
        let found: Vec<u64> = ema(close, window, Seed::First).iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_fill_position_and_balance() {
    let minutes = Minutes::load();
    let mut runs = 0;
    for folder in std::fs::read_dir(fixtures()).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let summary: Json =
            serde_json::from_str(&std::fs::read_to_string(folder.join("summary.json")).unwrap()).unwrap();
        let report = run(&minutes.prices(), &spec(&summary)).unwrap();
        check_fills(&name, &report, &csv(&name, "fills.csv"));
        check_positions(&name, &report, &csv(&name, "positions.csv"));
        check_balances(&name, &report, &csv(&name, "account.csv"));
        check_statistics(&name, &minutes, &report, &summary);
        let ending = money(&summary["ending_balances"]["USD"]);
        assert_eq!(cents(*report.equity.last().unwrap()), cents(ending), "{name}");
        runs += 1;
    }
    assert_eq!(runs, 3);
}

fn spec(summary: &Json) -> Spec {
    let number = |value: &Json| value.as_str().unwrap().parse::<f64>().unwrap();
    let window = |name: &str| summary[name].as_u64().unwrap() as u32;
    let instrument = Instrument { tick: 0.01, money_decimals: Some(2), ..Instrument::default() };
    Spec {
        strategy: Strategy::NautilusEmaCross { fast: window("fast"), slow: window("slow") },
        size: Size::Units { units: number(&summary["trade_size"]) },
        cash: money(&summary["starting_balances"][0]),
        commission: number(&summary["instrument"]["taker_fee"]),
        fill: Fill::Nautilus,
        units: Units::Whole,
        instrument,
        ..Spec::default()
    }
}

fn check_fills(name: &str, report: &Report, recorded: &[Row]) {
    assert_eq!(report.executions.len(), recorded.len(), "{name}");
    for (fill, (found, row)) in report.executions.iter().zip(recorded).enumerate() {
        let sign = if row["order_side"] == "BUY" { 1.0 } else { -1.0 };
        let expected =
            (sign * number(row, "last_qty"), number(row, "last_px"), cents(amount(&row["commission"])));
        assert_eq!((found.quantity, found.price, cents(found.commission)), expected, "{name}: fill {fill}");
        assert_eq!(found.time.0 + MINUTE, row["ts_event_ns"].parse::<i64>().unwrap(), "{name}: fill {fill}");
    }
}

fn check_positions(name: &str, report: &Report, recorded: &[Row]) {
    assert_eq!(report.trades.len(), recorded.len(), "{name}");
    for (place, (trade, row)) in report.trades.iter().zip(recorded).enumerate() {
        let sign = if row["entry"] == "BUY" { 1.0 } else { -1.0 };
        assert_eq!(trade.size, sign * number(row, "peak_qty"), "{name}: position {place}");
        assert_eq!(cents(trade.pnl), cents(amount(&row["realized_pnl"])), "{name}: position {place}");
        for (found, column) in [(trade.entry_price, "avg_px_open"), (trade.exit_price, "avg_px_close")] {
            let expected = number(row, column);
            assert!((found - expected).abs() < 1e-9, "{name}: position {place}: {found} is not {expected}");
        }
    }
}

/// The account is told at the start and after every fill.
///
/// A fill that opens changes nothing but the commission, and the recorder kept the very balance that it changed: so the row before
/// shows it too.
fn check_balances(name: &str, report: &Report, recorded: &[Row]) {
    let mut balance = report.equity[0];
    let mut found = vec![cents(balance)];
    let (mut size, mut price) = (0.0, 0.0);
    for fill in &report.executions {
        let closes = size * fill.quantity < 0.0;
        let profit = if closes { -fill.quantity * (fill.price - price) } else { 0.0 };
        if !closes {
            price = (size * price + fill.quantity * fill.price) / (size + fill.quantity);
        }
        size += fill.quantity;
        balance += (profit * 100.0).round() / 100.0 - fill.commission;
        if !closes {
            found.pop();
            found.push(cents(balance));
        }
        found.push(cents(balance));
    }
    let expected: Vec<i64> = recorded.iter().map(|row| cents(number(row, "total"))).collect();
    assert_eq!(found, expected, "{name}");
}

fn check_statistics(name: &str, minutes: &Minutes, report: &Report, summary: &Json) {
    let table = Market::new(minutes.prices()).unwrap().statistics(report, Family::Nautilus);
    let mut recorded = 0;
    for group in [&summary["stats_pnls"]["USD"], &summary["stats_returns"]] {
        for (statistic, expected) in group.as_object().unwrap() {
            let row = table.rows.iter().find(|row| row.name == *statistic);
            let found = row.and_then(|row| row.all.number()).unwrap_or(f64::NAN);
            let expected = expected.as_f64().unwrap();
            assert!(
                (found - expected).abs() <= 1e-9 * expected.abs(),
                "{name}: {statistic}: {found} is not {expected}"
            );
            recorded += 1;
        }
    }
    assert_eq!(table.rows.len(), recorded, "{name}");
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/backtest/nautilus")
}

fn csv(run: &str, file: &str) -> Vec<Row> {
    rows(File::open(fixtures().join(run).join(file)).unwrap())
}

fn zipped(file: &str) -> Vec<Row> {
    rows(flate2::read::GzDecoder::new(File::open(fixtures().join(file)).unwrap()))
}

fn number(row: &Row, name: &str) -> f64 {
    row[name].parse().unwrap()
}

/// The number of `12.34 USD`.
fn amount(text: &str) -> f64 {
    text.split(' ').next().unwrap().parse().unwrap()
}

fn money(text: &Json) -> f64 {
    amount(text.as_str().unwrap())
}

fn cents(money: f64) -> i64 {
    (money * 100.0).round() as i64
}
