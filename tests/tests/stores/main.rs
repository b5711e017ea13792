//! Every kind of store does what commits stand on; those that do not are found out; and a network that loses answers loses no bar.
//!
//! Memory, disk and the stand-in for Google's service are always tested. moto (S3), Azurite (Azure), s3rver and s3s-fs (S3 without true
//! conditional creation) are tested where they are found: `cargo xtask interop stores`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod contract;
mod days;
mod faults;
mod gcs;
mod peers;
mod proxy;
mod refusals;
mod served;

use barkeep::store::Store;

/// How often something is done: by default what the daily tests can afford.
fn rounds(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number of rounds"))
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    contract::run(&Store::scratch()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn local_disk() {
    let folder = tempfile::tempdir().unwrap();
    contract::run(&Store::open_or_make(folder.path().join("new/place").to_str().unwrap()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google() {
    contract::run(&peers::gcs(gcs::start().await, "some/prefix", &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_by_moto() {
    if let Some(peer) = peers::moto() {
        contract::run(&peers::s3(peer.port, "some/prefix", &[])).await;
        contract::run(&peers::s3(peer.port, "", &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_by_azurite() {
    if let Some(peer) = peers::azurite() {
        contract::run(&peers::azure(peer.port, "some/prefix", &[])).await;
    }
}
