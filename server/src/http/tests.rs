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

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_overwritten_meanwhile_is_served_whole() {
    let store = Store::scratch();
    let bodies = [b"{\"short\":1}".to_vec(), vec![b'x'; 100_000]];
    store.put("manifest/head.json", bodies[0].clone().into()).await.unwrap();
    let writer = tokio::spawn({
        let (store, bodies) = (store.clone(), bodies.clone());
        async move {
            for body in bodies.iter().cycle() {
                store.put("manifest/head.json", body.clone().into()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    let app = http::app(store, None);
    for _ in 0..300 {
        let response = app.clone().oneshot(get("/catalog/manifest/head.json", None)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert!(bodies.iter().any(|whole| whole == &body), "{} bytes", body.len());
        assert_eq!(parts.headers[header::CONTENT_LENGTH].to_str().unwrap(), body.len().to_string());
        let etag = format!("\"{}\"", catalog::Sha256::of(&body).short());
        assert_eq!(parts.headers[header::ETAG].to_str().unwrap(), etag);
    }
    writer.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_out_of_the_catalog_is_not_served() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret.json"), "{}").unwrap();
    let store = Store::open_or_make(inside.path().to_str().unwrap()).unwrap();
    store.put("manifest/shards/here.json", "{}".into()).await.unwrap();
    let link = |name: &str| inside.path().join("manifest").join(name);
    std::os::unix::fs::symlink(outside.path().join("secret.json"), link("shards/there.json")).unwrap();
    std::os::unix::fs::symlink(outside.path(), link("elsewhere")).unwrap();
    let app = http::app(store, None);
    for (path, expected) in [
        ("shards/here.json", StatusCode::OK),
        ("shards/there.json", StatusCode::NOT_IMPLEMENTED),
        ("elsewhere/secret.json", StatusCode::NOT_IMPLEMENTED),
    ] {
        let response = app.clone().oneshot(get(&format!("/catalog/manifest/{path}"), None)).await.unwrap();
        assert_eq!(response.status(), expected, "{path}");
    }
}
