//! The bar that shows how far long work has come.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::{ProgressBar, ProgressStyle};

use crate::commit::Run;

/// A progress bar on standard error.
pub(super) fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} ({elapsed})");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A run that moves the bar, and stops at Ctrl-C before its next step.
pub(super) fn watched(mut run: Run, bar: &ProgressBar) -> Run {
    let (bar, cancel) = (bar.clone(), run.cancel.clone());
    run.on_progress = Arc::new(move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("stopping …");
            cancel.store(true, Ordering::Relaxed);
        }
    });
    run
}
