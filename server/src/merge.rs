//! Bars of several series as one stream in the order of their stamps, with a bounded part of it in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use ::catalog::{Columns, Error, ErrorKind, Fetch, Order, Plan, Result, Scan, Step, decode_bars};
use bars::{BarColumns, Decimal, Resampled, Resampler};
use bytes::Bytes;
use futures::future::{BoxFuture, try_join_all};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::catalog::Catalog;

/// Rows of a block.
const BLOCK_ROWS: usize = 8192;

/// Bars, and of which series each is.
#[derive(Debug, Default)]
pub struct Block {
    /// The bars; columns that were not asked for are empty, but for `ts_init`.
    pub bars: BarColumns<Decimal>,
    /// For each bar the place of its series among the streams.
    pub series: Vec<usize>,
}

/// Bars of one series as they are decoded, made coarser if asked for.
pub struct SeriesStream<'a> {
    catalog: &'a Catalog,
    scan: Scan,
    columns: Columns,
    fetching: FuturesUnordered<BoxFuture<'a, (Fetch, Result<Bytes>)>>,
    resampler: Option<Resampler<Decimal>>,
    /// What it did so far.
    pub tally: Tally,
}

/// What a stream did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Stored bars that were read for the answer.
    pub stored: u64,
    /// Coarser bars made of them.
    pub made: u64,
    /// Coarser bars made of fewer bars than their interval holds.
    pub partial: u64,
    /// Bars in no session.
    pub left_out: u64,
}

impl Tally {
    fn add(&mut self, coarser: &Resampled<Decimal>) {
        self.made += coarser.bars.len() as u64;
        self.partial += coarser.partial;
    }
}

impl<'a> SeriesStream<'a> {
    /// The bars that a plan reads; it must ask for `ts_init`, and for every column if they are to be made coarser.
    pub fn new(
        catalog: &'a Catalog,
        plan: Plan,
        resampler: Option<Resampler<Decimal>>,
        budget_bytes: u64,
    ) -> Self {
        let columns = plan.query.columns;
        let scan = Scan::new(plan, budget_bytes);
        Self { catalog, scan, columns, fetching: FuturesUnordered::new(), resampler, tally: Tally::default() }
    }

    /// The next bars, at least one; `None` at the end.
    async fn next(&mut self) -> Result<Option<BarColumns<Decimal>>> {
        loop {
            let bars = match self.scan.next()? {
                Step::Fetch(fetches) => {
                    let catalog = self.catalog;
                    let started = fetches
                        .into_iter()
                        .map(|fetch| -> BoxFuture<'a, _> { Box::pin(catalog.fetch(fetch)) });
                    self.fetching.extend(started);
                    continue;
                }
                Step::Wait => {
                    let Some((fetch, bytes)) = self.fetching.next().await else {
                        return Err(Error::new(
                            ErrorKind::Internal,
                            "a scan waits for bytes that nobody fetches",
                        ));
                    };
                    self.scan.supply(&fetch, bytes?)?;
                    continue;
                }
                Step::Rows(batch, layout) => {
                    let bars = decode_bars(&batch, &layout, self.columns)?;
                    self.tally.stored += bars.len() as u64;
                    match &mut self.resampler {
                        None => bars,
                        Some(resampler) => {
                            let coarser = resampler.push(&bars);
                            self.tally.add(&coarser);
                            coarser.bars
                        }
                    }
                }
                Step::Done => {
                    let Some(mut resampler) = self.resampler.take() else { return Ok(None) };
                    let last = resampler.finish();
                    self.tally.add(&last);
                    self.tally.left_out = resampler.left_out();
                    last.bars
                }
            };
            if !bars.is_empty() {
                return Ok(Some(bars));
            }
        }
    }
}

/// Several streams as one.
pub struct Merge<'a> {
    cursors: Vec<Cursor<'a>>,
    /// Rank and place of the next row of every stream that has one; `None` before anything was read.
    heads: Option<BinaryHeap<Reverse<(i64, usize)>>>,
    order: Order,
    rows_left: u64,
}

/// Where a stream is read.
struct Cursor<'a> {
    stream: SeriesStream<'a>,
    bars: BarColumns<Decimal>,
    row: usize,
}

impl<'a> Merge<'a> {
    /// The first `limit` bars of all streams, each of which is in this order. Of equal stamps, the earlier stream's comes first.
    pub fn new(streams: Vec<SeriesStream<'a>>, order: Order, limit: Option<u64>) -> Self {
        let cursor = |stream| Cursor { stream, bars: BarColumns::default(), row: 0 };
        Self {
            cursors: streams.into_iter().map(cursor).collect(),
            heads: None,
            order,
            rows_left: limit.unwrap_or(u64::MAX),
        }
    }

    /// The next bars, at least one; `None` at the end.
    ///
    /// # Errors
    /// If bytes are missing or damaged, or a condition has no value for a bar.
    pub async fn next(&mut self) -> Result<Option<Block>> {
        let order = self.order;
        let heads = match &mut self.heads {
            Some(heads) => heads,
            None => {
                try_join_all(self.cursors.iter_mut().map(Cursor::refill)).await?;
                let heads = self.cursors.iter().enumerate().filter_map(|(at, cursor)| cursor.head(at, order));
                self.heads.insert(heads.collect())
            }
        };
        let mut room = usize::try_from(self.rows_left).unwrap_or(usize::MAX).min(BLOCK_ROWS);
        let mut block = Block::default();
        while room > 0
            && let Some(Reverse((_, at))) = heads.pop()
        {
            let cursor = &mut self.cursors[at];
            let rows = cursor.rows_before(at, heads.peek(), order, room);
            append(&mut block.bars, &cursor.bars, rows.clone());
            block.series.resize(block.series.len() + rows.len(), at);
            room -= rows.len();
            cursor.row = rows.end;
            if cursor.row == cursor.bars.len() {
                cursor.refill().await?;
            }
            heads.extend(cursor.head(at, order));
        }
        self.rows_left -= block.series.len() as u64;
        Ok((!block.series.is_empty()).then_some(block))
    }

    /// What each stream did.
    pub fn tallies(&self) -> impl Iterator<Item = Tally> {
        self.cursors.iter().map(|cursor| cursor.stream.tally)
    }
}

impl Cursor<'_> {
    async fn refill(&mut self) -> Result<()> {
        (self.bars, self.row) = (self.stream.next().await?.unwrap_or_default(), 0);
        Ok(())
    }

    /// Where its next row stands among those of other streams.
    fn head(&self, at: usize, order: Order) -> Option<Reverse<(i64, usize)>> {
        (self.row < self.bars.len()).then(|| Reverse((self.rank(self.row, order), at)))
    }

    /// Its next rows, up to the next row of another stream.
    fn rows_before(
        &self,
        at: usize,
        other: Option<&Reverse<(i64, usize)>>,
        order: Order,
        room: usize,
    ) -> Range<usize> {
        let most = self.bars.len().min(self.row.saturating_add(room));
        let is_after =
            |row: &usize| other.is_some_and(|Reverse(other)| (self.rank(*row, order), at) > *other);
        self.row..(self.row + 1..most).find(is_after).unwrap_or(most)
    }

    /// The less, the earlier in the order.
    fn rank(&self, row: usize, order: Order) -> i64 {
        let stamp = self.bars.ts_init[row];
        match order {
            Order::OldestFirst => stamp,
            Order::NewestFirst => !stamp,
        }
    }
}

/// Appends rows of the columns that are there.
fn append(to: &mut BarColumns<Decimal>, from: &BarColumns<Decimal>, rows: Range<usize>) {
    let take =
        |to: &mut Vec<i64>, from: &[i64]| to.extend_from_slice(from.get(rows.clone()).unwrap_or_default());
    take(&mut to.ts_event, &from.ts_event);
    take(&mut to.ts_init, &from.ts_init);
    for (to, from) in to.prices_mut().into_iter().zip(from.prices()) {
        to.extend_from_slice(from.get(rows.clone()).unwrap_or_default());
    }
}
