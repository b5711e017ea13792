//! Guards switched off: a copy of the sources without one of them must fail the test that stands for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::house::{House, output, run};

/// A guard, the words that make it, those that unmake it, and the test that must notice.
struct Mutant {
    guard: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    test: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        guard: "writes are synced to the disk",
        file: "server/src/store/mod.rs",
        from: "store.with_fsync(true)",
        to: "store.with_fsync(false)",
        test: "--test faults a_power_loss",
    },
    Mutant {
        guard: "a snapshot is created only if it is absent",
        file: "server/src/store/mod.rs",
        from: "PutMode::Create, ..PutOptions::default()",
        to: "PutMode::Overwrite, ..PutOptions::default()",
        test: "--test faults sixteen_writers",
    },
    Mutant {
        guard: "a commit whose answer was lost is read back",
        file: "server/src/commit.rs",
        from: "SnapshotFate::Committed => return Ok(true)",
        to: "SnapshotFate::Committed => return Ok(false)",
        test: "--test faults -- crashes simulation",
    },
    Mutant {
        guard: "parts of a file are compared with their checksums",
        file: "crates/catalog/src/scan.rs",
        from: "if expected.is_none() || found.as_ref() != expected {",
        to: "if expected.is_none() && found.is_none() {",
        test: "--test verify queries",
    },
    Mutant {
        guard: "whole files are compared with their checksums",
        file: "crates/catalog/src/manifest.rs",
        from: "if Sha256::of(bytes) != self.sha256 {",
        to: "if Sha256::of(bytes) != self.sha256 && bytes.is_empty() {",
        test: "--test verify random",
    },
    Mutant {
        guard: "a commit whose writer was stopped is finished",
        file: "server/src/commit.rs",
        from: "if moves.number != snapshot.number {",
        to: "if moves.number != 0 {",
        test: "--test faults crashes",
    },
    Mutant {
        guard: "a vacuum says what it removes before it removes it",
        file: "server/src/commit.rs",
        from: "self.swept.is_some_and(|swept| swept != base.swept())",
        to: "self.swept.is_none() && base.swept() == u64::MAX",
        test: "--test faults -- simulation stalls",
    },
    Mutant {
        guard: "a writer that slept through a vacuum is refused",
        file: "server/src/commit.rs",
        from: "if commit.number >= oldest {",
        to: "if commit.number >= oldest.min(1) {",
        test: "--test faults -- simulation stalls",
    },
    Mutant {
        guard: "a vacuum spares what a kept snapshot names",
        file: "server/src/vacuum.rs",
        from: "if old && !named.contains(&key) && key != journal {",
        to: "if old && (!named.contains(&key) || key.starts_with(\"retired\")) && key != journal {",
        test: "--test maintenance vacuum",
    },
];

/// Switches every guard off in turn, to the end.
///
/// # Errors
///
/// A test passes without its guard, or does not build; the message names the guard.
pub(super) fn run_all(house: &House) -> Result<()> {
    let copy = copy_sources(house)?;
    let mut unnoticed = Vec::new();
    for mutant in MUTANTS {
        let file = copy.join(mutant.file);
        let text = fs::read_to_string(&file)?;
        ensure!(
            text.matches(mutant.from).count() == 1,
            "{}: `{}` is not there once",
            mutant.file,
            mutant.from
        );
        fs::write(&file, text.replace(mutant.from, mutant.to))?;
        let noticed = is_noticed(house, &copy, mutant);
        fs::write(&file, text)?;
        let noticed = noticed.with_context(|| format!("without \"{}\"", mutant.guard))?;
        let said = if noticed { "noticed" } else { "NOT noticed" };
        println!("guard off: {}: {said} by `{}`", mutant.guard, mutant.test);
        unnoticed.extend((!noticed).then_some(mutant.guard));
    }
    ensure!(unnoticed.is_empty(), "nothing notices when these guards are off: {}", unnoticed.join("; "));
    Ok(())
}

/// Whether a test fails that builds.
fn is_noticed(house: &House, copy: &Path, mutant: &Mutant) -> Result<bool> {
    let cargo = |words: &str| {
        let mut cargo = house.cargo(words);
        cargo.current_dir(copy).env("BARKEEP_BIN", house.cargo_target.join("debug/barkeep"));
        cargo
    };
    run("build", &mut cargo("build --quiet -p barkeep"))?;
    run("build", &mut cargo("test --quiet --no-run -p tests"))?;
    let mut test = cargo(&format!("test --quiet -p tests {}", mutant.test));
    let status = test.stdout(Stdio::null()).stderr(Stdio::null()).status().context("cannot start cargo")?;
    Ok(!status.success())
}

/// A copy of what git knows of the sources, in the target folder.
fn copy_sources(house: &House) -> Result<PathBuf> {
    let copy = house.cargo_target.join("mutants");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let listed =
        output(house.command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (house.root.join(name), copy.join(name));
        // What git knows may have been removed since.
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy `{name}`"))?;
        }
    }
    Ok(copy)
}
