//! `barkeep`: keeps market-data bars in a Parquet catalog and serves it with the research pages.
//!
//! The binary is [`run_command_line`]. What the house's tests drive from outside is public: the store and the catalog over it.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, and by kind
//! 3 not found, 4 conflict, 5 corrupt.

pub mod adopt;
pub mod bar_files;
mod bar_output;
pub mod catalog;
mod commands;
pub mod commit;
mod demo;
mod foreign;
pub mod http;
pub mod ibkr;
mod merge;
pub mod migrate;
mod output;
mod places;
pub mod proof;
pub mod publish;
mod query;
pub mod repair;
mod sheet;
pub mod store;
pub mod vacuum;
pub mod verify;

use std::process::ExitCode;

use ::catalog::ErrorKind;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::commands::{Cli, LogFormat};

/// Does what the process's arguments say.
pub async fn run_command_line() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli);
    keep_contained_panics_quiet();
    if cli.single_writer {
        store::assume_single_writer();
    }
    match commands::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(match error.kind {
                ErrorKind::InvalidInput => 2,
                ErrorKind::NotFound => 3,
                ErrorKind::Conflict => 4,
                ErrorKind::Corrupt => 5,
                _ => 1,
            })
        }
    }
}

/// A Parquet decoder that falls over a damaged file is answered with an error; its own message would only frighten.
fn keep_contained_panics_quiet() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !::catalog::is_contained() {
            report(panic);
        }
    }));
}

fn start_log(cli: &Cli) {
    let default = if cli.serves() { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("BARKEEP_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log {
        LogFormat::Text => log.with_target(false).compact().init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
