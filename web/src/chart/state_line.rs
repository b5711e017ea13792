//! What exactly is drawn: the window, how many bars, made of how many.

use leptos::prelude::*;

use super::control::Control;
use crate::model::bar_size::BarSize;
use crate::model::{number, time};

/// One line under the chart.
#[component]
pub(crate) fn StateLine(control: Control) -> impl IntoView {
    let window = move || {
        let window = control.window.get();
        let step = control.size().nanos();
        format!("{} → {} UTC", time::stamp(window.start.floor(step)), time::stamp(window.end.floor(step)))
    };
    let base = BarSize::new(control.extent.base);
    let made = move || {
        control.loaded.with(|loaded| {
            let info = &loaded.as_ref()?.info;
            let size = BarSize::new(info.step)?;
            let how = match base {
                Some(base) if base < size => format!("{size} bars made of {base} bars"),
                _ => format!("{size} bars as stored"),
            };
            let drawn = format!(
                "{} drawn of {} stored",
                number::count(u64::from(info.bars)),
                number::count(info.stored_bars)
            );
            Some(format!("{how} · {drawn}"))
        })
    };
    let coarsened =
        move || control.loaded.with(|loaded| loaded.as_ref().is_some_and(|loaded| loaded.info.coarsened));
    view! {
        <figcaption class="state-line" data-test="state-line">
            <span>{window}</span>
            <span><b data-test="in-view">{move || number::count(control.in_view() as u64)}</b> " bars in view"</span>
            <span data-test="made">{made}</span>
            <span>"series " {number::count(control.stored_rows)}</span>
            {move || coarsened().then(|| view! { <span class="warn"><span aria-hidden="true">"▲ "</span>"coarser than asked for: this window holds too many bars"</span> })}
        </figcaption>
    }
}
