//! Every row of every catalog that a real NautilusTrader release wrote reads back to what NautilusTrader itself read.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests read their fixtures and fail by panicking"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use bars::{BarColumns, Decimal};
use catalog::{
    Columns, DataKind, decode_bars, decode_bars_f64, decode_instruments, decode_quotes, decode_trades,
    scan_file,
};
use serde_json::{Map, Value};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nautilus")
}

/// What the catalog `name` holds, by kind, as comparable lines.
fn read_catalog(name: &str, files: &Map<String, Value>) -> BTreeMap<&'static str, Vec<String>> {
    let mut found: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for key in files.keys() {
        let bytes = std::fs::read(fixtures().join(name).join(key)).unwrap();
        let (layout, batches) = scan_file(key, bytes.into()).unwrap();
        let (price, size) = (layout.price_precision, layout.size_precision);
        for batch in &batches {
            match layout.kind {
                DataKind::Bar => {
                    let bars = decode_bars(batch, &layout, Columns::ALL).unwrap();
                    assert_eq!(decode_bars_f64(batch, &layout, Columns::ALL).unwrap(), bars.to_f64());
                    found.entry("bars").or_default().extend(bar_lines(&layout.identity, &bars, price, size));
                }
                DataKind::Quote => found.entry("quotes").or_default().extend(
                    decode_quotes(batch, &layout).unwrap().iter().map(|quote| {
                        let (bid, ask) = (quote.bid_price.display(price), quote.ask_price.display(price));
                        let (bid_size, ask_size) =
                            (quote.bid_size.display(size), quote.ask_size.display(size));
                        format!(
                            "{},{bid},{ask},{bid_size},{ask_size},{},{}",
                            layout.identity, quote.ts_event.0, quote.ts_init.0
                        )
                    }),
                ),
                DataKind::Trade => found.entry("trades").or_default().extend(
                    decode_trades(batch, &layout).unwrap().iter().map(|trade| {
                        let (price, size) = (trade.price.display(price), trade.size.display(size));
                        let rest = format!(
                            "{},{},{},{}",
                            trade.aggressor_side, trade.trade_id, trade.ts_event.0, trade.ts_init.0
                        );
                        format!("{},{price},{size},{rest}", layout.identity)
                    }),
                ),
                DataKind::Instrument => {
                    let lines = decode_instruments(batch)
                        .unwrap()
                        .into_iter()
                        .map(|fields| Value::Object(fields).to_string());
                    found.entry("instruments").or_default().extend(lines);
                }
            }
        }
    }
    found.values_mut().for_each(|lines| lines.sort());
    found
}

fn bar_lines(bar_type: &str, bars: &BarColumns<Decimal>, price: u8, size: u8) -> Vec<String> {
    let line = |row: usize| {
        let bar = bars.bar(row);
        let [open, high, low, close] =
            [bar.open, bar.high, bar.low, bar.close].map(|value| value.display(price).to_string());
        format!(
            "{bar_type},{open},{high},{low},{close},{},{},{}",
            bar.volume.display(size),
            bar.ts_event.0,
            bar.ts_init.0
        )
    };
    (0..bars.len()).map(line).collect()
}

fn expected_lines(path: &Path) -> Vec<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    // Version 2 prints the aggressor as BUY and SELL, version 1 as BUYER and SELLER; the catalog has one word for each.
    let one_word = |line: &str| line.trim_end().replace(",BUY,", ",BUYER,").replace(",SELL,", ",SELLER,");
    let mut lines: Vec<String> = text.lines().skip(1).map(one_word).collect();
    lines.sort();
    lines
}

/// Expected instruments keep the stored fields that our reader must show; names that only the Python object has are left out.
fn check_instruments(name: &str, found: &[String], path: &Path) {
    let expected: Vec<Map<String, Value>> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let found: Vec<Map<String, Value>> =
        found.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), expected.len(), "{name}");
    let no_info = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    for instrument in found {
        let wanted = expected.iter().find(|wanted| wanted["id"] == instrument["id"]).unwrap();
        for (field, value) in &instrument {
            let Some(wanted) = wanted.get(field) else {
                panic!("{name}: the stored field `{field}` is not expected")
            };
            assert!(
                value == wanted || field == "info" && no_info(value) && no_info(wanted),
                "{name} {field}: {value} is not {wanted}"
            );
        }
        for (field, wanted) in wanted {
            let stored = field == "type" || instrument.contains_key(field) || wanted.is_null();
            assert!(stored, "{name}: `{field}` was not read");
        }
    }
}

#[test]
fn every_row_of_every_catalog_reads_back() {
    let manifest: Map<String, Value> =
        serde_json::from_slice(&std::fs::read(fixtures().join("manifest.json")).unwrap()).unwrap();
    assert!(manifest.len() >= 10, "{} catalogs", manifest.len());
    let mut rows = 0;
    for (name, catalog) in &manifest {
        let found = read_catalog(name, catalog["files"].as_object().unwrap());
        let expected = catalog["expected"].as_object().unwrap();
        // Instruments were not listed for every catalog; they are read all the same.
        assert!(
            found.keys().all(|kind| *kind == "instruments" || expected.contains_key(*kind)),
            "{name} holds {:?}",
            found.keys()
        );
        for (kind, expected) in expected {
            let path = fixtures().join(expected["file"].as_str().unwrap());
            let lines = found.get(kind.as_str()).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(lines.len() as u64, expected["rows"].as_u64().unwrap(), "{name} {kind}");
            rows += lines.len();
            if kind == "instruments" {
                check_instruments(name, lines, &path);
            } else {
                let wanted = expected_lines(&path);
                if let Some(at) = lines.iter().zip(&wanted).position(|(found, wanted)| found != wanted) {
                    panic!("{name} {kind}: {} is not {}", lines[at], wanted[at]);
                }
            }
        }
    }
    assert!(rows > 60_000, "{rows} rows");
}
