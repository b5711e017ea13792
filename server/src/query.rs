//! What a user wants of one or several series, and what that means for each of them.

use ::catalog::{
    Columns, Error, ErrorKind, Filter, Order, Plan, Query, Result, SeriesEntry, SeriesManifest, plan,
};
use bars::{
    BarSpec, BarType, Calendar, Composite, DAY, Decimal, Grid, ParseError, Resampler, Source, TimeRange,
};

use crate::catalog::Catalog;
use crate::merge::{Merge, SeriesStream};

/// Bytes of partitions that all series together may have in memory at once.
const SCAN_BUDGET_BYTES: u64 = 16 << 20;

/// What is wanted, of every series alike.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Closes of the stored bars.
    pub range: TimeRange,
    /// Columns to return.
    pub columns: Columns,
    /// What stored bars must fulfil.
    pub filter: Option<Filter>,
    /// Which sessions they must lie in.
    pub session: Option<SessionChoice>,
    /// Bars to make of them.
    pub resample: Option<Resample>,
    /// The most bars to return, of all series together.
    pub limit: Option<u64>,
    /// Their order.
    pub order: Order,
}

/// Whose sessions.
#[derive(Clone, Debug)]
pub enum SessionChoice {
    /// Those of the series' own calendar.
    Regular,
    /// Those of this calendar.
    Of(Calendar),
}

impl Prepared<'_> {
    /// Whether the limit may be reached before all that is planned is read.
    pub fn may_stop_early(&self, wanted: &Wanted) -> bool {
        wanted.limit.is_some() && (self.plan.may_stop_early() || self.plan.query.limit.is_none())
    }
}

impl std::str::FromStr for SessionChoice {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "regular" { Ok(Self::Regular) } else { text.parse().map(Self::Of) }
    }
}

/// Coarser bars.
#[derive(Clone, Copy, Debug)]
pub struct Resample {
    /// Their size; the price is that of the series.
    pub size: BarSpec,
    /// Where their intervals begin.
    pub align: Align,
}

/// Where the intervals of coarser bars begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Align {
    /// At whole multiples of the size by the UTC clock; weeks on Monday
    Clock,
    /// At each session's open; the last interval ends with the session
    Session,
}

/// What is read of one series.
pub struct Prepared<'a> {
    /// The series.
    pub entry: &'a SeriesEntry,
    /// What it is called in the answer: its own bar type, or that of the coarser bars.
    pub bar_type: BarType,
    /// What will be read.
    pub plan: Plan,
    resampling: Option<Resampling>,
}

struct Resampling {
    base: i64,
    step: i64,
    grid: Grid,
}

/// Plans what is wanted of a series. Nothing of its bars is read.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no such series, [`ErrorKind::InvalidInput`] if it has no calendar whose sessions are meant,
/// or bars of a size that cannot be made of it.
pub async fn prepare<'a>(catalog: &'a Catalog, bar_type: &BarType, wanted: &Wanted) -> Result<Prepared<'a>> {
    let entry = catalog.entry(bar_type)?;
    let manifest = catalog.manifest(bar_type).await?;
    let by_session = wanted.resample.is_some_and(|resample| resample.align == Align::Session);
    let session = match &wanted.session {
        None if by_session => Some(calendar(entry, &SessionChoice::Regular)?),
        None => None,
        Some(choice) => Some(calendar(entry, choice)?),
    };
    let resampling = match &wanted.resample {
        None => None,
        Some(resample) => Some(resampling(&manifest, resample, wanted.range, session.as_ref())?),
    };
    let query = Query {
        range: wanted.range,
        // Rows are counted and merged by their stamps.
        columns: if resampling.is_some() { Columns::ALL } else { wanted.columns.and(Columns::TS_INIT) },
        filter: wanted.filter.clone(),
        session,
        limit: wanted.limit.and_then(|limit| stored_limit(limit, resampling.as_ref())),
        order: wanted.order,
    };
    let bar_type = match &wanted.resample {
        Some(resample) => coarser(bar_type, resample.size),
        None => bar_type.clone(),
    };
    Ok(Prepared { entry, bar_type, plan: plan(&manifest, query)?, resampling })
}

/// The bars of all series in the order of their stamps.
pub fn stream<'a>(catalog: &'a Catalog, series: Vec<Prepared<'a>>, wanted: &Wanted) -> Merge<'a> {
    let count = series.len().max(1) as u64;
    let streams = series.into_iter().map(|series| {
        let stops_early = wanted.limit.is_some() && series.plan.query.limit.is_none();
        let budget = if stops_early { SCAN_BUDGET_BYTES / 8 } else { SCAN_BUDGET_BYTES };
        let newest_first = wanted.order == Order::NewestFirst;
        let resampler = series
            .resampling
            .map(|Resampling { base, step, grid }| Resampler::<Decimal>::new(base, step, grid, newest_first));
        SeriesStream::new(catalog, series.plan, resampler, budget / count)
    });
    Merge::new(streams.collect(), wanted.order, wanted.limit)
}

fn calendar(entry: &SeriesEntry, choice: &SessionChoice) -> Result<Calendar> {
    match choice {
        SessionChoice::Of(calendar) => Ok(*calendar),
        SessionChoice::Regular => entry.calendar.ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("no calendar is known for {}", entry.bar_type))
                .because("its venue is none whose sessions are built in, and none was given at the import")
                .then("name one: `--session us-equities`, `--session fx` or `--session 24/7`")
        }),
    }
}

fn resampling(
    manifest: &SeriesManifest,
    wanted: &Resample,
    range: TimeRange,
    session: Option<&Calendar>,
) -> Result<Resampling> {
    let size = format!("{}-{}", wanted.size.step, wanted.size.aggregation);
    let refused = |why: &str| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("bars of {} cannot be made {size} bars", manifest.bar_type),
        )
        .because(why)
    };
    let (Some(base), Some(step)) = (manifest.bar_type.spec.interval(), wanted.size.interval()) else {
        return Err(refused("only bars of a fixed length of time can, and only be made such bars")
            .then("choose a size in SECOND, MINUTE, HOUR, DAY or WEEK"));
    };
    if step < base || step % base != 0 {
        return Err(refused("the new size must be a multiple of the stored one").then("choose a larger size"));
    }
    let (Align::Session, Some(calendar)) = (wanted.align, session) else {
        return Ok(Resampling { base, step, grid: Grid::clock(step) });
    };
    if step > DAY {
        return Err(refused("a bar that is aligned to sessions is at most one session long")
            .then("choose 1-DAY or less, or `--align clock`"));
    }
    let held = match (manifest.partitions.first(), manifest.partitions.last()) {
        (Some(first), Some(last)) => TimeRange::new(first.first_event.plus(-base), last.last_event),
        _ => TimeRange::new(range.start, range.start),
    };
    // Sessions of a day with a change of clocks are not 24 hours long, and are one bar all the same.
    let step = if step == DAY { i64::MAX } else { step };
    let asked = TimeRange::new(range.start.plus(-base), range.end);
    Ok(Resampling { base, step, grid: Grid::sessions(calendar, held.intersect(&asked)) })
}

/// The most stored bars that so many bars can need: one more than fill them, so that the last is known to be complete.
fn stored_limit(limit: u64, resampling: Option<&Resampling>) -> Option<u64> {
    match resampling {
        None => Some(limit),
        Some(Resampling { base, step, grid: Grid::Clock { .. } }) => {
            limit.checked_mul(step.div_euclid(*base).unsigned_abs())?.checked_add(1)
        }
        // Some of the stored bars may be left out.
        Some(Resampling { grid: Grid::Sessions(_), .. }) => None,
    }
}

/// The bar type of bars made of others, as NautilusTrader writes it.
fn coarser(bar_type: &BarType, size: BarSpec) -> BarType {
    let spec = bar_type.spec;
    if spec.step == size.step && spec.aggregation == size.aggregation {
        return bar_type.clone();
    }
    BarType {
        instrument: bar_type.instrument.clone(),
        spec: BarSpec { price_type: spec.price_type, ..size },
        source: Source::Internal,
        composite: Some(Composite {
            step: spec.step,
            aggregation: spec.aggregation,
            source: bar_type.source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarser_bar_types() {
        for (bar_type, size, expected) in [
            ("X.Y-1-MINUTE-BID-EXTERNAL", "5-MINUTE", "X.Y-5-MINUTE-BID-INTERNAL@1-MINUTE-EXTERNAL"),
            ("X.Y-1-MINUTE-LAST-EXTERNAL", "1-MINUTE", "X.Y-1-MINUTE-LAST-EXTERNAL"),
            (
                "X.Y-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL",
                "1-HOUR",
                "X.Y-1-HOUR-LAST-INTERNAL@5-MINUTE-INTERNAL",
            ),
        ] {
            let made = coarser(&bar_type.parse().unwrap(), size.parse().unwrap());
            assert_eq!(made.to_string(), expected);
        }
    }

    #[test]
    fn session_choices() {
        assert!(matches!("regular".parse(), Ok(SessionChoice::Regular)));
        assert!(matches!("us-equities".parse(), Ok(SessionChoice::Of(Calendar::UsEquities))));
        assert!("lunar".parse::<SessionChoice>().is_err());
    }
}
