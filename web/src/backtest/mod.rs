//! The Backtest page: a strategy with its costs, and what it would have done.

mod control;
mod draft;
mod drawing;
mod form;
mod remarks;
mod statistics;
mod trades;

use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use crate::app::page;
use crate::browser;
use crate::parts::facts::FactLine;
use crate::parts::problem::ProblemPanel;
use crate::parts::progress::ProgressBar;
use crate::parts::series_choice::{SeriesChoice, chosen};
use control::Control;

/// The backtest that the address describes; it runs when the page opens, so a link shows its result.
#[component]
pub(crate) fn BacktestPage() -> impl IntoView {
    let page = page();
    let series = Memo::new(move |_| chosen(page));
    move || match series.get() {
        Ok(series) => view! { <Backtest series /> }.into_any(),
        Err(problem) => {
            view! { <ProblemPanel problem on_retry=move || page.reopen() other_catalog=true /> }.into_any()
        }
    }
}

#[component]
fn Backtest(series: SeriesInfo) -> impl IntoView {
    let page = page();
    let control = Control::start(page, &series);
    let failed = move || {
        control.problem.get().map(|problem| view! { <ProblemPanel problem on_retry=move || control.run() /> })
    };
    let done = move || control.done.with(Option::is_some);
    let wide = browser::window()
        .inner_width()
        .ok()
        .and_then(|width| width.as_f64())
        .is_none_or(|width| width > 720.0);
    let decimals = usize::from(series.price_precision);
    view! {
        <h1 class="hidden">{format!("Backtest of {}", series.bar_type.instrument)}</h1>
        <div class="backtest">
            <div class="side">
                <SeriesChoice series=series.clone() />
                <details class="settings" open=wide>
                    <summary>"Settings"</summary>
                    <form::SpecForm control series=series.clone() />
                </details>
            </div>
            <div class="results" class:dim=move || control.busy.get() && done()>
                <FactLine series=series.clone() />
                <ProgressBar busy=control.busy progress=control.progress />
                {failed}
                <div class="outcome" hidden=move || !done() || control.problem.with(Option::is_some)>
                    <remarks::RunLine control />
                    <drawing::Drawing control decimals />
                    <trades::Trades control decimals file=format!("{}-trades.csv", series.bar_type.to_string().replace(['/', ':'], "")) />
                </div>
                <p class="muted waiting" role="status" hidden=move || done() || control.problem.with(Option::is_some)>{move || if control.busy.get() { "running…" } else { "cancelled; press Run" }}</p>
            </div>
            <div class="numbers-side" class:dim=move || control.busy.get() hidden=move || !done()>
                <statistics::Statistics control />
                <remarks::Remarks control />
            </div>
        </div>
    }
}
