//! Several instruments in one account.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    Distance, Exits, Fill, Leg, Market, Portfolio, PortfolioReport, Prices, Profile, Size, Spec, Strategy,
    Units, run,
};
use bars::DAY;

use common::{Bars, Hand};

fn leg<'a>(name: &str, prices: Prices<'a>, spec: &Spec) -> Leg<'a> {
    Leg { name: name.into(), prices, spec: spec.clone() }
}

fn costly() -> Spec {
    Spec { commission: 0.001, spread: 0.0004, ..Spec::default() }
}

#[test]
fn one_instrument_is_a_run() {
    let bars = Bars::load();
    let bracket =
        Exits { stop: Some(Distance::Share(0.02)), target: Some(Distance::Share(0.06)), ..Exits::default() };
    for spec in [
        costly(),
        Spec { fill: Fill::ThisClose, ..costly() },
        Spec { exits: bracket, margin: 0.5, ..costly() },
        Spec { margin: 0.01, ..costly() },
        Spec { finalize: false, exclusive: false, size: Size::Equity { share: 0.4 }, ..costly() },
    ] {
        let alone = run(&bars.prices(), &spec).unwrap();
        let together = Portfolio::new(vec![leg("A", bars.prices(), &spec)]).unwrap().run().unwrap().report;
        assert_eq!(together.trades, alone.trades, "{spec:?}");
        assert_eq!(together.executions, alone.executions);
        assert_eq!(together.equity, alone.equity);
        assert_eq!(together.open_trades, alone.open_trades);
    }
}

#[test]
fn money_is_neither_made_nor_lost_between_legs() {
    let bars = Bars::load();
    // The second instrument begins later, misses bars and moves otherwise.
    let mut other = bars.cut(1500);
    other.columns.iter_mut().for_each(|column| column.reverse());
    let keep = |row: usize| row >= 300 && row % 7 != 3;
    let times = (0..1500).filter(|row| keep(*row)).map(|row| bars.times[row]).collect();
    let columns = other.columns.each_ref().map(|column| {
        column.iter().enumerate().filter(|(row, _)| keep(*row)).map(|(_, value)| *value).collect::<Vec<f64>>()
    });
    let other = Bars { times, columns };
    let spec = Spec { size: Size::Equity { share: 0.45 }, ..costly() };
    let ema = Spec { strategy: Strategy::named("ema_cross").unwrap(), ..spec.clone() };
    let portfolio =
        Portfolio::new(vec![leg("A", bars.prices(), &spec), leg("B", other.prices(), &ema)]).unwrap();
    let PortfolioReport { report, legs } = portfolio.run().unwrap();
    let pnl: f64 = legs.iter().map(|leg| leg.pnl).sum();
    let last = *report.equity.last().unwrap();
    assert!((last - 10_000.0 - pnl).abs() < 1e-6, "{last} is not 10000 + {pnl}");
    assert!(legs.iter().all(|leg| leg.trades > 20), "{legs:?}");
    assert_eq!(legs.iter().map(|leg| leg.trades as usize).sum::<usize>(), report.trades.len());
    let index = portfolio.index().prices();
    assert_eq!(report.equity.len(), index.len());
    for trade in &report.trades {
        // Bars are rows of the index, so their times agree.
        assert_eq!(index.times[trade.entry_bar as usize], trade.entry_time.0);
        assert_eq!(index.times[trade.exit_bar as usize], trade.exit_time.0);
    }
    assert_eq!(portfolio.run().unwrap().report.digest, report.digest);
    // The statistics of all families can be had of the index.
    let market = Market::new(index).unwrap();
    let table = market.statistics(&report, backtest::Family::TradingView);
    assert_eq!(table.rows[0].all.number().map(|net| (net * 1e6).round()), Some((pnl * 1e6).round()));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<backtest::Report>(&json).unwrap(), report);
}

#[test]
fn the_first_leg_has_the_first_claim() {
    let flat = Hand::daily(&[(10.0, 10.0, 10.0, 10.0); 5]);
    let hold = Spec { strategy: Strategy::BuyAndHold {}, units: Units::Whole, ..Spec::default() };
    let both = Portfolio::new(vec![leg("A", flat.prices(), &hold), leg("B", flat.prices(), &hold)]).unwrap();
    let report = both.run().unwrap().report;
    assert_eq!(report.trades.iter().map(|trade| (trade.leg, trade.size)).collect::<Vec<_>>(), [(0, 1000.0)]);
    assert!(report.warnings.iter().any(|warning| warning == "1 order refused for lack of margin."));
    // With half of the account each, both are served.
    let half = Spec { size: Size::Equity { share: 0.5 }, ..hold };
    let both = Portfolio::new(vec![leg("A", flat.prices(), &half), leg("B", flat.prices(), &half)]).unwrap();
    let sizes: Vec<f64> = both.run().unwrap().report.trades.iter().map(|trade| trade.size).collect();
    assert_eq!(sizes, [500.0, 500.0]);
}

#[test]
fn ruin_closes_every_leg() {
    let fall = Hand::daily(&[
        (10.0, 10.0, 10.0, 10.0),
        (10.0, 10.0, 10.0, 10.0),
        (10.0, 10.0, 3.0, 3.0),
        (3.0, 9.0, 3.0, 9.0),
    ]);
    let flat = Hand::daily(&[(10.0, 10.0, 10.0, 10.0); 4]);
    let spec = Spec {
        strategy: Strategy::BuyAndHold {},
        margin: 0.5,
        size: Size::Equity { share: 1.0 },
        ..Spec::default()
    };
    let steep = Spec { size: Size::Equity { share: 0.9 }, margin: 0.5, ..spec.clone() };
    let two = Portfolio::new(vec![leg("A", flat.prices(), &steep), leg("B", fall.prices(), &spec)]).unwrap();
    let report = two.run().unwrap().report;
    assert_eq!(report.open_trades, 0);
    // 0.9 and 1 times the account: the second loses 70 % of it, which is not all.
    assert!((report.equity[3] - 9_000.0).abs() < 1e-6, "{:?}", report.equity);
    let ruinous = Spec { size: Size::Equity { share: 1.9 }, ..spec };
    let mut small = steep;
    small.size = Size::Equity { share: 0.1 };
    let two =
        Portfolio::new(vec![leg("A", flat.prices(), &small), leg("B", fall.prices(), &ruinous)]).unwrap();
    let report = two.run().unwrap().report;
    assert_eq!(report.equity[2..], [0.0, 0.0]);
    assert_eq!((report.trades.len(), report.open_trades), (2, 0));
    assert!(
        report.trades.iter().all(|trade| trade.exit == backtest::ExitReason::Ruin && trade.exit_bar == 2)
    );
}

#[test]
fn legs_that_do_not_go_together_are_refused() {
    let bars = Bars::load();
    let mut hourly = bars.cut(100);
    hourly.times.iter_mut().enumerate().for_each(|(row, time)| *time = row as i64 * bars::HOUR);
    let spec = Spec::default();
    let two =
        |one: Leg<'_>, other: Leg<'_>| Portfolio::new(vec![one, other]).err().map(|error| error.to_string());
    let cases = [
        (Portfolio::new(vec![]).err().map(|error| error.to_string()), "the portfolio has no instrument"),
        (
            two(leg("A", bars.prices(), &spec), leg("B", hourly.prices(), &spec)),
            "the bars of the portfolio differ in length",
        ),
        (
            two(leg("A", bars.prices(), &spec), leg("B", bars.prices(), &Spec { cash: 5.0, ..spec.clone() })),
            "cash, profile, fill, finalize and stop_out are the account's",
        ),
        (
            two(
                leg("A", bars.prices(), &Spec { profile: Profile::Btpy06, ..spec.clone() }),
                leg("B", bars.prices(), &Spec { profile: Profile::Btpy06, ..spec.clone() }),
            ),
            "backtesting.py has no portfolios",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.as_deref().is_some_and(|error| error.starts_with(expected)), "{error:?}");
    }
    let short = Hand::every(DAY, &[(1.0, 1.0, 1.0, 1.0); 10]);
    let portfolio =
        Portfolio::new(vec![leg("A", bars.prices(), &spec), leg("B", short.prices(), &spec)]).unwrap();
    assert!(portfolio.run().unwrap_err().to_string().starts_with("10 bars are too few"));
}
