//! Stores that do not truly create only what is absent, and places that cannot be opened, are refused with a reason.

use std::time::{Duration, Instant};

use barkeep::store::{Settings, Store};
use catalog::{Error, ErrorKind};
use futures::future::join_all;

use crate::{days, peers};

const S3RVER: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "S3RVER"), ("AWS_SECRET_ACCESS_KEY", "S3RVER")];

#[tokio::test(flavor = "multi_thread")]
async fn s3rver_ignores_the_condition() {
    let Some(peer) = peers::s3rver() else { return };
    let store = peers::s3(peer.port, "catalog", &S3RVER);
    refused(&store, "it created an object that was there already").await;
    // Whoever knows that nobody else writes may say so.
    let alone = promised(peer.port);
    assert!(days::add(&alone, 0).await.unwrap());
    assert!(days::add(&alone, 1).await.unwrap());
    assert_eq!(days::stored(&alone, 1).await, (days::day(1), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn s3s_fs_loses_the_race() {
    let Some(peer) = peers::s3s_fs() else { return };
    for attempt in 0..20 {
        let store = peers::s3(peer.port, &format!("catalog-{attempt}"), &[]);
        refused(&store, "").await;
    }
}

/// The store is refused by its test, and by a commit.
async fn refused(store: &Store, reason: &str) {
    let error = store.ready_to_write().await.expect_err("it must be refused");
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    assert!(error.why.contains(reason), "{error}");
    assert!(error.next.iter().any(|step| step.contains("--single-writer")), "{error}");
    let error = days::add(store, 0).await.expect_err("a commit must be refused");
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    assert!(store.list("data").await.unwrap().is_empty(), "nothing was written");
}

fn promised(port: u16) -> Store {
    let mut variables = peers::s3_variables(port);
    variables.extend(S3RVER.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let settings = Settings::new(variables).single_writer(true);
    Store::open_or_make_with("s3://bars/alone", &settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_credentials() {
    // It takes the question and never answers, as a firewall may.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let cases = [
        ("s3://bars/x", vec![("AWS_EC2_METADATA_DISABLED", "true")], "AWS_ACCESS_KEY_ID"),
        ("s3://bars/x", vec![("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")], "AWS_ACCESS_KEY_ID"),
        ("s3://bars/x", vec![("AWS_METADATA_ENDPOINT", silent.as_str())], "AWS_ACCESS_KEY_ID"),
        ("s3://bars/x", vec![], "AWS_ACCESS_KEY_ID"),
        ("gs://bars/x", vec![], "GOOGLE_SERVICE_ACCOUNT"),
        ("az://bars/x", vec![("AZURE_STORAGE_ACCOUNT_NAME", "nobody")], "AZURE_STORAGE_ACCOUNT_KEY"),
    ];
    join_all(cases.map(async |(location, variables, step)| {
        let start = Instant::now();
        let error = first_read(location, &variables).await;
        assert!(start.elapsed() < Duration::from_secs(15), "{location} {variables:?}: {:?}", start.elapsed());
        assert_eq!(error.kind, ErrorKind::SourceUnavailable, "{error}");
        assert!(error.why.starts_with("no credentials"), "{error}");
        assert!(error.next.iter().any(|next| next.contains(step)), "{error}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_lacks_is_said() {
    let http = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let key = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
    for (location, variables, kind, said) in [
        ("s3://bars/x", vec![http], ErrorKind::InvalidInput, "AWS_ALLOW_HTTP=true"),
        ("s3://bars/x", vec![key[0]], ErrorKind::InvalidInput, "AWS_SECRET_ACCESS_KEY"),
        ("az://bars/x", vec![], ErrorKind::InvalidInput, "AZURE_STORAGE_ACCOUNT_NAME"),
        (
            "gs://bars/x",
            vec![("GOOGLE_SERVICE_ACCOUNT", "nowhere.json")],
            ErrorKind::InvalidInput,
            "nowhere.json",
        ),
        (
            "s3://bars/x",
            vec![http, ("AWS_ALLOW_HTTP", "true"), ("BARKEEP_STORE_RETRIES", "0"), key[0], key[1]],
            ErrorKind::SourceUnavailable,
            "check the endpoint",
        ),
    ] {
        let error = first_read(location, &variables).await;
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

async fn first_read(location: &str, variables: &[(&str, &str)]) -> Error {
    match Store::open_with(location, &Settings::new(variables.iter().copied())) {
        Ok(store) => store.get("manifest/head.json").await.expect_err("nothing can be read there"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_not_made() {
    let Some(peer) = peers::moto() else { return };
    let settings = Settings::new(peers::s3_variables(peer.port));
    let store = Store::open_or_make_with("s3://nowhere/catalog", &settings).unwrap();
    for error in [
        store.get("manifest/head.json").await.unwrap_err(),
        store.list("data").await.unwrap_err(),
        store.put("manifest/x.json", "x".into()).await.unwrap_err(),
        days::add(&store, 0).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
        assert!(error.why.contains("NoSuchBucket"), "{error}");
        assert!(error.next.iter().any(|step| step.contains("Barkeep makes no buckets")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_not_made() {
    let Some(peer) = peers::azurite() else { return };
    let store = peers::azure(peer.port, "x", &[("AZURE_CONTAINER_NAME", "ignored")]);
    assert_eq!(store.get("manifest/head.json").await.unwrap(), None, "the address names the container");
    let elsewhere = peers::azure_in(peer.port, "az://nowhere/x", &[]);
    let error = elsewhere.get("manifest/head.json").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    let wrong = peers::azure(peer.port, "x", &[("AZURE_STORAGE_ACCOUNT_KEY", "bm9ib2R5")]);
    let error = wrong.put("manifest/x.json", "x".into()).await.unwrap_err();
    assert!(error.to_string().contains("check key and secret"), "{error}");
}
