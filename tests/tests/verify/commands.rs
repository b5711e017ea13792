//! `barkeep verify` and `barkeep repair` as their users run them.

use serde_json::Value;
use tests::Place;

fn first_file(place: &Place) -> std::path::PathBuf {
    let folder = place.catalog().join("data/bars/BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.remove(0)
}

#[test]
fn damage_is_found_repaired_and_gone() {
    let place = Place::new();
    let clean = place.demo().barkeep("verify --full --strict");
    assert_eq!((clean.code, clean.out.trim()), (0, "nothing is wrong"), "{}", clean.err);
    assert!(clean.err.contains("27,090 bars"), "{}", clean.err);
    let file = first_file(&place);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(place.barkeep("verify").code, 0, "sizes are the same");
    let found = place.barkeep("verify --full --format json");
    assert_eq!(found.code, 5);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["findings"][0]["kind"], "file_damaged");
    assert_eq!(found["findings"][0]["severity"], "error");
    assert_eq!(found["errors"], 1);
    let query = place.barkeep("query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --format csv");
    assert_eq!(query.code, 5);
    assert!(query.err.contains("barkeep repair"), "{}", query.err);
    let dry = place.barkeep("repair --dry-run");
    assert!(
        dry.out.contains("1,440 bars are lost") && dry.out.contains("nothing was changed"),
        "{}",
        dry.out
    );
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let done = place.barkeep("repair --refetch");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("snapshot 2 of"), "{}", done.out);
    assert!(
        done.out.contains(
            "barkeep import csv FILE --instrument BTC/USD.BITSTAMP --bar 1-MINUTE-LAST --stamp open"
        ),
        "{}",
        done.out
    );
    assert_eq!(place.barkeep("verify --full --snapshots all --strict").code, 0);
    let aside = place
        .catalog()
        .join("quarantine/bars/BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL")
        .join(file.file_name().unwrap());
    assert_eq!(std::fs::read(aside).unwrap(), bytes);
    let rows = place.barkeep("query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --format csv").out;
    assert_eq!(rows.lines().count(), 1 + 20_160 - 1_440);
    assert!(place.barkeep("repair").out.contains("nothing to repair"));
}

#[test]
fn warnings_are_errors_if_one_wants() {
    let place = Place::new();
    place.demo();
    let file = first_file(&place);
    let other = file.with_file_name("2030-01-01T00-01-00-000000000Z_2030-01-02T00-00-00-000000000Z.parquet");
    std::fs::copy(&file, &other).unwrap();
    let found = place.barkeep("verify");
    assert_eq!(found.code, 0, "{}", found.err);
    assert!(
        found.out.contains("foreign_file") && found.out.contains("barkeep adopt --update"),
        "{}",
        found.out
    );
    assert_eq!(place.barkeep("verify --strict").code, 5);
    let done = place.barkeep("repair");
    assert!(done.code == 0 && done.out.contains("left as it is") && other.is_file(), "{}", done.out);
    // Where bars of one time would be read twice, that is an error, and stays one.
    let twice = file.with_file_name("2026-08-17T00-01-00-000000000Z_2026-08-18T00-00-00-000000000Z.parquet");
    std::fs::copy(&file, &twice).unwrap();
    let left = place.barkeep("repair --quick");
    assert!(left.code == 5 && left.out.contains("foreign_overlap") && twice.is_file(), "{}", left.out);
    // A series of its own is not concerned.
    assert_eq!(place.barkeep("verify --strict --series ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL").code, 0);
}

#[test]
fn a_stopped_write_is_cleared_away_in_time() {
    let place = Place::new();
    place.demo();
    let left = first_file(&place).with_extension("parquet#1");
    std::fs::write(&left, b"PAR1").unwrap();
    let found = place.barkeep("verify");
    assert!(found.code == 0 && found.out.contains("leftover"), "{} {}", found.out, found.err);
    assert!(place.barkeep("repair --quick").out.contains("nothing to repair") && left.is_file());
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    std::fs::File::options().write(true).open(&left).unwrap().set_modified(hours_ago).unwrap();
    assert!(place.barkeep("repair --quick").out.contains("removes it") && !left.is_file());
}

#[test]
fn a_cut_file_says_what_to_do() {
    let place = Place::new();
    place.demo();
    let file = first_file(&place);
    let bytes = std::fs::read(&file).unwrap();
    for left in [0, 100, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..left]).unwrap();
        let failed = place.barkeep("query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --limit 5");
        assert_eq!(failed.code, 5, "{left}: {}", failed.err);
        assert!(failed.err.contains("barkeep repair"), "{left}: {}", failed.err);
        assert_eq!(place.barkeep("verify").code, 5);
        let later = place.barkeep(
            "query BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL --start 2026-08-20 --limit 5 --format csv",
        );
        assert_eq!(later.out.lines().count(), 6, "{}", later.err);
    }
}

#[test]
fn there_must_be_a_catalog() {
    let place = Place::new();
    assert_eq!(place.barkeep("verify").code, 3);
    std::fs::create_dir(place.catalog()).unwrap();
    for command in ["verify", "repair"] {
        let none = place.barkeep(command);
        assert!(none.code == 3 && none.err.contains("there is no catalog"), "{}", none.err);
    }
}

#[test]
fn every_finding_is_explained() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify.md");
    let page = std::fs::read_to_string(page).unwrap();
    for kind in catalog::FindingKind::ALL {
        assert!(page.contains(&format!("`{kind}`")), "docs/verify.md does not explain {kind}");
    }
}
