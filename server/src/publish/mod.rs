//! Publishing: a read-optimised copy of a catalog, for static hosts and buckets.
//!
//! The copy is a catalog of its own, whose snapshots say which snapshot of the source they show. What is new is staged and committed
//! as any other change is (see [`crate::commit`]): a publish that is stopped leaves the copy as it was, repeating it uploads what is
//! missing, and files that the copy does without stay readable under the heads before, until a grace period is over.
//!
//! Files are made the same way every time and named by their content, so only what changed is uploaded. A ledger beside the manifest
//! remembers of which partitions each file was made, so that most files need not be made to know that.

mod instruments;
mod layout;
mod ledger;
mod nautilus_v1;
mod pages;
mod publisher;
mod report;
mod series;
mod settings;
mod uploads;

use ::catalog::{Error, ErrorKind, Result, SeriesEntry, Snapshot};

pub use layout::By;
pub use nautilus_v1::{V1Report, publish_v1};
pub use pages::{Page, PagesReport, built_in_pages, publish_pages, read_pages};
pub use report::{Count, Report};
pub use settings::Settings;

use self::publisher::Publisher;
use crate::catalog::{Catalog, foreign, newest};
use crate::commit::Run;
use crate::store::Store;

/// Times that a publish begins again because another writer committed to the copy.
const ATTEMPTS: usize = 5;

/// Makes `target` show the source's snapshot.
///
/// # Errors
/// [`ErrorKind::Conflict`] if `target` holds another catalog, [`ErrorKind::NotFound`] if there is nothing to publish, or if a store
/// fails; then the copy is as it was.
pub async fn publish(source: &Catalog, target: &Store, settings: &Settings, run: &Run) -> Result<Report> {
    for _ in 0..ATTEMPTS {
        let publisher = Publisher::open(source, target, settings, run).await?;
        if let Some(report) = publisher.publish().await? {
            return Ok(report);
        }
    }
    Err(Error::new(ErrorKind::Conflict, "other writers committed to the copy every time").then("try again"))
}

/// Whether there is something to publish, and `target` a place for it; nothing is written.
///
/// # Errors
/// As [`publish`].
pub async fn check(source: &Catalog, target: &Store, settings: &Settings) -> Result<()> {
    wanted(source, &settings.series)?;
    match newest(target).await? {
        Some((snapshot, _)) => refuse_other_catalog(target, &snapshot, source.snapshot()),
        None if target.any_under("data").await? => Err(foreign(target)),
        None => Ok(()),
    }
}

/// The series of the source whose bar type contains one of `texts`; all if there are none.
fn wanted<'a>(source: &'a Catalog, texts: &[String]) -> Result<Vec<&'a SeriesEntry>> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let is_wanted = |entry: &&SeriesEntry| {
        let name = entry.bar_type.to_string().to_lowercase();
        texts.is_empty() || texts.iter().any(|text| name.contains(text))
    };
    let entries: Vec<&SeriesEntry> = source.series().iter().filter(is_wanted).collect();
    if entries.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no series to publish")
            .because(format!("the catalog has {} series, and none of them is wanted", source.series().len()))
            .then("see which series there are: `barkeep list`"));
    }
    Ok(entries)
}

/// A copy may only take the place of an older copy of the same catalog.
fn refuse_other_catalog(target: &Store, stored: &Snapshot, source: &Snapshot) -> Result<()> {
    let location = target.location();
    let Some(shown) = &stored.published else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("`{location}` holds a catalog that is no published copy"),
        )
        .because("publishing there would take the place of its series; nothing was changed")
        .then("choose an empty place, such as `barkeep publish ./site`"));
    };
    let is_older = shown.snapshot < source.number
        || (shown.snapshot == source.number && shown.transaction == source.transaction);
    if is_older {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!("`{location}` shows another catalog, or a later state of this one"),
    )
    .because(format!(
        "it shows snapshot {} of {}; this catalog is at snapshot {} of {}",
        shown.snapshot, shown.committed, source.number, source.committed
    ))
    .then("check `--catalog` and the place")
    .then("or remove the copy first, or choose another place"))
}
