//! The demo catalog: real bars, and a synthetic equity that has something to show in coverage and gaps.

use std::io::Write;
use std::path::PathBuf;

use bars::{Bar, BarColumns, BarType, Calendar, Decimal, MINUTE, TimeRange, UnixNanos};
use catalog::{Addition, Error, ErrorKind, Overlap, Result, SeriesFacts, WriteOptions};
use jiff::tz::TimeZone;

use crate::bar_files::{ImportOptions, Naming, Stamp, survey};
use crate::commit::{Run, commit_bars};
use crate::store::Store;

/// Real bars; see `server/demo/README.md`.
const BITSTAMP: &[u8] = include_bytes!("../demo/bitstamp_btcusd_1min_14d.csv.gz");

/// Writes both series in one commit. What is stored already is left as it is.
///
/// # Errors
/// If the place cannot be written, or holds other bars under these names.
pub async fn write(store: &Store) -> Result<()> {
    commit_bars(store, vec![bitcoin()?, acme()?], &Run::new("demo")).await.map(|_| ())
}

fn bitcoin_options(file: &std::path::Path) -> Result<ImportOptions> {
    let series: BarType = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL".parse()?;
    let mut options =
        ImportOptions::new(vec![file.display().to_string()], Naming::One(series.instrument), series.spec);
    options.stamp = Some(Stamp::Open);
    options.zone = Some((TimeZone::UTC, "UTC".to_owned()));
    options.calendar = Some(Calendar::Always);
    options.source = Some("Bitstamp, one-minute bars (CSV stamped at the open, UTC)".into());
    options.note =
        "CC BY 4.0: Bitstamp BTC/USD minute data, github.com/ff137/bitstamp-btcusd-minute-data".into();
    Ok(options)
}

fn bitcoin() -> Result<Addition> {
    let file = scratch_file()?;
    let options = bitcoin_options(&file)?;
    let found = survey(&options, &Run::new("demo"));
    // A left-over file in the temporary directory harms nothing.
    let _ = std::fs::remove_file(&file);
    let mut additions = found?.into_additions(&options)?;
    additions.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "the demo's bars are gone"))
}

/// The built-in file, where the CSV reader can read it.
fn scratch_file() -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("barkeep-demo-{}.csv.gz", uuid::Uuid::new_v4()));
    let written = std::fs::File::create_new(&path).and_then(|mut file| file.write_all(BITSTAMP));
    written.map_err(|error| {
        Error::new(ErrorKind::SourceUnavailable, format!("could not write `{}`", path.display()))
            .because(error)
    })?;
    Ok(path)
}

/// ACME: four weeks of a random walk in regular US hours from 2026-08-24. Labor Day (7 September) is a holiday; the afternoon of
/// 2 September from 13:00 to 14:30 in New York and all of 15 September are missing on purpose.
fn acme() -> Result<Addition> {
    let bar_type: BarType = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL".parse()?;
    let time = |text: &str| text.parse::<UnixNanos>();
    let span = TimeRange::new(time("2026-08-24")?, time("2026-09-19")?);
    let holes = [
        TimeRange::new(time("2026-09-02T17:00:00Z")?, time("2026-09-02T18:30:00Z")?),
        TimeRange::new(time("2026-09-15")?, time("2026-09-16")?),
    ];
    let mut random = Random(2026);
    let mut close = 18_464;
    let mut bars = BarColumns::with_capacity(8000);
    for session in Calendar::UsEquities.sessions(span).ranges() {
        close += random.below(121) - 60;
        let mut open_time = session.start;
        while open_time < session.end {
            let bar = next_bar(&mut random, &mut close, open_time.plus(MINUTE));
            if !holes.iter().any(|hole| hole.contains(open_time)) {
                bars.push(&bar);
            }
            open_time = open_time.plus(MINUTE);
        }
    }
    let facts = SeriesFacts {
        source: "synthetic: a seeded random walk made by `barkeep demo`".into(),
        note: "SYNTHETIC: not a real instrument; a hole on 2026-09-02 and a missing day on 2026-09-15 are there on purpose".into(),
        calendar: Some(Calendar::UsEquities),
        options: WriteOptions { price_precision: 2, size_precision: 0, ..WriteOptions::default() },
    };
    Ok(Addition { bar_type, bars, facts, overlap: Overlap::Fail })
}

fn next_bar(random: &mut Random, close_cents: &mut i64, close_time: UnixNanos) -> Bar {
    let cents = |ticks: i64| Decimal::from_ticks(ticks, 2);
    let open = *close_cents + random.below(5) - 2;
    let close = (open + random.below(31) - 15).max(100);
    let (high, low) = (open.max(close) + random.below(9), (open.min(close) - random.below(9)).max(1));
    *close_cents = close;
    let volume = Decimal::from_ticks(500 + random.below(9_500), 0);
    Bar {
        open: cents(open),
        high: cents(high),
        low: cents(low),
        close: cents(close),
        volume,
        ts_event: close_time,
        ts_init: close_time,
    }
}

/// splitmix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((value ^ (value >> 31)) % limit) as i64
    }
}
