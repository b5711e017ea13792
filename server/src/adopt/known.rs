//! What the manifest knows already, against what lies under `data/` now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bars::BarType;
use catalog::{Error, ErrorKind, ObjectRef, PartitionEntry, Result, SeriesEntry, Sha256, names};

use super::{AdoptOptions, Adoption, Candidate};
use crate::catalog::{newest, read_instruments, read_manifest, read_table};
use crate::commit::{Run, finish};
use crate::foreign::{Listing, read};
use crate::store::Store;

/// What the manifest knows already.
#[derive(Default)]
pub(super) struct Known {
    pub series: BTreeMap<BarType, (SeriesEntry, Vec<PartitionEntry>)>,
    pub instrument_files: HashMap<String, ObjectRef>,
    transaction: String,
}

impl Known {
    pub async fn read(store: &Store, options: &AdoptOptions, run: &Run) -> Result<Self> {
        let mut known = Self::default();
        let Some((snapshot, _)) = newest(store).await? else { return Ok(known) };
        if !options.update {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("`{}` has a manifest already", store.location()),
            )
            .because(format!(
                "snapshot {} of {} ({})",
                snapshot.number, snapshot.committed, snapshot.operation
            ))
            .then("take in what other programs have changed since: `barkeep adopt --update`"));
        }
        if !run.dry_run {
            finish(store, &snapshot).await?;
        }
        known.transaction.clone_from(&snapshot.transaction);
        for entry in read_table(store, &snapshot.table).await? {
            let partitions = read_manifest(store, &entry).await?.partitions;
            known.series.insert(entry.bar_type.clone(), (entry, partitions));
        }
        for instrument in read_instruments(store, &snapshot).await?.iter() {
            known
                .instrument_files
                .extend(instrument.file.iter().map(|file| (file.key.clone(), file.clone())));
        }
        Ok(known)
    }

    /// Keys to read, and files of the manifest that are not there any more or are others now.
    pub async fn compare(
        &self,
        store: &Store,
        listing: &Listing,
        quick: bool,
    ) -> Result<(Vec<String>, HashMap<BarType, BTreeSet<String>>)> {
        let mut candidates: BTreeSet<String> = listing.bars.keys().cloned().collect();
        let mut gone: HashMap<BarType, BTreeSet<String>> = HashMap::new();
        for (bar_type, (_, files)) in &self.series {
            for file in files {
                let key = &file.object.key;
                let is_there = match listing.bars.get(key) {
                    Some(object) => is_same(store, &file.object, object.size, quick).await?,
                    // Another writer may have committed between the two looks, or be moving its files now.
                    None => {
                        let staged = names::staged(&self.transaction, key);
                        store.head(key).await?.is_some() || store.head(&staged).await?.is_some()
                    }
                };
                if is_there {
                    candidates.remove(key);
                } else {
                    gone.entry(bar_type.clone()).or_default().insert(key.clone());
                }
            }
        }
        Ok((candidates.into_iter().collect(), gone))
    }

    pub fn remaining<'a>(
        &'a self,
        bar_type: &BarType,
        gone: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a PartitionEntry> {
        let files = self.series.get(bar_type).map(|(_, files)| files.as_slice()).unwrap_or_default();
        files.iter().filter(|file| !gone.contains(&file.object.key))
    }

    /// Two series in one directory would be read as one by NautilusTrader, and a catalog refuses that: the larger one joins.
    pub fn refuse_shared_directories(
        &self,
        plan: &mut Adoption,
        by_series: &mut BTreeMap<BarType, Vec<Candidate>>,
    ) {
        let mut owners: HashMap<String, BarType> = self
            .series
            .keys()
            .map(|bar_type| (names::series_directory(bar_type), bar_type.clone()))
            .collect();
        let rows = |files: &[Candidate]| files.iter().map(|file| file.entry.rows).sum::<u64>();
        let mut order: Vec<BarType> = by_series.keys().cloned().collect();
        order.sort_by_key(|bar_type| std::cmp::Reverse(rows(&by_series[bar_type])));
        for bar_type in order {
            let owner = owners.entry(names::series_directory(&bar_type)).or_insert_with(|| bar_type.clone());
            if *owner != bar_type {
                for file in by_series.remove(&bar_type).unwrap_or_default() {
                    plan.refuse(
                        &file.entry.object.key,
                        format!("it holds {bar_type}, which would share a directory with {owner}"),
                    );
                }
            }
        }
    }
}

/// Whether a file is still the one the manifest describes. Names with the content's hash in them are never used twice.
pub(super) async fn is_same(store: &Store, object: &ObjectRef, size_bytes: u64, quick: bool) -> Result<bool> {
    if size_bytes != object.size_bytes {
        return Ok(false);
    }
    if quick || object.key.ends_with(&format!("_{}.parquet", object.sha256.short())) {
        return Ok(true);
    }
    Ok(Sha256::of(&read(store, &object.key).await?) == object.sha256)
}
