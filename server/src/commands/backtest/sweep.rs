//! `barkeep backtest sweep`.

use std::sync::atomic::{AtomicU64, Ordering};

use ::backtest::{
    Axis, FoldResult, Market, Objective, Search, Space, Sweep, SweepRun, WalkForward, WalkForwardPlan,
    WalkStep,
};
use ::catalog::{Error, ErrorKind, Result};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{SpecArgs, wrong};
use super::bars::{BarsArgs, Loaded};
use super::judge::{judged, print, print_csv};
use super::words;
use crate::catalog::Catalog;
use crate::output::say;

#[derive(Args, Debug)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    bars: BarsArgs,
    #[command(flatten)]
    spec: SpecArgs,
    /// A parameter and its values: fast=5..30:5 or fast=5,10,20
    #[arg(long, value_name = "NAME=VALUES", value_parser = words::axis, required = true)]
    vary: Vec<Axis>,
    /// A condition on the parameters, such as 'fast < slow'
    #[arg(long = "where", value_name = "CONDITION")]
    constraints: Vec<String>,
    /// Draw so many runs instead of making all
    #[arg(long, value_name = "RUNS", conflicts_with = "one_at_a_time")]
    random: Option<u64>,
    /// What decides the draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Vary one parameter at a time, the others as given
    #[arg(long)]
    one_at_a_time: bool,
    /// What is looked for
    #[arg(long, default_value = "sharpe", value_parser = objective)]
    objective: Objective,
    /// Runs to show
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Choose on some bars and try on the next, again and again: TRAIN:TEST or TRAIN:TEST:anchored, in bars
    #[arg(long, value_name = "BARS", value_parser = words::walk_forward)]
    walk_forward: Option<WalkForwardPlan>,
    /// Threads; as many as the machine has cores if left out
    #[arg(long)]
    workers: Option<usize>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = SweepFormat::Table)]
    format: SweepFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum SweepFormat {
    /// The best runs for people
    Table,
    /// Everything for programs
    Json,
    /// Every run as CSV
    Csv,
}

fn objective(text: &str) -> std::result::Result<Objective, String> {
    let found = Objective::ALL.iter().find(|(_, name, _)| *name == text);
    let names = || Objective::ALL.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", ");
    found.map(|(objective, ..)| *objective).ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) async fn run(catalog: &Catalog, args: SweepArgs) -> Result<()> {
    let spec = args.spec.spec()?;
    let loaded = args.bars.load(catalog).await?;
    let search = match (args.random, args.one_at_a_time) {
        (Some(runs), _) => Search::Random { runs, seed: args.seed },
        (None, true) => Search::OneAtATime,
        (None, false) => Search::Grid,
    };
    let space = Space { axes: args.vary.clone(), constraints: args.constraints.clone(), search };
    let sweep = Sweep::new(&spec, &space).map_err(wrong)?;
    let runs = scored(&sweep, &loaded, args.workers)?;
    if runs.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "the conditions leave no run")
            .then("loosen `--where`, or vary more"));
    }
    let mut judgement = judged(&sweep, &loaded, runs, args.objective)?;
    if let Some(plan) = args.walk_forward {
        judgement.walk_forward = walked(&sweep, &loaded, plan, args.objective)?;
    }
    match args.format {
        SweepFormat::Json => say!("{}", serde_json::to_string(&judgement).unwrap_or_default()),
        SweepFormat::Csv => print_csv(&sweep, &judgement.runs)?,
        SweepFormat::Table => print(&sweep, &judgement, args.top, &spec),
    }
    Ok(())
}

pub(super) fn market(loaded: &Loaded) -> Result<Market<'_>> {
    Market::new(loaded.bars.prices()).and_then(|market| market.with_history(loaded.history)).map_err(wrong)
}

/// Every run, shared out over threads; their order does not depend on how many.
fn scored(sweep: &Sweep, loaded: &Loaded, workers: Option<usize>) -> Result<Vec<SweepRun>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = workers.unwrap_or(cores).clamp(1, 256) as u64;
    let progress = bar(sweep.len());
    let next = AtomicU64::new(0);
    let work = || -> Result<Vec<SweepRun>> {
        let mut market = market(loaded)?;
        let mut runs = Vec::new();
        loop {
            // Neighbouring runs share indicators, so that a worker takes some at once.
            let first = next.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= sweep.len() {
                return Ok(runs);
            }
            runs.extend(sweep.scores(first..first + CHUNK, &mut market));
            progress.inc(CHUNK.min(sweep.len() - first));
        }
    };
    let shards: Vec<Result<Vec<SweepRun>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(died()))).collect()
    });
    progress.finish_and_clear();
    let mut runs: Vec<SweepRun> =
        shards.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    runs.sort_by_key(|run| run.run);
    Ok(runs)
}

/// Runs that a worker takes at once.
const CHUNK: u64 = 8;

fn died() -> Error {
    Error::new(ErrorKind::Internal, "a worker of the sweep died").then("report it with the command you ran")
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} runs, {eta} left");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn walked(
    sweep: &Sweep,
    loaded: &Loaded,
    plan: WalkForwardPlan,
    objective: Objective,
) -> Result<Vec<FoldResult>> {
    let prices = loaded.bars.prices();
    let folds = ::backtest::folds(prices.len(), plan).len() as u64;
    let progress = bar(folds * sweep.len());
    let mut results = Vec::new();
    for step in WalkForward::new(prices, sweep, plan, objective).map_err(wrong)? {
        match step.map_err(wrong)? {
            WalkStep::Scored { .. } => progress.inc(1),
            WalkStep::Done(result) => results.push(*result),
        }
    }
    progress.finish_and_clear();
    Ok(results)
}
