//! The line of facts that a number cannot be read without.

use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use crate::model::bar_size::spec_label;
use crate::model::sheet::label;

/// Bar, price, stamp convention, zone, source and calendar of a series.
#[component]
pub(crate) fn FactLine(series: SeriesInfo) -> impl IntoView {
    let spec = series.bar_type.spec;
    let calendar = series
        .calendar
        .clone()
        .map_or_else(|| "calendar unknown".to_owned(), |name| format!("calendar {name}"));
    view! {
        <p class="facts">
            <b>{spec_label(&spec)}</b>
            <span>{spec.price_type.to_string()}</span>
            <span title="ts_event and ts_init in the files, and in every export">"stamp in files = close"</span>
            <span>"shown by open"</span>
            <span>"UTC"</span>
            <span>{calendar}</span>
            {(!series.source.is_empty()).then(|| view! { <span>"source " {series.source.replace('`', "")}</span> })}
            <SyntheticLabel series />
        </p>
    }
}

/// A chip where the note says that the bars are synthetic.
#[component]
pub(crate) fn SyntheticLabel(series: SeriesInfo) -> impl IntoView {
    label(&series).map(|text| view! { <span class="chip" title=series.note.clone()>{text}</span> })
}
