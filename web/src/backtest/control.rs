//! What makes a backtest go: the address says what to run, the engine runs it.

use std::rc::Rc;

use engine::backtest::Spec;
use engine::bars::{BarType, TimeRange};
use engine::protocol::{Answer, BacktestInfo, Op, Problem, SeriesInfo};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;

use crate::app::Page;
use crate::model::bar_size::BarSize;
use crate::parts::plot::Plot;
use crate::worker::Progress;

const MOST_POINTS: u32 = 6_000;

/// A run that is done, with its columns for drawing.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) info: BacktestInfo,
    pub(crate) columns: JsValue,
}

/// What is run, but for the series.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    range: Option<TimeRange>,
    bar: Option<BarSize>,
    spec: Spec,
}

/// The page's state; a handle that is copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    pub(crate) page: Page,
    pub(crate) plot: Plot,
    series: StoredValue<BarType>,
    wanted: Memo<Wanted>,
    pub(crate) done: RwSignal<Option<Rc<Done>>, LocalStorage>,
    pub(crate) busy: RwSignal<bool>,
    pub(crate) progress: RwSignal<Option<Progress>>,
    pub(crate) problem: RwSignal<Option<Problem>>,
    asking: StoredValue<Option<u32>>,
}

impl Control {
    /// Runs whatever the address describes, until the component that calls this goes.
    pub(crate) fn start(page: Page, series: &SeriesInfo) -> Self {
        let wanted = Memo::new(move |_| {
            page.fragment.with(|fragment| Wanted {
                range: fragment.range(),
                bar: fragment.bar,
                spec: fragment.spec.clone(),
            })
        });
        let control = Self {
            page,
            plot: Plot::new(),
            series: StoredValue::new(series.bar_type.clone()),
            wanted,
            done: RwSignal::new_local(None),
            busy: RwSignal::new(false),
            progress: RwSignal::new(None),
            problem: RwSignal::new(None),
            asking: StoredValue::new(None),
        };
        Effect::new(move || {
            wanted.track();
            control.run();
        });
        let escape = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Escape" {
                control.stop();
            }
        });
        on_cleanup(move || {
            escape.remove();
            control.stop();
        });
        control
    }

    /// Runs once more.
    pub(crate) fn run(self) {
        let Wanted { range, bar, spec } = self.wanted.get_untracked();
        self.problem.set(None);
        self.progress.set(None);
        self.busy.set(true);
        let op = Op::Backtest {
            series: self.series.get_value(),
            range,
            step: bar.map(BarSize::nanos),
            spec: Box::new(spec),
            max_points: MOST_POINTS,
        };
        let question = self.page.engine.ask(op, Some(self.progress));
        let id = question.id;
        self.stop();
        self.asking.set_value(Some(id));
        spawn_local(async move {
            let outcome = question.answer().await;
            if self.asking.try_get_value().flatten() != Some(id) {
                return;
            }
            self.asking.set_value(None);
            self.busy.set(false);
            match outcome {
                Ok(reply) => {
                    if let Answer::Backtest(info) = reply.answer {
                        self.done.set(Some(Rc::new(Done { info, columns: reply.columns })));
                    }
                }
                Err(problem) if problem.kind == "cancelled" => self.page.say("cancelled"),
                Err(problem) => {
                    self.done.set(None);
                    self.problem.set(Some(problem));
                }
            }
        });
    }

    /// Gives up the run that is going on.
    pub(crate) fn stop(self) {
        if let Some(id) = self.asking.try_get_value().flatten() {
            self.page.engine.cancel(id);
        }
    }

    /// Reads something of the run that is done.
    pub(crate) fn with<T>(self, read: impl FnOnce(&Done) -> T) -> Option<T> {
        self.done.with(|done| done.as_deref().map(read))
    }
}
