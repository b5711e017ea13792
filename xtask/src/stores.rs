//! The stores' contract, run against the peers themselves: servers that speak the languages of the clouds.
//!
//! moto (Python) and Azurite (npm) must pass, s3rver (npm) must be refused. They are pinned and live in folders of their own in the user's
//! cache. The suite is `tests/tests/stores`; without the peers it still tests memory, disk and a stand-in for Google's service.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::house::{House, run};

/// What pip installs, from the repository.
const PYTHON_PACKAGES: &str = "tests/interop/requirements-stores.txt";
/// What npm installs: Azure's own emulator, and an S3 that ignores conditions.
const NPM_PACKAGES: &str = "azurite@3.37.0 s3rver@3.7.1";

/// Installs what is missing and runs the suite.
///
/// # Errors
///
/// There is no Python or npm, the binary does not build, or a test fails.
pub(crate) fn run_all(house: &House) -> Result<()> {
    let folder = house.tools.with_file_name("interop");
    let python = python_peers(house, &folder.join("stores-python"))?;
    let node = npm_peers(house, &folder.join("stores-node"))?;
    let server = server(house)?;
    let mut tests = house.cargo("test -p tests --test stores -- --nocapture --test-threads=1");
    tests.env("BARKEEP_BIN", server);
    tests.env("BARKEEP_MOTO", python.join("bin/moto_server"));
    tests.env("BARKEEP_AZURITE", node.join("node_modules/.bin/azurite-blob"));
    tests.env("BARKEEP_S3RVER", node.join("node_modules/.bin/s3rver"));
    run("stores", &mut tests)
}

/// The binary under test: the one that is named, or one built now.
fn server(house: &House) -> Result<PathBuf> {
    if let Some(named) = env::var_os("BARKEEP_BIN") {
        return Ok(named.into());
    }
    run("server", &mut house.cargo("build -p barkeep"))?;
    Ok(house.cargo_target.join("debug").join(format!("barkeep{}", env::consts::EXE_SUFFIX)))
}

fn python_peers(house: &House, folder: &Path) -> Result<PathBuf> {
    let list = house.root.join(PYTHON_PACKAGES);
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
    installed_once(folder, &wanted, || {
        eprintln!("set-up: {} (an S3 that keeps its conditions), half a minute", wanted.trim());
        let python = house.which("python3").context(
            "moto needs Python 3.10 or later: `apt-get install python3 python3-venv`, or any that is `python3` on the PATH",
        )?;
        let mut make = house.command(&python.to_string_lossy());
        run("environment", make.args(["-m", "venv", "--clear"]).arg(folder))?;
        let mut install = house.command(&folder.join("bin/python").to_string_lossy());
        install.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]);
        run("moto", install.arg(&list))
    })
}

fn npm_peers(house: &House, folder: &Path) -> Result<PathBuf> {
    installed_once(folder, NPM_PACKAGES, || {
        eprintln!(
            "set-up: {NPM_PACKAGES} (Azure's emulator, and an S3 that must be refused), a minute or two"
        );
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        // A package of its own: else npm would look for one in the folders above.
        let own = folder.join("package.json");
        fs::write(&own, "{\"private\":true}\n")
            .with_context(|| format!("cannot write `{}`", own.display()))?;
        let mut npm = house.command("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]).args(NPM_PACKAGES.split(' '));
        run("npm packages", npm.current_dir(folder))
    })
}

/// The folder, filled unless it holds what is wanted already.
fn installed_once(folder: &Path, wanted: &str, install: impl FnOnce() -> Result<()>) -> Result<PathBuf> {
    let stamp = folder.join("installed.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        install()?;
        fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    }
    Ok(folder.to_path_buf())
}
