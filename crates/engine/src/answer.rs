//! Answers: a request in, a protocol answer and its columns out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use backtest::{BacktestError, Market, Prices, Spec};
use bars::{
    BarColumns, BarType, Coverage, IntervalSet, TimeRange, UnixNanos, coarsest_step, coverage, resample,
};
use catalog::{
    Columns, Error, ErrorKind, Fetch, Head, Query, Result, SeriesEntry, SeriesManifest, SeriesTable,
    Snapshot, names, plan,
};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::Source;
use crate::drive::drive;
use crate::protocol::{Answer, BacktestInfo, BarsInfo, CatalogInfo, CoverageInfo, Op, QueryInfo, SeriesInfo};
use crate::query::Question;

/// A column of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedColumn {
    /// Its name in the protocol.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<f64>,
}

/// Decoded bars that are kept for the next request of the same series.
const KEPT_BARS: usize = 2_000_000;

/// The engine: an open catalog, its manifests, and the bars it decoded last.
#[derive(Default)]
pub struct Engine {
    open: RefCell<Option<Rc<Opened>>>,
}

struct Opened {
    url: String,
    snapshot: Snapshot,
    series: Vec<SeriesEntry>,
    manifests: RefCell<HashMap<BarType, Rc<SeriesManifest>>>,
    kept: RefCell<Option<Kept>>,
}

/// Bars of one series, all that close in `range`.
struct Kept {
    series: BarType,
    range: TimeRange,
    bars: Rc<BarColumns<f64>>,
}

impl Engine {
    /// Answers one request; `source` reads from the catalog that an [`Op::Open`] names.
    ///
    /// # Errors
    /// What a user is shown.
    pub async fn answer(&self, op: Op, source: &impl Source) -> Result<(Answer, Vec<NamedColumn>)> {
        match op {
            Op::Open { catalog, snapshot } => {
                let opened = Rc::new(open(catalog, snapshot, source).await?);
                let info = opened.info();
                *self.open.borrow_mut() = Some(opened);
                Ok((Answer::Open(info), Vec::new()))
            }
            Op::Coverage { series } => {
                let (coverage, _) = self.opened()?.coverage(&series, source).await?;
                Ok((Answer::Coverage(CoverageInfo { series, coverage }), Vec::new()))
            }
            Op::Bars { series, range, step, max_bars } => {
                self.opened()?.bars_answer(series, range, step, max_bars, source).await
            }
            Op::Query(op) => {
                let question = Question::new(&op)?;
                self.opened()?.query_answer(op.series, op.range, &question, source).await
            }
            Op::Backtest { series, range, step, spec, max_points } => {
                self.opened()?.backtest_answer(series, range, step, &spec, max_points, source).await
            }
        }
    }

    /// The root of the open catalog.
    pub fn catalog(&self) -> Option<String> {
        self.open.borrow().as_ref().map(|opened| opened.url.clone())
    }

    fn opened(&self) -> Result<Rc<Opened>> {
        self.open
            .borrow()
            .clone()
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "no catalog is open").then("open one first"))
    }
}

async fn open(url: String, number: Option<u64>, source: &impl Source) -> Result<Opened> {
    let head = Head::decode(&source.fresh(names::HEAD).await?)?;
    let snapshot = match number.filter(|number| *number != head.snapshot.number) {
        None => head.snapshot,
        Some(number) => {
            let key = names::snapshot(number);
            let bytes =
                source.fresh(&key).await.map_err(|error| no_snapshot(error, number, head.snapshot.number))?;
            Snapshot::decode(&key, &bytes)?
        }
    };
    let series = match &snapshot.table {
        SeriesTable::Inline(entries) => entries.clone(),
        SeriesTable::Shards(shards) => {
            let read = |shard: catalog::ShardRef| async move {
                SeriesTable::decode_shard(&shard, &source.read(&Fetch::whole(&shard.object)).await?)
            };
            let parts: Vec<Result<Vec<SeriesEntry>>> =
                shards.iter().cloned().map(read).collect::<FuturesUnordered<_>>().collect().await;
            let mut series = parts.into_iter().collect::<Result<Vec<_>>>()?.concat();
            series.sort_by(|left, right| left.bar_type.cmp(&right.bar_type));
            series
        }
    };
    Ok(Opened { url, snapshot, series, manifests: RefCell::default(), kept: RefCell::default() })
}

fn no_snapshot(error: Error, wanted: u64, newest: u64) -> Error {
    if error.kind != ErrorKind::NotFound {
        return error;
    }
    Error::new(ErrorKind::NotFound, format!("the catalog does not have snapshot {wanted}"))
        .because(format!("its newest is {newest}; older ones are kept only for a while"))
        .then("open the newest one: remove `snap=` from the address")
}

impl Opened {
    fn info(&self) -> CatalogInfo {
        let series = |entry: &SeriesEntry| SeriesInfo {
            bar_type: entry.bar_type.clone(),
            rows: entry.rows,
            first: entry.first,
            last: entry.last,
            size_bytes: entry.size_bytes,
            partitions: entry.partitions,
            price_precision: entry.price_precision,
            size_precision: entry.size_precision,
            source: entry.source.clone(),
            note: entry.note.clone(),
            calendar: entry.calendar.map(|calendar| calendar.to_string()),
            expected: entry.expected,
            interval: entry.bar_type.spec.interval(),
            profile: entry.profile.as_str().to_owned(),
        };
        CatalogInfo {
            url: self.url.clone(),
            snapshot: self.snapshot.number,
            committed: self.snapshot.committed,
            // An overview is drawn in place of its series, not listed beside it.
            series: self.series.iter().filter(|entry| !entry.overview).map(series).collect(),
        }
    }

    fn entry(&self, series: &BarType) -> Result<&SeriesEntry> {
        self.series.iter().find(|entry| entry.bar_type == *series).ok_or_else(|| {
            let known: Vec<String> =
                self.series.iter().take(5).map(|entry| format!("`{}`", entry.bar_type)).collect();
            Error::new(ErrorKind::NotFound, format!("the catalog has no series {series}"))
                .because(format!("it has {} series, among them {}", self.series.len(), known.join(", ")))
                .then("choose a series in the Catalog view")
        })
    }

    async fn manifest(&self, series: &BarType, source: &impl Source) -> Result<Rc<SeriesManifest>> {
        let known = self.manifests.borrow().get(series).cloned();
        if let Some(manifest) = known {
            return Ok(manifest);
        }
        let object = &self.entry(series)?.manifest;
        let bytes = source.read(&Fetch::whole(object)).await?;
        object.verify(&bytes)?;
        let manifest = Rc::new(SeriesManifest::decode(&object.key, bytes)?);
        self.manifests.borrow_mut().insert(series.clone(), Rc::clone(&manifest));
        Ok(manifest)
    }

    /// Coverage from the manifest, and the time that bars span.
    async fn coverage(&self, series: &BarType, source: &impl Source) -> Result<(Coverage, IntervalSet)> {
        let manifest = self.manifest(series, source).await?;
        let present = manifest.present();
        let calendar = self.entry(series)?.calendar;
        let found = match series.spec.interval() {
            Some(interval) => coverage(&present, &manifest.confirmed_empty, interval, calendar.as_ref()),
            None => Coverage::default(),
        };
        Ok((found, present))
    }

    async fn bars_answer(
        &self,
        series: BarType,
        range: Option<TimeRange>,
        step: Option<i64>,
        max_bars: u32,
        source: &impl Source,
    ) -> Result<(Answer, Vec<NamedColumn>)> {
        let window = self.window(&series, range)?;
        let step = checked_step(&series, step)?;
        let (coverage, present) = self.coverage(&series, source).await?;
        // What counts is the time that bars span, not the wall clock: nights and weekends take no room on a chart.
        let traded = present.intersect(&[window.opens].into_iter().collect()).nanos();
        let limit = max_bars.clamp(1, 1_000_000);
        let finest = coarsest_step(window.interval, traded, limit);
        let bars = self.bars(&series, &window, source).await?;
        let mut chosen = step.unwrap_or(finest).max(window.interval);
        let mut out = at_step(&bars, window.interval, chosen);
        while out.0.len() > limit as usize && window.interval > 0 {
            chosen = coarsest_step(window.interval, chosen.saturating_mul(2), 1);
            out = at_step(&bars, window.interval, chosen);
        }
        let (drawn, counts) = out;
        let gaps = coverage.gaps.into_iter().filter_map(|gap| {
            let range = gap.range.intersect(&window.opens);
            let share = |range: TimeRange| range.nanos() / window.interval.max(1);
            (!range.is_empty()).then(|| bars::Gap { range, missing: share(range).max(1) as u64 })
        });
        let info = BarsInfo {
            series,
            range: window.opens,
            step: chosen,
            coarsened: step.is_some_and(|step| chosen > step),
            stored_bars: bars.len() as u64,
            bars: drawn.len() as u32,
            gaps: gaps.collect(),
        };
        let count = counts.into_iter().map(f64::from).collect();
        let time = millis(&opens(&drawn, chosen));
        let columns = [
            ("time", time),
            ("open", drawn.open),
            ("high", drawn.high),
            ("low", drawn.low),
            ("close", drawn.close),
            ("volume", drawn.volume),
            ("count", count),
        ];
        Ok((
            Answer::Bars(info),
            columns.into_iter().map(|(name, values)| NamedColumn { name, values }).collect(),
        ))
    }

    async fn query_answer(
        &self,
        series: BarType,
        range: Option<TimeRange>,
        question: &Question,
        source: &impl Source,
    ) -> Result<(Answer, Vec<NamedColumn>)> {
        let window = self.window(&series, range)?;
        let plan = plan(&*self.manifest(&series, source).await?, question.query(window.closes()))?;
        let (partitions_pruned, row_groups_pruned) =
            (plan.partitions_pruned as u64, plan.row_groups_pruned as u64);
        let mut found = question.nothing();
        let traffic = drive(plan, &self.snapshot.transaction, source, |rows| {
            found.add(&rows.columns(question.reads())?, rows.count(), window.interval);
            Ok(())
        })
        .await?;
        let info = QueryInfo {
            series,
            range: window.opens,
            rows: found.rows,
            totals: found.totals(),
            fetches: traffic.fetches,
            bytes: traffic.bytes,
            partitions_pruned,
            row_groups_pruned,
        };
        Ok((Answer::Query(info), found.columns))
    }

    async fn backtest_answer(
        &self,
        series: BarType,
        range: Option<TimeRange>,
        step: Option<i64>,
        spec: &Spec,
        max_points: u32,
        source: &impl Source,
    ) -> Result<(Answer, Vec<NamedColumn>)> {
        let window = self.window(&series, range)?;
        let step = checked_step(&series, step)?.unwrap_or(window.interval);
        let (coverage, _) = self.coverage(&series, source).await?;
        let bars = self.bars(&series, &window, source).await?;
        if bars.is_empty() {
            return Err(self.nothing_in(&series, &window));
        }
        let (traded, _) = at_step(&bars, window.interval, step);
        let times = opens(&traded, step);
        let prices = Prices {
            times: &times,
            open: &traded.open,
            high: &traded.high,
            low: &traded.low,
            close: &traded.close,
            volume: &traded.volume,
        };
        let mut report = reported(prices, spec, self.entry(&series)?.calendar.as_ref()).map_err(refused)?;
        let missing =
            |gap: &bars::Gap| (gap.range.intersect(&window.opens).nanos() / window.interval.max(1)) as u64;
        let missing_bars = coverage.expected.map(|_| coverage.gaps.iter().map(missing).sum());
        // Fills are not drawn: the trades are.
        report.executions = Vec::new();
        let (equity, drawdown) = (std::mem::take(&mut report.equity), std::mem::take(&mut report.drawdown));
        let kept = thinned(&equity, max_points);
        let take = |values: &[f64]| kept.iter().map(|row| values[*row]).collect::<Vec<f64>>();
        let all_times = millis(&times);
        let columns = [
            ("time", take(&all_times)),
            ("close", take(&traded.close)),
            ("equity", take(&equity)),
            ("drawdown", take(&drawdown)),
        ];
        let info = BacktestInfo {
            series,
            range: window.opens,
            step,
            bars: traded.len() as u64,
            missing_bars,
            report,
        };
        Ok((
            Answer::Backtest(info),
            columns.into_iter().map(|(name, values)| NamedColumn { name, values }).collect(),
        ))
    }

    /// The wanted opens clipped to what the series holds, and the bars' interval.
    fn window(&self, series: &BarType, range: Option<TimeRange>) -> Result<Window> {
        let entry = self.entry(series)?;
        let interval = series.spec.interval().unwrap_or(0);
        // The last bar opens before its close, so the close ends the range of opens; a bar without an interval opens at its stamp.
        let end = if interval > 0 { entry.last } else { entry.last.plus(1) };
        let held = TimeRange::new(entry.first.plus(-interval), end);
        let opens = range.unwrap_or(held).intersect(&held);
        let window = Window {
            opens: if opens.is_empty() { TimeRange::new(held.start, held.start) } else { opens },
            interval,
        };
        if opens.is_empty() {
            Err(self.nothing_in(series, &Window { opens: range.unwrap_or(held), interval }))
        } else {
            Ok(window)
        }
    }

    fn nothing_in(&self, series: &BarType, window: &Window) -> Error {
        let error = Error::new(ErrorKind::NotFound, format!("no bars of {series} from {}", window.opens));
        match self.entry(series) {
            Ok(entry) => error
                .because(format!("the catalog holds bars that close from {} to {}", entry.first, entry.last))
                .then("choose a range inside"),
            Err(_) => error,
        }
    }

    /// Stored bars that open in the window, as decoded last time if that covers it.
    async fn bars(
        &self,
        series: &BarType,
        window: &Window,
        source: &impl Source,
    ) -> Result<Rc<BarColumns<f64>>> {
        let closes = window.closes();
        if let Some(bars) = self.kept(series, closes) {
            return Ok(bars);
        }
        let manifest = self.manifest(series, source).await?;
        let query = Query { range: closes, columns: Columns::CHART, ..Query::default() };
        let plan = plan(&manifest, query)?;
        let mut bars = BarColumns::with_capacity(0);
        drive(plan, &self.snapshot.transaction, source, |rows| {
            append(&mut bars, rows.columns(Columns::CHART)?);
            Ok(())
        })
        .await?;
        let bars = Rc::new(bars);
        if bars.len() <= KEPT_BARS {
            *self.kept.borrow_mut() =
                Some(Kept { series: series.clone(), range: closes, bars: Rc::clone(&bars) });
        }
        Ok(bars)
    }

    fn kept(&self, series: &BarType, closes: TimeRange) -> Option<Rc<BarColumns<f64>>> {
        let kept = self.kept.borrow();
        let kept = kept.as_ref().filter(|kept| {
            kept.series == *series && kept.range.start <= closes.start && kept.range.end >= closes.end
        })?;
        let rows = kept.bars.rows_in(closes);
        if rows == (0..kept.bars.len()) {
            return Some(Rc::clone(&kept.bars));
        }
        let mut part = BarColumns::with_capacity(rows.len());
        let stamps = kept.bars.ts_init[rows.clone()].to_vec();
        part.ts_init = stamps;
        for (column, from) in part.prices_mut().into_iter().zip(kept.bars.prices()) {
            column.extend_from_slice(&from[rows.clone()]);
        }
        Some(Rc::new(part))
    }
}

/// Opens of the bars that are meant, and the bars' interval (0 if it varies).
struct Window {
    opens: TimeRange,
    interval: i64,
}

impl Window {
    /// Closes of the bars that open in it.
    fn closes(&self) -> TimeRange {
        TimeRange::new(self.opens.start.plus(self.interval), self.opens.end.plus(self.interval))
    }
}

/// What the backtest refuses; a rule is shown with carets below the wrong word.
fn refused(error: BacktestError) -> Error {
    match error {
        BacktestError::Rule { field, error } => {
            let what = format!("`{field}` is wrong: {}", error.what);
            Error { what, ..Error::from(error) }
        }
        other => Error::new(ErrorKind::InvalidInput, other.to_string()),
    }
}

fn append(bars: &mut BarColumns<f64>, mut part: BarColumns<f64>) {
    bars.ts_init.append(&mut part.ts_init);
    for (column, from) in bars.prices_mut().into_iter().zip(part.prices_mut()) {
        column.append(from);
    }
}

fn checked_step(series: &BarType, step: Option<i64>) -> Result<Option<i64>> {
    match (step, series.spec.interval()) {
        (None, _) => Ok(None),
        (Some(step), Some(interval)) if step >= interval && step % interval == 0 => Ok(Some(step)),
        (Some(_), _) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("bars of {series} cannot be shown at that size"))
                .because("the size must be a multiple of the stored one")
                .then("choose a larger bar size"))
        }
    }
}

/// Bars at a step, and how many stored ones each was made of.
fn at_step(bars: &BarColumns<f64>, interval: i64, step: i64) -> (BarColumns<f64>, Vec<u32>) {
    if step == interval || interval == 0 {
        return (bars.clone(), vec![1; bars.len()]);
    }
    // Weeks start on Monday; day zero was a Thursday.
    let anchor = if step % (7 * bars::DAY) == 0 { 4 * bars::DAY } else { 0 };
    let resampled = resample(bars, interval, step, anchor);
    (resampled.bars, resampled.counts)
}

fn opens(bars: &BarColumns<f64>, step: i64) -> Vec<i64> {
    bars.ts_init.iter().map(|close| close - step).collect()
}

fn millis(stamps: &[i64]) -> Vec<f64> {
    stamps.iter().map(|stamp| UnixNanos(*stamp).as_millis() as f64).collect()
}

/// A run over bars, told which of them are missing where a calendar says what to expect: as the command line reports it.
fn reported(
    prices: Prices<'_>,
    spec: &Spec,
    calendar: Option<&bars::Calendar>,
) -> std::result::Result<backtest::Report, BacktestError> {
    let mut market = Market::new(prices)?;
    match calendar {
        Some(calendar) => market.with_calendar(calendar).run(spec),
        None => market.run(spec),
    }
}

/// Rows to draw a curve with: of every stretch its lowest and its highest, so that no peak or trough is lost.
fn thinned(values: &[f64], max_points: u32) -> Vec<usize> {
    let max_points = max_points.max(4) as usize;
    if values.len() <= max_points {
        return (0..values.len()).collect();
    }
    let stretch = values.len().div_ceil(max_points / 2);
    let mut rows = vec![0];
    for start in (0..values.len()).step_by(stretch) {
        let part = start..(start + stretch).min(values.len());
        let by_value = |left: &usize, right: &usize| values[*left].total_cmp(&values[*right]);
        rows.extend(part.clone().min_by(by_value));
        rows.extend(part.max_by(by_value));
    }
    rows.push(values.len() - 1);
    rows.sort_unstable();
    rows.dedup();
    rows
}
