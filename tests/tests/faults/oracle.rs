//! What must hold of a catalog, whatever happened to its writers.

use std::collections::BTreeMap;
use std::sync::Arc;

use barkeep::catalog::{Catalog, read_manifest, read_rows, read_snapshot, read_table};
use barkeep::commit::Run;
use barkeep::store::Store;
use barkeep::vacuum::vacuum;
use bars::{BarColumns, Decimal};
use catalog::{ErrorKind, Snapshot, names};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::workflows::NOTHING_KEPT;

/// Every series and its bars.
pub type Content = BTreeMap<String, BarColumns<Decimal>>;

pub fn plain(store: &Arc<InMemory>) -> Store {
    Store::over(Arc::clone(store) as Arc<dyn ObjectStore>, "memory")
}

/// What the newest snapshot holds; opening finishes what a stopped writer began.
pub async fn content(store: &Store) -> Content {
    match Catalog::open(store.clone()).await {
        Ok(catalog) => of_snapshot(store, catalog.snapshot()).await,
        Err(error) if error.kind == ErrorKind::NotFound => Content::new(),
        Err(error) => panic!("{error}"),
    }
}

async fn of_snapshot(store: &Store, snapshot: &Snapshot) -> Content {
    let mut content = Content::new();
    for entry in read_table(store, &snapshot.table).await.unwrap() {
        let manifest = read_manifest(store, &entry).await.unwrap();
        let bars = read_rows(store, snapshot, &entry.bar_type, &manifest.partitions)
            .await
            .unwrap_or_else(|error| panic!("snapshot {}: {error}", snapshot.number));
        assert_eq!(bars.len() as u64, entry.rows, "rows of the series table");
        assert!(bars.ts_init.windows(2).all(|pair| pair[0] < pair[1]), "each bar once, in order");
        content.insert(entry.bar_type.to_string(), bars);
    }
    content
}

/// With no commit under way: `data/` is what the newest snapshot names, every kept snapshot reads whole, and after a vacuum nothing is
/// left over.
pub async fn check_whole(store: &Store, told: &str) {
    let catalog = match Catalog::open(store.clone()).await {
        Ok(catalog) => catalog,
        Err(error) if error.kind == ErrorKind::NotFound => return,
        Err(error) => panic!("{error}: {told}"),
    };
    check_listing(&catalog, told).await;
    let newest = catalog.snapshot();
    for number in newest.oldest..=newest.number {
        let snapshot = read_snapshot(store, number, newest).await.unwrap();
        // What was found damaged is gone from older snapshots too.
        if store.list("quarantine").await.unwrap().is_empty() || number == newest.number {
            of_snapshot(store, &snapshot).await;
        }
    }
}

/// Files that no snapshot names and whose name tells no content are other programs'.
async fn check_listing(catalog: &Catalog, told: &str) {
    let mut named = Vec::new();
    for entry in catalog.series() {
        let manifest = catalog.manifest(&entry.bar_type).await.unwrap();
        named.extend(manifest.partitions.into_iter().map(|file| file.object.key));
    }
    let mut listed = catalog.store().list("data").await.unwrap();
    named.sort();
    listed.sort();
    listed.retain(|key| named.contains(key) || names::content_of(names::file_name(key)).is_some());
    assert_eq!(listed, named, "what programs see that list directories: {told}");
}

/// Keeps only the newest snapshot, without any grace, and checks that nothing else is left.
pub async fn check_vacuumed(store: &Store) {
    let before = content(store).await;
    if before.is_empty() {
        return;
    }
    vacuum(store, NOTHING_KEPT, &Run::new("vacuum")).await.unwrap();
    assert_eq!(content(store).await, before);
    assert_eq!(store.list("staging").await.unwrap(), Vec::<String>::new(), "left over in staging");
    // A copy of a file that came back stays: a commit under way may be about to need its place.
    let catalog = Catalog::open(store.clone()).await.unwrap();
    let mut named = Vec::new();
    for entry in catalog.series() {
        let files = catalog.manifest(&entry.bar_type).await.unwrap().partitions;
        named.extend(files.into_iter().map(|file| names::retired(&file.object.key, &file.object.sha256)));
    }
    let left = store.list("retired").await.unwrap();
    assert!(left.iter().all(|key| named.contains(key)), "left over in retired: {left:?}");
    check_whole(store, "after a vacuum").await;
}
