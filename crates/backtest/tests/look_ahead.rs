//! Changing later bars changes nothing before them, whatever is run.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    BacktestError, Behind, Desk, Direction, Distance, Entry, EntryOrder, Exits, Fill, Market, Prices,
    Profile, Report, Rules, Size, Spec, Strategy, Trader, Trail, run, self_test, self_test_with, strategies,
};

use common::Traded;

/// Every strategy, order type, exit and size that does not depend on the compatible profile's quirks.
fn everything() -> Vec<Spec> {
    let costs = Spec { commission: 0.001, commission_fixed: 1.0, spread: 0.0005, ..Spec::default() };
    let mut specs: Vec<Spec> = strategies()
        .iter()
        .filter(|info| info.name != "rules")
        .map(|info| Spec { strategy: Strategy::named(info.name).unwrap(), ..costs.clone() })
        .collect();
    let typed = Rules {
        short: Some("rsi(close, 9) > 65 AND close < vwap() + 5".into()),
        exit_long: Some("bars_since(crosses_below(close, ema(close, 12))) = 0".into()),
        stop_long: Some("lowest(low, 15)".into()),
        target_short: Some("close - 2 * atr(14)".into()),
        size: Some("least(1, 0.02 * close / atr(14))".into()),
        long: Some("stochastic_k(14, 3) < 25 AND zscore(close, 30) < 0".into()),
        ..Rules::default()
    };
    specs.push(Spec { strategy: Strategy::Rules(Box::new(typed)), ..costs.clone() });
    let atr = |multiple| Distance::Atr { multiple, window: 20 };
    for behind in [Behind::Close, Behind::Extreme] {
        let exits =
            Exits { trail: Some(Trail { distance: atr(2.0), behind }), bars: Some(40), ..Exits::default() };
        specs.push(Spec { exits, ..costs.clone() });
    }
    let bracket = Exits {
        stop: Some(atr(1.5)),
        target: Some(Distance::Share(0.03)),
        part: Some(0.5),
        ..Exits::default()
    };
    for order in [
        EntryOrder::Limit(Distance::Share(0.01)),
        EntryOrder::Stop(atr(0.5)),
        EntryOrder::StopLimit { stop: Distance::Share(0.005), limit: Distance::Share(0.002) },
    ] {
        let entry = Entry { order, valid_bars: Some(7), when: None };
        specs.push(Spec { entry, exits: bracket, ..costs.clone() });
    }
    for size in [
        Size::Risk { share: 0.01 },
        Size::Volatility { target: 0.1, window: 20, bars_per_year: None },
        Size::Cash { money: 5000.0 },
    ] {
        let exits = Exits { stop: Some(Distance::Share(0.05)), ..Exits::default() };
        specs.push(Spec { size, exits, exclusive: false, direction: Direction::Long, ..costs.clone() });
    }
    specs.push(Spec {
        hedging: true,
        exclusive: false,
        size: Size::Equity { share: 0.3 },
        margin: 0.2,
        stop_out: 0.5,
        ..costs.clone()
    });
    let closes: Vec<Spec> = specs.iter().map(|spec| Spec { fill: Fill::ThisClose, ..spec.clone() }).collect();
    specs.extend(closes);
    specs.push(Spec { profile: Profile::Btpy06, ..costs });
    specs
}

#[test]
fn nothing_looks_ahead() {
    let daily = Traded::load();
    let hours: Vec<i64> = (0..1500).map(|bar| bar * bars::HOUR).collect();
    for spec in everything() {
        // A time of day needs bars within days.
        let hourly = matches!(spec.strategy, Strategy::TimeOfDay { .. });
        let prices = Prices { times: if hourly { &hours } else { &daily.bars.times }, ..daily.prices() };
        let test = self_test(prices, &spec, 12).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        assert_eq!((test.cuts, test.looked_ahead), (12, None), "{spec:?}");
        // What proves something has traded.
        assert!(!run(&prices, &spec).unwrap().executions.is_empty(), "{spec:?}");
    }
}

/// Knows tomorrow's close.
struct Prophet;

impl Trader for Prophet {
    fn decide(&mut self, desk: &mut Desk<'_, '_>) {
        let (close, bar) = (desk.prices().close, desk.bar());
        match close.get(bar + 1) {
            Some(next) if *next > close[bar] => desk.buy(),
            _ => desk.close_all(Default::default()),
        }
    }
}

#[test]
fn the_self_test_finds_a_look_ahead() {
    let traded = Traded::load();
    let cheat = |prices: Prices<'_>| -> Result<Report, BacktestError> {
        Market::new(prices)?.run_trader(&mut Prophet, &Spec { fill: Fill::ThisClose, ..Spec::default() })
    };
    let test = self_test_with(traded.prices(), 12, cheat).unwrap();
    let found = test.looked_ahead.unwrap();
    assert_eq!(found.bar + 1, found.changed_from);
    // So does the reference's average range, which is filled back, as its assumptions say.
    let distance = Distance::Atr { multiple: 1.0, window: 100 };
    let exits = Exits { trail: Some(Trail { distance, behind: Behind::Close }), ..Exits::default() };
    let strategy = Strategy::SmaCross { fast: 2, slow: 5 };
    let spec = Spec { strategy, exits, profile: Profile::Btpy06, ..Spec::default() };
    assert!(self_test(traded.prices(), &spec, 40).unwrap().looked_ahead.is_some());
    let report = run(&traded.prices(), &spec).unwrap();
    assert!(report.assumptions.iter().any(|assumption| assumption.ends_with("which looks ahead.")));
}
