//! The messages between a page and the engine's worker.
//!
//! Versioned and typed; the same types are compiled into both sides. A page sends a [`Request`] or a [`Cancel`]; the worker
//! answers with any number of [`Message::Progress`] and then exactly one [`Message::Done`] or [`Message::Failed`]. Before its
//! first answer the worker says [`Message::Ready`] once; a page refuses a worker of another [`VERSION`] or build.
//!
//! Columns travel beside the message, as the property `columns` of the posted object: `Float64Array`s by name, transferred and
//! not copied. Stamps in columns are **milliseconds** since 1970 UTC; stamps in messages are ISO 8601 text. Prices in columns
//! are `f64`, correctly rounded from the stored decimals.

use bars::{BarType, Coverage, TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};

/// The protocol's version; both sides must have the same.
pub const VERSION: u32 = 1;

/// The engine's build: crate version and, where known, commit.
pub const BUILD: &str = match option_env!("BARKEEP_BUILD") {
    Some(build) => build,
    None => concat!(env!("CARGO_PKG_VERSION"), "+dev"),
};

/// A question from the page.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// Chosen by the page; repeated in every answer.
    pub id: u32,
    /// What is asked.
    pub op: Op,
}

/// Stops the request of this id; it answers [`Message::Failed`] with kind `cancelled`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cancel {
    /// [`VERSION`].
    pub v: u32,
    /// The request to stop.
    pub cancel: u32,
}

/// What can be asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", content = "args", rename_all = "snake_case")]
pub enum Op {
    /// Opens a catalog; answers [`CatalogInfo`]. Later requests go to the catalog opened last.
    Open {
        /// Absolute URL of the catalog's root, with or without a slash at its end.
        catalog: String,
        /// A retained snapshot's number; the newest if left out.
        snapshot: Option<u64>,
    },
    /// Which days and bars of a series are there; answers [`CoverageInfo`] from the manifest alone.
    Coverage {
        /// The series.
        series: BarType,
    },
    /// Bars of a window, resampled so that at most `max_bars` come back; answers [`BarsInfo`] with the columns `time` (the
    /// bar's **open**), `open`, `high`, `low`, `close`, `volume` and `count` (stored bars in each).
    Bars {
        /// The series.
        series: BarType,
        /// Opens of the wanted bars; clipped to what the series holds. The whole series if left out.
        range: Option<TimeRange>,
        /// Wanted bar size in nanoseconds, a multiple of the series' own; the finest that fits `max_bars` if left out.
        step: Option<i64>,
        /// The most bars to send; a wanted step that gives more is made coarser, which the answer states.
        max_bars: u32,
    },
    /// Columns as they are stored, or totals over them, computed in the worker; answers [`QueryInfo`] with the asked columns.
    Query(QueryOp),
    /// Runs a strategy; answers [`BacktestInfo`] with the columns `time` (bar opens), `close`, `equity` and `drawdown`
    /// (0 down to -1), thinned to `max_points` for drawing.
    Backtest {
        /// The series to trade.
        series: BarType,
        /// Opens of the bars to trade; the whole series if left out.
        range: Option<TimeRange>,
        /// Bar size to trade in nanoseconds; the series' own if left out.
        step: Option<i64>,
        /// Strategy, costs and rules.
        spec: Box<backtest::Spec>,
        /// The most points of each column to send.
        max_points: u32,
    },
}

/// Columns, totals or both of the bars that fulfil a condition.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct QueryOp {
    /// The series.
    pub series: BarType,
    /// Opens of the wanted bars; clipped to what the series holds. The whole series if left out.
    pub range: Option<TimeRange>,
    /// Columns to send, of `time` (the bar's **open**), `open`, `high`, `low`, `close`, `volume`, each at most once; may be
    /// empty if there are totals.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Only bars that fulfil this condition, in the language of `barkeep query --where`.
    pub filter: Option<String>,
    /// The most bars; the first in the order are kept.
    pub limit: Option<u64>,
    /// Whether the latest bar comes first.
    #[serde(default)]
    pub newest_first: bool,
    /// Totals over the bars found; [`QueryInfo::totals`] has them in this order.
    #[serde(default)]
    pub totals: Vec<Total>,
}

impl QueryOp {
    /// All bars of a series, of which nothing is asked yet.
    pub fn of(series: BarType) -> Self {
        Self {
            series,
            range: None,
            columns: Vec::new(),
            filter: None,
            limit: None,
            newest_first: false,
            totals: Vec::new(),
        }
    }
}

/// A number computed over all bars of a query.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Total {
    /// How.
    pub kind: TotalKind,
    /// Of which column: `open`, `high`, `low`, `close` or `volume`; empty for a count.
    pub column: String,
}

/// How a [`Total`] is computed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalKind {
    /// How many bars there are.
    Count,
    /// The sum; 0 of no bars.
    Sum,
    /// The lowest value.
    Min,
    /// The highest value.
    Max,
    /// The value of the first bar, in the order of the query.
    First,
    /// The value of the last bar, in the order of the query.
    Last,
}

/// What a worker posts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The engine is up.
    Ready {
        /// [`VERSION`].
        v: u32,
        /// [`BUILD`].
        build: String,
    },
    /// Work goes on.
    Progress {
        /// The request.
        id: u32,
        /// Bytes that have arrived.
        done: u64,
        /// Bytes that are needed.
        total: u64,
        /// Traffic so far.
        network: Network,
    },
    /// The answer.
    Done {
        /// The request.
        id: u32,
        /// What was asked for.
        answer: Box<Answer>,
        /// Traffic so far.
        network: Network,
    },
    /// There is no answer.
    Failed {
        /// The request.
        id: u32,
        /// Why.
        problem: Problem,
        /// Traffic so far.
        network: Network,
    },
}

/// The engine's traffic since it started.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Network {
    /// HTTP requests made.
    pub requests: u32,
    /// Body bytes received.
    pub bytes: u64,
}

/// What went wrong, in the shape that command line, server and page share.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Problem {
    /// `not_found`, `invalid_input`, `conflict`, `corrupt`, `source_unavailable`, `unsupported`, `cancelled` or `internal`.
    pub kind: String,
    /// What happened: one sentence without a full stop.
    pub what: String,
    /// What was observed that says so.
    pub why: String,
    /// What to do, in order; commands stand in backticks.
    pub next: Vec<String>,
}

/// An answer, by the request it answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "name", content = "value", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Op::Open`].
    Open(CatalogInfo),
    /// To [`Op::Coverage`].
    Coverage(CoverageInfo),
    /// To [`Op::Bars`].
    Bars(BarsInfo),
    /// To [`Op::Query`].
    Query(QueryInfo),
    /// To [`Op::Backtest`].
    Backtest(BacktestInfo),
}

/// A catalog at a snapshot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CatalogInfo {
    /// Its root, ending in a slash.
    pub url: String,
    /// The snapshot's number.
    pub snapshot: u64,
    /// When the snapshot was committed.
    pub committed: UnixNanos,
    /// Every series, ascending by bar type.
    pub series: Vec<SeriesInfo>,
}

/// One series, from the manifest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SeriesInfo {
    /// Which bars.
    pub bar_type: BarType,
    /// How many.
    pub rows: u64,
    /// Close of the first.
    pub first: UnixNanos,
    /// Close of the last.
    pub last: UnixNanos,
    /// Bytes of its Parquet files.
    pub size_bytes: u64,
    /// Its Parquet files.
    pub partitions: u64,
    /// Meaningful decimals of prices.
    pub price_precision: u8,
    /// Meaningful decimals of volumes.
    pub size_precision: u8,
    /// Where the bars came from.
    pub source: String,
    /// What a reader must know about them, such as that they are synthetic, or a licence with its attribution; may be empty.
    pub note: String,
    /// Trading calendar by name (`24/7`, `fx`, `us-equities`), if it is known.
    pub calendar: Option<String>,
    /// Bars the calendar expects between first and last, if it is known.
    pub expected: Option<u64>,
    /// The bar's interval in nanoseconds, if it is fixed.
    pub interval: Option<i64>,
    /// `nautilus` or `compact`.
    pub profile: String,
}

/// Days and gaps of a series.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CoverageInfo {
    /// The series.
    pub series: BarType,
    /// Its days and gaps.
    pub coverage: Coverage,
}

/// What the columns of a bars answer hold.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BarsInfo {
    /// The series.
    pub series: BarType,
    /// Opens of the bars that were looked for, after clipping to the series.
    pub range: TimeRange,
    /// Size of the bars sent, in nanoseconds.
    pub step: i64,
    /// Whether `step` is coarser than what was asked for.
    pub coarsened: bool,
    /// Stored bars that went into them.
    pub stored_bars: u64,
    /// Bars sent.
    pub bars: u32,
    /// Stretches without bars that the calendar expects, clipped to the range, ascending; none if there is no calendar.
    pub gaps: Vec<bars::Gap>,
}

/// What a query found; the asked columns travel beside it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct QueryInfo {
    /// The series.
    pub series: BarType,
    /// Opens of the bars that were looked for, after clipping to the series.
    pub range: TimeRange,
    /// Bars that fulfil the condition, within the limit.
    pub rows: u64,
    /// The totals, in the order they were asked for; none where there was no bar.
    pub totals: Vec<Option<f64>>,
    /// Parts of data files that were read for it, each a request.
    pub fetches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Data files of the series that were left out, since they hold nothing of the answer.
    pub partitions_pruned: u64,
    /// Row groups that were left out of the others, where the manifest knows them.
    pub row_groups_pruned: u64,
}

/// What a backtest found; its columns are for drawing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BacktestInfo {
    /// The series.
    pub series: BarType,
    /// Opens of the bars that were traded, after clipping to the series.
    pub range: TimeRange,
    /// Size of the bars, in nanoseconds.
    pub step: i64,
    /// How many bars were traded.
    pub bars: u64,
    /// Bars that the calendar expects in the range but the catalog lacks, if a calendar is known.
    pub missing_bars: Option<u64>,
    /// Trades, statistics, assumptions, warnings and the digest of fills. Its equity and drawdown are empty here: they
    /// travel as columns.
    pub report: backtest::Report,
}
