//! Find: type a part of an instrument, choose, and it opens on the page at hand.

use engine::bars::BarType;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

use crate::app::page;
use crate::browser;
use crate::model::bar_size::spec_label;
use crate::model::fragment::View;
use crate::model::sheet::{Sort, arrange};

const MOST_SHOWN: usize = 12;

/// The box in the header, reached with `/`.
#[component]
pub(crate) fn Find() -> impl IntoView {
    let page = page();
    let text = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let active = RwSignal::new(0_usize);
    let found = Memo::new(move |_| {
        let series = page.series();
        let kept = arrange(&series, &text.get(), Sort::default());
        kept.into_iter().take(MOST_SHOWN).map(|index| series[index].bar_type.clone()).collect::<Vec<_>>()
    });
    let choose = move |bar_type: BarType| {
        open.set(false);
        text.set(String::new());
        page.go(|fragment| {
            *fragment = fragment.with_series(bar_type);
            if fragment.view == View::Catalog {
                fragment.view = View::Chart;
            }
        });
        browser::focus("main");
    };
    let on_key = move |event: KeyboardEvent| {
        let count = found.with(Vec::len);
        match event.key().as_str() {
            "ArrowDown" if count > 0 => active.update(|index| *index = (*index + 1) % count),
            "ArrowUp" if count > 0 => active.update(|index| *index = (*index + count - 1) % count),
            "Enter" => {
                if let Some(bar_type) = found.with(|found| found.get(active.get()).cloned()) {
                    choose(bar_type);
                }
            }
            "Escape" => {
                open.set(false);
                text.set(String::new());
            }
            _ => return,
        }
        event.prevent_default();
    };
    let options = move || {
        found
            .get()
            .into_iter()
            .enumerate()
            .map(|(index, bar_type)| {
                let (instrument, spec) = (bar_type.instrument.to_string(), bar_type.spec);
                view! {
                    <li id=format!("found-{index}") role="option" aria-selected=move || (active.get() == index).to_string()
                        on:mousedown=move |event| { event.prevent_default(); choose(bar_type.clone()); }>
                        <b>{instrument}</b> " " {spec_label(&spec)} " " {spec.price_type.to_string()}
                    </li>
                }
            })
            .collect_view()
    };
    view! {
        <div class="find">
            <input id="find" type="text" role="combobox" aria-label="Find instrument" placeholder="Find instrument ( / )" autocomplete="off" spellcheck="false"
                aria-expanded=move || open.get().to_string() aria-controls="found" aria-autocomplete="list"
                aria-activedescendant=move || (open.get() && found.with(|found| !found.is_empty())).then(|| format!("found-{}", active.get()))
                prop:value=move || text.get()
                on:input=move |event| { text.set(event_target_value(&event)); active.set(0); open.set(true); }
                on:focus=move |_| open.set(true) on:blur=move |_| open.set(false) on:keydown=on_key />
            <ul id="found" role="listbox" aria-label="Instruments found" hidden=move || !open.get() || found.with(Vec::is_empty)>{options}</ul>
            <p class="none" hidden=move || !(open.get() && found.with(Vec::is_empty) && !text.get().is_empty())>"nothing fits"</p>
        </div>
    }
}
