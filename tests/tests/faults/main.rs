//! The commit protocol under faults: crashes at every boundary, seeded simulations, races.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod crashes;
mod disks;
mod kills;
mod model;
mod oracle;
mod power;
mod simulation;
mod stalls;
mod store;
mod trace;
mod workflows;
