//! The choice of series on top of Chart and Backtest.

use engine::protocol::{Problem, SeriesInfo};
use leptos::prelude::*;

use crate::app::{Page, page};
use crate::model::bar_size::spec_label;
use crate::parts::problem::not_found;

/// The series that the address names, the first one where it names none; a problem where there is no such series.
pub(crate) fn chosen(page: Page) -> Result<SeriesInfo, Problem> {
    let all = page.series();
    let wanted = page.fragment.with(|fragment| fragment.series.clone());
    let Some(wanted) = wanted else {
        return all.first().cloned().ok_or_else(empty_catalog);
    };
    all.iter().find(|series| series.bar_type == wanted).cloned().ok_or_else(|| {
        let held: Vec<String> = all.iter().take(3).map(|series| series.bar_type.to_string()).collect();
        not_found(
            &format!("this catalog holds no {wanted}"),
            &format!(
                "it holds {} series: {}{}",
                all.len(),
                held.join(", "),
                if all.len() > 3 { " …" } else { "" }
            ),
            &["choose a series on the Catalog page", "or open the catalog that the link was made for"],
        )
    })
}

/// What to do with a catalog that holds nothing.
pub(crate) fn empty_catalog() -> Problem {
    not_found(
        "this catalog holds no bars yet",
        "its newest snapshot lists no series",
        &[
            "import a file: `barkeep import csv bars.csv --instrument AAPL.NASDAQ --bar 1-MINUTE --stamp open --tz America/New_York`",
            "or try the demo: `barkeep demo`",
            "then press Retry",
        ],
    )
}

/// A choice of all series; choosing one keeps the page and its settings.
#[component]
pub(crate) fn SeriesChoice(series: SeriesInfo) -> impl IntoView {
    let page = page();
    let current = series.bar_type.to_string();
    let options = untrack(|| page.series())
        .into_iter()
        .map(|item| {
            let value = item.bar_type.to_string();
            let spec = item.bar_type.spec;
            let text = format!("{} · {} · {}", item.bar_type.instrument, spec_label(&spec), spec.price_type);
            view! { <option value=value.clone() selected=value == current>{text}</option> }
        })
        .collect_view();
    let choose = move |event: leptos::ev::Event| {
        if let Ok(series) = event_target_value(&event).parse() {
            page.go(|fragment| *fragment = fragment.with_series(series));
        }
    };
    view! { <select class="series-choice" aria-label="Series" on:change=choose>{options}</select> }
}
