//! `barkeep backtest`: runs and sweeps of strategies over stored bars.

mod args;
mod bars;
mod help;
mod judge;
mod run;
mod show;
mod sweep;
mod words;

use ::catalog::Result;
use clap::{Args, Subcommand};

use crate::catalog::Catalog;

/// Arguments of `backtest`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct BacktestArgs {
    #[command(subcommand)]
    command: BacktestCommand,
}

#[derive(Debug, Subcommand)]
enum BacktestCommand {
    /// Run one strategy with one set of parameters
    #[command(after_help = help::run_help())]
    Run(Box<run::RunArgs>),
    /// Run a strategy with many sets of parameters and compare them
    #[command(after_help = help::sweep_help())]
    Sweep(Box<sweep::SweepArgs>),
    /// List the functions that rules may call
    Functions,
}

/// Runs a backtest.
///
/// # Errors
/// If the series does not exist, or a parameter makes no sense.
pub async fn run(catalog: &Catalog, args: BacktestArgs) -> Result<()> {
    match args.command {
        BacktestCommand::Run(args) => run::run(catalog, *args).await,
        BacktestCommand::Sweep(args) => sweep::run(catalog, *args).await,
        BacktestCommand::Functions => {
            show::functions();
            Ok(())
        }
    }
}
