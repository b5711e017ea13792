//! The recorded prices and how to read them, and bars written by hand.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use backtest::{Desk, Order, Prices, Trader};
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

/// Open, high, low, close.
pub(crate) type Ohlc = (f64, f64, f64, f64);

/// Bars written by hand.
pub(crate) struct Hand {
    pub(crate) times: Vec<i64>,
    pub(crate) columns: [Vec<f64>; 4],
}

impl Hand {
    /// Daily bars from 1970-01-01 on.
    pub(crate) fn daily(bars: &[Ohlc]) -> Self {
        Self::every(bars::DAY, bars)
    }

    pub(crate) fn every(step: i64, bars: &[Ohlc]) -> Self {
        let column = |pick: fn(&Ohlc) -> f64| bars.iter().map(pick).collect();
        Self {
            times: (0..bars.len() as i64).map(|bar| bar * step).collect(),
            columns: [column(|bar| bar.0), column(|bar| bar.1), column(|bar| bar.2), column(|bar| bar.3)],
        }
    }

    pub(crate) fn prices(&self) -> Prices<'_> {
        let [open, high, low, close] = &self.columns;
        Prices { times: &self.times, open, high, low, close, volume: &[] }
    }
}

/// Places orders at the close of given bars.
pub(crate) struct Script<'s>(pub(crate) &'s [(usize, Order)]);

impl Trader for Script<'_> {
    fn decide(&mut self, desk: &mut Desk<'_, '_>) {
        let bar = desk.bar();
        self.0.iter().filter(|(at, _)| *at == bar).for_each(|(_, order)| desk.order(*order));
    }
}

/// The recorded bars with volumes, some of which are 0.
pub(crate) struct Traded {
    pub(crate) bars: Bars,
    pub(crate) volume: Vec<f64>,
}

impl Traded {
    pub(crate) fn load() -> Self {
        let bars = Bars::load();
        let volume = (0..bars.times.len()).map(|bar| (bar * 37 % 11) as f64).collect();
        Self { bars, volume }
    }

    pub(crate) fn prices(&self) -> Prices<'_> {
        Prices { volume: &self.volume, ..self.bars.prices() }
    }
}
