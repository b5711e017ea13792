//! The list of gaps: stretches of session time without bars.

use engine::bars::{Gap, HOUR};
use engine::protocol::SeriesInfo;
use leptos::prelude::*;

use crate::app::page;
use crate::browser;
use crate::model::fragment::View;
use crate::model::{number, time};

const MOST_SHOWN: usize = 200;

/// Every gap, with a way to see it.
#[component]
pub(crate) fn GapTable(series: SeriesInfo, gaps: Vec<Gap>) -> impl IntoView {
    let missing: u64 = gaps.iter().map(|gap| gap.missing).sum();
    let known = series.calendar.is_some();
    let file = format!("{}-gaps.csv", series.bar_type.to_string().replace(['/', ':'], ""));
    let (csv, empty, more) = (csv(&gaps), gaps.is_empty(), gaps.len().saturating_sub(MOST_SHOWN));
    let summary = format!(
        " {}, {} missing",
        number::count_of(gaps.len() as u64, "gap"),
        number::count_of(missing, "bar")
    );
    let rows = gaps
        .into_iter()
        .take(MOST_SHOWN)
        .map(|gap| view! { <Row series=series.clone() gap /> })
        .collect_view();
    let words = if known {
        "No gaps: every bar that the calendar expects is there."
    } else {
        "No calendar is known for this venue, so gaps cannot be told from closed time."
    };
    if empty {
        return view! { <h3>"Gaps"</h3><p class="muted">{words}</p> }.into_any();
    }
    view! {
        <h3 id="gaps-title">"Gaps" <small data-test="gap-summary">{summary}</small></h3>
        <div class="scroll-x" tabindex="0" role="region" aria-labelledby="gaps-title"><table class="grid" data-test="gaps" aria-labelledby="gaps-title">
            <thead><tr>
                <th scope="col">"From (UTC)"</th><th scope="col">"To (UTC)"</th><th scope="col" class="num">"Length"</th><th scope="col" class="num">"Missing bars"</th><th scope="col"><span class="hidden">"Open"</span></th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
        <p class="actions">
            <button on:click=move |_| browser::download_text(&file, "text/csv", &csv)>"Gaps as CSV"</button>
            {(more > 0).then(|| view! { <span class="muted">{format!("{more} more in the CSV")}</span> })}
        </p>
    }
    .into_any()
}

#[component]
fn Row(series: SeriesInfo, gap: Gap) -> impl IntoView {
    let page = page();
    let link = move || {
        let around = gap.range.nanos().clamp(HOUR, 24 * HOUR);
        page.fragment.with(|fragment| {
            let mut fragment = fragment.with_series(series.bar_type.clone()).on(View::Chart);
            (fragment.from, fragment.to, fragment.bar) =
                (Some(gap.range.start.plus(-around)), Some(gap.range.end.plus(around)), None);
            fragment.print()
        })
    };
    view! {
        <tr>
            <td><time datetime=gap.range.start.to_string()>{time::minute(gap.range.start)}</time></td>
            <td><time datetime=gap.range.end.to_string()>{time::minute(gap.range.end)}</time></td>
            <td class="num">{time::length(gap.range.nanos())}</td>
            <td class="num">{number::count(gap.missing)}</td>
            <td><a href=link aria-label=format!("Gap from {} in the chart", time::minute(gap.range.start))>"chart"</a></td>
        </tr>
    }
}

fn csv(gaps: &[Gap]) -> String {
    let mut out = String::from("from,to,missing_bars\n");
    for gap in gaps {
        out.push_str(&format!("{},{},{}\n", gap.range.start, gap.range.end, gap.missing));
    }
    out
}
