//! The journal of a commit: where its files go once it is committed.
//!
//! `data/` is what programs list that know no manifest, so it must hold every bar exactly once. A commit therefore stages its files
//! outside, and only after its snapshot is there do the files it retires leave `data/` and the staged ones arrive. The journal is put
//! before the snapshot; whoever finds it after a crash finishes the moves, which are harmless to repeat. It carries its own checksum: a
//! wrong key in it would move a file to where nobody looks.

use serde::{Deserialize, Serialize};

use crate::manifest::{seal, unseal};
use crate::{FORMAT_VERSION, Result};

/// An object that gets another key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Move {
    /// Where it is.
    pub from: String,
    /// Where it belongs.
    pub to: String,
}

/// The moves of one commit, in order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Moves {
    /// [`FORMAT_VERSION`] of its writer.
    pub format: u32,
    /// The commit's number.
    pub number: u64,
    /// First: files that leave `data/`.
    pub leave: Vec<Move>,
    /// Then: files that arrive there.
    pub arrive: Vec<Move>,
}

impl Moves {
    /// No moves yet.
    pub fn new(number: u64) -> Self {
        Self { format: FORMAT_VERSION, number, leave: Vec::new(), arrive: Vec::new() }
    }

    /// Whether there is nothing to move.
    pub fn is_empty(&self) -> bool {
        self.leave.is_empty() && self.arrive.is_empty()
    }

    /// The object to store.
    pub fn encode(&self) -> Vec<u8> {
        seal(self)
    }

    /// Reads a stored journal.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] if it is damaged.
    pub fn decode(key: &str, bytes: &[u8]) -> Result<Self> {
        unseal(key, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_moves_a_file_elsewhere() {
        let step = |from: &str, to: &str| Move { from: from.into(), to: to.into() };
        let mut moves = Moves::new(7);
        moves.leave.push(step("data/bars/x/a.parquet", "retired/bars/x/a.parquet"));
        moves.arrive.push(step("staging/t_b.parquet", "data/bars/x/b.parquet"));
        let bytes = moves.encode();
        assert_eq!(Moves::decode("j", &bytes).unwrap(), moves);
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(!Moves::decode("j", &damaged).is_ok_and(|found| found != moves), "bit {at}");
        }
    }
}
