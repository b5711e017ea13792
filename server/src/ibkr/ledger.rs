//! When a request may be sent: IBKR's pacing rules as sliding windows, kept in a file that all processes of a machine share.
//!
//! A request is written down before it is sent, so that a process that is killed between the two has counted it, and again when its answer
//! is there: IBKR counts from when it *arrives*, which is not before it was admitted and not after it was answered. So the next request is
//! admitted when its window has passed since the latest moment at which an earlier one may have arrived.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The limits that are kept; IBKR's own are a little wider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Requests for bars of 30 seconds and less, and for head stamps, in ten minutes (IBKR: 60).
    pub in_ten_minutes: u32,
    /// Of one contract and kind of price in two seconds (IBKR: fewer than 6).
    pub same_in_two_seconds: u32,
    /// Milliseconds between identical requests (IBKR: 15 s).
    pub identical_ms: u64,
    /// Requests of any kind in a second (IBKR: 50 messages).
    pub in_a_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_ten_minutes: 55, same_in_two_seconds: 4, identical_ms: 16_000, in_a_second: 40 }
    }
}

/// Added to IBKR's windows, since the way from the gateway to IBKR's servers takes time too.
const SLACK_MS: u64 = 500;
const TEN_MINUTES_MS: u64 = 600_000 + 2 * SLACK_MS;
const TWO_SECONDS_MS: u64 = 2_000 + SLACK_MS;
const SECOND_MS: u64 = 1_000 + SLACK_MS;
/// How long a request may be on its way of which nothing more is known: its process was killed, or its answer is awaited.
const ON_ITS_WAY_MS: u64 = 2_000;
/// Lines after which the file is written anew.
const MOST_LINES: usize = 400;

/// A request as the rules see it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Asked {
    /// Milliseconds since 1970 at which it was admitted: it does not arrive earlier.
    pub at: u64,
    /// Milliseconds since 1970 until which it has arrived.
    #[serde(default)]
    pub arrived: u64,
    /// Whether the rules for bars of 30 seconds and less hold.
    pub small: bool,
    /// Contract, exchange and kind of price.
    pub kind: String,
    /// All of the request.
    pub whole: String,
    /// How often it counts: bid and ask together count twice.
    pub weight: u32,
}

/// The requests of the last ten minutes.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    asked: VecDeque<Asked>,
}

impl Ledger {
    /// Admits a request at `asked.at`, or says how many milliseconds to wait before asking again.
    ///
    /// # Errors
    /// The milliseconds, at least 1.
    pub fn admit(&mut self, asked: Asked, limits: &Limits) -> Result<(), u64> {
        let now = asked.at;
        let longest = asked.arrived.saturating_sub(now);
        for earlier in &mut self.asked {
            // A clock that was set back must not make old requests forgotten, nor block for longer than a window.
            earlier.at = earlier.at.min(now);
            earlier.arrived = earlier.arrived.clamp(earlier.at, now + longest);
        }
        self.asked.retain(|earlier| now.saturating_sub(earlier.arrived) < TEN_MINUTES_MS);
        let identical = self.asked.iter().filter(|earlier| earlier.whole == asked.whole);
        let identical = identical.map(|earlier| (earlier.arrived + limits.identical_ms).saturating_sub(now));
        let identical = identical.max().unwrap_or(0);
        let small = asked.small;
        let waits = [
            identical,
            self.wait(now, SECOND_MS, limits.in_a_second, 1, |_| true),
            self.wait(now, TWO_SECONDS_MS, limits.same_in_two_seconds, asked.weight, |earlier| {
                earlier.kind == asked.kind
            }),
            if small {
                self.wait(now, TEN_MINUTES_MS, limits.in_ten_minutes, asked.weight, |earlier| earlier.small)
            } else {
                0
            },
        ];
        match waits.into_iter().max() {
            Some(wait) if wait > 0 => Err(wait),
            _ => {
                self.asked.push_back(asked);
                Ok(())
            }
        }
    }

    /// How long until requests of `weight` fit into `most` within the window.
    fn wait(&self, now: u64, window: u64, most: u32, weight: u32, counts: impl Fn(&Asked) -> bool) -> u64 {
        let inside = |earlier: &&Asked| counts(earlier) && now < earlier.arrived + window;
        let mut inside: Vec<(u64, u32)> =
            self.asked.iter().filter(inside).map(|earlier| (earlier.arrived, earlier.weight)).collect();
        inside.sort_unstable();
        let mut sum = weight;
        for (arrived, weight) in inside.into_iter().rev() {
            sum += weight;
            if sum > most {
                return arrived + window - now;
            }
        }
        0
    }

    /// A request that has been answered, or whose connection is gone, has arrived by `now`.
    pub fn settle(&mut self, asked: &Asked, now: u64) -> Asked {
        let settled = Asked { arrived: now.max(asked.at), ..asked.clone() };
        self.put(settled.clone());
        settled
    }

    /// The ledger of a file's text, and how many lines it has. The last word on a request holds; a line that was cut off counts nothing:
    /// its request was never sent, or is known from an earlier line.
    fn read(text: &str) -> (Self, usize) {
        let mut ledger = Self::default();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let count = lines.map(|asked| ledger.put(asked)).count();
        (ledger, count)
    }

    fn put(&mut self, asked: Asked) {
        let same = |other: &&mut Asked| other.at == asked.at && other.whole == asked.whole;
        match self.asked.iter_mut().rev().find(same) {
            Some(known) => *known = asked,
            None => self.asked.push_back(asked),
        }
    }

    /// What is left of the ten minutes' budget.
    pub fn budget(&self, now: u64, limits: &Limits) -> u32 {
        let recent = |asked: &&Asked| asked.small && now < asked.arrived + TEN_MINUTES_MS;
        limits.in_ten_minutes.saturating_sub(self.asked.iter().filter(recent).map(|asked| asked.weight).sum())
    }
}

/// A request that may be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admitted {
    asked: Asked,
    /// What is left of the ten minutes' budget.
    pub budget: u32,
}

/// A ledger in a file, under a lock, for all processes that ask the same gateway.
#[derive(Clone, Debug)]
pub struct SharedLedger {
    path: PathBuf,
    limits: Limits,
    /// How much faster the gateway's clock runs: 1 but for a simulated one.
    speed: u32,
}

impl SharedLedger {
    /// The ledger in a file, which is made if it is not there.
    pub fn new(path: impl Into<PathBuf>, limits: Limits, speed: u32) -> Self {
        Self { path: path.into(), limits, speed: speed.max(1) }
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the request may be sent, and writes down that it is.
    ///
    /// # Errors
    /// If the file cannot be written: nothing is asked then.
    pub async fn admit(&self, mut asked: Asked) -> Result<Admitted> {
        loop {
            let tried = self.with_file(|ledger, now| {
                asked.at = now;
                asked.arrived = now + ON_ITS_WAY_MS * u64::from(self.speed);
                let admitted = ledger.admit(asked.clone(), &self.limits);
                admitted.map(|()| (ledger.budget(now, &self.limits), asked.clone()))
            })?;
            match tried {
                Ok(budget) => return Ok(Admitted { asked, budget }),
                Err(wait) => self.sleep(wait).await,
            }
        }
    }

    /// Writes down that a request has been answered, or can no longer arrive.
    ///
    /// # Errors
    /// As [`SharedLedger::admit`].
    pub fn settle(&self, admitted: &Admitted) -> Result<()> {
        let settled = self.with_file(|ledger, now| Ok(((), ledger.settle(&admitted.asked, now))));
        settled.map(|_| ())
    }

    /// Waits as the gateway's clock counts.
    pub async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_micros(millis * 1_000 / u64::from(self.speed) + 500)).await;
    }

    /// Reads the file under the lock and appends the line that `act` gives.
    fn with_file<T>(
        &self,
        act: impl FnOnce(&mut Ledger, u64) -> Result<(T, Asked), u64>,
    ) -> Result<Result<T, u64>> {
        self.act(act).map_err(|error| {
            Error::new(
                ErrorKind::SourceUnavailable,
                format!("the pacing ledger `{}` cannot be used", self.path.display()),
            )
            .because(error)
            .then("make its directory writable, or name another file: `ledger` in `[ibkr]` of barkeep.toml")
        })
    }

    fn act<T>(
        &self,
        act: impl FnOnce(&mut Ledger, u64) -> Result<(T, Asked), u64>,
    ) -> std::io::Result<Result<T, u64>> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        // A file of its own, since the ledger's is replaced now and then. Held for moments; let go when it is closed.
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(self.beside("lock"))?;
        lock.lock()?;
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let (mut ledger, lines) = Ledger::read(&text);
        let (given, line) = match act(&mut ledger, self.now()) {
            Ok(done) => done,
            Err(wait) => return Ok(Err(wait)),
        };
        let whole = text.is_empty() || text.ends_with('\n');
        if whole && lines < MOST_LINES.max(3 * ledger.asked.len()) {
            let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
            file.write_all(line_of(&line)?.as_bytes())?;
            file.sync_data()?;
        } else {
            let all: std::io::Result<String> = ledger.asked.iter().map(line_of).collect();
            let mut file = File::create(self.beside("new"))?;
            file.write_all(all?.as_bytes())?;
            file.sync_data()?;
            std::fs::rename(self.beside("new"), &self.path)?;
        }
        Ok(Ok(given))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        name.into()
    }

    /// Milliseconds since 1970, as the gateway's clock counts.
    fn now(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        since.as_micros() as u64 * u64::from(self.speed) / 1_000
    }
}

fn line_of(asked: &Asked) -> std::io::Result<String> {
    Ok(serde_json::to_string(asked)? + "\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(at: u64, small: bool, kind: u8, whole: u8, weight: u32) -> Asked {
        Asked {
            at,
            arrived: at,
            small,
            kind: format!("kind {kind}"),
            whole: format!("{kind} {whole}"),
            weight,
        }
    }

    /// IBKR's rules as they are published, checked over everything that was sent.
    fn broken(sent: &[Asked]) -> Option<String> {
        for (at, next) in sent.iter().enumerate() {
            let within = |millis: u64| sent[..at].iter().filter(move |earlier| next.at - earlier.at < millis);
            let weights =
                |asked: &mut dyn Iterator<Item = &Asked>| asked.map(|asked| asked.weight).sum::<u32>();
            if within(1_000).count() >= 50 {
                return Some("messages".into());
            }
            if within(15_000).any(|earlier| earlier.whole == next.whole) {
                return Some("identical".into());
            }
            if weights(&mut within(2_000).filter(|earlier| earlier.kind == next.kind)) + next.weight >= 6 {
                return Some("same in two seconds".into());
            }
            if next.small && weights(&mut within(600_000).filter(|earlier| earlier.small)) + next.weight > 60
            {
                return Some("ten minutes".into());
            }
        }
        None
    }

    proptest! {
        /// Whenever requests arrive between their admission and their answer.
        #[test]
        fn no_rule_is_ever_broken(
            wishes in prop::collection::vec(
                (0u64..900, any::<bool>(), 0u8..4, 0u8..6, 1u32..=2, 0u64..3_000, 0u64..=100), 1..400)
        ) {
            let (mut ledger, mut now, mut sent) = (Ledger::default(), 1_000_000, Vec::new());
            let limits = Limits::default();
            for (pause, small, kind, whole, weight, answer, on_its_way) in wishes {
                now += pause;
                // A waiting request is asked again exactly when it was told to.
                let admitted = loop {
                    let next = asked(now, small, kind, whole, weight);
                    match ledger.admit(next.clone(), &limits) {
                        Ok(()) => break next,
                        Err(wait) => {
                            prop_assert!((1..=TEN_MINUTES_MS).contains(&wait));
                            now += wait;
                        }
                    }
                };
                now += answer;
                ledger.settle(&admitted, now);
                sent.push(asked(admitted.at + answer * on_its_way / 100, small, kind, whole, weight));
            }
            prop_assert_eq!(broken(&sent), None);
        }
    }

    #[test]
    fn a_burst_waits_for_the_window() {
        let (mut ledger, limits) = (Ledger::default(), Limits::default());
        let mut now = 0;
        for number in 0..55u8 {
            while let Err(wait) = ledger.admit(asked(now, true, number, 0, 1), &limits) {
                now += wait;
            }
        }
        assert_eq!(ledger.budget(now, &limits), 0);
        let wait = ledger.admit(asked(now, true, 99, 0, 1), &limits);
        assert_eq!(wait, Err(TEN_MINUTES_MS - now));
        assert_eq!(
            ledger.admit(asked(now + 5_000, false, 99, 0, 1), &limits),
            Ok(()),
            "one-minute bars have no such window"
        );
    }

    #[tokio::test]
    async fn processes_share_what_was_sent() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("deep/ledger");
        let limits = Limits { in_ten_minutes: 3, ..Limits::default() };
        for number in 0..3 {
            // A new one every time, as after a restart.
            let left = SharedLedger::new(&path, limits, 1).admit(asked(0, true, number, 0, 1)).await;
            assert_eq!(left.map(|admitted| admitted.budget), Ok(2 - u32::from(number)));
        }
        let mut torn = OpenOptions::new().append(true).open(&path).expect("the file");
        torn.write_all(b"{\"at\":12").expect("written");
        let late = SharedLedger::new(&path, limits, 1);
        let next = late.admit(asked(0, true, 9, 0, 1));
        assert!(tokio::time::timeout(Duration::from_millis(50), next).await.is_err(), "the budget is spent");
    }
}
