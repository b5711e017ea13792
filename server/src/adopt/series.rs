//! One series of an adoption: the files that can be of one series, and what is lost with those that are gone.

use std::collections::{BTreeMap, BTreeSet};

use bars::{BarType, Calendar, IntervalSet, TimeRange};
use catalog::{Change, PartitionEntry, Profile, Result, SeriesEntry, SeriesFacts, WriteOptions};

use super::known::Known;
use super::{AdoptOptions, AdoptedSeries, Adoption, Candidate, LostBars};
use crate::foreign::examine_file;
use crate::store::Store;

/// Decides what becomes of one series: which files join, which are forgotten, and what is lost with them.
pub(super) async fn plan_series(
    store: &Store,
    known: &Known,
    plan: &mut Adoption,
    bar_type: BarType,
    candidates: Vec<Candidate>,
    gone: &BTreeSet<String>,
    options: &AdoptOptions,
) -> Result<()> {
    let remaining: Vec<PartitionEntry> = known.remaining(&bar_type, gone).cloned().collect();
    let stored = known.series.get(&bar_type);
    let candidates =
        one_profile(plan, candidates, stored.map(|(entry, _)| entry).filter(|_| !remaining.is_empty()));
    let accepted = disjoint(store, plan, candidates, &remaining).await?;
    if accepted.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let left: Vec<&PartitionEntry> =
        stored.iter().flat_map(|(_, files)| files).filter(|file| gone.contains(&file.object.key)).collect();
    let now: Vec<&PartitionEntry> = remaining.iter().chain(accepted.iter().map(|file| &file.entry)).collect();
    let options = facts(&bar_type, &accepted, stored.map(|(entry, _)| entry), !remaining.is_empty(), options);
    plan.series.push(AdoptedSeries {
        bar_type: bar_type.clone(),
        profile: options.options.profile,
        files_added: accepted.len() as u64,
        rows_added: accepted.iter().map(|file| file.entry.rows).sum(),
        files_gone: gone.iter().cloned().collect(),
        rows_gone: left.iter().map(|file| file.rows).sum(),
        first: accepted.iter().map(|file| file.entry.first).min(),
        last: accepted.iter().map(|file| file.entry.last).max(),
        lost: lost_bars(&bar_type, &left, &now),
    });
    let files = accepted.into_iter().map(|file| file.entry).collect();
    plan.changes.push(Change::Adopt { bar_type, files, gone: gone.clone(), facts: options });
    Ok(())
}

/// The files that can be of one series: DuckDB silently misreads a mixture of decimal scales.
fn one_profile(
    plan: &mut Adoption,
    mut candidates: Vec<Candidate>,
    stored: Option<&SeriesEntry>,
) -> Vec<Candidate> {
    candidates.sort_by_key(|file| std::cmp::Reverse(file.entry.rows));
    let compact =
        |profile: Profile, price: u8, size: u8| (profile == Profile::Compact).then_some((price, size));
    let wanted = match (stored, candidates.first()) {
        (Some(entry), _) => compact(entry.profile, entry.price_precision, entry.size_precision),
        (None, Some(file)) => compact(file.profile, file.price_precision, file.size_precision),
        (None, None) => None,
    };
    let (fitting, others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|file| compact(file.profile, file.price_precision, file.size_precision) == wanted);
    for file in others {
        let reason = "its decimals are stored in another way than those of the series' other files, and some readers misread such a mixture";
        plan.refuse(&file.entry.object.key, reason);
    }
    fitting
}

/// The files that share no time with others: stored ones first, then the largest.
async fn disjoint(
    store: &Store,
    plan: &mut Adoption,
    candidates: Vec<Candidate>,
    remaining: &[PartitionEntry],
) -> Result<Vec<Candidate>> {
    let overlaps =
        |left: &PartitionEntry, right: &PartitionEntry| left.first <= right.last && right.first <= left.last;
    let mut accepted: Vec<Candidate> = Vec::new();
    for file in candidates {
        let taken = remaining.iter().chain(accepted.iter().map(|other| &other.entry));
        let in_the_way: Vec<String> = taken
            .filter(|other| overlaps(other, &file.entry))
            .map(|other| other.object.key.clone())
            .collect();
        if in_the_way.is_empty() {
            accepted.push(file);
        } else {
            let reason = compare_bars(store, &file.entry.object.key, &in_the_way).await?;
            plan.refuse(&file.entry.object.key, reason);
        }
    }
    accepted.sort_by_key(|file| file.entry.first);
    Ok(accepted)
}

/// How the bars of a file relate to those of the files it overlaps.
async fn compare_bars(store: &Store, key: &str, others: &[String]) -> Result<String> {
    let file = examine_file(store, key).await?.bars;
    let mut stored = BTreeMap::new();
    for other in others {
        let bars = examine_file(store, other).await?.bars;
        stored.extend((0..bars.len()).map(|row| (bars.ts_init[row], bars.bar(row))));
    }
    let (mut equal, mut different, mut only_here) = (0, 0, 0);
    for row in 0..file.len() {
        match stored.get(&file.ts_init[row]) {
            Some(bar) if *bar == file.bar(row) => equal += 1,
            Some(_) => different += 1,
            None => only_here += 1,
        }
    }
    Ok(format!(
        "it overlaps `{}`, so that NautilusTrader reads bars twice: {equal} of its bars are equal there, {different} differ, {only_here} are only here",
        others.join("`, `")
    ))
}

fn facts(
    bar_type: &BarType,
    accepted: &[Candidate],
    stored: Option<&SeriesEntry>,
    keeps_files: bool,
    options: &AdoptOptions,
) -> SeriesFacts {
    let kept = stored.filter(|_| keeps_files || accepted.is_empty());
    let profiles =
        kept.map(|entry| entry.profile).into_iter().chain(accepted.iter().map(|file| file.profile));
    // One old file suffices: no program sees all of a series in both directories.
    let profile = profiles.fold(None, |chosen, profile| match chosen {
        Some(Profile::NautilusV1) => chosen,
        _ => Some(profile),
    });
    let most = |of_file: fn(&Candidate) -> u8, of_entry: fn(&SeriesEntry) -> u8| {
        kept.map(of_entry).into_iter().chain(accepted.iter().map(of_file)).max().unwrap_or_default()
    };
    let source = match (&options.source, stored) {
        (Some(source), _) => source.clone(),
        (None, Some(_)) => String::new(),
        (None, None) => "files of NautilusTrader, adopted".to_owned(),
    };
    let known_calendar = stored.and_then(|entry| entry.calendar);
    let guessed = || Calendar::of_venue(bar_type.instrument.venue());
    SeriesFacts {
        source,
        note: options.note.clone().unwrap_or_default(),
        calendar: options.calendar.or(known_calendar).or_else(guessed),
        options: WriteOptions {
            profile: profile.unwrap_or_default(),
            price_precision: most(|file| file.price_precision, |entry| entry.price_precision),
            size_precision: most(|file| file.size_precision, |entry| entry.size_precision),
            ..WriteOptions::default()
        },
    }
}

/// Time that only files which are gone held.
fn lost_bars(bar_type: &BarType, gone: &[&PartitionEntry], now: &[&PartitionEntry]) -> Vec<LostBars> {
    if let Some(interval) = bar_type.spec.interval() {
        let span = |files: &[&PartitionEntry]| -> IntervalSet {
            files.iter().flat_map(|file| file.present.ranges()).copied().collect()
        };
        let lost = span(gone).subtract(&span(now));
        let count = |range: &TimeRange| u64::try_from(range.nanos() / interval).ok();
        return lost.ranges().iter().map(|range| LostBars { range: *range, bars: count(range) }).collect();
    }
    let lost = gone.iter().filter_map(|file| {
        let inside: Vec<_> =
            now.iter().filter(|other| other.first <= file.last && file.first <= other.last).collect();
        let rows: u64 = inside.iter().map(|other| other.rows).sum();
        let range = TimeRange::new(file.first, file.last.plus(1));
        // As many or more bars in files that hold all of that time are the same ones, as far as can be told.
        let covers = inside.iter().any(|other| other.first <= file.first && other.last >= file.last);
        (!covers || rows < file.rows)
            .then(|| LostBars { range, bars: inside.is_empty().then_some(file.rows) })
    });
    lost.collect()
}
