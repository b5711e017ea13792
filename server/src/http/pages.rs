//! The research pages: built into the binary, or read from a directory while one works on them.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Path and bytes of every file of the built-in pages; none if they were not built.
pub(crate) fn built_in() -> &'static [(&'static str, &'static [u8])] {
    PAGES
}

/// Routes of everything that is not the catalog.
pub(crate) fn routes(directory: Option<PathBuf>) -> Router {
    Router::new().fallback_service(get(async move |uri: Uri, headers: HeaderMap| {
        page(directory.as_deref(), &uri, &headers)
    }))
}

fn page(directory: Option<&Path>, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if directory.is_none() && PAGES.is_empty() {
        let text = "<!doctype html><title>barkeep</title><p>This barkeep was built without its pages. Build it with <code>cargo xtask build</code>.";
        return (StatusCode::NOT_FOUND, Html(text)).into_response();
    }
    let accepted =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |coding: &str| {
        accepted.split(',').any(|item| {
            item.split(';').next().is_some_and(|name| name.trim() == coding)
                && !item.contains("q=0,")
                && !item.trim_end().ends_with("q=0")
        })
    };
    for (coding, ending) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(coding)
            && let Some(bytes) = load(directory, &format!("{path}{ending}"))
        {
            return answer(path, bytes, Some(coding));
        }
    }
    match load(directory, path) {
        Some(bytes) => answer(path, bytes, None),
        None => (StatusCode::NOT_FOUND, "There is no such page.\n").into_response(),
    }
}

fn load(directory: Option<&Path>, path: &str) -> Option<std::borrow::Cow<'static, [u8]>> {
    let Some(directory) = directory else {
        return PAGES.iter().find(|(name, _)| *name == path).map(|(_, bytes)| (*bytes).into());
    };
    let is_plain = path
        .split('/')
        .all(|segment| !segment.is_empty() && !segment.starts_with('.') && !segment.contains('\\'));
    is_plain.then(|| std::fs::read(directory.join(path)).ok()).flatten().map(Into::into)
}

fn answer(path: &str, bytes: std::borrow::Cow<'static, [u8]>, coding: Option<&'static str>) -> Response {
    let (media, caching) = (media_type(path), caching(path));
    let body = match bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if media.starts_with("text/html") {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// What a file of the pages is.
pub(crate) fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "png" => "image/png",
        _ => "text/plain; charset=utf-8",
    }
}

/// How long it may be kept: only names with a content hash never change.
pub(crate) fn caching(path: &str) -> &'static str {
    let hashed = path
        .split(['/', '.', '_', '-'])
        .any(|part| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hashed { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// The page runs its own scripts and wasm, and reads catalogs from wherever its user says.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      font-src 'self'; connect-src *; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
