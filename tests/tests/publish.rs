//! Publishing, by the binary and over stores that are watched or fail: the copy shows what the source holds, only what changed is
//! uploaded, and a publish that is stopped anywhere leaves the copy whole.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use barkeep::catalog::Catalog;
use barkeep::commit::Run;
use barkeep::publish::{By, Settings, publish};
use barkeep::store::Store;
use bytes::Bytes;
use catalog::{Error, ErrorKind, Fetch, Period, Query};
use engine::protocol::{Answer, Op};
use engine::{Engine, Source};
use futures::executor::block_on;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use serde_json::Value;
use tests::Place;

const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
const ACME: &str = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL";

/// A place with the demo catalog, and pages to publish around it.
fn place() -> Place {
    let place = Place::new();
    place.demo();
    std::fs::create_dir_all(place.path("pages/engine")).unwrap();
    place.file("pages/index.html", "<!doctype html>");
    place.file("pages/engine/engine-0123456789abcdef.js", "export {}");
    place
}

fn published(place: &Place, words: &str) -> Value {
    let pages = place.path("pages");
    let said = place.barkeep(&format!(
        "publish {} --pages {} --output json {words}",
        place.path("site").display(),
        pages.display()
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn query(place: &Place, catalog: &str, series: &str) -> String {
    // The last `--catalog` wins.
    let said =
        place.barkeep(&format!("query {series} --format csv --catalog {}", place.path(catalog).display()));
    assert_eq!(said.code, 0, "{}", said.err);
    said.out
}

/// Every file under a directory, with its bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A CSV file of minutes that open from `start` on, each a second time from the last hour's price.
fn minutes(place: &Place, name: &str, start: &str, count: usize) -> String {
    let start: bars::UnixNanos = start.parse().unwrap();
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..count as i64 {
        let price = 10_000 + minute % 61 - minute % 7;
        let open = start.plus(minute * bars::MINUTE);
        writeln!(text, "{open},{price}.25,{}.5,{}.0,{}.75,{}", price + 2, price - 1, price, minute % 100)
            .unwrap();
    }
    place.file(name, text).display().to_string()
}

fn import(place: &Place, file: &str, flags: &str) {
    let said = place.barkeep(&format!("import csv {file} --bar 1-MINUTE --stamp open --tz UTC {flags}"));
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn the_copy_shows_what_the_source_holds() {
    let place = place();
    let report = published(&place, "");
    assert_eq!(report["catalog_report"]["series"], 2);
    assert_eq!(report["catalog_report"]["overviews"], 6);
    for series in [BTC, ACME] {
        assert_eq!(query(&place, "catalog", series), query(&place, "site/catalog", series));
    }
    let list = |words: &str| {
        place
            .barkeep(&format!(
                "list {words} --format json --catalog {}",
                place.path("site/catalog").display()
            ))
            .out
    };
    let count = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap().len();
    assert_eq!((count(&list("")), count(&list("--all"))), (2, 8));
    let info = place.barkeep(&format!("info --catalog {}", place.path("site/catalog").display())).out;
    assert!(info.contains("shows      snapshot 1 of its source"), "{info}");
    // Real bars in the compact profile: at most 12 bytes each.
    let entries: Vec<Value> = serde_json::from_str(&list(BTC)).unwrap();
    let bytes = entries[0]["size_bytes"].as_u64().unwrap();
    assert!(bytes <= 12 * 20_160, "{bytes} bytes");
    assert!(place.path("site/index.html").is_file() && place.path("site/404.html").is_file());
}

#[test]
fn overviews_are_the_bars_resampled() {
    let place = place();
    published(&place, "");
    let floor = |stamp: &str, step: i64| {
        let close: bars::UnixNanos = stamp.parse().unwrap();
        close.plus(-bars::MINUTE).floor(step).plus(step).to_string()
    };
    let source = query(&place, "catalog", BTC);
    let mut hours: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for line in source.lines().skip(1) {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        hours.entry(floor(&cells[0], bars::HOUR)).or_default().push(cells);
    }
    let decimal = |text: &String| text.parse::<bars::Decimal>().unwrap();
    let copy = query(&place, "site/catalog", "BTC/USD.BITSTAMP-1-HOUR-LAST-INTERNAL@1-MINUTE-EXTERNAL");
    let rows: Vec<Vec<String>> =
        copy.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), hours.len());
    for (row, (stamp, minutes)) in rows.iter().zip(&hours) {
        assert_eq!(row[0], *stamp);
        assert_eq!((&row[1], &row[4]), (&minutes[0][1], &minutes[minutes.len() - 1][4]));
        assert_eq!(decimal(&row[2]), minutes.iter().map(|cells| decimal(&cells[2])).max().unwrap());
        assert_eq!(decimal(&row[3]), minutes.iter().map(|cells| decimal(&cells[3])).min().unwrap());
        assert_eq!(decimal(&row[5]), minutes.iter().map(|cells| decimal(&cells[5])).sum());
    }
    // A day of a US equity closes with its session.
    let days = query(&place, "site/catalog", "ACME.NASDAQ-1-DAY-LAST-INTERNAL@1-MINUTE-EXTERNAL");
    assert_eq!(days.lines().count(), 1 + 18);
    assert!(
        days.lines().skip(1).all(|line| line.starts_with("2026-") && line.contains("T20:00:00Z,")),
        "{days}"
    );
}

#[test]
fn only_what_changed_is_uploaded() {
    let place = place();
    let file = minutes(&place, "old.csv", "2025-11-30T00:00:00Z", 62 * 1440);
    import(&place, &file, "--instrument SYN.X --calendar 24/7");
    published(&place, "");
    let before = files(&place.path("site"));
    let again = published(&place, "");
    assert_eq!(again["catalog_report"]["new"]["objects"], 0);
    assert_eq!(again["catalog_report"]["snapshot"], Value::Null);
    assert_eq!(again["pages"]["new"]["objects"], 0);
    assert_eq!(files(&place.path("site")), before);

    // One more day: one month of minutes, of five minutes, and the year's hours and days are written again.
    let file = minutes(&place, "new.csv", "2026-01-31T00:00:00Z", 1440);
    import(&place, &file, "--instrument SYN.X");
    let plan = published(&place, "--dry-run");
    assert_eq!(files(&place.path("site")), before);
    let report = published(&place, "");
    assert_eq!(plan["catalog_report"]["new"], report["catalog_report"]["new"]);
    assert_eq!(report["catalog_report"]["new"]["objects"], 4);
    assert_eq!(report["catalog_report"]["removed"]["objects"], 4);
    assert_eq!(
        query(&place, "catalog", "SYN.X-1-MINUTE-LAST-EXTERNAL"),
        query(&place, "site/catalog", "SYN.X-1-MINUTE-LAST-EXTERNAL")
    );
    let after = files(&place.path("site"));
    let is_data = |name: &&String| name.starts_with("catalog/data/");
    let new: Vec<&String> = after.keys().filter(is_data).filter(|name| !before.contains_key(*name)).collect();
    assert_eq!(new.len(), 4, "{new:?}");
    assert!(new.iter().all(|name| name.contains("SYN.X")), "{new:?}");
    // What was replaced left the directories that others list, and can be read under the head before.
    let replaced: Vec<&String> =
        before.keys().filter(is_data).filter(|name| !after.contains_key(*name)).collect();
    assert_eq!(replaced.len(), 4);
    for name in replaced {
        assert_eq!(after[&name.replacen("data/", "retired/", 1)], before[name]);
    }

    // Without a ledger everything is made again, and found to be there.
    std::fs::remove_file(place.path("site/catalog/manifest/published.json")).unwrap();
    let report = published(&place, "");
    assert_eq!(report["catalog_report"]["new"]["objects"], 0);
    assert_eq!(report["catalog_report"]["snapshot"], Value::Null);
}

#[test]
fn what_no_head_needs_goes_after_its_grace() {
    let place = place();
    for words in ["--by week", "--by month", "--by day"] {
        published(&place, words);
    }
    let names = |folder: &str| -> Vec<String> {
        let all = files(&place.path("site/catalog"));
        all.into_keys().filter(|name| name.starts_with(folder)).collect()
    };
    let (retired, snapshots) = (names("retired"), names("manifest/snapshots"));
    assert!(!retired.is_empty());
    assert_eq!(published(&place, "--by day --keep 0d")["objects_vacuumed"], 0);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 86_400);
    for name in &retired {
        let file = std::fs::File::options().write(true).open(place.path("site/catalog").join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    // Its files are old, but heads of the last week name them.
    assert_eq!(published(&place, "--by day")["objects_vacuumed"], 0);
    assert_eq!((names("retired"), names("manifest/snapshots")), (retired.clone(), snapshots));
    let removed = published(&place, "--by day --keep 0d")["objects_vacuumed"].as_u64().unwrap();
    assert!(removed > 0 && names("retired").len() < retired.len(), "{removed}");
    for series in [BTC, ACME] {
        assert_eq!(query(&place, "catalog", series), query(&place, "site/catalog", series));
    }
    // Once that is done, nothing happens any more.
    published(&place, "--by day --keep 0d");
    let before = files(&place.path("site"));
    published(&place, "--by day --keep 0d");
    assert_eq!(files(&place.path("site")), before);
}

#[test]
fn a_part_is_published_and_can_grow() {
    let place = place();
    let range = "--start 2026-08-20T12:00:00Z --end 2026-08-22";
    published(&place, &format!("{range} --series btc"));
    let part = place.barkeep(&format!("query {BTC} --format csv {range}")).out;
    assert_eq!(query(&place, "site/catalog", BTC), part);
    let none = place.barkeep(&format!("query {ACME} --catalog {}", place.path("site/catalog").display()));
    assert_eq!(none.code, 3);
    published(&place, "--by day --profile nautilus");
    for series in [BTC, ACME] {
        assert_eq!(query(&place, "catalog", series), query(&place, "site/catalog", series));
    }
    let info = place.barkeep(&format!("info {BTC} --catalog {}", place.path("site/catalog").display())).out;
    assert!(info.contains("14 files") && info.contains("profile nautilus"), "{info}");
}

#[test]
fn what_does_not_fit_18_digits_keeps_the_live_form() {
    let place = place();
    let text = "time,open,high,low,close,volume\n2026-01-02T00:00:00Z,1,1,1,1,900000000000.00000001\n2026-01-02T00:01:00Z,1,1,1,1,1\n";
    let file = place.file("big.csv", text).display().to_string();
    import(&place, &file, "--instrument BIG.X");
    published(&place, "");
    let name = "BIG.X-1-MINUTE-LAST-EXTERNAL";
    assert_eq!(query(&place, "catalog", name), query(&place, "site/catalog", name));
    let said = place.barkeep(&format!("info {name} --catalog {}", place.path("site/catalog").display()));
    assert!(said.out.contains("profile nautilus"), "{}", said.out);
    let again = published(&place, "");
    assert_eq!(again["catalog_report"]["new"]["objects"], 0);
}

#[test]
fn places_that_hold_something_else_are_refused() {
    let place = place();
    let other = Place::new();
    other.demo();
    published(&place, "");
    let (site, catalog) = (place.path("site"), place.catalog());
    let (site, catalog) = (site.display(), catalog.display());
    for (words, code) in [
        (format!("publish {catalog} --no-pages"), 2),
        (format!("publish {site} --no-pages"), 4),
        (format!("publish {site}/catalog --pages {}", place.path("pages").display()), 4),
        (format!("publish {} --no-pages", other.catalog().display()), 4),
        (format!("publish {site} --series nothing --pages {}", place.path("pages").display()), 3),
        (format!("publish {site} --overviews 7-HOUR --pages {}", place.path("pages").display()), 2),
    ] {
        let said = place.barkeep(&words);
        assert_eq!(said.code, code, "{words}: {}", said.err);
        assert!(said.err.contains("1. "), "{}", said.err);
    }
    // Another catalog's copy is not replaced.
    place.file("pages/index.html", "<!doctype html><title>new</title>");
    let before = files(&place.path("site"));
    let said = other.barkeep(&format!("publish {site} --pages {}", place.path("pages").display()));
    assert_eq!(said.code, 4, "{}", said.err);
    assert_eq!(files(&place.path("site")), before);
}

#[test]
fn a_nautilus_v1_copy_has_one_file_for_an_interval() {
    let place = place();
    let file = minutes(&place, "old.csv", "2025-12-30T00:00:00Z", 3 * 1440);
    import(&place, &file, "--instrument EUR/USD.SIM");
    let words = format!("publish {} --format nautilus-v1 --output json", place.path("v1").display());
    let run = || {
        let said = place.barkeep(&words);
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str::<Value>(&said.out).unwrap()["report"].clone()
    };
    assert_eq!(run()["new"]["objects"], 5);
    let names = || {
        files(&place.path("v1")).into_keys().filter(|name| name.contains("EURUSD.SIM")).collect::<Vec<_>>()
    };
    let folder = "data/bar/EURUSD.SIM-1-MINUTE-LAST-EXTERNAL";
    let december = format!("{folder}/2025-12-30T00-01-00-000000000Z_2026-01-01T00-00-00-000000000Z.parquet");
    assert_eq!(
        names(),
        [
            december.clone(),
            format!("{folder}/2026-01-01T00-01-00-000000000Z_2026-01-02T00-00-00-000000000Z.parquet")
        ]
    );
    assert_eq!(
        (run()["new"]["objects"].clone(), run()["unchanged"]["objects"].clone()),
        (0.into(), 5.into())
    );
    let file = minutes(&place, "new.csv", "2026-01-02T00:00:00Z", 1440);
    import(&place, &file, "--instrument EUR/USD.SIM");
    let report = run();
    assert_eq!(
        (report["new"]["objects"].clone(), report["unchanged"]["objects"].clone()),
        (1.into(), 4.into())
    );
    let grown = format!("{folder}/2026-01-01T00-01-00-000000000Z_2026-01-03T00-00-00-000000000Z.parquet");
    assert_eq!(names(), [december, grown.clone()]);
    // A file that somebody else wrote is left alone, and said to be in the way.
    std::fs::remove_file(place.path("v1/barkeep-published.json")).unwrap();
    let foreign = place.path("v1").join(grown);
    std::fs::write(&foreign, "another program's").unwrap();
    let said = place.barkeep(&words);
    assert_eq!(said.code, 4, "{}", said.err);
    assert_eq!(std::fs::read(&foreign).unwrap(), b"another program's");
}

/// The files of a published catalog as a static host serves them, and how many requests and bytes were asked for.
struct StaticHost {
    files: BTreeMap<String, Vec<u8>>,
    asked: std::cell::RefCell<Vec<(String, usize)>>,
}

impl StaticHost {
    fn new(place: &Place) -> Self {
        Self { files: files(&place.path("site/catalog")), asked: Default::default() }
    }

    fn answer(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let file = self.files.get(key).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no {key}")))?;
        let range = range.map_or(0..file.len(), |range| range.start as usize..range.end as usize);
        self.asked.borrow_mut().push((key.to_owned(), range.len()));
        Ok(Bytes::copy_from_slice(&file[range]))
    }
}

impl Source for StaticHost {
    async fn fresh(&self, key: &str) -> Result<Bytes, Error> {
        self.answer(key, None)
    }

    async fn read(&self, fetch: &Fetch) -> Result<Bytes, Error> {
        self.answer(&fetch.key, Some(fetch.range.clone()))
    }

    fn progress(&self, _: u64, _: u64) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_page_reads_the_copy_from_a_static_host() {
    let place = place();
    published(&place, "");
    let old_head = StaticHost::new(&place);
    let engine = Engine::default();
    let open = Op::Open { catalog: "http://host/catalog/".into(), snapshot: None };
    let (answer, _) = block_on(engine.answer(open.clone(), &old_head)).unwrap();
    let Answer::Open(info) = answer else { panic!("{answer:?}") };
    let listed: Vec<String> = info.series.iter().map(|series| series.bar_type.to_string()).collect();
    assert_eq!(listed, [ACME, BTC]);
    let day = |series: &str| Op::Bars {
        series: series.parse().unwrap(),
        range: Some(bars::TimeRange::new("2026-08-20".parse().unwrap(), "2026-08-21".parse().unwrap())),
        step: None,
        max_bars: 8000,
    };
    let (_, columns) = block_on(engine.answer(day(BTC), &old_head)).unwrap();
    let closes = place.barkeep(&format!(
        "query {BTC} --start 2026-08-20T00:01:00Z --end 2026-08-21T00:01:00Z --columns close --format csv"
    ));
    let closes: Vec<f64> = closes.out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(columns[4].values, closes);
    let asked = old_head.asked.borrow().clone();
    eprintln!("requests to the first candle: {asked:?}");
    assert!(asked.len() <= 3 && asked[0].0 == "manifest/head.json", "{asked:?}");
    assert!(asked.iter().map(|(_, bytes)| bytes).sum::<usize>() < 130_000, "{asked:?}");
    // An overview is no row of the table, but can be opened.
    let hours = "BTC/USD.BITSTAMP-1-HOUR-LAST-INTERNAL@1-MINUTE-EXTERNAL";
    let (_, columns) = block_on(engine.answer(day(hours), &old_head)).unwrap();
    assert_eq!(columns[4].values.len(), 24);

    // A page that opened the copy before a publish reads on after it.
    let waiting = Engine::default();
    block_on(waiting.answer(open, &old_head)).unwrap();
    published(&place, "--by day");
    let new_files = StaticHost::new(&place);
    let (_, columns) = block_on(waiting.answer(day(BTC), &new_files)).unwrap();
    assert_eq!(columns[4].values, closes);
}

/// A store that fails from its n-th change on, before or after making it; reading always works.
#[derive(Debug)]
struct Failing {
    inner: Arc<InMemory>,
    left: AtomicI64,
    applied: bool,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a failing store")
    }
}

impl Failing {
    /// Whether the change happens, and whether its answer arrives.
    fn fate(&self) -> (bool, bool) {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => (true, true),
            0 => (self.applied, false),
            _ => (false, false),
        }
    }

    async fn change<T>(&self, act: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        let (happens, answers) = self.fate();
        let gone =
            || object_store::Error::Generic { store: "failing", source: "the process was killed".into() };
        match happens {
            true => act.await.and_then(|done| if answers { Ok(done) } else { Err(gone()) }),
            false => Err(gone()),
        }
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(
        &self,
        key: &Key,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.change(self.inner.put_opts(key, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Key,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Key, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(key, options).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, object_store::Result<Key>>,
    ) -> BoxStream<'static, object_store::Result<Key>> {
        let (happens, _) = self.fate();
        if happens {
            self.inner.delete_stream(keys)
        } else {
            Box::pin(futures::stream::once(async {
                Err(object_store::Error::Generic { store: "failing", source: "killed".into() })
            }))
        }
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> object_store::Result<()> {
        self.change(self.inner.copy_opts(from, to, options)).await
    }
}

/// Every series of a copy with all its bars, as a reader of its newest snapshot sees them.
async fn content(store: &Arc<InMemory>) -> BTreeMap<String, bars::BarColumns<bars::Decimal>> {
    // Reading finishes nothing here: the reader may not write.
    let reader: Arc<dyn ObjectStore> =
        Arc::new(Failing { inner: Arc::clone(store), left: AtomicI64::new(-1), applied: false });
    let copy = Catalog::open(Store::over(reader, "copy")).await.unwrap();
    let mut content = BTreeMap::new();
    for entry in copy.series() {
        let bars = copy.bars(&entry.bar_type, Query::default()).await.unwrap();
        assert_eq!(bars.len() as u64, entry.rows);
        content.insert(entry.bar_type.to_string(), bars);
    }
    content
}

/// What a program sees that lists `data/`: every bar once, and only bars of the newest snapshot.
async fn check_listing(store: &Arc<InMemory>) {
    let copy = Catalog::open(Store::over(Arc::clone(store) as Arc<dyn ObjectStore>, "copy")).await.unwrap();
    let mut named = Vec::new();
    for entry in copy.series() {
        let manifest = copy.manifest(&entry.bar_type).await.unwrap();
        named.extend(manifest.partitions.into_iter().map(|file| file.object.key));
    }
    let mut listed = copy.store().list("data").await.unwrap();
    named.sort();
    listed.sort();
    assert_eq!(listed, named);
}

async fn fork(store: &Arc<InMemory>) -> Arc<InMemory> {
    use futures::TryStreamExt;
    let copy = Arc::new(InMemory::new());
    let objects: Vec<ObjectMeta> = store.list(None).try_collect().await.unwrap();
    for object in objects {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copy.put(&object.location, bytes.into()).await.unwrap();
    }
    copy
}

#[tokio::test]
async fn a_publish_that_is_stopped_anywhere_leaves_the_copy_whole() {
    let place = place();
    let source =
        || async { Catalog::open(Store::open(place.catalog().to_str().unwrap()).unwrap()).await.unwrap() };
    let settings = |by| Settings { by, zstd_level: 1, ..Settings::default() };
    let run = Run::new("test");
    let over = |store: Arc<dyn ObjectStore>| Store::over(store, "copy");
    let before = Arc::new(InMemory::new());
    let week = settings(By::Period(Period::Week));
    publish(&source().await, &over(Arc::clone(&before) as _), &week, &run).await.unwrap();
    let old = content(&before).await;

    let said = place.barkeep(&format!(
        "import csv {} --instrument ACME.NASDAQ --bar 1-MINUTE --stamp open --tz UTC --overlap keep",
        minutes(&place, "new.csv", "2026-09-21T13:30:00Z", 390)
    ));
    assert_eq!(said.code, 0, "{}", said.err);
    let after = fork(&before).await;
    publish(&source().await, &over(Arc::clone(&after) as _), &week, &run).await.unwrap();
    let new = content(&after).await;
    assert_ne!(old, new);

    let (mut stopped, mut n) = (0, 0);
    loop {
        let mut all_done = true;
        for applied in [false, true] {
            let store = fork(&before).await;
            let failing: Arc<dyn ObjectStore> =
                Arc::new(Failing { inner: Arc::clone(&store), left: AtomicI64::new(n), applied });
            let outcome = publish(&source().await, &over(failing), &week, &run).await;
            all_done &= outcome.is_ok();
            stopped += usize::from(outcome.is_err());
            let seen = content(&store).await;
            assert!(seen == old || seen == new, "stopped at change {n}, applied {applied}");
            // Repeating it finishes the work.
            publish(&source().await, &over(Arc::clone(&store) as _), &week, &run).await.unwrap();
            assert_eq!(content(&store).await, new, "repeated after change {n}, applied {applied}");
            check_listing(&store).await;
        }
        if all_done && n > 40 {
            break;
        }
        n += 1;
    }
    assert!(stopped > 20, "{stopped}");
}

#[tokio::test]
async fn what_was_uploaded_is_not_uploaded_again() {
    let place = place();
    let source = Catalog::open(Store::open(place.catalog().to_str().unwrap()).unwrap()).await.unwrap();
    let settings = Settings { by: By::Period(Period::Day), zstd_level: 1, ..Settings::default() };
    // How many changes to the store a publish takes that may make so many.
    let publish = async |inner: &Arc<InMemory>, limit: i64| {
        let store =
            Arc::new(Failing { inner: Arc::clone(inner), left: AtomicI64::new(limit), applied: false });
        let copy = Store::over(Arc::clone(&store) as _, "copy");
        let done = publish(&source, &copy, &settings, &Run::new("test")).await.is_ok();
        (done, limit - store.left.load(Ordering::SeqCst))
    };
    let (done, all) = publish(&Arc::new(InMemory::new()), 10_000).await;
    let stopped = Arc::new(InMemory::new());
    assert!(done && !publish(&stopped, 20).await.0);
    assert_eq!(publish(&stopped, 10_000).await, (true, all - 20));
}

#[tokio::test]
async fn two_publishers_agree() {
    let place = place();
    let target = Arc::new(InMemory::new());
    let run = Run::new("test");
    let settings = Settings { zstd_level: 1, ..Settings::default() };
    let once = || async {
        let source = Catalog::open(Store::open(place.catalog().to_str().unwrap()).unwrap()).await.unwrap();
        publish(&source, &Store::over(Arc::clone(&target) as _, "copy"), &settings, &run).await.unwrap()
    };
    let reports = futures::join!(once(), once(), once());
    assert_eq!(reports.0.rows, 27_090);
    check_listing(&target).await;
    let store = Store::over(Arc::clone(&target) as _, "copy");
    let head = catalog::Head::decode(&store.get(catalog::names::HEAD).await.unwrap().unwrap()).unwrap();
    let snapshot = store.get(&catalog::names::snapshot(head.snapshot.number)).await.unwrap().unwrap();
    assert_eq!(head.snapshot_sha256, catalog::Sha256::of(&snapshot));
}
