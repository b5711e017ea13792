//! The form: strategy, range, costs and rules.

use engine::backtest::{Fill, Profile, Units};
use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use super::control::Control;
use super::draft::{self, Field};
use crate::app::page;
use crate::browser;
use crate::model::bar_size::BarSize;
use crate::model::fragment::Fragment;
use crate::model::window::Extent;
use crate::model::{number, time};

/// Texts and complaints, by field.
type Texts = [(String, Option<String>); Field::ALL.len()];

/// The form of a run; what is typed counts once it is run.
#[component]
pub(crate) fn SpecForm(control: Control, series: SeriesInfo) -> impl IntoView {
    let page = page();
    let extent = Extent::of(&series);
    let texts = RwSignal::new(read(&page.fragment.get_untracked()));
    Effect::new(move || texts.set(page.fragment.with(read)));
    let run = move || {
        let mut fragment = page.fragment.get_untracked();
        let complaints = Field::ALL.map(|field| {
            draft::take(field, &texts.with_untracked(|texts| texts[field as usize].0.clone()), &mut fragment)
                .err()
        });
        let wrong = complaints.iter().position(Option::is_some);
        texts.update(|texts| {
            texts.iter_mut().zip(complaints).for_each(|(text, complaint)| text.1 = complaint)
        });
        match wrong {
            Some(index) => browser::focus(Field::ALL[index].id()),
            None if page.fragment.with_untracked(|now| *now == fragment) => control.run(),
            None => page.go(|now| *now = fragment.without_digest()),
        }
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        run();
    };
    let shortcut = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            run();
        }
    });
    on_cleanup(move || shortcut.remove());
    let all = move |_| page.go(|fragment| (fragment.from, fragment.to) = (None, None));
    let whole = format!("{} to {}", time::minute(extent.data.start), time::minute(extent.data.end));
    view! {
        <form class="spec" aria-label="Backtest" novalidate on:submit=submit>
            <fieldset>
                <legend>"Strategy"</legend>
                <label class="wide">"Rule" <select id="strategy" aria-label="Strategy"><option selected>"SMA cross"</option></select></label>
                <Text texts field=Field::Fast label="Fast [bars]" />
                <Text texts field=Field::Slow label="Slow [bars]" />
            </fieldset>
            <fieldset>
                <legend>"Bars"</legend>
                <Sizes extent />
                <Text texts field=Field::From label="From (UTC)" placeholder="first bar" />
                <Text texts field=Field::To label="To (UTC)" placeholder="last bar" />
                <p class="wide hint">{whole} " " <button type="button" class="link" on:click=all>"use all"</button></p>
            </fieldset>
            <fieldset>
                <legend>"Costs"</legend>
                <Text texts field=Field::Cash label="Cash" />
                <Text texts field=Field::Commission label="Commission [%]" />
                <Text texts field=Field::Fee label="Fixed fee a fill" />
                <Text texts field=Field::Spread label="Spread [bp]" />
            </fieldset>
            <Rules />
            <p class="actions">
                <button type="submit" class="primary" data-test="run" title="Ctrl+Enter">"Run"</button>
                <button type="button" disabled=move || !control.busy.get() on:click=move |_| control.stop()>"Cancel"</button>
                <span class="muted">{number::count(series.rows)} " bars"</span>
            </p>
        </form>
    }
}

fn read(fragment: &Fragment) -> Texts {
    Field::ALL.map(|field| (draft::shown(field, fragment), None))
}

/// A labelled text field with its complaint.
#[component]
fn Text(
    texts: RwSignal<Texts>,
    field: Field,
    label: &'static str,
    #[prop(default = "")] placeholder: &'static str,
) -> impl IntoView {
    let index = field as usize;
    let complaint = move || texts.with(|texts| texts[index].1.clone());
    let complaint_id = format!("{}-complaint", field.id());
    let described = complaint_id.clone();
    let class = if matches!(field, Field::From | Field::To) { "wide" } else { "" };
    view! {
        <label class=class>
            {label}
            <input id=field.id() type="text" inputmode=if class.is_empty() { "decimal" } else { "text" } autocomplete="off" spellcheck="false" placeholder=placeholder
                aria-invalid=move || complaint().map(|_| "true") aria-describedby=move || complaint().map(|_| described.clone())
                prop:value=move || texts.with(|texts| texts[index].0.clone())
                on:input=move |event| texts.update(|texts| texts[index].0 = event_target_value(&event)) />
            <span class="complaint" id=complaint_id>{complaint}</span>
        </label>
    }
}

/// The size of the bars that are traded.
#[component]
fn Sizes(extent: Extent) -> impl IntoView {
    let page = page();
    let sizes = draft::sizes(extent.base);
    let own = sizes.first().copied();
    let wanted = move || page.fragment.with(|fragment| fragment.bar).or(own);
    let options = sizes
        .into_iter()
        .map(|size| view! { <option value=size.to_string() selected=move || wanted() == Some(size)>{size.to_string()}</option> })
        .collect_view();
    let choose = move |event: leptos::ev::Event| {
        let size = event_target_value(&event).parse::<BarSize>().ok().filter(|size| Some(*size) != own);
        page.go(|fragment| (fragment.bar, fragment.digest) = (size, None));
    };
    view! { <label class="wide">"Bar size" <select id="bar" on:change=choose>{options}</select></label> }
}

/// The choices that take effect at once.
#[component]
fn Rules() -> impl IntoView {
    let page = page();
    let spec = move || page.fragment.with(|fragment| fragment.spec.clone());
    let change = move |change: fn(&mut engine::backtest::Spec, &str), value: String| {
        page.go(|fragment| {
            change(&mut fragment.spec, &value);
            fragment.digest = None;
        });
    };
    let set_fill = |spec: &mut engine::backtest::Spec, value: &str| {
        spec.fill = if value == "this_close" { Fill::ThisClose } else { Fill::NextOpen }
    };
    let set_units = |spec: &mut engine::backtest::Spec, value: &str| {
        spec.units = if value == "whole" { Units::Whole } else { Units::Fractional }
    };
    let set_profile = |spec: &mut engine::backtest::Spec, value: &str| {
        spec.profile = if value == "btpy-0.6" { Profile::Btpy06 } else { Profile::Barkeep }
    };
    let set_exclusive = |spec: &mut engine::backtest::Spec, value: &str| spec.exclusive = value == "true";
    let set_finalize = |spec: &mut engine::backtest::Spec, value: &str| spec.finalize = value == "true";
    view! {
        <fieldset>
            <legend>"Rules"</legend>
            <label class="wide">"Fill"
                <select id="fill" on:change=move |event| change(set_fill, event_target_value(&event))>
                    <option value="next_open" selected=move || spec().fill == Fill::NextOpen>"next open"</option>
                    <option value="this_close" selected=move || spec().fill == Fill::ThisClose>"this close"</option>
                </select>
            </label>
            <label class="wide">"Units"
                <select id="units" on:change=move |event| change(set_units, event_target_value(&event))>
                    <option value="fractional" selected=move || spec().units == Units::Fractional>"fractional"</option>
                    <option value="whole" selected=move || spec().units == Units::Whole>"whole"</option>
                </select>
            </label>
            <label class="wide">"Profile"
                <select id="profile" on:change=move |event| change(set_profile, event_target_value(&event))>
                    <option value="barkeep" selected=move || spec().profile == Profile::Barkeep>"barkeep"</option>
                    <option value="btpy-0.6" selected=move || spec().profile == Profile::Btpy06>"backtesting.py 0.6"</option>
                </select>
            </label>
            <label class="check wide" title="A new order first closes every open trade">
                <input type="checkbox" prop:checked=move || spec().exclusive on:change=move |event| change(set_exclusive, event_target_checked(&event).to_string()) />
                "exclusive orders"
            </label>
            <label class="check wide" title="Trades still open at the end are closed there and counted">
                <input type="checkbox" prop:checked=move || spec().finalize on:change=move |event| change(set_finalize, event_target_checked(&event).to_string()) />
                "close open trades at the end"
            </label>
        </fieldset>
    }
}
