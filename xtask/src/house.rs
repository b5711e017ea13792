//! Where the house stands and how its tools are called: folders, child processes, signs of life during long steps.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::stamp::{Stamp, collect};

/// How often a step that still runs says so, where cargo's own progress bar is not to be seen.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The repository and the folders that belong to it.
pub(crate) struct House {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Where cargo builds; shared by all clones unless `CARGO_TARGET_DIR` says otherwise.
    pub(crate) cargo_target: PathBuf,
    /// Where tools of exact versions are installed, so that those of the user's other projects stay as they are.
    pub(crate) tools: PathBuf,
    search_path: OsString,
}

impl House {
    /// The house that this program was built from.
    pub(crate) fn find() -> Result<House> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("the folder of xtask has no parent")?.to_path_buf();
        let cache = user_cache()?.join("barkeep");
        let cargo_target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if !folder.is_empty() => std::path::absolute(folder)?,
            _ => cache.join("target"),
        };
        let tools = cache.join("tools");
        let inherited = env::var_os("PATH").unwrap_or_default();
        let own = [tools.join("bin"), root.join("web/node_modules/.bin")];
        let folders = own.into_iter().chain(env::split_paths(&inherited));
        let search_path = env::join_paths(folders).context("`PATH` cannot be extended")?;
        Ok(House { root, cargo_target, tools, search_path })
    }

    /// Makes the sources look new if the last build in the shared folder was another clone's. Cargo tells by age alone whether a crate of
    /// the workspace is built, so it would take the other clone's, built from other sources or looking for files in another place.
    pub(crate) fn take_over(&self) -> Result<()> {
        let stamp = Stamp::new(self.cargo_target.join("clone")).text(&self.root.to_string_lossy());
        stamp.unless_done(&[], || {
            let mut sources = Vec::new();
            for folder in ["crates", "server", "tests", "web", "xtask"] {
                collect(
                    &self.root.join(folder),
                    &["node_modules", "target", "dist", "fixtures"],
                    &mut sources,
                )?;
            }
            for source in sources.iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs")) {
                let file = File::options().append(true).open(source)?;
                file.set_modified(SystemTime::now())
                    .with_context(|| format!("cannot touch `{}`", source.display()))?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// A path below the repository's `target`, where the built page, engine and server are found.
    pub(crate) fn built(&self, path: &str) -> PathBuf {
        self.root.join("target").join(path)
    }

    /// The built server, with the page inside.
    pub(crate) fn server(&self) -> PathBuf {
        self.built("release").join(format!("barkeep{}", env::consts::EXE_SUFFIX))
    }

    /// The file that a command's name stands for.
    pub(crate) fn which(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", env::consts::EXE_SUFFIX);
        env::split_paths(&self.search_path).map(|folder| folder.join(&file)).find(|path| path.is_file())
    }

    /// A program to be run in the repository, with this house's tools in reach.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.which(program).unwrap_or_else(|| program.into()));
        command.current_dir(&self.root).env("PATH", &self.search_path);
        // `cargo run` describes xtask to its children; a build must not depend on who started it.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_TARGET_DIR", &self.cargo_target);
        command
    }

    /// `cargo` with these words, split at spaces.
    pub(crate) fn cargo(&self, words: &str) -> Command {
        let mut command = self.command("cargo");
        command.args(words.split_whitespace());
        command
    }
}

/// Runs a step to its end, with its output shown.
///
/// # Errors
///
/// The program cannot be started, or says that it failed.
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    let mut child = command.spawn().with_context(|| format!("{step}: cannot start {}", spelled(command)))?;
    let status = wait(step, &mut child).with_context(|| format!("{step}: lost {}", spelled(command)))?;
    ensure!(status.success(), "{step} failed: {} ended with {status}", spelled(command));
    Ok(())
}

/// Runs a program silently and returns what it printed.
///
/// # Errors
///
/// The program cannot be started, or says that it failed; then with what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", spelled(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}\n{}", spelled(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A duration as people say it.
pub(crate) fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

fn wait(step: &str, child: &mut Child) -> std::io::Result<ExitStatus> {
    if stderr().is_terminal() {
        return child.wait();
    }
    thread::scope(|scope| {
        let (running, ended) = mpsc::channel::<()>();
        let start = Instant::now();
        scope.spawn(move || {
            while ended.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("  … {step}: still running after {}", spoken(start.elapsed()));
            }
        });
        let status = child.wait();
        drop(running);
        status
    })
}

fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    format!("`{}`", words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
}

fn user_cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .or_else(|| set("LOCALAPPDATA"))
        .context("no cache folder is known: set `XDG_CACHE_HOME` or `HOME`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (840, "0.8 s"),
            (9_960, "10.0 s"),
            (59_999, "59 s"),
            (60_000, "1 min 00 s"),
            (754_000, "12 min 34 s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(spoken(Duration::from_millis(millis)), expected);
        }
    }
}
