//! Sessions, coarser signals, missing bars.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    ClockTime, Completeness, Distance, ExitReason, Exits, Fill, Hours, Market, OwnedPrices, Prices, Report,
    Rules, Session, Size, Spec, Strategy, run,
};
use bars::{Calendar, DAY, HOUR, MINUTE, UnixNanos};

use common::Bars;

/// The recorded prices as bars of some length from an instant on.
fn every(step: i64, from: &str, count: usize) -> OwnedPrices {
    let bars = Bars::load();
    let start: UnixNanos = from.parse().unwrap();
    let rows = 0..count;
    let mut own = OwnedPrices::of_rows(bars.prices(), &[rows]);
    own.times = (0..count as i64).map(|bar| start.0 + bar * step).collect();
    own
}

fn always_long(session: Session, fill: Fill) -> Spec {
    let rules = Rules { long: Some("TRUE".into()), ..Rules::default() };
    Spec { strategy: Strategy::Rules(Box::new(rules)), session: Some(session), fill, ..Spec::default() }
}

fn daily(from: &str, to: &str) -> Hours {
    let time = |text: &str| text.parse::<ClockTime>().unwrap();
    Hours::Daily { from: time(from), to: time(to) }
}

#[test]
fn nothing_is_entered_outside_a_session() {
    // 20 days of half hours.
    let own = every(30 * MINUTE, "2024-01-08", 960);
    let clock = |time: UnixNanos| time.0.rem_euclid(DAY);
    let cases = [
        (daily("14:30", "21:00"), Fill::NextOpen, 14 * HOUR + HOUR / 2, 20 * HOUR + HOUR / 2),
        (daily("14:30", "21:00"), Fill::ThisClose, 14 * HOUR + HOUR / 2, 20 * HOUR + HOUR / 2),
        (Hours::Calendar(Calendar::UsEquities), Fill::NextOpen, 14 * HOUR + HOUR / 2, 20 * HOUR + HOUR / 2),
    ];
    for (hours, fill, first, last) in cases {
        let report = run(&own.prices(), &always_long(Session { hours, flat: true }, fill)).unwrap();
        let days = match hours {
            // Nineteen days are whole; of the calendar's, two weekends and Martin Luther King's day are none.
            Hours::Daily { .. } => 20,
            Hours::Calendar(_) => 14,
        };
        assert_eq!(report.trades.len(), days, "{hours:?} {fill:?}");
        for trade in &report.trades {
            // An entry fills at the session's first open, or at the close of its first bar; the exit likewise at its end.
            assert_eq!((clock(trade.entry_time), clock(trade.exit_time)), (first, last), "{fill:?}");
            assert_eq!(trade.exit, ExitReason::Session);
        }
        // Without being flat, the one entry lasts.
        let held = run(&own.prices(), &always_long(Session { hours, flat: false }, fill)).unwrap();
        assert_eq!((held.trades.len(), clock(held.trades[0].entry_time)), (1, first));
    }
}

#[test]
fn a_session_over_midnight() {
    let own = every(HOUR, "2024-01-08", 240);
    let session = Session { hours: daily("22:00", "02:00"), flat: true };
    let report = run(&own.prices(), &always_long(session, Fill::NextOpen)).unwrap();
    let hours: Vec<(i64, i64)> = report
        .trades
        .iter()
        .map(|trade| (trade.entry_time.0.rem_euclid(DAY) / HOUR, trade.exit_time.0.rem_euclid(DAY) / HOUR))
        .collect();
    // Of the first night only two bars are there: the entry would fill on the one that leaves it.
    assert_eq!((&hours[..9], hours.len()), (&[(22, 1); 9][..], 10));
    let same = Session { hours: daily("09:00", "09:00"), flat: false };
    assert!(
        run(&own.prices(), &always_long(same, Fill::NextOpen))
            .unwrap_err()
            .to_string()
            .starts_with("the session begins")
    );
}

/// Coarser bars, made by hand.
fn coarser(fine: Prices<'_>, each: usize) -> OwnedPrices {
    let mut own = OwnedPrices::default();
    for start in (0..fine.len() / each * each).step_by(each) {
        let rows = start..start + each;
        own.times.push(fine.times[start]);
        own.open.push(fine.open[start]);
        own.high.push(fine.high[rows.clone()].iter().copied().fold(f64::MIN, f64::max));
        own.low.push(fine.low[rows.clone()].iter().copied().fold(f64::MAX, f64::min));
        own.close.push(fine.close[rows.end - 1]);
    }
    own
}

fn two_sizes(fine: Prices<'_>, coarse: Prices<'_>, spec: &Spec) -> Report {
    Market::new(fine).unwrap().run_with_signals(&mut Market::new(coarse).unwrap(), spec).unwrap()
}

#[test]
fn coarse_bars_decide_and_fine_ones_are_traded() {
    let own = every(HOUR, "2024-01-08", 1500);
    let fine = own.prices();
    let coarse = coarser(fine, 4);
    let spec = Spec { strategy: Strategy::SmaCross { fast: 5, slow: 12 }, ..Spec::default() };
    let decided = run(&coarse.prices(), &spec).unwrap();
    let traded = two_sizes(fine, coarse.prices(), &spec);
    // The open after a coarse bar is the open of the next coarse bar: the same trades at the same prices.
    let entries = |report: &Report| {
        report
            .trades
            .iter()
            .map(|t| (t.entry_time, t.entry_price.to_bits(), t.size.to_bits()))
            .collect::<Vec<_>>()
    };
    assert!(decided.trades.len() > 15);
    assert_eq!(entries(&traded), entries(&decided));
    assert_eq!(traded.first_bar, decided.first_bar * 4 + 3);
    // A stop works inside the coarse bars, at the fine ones.
    let exits = Exits { stop: Some(Distance::Share(0.02)), ..Exits::default() };
    let stopped = two_sizes(fine, coarse.prices(), &Spec { exits, ..spec.clone() });
    let inside =
        |trade: &&backtest::Trade| trade.exit == ExitReason::Stop && !trade.exit_bar.is_multiple_of(4);
    assert!(stopped.trades.iter().filter(inside).count() > 5);
    // The same size decides and trades alike.
    let same = two_sizes(fine, fine, &spec);
    assert_eq!(same.digest, run(&fine, &spec).unwrap().digest);
    // Columns of coarse bars, such as an average range, are those of the last coarse bar that is known.
    let trail = Exits {
        trail: Some(backtest::Trail {
            distance: Distance::Atr { multiple: 2.0, window: 10 },
            behind: backtest::Behind::Close,
        }),
        ..Exits::default()
    };
    assert!(
        !two_sizes(
            fine,
            coarse.prices(),
            &Spec {
                exits: trail,
                size: Size::Volatility { target: 0.2, window: 10, bars_per_year: None },
                ..spec.clone()
            }
        )
        .trades
        .is_empty()
    );
    let error = Market::new(coarse.prices())
        .unwrap()
        .run_with_signals(&mut Market::new(fine).unwrap(), &spec)
        .unwrap_err();
    assert!(error.to_string().starts_with("the bars that decide are finer"), "{error}");
}

#[test]
fn a_hole_in_the_fine_bars_never_shows_the_future() {
    let own = every(HOUR, "2024-01-08", 1500);
    let fine = own.prices();
    let coarse = coarser(fine, 4);
    // Fine bars are missing here and there, also at the ends of coarse ones.
    let rows: Vec<_> =
        (0..1500).filter(|row| row % 13 != 7 && row % 29 > 2).map(|row| row..row + 1).collect();
    let holed = OwnedPrices::of_rows(fine, &rows);
    let spec = Spec { strategy: Strategy::SmaCross { fast: 2, slow: 5 }, ..Spec::default() };
    let report = two_sizes(holed.prices(), coarse.prices(), &spec);
    let decided = run(&coarse.prices(), &spec).unwrap();
    assert_eq!(report.trades.len(), decided.trades.len());
    for (trade, decision) in report.trades.iter().zip(&decided.trades) {
        // A fill never comes before the open that the decision waited for.
        assert!(trade.entry_time >= decision.entry_time, "{trade:?} {decision:?}");
    }
}

#[test]
fn missing_bars_are_counted_and_poor_days_left_out() {
    let own = every(MINUTE * 30, "2024-01-08", 480);
    // The third day has 10 of its 48 bars, the fifth 40.
    let gone = |row: usize| (106..144).contains(&row) || (200..208).contains(&row);
    let rows: Vec<_> = (0..480).filter(|row| !gone(*row)).map(|row| row..row + 1).collect();
    let holed = OwnedPrices::of_rows(own.prices(), &rows);
    let market = Market::new(holed.prices()).unwrap().with_calendar(&Calendar::Always);
    let completeness = market.completeness().unwrap();
    assert_eq!((completeness.missing(), completeness.expected, completeness.gaps.len()), (46, Some(480), 2));
    let mut market = market;
    let report = market.run(&Spec::default()).unwrap();
    let expected = "46 of 480 bars are missing, in 2 gaps; the longest, of 38 bars, begins at 2024-01-10T05:00:00Z. Orders wait across a gap, and stops fill at the price behind it.";
    assert!(report.warnings.iter().any(|warning| warning == expected), "{:?}", report.warnings);

    let judged = Completeness::of(holed.prices(), 30 * MINUTE, Some(&Calendar::Always), 0.5);
    assert_eq!(judged.poor_days.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2024-01-10"]);
    let rows = judged.good_rows(holed.prices().times);
    let good = OwnedPrices::of_rows(holed.prices(), &rows);
    assert_eq!((good.times.len(), rows.len()), (480 - 46 - 10, 2));
    assert!(good.times.iter().all(|time| UnixNanos(*time).date().to_string() != "2024-01-10"));
    // Without a calendar nothing is judged, and nothing is said.
    let unknown = Completeness::of(holed.prices(), 30 * MINUTE, None, 0.5);
    assert_eq!((unknown.expected, unknown.poor_days.len()), (None, 0));
    let rows = unknown.good_rows(holed.prices().times);
    assert_eq!((rows.len(), rows[0].clone()), (1, 0..434));
    let all = Completeness::of(own.prices(), 30 * MINUTE, Some(&Calendar::Always), 1.0);
    assert_eq!((all.missing(), all.poor_days.len()), (0, 0));
}
