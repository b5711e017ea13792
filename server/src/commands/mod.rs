//! The command line: one file a command.

mod backtest;
mod explain;
mod import;
mod info;
mod list;
mod query;
mod serve;

use ::catalog::Result;
use bars::UnixNanos;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::catalog::Catalog;
use crate::store::Store;

/// Keeps market-data bars in a Parquet catalog that NautilusTrader, DuckDB and Polars read too, and serves it with research
/// pages that run in the browser.
#[derive(Debug, Parser)]
#[command(name = "barkeep", version, arg_required_else_help = true, max_term_width = 110)]
#[command(
    after_help = "Examples:\n  barkeep demo                       a catalog of real bars, served\n  barkeep import csv btc.csv.gz --instrument BTC/USD.BITSTAMP --bar 1-MINUTE --stamp open\n  barkeep list\n  barkeep query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --start 2026-08-17 --limit 5"
)]
pub struct Cli {
    /// Where the catalog is: a directory
    #[arg(long, global = true, env = "BARKEEP_CATALOG", value_name = "DIRECTORY")]
    catalog: Option<String>,
    /// How log lines look (their level: BARKEEP_LOG=debug)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a catalog of real bars and serve it
    Demo(serve::DemoArgs),
    /// Bring bars in from files
    Import(import::ImportArgs),
    /// List the series of the catalog
    List(list::ListArgs),
    /// Show what the catalog, or one of its series, holds and lacks
    Info(info::InfoArgs),
    /// Print bars
    Query(query::QueryArgs),
    /// Run a strategy over stored bars
    Backtest(backtest::BacktestArgs),
    /// Serve the catalog and the research pages
    Serve(serve::ServeArgs),
}

impl Cli {
    /// Whether this process answers requests until it is stopped.
    pub fn serves(&self) -> bool {
        matches!(self.command, Command::Demo(_) | Command::Serve(_))
    }
}

/// Part of a series, by the bars' closes.
#[derive(Args, Clone, Copy, Debug)]
pub struct RangeArgs {
    /// Bars that close at or after this time, such as 2024-01-08 or 2024-01-08T14:30:00Z (UTC)
    #[arg(long, value_name = "TIME")]
    start: Option<UnixNanos>,
    /// Bars that close before this time
    #[arg(long, value_name = "TIME")]
    end: Option<UnixNanos>,
}

impl RangeArgs {
    fn range(self) -> Result<bars::TimeRange> {
        let range =
            bars::TimeRange::new(self.start.unwrap_or(UnixNanos::MIN), self.end.unwrap_or(UnixNanos::MAX));
        if range.is_empty() {
            let error = ::catalog::Error::new(
                ::catalog::ErrorKind::InvalidInput,
                format!("the range {range} is empty"),
            );
            return Err(error
                .because("`--start` must be before `--end`")
                .then("exchange them, or leave one out"));
        }
        Ok(range)
    }
}

/// Runs what the command line says.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(cli: Cli) -> Result<()> {
    let location = || cli.catalog.clone().or_else(nautilus_catalog).unwrap_or_else(|| "./catalog".to_owned());
    let open = async || Catalog::open(Store::open(&location())?).await;
    match cli.command {
        Command::Demo(args) => serve::demo(cli.catalog.as_deref().unwrap_or("./demo-catalog"), args).await,
        Command::Import(args) => import::run(&location(), args).await,
        Command::List(args) => list::run(&open().await?, &args),
        Command::Info(args) => info::run(&open().await?, args).await,
        Command::Query(args) => query::run(&open().await?, args).await,
        Command::Backtest(args) => backtest::run(&open().await?, args).await,
        Command::Serve(args) => serve::serve(open().await?, args).await,
    }
}

/// NautilusTrader's own variable names the directory above its catalog.
fn nautilus_catalog() -> Option<String> {
    std::env::var("NAUTILUS_PATH").ok().map(|path| format!("{path}/catalog"))
}
