//! The digest of fills: the fingerprint by which two runs are compared.

use sha2::{Digest, Sha256};

use crate::Execution;

/// SHA-256 of fills in lower-case hex, as [`Report::digest`](crate::Report::digest) describes it.
pub(crate) fn of(executions: &[Execution]) -> String {
    summed("barkeep-fills-1\n", executions, false)
}

/// The same of several instruments, as [`PortfolioReport::report`](crate::PortfolioReport::report) describes it.
pub(crate) fn of_portfolio(executions: &[Execution]) -> String {
    summed("barkeep-fills-2\n", executions, true)
}

fn summed(prefix: &str, executions: &[Execution], with_legs: bool) -> String {
    let mut sum = Sha256::new_with_prefix(prefix);
    let mut bytes = Vec::with_capacity(RECORD_BYTES * executions.len().min(1024));
    for block in executions.chunks(1024) {
        bytes.clear();
        for execution in block {
            if with_legs {
                bytes.extend(execution.leg.to_le_bytes());
            }
            bytes.extend(execution.bar.to_le_bytes());
            bytes.extend(execution.time.0.to_le_bytes());
            for number in [execution.quantity, execution.price, execution.commission] {
                bytes.extend(number.to_le_bytes());
            }
        }
        sum.update(&bytes);
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

const RECORD_BYTES: usize = 36;
