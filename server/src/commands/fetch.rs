//! `barkeep fetch` and `barkeep sync`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use bars::{BarSpec, BarType, InstrumentId, Source as BarSource, TimeRange, UnixNanos};
use catalog::{Error, ErrorKind, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::RangeArgs;
use crate::commit::Run;
use crate::ibkr::{Event, Fetch, Gateway, IbkrSettings, Limits, Plan, Report, WatchFile, fetch};
use crate::output::{Format, count_text, say, table, trimmed};
use crate::store::Store;

/// How the gateway is reached.
#[derive(Args, Debug)]
pub struct GatewayArgs {
    /// TWS or IB Gateway: 4001 and 4002 (gateway, live and paper), 7496 and 7497 (TWS)
    #[arg(long, value_name = "HOST:PORT", env = "BARKEEP_GATEWAY")]
    gateway: Option<String>,
    /// A number that no other program uses with this gateway
    #[arg(long, value_name = "NUMBER")]
    client_id: Option<i32>,
    /// Settings of the gateway, and the watch list
    #[arg(long, value_name = "FILE", default_value = "barkeep.toml")]
    config: PathBuf,
    /// Print the requests that are to be sent, with an estimate of the time, and send only those that the plan needs
    #[arg(long)]
    dry_run: bool,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Arguments of `fetch`.
#[derive(Args, Debug)]
#[command(
    after_help = "Only bars that the catalog lacks are asked for, under IBKR's pacing rules; every answer is checked and committed by itself, so a fetch that\nis stopped goes on where it was. Settings, messages and what to do about them: docs/ibkr.md.\n\nExamples:\n  barkeep fetch AAPL.NASDAQ --bar 1-MINUTE --start 2024-01-01 --dry-run\n  barkeep fetch AAPL.NASDAQ MSFT.NASDAQ --bar 1-DAY --gateway 127.0.0.1:7497\n  barkeep fetch EUR/USD.IDEALPRO --bar 1-HOUR-MID --start 2025-01-01 --all-hours"
)]
pub struct FetchArgs {
    /// Instruments, such as AAPL.NASDAQ or EUR/USD.IDEALPRO
    #[arg(value_name = "INSTRUMENT", required = true)]
    instruments: Vec<InstrumentId>,
    /// Size and price: 1-MINUTE (trades), 1-DAY, 1-HOUR-MID, 5-SECOND-BID
    #[arg(long, value_name = "SIZE", required = true)]
    bar: Vec<BarSpec>,
    #[command(flatten)]
    range: RangeArgs,
    /// Bars before and after regular hours too
    #[arg(long)]
    all_hours: bool,
    /// Newest bars first
    #[arg(long)]
    newest_first: bool,
    /// Fetch stored bars again and let the new ones take their place, as after a split
    #[arg(long)]
    refetch: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Arguments of `sync`.
#[derive(Args, Debug)]
#[command(
    after_help = "The watch list stands in barkeep.toml:\n\n  [ibkr]\n  gateway = \"127.0.0.1:4002\"\n\n  [[watch]]\n  instruments = [\"AAPL.NASDAQ\", \"MSFT.NASDAQ\"]\n  bars = [\"1-MINUTE\", \"1-DAY\"]\n  since = \"2024-01-01\"\n\nRun it after the close, by cron or a systemd timer; a series that fails does not keep the others from being fetched."
)]
pub struct SyncArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Fetches what the command line says.
///
/// # Errors
/// As [`fetch`].
pub async fn run(location: &str, args: FetchArgs) -> Result<()> {
    let file = WatchFile::read(&args.gateway.config)?;
    let range = args.range.range()?;
    let series = args.instruments.iter().flat_map(|instrument| {
        args.bar.iter().map(|spec| BarType {
            instrument: instrument.clone(),
            spec: *spec,
            source: BarSource::External,
            composite: None,
        })
    });
    let wishes = series.map(|bar_type| Fetch {
        bar_type,
        range,
        regular_hours: !args.all_hours,
        newest_first: args.newest_first,
        refetch: args.refetch,
        dry_run: args.gateway.dry_run,
    });
    carry_out(location, file.ibkr, wishes.collect(), &args.gateway).await
}

/// Fetches what the watch list says.
///
/// # Errors
/// As [`fetch`]; of several failures the first.
pub async fn sync(location: &str, args: SyncArgs) -> Result<()> {
    let file = WatchFile::read(&args.gateway.config)?;
    if file.watch.is_empty() {
        let path = args.gateway.config.display();
        return Err(Error::new(ErrorKind::InvalidInput, "there is nothing to sync")
            .because(format!("`{path}` has no `[[watch]]`"))
            .then("write one: `barkeep sync --help` shows how")
            .then("or fetch once: `barkeep fetch AAPL.NASDAQ --bar 1-MINUTE --start 2024-01-01`"));
    }
    let wish = |bar_type, watch: &crate::ibkr::Watch| Fetch {
        bar_type,
        range: TimeRange::new(watch.since.unwrap_or(UnixNanos::MIN), UnixNanos::MAX),
        regular_hours: watch.hours == Default::default(),
        newest_first: false,
        refetch: false,
        dry_run: args.gateway.dry_run,
    };
    let wishes = file.watch.iter().flat_map(|watch| watch.series().map(move |series| wish(series, watch)));
    let wishes = wishes.collect();
    carry_out(location, file.ibkr, wishes, &args.gateway).await
}

async fn carry_out(
    location: &str,
    mut settings: IbkrSettings,
    wishes: Vec<Fetch>,
    args: &GatewayArgs,
) -> Result<()> {
    settings.gateway = args.gateway.clone().unwrap_or(settings.gateway);
    settings.client_id = args.client_id.unwrap_or(settings.client_id);
    let store = Store::open_or_make(location)?;
    let gateway = Gateway::new(settings.clone());
    let run = stoppable(Run::new("fetch"));
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for wish in &wishes {
        let done = one(&store, &gateway, &settings, wish, &run).await;
        match done {
            Ok(report) => reports.push((wish, report)),
            // Without a gateway, or when told to stop, the others would fail too.
            Err(error) if gateway_is_gone(&error) || wishes.len() == 1 => {
                gateway.disconnect().await;
                show(args, &reports);
                return Err(error);
            }
            Err(error) => {
                eprintln!("error: {error}");
                failed.push(error);
            }
        }
    }
    gateway.disconnect().await;
    show(args, &reports);
    failed.into_iter().next().map_or(Ok(()), Err)
}

fn gateway_is_gone(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::SourceUnavailable | ErrorKind::Cancelled)
}

fn stoppable(run: Run) -> Run {
    let cancel = run.cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("stopping after this request …");
            cancel.store(true, Ordering::Relaxed);
        }
    });
    run
}

async fn one(
    store: &Store,
    gateway: &Gateway,
    settings: &IbkrSettings,
    wish: &Fetch,
    run: &Run,
) -> Result<Report> {
    let style = ProgressStyle::with_template("{prefix}  {bar:30} {pos} of {len} requests  {msg} ({elapsed})");
    let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(wish.bar_type.to_string());
    let most = Limits::default().in_ten_minutes;
    let on_event = |event: Event| match event {
        Event::Planned(plan) => bar.set_length(plan.chunks.len() as u64),
        Event::Committed { done, total, .. } => {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            let budget = gateway.budget().unwrap_or(most);
            bar.set_message(format!("budget {budget} of {most} left"));
        }
        Event::Note(text) => bar.suspend(|| eprintln!("note: {text}")),
        Event::Waiting { seconds, why } => bar.suspend(|| eprintln!("waiting {seconds} s: {why}")),
    };
    let done = fetch(store, gateway, settings, wish, run, &on_event).await;
    bar.finish_and_clear();
    done
}

fn show(args: &GatewayArgs, reports: &[(&Fetch, Report)]) {
    match (args.format, args.dry_run) {
        (Format::Json, _) => {
            let series = reports.iter().map(|(wish, report)| {
                json!({
                    "bar_type": wish.bar_type, "chunks": report.plan.chunks.len(), "planned_bars": report.plan.bars,
                    "requests": report.requests, "added": report.added, "replaced": report.replaced,
                    "missing": report.missing, "confirmed_empty": report.confirmed_empty,
                    "estimated_secs": report.plan.estimate(Limits::default().in_ten_minutes).1,
                })
            });
            say!("{}", json!({ "dry_run": args.dry_run, "series": series.collect::<Vec<_>>() }));
        }
        (Format::Table, true) => {
            reports.iter().for_each(|(wish, report)| show_plan(&wish.bar_type, &report.plan))
        }
        (Format::Table, false) => {
            let headers = ["series", "added", "replaced", "missing", "empty", "requests"];
            let mut rows = table(&headers, &headers[1..]);
            for (wish, report) in reports {
                let counts =
                    [report.added, report.replaced, report.missing, report.confirmed_empty, report.requests];
                let mut row = vec![wish.bar_type.to_string()];
                row.extend(counts.map(count_text));
                rows.add_row(row);
            }
            if !reports.is_empty() {
                say!("{}", trimmed(&rows));
            }
        }
    }
}

fn show_plan(bar_type: &BarType, plan: &Plan) {
    if plan.chunks.is_empty() {
        say!("{bar_type}: nothing is lacking");
        return;
    }
    let mut rows = table(&["from", "until", "duration", "bars"], &["bars"]);
    for chunk in &plan.chunks {
        rows.add_row([
            chunk.window.start.to_string(),
            chunk.window.end.to_string(),
            chunk.request.span.to_string(),
            count_text(chunk.expected().len() as u64),
        ]);
    }
    let (requests, seconds) = plan.estimate(Limits::default().in_ten_minutes);
    say!("{}", trimmed(&rows));
    say!(
        "{bar_type}: {requests} requests for {} bars, at least {seconds} s under IBKR's pacing rules",
        count_text(plan.bars)
    );
}
