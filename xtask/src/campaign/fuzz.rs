//! The fuzz targets in `fuzz/`: what comes from outside, mutated for a minute each.

use anyhow::Result;

use crate::house::{House, run};
use crate::setup::install_crate;

const TARGETS: [&str; 6] = ["manifest", "names", "filter", "csv", "range", "parquet"];
const CARGO_FUZZ: &str = "cargo-fuzz --version 0.13.2 --locked";
/// A minute; no input may take longer than five seconds. The memory is that of one page that claims the most a header can say, 2 GB, and is
/// believed by the Parquet crate.
const LIMITS: [&str; 4] = ["-max_total_time=60", "-timeout=5", "-rss_limit_mb=3000", "-print_final_stats=1"];

/// Runs every target. What they find out about the inputs stays in the target folder, not in the corpus that is kept with them.
///
/// # Errors
///
/// A target cannot be built, or an input makes one panic, hang or take memory; the message of the fuzzer names the file that does.
pub(super) fn run_all(house: &House) -> Result<()> {
    if house.which("cargo-fuzz").is_none() {
        eprintln!("- cargo-fuzz (runs the fuzz targets): cargo compiles it, about 2 minutes on two cores");
        install_crate(house, CARGO_FUZZ)?;
    }
    for target in TARGETS {
        let found = house.cargo_target.join("fuzz-corpus").join(target);
        std::fs::create_dir_all(&found)?;
        // Without a sanitizer the stable toolchain builds it; the house forbids unsafe code, which is what they look for.
        let mut cargo = house.cargo("fuzz run --sanitizer none --fuzz-dir fuzz");
        cargo.arg(target).arg(&found).arg(format!("fuzz/corpus/{target}")).arg("--").args(LIMITS);
        run(&format!("fuzz {target}"), cargo.env("CARGO_TARGET_DIR", house.cargo_target.join("fuzz")))?;
    }
    Ok(())
}
