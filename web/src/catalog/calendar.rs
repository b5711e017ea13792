//! The coverage calendar: a cell a UTC day, a column a week, a block a year.

use engine::bars::{Coverage, DAY, DayCoverage, DayState, UnixNanos};
use engine::protocol::SeriesInfo;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::app::page;
use crate::browser;
use crate::model::fragment::View;
use crate::model::{number, time};

/// Spans up to this many days get large cells with the day of the month in them.
const FEW_DAYS: usize = 70;
const STATES: [DayState; 5] =
    [DayState::Complete, DayState::Partial, DayState::Missing, DayState::Closed, DayState::Unknown];

/// Days of a series, newest year first; arrows walk, Enter or a click opens a day in the chart.
#[component]
pub(crate) fn CoverageCalendar(series: SeriesInfo, coverage: Coverage) -> impl IntoView {
    let page = page();
    let days = StoredValue::new(coverage.days);
    let count = days.with_value(Vec::len);
    let active = RwSignal::new(count.saturating_sub(1));
    let bar_type = StoredValue::new(series.bar_type);
    let open = move |index: usize| {
        let Some(day) = days.with_value(|days| days.get(index).copied()) else { return };
        let start = UnixNanos::midnight(day.date);
        page.go(|fragment| {
            *fragment = fragment.with_series(bar_type.get_value()).on(View::Chart);
            (fragment.from, fragment.to, fragment.bar) = (Some(start), Some(start.plus(DAY)), None);
        });
    };
    let on_click = move |event: leptos::ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
        let cell = target.and_then(|target| target.closest("[data-day]").ok().flatten());
        let index = cell.and_then(|cell| cell.get_attribute("data-day")).and_then(|index| index.parse().ok());
        if let Some(index) = index {
            active.set(index);
            open(index);
        }
    };
    let on_key = move |event: KeyboardEvent| {
        let here = active.get_untracked();
        let next = match event.key().as_str() {
            "ArrowUp" => here.saturating_sub(1),
            "ArrowDown" => here + 1,
            "ArrowLeft" => here.saturating_sub(7),
            "ArrowRight" => here + 7,
            "Home" => 0,
            "End" => count,
            "Enter" | " " => {
                event.prevent_default();
                return open(here);
            }
            _ => return,
        };
        event.prevent_default();
        active.set(next.min(count.saturating_sub(1)));
        browser::focus(&format!("day-{}", active.get_untracked()));
    };
    let words = move || days.with_value(|days| days.get(active.get()).map(describe));
    view! {
        <h3 id="coverage-title">"Coverage" <small>{summary(coverage.found, coverage.expected)}</small></h3>
        <div class="years" class:few=count <= FEW_DAYS on:click=on_click on:keydown=on_key>
            {years(&days.get_value()).into_iter().rev().map(|(from, to)| view! { <Year days from to active /> }).collect_view()}
        </div>
        <Legend />
        <p class="day"><span role="status">{words}</span> <button on:click=move |_| open(active.get_untracked())>"Open this day in Chart"</button></p>
    }
}

/// Index ranges of the days, cut at new year.
fn years(days: &[DayCoverage]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (index, day) in days.iter().enumerate() {
        match out.last_mut() {
            Some((from, to)) if days.len() <= FEW_DAYS || days[*from].date.year() == day.date.year() => {
                *to = index + 1
            }
            _ => out.push((index, index + 1)),
        }
    }
    out
}

/// A block of weeks: seven rows, Monday first.
#[component]
fn Year(
    days: StoredValue<Vec<DayCoverage>>,
    from: usize,
    to: usize,
    active: RwSignal<usize>,
) -> impl IntoView {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let (first_row, title, weeks) = days.with_value(|days| {
        let first_row = time::weekday(days[from].date);
        let (first, last) = (days[from].date, days[to - 1].date);
        let title = if first.year() == last.year() {
            first.year().to_string()
        } else {
            format!("{} to {}", first.year(), last.year())
        };
        (first_row, title, (first_row + to - from).div_ceil(7))
    });
    let day_at = move |row: usize, week: usize| {
        (week * 7 + row).checked_sub(first_row).map(|offset| from + offset).filter(|index| *index < to)
    };
    let months = (0..weeks).map(move |week| {
        let name = (0..7)
            .filter_map(|row| day_at(row, week))
            .find_map(|index| days.with_value(|days| month_started(days, index, from)));
        view! { <td>{name}</td> }
    });
    let rows = NAMES.into_iter().enumerate().map(move |(row, name)| {
        let cells = (0..weeks).map(|week| match day_at(row, week) {
            Some(index) => view! { <Day days index active /> }.into_any(),
            None => view! { <td role="gridcell" class="no-day"></td> }.into_any(),
        });
        view! { <tr role="row"><th scope="row" role="rowheader">{name}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <div class="year scroll-x" tabindex="0" role="region" aria-label=format!("Days of {title}")>
            <p class="year-title">{title.clone()}</p>
            <table role="grid" aria-label=format!("Coverage by day, {title}")>
                <thead aria-hidden="true"><tr><td></td>{months.collect_view()}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

/// The month's name on its first day, and on the first day of the block.
fn month_started(days: &[DayCoverage], index: usize, from: usize) -> Option<&'static str> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = days.get(index)?.date;
    (date.day() == 1 || index == from).then(|| MONTHS[(date.month() - 1).clamp(0, 11) as usize])
}

#[component]
fn Day(days: StoredValue<Vec<DayCoverage>>, index: usize, active: RwSignal<usize>) -> impl IntoView {
    let day = days.with_value(|days| days[index]);
    let words = describe(&day);
    view! {
        <td role="gridcell" id=format!("day-{index}") class=class(day.state) data-day=index data-date=day.date.to_string()
            tabindex=move || if active.get() == index { "0" } else { "-1" } aria-label=format!("{}, {words}", day.date.day()) title=words>
            <span aria-hidden="true">{day.date.day()}</span>
        </td>
    }
}

#[component]
fn Legend() -> impl IntoView {
    let items =
        STATES.map(|state| view! { <li><i class=class(state) aria-hidden="true"></i>{word(state)}</li> });
    view! { <ul class="legend-states" aria-label="Legend">{items.into_iter().collect_view()}</ul> }
}

const fn word(state: DayState) -> &'static str {
    match state {
        DayState::Complete => "complete",
        DayState::Partial => "partial",
        DayState::Missing => "missing",
        DayState::Closed => "closed",
        DayState::Unknown => "no calendar",
    }
}

const fn class(state: DayState) -> &'static str {
    match state {
        DayState::Complete => "d-complete",
        DayState::Partial => "d-partial",
        DayState::Missing => "d-missing",
        DayState::Closed => "d-closed",
        DayState::Unknown => "d-unknown",
    }
}

fn describe(day: &DayCoverage) -> String {
    let bars = match day.expected {
        Some(0) if day.found == 0 => "no bars expected".to_owned(),
        Some(expected) => {
            format!("{} of {} bars", number::count(u64::from(day.found)), number::count(u64::from(expected)))
        }
        None => number::count_of(u64::from(day.found), "bar"),
    };
    format!("{}: {bars}, {}", time::day(day.date), word(day.state))
}

fn summary(found: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!(
            " {} of {} bars, {} %",
            number::count(found),
            number::count(expected),
            number::coverage(found, expected)
        ),
        None => format!(" {}; no calendar says what to expect", number::count_of(found, "bar")),
    }
}
