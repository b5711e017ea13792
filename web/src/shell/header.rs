//! The header: product, pages, find, catalog, help, theme.

use leptos::prelude::*;

use super::find::Find;
use super::theme::ThemeSwitch;
use crate::app::{Load, page};
use crate::browser;
use crate::model::fragment::View;
use crate::model::time;
use crate::parts::problem::OpenCatalog;

/// The header of every page.
#[component]
pub(crate) fn Header() -> impl IntoView {
    let page = page();
    let tabs = View::ALL.map(|view| {
        let here = move || page.fragment.with(|fragment| fragment.view == view);
        let link = move || page.fragment.with(|fragment| fragment.on(view).print());
        view! { <a href=link aria-current=move || here().then_some("page")>{view.title()}</a> }
    });
    view! {
        <a class="skip" href="#main" on:click=move |event| { event.prevent_default(); browser::focus("main"); }>"Skip to content"</a>
        <header class="top">
            <span class="brand">"Barkeep"</span>
            <nav aria-label="Pages">{tabs.into_iter().collect_view()}</nav>
            <Find />
            <CatalogBadge />
            <button class="help" title="Keys (?)" aria-label="Keyboard keys" on:click=move |_| page.help_open.set(true)>"?"</button>
            <ThemeSwitch />
        </header>
    }
}

/// Which catalog is open, at which snapshot, how old; opens to say more.
#[component]
fn CatalogBadge() -> impl IntoView {
    let page = page();
    let pinned = move || page.fragment.with(|fragment| fragment.snapshot.is_some());
    let summary = move || match page.catalog.get() {
        Load::Loading => view! { <span class="dot wait" aria-hidden="true">"●"</span>" opening…" }.into_any(),
        Load::Failed(_) => view! { <span class="bad" aria-hidden="true">"✖"</span>" no catalog" }.into_any(),
        Load::Ready(info) => {
            let age = time::ago(info.committed, browser::now());
            view! {
                <span class="ok" aria-hidden="true">"●"</span>
                " " <b>{name(&info.url)}</b> " · snapshot " <span data-test="snapshot">{info.snapshot}</span> {pinned().then_some(" (pinned)")} " · " {age}
            }
            .into_any()
        }
    };
    let details = move || match page.catalog.get() {
        Load::Ready(info) => Some(view! {
            <dl>
                <dt>"URL"</dt><dd class="mono wrap">{info.url.clone()}</dd>
                <dt>"Snapshot"</dt><dd>{info.snapshot} ", committed " {time::stamp(info.committed)} " UTC"</dd>
            </dl>
            <p class="actions">
                {if pinned() {
                    view! { <button on:click=move |_| page.go(|fragment| fragment.snapshot = None)>"Use the newest snapshot"</button> }.into_any()
                } else {
                    let snapshot = info.snapshot;
                    view! { <button on:click=move |_| page.go(|fragment| fragment.snapshot = Some(snapshot))>"Pin this snapshot in the link"</button> }.into_any()
                }}
                <button on:click=move |_| page.reopen()>"Look for a newer one"</button>
            </p>
        }),
        _ => None,
    };
    view! {
        <details class="badge" data-test="catalog-badge">
            <summary title=move || page.catalog_url.get()>{summary}</summary>
            <div class="popover">{details} <OpenCatalog /></div>
        </details>
    }
}

/// The last part of a catalog's path, or its host.
fn name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').rsplit('/').next().unwrap_or(rest).to_owned()
}
