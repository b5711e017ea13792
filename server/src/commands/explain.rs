//! `barkeep query --explain`: what a query would read.

use bars::{TimeRange, UnixNanos};
use serde_json::{Value, json};

use crate::output::{bytes_text, count_text, say};
use crate::query::{Prepared, Wanted};

/// Prints the plans for people.
pub fn print(series: &[Prepared<'_>], wanted: &Wanted) {
    for (at, prepared) in series.iter().enumerate() {
        if at > 0 {
            say!("");
        }
        print_one(prepared, wanted);
    }
    if series.len() > 1 {
        let requests: usize = series.iter().map(|prepared| prepared.plan.requests()).sum();
        let bytes: u64 = series.iter().map(|prepared| prepared.plan.bytes).sum();
        say!("\nin all      {}, {} to fetch", requests_text(requests), bytes_text(bytes));
    }
}

fn print_one(prepared: &Prepared<'_>, wanted: &Wanted) {
    let (plan, entry) = (&prepared.plan, prepared.entry);
    say!("series      {}", entry.bar_type);
    if prepared.bar_type != entry.bar_type {
        say!("made into   {}", prepared.bar_type);
    }
    say!("closes      {} (held: {} to {})", range_text(plan.query.range), entry.first, entry.last);
    if let Some(filter) = &plan.query.filter {
        say!("where       {}", filter.text());
    }
    if let Some(calendar) = &plan.query.session {
        say!("sessions    {calendar}");
    }
    say!("partitions  {} kept, {} pruned", plan.partitions.len(), plan.partitions_pruned);
    let whole = whole_files(prepared);
    let note = match whole {
        0 => String::new(),
        1 => " (a small file is fetched whole)".to_owned(),
        _ => format!(" ({whole} small files are fetched whole)"),
    };
    say!("row groups  {} kept, {} pruned{note}", plan.row_groups_kept(), plan.row_groups_pruned);
    say!("columns     {}", columns_read(prepared).join(", "));
    let tested = match plan.partitions.iter().filter(|partition| partition.is_filtered()).count() {
        0 => "none of them has to be tested".to_owned(),
        filtered => format!("those of {filtered} partitions are tested"),
    };
    say!("rows        at most {} are decoded, {tested}", count_text(rows_read(prepared)));
    say!(
        "to fetch    {}, {} of {}",
        requests_text(plan.requests()),
        bytes_text(plan.bytes),
        bytes_text(entry.size_bytes)
    );
    if prepared.may_stop_early(wanted) {
        say!("            or less: reading stops when the limit is reached");
    }
}

fn range_text(range: TimeRange) -> String {
    let start = (range.start > UnixNanos::MIN).then(|| format!("from {}", range.start));
    let end = (range.end < UnixNanos::MAX).then(|| format!("before {}", range.end));
    match (start, end) {
        (None, None) => "any".to_owned(),
        (start, end) => start.into_iter().chain(end).collect::<Vec<_>>().join(" and "),
    }
}

fn requests_text(requests: usize) -> String {
    if requests == 1 { "1 request".to_owned() } else { format!("{} requests", count_text(requests as u64)) }
}

/// The plans for programs.
pub fn json(series: &[Prepared<'_>], wanted: &Wanted) -> Value {
    let one = |prepared: &Prepared<'_>| {
        let (plan, entry) = (&prepared.plan, prepared.entry);
        let files = plan.partitions.iter().map(|partition| {
            let ranges = partition.fetches.iter().map(|fetch| json!([fetch.range.start, fetch.range.end]));
            json!({
                "key": partition.entry.object.key, "row_groups": partition.row_groups, "rows": partition.rows_read(),
                "columns": partition.columns.names().collect::<Vec<_>>(), "filtered": partition.is_filtered(),
                "ranges": ranges.collect::<Vec<_>>(),
            })
        });
        json!({
            "bar_type": entry.bar_type, "result": prepared.bar_type,
            "start": plan.query.range.start, "end": plan.query.range.end,
            "where": plan.query.filter.as_ref().map(|filter| filter.text()), "session": plan.query.session,
            "partitions_kept": plan.partitions.len(), "partitions_pruned": plan.partitions_pruned,
            "row_groups_kept": plan.row_groups_kept(), "row_groups_pruned": plan.row_groups_pruned,
            "whole_files": whole_files(prepared), "columns": columns_read(prepared), "rows_at_most": rows_read(prepared),
            "requests": plan.requests(), "bytes": plan.bytes, "series_bytes": entry.size_bytes,
            "may_stop_early": prepared.may_stop_early(wanted), "files": files.collect::<Vec<_>>(),
        })
    };
    let sum = |of: fn(&Prepared<'_>) -> u64| series.iter().map(of).sum::<u64>();
    json!({
        "series": series.iter().map(one).collect::<Vec<_>>(),
        "requests": sum(|prepared| prepared.plan.requests() as u64), "bytes": sum(|prepared| prepared.plan.bytes),
    })
}

fn whole_files(prepared: &Prepared<'_>) -> usize {
    prepared.plan.partitions.iter().filter(|partition| partition.row_groups.is_none()).count()
}

fn rows_read(prepared: &Prepared<'_>) -> u64 {
    prepared.plan.partitions.iter().map(|partition| partition.rows_read()).sum()
}

/// Columns that are read of some file.
fn columns_read(prepared: &Prepared<'_>) -> Vec<&'static str> {
    let partitions = prepared.plan.partitions.iter();
    let read = partitions.map(|partition| partition.columns).reduce(|read, columns| read.and(columns));
    read.map(|columns| columns.names().collect()).unwrap_or_default()
}
