//! The demo: the built server on a small catalog of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::house::House;

/// Where and how the demo runs.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// The port to listen on.
    pub(crate) port: u16,
    /// Where its catalog is written, relative to where the user stands; `target/demo-catalog` of the repository if left out.
    pub(crate) catalog: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options { port: 4173, catalog: None }
    }
}

/// Runs `barkeep demo` until it is stopped.
///
/// # Errors
///
/// The server cannot be started, or ends with an error.
pub(crate) fn run(house: &House, options: &Options) -> Result<()> {
    let catalog = match &options.catalog {
        Some(folder) => std::path::absolute(folder)?,
        None => house.built("demo-catalog"),
    };
    let server = house.server();
    let mut command = Command::new(&server);
    command.arg("demo").arg("--catalog").arg(catalog).arg("--port").arg(options.port.to_string());
    eprintln!();
    become_program(&mut command).with_context(|| format!("cannot run `{} demo`", server.display()))
}

/// Hands this process over, so that Ctrl-C and a service manager's signals reach the server itself.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    Err(command.exec().into())
}

/// Where a process cannot be handed over, waits for the server beside it.
#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    anyhow::ensure!(status.success(), "the server ended with {status}");
    Ok(())
}
