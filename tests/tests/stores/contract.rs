//! What every store must do: one list of checks, run over every implementation.

use std::collections::BTreeSet;
use std::pin::Pin;

use barkeep::store::Store;
use bytes::Bytes;
use catalog::ErrorKind;
use futures::TryStreamExt;
use futures::future::join_all;

use crate::days;

type Check = for<'a> fn(&'a Store) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

const CHECKS: &[(&str, Check)] = &[
    ("the self-test of conditional creation passes", |store| Box::pin(self_test(store))),
    ("an object that is not there", |store| Box::pin(absent(store))),
    ("whole objects, ranges and streams", |store| Box::pin(reading(store))),
    ("created once", |store| Box::pin(created_once(store))),
    ("of sixteen racing creators one wins", |store| Box::pin(racing(store))),
    ("an overwritten object is the one or the other", |store| Box::pin(overwriting(store))),
    ("lists are complete, and by whole names", |store| Box::pin(listing(store))),
    ("keys with unusual characters", |store| Box::pin(unusual_keys(store))),
    ("moving may be repeated", |store| Box::pin(moving(store))),
    ("removing may be repeated", |store| Box::pin(removing(store))),
    ("a large object", |store| Box::pin(large(store))),
    ("commits are read back", |store| Box::pin(commits(store))),
    ("racing commits all get in", |store| Box::pin(racing_commits(store))),
];

/// Runs every check.
pub(crate) async fn run(store: &Store) {
    for (name, check) in CHECKS {
        let start = std::time::Instant::now();
        println!("{}: {name}", store.location());
        check(store).await;
        println!("  {:.2} s", start.elapsed().as_secs_f64());
    }
}

/// Rounds of racing creators; a campaign asks for 200.
fn race_rounds() -> usize {
    crate::rounds("BARKEEP_RACE_ROUNDS", 20)
}

async fn self_test(store: &Store) {
    store.check_conditional_create().await.unwrap_or_else(|error| panic!("{error}"));
    store.ready_to_write().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(store.list("manifest/selftest").await.unwrap().is_empty(), "the self-test leaves nothing");
}

async fn absent(store: &Store) {
    let key = "manifest/absent/nothing.json";
    assert_eq!(store.get(key).await.unwrap(), None);
    assert!(store.head(key).await.unwrap().is_none());
    assert!(!store.any_under("manifest/absent").await.unwrap());
    assert!(store.list("manifest/absent").await.unwrap().is_empty());
    assert_eq!(store.get_range(key, 0..1).await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(store.stream(key, 0..1).await.is_err_and(|error| error.kind == ErrorKind::NotFound));
}

async fn reading(store: &Store) {
    let (key, bytes) = ("contract/read/a.parquet", pattern(1000));
    store.put(key, bytes.clone()).await.unwrap();
    assert_eq!(store.get(key).await.unwrap(), Some(bytes.clone()));
    let meta = store.head(key).await.unwrap().expect("it is there");
    assert_eq!((meta.size, meta.location.as_ref()), (1000, key));
    for (range, expected) in [(0..1, 0..1), (0..1000, 0..1000), (999..1000, 999..1000)] {
        let found = store.get_range(key, range.clone()).await.unwrap();
        assert_eq!(found, bytes.slice(expected), "{range:?}");
    }
    // Behind the end there is nothing: an error, never other bytes, and never fewer.
    for range in [1000..1001, 990..2000] {
        let error = store.get_range(key, range.clone()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{range:?}: {error}");
    }
    let streamed: Vec<Bytes> = store.stream(key, 100..900).await.unwrap().try_collect().await.unwrap();
    assert_eq!(streamed.concat(), bytes.slice(100..900));
    store.put("contract/read/empty.parquet", Bytes::new()).await.unwrap();
    assert_eq!(store.get("contract/read/empty.parquet").await.unwrap(), Some(Bytes::new()));
}

async fn created_once(store: &Store) {
    let key = "manifest/once/1.json";
    assert!(store.create(key, Bytes::from_static(b"first")).await.unwrap());
    assert!(!store.create(key, Bytes::from_static(b"second")).await.unwrap());
    assert_eq!(store.get(key).await.unwrap().unwrap(), "first");
    // Gone, it may be created again.
    store.delete(key).await.unwrap();
    assert!(store.create(key, Bytes::from_static(b"third")).await.unwrap());
    assert_eq!(store.get(key).await.unwrap().unwrap(), "third");
}

async fn racing(store: &Store) {
    for round in 0..race_rounds() {
        let key = format!("manifest/race/{round}.json");
        let body = |racer: usize| Bytes::from(format!("{racer} {}", "x".repeat(racer * 50)));
        let outcomes = join_all((0..16).map(|racer| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.create(&key, body(racer)).await })
        }));
        let won: Vec<bool> = outcomes.await.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect();
        let winners: Vec<usize> = (0..16).filter(|racer| won[*racer]).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?} won");
        assert_eq!(store.get(&key).await.unwrap().unwrap(), body(winners[0]), "round {round}");
    }
}

async fn overwriting(store: &Store) {
    let key = "manifest/overwritten.json";
    let bodies = [Bytes::from(vec![b'a'; 40_000]), Bytes::from(vec![b'b'; 70_000])];
    store.put(key, bodies[0].clone()).await.unwrap();
    let writing = async {
        for turn in 1..=20 {
            store.put(key, bodies[turn % 2].clone()).await.unwrap();
        }
    };
    let reading = async {
        for _ in 0..40 {
            let found = store.get(key).await.unwrap().expect("it never disappears");
            assert!(bodies.contains(&found), "{} bytes, neither the one nor the other", found.len());
        }
    };
    futures::join!(writing, reading);
    assert_eq!(store.get(key).await.unwrap().unwrap(), bodies[0]);
}

async fn listing(store: &Store) {
    let keys: BTreeSet<String> =
        (0..120).map(|n| format!("contract/list/{}/{n:03}.parquet", n % 3)).collect();
    join_all(keys.iter().map(|key| store.put(key, Bytes::from_static(b"x")))).await;
    store.put("contract/list2/other.parquet", Bytes::from_static(b"x")).await.unwrap();
    let found: Vec<String> = store.list("contract/list").await.unwrap();
    assert_eq!(found.len(), keys.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), keys);
    let objects = store.list_objects("contract/list/1").await.unwrap();
    assert_eq!((objects.len(), objects[0].size), (40, 1));
    assert!(store.any_under("contract/list").await.unwrap());
    assert!(!store.any_under("contract/lis").await.unwrap(), "a prefix is a whole part of a name");
}

async fn unusual_keys(store: &Store) {
    for name in [
        "BTCUSD.BITSTAMP-1-HOUR-LAST-INTERNAL@1-MINUTE-EXTERNAL",
        "EUR%2FUSD.SIM-1-MINUTE-LAST-EXTERNAL",
        "%252F",
        "ES=F.CME",
        "A+B&C.X",
        "(a)'b'!,c;$d",
        "100%25",
    ] {
        let (key, other) =
            (format!("contract/unusual/{name}/a.parquet"), format!("contract/unusual/{name}/b.parquet"));
        assert!(store.create(&key, Bytes::copy_from_slice(name.as_bytes())).await.unwrap(), "{name}");
        assert_eq!(store.get(&key).await.unwrap().unwrap(), name);
        assert_eq!(
            store.list(&format!("contract/unusual/{name}")).await.unwrap(),
            std::slice::from_ref(&key)
        );
        assert!(store.relocate(&key, &other).await.unwrap(), "{name}");
        assert_eq!(store.get(&other).await.unwrap().unwrap(), name);
        assert_eq!(store.get(&key).await.unwrap(), None, "{name}");
    }
}

async fn moving(store: &Store) {
    let (from, to) = ("staging/moved.parquet", "contract/moved/to.parquet");
    store.put(from, Bytes::from_static(b"new")).await.unwrap();
    store.put(to, Bytes::from_static(b"old")).await.unwrap();
    for _ in 0..2 {
        assert!(store.relocate(from, to).await.unwrap());
        assert_eq!(store.get(to).await.unwrap().unwrap(), "new");
        assert_eq!(store.get(from).await.unwrap(), None);
    }
    // A bucket's move that was stopped between copy and deletion.
    store.put(from, Bytes::from_static(b"new")).await.unwrap();
    assert!(store.relocate(from, to).await.unwrap());
    assert_eq!(store.get(from).await.unwrap(), None);
    assert!(!store.relocate("staging/nothing.parquet", "contract/moved/nothing.parquet").await.unwrap());
}

async fn removing(store: &Store) {
    let key = "contract/removed.parquet";
    store.put(key, Bytes::from_static(b"x")).await.unwrap();
    assert!(store.delete(key).await.unwrap());
    // Whether S3 says that there was nothing is its own affair.
    store.delete(key).await.unwrap();
    assert_eq!(store.get(key).await.unwrap(), None);
}

async fn large(store: &Store) {
    let (key, bytes) = ("contract/large.parquet", pattern(20 << 20));
    assert!(store.create(key, bytes.clone()).await.unwrap());
    assert!(store.get(key).await.unwrap() == Some(bytes.clone()), "a large object came back different");
    let range = (20 << 20) - 70_000..(20 << 20) - 1;
    let found = store.get_range(key, range.clone()).await.unwrap();
    assert!(found == bytes.slice(range.start as usize..range.end as usize));
    store.delete(key).await.unwrap();
}

async fn commits(store: &Store) {
    for number in 0..3 {
        assert!(days::add(store, number).await.unwrap());
        assert_eq!(days::stored(store, number).await, (days::day(number), number as u64 + 1));
    }
    assert!(!days::add(store, 1).await.unwrap(), "what is stored already is no commit");
    assert_eq!(days::all(store).await.1, 3);
}

async fn racing_commits(store: &Store) {
    let (_, before) = days::all(store).await;
    let outcomes = join_all((10..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { days::add(&store, number).await })
    }));
    for outcome in outcomes.await {
        assert!(outcome.unwrap().unwrap_or_else(|error| panic!("{error}")));
    }
    let (bars, after) = days::all(store).await;
    assert_eq!(after, before + 6);
    assert_eq!(bars.len(), days::BARS * 9);
    for number in 10..16 {
        assert_eq!(days::stored(store, number).await.0, days::day(number));
    }
}

/// Bytes in which every place is known.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 12) as u8).collect::<Vec<u8>>().into()
}
