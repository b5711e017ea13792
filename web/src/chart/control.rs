//! What makes a chart go: the window in view, which bars to load for it, and the address that follows.

use std::rc::Rc;
use std::time::Duration;

use engine::bars::{BarType, TimeRange};
use engine::protocol::{Answer, BarsInfo, Op, Problem, SeriesInfo};
use js_sys::Array;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::columns::Columns;
use crate::app::Page;
use crate::model::bar_size::BarSize;
use crate::model::time;
use crate::model::window::{Extent, MOST_BARS};
use crate::parts::plot::{Plot, detail_number, object};
use crate::worker::Progress;

/// How long a window must rest before bars are fetched for it.
const REST: Duration = Duration::from_millis(80);

/// Bars that are drawn, and what they are.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) info: BarsInfo,
    pub(crate) columns: Columns,
    /// What was asked for; may begin before and end after the data.
    asked: TimeRange,
}

/// The chart's state; a handle that is copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    page: Page,
    pub(crate) plot: Plot,
    pub(crate) extent: Extent,
    pub(crate) decimals: (usize, usize),
    pub(crate) stored_rows: u64,
    series: StoredValue<BarType>,
    fixed_interval: bool,
    /// Opens of the bars in view.
    pub(crate) window: RwSignal<TimeRange>,
    pub(crate) loaded: RwSignal<Option<Rc<Loaded>>, LocalStorage>,
    /// The bar under the cursor.
    pub(crate) hover: RwSignal<Option<usize>>,
    pub(crate) busy: RwSignal<bool>,
    pub(crate) progress: RwSignal<Option<Progress>>,
    pub(crate) problem: RwSignal<Option<Problem>>,
    /// The window that the address stands for.
    settled: StoredValue<TimeRange>,
    resting: StoredValue<Option<TimeoutHandle>, LocalStorage>,
    asking: StoredValue<Option<u32>>,
}

impl Control {
    /// Follows the address from now on, until the component that calls this goes.
    pub(crate) fn start(page: Page, series: SeriesInfo) -> Self {
        let extent = Extent::of(&series);
        let opening = extent.clip(page.fragment.with_untracked(|fragment| fragment.range()));
        let control = Self {
            page,
            plot: Plot::new(),
            extent,
            decimals: (usize::from(series.price_precision), usize::from(series.size_precision)),
            stored_rows: series.rows,
            fixed_interval: series.interval.is_some(),
            window: RwSignal::new(opening),
            loaded: RwSignal::new_local(None),
            hover: RwSignal::new(None),
            busy: RwSignal::new(false),
            progress: RwSignal::new(None),
            problem: RwSignal::new(None),
            settled: StoredValue::new(opening),
            resting: StoredValue::new_local(None),
            asking: StoredValue::new(None),
            series: StoredValue::new(series.bar_type.clone()),
        };
        control.plot.attribute("label", Some(&format!("Candles of {}", series.bar_type.instrument)));
        control.listen();
        control.follow();
        on_cleanup(move || {
            if let Some(id) = control.asking.try_get_value().flatten() {
                page.engine.cancel(id);
            }
        });
        control
    }

    /// The size of bars for what is in view.
    pub(crate) fn size(self) -> BarSize {
        let wanted = self.page.fragment.with(|fragment| fragment.bar);
        self.extent.size(wanted, self.window.get())
    }

    /// How many bars are in view.
    pub(crate) fn in_view(self) -> usize {
        let window = self.window.get();
        let within = |loaded: &Rc<Loaded>| {
            loaded.columns.within(time::to_millis(window.start), time::to_millis(window.end)).len()
        };
        self.loaded.with(|loaded| loaded.as_ref().map_or(0, within))
    }

    /// Shows another window.
    pub(crate) fn go_to(self, window: TimeRange) {
        self.page.go(|fragment| (fragment.from, fragment.to) = (Some(window.start), Some(window.end)));
    }

    fn listen(self) {
        self.plot.on("visible-range", move |event| {
            let (Some(from), Some(to)) = (detail_number(&event, "from"), detail_number(&event, "to")) else {
                return;
            };
            if self.page.fragment.with_untracked(|fragment| fragment.table) {
                return;
            }
            let _ = self.window.try_set(TimeRange::new(time::from_millis(from), time::from_millis(to)));
            self.rest();
        });
        self.plot.on("crosshair", move |event| {
            let bar = detail_number(&event, "bar").filter(|bar| *bar >= 0.0).map(|bar| bar as usize);
            let _ = self.hover.try_set(bar);
        });
        self.plot.on("reset", move |event| {
            event.prevent_default();
            self.page.go(|fragment| (fragment.from, fragment.to) = (None, None));
        });
        let escape = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Escape" {
                self.stop();
            }
        });
        on_cleanup(move || escape.remove());
    }

    /// Shows what the address says, whenever it says something new.
    fn follow(self) {
        let page = self.page;
        let wanted = Memo::new(move |_| page.fragment.with(|fragment| (fragment.range(), fragment.bar)));
        Effect::new(move || {
            let window = self.extent.clip(wanted.get().0);
            if self.loaded.with_untracked(Option::is_none) || !self.is_settled(window) {
                self.settled.set_value(window);
                self.window.set(window);
                self.plot.show(time::to_millis(window.start), time::to_millis(window.end));
            }
            self.load_if_needed();
        });
        let log = Memo::new(move |_| page.fragment.with(|fragment| fragment.log));
        Effect::new(move || self.plot.attribute("log", log.get().then_some("")));
    }

    /// Whether a window is the address's, but for less than a bar at its ends.
    fn is_settled(self, window: TimeRange) -> bool {
        let (settled, step) = (self.settled.get_value(), untrack(|| self.size()).nanos());
        let near = |a: i64, b: i64| a.abs_diff(b) < step as u64;
        near(settled.start.0, window.start.0) && near(settled.end.0, window.end.0)
    }

    fn rest(self) {
        let timer = set_timeout_with_handle(move || self.rested(), REST).ok();
        let before = self.resting.try_update_value(|resting| std::mem::replace(resting, timer)).flatten();
        before.inspect(TimeoutHandle::clear);
    }

    fn rested(self) {
        let Some(window) = self.window.try_get_untracked() else { return };
        if self.loaded.with_untracked(Option::is_none) {
            return;
        }
        if !self.is_settled(window) {
            let step = untrack(|| self.size()).nanos();
            let rounded = TimeRange::new(window.start.floor(step), window.end.plus(step - 1).floor(step));
            self.settled.set_value(rounded);
            self.page
                .adjust(|fragment| (fragment.from, fragment.to) = (Some(rounded.start), Some(rounded.end)));
        }
        self.load_if_needed();
    }

    fn load_if_needed(self) {
        let (window, size) = untrack(|| (self.window.get(), self.size()));
        let needed = self.loaded.with_untracked(|loaded| match loaded {
            Some(loaded) => self.extent.needs_load(window, size, loaded.asked, loaded.info.step),
            None => true,
        });
        if needed {
            self.load();
        }
    }

    /// Fetches the bars for what is in view.
    pub(crate) fn load(self) {
        let (window, size) = untrack(|| (self.window.get(), self.size()));
        let asked = self.extent.padded(window, size);
        self.problem.set(None);
        self.progress.set(None);
        self.busy.set(true);
        let step = self.fixed_interval.then(|| size.nanos());
        let op = Op::Bars { series: self.series.get_value(), range: Some(asked), step, max_bars: MOST_BARS };
        let question = self.page.engine.ask(op, Some(self.progress));
        let id = question.id;
        if let Some(before) = self.asking.get_value() {
            self.page.engine.cancel(before);
        }
        self.asking.set_value(Some(id));
        spawn_local(async move {
            let outcome = question.answer().await;
            if self.asking.try_get_value().flatten() != Some(id) {
                return;
            }
            self.asking.set_value(None);
            self.busy.set(false);
            match outcome {
                Ok(reply) => match reply.answer {
                    Answer::Bars(info) => {
                        self.draw(Loaded { info, columns: Columns::new(reply.columns), asked })
                    }
                    _ => self.clear(None),
                },
                Err(problem) if problem.kind == "cancelled" => {}
                Err(problem) => self.clear(Some(problem)),
            }
        });
    }

    /// Gives up what is being fetched.
    fn stop(self) {
        if let Some(id) = self.asking.try_get_value().flatten() {
            self.page.engine.cancel(id);
        }
    }

    fn draw(self, loaded: Loaded) {
        let gaps = loaded.info.gaps.iter().map(|gap| {
            object(&[
                ("start", time::to_millis(gap.range.start).into()),
                ("end", time::to_millis(gap.range.end).into()),
                ("missing", (gap.missing as f64).into()),
            ])
        });
        let decimals =
            [("price", (self.decimals.0 as f64).into()), ("volume", (self.decimals.1 as f64).into())];
        self.plot.set("decimals", &object(&decimals));
        self.plot.set("step", &(loaded.info.step as f64 / 1e6).into());
        self.plot.set("gaps", &gaps.collect::<Array>());
        self.plot.set("bars", &loaded.columns.js);
        self.hover.set(None);
        self.loaded.set(Some(Rc::new(loaded)));
    }

    /// Shows no bars, so that nothing stale stands beside a problem.
    fn clear(self, problem: Option<Problem>) {
        self.plot.set("bars", &wasm_bindgen::JsValue::NULL);
        self.loaded.set(None);
        self.problem.set(problem);
    }
}
