//! The release build: the engine's wasm, the page around it, and the server with the page inside.
//!
//! Each step is left out if nothing it depends on has changed. Engine and page carry the same build name, since a page refuses
//! an engine of another build.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::house::{House, run};
use crate::stamp::Stamp;

/// What rustc 1.95 emits and wasm-opt must be told to accept; a stripped module no longer says so itself. wasm-opt comes from
/// npm: version 108, which Debian has, breaks the table of references that wasm-bindgen makes.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];
/// Files that every build depends on.
const COMMON: &[&str] = &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml"];
/// What the page is made from. Of the engine it needs the protocol, and carries the built files along.
const PAGE: &[&str] =
    &["Trunk.toml", "web", "crates/bars", "crates/backtest", "crates/engine", "target/engine"];
/// What page and engine are made from.
const SOURCES: &[&str] = &["Trunk.toml", "web", "crates"];
/// Folders of `web` that the page is not made from, or that its build writes itself.
const NOT_PAGE: &[&str] = &["node_modules", "vendor", "e2e", "bench", "test-artifacts", "target", "dist"];

/// Builds whatever is out of date.
///
/// # Errors
///
/// A step fails; what it printed says why.
pub(crate) fn build(house: &House) -> Result<()> {
    let name = build_name(house)?;
    build_engine(house, &name)?;
    build_page(house, &name)?;
    build_server(house)
}

/// Cargo decides whether the wasm is up to date, a stamp over the wasm whether the steps after it are.
fn build_engine(house: &House, name: &str) -> Result<()> {
    eprintln!("engine: compiling {name} to wasm (some minutes the first time)");
    let mut cargo =
        house.cargo("build -p engine --bin engine --target wasm32-unknown-unknown --profile wasm-engine");
    run("engine", cargo.env("BARKEEP_BUILD", name))?;

    let wasm = house.cargo_target.join("wasm32-unknown-unknown/wasm-engine/engine.wasm");
    let made = house.built("engine");
    let stamp = Stamp::new(house.built("stamps/engine"))
        .text(&WASM_FEATURES.join(" "))
        .files(&house.cargo_target, &["wasm32-unknown-unknown/wasm-engine/engine.wasm"], &[])?
        .files(&house.root, &["crates/engine/worker.mjs"], &[])?;
    stamp.unless_done(&[made.join("engine_bg.wasm"), made.join("worker.mjs")], || {
        eprintln!("engine: binding it to JavaScript and optimising it (about a minute)");
        let mut bind = house.command("wasm-bindgen");
        bind.args(["--target", "web", "--no-typescript", "--out-name", "engine", "--out-dir"]);
        run("wasm-bindgen", bind.arg(&made).arg(&wasm))?;

        let bound = made.join("engine_bg.wasm");
        let mut optimise = house.command("wasm-opt");
        optimise.arg("-O3").args(WASM_FEATURES).arg(&bound).arg("-o").arg(&bound);
        run("wasm-opt", &mut optimise)?;

        let worker = house.root.join("crates/engine/worker.mjs");
        fs::copy(&worker, made.join("worker.mjs"))
            .with_context(|| format!("cannot copy `{}`", worker.display()))?;
        Ok(())
    })?;
    Ok(())
}

fn build_page(house: &House, name: &str) -> Result<()> {
    let stamp = Stamp::new(house.built("stamps/page")).text(name).files(&house.root, COMMON, &[])?.files(
        &house.root,
        PAGE,
        NOT_PAGE,
    )?;
    let built = stamp.unless_done(&[house.built("web/index.html")], || {
        eprintln!("page: trunk compiles and packs it (some minutes the first time)");
        let mut trunk = house.command("trunk");
        trunk.args(["build", "--release", "--config", "Trunk.toml"]).env("BARKEEP_BUILD", name);
        // trunk reads this as a switch with a value, and stops at the usual `1`.
        if std::env::var_os("NO_COLOR").is_some() {
            trunk.env("NO_COLOR", "true");
        }
        run("page", &mut trunk)
    })?;
    if !built {
        eprintln!("page: up to date");
    }
    Ok(())
}

/// Cargo knows best what the server depends on, the pages inside it included.
fn build_server(house: &House) -> Result<()> {
    eprintln!("server: compiling it with the page inside (some minutes the first time)");
    let mut cargo = house.cargo("build --release -p barkeep");
    run("server", cargo.env("BARKEEP_PAGES", house.built("web")))?;
    keep_own_server(house)
}

/// Copies the server into this repository's `target`: clones share cargo's folder, where the last one to build wins.
fn keep_own_server(house: &House) -> Result<()> {
    let own = house.server();
    let file_name = own.file_name().context("the server has no file name")?;
    let shared: PathBuf = house.cargo_target.join("release").join(file_name);
    if own.exists() && fs::canonicalize(&own)? == fs::canonicalize(&shared)? {
        return Ok(());
    }
    if let Some(folder) = own.parent() {
        fs::create_dir_all(folder)?;
    }
    // A new file, not new bytes in the old one: a server that still runs keeps what it was started from.
    if own.exists() {
        fs::remove_file(&own)?;
    }
    fs::copy(&shared, &own).with_context(|| format!("cannot copy `{}`", shared.display()))?;
    Ok(())
}

/// The version with a hash over everything that page and engine are made from, as in `0.1.0+1a2b3c4d`.
fn build_name(house: &House) -> Result<String> {
    let sources = Stamp::new(house.built("stamps/name")).files(&house.root, COMMON, &[])?.files(
        &house.root,
        SOURCES,
        NOT_PAGE,
    )?;
    Ok(format!("{}+{:.8}", env!("CARGO_PKG_VERSION"), sources.hash()))
}
