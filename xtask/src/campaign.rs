//! The fault campaign in full: the same tests as every day, with counts that take hours rather than minutes; then the fuzz targets; then
//! the guards, switched off one by one to see that the tests notice.
//!
//! Seeds are printed by the tests; `BARKEEP_SEED=S BARKEEP_SEEDS=1` replays one. The result of a full run is kept in docs/campaign.md.

mod fuzz;
mod mutants;

use std::env;

use anyhow::Result;

use crate::house::{House, run};

/// How often each fault happens, unless the environment says otherwise.
const COUNTS: [(&str, &str); 9] = [
    ("BARKEEP_SEEDS", "10000"),
    ("BARKEEP_STALL_STRIDE", "1"),
    ("BARKEEP_KILLS", "10000"),
    ("BARKEEP_IMAGES", "10000"),
    ("BARKEEP_FILL_LEVELS", "500"),
    ("BARKEEP_DISK_ERRORS", "3000"),
    ("BARKEEP_ROUNDS", "200"),
    ("BARKEEP_RACE_ROUNDS", "200"),
    ("BARKEEP_FAULT_ROUNDS", "1000"),
];
/// Which tests, one after the other.
const TESTS: [&str; 3] = ["--test faults", "--test verify random", "--test stores"];

/// What of it is to be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    Whole,
    Fuzz,
    Mutants,
}

/// Runs it to the end, or to the first failure.
///
/// # Errors
///
/// A test fails, or does not build; a fuzz target falls over; no test notices that a guard is off.
pub(crate) fn run_all(house: &House, part: Part) -> Result<()> {
    if part == Part::Whole {
        run_tests(house)?;
    }
    if part != Part::Mutants {
        fuzz::run_all(house)?;
    }
    if part != Part::Fuzz {
        mutants::run_all(house)?;
    }
    Ok(())
}

fn run_tests(house: &House) -> Result<()> {
    let server = house.server();
    if !server.is_file() {
        crate::pages::build(house)?;
    }
    for tests in TESTS {
        let mut cargo = house.cargo(&format!("test -p tests {tests} -- --nocapture"));
        for (name, count) in COUNTS {
            cargo.env(name, env::var(name).unwrap_or_else(|_| count.to_owned()));
        }
        run(tests, cargo.env("BARKEEP_BIN", &server).env("RUST_BACKTRACE", "0"))?;
    }
    Ok(())
}
