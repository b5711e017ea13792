//! What a catalog should hold, said as simply as possible, and whether a history of commits is what it says.
//!
//! Every commit's snapshot tells in words which operation it is. So the history that a store saw can be done again on a model, commit by
//! commit, and whatever anybody read must be exactly one of its states.

use std::collections::BTreeMap;

use bars::{BarColumns, Decimal, MINUTE, TimeRange, UnixNanos};
use catalog::{Overlap, SeriesTable, Sha256, Snapshot, names};

use crate::oracle::Content;
use crate::workflows::bar;

/// Minutes of each series, each with the salt of its values.
pub type State = BTreeMap<&'static str, BTreeMap<i64, i64>>;

/// What a writer may do.
#[derive(Clone, Debug)]
pub enum Operation {
    Add {
        series: &'static str,
        minutes: Vec<i64>,
        salt: i64,
        overlap: Overlap,
    },
    Delete {
        series: &'static str,
        first: i64,
        last: i64,
    },
    RollBack(u64),
    /// It changes files, not bars.
    Tidy,
}

impl Operation {
    /// What it makes of a state, or `None` if it is refused; `states` are those of all commits, by number.
    fn applied(&self, state: &State, states: &BTreeMap<u64, State>) -> Option<State> {
        let mut state = state.clone();
        match self {
            Self::Add { series, minutes, salt, overlap } => {
                let stored = state.entry(series).or_default();
                for minute in minutes {
                    match (stored.get(minute), overlap) {
                        (Some(other), Overlap::Fail) if other != salt => return None,
                        (Some(_), Overlap::Keep) => {}
                        _ => drop(stored.insert(*minute, *salt)),
                    }
                }
            }
            Self::Delete { series, first, last } => {
                state.entry(series).or_default().retain(|minute, _| !(*first..*last).contains(minute));
            }
            Self::RollBack(number) => state.clone_from(&states[number]),
            Self::Tidy => {}
        }
        state.retain(|_, minutes| !minutes.is_empty());
        Some(state)
    }
}

/// Stamps from the close of one minute to that of another, the last not included.
pub fn closes(first: i64, last: i64) -> TimeRange {
    TimeRange::new(UnixNanos((first + 1) * MINUTE), UnixNanos((last + 1) * MINUTE))
}

/// What was read, in the words of the model.
///
/// # Panics
/// If a bar has values that nobody wrote.
pub fn seen(content: &Content) -> BTreeMap<String, BTreeMap<i64, i64>> {
    let minutes = |bars: &BarColumns<Decimal>| -> BTreeMap<i64, i64> {
        let read = |row: usize| {
            let found = bars.bar(row);
            let minute = found.ts_init.0 / MINUTE - 1;
            let salt = (0..SALTS).find(|salt| found == bar(minute, *salt));
            (minute, salt.unwrap_or_else(|| panic!("a wrong bar: {found:?}")))
        };
        let read: BTreeMap<i64, i64> = (0..bars.len()).map(read).collect();
        assert_eq!(read.len(), bars.len(), "a bar was read twice");
        read
    };
    content.iter().map(|(name, bars)| (name.clone(), minutes(bars))).collect()
}

/// Salts that writers use are smaller.
pub const SALTS: i64 = 8;

/// The commits that a store saw, in the order of their numbers, from the newest back along the chain of predecessors.
pub struct History {
    states: BTreeMap<u64, State>,
    transactions: BTreeMap<u64, String>,
    operations: BTreeMap<u64, u64>,
}

impl History {
    /// Does a history again. `snapshots` are the objects that were created, `operations` what their numbers in words stand for.
    ///
    /// # Panics
    /// If the chain is broken, or a table does not say what the model says.
    pub fn of(snapshots: &[(String, Vec<u8>)], operations: &[Operation]) -> Self {
        let mut stored: BTreeMap<Sha256, Snapshot> = BTreeMap::new();
        for (key, bytes) in snapshots {
            let snapshot = Snapshot::decode(key, bytes).unwrap();
            assert_eq!(*key, names::snapshot(snapshot.number));
            stored.insert(Sha256::of(bytes), snapshot);
        }
        let mut chain = Vec::new();
        let mut next = stored.iter().max_by_key(|(_, snapshot)| snapshot.number).map(|(sum, _)| *sum);
        while let Some(sum) = next {
            let snapshot = &stored[&sum];
            chain.push(snapshot);
            next = snapshot.predecessor;
        }
        chain.reverse();
        let mut history = Self {
            states: BTreeMap::from([(0, State::new())]),
            transactions: BTreeMap::new(),
            operations: BTreeMap::new(),
        };
        for (at, snapshot) in chain.iter().enumerate() {
            assert_eq!(snapshot.number, at as u64 + 1, "a number was left out or came twice");
            history.add(snapshot, operations);
        }
        history
    }

    fn add(&mut self, snapshot: &Snapshot, operations: &[Operation]) {
        let number = snapshot.number;
        let told: u64 = snapshot.operation.strip_prefix("operation ").unwrap().parse().unwrap();
        let state = operations[told as usize].applied(&self.states[&(number - 1)], &self.states);
        let state = state.unwrap_or_else(|| {
            panic!("snapshot {number} should have been refused: {:?}", operations[told as usize])
        });
        let SeriesTable::Inline(table) = &snapshot.table else { panic!("two series stand inline") };
        let rows: BTreeMap<String, u64> =
            table.iter().map(|entry| (entry.bar_type.to_string(), entry.rows)).collect();
        let expected =
            state.iter().map(|(name, minutes)| ((*name).to_owned(), minutes.len() as u64)).collect();
        assert_eq!(
            rows, expected,
            "snapshot {number} is not its predecessor with {:?}",
            operations[told as usize]
        );
        self.states.insert(number, state);
        self.transactions.insert(number, snapshot.transaction.clone());
        self.operations.insert(number, told);
    }

    /// The newest number.
    pub fn newest(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// Checks what somebody read.
    ///
    /// # Panics
    /// If it is not the state of that commit.
    pub fn check(&self, number: u64, transaction: &str, content: &Content) {
        assert_eq!(
            self.transactions.get(&number).map(String::as_str),
            Some(transaction),
            "read a commit that is none"
        );
        let expected: BTreeMap<String, BTreeMap<i64, i64>> = self.states[&number]
            .iter()
            .map(|(name, minutes)| ((*name).to_owned(), minutes.clone()))
            .collect();
        assert_eq!(seen(content), expected, "a state was read that is not that of commit {number}");
    }

    /// Checks an acknowledged operation: it has the number it was told, or it changed nothing in any state that it may have met.
    ///
    /// # Panics
    /// If neither is so.
    pub fn check_acknowledged(
        &self,
        told: u64,
        snapshot: Option<u64>,
        between: (u64, u64),
        operation: &Operation,
    ) {
        if let Some(number) = snapshot {
            assert_eq!(
                self.operations.get(&number),
                Some(&told),
                "an acknowledged commit is lost: {operation:?}"
            );
            return;
        }
        let mut met = self.states.range(between.0..=between.1.min(self.newest()));
        let changes_nothing =
            met.any(|(_, state)| operation.applied(state, &self.states).as_ref() == Some(state));
        assert!(changes_nothing, "acknowledged, but it would have changed something: {operation:?}");
    }
}
