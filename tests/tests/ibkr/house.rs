//! A gateway, a catalog in memory, and the truth to compare with.

use std::sync::Mutex;
use std::time::Duration;

use barkeep::catalog::Catalog;
use barkeep::commit::Run;
use barkeep::ibkr::{Event, Fetch, Gateway as Client, IbkrSettings, Report, fetch};
use barkeep::store::Store;
use bars::{BarColumns, BarType, DAY, Decimal, TimeRange, UnixNanos};
use catalog::{Query, Result};
use tempfile::TempDir;
use tests::gateway::{Gateway, Options, market};

/// A gateway with a fast clock, and somebody who fetches from it.
pub struct House {
    pub gateway: Gateway,
    pub store: Store,
    pub settings: IbkrSettings,
    pub notes: Mutex<Vec<String>>,
    pub(crate) _directory: TempDir,
}

/// How much faster its clock runs.
pub const SPEED: u32 = 50;

impl House {
    pub fn new() -> Self {
        Self::with(Options { speed: SPEED, ..Options::default() })
    }

    pub fn with(options: Options) -> Self {
        let gateway = Gateway::start(options);
        let directory = tempfile::tempdir().expect("a directory");
        let settings = IbkrSettings {
            gateway: gateway.address(),
            connect_timeout_secs: 1,
            request_timeout_secs: 1,
            patience_secs: 20,
            ledger: Some(directory.path().join("ledger")),
            clock_speed: options.speed,
            ..IbkrSettings::default()
        };
        Self { gateway, store: Store::scratch(), settings, notes: Mutex::default(), _directory: directory }
    }

    /// Fetches regular hours; no longer than a minute.
    pub async fn fetch(&self, series: &str, start: &str, end: &str) -> Result<Report> {
        self.fetch_as(Fetch {
            bar_type: series.parse()?,
            range: TimeRange::new(start.parse()?, end.parse()?),
            regular_hours: true,
            newest_first: false,
            refetch: false,
            dry_run: false,
        })
        .await
    }

    pub async fn fetch_as(&self, wish: Fetch) -> Result<Report> {
        let client = Client::new(self.settings.clone());
        let on_event = |event: Event| match event {
            Event::Note(text) | Event::Waiting { why: text, .. } => {
                self.notes.lock().expect("no panic").push(text);
            }
            _ => {}
        };
        let run = Run::new("test");
        let work = fetch(&self.store, &client, &self.settings, &wish, &run, &on_event);
        let done = tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs");
        client.disconnect().await;
        done
    }

    /// All bars that are stored.
    pub async fn stored(&self, series: &str) -> BarColumns<Decimal> {
        let bar_type: BarType = series.parse().expect("a series");
        match Catalog::open(self.store.clone()).await {
            Ok(catalog) => catalog.bars(&bar_type, Query::default()).await.unwrap_or_default(),
            Err(_) => BarColumns::default(),
        }
    }

    /// Whether the catalog holds the truth, each bar once, and no rule was broken.
    pub async fn check(&self, series: &str, start: &str, end: &str) {
        let (stored, truth) = (self.stored(series).await, truth(series, start, end));
        assert_eq!(stored.ts_init.len(), truth.ts_init.len(), "bars of {series}");
        assert!(stored == truth, "{series} is not the truth");
        self.check_rules();
    }

    pub fn check_rules(&self) {
        assert_eq!(self.gateway.violations(), Vec::<String>::new(), "pacing");
        assert_eq!(self.gateway.refusals(), Vec::<String>::new(), "requests that make no sense");
    }
}

/// The bars that a series holds when nothing went wrong.
pub fn truth(series: &str, start: &str, end: &str) -> BarColumns<Decimal> {
    let bar_type: BarType = series.parse().expect("a series");
    let range = TimeRange::new(start.parse().expect("a time"), end.parse().expect("a time"));
    let (_, id) = market::instrument(bar_type.instrument.symbol(), 0).expect("a symbol");
    let sessions = market::sessions(range, true);
    let bars = market::bars(id, bar_type.spec.interval().unwrap_or(DAY), &sessions);
    let inside = bars.into_iter().filter(|bar| bar.close_time > range.start && bar.close_time <= range.end);
    inside
        .map(|bar| {
            let [open, high, low, close] = bar.prices.map(|price| Decimal::from_ticks(price, 2));
            let volume = Decimal::from_ticks(bar.volume, 0);
            let (ts_event, ts_init): (UnixNanos, UnixNanos) = (bar.close_time, bar.close_time);
            bars::Bar { open, high, low, close, volume, ts_event, ts_init }
        })
        .collect()
}
