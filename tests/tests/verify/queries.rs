//! A damaged file breaks no query that does not need it, and says what to do in one that does.

use bars::TimeRange;
use catalog::{Columns, ErrorKind};

use super::*;

async fn query(house: &House, name: &str, start: &str, end: &str) -> catalog::Result<usize> {
    let open = Catalog::open(house.store.clone()).await?;
    let range = TimeRange::new(at(start), at(end));
    let query = Query { range, columns: Columns::ALL, ..Query::default() };
    open.bars(&series(name), query).await.map(|bars| bars.len())
}

#[tokio::test]
async fn only_queries_of_the_damaged_file_fail() {
    enum Damage {
        Flip,
        Cut,
        Delete,
    }
    for damage in [Damage::Flip, Damage::Cut, Damage::Delete] {
        let house = House::new().await;
        let file = house.file().await;
        match damage {
            Damage::Flip => house.flip(&file.key).await,
            Damage::Cut => house.put(&file.key, house.get(&file.key).await.slice(..100)).await,
            Damage::Delete => house.delete(&file.key).await,
        }
        assert_eq!(query(&house, AAPL, "2024-01-08", "2024-01-09").await.unwrap(), 60);
        assert_eq!(query(&house, AAPL, "2024-01-10", "2024-01-11").await.unwrap(), 60);
        assert_eq!(query(&house, BTC, "2024-01-01", "2024-02-01").await.unwrap(), 100);
        let error = query(&house, AAPL, "2024-01-08", "2024-01-11").await.unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::SourceUnavailable),
            "{error}"
        );
        assert!(error.to_string().contains(&file.key), "{error}");
        assert!(error.to_string().contains("barkeep verify"), "{error}");
        assert!(error.to_string().contains("barkeep repair"), "{error}");
    }
}

/// A large file is read in parts, each against its own checksum: a flipped byte is an error or was not read, never another bar.
#[tokio::test]
async fn damage_in_a_large_file_is_never_a_bar() {
    let house = House::empty();
    let (file, bars) = house.large().await;
    let whole = house.get(&file.object.key).await;
    let (mut errors, mut places) = (0, 0);
    for at in (4..whole.len()).step_by(997) {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 1 << (at % 8);
        house.put(&file.object.key, damaged).await;
        let open = Catalog::open(house.store.clone()).await.unwrap();
        let query = Query { columns: Columns::ALL, ..Query::default() };
        places += 1;
        match open.bars(&series(LARGE), query).await {
            Ok(found) => assert_eq!(found, bars, "byte {at}"),
            Err(error) => {
                assert!(error.to_string().contains("do not match their checksum"), "byte {at}: {error}");
                errors += 1;
            }
        }
    }
    assert!(errors * 10 > places * 9, "only {errors} of {places} places were read");
}

#[tokio::test]
async fn a_damaged_manifest_concerns_its_series_only() {
    let house = House::new().await;
    house.flip(&house.entry(AAPL).await.manifest.key).await;
    let open = Catalog::open(house.store.clone()).await.unwrap();
    assert_eq!(open.series().len(), 2);
    assert_eq!(query(&house, BTC, "2024-01-01", "2024-02-01").await.unwrap(), 100);
    let error = query(&house, AAPL, "2024-01-08", "2024-01-11").await.unwrap_err();
    assert!(error.kind == ErrorKind::Corrupt && error.to_string().contains("barkeep repair"), "{error}");
}

#[tokio::test]
async fn readers_go_on_without_the_boundary_and_writers_do_not() {
    let house = House::new().await;
    house.put(names::BOUNDARY, b"nothing".to_vec()).await;
    assert_eq!(query(&house, BTC, "2024-01-01", "2024-02-01").await.unwrap(), 100);
    let more = vec![addition(BTC, minutes("2024-01-10T10:00:00Z", 5, 0), Overlap::Fail)];
    let error = commit_bars(&house.store, more, &Run::new("test")).await.unwrap_err();
    assert!(error.kind == ErrorKind::Corrupt && error.to_string().contains("barkeep repair"), "{error}");
    assert_eq!(house.newest().await.number, 4);
}

#[tokio::test]
async fn a_writer_that_commits_meanwhile_wins() {
    let house = House::new().await;
    let file = house.file().await;
    house.flip(&file.key).await;
    let survey = house.survey().await;
    let plan = barkeep::repair::plan(&house.store, &survey, Options::default()).await.unwrap();
    house.add(BTC, minutes("2024-01-10T10:00:00Z", 5, 0), Overlap::Fail).await;
    let error =
        barkeep::repair::carry_out(&house.store, &survey, &plan, &Run::new("repair")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert_eq!(house.newest().await.number, 5);
    house.repair(Options::default()).await;
    assert!(house.survey().await.is_clean());
}
