//! Everything that CI runs, quick things first, ending with the first failure.
//!
//! The summary stands before the last section, so that the last lines are those of the test runner itself.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::house::{House, run, spoken};
use crate::{pages, sizes, walls};

const FORMAT: &str = "fmt --all --check";
const CLIPPY_NATIVE: &str = "clippy --workspace --all-targets -- -D warnings";
const CLIPPY_WASM: &str = "clippy --target wasm32-unknown-unknown -p engine -p web -- -D warnings";
const DOCS: &str = "doc --workspace --no-deps";
const LICENCES: &str = "deny --all-features check licenses bans sources";
const TESTS: &str = "test --workspace";

/// Runs all sections.
///
/// # Errors
///
/// The first section that fails.
pub(crate) fn run_all(house: &House) -> Result<()> {
    let mut sections = Sections::default();
    let cargo = |words: &str| quiet(house.cargo(words));
    sections.run("format", || run("format", &mut cargo(FORMAT)))?;
    sections.run("walls", || walls::check(house))?;
    sections.run("licences", || check_licences(house))?;
    sections.run("clippy, native", || run("clippy", &mut cargo(CLIPPY_NATIVE)))?;
    sections.run("clippy, wasm", || run("clippy", &mut cargo(CLIPPY_WASM)))?;
    sections.run("docs", || run("docs", cargo(DOCS).env("RUSTDOCFLAGS", "-D warnings")))?;
    sections.run("release build", || pages::build(house))?;
    let server = house.server();
    sections.run("unit and integration tests", || run("tests", cargo(TESTS).env("BARKEEP_BIN", &server)))?;
    sections.run("sizes", || sizes::check(house))?;
    sections.summarise();
    sections.run("the page in a browser", || test_in_browser(house))
}

fn check_licences(house: &House) -> Result<()> {
    if house.which("cargo-deny").is_none() {
        eprintln!("  skipped: `cargo install --locked cargo-deny` brings the check of licences and sources");
        return Ok(());
    }
    run("licences", &mut quiet(house.cargo(LICENCES)))
}

fn test_in_browser(house: &House) -> Result<()> {
    let mut node = quiet(house.command("node"));
    node.args(["--test", "--test-concurrency=1"]).args(browser_tests(house)?);
    run("browser tests", node.env("BARKEEP_BIN", house.server()))
}

fn browser_tests(house: &House) -> Result<Vec<PathBuf>> {
    let folder = house.root.join("web/e2e");
    let entries = folder.read_dir().with_context(|| format!("cannot list `{}`", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "`web/e2e` holds no `*.test.mjs`");
    files.sort();
    Ok(files)
}

/// Nothing that CI runs waits for somebody to type.
fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null());
    command
}

/// The sections so far, with the time each took.
#[derive(Default)]
struct Sections {
    done: Vec<(&'static str, Duration)>,
}

impl Sections {
    fn run(&mut self, title: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("\n=== {title} ===");
        let start = Instant::now();
        let outcome = work();
        self.done.push((title, start.elapsed()));
        if outcome.is_err() {
            self.summarise();
        }
        outcome.with_context(|| format!("the section `{title}` failed"))
    }

    fn summarise(&self) {
        eprintln!("\n=== so far ===");
        for (title, duration) in &self.done {
            eprintln!("  {title:<30}{:>14}", spoken(*duration));
        }
        eprintln!("  {:<30}{:>14}", "in all", spoken(self.done.iter().map(|(_, duration)| *duration).sum()));
    }
}
