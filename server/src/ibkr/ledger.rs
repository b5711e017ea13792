//! When a request may be sent: IBKR's pacing rules as sliding windows, kept in a file that all processes of a machine share.
//!
//! A request is written down before it is sent, so that a process that is killed between the two has counted it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
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

/// Added to IBKR's windows, since a request is on its way for a while and the next may overtake it.
const SLACK_MS: u64 = 500;
const TEN_MINUTES_MS: u64 = 600_000 + 2 * SLACK_MS;
const TWO_SECONDS_MS: u64 = 2_000 + SLACK_MS;
const SECOND_MS: u64 = 1_000 + SLACK_MS;

/// A request as the rules see it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Asked {
    /// Milliseconds since 1970 at which it was admitted.
    pub at: u64,
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
        // A clock that was set back must not make old requests forgotten, nor block for longer than a window.
        self.asked.iter_mut().for_each(|earlier| earlier.at = earlier.at.min(now));
        while self.asked.front().is_some_and(|first| now - first.at >= TEN_MINUTES_MS) {
            self.asked.pop_front();
        }
        let identical = self.asked.iter().rev().find(|earlier| earlier.whole == asked.whole);
        let identical = identical.map_or(0, |earlier| limits.identical_ms.saturating_sub(now - earlier.at));
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
        let mut sum = weight;
        for earlier in self.asked.iter().rev().filter(|earlier| counts(earlier)) {
            if now - earlier.at >= window {
                break;
            }
            sum += earlier.weight;
            if sum > most {
                return earlier.at + window - now;
            }
        }
        0
    }

    /// What is left of the ten minutes' budget.
    pub fn budget(&self, now: u64, limits: &Limits) -> u32 {
        let recent = |asked: &&Asked| asked.small && now.saturating_sub(asked.at) < TEN_MINUTES_MS;
        limits.in_ten_minutes.saturating_sub(self.asked.iter().filter(recent).map(|asked| asked.weight).sum())
    }
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

    /// Waits until the request may be sent, and writes down that it is. Gives what is left of the ten minutes' budget.
    ///
    /// # Errors
    /// If the file cannot be written: nothing is asked then.
    pub async fn admit(&self, mut asked: Asked) -> Result<u32> {
        loop {
            let tried = self.with_file(|ledger, now| {
                asked.at = now;
                let admitted = ledger.admit(asked.clone(), &self.limits);
                admitted.map(|()| ledger.budget(now, &self.limits))
            })?;
            match tried {
                Ok(budget) => return Ok(budget),
                Err(wait) => self.sleep(wait).await,
            }
        }
    }

    /// Waits as the gateway's clock counts.
    pub async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_micros(millis * 1_000 / u64::from(self.speed) + 500)).await;
    }

    fn with_file<T>(&self, act: impl FnOnce(&mut Ledger, u64) -> Result<T, u64>) -> Result<Result<T, u64>> {
        let failed = |error: std::io::Error| {
            Error::new(
                ErrorKind::SourceUnavailable,
                format!("the pacing ledger `{}` cannot be used", self.path.display()),
            )
            .because(error)
            .then("make its directory writable, or name another file: `ledger` in `[ibkr]` of barkeep.toml")
        };
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map_err(failed)?;
        lock(&file).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // A line that a crash cut off was never sent.
        let asked = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut ledger = Ledger { asked };
        let before = ledger.asked.len();
        let done = act(&mut ledger, self.now());
        if done.is_ok() {
            let grown = ledger.asked.len() == before + 1 && (text.is_empty() || text.ends_with('\n'));
            write(&mut file, &ledger, grown).map_err(failed)?;
        }
        Ok(done)
    }

    /// Milliseconds since 1970, as the gateway's clock counts.
    fn now(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        since.as_micros() as u64 * u64::from(self.speed) / 1_000
    }
}

/// Held for microseconds by others, so this waits.
fn lock(file: &File) -> std::io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => file.lock(),
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

/// Appends the last line, or writes all of them when old ones have left.
fn write(file: &mut File, ledger: &Ledger, grown: bool) -> std::io::Result<()> {
    let lines: Vec<&Asked> = match grown {
        true => ledger.asked.back().into_iter().collect(),
        false => ledger.asked.iter().collect(),
    };
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    if grown {
        file.seek(SeekFrom::End(0))?;
        file.write_all(text.as_bytes())?;
    } else {
        // The shorter text first, the cut second: a crash between leaves lines twice, which only makes us wait.
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(at: u64, small: bool, kind: u8, whole: u8, weight: u32) -> Asked {
        Asked { at, small, kind: format!("kind {kind}"), whole: format!("{kind} {whole}"), weight }
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
        #[test]
        fn no_rule_is_ever_broken(
            wishes in prop::collection::vec((0u64..900, any::<bool>(), 0u8..4, 0u8..6, 1u32..=2), 1..400)
        ) {
            let (mut ledger, mut now, mut sent) = (Ledger::default(), 1_000_000, Vec::new());
            let limits = Limits::default();
            for (pause, small, kind, whole, weight) in wishes {
                now += pause;
                // A waiting request is asked again exactly when it was told to.
                while let Err(wait) = ledger.admit(asked(now, small, kind, whole, weight), &limits) {
                    prop_assert!((1..=TEN_MINUTES_MS).contains(&wait));
                    now += wait;
                }
                sent.push(asked(now, small, kind, whole, weight));
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
            assert_eq!(left, Ok(2 - u32::from(number)));
        }
        let mut torn = OpenOptions::new().append(true).open(&path).expect("the file");
        torn.write_all(b"{\"at\":12").expect("written");
        let late = SharedLedger::new(&path, limits, 1);
        let next = late.admit(asked(0, true, 9, 0, 1));
        assert!(tokio::time::timeout(Duration::from_millis(50), next).await.is_err(), "the budget is spent");
    }
}
