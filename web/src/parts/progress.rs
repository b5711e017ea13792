//! The thin bar over something that is being fetched.

use leptos::prelude::*;

use crate::model::number;
use crate::worker::Progress;

/// A bar with bytes while `busy`; it keeps its place, so nothing jumps.
#[component]
pub(crate) fn ProgressBar(
    #[prop(into)] busy: Signal<bool>,
    progress: RwSignal<Option<Progress>>,
) -> impl IntoView {
    let share = move || {
        let known = progress.get().filter(|progress| progress.total > 0);
        known.map(|progress| (progress.done as f64 / progress.total as f64 * 100.0).min(100.0))
    };
    let text = move || {
        progress
            .get()
            .filter(|progress| progress.total > 0)
            .map(|progress| format!("{} of {}", number::size(progress.done), number::size(progress.total)))
    };
    view! {
        <div class="progress" class:busy=move || busy.get()>
            <i class:unknown=move || share().is_none() style:width=move || share().map_or("100%".into(), |share| format!("{share:.1}%"))></i>
            <span>{move || busy.get().then(text)}</span>
        </div>
    }
}
