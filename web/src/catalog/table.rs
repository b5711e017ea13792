//! The table of series.

use engine::protocol::SeriesInfo;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::app::{Page, page};
use crate::model::bar_size::spec_label;
use crate::model::fragment::View;
use crate::model::sheet::{Column, Completeness};
use crate::model::{number, time};
use crate::parts::facts::SyntheticLabel;

/// All series that fit the filter; a row chooses, a double click or Enter on it opens the chart.
#[component]
pub(crate) fn SeriesTable(shown: Memo<Vec<SeriesInfo>>, chosen: Memo<Option<SeriesInfo>>) -> impl IntoView {
    let page = page();
    let heads = Column::ALL.map(|column| view! { <Head column /> });
    let is_chosen = move |bar_type: &engine::bars::BarType| {
        chosen.with(|chosen| chosen.as_ref().is_some_and(|series| series.bar_type == *bar_type))
    };
    let rows =
        move || shown.get().into_iter().map(|series| view! { <Row series is_chosen /> }).collect_view();
    view! {
        <div class="scroll" id="series-table" tabindex="0" role="region" aria-label="Table of series" on:keydown=move |event| walk(page, &event)>
            <table class="grid series" data-test="series">
                <thead><tr>{heads.into_iter().collect_view()}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="none" hidden=move || shown.with(|shown| !shown.is_empty())>"No series fits this filter; shorten it, or clear it to see all."</p>
        </div>
    }
}

const fn title(column: Column) -> &'static str {
    match column {
        Column::Instrument => "Instrument",
        Column::Bar => "Bar",
        Column::Price => "Price",
        Column::Rows => "Rows",
        Column::First => "First close (UTC)",
        Column::Last => "Last close (UTC)",
        Column::Size => "Size",
        Column::Files => "Files",
        Column::Coverage => "Cov. [%]",
        Column::State => "State",
    }
}

#[component]
fn Head(column: Column) -> impl IntoView {
    let page = page();
    let sort = move || page.fragment.with(|fragment| fragment.sort);
    let order = move || {
        let sort = sort();
        (sort.column == column).then_some(if sort.descending { "descending" } else { "ascending" })
    };
    let arrow = move || match order() {
        Some("ascending") => " ▲",
        Some(_) => " ▼",
        None => "",
    };
    view! {
        <th scope="col" class:num=column.is_number() aria-sort=order>
            <button on:click=move |_| page.go(|fragment| fragment.sort = fragment.sort.clicked(column))>{title(column)}<span aria-hidden="true">{arrow}</span></button>
        </th>
    }
}

#[component]
fn Row(
    series: SeriesInfo,
    is_chosen: impl Fn(&engine::bars::BarType) -> bool + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let page = page();
    let bar_type = series.bar_type.clone();
    let (to_choose, to_open, to_mark, to_name) =
        (bar_type.clone(), bar_type.clone(), bar_type.clone(), bar_type.clone());
    let state = Completeness::of(&series);
    let coverage =
        series.expected.map_or_else(|| "–".to_owned(), |expected| number::coverage(series.rows, expected));
    let missing = series.expected.map(|expected| {
        format!("{} of {} expected bars", number::count(series.rows), number::count(expected))
    });
    let link = move || {
        page.fragment.with(|fragment| fragment.with_series(to_name.clone()).on(View::Catalog).print())
    };
    let chosen = Memo::new(move |_| is_chosen(&to_mark));
    view! {
        <tr class:chosen=move || chosen.get() data-series=bar_type.to_string()
            on:click=move |_| page.go(|fragment| *fragment = fragment.with_series(to_choose.clone()))
            on:dblclick=move |_| page.go(|fragment| *fragment = fragment.with_series(to_open.clone()).on(View::Chart))>
            <th scope="row">
                <a href=link aria-current=move || chosen.get().then_some("true") on:click=|event| event.prevent_default()>{series.bar_type.instrument.to_string()}</a>
                <SyntheticLabel series=series.clone() />
            </th>
            <td>{spec_label(&series.bar_type.spec)}</td>
            <td>{series.bar_type.spec.price_type.to_string()}</td>
            <td class="num" data-field="rows">{number::count(series.rows)}</td>
            <td><time datetime=series.first.to_string() data-field="first">{time::minute(series.first)}</time></td>
            <td><time datetime=series.last.to_string() data-field="last">{time::minute(series.last)}</time></td>
            <td class="num" data-field="size" title=format!("{} bytes", number::count(series.size_bytes)) data-value=series.size_bytes>{number::size(series.size_bytes)}</td>
            <td class="num" data-field="files">{number::count(series.partitions)}</td>
            <td class="num" data-field="coverage" title=missing>{coverage}</td>
            <td data-field="state"><StateWord state /></td>
        </tr>
    }
}

/// A state as symbol and word.
#[component]
pub(crate) fn StateWord(state: Completeness) -> impl IntoView {
    let class = match state {
        Completeness::Complete => "ok",
        Completeness::Gaps => "warn",
        Completeness::NoCalendar => "muted",
    };
    view! { <span class=class><span aria-hidden="true">{state.symbol()} " "</span>{state.word()}</span> }
}

/// Up and down go from row to row, Enter opens the chart.
fn walk(page: Page, event: &KeyboardEvent) {
    let Some(focused) = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok()) else {
        return;
    };
    let Ok(Some(row)) = focused.closest("tbody tr") else {
        if event.key() == "ArrowDown"
            && let Ok(Some(link)) = focused.query_selector("tbody a")
        {
            event.prevent_default();
            drop(link.unchecked_into::<HtmlElement>().focus());
        }
        return;
    };
    let next = match event.key().as_str() {
        "ArrowDown" => row.next_element_sibling(),
        "ArrowUp" => row.previous_element_sibling(),
        "Enter" => {
            event.prevent_default();
            if let Some(series) = row.get_attribute("data-series").and_then(|text| text.parse().ok()) {
                page.go(|fragment| *fragment = fragment.with_series(series).on(View::Chart));
            }
            None
        }
        _ => return,
    };
    event.prevent_default();
    if let Some(link) = next.and_then(|row| row.query_selector("a").ok().flatten()) {
        let link = link.unchecked_into::<HtmlElement>();
        drop(link.focus());
        link.click();
    }
}
