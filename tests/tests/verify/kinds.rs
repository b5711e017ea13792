//! Each kind of finding: provoked, seen, repaired, gone.

use std::collections::BTreeSet;

use bars::TimeRange;
use catalog::{Boundary, Move, Moves};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

/// Damage done, what must be found, what is left, and what is still found after the repair.
struct Case {
    name: &'static str,
    found: &'static [FindingKind],
    aapl: usize,
    btc: usize,
    left: &'static [FindingKind],
}

async fn check(house: &House, case: &Case) {
    let survey = house.survey().await;
    let infos = case.found.iter().all(|kind| kind.severity() == Severity::Info);
    let least = if infos { Severity::Info } else { Severity::Warning };
    let expected: BTreeSet<FindingKind> = case.found.iter().copied().collect();
    let expected: Vec<FindingKind> = expected.into_iter().collect();
    assert_eq!(kinds(&survey, least), expected, "{}: {:#?}", case.name, survey.findings);
    let truth = House::new().await.bars().await;
    let dry =
        repair(&house.store, &Scope::everything(), Options::default(), &Run::new("dry").dry(true)).await;
    let planned: Vec<_> = dry.unwrap().plan.steps.iter().map(|step| step.kind).collect();
    let keys = house.keys("").await;
    let done = house.repair(Options::default()).await;
    if survey.findings.iter().all(|finding| finding.kind != FindingKind::CommitUnfinished) {
        assert_eq!(
            planned,
            done.plan.steps.iter().map(|step| step.kind).collect::<Vec<_>>(),
            "{}",
            case.name
        );
    }
    let again = house.survey().await;
    assert_eq!(kinds(&again, Severity::Warning), case.left, "{} repaired: {:#?}", case.name, again.findings);
    let bars = house.bars().await;
    let rows = |name: &str| bars.get(&series(name)).map_or(0, BarColumns::len);
    assert_eq!((rows(AAPL), rows(BTC)), (case.aapl, case.btc), "{}", case.name);
    for (name, bars) in &bars {
        let true_bars = &truth[name];
        for row in 0..bars.len() {
            let stamp = bars.ts_init[row];
            // Files that were forged hold what they were given.
            let Ok(at) = true_bars.ts_init.binary_search(&stamp) else { continue };
            if !case.name.starts_with("forged") {
                assert_eq!(bars.bar(row), true_bars.bar(at), "{}", case.name);
            }
        }
    }
    // Nothing is lost: whatever lay there before is somewhere still.
    assert!(house.keys("").await.len() + 1 >= keys.len(), "{}", case.name);
    let still = house.repair(Options::default()).await;
    assert!(
        still.plan.steps.is_empty() && still.snapshot.is_none(),
        "{}: {:#?}",
        case.name,
        still.plan.steps
    );
}

macro_rules! cases {
    ($($name:ident ($house:ident) $damage:block finds [$($found:ident),*] leaves ($aapl:expr, $btc:expr) [$($left:ident),*];)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                let $house = House::new().await;
                $damage
                let case = Case {
                    name: stringify!($name),
                    found: &[$(FindingKind::$found),*],
                    aapl: $aapl,
                    btc: $btc,
                    left: &[$(FindingKind::$left),*],
                };
                check(&$house, &case).await;
            }
        )+
    };
}

cases! {
    nothing_is_wrong (house) { house.newest().await; } finds [] leaves (180, 100) [];
    head_deleted (house) { house.delete(names::HEAD).await; } finds [HeadMissing] leaves (180, 100) [];
    head_flipped (house) { house.flip(names::HEAD).await; } finds [HeadDamaged] leaves (180, 100) [];
    head_cut (house) { let head = house.get(names::HEAD).await; house.put(names::HEAD, head.slice(..90)).await; }
        finds [HeadDamaged] leaves (180, 100) [];
    head_of_yesterday (house) {
        let bytes = house.get(&names::snapshot(3)).await;
        let snapshot = Snapshot::decode("3", &bytes).unwrap();
        house.put(names::HEAD, Head::of(snapshot, &bytes).encode()).await;
    } finds [HeadStale] leaves (180, 100) [];
    snapshot_deleted (house) { house.delete(&house.snapshot_key().await).await; }
        finds [SnapshotMissing] leaves (180, 100) [];
    snapshot_flipped (house) { house.flip(&house.snapshot_key().await).await; }
        finds [SnapshotDamaged] leaves (180, 100) [];
    // The files of the last commit tell what it did.
    snapshot_and_head_gone (house) { house.flip(&house.snapshot_key().await).await; house.delete(names::HEAD).await; }
        finds [HeadMissing, SnapshotDamaged, OwnFileUnnamed] leaves (180, 100) [OldSnapshotBroken];
    // Unless it may have been stopped half-way: then it is undone.
    snapshot_and_head_gone_and_a_journal_left (house) {
        house.flip(&house.snapshot_key().await).await;
        house.delete(names::HEAD).await;
        house.put(&names::journal("t"), Moves::new(4).encode()).await;
    } finds [HeadMissing, SnapshotDamaged, OwnFileUnnamed] leaves (180, 50) [OldSnapshotBroken];
    old_snapshot_flipped (house) { house.flip(&names::snapshot(2)).await; }
        finds [OldSnapshotBroken] leaves (180, 100) [OldSnapshotBroken];
    old_snapshot_replaced (house) {
        let mut snapshot = Snapshot::decode("2", &house.get(&names::snapshot(2)).await).unwrap();
        snapshot.operation = "something else".into();
        house.put(&names::snapshot(2), snapshot.encode()).await;
    } finds [ChainBroken] leaves (180, 100) [ChainBroken];
    manifest_flipped (house) { house.flip(&house.entry(AAPL).await.manifest.key).await; }
        finds [ManifestDamaged] leaves (180, 100) [];
    manifests_deleted (house) {
        for key in house.keys(&names::series_manifests(&series(BTC))).await { house.delete(&key).await; }
    } finds [ManifestDamaged, OldSnapshotBroken] leaves (180, 100) [OldSnapshotBroken];
    // The manifest cannot be what it was without the file, so it is committed anew.
    manifest_and_file_gone (house) {
        let file = house.file().await;
        house.flip(&house.entry(AAPL).await.manifest.key).await;
        house.delete(&file.key).await;
    } finds [ManifestDamaged] leaves (120, 100) [OldSnapshotBroken];
    file_deleted (house) { let file = house.file().await; house.delete(&file.key).await; }
        finds [FileMissing] leaves (120, 100) [OldFileBroken];
    file_cut (house) {
        let file = house.file().await;
        let bytes = house.get(&file.key).await;
        house.put(&file.key, bytes.slice(..bytes.len() - 9)).await;
    } finds [FileDamaged] leaves (120, 100) [];
    file_flipped (house) { let file = house.file().await; house.flip(&file.key).await; }
        finds [FileDamaged] leaves (120, 100) [];
    file_flipped_with_a_copy (house) {
        let file = house.file().await;
        house.put("quarantine/bars/somewhere.parquet", house.get(&file.key).await).await;
        house.flip(&file.key).await;
    } finds [FileDamaged] leaves (180, 100) [];
    file_deleted_with_a_staged_copy (house) {
        let file = house.file().await;
        house.put("staging/t_a.parquet", house.get(&file.key).await).await;
        house.delete(&file.key).await;
    } finds [FileMissing] leaves (180, 100) [];
    file_retired (house) {
        let file = house.file().await;
        house.relocate(&file.key, &names::retired(&file.key, &file.sha256)).await;
    } finds [FileElsewhere] leaves (180, 100) [];
    replaced_file_is_back (house) {
        let old = house.keys("retired/").await.remove(0);
        house.put(&old.replacen("retired", "data", 1), house.get(&old).await).await;
    } finds [OwnFileUnnamed] leaves (180, 100) [];
    damaged_file_that_no_series_names (house) {
        let old = house.keys("retired/").await.remove(0);
        house.put(&old.replacen("retired", "data", 1), b"PAR1 no more".to_vec()).await;
    } finds [OwnFileUnnamed] leaves (180, 100) [];
    foreign_file (house) {
        let file = house.file().await;
        let other = "data/bars/AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL/2025-01-09T14-31-00-000000000Z_2025-01-09T15-30-00-000000000Z.parquet";
        house.put(other, house.get(&file.key).await).await;
    } finds [ForeignFile] leaves (180, 100) [ForeignFile];
    foreign_file_of_the_same_interval (house) {
        let file = house.file().await;
        let (stem, _) = file.key.rsplit_once('_').unwrap();
        house.put(&format!("{stem}.parquet"), house.get(&file.key).await).await;
    } finds [ForeignOverlap] leaves (180, 100) [ForeignOverlap];
    commit_stopped_before_its_moves (house) {
        let snapshot = house.newest().await;
        let file = house.files(BTC).await[1].object.clone();
        let staged = names::staged(&snapshot.transaction, &file.key);
        house.relocate(&file.key, &staged).await;
        let mut moves = Moves::new(snapshot.number);
        moves.arrive.push(Move { from: staged, to: file.key });
        house.put(&names::journal(&snapshot.transaction), moves.encode()).await;
    } finds [CommitUnfinished, FileElsewhere] leaves (180, 100) [];
    journal_flipped (house) {
        let snapshot = house.newest().await;
        house.put(&names::journal(&snapshot.transaction), b"{\"sha256\":\"no\"}".to_vec()).await;
    } finds [JournalDamaged] leaves (180, 100) [];
    boundary_damaged (house) { house.put(names::BOUNDARY, b"nothing".to_vec()).await; }
        finds [BoundaryDamaged] leaves (180, 100) [];
    boundary_ahead (house) { house.put(names::BOUNDARY, Boundary { oldest: 1, newest: 9 }.encode()).await; }
        finds [BoundaryDamaged] leaves (180, 100) [];
    staged_for_no_commit (house) { house.put("staging/gone_a.parquet", b"PAR1".to_vec()).await; }
        finds [StagingOrphan] leaves (180, 100) [];
    retired_file_deleted (house) { let old = house.keys("retired/").await.remove(0); house.delete(&old).await; }
        finds [OldFileBroken] leaves (180, 100) [OldFileBroken];
    retired_file_flipped_with_a_copy (house) {
        let old = house.keys("retired/").await.remove(0);
        house.put("quarantine/bars/copy.parquet", house.get(&old).await).await;
        house.flip(&old).await;
    } finds [OldFileBroken] leaves (180, 100) [];
    forged_totals (house) { house.forge(|entry, _| entry.rows += 1).await; } finds [TotalsWrong] leaves (180, 100) [];
    forged_entry (house) { house.forge(|_, manifest| manifest.partitions[1].rows += 1).await; }
        finds [EntryWrong] leaves (180, 100) [];
    forged_span (house) {
        house.forge(|_, manifest| manifest.partitions[1].present = [TimeRange::new(at("2024-01-09"), at("2024-01-10"))].into_iter().collect()).await;
    } finds [EntryWrong] leaves (180, 100) [];
    forged_footer (house) {
        house.forge(|_, manifest| manifest.partitions[1].footer = Some(Bytes::from_static(b"no footer"))).await;
    } finds [ManifestFooter, EntryWrong] leaves (180, 100) [];
    forged_name (house) {
        let file = house.file().await;
        let key = file.key.replace("2024-01-09T14-31", "2024-01-09T14-11");
        house.put(&names::retired(&file.key, &file.sha256), house.get(&file.key).await).await;
        house.relocate(&file.key, &key).await;
        house.forge(|_, manifest| manifest.partitions[1].object.key = key).await;
    } finds [NameLies] leaves (180, 100) [];
    forged_garbage (house) { house.forge_file(Bytes::from_static(b"PAR1 and nothing else PAR1")).await; }
        finds [FileUndecodable] leaves (120, 100) [];
    forged_of_another_series (house) { house.forge_bars(|_| (), WriteOptions::default(), BTC).await; }
        finds [WrongSeries] leaves (120, 100) [];
    forged_disorder (house) {
        let file = house.get(&house.file().await.key).await;
        let stored = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = stored.schema().clone();
        let batch = stored.build().unwrap().next().unwrap().unwrap().with_schema(schema.clone()).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
        for rows in [30..60, 0..30] {
            writer.write(&batch.slice(rows.start, rows.len())).unwrap();
        }
        house.forge_file(Bytes::from(writer.into_inner().unwrap())).await;
    } finds [RowsDisordered] leaves (120, 100) [];
    forged_prices (house) {
        let swap = |bars: &mut BarColumns<Decimal>| std::mem::swap(&mut bars.high, &mut bars.low);
        house.forge_bars(swap, WriteOptions::default(), AAPL).await;
    } finds [BadPrices] leaves (180, 100) [BadPrices];
    forged_off_grid (house) {
        house.forge_bars(|bars| bars.ts_event[7] += 1, WriteOptions::default(), AAPL).await;
    } finds [OffGrid] leaves (180, 100) [OffGrid];
    forged_off_session (house) {
        let later = |bars: &mut BarColumns<Decimal>| {
            for stamps in [&mut bars.ts_event, &mut bars.ts_init] {
                stamps.iter_mut().for_each(|stamp| *stamp += 8 * 60 * MINUTE);
            }
        };
        house.forge_bars(later, WriteOptions::default(), AAPL).await;
    } finds [OffSession] leaves (180, 100) [];
    forged_precision (house) {
        let options = WriteOptions { price_precision: 4, ..WriteOptions::default() };
        house.forge_bars(|bars| bars.open[3] = "181.1725".parse().unwrap(), options, AAPL).await;
    } finds [TooPrecise, PrecisionDiffers] leaves (180, 100) [];
}

#[tokio::test]
async fn two_named_files_of_one_time() {
    let house = House::new().await;
    house.forge(|_, manifest| manifest.partitions[1].last = at("2024-01-10T14:40:00Z")).await;
    let found = kinds(&house.survey().await, Severity::Warning);
    assert_eq!(found, [FindingKind::NamedOverlap, FindingKind::EntryWrong]);
    // Describing the file anew mends both.
    house.repair(Options::default()).await;
    assert_eq!(kinds(&house.survey().await, Severity::Warning), []);
}

#[tokio::test]
async fn two_files_that_do_overlap() {
    let house = House::new().await;
    let few = minutes("2024-01-09T15:20:00Z", 20, 3);
    let encoded = encode_bars(&series(AAPL), &few, &WriteOptions::default()).unwrap();
    let key = names::partition(&series(AAPL), encoded.first, encoded.last, &encoded.sha256);
    house.put(&key, encoded.bytes.clone()).await;
    let entry = describe(&series(AAPL), &key, &encoded.bytes).unwrap().entry;
    house.forge(|_, manifest| manifest.partitions.insert(2, entry)).await;
    assert_eq!(kinds(&house.survey().await, Severity::Warning), [FindingKind::NamedOverlap]);
    house.repair(Options::default()).await;
    assert_eq!(kinds(&house.survey().await, Severity::Warning), []);
    assert_eq!(house.bars().await, House::new().await.bars().await);
}

#[tokio::test]
async fn files_listed_out_of_order() {
    let house = House::new().await;
    let truth = house.bars().await;
    house.forge(|_, manifest| manifest.partitions.swap(0, 2)).await;
    let found = kinds(&house.survey().await, Severity::Warning);
    assert_eq!(found, [FindingKind::NamedOverlap]);
    house.repair(Options::default()).await;
    assert_eq!(kinds(&house.survey().await, Severity::Warning), []);
    assert_eq!(house.bars().await, truth);
}

#[tokio::test]
async fn a_newer_catalog_is_left_alone() {
    let house = House::new().await;
    let mut snapshot = house.newest().await;
    snapshot.format += 1;
    let bytes = snapshot.encode();
    house.put(names::HEAD, Head::of(snapshot, &bytes).encode()).await;
    assert_eq!(kinds(&house.survey().await, Severity::Info), [FindingKind::NewerFormat]);
    let error =
        repair(&house.store, &Scope::quick(), Options::default(), &Run::new("repair")).await.unwrap_err();
    assert_eq!(error.kind, catalog::ErrorKind::Unsupported);
}

#[tokio::test]
async fn history_can_be_given_up() {
    let house = House::new().await;
    house.flip(&names::snapshot(2)).await;
    let done = house.repair(Options { forget_history: true }).await;
    assert_eq!(done.snapshot, Some(5));
    assert_eq!(house.newest().await.oldest, 5);
    assert_eq!(kinds(&house.survey().await, Severity::Warning), []);
}

#[tokio::test]
async fn a_quarantined_file_is_known_to_history() {
    let house = House::new().await;
    let file = house.file().await;
    house.flip(&file.key).await;
    let done = house.repair(Options::default()).await;
    let holes: Vec<_> = done.plan.holes.iter().map(|hole| (hole.range, hole.rows)).collect();
    assert_eq!(holes, [(TimeRange::new(at("2024-01-09T14:30:00Z"), at("2024-01-09T15:30:00Z")), 60)]);
    assert_eq!(kinds(&house.survey().await, Severity::Info), [FindingKind::OldFileQuarantined]);
    // The same bars can be imported again.
    house.add(AAPL, minutes("2024-01-09T14:30:00Z", 60, 5), Overlap::Fail).await;
    assert_eq!(house.bars().await[&series(AAPL)].len(), 180);
}

/// More series than stand in a snapshot.
async fn many() -> House {
    let house = House::empty();
    let name = |number: usize| format!("S{number:03}.NASDAQ-1-MINUTE-LAST-EXTERNAL");
    let bars = |number: usize| minutes("2024-01-08T14:30:00Z", 1, number as i64);
    let all = (0..101).map(|number| addition(&name(number), bars(number), Overlap::Fail)).collect();
    commit_bars(&house.store, all, &Run::new("many")).await.unwrap();
    house.add(&name(7), minutes("2024-01-09T14:30:00Z", 5, 0), Overlap::Fail).await;
    house
}

#[tokio::test]
async fn a_part_of_the_series_table_is_built_again() {
    for manifest_too in [false, true] {
        let house = many().await;
        let truth = house.bars().await;
        let touched = series("S007.NASDAQ-1-MINUTE-LAST-EXTERNAL");
        let SeriesTable::Shards(shards) = house.newest().await.table else { panic!() };
        let number = catalog::ShardRef::shard_of(&touched);
        let shard = shards.iter().find(|shard| shard.shard == number).unwrap();
        if manifest_too {
            house.delete(&house.entry(&touched.to_string()).await.manifest.key).await;
        }
        house.flip(&shard.object.key).await;
        // Other series can be used all the same, and the damaged part says what to do.
        let open = Catalog::open(house.store.clone()).await.unwrap();
        assert_eq!(open.series().len() as u64, 101 - shard.series);
        assert!(open.entry(&touched).unwrap_err().to_string().contains("barkeep repair"));
        assert_eq!(kinds(&house.survey().await, Severity::Warning), [FindingKind::ShardDamaged]);
        let done = house.repair(Options::default()).await;
        assert_eq!(done.snapshot, None, "{:?}", done.plan.steps);
        assert_eq!(kinds(&house.survey().await, Severity::Error), []);
        assert_eq!(house.bars().await, truth);
    }
}

#[tokio::test]
async fn damage_in_a_large_file_is_located() {
    let house = House::empty();
    let (file, _) = house.large().await;
    house.flip(&file.object.key).await;
    let survey = house.survey().await;
    assert_eq!(kinds(&survey, Severity::Info), [FindingKind::FileDamaged]);
    let observed = &survey.findings[0].observed;
    assert!(observed.contains("SHA-256") && observed.contains("the damage is in bytes "), "{observed}");
}

#[tokio::test]
async fn a_lost_commit_is_told_from_its_files() {
    let house = House::new().await;
    let msft = "MSFT.NASDAQ-1-MINUTE-LAST-EXTERNAL";
    let replaced = addition(AAPL, minutes("2024-01-08T14:40:00Z", 2, 55), Overlap::Replace);
    let new = addition(msft, minutes("2024-01-08T14:30:00Z", 30, 1), Overlap::Fail);
    commit_bars(&house.store, vec![replaced, new], &Run::new("both")).await.unwrap();
    let truth = house.bars().await;
    house.flip(&names::snapshot(5)).await;
    house.delete(names::HEAD).await;
    let found = kinds(&house.survey().await, Severity::Warning);
    use FindingKind::*;
    assert_eq!(found, [HeadMissing, SnapshotDamaged, FileElsewhere, OwnFileUnnamed]);
    assert_eq!(house.repair(Options::default()).await.snapshot, Some(6));
    assert_eq!(house.bars().await, truth);
    assert_eq!(kinds(&house.survey().await, Severity::Warning), [OldSnapshotBroken]);
}
