//! What a sweep says about its runs together, and how it is printed.

use ::backtest::{
    Bootstrap, DeflatedSharpe, FoldResult, Interval, Neighbourhood, Objective, Spec, Sweep, SweepRun,
    at_edge, best, bootstrap_sharpe, deflated_sharpe, neighbourhoods, period_returns, variance_of_trials,
};
use ::catalog::Result;
use serde::Serialize;

use super::args::wrong;
use super::bars::Loaded;
use super::show;
use super::sweep::market;
use crate::output::{count_text, say, table, trimmed};

/// What a sweep says about its runs together.
#[derive(Serialize)]
pub(super) struct Judgement {
    objective: Objective,
    pub(super) runs: Vec<SweepRun>,
    best: Option<SweepRun>,
    /// Parameters of the best run at the first or last of their values.
    at_edge: Vec<String>,
    /// The best run beside those one step away.
    neighbourhood: Option<Neighbourhood>,
    /// The Sharpe ratio a year of the best run, resampled from its days.
    bootstrap: Option<Interval>,
    /// What that ratio is worth after so many trials.
    deflated: Option<DeflatedSharpe>,
    pub(super) walk_forward: Vec<FoldResult>,
}

pub(super) fn judged(
    sweep: &Sweep,
    loaded: &Loaded,
    runs: Vec<SweepRun>,
    objective: Objective,
) -> Result<Judgement> {
    let winner = best(&runs, objective).cloned();
    let mut judgement = Judgement {
        objective,
        best: None,
        at_edge: Vec::new(),
        neighbourhood: None,
        bootstrap: None,
        deflated: None,
        walk_forward: Vec::new(),
        runs,
    };
    let Some(winner) = winner else { return Ok(judgement) };
    judgement.at_edge = at_edge(sweep.axes(), &winner).into_iter().map(str::to_owned).collect();
    let all = neighbourhoods(sweep.axes(), &judgement.runs, objective);
    judgement.neighbourhood = all.into_iter().find(|beside| beside.run == winner.run);
    let mut market = market(loaded)?;
    let report = sweep.with(&winner.values).and_then(|spec| market.run(&spec)).map_err(wrong)?;
    let returns = period_returns(&market, &report);
    let options = Bootstrap { periods_per_year: market.periods_per_year(), ..Bootstrap::default() };
    judgement.bootstrap = bootstrap_sharpe(&returns, &options);
    let ratios: Vec<f64> =
        judgement.runs.iter().filter_map(|run| run.score.as_ref().ok()?.period_sharpe).collect();
    judgement.deflated = deflated_sharpe(&returns, ratios.len() as u64, variance_of_trials(&ratios));
    judgement.best = Some(winner);
    Ok(judgement)
}

pub(super) fn print(sweep: &Sweep, judgement: &Judgement, top: usize, spec: &Spec) {
    let Judgement { objective, runs, .. } = judgement;
    let refused = runs.iter().filter(|run| run.score.is_err()).count();
    say!("{} of {} runs, {refused} of them refused", count_text(runs.len() as u64), count_text(sweep.len()));
    let mut ranked: Vec<&SweepRun> = runs.iter().collect();
    let value = |run: &SweepRun| run.score.as_ref().ok().and_then(|score| objective.of(score));
    ranked.sort_by(|one, other| {
        let (one, other) = (value(one), value(other));
        other.unwrap_or(f64::NEG_INFINITY).total_cmp(&one.unwrap_or(f64::NEG_INFINITY))
    });
    let names: Vec<&str> = sweep.axes().iter().map(|axis| axis.param.as_str()).collect();
    let columns = ["SHARPE", "RETURN %", "MAX DD %", "TRADES", "WIN %", "PROFIT FACTOR"];
    let headers = [&names[..], &columns].concat();
    let mut table = table(&headers, &headers);
    let text = |value: Option<f64>, unit: f64| {
        value.map_or("–".to_owned(), |value| format!("{:.4}", value * unit))
    };
    for run in ranked.iter().take(top) {
        let mut cells: Vec<String> = run.values.iter().map(ToString::to_string).collect();
        match &run.score {
            Ok(score) => cells.extend([
                text(score.sharpe, 1.0),
                text(Some(score.growth), 100.0),
                text(Some(score.max_drawdown), 100.0),
                score.trades.to_string(),
                text(score.win_rate, 100.0),
                text(score.profit_factor, 1.0),
            ]),
            Err(why) => cells.push(why.clone()),
        }
        table.add_row(cells);
    }
    say!("{}", trimmed(&table));
    print_judgement(judgement, spec);
}

fn print_judgement(judgement: &Judgement, spec: &Spec) {
    if let Some(beside) = &judgement.neighbourhood {
        say!(
            "the best run has {:.4}; its {} neighbours have {:.4} on average and {:.4} at worst",
            beside.own,
            beside.neighbours,
            beside.mean,
            beside.worst
        );
    }
    if let Some(interval) = &judgement.bootstrap {
        say!(
            "its Sharpe ratio a year, mean over deviation, is {:.2}, between {:.2} and {:.2} in 95 % of resamples",
            interval.estimate,
            interval.low,
            interval.high
        );
    }
    if let Some(deflated) = &judgement.deflated {
        say!(
            "after {} trials the probability that it is not luck is {:.1} % (deflated Sharpe ratio)",
            deflated.trials,
            deflated.probability * 100.0
        );
    }
    for name in &judgement.at_edge {
        say!("warning: `{name}` of the best run lies at the edge of its values; beyond it may be better");
    }
    if spec.commission == 0.0 && spec.commission_fixed == 0.0 && spec.spread == 0.0 && spec.unit_fee.is_free()
    {
        say!("warning: No costs: real trading pays commission and spread.");
    }
    for result in &judgement.walk_forward {
        let score = |score: Option<f64>| score.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let of = |score: &::backtest::Score| judgement.objective.of(score);
        let chosen = result.chosen.as_ref().and_then(|run| of(run.score.as_ref().ok()?));
        let tried = result.test.as_ref().and_then(|test| of(test.as_ref().ok()?));
        let values = result.chosen.as_ref().map(|run| format!("{:?}", run.values)).unwrap_or_default();
        let rows = &result.fold.test;
        say!(
            "bars {} to {}: {values} had {} before and {} here",
            rows.start,
            rows.end,
            score(chosen),
            score(tried)
        );
    }
}

pub(super) fn print_csv(sweep: &Sweep, runs: &[SweepRun]) -> Result<()> {
    let names: Vec<&str> = sweep.axes().iter().map(|axis| axis.param.as_str()).collect();
    let columns = [
        "sharpe",
        "sortino",
        "calmar",
        "growth",
        "cagr",
        "max_drawdown",
        "trades",
        "win_rate",
        "profit_factor",
        "expectancy",
        "sqn",
        "exposure",
        "final_equity",
        "refused",
    ];
    let header: Vec<String> = names.iter().chain(&columns).map(|name| (*name).to_owned()).collect();
    let text = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let line = |run: &SweepRun| {
        let values = run.values.iter().map(ToString::to_string);
        let cells = match &run.score {
            Ok(score) => vec![
                text(score.sharpe),
                text(score.sortino),
                text(score.calmar),
                text(Some(score.growth)),
                text(score.cagr),
                text(Some(score.max_drawdown)),
                score.trades.to_string(),
                text(score.win_rate),
                text(score.profit_factor),
                text(score.expectancy),
                text(score.sqn),
                text(Some(score.exposure)),
                text(Some(score.final_equity)),
                String::new(),
            ],
            Err(why) => [vec![String::new(); columns.len() - 1], vec![why.clone()]].concat(),
        };
        values.chain(cells).collect::<Vec<String>>()
    };
    show::csv(std::iter::once(header).chain(runs.iter().map(line)))
}
