//! Whatever is put in, an error or a report of finite numbers comes out.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use std::collections::BTreeMap;

use backtest::{
    Behind, Direction, Distance, Entry, EntryOrder, Exits, Family, Fill, Hours, Instrument, Market, Origin,
    Prices, Profile, Rules, Session, Size, Slippage, Spec, Strategy, Trail, UnitFee, Units, When, run,
    strategies,
};
use bars::{Calendar, MINUTE};

use common::{Hand, Traded};

/// A stream of choices, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| value(self))
    }

    fn distance(&mut self) -> Distance {
        let much = self.of(&[1e-9, 0.01, 0.3, 0.99]);
        match self.below(4) {
            0 => Distance::Share(much),
            1 => Distance::Money(much * 1e3),
            2 => Distance::Ticks(much * 10.0),
            _ => Distance::Atr { multiple: much * 3.0, window: self.of(&[1, 5]) },
        }
    }

    fn strategy(&mut self) -> Strategy {
        let all = strategies();
        let name = all[self.below(all.len())].name;
        if name == "rules" {
            let condition = self.of(&[
                "close > lag(close, 1)",
                "close / (high - low) > n",
                "rsi(close, 3) < 40",
                "zscore(close, 4) < -n",
                "exp(close) > 1 OR ln(close - open) < 0",
            ]);
            let price =
                self.of(&["close * 0.9", "close - n * atr(3)", "0 - close", "close / (close - close)"]);
            return Strategy::Rules(Box::new(Rules {
                long: Some(condition.into()),
                short: self.maybe(|_| "falling(close, 2)".into()),
                exit_long: self.maybe(|_| "close < open".into()),
                stop_long: self.maybe(|_| price.into()),
                size: self.maybe(|_| "0.1 / (close - lag(close, 1))".into()),
                params: BTreeMap::from([("n".into(), 1.5)]),
                ..Rules::default()
            }));
        }
        let mut strategy = Strategy::named(name).unwrap();
        for (place, (param, value)) in strategy.values().into_iter().enumerate() {
            // Small windows, so that short series trade.
            let small =
                if value.fract() == 0.0 && value < 60.0 && value > 1.0 { (place + 2) as f64 } else { value };
            let _ = strategy.set(&param, small);
        }
        strategy
    }

    fn spec(&mut self) -> Spec {
        let order = match self.below(4) {
            0 => EntryOrder::Limit(self.distance()),
            1 => EntryOrder::Stop(self.distance()),
            2 => EntryOrder::StopLimit { stop: self.distance(), limit: self.distance() },
            _ => EntryOrder::Market,
        };
        let size = match self.below(6) {
            0 => Size::Equity { share: self.of(&[0.1, 1.0, 50.0]) },
            1 => Size::Units { units: self.of(&[1.0, 1e-7, 1e9]) },
            2 => Size::Cash { money: self.of(&[1.0, 1e12]) },
            3 => Size::Risk { share: 0.02 },
            4 => Size::Volatility { target: 0.1, window: 3, bars_per_year: self.maybe(|_| 252.0) },
            _ => Size::Free { share: self.of(&[0.3, 1.0]) },
        };
        let hedging = self.below(4) == 0;
        Spec {
            strategy: self.strategy(),
            direction: self.of(&[Direction::Both, Direction::Long, Direction::Short]),
            entry: Entry {
                order,
                valid_bars: self.maybe(|dice| dice.of(&[1, 3])),
                when: self.maybe(|dice| dice.of(&[When::Always, When::Reverse, When::Flat])),
            },
            size,
            exits: Exits {
                on_signal: self.below(4) > 0,
                stop: self.maybe(Self::distance),
                target: self.maybe(Self::distance),
                from: self.of(&[Origin::Entry, Origin::Signal]),
                trail: self.maybe(|dice| Trail {
                    distance: dice.distance(),
                    behind: dice.of(&[Behind::Close, Behind::Extreme]),
                }),
                bars: self.maybe(|dice| dice.of(&[1, 4])),
                part: self.maybe(|_| 0.5),
            },
            session: self.maybe(|dice| Session {
                hours: Hours::Calendar(dice.of(&[Calendar::Always, Calendar::UsEquities])),
                flat: dice.below(2) == 0,
            }),
            cash: self.of(&[1e-300, 1e4, 1e4, 1e4, 1e5, 1e300]),
            commission: self.of(&[0.0, 0.001, -0.09]),
            commission_fixed: self.of(&[0.0, 5.0]),
            unit_fee: self.of(&[0, 1, 2]).pipe(|kind| {
                [UnitFee::default(), UnitFee::ibkr_fixed(), UnitFee::ibkr_tiered()][kind].clone()
            }),
            spread: self.of(&[0.0, 0.0, 0.001, 0.99]),
            slippage: self.of(&[
                Slippage::None,
                Slippage::Ticks(2.0),
                Slippage::None,
                Slippage::BasisPoints(9999.0),
            ]),
            margin: self.of(&[1.0, 1.0, 0.5, 0.5, 1e-3, 5e-324]),
            stop_out: self.of(&[0.0, 0.5]),
            fill: self.of(&[Fill::NextOpen, Fill::NextOpen, Fill::ThisClose, Fill::Nautilus]),
            exclusive: !hedging && self.below(2) == 0,
            hedging,
            finalize: self.below(2) == 0,
            units: self.of(&[Units::Whole, Units::Fractional]),
            instrument: Instrument {
                multiplier: self.of(&[1.0, 1.0, 50.0, 1e-300]),
                tick: 0.01,
                lot: self.of(&[0.0, 0.5]),
                money_decimals: self.maybe(|_| 2),
            },
            profile: self.of(&[Profile::Barkeep, Profile::Barkeep, Profile::Btpy06]),
        }
    }
}

trait Pipe: Sized {
    fn pipe<T>(self, function: impl FnOnce(Self) -> T) -> T {
        function(self)
    }
}

impl Pipe for usize {}

fn bars(dice: &mut Dice) -> Hand {
    let wild = dice.below(3) == 0;
    let count = dice.of(&[0, 1, 3, 10, 60, 60, 90, 200]);
    let mut price = 100.0;
    let mut rows = Vec::new();
    for _ in 0..count {
        let open = price;
        price = if wild {
            dice.of(&[f64::MIN_POSITIVE, 1e-300, 1.0, 1e3, 1e300, f64::MAX])
        } else {
            price * dice.of(&[0.7, 0.99, 1.0, 1.01, 1.3])
        };
        rows.push((open, open.max(price), open.min(price), price));
    }
    Hand::every(30 * MINUTE, &rows)
}

#[test]
fn any_spec_over_any_bars() {
    let mut dice = Dice(11);
    let (mut reports, mut traded, mut errors) = (0, 0, BTreeMap::<String, u32>::new());
    for case in 0..6000 {
        let hand = bars(&mut dice);
        let volume: Vec<f64> = hand.times.iter().map(|_| dice.of(&[0.0, 1.0, 1e9])).collect();
        let prices = Prices { volume: &volume, ..hand.prices() };
        let spec = dice.spec();
        match run(&prices, &spec) {
            Ok(report) => {
                let text = serde_json::to_string(&report).unwrap();
                assert!(!text.contains("null"), "case {case}: {spec:?}");
                assert_eq!(serde_json::from_str::<backtest::Report>(&text).unwrap(), report);
                let mut market = Market::new(prices).unwrap();
                assert!(market.score(&spec).unwrap().max_drawdown <= 0.0);
                for family in Family::ALL {
                    for row in market.statistics(&report, *family).rows {
                        let values = [Some(row.all), row.long, row.short, row.benchmark];
                        assert!(
                            values.iter().flatten().all(|value| value.number().is_none_or(f64::is_finite))
                        );
                    }
                }
                reports += 1;
                traded += usize::from(!report.executions.is_empty());
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.len() > 20 && text.contains([';', ',']), "{text}");
                *errors.entry(text.chars().take(24).collect()).or_default() += 1;
            }
        }
    }
    assert!(reports > 2000 && traded > 500, "{reports} reports, {traded} of them traded: {errors:#?}");
    assert!(errors.len() > 5, "{errors:#?}");
}

#[test]
fn every_refusal_says_what_to_do() {
    let traded = Traded::load();
    let with = |change: fn(&mut Spec)| {
        let mut spec = Spec::default();
        change(&mut spec);
        spec
    };
    let cases: Vec<(Spec, &str)> = vec![
        (with(|spec| spec.stop_out = 1.5), "`stop_out` is `1.5`; it must be a share from 0 to 1"),
        (
            with(|spec| spec.size = Size::Free { share: 0.0 }),
            "`size.share` is `0`; it must be a share above 0 up to 1",
        ),
        (with(|spec| spec.size = Size::Units { units: f64::NAN }), "`size.units` is `NaN`"),
        (
            with(|spec| spec.size = Size::Risk { share: 0.01 }),
            "`size` by risk needs a stop; set `exits.stop`",
        ),
        (
            with(|spec| spec.size = Size::Volatility { target: 0.1, window: 1, bars_per_year: None }),
            "`size.window` is `1`",
        ),
        (
            with(|spec| spec.exits.stop = Some(Distance::Share(1.0))),
            "`exits.stop` is `1`; it must be a share above 0 and below 1",
        ),
        (
            with(|spec| spec.exits.target = Some(Distance::Ticks(3.0))),
            "`instrument.tick` is `0`; it must be the size of a tick",
        ),
        (with(|spec| spec.exits.bars = Some(0)), "`exits.bars` is `0`; it must be at least 1 bar"),
        (with(|spec| spec.exits.part = Some(1.0)), "`exits.part` is `1`"),
        (with(|spec| spec.entry.valid_bars = Some(0)), "`entry.valid_bars` is `0`"),
        (
            with(|spec| spec.entry.order = EntryOrder::Limit(Distance::Atr { multiple: 1.0, window: 0 })),
            "`entry.limit` is `0`",
        ),
        (with(|spec| spec.slippage = Slippage::Ticks(1.0)), "`instrument.tick` is `0`"),
        (with(|spec| spec.unit_fee.per_unit = -1.0), "`unit_fee.per_unit` is `-1`"),
        (with(|spec| spec.instrument.multiplier = 0.0), "`instrument.multiplier` is `0`"),
        (with(|spec| spec.instrument.money_decimals = Some(20)), "`instrument.money_decimals` is `20`"),
        (
            with(|spec| spec.hedging = true),
            "`hedging` and `exclusive` exclude each other; set one of them to false",
        ),
        (
            with(|spec| spec.fill = Fill::Nautilus),
            "fill `nautilus` needs the size of a tick; set `instrument.tick`",
        ),
        (
            with(|spec| spec.strategy = Strategy::RsiReversion { window: 14, low: 70.0, high: 30.0 }),
            "`high` is `30`; it must be from 0 to 100, above `low`",
        ),
        (
            with(|spec| spec.strategy = Strategy::BollingerReversion { window: 20, deviations: -1.0 }),
            "`deviations` is `-1`",
        ),
        (
            with(|spec| spec.strategy = Strategy::DonchianBreakout { entry: 0, exit: 5 }),
            "`entry` is 0; give it at least 1 bar",
        ),
        (
            with(|spec| spec.strategy = Strategy::Macd { fast: 9, slow: 9, signal: 3 }),
            "`fast` and `slow` are both 9",
        ),
    ];
    for (spec, expected) in cases {
        let error = run(&traded.prices(), &spec).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n  instead of\n{expected}");
    }
    assert_eq!(
        Strategy::named("sma_crss").unwrap_err().to_string(),
        "there is no strategy `sma_crss`; the strategies are `sma_cross`, `ema_cross`, `rsi_reversion`, `bollinger_reversion`, `donchian_breakout`, `macd`, `time_of_day`, `buy_and_hold`, `nautilus_ema_cross`, `rules`"
    );
    let nautilus = Spec {
        fill: Fill::Nautilus,
        instrument: Instrument { tick: 0.01, ..Instrument::default() },
        ..Spec::default()
    };
    let error = run(&traded.bars.prices(), &nautilus).unwrap_err().to_string();
    assert!(error.starts_with("fill `nautilus` needs volumes, which these bars do not have"), "{error}");
    let mut volume = traded.volume.clone();
    volume[7] = f64::NAN;
    let error = run(&Prices { volume: &volume, ..traded.prices() }, &nautilus).unwrap_err().to_string();
    assert!(error.starts_with("`volume` of bar 7 at 2015-01-12T00:00:00Z is `NaN`"), "{error}");
    // No volume at all still trades, one unit after the other.
    let none = vec![0.0; 1500];
    let report =
        run(&Prices { volume: &none, ..traded.prices() }, &Spec { units: Units::Whole, ..nautilus }).unwrap();
    assert!(!report.executions.is_empty());
}
