//! The research pages around the catalog, so that the copy is a whole site.

use std::path::Path;

use ::catalog::{Error, ErrorKind, Result, Sha256, names};
use bytes::Bytes;

use super::Count;
use super::ledger::{Ledger, PageRecord};
use crate::catalog::now;
use crate::http::{caching, media_type};
use crate::store::Store;

/// A file of the site.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path below the site's root.
    pub path: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a host shows for what is missing. Some answer `index.html` instead, and readers that look for a file that has moved need a 404.
const NOT_FOUND: (&str, &[u8]) = (
    "404.html",
    b"<!doctype html><title>Not found</title><p>There is no such page. <a href=\"./\">The catalog</a>",
);

/// What became of the site's files.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct PagesReport {
    /// Files that are new or changed.
    pub new: Count,
    /// Files that stay.
    pub unchanged: Count,
    /// Files of an older version that were removed.
    pub removed: Count,
}

/// The pages inside this binary.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if it was built without them.
pub fn built_in_pages() -> Result<Vec<Page>> {
    let pages: Vec<Page> = crate::http::built_in_pages()
        .iter()
        .map(|(path, bytes)| Page { path: (*path).to_owned(), bytes: Bytes::from_static(bytes) })
        .collect();
    if pages.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "this barkeep was built without its pages")
            .then("publish the catalog alone: `--no-pages`")
            .then("or build it with `cargo xtask build`"));
    }
    Ok(pages)
}

/// The pages in a directory.
///
/// # Errors
/// [`ErrorKind::NotFound`] if it cannot be read or has no `index.html`.
pub fn read_pages(directory: &Path) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    let read = collect(directory, directory, &mut pages);
    let has_index = pages.iter().any(|page| page.path == "index.html");
    let why = match read {
        Err(error) => error.to_string(),
        Ok(()) if has_index => return Ok(pages),
        Ok(()) => "it has no `index.html`".to_owned(),
    };
    Err(Error::new(ErrorKind::NotFound, format!("there are no pages in `{}`", directory.display()))
        .because(why)
        .then("leave `--pages` out to publish the built-in ones"))
}

fn collect(root: &Path, directory: &Path, pages: &mut Vec<Page>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, pages)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            pages.push(Page { path: name, bytes: std::fs::read(&path)?.into() });
        }
    }
    Ok(())
}

/// Puts pages into `site`, `index.html` last; `target` is the catalog in it, whose ledger remembers them. Files of an older version
/// go when they were not wanted for `keep_nanos`: a page that is open somewhere may still load them.
///
/// # Errors
/// If a store fails; the old page stays whole.
pub async fn publish_pages(
    site: &Store,
    target: &Store,
    mut pages: Vec<Page>,
    keep_nanos: i64,
    dry_run: bool,
) -> Result<PagesReport> {
    let mut ledger = Ledger::read(target, names::PUBLISHED).await?;
    let before = ledger.pages.clone();
    let mut report = PagesReport::default();
    if !pages.iter().any(|page| page.path == NOT_FOUND.0) {
        pages.push(Page { path: NOT_FOUND.0.to_owned(), bytes: Bytes::from_static(NOT_FOUND.1) });
    }
    // The page names the files it loads, so it comes after them.
    pages.sort_by_key(|page| (page.path.starts_with("index.html"), page.path.clone()));
    for record in ledger.pages.values_mut() {
        record.left = record.left.or_else(|| Some(now()));
    }
    for page in pages {
        let (content, bytes) = (Sha256::of(&page.bytes).short(), page.bytes.len() as u64);
        let known = before.get(&page.path).is_some_and(|record| record.content == content);
        if known && site.head(&page.path).await?.is_some_and(|stored| stored.size == bytes) {
            report.unchanged.add(1, bytes);
        } else {
            report.new.add(1, bytes);
            if !dry_run {
                let (media, caching) = (media_type(&page.path), caching(&page.path));
                site.put_page(&page.path, page.bytes, media, caching).await?;
            }
        }
        ledger.pages.insert(page.path, PageRecord { content, left: None });
    }
    let horizon = now().plus(-keep_nanos);
    let old: Vec<String> = ledger
        .pages
        .iter()
        .filter(|(_, record)| record.left.is_some_and(|left| left <= horizon))
        .map(|(path, _)| path.clone())
        .collect();
    for path in old {
        let stored = site.head(&path).await?;
        report.removed.add(1, stored.map_or(0, |stored| stored.size));
        ledger.pages.remove(&path);
        if !dry_run {
            site.delete(&path).await?;
        }
    }
    if !dry_run && ledger.pages != before {
        ledger.write(target, names::PUBLISHED).await?;
    }
    Ok(report)
}
