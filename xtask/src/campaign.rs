//! The fault campaign in full: the same tests as every day, with counts that take hours rather than minutes.
//!
//! Seeds are printed by the tests; `BARKEEP_SEED=S BARKEEP_SEEDS=1` replays one. The result of a full run is kept in docs/campaign.md.

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

/// Runs it to the end, or to the first failure.
///
/// # Errors
///
/// A test fails, or does not build.
pub(crate) fn run_all(house: &House) -> Result<()> {
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
