//! Disks that are full, read-only or broken: a clear error, nothing lost, and the same command succeeds once the disk is well.
//!
//! Full and read-only disks are memory disks of their own, which only root may mount; without that right those tests say so and end.
//! Broken ones are made by `strace`, which answers a system call with an error. `BARKEEP_FILL_LEVELS=N` and `BARKEEP_DISK_ERRORS=N` ask
//! for more of each.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::{Place, binary};

use crate::oracle::Content;
use crate::power::{IMPORT, SERIES, csv, read, whole};
use crate::simulation::setting;
use crate::store::Random;
use crate::trace::can_trace;

/// What a disk is filled under: what was done before, and the command that meets the fault.
const WORKFLOWS: [(&str, &str); 6] = [
    ("first import", "import csv one.csv"),
    ("append", "import csv three.csv"),
    ("replace", "import csv changed.csv"),
    ("consolidate", "consolidate --by week"),
    ("delete", "delete SERIES --start 2026-01-05T00:10 --end 2026-01-05T00:20"),
    ("vacuum", "vacuum --keep 0s --grace 0s --no-other-writers"),
];

/// A catalog as it was before each workflow, and what it holds before and after.
struct Workflow {
    name: &'static str,
    words: String,
    /// Where the catalog lies; absent before the first import.
    template: PathBuf,
    before: Content,
    after: Content,
}

/// Half an hour of each day, so a partition and some pages for each.
fn days(days: RangeInclusive<u32>) -> String {
    let mut text = String::new();
    for day in days {
        let of_day = csv(day, 0..30, 10);
        let header = if text.is_empty() { 0 } else { of_day.find('\n').unwrap() + 1 };
        text += &of_day[header..];
    }
    text
}

fn workflows(place: &Place) -> Vec<Workflow> {
    place.file("one.csv", days(1..=5));
    place.file("two.csv", csv(6, 0..30, 10));
    place.file("three.csv", days(7..=26));
    place.file("changed.csv", csv(6, 10..20, 70));
    let of = |&(name, words): &(&'static str, &str)| {
        let words = words.replace("SERIES", SERIES);
        let words = if words.starts_with("import") { format!("{words} {IMPORT}") } else { words };
        let catalog = place.path(name);
        std::fs::create_dir_all(&catalog).unwrap();
        if name != "first import" {
            for import in ["one", "two"] {
                let done = on(place, &catalog, &format!("import csv {import}.csv {IMPORT}"));
                assert_eq!(done.0, Some(0), "{}", done.1);
            }
        }
        let done = place.path(&format!("{name} done"));
        copy(&catalog, &done);
        let (code, said) = on(place, &done, &words);
        assert_eq!(code, Some(0), "{said}");
        Workflow { name, words, before: read(&catalog), after: read(&done), template: catalog }
    };
    WORKFLOWS.iter().map(of).collect()
}

impl Workflow {
    /// Whether the command succeeded, and that nothing is lost either way.
    fn check(&self, catalog: &Path, said: &(Option<i32>, String), told: &str) -> bool {
        let (code, text) = said;
        let told = format!("{}, {told}: {text}", self.name);
        assert!(code.is_some() && !text.contains("panicked"), "it fell over: {told}");
        let found = read(catalog);
        if *code == Some(0) {
            assert_eq!(found, self.after, "acknowledged: {told}");
        } else {
            assert!(found == self.before || found == self.after, "neither before nor after: {told}");
        }
        *code == Some(0)
    }

    /// The disk is well again: the command succeeds, and the catalog is whole.
    fn finish(&self, place: &Place, catalog: &Path, told: &str) {
        let (code, said) = on(place, catalog, &self.words);
        assert_eq!(code, Some(0), "again, {}, {told}: {said}", self.name);
        assert_eq!(read(catalog), self.after, "again, {}, {told}", self.name);
        whole(catalog, told);
    }
}

fn on(place: &Place, catalog: &Path, words: &str) -> (Option<i32>, String) {
    run(Command::new(binary()), place, catalog, words)
}

fn run(mut command: Command, place: &Place, catalog: &Path, words: &str) -> (Option<i32>, String) {
    command.arg("--catalog").arg(catalog).args(words.split_whitespace()).env_remove("NAUTILUS_PATH");
    let done = command.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success());
}

/// A disk in memory, of pages of 4 KiB.
struct Disk(PathBuf);

impl Disk {
    /// `None` without the right to mount.
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=64m", "barkeep-test"]).arg(&at).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then_some(Self(at))
    }

    fn remount(&self, options: &str) {
        let mut command = Command::new("mount");
        command.arg("-o").arg(format!("remount,{options}")).arg(&self.0);
        assert!(command.status().unwrap().success(), "remount {options}");
    }

    fn used_pages(&self) -> u64 {
        let said = Command::new("df").args(["--output=used", "-B4096"]).arg(&self.0).output().unwrap();
        String::from_utf8_lossy(&said.stdout).lines().last().unwrap().trim().parse().unwrap()
    }

    /// Takes everything off and copies a catalog onto it.
    fn lay(&self, template: &Path) {
        for entry in std::fs::read_dir(&self.0).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        copy(template, &self.0);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn disk(place: &Place) -> Option<Disk> {
    let disk = Disk::mount(place.catalog());
    if disk.is_none() {
        println!("not tested: only root may mount the disk of this test");
    }
    disk
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let Some(disk) = disk(&place) else { return };
    let catalog = disk.0.clone();
    let levels = setting("BARKEEP_FILL_LEVELS", 8);
    let (mut full, mut runs) = (0, 0);
    for workflow in workflows(&place) {
        // Every number of free pages up to the one that suffices, or as many of them as are asked for.
        let needed = pages_needed(&disk, &place, &workflow);
        let step = (needed / levels).max(1);
        for free in (0..=needed).step_by(step as usize) {
            let told = format!("{free} free pages of {needed}");
            disk.lay(&workflow.template);
            disk.remount(&format!("size={}k", 4 * (disk.used_pages() + free).max(1)));
            let said = on(&place, &catalog, &workflow.words);
            disk.remount("size=64m");
            if !workflow.check(&catalog, &said, &told) {
                assert!(said.1.contains("make room on that disk"), "{told}: {}", said.1);
                full += 1;
            }
            workflow.finish(&place, &catalog, &told);
            runs += 1;
        }
    }
    assert!(full > 10, "only {full} of {runs} runs met a full disk");
    println!("full disk: {runs} fill levels, {full} commands refused, 0 failures");
}

/// Free pages with which the workflow succeeds.
fn pages_needed(disk: &Disk, place: &Place, workflow: &Workflow) -> u64 {
    let succeeds = |free: u64| {
        disk.lay(&workflow.template);
        disk.remount(&format!("size={}k", 4 * (disk.used_pages() + free).max(1)));
        let (code, _) = on(place, &disk.0, &workflow.words);
        disk.remount("size=64m");
        code == Some(0)
    };
    let (mut too_few, mut enough) = (0, 4_096);
    while too_few + 1 < enough {
        let middle = u64::midpoint(too_few, enough);
        if succeeds(middle) { enough = middle } else { too_few = middle }
    }
    enough
}

#[test]
fn a_read_only_disk_is_said_and_can_be_read() {
    let place = Place::new();
    let Some(disk) = disk(&place) else { return };
    for workflow in workflows(&place).into_iter().skip(1) {
        disk.lay(&workflow.template);
        disk.remount("ro");
        let said = on(&place, &disk.0, &workflow.words);
        assert!(!workflow.check(&disk.0, &said, "read only"), "{}: {}", workflow.name, said.1);
        assert!(said.1.contains("mounted to be read only"), "{}: {}", workflow.name, said.1);
        for words in ["verify --full".to_owned(), "list".to_owned(), format!("query {SERIES} --limit 3")] {
            let (code, said) = on(&place, &disk.0, &words);
            assert_eq!(code, Some(0), "{words}: {said}");
        }
        disk.remount("rw");
        workflow.finish(&place, &disk.0, "writable again");
    }
}

#[test]
fn a_broken_disk_loses_nothing() {
    const CALLS: [&str; 6] = ["fsync", "linkat", "rename", "mkdir", "unlink", "openat"];
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let random = Random::new(setting("BARKEEP_SEED", 1));
    let workflows = workflows(&place);
    let (errors, mut failed) = (setting("BARKEEP_DISK_ERRORS", 60), 0);
    for turn in 0..errors {
        let workflow = &workflows[turn as usize % workflows.len()];
        let catalog = place.path(&format!("broken {turn}"));
        copy(&workflow.template, &catalog);
        let call = CALLS[random.below(CALLS.len() as u64) as usize];
        // The first files that a program opens are its libraries.
        let first = random.below(12) + if call == "openat" { 12 } else { 1 };
        let stays = ["", "+"][random.below(2) as usize];
        let error = ["EIO", "ENOSPC", "EROFS", "EACCES"][random.below(4) as usize];
        let told = format!("turn {turn}, {call} answers {error} from its {first}th time{stays} on");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
        command.arg(format!("inject={call}:error={error}:when={first}{stays}")).arg(binary());
        let said = run(command, &place, &catalog, &workflow.words);
        failed += u64::from(!workflow.check(&catalog, &said, &told));
        workflow.finish(&place, &catalog, &told);
        std::fs::remove_dir_all(&catalog).unwrap();
    }
    assert!(failed * 8 > errors, "only {failed} of {errors} errors were met");
    println!("broken disk: {errors} runs, {failed} commands refused, 0 failures");
}
