//! The page's end of the engine's protocol: starts the worker, asks, and hands answers back.

use std::collections::HashMap;

use engine::protocol::{Answer, BUILD, Cancel, Message, Network, Op, Problem, Request, VERSION};
use futures::channel::oneshot;
use js_sys::Reflect;
use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::{browser, message};

/// What the worker is doing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WorkerState {
    Starting,
    Idle,
    Working,
    Stopped(Problem),
}

/// An answer with its columns: an object of `Float64Array`s, or undefined.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) columns: JsValue,
}

/// Bytes that have arrived, and that are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// The engine as the page sees it; a handle that is copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    inner: StoredValue<Inner, LocalStorage>,
    pub(crate) state: RwSignal<WorkerState>,
    pub(crate) network: RwSignal<Network>,
    /// Counts the workers; whatever a worker knew is lost when it changes.
    pub(crate) generation: RwSignal<u32>,
}

#[derive(Default)]
struct Inner {
    worker: Option<Worker>,
    ready: bool,
    waiting: Vec<JsValue>,
    asked: HashMap<u32, Asked>,
    last_id: u32,
    handlers: Vec<Closure<dyn FnMut(JsValue)>>,
}

struct Asked {
    answer: oneshot::Sender<Result<Reply, Problem>>,
    progress: Option<RwSignal<Option<Progress>>>,
}

/// A question that waits for its answer; dropping it cancels.
pub(crate) struct Question {
    engine: Engine,
    pub(crate) id: u32,
    answer: oneshot::Receiver<Result<Reply, Problem>>,
    open: bool,
}

impl Question {
    /// Waits for the answer; a cancelled question fails with the kind `cancelled`.
    pub(crate) async fn answer(mut self) -> Result<Reply, Problem> {
        let outcome = (&mut self.answer).await;
        self.open = false;
        outcome.unwrap_or_else(|_| Err(cancelled()))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if self.open {
            self.engine.cancel(self.id);
        }
    }
}

impl Engine {
    /// Starts a worker.
    pub(crate) fn start() -> Self {
        let engine = Self {
            inner: StoredValue::new_local(Inner::default()),
            state: RwSignal::new(WorkerState::Starting),
            network: RwSignal::new(Network::default()),
            generation: RwSignal::new(0),
        };
        engine.restart();
        engine
    }

    /// Stops the worker and starts another.
    pub(crate) fn restart(self) {
        self.stop();
        self.state.set(WorkerState::Starting);
        self.network.set(Network::default());
        self.generation.update(|generation| *generation += 1);
        if let Err(error) = self.spawn() {
            self.fail(problem(
                "the engine could not be started",
                &describe(&error),
                &["open the page in a browser of the last three years; it needs module workers and WebAssembly"],
            ));
        }
    }

    fn spawn(self) -> Result<(), JsValue> {
        let meta = browser::document().query_selector("meta[name=barkeep-engine]")?;
        let url =
            meta.and_then(|meta| meta.get_attribute("content")).unwrap_or_else(|| "engine/worker.mjs".into());
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&url, &options)?;
        let on_message = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            self.receive(&event.unchecked_into::<MessageEvent>().data());
        });
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| self.crashed(&event));
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onmessageerror(Some(on_error.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.inner.update_value(|inner| {
            inner.worker = Some(worker);
            // The old handlers may be running right now, so they are kept.
            inner.handlers.extend([on_message, on_error]);
        });
        Ok(())
    }

    /// Asks; progress of the answer goes to `progress`.
    pub(crate) fn ask(self, op: Op, progress: Option<RwSignal<Option<Progress>>>) -> Question {
        let (sender, answer) = oneshot::channel();
        let mut id = 0;
        self.inner.update_value(|inner| {
            inner.last_id += 1;
            id = inner.last_id;
            inner.asked.insert(id, Asked { answer: sender, progress });
        });
        match self.state.get_untracked() {
            WorkerState::Stopped(problem) => self.settle(id, Err(problem)),
            _ => self.post(&Request { v: VERSION, id, op }),
        }
        Question { engine: self, id, answer, open: true }
    }

    /// Stops a question; it answers with the kind `cancelled`.
    pub(crate) fn cancel(self, id: u32) {
        if self.inner.try_with_value(|inner| inner.asked.contains_key(&id)).unwrap_or(false) {
            self.post(&Cancel { v: VERSION, cancel: id });
        }
    }

    fn post(self, message: &impl Serialize) {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        let Ok(message) = message.serialize(&serializer) else { return };
        self.inner.update_value(|inner| match (&inner.worker, inner.ready) {
            (Some(worker), true) => drop(worker.post_message(&message)),
            _ => inner.waiting.push(message),
        });
        self.show_work();
    }

    fn receive(self, data: &JsValue) {
        match message::read(data) {
            Ok((Message::Ready { v, build }, _)) => self.greet(v, &build),
            Ok((Message::Progress { id, done, total, network }, _)) => {
                self.network.set(network);
                let progress =
                    self.inner.with_value(|inner| inner.asked.get(&id).and_then(|asked| asked.progress));
                if let Some(progress) = progress {
                    let _ = progress.try_set(Some(Progress { done, total }));
                }
            }
            Ok((Message::Done { id, answer, network }, columns)) => {
                self.network.set(network);
                self.settle(id, Ok(Reply { answer: *answer, columns }));
            }
            Ok((Message::Failed { id, problem, network }, _)) => {
                self.network.set(network);
                // Questions count from 1; 0 is the engine speaking of itself.
                if id == 0 { self.fail(problem) } else { self.settle(id, Err(problem)) }
            }
            Err(error) => self.fail(problem(
                "the engine said something this page does not understand",
                &error,
                &["reload the page, past the cache: `Ctrl+Shift+R`"],
            )),
        }
    }

    fn greet(self, version: u32, build: &str) {
        if (version, build) != (VERSION, BUILD) {
            return self.fail(problem(
                "page and engine are of different builds",
                &format!("the page is {BUILD} (protocol {VERSION}), the engine {build} (protocol {version})"),
                &[
                    "reload the page, past the cache: `Ctrl+Shift+R`",
                    "if that does not help, copy the whole build to the host again: page and engine belong together",
                ],
            ));
        }
        self.inner.update_value(|inner| {
            inner.ready = true;
            let waiting = std::mem::take(&mut inner.waiting);
            if let Some(worker) = &inner.worker {
                waiting.iter().for_each(|message| drop(worker.post_message(message)));
            }
        });
        self.show_work();
    }

    fn settle(self, id: u32, outcome: Result<Reply, Problem>) {
        let asked = self.inner.try_update_value(|inner| inner.asked.remove(&id)).flatten();
        if let Some(asked) = asked {
            drop(asked.answer.send(outcome));
        }
        self.show_work();
    }

    fn show_work(self) {
        let now = match self.inner.with_value(|inner| (inner.ready, inner.asked.is_empty())) {
            (false, _) => WorkerState::Starting,
            (true, true) => WorkerState::Idle,
            (true, false) => WorkerState::Working,
        };
        let stopped = matches!(self.state.get_untracked(), WorkerState::Stopped(_));
        if !stopped && self.state.get_untracked() != now {
            self.state.set(now);
        }
    }

    fn crashed(self, event: &JsValue) {
        let told = Reflect::get(event, &"message".into()).ok().and_then(|message| message.as_string());
        let why = told
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "its files did not load or did not run".into());
        self.fail(problem(
            "the engine stopped",
            &why,
            &[
                "start it again with Restart; nothing is lost, the page's address holds all settings",
                "if it stops again, ask for less at once: a shorter window or larger bars",
                "if it never starts, check that the host serves the folder `engine-…` beside the page and allows `'wasm-unsafe-eval'`",
            ],
        ));
    }

    /// Gives up on this worker: every open question fails.
    fn fail(self, problem: Problem) {
        self.stop();
        self.state.set(WorkerState::Stopped(problem.clone()));
        let ids: Vec<u32> = self.inner.with_value(|inner| inner.asked.keys().copied().collect());
        ids.into_iter().for_each(|id| self.settle(id, Err(problem.clone())));
    }

    fn stop(self) {
        self.inner.update_value(|inner| {
            if let Some(worker) = inner.worker.take() {
                worker.set_onmessage(None);
                worker.set_onerror(None);
                worker.terminate();
            }
            inner.ready = false;
            inner.waiting.clear();
        });
    }
}

/// A problem the page itself found.
pub(crate) fn problem(what: &str, why: &str, next: &[&str]) -> Problem {
    Problem {
        kind: "internal".into(),
        what: what.into(),
        why: why.into(),
        next: next.iter().map(|step| (*step).to_owned()).collect(),
    }
}

fn cancelled() -> Problem {
    Problem { kind: "cancelled".into(), ..problem("cancelled", "another request took its place", &[]) }
}

fn describe(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "the browser said nothing more".into())
}
