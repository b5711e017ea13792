//! The fault menu, F1 to F32: every fault is either overcome, so that the catalog holds the truth, or told with its remedy.

use std::time::Duration;

use catalog::{Error, ErrorKind};
use tests::gateway::{Fault, Gateway, Options, Rule};

use crate::house::{House, SPEED};

const SERIES: &str = "AAPL.NASDAQ-5-MINUTE-LAST-EXTERNAL";
const START: &str = "2024-07-01";
/// Half a day and a holiday are in it.
const END: &str = "2024-07-13";

async fn with_fault(rule: Rule, fault: Fault) -> (House, Result<barkeep::ibkr::Report, Error>) {
    let house = House::new();
    house.gateway.break_with(rule, fault);
    let done = house.fetch(SERIES, START, END).await;
    (house, done)
}

/// The fault is overcome: the truth is stored, with this many requests for bars.
async fn overcome(rule: Rule, fault: Fault, requests: usize) {
    let name = format!("{fault:?} {rule:?}");
    let (house, done) = with_fault(rule, fault).await;
    done.unwrap_or_else(|error| panic!("{name}: {error}"));
    house.check(SERIES, START, END).await;
    assert_eq!(house.gateway.bar_requests(), requests, "{name}");
    let ledger =
        std::fs::read_to_string(house.settings.ledger.as_deref().expect("a ledger")).expect("written");
    assert!(ledger.lines().count() >= house.gateway.log().len(), "{name}: the ledger counts every request");
}

/// The fault is told and nothing is stored.
async fn told(rule: Rule, fault: Fault, kind: ErrorKind, text: &str) {
    let name = format!("{fault:?} {rule:?}");
    let (house, done) = with_fault(rule, fault).await;
    let error = done.expect_err(&name);
    assert_eq!(error.kind, kind, "{name}: {error}");
    assert!(error.to_string().contains(text), "{name}: {error}");
    assert!(!error.next.is_empty(), "{name}: {error}");
    assert!(house.stored(SERIES).await.is_empty(), "{name}");
    house.check_rules();
}

fn error(code: i32, text: &str) -> Fault {
    Fault::Error(code, format!("Historical Market Data Service error message:{text}"))
}

fn all_day() -> Rule {
    Rule { bars: true, ..Rule::default() }
}

#[tokio::test]
async fn without_a_fault() {
    let house = House::new();
    let report = house.fetch(SERIES, START, END).await.expect("fetched");
    house.check(SERIES, START, END).await;
    assert_eq!((report.requests, report.missing, report.confirmed_empty), (1, 0, 0));
    let again = house.fetch(SERIES, START, END).await.expect("fetched");
    assert_eq!((again.requests, again.added), (0, 0), "what is covered is not asked for");
}

#[tokio::test]
async fn every_size_and_price_closes_where_it_should() {
    let house = House::new();
    for (series, end) in [
        ("AAPL.NASDAQ-1-DAY-LAST-EXTERNAL", "2024-09-01"),
        ("AAPL.NASDAQ-1-HOUR-LAST-EXTERNAL", "2024-09-01"),
        ("AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL", "2024-07-13"),
        ("AAPL.NASDAQ-30-SECOND-LAST-EXTERNAL", "2024-07-04"),
        ("AAPL.NASDAQ-1-SECOND-LAST-EXTERNAL", "2024-07-01T15:00:00Z"),
    ] {
        house.fetch(series, START, end).await.unwrap_or_else(|error| panic!("{series}: {error}"));
        house.check(series, START, end).await;
    }
    house.fetch("IBM.NYSE-1-DAY-MID-EXTERNAL", START, END).await.expect("fetched");
    let mid = house.stored("IBM.NYSE-1-DAY-MID-EXTERNAL").await;
    assert!(mid.len() == 9 && mid.volume.iter().all(|volume| *volume == bars::Decimal::ZERO), "{mid:?}");
}

#[tokio::test]
async fn connections_that_never_come_to_be() {
    // F1.
    let house = House::new();
    let (mut settings, nobody) =
        (house.settings.clone(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    settings.gateway = nobody.local_addr().expect("its address").to_string();
    drop(nobody);
    let house = House { settings, ..house };
    let refused = house.fetch(SERIES, START, END).await.expect_err("nobody listens");
    assert!(refused.to_string().contains("also in a container"), "{refused}");
    // F2, F32, F3, F6, F5.
    let unavailable = ErrorKind::SourceUnavailable;
    told(Rule::default(), Fault::Silent, unavailable, "said nothing for 1 s").await;
    told(Rule::default(), Fault::Slam, unavailable, "did not let us in").await;
    told(Rule::default(), Fault::NoIds, unavailable, "said nothing for 1 s").await;
    told(Rule::default(), Fault::TakenId, unavailable, "client_id").await;
    // F4.
    told(Rule::default(), Fault::Old, unavailable, "let us in").await;
}

#[tokio::test]
async fn connections_that_end() {
    overcome(Rule::once(), Fault::Drop, 2).await;
    overcome(Rule::times(3), Fault::Drop, 4).await;
    overcome(Rule::once(), Fault::Restart(Duration::from_millis(300)), 2).await;
    overcome(Rule::once(), Fault::BadFrame, 2).await;
}

#[tokio::test]
async fn a_restart_into_silence() {
    // F26: the second connection is accepted and never answered; the third works.
    let house = House::new();
    house.gateway.break_with(Rule::once(), Fault::Drop);
    house.gateway.break_with(Rule { connection: Some(2), ..Rule::default() }, Fault::Silent);
    house.fetch(SERIES, START, END).await.expect("fetched");
    house.check(SERIES, START, END).await;
    assert_eq!(house.gateway.connections(), 3);
}

#[tokio::test]
async fn a_gateway_that_stays_away() {
    // F8: the patience ends, the message tells it, nothing hangs.
    let house = House::new();
    let settings = barkeep::ibkr::IbkrSettings { patience_secs: 2, ..house.settings.clone() };
    let house = House { settings, ..house };
    house.gateway.break_with(all_day(), Fault::Drop);
    let error = house.fetch(SERIES, START, END).await.expect_err("it drops always");
    assert!(
        error.kind == ErrorKind::SourceUnavailable && error.to_string().contains("connection broke"),
        "{error}"
    );
    house.check_rules();
}

#[tokio::test]
async fn answers_that_come_late_or_never() {
    overcome(Rule::once(), Fault::Stall(Duration::from_millis(200)), 1).await;
    overcome(Rule::once(), Fault::Stall(Duration::from_millis(1_500)), 2).await;
    overcome(Rule::once(), Fault::NoEnd, 2).await;
    // After three times half is asked for.
    overcome(Rule::times(3), Fault::NoEnd, 5).await;
}

#[tokio::test]
async fn answers_that_cannot_be_used() {
    for fault in [Fault::EndFirst, Fault::BadBar, Fault::BadZone, Fault::Differing, Fault::Insane] {
        overcome(Rule::once(), fault, 2).await;
    }
    let unavailable = ErrorKind::SourceUnavailable;
    told(all_day(), Fault::BadZone, unavailable, "UTC format").await;
    told(all_day(), Fault::Insane, unavailable, "the high is below").await;
    told(all_day(), Fault::Differing, unavailable, "two different bars").await;
}

#[tokio::test]
async fn answers_that_only_look_wrong() {
    let notices = [
        (165, "HMDS server connection was successful"),
        (2174, "zone"),
        (2188, "advice"),
        (10167, "delayed"),
    ];
    for (code, text) in notices {
        overcome(Rule::once(), Fault::Notice(code, text.into()), 1).await;
    }
    for fault in [Fault::Unknown, Fault::Drip, Fault::Leak, Fault::Duplicate, Fault::Shuffle] {
        overcome(Rule::once(), fault, 1).await;
    }
}

#[tokio::test]
async fn half_an_answer() {
    overcome(Rule::once(), Fault::Half, 2).await;
    overcome(Rule::once(), Fault::Zero, 2).await;
    overcome(Rule::once(), error(162, "HMDS query returned no data: AAPL@SMART Trades"), 2).await;
    // Twice: it is stored, told, stays a gap, and the next fetch fills it.
    let (house, done) = with_fault(Rule::times(2), Fault::Half).await;
    let report = done.expect("fetched");
    assert!(report.missing > 0 && report.confirmed_empty == 0, "{report:?}");
    assert!(house.notes.lock().expect("no panic").iter().any(|note| note.contains("stay a gap")));
    let again = house.fetch(SERIES, START, END).await.expect("fetched");
    assert_eq!(again.added, report.missing);
    house.check(SERIES, START, END).await;
}

#[tokio::test]
async fn nothing_there() {
    // F16 twice: it is remembered and not asked for again.
    let (house, done) =
        with_fault(Rule::times(2), error(162, "HMDS query returned no data: AAPL@SMART Trades")).await;
    let report = done.expect("fetched");
    assert_eq!((report.added, report.missing, report.requests), (0, 0, 2));
    assert!(report.confirmed_empty > 0);
    let again = house.fetch(SERIES, START, END).await.expect("fetched");
    assert_eq!(again.requests, 0);
}

#[tokio::test]
async fn refusals() {
    overcome(Rule::once(), error(162, "Historical data request pacing violation"), 2).await;
    overcome(
        Rule::once(),
        Fault::Error(322, "Only 50 simultaneous API historical data requests allowed.".into()),
        2,
    )
    .await;
    overcome(Rule::once(), Fault::Error(100, "Max rate of messages per second has been exceeded".into()), 2)
        .await;
    let (unsupported, unavailable) = (ErrorKind::Unsupported, ErrorKind::SourceUnavailable);
    for (fault, kind, text) in [
        (error(162, "No market data permissions for ISLAND STK"), unsupported, "subscribe"),
        (Fault::Error(354, "Requested market data is not subscribed".into()), unsupported, "subscribe"),
        (
            error(162, "Trading TWS session is connected from a different IP address"),
            unavailable,
            "log out elsewhere",
        ),
        (
            Fault::Error(10197, "No market data during competing live session".into()),
            unavailable,
            "log out elsewhere",
        ),
        (error(162, "invalid step: 1"), unsupported, "report it"),
    ] {
        told(all_day(), fault, kind, text).await;
    }
}

#[tokio::test]
async fn an_unknown_instrument() {
    let house = House::new();
    let error = house.fetch("NOPE.NASDAQ-1-DAY-LAST-EXTERNAL", START, END).await.expect_err("it is unknown");
    assert!(error.kind == ErrorKind::NotFound && error.to_string().contains("check symbol"), "{error}");
}

#[tokio::test]
async fn the_farm_breaks() {
    // F23, F24: while it is broken "no data" is not believed.
    let house = House::new();
    house.gateway.break_with(Rule::once(), Fault::Notice(1100, "Connectivity has been lost".into()));
    house.fetch(SERIES, START, END).await.expect("fetched");
    house.check(SERIES, START, END).await;
}

#[tokio::test]
async fn a_split_is_seen() {
    let house = House::new();
    house.fetch(SERIES, START, "2024-07-10").await.expect("fetched");
    house.gateway.split();
    let error = house.fetch(SERIES, START, END).await.expect_err("prices were halved");
    assert!(error.kind == ErrorKind::Conflict && error.to_string().contains("--refetch"), "{error}");
    let wish = barkeep::ibkr::Fetch {
        bar_type: SERIES.parse().expect("a series"),
        range: bars::TimeRange::new(START.parse().expect("a time"), END.parse().expect("a time")),
        regular_hours: true,
        newest_first: true,
        refetch: true,
        dry_run: false,
    };
    let report = house.fetch_as(wish).await.expect("fetched");
    assert!(report.replaced > 0 && report.added > 0, "{report:?}");
}

#[tokio::test]
async fn at_the_oldest_version() {
    let house = House::with(Options { version: 213, speed: SPEED, port: 0 });
    house.fetch(SERIES, START, END).await.expect("fetched");
    house.check(SERIES, START, END).await;
    drop(Gateway::start(Options::default()));
}
