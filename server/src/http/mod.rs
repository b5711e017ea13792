//! The web server: research pages at `/`, the catalog at `/catalog/`, health at `/healthz` and `/readyz`.
//!
//! Every request has a correlation id, taken from `x-request-id` or made: it stands in the log, in the answer and in every error.

mod files;
mod pages;
mod problem;

use std::path::PathBuf;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tracing::Instrument;

use crate::catalog::Catalog;
use crate::store::Store;

pub(crate) use pages::{built_in as built_in_pages, caching, media_type};
pub(crate) use problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The application that serves `store`.
pub fn app(store: Store, pages: Option<PathBuf>) -> Router {
    let catalog = Router::new()
        .route("/{*key}", get(files::get_object).options(files::preflight))
        .with_state(store.clone());
    Router::new()
        .nest("/catalog", catalog)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(store))
        .merge(pages::routes(pages))
        .layer(middleware::from_fn(correlate))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
}

/// Ready when the catalog opens.
async fn ready(State(store): State<Store>) -> Response {
    match Catalog::open(store).await {
        Ok(catalog) => format!("ok, snapshot {}\n", catalog.snapshot().number).into_response(),
        Err(error) => {
            let mut response = Problem(error).into_response();
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// Gives a request its id, and its answer the id and the headers that every answer has.
async fn correlate(request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        !id.is_empty()
            && id.len() <= 64
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let id = given.filter(is_plain).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    let span =
        tracing::info_span!("request", id = %id, method = %request.method(), path = request.uri().path());
    let mut response = async {
        let started = std::time::Instant::now();
        let response = next.run(request).await;
        tracing::debug!(
            status = response.status().as_u16(),
            duration_ms = started.elapsed().as_millis() as u64,
            "answered"
        );
        response
    }
    .instrument(span)
    .await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests;
