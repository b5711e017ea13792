//! Drives a scan: fetches what it asks for, several at once, and hands its rows on.

use std::collections::VecDeque;

use bars::BarColumns;
use bytes::Bytes;
use catalog::{Columns, Error, ErrorKind, Fetch, Plan, Result, Scan, Step, decode_bars_f64, names};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::Source;

/// Bytes of partitions that a scan may have in memory at once.
const SCAN_BUDGET_BYTES: u64 = 64 << 20;
/// Requests at once: a browser refuses thousands, and a host may too.
const MAX_IN_FLIGHT: usize = 32;

/// What a scan has read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traffic {
    /// Parts of files that arrived.
    pub fetches: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Rows of a scan, in its order.
pub(crate) struct Rows<'a> {
    count: usize,
    columns: &'a dyn Fn(Columns) -> Result<BarColumns<f64>>,
}

impl Rows<'_> {
    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The wanted columns, each value as the nearest `f64`; the others stay empty.
    pub(crate) fn columns(&self, wanted: Columns) -> Result<BarColumns<f64>> {
        (self.columns)(wanted)
    }
}

/// Reads what `plan` says, as of the snapshot of `transaction`; `take` gets the rows in the query's order.
///
/// # Errors
/// Those of the source, of the scan and of `take`.
pub(crate) async fn drive(
    plan: Plan,
    transaction: &str,
    source: &impl Source,
    mut take: impl FnMut(Rows<'_>) -> Result<()>,
) -> Result<Traffic> {
    let (total, mut traffic) = (plan.bytes, Traffic::default());
    let mut scan = Scan::new(plan, SCAN_BUDGET_BYTES);
    let (mut queue, mut fetching) = (VecDeque::new(), FuturesUnordered::new());
    source.progress(0, total)?;
    loop {
        match scan.next()? {
            Step::Fetch(fetches) => queue.extend(fetches),
            Step::Wait => {
                while fetching.len() < MAX_IN_FLIGHT
                    && let Some(fetch) = queue.pop_front()
                {
                    fetching.push(read(source, transaction, fetch));
                }
                let Some((fetch, bytes)) = fetching.next().await else {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "a scan waits for bytes that nobody fetches",
                    ));
                };
                let bytes = bytes?;
                traffic.fetches += 1;
                traffic.bytes += bytes.len() as u64;
                scan.supply(&fetch, bytes)?;
                source.progress(traffic.bytes, total)?;
            }
            Step::Rows(batch, layout) => {
                let columns = |wanted| decode_bars_f64(&batch, &layout, wanted);
                take(Rows { count: batch.num_rows(), columns: &columns })?;
            }
            Step::Done => return Ok(traffic),
        }
    }
}

/// Reads a part of a partition, wherever a commit has moved it since the snapshot was read.
async fn read(source: &impl Source, transaction: &str, fetch: Fetch) -> (Fetch, Result<Bytes>) {
    let mut found = source.read(&fetch).await;
    for place in names::places(&fetch.key, &fetch.sha256, transaction).into_iter().skip(1) {
        match &found {
            Err(error) if error.kind == ErrorKind::NotFound => {
                let elsewhere = source.read(&Fetch { key: place, ..fetch.clone() }).await;
                found = elsewhere.or(found);
            }
            _ => break,
        }
    }
    (fetch, found)
}
