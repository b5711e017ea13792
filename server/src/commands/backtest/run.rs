//! `barkeep backtest run`.

use ::backtest::{Family, Market, Report, self_test};
use ::catalog::Result;
use bars::BarSpec;
use clap::{Args, ValueEnum};

use super::args::{SpecArgs, wrong};
use super::bars::BarsArgs;
use super::show;
use crate::catalog::Catalog;
use crate::output::say;

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    bars: BarsArgs,
    #[command(flatten)]
    spec: SpecArgs,
    /// Decide by coarser bars, such as 1-HOUR, and trade on the others
    #[arg(long, value_name = "SIZE", conflicts_with = "self_test")]
    signals: Option<BarSpec>,
    /// Whose statistics are printed
    #[arg(long, value_enum, default_value_t = FamilyName::Btpy)]
    family: FamilyName,
    /// Change later bars again and again and see that nothing before them changes
    #[arg(long)]
    self_test: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = RunFormat::Table)]
    format: RunFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum FamilyName {
    /// backtesting.py 0.6
    Btpy,
    /// QuantStats 0.0.86
    Quantstats,
    /// TradingView's Strategy Tester
    Tradingview,
    /// NautilusTrader 1.231
    Nautilus,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum RunFormat {
    /// Statistics for people
    Table,
    /// The whole report for programs
    Json,
    /// The trades as CSV
    Trades,
    /// The fills as CSV
    Fills,
    /// The account's value after each bar as CSV
    Equity,
}

impl FamilyName {
    fn family(self) -> Family {
        match self {
            Self::Btpy => Family::Btpy,
            Self::Quantstats => Family::QuantStats,
            Self::Tradingview => Family::TradingView,
            Self::Nautilus => Family::Nautilus,
        }
    }
}

pub(super) async fn run(catalog: &Catalog, args: RunArgs) -> Result<()> {
    let spec = args.spec.spec()?;
    let loaded = args.bars.load(catalog).await?;
    let prices = loaded.bars.prices();
    let mut market =
        Market::new(prices).and_then(|market| market.with_history(loaded.history)).map_err(wrong)?;
    if let Some(calendar) = &loaded.calendar {
        market = market.with_calendar(calendar);
    }
    let report = match &args.signals {
        None => market.run(&spec).map_err(wrong)?,
        Some(size) => {
            let coarse = args.bars.deciding(catalog, size).await?;
            let mut deciding = Market::new(coarse.prices()).map_err(wrong)?;
            market.run_with_signals(&mut deciding, &spec).map_err(wrong)?
        }
    };
    match args.format {
        RunFormat::Json => say!("{}", serde_json::to_string(&report).unwrap_or_default()),
        RunFormat::Trades => show::trades(&report)?,
        RunFormat::Fills => show::fills(&report)?,
        RunFormat::Equity => show::equity(&report, prices)?,
        RunFormat::Table => {
            let bars = prices.len() - loaded.history;
            show::report(&market, &report, args.family.family(), &args.bars.series, bars);
        }
    }
    if args.self_test {
        tell_self_test(&report, prices, &spec)?;
    }
    Ok(())
}

fn tell_self_test(report: &Report, prices: ::backtest::Prices<'_>, spec: &::backtest::Spec) -> Result<()> {
    const CUTS: u32 = 20;
    let test = self_test(prices, spec, CUTS).map_err(wrong)?;
    match test.looked_ahead {
        None => eprintln!(
            "self-test: at {} bars the future was changed, and no fill or value before them changed",
            test.cuts
        ),
        Some(found) => eprintln!(
            "self-test: this run looks ahead: bar {} changed when bars from {} on were changed; see what is assumed: {}",
            found.bar,
            found.changed_from,
            report.assumptions.join(" ")
        ),
    }
    Ok(())
}
