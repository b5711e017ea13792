//! Every kind of damage is found, repaired as far as it can be, and never read as bars.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod commands;
mod kinds;
mod queries;
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;
use std::sync::Arc;

use barkeep::catalog::{Catalog, newest, read_table};
use barkeep::commit::{Run, commit_bars};
use barkeep::repair::{Options, Repaired, repair};
use barkeep::store::Store;
use barkeep::verify::{Scope, Survey, verify};
use bars::{Bar, BarColumns, BarType, Calendar, Decimal, MINUTE, UnixNanos};
use bytes::Bytes;
use catalog::{
    Addition, FindingKind, Head, ObjectRef, Overlap, PartitionEntry, Query, SeriesEntry, SeriesFacts,
    SeriesManifest, SeriesTable, Severity, Sha256, Snapshot, WriteOptions, describe, encode_bars, names,
    restate,
};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

const AAPL: &str = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";
const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
/// A series whose file is so large that it is read in parts.
const LARGE: &str = "ES.CME-1-SECOND-LAST-EXTERNAL";

fn series(text: &str) -> BarType {
    text.parse().unwrap()
}

fn at(text: &str) -> UnixNanos {
    text.parse().unwrap()
}

/// Minutes that close after `start`; `shift` makes other prices.
fn minutes(start: &str, count: i64, shift: i64) -> BarColumns<Decimal> {
    let first = at(start);
    let bar = |minute: i64| {
        let ticks = 18_000 + minute * 37 % 400 + shift;
        let price = |offset: i64| Decimal::from_ticks(ticks + offset, 2);
        let ts = first.plus((minute + 1) * MINUTE);
        let volume = Decimal::from_ticks(100 + minute, 0);
        Bar {
            open: price(2),
            high: price(9),
            low: price(0),
            close: price(4),
            volume,
            ts_event: ts,
            ts_init: ts,
        }
    };
    (0..count).map(bar).collect()
}

fn addition(bar_type: &str, bars: BarColumns<Decimal>, overlap: Overlap) -> Addition {
    let bar_type = series(bar_type);
    let calendar = Calendar::of_venue(bar_type.instrument.venue());
    let facts = SeriesFacts { source: "test".into(), calendar, ..SeriesFacts::default() };
    Addition { bar_type, bars, facts, overlap }
}

/// A catalog in memory.
struct House {
    memory: Arc<InMemory>,
    store: Store,
}

impl House {
    fn empty() -> Self {
        let memory = Arc::new(InMemory::new());
        Self { store: Store::over(Arc::clone(&memory) as Arc<dyn ObjectStore>, "memory"), memory }
    }

    /// Two series, four commits, a bar replaced and a day appended.
    async fn new() -> Self {
        let house = Self::empty();
        let mut days = minutes("2024-01-08T14:30:00Z", 60, 0);
        days.extend_from(&minutes("2024-01-09T14:30:00Z", 60, 5), 0..60);
        days.extend_from(&minutes("2024-01-10T14:30:00Z", 60, 9), 0..60);
        house.add(AAPL, days, Overlap::Fail).await;
        house.add(BTC, minutes("2024-01-08T10:00:00Z", 50, 0), Overlap::Fail).await;
        house.add(AAPL, minutes("2024-01-09T14:40:00Z", 1, 77), Overlap::Replace).await;
        house.add(BTC, minutes("2024-01-09T10:00:00Z", 50, 3), Overlap::Fail).await;
        house
    }

    /// Adds a file that is read in parts, and whose bytes hardly compress.
    async fn large(&self) -> (PartitionEntry, BarColumns<Decimal>) {
        let mut bars = minutes("2024-01-08T14:30:00Z", 6000, 0);
        let noise = |row: i64| Decimal::from_ticks(row * 2_654_435_761 % 1_000_000_007, 0);
        bars.volume = (0..6000).map(noise).collect();
        for stamps in [&mut bars.ts_event, &mut bars.ts_init] {
            let first = at("2024-01-08T14:30:00Z").0;
            stamps.iter_mut().for_each(|stamp| *stamp = first + (*stamp - first) / 60);
        }
        self.add(LARGE, bars.clone(), Overlap::Fail).await;
        let file = self.files(LARGE).await.remove(0);
        assert!(file.footer.is_some());
        (file, bars)
    }

    async fn add(&self, bar_type: &str, bars: BarColumns<Decimal>, overlap: Overlap) {
        let additions = vec![addition(bar_type, bars, overlap)];
        commit_bars(&self.store, additions, &Run::new("test")).await.unwrap();
    }

    async fn copied(&self) -> Self {
        let copy = Self::empty();
        for key in self.keys("").await {
            copy.put(&key, self.get(&key).await).await;
        }
        copy
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for folder in ["data", "manifest", "staging", "retired", "quarantine"] {
            keys.extend(self.store.list(folder).await.unwrap());
        }
        keys.sort();
        keys.retain(|key| key.starts_with(prefix));
        keys
    }

    async fn get(&self, key: &str) -> Bytes {
        self.store.get(key).await.unwrap().unwrap_or_else(|| panic!("no {key}"))
    }

    async fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        self.memory.put(&Path::parse(key).unwrap(), bytes.into().into()).await.unwrap();
    }

    async fn delete(&self, key: &str) {
        assert!(self.store.delete(key).await.unwrap(), "{key}");
    }

    async fn flip(&self, key: &str) {
        let mut bytes = self.get(key).await.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        self.put(key, bytes).await;
    }

    async fn relocate(&self, from: &str, to: &str) {
        assert!(self.store.relocate(from, to).await.unwrap());
    }

    async fn newest(&self) -> Snapshot {
        newest(&self.store).await.unwrap().unwrap().0
    }

    async fn snapshot_key(&self) -> String {
        names::snapshot(self.newest().await.number)
    }

    async fn entry(&self, bar_type: &str) -> SeriesEntry {
        let table = read_table(&self.store, &self.newest().await.table).await.unwrap();
        table.into_iter().find(|entry| entry.bar_type == series(bar_type)).unwrap()
    }

    async fn files(&self, bar_type: &str) -> Vec<PartitionEntry> {
        let catalog = Catalog::open(self.store.clone()).await.unwrap();
        catalog.manifest(&series(bar_type)).await.unwrap().partitions
    }

    /// The second day of AAPL.
    async fn file(&self) -> ObjectRef {
        self.files(AAPL).await[1].object.clone()
    }

    /// Writes head and newest snapshot as if they had always been so.
    async fn forge(&self, change: impl FnOnce(&mut SeriesEntry, &mut SeriesManifest)) {
        let mut snapshot = self.newest().await;
        let mut entry = self.entry(AAPL).await;
        let open = Catalog::open(self.store.clone()).await.unwrap();
        let mut manifest = open.manifest(&entry.bar_type).await.unwrap();
        let counted = |entry: &SeriesEntry, manifest: &SeriesManifest| {
            let bytes = Bytes::from(manifest.encode().unwrap());
            let sha256 = Sha256::of(&bytes);
            let key = names::series_manifest(&entry.bar_type, &sha256, "forged");
            let object = ObjectRef { key, size_bytes: bytes.len() as u64, sha256 };
            (restate(entry, manifest, object), bytes)
        };
        let before = manifest.clone();
        change(&mut entry, &mut manifest);
        let (counted, bytes) = counted(&entry, &manifest);
        self.put(&counted.manifest.key, bytes).await;
        // Totals follow the manifest unless only they were changed.
        let entry =
            if manifest == before { SeriesEntry { manifest: counted.manifest, ..entry } } else { counted };
        let SeriesTable::Inline(entries) = &mut snapshot.table else { panic!() };
        let place = entries.iter().position(|other| other.bar_type == entry.bar_type).unwrap();
        entries[place] = entry;
        let bytes = snapshot.encode();
        self.put(&names::snapshot(snapshot.number), bytes.clone()).await;
        self.put(names::HEAD, Head::of(snapshot, &bytes).encode()).await;
    }

    /// Puts other bytes in the place of the second file of AAPL, and has the manifest describe it rightly if it can be.
    async fn forge_file(&self, bytes: Bytes) {
        let files = self.files(AAPL).await;
        let key = names::partition(&series(AAPL), files[1].first, files[1].last, &Sha256::of(&bytes));
        let object =
            ObjectRef { key: key.clone(), size_bytes: bytes.len() as u64, sha256: Sha256::of(&bytes) };
        let old = PartitionEntry { object, ..files[1].clone() };
        // The decoder may panic on bytes that no writer made.
        let found = catch_unwind(|| describe(&series(AAPL), &key, &bytes).ok()).ok().flatten();
        let entry = found.map_or(old, |found| found.entry);
        let old = &files[1].object;
        self.relocate(&old.key, &names::retired(&old.key, &old.sha256)).await;
        let key = names::partition(&series(AAPL), entry.first, entry.last, &entry.object.sha256);
        let entry = PartitionEntry { object: ObjectRef { key: key.clone(), ..entry.object }, ..entry };
        self.put(&key, bytes).await;
        self.forge(|_, manifest| manifest.partitions[1] = entry).await;
    }

    async fn forge_bars(
        &self,
        change: impl Fn(&mut BarColumns<Decimal>),
        options: WriteOptions,
        named: &str,
    ) {
        let mut bars = minutes("2024-01-09T14:30:00Z", 60, 5);
        change(&mut bars);
        self.forge_file(encode_bars(&series(named), &bars, &options).unwrap().bytes).await;
    }

    async fn survey(&self) -> Survey {
        verify(&self.store, &Scope::everything(), &Run::new("verify")).await.unwrap()
    }

    async fn repair(&self, options: Options) -> Repaired {
        repair(&self.store, &Scope::everything(), options, &Run::new("repair")).await.unwrap()
    }

    /// Every bar that is served.
    async fn bars(&self) -> BTreeMap<BarType, BarColumns<Decimal>> {
        let catalog = Catalog::open(self.store.clone()).await.unwrap();
        let mut found = BTreeMap::new();
        for entry in catalog.series() {
            let bars = catalog.bars(&entry.bar_type, Query::default()).await.unwrap();
            assert_eq!(bars.len() as u64, entry.rows, "{}", entry.bar_type);
            found.insert(entry.bar_type.clone(), bars);
        }
        found
    }
}

fn kinds(survey: &Survey, least: Severity) -> Vec<FindingKind> {
    let kinds = survey.findings.iter().map(|finding| finding.kind);
    let kinds: BTreeSet<FindingKind> = kinds.filter(|kind| kind.severity() >= least).collect();
    kinds.into_iter().collect()
}
