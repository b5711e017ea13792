//! Random bars written as each source writes them, and read back equal.

use bars::{Bar, Decimal, MINUTE, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::bar_files::PRESETS;

/// A source's file of bars: its name, and its text.
type Write = fn(&[Bar]) -> Vec<(String, String)>;

/// How a source is written, and what its reader is told.
struct Case {
    preset: &'static str,
    write: Write,
    /// Whether it is recognised without being named.
    recognised: bool,
    price_type: &'static str,
    zone: Option<&'static str>,
    has_volume: bool,
}

const CASES: &[Case] = &[
    Case {
        preset: "binance",
        write: |bars| binance(bars, 1_000_000),
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "binance",
        write: |bars| binance(bars, 1_000),
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "kraken",
        write: kraken,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "alpaca",
        write: alpaca,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "databento",
        write: databento_fixed,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: false,
    },
    Case {
        preset: "databento",
        write: databento_pretty,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: false,
    },
    Case {
        preset: "yahoo",
        write: yahoo,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "stooq",
        write: stooq,
        recognised: true,
        price_type: "LAST",
        zone: Some("Europe/Warsaw"),
        has_volume: true,
    },
    Case {
        preset: "metatrader",
        write: metatrader5,
        recognised: true,
        price_type: "BID",
        zone: Some("Europe/Athens"),
        has_volume: true,
    },
    Case {
        preset: "metatrader",
        write: metatrader4,
        recognised: true,
        price_type: "BID",
        zone: Some("Europe/Athens"),
        has_volume: true,
    },
    Case {
        preset: "histdata",
        write: histdata_ascii,
        recognised: true,
        price_type: "BID",
        zone: None,
        has_volume: false,
    },
    Case {
        preset: "histdata",
        write: histdata_metatrader,
        recognised: true,
        price_type: "BID",
        zone: None,
        has_volume: false,
    },
    Case {
        preset: "ninjatrader",
        write: ninjatrader,
        recognised: false,
        price_type: "LAST",
        zone: Some("America/Chicago"),
        has_volume: true,
    },
    Case {
        preset: "ibkr",
        write: ibkr,
        recognised: true,
        price_type: "LAST",
        zone: Some("America/New_York"),
        has_volume: true,
    },
    Case {
        preset: "ibkr",
        write: ibkr_midpoint,
        recognised: true,
        price_type: "MID",
        zone: None,
        has_volume: false,
    },
    Case {
        preset: "tradingview",
        write: tradingview,
        recognised: true,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "lean-equity",
        write: lean_equity,
        recognised: false,
        price_type: "LAST",
        zone: None,
        has_volume: true,
    },
    Case {
        preset: "lean",
        write: lean_crypto,
        recognised: false,
        price_type: "LAST",
        zone: Some("UTC"),
        has_volume: true,
    },
];

fn open_time(bar: &Bar) -> i64 {
    bar.ts_init.0 - MINUTE
}

fn local(nanos: i64, zone: &str, format: &str) -> String {
    let zone =
        if zone == "EST" { TimeZone::fixed(Offset::constant(-5)) } else { TimeZone::get(zone).unwrap() };
    Timestamp::from_nanosecond(i128::from(nanos))
        .unwrap()
        .to_zoned_datetime(zone)
        .strftime(format)
        .to_string()
}

fn one(name: &str, header: &str, bars: &[Bar], row: impl Fn(&Bar) -> String) -> Vec<(String, String)> {
    let rows: Vec<String> = bars.iter().map(row).collect();
    vec![(name.to_owned(), format!("{header}{}\n", rows.join("\n")))]
}

fn ohlc(bar: &Bar, separator: &str) -> String {
    [bar.open, bar.high, bar.low, bar.close].map(|price| price.to_string()).join(separator)
}

fn binance(bars: &[Bar], unit: i64) -> Vec<(String, String)> {
    one("BTCUSDT-1m-2024-01.csv", "", bars, |bar| {
        let (open, close) = (open_time(bar) / unit, bar.ts_init.0 / unit - 1);
        format!("{open},{},{},{close},100.5,7,1.0,2.0,0", ohlc(bar, ","), bar.volume)
    })
}

fn kraken(bars: &[Bar]) -> Vec<(String, String)> {
    one("XBTUSD_1.csv", "", bars, |bar| {
        format!("{},{},{},12", open_time(bar) / 1_000_000_000, ohlc(bar, ","), bar.volume)
    })
}

fn alpaca(bars: &[Bar]) -> Vec<(String, String)> {
    one("AAPL.csv", "t,o,h,l,c,v,n,vw\n", bars, |bar| {
        format!("{},{},{},31,1.5", UnixNanos(open_time(bar)), ohlc(bar, ","), bar.volume)
    })
}

fn databento_fixed(bars: &[Bar]) -> Vec<(String, String)> {
    one(
        "ohlcv-1m.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n",
        bars,
        |bar| {
            let prices =
                [bar.open, bar.high, bar.low, bar.close].map(|price| price.to_ticks(9).unwrap().to_string());
            format!("{},33,1,5482,{},0", open_time(bar), prices.join(","))
        },
    )
}

fn databento_pretty(bars: &[Bar]) -> Vec<(String, String)> {
    one(
        "ohlcv-1m.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n",
        bars,
        |bar| {
            let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price.display(9).to_string());
            let time = local(open_time(bar), "UTC", "%Y-%m-%dT%H:%M:%S.000000000Z");
            format!("{time},33,1,5482,{},0,ESH4", prices.join(","))
        },
    )
}

fn yahoo(bars: &[Bar]) -> Vec<(String, String)> {
    one("AAPL.csv", "Datetime,Open,High,Low,Close,Adj Close,Volume\n", bars, |bar| {
        let time = local(open_time(bar), "America/New_York", "%Y-%m-%d %H:%M:%S%:z");
        format!("{time},{},0.123,{}", ohlc(bar, ","), bar.volume)
    })
}

fn stooq(bars: &[Bar]) -> Vec<(String, String)> {
    let header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n";
    one("aapl.us.txt", header, bars, |bar| {
        format!(
            "AAPL.US,1,{},{},{},0",
            local(open_time(bar), "Europe/Warsaw", "%Y%m%d,%H%M%S"),
            ohlc(bar, ","),
            bar.volume
        )
    })
}

fn metatrader5(bars: &[Bar]) -> Vec<(String, String)> {
    let header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n";
    one("EURUSD_M1.csv", header, bars, |bar| {
        format!(
            "{}\t{}\t{}\t0\t3",
            local(open_time(bar), "Europe/Athens", "%Y.%m.%d\t%H:%M:%S"),
            ohlc(bar, "\t"),
            bar.volume
        )
    })
}

fn metatrader4(bars: &[Bar]) -> Vec<(String, String)> {
    one("EURUSD1.csv", "", bars, |bar| {
        format!(
            "{},{},{}",
            local(open_time(bar), "Europe/Athens", "%Y.%m.%d,%H:%M"),
            ohlc(bar, ","),
            bar.volume
        )
    })
}

fn histdata_ascii(bars: &[Bar]) -> Vec<(String, String)> {
    one("DAT_ASCII_EURUSD_M1_2024.csv", "", bars, |bar| {
        format!("{};{};0", local(open_time(bar), "EST", "%Y%m%d %H%M%S"), ohlc(bar, ";"))
    })
}

fn histdata_metatrader(bars: &[Bar]) -> Vec<(String, String)> {
    one("DAT_MT_EURUSD_M1_2024.csv", "", bars, |bar| {
        format!("{},{},0", local(open_time(bar), "EST", "%Y.%m.%d,%H:%M"), ohlc(bar, ","))
    })
}

fn ninjatrader(bars: &[Bar]) -> Vec<(String, String)> {
    one("ES 03-24.Last.txt", "", bars, |bar| {
        format!(
            "{};{};{}",
            local(bar.ts_init.0, "America/Chicago", "%Y%m%d %H%M%S"),
            ohlc(bar, ";"),
            bar.volume
        )
    })
}

fn ibkr(bars: &[Bar]) -> Vec<(String, String)> {
    one("aapl.csv", ",date,open,high,low,close,volume,average,barCount\n", bars, |bar| {
        format!(
            "0,{},{},{},1.5,9",
            local(open_time(bar), "America/New_York", "%Y%m%d  %H:%M:%S"),
            ohlc(bar, ","),
            bar.volume
        )
    })
}

fn ibkr_midpoint(bars: &[Bar]) -> Vec<(String, String)> {
    one("eur.csv", "date,open,high,low,close,volume,wap,count\n", bars, |bar| {
        format!(
            "{},{},-1,-1,-1",
            local(open_time(bar), "America/New_York", "%Y%m%d %H:%M:%S US/Eastern"),
            ohlc(bar, ",")
        )
    })
}

fn tradingview(bars: &[Bar]) -> Vec<(String, String)> {
    one("BITSTAMP_BTCUSD, 1.csv", "time,open,high,low,close,Volume,MA 20,Plot\n", bars, |bar| {
        format!("{},{},{},,NaN", open_time(bar) / 1_000_000_000, ohlc(bar, ","), bar.volume)
    })
}

/// One file a date, as Lean keeps minutes.
fn lean(bars: &[Bar], zone: &str, price: impl Fn(Decimal) -> String) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for bar in bars {
        let name = format!("{}_spy_minute_trade.csv", local(open_time(bar), zone, "%Y%m%d"));
        let clock: i64 = local(open_time(bar), zone, "%H").parse::<i64>().unwrap() * 60
            + local(open_time(bar), zone, "%M").parse::<i64>().unwrap();
        let prices = [bar.open, bar.high, bar.low, bar.close].map(&price).join(",");
        let row = format!("{},{prices},{}\n", clock * 60_000, bar.volume);
        match files.last_mut() {
            Some((last, text)) if *last == name => text.push_str(&row),
            _ => files.push((name, row)),
        }
    }
    files
}

fn lean_equity(bars: &[Bar]) -> Vec<(String, String)> {
    lean(bars, "America/New_York", |price| price.to_ticks(4).unwrap().to_string())
}

fn lean_crypto(bars: &[Bar]) -> Vec<(String, String)> {
    lean(bars, "UTC", |price| price.to_string())
}

/// Ascending minutes between two turns of the clocks, with gaps, prices of at most 4 decimals and volumes of at most 8.
fn random_bars() -> impl Strategy<Value = Vec<Bar>> {
    let start = 1_704_724_200i64 * 1_000_000_000;
    let row = (1i64..300, 1i64..90_000_000, 0i64..5_000, 0i64..5_000, 0i64..5_000, 0i64..5_000_000_000_000);
    (0u8..=4, 0u8..=8, prop::collection::vec(row, 3..60)).prop_map(
        move |(precision, size_precision, rows)| {
            let mut close_time = start;
            let bar = |(minutes, low, a, b, c, volume): (i64, i64, i64, i64, i64, i64)| {
                close_time += minutes * MINUTE;
                let price = |ticks| Decimal::from_ticks(ticks, precision);
                let (open, close, top) = (a.min(a + b + c), b, a.max(b) + c);
                let volume = Decimal::from_ticks(volume, size_precision);
                let stamp = UnixNanos(close_time);
                Bar {
                    open: price(low + open),
                    high: price(low + top),
                    low: price(low),
                    close: price(low + close),
                    volume,
                    ts_event: stamp,
                    ts_init: stamp,
                }
            };
            rows.into_iter().map(bar).collect()
        },
    )
}

fn check(case: &Case, expected: &[Bar], named: bool) {
    let mut files = Files::new();
    for (name, text) in (case.write)(expected) {
        files = files.with(&name, text);
    }
    // In any order.
    files.names.reverse();
    let mut options = silent(files.options(&format!("1-MINUTE-{}", case.price_type)));
    options.zone = case.zone.and_then(zone);
    if named {
        options.layout.preset = preset(case.preset);
    }
    let found = look(&options).unwrap_or_else(|error| panic!("{}: {error}", case.preset));
    assert!(found.notes.iter().any(|note| note.contains(case.preset)), "{}: {:?}", case.preset, found.notes);
    let without_volume = |bar: &Bar| Bar { volume: Decimal::ZERO, ..*bar };
    let expected: Vec<Bar> =
        expected.iter().map(|bar| if case.has_volume { *bar } else { without_volume(bar) }).collect();
    assert_eq!(list(&bars(&options)), expected, "{}", case.preset);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_source_is_read_back(bars in random_bars()) {
        for case in CASES {
            check(case, &bars, true);
            if case.recognised {
                check(case, &bars, false);
            }
        }
    }
}

#[test]
fn every_preset_has_a_case_and_a_line_in_the_docs() {
    for preset in PRESETS {
        assert!(CASES.iter().any(|case| case.preset == preset.name), "{}", preset.name);
        let documented =
            include_str!("../../../../docs/import.md").contains(&format!("| `{}` |", preset.name));
        assert!(documented, "docs/import.md lacks {}", preset.name);
    }
}

#[test]
fn what_a_source_leaves_open_is_asked_for() {
    let bar = |second: i64| {
        let price = Decimal::from_ticks(10, 1);
        let stamp = UnixNanos(second * 1_000_000_000);
        Bar {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: price,
            ts_event: stamp,
            ts_init: stamp,
        }
    };
    let two = [bar(1_704_724_260), bar(1_704_724_320)];
    for (write, given, expected) in [
        (metatrader5 as Write, "1-MINUTE-BID", "in which zone"),
        (stooq, "1-MINUTE", "in which zone"),
        (ibkr, "1-MINUTE", "in which zone"),
        (ninjatrader, "1-MINUTE", "may be a HistData or a NinjaTrader file"),
        (lean_crypto, "1-MINUTE", "may be a Lean file"),
    ] {
        let (name, text) = write(&two).remove(0);
        let error = look(&silent(Files::one(&name, text).options(given))).unwrap_err();
        assert!(error.what.contains(expected) && error.next.len() >= 2, "{error}");
    }
    let (name, text) = metatrader5(&two).remove(0);
    let files = Files::one(&name, text);
    let mut options = files.options("1-MINUTE");
    options.price_type_given = false;
    assert!(look(&options).unwrap_err().what.contains("say which prices"));
}
