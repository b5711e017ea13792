//! The recorded prices and how to read them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use backtest::Prices;
use bars::UnixNanos;

pub(crate) type Row = BTreeMap<String, String>;

pub(crate) struct Bars {
    pub(crate) times: Vec<i64>,
    pub(crate) columns: [Vec<f64>; 4],
}

impl Bars {
    pub(crate) fn load() -> Self {
        let rows = rows(std::fs::File::open(fixtures().join("SYN_1D.csv")).unwrap());
        let times = rows.iter().map(|row| row["Time"].parse::<UnixNanos>().unwrap().0).collect();
        let column = |name: &str| rows.iter().map(|row| row[name].parse().unwrap()).collect();
        Self { times, columns: ["Open", "High", "Low", "Close"].map(column) }
    }

    pub(crate) fn cut(&self, bars: usize) -> Self {
        let columns = self.columns.each_ref().map(|column| column[..bars].to_vec());
        Self { times: self.times[..bars].to_vec(), columns }
    }

    pub(crate) fn prices(&self) -> Prices<'_> {
        let [open, high, low, close] = &self.columns;
        Prices { times: &self.times, open, high, low, close, volume: &[] }
    }
}

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/backtest/next_open")
}

pub(crate) fn rows(source: impl Read) -> Vec<Row> {
    csv::Reader::from_reader(source).deserialize().map(Result::unwrap).collect()
}
