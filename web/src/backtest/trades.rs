//! The table of trades; only the rows in sight are drawn.

use engine::backtest::Trade;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::control::Control;
use crate::browser;
use crate::model::{number, time};

const ROW_PX: i32 = 24;
const ROWS_DRAWN: usize = 60;

/// Trades in closing order; choosing one moves the chart to it.
#[component]
pub(crate) fn Trades(control: Control, decimals: usize, file: String) -> impl IntoView {
    let trades = Memo::new(move |_| control.with(|done| done.info.report.trades.clone()).unwrap_or_default());
    let top = RwSignal::new(0_i32);
    let chosen = RwSignal::new(0_usize);
    let count = move || trades.with(Vec::len);
    let first = Memo::new(move |_| {
        ((top.get() / ROW_PX - 15).max(0) as usize / 10 * 10).min(count().saturating_sub(1))
    });
    let rows = move || {
        trades.with(|trades| {
            let drawn = trades.iter().enumerate().skip(first.get()).take(ROWS_DRAWN);
            drawn
                .map(|(index, trade)| view! { <Row control trade=trade.clone() index decimals chosen first /> })
                .collect_view()
        })
    };
    let above = move || format!("{}px", first.get() as i32 * ROW_PX);
    let below = move || format!("{}px", count().saturating_sub(first.get() + ROWS_DRAWN) as i32 * ROW_PX);
    let save =
        move |_| browser::download_text(&file, "text/csv", &trades.with_untracked(|trades| csv(trades)));
    let walk = move |event: web_sys::KeyboardEvent| {
        let last = trades.with_untracked(Vec::len).saturating_sub(1);
        let next = match event.key().as_str() {
            "ArrowDown" => chosen.get_untracked() + 1,
            "ArrowUp" => chosen.get_untracked().saturating_sub(1),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        chosen.set(next.min(last));
        go_to(chosen.get_untracked());
    };
    let open = move || control.with(|done| done.info.report.open_trades).unwrap_or(0);
    view! {
        <section class="trades" aria-labelledby="trades-title">
            <h2 id="trades-title">
                "Trades " <small data-test="trade-count">{move || number::count(count() as u64)}</small>
                {move || (open() > 0).then(|| view! { <small>", " {open()} " still open and not counted"</small> })}
                <button class="push" on:click=save>"Trades as CSV"</button>
            </h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of trades, arrows choose one" id="trades-scroll" on:keydown=walk on:scroll=move |event| top.set(event_target::<web_sys::Element>(&event).scroll_top())>
                <table class="grid" data-test="trades" aria-rowcount=move || count() + 1>
                    <thead><tr>
                        <th scope="col" class="num">"#"</th><th scope="col">"Side"</th><th scope="col" class="num">"Size"</th>
                        <th scope="col">"Entry (UTC)"</th><th scope="col" class="num">"Price"</th><th scope="col">"Exit (UTC)"</th><th scope="col" class="num">"Price"</th>
                        <th scope="col" class="num">"Bars"</th><th scope="col" class="num">"Fees"</th><th scope="col" class="num">"P/L net"</th><th scope="col" class="num">"Return [%]"</th>
                    </tr></thead>
                    <tbody>
                        <tr class="spacer" aria-hidden="true" style:height=above></tr>
                        {rows}
                        <tr class="spacer" aria-hidden="true" style:height=below></tr>
                    </tbody>
                </table>
                <p class="none" hidden=move || count() != 0>"No trade was closed."</p>
            </div>
        </section>
    }
}

/// Brings a trade into sight and gives it the focus; its row may have to be drawn first.
fn go_to(index: usize) {
    if let Some(scroll) = document().get_element_by_id("trades-scroll") {
        let row = index as i32 * ROW_PX;
        let height = scroll.client_height() - 2 * ROW_PX;
        scroll.set_scroll_top(scroll.scroll_top().clamp((row - height).max(0), row));
    }
    request_animation_frame(move || {
        request_animation_frame(move || {
            let button = document().get_element_by_id(&format!("trade-{index}"));
            if let Some(button) = button.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok()) {
                // A button that has just gone cannot be focused, which harms nothing.
                let _ = button.focus();
            }
        });
    });
}

#[component]
fn Row(
    control: Control,
    trade: Trade,
    index: usize,
    decimals: usize,
    /// The one trade that the Tab key reaches; arrows go on from there.
    chosen: RwSignal<usize>,
    first: Memo<usize>,
) -> impl IntoView {
    let reached = move || {
        let (chosen, first) = (chosen.get(), first.get());
        let in_sight = (first..first + ROWS_DRAWN).contains(&chosen);
        index == if in_sight { chosen } else { first }
    };
    let side = if trade.size > 0.0 { "long" } else { "short" };
    let class = if trade.pnl >= 0.0 { "num up" } else { "num down" };
    let (entry, exit) = (trade.entry_time, trade.exit_time);
    let show = move |_| {
        let (from, to) = (time::to_millis(entry), time::to_millis(exit));
        let around =
            ((to - from) * 2.0).max(control.with(|done| done.info.step as f64 / 1e6 * 60.0).unwrap_or(0.0));
        control.plot.show(from - around, to + around);
    };
    view! {
        <tr aria-rowindex=index + 2 on:click=show>
            <td class="num"><button class="link" id=format!("trade-{index}") tabindex=move || if reached() { "0" } else { "-1" }
                on:focus=move |_| chosen.set(index) aria-label=format!("Show trade {} in the chart", index + 1)>{number::count(index as u64 + 1)}</button></td>
            <td>{side}</td>
            <td class="num" title=number::plain(trade.size)>{number::fixed(trade.size.abs(), 4)}</td>
            <td>{time::minute(entry)}</td>
            <td class="num" title=number::plain(trade.entry_price)>{number::fixed(trade.entry_price, decimals)}</td>
            <td>{time::minute(exit)}</td>
            <td class="num" title=number::plain(trade.exit_price)>{number::fixed(trade.exit_price, decimals)}</td>
            <td class="num">{number::count(u64::from(trade.exit_bar.saturating_sub(trade.entry_bar)))}</td>
            <td class="num">{number::fixed(trade.commission, 2)}</td>
            <td class=class title=number::plain(trade.pnl)>{number::fixed(trade.pnl, 2)}</td>
            <td class=class title=number::plain(trade.return_pct * 100.0)>{number::fixed(trade.return_pct * 100.0, 2)}</td>
        </tr>
    }
}

fn csv(trades: &[Trade]) -> String {
    let mut out = String::from("entry_time,exit_time,size,entry_price,exit_price,commission,pnl,return\n");
    for trade in trades {
        let (entry, exit) = (trade.entry_time, trade.exit_time);
        let numbers =
            [trade.size, trade.entry_price, trade.exit_price, trade.commission, trade.pnl, trade.return_pct]
                .map(number::plain);
        out.push_str(&format!("{entry},{exit},{}\n", numbers.join(",")));
    }
    out
}
