//! The files people have: how each source names its columns and stamps its bars, and by what its files are recognised.
//!
//! What a source leaves open (a broker's zone, say) is asked for, not guessed.

use bars::PriceType;
use catalog::{Error, ErrorKind, Result};

use super::options::{Field, Stamp};
use super::sample::Sample;
use super::times::{TimeFormat, is_date, is_time_of_day};

/// The zone of a source's times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PresetZone {
    /// Times name their instant: Unix times, or local times with an offset.
    InText,
    /// A fixed offset from UTC, in hours.
    Fixed(i8, &'static str),
    /// A zone of the IANA database.
    Iana(&'static str),
    /// It differs from file to file: the user must say.
    Ask,
}

/// A known source of files.
#[derive(Debug)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// Which files these are.
    pub about: &'static str,
    /// By what they are recognised.
    pub recognised_by: &'static str,
    /// Columns whose names are not the usual ones, or that must not be taken for another.
    pub columns: &'static [(Field, &'static str)],
    /// What stamps name; `None` if it differs from file to file.
    pub stamp: Option<Stamp>,
    /// The zone of times.
    pub zone: PresetZone,
    /// How times are written.
    pub time_format: TimeFormat,
    /// The price type, where it is not the last trade's.
    pub price_type: Option<PriceType>,
    /// Prices are integers of 10^-n.
    pub price_shift: u8,
    /// A volume of -1 says that there is none.
    pub minus_one_volume: bool,
    /// What else to know.
    pub remark: &'static str,
    recognise: fn(&Sample) -> bool,
}

const UNSTATED: Preset = Preset {
    name: "",
    about: "",
    recognised_by: "",
    columns: &[],
    stamp: Some(Stamp::Open),
    zone: PresetZone::InText,
    time_format: TimeFormat::Auto,
    price_type: None,
    price_shift: 0,
    minus_one_volume: false,
    remark: "",
    recognise: |_| false,
};

/// Every preset, in the order in which a file is compared with them.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "databento",
        about: "Databento OHLCV schemas as CSV",
        recognised_by: "columns ts_event and rtype",
        columns: &[(Field::Time, "ts_event"), (Field::Symbol, "symbol")],
        remark: "integer prices are 1e-9 units, prices with a point are taken as they are; one series a symbol",
        recognise: |sample| sample.has(&["ts_event", "rtype", "open", "close"]),
        ..UNSTATED
    },
    Preset {
        name: "alpaca",
        about: "Alpaca market data bars",
        recognised_by: "columns t,o,h,l,c,v with n and vw, or timestamp with trade_count and vwap",
        remark: "times are RFC 3339",
        recognise: |sample| {
            sample.has(&["t", "o", "h", "l", "c", "v", "vw"])
                || sample.has(&["timestamp", "open", "trade_count", "vwap"])
        },
        ..UNSTATED
    },
    Preset {
        name: "binance",
        about: "Binance klines (data.binance.vision and the API)",
        recognised_by: "12 columns without a header and two Unix times, or the columns open_time and close_time",
        columns: &[(Field::Time, "open_time")],
        remark: "Unix ms, of spot from 2025 µs: the unit follows from the digits; close_time, the last instant of a bar, is not used",
        recognise: |sample| {
            sample.has(&["open_time", "open", "close", "close_time"])
                || sample.first_row().is_some_and(|row| {
                    row.len() == 12 && is_unix(&row[0], 13..=16) && is_unix(&row[6], 13..=16)
                })
        },
        ..UNSTATED
    },
    Preset {
        name: "kraken",
        about: "Kraken OHLCVT archives",
        recognised_by: "7 columns without a header: a Unix time in seconds, prices, volume, trades",
        remark: "Kraken writes no bar for a time without trades",
        recognise: |sample| {
            sample
                .first_row()
                .is_some_and(|row| row.len() == 7 && is_unix(&row[0], 9..=10) && is_digits(&row[6]))
        },
        ..UNSTATED
    },
    Preset {
        name: "yahoo",
        about: "Yahoo Finance",
        recognised_by: "the columns Close and Adj Close",
        columns: &[(Field::Close, "close")],
        remark: "Close is stored, adjusted for splits by Yahoo; Adj Close, adjusted for dividends too, is not",
        recognise: |sample| sample.has(&["close", "adj close"]),
        ..UNSTATED
    },
    Preset {
        name: "stooq",
        about: "Stooq bulk files",
        recognised_by: "the columns <TICKER>, <PER>, <DATE> and <TIME>",
        columns: &[
            (Field::Symbol, "ticker"),
            (Field::Date, "date"),
            (Field::Time, "time"),
            (Field::Volume, "vol"),
        ],
        stamp: None,
        zone: PresetZone::Ask,
        remark: "one series a ticker; Stooq does not write down zone and stamp of intraday bars",
        recognise: |sample| sample.has(&["ticker", "per", "date", "time"]),
        ..UNSTATED
    },
    Preset {
        name: "metatrader",
        about: "MetaTrader 4 and 5 exports",
        recognised_by: "<DATE> <TIME> … <TICKVOL>, or 7 columns without a header that begin 2024.01.08,14:30",
        columns: &[(Field::Date, "date"), (Field::Time, "time"), (Field::Volume, "tickvol")],
        zone: PresetZone::Ask,
        price_type: Some(PriceType::Bid),
        remark: "times are the broker's, often Europe/Athens (or Etc/GMT-2); the volume is the tick volume, `--columns volume=<VOL>` takes the real one",
        recognise: |sample| {
            sample.has(&["date", "open", "tickvol"])
                || sample.first_row().is_some_and(|row| {
                    row.len() == 7
                        && row[0].len() == 10
                        && row[0].matches('.').count() == 2
                        && is_time_of_day(row[1].as_bytes())
                }) && !sample.is_histdata()
        },
        ..UNSTATED
    },
    Preset {
        name: "histdata",
        about: "HistData.com one-minute bars",
        recognised_by: "the file's name: DAT_ASCII_…, DAT_MT_…, DAT_NT_…, DAT_XLSX_…",
        zone: PresetZone::Fixed(-5, "EST without daylight saving"),
        price_type: Some(PriceType::Bid),
        remark: "volumes are 0",
        recognise: |sample| sample.is_histdata(),
        ..UNSTATED
    },
    Preset {
        name: "ninjatrader",
        about: "NinjaTrader exports",
        recognised_by: "not by itself: HistData's files look the same (yyyyMMdd HHmmss;O;H;L;C;V)",
        stamp: Some(Stamp::Close),
        zone: PresetZone::Ask,
        remark: "minutes are stamped at their close",
        ..UNSTATED
    },
    Preset {
        name: "ibkr",
        about: "Interactive Brokers: historical data of TWS and its API, saved as CSV",
        recognised_by: "columns open to close with barCount or count, and average or wap",
        zone: PresetZone::Ask,
        minus_one_volume: true,
        remark: "of midpoint, bid and ask bars the volume is -1 and 0 is stored; say --bar …-MIDPOINT as MID, …-BID or …-ASK",
        recognise: |sample| {
            sample.has(&["open", "high", "low", "close"])
                && sample.has_any(&["barcount", "count", "bar_count"])
                && sample.has_any(&["average", "wap"])
        },
        ..UNSTATED
    },
    Preset {
        name: "tradingview",
        about: "TradingView chart exports",
        recognised_by: "a header that begins time,open,high,low,close in lower case",
        zone: PresetZone::InText,
        remark: "further columns are indicators and left out; without a Volume column say --no-volume",
        recognise: |sample| {
            sample.raw_header.as_ref().is_some_and(|header| {
                let plain = header.len() == 6 && header[5] == "volume";
                header.len() >= 5 && header[..5] == ["time", "open", "high", "low", "close"] && !plain
            })
        },
        ..UNSTATED
    },
    Preset {
        name: "lean-equity",
        about: "QuantConnect Lean, US equities",
        recognised_by: "not by itself: other assets of Lean look the same, but their prices are not multiplied",
        zone: PresetZone::Iana("America/New_York"),
        time_format: TimeFormat::MillisOfDay,
        price_shift: 4,
        remark: "prices are 1/10000; of minutes and seconds the date stands in the file's name and the time is ms since midnight",
        ..UNSTATED
    },
    Preset {
        name: "lean",
        about: "QuantConnect Lean, crypto, forex and futures trades",
        recognised_by: "not by itself: equities of Lean look the same, but their prices are multiplied",
        zone: PresetZone::Ask,
        time_format: TimeFormat::MillisOfDay,
        remark: "as lean-equity, with prices as they are; crypto is in UTC",
        ..UNSTATED
    },
];

impl Preset {
    /// The preset of a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with the names there are.
    pub fn named(name: &str) -> Result<&'static Self> {
        PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            Error::new(ErrorKind::InvalidInput, format!("there is no preset `{name}`"))
                .because(format!("the presets are {}, and none", names.join(", ")))
                .then("see what they stand for: `barkeep import csv --list-presets`")
        })
    }

    /// The preset that a file looks like. What looks like several is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the file could be of several sources that stamp bars differently.
    pub fn detect(sample: &Sample) -> Result<Option<&'static Self>> {
        if let Some(found) = PRESETS.iter().find(|preset| (preset.recognise)(sample)) {
            return Ok(Some(found));
        }
        let Some(row) = sample.first_row().filter(|row| row.len() == 6) else { return Ok(None) };
        let ask = |what: &str, choices: &[&str]| {
            let error =
                Error::new(ErrorKind::InvalidInput, format!("`{}` may be {what}", sample.name)).because(
                    format!("its first row is `{}`", row.join(&char::from(sample.delimiter).to_string())),
                );
            Err(choices.iter().fold(error, |error, choice| error.then(*choice)))
        };
        let is_compact =
            |text: &str| text.len() == 15 && text.as_bytes()[8] == b' ' && is_date(&text.as_bytes()[..8]);
        if sample.delimiter == b';' && is_compact(&row[0]) {
            return ask(
                "a HistData or a NinjaTrader file, which stamp bars differently",
                &[
                    "`--preset histdata`: stamped at the open, in EST without daylight saving, bid prices",
                    "`--preset ninjatrader --tz ZONE`: stamped at the close, in the zone it was exported in",
                    "`--preset none` with `--stamp` and `--tz`: anything else",
                ],
            );
        }
        if sample.file_date.is_some() && is_unix(&row[0], 1..=8) {
            return ask(
                "a Lean file, whose prices are multiplied or not",
                &[
                    "`--preset lean-equity`: US equities, prices are 1/10000",
                    "`--preset lean --tz ZONE`: crypto, forex and futures, prices as they are",
                ],
            );
        }
        Ok(None)
    }

    /// What was taken from it, for the user.
    pub fn summary(&self) -> String {
        let stamp = match self.stamp {
            Some(Stamp::Open) => "stamped at the open",
            Some(Stamp::Close) => "stamped at the close",
            None => "stamp not known",
        };
        let zone = match self.zone {
            PresetZone::InText => String::new(),
            PresetZone::Fixed(_, name) => format!(", {name}"),
            PresetZone::Iana(name) => format!(", {name}"),
            PresetZone::Ask => ", zone to be given".to_owned(),
        };
        let price = self.price_type.map_or(String::new(), |price| format!(", {price} prices"));
        format!("{stamp}{zone}{price}; {}", self.remark)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_unix(text: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&text.len()) && is_digits(text)
}
