//! `barkeep fetch` and `barkeep sync` as their users run them, and killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use bars::Decimal;
use tests::gateway::{Gateway, Options};
use tests::{Place, binary};

use crate::house::{SPEED, truth};

const SERIES: &str = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";

fn place(gateway: &Gateway) -> Place {
    let place = Place::new();
    let ledger = place.path("ledger");
    let text = format!(
        "[ibkr]\ngateway = '{}'\nledger = '{}'\nclock_speed = {SPEED}\nrequest_timeout_secs = 5\n\n[[watch]]\ninstruments = ['AAPL.NASDAQ', 'NOPE.NASDAQ', 'IBM.NYSE']\nbars = ['1-DAY']\nsince = '2026-01-01'\n",
        gateway.address(),
        ledger.display()
    );
    place.file("barkeep.toml", text);
    place
}

#[test]
fn plan_fetch_and_sync() {
    let gateway = Gateway::start(Options { speed: SPEED, ..Options::default() });
    let place = place(&gateway);
    let words = "fetch AAPL.NASDAQ --bar 1-MINUTE --start 2024-07-01 --end 2024-07-20";
    let planned = place.barkeep(&format!("{words} --dry-run"));
    assert_eq!(planned.code, 0, "{}", planned.err);
    assert!(planned.out.contains("3 requests for 5,280 bars"), "{}", planned.out);
    assert_eq!(gateway.bar_requests(), 0);
    let fetched = place.barkeep(words);
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    assert!(fetched.out.contains("5,280"), "{}", fetched.out);
    let again = place.barkeep(&format!("{words} --dry-run"));
    assert!(again.out.contains("nothing is lacking"), "{}", again.out);
    let info = place.barkeep(&format!("gaps {SERIES}"));
    assert_eq!(info.code, 0, "{}", info.err);
    // One unknown instrument does not keep the others from being fetched.
    let synced = place.barkeep("sync");
    assert_eq!(synced.code, 3, "{} {}", synced.out, synced.err);
    assert!(
        synced.out.contains("IBM.NYSE-1-DAY") && synced.err.contains("NOPE"),
        "{} {}",
        synced.out,
        synced.err
    );
    assert_eq!(gateway.violations(), Vec::<String>::new());
}

#[test]
fn killed_and_run_again() {
    let rounds = std::env::var("BARKEEP_IBKR_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    for round in 0..rounds {
        let gateway = Gateway::start(Options { speed: SPEED, ..Options::default() });
        let place = place(&gateway);
        let words = "fetch AAPL.NASDAQ --bar 1-MINUTE --start 2024-01-01 --end 2024-07-01";
        for attempt in 0..3u64 {
            let mut command = Command::new(binary());
            command.current_dir(place.path(".")).arg("--catalog").arg(place.catalog()).args(words.split(' '));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(60 + (round * 137 + attempt * 211) % 500));
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
        let done = place.barkeep(words);
        assert_eq!(done.code, 0, "{}", done.err);
        let verified = place.barkeep("verify --full");
        assert_eq!(verified.code, 0, "{} {}", verified.out, verified.err);
        let csv = place.bytes(&format!("query {SERIES} --format csv --columns ts_event,close"));
        let lines: Vec<String> = String::from_utf8_lossy(&csv).lines().skip(1).map(str::to_owned).collect();
        let truth = truth(SERIES, "2024-01-01", "2024-07-01");
        assert_eq!(lines.len(), truth.len());
        for (line, (ts, close)) in lines.iter().zip(truth.ts_event.iter().zip(&truth.close)) {
            let (time, price) = line.split_once(',').expect("two columns");
            assert_eq!(
                (time, price.parse::<Decimal>().ok()),
                (bars::UnixNanos(*ts).to_string().as_str(), Some(*close))
            );
        }
        // A committed chunk is not fetched again: at most one request a kill is sent twice.
        assert!(gateway.bar_requests() <= 26 + 3, "{}", gateway.bar_requests());
        assert_eq!(gateway.violations(), Vec::<String>::new());
    }
}
