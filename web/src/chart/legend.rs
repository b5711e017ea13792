//! The values of the bar under the cursor, or of the last one in view.

use leptos::prelude::*;

use super::columns::Row;
use super::control::Control;
use crate::model::{number, time};

/// Open, high, low, close, change and volume, with every stored decimal.
#[component]
pub(crate) fn Legend(control: Control) -> impl IntoView {
    let row = move || {
        let window = control.window.get();
        let hover = control.hover.get();
        control.loaded.with(|loaded| {
            let columns = &loaded.as_ref()?.columns;
            let last = || columns.within(time::to_millis(window.start), time::to_millis(window.end)).last();
            columns.row(hover.or_else(last)?)
        })
    };
    let (price, volume) = control.decimals;
    view! {
        <p class="legend" data-test="legend">
            {move || match row() {
                Some(row) => view! { <Values row price volume /> }.into_any(),
                None => view! { <span class="muted">"no bar in view"</span> }.into_any(),
            }}
        </p>
    }
}

#[component]
fn Values(row: Row, price: usize, volume: usize) -> impl IntoView {
    let stamp = time::from_millis(row.time);
    let change = row.close - row.before.unwrap_or(row.open);
    let percent = change / row.before.unwrap_or(row.open) * 100.0;
    let class = if row.close >= row.open { "up" } else { "down" };
    let value = |name: &'static str, key: &'static str, text: String| view! { <span>{name} " " <b class=class data-field=key>{text}</b></span> };
    view! {
        <time datetime=stamp.to_string()>{time::stamp(stamp)}</time>
        {value("O", "open", number::fixed(row.open, price))}
        {value("H", "high", number::fixed(row.high, price))}
        {value("L", "low", number::fixed(row.low, price))}
        {value("C", "close", number::fixed(row.close, price))}
        <span class={if change >= 0.0 { "up" } else { "down" }}>{number::signed(change, price)} " (" {number::signed(percent, 2)} " %)"</span>
        <span>"V " <b data-field="volume">{number::fixed(row.volume, volume)}</b></span>
    }
}
