//! The server from its front door, without a socket.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use crate::{demo, http, store::Store};

async fn answer(request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_or_make(directory.path().to_str().unwrap()).unwrap();
    demo::write(&store).await.unwrap();
    let response = http::app(store, None).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

fn get(path: &str, range: Option<&str>) -> Request<Body> {
    let request = Request::get(path);
    range
        .map_or(Request::get(path), |range| request.header(header::RANGE, range))
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn ranges_are_served() {
    let (status, headers, body) = answer(get("/catalog/manifest/head.json", Some("bytes=0-9"))).await;
    assert_eq!((status, body.as_slice()), (StatusCode::PARTIAL_CONTENT, &b"{\"sha256\":"[..]));
    assert!(headers[header::CONTENT_RANGE].to_str().unwrap().starts_with("bytes 0-9/"));
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert!(headers.contains_key("x-request-id"));
    let (status, headers, _) =
        answer(get("/catalog/manifest/snapshots/00000000000000000001.json", None)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let (status, _, _) = answer(get("/catalog/manifest/head.json", Some("bytes=99999999-"))).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn nothing_outside_the_catalog_is_served() {
    for path in [
        "/catalog/manifest/none.json",
        "/catalog/../Cargo.toml",
        "/catalog/%2e%2e/%2e%2e/etc/passwd",
        "/catalog/data/..%2f..%2fx.json",
        "/catalog/manifest/",
        "/catalog/manifest/%00.json",
    ] {
        let (status, headers, body) = answer(get(path, None)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {}", String::from_utf8_lossy(&body));
        assert!(headers.contains_key("x-request-id"), "{path}");
    }
}
