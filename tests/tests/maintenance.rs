//! Deleting, consolidating, older snapshots, gaps and vacuum, as an operator does them.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use serde_json::Value;
use tests::{Place, Said};

const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";
const ACME: &str = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn ok(said: Said) -> Said {
    assert_eq!(said.code, 0, "{}", said.err);
    said
}

fn json(said: Said) -> Value {
    serde_json::from_str(&ok(said).out).unwrap()
}

fn bars(place: &Place, words: &str) -> String {
    ok(place.barkeep(&format!("{words} --format csv"))).out
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

fn listed(place: &Place) -> usize {
    files(&place.catalog().join("data")).len()
}

#[test]
fn a_range_is_deleted_and_comes_back() {
    let place = Place::new();
    place.demo();
    let before = bars(&place, &format!("query {BTC}"));
    let words = format!("delete {BTC} --start 2026-08-18T12:00:00Z --end 2026-08-20T12:00:00Z");
    let plan = json(place.barkeep(&format!("{words} --dry-run --format json")));
    assert_eq!((&plan["changes"]["rows_removed"], &plan["snapshot"]), (&2880.into(), &Value::Null));
    assert_eq!(bars(&place, &format!("query {BTC}")), before, "a dry run changes nothing");
    let done = json(place.barkeep(&format!("{words} --format json")));
    assert_eq!(done["changes"], plan["changes"], "the plan said what would be done");
    assert_eq!(done["snapshot"], 2);
    let gaps = json(place.barkeep(&format!("gaps {BTC} --format json")));
    assert_eq!(gaps["missing"], 2880);
    // The older state can be read, and be the newest again.
    assert_eq!(bars(&place, &format!("--snapshot 1 query {BTC}")), before);
    let diff = json(place.barkeep("snapshots diff 1 2 --format json"));
    assert_eq!(diff["series"][0]["removed"], 2880);
    assert!(ok(place.barkeep("snapshots roll-back 1")).out.contains("snapshot 3"));
    assert_eq!(bars(&place, &format!("query {BTC}")), before);
    assert_eq!(json(place.barkeep("snapshots diff 1 3 --format json"))["series"], Value::Array(Vec::new()));
    let again = ok(place.barkeep("snapshots roll-back 1"));
    assert!(again.out.contains("nothing to do"), "{}", again.out);
}

#[test]
fn consolidating_changes_no_bar() {
    let place = Place::new();
    place.demo();
    let before = (bars(&place, &format!("query {BTC}")), bars(&place, &format!("query {ACME}")));
    let files_before = listed(&place);
    let plan = json(place.barkeep("consolidate --by week --dry-run --format json"));
    let done = json(place.barkeep("consolidate --by week --format json"));
    assert_eq!(plan["changes"], done["changes"]);
    assert!(listed(&place) < files_before / 3, "{} of {files_before}", listed(&place));
    assert_eq!((bars(&place, &format!("query {BTC}")), bars(&place, &format!("query {ACME}"))), before);
    assert!(ok(place.barkeep("consolidate --by week")).out.contains("nothing to do"));
    ok(place.barkeep(&format!("consolidate {BTC} --by day")));
    assert_eq!(bars(&place, &format!("query {BTC}")), before.0);
}

#[test]
fn gaps_are_judged_by_calendar_file_or_none() {
    let place = Place::new();
    place.demo();
    let gaps = json(place.barkeep(&format!("gaps {ACME} --format json")));
    assert_eq!((&gaps["missing"], gaps["gaps"].as_array().unwrap().len()), (&480.into(), 2));
    assert_eq!(gaps["gaps"][0]["start"], "2026-09-02T17:00:00Z");
    // A request beyond what is stored: one more session before, and Labor Day is none.
    let wider = json(place.barkeep(&format!("gaps {ACME} --start 2026-08-21 --format json")));
    assert_eq!(wider["missing"], 480 + 390);
    place.file("sessions.csv", "open,close\n2026-09-02T12:00:00-04:00,2026-09-02T13:30:00-04:00\n");
    let sessions = json(place.barkeep(&format!("gaps {ACME} --sessions sessions.csv --format json")));
    assert_eq!(sessions["missing"], 30);
    place.file("wrong.csv", "from,to\n1,2\n");
    let wrong = place.barkeep(&format!("gaps {ACME} --sessions wrong.csv"));
    assert!(wrong.code == 2 && wrong.err.contains("no column `open`"), "{}", wrong.err);
    let missing = json(place.barkeep(&format!(
        "intervals {ACME} --missing --start 2026-09-02T13:30:00Z --end 2026-09-02T20:00:00Z --format json"
    )));
    assert_eq!(
        (&missing[0]["start"], &missing[0]["end"]),
        (&"2026-09-02T17:00:00Z".into(), &"2026-09-02T18:30:00Z".into())
    );
}

#[test]
fn vacuum_removes_only_what_no_kept_snapshot_names() {
    let place = Place::new();
    place.demo();
    let before = bars(&place, &format!("query {BTC}"));
    ok(place.barkeep("consolidate --by week"));
    ok(place.barkeep("consolidate --by all"));
    let retired = files(&place.catalog().join("retired")).len();
    assert!(retired > 30, "{retired}");
    // Everything is young: nothing goes.
    assert!(ok(place.barkeep("vacuum")).out.contains("removed: 0 snapshots, 0 other objects"));
    assert_eq!(place.barkeep("vacuum --grace 0s").code, 2, "a short grace must be asked for");
    let now = "vacuum --keep 0s --grace 0s --no-other-writers";
    assert!(
        ok(place.barkeep(&format!("{now} --keep-last 2 --dry-run"))).out.contains("removed: 1 snapshots")
    );
    ok(place.barkeep(&format!("{now} --keep-last 2")));
    // The second lies in `retired/` since the third.
    for kept in [2, 3] {
        assert_eq!(bars(&place, &format!("--snapshot {kept} query {BTC}")), before, "{kept}");
    }
    let gone = place.barkeep(&format!("--snapshot 1 query {BTC}"));
    assert!(gone.code == 3 && gone.err.contains("kept are"), "{}", gone.err);
    assert_eq!(place.barkeep("snapshots roll-back 1").code, 3);
    ok(place.barkeep(now));
    for folder in ["retired", "staging"] {
        assert_eq!(files(&place.catalog().join(folder)), [""; 0], "{folder}");
    }
    assert_eq!(files(&place.catalog().join("manifest/snapshots")).len(), 1);
    assert_eq!(bars(&place, &format!("query {BTC}")), before);
    // Numbers go on where they were.
    ok(place.barkeep(&format!("delete {ACME} --all")));
    let list = json(place.barkeep("snapshots list --format json"));
    assert!(list[0]["snapshot"].as_u64().unwrap() > 4, "{list}");
}

#[test]
fn wrong_input_is_said() {
    let place = Place::new();
    place.demo();
    for (words, code, said) in [
        ("delete", 2, "required"),
        (&*format!("delete {BTC}"), 2, "not stated"),
        ("delete NO.ONE-1-MINUTE-LAST-EXTERNAL --all", 3, "no series"),
        ("delete BTCUSD --all", 2, "is not a bar type"),
        (&format!("delete {BTC} --start 2026-09-01 --end 2026-08-01"), 2, "is empty"),
        ("consolidate NO.ONE-1-MINUTE-LAST-EXTERNAL --by day", 3, "no series"),
        ("consolidate --by fortnight", 2, "possible values"),
        ("snapshots diff 1 99", 3, "there is no snapshot 99"),
        ("snapshots roll-back 99", 3, "there is no snapshot 99"),
        ("--snapshot 99 list", 3, "there is no snapshot 99"),
        (&format!("--snapshot 1 delete {BTC} --all"), 2, "can only be read"),
        ("vacuum --keep soon", 2, "invalid value"),
        (&format!("gaps {BTC} --calendar moon"), 2, "a calendar"),
        ("info NO.ONE-1-MINUTE-LAST-EXTERNAL", 3, "no series"),
        ("gaps NO.ONE-1-MINUTE-LAST-EXTERNAL", 3, "no series"),
        ("intervals NO.ONE-1-MINUTE-LAST-EXTERNAL", 3, "no series"),
        ("query NO.ONE-1-MINUTE-LAST-EXTERNAL", 3, "no series"),
        ("reset-names NO.ONE-1-MINUTE-LAST-EXTERNAL", 3, "no series"),
        ("publish elsewhere --series NO.ONE-1-MINUTE-LAST-EXTERNAL --no-pages", 3, "no series"),
        ("backtest run --series NO.ONE-1-MINUTE-LAST-EXTERNAL --strategy sma_cross", 3, "no series"),
        ("instruments NO.ONE", 3, "no instrument"),
        ("info BTCUSD", 2, "is not a bar type"),
        ("gaps BTCUSD", 2, "is not a bar type"),
        ("intervals BTCUSD", 2, "is not a bar type"),
        ("query BTCUSD", 2, "is not a bar type"),
        ("consolidate BTCUSD --by day", 2, "is not a bar type"),
        ("reset-names BTCUSD", 2, "is not a bar type"),
        ("backtest run --series BTCUSD --strategy sma_cross", 2, "is not a bar type"),
    ] {
        let done = place.barkeep(words);
        assert_eq!(done.code, code, "{words}: {}", done.err);
        assert!(done.err.contains(said), "{words}: {}", done.err);
    }
    // A range outside the data is nothing to do, or nothing to show.
    for words in [
        format!("delete {BTC} --start 2030-01-01"),
        format!("consolidate {BTC} --by week --start 2030-01-01"),
    ] {
        assert!(ok(place.barkeep(&words)).out.contains("nothing to do"), "{words}");
    }
    let done = ok(place.barkeep(&format!("query {BTC} --start 2030-01-01")));
    assert!(done.err.contains("no bars close in that range"), "{}", done.err);
}
