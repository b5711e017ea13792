//! Short messages: what the address could not say, and what was just done.

use leptos::prelude::*;

use crate::app::page;

/// A strip of complaints about the link, and the live region for short messages.
#[component]
pub(crate) fn Notices() -> impl IntoView {
    let page = page();
    Effect::new(move || {
        if !page.notice.get().is_empty() {
            set_timeout(move || page.notice.set(String::new()), std::time::Duration::from_secs(3));
        }
    });
    let complaints = move || {
        page.complaints.with(|complaints| {
            (!complaints.is_empty()).then(|| {
                let text = complaints.join(" · ");
                view! {
                    <div class="strip warn" role="status">
                        <span><span aria-hidden="true">"▲ "</span>{text}</span>
                        <button on:click=move |_| page.complaints.set(Vec::new())>"Dismiss"</button>
                    </div>
                }
            })
        })
    };
    view! {
        {complaints}
        <div class="toast" class:shown=move || !page.notice.get().is_empty() role="status" aria-live="polite">{move || page.notice.get()}</div>
    }
}
