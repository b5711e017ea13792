//! How much is traded and what it costs: every case is worked out by hand.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    Instrument, Market, Order, OrderKind, Prices, Report, Side, Size, Slippage, Spec, Strategy, Trader,
    UnitFee, Units,
};
use bars::DAY;

use common::{Hand, Ohlc, Script};

fn play(bars: &[Ohlc], trader: &mut dyn Trader, spec: &Spec) -> Report {
    Market::new(Hand::daily(bars).prices()).unwrap().run_trader(trader, spec).unwrap()
}

fn netting() -> Spec {
    Spec { exclusive: false, ..Spec::default() }
}

#[test]
fn sizes_and_costs() {
    let bars = [(100.0, 100.0, 100.0, 100.0), (100.0, 100.0, 100.0, 100.0), (100.0, 110.0, 100.0, 110.0)];
    let spec = |size, change: fn(&mut Spec)| {
        let mut spec = Spec { size, ..netting() };
        change(&mut spec);
        spec
    };
    let free = Size::Free { share: 1.0 };
    // Size, entry price, exit price, commission.
    let cases: Vec<(&str, Spec, [f64; 4])> = vec![
        ("all", spec(free, |_| {}), [100.0, 100.0, 110.0, 0.0]),
        ("half", spec(Size::Free { share: 0.5 }, |_| {}), [50.0, 100.0, 110.0, 0.0]),
        ("leverage", spec(free, |spec| spec.margin = 0.25), [400.0, 100.0, 110.0, 0.0]),
        ("equity", spec(Size::Equity { share: 0.3 }, |_| {}), [30.0, 100.0, 110.0, 0.0]),
        ("equity beyond margin", spec(Size::Equity { share: 3.0 }, |_| {}), [100.0, 100.0, 110.0, 0.0]),
        ("units", spec(Size::Units { units: 7.0 }, |_| {}), [7.0, 100.0, 110.0, 0.0]),
        ("cash", spec(Size::Cash { money: 1250.0 }, |_| {}), [12.5, 100.0, 110.0, 0.0]),
        (
            "whole",
            spec(Size::Cash { money: 1250.0 }, |spec| spec.units = Units::Whole),
            [12.0, 100.0, 110.0, 0.0],
        ),
        (
            "lots",
            spec(Size::Cash { money: 1290.0 }, |spec| spec.instrument.lot = 5.0),
            [10.0, 100.0, 110.0, 0.0],
        ),
        (
            "multiplier",
            spec(free, |spec| spec.instrument = Instrument { multiplier: 50.0, ..Instrument::default() }),
            [2.0, 100.0, 110.0, 0.0],
        ),
        ("rate", spec(free, |spec| spec.commission = 0.25 / 100.0), [99.75062344, 100.0, 110.0, 52.3690773]),
        (
            "fixed",
            spec(free, |spec| {
                spec.commission_fixed = 25.0;
                spec.units = Units::Whole;
            }),
            [99.0, 100.0, 110.0, 50.0],
        ),
        (
            "per contract",
            spec(Size::Units { units: 4.0 }, |spec| spec.unit_fee = UnitFee::per_contract(2.25)),
            [4.0, 100.0, 110.0, 18.0],
        ),
        (
            "ibkr minimum",
            spec(Size::Units { units: 10.0 }, |spec| spec.unit_fee = UnitFee::ibkr_fixed()),
            [10.0, 100.0, 110.0, 2.0],
        ),
        (
            "ibkr at most 1 %",
            spec(Size::Units { units: 0.5 }, |spec| spec.unit_fee = UnitFee::ibkr_fixed()),
            [0.5, 100.0, 110.0, 0.5 + 0.55],
        ),
        ("spread", spec(Size::Units { units: 1.0 }, |spec| spec.spread = 0.02), [1.0, 101.0, 108.9, 0.0]),
        (
            "slippage in ticks",
            spec(Size::Units { units: 1.0 }, |spec| {
                spec.slippage = Slippage::Ticks(2.0);
                spec.instrument.tick = 0.25;
            }),
            [1.0, 100.5, 109.5, 0.0],
        ),
        (
            "slippage in basis points",
            spec(Size::Units { units: 1.0 }, |spec| spec.slippage = Slippage::BasisPoints(50.0)),
            [1.0, 100.5, 109.45, 0.0],
        ),
        (
            "cents",
            spec(Size::Units { units: 1.0 }, |spec| {
                spec.commission = 0.00012;
                spec.instrument.money_decimals = Some(2);
            }),
            [1.0, 100.0, 110.0, 0.02],
        ),
    ];
    for (name, spec, expected) in cases {
        let report = play(&bars, &mut Script(&[(0, Order::new(Side::Buy, OrderKind::Market))]), &spec);
        let [trade] = &report.trades[..] else { panic!("{name}: {:?}", report.trades) };
        let found = [trade.size, trade.entry_price, trade.exit_price, trade.commission];
        let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-7);
        assert!(near, "{name}: {found:?} is not {expected:?}");
        let last = report.equity[2];
        assert!((last - 10_000.0 - trade.pnl).abs() < 1e-9, "{name}: {last} and {}", trade.pnl);
    }
}

#[test]
fn orders_that_cannot_be_paid_are_refused_or_cut() {
    let bars = [(100.0, 100.0, 100.0, 100.0); 3];
    let all = |spec: &Spec| play(&bars, &mut Script(&[(0, Order::new(Side::Buy, OrderKind::Market))]), spec);
    let report = all(&Spec { size: Size::Units { units: 101.0 }, ..netting() });
    assert_eq!(report.trades.len(), 0);
    assert!(report.warnings.iter().any(|warning| warning == "1 order refused for lack of margin."));
    // A minimum fee of 1 leaves room for 99 whole shares.
    let fee = Spec { unit_fee: UnitFee::ibkr_fixed(), units: Units::Whole, ..netting() };
    assert_eq!(all(&fee).trades[0].size, 99.0);
    let tiny = Spec { cash: 50.0, units: Units::Whole, ..netting() };
    assert_eq!(all(&tiny).trades.len(), 0);
}

#[test]
fn the_months_volume_lowers_tiered_fees() {
    let tiered = UnitFee::ibkr_tiered();
    let bars = [(1.0, 1.0, 1.0, 1.0); 4];
    let unlimited = Spec {
        cash: 1e9,
        unit_fee: UnitFee { maximum: 0.0, ..tiered },
        size: Size::Units { units: 250_000.0 },
        finalize: false,
        ..netting()
    };
    let buy = Order::new(Side::Buy, OrderKind::Market);
    let report = play(&bars, &mut Script(&[(0, buy), (1, buy)]), &unlimited);
    let fees: Vec<f64> = report.executions.iter().map(|execution| execution.commission).collect();
    assert_eq!(fees, [250_000.0 * 0.0035, 50_000.0 * 0.0035 + 200_000.0 * 0.0020]);
}

#[test]
fn a_volatility_target_looks_at_known_bars_only() {
    let returns = [0.01, -0.02, 0.03, -0.01, 0.02, -0.03, 0.01];
    let mut close = vec![100.0];
    returns.iter().for_each(|share| close.push(close[close.len() - 1] * (1.0 + share)));
    let times: Vec<i64> = (0..8).map(|day| day * DAY).collect();
    let prices =
        Prices { times: &times, open: &close, high: &close, low: &close, close: &close, volume: &[] };
    let size = |bars_per_year| Size::Volatility { target: 0.05, window: 4, bars_per_year };
    for (bars_per_year, a_year) in [(Some(252.0), 252.0), (None, 365.25)] {
        let spec = Spec { strategy: Strategy::BuyAndHold {}, size: size(bars_per_year), ..Spec::default() };
        let report = backtest::run(&prices, &spec).unwrap();
        let trade = &report.trades[0];
        // Four returns are known at the close of bar 4; the order fills at the open of bar 5.
        assert_eq!((trade.entry_bar, report.first_bar), (5, 4));
        let known = &returns[..4];
        let mean = known.iter().sum::<f64>() / 4.0;
        let deviation = (known.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
        let expected = 10_000.0 * 0.05 / (deviation * f64::sqrt(a_year) * close[5]);
        assert!((trade.size - expected).abs() < 1e-7, "{} is not {expected}", trade.size);
    }
}

#[test]
fn presets_are_listed() {
    for (name, _) in UnitFee::PRESETS {
        assert!(UnitFee::preset(name).is_some_and(|fee| !fee.is_free()), "{name}");
    }
    assert_eq!(UnitFee::preset("ibkr"), None);
}
