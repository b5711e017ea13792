//! What is committed reads back, exactly the needed bytes are read, and damage is never read as bars.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use bars::{Bar, BarColumns, BarType, Calendar, DAY, Decimal, MINUTE, TimeRange, UnixNanos};
use bytes::Bytes;
use catalog::{
    Addition, Base, Columns, Commit, CommitInfo, Error, ErrorKind, Fetch, Head, Outcome, Profile, Query,
    Scan, SeriesBase, SeriesFacts, SeriesManifest, SeriesTable, ShardRef, Snapshot, SnapshotFate, Step,
    WriteOptions, decode_bars, decode_bars_f64, fate_of, names, plan,
};

/// A catalog in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<String, Bytes>);

impl Memory {
    fn head(&self) -> Option<Head> {
        self.0.get(names::HEAD).map(|bytes| Head::decode(bytes).unwrap())
    }

    fn entries(&self, table: &SeriesTable) -> Vec<catalog::SeriesEntry> {
        match table {
            SeriesTable::Inline(entries) => entries.clone(),
            SeriesTable::Shards(shards) => shards
                .iter()
                .flat_map(|shard| SeriesTable::decode_shard(shard, &self.0[&shard.object.key]).unwrap())
                .collect(),
        }
    }

    fn manifest(&self, series: &BarType) -> Option<SeriesManifest> {
        let entry =
            self.entries(&self.head()?.snapshot.table).into_iter().find(|entry| entry.bar_type == *series)?;
        let bytes = &self.0[&entry.manifest.key];
        entry.manifest.verify(bytes).unwrap();
        Some(SeriesManifest::decode(&entry.manifest.key, bytes.clone()).unwrap())
    }

    fn base(&self, additions: &[Addition]) -> Base {
        let Some(head) = self.head() else { return Base::default() };
        let mut base =
            Base { snapshot: Some((head.snapshot.clone(), head.snapshot_sha256)), ..Base::default() };
        if let SeriesTable::Shards(shards) = &head.snapshot.table {
            for shard in shards {
                base.shards.insert(
                    shard.shard,
                    SeriesTable::decode_shard(shard, &self.0[&shard.object.key]).unwrap(),
                );
            }
        }
        for addition in additions {
            if let Some(manifest) = self.manifest(&addition.bar_type) {
                let query = Query { range: addition.range(), ..Query::default() };
                let (overlapping, _) = self.read(&manifest, query).unwrap();
                base.series.insert(addition.bar_type.clone(), SeriesBase { manifest, overlapping });
            }
        }
        base
    }

    fn commit(&mut self, additions: &[Addition]) -> Result<Option<Box<Commit>>, Error> {
        let info = CommitInfo {
            transaction: format!("t{}", self.0.len()),
            committed: UnixNanos(0),
            writer: "test".into(),
            operation: "test".into(),
        };
        let Outcome::Commit(commit) = Commit::build(&self.base(additions), additions, &info)? else {
            return Ok(None);
        };
        for put in commit.objects.iter().chain([&commit.snapshot, &commit.head]) {
            self.0.insert(put.key.clone(), put.bytes.clone());
        }
        Ok(Some(commit))
    }

    /// Bars and the fetches they took.
    fn read(
        &self,
        manifest: &SeriesManifest,
        query: Query,
    ) -> Result<(BarColumns<Decimal>, Vec<Fetch>), Error> {
        let (mut bars, mut fetched, mut pending) = (BarColumns::default(), Vec::new(), Vec::new());
        let columns = query.columns;
        let mut scan = Scan::new(plan(manifest, query)?, 1 << 20);
        loop {
            match scan.next()? {
                Step::Fetch(fetches) => pending.extend(fetches),
                Step::Wait => {
                    // The last first: bytes may arrive in any order.
                    let fetch: Fetch = pending.pop().unwrap();
                    let bytes =
                        self.0[&fetch.key].slice(fetch.range.start as usize..fetch.range.end as usize);
                    scan.supply(&fetch, bytes)?;
                    fetched.push(fetch);
                }
                Step::Rows(batch, layout) => {
                    let part = decode_bars(&batch, &layout, columns)?;
                    assert_eq!(decode_bars_f64(&batch, &layout, columns)?.close, part.to_f64().close);
                    bars.ts_event.extend(part.ts_event);
                    bars.ts_init.extend(part.ts_init);
                    bars.open.extend(part.open);
                    bars.high.extend(part.high);
                    bars.low.extend(part.low);
                    bars.close.extend(part.close);
                    bars.volume.extend(part.volume);
                }
                Step::Done => return Ok((bars, fetched)),
            }
        }
    }
}

fn series(text: &str) -> BarType {
    text.parse().unwrap()
}

fn minutes(first_minute: i64, count: i64) -> BarColumns<Decimal> {
    (first_minute..first_minute + count)
        .map(|minute| {
            let price = |offset: i64| Decimal::from_ticks(6_000_000 + minute * 7919 % 1000 + offset, 2);
            let ts = UnixNanos((minute + 1) * MINUTE);
            let volume = Decimal::from_ticks(minute * 104_729 % 100_000_000, 8);
            Bar {
                open: price(3),
                high: price(9),
                low: price(-4),
                close: price(1),
                volume,
                ts_event: ts,
                ts_init: ts,
            }
        })
        .collect()
}

fn addition(bar_type: &str, bars: BarColumns<Decimal>, profile: Profile) -> Addition {
    let options =
        WriteOptions { profile, price_precision: 2, size_precision: 8, row_group_rows: 500, zstd_level: 1 };
    let facts =
        SeriesFacts { source: "test".into(), note: String::new(), calendar: Some(Calendar::Always), options };
    Addition { bar_type: series(bar_type), bars, facts, keep_stored: false }
}

const BTC: &str = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL";

#[test]
fn both_profiles_read_back_exactly() {
    for profile in [Profile::Nautilus, Profile::Compact] {
        let (mut memory, bars) = (Memory::default(), minutes(0, 4000));
        let commit = memory.commit(&[addition(BTC, bars.clone(), profile)]).unwrap().unwrap();
        assert_eq!((commit.rows_added, commit.partitions_added, commit.number), (4000, 3, 1));
        let manifest = memory.manifest(&series(BTC)).unwrap();
        let (all, _) = memory.read(&manifest, Query::default()).unwrap();
        assert_eq!(all, bars);
        // Ranges are half-open and go by the close; columns that are not wanted stay empty.
        for (start, end) in [(0, 1), (1, 2), (700, 701), (1439, 1442), (3999, 9000), (-5, 4001), (5000, 6000)]
        {
            let range = TimeRange::new(UnixNanos(start * MINUTE), UnixNanos(end * MINUTE));
            let columns = Columns::of(&["close", "ts_init"]).unwrap();
            let (part, _) = memory.read(&manifest, Query { range, columns, ..Query::default() }).unwrap();
            let rows = bars.rows_in(range);
            assert_eq!(
                (&part.ts_init[..], &part.close[..]),
                (&bars.ts_init[rows.clone()], &bars.close[rows]),
                "{start} {end}"
            );
            assert!(part.open.is_empty());
        }
        let limited = memory.read(&manifest, Query { limit: Some(1441), ..Query::default() }).unwrap();
        assert_eq!(limited.0.ts_init, bars.ts_init[..1441]);
        assert_eq!(
            limited.1.iter().map(|fetch| &fetch.key).collect::<std::collections::BTreeSet<_>>().len(),
            2
        );
    }
}

#[test]
fn only_the_needed_bytes_are_fetched() {
    // One day is one file; 20,000 rows of one daily series make a file of years: use a long "day" of seconds instead.
    let seconds: BarColumns<Decimal> = (0..80_000i64)
        .map(|second| {
            let price = Decimal::from_ticks(1000 + second % 97, 2);
            let ts = UnixNanos((second + 1) * bars::SECOND);
            Bar {
                open: price,
                high: price,
                low: price,
                close: price,
                volume: price,
                ts_event: ts,
                ts_init: ts,
            }
        })
        .collect();
    let mut memory = Memory::default();
    memory.commit(&[addition("X.Y-1-SECOND-LAST-EXTERNAL", seconds, Profile::Nautilus)]).unwrap();
    let manifest = memory.manifest(&series("X.Y-1-SECOND-LAST-EXTERNAL")).unwrap();
    let [file] = &manifest.partitions[..] else { panic!("{} files", manifest.partitions.len()) };
    assert!(file.footer.is_some() && file.object.size_bytes > 64 * 1024);
    let range = TimeRange::new(UnixNanos(1001 * bars::SECOND), UnixNanos(1002 * bars::SECOND));
    let query = Query { range, columns: Columns::of(&["close", "ts_init"]).unwrap(), ..Query::default() };
    let planned = plan(&manifest, query.clone()).unwrap();
    assert_eq!((planned.partitions.len(), planned.row_groups_pruned), (1, 159));
    let (bars, fetched) = memory.read(&manifest, query).unwrap();
    assert_eq!(bars.len(), 1);
    // Close and ts_init of one row group lie close together: one request, a hundredth of the file.
    assert_eq!(fetched.len(), 1);
    let bytes: u64 = fetched.iter().map(|fetch| fetch.range.end - fetch.range.start).sum();
    assert!(bytes * 50 < file.object.size_bytes, "{bytes} of {}", file.object.size_bytes);
    let (all, fetched) = memory.read(&manifest, Query::default()).unwrap();
    assert_eq!((all.len(), fetched.len()), (80_000, 1));
}

#[test]
fn no_flipped_bit_is_read_as_bars() {
    let mut memory = Memory::default();
    memory.commit(&[addition(BTC, minutes(0, 1440), Profile::Compact)]).unwrap();
    let good = memory.manifest(&series(BTC)).unwrap();
    let keys: Vec<String> = memory.0.keys().cloned().collect();
    let mut found = 0;
    for key in keys {
        for at in (0..memory.0[&key].len()).step_by(7) {
            let mut damaged = memory.clone();
            let mut bytes = damaged.0[&key].to_vec();
            bytes[at] ^= 1 << (at % 8);
            let bytes = Bytes::from(bytes);
            damaged.0.insert(key.clone(), bytes.clone());
            let error = match key.as_str() {
                names::HEAD => Head::decode(&bytes).map(|_| ()),
                key if key.starts_with("manifest/snapshots/") => Snapshot::decode(key, &bytes).map(|_| ()),
                key if key.starts_with("manifest/series/") => {
                    let entry = memory.entries(&memory.head().unwrap().snapshot.table).remove(0);
                    entry.manifest.verify(&bytes)
                }
                _ => damaged.read(&good, Query::default()).map(|_| ()),
            };
            assert!(
                matches!(error, Err(ref error) if error.kind == ErrorKind::Corrupt),
                "{key} byte {at}: {error:?}"
            );
            found += 1;
        }
    }
    assert!(found > 1000, "{found} flips");
}

#[test]
fn a_flip_in_a_ranged_read_is_found() {
    let mut memory = Memory::default();
    let bars: BarColumns<Decimal> = minutes(0, 1440);
    let options =
        WriteOptions { row_group_rows: 20, ..addition(BTC, bars.clone(), Profile::Nautilus).facts.options };
    let mut wide = addition(BTC, bars, Profile::Nautilus);
    wide.facts.options = options;
    memory.commit(&[wide]).unwrap();
    let manifest = memory.manifest(&series(BTC)).unwrap();
    let file = &manifest.partitions[0];
    assert!(file.footer.is_some(), "{} bytes", file.object.size_bytes);
    let query = Query { columns: Columns::of(&["close"]).unwrap(), ..Query::default() };
    for fetch in plan(&manifest, query.clone()).unwrap().partitions[0].fetches.clone() {
        let mut damaged = memory.clone();
        let mut bytes = damaged.0[&file.object.key].to_vec();
        // The first byte of a fetch belongs to a wanted chunk.
        bytes[fetch.range.start as usize] ^= 0x10;
        damaged.0.insert(file.object.key.clone(), bytes.into());
        assert_eq!(damaged.read(&manifest, query.clone()).unwrap_err().kind, ErrorKind::Corrupt);
    }
}

#[test]
fn short_bytes_are_refused() {
    let mut memory = Memory::default();
    memory.commit(&[addition(BTC, minutes(0, 10), Profile::Nautilus)]).unwrap();
    let manifest = memory.manifest(&series(BTC)).unwrap();
    let mut scan = Scan::new(plan(&manifest, Query::default()).unwrap(), 1 << 20);
    let Step::Fetch(fetches) = scan.next().unwrap() else { panic!("no fetch") };
    let bytes = memory.0[&fetches[0].key].slice(..100);
    assert_eq!(scan.supply(&fetches[0], bytes).unwrap_err().kind, ErrorKind::SourceUnavailable);
}

#[test]
fn committing_again_adds_only_what_is_new() {
    let mut memory = Memory::default();
    memory.commit(&[addition(BTC, minutes(100, 500), Profile::Nautilus)]).unwrap();
    assert!(memory.commit(&[addition(BTC, minutes(100, 500), Profile::Nautilus)]).unwrap().is_none());
    // Before, between and after, in one commit; equal bars are no conflict.
    memory.commit(&[addition(BTC, minutes(800, 100), Profile::Nautilus)]).unwrap();
    let commit = memory.commit(&[addition(BTC, minutes(0, 2000), Profile::Nautilus)]).unwrap().unwrap();
    assert_eq!((commit.rows_added, commit.rows_identical, commit.number), (1400, 600, 3));
    let manifest = memory.manifest(&series(BTC)).unwrap();
    assert_eq!(memory.read(&manifest, Query::default()).unwrap().0, minutes(0, 2000));
    let disjoint = manifest.partitions.windows(2).all(|pair| pair[0].last < pair[1].first);
    assert!(disjoint && manifest.partitions.iter().all(|file| file.last.0 - file.first.0 < DAY));
    let head = memory.head().unwrap().snapshot;
    assert_eq!(head.predecessor, Some(catalog::Sha256::of(&memory.0[&names::snapshot(2)])));
}

#[test]
fn contradictions_are_refused() {
    let mut memory = Memory::default();
    memory.commit(&[addition(BTC, minutes(0, 100), Profile::Nautilus)]).unwrap();
    let mut other = minutes(50, 100);
    other.close[3] = other.high[3];
    let refused = memory.commit(&[addition(BTC, other.clone(), Profile::Nautilus)]).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.why.contains("1970-01-01T00:54:00Z"), "{refused}");
    let mut keep = addition(BTC, other, Profile::Nautilus);
    keep.keep_stored = true;
    let commit = memory.commit(&[keep]).unwrap().unwrap();
    assert_eq!((commit.rows_added, commit.rows_kept, commit.rows_identical), (50, 1, 49));
    // A bar inside a stored file's hole is not supported yet, and says so.
    let mut holed = minutes(2000, 10);
    for column in [&mut holed.ts_event, &mut holed.ts_init] {
        column.remove(5);
    }
    holed.prices_mut().into_iter().for_each(|column| {
        column.remove(5);
    });
    memory.commit(&[addition(BTC, holed, Profile::Nautilus)]).unwrap();
    let hole = memory.commit(&[addition(BTC, minutes(2000, 10), Profile::Nautilus)]).unwrap_err();
    assert_eq!(hole.kind, ErrorKind::Unsupported);
    // Two series that NautilusTrader would keep in one directory.
    let twin = memory.commit(&[addition(
        "BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL",
        minutes(0, 10),
        Profile::Nautilus,
    )]);
    assert_eq!(twin.unwrap_err().kind, ErrorKind::Conflict);
    // Values that do not fit.
    let mut fine = minutes(0, 10);
    fine.close[2] = "60000.001".parse().unwrap();
    for profile in [Profile::Nautilus, Profile::Compact] {
        let error =
            memory.commit(&[addition("FINE.X-1-MINUTE-LAST-EXTERNAL", fine.clone(), profile)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
    }
}

#[test]
fn many_series_stand_in_shards() {
    let mut memory = Memory::default();
    let name = |number: usize| format!("S{number:03}.X-1-MINUTE-LAST-EXTERNAL");
    let many: Vec<Addition> =
        (0..150).map(|number| addition(&name(number), minutes(0, 3), Profile::Nautilus)).collect();
    memory.commit(&many).unwrap();
    let SeriesTable::Shards(before) = memory.head().unwrap().snapshot.table else { panic!("not in shards") };
    assert_eq!(before.iter().map(|shard| shard.series).sum::<u64>(), 150);
    let commit = memory.commit(&[addition(&name(7), minutes(3, 3), Profile::Nautilus)]).unwrap().unwrap();
    // One partition, one series manifest, one shard.
    assert_eq!(commit.objects.len(), 3);
    let SeriesTable::Shards(after) = memory.head().unwrap().snapshot.table else { panic!("not in shards") };
    let changed: Vec<u8> =
        before.iter().zip(&after).filter(|(old, new)| old != new).map(|(old, _)| old.shard).collect();
    assert_eq!(changed, [ShardRef::shard_of(&series(&name(7)))]);
    let manifest = memory.manifest(&series(&name(7))).unwrap();
    assert_eq!(memory.read(&manifest, Query::default()).unwrap().0, minutes(0, 6));
}

#[test]
fn the_fate_of_an_unanswered_commit() {
    let mut memory = Memory::default();
    let commit = memory.commit(&[addition(BTC, minutes(0, 3), Profile::Nautilus)]).unwrap().unwrap();
    let stored = Some(&commit.snapshot.bytes[..]);
    let fate = |stored, transaction| fate_of(&commit.snapshot.key, stored, transaction).unwrap();
    assert_eq!(fate(stored, "t0"), SnapshotFate::Committed);
    assert_eq!(fate(stored, "t1"), SnapshotFate::Lost);
    assert_eq!(fate(None, "t0"), SnapshotFate::Absent);
}

#[test]
fn a_newer_format_is_refused() {
    let mut memory = Memory::default();
    memory.commit(&[addition(BTC, minutes(0, 3), Profile::Nautilus)]).unwrap();
    let mut snapshot = memory.head().unwrap().snapshot;
    snapshot.format += 1;
    let bytes = snapshot.encode();
    let error = Head::decode(&Head::of(snapshot, &bytes).encode()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.what.contains("newer version"), "{error}");
}
