//! The keyboard: what keys do on every page, and the list of them.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::app::{Page, page};
use crate::browser;
use crate::model::bar_size::BarSize;
use crate::model::fragment::View;
use crate::model::window::Extent;
use crate::parts::series_choice::chosen;

const KEY: &str = "barkeep.keys";
const KEYS: [(&str, &str); 15] = [
    ("/", "find an instrument"),
    ("g c · g h · g b", "go to Catalog, Chart, Backtest"),
    ("[ · ]", "previous, next series"),
    ("1 … 7", "bar size, finest first; 0 lets the page choose"),
    ("l", "logarithmic price scale"),
    ("d", "go to a date"),
    ("T or s", "bars as a table, and back"),
    ("← →", "in a chart: read the bars; with Shift by ten"),
    ("↑ ↓", "in a chart: zoom"),
    ("PgUp PgDn · Home End", "in a chart: pan; first, last bar"),
    ("y", "copy the link"),
    ("Ctrl+Enter", "run the backtest"),
    ("Esc", "cancel, close"),
    ("t", "theme"),
    ("?", "these keys"),
];

/// Listens for keys on the whole page.
pub(crate) fn listen_to_keys(page: Page) {
    let waits_for_page = StoredValue::new(false);
    window_event_listener(leptos::ev::keydown, move |event| {
        if event.default_prevented()
            || event.ctrl_key()
            || event.meta_key()
            || event.alt_key()
            || types_text(&event)
        {
            return;
        }
        if browser::stored(KEY).as_deref() == Some("off") {
            return;
        }
        let after_g = waits_for_page.get_value();
        waits_for_page.set_value(event.key() == "g");
        if pressed(page, &event.key(), after_g) {
            event.prevent_default();
        }
    });
}

fn pressed(page: Page, key: &str, after_g: bool) -> bool {
    let on_chart = page.fragment.with_untracked(|fragment| fragment.view == View::Chart);
    match key {
        "c" if after_g => page.go(|fragment| *fragment = fragment.on(View::Catalog)),
        "h" if after_g => page.go(|fragment| *fragment = fragment.on(View::Chart)),
        "b" if after_g => page.go(|fragment| *fragment = fragment.on(View::Backtest)),
        "/" => browser::focus("find"),
        "?" => page.help_open.set(true),
        "t" => page.theme.update(|theme| *theme = theme.next()),
        "y" => copy_link(page),
        "[" => step_series(page, -1),
        "]" => step_series(page, 1),
        "l" if on_chart => page.go(|fragment| fragment.log = !fragment.log),
        "T" | "s" if on_chart => page.go(|fragment| fragment.table = !fragment.table),
        "d" if on_chart => browser::focus("go-to-date"),
        "0" if on_chart => page.go(|fragment| fragment.bar = None),
        digit if on_chart => return digit.parse().is_ok_and(|digit| choose_size(page, digit)),
        _ => return false,
    }
    true
}

/// Copies the page's address.
pub(crate) fn copy_link(page: Page) {
    page.copy(browser::address() + &page.fragment.with_untracked(|fragment| fragment.print()), "link copied");
}

fn choose_size(page: Page, digit: usize) -> bool {
    let Ok(series) = untrack(|| chosen(page)) else { return false };
    let choice = BarSize::choices(Extent::of(&series).base).get(digit.wrapping_sub(1)).copied();
    if choice.is_some() {
        page.go(|fragment| fragment.bar = choice);
    }
    choice.is_some()
}

fn step_series(page: Page, by: isize) {
    let all = untrack(|| page.series());
    let Ok(current) = untrack(|| chosen(page)) else { return };
    let here = all.iter().position(|series| series.bar_type == current.bar_type).unwrap_or(0);
    let next = (here as isize + by).rem_euclid(all.len().max(1) as isize) as usize;
    if let Some(series) = all.get(next) {
        page.go(|fragment| *fragment = fragment.with_series(series.bar_type.clone()));
    }
}

/// Whether the key goes into a field.
fn types_text(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    target.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")
            && element.get_attribute("type").as_deref() != Some("checkbox")
    })
}

/// The list of keys, in a dialog.
#[component]
pub(crate) fn KeyHelp() -> impl IntoView {
    let page = page();
    let dialog = NodeRef::<html::Dialog>::new();
    let enabled = RwSignal::new(browser::stored(KEY).as_deref() != Some("off"));
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            if page.help_open.get() {
                drop(dialog.show_modal());
            } else {
                dialog.close();
            }
        }
    });
    let switch = move |event| {
        let on = event_target_checked(&event);
        enabled.set(on);
        browser::store(KEY, (!on).then_some("off"));
    };
    let rows =
        KEYS.map(|(key, what)| view! { <tr><th scope="row"><kbd>{key}</kbd></th><td>{what}</td></tr> });
    view! {
        <dialog node_ref=dialog class="keys" aria-labelledby="keys-title" on:close=move |_| page.help_open.set(false)>
            <h2 id="keys-title">"Keys"</h2>
            <table><tbody>{rows.into_iter().collect_view()}</tbody></table>
            <label class="check"><input type="checkbox" prop:checked=move || enabled.get() on:change=switch />"single letters act"</label>
            <p class="actions"><button on:click=move |_| page.help_open.set(false)>"Close"</button></p>
        </dialog>
    }
}
