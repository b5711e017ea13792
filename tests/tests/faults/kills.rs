//! Real processes on a real disk, killed at random moments: nothing acknowledged is lost, nothing is there twice.
//!
//! `BARKEEP_KILLS=N` kills so many. Each round starts several `barkeep` processes on one catalog and kills what still runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use barkeep::store::Store;
use bars::{MINUTE, UnixNanos};
use tests::{Place, binary};

use crate::oracle::{check_whole, content};
use crate::simulation::setting;
use crate::store::Random;
use crate::workflows::bar;

const SERIES: &str = "BTC/USD.SIM-1-MINUTE-LAST-EXTERNAL";
/// Bars of one import. Imports take turns, so that each falls into holes that others left.
const BARS: i64 = 40;
const IMPORTS: i64 = 12;

fn csv(import: i64) -> String {
    let mut text = String::from("time,open,high,low,close,volume\n");
    for minute in minutes(import) {
        let bar = bar(minute, 0);
        let open_time = UnixNanos(minute * MINUTE);
        text += &format!("{open_time},{},{},{},{},{}\n", bar.open, bar.high, bar.low, bar.close, bar.volume);
    }
    text
}

fn minutes(import: i64) -> impl Iterator<Item = i64> {
    (0..BARS).map(move |step| (step * IMPORTS + import) * 11)
}

fn start(place: &Place, words: &str) -> Child {
    let mut command = Command::new(binary());
    command.arg("--catalog").arg(place.catalog()).args(words.split_whitespace());
    command.env_remove("NAUTILUS_PATH").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.current_dir(place.path("")).spawn().unwrap()
}

fn check(catalog: &Path, acknowledged: &BTreeSet<i64>, told: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok(store) = Store::open(catalog.to_str().unwrap()) else {
            assert!(acknowledged.is_empty(), "{told}: the catalog is gone");
            return;
        };
        let found = content(&store).await;
        check_whole(&store, told).await;
        let stored: BTreeSet<i64> =
            found.get(SERIES).into_iter().flat_map(|bars| &bars.ts_init).map(|ts| ts / MINUTE - 1).collect();
        for import in acknowledged {
            assert!(
                minutes(*import).all(|minute| stored.contains(&minute)),
                "{told}: import {import} is lost"
            );
        }
        if let Some(bars) = found.get(SERIES) {
            for row in 0..bars.len() {
                let minute = bars.ts_init[row] / MINUTE - 1;
                assert_eq!(bars.bar(row), bar(minute, 0), "{told}: a wrong bar");
            }
        }
    });
}

#[test]
fn killed_processes_lose_nothing() {
    let random = Random::new(setting("BARKEEP_SEED", 1));
    let (wanted, mut kills, mut rounds) = (setting("BARKEEP_KILLS", 300), 0, 0);
    while kills < wanted {
        let place = Place::new();
        for import in 0..IMPORTS {
            place.file(&format!("{import}.csv"), csv(import));
        }
        let mut acknowledged = BTreeSet::new();
        for round in 0..25 {
            let mut running = Vec::new();
            for _ in 0..3 {
                let import = random.below(IMPORTS as u64) as i64;
                let (words, import) = match random.below(8) {
                    0 => ("consolidate --by week".to_owned(), None),
                    1 => ("consolidate --by day".to_owned(), None),
                    2 => ("vacuum --keep 0s --grace 1h".to_owned(), None),
                    _ => (
                        format!(
                            "import csv {import}.csv --instrument BTC/USD.SIM --bar 1-MINUTE --stamp open --tz UTC --calendar 24/7"
                        ),
                        Some(import),
                    ),
                };
                running.push((start(&place, &words), import));
            }
            std::thread::sleep(Duration::from_millis(random.below(120)));
            for (mut child, import) in running {
                // One that ended by itself has kept its promise, or said that it could not.
                let ended = child.try_wait().unwrap();
                if ended.is_none() {
                    child.kill().unwrap();
                    kills += 1;
                }
                let status = child.wait().unwrap();
                acknowledged.extend(import.filter(|_| status.success()));
            }
            check(&place.catalog(), &acknowledged, &format!("after {kills} kills, round {round}"));
            rounds += 1;
        }
    }
    println!("SIGKILL: {kills} kills in {rounds} rounds, 0 failures (fewer than 3 in {kills} kills, 95 %)");
}
