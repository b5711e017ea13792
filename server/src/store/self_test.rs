//! Whether a store truly creates an object only if it is absent: the one promise that commits of several writers stand on.

use bytes::Bytes;
use catalog::{Error, ErrorKind, Result, names};
use futures::future::join_all;

use super::{Kind, Store};

/// How hard a store is tested.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) rounds: usize,
    pub(super) racers: usize,
}

/// s3s-fs, which looks first and then writes, was found out in each of 1,000 such tests on a busy machine, and slipped through one in a
/// hundred of half this effort. A store that ignores the condition shows before any race.
pub(super) const BUCKET: Effort = Effort { rounds: 8, racers: 32 };
/// A file system either has hard links or has not.
pub(super) const DIRECTORY: Effort = Effort { rounds: 1, racers: 4 };

/// Creates objects more than once, one after the other and at the same time, and removes them again.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if more than one creation succeeded or the winner's bytes were not what was read back; or if the store
/// fails.
pub(super) async fn check(store: &Store, effort: Effort) -> Result<()> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let keys: Vec<String> = (0..=effort.rounds).map(|round| names::self_test(&id, round)).collect();
    let verdict = race_all(store, &keys, effort.racers).await;
    for removed in join_all(keys.iter().map(|key| store.delete(key))).await {
        if let Err(error) = removed {
            tracing::debug!(%error, "an object of the self-test stays");
        }
    }
    match verdict? {
        None => Ok(()),
        Some(why) => Err(refusal(store, &why)),
    }
}

/// Why the store cannot be trusted, if it cannot.
async fn race_all(store: &Store, keys: &[String], racers: usize) -> Result<Option<String>> {
    let [first, races @ ..] = keys else { return Ok(None) };
    if let Some(why) = one_after_the_other(store, first).await? {
        return Ok(Some(why));
    }
    for key in races {
        if let Some(why) = at_the_same_time(store, key, racers).await? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

async fn one_after_the_other(store: &Store, key: &str) -> Result<Option<String>> {
    if let Err(error) = store.create_if_absent(key, body(0)).await {
        let lacks_links = matches!(store.kind, Kind::Local(_)) && store.put(key, body(0)).await.is_ok();
        return if lacks_links {
            Ok(Some(format!(
                "its file system has no hard links, as FAT and some network disks ({})",
                error.why
            )))
        } else {
            Err(error)
        };
    }
    if store.create_if_absent(key, body(1)).await? {
        return Ok(Some("it created an object that was there already, in place of the first".to_owned()));
    }
    Ok(match store.get(key).await? {
        Some(found) if found == body(0) || found == body(1) => None,
        _ => Some("what had been created could not be read back".to_owned()),
    })
}

async fn at_the_same_time(store: &Store, key: &str, racers: usize) -> Result<Option<String>> {
    let outcomes = join_all((0..racers).map(|racer| store.create_if_absent(key, body(racer)))).await;
    let found = store.get(key).await?;
    let winners: Vec<usize> = (0..racers).filter(|racer| matches!(outcomes[*racer], Ok(true))).collect();
    match (winners.as_slice(), found) {
        ([], None) => match outcomes.into_iter().find_map(Result::err) {
            Some(error) => Err(error),
            None => Ok(Some("it said that an object was there that was not".to_owned())),
        },
        // The winner's answer was lost.
        ([], Some(found)) if (0..racers).any(|racer| found == body(racer)) => Ok(None),
        ([winner], Some(found)) if found == body(*winner) => Ok(None),
        ([] | [_], _) => Ok(Some("what was read back was not what the winner had written".to_owned())),
        (several, _) => Ok(Some(format!(
            "{} of {racers} writers that created the same object at the same time were all told that they had",
            several.len()
        ))),
    }
}

/// Of different lengths, so that a mixture of two shows.
fn body(racer: usize) -> Bytes {
    format!("{{\"racer\":{racer},\"padding\":\"{}\"}}", "x".repeat(100 + 20 * racer)).into()
}

fn refusal(store: &Store, why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{}` cannot be written to: two writers could overwrite each other", store.location()))
        .because(format!("the store does not keep \"create only if absent\": {why}"))
        .then("use a store that does: local disk, Amazon S3, Google Cloud Storage, Azure Blob Storage; docs/stores.md has more")
        .then("or, if never more than one process writes there, say so: `--single-writer` or `export BARKEEP_SINGLE_WRITER=1`")
}
