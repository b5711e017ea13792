//! Interoperability, shown with the peers themselves: NautilusTrader's two lines, DuckDB, Polars and pyarrow.
//!
//! The suite is `tests/interop`, run by pytest. Peers are pinned and live in environments in the user's cache: NautilusTrader 1.x and
//! 2.x cannot be installed together, so there are two.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::house::{House, output, run};

/// The suite, from the repository.
const SUITE: &str = "tests/interop";
/// The line of Python that both lines of NautilusTrader are built for.
const PYTHON: &str = "3.13";

/// Makes the environments and runs the suite; its last line is pytest's result.
///
/// # Errors
///
/// There is no Python to make an environment with, the binary does not build, or a test fails.
pub(crate) fn run_all(house: &House) -> Result<()> {
    let (first, second) = environments(house)?;
    let server = server(house)?;
    let mut pytest = house.command(&second.to_string_lossy());
    pytest.args(["-m", "pytest", SUITE, "-q", "-p", "no:cacheprovider"]);
    pytest.env("BARKEEP_BIN", server).env("NAUTILUS_1_PYTHON", first).env("PYTHONDONTWRITEBYTECODE", "1");
    run("interoperability", &mut pytest)
}

/// The Pythons of NautilusTrader's two lines; the second one's has the other peers too.
///
/// # Errors
///
/// There is no Python to make an environment with, or a package cannot be had.
pub(crate) fn environments(house: &House) -> Result<(PathBuf, PathBuf)> {
    Ok((environment(house, "nautilus-1")?, environment(house, "nautilus-2")?))
}

/// The binary under test: the one that is named, or one built now.
fn server(house: &House) -> Result<PathBuf> {
    if let Some(named) = env::var_os("BARKEEP_BIN") {
        return Ok(named.into());
    }
    run("server", &mut house.cargo("build -p barkeep"))?;
    Ok(house.cargo_target.join("debug").join(format!("barkeep{}", env::consts::EXE_SUFFIX)))
}

/// The Python of an environment that holds exactly what its list names, made if it is not there.
fn environment(house: &House, name: &str) -> Result<PathBuf> {
    let list = house.root.join(SUITE).join(format!("requirements-{name}.txt"));
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
    let folder = house.tools.with_file_name("interop").join(name);
    let (python, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && python.is_file() {
        return Ok(python);
    }
    eprintln!("set-up: the environment {name} of the interoperability tests, a minute or two");
    let base = find_python(house)?;
    let mut make = house.command(&base.to_string_lossy());
    run("environment", make.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = house.command(&python.to_string_lossy());
    install.args([
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "-r",
    ]);
    run("packages", install.arg(&list))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(python)
}

/// A Python of the right line: on the PATH, or one of pyenv's that is not active.
fn find_python(house: &House) -> Result<PathBuf> {
    let on_path = [format!("python{PYTHON}"), "python3".to_owned()];
    let mut candidates: Vec<PathBuf> = on_path.iter().filter_map(|name| house.which(name)).collect();
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = pyenv.and_then(|root| root.join("versions").read_dir().ok());
    candidates.extend(versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python")));
    let is_right = |python: &PathBuf| {
        let said = output(Command::new(python).arg("--version"));
        said.is_ok_and(|said| said.trim().starts_with(&format!("Python {PYTHON}.")))
    };
    candidates.into_iter().find(is_right).map_or_else(
        || {
            bail!(
                "the peers need Python {PYTHON}, which was not found\n\
                 - Debian and its kin: `apt-get install python{PYTHON} python{PYTHON}-venv`, where the release has it\n\
                 - with pyenv: `pyenv install {PYTHON}`\n\
                 - or any other way that puts `python{PYTHON}` on the PATH"
            )
        },
        Ok,
    )
}
