//! Fetches what a series lacks, chunk by chunk: one answer that is accepted is one commit, and a partial answer is never written.

use std::time::Instant;

use bars::{BarType, Calendar, DAY, IntervalSet, TimeRange, UnixNanos};
use catalog::{Addition, Change, Error, ErrorKind, Overlap, Result, SeriesFacts, WriteOptions};

use super::gateway::calendar_of;
use super::{
    Accepted, Chunk, Class, Fault, IbkrSettings, Instrument, Plan, RawBar, Session, SharedLedger, Source,
    Verdict, accept,
};
use crate::catalog::{Catalog, now};
use crate::commit::{Run, commit};
use crate::store::Store;

/// Times that a request without an answer is sent before it is cut into halves.
const TIMEOUTS_BEFORE_HALVING: u32 = 3;
/// Times that an answer which cannot be used is asked for.
const USELESS_ANSWERS: u32 = 3;
/// A chunk that lacks at most this part twice is believed: minutes without a trade have no bar.
const BELIEVED_SHARE: u64 = 10;

/// What to fetch.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The series.
    pub bar_type: BarType,
    /// Closes of bars; open ends mean as much as there is.
    pub range: TimeRange,
    /// Regular hours only.
    pub regular_hours: bool,
    /// Newest chunks first.
    pub newest_first: bool,
    /// Fetch also what is stored, and let the new bars take its place.
    pub refetch: bool,
    /// Only plan.
    pub dry_run: bool,
}

/// What happens while bars are fetched.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The plan is made.
    Planned(Plan),
    /// A chunk was committed: how many are done, of how many, and its bars.
    Committed {
        /// Chunks that are done.
        done: usize,
        /// Chunks in all.
        total: usize,
        /// Bars that this one added.
        bars: u64,
    },
    /// Something that a person may want to know.
    Note(String),
    /// A request failed and is sent again after some seconds.
    Waiting {
        /// Of the gateway's clock.
        seconds: u64,
        /// What happened.
        why: String,
    },
}

/// What a fetch came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The plan.
    pub plan: Plan,
    /// Bars that were added.
    pub added: u64,
    /// Bars whose place others took.
    pub replaced: u64,
    /// Bars that the schedule expects and IBKR did not give, twice; they stay gaps.
    pub missing: u64,
    /// Bars' time that IBKR says is empty, which is remembered.
    pub confirmed_empty: u64,
    /// Requests for bars that were sent.
    pub requests: u64,
}

struct Work<'w> {
    store: &'w Store,
    source: &'w dyn Source,
    settings: &'w IbkrSettings,
    ledger: SharedLedger,
    fetch: &'w Fetch,
    run: &'w Run,
    instrument: Instrument,
    calendar: Option<Calendar>,
    /// Sessions by the calendar's rules that IBKR's schedule does not have.
    holidays: IntervalSet,
    report: Report,
    /// Since when nothing has worked.
    failing: Option<Instant>,
    on_event: &'w (dyn Fn(Event) + Sync),
}

/// Fetches what the catalog lacks of a series.
///
/// # Errors
/// [`ErrorKind::SourceUnavailable`] when the gateway is not there, for longer than the settings' patience once it was;
/// [`ErrorKind::NotFound`] and [`ErrorKind::Unsupported`] for what IBKR does not have; [`ErrorKind::Conflict`] when stored bars differ
/// from what IBKR says now. What was committed before stays.
pub async fn fetch(
    store: &Store,
    source: &dyn Source,
    settings: &IbkrSettings,
    fetch: &Fetch,
    run: &Run,
    on_event: &(dyn Fn(Event) + Sync),
) -> Result<Report> {
    super::chunk_size(fetch.bar_type.spec)?;
    let ledger = settings.shared_ledger();
    let what = fetch.bar_type.to_string();
    let instrument =
        source.instrument(&fetch.bar_type.instrument).await.map_err(|fault| fault.into_error(&what))?;
    let mut work = Work {
        store,
        source,
        settings,
        ledger,
        fetch,
        run,
        instrument,
        calendar: None,
        holidays: IntervalSet::default(),
        report: Report::default(),
        failing: None,
        on_event,
    };
    let plan = work.plan().await?;
    (work.on_event)(Event::Planned(plan.clone()));
    work.report.plan = plan.clone();
    if fetch.dry_run {
        return Ok(work.report);
    }
    let mut chunks = plan.chunks;
    if !fetch.newest_first {
        chunks.reverse();
    }
    let (mut done, mut total) = (0, chunks.len());
    while let Some(chunk) = chunks.pop() {
        run.check().map_err(|_| stopped(done, total))?;
        match work.answer(&chunk).await? {
            Some(accepted) => {
                done += 1;
                let bars = work.store(&chunk, accepted).await?;
                on_event(Event::Committed { done, total, bars });
            }
            None => {
                let halves = chunk.halves();
                total += halves.len() - 1;
                chunks.extend(halves.into_iter().rev());
            }
        }
    }
    work.confirm_holidays().await?;
    Ok(work.report)
}

fn stopped(done: usize, total: usize) -> Error {
    Error::new(ErrorKind::Cancelled, format!("stopped after {done} of {total} requests"))
        .because("what was fetched is committed")
        .then("run the same command again to go on")
}

impl Work<'_> {
    async fn plan(&mut self) -> Result<Plan> {
        let latest = UnixNanos(now().0 - self.settings.grace_secs as i64 * bars::SECOND);
        let spec = self.fetch.bar_type.spec;
        let what = self.fetch.bar_type.to_string();
        let instrument = self.instrument.clone();
        let source = self.source;
        let regular_hours = self.fetch.regular_hours;
        let first =
            self.persist(&what, async || source.first(&instrument, spec, regular_hours).await).await?;
        let range = TimeRange::new(self.fetch.range.start.max(first), self.fetch.range.end.min(latest));
        if range.is_empty() {
            (self.on_event)(Event::Note(format!("IBKR has no bars of that time: its first is of {first}")));
            return Ok(Plan::default());
        }
        let sessions = self.sessions(range).await?;
        self.calendar =
            calendar_of(&sessions, self.fetch.bar_type.instrument.venue()).filter(|_| regular_hours);
        let stored = self.covered(&sessions).await?;
        if let Some(calendar) = self.calendar {
            let open: IntervalSet = sessions.iter().map(|session| session.range).collect();
            self.holidays = calendar.sessions(range).subtract(&open).subtract(&stored);
        }
        let covered = if self.fetch.refetch { IntervalSet::default() } else { stored };
        Plan::new(&sessions, range, &covered, spec, regular_hours)
    }

    /// IBKR's schedule of a range and a week before it, a year a request.
    async fn sessions(&mut self, range: TimeRange) -> Result<Vec<Session>> {
        let what = format!("the schedule of {}", self.fetch.bar_type.instrument);
        let (source, instrument) = (self.source, self.instrument.clone());
        let start = range.start.plus(-7 * DAY);
        let (mut end, mut sessions) = (range.end.plus(DAY).min(now()), Vec::<Session>::new());
        let regular_hours = self.fetch.regular_hours;
        while end > start {
            let days = ((end.0 - start.0) / DAY + 1).clamp(1, 365) as u32;
            let year = self
                .persist(&what, async || source.sessions(&instrument, end, days, regular_hours).await)
                .await?;
            let Some(earliest) =
                year.iter().map(|session| session.range.start).min().filter(|time| *time < end)
            else {
                break;
            };
            sessions.extend(year);
            end = earliest;
        }
        sessions.sort_by_key(|session| session.range);
        sessions.dedup();
        sessions.retain(|session| session.range.end > start && session.range.start < range.end);
        let intraday = self.fetch.bar_type.spec.interval().is_some_and(|interval| interval < DAY);
        let venue = Calendar::of_venue(self.fetch.bar_type.instrument.venue());
        if !regular_hours && intraday && venue == Some(Calendar::UsEquities) {
            widen(&mut sessions);
        }
        Ok(sessions)
    }

    /// The time that the catalog holds bars of, or knows to be empty. A daily bar covers its session.
    async fn covered(&self, sessions: &[Session]) -> Result<IntervalSet> {
        let catalog = match Catalog::open(self.store.clone()).await {
            Ok(catalog) => catalog,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(IntervalSet::default()),
            Err(error) => return Err(error),
        };
        match catalog.manifest(&self.fetch.bar_type).await {
            Ok(manifest) => {
                let there = manifest.present().union(&manifest.confirmed_empty);
                if self.fetch.bar_type.spec.interval().is_none_or(|interval| interval < DAY) {
                    return Ok(there);
                }
                let covered = sessions.iter().filter(|session| there.contains(session.range.end.plus(-1)));
                Ok(covered.map(|session| session.range).collect())
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(IntervalSet::default()),
            Err(error) => Err(error),
        }
    }

    /// Asks until there is an answer, or a reason to give up.
    async fn persist<T>(&mut self, what: &str, ask: impl AsyncFn() -> Result<T, Fault>) -> Result<T> {
        let mut timeouts = 0;
        loop {
            match ask().await {
                Ok(answer) => {
                    self.failing = None;
                    return Ok(answer);
                }
                Err(fault) if matches!(fault.class, Class::Empty) => return Err(fault.into_error(what)),
                Err(fault) => {
                    timeouts += u32::from(fault.class == Class::Timeout);
                    self.pause(fault, what, timeouts).await?;
                }
            }
        }
    }

    /// Waits after a fault as its class wants, or gives up.
    async fn pause(&mut self, fault: Fault, what: &str, failures: u32) -> Result<()> {
        let seconds = match fault.class {
            // The gateway holds a lost connection's id for a while.
            Class::Operator if fault.code == 326 => 10,
            Class::Permanent | Class::Operator | Class::Empty => return Err(fault.into_error(what)),
            Class::Later(seconds) => u64::from(seconds),
            Class::Reconnect => 2u64 << failures.min(4),
            Class::Timeout | Class::Unusable => 5,
        };
        let since = *self.failing.get_or_insert_with(Instant::now);
        if since.elapsed().as_secs() >= self.settings.patience_secs {
            return Err(fault.into_error(what));
        }
        (self.on_event)(Event::Waiting { seconds, why: fault.text.clone() });
        self.ledger.sleep(seconds * 1_000).await;
        self.run.check()
    }

    /// The answer to a chunk; `None` if it is to be cut into halves.
    async fn answer(&mut self, chunk: &Chunk) -> Result<Option<Accepted>> {
        let what = format!("{} of {}", self.fetch.bar_type, chunk.window);
        let (mut timeouts, mut useless, mut losses) = (0, 0, 0);
        let mut short: Option<Accepted> = None;
        loop {
            self.run.check()?;
            self.report.requests += 1;
            let asked = self.source.bars(&self.instrument, &chunk.request).await;
            let answer = match asked {
                Ok(answer) => answer,
                // No bars although the schedule has sessions: believed only when it is said twice and the farm is well.
                Err(fault) if fault.class == Class::Empty && !self.source.is_broken() => Vec::new(),
                Err(fault) => {
                    match fault.class {
                        Class::Timeout => timeouts += 1,
                        Class::Unusable => useless += 1,
                        _ => losses += 1,
                    }
                    if timeouts >= TIMEOUTS_BEFORE_HALVING && chunk.sessions.len() > 1 {
                        (self.on_event)(Event::Note(format!(
                            "{what}: no answer {timeouts} times, asking for half of it"
                        )));
                        return Ok(None);
                    }
                    if useless >= USELESS_ANSWERS || timeouts >= 2 * TIMEOUTS_BEFORE_HALVING {
                        return Err(fault.into_error(&what));
                    }
                    let fault = match fault.class {
                        Class::Empty => Fault { class: Class::Later(30), ..fault },
                        _ => fault,
                    };
                    self.pause(fault, &what, losses).await?;
                    continue;
                }
            };
            self.failing = None;
            match self.judge(chunk, &answer) {
                Verdict::Bad(why) => {
                    useless += 1;
                    let remedy =
                        "look at the answer with another program; if it stays like this, report it to IBKR";
                    let fault = Fault::new(Class::Unusable, format!("the answer was refused: {why}"), remedy);
                    if useless >= USELESS_ANSWERS {
                        return Err(fault.into_error(&what));
                    }
                    self.pause(fault, &what, 0).await?;
                }
                Verdict::Good(accepted) if accepted.missing == 0 => return Ok(Some(*accepted)),
                Verdict::Good(accepted) => match short.take() {
                    Some(earlier) if earlier.missing <= accepted.missing => {
                        let better = if earlier.missing < accepted.missing { earlier } else { *accepted };
                        return Ok(Some(better));
                    }
                    _ => {
                        let why = format!("{} of {} bars are missing", accepted.missing, accepted.expected);
                        (self.on_event)(Event::Waiting { seconds: 16, why });
                        short = Some(*accepted);
                    }
                },
            }
        }
    }

    fn judge(&self, chunk: &Chunk, answer: &[RawBar]) -> Verdict {
        accept(chunk, answer, UnixNanos(now().0 - self.settings.grace_secs as i64 * bars::SECOND))
    }

    /// Commits an answer; gives the bars that were added.
    async fn store(&mut self, chunk: &Chunk, accepted: Accepted) -> Result<u64> {
        for note in &accepted.notes {
            (self.on_event)(Event::Note(format!("{}: {note}; put right", chunk.window)));
        }
        let bar_type = self.fetch.bar_type.clone();
        let mut added = 0;
        if !accepted.bars.is_empty() {
            let facts = self.facts(&accepted);
            let overlap = if self.fetch.refetch { Overlap::Replace } else { Overlap::Fail };
            let addition =
                Addition { bar_type: bar_type.clone(), bars: accepted.bars.clone(), facts, overlap };
            let run = Run { operation: format!("fetch {bar_type} from IBKR"), ..self.run.clone() };
            let receipt = commit(self.store, &[Change::Add(addition)], &run)
                .await
                .map_err(|error| self.revised(error))?;
            added = receipt.tally.rows_added;
            self.report.added += added;
            self.report.replaced += receipt.tally.rows_replaced;
        }
        if accepted.missing == 0 {
            return Ok(added);
        }
        let all = accepted.missing == accepted.expected;
        if all || accepted.missing * BELIEVED_SHARE <= accepted.expected {
            self.report.confirmed_empty += accepted.missing;
            let (ranges, facts) = (accepted.lacking.clone(), self.facts(&accepted));
            let run = Run { operation: format!("{bar_type}: IBKR holds no bars"), ..self.run.clone() };
            commit(self.store, &[Change::ConfirmEmpty { bar_type, ranges, facts }], &run).await?;
            let text = format!(
                "{}: IBKR says twice that it has no bars for {} of {}; remembered",
                chunk.window, accepted.missing, accepted.expected
            );
            (self.on_event)(Event::Note(text));
        } else {
            self.report.missing += accepted.missing;
            let text = format!(
                "{}: {} of {} bars are missing, twice; they stay a gap (`barkeep gaps`) and are asked for again next time",
                chunk.window, accepted.missing, accepted.expected
            );
            (self.on_event)(Event::Note(text));
        }
        Ok(added)
    }

    /// Remembers closures that IBKR's schedule knows and the calendar's rules do not.
    async fn confirm_holidays(&mut self) -> Result<()> {
        if self.holidays.is_empty() {
            return Ok(());
        }
        let bar_type = self.fetch.bar_type.clone();
        let (ranges, facts) = (self.holidays.clone(), self.facts(&Accepted::default()));
        let run = Run { operation: format!("{bar_type}: closed by IBKR's schedule"), ..self.run.clone() };
        commit(self.store, &[Change::ConfirmEmpty { bar_type, ranges, facts }], &run).await.map(|_| ())
    }

    fn facts(&self, accepted: &Accepted) -> SeriesFacts {
        let bars = &accepted.bars;
        let of = |columns: &[&Vec<bars::Decimal>]| {
            columns.iter().flat_map(|column| column.iter()).map(|value| value.precision()).max().unwrap_or(0)
        };
        let hours = if self.fetch.regular_hours { "regular hours" } else { "all hours" };
        SeriesFacts {
            source: format!(
                "Interactive Brokers, contract {} ({})",
                self.instrument.contract_id, self.instrument.exchange
            ),
            note: format!(
                "{hours}; volume in {}; prices adjusted for splits, not for dividends",
                self.settings.volume
            ),
            calendar: self.calendar,
            options: WriteOptions {
                price_precision: of(&[&bars.open, &bars.high, &bars.low, &bars.close]).max(2),
                size_precision: of(&[&bars.volume]),
                ..WriteOptions::default()
            },
        }
    }

    fn revised(&self, error: Error) -> Error {
        if error.kind != ErrorKind::Conflict {
            return error;
        }
        let bar_type = &self.fetch.bar_type;
        Error::new(ErrorKind::Conflict, format!("IBKR's bars of {bar_type} are no longer those that are stored"))
            .because(format!("{}; {}", error.what, error.why))
            .then("if there was a split or a correction, fetch them anew; the old ones stay readable in older snapshots:")
            .then(format!("`barkeep fetch {} --bar {} --refetch`", bar_type.instrument, bar_type.spec))
    }
}

/// Before and after regular hours: from 04:00 to 20:00 where the regular session is 09:30 to 16:00.
fn widen(sessions: &mut [Session]) {
    for session in sessions {
        session.range = TimeRange::new(
            session.range.start.plus(-11 * bars::HOUR / 2),
            session.range.end.plus(4 * bars::HOUR),
        );
    }
}
