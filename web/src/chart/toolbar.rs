//! What a chart shows: series, size of bars, stretch, date, scale, and ways to take it along.

use engine::bars::{DAY, UnixNanos};
use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use super::control::Control;
use crate::app::page;
use crate::model::bar_size::BarSize;
use crate::model::fragment::View;
use crate::model::time;
use crate::model::window::{Preset, starting_at};
use crate::parts::series_choice::SeriesChoice;
use crate::shell::copy_link;

/// The row of controls above the chart.
#[component]
pub(crate) fn Toolbar(control: Control, series: SeriesInfo) -> impl IntoView {
    let page = page();
    let log = move || page.fragment.with(|fragment| fragment.log);
    let table = move || page.fragment.with(|fragment| fragment.table);
    let to_backtest = move || page.fragment.with(|fragment| fragment.on(View::Backtest).print());
    let file = series.bar_type.to_string().replace(['/', ':'], "");
    view! {
        <div class="toolbar" role="toolbar" aria-label="Chart">
            <SeriesChoice series=series.clone() />
            <Sizes control />
            <Presets control />
            <GoToDate control />
            <button aria-pressed=move || log().to_string() title="Logarithmic price scale (l)" on:click=move |_| page.go(|fragment| fragment.log = !fragment.log)>"Log"</button>
            <button aria-pressed=move || table().to_string() title="Bars in view as a table (T)" on:click=move |_| page.go(|fragment| fragment.table = !fragment.table)>"Table"</button>
            <span class="push"></span>
            <a class="button" href=to_backtest>"Backtest"</a>
            <button title="Save the chart as a picture" on:click=move |_| control.plot.save_png(format!("{file}.png"))>"PNG"</button>
            <button title="Copy link (y)" on:click=move |_| copy_link(page)>"Copy link"</button>
        </div>
    }
}

/// The size of bars, or the page's choice.
#[component]
fn Sizes(control: Control) -> impl IntoView {
    let page = page();
    let wanted = move || page.fragment.with(|fragment| fragment.bar);
    let choose = move |size: Option<BarSize>| page.go(|fragment| fragment.bar = size);
    let buttons = BarSize::choices(control.extent.base)
        .into_iter()
        .map(|size| {
            let pressed = move || (wanted() == Some(size)).to_string();
            let shown = move || wanted().is_none() && control.size() == size;
            view! { <button aria-pressed=pressed class:shown=shown data-bar=size.to_string() on:click=move |_| choose(Some(size))>{size.to_string()}</button> }
        })
        .collect_view();
    view! {
        <div class="segmented" role="group" aria-label="Bar size">
            <button aria-pressed=move || wanted().is_none().to_string() data-bar="auto" title="As fine as the window allows" on:click=move |_| choose(None)>"Auto"</button>
            {buttons}
        </div>
    }
}

#[component]
fn Presets(control: Control) -> impl IntoView {
    let buttons = Preset::ALL.map(|(name, preset)| {
        let window = control.extent.preset(preset);
        let shown = move || control.window.with(|now| now.start == window.start && now.end == window.end).to_string();
        view! { <button aria-pressed=shown data-preset=name on:click=move |_| control.go_to(window)>{name}</button> }
    });
    view! { <div class="segmented" role="group" aria-label="Range, from the end of the data">{buttons.into_iter().collect_view()}</div> }
}

/// A date field; the window keeps its length and starts there.
#[component]
fn GoToDate(control: Control) -> impl IntoView {
    let page = page();
    let day = |instant: UnixNanos| instant.date().to_string();
    let go = move |event: leptos::ev::Event| {
        let Ok(at) = event_target_value(&event).trim().parse::<UnixNanos>() else {
            return page.say("a date is like 2024-01-31, or 2024-01-31 14:30");
        };
        let data = control.extent.data;
        let at = at.max(data.start.floor(DAY)).min(data.end.plus(-1));
        control.go_to(starting_at(at, control.window.get_untracked()));
    };
    view! {
        <label class="date" title="Go to date (d)">
            <span class="hidden">"Go to date"</span>
            <input id="go-to-date" type="text" placeholder="2024-01-31" autocomplete="off" spellcheck="false" prop:value=move || day(time_of(control)) on:change=go />
        </label>
    }
}

fn time_of(control: Control) -> UnixNanos {
    let start = control.window.get().start;
    time::from_millis(time::to_millis(start)).max(control.extent.data.start)
}
