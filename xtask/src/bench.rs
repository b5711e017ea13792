//! Benchmarks: natively with divan, in a browser with the engine's own script, and the catalog beside its peers.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::house::{House, output, run};
use crate::{interop, pages};

/// Rooms with native benchmarks.
const NATIVE: &str = "bench -p catalog -p backtest";
/// The script that measures the engine in a browser.
const BROWSER: &str = "web/bench/browser.mjs";
/// The catalog's tasks, and the same ones for the peers.
const CATALOG: &str = "bench -q -p tests --bench catalog_speed";
const PEERS: &str = "tests/interop/catalog_speed.py";
/// Times that ours and the peers' tasks take turns.
const ROUNDS: usize = 3;

/// Runs all benchmarks there are.
///
/// # Errors
///
/// Something does not build, or a benchmark fails.
pub(crate) fn run_all(house: &House) -> Result<()> {
    run("native benchmarks", &mut house.cargo(NATIVE))?;
    if !house.root.join(BROWSER).is_file() {
        eprintln!("no benchmarks in a browser yet: `{BROWSER}` is not there");
        return Ok(());
    }
    pages::build(house)?;
    run("benchmarks in a browser", house.command("node").arg(BROWSER).env("BARKEEP_BIN", house.server()))
}

/// Seconds by task and by who did it, one a round.
type Times = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

/// Runs the catalog's tasks beside NautilusTrader's own catalog, pyarrow and DuckDB, in turns, and prints medians as ratios.
///
/// # Errors
///
/// The peers cannot be installed, or a task fails.
pub(crate) fn run_catalog(house: &House) -> Result<()> {
    let (first, second) = interop::environments(house)?;
    let bars = house.cargo_target.join("benchmark-year.parquet");
    let mut times = Times::new();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        take(&mut times, house.cargo(CATALOG).env("BARKEEP_BENCH_BARS", &bars))?;
        for (python, who) in [(&first, "nautilus"), (&second, "others")] {
            let mut peers = house.command(&python.to_string_lossy());
            take(&mut times, peers.arg(PEERS).arg(&bars).arg(who))?;
        }
    }
    print_ratios(&times)
}

/// Runs tasks and keeps what they print: a JSON object a line, of which four fields are known.
fn take(times: &mut Times, command: &mut Command) -> Result<()> {
    let said = output(command)?;
    let mut found = 0;
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let field = |name: &str| {
            let rest = line.split_once(&format!("\"{name}\":"))?.1.trim_start();
            match rest.strip_prefix('"') {
                Some(text) => text.split('"').next(),
                None => rest.split([',', '}']).next(),
            }
        };
        let (who, task, seconds) =
            (field("who"), field("task"), field("seconds").and_then(|text| text.trim().parse().ok()));
        let (Some(who), Some(task), Some(seconds)) = (who, task, seconds) else { continue };
        times.entry(task.to_owned()).or_default().entry(who.to_owned()).or_default().push(seconds);
        found += 1;
    }
    ensure!(found > 0, "a benchmark printed no times:\n{said}");
    Ok(())
}

fn print_ratios(times: &Times) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "| task | Barkeep, ms | others, as multiples of Barkeep's time |\n|---|---|---|")?;
    for (task, by_who) in times {
        let mut medians: BTreeMap<&str, f64> = BTreeMap::new();
        for (who, seconds) in by_who {
            let mut seconds = seconds.clone();
            seconds.sort_by(f64::total_cmp);
            medians.insert(who, *seconds.get(seconds.len() / 2).context("a task without times")?);
        }
        let Some(own) = medians.remove("barkeep") else { continue };
        let ratios: Vec<String> =
            medians.iter().map(|(who, seconds)| format!("{who} {:.1}", seconds / own)).collect();
        writeln!(out, "| {task} | {:.1} | {} |", own * 1e3, ratios.join(", "))?;
    }
    Ok(())
}
