//! The catalog's objects over HTTP, for the engine and for any other reader: ranges, validators, caching and CORS.
//!
//! Only keys that a catalog can have are answered, so a path cannot leave the root; there is no listing.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use catalog::{Error, ErrorKind, Sha256, names};
use futures::TryStreamExt;

use super::Problem;
use crate::store::Store;

/// Answers a browser's question whether another origin's page may read.
pub(crate) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    allow_other_origins(response.headers_mut());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Range, If-None-Match, If-Range"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// An object or a range of it.
pub(crate) async fn get_object(
    State(store): State<Store>,
    method: Method,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let mut response = match answer(&store, &method, &key, &headers).await {
        Ok(response) => response,
        Err(error) => Problem(error).into_response(),
    };
    allow_other_origins(response.headers_mut());
    response
}

fn allow_other_origins(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag, Content-Range, Content-Length, Accept-Ranges"),
    );
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
}

async fn answer(store: &Store, method: &Method, key: &str, headers: &HeaderMap) -> Result<Response, Error> {
    let not_found = || {
        Error::new(ErrorKind::NotFound, format!("there is no `{key}` here"))
            .because("the catalog has no object of that name")
            .then("open the catalog's root; its content is listed in `manifest/head.json`")
    };
    if !is_key(key) {
        return Err(not_found());
    }
    let Found { size, etag, caching, bytes } = find(store, key).await?.ok_or_else(not_found)?;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|wanted| {
        wanted == "*" || wanted.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
    }) {
        return Ok(finish(StatusCode::NOT_MODIFIED.into_response(), key, &etag, caching));
    }
    let range_still_holds = text(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let wanted = text(header::RANGE)
        .filter(|_| range_still_holds)
        .map_or(Wanted::Whole, |range| parse_range(range, size));
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Unsatisfiable => {
            let mut response = finish(StatusCode::RANGE_NOT_SATISFIABLE.into_response(), key, &etag, caching);
            insert_text(response.headers_mut(), header::CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let length = range.end - range.start;
    let body = if method == Method::HEAD || length == 0 {
        Body::empty()
    } else if let Some(bytes) = bytes {
        Body::from(bytes.slice(range.start as usize..range.end as usize))
    } else {
        Body::from_stream(store.stream(key, range.clone()).await?.map_err(std::io::Error::other))
    };
    let mut response = finish((status, body).into_response(), key, &etag, caching);
    insert_text(response.headers_mut(), header::CONTENT_LENGTH, length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        insert_text(
            response.headers_mut(),
            header::CONTENT_RANGE,
            format!("bytes {}-{}/{size}", range.start, range.end - 1),
        );
    }
    Ok(response)
}

/// An object that is there.
struct Found {
    size: u64,
    etag: String,
    caching: &'static str,
    /// Its bytes, if they had to be read already.
    bytes: Option<Bytes>,
}

async fn find(store: &Store, key: &str) -> Result<Option<Found>, Error> {
    // The head may be overwritten at any time: its size, its tag and its bytes must be of one moment.
    if key == names::HEAD {
        return Ok(store.get(key).await?.map(|bytes| Found {
            size: bytes.len() as u64,
            etag: format!("\"{}\"", Sha256::of(&bytes).short()),
            caching: REVALIDATE,
            bytes: Some(bytes),
        }));
    }
    Ok(store.head(key).await?.map(|meta| {
        let (etag, caching) = validators(key, &meta);
        Found { size: meta.size, etag, caching, bytes: None }
    }))
}

/// Whether a path is one that a catalog's object can have.
fn is_key(key: &str) -> bool {
    let fine = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && !segment.contains(['\\', '\0', ':'])
            && !segment.chars().any(char::is_control)
    };
    let known = ["data/", "manifest/", "staging/", "retired/"].iter().any(|root| key.starts_with(root))
        && [".parquet", ".json"].iter().any(|end| key.ends_with(end));
    known && key.len() <= 1024 && key.split('/').all(fine)
}

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";

/// Entity tag and caching: what is named by its content never changes, anything else is asked for again every time.
fn validators(key: &str, meta: &object_store::ObjectMeta) -> (String, &'static str) {
    let name = key.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let last = stem.rsplit('_').next().unwrap_or_default();
    let is_hash = last.len() == 16 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = key.starts_with("manifest/snapshots/");
    if is_hash || is_number {
        return (format!("\"{last}\""), IMMUTABLE);
    }
    let time = meta.last_modified.timestamp_millis();
    (format!("\"{:x}-{time:x}\"", meta.size), REVALIDATE)
}

fn finish(mut response: Response, key: &str, etag: &str, caching: &'static str) -> Response {
    let headers = response.headers_mut();
    let media = if key.ends_with(".json") { "application/json" } else { "application/vnd.apache.parquet" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert_text(headers, header::ETAG, etag.to_owned());
    response
}

fn insert_text(headers: &mut HeaderMap, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(name, value);
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

/// One range of bytes. Other units and malformed headers are ignored, as RFC 9110 has it; several ranges are refused.
fn parse_range(text: &str, size: u64) -> Wanted {
    let Some(spec) = text.strip_prefix("bytes=").map(str::trim) else { return Wanted::Whole };
    if spec.contains(',') || text.len() > 256 {
        return Wanted::Unsatisfiable;
    }
    let Some((start, end)) = spec.split_once('-') else { return Wanted::Whole };
    let digits = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (start.is_empty(), end.is_empty(), digits(start), digits(end)) {
        (true, true, ..) | (_, _, None, _) | (_, _, _, None) => Wanted::Whole,
        (true, false, _, Some(0)) => Wanted::Unsatisfiable,
        (true, false, _, Some(last)) if size > 0 => Wanted::Part(size.saturating_sub(last)..size),
        (false, true, Some(start), _) if start < size => Wanted::Part(start..size),
        (false, false, Some(start), Some(end)) if end < start => Wanted::Whole,
        (false, false, Some(start), Some(end)) if start < size => {
            Wanted::Part(start..end.saturating_add(1).min(size))
        }
        _ => Wanted::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=100-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-1,5-6", Wanted::Unsatisfiable),
            ("bytes=9-0", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("lines=0-9", Wanted::Whole),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
        ] {
            assert_eq!(parse_range(text, 100), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn keys_cannot_leave_the_root() {
        assert!(is_key("manifest/head.json"));
        assert!(is_key("manifest/series/EUR%2FUSD.SIM/0123456789abcdef.parquet"));
        for key in [
            "../etc/passwd.json",
            "data/../../x.json",
            "data//x.parquet",
            "data/.hidden.parquet",
            "/etc/x.json",
            "data\\x.json",
            "other/x.json",
            "data/x.txt",
            "manifest",
            "data/c:/x.json",
            "data/\0.json",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
