//! Sizes: what a visitor downloads, weighed against `budgets.txt`.
//!
//! The shell is what the first view needs besides the engine: HTML, scripts, styles and the page's wasm. The engine is
//! everything in folders or files whose name begins with `engine`, the chart everything in `element` and `vendor`: it is loaded
//! after the first paint. Budgets are in bytes after gzip, which every host can send.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, write::GzEncoder};

use crate::house::House;
use crate::stamp::collect;

const BUDGETS: &str = include_str!("../budgets.txt");
/// Kinds of files that a view waits for.
const WEIGHED: &[&str] = &["html", "js", "mjs", "css", "wasm"];

/// A part of the page and the bytes it may take.
#[derive(Debug, PartialEq)]
struct Budget {
    part: String,
    gzip_bytes: u64,
    reason: String,
}

/// One file as it is, and as it travels.
struct Asset {
    /// Below the built page, with `/` between folders.
    path: String,
    raw_bytes: u64,
    gzip_bytes: u64,
    /// Unknown unless the build left a compressed copy.
    brotli_bytes: Option<u64>,
}

/// Weighs the built page and prints what it found.
///
/// # Errors
///
/// The page is not built, or a part is over its budget.
pub(crate) fn check(house: &House) -> Result<()> {
    let page = house.built("web");
    ensure!(page.join("index.html").is_file(), "`target/web` holds no page; build it: `cargo xtask build`");
    let assets = weigh_all(&page)?;
    let mut over = Vec::new();
    eprintln!("  {:<44}{:>12}{:>12}{:>12}", "bytes", "raw", "gzip", "brotli");
    for budget in budgets(BUDGETS)? {
        let part: Vec<&Asset> = assets.iter().filter(|asset| part_of(&asset.path) == budget.part).collect();
        ensure!(!part.is_empty(), "`target/web` holds nothing of the part `{}`", budget.part);
        for asset in &part {
            print_row(&asset.path, asset.raw_bytes, asset.gzip_bytes, asset.brotli_bytes);
        }
        let gzip_bytes: u64 = part.iter().map(|asset| asset.gzip_bytes).sum();
        let raw_bytes = part.iter().map(|asset| asset.raw_bytes).sum();
        let brotli_bytes = part.iter().map(|asset| asset.brotli_bytes).sum();
        print_row(&format!("{} in all", budget.part), raw_bytes, gzip_bytes, brotli_bytes);
        let verdict = judge(&budget, gzip_bytes);
        eprintln!("  {}\n", verdict.as_ref().map_or_else(String::clone, String::clone));
        over.extend(verdict.err());
    }
    if !over.is_empty() {
        bail!("{}", over.join("\n"));
    }
    Ok(())
}

/// Lines of a part's name, its bytes and the reason; empty ones and those after `#` say nothing.
fn budgets(text: &str) -> Result<Vec<Budget>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| budget(line).with_context(|| format!("budgets.txt: `{line}` is not `part bytes reason`")))
        .collect()
}

fn budget(line: &str) -> Option<Budget> {
    let (part, rest) = line.split_once(char::is_whitespace)?;
    let (bytes, reason) = rest.trim_start().split_once(char::is_whitespace)?;
    let gzip_bytes = bytes.replace('_', "").parse().ok()?;
    Some(Budget { part: part.to_string(), gzip_bytes, reason: reason.trim().to_string() })
}

fn part_of(path: &str) -> &'static str {
    match path {
        _ if path.starts_with("engine") => "engine",
        _ if path.starts_with("element") || path.starts_with("vendor") => "chart",
        _ => "shell",
    }
}

fn judge(budget: &Budget, gzip_bytes: u64) -> Result<String, String> {
    let Budget { part, gzip_bytes: allowed, reason } = budget;
    let compared = format!("{part}: {} of {} bytes after gzip", grouped(gzip_bytes), grouped(*allowed));
    if gzip_bytes <= *allowed {
        Ok(format!("{compared}, {} % of its budget", gzip_bytes * 100 / (*allowed).max(1)))
    } else {
        Err(format!("{compared}: {} too many ({reason})", grouped(gzip_bytes - allowed)))
    }
}

fn weigh_all(page: &Path) -> Result<Vec<Asset>> {
    let mut files = Vec::new();
    collect(page, &[], &mut files)?;
    files.retain(|file| file.extension().is_some_and(|kind| WEIGHED.iter().any(|weighed| kind == *weighed)));
    files.sort();
    files.iter().map(|file| weigh(page, file)).collect()
}

/// Weighs a file by the compressed copies beside it; gzip is computed if there is none.
fn weigh(page: &Path, file: &Path) -> Result<Asset> {
    let bytes = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let gzip_bytes = match size_beside(file, "gz") {
        Some(size) => size,
        None => gzip(&bytes)?,
    };
    let path = file.strip_prefix(page)?.to_string_lossy().replace('\\', "/");
    Ok(Asset { path, raw_bytes: bytes.len() as u64, gzip_bytes, brotli_bytes: size_beside(file, "br") })
}

fn size_beside(file: &Path, ending: &str) -> Option<u64> {
    let mut name = file.as_os_str().to_os_string();
    name.push(".");
    name.push(ending);
    Some(fs::metadata(PathBuf::from(name)).ok()?.len())
}

fn gzip(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

fn print_row(name: &str, raw: u64, gzip: u64, brotli: Option<u64>) {
    let brotli = brotli.map_or_else(|| "–".to_string(), grouped);
    eprintln!("  {name:<44}{:>12}{:>12}{brotli:>12}", grouped(raw), grouped(gzip));
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read() -> Result<()> {
        let read = budgets("# part bytes why\n\nshell  400_000  two seconds on a phone\n")?;
        let expected =
            Budget { part: "shell".into(), gzip_bytes: 400_000, reason: "two seconds on a phone".into() };
        assert_eq!(read, [expected]);
        for broken in ["shell", "shell 400", "shell many because", "shell -1 because"] {
            assert!(budgets(broken).is_err(), "{broken}");
        }
        let ours: Vec<String> = budgets(BUDGETS)?.into_iter().map(|budget| budget.part).collect();
        assert_eq!(ours, ["shell", "chart", "engine"]);
        Ok(())
    }

    #[test]
    fn files_belong_to_a_part() {
        let cases = [
            ("index.html", "shell"),
            ("vendor/lightweight-charts.mjs", "chart"),
            ("web-1a2b_bg.wasm", "shell"),
            ("engine-1a2b/engine_bg.wasm", "engine"),
            ("engine/worker.mjs", "engine"),
        ];
        for (path, part) in cases {
            assert_eq!(part_of(path), part, "{path}");
        }
    }

    #[test]
    fn a_budget_holds_to_its_last_byte() {
        let budget = Budget { part: "shell".into(), gzip_bytes: 2_000, reason: "why".into() };
        let cases = [
            (1_000, Ok("shell: 1,000 of 2,000 bytes after gzip, 50 % of its budget")),
            (2_000, Ok("shell: 2,000 of 2,000 bytes after gzip, 100 % of its budget")),
            (2_001, Err("shell: 2,001 of 2,000 bytes after gzip: 1 too many (why)")),
        ];
        for (bytes, expected) in cases {
            assert_eq!(judge(&budget, bytes), expected.map(String::from).map_err(String::from), "{bytes}");
        }
    }

    #[test]
    fn copies_beside_a_file_are_what_travels() -> Result<()> {
        let page = std::env::temp_dir().join(format!("xtask-sizes-{}", std::process::id()));
        fs::create_dir_all(page.join("engine-1"))?;
        fs::write(page.join("index.html"), "a".repeat(1_000))?;
        fs::write(page.join("index.html.gz"), "12345")?;
        fs::write(page.join("index.html.br"), "123")?;
        fs::write(page.join("engine-1/engine.js"), "a".repeat(1_000))?;
        fs::write(page.join("notes.txt"), "not waited for")?;
        let assets = weigh_all(&page)?;
        fs::remove_dir_all(&page)?;
        let paths: Vec<&str> = assets.iter().map(|asset| asset.path.as_str()).collect();
        assert_eq!(paths, ["engine-1/engine.js", "index.html"]);
        assert!((10..100).contains(&assets[0].gzip_bytes), "computed: {}", assets[0].gzip_bytes);
        assert_eq!((assets[0].brotli_bytes, assets[0].raw_bytes), (None, 1_000));
        assert_eq!((assets[1].gzip_bytes, assets[1].brotli_bytes), (5, Some(3)));
        Ok(())
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
