//! One series: its facts, its days, its gaps, and the ways on.

use engine::protocol::{Answer, CoverageInfo, Op, SeriesInfo};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::calendar::CoverageCalendar;
use super::gaps::GapTable;
use super::table::StateWord;
use crate::app::{Load, page};
use crate::model::fragment::View;
use crate::model::sheet::Completeness;
use crate::model::{number, time};
use crate::parts::facts::FactLine;
use crate::parts::problem::ProblemPanel;
use crate::shell::copy_link;

/// The panel beside the table.
#[component]
pub(crate) fn SeriesDetail(series: SeriesInfo) -> impl IntoView {
    let page = page();
    let (for_chart, for_backtest) = (series.bar_type.clone(), series.bar_type.clone());
    let to_chart = move || {
        page.fragment.with(|fragment| fragment.with_series(for_chart.clone()).on(View::Chart).print())
    };
    let to_backtest = move || {
        page.fragment.with(|fragment| fragment.with_series(for_backtest.clone()).on(View::Backtest).print())
    };
    let bar_type = series.bar_type.clone();
    view! {
        <section class="detail" aria-labelledby="detail-title" data-test="detail">
            <h2 id="detail-title">{series.bar_type.instrument.to_string()}</h2>
            <FactLine series=series.clone() />
            <p class="actions">
                <a class="button primary" href=to_chart>"Open in Chart"</a>
                <a class="button" href=to_backtest>"Backtest"</a>
                <button on:click=move |_| { page.go(|fragment| *fragment = fragment.with_series(bar_type.clone())); copy_link(page); }>"Copy link"</button>
            </p>
            <Numbers series=series.clone() />
            {(!series.note.is_empty()).then(|| view! { <p class="note"><b>"Note "</b>{series.note.clone()}</p> })}
            <Coverage series />
        </section>
    }
}

#[component]
fn Numbers(series: SeriesInfo) -> impl IntoView {
    let bytes_a_bar = if series.rows > 0 {
        number::fixed(series.size_bytes as f64 / series.rows as f64, 1)
    } else {
        "–".into()
    };
    let expected = series.expected.map_or_else(|| "unknown".to_owned(), number::count);
    view! {
        <dl class="numbers">
            <div><dt>"Bars"</dt><dd>{number::count(series.rows)}</dd></div>
            <div><dt>"Expected"</dt><dd>{expected}</dd></div>
            <div><dt>"State"</dt><dd><StateWord state=Completeness::of(&series) /></dd></div>
            <div><dt>"First close"</dt><dd>{time::stamp(series.first)} " UTC"</dd></div>
            <div><dt>"Last close"</dt><dd>{time::stamp(series.last)} " UTC"</dd></div>
            <div><dt>"Decimals"</dt><dd>"price " {series.price_precision} ", volume " {series.size_precision}</dd></div>
            <div><dt>"Size"</dt><dd>{number::size(series.size_bytes)}</dd></div>
            <div><dt>"Files"</dt><dd>{number::count(series.partitions)} ", " {series.profile.clone()}</dd></div>
            <div><dt>"Bytes a bar"</dt><dd>{bytes_a_bar}</dd></div>
        </dl>
        <p class="mono wrap muted">{series.bar_type.to_string()}</p>
    }
}

/// Days and gaps, asked of the engine.
#[component]
fn Coverage(series: SeriesInfo) -> impl IntoView {
    let page = page();
    let load = RwSignal::new(Load::<CoverageInfo>::Loading);
    let bar_type = series.bar_type.clone();
    let ask = move || {
        load.set(Load::Loading);
        let question = page.engine.ask(Op::Coverage { series: bar_type.clone() }, None);
        spawn_local(async move {
            let outcome = match question.answer().await {
                Ok(reply) => match reply.answer {
                    Answer::Coverage(info) => Load::Ready(info),
                    _ => return,
                },
                Err(problem) if problem.kind == "cancelled" => return,
                Err(problem) => Load::Failed(problem),
            };
            drop(load.try_set(outcome));
        });
    };
    ask();
    let ask = StoredValue::new(ask);
    move || match load.get() {
        Load::Loading => view! { <p class="muted" role="status">"reading coverage…"</p> }.into_any(),
        Load::Failed(problem) => {
            view! { <ProblemPanel problem on_retry=move || ask.with_value(|ask| ask()) /> }.into_any()
        }
        Load::Ready(info) => {
            let gaps = info.coverage.gaps.clone();
            view! {
                <CoverageCalendar series=series.clone() coverage=info.coverage />
                <GapTable series=series.clone() gaps />
            }
            .into_any()
        }
    }
}
