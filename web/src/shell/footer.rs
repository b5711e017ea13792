//! The footer: what was fetched, what the worker does, which build this is, and whose charts these are.

use engine::protocol::BUILD;
use leptos::prelude::*;

use crate::app::page;
use crate::model::number;
use crate::worker::WorkerState;

/// The footer of every page.
#[component]
pub(crate) fn Footer() -> impl IntoView {
    let page = page();
    let worker = move || match page.engine.state.get() {
        WorkerState::Starting => "starting",
        WorkerState::Idle => "idle",
        WorkerState::Working => "working",
        WorkerState::Stopped(_) => "stopped",
    };
    let network = page.engine.network;
    view! {
        <footer class="foot">
            <span title="HTTP requests for catalog data since the engine started"><b data-test="requests">{move || number::count(u64::from(network.get().requests))}</b> " requests"</span>
            <span title="Bytes of catalog data received"><b data-test="bytes">{move || number::size(network.get().bytes)}</b> " fetched"</span>
            <span>"worker " <b data-test="worker">{worker}</b></span>
            <span>"engine " {BUILD}</span>
            <span class="credit">
                "Charts: " <a href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">"TradingView Lightweight Charts™"</a>
                <a href="NOTICE.txt" target="_blank">"Notices"</a>
            </span>
        </footer>
    }
}
