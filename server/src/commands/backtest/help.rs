//! What `--help` adds to the options.

use ::backtest::strategies;

/// The strategies, their parameters and an example.
pub(super) fn run_help() -> String {
    let mut help = String::from("Strategies and their parameters:\n");
    for info in strategies() {
        let params: Vec<&str> = info.params.iter().map(|param| param.name).collect();
        help += &format!("  {:<20} {:<22} {}\n", info.name, params.join(", "), info.doc);
    }
    help + "\nExamples:\n  barkeep backtest run --series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --strategy sma_cross \\\n      --param fast=20 --param slow=100 --cash 100000 --commission 0.001 --stop 2%\n  barkeep backtest run --series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --resample 1-HOUR \\\n      --long 'rsi(close, 14) < n' --exit-long 'close > sma(close, 20)' --param n=30\n\nFunctions of rules: `barkeep backtest functions`"
}

/// An example of a sweep.
pub(super) fn sweep_help() -> &'static str {
    "Parameters are those of the strategy (`barkeep backtest run --help`) and stop, target, trail, hold_bars, size, cash,\ncommission, commission_fixed, spread, margin.\n\nExamples:\n  barkeep backtest sweep --series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --resample 15-MINUTE --commission 0.001 \\\n      --vary fast=5..30:5 --vary slow=10..70:5 --where 'fast < slow'\n  barkeep backtest sweep --series BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --vary fast=2..50 --vary slow=20..400:10 \\\n      --random 500 --walk-forward 5000:1000"
}
