//! Bytes a bar, and bars a second written and decoded, on the real bars of the demo. Compare figures of one run only.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads its bars and fails by panicking"
)]

use std::io::Read;

use bars::{Bar, BarColumns, BarType, DAY, Decimal, IntervalSet, UnixNanos};
use bytes::Bytes;
use catalog::{
    Columns, EncodedPartition, PartitionEntry, Profile, Query, Scan, SeriesManifest, Step, WriteOptions,
    decode_bars, decode_bars_f64, encode_bars, plan,
};
use divan::Bencher;
use divan::counter::ItemsCount;

const PROFILES: [&str; 2] = ["nautilus", "compact"];

fn main() {
    let bars = real_bars();
    for profile in PROFILES {
        for (level, rows) in [(1, 5000), (19, 100_000)] {
            let options = WriteOptions { zstd_level: level, row_group_rows: rows, ..options(profile) };
            let one = encode_bars(&series(), &bars, &options).unwrap().bytes.len();
            let daily: usize = days(&bars)
                .iter()
                .map(|day| encode_bars(&series(), day, &options).unwrap().bytes.len())
                .sum();
            let a_bar = |bytes: usize| bytes as f64 / bars.len() as f64;
            println!(
                "{profile}, zstd {level}, {rows} rows a group: {:.2} bytes a bar in daily files, {:.2} in one file",
                a_bar(daily),
                a_bar(one)
            );
        }
    }
    divan::main();
}

fn series() -> BarType {
    "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL".parse().unwrap()
}

fn options(profile: &str) -> WriteOptions {
    let profile = if profile == "compact" { Profile::Compact } else { Profile::Nautilus };
    WriteOptions { profile, price_precision: 2, size_precision: 8, ..WriteOptions::default() }
}

fn real_bars() -> BarColumns<Decimal> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../server/demo/bitstamp_btcusd_1min_14d.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let bar = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let value = |at: usize| cells[at].trim().parse().unwrap();
        let ts = UnixNanos((cells[0].parse::<i64>().unwrap() + 60) * bars::SECOND);
        Bar {
            open: value(1),
            high: value(2),
            low: value(3),
            close: value(4),
            volume: value(5),
            ts_event: ts,
            ts_init: ts,
        }
    };
    text.lines().skip(1).map(bar).collect()
}

fn days(bars: &BarColumns<Decimal>) -> Vec<BarColumns<Decimal>> {
    let day = |row: usize| (bars.ts_init[row] - 1).div_euclid(DAY);
    let (mut out, mut start) = (Vec::new(), 0);
    for row in 1..=bars.len() {
        if row == bars.len() || day(row) != day(start) {
            let mut part = BarColumns::default();
            part.extend_from(bars, start..row);
            out.push(part);
            start = row;
        }
    }
    out
}

#[divan::bench(args = PROFILES)]
fn encode_daily_files(bencher: Bencher, profile: &str) {
    let bars = real_bars();
    let (days, options) = (days(&bars), options(profile));
    bencher.counter(ItemsCount::new(bars.len())).bench(|| {
        days.iter().map(|day| encode_bars(&series(), day, &options).unwrap().bytes.len()).sum::<usize>()
    });
}

#[divan::bench(args = PROFILES)]
fn decode_exact(bencher: Bencher, profile: &str) {
    bench_decode(bencher, profile, |batch, layout| decode_bars(batch, layout, Columns::ALL).unwrap().len());
}

#[divan::bench(args = PROFILES)]
fn decode_f64(bencher: Bencher, profile: &str) {
    bench_decode(bencher, profile, |batch, layout| {
        decode_bars_f64(batch, layout, Columns::ALL).unwrap().len()
    });
}

/// A scan of all daily files, checksums included.
fn bench_decode(
    bencher: Bencher,
    profile: &str,
    decode: impl Fn(&arrow_array::RecordBatch, &catalog::Layout) -> usize + Sync,
) {
    let bars = real_bars();
    let files: Vec<(PartitionEntry, Bytes)> = days(&bars)
        .iter()
        .enumerate()
        .map(|(at, day)| entry(at, encode_bars(&series(), day, &options(profile)).unwrap()))
        .collect();
    let manifest = SeriesManifest {
        bar_type: series(),
        partitions: files.iter().map(|(entry, _)| entry.clone()).collect(),
        confirmed_empty: IntervalSet::default(),
    };
    bencher.counter(ItemsCount::new(bars.len())).bench(|| {
        let mut scan = Scan::new(plan(&manifest, Query::default()).unwrap(), 64 << 20);
        let (mut rows, mut pending) = (0, Vec::new());
        loop {
            match scan.next().unwrap() {
                Step::Fetch(fetches) => pending.extend(fetches),
                Step::Wait => {
                    let fetch = pending.pop().unwrap();
                    let at: usize = fetch.key.parse().unwrap();
                    scan.supply(
                        &fetch,
                        files[at].1.slice(fetch.range.start as usize..fetch.range.end as usize),
                    )
                    .unwrap();
                }
                Step::Rows(batch, layout) => rows += decode(&batch, &layout),
                Step::Done => return rows,
            }
        }
    });
}

fn entry(at: usize, encoded: EncodedPartition) -> (PartitionEntry, Bytes) {
    (PartitionEntry::of(at.to_string(), &encoded, IntervalSet::default()), encoded.bytes)
}
