//! The missing stretches among the bars that are drawn, as a list beside the hatched bands.

use engine::bars::{Gap, TimeRange};
use leptos::prelude::*;

use super::control::Control;
use crate::model::{number, time};

/// A line that opens to the list.
#[component]
pub(crate) fn GapList(control: Control) -> impl IntoView {
    let gaps = Memo::new(move |_| {
        let window = control.window.get();
        control.loaded.with(|loaded| {
            let gaps = loaded.as_ref().map(|loaded| loaded.info.gaps.clone()).unwrap_or_default();
            gaps.into_iter().filter(|gap| !gap.range.intersect(&window).is_empty()).collect::<Vec<_>>()
        })
    });
    move || {
        let gaps = gaps.get();
        if gaps.is_empty() {
            let words = if control.extent.calendar.is_some() {
                "no missing bars in view"
            } else {
                "no calendar is known, so missing bars cannot be told from closed time"
            };
            return view! { <p class="gap-line muted" data-test="chart-gaps">{words}</p> }.into_any();
        }
        let missing: u64 = gaps.iter().map(|gap| gap.missing).sum();
        let title = format!(
            "{} in view, {} missing (hatched)",
            number::count_of(gaps.len() as u64, "gap"),
            number::count_of(missing, "bar")
        );
        let items = gaps.into_iter().take(100).map(|gap| view! { <Item control gap /> }).collect_view();
        view! { <details class="gap-line" data-test="chart-gaps"><summary><span class="warn" aria-hidden="true">"▲ "</span>{title}</summary><ul>{items}</ul></details> }.into_any()
    }
}

#[component]
fn Item(control: Control, gap: Gap) -> impl IntoView {
    let show = move |_| {
        let around = gap.range.nanos().max(30 * control.size().nanos());
        control.go_to(TimeRange::new(gap.range.start.plus(-around), gap.range.end.plus(around)));
    };
    let text = format!("{} → {}", time::minute(gap.range.start), time::minute(gap.range.end));
    view! { <li><button class="link" on:click=show>{text}</button> " " {number::count_of(gap.missing, "bar")} " missing"</li> }
}
