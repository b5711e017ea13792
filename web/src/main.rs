//! The research pages: catalog, chart and backtest, drawn in the browser.
//!
//! All state is in the URL fragment ([`model::fragment`]); all data comes from the engine's worker ([`worker`]) by messages. What
//! reads Parquet, fetches or computes is not here.

#![expect(unreachable_pub, reason = "the component macro makes its builders public")]

mod app;
mod backtest;
mod browser;
mod catalog;
mod chart;
mod message;
mod model;
mod parts;
mod shell;
mod worker;

fn main() {
    console_error_panic_hook::set_once();
    app::mount();
}
