//! `barkeep backtest run`.

use ::backtest::{Fill, Prices, Profile, Report, Spec, Strategy, Units, Value};
use ::catalog::{Error, ErrorKind, Query, Result};
use bars::{BarColumns, BarSpec, BarType, TimeRange, UnixNanos, resample};
use clap::{Args, Subcommand, ValueEnum};

use crate::catalog::Catalog;
use crate::output::{Format, count_text, say, table, trimmed};

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
    #[command(
        after_help = "Strategies and their parameters:\n  sma_cross  fast, slow   long when the fast moving average crosses above the slow one, short when below\n\nExample:\n  barkeep backtest run --series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --strategy sma_cross \\\n      --param fast=20 --param slow=100 --cash 100000 --commission 0.001"
    )]
    Run(Box<RunArgs>),
}

#[derive(Args, Debug)]
struct RunArgs {
    /// The series to trade
    #[arg(long, value_name = "BAR_TYPE")]
    series: BarType,
    /// Bars that open at or after this time (UTC)
    #[arg(long, value_name = "TIME")]
    start: Option<UnixNanos>,
    /// Bars that open before this time
    #[arg(long, value_name = "TIME")]
    end: Option<UnixNanos>,
    /// Trade coarser bars, such as 1-HOUR
    #[arg(long, value_name = "SIZE")]
    resample: Option<BarSpec>,
    /// The strategy
    #[arg(long, default_value = "sma_cross")]
    strategy: String,
    /// A parameter of it
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Money at the start
    #[arg(long, default_value_t = 10_000.0)]
    cash: f64,
    /// Commission as a share of each fill's value: 0.001 is 0.1 %
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    commission: f64,
    /// Commission in money for each fill
    #[arg(long, default_value_t = 0.0)]
    commission_fixed: f64,
    /// Distance of bid and ask as a share of the price
    #[arg(long, default_value_t = 0.0)]
    spread: f64,
    /// Share of a position that the account must cover: 0.5 is leverage 2
    #[arg(long, default_value_t = 1.0)]
    margin: f64,
    /// Where orders fill
    #[arg(long, value_enum, default_value_t = FillName::NextOpen)]
    fill: FillName,
    /// Buy whole units only
    #[arg(long)]
    whole_units: bool,
    /// Net new orders against open trades instead of closing those first
    #[arg(long)]
    netting: bool,
    /// Leave trades open at the end, outside the statistics
    #[arg(long)]
    no_finalize: bool,
    /// Whose conventions apply: barkeep or btpy-0.6 (backtesting.py with its quirks)
    #[arg(long, value_name = "NAME", default_value = "barkeep")]
    profile: String,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum FillName {
    /// At the next bar's open
    NextOpen,
    /// At the close of the signal's bar
    ThisClose,
}

/// Runs a backtest.
///
/// # Errors
/// If the series does not exist, or a parameter makes no sense.
pub async fn run(catalog: &Catalog, args: BacktestArgs) -> Result<()> {
    let BacktestCommand::Run(args) = args.command;
    let spec = spec(&args)?;
    let bars = prices(catalog, &args).await?;
    let interval = args.resample.as_ref().unwrap_or(&args.series.spec).interval().unwrap_or_default();
    let times: Vec<i64> = bars.ts_init.iter().map(|close| close - interval).collect();
    let prices = Prices {
        times: &times,
        open: &bars.open,
        high: &bars.high,
        low: &bars.low,
        close: &bars.close,
        volume: &bars.volume,
    };
    let report = ::backtest::run(&prices, &spec)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
    match args.format {
        Format::Json => say!("{}", serde_json::to_string(&report).unwrap_or_default()),
        Format::Table => print(&report, &args.series, bars.len()),
    }
    Ok(())
}

fn spec(args: &RunArgs) -> Result<Spec> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidInput, what);
    let mut strategy = serde_json::Map::new();
    if args.params.is_empty() && args.strategy == "sma_cross" {
        strategy.insert("fast".into(), 10.into());
        strategy.insert("slow".into(), 20.into());
    }
    for param in &args.params {
        let pair = param
            .split_once('=')
            .and_then(|(name, value)| Some((name.trim(), value.trim().parse::<serde_json::Number>().ok()?)));
        let (name, value) = pair.ok_or_else(|| {
            invalid(format!("`{param}` is not a parameter"))
                .because("a parameter is given as NAME=NUMBER")
                .then("for example `--param fast=10`")
        })?;
        strategy.insert(name.to_owned(), value.into());
    }
    strategy.insert("name".into(), args.strategy.clone().into());
    let strategy: Strategy = serde_json::from_value(strategy.into()).map_err(|error| {
        invalid(format!("the strategy `{}` cannot be run so", args.strategy))
            .because(error)
            .then("see the strategies and their parameters: `barkeep backtest run --help`")
    })?;
    let profile: Profile = serde_json::from_value(args.profile.clone().into())
        .map_err(|error| invalid(format!("`{}` is not a profile", args.profile)).because(error))?;
    Ok(Spec {
        strategy,
        cash: args.cash,
        commission: args.commission,
        commission_fixed: args.commission_fixed,
        spread: args.spread,
        margin: args.margin,
        fill: if args.fill == FillName::NextOpen { Fill::NextOpen } else { Fill::ThisClose },
        exclusive: !args.netting,
        finalize: !args.no_finalize,
        units: if args.whole_units { Units::Whole } else { Units::Fractional },
        profile,
        ..Spec::default()
    })
}

/// The bars to trade: those that open in the range, made coarser if asked for.
async fn prices(catalog: &Catalog, args: &RunArgs) -> Result<BarColumns<f64>> {
    let entry = catalog.entry(&args.series)?;
    let base = args.series.spec.interval().unwrap_or_default();
    let close_of = |open: Option<UnixNanos>, default: UnixNanos| open.map_or(default, |open| open.plus(base));
    let range = TimeRange::new(close_of(args.start, UnixNanos::MIN), close_of(args.end, UnixNanos::MAX));
    let bars = catalog.bars(&args.series, Query { range, ..Query::default() }).await?.to_f64();
    if bars.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("no bars of {} in that range", args.series))
            .because(format!("the catalog holds {} to {}", entry.first, entry.last))
            .then("choose a range inside, or leave `--start` and `--end` out"));
    }
    let Some(wanted) = &args.resample else { return Ok(bars) };
    match wanted.interval() {
        Some(step) if base > 0 && step >= base && step % base == 0 => Ok(resample(&bars, base, step, 0).bars),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("bars of {} cannot be resampled to {wanted}", args.series),
        )
        .because("the new size must be a multiple of the stored one")),
    }
}

fn print(report: &Report, series: &BarType, bars: usize) {
    say!("{series}, {} bars", count_text(bars as u64));
    let mut table = table(&["STATISTIC", "VALUE"], &["VALUE"]);
    for statistic in &report.statistics {
        table.add_row([statistic.name.clone(), value_text(&statistic.value)]);
    }
    say!("{}", trimmed(&table));
    say!("statistics as {} defines them; formulas: `--format json`", ::backtest::family());
    for (title, lines) in [("assumed", &report.assumptions), ("warning", &report.warnings)] {
        lines.iter().for_each(|line| say!("{title}: {line}"));
    }
    say!("digest of fills {}", report.digest);
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{number:.4}"),
        Value::Time(time) => time.to_string(),
        Value::Duration(seconds) => {
            let (days, rest) = (seconds / 86_400, seconds % 86_400);
            format!("{days} d {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
        }
        Value::Undefined => "–".to_owned(),
    }
}
