//! The command line: one file a command.

mod adopt;
mod backtest;
mod change;
mod consolidate;
mod delete;
mod explain;
mod fetch;
mod gaps;
mod import;
mod info;
mod instruments;
mod list;
mod migrate;
mod progress;
mod publish;
mod query;
mod repair;
mod serve;
mod snapshots;
mod vacuum;
mod verify;

use ::catalog::{Error, ErrorKind, Result};
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
    /// Where the catalog is: a directory, s3://BUCKET/PREFIX, gs://, az://, or https:// to read only (docs/stores.md)
    #[arg(long, global = true, env = "BARKEEP_CATALOG", value_name = "PLACE")]
    catalog: Option<String>,
    /// Read an older state: the number of a snapshot
    #[arg(long, global = true, value_name = "NUMBER")]
    snapshot: Option<u64>,
    /// How log lines look (their level: BARKEEP_LOG=debug)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
    /// Promise that no other process writes to the catalog, for stores that cannot create only what is absent (or BARKEEP_SINGLE_WRITER=1)
    #[arg(long, global = true)]
    pub single_writer: bool,
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
    /// Fetch bars from Interactive Brokers: only what the catalog lacks
    Fetch(fetch::FetchArgs),
    /// Fetch what is new of the watch list in barkeep.toml
    Sync(fetch::SyncArgs),
    /// Take the files of a NautilusTrader catalog into a manifest, where they lie
    Adopt(adopt::AdoptArgs),
    /// Copy another store's bars into this catalog, with proof
    Migrate(migrate::MigrateArgs),
    /// Give adopted files names that tell their content
    ResetNames(adopt::ResetNamesArgs),
    /// List the series of the catalog
    List(list::ListArgs),
    /// Show what the catalog, or one of its series, holds and lacks
    Info(info::InfoArgs),
    /// Show which bars are missing
    Gaps(gaps::GapsArgs),
    /// Show which stretches of time the bars span
    Intervals(gaps::IntervalsArgs),
    /// List the instruments, or show one
    Instruments(instruments::InstrumentsArgs),
    /// Print bars
    Query(query::QueryArgs),
    /// Say what is wrong with the catalog, if anything is
    Verify(verify::VerifyArgs),
    /// Mend what `verify` finds
    Repair(repair::RepairArgs),
    /// Run a strategy over stored bars
    Backtest(backtest::BacktestArgs),
    /// Remove bars of a range of time
    Delete(delete::DeleteArgs),
    /// Merge files by day, week, month or year
    Consolidate(consolidate::ConsolidateArgs),
    /// List, compare and restore older states of the catalog
    Snapshots(snapshots::SnapshotsArgs),
    /// Remove snapshots that are no longer kept, and the files only they name
    Vacuum(vacuum::VacuumArgs),
    /// Write a read-optimised copy with the research pages, for static hosts and buckets
    Publish(Box<publish::PublishArgs>),
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
            let error = Error::new(ErrorKind::InvalidInput, format!("the range {range} is empty"));
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
    let open = async || match cli.snapshot {
        None => Catalog::open(Store::open(&location())?).await,
        Some(number) => Catalog::open_at(Store::open(&location())?, number).await,
    };
    let newest = async || match cli.snapshot {
        None => Catalog::open(Store::open(&location())?).await,
        Some(number) => Err(older_is_read_only(number)),
    };
    match cli.command {
        Command::Demo(args) => serve::demo(cli.catalog.as_deref().unwrap_or("./demo-catalog"), args).await,
        Command::Import(args) => match cli.snapshot {
            None => import::run(&location(), args).await,
            Some(number) => Err(older_is_read_only(number)),
        },
        Command::Fetch(args) => match cli.snapshot {
            None => fetch::run(&location(), args).await,
            Some(number) => Err(older_is_read_only(number)),
        },
        Command::Sync(args) => match cli.snapshot {
            None => fetch::sync(&location(), args).await,
            Some(number) => Err(older_is_read_only(number)),
        },
        Command::Adopt(args) => adopt::run(&location(), args).await,
        Command::Migrate(args) => migrate::run(&location(), args).await,
        Command::ResetNames(args) => adopt::reset_names(&newest().await?, args).await,
        Command::Instruments(args) => instruments::run(&open().await?, args).await,
        Command::List(args) => list::run(&open().await?, &args),
        Command::Info(args) => info::run(&open().await?, args).await,
        Command::Gaps(args) => gaps::gaps(&open().await?, args).await,
        Command::Intervals(args) => gaps::intervals(&open().await?, args).await,
        Command::Query(args) => query::run(&open().await?, args).await,
        Command::Verify(args) => verify::run(&location(), args).await,
        Command::Repair(args) => repair::run(&location(), args).await,
        Command::Backtest(args) => backtest::run(&open().await?, args).await,
        Command::Delete(args) => delete::run(newest().await?.store(), args).await,
        Command::Consolidate(args) => consolidate::run(&newest().await?, args).await,
        Command::Snapshots(args) => snapshots::run(&newest().await?, args).await,
        Command::Vacuum(args) => vacuum::run(newest().await?.store(), args).await,
        Command::Publish(args) => publish::run(&open().await?, *args).await,
        Command::Serve(args) => serve::serve(open().await?, args).await,
    }
}

fn older_is_read_only(number: u64) -> Error {
    Error::new(ErrorKind::InvalidInput, "an older snapshot can only be read")
        .because(format!(
            "`--snapshot {number}` was given to a command that writes or looks at all snapshots"
        ))
        .then("leave `--snapshot` out")
        .then(format!("or make that state the newest again: `barkeep snapshots roll-back {number}`"))
}

/// NautilusTrader's own variable names the directory above its catalog.
fn nautilus_catalog() -> Option<String> {
    std::env::var("NAUTILUS_PATH").ok().map(|path| format!("{path}/catalog"))
}
