//! The spec that the options of runs and sweeps say.

use std::path::PathBuf;

use ::backtest::{
    BacktestError, Behind, Direction, Distance, Fill, Hours, Profile, Rules, Session, Size, Slippage, Spec,
    Strategy, Trail, UnitFee, Units,
};
use ::catalog::{Error, ErrorKind, Result};
use clap::{Args, ValueEnum};

use super::words;

/// The strategy and the rules of trading.
#[derive(Args, Debug)]
pub(super) struct SpecArgs {
    /// Read the whole spec from a JSON file; the options below change it
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The strategy
    #[arg(long)]
    strategy: Option<String>,
    /// A parameter of it
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    rules: RuleArgs,
    /// Which directions are traded
    #[arg(long, value_enum)]
    direction: Option<DirectionName>,
    /// How much an entry takes: all, free=0.5, equity=0.5, units=10, cash=1000, risk=0.01 or volatility=0.1
    #[arg(long, value_name = "SIZE", value_parser = words::size)]
    size: Option<Size>,
    /// Stop loss: 3%, 1.5 (money), 4ticks or 2atr14
    #[arg(long, value_name = "DISTANCE", value_parser = words::distance)]
    stop: Option<Distance>,
    /// Take profit, likewise
    #[arg(long, value_name = "DISTANCE", value_parser = words::distance)]
    target: Option<Distance>,
    /// Trailing stop behind the closes, likewise
    #[arg(long, value_name = "DISTANCE", value_parser = words::distance)]
    trail: Option<Distance>,
    /// Close a trade so many bars after its entry
    #[arg(long, value_name = "BARS")]
    hold_bars: Option<u32>,
    /// Enter only in the sessions of a calendar (us-equities) or between two times (14:30-21:00, UTC)
    #[arg(long, value_name = "HOURS", value_parser = words::hours)]
    session: Option<Hours>,
    /// Close everything at the end of each session
    #[arg(long, requires = "session")]
    flat: bool,
    #[command(flatten)]
    account: AccountArgs,
}

/// Rules typed by the user.
#[derive(Args, Debug)]
struct RuleArgs {
    /// When to go long, as an expression: crosses_above(sma(close, 20), sma(close, 50))
    #[arg(long, value_name = "RULE")]
    long: Option<String>,
    /// When to go short
    #[arg(long, value_name = "RULE")]
    short: Option<String>,
    /// When to leave a long trade
    #[arg(long, value_name = "RULE")]
    exit_long: Option<String>,
    /// When to leave a short trade
    #[arg(long, value_name = "RULE")]
    exit_short: Option<String>,
}

/// Money and costs.
#[derive(Args, Debug)]
struct AccountArgs {
    /// Money at the start
    #[arg(long)]
    cash: Option<f64>,
    /// Commission as a share of each fill's value: 0.001 is 0.1 %
    #[arg(long, allow_negative_numbers = true)]
    commission: Option<f64>,
    /// Commission in money for each fill
    #[arg(long)]
    commission_fixed: Option<f64>,
    /// Commission by units: ibkr_fixed, ibkr_tiered, or money for each unit
    #[arg(long, value_name = "FEE", value_parser = words::unit_fee)]
    unit_fee: Option<UnitFee>,
    /// Distance of bid and ask as a share of the price
    #[arg(long)]
    spread: Option<f64>,
    /// How much worse market and stop orders fill: 2ticks or 5bp
    #[arg(long, value_name = "MUCH", value_parser = words::slippage)]
    slippage: Option<Slippage>,
    /// Share of a position that the account must cover: 0.5 is leverage 2
    #[arg(long)]
    margin: Option<f64>,
    /// Close everything where the account covers less than this share of the margin
    #[arg(long, value_name = "SHARE")]
    stop_out: Option<f64>,
    /// The least step of the price
    #[arg(long, value_name = "PRICE")]
    tick: Option<f64>,
    /// The least step of a quantity
    #[arg(long, value_name = "UNITS")]
    lot: Option<f64>,
    /// Money that a unit makes when its price rises by 1
    #[arg(long, value_name = "MONEY")]
    multiplier: Option<f64>,
    /// Decimals of the currency to which each fill is rounded
    #[arg(long, value_name = "COUNT")]
    money_decimals: Option<u8>,
    /// Where orders fill
    #[arg(long, value_enum)]
    fill: Option<FillName>,
    /// Trade whole units only
    #[arg(long)]
    whole_units: bool,
    /// Net new orders against open trades instead of closing those first
    #[arg(long)]
    netting: bool,
    /// Let long and short trades stand side by side
    #[arg(long)]
    hedging: bool,
    /// Leave trades open at the end, outside the statistics
    #[arg(long)]
    no_finalize: bool,
    /// Whose conventions apply: barkeep or btpy-0.6 (backtesting.py with its quirks)
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum FillName {
    /// At the next bar's open
    NextOpen,
    /// At the close of the signal's bar
    ThisClose,
    /// As NautilusTrader fills from bars: at the close, from a book of a quarter of the volume
    Nautilus,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum DirectionName {
    Both,
    Long,
    Short,
}

impl SpecArgs {
    /// The spec that the options say.
    pub(super) fn spec(&self) -> Result<Spec> {
        let mut spec = match &self.spec {
            None => Spec::default(),
            Some(path) => from_file(path)?,
        };
        self.set_strategy(&mut spec)?;
        self.set_trading(&mut spec);
        self.account.set(&mut spec)?;
        Ok(spec)
    }

    fn set_strategy(&self, spec: &mut Spec) -> Result<()> {
        let RuleArgs { long, short, exit_long, exit_short } = &self.rules;
        let typed = [long, short, exit_long, exit_short].iter().any(|rule| rule.is_some());
        match (&self.strategy, typed) {
            (Some(name), true) if name != "rules" => {
                return Err(invalid("both a built-in strategy and rules of your own are given").then(
                    "leave `--strategy` out, or `--long`, `--short`, `--exit-long` and `--exit-short`",
                ));
            }
            (Some(name), false) => spec.strategy = Strategy::named(name).map_err(wrong)?,
            (_, true) if !matches!(spec.strategy, Strategy::Rules(_)) => {
                spec.strategy = Strategy::Rules(Box::default());
            }
            _ => {}
        }
        if let (Strategy::Rules(rules), true) = (&mut spec.strategy, typed) {
            let Rules { long: buy, short: sell, exit_long: leave, exit_short: cover, .. } = &mut **rules;
            for (target, rule) in [(buy, long), (sell, short), (leave, exit_long), (cover, exit_short)] {
                if rule.is_some() {
                    target.clone_from(rule);
                }
            }
        }
        for param in &self.params {
            let pair = param
                .split_once('=')
                .and_then(|(name, value)| Some((name.trim(), value.trim().parse().ok()?)));
            let (name, value): (&str, f64) = pair.ok_or_else(|| {
                invalid(format!("`{param}` is not a parameter"))
                    .because("a parameter is given as NAME=NUMBER")
                    .then("for example `--param fast=10`")
            })?;
            match &mut spec.strategy {
                Strategy::Rules(rules) => drop(rules.params.insert(name.to_owned(), value)),
                _ => spec.set(name, value).map_err(wrong)?,
            }
        }
        Ok(())
    }

    fn set_trading(&self, spec: &mut Spec) {
        match self.direction {
            None => {}
            Some(DirectionName::Both) => spec.direction = Direction::Both,
            Some(DirectionName::Long) => spec.direction = Direction::Long,
            Some(DirectionName::Short) => spec.direction = Direction::Short,
        }
        spec.size = self.size.unwrap_or(spec.size);
        spec.exits.stop = self.stop.or(spec.exits.stop);
        spec.exits.target = self.target.or(spec.exits.target);
        spec.exits.bars = self.hold_bars.or(spec.exits.bars);
        let trail = self.trail.map(|distance| Trail { distance, behind: Behind::Close });
        spec.exits.trail = trail.or(spec.exits.trail);
        spec.session = self.session.map(|hours| Session { hours, flat: self.flat }).or(spec.session);
    }
}

impl AccountArgs {
    fn set(&self, spec: &mut Spec) -> Result<()> {
        let numbers = [
            (&mut spec.cash, self.cash),
            (&mut spec.commission, self.commission),
            (&mut spec.commission_fixed, self.commission_fixed),
            (&mut spec.spread, self.spread),
            (&mut spec.margin, self.margin),
            (&mut spec.stop_out, self.stop_out),
            (&mut spec.instrument.tick, self.tick),
            (&mut spec.instrument.lot, self.lot),
            (&mut spec.instrument.multiplier, self.multiplier),
        ];
        numbers.into_iter().for_each(|(target, given)| *target = given.unwrap_or(*target));
        spec.instrument.money_decimals = self.money_decimals.or(spec.instrument.money_decimals);
        spec.slippage = self.slippage.unwrap_or(spec.slippage);
        if let Some(fee) = &self.unit_fee {
            spec.unit_fee = fee.clone();
        }
        match self.fill {
            None => {}
            Some(FillName::NextOpen) => spec.fill = Fill::NextOpen,
            Some(FillName::ThisClose) => spec.fill = Fill::ThisClose,
            Some(FillName::Nautilus) => spec.fill = Fill::Nautilus,
        }
        if self.whole_units {
            spec.units = Units::Whole;
        }
        spec.exclusive &= !self.netting && !self.hedging;
        spec.hedging |= self.hedging;
        spec.finalize &= !self.no_finalize;
        if let Some(name) = &self.profile {
            spec.profile = serde_json::from_value::<Profile>(name.clone().into())
                .map_err(|error| invalid(format!("`{name}` is not a profile")).because(error))?;
        }
        Ok(())
    }
}

fn from_file(path: &std::path::Path) -> Result<Spec> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::new(ErrorKind::NotFound, format!("the spec `{name}` cannot be read")).because(error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        invalid(format!("the spec `{name}` makes no sense"))
            .because(error)
            .then("fields that are left out have their defaults; for example `{\"strategy\": {\"name\": \"macd\", \"fast\": 12, \"slow\": 26, \"signal\": 9}}`")
    })
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

/// What the backtest refuses, as every command tells it.
pub(super) fn wrong(error: BacktestError) -> Error {
    invalid(error.to_string())
}
