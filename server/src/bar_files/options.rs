//! What a caller says about the files.

use std::fmt;
use std::str::FromStr;

use bars::{BarSpec, BarType, Calendar, InstrumentId, Source};
use catalog::{Error, ErrorKind, Overlap, Profile, Result};
use jiff::tz::TimeZone;

use super::fault::Rejects;
use super::numbers::NumberFormat;
use super::presets::Preset;
use super::times::TimeFormat;

/// Rows of one commit, unless a period is longer.
pub const CHUNK_ROWS: usize = 250_000;
/// Bytes that a packed file may hold.
pub const MAX_UNPACKED_BYTES: u64 = 256 << 30;

/// Which moment of a bar the file's stamps name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stamp {
    /// The bar's first moment, as most files have it.
    Open,
    /// The bar's last moment, as the catalog stores it.
    Close,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Field {
    /// When: a time, or the time of day beside [`Field::Date`].
    Time,
    /// The date, if it has a column of its own.
    Date,
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Traded volume.
    Volume,
    /// Which instrument.
    Symbol,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 8] =
        [Self::Time, Self::Date, Self::Open, Self::High, Self::Low, Self::Close, Self::Volume, Self::Symbol];
    /// Prices, in the order of a bar.
    pub const PRICES: [Self; 4] = [Self::Open, Self::High, Self::Low, Self::Close];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Date => "date",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
            Self::Symbol => "symbol",
        }
    }

    /// What it is usually called in a header, in lower case and without `<>`.
    pub const fn usual_names(self) -> &'static [&'static str] {
        match self {
            Self::Time => &[
                "time",
                "timestamp",
                "datetime",
                "ts",
                "ts_event",
                "open_time",
                "open time",
                "unix",
                "gmt time",
                "date time",
                "date/time",
                "local time",
                "t",
                "date",
                "dtyyyymmdd",
            ],
            Self::Date => &["date", "dtyyyymmdd", "day"],
            Self::Open => &["open", "o", "open price"],
            Self::High => &["high", "h", "high price"],
            Self::Low => &["low", "l", "low price"],
            Self::Close => &["close", "c", "last", "close/last", "close price"],
            Self::Volume => &["volume", "vol", "v", "qty", "tickvol", "tick volume", "tick_volume"],
            Self::Symbol => &["symbol", "ticker", "instrument"],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Field {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|field| field.as_str().eq_ignore_ascii_case(text.trim())).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{text}` does not name a column"))
                .because("a column is given as FIELD=NAME, FIELD being time, date, open, high, low, close, volume or symbol")
                .then("for example `--columns time=Date,close=Last`")
        })
    }
}

/// Which series the rows belong to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Naming {
    /// All rows are of one instrument.
    One(InstrumentId),
    /// Each symbol of the file, or of its name, is an instrument of this venue.
    BySymbol {
        /// The venue.
        venue: String,
    },
}

/// Which known source's conventions hold.
#[derive(Clone, Copy, Debug, Default)]
pub enum PresetChoice {
    /// Those of the source that the file looks like, if any.
    #[default]
    Detect,
    /// None.
    None,
    /// This one's.
    Named(&'static Preset),
}

/// What to do with rows that are no bars.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnInvalid {
    /// Import nothing.
    #[default]
    Fail,
    /// Leave them out and say so.
    Skip,
}

/// How numbers are written, as far as it was said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NumberChoice {
    /// `.` or `,`.
    pub decimal_mark: Option<u8>,
    /// What stands between thousands; `Some(None)` if nothing does.
    pub thousands: Option<Option<u8>>,
}

impl NumberChoice {
    /// What was said, and the usual for the rest; `None` if nothing was said.
    pub fn format(self) -> Option<NumberFormat> {
        if self == Self::default() {
            return None;
        }
        let decimal_mark =
            self.decimal_mark.unwrap_or(if self.thousands == Some(Some(b'.')) { b',' } else { b'.' });
        Some(NumberFormat { decimal_mark, thousands: self.thousands.flatten() })
    }
}

/// How text files are laid out, as far as it was said.
#[derive(Clone, Debug, Default)]
pub struct LayoutChoice {
    /// The source whose conventions hold.
    pub preset: PresetChoice,
    /// Names, or numbers from 1, of columns that are not the usual ones.
    pub columns: Vec<(Field, String)>,
    /// Between columns.
    pub delimiter: Option<u8>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Lines before the header that are no rows.
    pub skip_lines: u64,
    /// How numbers are written.
    pub numbers: NumberChoice,
    /// How times are written.
    pub time_format: Option<TimeFormat>,
    /// Prices are integers of 10^-n.
    pub price_shift: Option<u8>,
    /// There is no volume; 0 is stored.
    pub no_volume: bool,
}

/// Everything an import goes by.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Paths, patterns, or `-`.
    pub files: Vec<String>,
    /// The series.
    pub naming: Naming,
    /// Only rows of this symbol.
    pub only_symbol: Option<String>,
    /// Size and price type of the bars.
    pub spec: BarSpec,
    /// Whether the price type was said, rather than taken for LAST.
    pub price_type_given: bool,
    /// What stamps name.
    pub stamp: Option<Stamp>,
    /// The zone of times without an offset, and its name.
    pub zone: Option<(TimeZone, String)>,
    /// How text is laid out.
    pub layout: LayoutChoice,
    /// When the market trades; known for some venues.
    pub calendar: Option<Calendar>,
    /// At least so many decimals of prices.
    pub price_precision: u8,
    /// At least so many decimals of volumes.
    pub size_precision: u8,
    /// How a new series is stored.
    pub profile: Profile,
    /// Rows in a row group.
    pub row_group_rows: usize,
    /// What to do with bad rows.
    pub on_invalid: OnInvalid,
    /// Where bad rows are written to.
    pub rejects: Rejects,
    /// What to do with bars that differ from stored ones.
    pub overlap: Overlap,
    /// Where the bars come from, for readers of the catalog; the files' names and how they were read if `None`.
    pub source: Option<String>,
    /// A line for readers of the catalog.
    pub note: String,
    /// Rows of one commit.
    pub chunk_rows: usize,
    /// First rows to keep for a preview.
    pub preview_rows: usize,
    /// Bytes that a packed file may hold.
    pub max_unpacked_bytes: u64,
}

impl ImportOptions {
    /// Options for one instrument's files with everything else as usual.
    pub fn new(files: Vec<String>, naming: Naming, spec: BarSpec) -> Self {
        Self {
            files,
            naming,
            only_symbol: None,
            spec,
            price_type_given: true,
            stamp: None,
            zone: None,
            layout: LayoutChoice::default(),
            calendar: None,
            price_precision: 0,
            size_precision: 0,
            profile: Profile::Nautilus,
            row_group_rows: 5000,
            on_invalid: OnInvalid::Fail,
            rejects: Rejects::Nowhere,
            overlap: Overlap::Fail,
            source: None,
            note: String::new(),
            chunk_rows: CHUNK_ROWS,
            preview_rows: 0,
            max_unpacked_bytes: MAX_UNPACKED_BYTES,
        }
    }

    /// The series of a symbol.
    pub(super) fn bar_type(&self, symbol: &str) -> Result<BarType, bars::ParseError> {
        let instrument = match &self.naming {
            Naming::One(instrument) => instrument.clone(),
            Naming::BySymbol { venue } => format!("{symbol}.{venue}").parse()?,
        };
        Ok(BarType { instrument, spec: self.spec, source: Source::External, composite: None })
    }

    /// The calendar of the series: the one given, or the venue's.
    pub(super) fn calendar(&self) -> Option<Calendar> {
        self.calendar.or_else(|| match &self.naming {
            Naming::One(instrument) => Calendar::of_venue(instrument.venue()),
            Naming::BySymbol { venue } => Calendar::of_venue(venue),
        })
    }
}
