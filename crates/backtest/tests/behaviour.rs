//! What a run promises whatever the profile: it refuses nonsense, never looks ahead, and repeats itself exactly.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

use backtest::{BacktestError, Fill, Prices, Profile, Report, Spec, Strategy, Units, Value, run};
use bars::{DAY, UnixNanos};

mod common;

use common::Bars;

#[test]
fn bad_specs_are_refused() {
    let sma = |fast, slow| Spec { strategy: Strategy::SmaCross { fast, slow }, ..Spec::default() };
    let cases = [
        (sma(0, 20), "`fast` is 0; give it at least 1 bar"),
        (sma(10, 0), "`slow` is 0; give it at least 1 bar"),
        (sma(9, 9), "`fast` and `slow` are both 9, so they never cross; make `fast` the smaller"),
        (sma(10, 1500), "1500 bars are too few; the strategy needs at least 1501, so"),
        (sma(u32::MAX, 1), "1500 bars are too few; the strategy needs at least 4294967296, so"),
        (Spec { cash: 0.0, ..Spec::default() }, "`cash` is `0`; it must be a positive amount of money"),
        (Spec { cash: f64::NAN, ..Spec::default() }, "`cash` is `NaN`"),
        (Spec { cash: f64::INFINITY, ..Spec::default() }, "`cash` is `inf`"),
        (
            Spec { commission: 0.1, ..Spec::default() },
            "`commission` is `0.1`; it must be a share from -0.1 to below 0.1",
        ),
        (Spec { commission: -0.11, ..Spec::default() }, "`commission` is `-0.11`"),
        (Spec { commission: f64::NAN, ..Spec::default() }, "`commission` is `NaN`"),
        (Spec { commission_fixed: -1.0, ..Spec::default() }, "`commission_fixed` is `-1`"),
        (Spec { spread: 1.0, ..Spec::default() }, "`spread` is `1`"),
        (Spec { spread: -0.1, ..Spec::default() }, "`spread` is `-0.1`"),
        (Spec { margin: 0.0, ..Spec::default() }, "`margin` is `0`"),
        (Spec { margin: 1.5, ..Spec::default() }, "`margin` is `1.5`"),
        (Spec { margin: 5e-324, ..Spec::default() }, "the account is beyond all numbers at bar"),
        (
            Spec { cash: 1e308, commission: -0.09, ..Spec::default() },
            "the account is beyond all numbers at bar",
        ),
    ];
    for (spec, expected) in cases {
        let error = run(&Bars::load().prices(), &spec).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{spec:?}: {error}");
    }
}

#[test]
fn bad_prices_are_refused() {
    type Change = fn(&mut Bars);
    let cases: [(Change, &str); 9] = [
        (
            |bars| bars.columns[1].truncate(7),
            "column `high` has 7 rows but `times` has 1500; pass columns of the same bars",
        ),
        (|bars| bars.times.truncate(7), "column `open` has 1500 rows but `times` has 7"),
        (
            |bars| bars.columns[0][3] = 0.0,
            "`open` of bar 3 at 2015-01-06T00:00:00Z is `0`; prices must be positive",
        ),
        (|bars| bars.columns[2][3] = -1.0, "`low` of bar 3 at 2015-01-06T00:00:00Z is `-1`"),
        (|bars| bars.columns[3][0] = f64::NAN, "`close` of bar 0 at 2015-01-01T00:00:00Z is `NaN`"),
        (|bars| bars.columns[1][1499] = f64::INFINITY, "`high` of bar 1499 at 2020-09-30T00:00:00Z is `inf`"),
        (
            |bars| bars.times[5] = bars.times[4],
            "bar 5 at 2015-01-07T00:00:00Z is not later than the bar before; sort",
        ),
        (|bars| bars.times.swap(5, 6), "bar 6 at 2015-01-08T00:00:00Z is not later"),
        (|bars| *bars = bars.cut(0), "0 bars are too few; the strategy needs at least 21"),
    ];
    for (change, expected) in cases {
        let mut bars = Bars::load();
        change(&mut bars);
        let error = run(&bars.prices(), &Spec::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn one_bar_is_too_few() {
    let spec = Spec { strategy: Strategy::SmaCross { fast: 1, slow: 2 }, ..Spec::default() };
    let error = Series::of(&[(5.0, 5.0)]).run(&spec).unwrap_err();
    assert_eq!(error, BacktestError::TooFewBars { bars: 1, needed: 3 });
}

#[test]
fn extreme_numbers_end_in_an_error_or_a_finite_report() {
    let prices = [f64::MIN_POSITIVE, 1e-300, 1.0, 1e300, f64::MAX];
    let spec = Spec { strategy: Strategy::SmaCross { fast: 1, slow: 2 }, ..Spec::default() };
    for profile in [Profile::Barkeep, Profile::Btpy06] {
        for (units, exclusive) in
            [(Units::Whole, true), (Units::Fractional, false), (Units::Fractional, true)]
        {
            for number in 0..5_usize.pow(4) {
                let price = |place: u32| prices[number / 5_usize.pow(place) % 5];
                let bars = [0, 1, 2, 3, 1, 2, 0, 3].map(|place| (price(place), price(3 - place)));
                let series = Series::of(&bars);
                for cash in [1e-300, 1.0, 1e300] {
                    let spec =
                        Spec { cash, profile, units, exclusive, commission_fixed: 1e-9, ..spec.clone() };
                    if let Ok(report) = series.run(&spec) {
                        assert_eq!(through_json(&report), report);
                    }
                }
            }
        }
    }
}

#[test]
fn later_bars_change_nothing_before() {
    let bars = Bars::load();
    for spec in variants() {
        let whole = run(&bars.prices(), &spec).unwrap();
        for seen in (23..1500).step_by(61) {
            let mut changed = bars.cut(1500);
            for column in &mut changed.columns {
                column[seen..].reverse();
                column[seen..].iter_mut().for_each(|price| *price *= 1.7);
            }
            let report = run(&changed.prices(), &spec).unwrap();
            assert_eq!(report.equity[..seen], whole.equity[..seen], "{spec:?}");
            let before = |report: &Report| {
                let closed = report.trades.iter().filter(|trade| (trade.exit_bar as usize) < seen);
                closed.cloned().collect::<Vec<_>>()
            };
            assert_eq!(before(&report), before(&whole), "{spec:?}");
        }
    }
}

#[test]
fn equity_is_cash_and_trades() {
    for spec in variants() {
        let spec = Spec { finalize: true, profile: Profile::Barkeep, ..spec };
        let report = run(&Bars::load().prices(), &spec).unwrap();
        let profit: f64 = report.trades.iter().map(|trade| trade.pnl).sum();
        let last = report.equity[1499];
        assert_eq!(report.open_trades, 0);
        assert!((last - spec.cash - profit).abs() < 1e-6, "{spec:?}: {last} is not {} + {profit}", spec.cash);
        assert_eq!(through_json(&report), report);
    }
}

#[test]
fn the_digest_is_stable_and_sees_every_change() {
    let bars = Bars::load();
    let digest = |spec: &Spec| run(&bars.prices(), spec).unwrap().digest;
    let plain = Spec::default();
    assert_eq!(digest(&plain), "2c408bb8751def0de4ea52060b7a7eeb9b33d8c51ea1709ab281d74172758f5d");
    let changes = [
        Spec { strategy: Strategy::SmaCross { fast: 10, slow: 21 }, ..plain.clone() },
        Spec { cash: 10_000.01, ..plain.clone() },
        Spec { commission: 1e-9, ..plain.clone() },
        Spec { commission_fixed: 1e-9, ..plain.clone() },
        Spec { spread: 1e-9, ..plain.clone() },
        Spec { margin: 0.999, ..plain.clone() },
        Spec { fill: Fill::ThisClose, ..plain.clone() },
        Spec { exclusive: false, ..plain.clone() },
        Spec { finalize: false, ..plain.clone() },
        Spec { units: Units::Whole, ..plain.clone() },
    ];
    for changed in changes {
        assert_ne!(digest(&changed), digest(&plain), "{changed:?}");
    }
    let mut shifted = bars.cut(1500);
    shifted.times.iter_mut().for_each(|time| *time += 1);
    assert_ne!(run(&shifted.prices(), &plain).unwrap().digest, digest(&plain));
}

#[test]
fn ruin_empties_the_account_and_ends_the_run() {
    // Long with leverage 10 at 10; the close of bar 5 is a fifth lower.
    let series = Series::of(&[
        (10.0, 10.0),
        (10.0, 9.0),
        (9.0, 8.0),
        (8.0, 10.0),
        (10.0, 10.0),
        (10.0, 8.0),
        (20.0, 30.0),
    ]);
    let spec = Spec { strategy: Strategy::SmaCross { fast: 1, slow: 2 }, margin: 0.1, ..Spec::default() };
    for profile in [Profile::Barkeep, Profile::Btpy06] {
        let report = series.run(&Spec { profile, ..spec.clone() }).unwrap();
        assert_eq!(report.equity[3..], [10_000.0, 10_000.0, 0.0, 0.0]);
        assert_eq!(report.drawdown[4..], [0.0, -1.0, -1.0]);
        let [trade] = &report.trades[..] else { panic!("{:?}", report.trades) };
        assert_eq!((trade.entry_bar, trade.exit_bar, trade.exit_price), (4, 5, 8.0));
        assert!(report.warnings[0].starts_with("The strategy ran out of money on the bar of 1970-01-06"));
        assert_eq!(number(&report, "Return [%]"), Some(-100.0));
    }
}

#[test]
fn flat_prices_trade_nothing_and_leave_ratios_undefined() {
    let report = Series::of(&[(7.0, 7.0); 50]).run(&Spec::default()).unwrap();
    assert_eq!((report.trades.len(), report.equity.clone()), (0, vec![10_000.0; 50]));
    for name in
        ["Sharpe Ratio", "Sortino Ratio", "Calmar Ratio", "Beta", "Win Rate [%]", "Profit Factor", "SQN"]
    {
        assert_eq!(number(&report, name), None, "{name}");
    }
    for name in ["Return [%]", "Volatility (Ann.) [%]", "Max. Drawdown [%]", "# Trades", "Exposure Time [%]"]
    {
        assert_eq!(number(&report, name), Some(0.0), "{name}");
    }
    let sharpe = report.statistics.iter().find(|statistic| statistic.name == "Sharpe Ratio").unwrap();
    assert!(
        sharpe.formula.ends_with("; undefined here: no annual return or no volatility"),
        "{}",
        sharpe.formula
    );
}

#[test]
fn the_house_corrects_the_quirks() {
    // A cross up at bar 3 fills at bar 4, a cross down at bar 5 fills at bar 6; the last bar crosses up again.
    let series = Series::of(&[
        (10.0, 10.0),
        (10.0, 9.0),
        (9.0, 8.0),
        (8.0, 10.0),
        (10.0, 12.0),
        (12.0, 10.0),
        (11.0, 9.0),
        (9.0, 12.0),
    ]);
    let cross = Spec { strategy: Strategy::SmaCross { fast: 1, slow: 2 }, ..Spec::default() };
    let costly = Spec { commission_fixed: 10.0, units: Units::Whole, ..cross.clone() };
    let wide = Spec { spread: 0.02, ..cross.clone() };
    // Size, entry and exit of the first trade; the exit of the second.
    let cases = [
        (&cross, Profile::Barkeep, (1000.0, 10.0, 11.0), 12.0),
        (&cross, Profile::Btpy06, (1000.0, 10.0, 11.0), 9.0),
        (&costly, Profile::Barkeep, (999.0, 10.0, 11.0), 12.0),
        (&costly, Profile::Btpy06, (499.0, 10.0, 11.0), 9.0),
        (&wide, Profile::Barkeep, (990.09900990, 10.1, 10.89), 12.12),
        (&wide, Profile::Btpy06, (980.39215686, 10.2, 11.0), 9.0),
    ];
    for (spec, profile, first, last_exit) in cases {
        let report = series.run(&Spec { profile, ..spec.clone() }).unwrap();
        let trade = &report.trades[0];
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-7;
        assert!(near(trade.size, first.0), "{profile:?}: {trade:?}");
        assert!(
            near(trade.entry_price, first.1) && near(trade.exit_price, first.2),
            "{profile:?}: {trade:?}"
        );
        assert!(near(report.trades[1].exit_price, last_exit), "{profile:?}: {:?}", report.trades[1]);
        assert_eq!(report.open_trades, u32::from(profile == Profile::Btpy06), "an order of the last bar");
    }
}

#[test]
fn a_result_says_what_it_took_for_granted() {
    let bars = Bars::load();
    let report = run(&bars.prices(), &Spec::default()).unwrap();
    assert!(report.assumptions.contains(&"There is no commission.".into()));
    assert!(report.warnings.contains(&"No costs: real trading pays commission and spread.".into()));
    let spec = Spec {
        commission: 0.001,
        spread: 0.0002,
        exclusive: false,
        finalize: false,
        units: Units::Whole,
        profile: Profile::Btpy06,
        ..Spec::default()
    };
    let report = run(&bars.prices(), &spec).unwrap();
    for expected in [
        "The spread is 0.02 %: all of it is paid at the entry.",
        "The commission is 0.1 % of the value of each fill.",
        "Trades open at the end stay open: they are in the equity, not in the trade statistics.",
    ] {
        assert!(report.assumptions.contains(&expected.into()), "{expected}: {:#?}", report.assumptions);
    }
    assert_eq!(
        report.warnings,
        [
            "Only 0 closed trades: fewer than 30 say little.",
            "1 open trade at the end: not in the trade statistics.",
            "82 orders refused for lack of margin.",
        ]
    );
}

#[test]
fn a_spec_reads_as_json() {
    let read = |text: &str| serde_json::from_str::<Spec>(text).map_err(|error| error.to_string());
    assert_eq!(read("{}"), Ok(Spec::default()));
    let text = r#"{"strategy":{"name":"sma_cross","fast":5,"slow":30},"fill":"this_close","units":"whole","profile":"btpy-0.6"}"#;
    let spec = read(text).unwrap();
    assert_eq!(spec.strategy, Strategy::SmaCross { fast: 5, slow: 30 });
    assert_eq!((spec.fill, spec.units, spec.profile), (Fill::ThisClose, Units::Whole, Profile::Btpy06));
    assert_eq!(read(&serde_json::to_string(&spec).unwrap()), Ok(spec));
    for text in [
        r#"{"comission":0.1}"#,
        r#"{"strategy":{"name":"sma_cross","fast":5}}"#,
        r#"{"strategy":{"name":"sma_cross","fast":5,"slow":9,"mid":7}}"#,
        r#"{"strategy":{"name":"magic"}}"#,
        r#"{"profile":"btpy-0.5"}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn values_read_as_json() {
    let cases = [
        (Value::Number(0.1 + 0.2), r#"{"number":0.30000000000000004}"#),
        (Value::Time(UnixNanos(0)), r#"{"time":"1970-01-01T00:00:00Z"}"#),
        (Value::Duration(86_400), r#"{"duration":86400}"#),
        (Value::Undefined, r#""undefined""#),
    ];
    for (value, text) in cases {
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
    }
}

/// Every combination of the rules, with costs, for prices that ruin none of them.
fn variants() -> Vec<Spec> {
    let mut specs = Vec::new();
    for (fill, units) in [
        (Fill::NextOpen, Units::Whole),
        (Fill::NextOpen, Units::Fractional),
        (Fill::ThisClose, Units::Fractional),
    ] {
        // Netting in the compatible profile does look ahead: that is one of its quirks.
        for (exclusive, profile) in
            [(true, Profile::Barkeep), (false, Profile::Barkeep), (true, Profile::Btpy06)]
        {
            let costs = Spec {
                commission: 0.001,
                commission_fixed: 1.0,
                spread: 0.0005,
                margin: 0.5,
                ..Spec::default()
            };
            specs.push(Spec { fill, units, exclusive, profile, finalize: false, ..costs });
        }
    }
    specs
}

fn number(report: &Report, name: &str) -> Option<f64> {
    match report.statistics.iter().find(|statistic| statistic.name == name)?.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn through_json(report: &Report) -> Report {
    serde_json::from_str(&serde_json::to_string(report).unwrap()).unwrap()
}

/// Daily bars from opens and closes.
struct Series {
    times: Vec<i64>,
    open: Vec<f64>,
    close: Vec<f64>,
}

impl Series {
    fn of(bars: &[(f64, f64)]) -> Self {
        let times = (0..bars.len() as i64).map(|day| day * DAY).collect();
        Self {
            times,
            open: bars.iter().map(|bar| bar.0).collect(),
            close: bars.iter().map(|bar| bar.1).collect(),
        }
    }

    fn run(&self, spec: &Spec) -> Result<Report, BacktestError> {
        let Self { times, open, close } = self;
        run(&Prices { times, open, high: open, low: close, close, volume: &[] }, spec)
    }
}
