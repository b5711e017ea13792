//! Price with trade markers, equity and drawdown on one time axis.

use engine::backtest::Trade;
use js_sys::{Array, Float64Array, Reflect};
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::control::{Control, Done};
use crate::chart::column;
use crate::model::{number, time};
use crate::parts::plot::{PlotHost, detail_number, object};

/// More markers than this hide the price, so they wait until one zooms in.
const MOST_MARKED: usize = 300;

/// The three panes and the values under the cursor.
#[component]
pub(crate) fn Drawing(control: Control, decimals: usize) -> impl IntoView {
    let hover = RwSignal::new(None::<usize>);
    let crowded = RwSignal::new(false);
    let plot = control.plot;
    plot.attribute("label", Some("Price, equity and drawdown"));
    plot.on("crosshair", move |event| {
        let bar = detail_number(&event, "bar").filter(|bar| *bar >= 0.0);
        let _ = hover.try_set(bar.map(|bar| bar as usize));
    });
    let marked = StoredValue::new(None::<(usize, usize)>);
    let mark = move || {
        let visible = plot.visible();
        control.with(|done| {
            let trades = &done.info.report.trades;
            let within = visible.map_or((0, trades.len()), |(from, to)| touching(trades, from, to));
            if marked.try_get_value() == Some(Some(within)) {
                return;
            }
            marked.set_value(Some(within));
            let many = within.1 - within.0 > MOST_MARKED;
            let _ = crowded.try_set(many);
            let shown = if many { &[][..] } else { &trades[within.0..within.1] };
            plot.set("markers", &shown.iter().flat_map(markers).collect::<Array>());
        });
    };
    plot.on("visible-range", move |_| untrack(mark));
    Effect::new(move || {
        control.with(|done| draw(plot, done, decimals));
        hover.set(None);
        marked.set_value(None);
        plot.call("fit", &[]);
        untrack(mark);
    });
    let values = move || control.with(|done| values(done, hover.get(), decimals)).flatten();
    let hint = move || crowded.get().then_some("zoom in to see the trades");
    view! {
        <figure class="chart" aria-label="Price, equity and drawdown">
            <p class="legend" data-test="backtest-legend">{values} <span class="muted">{hint}</span></p>
            <div class="chart-body"><PlotHost plot /></div>
        </figure>
    }
}

fn draw(plot: crate::parts::plot::Plot, done: &Done, decimals: usize) {
    let get = |name: &str| Reflect::get(&done.columns, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let percent: Vec<f64> =
        column(&done.columns, "drawdown").into_iter().map(|share| share * 100.0).collect();
    let percent = JsValue::from(Float64Array::from(percent.as_slice()));
    let line = |id: &str,
                title: &str,
                pane: f64,
                kind: &str,
                share: f64,
                value: JsValue,
                decimals: usize,
                unit: &str,
                colour: &str| {
        object(&[
            ("id", id.into()),
            ("title", title.into()),
            ("pane", pane.into()),
            ("kind", kind.into()),
            ("share", share.into()),
            ("time", get("time")),
            ("value", value),
            ("decimals", (decimals as f64).into()),
            ("unit", unit.into()),
            ("colour", colour.into()),
        ])
    };
    let lines = Array::of3(
        &line("close", "", 0.0, "line", 4.0, get("close"), decimals, "", "muted"),
        &line("equity", "equity", 1.0, "area", 2.5, get("equity"), 2, "", "line"),
        &line("drawdown", "drawdown", 2.0, "drawdown", 1.5, percent, 2, " %", "down"),
    );
    plot.set("lines", &lines);
}

/// The trades that lie in a window, as a range of their list (which is in closing order).
fn touching(trades: &[Trade], from: f64, to: f64) -> (usize, usize) {
    let first = trades.partition_point(|trade| time::to_millis(trade.exit_time) < from);
    let last = trades.partition_point(|trade| time::to_millis(trade.entry_time) <= to);
    (first, last.max(first))
}

fn markers(trade: &Trade) -> [JsValue; 2] {
    let (entry, exit) = if trade.size > 0.0 { ("buy", "sell") } else { ("sell", "buy") };
    let marker = |at, side: &str| object(&[("time", time::to_millis(at).into()), ("side", side.into())]);
    [marker(trade.entry_time, entry), marker(trade.exit_time, exit)]
}

/// The values at a point, at the end if there is none under the cursor.
fn values(done: &Done, hover: Option<usize>, decimals: usize) -> Option<impl IntoView + use<>> {
    let times = column(&done.columns, "time");
    let at = hover.or(times.len().checked_sub(1))?;
    let stamp = time::from_millis(*times.get(at)?);
    let value = |name: &str| column(&done.columns, name).get(at).copied().unwrap_or(f64::NAN);
    let (close, equity, drawdown) = (value("close"), value("equity"), value("drawdown") * 100.0);
    Some(view! {
        <time datetime=stamp.to_string()>{time::stamp(stamp)}</time>
        <span>"C " <b>{number::fixed(close, decimals)}</b></span>
        <span>"equity " <b>{number::fixed(equity, 2)}</b></span>
        <span>"drawdown " <b>{number::fixed(drawdown, 2)} " %"</b></span>
    })
}
