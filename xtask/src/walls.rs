//! The walls between the rooms: which crates a room must not see, proven from what cargo resolves.
//!
//! The table follows the rooms of ARCHITECTURE.md. Procedural macros run in the compiler and never arrive in a room, so they
//! are left out; so are the dependencies of tests.

use anyhow::{Result, ensure};

use crate::house::{House, output};

/// A room and what it must not see.
struct Wall {
    room: &'static str,
    target: Target,
    /// Names of crates; a `*` at the end stands for any ending.
    never: &'static [&'static str],
}

/// For what a room is compiled.
#[derive(Clone, Copy)]
enum Target {
    Native,
    Wasm,
}

const WALLS: &[Wall] = &[
    Wall {
        room: "bars",
        target: Target::Native,
        never: &["arrow*", "parquet*", "tokio", "object_store", "web-sys"],
    },
    Wall {
        room: "catalog",
        target: Target::Native,
        never: &["backtest", "tokio", "object_store", "hyper*", "reqwest", "web-sys"],
    },
    Wall {
        room: "backtest",
        target: Target::Native,
        never: &["catalog", "arrow*", "parquet*", "tokio", "object_store", "web-sys"],
    },
    Wall { room: "engine", target: Target::Wasm, never: &["tokio", "object_store", "ibapi", "leptos*"] },
    Wall {
        room: "web",
        target: Target::Wasm,
        never: &["catalog", "arrow*", "parquet*", "tokio", "object_store"],
    },
    Wall { room: "barkeep", target: Target::Native, never: &["web-sys", "leptos*"] },
];

/// What to do when a wall is broken.
const REMEDY: &str = "move the code to where the crate may be named; or, if the rooms are to change, \
    draw the wall anew in ARCHITECTURE.md and in xtask/src/walls.rs";

/// Proves every wall.
///
/// # Errors
///
/// A room sees what it must not; the message names all such crates and how they came in.
pub(crate) fn check(house: &House) -> Result<()> {
    let mut breaches = Vec::new();
    for wall in WALLS {
        let found = breaches_of(house, wall)?;
        if found.is_empty() {
            eprintln!("  {} sees none of {}", wall.room, wall.never.join(", "));
        }
        breaches.extend(found);
    }
    let count = breaches.len();
    ensure!(count == 0, "broken walls: {count}\n\n{}\n\n{REMEDY}", breaches.join("\n\n"));
    Ok(())
}

/// What a room sees and must not, each with the way it came in.
fn breaches_of(house: &House, wall: &Wall) -> Result<Vec<String>> {
    let seen = packages(&output(house.cargo(&tree_command(wall)).args(["--prefix", "none"]))?);
    ensure!(
        seen.iter().any(|package| package.name == wall.room),
        "cargo's tree of `{}` cannot be read",
        wall.room
    );
    let told = forbidden(&seen, wall.never).into_iter().map(|package| {
        let inverse = output(house.cargo(&tree_command(wall)).args(["--invert", &package.spec()]));
        let inverse = inverse.unwrap_or_else(|error| format!("{error:#}"));
        format!(
            "`{}` must not see `{}`, which came in like this:\n{}",
            wall.room,
            package.name,
            inverse.trim_end()
        )
    });
    Ok(told.collect())
}

fn tree_command(wall: &Wall) -> String {
    let target = match wall.target {
        Target::Native => "",
        Target::Wasm => " --target wasm32-unknown-unknown",
    };
    format!("tree --package {} --edges normal,no-proc-macro{target}", wall.room)
}

/// A crate as `cargo tree` prints it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Package {
    name: String,
    version: String,
}

impl Package {
    fn spec(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// Every crate of a tree without prefixes, once.
fn packages(tree: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = tree.lines().filter_map(package).collect();
    packages.sort();
    packages.dedup();
    packages
}

fn package(line: &str) -> Option<Package> {
    let mut words = line.split_whitespace();
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some(Package { name: name.to_string(), version: version.to_string() })
}

fn forbidden<'a>(seen: &'a [Package], never: &[&str]) -> Vec<&'a Package> {
    seen.iter().filter(|package| never.iter().any(|pattern| matches(pattern, &package.name))).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
catalog v0.1.0 (/somewhere/crates/catalog)
arrow-array v59.3.2
ahash v0.8.12
const-random v0.1.18 (proc-macro)
arrow-buffer v59.3.2 (*)
ahash v0.8.12 (*)
getrandom v0.2.17
getrandom v0.3.4
";

    fn names(packages: &[&Package]) -> Vec<String> {
        packages.iter().map(|package| package.spec()).collect()
    }

    #[test]
    fn a_tree_is_read() {
        let seen = packages(TREE);
        let expected = [
            "ahash@0.8.12",
            "arrow-array@59.3.2",
            "arrow-buffer@59.3.2",
            "catalog@0.1.0",
            "const-random@0.1.18",
            "getrandom@0.2.17",
            "getrandom@0.3.4",
        ];
        assert_eq!(names(&seen.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn what_is_not_a_crate_is_no_crate() {
        for line in ["", "[dev-dependencies]", "warning: something", "name"] {
            assert_eq!(package(line), None, "{line:?}");
        }
    }

    #[test]
    fn forbidden_crates_are_found_by_name_and_by_beginning() {
        let seen = packages(TREE);
        let cases: [(&[&str], &[&str]); 5] = [
            (&["arrow*"], &["arrow-array@59.3.2", "arrow-buffer@59.3.2"]),
            (&["arrow"], &[]),
            (&["getrandom", "tokio"], &["getrandom@0.2.17", "getrandom@0.3.4"]),
            (&["hash"], &[]),
            (&[], &[]),
        ];
        for (never, expected) in cases {
            assert_eq!(names(&forbidden(&seen, never)), expected, "{never:?}");
        }
    }

    #[test]
    fn every_room_of_the_table_is_of_this_house() {
        let house = include_str!("../../Cargo.toml");
        for room in WALLS.iter().map(|wall| wall.room) {
            let folder = if room == "barkeep" { "server".to_string() } else { room.to_string() };
            assert!(house.contains(&format!("{folder}\"")), "`{room}` is no member of the workspace");
        }
    }
}
