//! What must be known before the numbers are trusted: bars, warnings, assumptions, and the digest that makes a run comparable.

use leptos::prelude::*;

use super::control::Control;
use crate::browser;
use crate::model::bar_size::BarSize;
use crate::model::{number, time};

/// What was run, over which bars.
#[component]
pub(crate) fn RunLine(control: Control) -> impl IntoView {
    let line = move || {
        control.with(|done| {
            let info = &done.info;
            let size = BarSize::new(info.step).map(|size| size.to_string()).unwrap_or_default();
            // A range ends just after the last open; what is meant is that bar's end.
            let end = info.range.end.plus(info.step.max(1) - 1).floor(info.step.max(1));
            let missing = info.missing_bars.map(|missing| view! {
                <span class={if missing > 0 { "warn" } else { "ok" }} data-test="missing">
                    <span aria-hidden="true">{if missing > 0 { "▲ " } else { "✔ " }}</span>{number::count_of(missing, "bar")} " missing"
                </span>
            });
            view! {
                <span>{time::stamp(info.range.start)} " → " {time::stamp(end)} " UTC"</span>
                <span><b>{number::count(info.bars)}</b> " bars of " {size}</span>
                {missing}
            }
        })
    };
    let warnings = move || {
        let warnings = control.with(|done| done.info.report.warnings.clone()).unwrap_or_default();
        (!warnings.is_empty()).then(|| {
            let items = warnings
                .into_iter()
                .map(|text| view! { <li><span aria-hidden="true">"▲ "</span>{text}</li> })
                .collect_view();
            view! { <ul class="warnings" data-test="warnings" aria-label="Warnings">{items}</ul> }
        })
    };
    view! { <p class="run-line" data-test="run-line">{line}</p> {warnings} }
}

/// Assumptions and the digest of fills.
#[component]
pub(crate) fn Remarks(control: Control) -> impl IntoView {
    let assumptions = move || {
        let texts = control.with(|done| done.info.report.assumptions.clone()).unwrap_or_default();
        texts.into_iter().map(|text| view! { <li>{text}</li> }).collect_view()
    };
    view! {
        <section class="remarks">
            <h2>"Assumptions"</h2>
            <ul data-test="assumptions">{assumptions}</ul>
            <Digest control />
        </section>
    }
}

/// The digest, whether it is the one that the link promises, and a link that promises it.
#[component]
fn Digest(control: Control) -> impl IntoView {
    let page = control.page;
    let digest = move || control.with(|done| done.info.report.digest.clone()).unwrap_or_default();
    let verdict = move || {
        let promised = page.fragment.with(|fragment| fragment.digest.clone())?;
        let now = digest();
        Some(if now.starts_with(&promised) {
            view! { <p class="ok" data-test="verdict"><span aria-hidden="true">"✔ "</span>"reproduced: the same fills as in the link"</p> }.into_any()
        } else {
            view! { <p class="bad" data-test="verdict"><span aria-hidden="true">"✖ "</span>"differs from the link's fills; the bars or the engine have changed since"</p> }.into_any()
        })
    };
    let copy = move |_| {
        let mut fragment = page.fragment.get_untracked();
        fragment.digest = Some(digest().chars().take(16).collect());
        fragment.series = control.with(|done| done.info.series.clone());
        page.copy(
            browser::address() + &fragment.print(),
            "link copied; it says whether the fills are the same",
        );
    };
    view! {
        <h2>"Digest of fills"</h2>
        <p class="mono wrap" data-test="digest">{digest}</p>
        {verdict}
        <p class="actions"><button on:click=copy>"Copy link with digest"</button></p>
    }
}
