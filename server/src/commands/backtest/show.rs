//! What runs print.

use ::backtest::{Family, Market, Prices, Report, Row, Value, rule_names};
use ::catalog::{Error, ErrorKind, Result};
use bars::{BarType, UnixNanos};
use serde::Serialize;

use crate::output::{count_text, say, table, trimmed};

/// Statistics, assumptions, warnings and the digest.
pub(super) fn report(market: &Market<'_>, report: &Report, family: Family, series: &BarType, bars: usize) {
    say!("{series}, {} bars", count_text(bars as u64));
    let rows = market.statistics(report, family).rows;
    type Column = fn(&Row) -> Option<Value>;
    let has = |column: Column| rows.iter().any(|row| column(row).is_some());
    let columns: Vec<(&str, Column)> = [
        ("VALUE", (|row| Some(row.all)) as Column),
        ("LONG", |row| row.long),
        ("SHORT", |row| row.short),
        ("BENCHMARK", |row| row.benchmark),
    ]
    .into_iter()
    .filter(|(_, column)| has(*column))
    .collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut table = table(&[&["STATISTIC"], &names[..]].concat(), &names);
    for row in &rows {
        let cells =
            columns.iter().map(|(_, column)| column(row).map_or(String::new(), |value| value_text(&value)));
        table.add_row(std::iter::once(row.name.clone()).chain(cells));
    }
    say!("{}", trimmed(&table));
    say!("statistics as {} defines them; formulas: `--format json`", family.title());
    for (title, lines) in [("assumed", &report.assumptions), ("warning", &report.warnings)] {
        lines.iter().for_each(|line| say!("{title}: {line}"));
    }
    say!("digest of fills {}", report.digest);
}

pub(super) fn value_text(value: &Value) -> String {
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

pub(super) fn trades(report: &Report) -> Result<()> {
    #[derive(Serialize)]
    struct Line {
        size: f64,
        entry_time: UnixNanos,
        exit_time: UnixNanos,
        entry_price: f64,
        exit_price: f64,
        stop: Option<f64>,
        target: Option<f64>,
        exit: ::backtest::ExitReason,
        pnl: f64,
        commission: f64,
        return_pct: f64,
    }
    csv(report.trades.iter().map(|trade| Line {
        size: trade.size,
        entry_time: trade.entry_time,
        exit_time: trade.exit_time,
        entry_price: trade.entry_price,
        exit_price: trade.exit_price,
        stop: trade.stop,
        target: trade.target,
        exit: trade.exit,
        pnl: trade.pnl,
        commission: trade.commission,
        return_pct: trade.return_pct,
    }))
}

pub(super) fn fills(report: &Report) -> Result<()> {
    #[derive(Serialize)]
    struct Line {
        time: UnixNanos,
        at: ::backtest::Moment,
        quantity: f64,
        price: f64,
        commission: f64,
    }
    csv(report.executions.iter().map(|fill| Line {
        time: fill.time,
        at: fill.at,
        quantity: fill.quantity,
        price: fill.price,
        commission: fill.commission,
    }))
}

pub(super) fn equity(report: &Report, prices: Prices<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Line {
        time: UnixNanos,
        close: f64,
        equity: f64,
        drawdown: f64,
    }
    let rows = prices.times.iter().zip(prices.close).zip(&report.equity).zip(&report.drawdown);
    csv(rows.map(|(((time, close), equity), drawdown)| Line {
        time: UnixNanos(*time),
        close: *close,
        equity: *equity,
        drawdown: *drawdown,
    }))
}

/// Writes lines as CSV; those that have field names with a header.
pub(super) fn csv(lines: impl Iterator<Item = impl Serialize>) -> Result<()> {
    let failed = |error: ::csv::Error| {
        Error::new(ErrorKind::Internal, "a line cannot be written as CSV").because(error)
    };
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line).map_err(failed)?;
    }
    let bytes = writer.into_inner().unwrap_or_default();
    say!("{}", String::from_utf8_lossy(&bytes).trim_end());
    Ok(())
}

/// The functions of rules.
pub(super) fn functions_table() -> String {
    let mut table = table(&["FUNCTION", "GIVES", "MEANING"], &[]);
    for (name, doc) in rule_names() {
        table.add_row([name, "", doc]);
    }
    for function in ::backtest::functions() {
        table.add_row([function.usage().as_str(), function.result, function.doc]);
    }
    trimmed(&table)
}

pub(super) fn functions() {
    say!("{}", functions_table());
    say!(
        "and those of conditions: abs, floor, ceil, round, least, greatest, CASE, BETWEEN, IN, hour(ts), date(ts), …"
    );
}
