//! One chunk of a migration: files are decoded, put in order, committed and read back.

use bars::{BarColumns, Decimal, TimeRange, UnixNanos};
use catalog::{
    Addition, Change, Columns, Error, ErrorKind, Fault, ForeignFile, Overlap, Query, Result, SeriesFacts,
    plan,
};

use super::{MigratedSeries, Migration, SourceFile, Verdict, is_of_file, remark};
use crate::adopt::FileRemark;
use crate::catalog::{newest, read_bars, read_manifest, read_table};
use crate::commit::{Run, commit};
use crate::foreign::examine_file;
use crate::store::Store;

/// Brings the bars of some files over, and adds them to the totals of the source and of what is read back.
///
/// # Errors
/// [`ErrorKind::Conflict`] if bars contradict each other or stored ones, or whatever a commit fails with.
pub(super) async fn migrate_chunk(
    source: &Store,
    target: &Store,
    chunk: &[SourceFile],
    facts: &SeriesFacts,
    run: &Run,
    migration: &mut Migration,
    done: &mut MigratedSeries,
) -> Result<()> {
    let mut facts = facts.clone();
    let mut bars = BarColumns::default();
    for file in chunk {
        let Some(found) = usable(source, &file.key, migration, done).await? else { continue };
        facts.options.price_precision = facts.options.price_precision.max(found.price_precision);
        facts.options.size_precision = facts.options.size_precision.max(found.size_precision);
        bars.extend_from(&found.bars, 0..found.bars.len());
    }
    let (bars, duplicates) = in_order(bars)?;
    done.duplicates += duplicates;
    done.source.add_all(&bars);
    let stamps = bars.ts_init.clone();
    if stamps.is_empty() {
        return Ok(());
    }
    let addition = Addition { bar_type: done.bar_type.clone(), bars, facts, overlap: Overlap::Fail };
    let receipt = commit(target, &[Change::Add(addition)], run).await?;
    done.rows_present += receipt.tally.rows_identical;
    if run.dry_run { Ok(()) } else { read_back(target, &stamps, done).await }
}

/// Reads a file of the source; `None`, with a word in the report, if it cannot be used.
async fn usable(
    source: &Store,
    key: &str,
    migration: &mut Migration,
    done: &mut MigratedSeries,
) -> Result<Option<ForeignFile>> {
    let note = |fault: &Fault| FileRemark { key: key.to_owned(), reason: fault.to_string(), is_name: false };
    let found = match examine_file(source, key).await {
        Ok(found) => found,
        Err(error) if is_of_file(&error) => {
            migration.refused.push(remark(key, &error));
            done.incomplete();
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if let Some(fault) = found.faults.iter().find(|fault| matches!(fault, Fault::Undefined { .. })) {
        migration.refused.push(note(fault));
        done.incomplete();
        return Ok(None);
    }
    let worth_saying = |fault: &&Fault| **fault != Fault::Empty && !fault.is_in_name();
    migration.remarks.extend(found.faults.iter().filter(worth_saying).map(note));
    Ok(Some(found))
}

impl MigratedSeries {
    fn incomplete(&mut self) {
        if self.verdict == Verdict::Equal {
            self.verdict = Verdict::Partial;
        }
        self.reason = Some("some of its files could not be used".to_owned());
    }
}

/// Bars in order, each once.
fn in_order(bars: BarColumns<Decimal>) -> Result<(BarColumns<Decimal>, u64)> {
    if bars.ts_init.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok((bars, 0));
    }
    let mut order: Vec<usize> = (0..bars.len()).collect();
    order.sort_by_key(|row| bars.ts_init[*row]);
    let (mut sorted, mut duplicates) = (BarColumns::<Decimal>::with_capacity(bars.len()), 0);
    for row in order {
        let bar = bars.bar(row);
        match sorted.len().checked_sub(1).map(|last| sorted.bar(last)) {
            Some(last) if last == bar => duplicates += 1,
            Some(last) if last.ts_init == bar.ts_init => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("the source holds different bars that close at {}", bar.ts_init),
                )
                .because(format!(
                    "one closes at {} with volume {}, another at {} with volume {}",
                    last.close, last.volume, bar.close, bar.volume
                )));
            }
            _ => sorted.push(&bar),
        }
    }
    Ok((sorted, duplicates))
}

/// Reads the bars of these stamps from the newest snapshot, as any reader would.
async fn read_back(target: &Store, stamps: &[i64], done: &mut MigratedSeries) -> Result<()> {
    let gone = || Error::new(ErrorKind::Corrupt, format!("{} is not there after its commit", done.bar_type));
    let (snapshot, _) = newest(target).await?.ok_or_else(gone)?;
    let table = read_table(target, &snapshot.table).await?;
    let entry = table.iter().find(|entry| entry.bar_type == done.bar_type).ok_or_else(gone)?;
    let manifest = read_manifest(target, entry).await?;
    let range = TimeRange::new(UnixNanos(stamps[0]), UnixNanos(stamps[stamps.len() - 1]).plus(1));
    let query = Query { range, ..Query::default() };
    let bars = read_bars(target, &snapshot.transaction, plan(&manifest, query)?, Columns::ALL).await?;
    for row in 0..bars.len() {
        if stamps.binary_search(&bars.ts_init[row]).is_ok() {
            done.target.add(&bars.bar(row));
        } else {
            done.rows_only_here += 1;
        }
    }
    Ok(())
}
