//! The worker in the browser: messages in and out, and `fetch`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use catalog::{Error, ErrorKind, Fetch, names};
use engine::protocol::{BUILD, Cancel, Message, Network, Problem, Request, VERSION};
use engine::{Engine, NamedColumn, Source};
use js_sys::{Array, Float64Array, Object, Promise, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, DedicatedWorkerGlobalScope, MessageEvent, RequestCache, RequestInit, Response,
};

/// Objects up to this size are read whole from a host that does not answer ranges.
const WHOLE_FALLBACK_BYTES: u64 = 32 << 20;
/// How often a request is repeated that may succeed next time.
const RETRIES: u32 = 2;

/// Listens for requests and says that the engine is up.
pub fn start() {
    let worker = Rc::new(Worker::default());
    let on_message =
        Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| worker.receive(event.data()));
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The handler lives as long as the worker.
    on_message.forget();
    post(&Message::Ready { v: VERSION, build: BUILD.to_owned() }, Vec::new());
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

#[derive(Default)]
struct Worker {
    engine: Rc<Engine>,
    network: Rc<Cell<Network>>,
    running: Rc<RefCell<HashMap<u32, AbortController>>>,
}

impl Worker {
    fn receive(&self, data: JsValue) {
        if let Ok(cancel) = serde_wasm_bindgen::from_value::<Cancel>(data.clone()) {
            if let Some(controller) = self.running.borrow().get(&cancel.cancel) {
                controller.abort();
            }
            return;
        }
        match serde_wasm_bindgen::from_value::<Request>(data) {
            Ok(request) if request.v == VERSION => self.run(request),
            Ok(request) => self.fail(
                request.id,
                &Error::new(ErrorKind::Unsupported, "page and engine are of different versions")
                    .then("reload the page"),
            ),
            Err(error) => self.fail(
                0,
                &Error::new(ErrorKind::InvalidInput, "the engine did not understand a request")
                    .because(error),
            ),
        }
    }

    fn run(&self, request: Request) {
        let Ok(controller) = AbortController::new() else { return };
        self.running.borrow_mut().insert(request.id, controller.clone());
        let (engine, network, running) =
            (Rc::clone(&self.engine), Rc::clone(&self.network), Rc::clone(&self.running));
        spawn_local(async move {
            let root = match &request.op {
                engine::protocol::Op::Open { catalog, .. } => Some(catalog.clone()),
                _ => engine.catalog(),
            };
            let root = root.unwrap_or_default();
            let root = if root.ends_with('/') { root } else { format!("{root}/") };
            let mut op = request.op;
            if let engine::protocol::Op::Open { catalog, .. } = &mut op {
                catalog.clone_from(&root);
            }
            let source = Http { id: request.id, root, controller, network: Rc::clone(&network) };
            let answer = engine.answer(op, &source).await;
            running.borrow_mut().remove(&request.id);
            let network = network.get();
            match answer {
                Ok((answer, columns)) => {
                    post(&Message::Done { id: request.id, answer: Box::new(answer), network }, columns)
                }
                Err(error) => {
                    post(&Message::Failed { id: request.id, problem: problem(&error), network }, Vec::new())
                }
            }
        });
    }

    fn fail(&self, id: u32, error: &Error) {
        post(&Message::Failed { id, problem: problem(error), network: self.network.get() }, Vec::new());
    }
}

fn problem(error: &Error) -> Problem {
    Problem {
        kind: error.kind.as_str().to_owned(),
        what: error.what.clone(),
        why: error.why.clone(),
        next: error.next.clone(),
    }
}

/// Posts a message; columns are copied once out of wasm memory and then transferred.
fn post(message: &Message, columns: Vec<NamedColumn>) {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    let Ok(object) = message.serialize(&serializer) else { return };
    let (named, transfer) = (Object::new(), Array::new());
    for column in &columns {
        let values = Float64Array::from(column.values.as_slice());
        transfer.push(&values.buffer());
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&named, &column.name.into(), &values);
    }
    if !columns.is_empty() {
        let _ = Reflect::set(&object, &"columns".into(), &named);
    }
    if let Err(error) = scope().post_message_with_transfer(&object, &transfer) {
        web_sys::console::error_1(&error);
    }
}

/// The catalog over HTTP, for one request.
struct Http {
    id: u32,
    root: String,
    controller: AbortController,
    network: Rc<Cell<Network>>,
}

impl Source for Http {
    async fn fresh(&self, key: &str) -> Result<Bytes, Error> {
        let (response, bytes) = self.get(key, None, RequestCache::NoCache).await?;
        let is_page = response
            .headers()
            .get("content-type")
            .ok()
            .flatten()
            .is_some_and(|media| media.starts_with("text/html"));
        if is_page && key == names::HEAD {
            return Err(self.no_catalog("the host answered with a web page instead of `manifest/head.json`"));
        }
        Ok(bytes)
    }

    async fn read(&self, fetch: &Fetch) -> Result<Bytes, Error> {
        if fetch.is_whole() {
            return self.get(&fetch.key, None, RequestCache::NoStore).await.map(|(_, bytes)| bytes);
        }
        // Chromium runs one request a URL at a time through its cache, so ranges go past it.
        let (response, bytes) = self.get(&fetch.key, Some(fetch), RequestCache::NoStore).await?;
        if response.status() == 206 {
            return self.check_content_range(&response, fetch).map(|()| bytes);
        }
        // The host ignored the range and sent everything.
        let (start, end) = (fetch.range.start as usize, fetch.range.end as usize);
        if bytes.len() as u64 != fetch.object_bytes || end > bytes.len() {
            return Err(Error::new(
                ErrorKind::SourceUnavailable,
                format!("`{}` is not the file the manifest describes", fetch.key),
            )
            .because(format!("it should have {} bytes and {} came", fetch.object_bytes, bytes.len()))
            .then("copy the catalog again, whole"));
        }
        Ok(bytes.slice(start..end))
    }

    fn progress(&self, done: u64, total: u64) -> Result<(), Error> {
        if self.controller.signal().aborted() {
            return Err(Error::new(ErrorKind::Cancelled, "the request was cancelled"));
        }
        if total > 0 {
            post(&Message::Progress { id: self.id, done, total, network: self.network.get() }, Vec::new());
        }
        Ok(())
    }
}

impl Http {
    /// Gets an object or a range of it, again where that may help.
    async fn get(
        &self,
        key: &str,
        range: Option<&Fetch>,
        cache: RequestCache,
    ) -> Result<(Response, Bytes), Error> {
        let url = format!("{}{}", self.root, names::url_path(key));
        let mut attempt = 0;
        loop {
            let error = match self.try_get(&url, key, range, cache).await {
                Ok(done) => return Ok(done),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(error)) => error,
            };
            if attempt >= RETRIES {
                return Err(error);
            }
            attempt += 1;
            pause(150 << attempt).await;
            if self.controller.signal().aborted() {
                return Err(Error::new(ErrorKind::Cancelled, "the request was cancelled"));
            }
        }
    }

    async fn try_get(
        &self,
        url: &str,
        key: &str,
        range: Option<&Fetch>,
        cache: RequestCache,
    ) -> Result<(Response, Bytes), Attempt> {
        let init = RequestInit::new();
        init.set_cache(cache);
        init.set_signal(Some(&self.controller.signal()));
        if let Some(fetch) = range {
            let headers = Object::new();
            let value = format!("bytes={}-{}", fetch.range.start, fetch.range.end - 1);
            // Setting a property of a fresh object cannot fail.
            let _ = Reflect::set(&headers, &"Range".into(), &value.into());
            init.set_headers(&headers);
        }
        self.count(1, 0);
        let response = JsFuture::from(scope().fetch_with_str_and_init(url, &init)).await;
        let response: Response = response.map_err(|error| self.unreachable(key, &error))?.unchecked_into();
        self.check_status(&response, key, range)?;
        let body = response.array_buffer().map_err(|error| self.unreachable(key, &error))?;
        let body = JsFuture::from(body).await.map_err(|error| self.unreachable(key, &error))?;
        let bytes = Uint8Array::new(&body).to_vec();
        self.count(0, bytes.len() as u64);
        Ok((response, Bytes::from(bytes)))
    }

    fn count(&self, requests: u32, bytes: u64) {
        let network = self.network.get();
        self.network.set(Network { requests: network.requests + requests, bytes: network.bytes + bytes });
    }

    fn check_status(&self, response: &Response, key: &str, range: Option<&Fetch>) -> Result<(), Attempt> {
        let status = response.status();
        let too_large = |fetch: &&Fetch| fetch.object_bytes > WHOLE_FALLBACK_BYTES;
        match status {
            200 => match range.filter(too_large) {
                None => Ok(()),
                Some(fetch) => {
                    self.controller.abort();
                    Err(Attempt::Final(
                        Error::new(ErrorKind::Unsupported, "the host does not answer range requests")
                            .because(format!("a part of `{key}` was asked for and all of its {} MB came", fetch.object_bytes / 1_000_000))
                            .then("put the catalog on a host that answers ranges: nginx, S3, GitHub Pages, or `barkeep serve`"),
                    ))
                }
            },
            206 => Ok(()),
            404 | 410 if key == names::HEAD => Err(Attempt::Final(self.no_catalog(&format!("`manifest/head.json` answered {status}")))),
            404 | 410 => Err(Attempt::Final(
                Error::new(ErrorKind::NotFound, format!("`{key}` is missing on the host"))
                    .because(format!("the manifest names it, and {} answered {status}", self.root))
                    .then("reload the page: the catalog may just have been published anew")
                    .then("if it stays so, copy the catalog again, whole"),
            )),
            401 | 403 => Err(Attempt::Final(
                Error::new(ErrorKind::SourceUnavailable, format!("the host does not let this page read `{key}`"))
                    .because(format!("{} answered {status}", self.root))
                    .then("make the catalog's files readable for everyone, or open it from a place where you are signed in"),
            )),
            416 => Err(Attempt::Final(
                Error::new(ErrorKind::Corrupt, format!("`{key}` is shorter than the manifest says"))
                    .because(format!("{} answered {status} to a range inside it", self.root))
                    .then("copy the catalog again, whole"),
            )),
            _ => {
                let error = Error::new(ErrorKind::SourceUnavailable, format!("the host could not deliver `{key}`"))
                    .because(format!("{} answered {status}", self.root))
                    .then("try again in a moment");
                Err(if status == 429 || status >= 500 { Attempt::Again(error) } else { Attempt::Final(error) })
            }
        }
    }

    /// The header is hidden on other origins that do not expose it; lengths and checksums are checked in any case.
    fn check_content_range(&self, response: &Response, fetch: &Fetch) -> Result<(), Error> {
        let expected = format!("bytes {}-{}/", fetch.range.start, fetch.range.end - 1);
        match response.headers().get("content-range").ok().flatten() {
            Some(sent) if !sent.starts_with(&expected) => Err(Error::new(
                ErrorKind::SourceUnavailable,
                format!("the host sent another part of `{}` than was asked for", fetch.key),
            )
            .because(format!("`{expected}…` was expected and `{sent}` came"))
            .then("put the catalog on a host that answers range requests correctly")),
            _ => Ok(()),
        }
    }

    fn no_catalog(&self, why: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no catalog at {}", self.root))
            .because(why)
            .then("check the address: it is the folder that holds `manifest` and `data`")
            .then("make a catalog: `barkeep import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open`")
            .then("a catalog that NautilusTrader wrote has no manifest yet and cannot be opened here")
    }

    fn unreachable(&self, key: &str, error: &JsValue) -> Attempt {
        if self.controller.signal().aborted() {
            return Attempt::Final(Error::new(ErrorKind::Cancelled, "the request was cancelled"));
        }
        let why = error
            .dyn_ref::<js_sys::Error>()
            .map_or_else(|| "the request failed".to_owned(), |error| String::from(error.message()));
        if key != names::HEAD {
            // The head was read, so the host is there and allows this page.
            return Attempt::Again(
                Error::new(
                    ErrorKind::SourceUnavailable,
                    format!("the connection broke while `{key}` was read"),
                )
                .because(format!("{} answered before; now the browser says: {why}", self.root))
                .then("try again"),
            );
        }
        Attempt::Again(
            Error::new(ErrorKind::SourceUnavailable, format!("the catalog at {} cannot be read from this page", self.root))
                .because(format!("the browser says: {why}; that is a host that is down or offline, or one that does not allow other origins (CORS)"))
                .then("open the address in a new tab to see whether the host answers")
                .then("allow this page's origin on the host: `Access-Control-Allow-Origin: *` and `Access-Control-Expose-Headers: Content-Range, ETag`"),
        )
    }
}

/// What became of one attempt.
enum Attempt {
    Again(Error),
    Final(Error),
}

async fn pause(millis: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        // Without a timer the wait is skipped.
        let _ = scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
    });
    let _ = JsFuture::from(promise).await;
}
