//! `Range` and other headers: any of them is answered, never with an error of the server, and a part is as long as it says.
#![no_main]

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use barkeep::http::app;
use barkeep::store::Store;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const KEY: &str = "data/bars/X.SIM-1-MINUTE-LAST-EXTERNAL/part-0.parquet";
static HOUSE: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = Store::scratch();
    runtime.block_on(store.put(KEY, vec![7; 1_000].into())).expect("stored");
    (runtime, app(store, None))
});

fuzz_target!(|input: (&str, &str, bool)| {
    let (range, tag, whole_path) = input;
    let (runtime, app) = &*HOUSE;
    let path = if whole_path { format!("/catalog/{KEY}") } else { format!("/catalog/{tag}") };
    let request = Request::get(path).header(header::RANGE, range).header(header::IF_NONE_MATCH, tag);
    let Ok(request) = request.header(header::HOST, "localhost").body(Body::empty()) else { return };
    runtime.block_on(async {
        let response = app.clone().oneshot(request).await.expect("infallible");
        let status = response.status();
        assert!(!status.is_server_error(), "{status}: {range:?}");
        let length = response.headers().get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        if status == StatusCode::PARTIAL_CONTENT {
            assert_eq!(length, Some(body.len()), "{range:?}");
        }
    });
});
