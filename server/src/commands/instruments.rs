//! `barkeep instruments`.

use ::catalog::{Error, ErrorKind, Instrument, Result};
use clap::Args;
use serde_json::Value;

use crate::catalog::{Catalog, read_instruments};
use crate::output::{Format, say, table, trimmed};

/// Arguments of `instruments`.
#[derive(Args, Debug)]
#[command(
    after_help = "Instruments come from catalogs that NautilusTrader wrote: `barkeep adopt` and `barkeep migrate nautilus` keep them.\n\nExample:\n  barkeep instruments AAPL.NASDAQ"
)]
pub struct InstrumentsArgs {
    /// One of them, with all its fields
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Prints the instruments, or one with its fields.
///
/// # Errors
/// If there is none of that id, or they cannot be read.
pub async fn run(catalog: &Catalog, args: InstrumentsArgs) -> Result<()> {
    let all = read_instruments(catalog.store(), catalog.snapshot()).await?;
    let wanted = |instrument: &&Instrument| args.id.as_ref().is_none_or(|id| *id == instrument.id);
    let chosen: Vec<&Instrument> = all.iter().filter(wanted).collect();
    if let (Some(id), true) = (&args.id, chosen.is_empty()) {
        return Err(Error::new(ErrorKind::NotFound, format!("the catalog has no instrument {id}"))
            .then("see which there are: `barkeep instruments`")
            .then("instruments come in with `barkeep adopt` and `barkeep migrate nautilus`"));
    }
    match (args.format, args.id) {
        (Format::Json, _) => say!("{}", serde_json::to_string_pretty(&chosen).unwrap_or_default()),
        (Format::Table, None) => print_list(&chosen),
        (Format::Table, Some(_)) => chosen.iter().for_each(|instrument| print_fields(instrument)),
    }
    Ok(())
}

fn print_list(instruments: &[&Instrument]) {
    let columns = ["INSTRUMENT", "TYPE", "CURRENCY", "TICK", "LOT", "SINCE"];
    let mut table = table(&columns, &["TICK", "LOT"]);
    for instrument in instruments {
        let field = |names: &[&str]| {
            let found =
                names.iter().find_map(|name| instrument.fields.get(*name).filter(|value| !value.is_null()));
            found.map_or("–".to_owned(), text)
        };
        table.add_row([
            instrument.id.clone(),
            instrument.class.clone(),
            field(&["currency", "quote_currency", "settlement_currency"]),
            field(&["price_increment"]),
            field(&["lot_size"]),
            instrument.ts_init().to_string(),
        ]);
    }
    say!("{}", trimmed(&table));
}

/// An instrument's fields, those that are set, one a line.
pub(super) fn print_fields(instrument: &Instrument) {
    say!("instrument {} ({})", instrument.id, instrument.class);
    for (name, value) in instrument.fields.iter().filter(|(name, value)| *name != "id" && !value.is_null()) {
        say!("  {name:<17} {}", text(value));
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
