//! What stands beside a result: the assumptions in force, and warnings about what the numbers can bear.

mod assumptions;
mod money;
mod orders;
mod warnings;

pub(crate) use assumptions::assumptions;
pub(crate) use warnings::{Facts, warnings};

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A share in percent, without the noise of binary fractions.
fn percent(share: f64) -> String {
    let text = format!("{:.8}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
