//! Set-up: what this machine lacks is named, explained and installed, or else said how to install by hand.
//!
//! With everything in place it takes well under a second. Tools of exact versions go into a folder of their own in the user's
//! cache, so that other projects keep theirs; only Debian's packages and the wasm target change the machine itself.

use std::process::Command;

use anyhow::{Result, bail};

use crate::house::{House, output, run};

/// The wasm-bindgen that `Cargo.lock` holds; the command line tool must be the same to the digit.
const WASM_BINDGEN: &str = "0.2.130";
/// The last trunk that this toolchain builds.
const TRUNK: &str = "0.21.14";
/// The oldest node whose test runner takes `--test-concurrency`.
const NODE: (u32, u32) = (18, 19);
const WASM: &str = "wasm32-unknown-unknown";

/// What the machine is prepared for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Purpose {
    /// Building and showing the product.
    Build,
    /// That, and the tests in a browser.
    Test,
}

/// One thing that must be there.
struct Need {
    name: &'static str,
    why: &'static str,
    how: How,
    present: fn(&House) -> bool,
}

/// How a missing thing is had.
#[derive(Clone, Copy)]
enum How {
    /// Packages of Debian and its kin, and what to say where there is no apt.
    Packages(&'static str, &'static str),
    /// A target of the active Rust toolchain.
    Target,
    /// `cargo install` with these words, and the minutes it takes.
    Crate(&'static str, u32),
    /// The packages of `web/package-lock.json`.
    Npm,
}

const NEEDS: &[Need] = &[
    Need {
        name: "clang",
        why: "compiles zstd, which is C, to wasm",
        how: How::Packages("clang", "clang with its wasm32 target (LLVM's own; Apple's lacks it)"),
        present: |house| house.which("clang").is_some(),
    },
    Need {
        name: "llvm-ar",
        why: "packs zstd's wasm objects into a library",
        how: How::Packages("llvm", "LLVM's tools, with `llvm-ar` on the PATH"),
        present: |house| house.which("llvm-ar").is_some(),
    },
    Need {
        name: "node 18.19 or later, and npm",
        why: "node runs the steps around the page's build and its tests, npm brings the chart library",
        how: How::Packages("nodejs npm", "node 18.19 or later, with npm"),
        present: has_node,
    },
    Need {
        name: "chromium",
        why: "the page is tested in a real browser",
        how: How::Packages("chromium fonts-dejavu-core", "Chromium, as `chromium` on the PATH"),
        present: |house| house.which("chromium").is_some(),
    },
    Need {
        name: "a font",
        why: "without one the browser under test draws empty boxes",
        how: How::Packages("fonts-dejavu-core", "any TrueType font that fontconfig finds, such as DejaVu"),
        present: has_font,
    },
    Need {
        name: "strace",
        why: "the fault tests take down what a command asks of the disk, and let system calls fail",
        how: How::Packages("strace", "Linux with strace"),
        // Other systems have none; those tests say so and end.
        present: |house| !cfg!(target_os = "linux") || house.which("strace").is_some(),
    },
    Need {
        name: "Rust's wasm target",
        why: "page and engine are compiled for the browser",
        how: How::Target,
        present: has_wasm_target,
    },
    Need {
        name: "wasm-bindgen 0.2.130",
        why: "binds page and engine to JavaScript; must equal the crate's version in Cargo.lock",
        // Its own lock names a crate version that is not to be had, hence not `--locked`.
        how: How::Crate("wasm-bindgen-cli --version 0.2.130 --no-default-features", 3),
        present: |house| has_version(house, "wasm-bindgen", WASM_BINDGEN),
    },
    Need {
        name: "trunk 0.21.14",
        why: "builds the page; the last version that this toolchain compiles",
        how: How::Crate("trunk --version 0.21.14 --locked --no-default-features --features rustls", 6),
        present: |house| has_version(house, "trunk", TRUNK),
    },
    Need {
        name: "npm packages of the page",
        why: "the chart library that is shipped, wasm-opt, and the tools of the browser tests",
        how: How::Npm,
        present: has_npm_packages,
    },
];

/// Checks what is needed and installs what is missing.
///
/// # Errors
///
/// Something is still missing afterwards; the message lists all of it, with the reason and what to do by hand.
pub(crate) fn run_setup(house: &House, purpose: Purpose) -> Result<()> {
    let needed =
        |need: &&Need| purpose == Purpose::Test || !["chromium", "a font", "strace"].contains(&need.name);
    let missing: Vec<&Need> = NEEDS.iter().filter(needed).filter(|need| !(need.present)(house)).collect();
    if missing.is_empty() {
        eprintln!("set-up: everything is there");
        return Ok(());
    }
    eprintln!("set-up: {} of {} things are missing", missing.len(), NEEDS.iter().filter(needed).count());
    install_packages(house, &missing);
    for need in &missing {
        // Whatever fails here is still missing below, and then named with what to do.
        if let Err(error) = install(house, need) {
            eprintln!("  {error:#}");
        }
    }
    let lacking: Vec<String> =
        missing.iter().filter(|need| !(need.present)(house)).map(|need| by_hand(need)).collect();
    if !lacking.is_empty() {
        bail!(
            "set-up could not bring what follows; please install it and run this again\n{}",
            lacking.join("\n")
        );
    }
    eprintln!("set-up: everything is there now");
    Ok(())
}

/// Installs all missing packages in one go, if this machine has apt and lets us.
fn install_packages(house: &House, missing: &[&Need]) {
    let mut packages = Vec::new();
    for need in missing {
        if let How::Packages(names, _) = need.how {
            eprintln!("- {} ({}): package {names}, a minute or two", need.name, need.why);
            packages.extend(names.split_whitespace());
        }
    }
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return;
    }
    let Some(apt) = apt(house) else {
        eprintln!("  not installed: that needs apt-get and either root or sudo without a password");
        return;
    };
    // A list that could not be renewed may still do: the installation decides.
    for words in [vec!["update"], [vec!["install", "-y", "--no-install-recommends"], packages].concat()] {
        if let Err(error) = run("packages", apt().args(["-q"]).args(words)) {
            eprintln!("  {error:#}");
        }
    }
}

/// How to call apt-get on this machine, if it can be called.
fn apt(house: &House) -> Option<impl Fn() -> Command> {
    house.which("apt-get")?;
    let root = output(house.command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root && output(house.command("sudo").args(["-n", "true"])).is_err() {
        return None;
    }
    Some(move || {
        let mut command = house.command(if root { "env" } else { "sudo" });
        command.args(if root { &[][..] } else { &["-n", "env"][..] });
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    })
}

fn install(house: &House, need: &Need) -> Result<()> {
    let says = |what: &str| eprintln!("- {} ({}): {what}", need.name, need.why);
    match need.how {
        How::Packages(..) => Ok(()),
        How::Target => {
            says("rustup adds it, half a minute");
            run("wasm target", house.command("rustup").args(["target", "add", WASM]))
        }
        How::Crate(words, minutes) => {
            says(&format!("cargo compiles it, about {minutes} minutes on two cores"));
            install_crate(house, words)
        }
        How::Npm => {
            says("npm installs exactly what web/package-lock.json names, half a minute");
            let mut npm = house.command("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
            run("npm packages", npm.current_dir(house.root.join("web")))
        }
    }
}

/// Compiles a tool with a profile that favours the time to build it over its speed.
fn install_crate(house: &House, words: &str) -> Result<()> {
    let scratch = house.cargo_target.join("tools");
    let mut cargo = house.cargo("install");
    cargo
        .args(words.split_whitespace())
        .arg("--root")
        .arg(&house.tools)
        .env("CARGO_TARGET_DIR", &scratch)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    run(words.split(' ').next().unwrap_or(words), &mut cargo)?;
    Ok(std::fs::remove_dir_all(scratch)?)
}

fn by_hand(need: &Need) -> String {
    let how = match need.how {
        How::Packages(names, other) => format!("`apt-get install {names}`; without apt: {other}"),
        How::Target => {
            format!("`rustup target add {WASM}`; without rustup: a toolchain that has this target")
        }
        How::Crate(words, _) => format!("`cargo install {words}`, and its folder on the PATH"),
        How::Npm => "`npm ci --ignore-scripts` in web/".to_string(),
    };
    format!("- {} ({}): {how}", need.name, need.why)
}

fn has_version(house: &House, program: &str, version: &str) -> bool {
    let said = house.which(program).and_then(|_| output(house.command(program).arg("--version")).ok());
    said.is_some_and(|said| said.split_whitespace().any(|word| word == version))
}

fn has_node(house: &House) -> bool {
    let said = house.which("node").and_then(|_| output(house.command("node").arg("--version")).ok());
    said.and_then(|said| major_minor(&said)).is_some_and(|version| version >= NODE)
        && house.which("npm").is_some()
}

fn has_font(house: &House) -> bool {
    let fonts = house.which("fc-list").and_then(|_| output(&mut house.command("fc-list")).ok());
    fonts.is_none_or(|fonts| !fonts.trim().is_empty())
}

fn has_wasm_target(house: &House) -> bool {
    let folder = output(house.command("rustc").args(["--print", "target-libdir", "--target", WASM]));
    folder.is_ok_and(|folder| std::path::Path::new(folder.trim()).is_dir())
}

fn has_npm_packages(house: &House) -> bool {
    let changed =
        |path: &str| house.root.join("web").join(path).metadata().and_then(|data| data.modified()).ok();
    match changed("package-lock.json") {
        None => true,
        Some(locked) => {
            changed("node_modules/.package-lock.json").is_some_and(|installed| installed >= locked)
        }
    }
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node() {
        let cases = [("v20.20.2\n", Some((20, 20))), ("v18.19.0", Some((18, 19))), ("v4", None), ("", None)];
        for (version, expected) in cases {
            assert_eq!(major_minor(version), expected, "{version:?}");
        }
    }

    #[test]
    fn the_tool_is_of_the_locked_version() {
        let locked = format!("name = \"wasm-bindgen\"\nversion = \"{WASM_BINDGEN}\"\n");
        assert!(include_str!("../../Cargo.lock").contains(&locked), "Cargo.lock has another wasm-bindgen");
    }

    #[test]
    fn names_and_commands_hold_the_checked_versions() {
        for (tool, version) in [("wasm-bindgen", WASM_BINDGEN), ("trunk", TRUNK)] {
            let need = NEEDS.iter().find(|need| need.name == format!("{tool} {version}"));
            let how = need.map(by_hand).unwrap_or_default();
            assert!(how.contains(&format!("--version {version} ")), "{tool}: {how}");
        }
    }

    #[test]
    fn what_is_missing_is_explained() {
        for need in NEEDS {
            let said = by_hand(need);
            assert!(said.contains(need.why) && said.contains('`'), "{said}");
        }
    }
}
