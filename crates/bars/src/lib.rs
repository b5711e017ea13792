//! What a bar is.
//!
//! Time, price, instrument, bar type, bars in columns, resampling, calendars, coverage and gaps: the words every other
//! room speaks. There is no Parquet, no I/O and no clock here.
//!
//! A bar is stamped with its **close** in UTC nanoseconds ([`UnixNanos`]); its open stamp is the close minus the bar's
//! interval. Ranges of time are half-open ([`TimeRange`]).

mod bar;
mod bar_type;
mod calendar;
mod coverage;
mod decimal;
mod error;
pub mod expr;
mod instrument;
mod interval;
mod resample;
mod time;

pub use bar::{Bar, BarColumns, BarFault};
pub use bar_type::{Aggregation, BarSpec, BarType, Composite, PriceType, Source};
pub use calendar::Calendar;
pub use coverage::{Coverage, DayCoverage, DayState, Gap, coverage};
pub use decimal::Decimal;
pub use error::ParseError;
pub use instrument::InstrumentId;
pub use interval::{IntervalSet, TimeRange};
pub use resample::{Grid, Resampled, Resampler, coarsest_step, resample};
pub use time::{DAY, Date, HOUR, MINUTE, SECOND, UnixNanos};
