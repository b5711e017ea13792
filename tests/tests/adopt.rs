//! Catalogs that real NautilusTrader releases wrote: adopted where they lie, followed, and migrated, every row equal.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bars::UnixNanos;
use catalog::Sha256;
use serde_json::{Map, Value};
use tests::{Place, Said};

const AAPL: &str = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nautilus")
}

/// The catalogs, by name, with their files and expected rows.
fn catalogs() -> Map<String, Value> {
    let text = fs::read(fixtures().join("manifest.json")).expect("the fixtures have a manifest");
    let catalogs: Map<String, Value> = serde_json::from_slice(&text).expect("it is JSON");
    assert!(catalogs.len() >= 15, "{} catalogs", catalogs.len());
    catalogs
}

/// The catalog `name` as this place's own.
fn laid(name: &str) -> Place {
    let place = Place::new();
    copy(&fixtures().join(name).join("data"), &place.catalog().join("data"));
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the temporary directory can be written");
    for entry in from.read_dir().expect("fixtures can be listed").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("fixtures can be copied");
        }
    }
}

/// Every file under `data/`, with its checksum.
fn sums(place: &Place) -> BTreeMap<PathBuf, Sha256> {
    fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Sha256>) {
        for entry in folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else {
                let sum = Sha256::of(&fs::read(&entry).expect("a file"));
                found.insert(entry, sum);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&place.catalog().join("data"), &mut found);
    found
}

/// Files of a directory of the catalog, ascending.
fn files(place: &Place, directory: &str) -> Vec<PathBuf> {
    sums(place).into_keys().filter(|path| path.to_string_lossy().contains(directory)).collect()
}

fn done(said: &Said) -> &Said {
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    said
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", said.out, said.err))
}

/// All rows of the catalog, as the expected files spell them: values as stored, stamps in nanoseconds.
fn rows(place: &Place) -> Vec<String> {
    let mut lines = Vec::new();
    for series in json(done(&place.barkeep("list --format json"))).as_array().expect("a list") {
        let bar_type = series["bar_type"].as_str().expect("a bar type");
        let csv = place.barkeep(&format!("query {bar_type} --format csv"));
        for line in done(&csv).out.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let nanos = |text: &str| text.parse::<UnixNanos>().expect("a stamp").0;
            let (event, init) = (nanos(cells[0]), nanos(cells[6]));
            lines.push(format!("{bar_type},{},{event},{init}", cells[1..6].join(",")));
        }
    }
    lines.sort();
    lines
}

fn expected(catalog: &Value) -> Vec<String> {
    let path = fixtures().join(catalog["expected"]["bars"]["file"].as_str().expect("a file"));
    let (mut text, packed) = (String::new(), fs::File::open(path).expect("expected rows"));
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("they can be unpacked");
    let mut lines: Vec<String> = text.lines().skip(1).map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(lines.len() as u64, catalog["expected"]["bars"]["rows"].as_u64().expect("a count"));
    lines.sort();
    lines
}

fn assert_rows(found: &[String], wanted: &[String], what: &str) {
    let differs = found.iter().zip(wanted).find(|(found, wanted)| found != wanted);
    assert!(differs.is_none(), "{what}: {differs:?}");
    assert_eq!(found.len(), wanted.len(), "{what}");
}

fn instruments(name: &str) -> usize {
    let count =
        |folder: &str| fixtures().join(name).join("data").join(folder).read_dir().map_or(0, Iterator::count);
    count("equity") + count("currency_pair")
}

#[test]
fn every_catalog_is_adopted_where_it_lies() {
    for (name, catalog) in catalogs() {
        let place = laid(&name);
        let before = sums(&place);
        let planned = json(done(&place.barkeep("adopt --dry-run --format json")));
        assert!(planned["snapshot"].is_null() && !place.catalog().join("manifest").exists(), "{name}");
        let adopted = json(done(&place.barkeep("adopt --format json")));
        assert_eq!((&adopted["plan"], &adopted["snapshot"]), (&planned["plan"], &1.into()), "{name}");
        assert_eq!(adopted["plan"]["refused"], serde_json::json!([]), "{name}");
        assert_rows(&rows(&place), &expected(&catalog), &name);
        let listed = json(done(&place.barkeep("instruments --format json")));
        assert_eq!(listed.as_array().map(Vec::len), Some(instruments(&name)), "{name}");
        let again = place.barkeep("adopt");
        assert_eq!(again.code, 4, "{name}: {}", again.err);
        assert!(again.err.contains("`barkeep adopt --update`"), "{}", again.err);
        let update = place.barkeep("adopt --update");
        assert!(done(&update).out.contains("nothing to adopt"), "{name}: {}", update.out);
        assert_eq!(sums(&place), before, "{name}: files under data/ were touched");
    }
}

#[test]
fn a_published_copy_has_the_instruments_of_its_series() {
    for name in catalogs().keys() {
        let place = laid(name);
        done(&place.barkeep("adopt"));
        let publish = format!("publish {} --no-pages", place.path("copy").display());
        done(&place.barkeep(&publish));
        let again = place.barkeep(&publish);
        let of = |which: &str| {
            let words = format!("instruments --format json --catalog {}", place.path(which).display());
            let mut listed = json(done(&place.barkeep(&words)));
            for instrument in listed.as_array_mut().expect("a list") {
                instrument.as_object_mut().expect("an object").remove("file");
            }
            listed
        };
        let listed = json(done(&place.barkeep("list --format json"))).to_string();
        let mut wanted = json(done(&place.barkeep("instruments --format json")));
        let all = wanted.as_array_mut().expect("a list");
        all.retain(|instrument| listed.contains(instrument["id"].as_str().expect("an id")));
        assert!(!all.is_empty() || instruments(name) == 0, "{name}");
        for instrument in all {
            instrument.as_object_mut().expect("an object").remove("file");
        }
        assert_eq!(of("copy"), wanted, "{name}");
        assert!(done(&again).out.contains("up to date"), "{name}: {}", again.out);
    }
}

#[test]
fn every_catalog_is_migrated_with_proof() {
    for (name, catalog) in catalogs() {
        let place = Place::new();
        let source = fixtures().join(&name);
        let migrate = format!("migrate nautilus {} --format json", source.display());
        assert_eq!(
            json(done(&place.barkeep(&format!("{migrate} --dry-run"))))["report"]["series"][0]["verdict"],
            "planned"
        );
        assert!(!place.catalog().exists(), "{name}: a dry run wrote something");
        for present in [false, true] {
            let report = &json(done(&place.barkeep(&migrate)))["report"];
            let mut total = 0;
            for series in report["series"].as_array().expect("series") {
                assert_eq!(
                    (&series["verdict"], &series["source"]),
                    (&"equal".into(), &series["target"]),
                    "{name}"
                );
                let rows = &series["source"]["rows"];
                assert_eq!(series["rows_present"], if present { rows.clone() } else { 0.into() }, "{name}");
                assert_ne!(series["source"]["hash"], "00000000000000000000000000000000", "{name}");
                total += rows.as_u64().expect("a count");
            }
            assert_eq!(total, catalog["expected"]["bars"]["rows"].as_u64().expect("a count"), "{name}");
            assert_eq!(report["instruments"].as_u64(), Some(instruments(&name) as u64), "{name}");
        }
        assert_rows(&rows(&place), &expected(&catalog), &name);
        assert!(files(&place, "/data/bar/").is_empty(), "{name}");
    }
}

#[test]
fn imports_go_on_in_the_current_format_and_are_refused_in_the_old_one() {
    let csv = "timestamp,open,high,low,close,volume\n2024-01-15T14:30:00Z,185.00,186.00,184.50,185.25,100\n";
    let import = "import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open --tz UTC";
    let new = format!("{AAPL},185.00,186.00,184.50,185.25,100,1705329060000000000,1705329060000000000");
    let catalogs = catalogs();

    let current = laid("v2_2.0.0rc7/basic");
    done(&current.barkeep("adopt"));
    let before = sums(&current);
    current.file("bars.csv", csv);
    done(&current.barkeep(import));
    let mut wanted = expected(&catalogs["v2_2.0.0rc7/basic"]);
    wanted.push(new.clone());
    wanted.sort();
    assert_rows(&rows(&current), &wanted, "after an import");
    let after = sums(&current);
    assert!(before.iter().all(|(path, sum)| after.get(path) == Some(sum)), "adopted files were touched");

    for old in ["v1_1.231.0/basic", "std64_pyarrow/basic"] {
        let place = laid(old);
        place.file("bars.csv", csv);
        let unadopted = place.barkeep(import);
        assert!(unadopted.code == 1 && unadopted.err.contains("`barkeep adopt`"), "{}", unadopted.err);
        done(&place.barkeep("adopt"));
        let before = sums(&place);
        let refused = place.barkeep(import);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert!(refused.err.contains("migrate nautilus"), "{}", refused.err);
        assert_eq!(sums(&place), before);
        assert_rows(&rows(&place), &expected(&catalogs[old]), old);
    }
}

/// A place where `of` was adopted and another program then put the bars of `then` in its files' place.
fn followed(of: &str, then: &str, directory: &str) -> (Place, String) {
    let place = laid(of);
    done(&place.barkeep("adopt"));
    fs::remove_dir_all(place.catalog().join("data").join(directory)).expect("the directory is there");
    copy(&fixtures().join(then).join("data").join(directory), &place.catalog().join("data").join(directory));
    let update = place.barkeep("adopt --update");
    (place, done(&update).out.clone())
}

#[test]
fn consolidations_and_deletions_of_nautilus_trader_are_followed() {
    let catalogs = catalogs();
    for (release, directory) in [("v1_1.231.0", "bar"), ("v2_2.0.0rc7", "bars")] {
        let name = |case: &str| format!("{release}/{case}");
        let (place, said) = followed(&name("two_writes"), &name("consolidated"), directory);
        assert!(said.contains("2 files with 1,950 bars are no longer there"), "{said}");
        assert!(said.contains("all of their time is held by other files"), "{said}");
        assert_rows(&rows(&place), &expected(&catalogs[&name("consolidated")]), release);

        let (place, said) = followed(&name("consolidated"), &name("delete_range"), directory);
        assert!(
            said.contains("deleted: 60 bars from 2024-01-10T15:30:00Z to 2024-01-10T16:30:00Z"),
            "{said}"
        );
        assert_rows(&rows(&place), &expected(&catalogs[&name("delete_range")]), release);
        // What it deleted is not in the older snapshot either, and that is said.
        assert!(done(&place.barkeep("adopt --update")).out.contains("nothing to adopt"));
    }
    // Everything was deleted.
    let place = laid("v2_2.0.0rc7/two_writes");
    done(&place.barkeep("adopt"));
    fs::remove_dir_all(place.catalog().join("data")).expect("it is there");
    let strict = place.barkeep("adopt --update --strict");
    assert_eq!(strict.code, 4, "{}", strict.out);
    assert_eq!(json(&place.barkeep("list --format json"))[0]["rows"], 1950);
    let said = place.barkeep("adopt --update");
    assert!(
        done(&said).out.contains("deleted: 390 bars from 2024-01-08T14:30:00Z to 2024-01-08T21:00:00Z"),
        "{}",
        said.out
    );
    assert_eq!(json(&place.barkeep("list --format json")), serde_json::json!([]));
}

#[test]
fn a_file_overwritten_under_its_name_is_read_again() {
    let place = laid("v1_1.231.0/basic");
    done(&place.barkeep("adopt"));
    // As 1.x does after a deletion: the same range is written again, with other values and, here, the same length.
    let [file] = &files(&place, AAPL)[..] else { panic!("one file") };
    let [other] = &files(&place, "MSFT.NASDAQ-1-MINUTE")[..] else { panic!("one file") };
    let mut bytes = fs::read(file).expect("a file");
    let size = bytes.len();
    bytes[size / 2] ^= 1;
    fs::write(file, &bytes).expect("it can be written");
    let refused = place.barkeep("adopt --update --dry-run");
    assert!(done(&refused).out.contains(AAPL), "{}", refused.out);
    fs::copy(other, file).expect("it can be written");
    let said = place.barkeep("adopt --update");
    assert!(done(&said).out.contains("overlaps"), "{}", said.out);
    assert!(said.out.contains("1950 of its bars are equal there, 0 differ, 0 are only here"), "{}", said.out);
    assert!(said.out.contains("deleted: 390 bars"), "{}", said.out);
}

#[test]
fn files_that_cannot_join_are_listed_and_the_others_join() {
    for release in ["v1_1.231.0", "v2_2.0.0rc7"] {
        let place = laid(&format!("{release}/two_writes"));
        let [first, second] = &files(&place, AAPL)[..] else { panic!("two files") };
        let folder = first.parent().expect("a folder");
        let bytes = fs::read(first).expect("a file");
        let at = |name: &str| folder.join(name);
        fs::write(
            at("2025-01-08T14-31-00-000000000Z_2025-01-09T21-00-00-000000000Z.parquet"),
            &bytes[..bytes.len() / 2],
        )
        .expect("it can be written");
        fs::write(at("x.parquet"), b"PAR1 this is no Parquet PAR1").expect("it can be written");
        fs::write(at("empty.parquet"), b"").expect("it can be written");
        fs::write(at("ignored.tmp"), b"").expect("it can be written");
        fs::copy(first, at("2024-01-08T14-31-00-000000000Z_2024-01-09T21-00-00-000000001Z.parquet"))
            .expect("copied");
        fs::rename(second, at("part-0.parquet")).expect("renamed");
        let before = sums(&place);

        let strict = place.barkeep("adopt --strict");
        assert_eq!(strict.code, 4, "{}", strict.err);
        assert!(!place.catalog().join("manifest").exists());
        let said = done(&place.barkeep("adopt")).out.clone();
        for expected in [
            "overlaps",
            "780 of its bars are equal there",
            "x.parquet",
            "empty.parquet",
            "2025-01-08",
            "its name tells no range",
        ] {
            assert!(said.contains(expected), "{release} {expected}: {said}");
        }
        assert!(!said.contains("ignored.tmp") && said.contains("adopted 2 files with 1,950 bars"), "{said}");
        let wanted = expected(&catalogs()[&format!("{release}/two_writes")]);
        assert_rows(&rows(&place), &wanted, release);
        assert_eq!(sums(&place), before, "{release}: files under data/ were touched");

        let renamed = place.barkeep("reset-names");
        assert!(done(&renamed).out.contains("renamed 1 files"), "{}", renamed.out);
        assert!(!at("part-0.parquet").exists());
        let [.., last] = &files(&place, "2024-01-10T14-31-00-000000000Z_2024-01-12T21-00-00-000000000Z")[..]
        else {
            panic!("{release}: no such name")
        };
        assert_eq!(last.parent(), Some(folder), "{release}");
        assert_rows(&rows(&place), &wanted, release);
        assert!(done(&place.barkeep("reset-names")).out.contains("tells the truth"));
    }
}

#[test]
fn names_that_were_exchanged_are_exchanged_back() {
    for release in ["v1_1.231.0", "v2_2.0.0rc7"] {
        let place = laid(&format!("{release}/two_writes"));
        let before = sums(&place);
        let [first, second] = &files(&place, AAPL)[..] else { panic!("two files") };
        let aside = place.path("aside.parquet");
        for (from, to) in [(first, &aside), (second, first), (&aside, second)] {
            fs::rename(from, to).expect("renamed");
        }
        let said = done(&place.barkeep("adopt")).out.clone();
        assert_eq!(said.matches("narrower range").count(), 2, "{said}");
        let wanted = expected(&catalogs()[&format!("{release}/two_writes")]);
        assert_rows(&rows(&place), &wanted, release);
        assert!(done(&place.barkeep("reset-names")).out.contains("renamed 2 files"));
        assert_rows(&rows(&place), &wanted, release);
        let contents = |sums: BTreeMap<PathBuf, Sha256>| {
            let mut contents: Vec<Sha256> = sums.into_values().collect();
            contents.sort();
            contents
        };
        assert_eq!(contents(sums(&place)), contents(before.clone()), "{release}: files were lost");
        if release.starts_with("v1") {
            assert_eq!(sums(&place), before);
        }
        // The older snapshot names the old files: they are kept.
        let retired = place.catalog().join("retired");
        let folder =
            retired.read_dir().expect("files were retired").next().expect("one").expect("an entry").path();
        let series =
            folder.read_dir().expect("a folder").next().expect("one series").expect("an entry").path();
        assert_eq!(series.read_dir().expect("a folder").count(), 2, "{release}");
    }
}

#[test]
fn a_lost_manifest_is_built_again() {
    let place = Place::new();
    place.demo();
    let before = rows(&place);
    fs::remove_dir_all(place.catalog().join("manifest")).expect("it is there");
    done(&place.barkeep("adopt --strict"));
    assert_rows(&rows(&place), &before, "the demo");
}

#[test]
fn wrong_places_are_named() {
    let place = Place::new();
    for (words, code, text) in [
        ("adopt", 3, "no such directory"),
        ("migrate nautilus nowhere", 3, "no such directory"),
        ("instruments", 3, "no such directory"),
    ] {
        let said = place.barkeep(words);
        assert!(said.code == code && said.err.contains(text), "{words}: {} {}", said.code, said.err);
    }
    fs::create_dir_all(place.catalog()).expect("a directory");
    for (words, code, text) in [
        ("adopt", 3, "nothing to adopt"),
        ("migrate nautilus catalog", 2, "the same place"),
        ("migrate nautilus .", 3, "nothing to migrate"),
    ] {
        let said = place.barkeep(words);
        assert!(said.code == code && said.err.contains(text), "{words}: {} {}", said.code, said.err);
    }
}
