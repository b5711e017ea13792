//! What `barkeep` asks of a disk, as `strace` logs it: the operations that a power loss can drop.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::{Place, binary};

const CALLS: &str = "openat,creat,write,writev,pwrite64,pwritev,lseek,copy_file_range,sendfile,ftruncate,fallocate,\
    link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync";

/// Where a store is tested before the first commit.
pub const SELF_TEST: &str = "catalog/manifest/selftest";

/// A file's content, whatever names it has.
pub type Inode = usize;

/// One operation on a catalog's directory; paths are relative to the one that holds it.
#[derive(Clone, Debug)]
pub enum Operation {
    Create { path: PathBuf, inode: Inode },
    Append { inode: Inode, bytes: Vec<u8> },
    Link { path: PathBuf, inode: Inode },
    Rename { from: PathBuf, to: PathBuf, inode: Inode },
    Unlink { path: PathBuf },
    MakeDirectory { path: PathBuf },
    SyncFile { inode: Inode },
    SyncDirectory { path: PathBuf },
}

/// Operations so far, and which file each name stands for after them.
#[derive(Default)]
pub struct Trace {
    pub operations: Vec<Operation>,
    names: HashMap<PathBuf, Inode>,
    inodes: usize,
}

/// A system call of the log: when it began, its name, its arguments.
struct Call {
    time: String,
    name: String,
    arguments: String,
}

/// Whether system calls can be traced here; containers may forbid it.
pub fn can_trace() -> bool {
    let mut command = Command::new("strace");
    let can = command.args(["-f", "-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can = can.is_ok_and(|status| status.success());
    if !can {
        println!("not tested: `strace` is not there, or may not trace on this machine");
    }
    can
}

impl Trace {
    /// Runs `barkeep` on the place's catalog and takes down what it does; returns whether it succeeded.
    pub fn run(&mut self, place: &Place, words: &str) -> bool {
        let log = place.path("trace");
        std::fs::create_dir_all(&log).unwrap();
        let mut command = Command::new("strace");
        command.args(["-ff", "-ttt", "-y", "-xx", "-qq", "-s", "100000000", "--seccomp-bpf", "-e"]);
        command.arg(format!("trace={CALLS}")).arg("-o").arg(log.join("log")).arg(binary());
        command.arg("--catalog").arg(place.catalog()).args(words.split_whitespace());
        command.env_remove("NAUTILUS_PATH").current_dir(place.path(""));
        let done = command.stdin(Stdio::null()).output().expect("strace, which `cargo xtask setup` installs");
        let mut calls = Vec::new();
        for thread in std::fs::read_dir(&log).unwrap() {
            let text = std::fs::read_to_string(thread.unwrap().path()).unwrap();
            calls.extend(text.lines().filter_map(Call::parse));
        }
        std::fs::remove_dir_all(&log).unwrap();
        // A call that began after another had ended has the later time, so the order is one that causes allow.
        calls.sort_by(|one, other| one.time.cmp(&other.time));
        for call in calls {
            self.take(&call, &place.path(""));
        }
        done.status.success()
    }

    fn take(&mut self, call: &Call, root: &Path) {
        let paths = call.paths(root);
        let mut inside = paths.iter().map(|path| path.strip_prefix(root).ok().map(Path::to_owned));
        // The arguments of the `…at` calls begin with the directory that they are relative to.
        if call.arguments.starts_with("AT_FDCWD") {
            inside.next();
        }
        let Some(path) = inside.next().flatten() else { return };
        // Beside the catalog only one thing matters: whether its own name is safe.
        // What the store's self-test leaves is nobody's, and its threads race for names.
        let matters = path.starts_with("catalog") || path == Path::new("");
        if !matters || (path.starts_with(SELF_TEST) && path != Path::new(SELF_TEST)) {
            return;
        }
        match call.name.as_str() {
            "openat" if call.arguments.contains("O_CREAT") && !self.names.contains_key(&path) => {
                let inode = self.inodes;
                self.inodes += 1;
                self.names.insert(path.clone(), inode);
                self.operations.push(Operation::Create { path, inode });
            }
            "openat" => {
                assert!(!call.arguments.contains("O_TRUNC"), "a file is overwritten: {}", path.display())
            }
            "write" => {
                let inode = self.names[&path];
                self.operations.push(Operation::Append { inode, bytes: call.written() });
            }
            "fsync" | "fdatasync" => self.operations.push(match self.names.get(&path) {
                Some(inode) => Operation::SyncFile { inode: *inode },
                None => Operation::SyncDirectory { path },
            }),
            "linkat" | "link" => {
                let (inode, path) = (self.names[&path], call.second_inside(root));
                self.names.insert(path.clone(), inode);
                self.operations.push(Operation::Link { path, inode });
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = (path, call.second_inside(root));
                let inode = self.names.remove(&from).expect("only files are renamed");
                self.names.insert(to.clone(), inode);
                self.operations.push(Operation::Rename { from, to, inode });
            }
            "unlink" | "unlinkat" => {
                self.names.remove(&path);
                self.operations.push(Operation::Unlink { path });
            }
            "mkdir" | "mkdirat" => self.operations.push(Operation::MakeDirectory { path }),
            "lseek" => {}
            other => panic!("the model does not know `{other}` on {}", path.display()),
        }
    }
}

impl Call {
    /// `None` for lines that are no call, and for calls that failed.
    fn parse(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        let (name, rest) = rest.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") = ")?;
        let failed = result.starts_with('-');
        let call = Self { time: time.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() };
        (!failed).then_some(call)
    }

    /// The paths of the arguments, in their order: of descriptors (`9<…>`) and of strings (`"…"`), but not what is written.
    fn paths(&self, root: &Path) -> Vec<PathBuf> {
        let mut rest = self.arguments.as_str();
        let mut paths = Vec::new();
        while let Some(start) = rest.find(['<', '"']) {
            let close = if rest[start..].starts_with('<') { '>' } else { '"' };
            let end = start + 1 + rest[start + 1..].find(close).unwrap_or(rest.len() - start - 1);
            paths.push(root.join(PathBuf::from(OsString::from_vec(unhex(&rest[start + 1..end])))));
            rest = rest.get(end + 1..).unwrap_or_default();
            if self.name == "write" {
                break;
            }
        }
        paths
    }

    fn second_inside(&self, root: &Path) -> PathBuf {
        let last = self.paths(root).pop().unwrap();
        last.strip_prefix(root).expect("nothing leaves the catalog").to_owned()
    }

    fn written(&self) -> Vec<u8> {
        let text = self.arguments.split('"').nth(1).unwrap();
        assert!(!self.arguments.contains("\"..."), "strace cut what was written");
        unhex(text)
    }
}

/// The bytes of `\x41\x42`.
fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal")).collect()
}
