//! What a source of bars is asked, and what it answers: values, no wire.

use async_trait::async_trait;
use bars::{BarSpec, Date, InstrumentId, TimeRange, UnixNanos};

use super::Fault;

/// An instrument as IBKR knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// Ours.
    pub id: InstrumentId,
    /// IBKR's number.
    pub contract_id: i32,
    /// Where requests are routed.
    pub exchange: String,
    /// The name of the instrument's zone.
    pub zone: String,
    /// The company or the pair.
    pub name: String,
}

/// A session by IBKR's schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Session {
    /// The date that daily bars carry.
    pub date: Date,
    /// From open to close.
    pub range: TimeRange,
}

/// How far back a request reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Span {
    /// Seconds of trading.
    Seconds(u32),
    /// Sessions.
    Sessions(u32),
    /// Years, for daily bars that one cannot ask for by the session.
    Years(u32),
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seconds(count) => write!(f, "{count} S"),
            Self::Sessions(count) => write!(f, "{count} D"),
            Self::Years(count) => write!(f, "{count} Y"),
        }
    }
}

/// One request for bars.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRequest {
    /// Size and price.
    pub spec: BarSpec,
    /// No bar ends later.
    pub end: UnixNanos,
    /// How far back.
    pub span: Span,
    /// Regular hours only.
    pub regular_hours: bool,
}

/// A bar's time as IBKR gives it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RawTime {
    /// Its open.
    Open(UnixNanos),
    /// The date of its session's close.
    Date(Date),
}

/// A bar as IBKR gives it. A volume below zero means that there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawBar {
    /// When.
    pub time: RawTime,
    /// Open, high, low and close.
    pub prices: [f64; 4],
    /// Shares, lots or units.
    pub volume: f64,
}

/// Somebody who has bars. Every call ends within the source's own deadlines.
#[async_trait]
pub trait Source: Send + Sync {
    /// The instrument of an id.
    async fn instrument(&self, id: &InstrumentId) -> Result<Instrument, Fault>;
    /// The open of its earliest bar.
    async fn first(
        &self,
        instrument: &Instrument,
        spec: BarSpec,
        regular_hours: bool,
    ) -> Result<UnixNanos, Fault>;
    /// The sessions of up to `days` days before `end`, ascending.
    async fn sessions(
        &self,
        instrument: &Instrument,
        end: UnixNanos,
        days: u32,
        regular_hours: bool,
    ) -> Result<Vec<Session>, Fault>;
    /// Bars, as they come.
    async fn bars(&self, instrument: &Instrument, request: &BarRequest) -> Result<Vec<RawBar>, Fault>;
    /// Whether the connection to IBKR's data farm is known to be broken.
    fn is_broken(&self) -> bool;
}
