//! Commits over a network that answers wrongly, late, half or not at all: each is there once or not at all, and never comes back as
//! committed when it is not.

use barkeep::store::Store;

use crate::proxy::{Fault, Proxy};
use crate::{days, gcs, peers, rounds};

/// Impatient, so that a round takes a second at most.
const PATIENCE: [(&str, &str); 3] =
    [("AWS_TIMEOUT", "1 second"), ("AZURE_TIMEOUT", "1 second"), ("BARKEEP_STORE_RETRIES", "1")];

#[tokio::test(flavor = "multi_thread")]
async fn s3_by_moto() {
    if let Some(peer) = peers::moto() {
        let proxy = Proxy::start(peer.port).await;
        let faulty = peers::s3(proxy.port, "catalog", &PATIENCE);
        campaign(&proxy, &faulty, &peers::s3(peer.port, "catalog", &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_by_azurite() {
    if let Some(peer) = peers::azurite() {
        let proxy = Proxy::start(peer.port).await;
        let faulty = peers::azure(proxy.port, "catalog", &PATIENCE);
        campaign(&proxy, &faulty, &peers::azure(peer.port, "catalog", &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn google() {
    let port = gcs::start().await;
    let proxy = Proxy::start(port).await;
    let faulty = peers::gcs(proxy.port, "catalog", &[("GOOGLE_TIMEOUT", "300 ms"), PATIENCE[2]]);
    campaign(&proxy, &faulty, &peers::gcs(port, "catalog", &[])).await;
}

/// What became of the rounds.
#[derive(Debug, Default)]
struct Tally {
    committed: usize,
    failed_and_absent: usize,
    failed_and_present: usize,
}

/// A day is committed through the proxy, something goes wrong on the way, and the catalog behind it is looked at.
async fn campaign(proxy: &Proxy, faulty: &Store, clean: &Store) {
    let seed = rounds("BARKEEP_SEED", 1);
    let count = rounds("BARKEEP_FAULT_ROUNDS", 100);
    println!("{count} rounds with seed {seed}");
    let mut random = Random(seed as u64);
    let mut tally = Tally::default();
    days::add(faulty, 0).await.expect("the first commit, undisturbed");
    proxy.plan(None, 0, 0);
    days::add(faulty, 1).await.expect("the second commit, undisturbed");
    let requests = proxy.plan(None, 0, 0);
    println!("an undisturbed commit is {requests} requests");
    for number in 2..count + 2 {
        let fault = Fault::ALL[number % Fault::ALL.len()];
        // One is ridden out by trying again, more are not.
        let (first, times) = (random.below(requests), [1, 1, 2, 4][random.below(4)]);
        let round = format!("round {number}: {fault:?} × {times} at request {first} of {requests}");
        let before = days::commits(clean).await;
        proxy.plan(Some(fault), first, times);
        let outcome = days::add(faulty, number).await;
        proxy.plan(None, 0, 0);
        let (bars, after) = days::stored(clean, number).await;
        let present = bars.len() == days::BARS;
        assert!(present || bars.is_empty(), "{round}: {} bars", bars.len());
        assert_eq!(after - before, u64::from(present), "{round}: commits");
        match outcome {
            Ok(true) => {
                assert!(present, "{round}: lost, though it was said to be committed");
                tally.committed += 1;
            }
            Ok(false) => panic!("{round}: said to be stored already"),
            Err(_) if present => tally.failed_and_present += 1,
            Err(_) => tally.failed_and_absent += 1,
        }
        let again = days::add(clean, number).await.unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(again, !present, "{round}: what is there is not committed twice");
        assert_eq!(days::stored(clean, number).await.0, days::day(number), "{round}");
    }
    let (bars, commits) = days::all(clean).await;
    assert_eq!((bars.len(), commits), ((count + 2) * days::BARS, count as u64 + 2), "no more and no less");
    assert!(bars.ts_init.is_sorted_by(|left, right| left < right), "each bar once");
    let [named, listed] = days::named_and_listed(clean).await;
    assert_eq!(named, listed, "whoever lists the directories reads each bar once");
    println!("{}: {} faults; {tally:?}", clean.location(), proxy.injected());
    assert!(proxy.injected() >= count, "the proxy did its work");
}

/// A linear congruence: the same rounds for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}
