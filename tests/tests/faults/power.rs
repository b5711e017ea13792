//! Power losses: what may be on the disk if the machine stops at any system call, and that a catalog opens from it.
//!
//! Real commands run under `strace`. An image of the disk is what one of their operations left: what was synced is there, of the rest any
//! part may be. Files that were not synced are empty, cut, or full of zeros; names that were not synced are there or not.
//! `BARKEEP_IMAGES=N` builds so many images; `BARKEEP_SEED=S` begins with another.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use barkeep::store::Store;
use bars::BarColumns;
use tests::Place;

use crate::oracle::{Content, check_whole, content};
use crate::simulation::setting;
use crate::store::Random;
use crate::trace::{Inode, Operation, Trace, can_trace};

pub const SERIES: &str = "BTC/USD.SIM-1-MINUTE-LAST-EXTERNAL";
pub const IMPORT: &str =
    "--instrument BTC/USD.SIM --bar 1-MINUTE --stamp open --tz UTC --calendar 24/7 --overlap replace";

/// The commands, each acknowledged before the next: first commit, append, growing day, new bars for old, and everything that moves files.
fn commands() -> Vec<String> {
    let import = |file: &str| format!("import csv {file}.csv {IMPORT}");
    vec![
        import("first"),
        import("next"),
        import("grown"),
        import("revised"),
        "consolidate --by week".into(),
        format!("delete {SERIES} --start 2026-01-06T00:10 --end 2026-01-06T00:20"),
        "vacuum --keep 0s --grace 0s --no-other-writers".into(),
        import("next"),
        "snapshots roll-back 7".into(),
        "vacuum --keep 0s --grace 0s --no-other-writers".into(),
    ]
}

pub fn csv(day: u32, minutes: std::ops::Range<u32>, cents: u32) -> String {
    let mut text = String::from("time,open,high,low,close,volume\n");
    for minute in minutes {
        text += &format!("2026-01-{day:02}T00:{minute:02}:00Z,1.{cents},9,1,2.{minute:02},3\n");
    }
    text
}

/// What was done: operations, how many of them belonged to each command, and what the catalog held after each.
struct Record {
    operations: Vec<Operation>,
    ends: Vec<usize>,
    contents: Vec<Content>,
}

impl Record {
    fn new(place: &Place) -> Self {
        for (name, day, minutes, cents) in [
            ("first", 5, 0..30, 10),
            ("next", 6, 0..30, 20),
            ("grown", 6, 30..50, 30),
            ("revised", 5, 10..20, 40),
        ] {
            place.file(&format!("{name}.csv"), csv(day, minutes, cents));
        }
        let (mut trace, mut ends, mut contents) = (Trace::default(), Vec::new(), vec![Content::new()]);
        for words in commands() {
            assert!(trace.run(place, &words), "{words}");
            ends.push(trace.operations.len());
            contents.push(read(&place.catalog()));
        }
        let record = Self { operations: trace.operations, ends, contents };
        let whole = record.image(record.operations.len(), &mut |_| Fate::Kept, true);
        assert_eq!(whole, files_of(place), "the model of the disk is the disk");
        record
    }

    /// The files on the disk after the first `count` operations, and what the choice makes of those that were not synced.
    fn image(
        &self,
        count: usize,
        fate: &mut dyn FnMut(usize) -> Fate,
        syncs: bool,
    ) -> BTreeMap<PathBuf, Vec<u8>> {
        let done = &self.operations[..count];
        let (contents, safe_files, safe_names) = self.synced(count, syncs);
        let mut directories = BTreeSet::from([PathBuf::new()]);
        let mut names: BTreeMap<PathBuf, Inode> = BTreeMap::new();
        for (index, operation) in done.iter().enumerate() {
            let is_safe = safe_names.contains(&index);
            if !is_safe && fate(index) == Fate::Lost {
                continue;
            }
            match operation {
                Operation::Create { path, inode } | Operation::Link { path, inode } => {
                    names.insert(path.clone(), *inode);
                }
                Operation::Rename { from, to, inode } => {
                    names.remove(from);
                    names.insert(to.clone(), *inode);
                }
                Operation::Unlink { path } => {
                    names.remove(path);
                }
                Operation::MakeDirectory { path } => {
                    directories.insert(path.clone());
                }
                _ => {}
            }
        }
        names.retain(|path, _| path.ancestors().skip(1).all(|directory| directories.contains(directory)));
        let mut bytes_of: HashMap<Inode, Vec<u8>> = HashMap::new();
        names
            .into_iter()
            .map(|(path, inode)| {
                let bytes = bytes_of.entry(inode).or_insert_with(|| {
                    let whole = contents.get(&inode).cloned().unwrap_or_default();
                    if safe_files.contains(&inode) { whole } else { fate(count + inode).torn(whole) }
                });
                (path, bytes.clone())
            })
            .collect()
    }

    /// Contents of files, which of them are safe, and which operations on names are.
    fn synced(
        &self,
        count: usize,
        syncs: bool,
    ) -> (HashMap<Inode, Vec<u8>>, BTreeSet<Inode>, BTreeSet<usize>) {
        let (mut contents, mut files, mut names) =
            (HashMap::<Inode, Vec<u8>>::new(), BTreeSet::new(), BTreeSet::new());
        // Operations on names that wait for one or two directories to be synced.
        let mut waiting: Vec<(usize, Vec<&Path>)> = Vec::new();
        for (index, operation) in self.operations[..count].iter().enumerate() {
            match operation {
                Operation::Append { inode, bytes } => {
                    contents.entry(*inode).or_default().extend(bytes);
                    files.remove(inode);
                }
                Operation::SyncFile { inode } if syncs => {
                    files.insert(*inode);
                }
                Operation::SyncDirectory { path } if syncs => {
                    for (_, directories) in &mut waiting {
                        directories.retain(|directory| directory != path);
                    }
                    names.extend(waiting.iter().filter(|(_, rest)| rest.is_empty()).map(|(index, _)| *index));
                    waiting.retain(|(_, rest)| !rest.is_empty());
                }
                Operation::Rename { from, to, .. } => {
                    let mut parents = vec![from.parent().unwrap(), to.parent().unwrap()];
                    parents.dedup();
                    waiting.push((index, parents));
                }
                Operation::Create { path, .. }
                | Operation::Link { path, .. }
                | Operation::Unlink { path }
                | Operation::MakeDirectory { path } => waiting.push((index, vec![path.parent().unwrap()])),
                _ => {}
            }
        }
        (contents, files, names)
    }

    /// One image of a random moment, checked: which command was under way, and what is wrong.
    fn check(&self, random: &Random, syncs: bool) -> Result<(), String> {
        let count = random.below(self.operations.len() as u64 + 1) as usize;
        // Journaling disks keep names in order up to some moment; others keep any of them.
        let kept_until = (random.below(2) == 0).then(|| random.below(count as u64 + 1) as usize);
        let percent = random.below(101);
        let fate = |index: usize| match kept_until {
            Some(until) if index < count => {
                if index < until {
                    Fate::Kept
                } else {
                    Fate::Lost
                }
            }
            _ if random.below(100) < percent => Fate::Kept,
            _ => [Fate::Lost, Fate::Cut(random.below(1_000)), Fate::Zeros][random.below(3) as usize],
        };
        // Only names can be lost or kept; the rest of the choices are for contents.
        let mut fate = |index: usize| match fate(index) {
            Fate::Cut(_) | Fate::Zeros if index < count => Fate::Lost,
            other => other,
        };
        let image = self.image(count, &mut fate, syncs);
        let acknowledged = self.ends.partition_point(|end| *end <= count);
        let place = Place::new();
        for (path, bytes) in image {
            let path = place.path("").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let told = format!("after {count} operations, {acknowledged} commands acknowledged");
        let opened = || {
            let found = read(&place.catalog());
            let allowed = &self.contents[acknowledged..(acknowledged + 2).min(self.contents.len())];
            let rows = |content: &Content| content.values().map(BarColumns::len).sum::<usize>();
            let expected: Vec<usize> = allowed.iter().map(rows).collect();
            assert!(allowed.contains(&found), "{} bars are neither of {expected:?}: {told}", rows(&found));
            whole(&place.catalog(), &told);
            // And it can be written again.
            let said = place.barkeep_with(&format!("import csv {}", IMPORT), &[&more(&place)]);
            assert_eq!(said.code, 0, "{told}: {}", said.err);
        };
        catch_unwind(AssertUnwindSafe(opened)).map_err(|_| told.clone())
    }
}

/// What becomes of an operation or a content that was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Kept,
    Lost,
    /// So many thousandths of the bytes are there.
    Cut(u64),
    Zeros,
}

impl Fate {
    fn torn(self, mut whole: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Kept => {}
            Self::Lost => whole.clear(),
            Self::Cut(thousandths) => whole.truncate(whole.len() * thousandths as usize / 1_000),
            Self::Zeros => whole.fill(0),
        }
        whole
    }
}

fn more(place: &Place) -> String {
    place.file("more.csv", csv(7, 0..5, 50)).to_str().unwrap().to_owned()
}

fn on_directory<T>(directory: &Path, work: impl AsyncFnOnce(&Store) -> T) -> Option<T> {
    let store = Store::open(directory.to_str().unwrap()).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Some(runtime.block_on(work(&store)))
}

pub fn read(directory: &Path) -> Content {
    on_directory(directory, async |store| content(store).await).unwrap_or_default()
}

pub fn whole(directory: &Path, told: &str) {
    on_directory(directory, async |store| check_whole(store, told).await);
}

fn files_of(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![place.catalog()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("selftest") {
            } else if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                files.insert(path.strip_prefix(place.path("")).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

#[test]
fn a_power_loss_loses_nothing_that_was_acknowledged() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let record = Record::new(&place);
    let (seed, images) = (setting("BARKEEP_SEED", 1), setting("BARKEEP_IMAGES", 150));
    for image in seed..seed + images {
        if let Err(told) = record.check(&Random::new(image), true) {
            panic!("image {image}, {told}: `BARKEEP_SEED={image} BARKEEP_IMAGES=1` shows it again");
        }
    }
    let operations = record.operations.len();
    println!(
        "power loss: {images} images of {operations} operations, 0 failures (fewer than 3 in {images}, 95 %)"
    );
}

/// The images bite: were nothing ever synced, some of them would lose what was acknowledged.
#[test]
fn without_syncs_a_power_loss_is_noticed() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let record = Record::new(&place);
    let failed = (0..30).filter(|image| record.check(&Random::new(*image), false).is_err()).count();
    assert!(failed > 3, "only {failed} of 30 images without syncs failed");
}
