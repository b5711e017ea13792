//! Statistics that no reference has recorded, worked out by hand; and what stands beside them.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{Excursion, Family, Market, Month, Order, OrderKind, Row, Side, Size, Spec, Table, Value};
use bars::DAY;

use common::{Bars, Hand, Script};

fn units(side: Side, units: f64) -> Order {
    Order { size: Some(Size::Units { units }), ..Order::new(side, OrderKind::Market) }
}

fn value(table: &Table, name: &str, column: fn(&Row) -> Option<Value>) -> Option<f64> {
    let row = table.rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name}"));
    column(row)?.number()
}

/// Long 10 from 100 to 110, short 10 from 110 to 115, long 5 from 115 to 130.
fn three_trades() -> (Hand, Vec<(usize, Order)>) {
    let bars = Hand::daily(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 108.0, 96.0, 104.0),
        (104.0, 112.0, 103.0, 111.0),
        (110.0, 111.0, 105.0, 112.0),
        (112.0, 118.0, 109.0, 113.0),
        (115.0, 120.0, 114.0, 118.0),
        (118.0, 131.0, 117.0, 130.0),
    ]);
    let orders = vec![(0, units(Side::Buy, 10.0)), (2, units(Side::Sell, 10.0)), (4, units(Side::Buy, 5.0))];
    (bars, orders)
}

#[test]
fn trades_in_money_for_all_long_and_short() {
    let (bars, orders) = three_trades();
    let mut market = Market::new(bars.prices()).unwrap();
    let spec = Spec { commission_fixed: 1.0, ..Spec::default() };
    let report = market.run_trader(&mut Script(&orders), &spec).unwrap();
    let table = market.statistics(&report, Family::TradingView);
    // Profits are 98, -52 and 73 after fees of 2 each.
    let cases: [(&str, [Option<f64>; 3]); 12] = [
        ("Net profit", [Some(119.0), Some(171.0), Some(-52.0)]),
        ("Net profit [%]", [Some(1.19), Some(1.71), Some(-0.52)]),
        ("Gross profit", [Some(171.0), Some(171.0), Some(0.0)]),
        ("Gross loss", [Some(52.0), Some(0.0), Some(52.0)]),
        ("Profit factor", [Some(171.0 / 52.0), None, Some(0.0)]),
        ("Commission paid", [Some(6.0), Some(4.0), Some(2.0)]),
        ("Total closed trades", [Some(3.0), Some(2.0), Some(1.0)]),
        ("Percent profitable [%]", [Some(200.0 / 3.0), Some(100.0), Some(0.0)]),
        ("Avg winning trade", [Some(85.5), Some(85.5), None]),
        ("Ratio avg win / avg loss", [Some(85.5 / 52.0), None, None]),
        ("Largest losing trade", [Some(52.0), None, Some(52.0)]),
        ("Avg # bars in trades", [Some(5.0 / 3.0), Some(1.5), Some(2.0)]),
    ];
    for (name, expected) in cases {
        let found = [
            value(&table, name, |row| Some(row.all)),
            value(&table, name, |row| row.long),
            value(&table, name, |row| row.short),
        ];
        for (found, expected) in found.iter().zip(expected) {
            let near = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found.is_none() == expected.is_none(),
            };
            assert!(near, "{name}: {found:?} is not {expected:?}");
        }
    }
    assert_eq!(value(&table, "Buy & hold return [%]", |row| Some(row.all)), Some(30.0));
    assert_eq!(value(&table, "Open P&L", |row| Some(row.all)), Some(0.0));
}

#[test]
fn excursions_count_what_happened_while_the_trade_was_open() {
    let (bars, orders) = three_trades();
    let mut market = Market::new(bars.prices()).unwrap();
    let report = market.run_trader(&mut Script(&orders), &Spec::default()).unwrap();
    let analysis = market.analysis(&report);
    let expected = [
        (96.0 / 100.0 - 1.0, 112.0 / 100.0 - 1.0),
        (1.0 - 118.0 / 110.0, 1.0 - 105.0 / 110.0),
        (114.0 / 115.0 - 1.0, 131.0 / 115.0 - 1.0),
    ];
    for (found, (adverse, favourable)) in analysis.excursions.iter().zip(expected) {
        let near = (found.adverse - adverse).abs() < 1e-12 && (found.favourable - favourable).abs() < 1e-12;
        assert!(near, "{found:?} is not {:?}", Excursion { adverse, favourable });
    }
    // Bars 1 to 6 of the 7 from the warm-up on.
    assert_eq!(analysis.exposure, 6.0 / 7.0);
    assert_eq!(
        (analysis.benchmark[0], analysis.benchmark[6], analysis.benchmark_return),
        (10_000.0, 13_000.0, 0.3)
    );
}

#[test]
fn ratios_of_months() {
    // One bar a month, so that the monthly returns of holding are those of the close.
    let closes = [100.0, 110.0, 99.0, 108.9, 98.01];
    let mut bars = Hand::daily(&closes.map(|close| (close, close, close, close)));
    bars.times = [0, 31, 59, 90, 120].map(|day| day * DAY).to_vec();
    let mut market = Market::new(bars.prices()).unwrap();
    let spec = Spec { size: Size::Free { share: 1.0 }, finalize: false, ..Spec::default() };
    let buy = [(0, Order::new(Side::Buy, OrderKind::Market))];
    let report = market.run_trader(&mut Script(&buy), &spec).unwrap();
    // Bought at 110 in the second month: returns 0, -10 %, +10 %, -10 %.
    let table = market.statistics(&report, Family::TradingView);
    let (mean, free) = (-0.025, 0.02 / 12.0);
    let squares: f64 = [0.025_f64, -0.075, 0.125, -0.075].iter().map(|distance| distance * distance).sum();
    let expected = (mean - free) / (squares / 3.0).sqrt();
    let found = value(&table, "Sharpe ratio", |row| Some(row.all)).unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    let analysis = market.analysis(&report);
    let month = |month: &Month| {
        (month.year, month.month, (month.strategy * 1e6).round(), (month.market * 1e6).round())
    };
    assert_eq!(
        analysis.months.iter().map(month).collect::<Vec<_>>(),
        [
            (1970, 1, 0.0, 0.0),
            (1970, 2, 0.0, 1e5),
            (1970, 3, -1e5, -1e5),
            (1970, 4, 1e5, 1e5),
            (1970, 5, -1e5, -1e5)
        ]
    );
}

#[test]
fn every_family_says_how_and_why() {
    let recorded = Bars::load();
    let flat = Hand::daily(&[(7.0, 7.0, 7.0, 7.0); 40]);
    for prices in [recorded.prices(), flat.prices()] {
        let mut market = Market::new(prices).unwrap();
        let report = market.run(&Spec::default()).unwrap();
        for family in Family::ALL {
            let table = market.statistics(&report, *family);
            assert!(!family.assumptions().is_empty() && !family.title().is_empty());
            assert!(table.rows.len() > 15, "{family:?}");
            for row in &table.rows {
                assert!(!row.formula.is_empty(), "{family:?} {}", row.name);
                for value in [Some(row.all), row.long, row.short, row.benchmark].into_iter().flatten() {
                    assert!(value.number().is_none_or(f64::is_finite), "{family:?} {}", row.name);
                }
                let why = row.formula.contains("; undefined here: ");
                assert_eq!(row.all == Value::Undefined, why, "{family:?} {}: {}", row.name, row.formula);
            }
            let text = serde_json::to_string(&table).unwrap();
            assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
        }
        let analysis = market.analysis(&report);
        assert_eq!(analysis.excursions.len(), report.trades.len());
        assert_eq!(analysis.benchmark.len(), prices.len());
        let json = serde_json::to_value(&analysis).unwrap();
        assert!(!json.to_string().contains("null,null"));
    }
}

#[test]
fn long_and_short_add_up() {
    let bars = Bars::load();
    let mut market = Market::new(bars.prices()).unwrap();
    let report = market.run(&Spec::default()).unwrap();
    for (family, name) in
        [(Family::Btpy, "# Trades"), (Family::TradingView, "Net profit"), (Family::Nautilus, "PnL (total)")]
    {
        let table = market.statistics(&report, family);
        let parts =
            value(&table, name, |row| row.long).unwrap() + value(&table, name, |row| row.short).unwrap();
        let all = value(&table, name, |row| Some(row.all)).unwrap();
        assert!((all - parts).abs() < 1e-6, "{name}: {all} is not {parts}");
    }
}
