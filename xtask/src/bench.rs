//! Benchmarks: natively with divan, in a browser with the engine's own script.

use anyhow::Result;

use crate::house::{House, run};
use crate::pages;

/// Rooms with native benchmarks.
const NATIVE: &str = "bench -p catalog -p backtest";
/// The script that measures the engine in a browser.
const BROWSER: &str = "web/bench/browser.mjs";

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
