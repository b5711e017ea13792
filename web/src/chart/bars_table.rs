//! The bars in view as a table: the same numbers without a picture.

use leptos::prelude::*;

use super::columns::Row;
use super::control::Control;
use crate::model::{number, time};

const MOST_ROWS: usize = 500;

/// Bars in view, newest first.
#[component]
pub(crate) fn BarsTable(control: Control) -> impl IntoView {
    let window = Memo::new(move |_| control.window.get());
    let (price, volume) = control.decimals;
    let rows = move || {
        let window = window.get();
        control.loaded.with(|loaded| {
            let Some(columns) = loaded.as_ref().map(|loaded| &loaded.columns) else { return Vec::new() };
            let range = columns.within(time::to_millis(window.start), time::to_millis(window.end));
            range.rev().take(MOST_ROWS).filter_map(|index| columns.row(index)).collect()
        })
    };
    let body = move || rows().into_iter().map(|row| view! { <Line row price volume /> }).collect_view();
    let cut = move || {
        (control.in_view() > MOST_ROWS).then(|| view! { <p class="muted">{format!("the newest {MOST_ROWS} bars; zoom in or choose larger bars to see the others")}</p> })
    };
    view! {
        <div class="scroll bars-table" tabindex="0" role="region" aria-label="Bars in view">
            <table class="grid" data-test="bars">
                <thead><tr>
                    <th scope="col">"Open (UTC)"</th><th scope="col" class="num">"Open"</th><th scope="col" class="num">"High"</th><th scope="col" class="num">"Low"</th>
                    <th scope="col" class="num">"Close"</th><th scope="col" class="num">"Volume"</th><th scope="col" class="num">"Stored bars"</th>
                </tr></thead>
                <tbody>{body}</tbody>
            </table>
            {cut}
        </div>
    }
}

#[component]
fn Line(row: Row, price: usize, volume: usize) -> impl IntoView {
    let stamp = time::from_millis(row.time);
    let number =
        |value: f64, decimals: usize| view! { <td class="num">{number::fixed(value, decimals)}</td> };
    view! {
        <tr>
            <th scope="row"><time datetime=stamp.to_string()>{time::minute(stamp)}</time></th>
            {number(row.open, price)} {number(row.high, price)} {number(row.low, price)} {number(row.close, price)} {number(row.volume, volume)} {number(row.count, 0)}
        </tr>
    }
}
