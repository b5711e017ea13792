//! The page's side of the `<bar-chart>` element: made, set and heard from here.

use js_sys::{Array, Function, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{CustomEvent, HtmlElement};

use crate::app::page;
use crate::browser;
use crate::shell::theme::shown_theme;

type Handler = Closure<dyn FnMut(CustomEvent)>;

/// A `<bar-chart>` in the page; a handle that is copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Plot {
    element: StoredValue<Option<HtmlElement>, LocalStorage>,
    handlers: StoredValue<Vec<Handler>, LocalStorage>,
}

impl Plot {
    pub(crate) fn new() -> Self {
        let element = browser::document().create_element("bar-chart").ok().map(JsCast::unchecked_into);
        Self { element: StoredValue::new_local(element), handlers: StoredValue::new_local(Vec::new()) }
    }

    /// Sets a property.
    pub(crate) fn set(self, property: &str, value: &JsValue) {
        self.with(|element| drop(Reflect::set(element, &property.into(), value)));
    }

    /// Sets an attribute, or removes it.
    pub(crate) fn attribute(self, name: &str, value: Option<&str>) {
        self.with(|element| {
            drop(match value {
                Some(value) => element.set_attribute(name, value),
                None => element.remove_attribute(name),
            });
        });
    }

    /// Calls a method.
    pub(crate) fn call(self, method: &str, arguments: &[f64]) -> Option<JsValue> {
        let arguments: Array = arguments.iter().map(|number| JsValue::from_f64(*number)).collect();
        let element = self.element.try_get_value().flatten()?;
        let function = Reflect::get(&element, &method.into()).ok()?.dyn_into::<Function>().ok()?;
        function.apply(&element, &arguments).ok()
    }

    /// Brings a window into view, in milliseconds.
    pub(crate) fn show(self, from: f64, to: f64) {
        self.call("show", &[from, to]);
    }

    /// The window in view, in milliseconds, once something is drawn.
    pub(crate) fn visible(self) -> Option<(f64, f64)> {
        let element = self.element.try_get_value().flatten()?;
        let visible = Reflect::get(&element, &"visible".into()).ok().filter(JsValue::is_object)?;
        let end = |key: &str| Reflect::get(&visible, &key.into()).ok()?.as_f64();
        Some((end("from")?, end("to")?))
    }

    /// Hears an event; the handler lives as long as the plot.
    pub(crate) fn on(self, event: &str, handler: impl FnMut(CustomEvent) + 'static) {
        let closure = Handler::new(handler);
        self.with(|element| {
            drop(element.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref()))
        });
        self.handlers.update_value(|handlers| handlers.push(closure));
    }

    /// Offers the chart as a PNG file.
    pub(crate) fn save_png(self, name: String) {
        let Some(promise) =
            self.call("toBlob", &[]).and_then(|value| value.dyn_into::<js_sys::Promise>().ok())
        else {
            return;
        };
        leptos::task::spawn_local(async move {
            if let Ok(blob) = wasm_bindgen_futures::JsFuture::from(promise).await {
                browser::download(&name, &blob.unchecked_into());
            }
        });
    }

    fn with(self, act: impl FnOnce(&HtmlElement)) {
        let _ = self.element.try_with_value(|element| element.as_ref().map(act));
    }
}

/// Puts the plot into the page and keeps its colours those of the theme.
#[component]
pub(crate) fn PlotHost(plot: Plot) -> impl IntoView {
    let page = page();
    let host = NodeRef::<leptos::html::Div>::new();
    Effect::new(move || {
        if let (Some(host), Some(element)) = (host.get(), plot.element.get_value()) {
            drop(host.append_child(&element));
        }
    });
    Effect::new(move || plot.attribute("theme", Some(shown_theme(page.theme.get()))));
    view! { <div class="plot" node_ref=host></div> }
}

/// A plain object from pairs.
pub(crate) fn object(pairs: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in pairs {
        drop(Reflect::set(&object, &(*key).into(), value));
    }
    object.into()
}

/// A number of an event's detail.
pub(crate) fn detail_number(event: &CustomEvent, key: &str) -> Option<f64> {
    Reflect::get(&event.detail(), &key.into()).ok()?.as_f64()
}
