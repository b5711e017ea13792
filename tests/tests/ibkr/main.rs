//! Bars from a simulated gateway: what a user sees, what was asked, and what the catalog holds.

mod command_line;
mod faults;
mod house;
mod random;
