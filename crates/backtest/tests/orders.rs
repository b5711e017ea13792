//! How orders fill inside bars, in the house's own profile: every case is worked out by hand.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

use backtest::{
    Behind, Distance, Entry, EntryOrder, ExitReason, Exits, Fill, Market, Moment, Order, OrderKind, Origin,
    Protection, Report, Side, Size, Spec, Strategy, Trader, Trail,
};

mod common;

use common::{Hand, Ohlc, Script};

fn play(bars: &[Ohlc], trader: &mut dyn Trader, spec: &Spec) -> Report {
    Market::new(Hand::daily(bars).prices()).unwrap().run_trader(trader, spec).unwrap()
}

fn order(side: Side, kind: OrderKind) -> Order {
    Order { size: Some(Size::Units { units: 10.0 }), ..Order::new(side, kind) }
}

fn bracket(side: Side, kind: OrderKind, stop: f64, target: f64) -> Order {
    Order { stop: Some(Protection::At(stop)), target: Some(Protection::At(target)), ..order(side, kind) }
}

fn netting() -> Spec {
    Spec { exclusive: false, ..Spec::default() }
}

/// Size, entry bar and price, exit bar and price, why, whether the order of events was unknown.
type Expected = (f64, u32, f64, u32, f64, ExitReason, bool);

#[test]
fn entries_and_brackets_inside_bars() {
    use ExitReason::{End, Stop, Target};
    use OrderKind::{Limit, Market, Stop as StopAt, StopLimit};
    use Side::{Buy, Sell};
    let start = (100.0, 100.0, 100.0, 100.0);
    let wide = (100.0, 110.0, 90.0, 105.0);
    let end = (105.0, 106.0, 104.0, 105.0);
    let cases: Vec<(&str, Vec<Ohlc>, Order, Vec<Expected>)> = vec![
        ("market", vec![start, wide], order(Buy, Market), vec![(10.0, 1, 100.0, 1, 105.0, End, false)]),
        (
            "limit inside",
            vec![start, wide],
            order(Buy, Limit(95.0)),
            vec![(10.0, 1, 95.0, 1, 105.0, End, false)],
        ),
        (
            "limit over a gap is better",
            vec![start, (92.0, 99.0, 91.0, 98.0)],
            order(Buy, Limit(95.0)),
            vec![(10.0, 1, 92.0, 1, 98.0, End, false)],
        ),
        ("limit not reached", vec![start, wide, end], order(Buy, Limit(89.0)), vec![]),
        (
            "limit waits",
            vec![start, end, wide],
            order(Buy, Limit(95.0)),
            vec![(10.0, 2, 95.0, 2, 105.0, End, false)],
        ),
        (
            "sell limit",
            vec![start, wide],
            order(Sell, Limit(108.0)),
            vec![(-10.0, 1, 108.0, 1, 105.0, End, false)],
        ),
        (
            "stop inside",
            vec![start, wide],
            order(Buy, StopAt(104.0)),
            vec![(10.0, 1, 104.0, 1, 105.0, End, false)],
        ),
        (
            "stop over a gap is worse",
            vec![start, (106.0, 107.0, 105.5, 106.5)],
            order(Buy, StopAt(104.0)),
            vec![(10.0, 1, 106.0, 1, 106.5, End, false)],
        ),
        (
            "sell stop",
            vec![start, wide],
            order(Sell, StopAt(95.0)),
            vec![(-10.0, 1, 95.0, 1, 105.0, End, false)],
        ),
        (
            "stop limit fills at the stop",
            vec![start, wide],
            order(Buy, StopLimit { stop: 104.0, limit: 106.0 }),
            vec![(10.0, 1, 104.0, 1, 105.0, End, false)],
        ),
        (
            "a gap beyond the limit waits for it, but not in that bar",
            vec![start, (108.0, 109.0, 105.0, 107.0), (107.0, 107.0, 105.5, 106.0)],
            order(Buy, StopLimit { stop: 104.0, limit: 106.0 }),
            vec![(10.0, 2, 106.0, 2, 106.0, End, false)],
        ),
        (
            "stop and target in one bar: the stop",
            vec![start, (100.0, 100.0, 100.0, 100.0), wide],
            bracket(Buy, Market, 95.0, 108.0),
            vec![(10.0, 1, 100.0, 2, 95.0, Stop, true)],
        ),
        (
            "they work in the bar of a market entry",
            vec![start, wide, end],
            bracket(Buy, Market, 80.0, 108.0),
            vec![(10.0, 1, 100.0, 1, 108.0, Target, false)],
        ),
        (
            "a stop over a gap fills at the open and nothing is unknown",
            vec![start, (100.0, 100.0, 100.0, 100.0), (90.0, 120.0, 85.0, 100.0)],
            bracket(Buy, Market, 95.0, 108.0),
            vec![(10.0, 1, 100.0, 2, 90.0, Stop, false)],
        ),
        (
            "a target over a gap fills at the open",
            vec![start, (100.0, 100.0, 100.0, 100.0), (112.0, 120.0, 111.0, 115.0)],
            bracket(Buy, Market, 95.0, 108.0),
            vec![(10.0, 1, 100.0, 2, 112.0, Target, false)],
        ),
        (
            "short: the stop lies above",
            vec![start, (100.0, 100.0, 100.0, 100.0), (100.0, 107.0, 99.0, 101.0)],
            bracket(Sell, Market, 106.0, 90.0),
            vec![(-10.0, 1, 100.0, 2, 106.0, Stop, false)],
        ),
        (
            "falling through a buy limit leads to its stop",
            vec![start, wide, end],
            bracket(Buy, Limit(95.0), 92.0, 120.0),
            vec![(10.0, 1, 95.0, 1, 92.0, Stop, false)],
        ),
        (
            "the target of a limit waits: the high may have come first",
            vec![start, wide, (105.0, 109.0, 104.0, 105.0)],
            bracket(Buy, Limit(95.0), 80.0, 108.0),
            vec![(10.0, 1, 95.0, 2, 108.0, Target, false)],
        ),
        (
            "the target of a stop entry lies on its way",
            vec![start, wide, end],
            bracket(Buy, StopAt(104.0), 80.0, 108.0),
            vec![(10.0, 1, 104.0, 1, 108.0, Target, false)],
        ),
        (
            "after a stop entry the low may have come first: the worse is taken",
            vec![start, wide, end],
            bracket(Buy, StopAt(104.0), 95.0, 120.0),
            vec![(10.0, 1, 104.0, 1, 95.0, Stop, true)],
        ),
        (
            "a stop on the wrong side closes at the entry",
            vec![start, (96.0, 97.0, 95.0, 96.0), end],
            bracket(Buy, Market, 98.0, 120.0),
            vec![(10.0, 1, 96.0, 1, 96.0, Stop, false)],
        ),
    ];
    for (name, bars, order, expected) in cases {
        let report = play(&bars, &mut Script(&[(0, order)]), &netting());
        let found: Vec<Expected> = report
            .trades
            .iter()
            .map(|t| (t.size, t.entry_bar, t.entry_price, t.exit_bar, t.exit_price, t.exit, t.ambiguous))
            .collect();
        assert_eq!(found, expected, "{name}");
        let unknown =
            report.warnings.iter().any(|warning| warning.contains("the order of events is unknown"));
        assert_eq!(unknown, expected.iter().any(|trade| trade.6), "{name}: {:?}", report.warnings);
    }
}

#[test]
fn a_waiting_order_ends() {
    let flat = (100.0, 101.0, 99.0, 100.0);
    let bars = [flat, flat, flat, (100.0, 101.0, 90.0, 100.0), flat];
    for (valid_bars, trades) in [(None, 1), (Some(3), 1), (Some(2), 0)] {
        let order = Order { valid_bars, ..order(Side::Buy, OrderKind::Limit(95.0)) };
        assert_eq!(
            play(&bars, &mut Script(&[(0, order)]), &netting()).trades.len(),
            trades,
            "{valid_bars:?}"
        );
    }
}

#[test]
fn exclusive_netting_hedging() {
    let bars = [(10.0, 10.0, 10.0, 10.0); 5];
    let buy = |units| Order { size: Some(Size::Units { units }), ..Order::new(Side::Buy, OrderKind::Market) };
    let sell = |units| Order { side: Side::Sell, ..buy(units) };
    let orders = [(0, buy(10.0)), (1, buy(5.0)), (2, sell(12.0))];
    // Sizes of closed trades, in closing order; all is closed at the end.
    let cases: [(Spec, &[f64]); 3] = [
        (Spec::default(), &[10.0, 5.0, -12.0]),
        (netting(), &[10.0, 2.0, 3.0]),
        (Spec { hedging: true, ..netting() }, &[10.0, 5.0, -12.0]),
    ];
    for (spec, expected) in cases {
        let report = play(&bars, &mut Script(&orders), &spec);
        let sizes: Vec<f64> = report.trades.iter().map(|trade| trade.size).collect();
        assert_eq!(sizes, expected, "exclusive {} hedging {}", spec.exclusive, spec.hedging);
    }
}

#[test]
fn stop_out_closes_before_ruin() {
    // Leverage 10 at 100: the margin is a tenth, and at 95 half of it is left.
    let bars = [
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (96.0, 96.0, 94.0, 94.0),
        (80.0, 80.0, 80.0, 80.0),
    ];
    let script = [(0, Order::new(Side::Buy, OrderKind::Market))];
    let spec = Spec { margin: 0.1, ..netting() };
    let ruined = play(&bars, &mut Script(&script), &spec);
    assert_eq!((ruined.trades[0].exit, ruined.equity[3]), (ExitReason::Ruin, 0.0));
    let report = play(&bars, &mut Script(&script), &Spec { stop_out: 0.5, ..spec });
    let trade = &report.trades[0];
    assert_eq!((trade.exit, trade.exit_bar, trade.exit_price), (ExitReason::StopOut, 2, 94.0));
    assert_eq!(report.equity[2..], [4_000.0, 4_000.0]);
}

/// A cross up at bar 3 fills at bar 4; then a rise, and a fall.
fn rise_and_fall() -> Vec<Ohlc> {
    let mut bars: Vec<Ohlc> = [10.0, 9.0, 8.0].map(|price| (price, price, price, price)).to_vec();
    bars.extend([(10.0, 10.0, 10.0, 10.0), (10.0, 10.0, 10.0, 10.0), (11.0, 13.0, 11.0, 12.0)]);
    bars.extend([
        (12.0, 15.0, 12.0, 14.0),
        (14.0, 14.0, 12.5, 13.0),
        (13.0, 13.0, 10.5, 11.0),
        (11.0, 11.0, 11.0, 11.0),
    ]);
    bars
}

fn declared(exits: Exits, entry: Entry, change: fn(&mut Spec)) -> Report {
    let bars = Hand::daily(&rise_and_fall());
    let strategy = Strategy::SmaCross { fast: 1, slow: 3 };
    let mut spec = Spec { strategy, exits, entry, direction: backtest::Direction::Long, ..Spec::default() };
    change(&mut spec);
    backtest::run(&bars.prices(), &spec).unwrap()
}

#[test]
fn exits_of_a_spec() {
    use ExitReason::{End, Signal, Target, Time, Trail as Trailed};
    let none = Exits::default();
    let trail = |distance, behind| Exits { trail: Some(Trail { distance, behind }), ..none };
    let nothing: fn(&mut Spec) = |_| {};
    // Exit bar, price, reason of each trade. The cross down at bar 8 leaves at bar 9.
    type Case<'c> = (&'c str, Exits, fn(&mut Spec), Vec<(u32, f64, ExitReason)>);
    let cases: Vec<Case<'_>> = vec![
        ("signal", none, nothing, vec![(9, 11.0, Signal)]),
        ("not on signal", Exits { on_signal: false, ..none }, nothing, vec![(9, 11.0, End)]),
        (
            "target share",
            Exits { target: Some(Distance::Share(0.2)), ..none },
            nothing,
            vec![(5, 12.0, Target)],
        ),
        (
            "target money",
            Exits { target: Some(Distance::Money(4.5)), ..none },
            nothing,
            vec![(6, 14.5, Target)],
        ),
        (
            "target ticks",
            Exits { target: Some(Distance::Ticks(5.0)), ..none },
            |spec| spec.instrument.tick = 0.5,
            vec![(5, 12.5, Target)],
        ),
        (
            "stop from the signal",
            Exits { stop: Some(Distance::Money(0.0001)), from: Origin::Signal, ..none },
            |spec| spec.fill = Fill::ThisClose,
            vec![(8, 11.0, Signal)],
        ),
        ("trail closes", trail(Distance::Money(1.25), Behind::Close), nothing, vec![(7, 12.75, Trailed)]),
        ("trail highs", trail(Distance::Money(1.25), Behind::Extreme), nothing, vec![(7, 13.75, Trailed)]),
        ("time", Exits { bars: Some(2), ..none }, nothing, vec![(7, 14.0, Time)]),
        ("part", Exits { part: Some(0.25), ..none }, nothing, vec![(9, 11.0, Signal), (9, 11.0, End)]),
        ("stop", Exits { stop: Some(Distance::Share(0.5)), ..none }, nothing, vec![(9, 11.0, Signal)]),
    ];
    for (name, exits, change, expected) in cases {
        let report = declared(exits, Entry::default(), change);
        let found: Vec<_> = report.trades.iter().map(|t| (t.exit_bar, t.exit_price, t.exit)).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn entries_of_a_spec() {
    let with = |order, valid_bars| Entry { order, valid_bars, when: None };
    // Entry bar, price and moment. The signal is the close of bar 3, 10.
    let cases = [
        ("limit", with(EntryOrder::Limit(Distance::Money(1.0)), None), None),
        ("stop", with(EntryOrder::Stop(Distance::Money(2.5)), None), Some((5, 12.5, Moment::Within))),
        ("gap", with(EntryOrder::Stop(Distance::Share(0.05)), None), Some((5, 11.0, Moment::Open))),
        ("short lived", with(EntryOrder::Stop(Distance::Money(2.5)), Some(1)), None),
    ];
    for (name, entry, expected) in cases {
        let report = declared(Exits::default(), entry, |_| {});
        let found = report.trades.first().map(|t| (t.entry_bar, t.entry_price, t.entry_at));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn risk_is_what_the_stop_loses() {
    let exits = Exits { stop: Some(Distance::Money(4.0)), ..Exits::default() };
    let report = declared(exits, Entry::default(), |spec| spec.size = Size::Risk { share: 0.02 });
    // 200 of 10,000 over a distance of 4.
    assert_eq!(report.trades[0].size, 50.0);
}
