//! A simulator of IB Gateway: its wire protocol, its rules, a market whose bars anybody can compute, and a menu of faults.
//!
//! It negotiates versions 213 to 226 (protobuf). What it does not do: the older text protocol, orders, live data.

pub mod faults;
pub mod market;
mod rules;
mod serve;
pub mod wire;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use faults::{Fault, Rule};
use rules::Paced;

/// How a gateway is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The newest protocol it speaks.
    pub version: u32,
    /// How much faster its clock runs than ours; its pacing rules go by it.
    pub speed: u32,
    /// The port to listen on; 0 for any.
    pub port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { version: 226, speed: 1, port: 0 }
    }
}

/// A request as the gateway saw it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Counted from 1.
    pub number: u64,
    /// The connection, counted from 1.
    pub connection: u64,
    /// `contract`, `symbols`, `head`, `schedule` or `bars`.
    pub kind: &'static str,
    /// What was asked for, in words.
    pub words: String,
    /// Milliseconds of the gateway's clock since its start.
    pub at: u64,
}

/// A running gateway; it stops when dropped.
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    rules: Vec<(Rule, Fault)>,
    log: Vec<Logged>,
    paced: Vec<Paced>,
    violations: Vec<String>,
    refusals: Vec<String>,
    connections: u64,
    open: Vec<TcpStream>,
    down_until: Option<Instant>,
    stopped: bool,
    split: bool,
}

impl Gateway {
    /// Starts a gateway.
    ///
    /// # Panics
    /// If the port cannot be listened on.
    pub fn start(options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).expect("a port to listen on");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { options, started: Instant::now(), state: Mutex::default() });
        let accepting = shared.clone();
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Makes something go wrong.
    pub fn break_with(&self, rule: Rule, fault: Fault) {
        self.shared.lock().rules.push((rule, fault));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.rules.clear();
        state.down_until = None;
    }

    /// From now on all prices are halved, as after a split.
    pub fn split(&self) {
        self.shared.lock().split = true;
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<Logged> {
        self.shared.lock().log.clone()
    }

    /// How many requests for bars there were.
    pub fn bar_requests(&self) -> usize {
        self.shared.lock().log.iter().filter(|logged| logged.kind == "bars").count()
    }

    /// Pacing rules that were broken.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }

    /// Requests that made no sense.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.lock().refusals.clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.close_all();
        // Wakes the listener, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Milliseconds of the gateway's clock.
    pub(crate) fn now(&self) -> u64 {
        self.started.elapsed().as_micros() as u64 * u64::from(self.options.speed) / 1_000
    }

    pub(crate) fn close_all(&self) {
        for stream in self.lock().open.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    pub(crate) fn restart(&self, down: Duration) {
        self.lock().down_until = Some(Instant::now() + down);
        self.close_all();
    }

    /// Writes a request down and says what goes wrong with it, and whether it came too fast.
    pub(crate) fn note(
        &self,
        connection: u64,
        kind: &'static str,
        symbol: &str,
        words: String,
        paced: Option<Paced>,
    ) -> (Option<Fault>, Option<&'static str>) {
        let at = self.now();
        let mut state = self.lock();
        let number = state.log.len() as u64 + 1;
        let violation = paced.and_then(|paced| {
            let found = rules::too_fast(&state.paced, &paced);
            state.paced.push(paced);
            found
        });
        if let Some(violation) = violation {
            state.violations.push(format!("request {number}, {words}: {violation}"));
        }
        state.log.push(Logged { number, connection, kind, words, at });
        let holds = |rule: &Rule| {
            rule.request.is_none_or(|wanted| wanted == number)
                && rule.symbol.as_deref().is_none_or(|wanted| wanted == symbol)
                && rule.connection.is_none_or(|wanted| wanted == connection)
                && rule.after.is_none_or(|after| u128::from(at) >= after.as_millis())
                && (!rule.bars || kind == "bars")
        };
        (state.take(holds, |fault| !of_connection(fault)), violation)
    }

    pub(crate) fn refused(&self, text: &str) {
        self.lock().refusals.push(text.to_owned());
    }

    pub(crate) fn is_split(&self) -> bool {
        self.lock().split
    }
}

impl State {
    fn take(&mut self, holds: impl Fn(&Rule) -> bool, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let spent = |rule: &Rule| rule.times == Some(0);
        let found = self.rules.iter_mut().find(|(rule, fault)| !spent(rule) && fits(fault) && holds(rule))?;
        found.0.times = found.0.times.map(|times| times - 1);
        Some(found.1.clone())
    }
}

fn of_connection(fault: &Fault) -> bool {
    matches!(fault, Fault::Silent | Fault::Slam | Fault::Old | Fault::TakenId | Fault::NoIds)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let (number, fault) = {
            let mut state = shared.lock();
            if state.stopped {
                return;
            }
            // As the usual container does: its proxy accepts although nobody is behind it.
            if state.down_until.is_some_and(|until| Instant::now() < until) {
                continue;
            }
            state.connections += 1;
            let number = state.connections;
            if let Ok(copy) = stream.try_clone() {
                state.open.push(copy);
            }
            let holds = |rule: &Rule| rule.connection.is_none_or(|wanted| wanted == number);
            (number, state.take(holds, of_connection))
        };
        let shared = shared.clone();
        std::thread::spawn(move || serve::connection(stream, number, fault, &shared));
    }
}
