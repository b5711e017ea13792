//! The Chart page: candles and volume of a series at any size of bars.

mod bars_table;
mod columns;
mod control;
mod gaps;
mod legend;
mod state_line;
mod toolbar;

use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use crate::app::page;
use crate::parts::facts::FactLine;
use crate::parts::plot::PlotHost;
use crate::parts::problem::ProblemPanel;
use crate::parts::progress::ProgressBar;
use crate::parts::series_choice::chosen;
pub(crate) use columns::column;
use control::Control;

/// The chart of the series that the address names.
#[component]
pub(crate) fn ChartPage() -> impl IntoView {
    let page = page();
    let series = Memo::new(move |_| chosen(page));
    move || match series.get() {
        Ok(series) => view! { <Chart series /> }.into_any(),
        Err(problem) => {
            view! { <ProblemPanel problem on_retry=move || page.reopen() other_catalog=true /> }.into_any()
        }
    }
}

#[component]
fn Chart(series: SeriesInfo) -> impl IntoView {
    let page = page();
    let control = Control::start(page, series.clone());
    let table = Memo::new(move |_| page.fragment.with(|fragment| fragment.table));
    let failed = move || {
        control
            .problem
            .get()
            .map(|problem| view! { <ProblemPanel problem on_retry=move || control.load() /> })
    };
    let broken = move || control.problem.with(Option::is_some);
    view! {
        <h1 class="hidden">{format!("Chart of {}", series.bar_type.instrument)}</h1>
        <div class="chart-page">
            <toolbar::Toolbar control series=series.clone() />
            <FactLine series=series.clone() />
            <ProgressBar busy=control.busy progress=control.progress />
            {failed}
            <figure class="chart" hidden=broken class:dim=move || control.busy.get() aria-label=format!("Candles and volume of {}", series.bar_type)>
                <legend::Legend control />
                <div class="chart-body" class:tabled=move || table.get()>
                    <PlotHost plot=control.plot />
                    {move || table.get().then(|| view! { <bars_table::BarsTable control /> })}
                </div>
                <state_line::StateLine control />
            </figure>
            <gaps::GapList control />
        </div>
    }
}
