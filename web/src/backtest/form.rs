//! The form: strategy, range, costs and rules.

use engine::backtest::{Fill, ParamKind, Profile, Strategy, Units, strategies};
use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use super::control::Control;
use super::draft::{self, Field};
use crate::app::page;
use crate::browser;
use crate::model::bar_size::BarSize;
use crate::model::fragment::Fragment;
use crate::model::window::Extent;
use crate::model::{number, strategy_text, time};

/// What a field holds, and what is wrong with it.
#[derive(Clone)]
struct Typed {
    field: Field,
    text: String,
    complaint: Option<String>,
}

type Texts = Vec<Typed>;

/// The form of a run; what is typed counts once it is run.
#[component]
pub(crate) fn SpecForm(control: Control, series: SeriesInfo) -> impl IntoView {
    let page = page();
    let extent = Extent::of(&series);
    let texts = RwSignal::new(read(&page.fragment.get_untracked()));
    Effect::new(move || texts.set(page.fragment.with(read)));
    let run = move || {
        let mut fragment = page.fragment.get_untracked();
        let mut wrong = None;
        texts.update(|texts| {
            for typed in texts {
                typed.complaint = draft::take(typed.field, &typed.text, &mut fragment).err();
                wrong = wrong.or(typed.complaint.is_some().then_some(typed.field));
            }
        });
        match wrong {
            Some(field) => browser::focus(field.id()),
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
            <StrategyChoice texts />
            <fieldset>
                <legend>"Bars"</legend>
                <Sizes extent />
                <Text texts field=Field::From label="From (UTC)" placeholder="first bar" wide=true />
                <Text texts field=Field::To label="To (UTC)" placeholder="last bar" wide=true />
                <p class="wide hint">{whole} " " <button type="button" class="link" on:click=all>"use all"</button></p>
            </fieldset>
            <fieldset>
                <legend>"Costs"</legend>
                <Text texts field=Field::Cash label="Cash" />
                <Text texts field=Field::Commission label="Commission [%]" />
                <Text texts field=Field::Fee label="Fixed fee a fill" />
                <Text texts field=Field::Spread label="Spread [bp]" />
            </fieldset>
            <Execution />
            <p class="actions">
                <button type="submit" class="primary" data-test="run" title="Ctrl+Enter">"Run"</button>
                <button type="button" disabled=move || !control.busy.get() on:click=move |_| control.stop()>"Cancel"</button>
                <span class="muted">{number::count(series.rows)} " bars"</span>
            </p>
        </form>
    }
}

fn read(fragment: &Fragment) -> Texts {
    let typed = |field| Typed { field, text: draft::shown(field, fragment), complaint: None };
    Field::all(&fragment.spec.strategy).into_iter().map(typed).collect()
}

/// The strategy, what it does, and its parameters or rules.
#[component]
fn StrategyChoice(texts: RwSignal<Texts>) -> impl IntoView {
    let page = page();
    let chosen = Memo::new(move |_| page.fragment.with(|fragment| fragment.spec.strategy.name()));
    let options = strategies()
        .iter()
        .map(|info| view! { <option value=info.name selected=move || chosen.get() == info.name>{info.title}</option> })
        .collect_view();
    let choose = move |event: leptos::ev::Event| {
        if let Ok(strategy) = strategy_text::fresh(&event_target_value(&event)) {
            page.go(|fragment| (fragment.spec.strategy, fragment.digest) = (strategy, None));
        }
    };
    let fields = move || {
        let strategy = Strategy::named(chosen.get()).unwrap_or_default();
        let told = draft::params(&strategy);
        told.into_iter().map(|key| view! { <Text texts field=Field::Param(key) label=label(&strategy, key) wide=in_words(&strategy, key) /> }).collect_view()
    };
    let doc = move || {
        strategies().iter().find(|info| info.name == chosen.get()).map(|info| info.doc.replace('`', ""))
    };
    view! {
        <fieldset>
            <legend>"Strategy"</legend>
            <label class="wide">"Name" <select id="strategy" aria-label="Strategy" on:change=choose>{options}</select></label>
            {fields}
            <p class="wide hint" data-test="strategy-doc">{doc}</p>
        </fieldset>
    }
}

/// Whether it is typed with more than digits, which a phone's number pad lacks.
fn in_words(strategy: &Strategy, key: &str) -> bool {
    kind(strategy, key).is_none_or(|kind| kind == ParamKind::Clock)
}

/// How a parameter is written; `None` for a rule.
fn kind(strategy: &Strategy, key: &str) -> Option<ParamKind> {
    let info = strategy_text::info(strategy)?;
    info.params.iter().find(|param| param.name == key).map(|param| param.kind)
}

/// `Fast [bars]`, `Exit (UTC)`, `Exit long`.
fn label(strategy: &Strategy, key: &str) -> String {
    let unit = match kind(strategy, key) {
        Some(ParamKind::Bars) => " [bars]",
        Some(ParamKind::Clock) => " (UTC)",
        Some(ParamKind::Number) | None => "",
    };
    let (first, rest) = key.split_at(1.min(key.len()));
    format!("{}{}{unit}", first.to_uppercase(), rest.replace('_', " "))
}

/// A labelled text field with its complaint.
#[component]
fn Text(
    texts: RwSignal<Texts>,
    field: Field,
    #[prop(into)] label: String,
    #[prop(default = "")] placeholder: &'static str,
    /// A line of its own, for words rather than a number.
    #[prop(optional)]
    wide: bool,
) -> impl IntoView {
    let typed = move |texts: &Texts| texts.iter().find(|typed| typed.field == field).cloned();
    let text = move || texts.with(typed).map(|typed| typed.text).unwrap_or_default();
    let complaint = move || texts.with(typed).and_then(|typed| typed.complaint);
    let take = move |event: leptos::ev::Event| {
        texts.update(|texts| {
            let typed = texts.iter_mut().find(|typed| typed.field == field);
            typed.into_iter().for_each(|typed| typed.text = event_target_value(&event));
        });
    };
    let complaint_id = format!("{}-complaint", field.id());
    let described = complaint_id.clone();
    let class = if wide { "wide" } else { "" };
    view! {
        <label class=class>
            {label}
            <input id=field.id() type="text" inputmode=if wide { "text" } else { "decimal" } autocomplete="off" spellcheck="false" placeholder=placeholder
                aria-invalid=move || complaint().map(|_| "true") aria-describedby=move || complaint().map(|_| described.clone())
                prop:value=text on:input=take />
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
fn Execution() -> impl IntoView {
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
            <legend>"Execution"</legend>
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
