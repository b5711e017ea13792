//! Sweeps: which runs, the same results however they are shared out, and what they say together.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests read their fixtures and stop at the first surprise"
)]

mod common;

use backtest::{
    Axis, Bootstrap, Distance, Exits, Fill, Market, Objective, Profile, Search, Size, Space, Spec, Strategy,
    Sweep, SweepRun, Units, WalkForward, WalkForwardPlan, WalkStep, at_edge, best, bootstrap_sharpe,
    deflated_sharpe, folds, heat_map, neighbourhoods, period_returns, split, variance_of_trials,
};

use common::{Bars, fixtures, rows};

fn space(search: Search) -> Space {
    Space {
        axes: vec![
            Axis::range("fast", 5.0, 30.0, 5.0).unwrap(),
            Axis::range("slow", 10.0, 70.0, 5.0).unwrap(),
        ],
        constraints: vec!["fast < slow".into()],
        search,
    }
}

fn recorded() -> Spec {
    Spec {
        commission: 0.002,
        finalize: false,
        units: Units::Whole,
        profile: Profile::Btpy06,
        ..Spec::default()
    }
}

fn all(sweep: &Sweep, market: &mut Market<'_>) -> Vec<SweepRun> {
    sweep.scores(0..sweep.len(), market).collect()
}

#[test]
fn the_recorded_grid_by_scores_alone() {
    let bars = Bars::load();
    let mut market = Market::new(bars.prices()).unwrap();
    let sweep = Sweep::new(&recorded(), &space(Search::Grid)).unwrap();
    let runs = all(&sweep, &mut market);
    let grid = rows(std::fs::File::open(fixtures().join("grid_63_sma_cross.csv")).unwrap());
    assert_eq!(runs.len(), grid.len());
    for (run, row) in runs.iter().zip(grid) {
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert_eq!(run.values, [number("n1"), number("n2")]);
        let score = run.score.as_ref().unwrap();
        let cases = [
            (Some(score.final_equity), "Equity Final [$]", 1.0),
            (Some(score.growth), "Return [%]", 100.0),
            (score.annual_return, "Return (Ann.) [%]", 100.0),
            (score.volatility, "Volatility (Ann.) [%]", 100.0),
            (score.cagr, "CAGR [%]", 100.0),
            (score.sharpe, "Sharpe Ratio", 1.0),
            (score.sortino, "Sortino Ratio", 1.0),
            (score.calmar, "Calmar Ratio", 1.0),
            (Some(score.max_drawdown), "Max. Drawdown [%]", 100.0),
            (Some(f64::from(score.trades)), "# Trades", 1.0),
            (score.win_rate, "Win Rate [%]", 100.0),
            (score.profit_factor, "Profit Factor", 1.0),
            (score.expectancy, "Expectancy [%]", 100.0),
            (score.sqn, "SQN", 1.0),
            (Some(score.exposure), "Exposure Time [%]", 100.0),
        ];
        for (found, name, unit) in cases {
            let (found, expected) = (found.unwrap() * unit, number(name));
            let near = (found - expected).abs() <= 1e-9 * expected.abs();
            assert!(near, "{:?}: {name}: {found} is not {expected}", run.values);
        }
    }
}

#[test]
fn a_score_is_that_of_the_report() {
    let bars = Bars::load();
    let mut market = Market::new(bars.prices()).unwrap();
    let costly = Spec { commission: 0.001, commission_fixed: 1.0, spread: 0.0005, ..Spec::default() };
    let bracket =
        Exits { stop: Some(Distance::Share(0.03)), target: Some(Distance::Share(0.05)), ..Exits::default() };
    let cases = [
        costly.clone(),
        Spec { fill: Fill::ThisClose, ..costly.clone() },
        Spec { margin: 0.02, ..costly.clone() },
        Spec { margin: 0.1, stop_out: 0.5, ..costly.clone() },
        Spec { exits: bracket, ..costly.clone() },
        Spec { hedging: true, exclusive: false, size: Size::Free { share: 0.2 }, ..costly.clone() },
        Spec { strategy: Strategy::BuyAndHold {}, fill: Fill::ThisClose, ..costly.clone() },
        Spec { profile: Profile::Btpy06, ..costly.clone() },
        Spec { profile: Profile::Btpy06, fill: Fill::ThisClose, finalize: false, ..costly },
    ];
    for spec in cases {
        let (report, score) = (market.run(&spec).unwrap(), market.score(&spec).unwrap());
        let of = |name: &str| {
            let found = report.statistics.iter().find(|statistic| statistic.name == name).unwrap();
            found.value.number()
        };
        assert_eq!(Some(score.final_equity), of("Equity Final [$]"), "{spec:?}");
        assert_eq!(Some(score.max_drawdown * 100.0), of("Max. Drawdown [%]"), "{spec:?}");
        for (found, name) in
            [(score.sharpe, "Sharpe Ratio"), (score.sortino, "Sortino Ratio"), (score.sqn, "SQN")]
        {
            assert_eq!(found, of(name), "{name}: {spec:?}");
        }
        assert_eq!(Some(score.exposure * 100.0), of("Exposure Time [%]"), "{spec:?}");
        assert_eq!(score.trades as usize, report.trades.len());
    }
}

#[test]
fn shards_and_stops_change_nothing() {
    let bars = Bars::load();
    let sweep = Sweep::new(&recorded(), &space(Search::Grid)).unwrap();
    let whole = all(&sweep, &mut Market::new(bars.prices()).unwrap());
    for workers in [1, 2, 5, 100] {
        let mut shared: Vec<SweepRun> = Vec::new();
        for worker in 0..workers {
            // A market of its own with hardly any memory for indicators.
            let mut market = Market::new(bars.prices()).unwrap();
            market.set_cache_bytes(20_000);
            let own = (worker..sweep.len()).step_by(workers as usize);
            shared.extend(own.filter_map(|run| sweep.score(run, &mut market)));
        }
        shared.sort_by_key(|run| run.run);
        assert_eq!(shared, whole, "{workers} workers");
    }
    let mut market = Market::new(bars.prices()).unwrap();
    let part: Vec<SweepRun> = sweep.scores(0..sweep.len(), &mut market).take(5).collect();
    assert_eq!(part, whole[..5]);
}

#[test]
fn searches_choose_among_the_grid() {
    let bars = Bars::load();
    let mut market = Market::new(bars.prices()).unwrap();
    let grid = all(&Sweep::new(&recorded(), &space(Search::Grid)).unwrap(), &mut market);
    let draw = |seed| {
        let sweep = Sweep::new(&recorded(), &space(Search::Random { runs: 40, seed })).unwrap();
        assert_eq!(sweep.len(), 40);
        all(&sweep, &mut market_of(&bars))
    };
    let (first, again, other) = (draw(1), draw(1), draw(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    for (place, run) in first.iter().enumerate() {
        assert!(grid.iter().any(|known| known.values == run.values && known.score == run.score));
        assert!(first[..place].iter().all(|before| before.values != run.values), "drawn twice");
    }
    // More than there are is all of them.
    assert_eq!(Sweep::new(&recorded(), &space(Search::Random { runs: 1000, seed: 0 })).unwrap().len(), 78);

    let spec = Spec { strategy: Strategy::SmaCross { fast: 7, slow: 33 }, ..recorded() };
    let sweep = Sweep::new(&spec, &space(Search::OneAtATime)).unwrap();
    let values: Vec<Vec<f64>> = (0..sweep.len()).filter_map(|run| sweep.values(run)).collect();
    assert_eq!(values.len(), 6 + 13);
    assert!(
        values[..6].iter().all(|values| values[1] == 33.0)
            && values[6..].iter().all(|values| values[0] == 7.0)
    );
}

fn market_of(bars: &Bars) -> Market<'_> {
    Market::new(bars.prices()).unwrap()
}

#[test]
fn exits_and_costs_can_be_swept() {
    let bars = Bars::load();
    let axis = |param: &str, values: &[f64]| Axis { param: param.into(), values: values.to_vec() };
    let axes =
        vec![axis("stop", &[0.02, 0.04]), axis("hold_bars", &[5.0, 50.0]), axis("commission", &[0.0, 0.001])];
    let sweep = Sweep::new(&Spec::default(), &Space { axes, ..Space::default() }).unwrap();
    let runs = all(&sweep, &mut market_of(&bars));
    assert_eq!(runs.len(), 8);
    let equity = |run: &SweepRun| run.score.as_ref().unwrap().final_equity;
    for pair in runs.chunks(2) {
        assert!(equity(&pair[0]) > equity(&pair[1]), "a commission costs");
    }
    let spec = sweep.spec(0).unwrap().unwrap();
    assert_eq!((spec.exits.stop, spec.exits.bars), (Some(Distance::Share(0.02)), Some(5)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let axis = |param: &str, values: &[f64]| Axis { param: param.into(), values: values.to_vec() };
    let many: Vec<f64> = (1..=1000).map(f64::from).collect();
    let grid = |axes: Vec<Axis>| Space { axes, ..Space::default() };
    let limited = |text: &str| Space {
        constraints: vec![text.into()],
        ..grid(vec![axis("fast", &[1.0, 2.0]), axis("slow", &[3.0])])
    };
    let cases = [
        (grid(vec![]), "the sweep has no parameter; give at least one"),
        (grid(vec![axis("quick", &[1.0])]), "`sma_cross` has no parameter `quick`; it has `fast`, `slow`"),
        (grid(vec![axis("fast", &[])]), "`fast` cannot be swept: it has no values"),
        (grid(vec![axis("fast", &[2.0, 1.0])]), "`fast` cannot be swept: its values must rise"),
        (grid(vec![axis("fast", &[1.0, f64::NAN])]), "`fast` cannot be swept: its values must be finite"),
        (grid(vec![axis("fast", &[1.5])]), "`fast` is `1.5`; it must be a whole number of bars"),
        (
            grid(vec![axis("hold_bars", &[0.0])]),
            "`hold_bars` is `0`; it must be a whole number of bars from 1",
        ),
        (grid(vec![axis("fast", &[1.0]), axis("fast", &[2.0])]), "`fast` is swept twice"),
        (
            grid(vec![
                axis("fast", &many),
                axis("slow", &many),
                axis("stop", &many.iter().map(|v| v / 2e3).collect::<Vec<_>>()),
            ]),
            "1000 × `fast`, 1000 × `slow`, 1000 × `stop` are more than 100000000 runs; take larger steps",
        ),
        (limited("fast < slw"), "`constraint` is wrong: unknown name `slw`\n  fast < slw\n         ^^^"),
        (limited("fast + slow"), "`constraint` is wrong: "),
    ];
    for (space, expected) in cases {
        let error = Sweep::new(&Spec::default(), &space).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    for (first, last, step) in [(5.0, 1.0, 1.0), (1.0, 5.0, 0.0), (0.0, 1e9, 1e-9), (f64::NAN, 1.0, 1.0)] {
        assert!(Axis::range("fast", first, last, step).is_err(), "{first} {last} {step}");
    }
    assert_eq!(Axis::range("stop", 0.01, 0.03, 0.005).unwrap().values, [0.01, 0.015, 0.02, 0.025, 0.03]);
    // A run that is refused has its reason in place of a score.
    let sweep = Sweep::new(&Spec::default(), &grid(vec![axis("fast", &[20.0, 2000.0])])).unwrap();
    let runs = all(&sweep, &mut market_of(&Bars::load()));
    let reasons: Vec<&str> =
        runs.iter().filter_map(|run| run.score.as_ref().err()).map(String::as_str).collect();
    assert!(reasons[0].starts_with("`fast` and `slow` are both 20"), "{reasons:?}");
    assert!(reasons[1].starts_with("1500 bars are too few"), "{reasons:?}");
}

#[test]
fn runs_are_judged_together() {
    let bars = Bars::load();
    let sweep = Sweep::new(&recorded(), &space(Search::Grid)).unwrap();
    let runs = all(&sweep, &mut market_of(&bars));
    let objective = Objective::Sharpe;
    let top = best(&runs, objective).unwrap();
    let sharpe = |run: &SweepRun| run.score.as_ref().unwrap().sharpe.unwrap();
    assert!(runs.iter().all(|run| sharpe(run) <= sharpe(top)));
    let edges = at_edge(sweep.axes(), top);
    let expected: Vec<&str> = [("fast", 5.0, 30.0), ("slow", 10.0, 70.0)]
        .iter()
        .zip(&top.values)
        .filter(|((_, first, last), value)| **value == *first || **value == *last)
        .map(|((name, ..), _)| *name)
        .collect();
    assert_eq!(edges, expected);

    let beside = neighbourhoods(sweep.axes(), &runs, objective);
    assert_eq!(beside.len(), 63);
    let at = |fast: f64, slow: f64| runs.iter().find(|run| run.values == [fast, slow]).unwrap();
    let inner = beside.iter().find(|beside| beside.run == at(15.0, 40.0).run).unwrap();
    let around =
        [(10.0, 40.0), (20.0, 40.0), (15.0, 35.0), (15.0, 45.0)].map(|(fast, slow)| sharpe(at(fast, slow)));
    assert_eq!(inner.neighbours, 4);
    assert!((inner.mean - around.iter().sum::<f64>() / 4.0).abs() < 1e-12);
    assert_eq!(inner.worst, around.iter().copied().fold(f64::INFINITY, f64::min));
    // 5/10 has one neighbour to the right and none above that the constraint allows.
    assert_eq!(beside.iter().find(|beside| beside.run == at(5.0, 10.0).run).unwrap().neighbours, 1);

    let map = heat_map(sweep.axes(), &runs, 0, 1, objective);
    assert_eq!((map.len(), map.iter().filter(|cell| cell.value.is_some()).count()), (78, 63));
    assert_eq!(
        map.iter().find(|cell| (cell.x, cell.y) == (15.0, 40.0)).unwrap().value,
        Some(sharpe(at(15.0, 40.0)))
    );
    assert!(heat_map(sweep.axes(), &runs, 0, 9, objective).is_empty());
}

#[test]
fn the_best_of_many_is_judged_by_their_number() {
    let bars = Bars::load();
    let sweep = Sweep::new(&recorded(), &space(Search::Grid)).unwrap();
    let mut market = market_of(&bars);
    let runs = all(&sweep, &mut market);
    let top = best(&runs, Objective::Sharpe).unwrap();
    let report = market.run(&sweep.with(&top.values).unwrap()).unwrap();
    let returns = period_returns(&market, &report);
    assert_eq!((returns.len(), market.periods_per_year()), (1499, 252.0));
    // A score's ratio is that of the returns which are resampled.
    let score = top.score.as_ref().unwrap();
    let mean = returns.iter().sum::<f64>() / 1499.0;
    let squares: f64 = returns.iter().map(|share| (share - mean).powi(2)).sum();
    let ratio = mean / (squares / 1498.0).sqrt();
    assert!((score.period_sharpe.unwrap() - ratio).abs() < 1e-12);
    let interval = bootstrap_sharpe(&returns, &Bootstrap::default()).unwrap();
    assert!((interval.estimate - ratio * 252_f64.sqrt()).abs() < 1e-9);
    let ratios: Vec<f64> = runs.iter().filter_map(|run| run.score.as_ref().ok()?.period_sharpe).collect();
    let deflated = deflated_sharpe(&returns, ratios.len() as u64, variance_of_trials(&ratios)).unwrap();
    // A random walk: the best of 63 is not better than luck would have it.
    assert_eq!(deflated.trials, 63);
    assert!(deflated.sharpe < 2.0 * deflated.expected_best, "{deflated:?}");
    assert!((0.05..0.95).contains(&deflated.probability), "{deflated:?}");
}

#[test]
fn walking_forward_never_trains_on_a_test() {
    let bars = Bars::load();
    let small = Space {
        axes: vec![
            Axis::range("fast", 5.0, 10.0, 5.0).unwrap(),
            Axis::range("slow", 20.0, 40.0, 10.0).unwrap(),
        ],
        ..Space::default()
    };
    let sweep = Sweep::new(&Spec::default(), &small).unwrap();
    let plan = WalkForwardPlan { train: 500, test: 250, anchored: false };
    let steps: Vec<WalkStep> = WalkForward::new(bars.prices(), &sweep, plan, Objective::Sharpe)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let results: Vec<_> = steps
        .iter()
        .filter_map(|step| if let WalkStep::Done(result) = step { Some(result) } else { None })
        .collect();
    assert_eq!((steps.len(), results.len()), (4 * 6 + 4, 4));
    for (result, fold) in results.iter().zip(folds(1500, plan)) {
        assert_eq!(result.fold, fold);
        let mut training = Market::new(bars.prices().rows(fold.train.clone())).unwrap();
        let runs = all(&sweep, &mut training);
        let chosen = result.chosen.as_ref().unwrap();
        assert_eq!(Some(chosen), best(&runs, Objective::Sharpe));
        // The test's trades are those of a run over everything up to its end, begun on its first bar.
        let spec = sweep.with(&chosen.values).unwrap();
        let mut whole =
            Market::new(bars.prices().rows(0..fold.test.end)).unwrap().with_history(fold.test.start).unwrap();
        let report = whole.run(&spec).unwrap();
        let score = result.test.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(score.final_equity, *report.equity.last().unwrap());
        assert!(report.trades.iter().all(|trade| trade.entry_bar as usize >= fold.test.start));
        assert!(report.equity[..fold.test.start].iter().all(|equity| *equity == 10_000.0));
    }
    let anchored = folds(1500, WalkForwardPlan { anchored: true, ..plan });
    assert!(anchored.iter().all(|fold| fold.train.start == 0));
    assert_eq!(anchored.last().unwrap().train, 0..1250);
    assert!(
        WalkForward::new(bars.prices(), &sweep, WalkForwardPlan { train: 1500, ..plan }, Objective::Cagr)
            .is_err()
    );
    assert!(folds(100, WalkForwardPlan { train: 0, test: 5, anchored: false }).is_empty());
    assert_eq!(split(10, 0.7), (0..7, 7..10));
}

#[test]
fn history_warms_up_and_does_not_count() {
    let bars = Bars::load();
    let spec = Spec::default();
    let mut plain = Market::new(bars.prices().rows(500..1500)).unwrap();
    let mut warm = Market::new(bars.prices()).unwrap().with_history(500).unwrap();
    let (cold, warm) = (plain.run(&spec).unwrap(), warm.run(&spec).unwrap());
    assert_eq!((cold.first_bar, warm.first_bar), (19, 499));
    let number = |report: &backtest::Report, name: &str| {
        report.statistics.iter().find(|statistic| statistic.name == name).unwrap().value
    };
    // The counted time is the same; only the trades of the first bars differ.
    for name in ["Start", "End", "Duration"] {
        assert_eq!(number(&cold, name), number(&warm, name), "{name}");
    }
    assert!(Market::new(bars.prices()).unwrap().with_history(1500).is_err());
}
