//! The XML interface of Google Cloud Storage, as far as object_store uses it.
//!
//! A stand-in written from Google's documentation, because no emulator that could be had keeps `if-generation-match`. It shows that Barkeep
//! speaks the language; it does not show how the real service behaves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

/// Keys that one page of a listing holds; few, so that there are several.
const PAGE: usize = 50;

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    generation: u64,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    generations: u64,
}

type Shared = Arc<Mutex<Bucket>>;

/// Starts it and returns its port; it ends with the test's runtime.
pub(crate) async fn start() -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let routes = Router::new()
        .route("/{bucket}", get(list))
        .route("/{bucket}/{*key}", any(object))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Shared::default());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    port
}

async fn list(State(bucket): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    let bucket = bucket.lock().unwrap();
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let after = query.get("continuation-token").cloned().unwrap_or_default();
    let matching: Vec<_> =
        bucket.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after).collect();
    let mut xml = String::from("<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>");
    for (key, object) in matching.iter().take(PAGE) {
        let (key, size, generation) = (escape(key), object.bytes.len(), object.generation);
        xml += &format!(
            "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"{generation}\"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        );
    }
    if matching.len() > PAGE {
        let last = escape(matching[PAGE - 1].0);
        xml +=
            &format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
    }
    (StatusCode::OK, xml + "</ListBucketResult>").into_response()
}

async fn object(
    State(bucket): State<Shared>,
    method: Method,
    Path((_, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut bucket = bucket.lock().unwrap();
    let stored = bucket.objects.get(&key).cloned();
    match (method, stored) {
        (Method::PUT, stored) => {
            let expected = text(&headers, "x-goog-if-generation-match");
            let current = stored.map_or(0, |object| object.generation).to_string();
            if expected.is_some_and(|expected| expected != current) {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            let bytes = match text(&headers, "x-goog-copy-source").map(source_key) {
                None => body,
                Some(source) => match bucket.objects.get(&source) {
                    Some(object) => object.bytes.clone(),
                    None => return no_such("NoSuchKey"),
                },
            };
            bucket.generations += 1;
            let object = Object { bytes, generation: bucket.generations };
            bucket.objects.insert(key, object.clone());
            described(StatusCode::OK, &object, Bytes::new())
        }
        (_, None) => no_such("NoSuchKey"),
        (Method::DELETE, Some(_)) => {
            bucket.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::GET, Some(object)) => send(&object, text(&headers, "range")),
        (Method::HEAD, Some(object)) => {
            let mut response = described(StatusCode::OK, &object, Bytes::new());
            response.headers_mut().insert(header::CONTENT_LENGTH, object.bytes.len().into());
            response
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn send(object: &Object, range: Option<&str>) -> Response {
    let size = object.bytes.len();
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
        return described(StatusCode::OK, object, object.bytes.clone());
    };
    let (start, end) = range.split_once('-').unwrap_or_default();
    let start: usize = start.parse().unwrap_or_default();
    let end = end.parse().map_or(size, |end: usize| size.min(end + 1));
    if start >= size {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let mut response = described(StatusCode::PARTIAL_CONTENT, object, object.bytes.slice(start..end));
    let content_range = format!("bytes {start}-{}/{size}", end - 1).parse().expect("digits");
    response.headers_mut().insert(header::CONTENT_RANGE, content_range);
    response
}

fn described(status: StatusCode, object: &Object, body: Bytes) -> Response {
    let headers = [
        ("etag", format!("\"{}\"", object.generation)),
        ("x-goog-generation", object.generation.to_string()),
        ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
    ];
    (status, headers, body).into_response()
}

fn no_such(code: &str) -> Response {
    let xml =
        format!("<Error><Code>{code}</Code><Message>The specified key does not exist.</Message></Error>");
    (StatusCode::NOT_FOUND, xml).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `bucket/key`, the key percent-encoded.
fn source_key(source: &str) -> String {
    let encoded = source.split_once('/').map_or("", |(_, key)| key);
    let mut bytes = encoded.bytes();
    let mut key = Vec::new();
    while let Some(byte) = bytes.next() {
        let digits = (byte == b'%').then(|| [bytes.next(), bytes.next()].map(Option::unwrap_or_default));
        let decoded =
            digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok());
        key.push(decoded.unwrap_or(byte));
    }
    String::from_utf8(key).expect("keys are text")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
