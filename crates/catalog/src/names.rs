//! Names of objects: every key of a catalog is spelled here and nowhere else.
//!
//! ```text
//! data/bars/<directory>/<first>_<last>_<16 hex>.parquet   a partition, named by its first and last ts_init and its content
//! manifest/head.json                                      the only object that is ever overwritten
//! manifest/snapshots/<20 digits>.json                     a commit
//! manifest/series/<bar type>/<16 hex>_<8 hex>.parquet      the partitions of a series
//! manifest/shards/<16 hex>_<8 hex>.json                   a part of a large series table
//! manifest/instruments/<16 hex>_<8 hex>.json              the instruments
//! manifest/boundary.json                                  up to where snapshots were removed
//! manifest/published.json                                 in a published copy: what its files were made of
//! staging/<transaction>_[<16 hex>_]<file name>             a partition whose commit is under way
//! staging/<transaction>.json                              where a commit's files go, until they are there
//! retired/bars/<directory>/<file name>                    a partition that only older snapshots name
//! quarantine/bars/<directory>/<file name>                 a partition that was found damaged
//! manifest/selftest/<id>-<round>.json                     for a moment: whether the store creates only what is absent
//! ```

use bars::{BarType, DAY, Date, UnixNanos};

use crate::Sha256;

/// The key of the head.
pub const HEAD: &str = "manifest/head.json";

/// The key of the boundary: snapshots before it were removed and their numbers must not come again.
pub const BOUNDARY: &str = "manifest/boundary.json";

/// The key of what a published copy's publisher remembers: which files it made of which. Only a hint.
pub const PUBLISHED: &str = "manifest/published.json";

/// The key of a snapshot.
pub fn snapshot(number: u64) -> String {
    format!("manifest/snapshots/{number:020}.json")
}

/// The key of an object that a test of the store writes and removes again.
pub fn self_test(id: &str, round: usize) -> String {
    format!("{SELF_TESTS}/{id}-{round}.json")
}

/// Where such tests write. What an interrupted one left there may be removed at any time.
pub const SELF_TESTS: &str = "manifest/selftest";

/// The key of a part of the series table.
pub fn shard(content: &Sha256, transaction: &str) -> String {
    format!("manifest/shards/{}.json", version(content, transaction))
}

/// The key of a table of instruments.
pub fn instruments(content: &Sha256, transaction: &str) -> String {
    format!("manifest/instruments/{}.json", version(content, transaction))
}

/// What an object of the manifest holds and which commit put it. Each commit puts its own: one that an earlier commit left, and that no
/// snapshot names, may be on a vacuum's list.
fn version(content: &Sha256, transaction: &str) -> String {
    let commit: String = transaction.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{}_{commit}", content.short())
}

/// The key of an instrument's file, in the directory that NautilusTrader keeps for its class.
pub fn instrument(directory: &str, id: &str, ts_init: UnixNanos, content: &Sha256) -> String {
    let (id, stamp) = (safe_name(id), file_stamp(ts_init));
    format!("data/{directory}/{id}/{stamp}_{stamp}_{}.parquet", content.short())
}

/// The key of a series manifest.
pub fn series_manifest(bar_type: &BarType, content: &Sha256, transaction: &str) -> String {
    format!("{}/{}.parquet", series_manifests(bar_type), version(content, transaction))
}

/// The content that the name of an object of the manifest tells: 16 hex digits.
pub fn version_content(key: &str) -> &str {
    file_name(key).split(['_', '.']).next().unwrap_or_default()
}

/// The key of a partition.
pub fn partition(bar_type: &BarType, first: UnixNanos, last: UnixNanos, content: &Sha256) -> String {
    let directory = series_directory(bar_type);
    format!("data/bars/{directory}/{}_{}_{}.parquet", file_stamp(first), file_stamp(last), content.short())
}

/// The directory of a file that NautilusTrader 1.x keeps, `data/bar/<identifier>`; `None` for files of the current layout.
pub fn old_directory(key: &str) -> Option<&str> {
    key.rsplit_once('/')
        .map(|(directory, _)| directory)
        .filter(|directory| directory.starts_with("data/bar/"))
}

/// The key of a file as NautilusTrader 1.x names it: it takes all that follows the first `_` for the last stamp.
pub fn old_partition(directory: &str, first: UnixNanos, last: UnixNanos) -> String {
    format!("{directory}/{}", nautilus_v1_file(first, last))
}

/// The directory of a series as NautilusTrader 1.x names it: without `/` and otherwise as it is.
pub fn nautilus_v1_directory(bar_type: &BarType) -> String {
    format!("data/bar/{}", bar_type.to_string().replace('/', ""))
}

/// The name of a file of NautilusTrader 1.x: its first and last `ts_init`, and nothing else.
pub fn nautilus_v1_file(first: UnixNanos, last: UnixNanos) -> String {
    format!("{}_{}.parquet", file_stamp(first), file_stamp(last))
}

/// Where a partition lies until its commit holds. Several series may have a file of one name, if the name does not tell the content.
pub fn staged(transaction: &str, key: &str) -> String {
    let name = file_name(key);
    match content_of(name) {
        Some(_) => format!("staging/{transaction}_{name}"),
        None => format!("staging/{transaction}_{}_{name}", Sha256::of(key.as_bytes()).short()),
    }
}

/// The key of a commit's journal.
pub fn journal(transaction: &str) -> String {
    format!("staging/{transaction}.json")
}

/// Where a partition lies that only older snapshots name.
pub fn retired(key: &str, content: &Sha256) -> String {
    put_away("retired", key, content)
}

/// Where a partition lies that was found damaged.
pub fn quarantined(key: &str, content: &Sha256) -> String {
    put_away("quarantine", key, content)
}

/// Where to look for a partition, in this order: a commit that is under way may have moved it.
pub fn places(key: &str, content: &Sha256, transaction: &str) -> [String; 3] {
    [key.to_owned(), staged(transaction, key), retired(key, content)]
}

/// The last part of a key.
pub fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

/// Where something lies that was found damaged and could be restored; `content` is that of the damaged bytes.
pub fn put_aside(key: &str, content: &Sha256) -> String {
    let path = key.strip_prefix("data/").unwrap_or(key);
    let (stem, ending) = path.rsplit_once('.').unwrap_or((path, "damaged"));
    format!("quarantine/{stem}_{}.{ending}", content.short())
}

/// The content that a file name tells as its third part, as ours do: 16 hex digits.
pub fn content_of(name: &str) -> Option<&str> {
    let (_, hash) = name.strip_suffix(".parquet")?.rsplit_once('_')?;
    (hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(hash)
}

/// The directory of a series' manifests.
pub fn series_manifests(bar_type: &BarType) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    format!("manifest/series/{}", percent_encode(&bar_type.to_string(), plain))
}

/// Other programs use a name again for other bytes, so the name here always tells the content.
fn put_away(folder: &str, key: &str, content: &Sha256) -> String {
    let path = key.strip_prefix("data/").unwrap_or(key);
    let hash = content.short();
    match path.strip_suffix(".parquet") {
        Some(stem) if !stem.ends_with(&hash) => format!("{folder}/{stem}_{hash}.parquet"),
        _ => format!("{folder}/{path}"),
    }
}

/// The directory of a series, as NautilusTrader 2 names it: without `/`, with `^` as `_`, other reserved characters
/// percent-encoded. Two series may therefore share one; the catalog refuses the second.
pub fn series_directory(bar_type: &BarType) -> String {
    safe_name(&bar_type.to_string())
}

fn safe_name(text: &str) -> String {
    let text = text.replace('/', "").replace('^', "_");
    percent_encode(&text, |byte| byte.is_ascii_graphic() && !b"\\{}%`[]\"<>~#|*?".contains(&byte))
}

/// Whether a key is that of a file of bars, of any release's layout.
pub fn is_bar_file(key: &str) -> bool {
    (key.starts_with("data/bars/") || key.starts_with("data/bar/")) && key.ends_with(".parquet")
}

/// The directory's name as NautilusTrader 1.x spells it: only `/` is left out.
pub fn old_series_directory(bar_type: &BarType) -> String {
    bar_type.to_string().replace('/', "")
}

/// A key as the path of a URL.
pub fn url_path(key: &str) -> String {
    percent_encode(key, |byte| byte.is_ascii_alphanumeric() || b"-._~/@!$&'()*+,;=:".contains(&byte))
}

/// A stamp as it stands in file names: `2024-01-08T14-31-00-000000000Z`.
pub fn file_stamp(stamp: UnixNanos) -> String {
    let date = stamp.date();
    let rest = stamp.0.rem_euclid(DAY);
    let seconds = rest / bars::SECOND;
    format!(
        "{:04}-{:02}-{:02}T{:02}-{:02}-{:02}-{:09}Z",
        date.year(),
        date.month(),
        date.day(),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % bars::SECOND
    )
}

/// First and last stamp of a file name, with or without the hash segment; `None` for a foreign name.
pub fn parse_file_name(name: &str) -> Option<(UnixNanos, UnixNanos)> {
    let mut parts = name.strip_suffix(".parquet")?.split('_');
    let (first, last) = (parse_file_stamp(parts.next()?)?, parse_file_stamp(parts.next()?)?);
    let hash_is_fine = parts
        .next()
        .is_none_or(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (hash_is_fine && parts.next().is_none()).then_some((first, last))
}

fn parse_file_stamp(text: &str) -> Option<UnixNanos> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date: Date = date.parse().ok()?;
    // Whole days that 64 bits of nanoseconds can tell.
    if !(Date::constant(1677, 9, 22)..=Date::constant(2262, 4, 11)).contains(&date) {
        return None;
    }
    let mut parts = time.split('-');
    let mut number =
        |limit: i64| parts.next()?.parse::<i64>().ok().filter(|value| (0..limit).contains(value));
    let (hour, minute, second) = (number(24)?, number(60)?, number(60)?);
    let fraction = parts.next().unwrap_or("");
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(UnixNanos::midnight(date).plus(((hour * 60 + minute) * 60 + second) * bars::SECOND + nanos))
}

fn percent_encode(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_keys() {
        let bar_type: BarType = "EUR/USD.SIM-5-MINUTE-BID-INTERNAL@1-MINUTE-EXTERNAL".parse().unwrap();
        let content = Sha256::of(b"abc");
        let (first, last) = (UnixNanos(1_704_724_260_000_000_137), UnixNanos(1_704_724_260_000_000_137));
        assert_eq!(
            partition(&bar_type, first, last, &content),
            "data/bars/EURUSD.SIM-5-MINUTE-BID-INTERNAL@1-MINUTE-EXTERNAL/\
             2024-01-08T14-31-00-000000137Z_2024-01-08T14-31-00-000000137Z_ba7816bf8f01cfea.parquet"
        );
        assert_eq!(
            series_manifest(&bar_type, &content, "0f-e1d2c3b4a5"),
            "manifest/series/EUR%2FUSD.SIM-5-MINUTE-BID-INTERNAL%401-MINUTE-EXTERNAL/ba7816bf8f01cfea_0fe1d2c3.parquet"
        );
        assert_eq!(url_path("a/EUR%2FUSD@1 .parquet"), "a/EUR%252FUSD@1%20.parquet");
        let key = partition(&bar_type, first, last, &content);
        assert_eq!(retired(&key, &content), key.replacen("data", "retired", 1));
        assert_eq!(
            retired("data/bar/EURUSD.SIM-1-MINUTE-BID-EXTERNAL/part-0.parquet", &content),
            "retired/bar/EURUSD.SIM-1-MINUTE-BID-EXTERNAL/part-0_ba7816bf8f01cfea.parquet"
        );
        let named = |directory: &str| format!("data/bars/{directory}/a_0123456789abcdef.parquet");
        assert_eq!(staged("t1", &named("x")), "staging/t1_a_0123456789abcdef.parquet");
        let unnamed = |directory: &str| staged("t1", &format!("data/bar/{directory}/a_b.parquet"));
        assert!(unnamed("x") != unnamed("y") && unnamed("x").ends_with("_a_b.parquet"));
        assert_eq!(snapshot(7), "manifest/snapshots/00000000000000000007.json");
        let json = "manifest/head.json";
        assert_eq!(put_aside(json, &content), "quarantine/manifest/head_ba7816bf8f01cfea.json");
        assert_eq!(content_of(file_name(&key)), Some("ba7816bf8f01cfea"));
        assert_eq!(content_of("a_b_2024-01-12T21-00Z.parquet"), None);
        let manifest = series_manifest(&bar_type, &content, "t1");
        assert!(manifest.starts_with(&series_manifests(&bar_type)));
        assert_eq!(version_content(&manifest), "ba7816bf8f01cfea");
        let index: BarType = "^SPX.CBOE-1-MINUTE-LAST-EXTERNAL".parse().unwrap();
        assert_eq!(series_directory(&index), "_SPX.CBOE-1-MINUTE-LAST-EXTERNAL");
    }

    #[test]
    fn reads_file_names() {
        let stamps = Some((UnixNanos(1_704_724_260_000_000_000), UnixNanos(1_705_093_200_000_000_000)));
        for (name, expected) in [
            ("2024-01-08T14-31-00-000000000Z_2024-01-12T21-00-00-000000000Z.parquet", stamps),
            (
                "2024-01-08T14-31-00-000000000Z_2024-01-12T21-00-00-000000000Z_ba7816bf8f01cfea.parquet",
                stamps,
            ),
            ("2024-01-08T14-31-00-0Z_2024-01-12T21-00-00Z.parquet", stamps),
            ("part-0.parquet", None),
            ("a_b.parquet", None),
            ("2024-01-08T14-31-00-000000000Z.parquet", None),
            ("2024-13-08T14-31-00-000000000Z_2024-01-12T21-00-00-000000000Z.parquet", None),
            ("2024-01-08T14-31-00-000000000Z_2024-01-12T21-00-00-000000000Z.r2.parquet", None),
        ] {
            assert_eq!(parse_file_name(name), expected, "{name}");
        }
        for nanos in [0, 137, -1, 1_704_724_260_123_456_789] {
            let stamp = file_stamp(UnixNanos(nanos));
            assert_eq!(parse_file_stamp(&stamp), Some(UnixNanos(nanos)));
        }
    }
}
