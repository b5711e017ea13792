//! Random damage to any object: found, repaired, and no wrong bar is ever served.

use super::*;

/// splitmix64: a failing seed can be replayed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((value ^ (value >> 31)) % limit as u64) as usize
    }
}

/// Damages one object; what was done to it, or `None` if that made no difference.
async fn damage(house: &House, random: &mut Random) -> Option<String> {
    let keys = house.keys("").await;
    let key = &keys[random.below(keys.len())];
    let before = house.get(key).await;
    let mut bytes = before.to_vec();
    let (how, place) = (random.below(6), random.below(bytes.len().max(1)));
    match how {
        0 => bytes.truncate(place),
        1 => bytes.extend_from_slice(&before[..place.min(64)]),
        2 => {
            house.delete(key).await;
            return Some(format!("{key} deleted"));
        }
        _ if bytes.is_empty() => return None,
        _ => bytes[place] ^= 1 << random.below(8),
    }
    // The case of a hexadecimal digit says nothing.
    let same_head =
        key == names::HEAD && Head::decode(&bytes).is_ok_and(|head| Ok(head) == Head::decode(&before));
    if bytes == before || same_head {
        return None;
    }
    house.put(key, bytes).await;
    Some(format!("{key} way {how} at {place}"))
}

type Truth = BTreeMap<BarType, BarColumns<Decimal>>;

/// Every bar that is served was once committed; how many there are.
async fn judge(house: &House, truths: &[Truth], what: &str) -> usize {
    let mut served = 0;
    for (name, bars) in house.bars().await {
        served += bars.len();
        let is_true = |row: usize, truth: &Truth| {
            let Some(truth) = truth.get(&name) else { return false };
            let at = truth.ts_init.binary_search(&bars.ts_init[row]);
            at.is_ok_and(|at| truth.bar(at) == bars.bar(row))
        };
        let all_true = (0..bars.len()).all(|row| truths.iter().any(|truth| is_true(row, truth)));
        assert!(all_true, "a wrong bar of {name} after {what}");
    }
    served
}

/// How many; `BARKEEP_SEEDS` names another number.
fn seeds() -> u64 {
    std::env::var("BARKEEP_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(400)
}

#[tokio::test]
async fn one_damaged_object() {
    let whole = House::new().await;
    let truth = [whole.bars().await];
    let mut seen = BTreeSet::new();
    for seed in 0..seeds() {
        let house = whole.copied().await;
        let Some(what) = damage(&house, &mut Random(seed)).await else { continue };
        let what = format!("seed {seed}: {what}");
        let survey = house.survey().await;
        assert!(!survey.findings.is_empty(), "{what} was not found");
        seen.extend(survey.findings.iter().map(|finding| finding.kind));
        let done = house.repair(Options::default()).await;
        let again = house.survey().await;
        assert!(again.is_clean(), "{what}: {:#?}", again.findings);
        let served = judge(&house, &truth, &what).await;
        let lost: u64 = done.plan.holes.iter().map(|hole| hole.rows).sum();
        assert_eq!(served as u64 + lost, 280, "{what}");
        // Writers can go on.
        house.add(BTC, minutes("2024-01-10T10:00:00Z", 5, 0), Overlap::Fail).await;
    }
    use FindingKind::*;
    for kind in [
        HeadMissing,
        HeadDamaged,
        SnapshotMissing,
        SnapshotDamaged,
        ManifestDamaged,
        FileMissing,
        FileDamaged,
        OldFileBroken,
    ] {
        assert!(seen.contains(&kind), "the seeds never led to {kind}");
    }
}

#[tokio::test]
async fn several_damaged_objects() {
    let whole = House::new().await;
    // A bar was replaced: without the last two snapshots the old one is served again.
    let mut truth = vec![whole.bars().await, BTreeMap::new()];
    let old = Catalog::open_at(whole.store.clone(), 2).await.unwrap();
    truth[1].insert(series(AAPL), old.bars(&series(AAPL), Query::default()).await.unwrap());
    for seed in 0..seeds() {
        let (house, mut random, mut what) =
            (whole.copied().await, Random(seed << 20), format!("seed {seed}"));
        for _ in 0..2 + random.below(3) {
            what = format!("{what}; {:?}", damage(&house, &mut random).await);
        }
        let done = repair(&house.store, &Scope::everything(), Options::default(), &Run::new("repair")).await;
        if let Err(error) = done {
            // Nothing is left that says what belongs to the catalog.
            assert!(
                matches!(
                    error.kind,
                    catalog::ErrorKind::Corrupt
                        | catalog::ErrorKind::NotFound
                        | catalog::ErrorKind::Unsupported
                ),
                "{what}: {error}"
            );
            continue;
        }
        let again = house.survey().await;
        assert!(again.is_clean(), "{what}: {:#?}", again.findings);
        judge(&house, &truth, &what).await;
    }
}

/// Bytes that are damaged and whose checksum fits: only the decoder and the judgement of the bars stand between them and a reader.
#[tokio::test]
async fn damage_behind_the_checksum() {
    let whole = House::new().await;
    let good = whole.get(&whole.file().await.key).await;
    let mut seen = BTreeSet::new();
    for seed in 0..seeds() {
        let (house, mut random) = (whole.copied().await, Random(seed << 40));
        let mut bytes = good.to_vec();
        for _ in 0..1 + random.below(3) {
            let place = random.below(bytes.len());
            bytes[place] ^= 1 << random.below(8);
        }
        house.forge_file(bytes.into()).await;
        seen.extend(kinds(&house.survey().await, Severity::Info));
        let done = house.repair(Options::default()).await;
        let again = house.survey().await;
        assert!(again.is_clean(), "seed {seed}: {:#?} {:#?}", done.plan.steps, again.findings);
        // What is left can be read, and other files' bars are what they were.
        let bars = house.bars().await;
        assert_eq!(bars[&series(BTC)].len(), 100, "seed {seed}");
    }
    for kind in [FindingKind::FileUndecodable, FindingKind::BadPrices, FindingKind::TooPrecise] {
        assert!(seen.contains(&kind), "the seeds never led to {kind}: {seen:?}");
    }
}
