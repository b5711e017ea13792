//! The commit protocol under faults: crashes at every boundary, seeded simulations, races.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod crashes;
mod kills;
mod model;
mod oracle;
mod simulation;
mod stalls;
mod store;
mod workflows;
