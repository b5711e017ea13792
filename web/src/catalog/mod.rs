//! The Catalog page: which series there are, and how complete each one is.

mod calendar;
mod detail;
mod gaps;
mod table;

use leptos::prelude::*;

use crate::app::{Load, page};
use crate::browser;
use crate::model::sheet::arrange;
use crate::model::{number, sheet};
use crate::parts::problem::{OpenCatalog, ProblemPanel};
use crate::parts::series_choice::empty_catalog;

/// The list of series, and the detail of the chosen one.
#[component]
pub(crate) fn CatalogPage() -> impl IntoView {
    let page = page();
    let shown = Memo::new(move |_| {
        let series = page.series();
        let (filter, sort) = page.fragment.with(|fragment| (fragment.filter.clone(), fragment.sort));
        arrange(&series, &filter, sort).into_iter().map(|index| series[index].clone()).collect::<Vec<_>>()
    });
    let chosen = Memo::new(move |_| {
        let wanted = page.fragment.with(|fragment| fragment.series.clone());
        let all = page.series();
        let named = wanted.and_then(|wanted| all.into_iter().find(|series| series.bar_type == wanted));
        named.or_else(|| shown.with(|shown| shown.first().cloned()))
    });
    if untrack(|| page.series().is_empty()) {
        return view! { <ProblemPanel problem=empty_catalog() on_retry=move || page.reopen() other_catalog=true /> }.into_any();
    }
    view! {
        <div class="catalog">
            <section class="list" aria-labelledby="series-title">
                <Totals />
                <Filter />
                <table::SeriesTable shown chosen />
            </section>
            {move || match chosen.get() {
                Some(series) => view! { <detail::SeriesDetail series /> }.into_any(),
                None => view! { <section class="detail"><OpenCatalog /></section> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

/// How much there is.
#[component]
fn Totals() -> impl IntoView {
    let page = page();
    let text = move || match page.catalog.get() {
        Load::Ready(catalog) => {
            let rows: u64 = catalog.series.iter().map(|series| series.rows).sum();
            let bytes: u64 = catalog.series.iter().map(|series| series.size_bytes).sum();
            format!(
                "{} series · {} · {}",
                number::count(catalog.series.len() as u64),
                number::count_of(rows, "bar"),
                number::size(bytes)
            )
        }
        _ => String::new(),
    };
    view! { <h1 id="series-title">"Series " <small data-test="totals">{text}</small></h1> }
}

/// The filter over the table; part of the address.
#[component]
fn Filter() -> impl IntoView {
    let page = page();
    let text = move || page.fragment.with(|fragment| fragment.filter.clone());
    let toggle = move |word: &'static str| {
        page.go(|fragment| {
            let on = fragment.filter.split_whitespace().any(|part| part == word);
            let kept: Vec<&str> = fragment
                .filter
                .split_whitespace()
                .filter(|part| *part != word)
                .chain((!on).then_some(word))
                .collect();
            fragment.filter = kept.join(" ");
        });
    };
    let gaps_only = move || text().split_whitespace().any(|part| part == "state:gaps");
    let left = move || {
        let (all, filter) = (page.series(), text());
        let kept = all.iter().filter(|series| sheet::keeps(&filter, series)).count();
        (kept < all.len()).then(|| format!("{kept} of {} fit", all.len()))
    };
    view! {
        <div class="filter" role="search">
            <input type="search" aria-label="Filter series" placeholder="Filter: text, venue: bar: price: state:" spellcheck="false"
                prop:value=text
                on:input=move |event| page.adjust(|fragment| fragment.filter = event_target_value(&event))
                on:keydown=move |event| if event.key() == "Enter" { browser::focus("series-table") } />
            <button aria-pressed=move || gaps_only().to_string() on:click=move |_| toggle("state:gaps")>"only with gaps"</button>
            <span class="muted" role="status">{left}</span>
        </div>
    }
}
