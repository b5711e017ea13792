//! Bar types: which bars a series holds.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::error::serde_as_text;
use crate::time::{DAY, HOUR, MINUTE, SECOND};
use crate::{InstrumentId, ParseError};

/// Declares an enum of upper-case words with its text form.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word as NautilusTrader prints it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(text, $expected, concat!("expected one of ", $($word, " ",)+))),
                }
            }
        }

        serde_as_text!($name);
    };
}

words! {
    /// What a bar's step counts.
    Aggregation, "an aggregation such as MINUTE", {
        /// Trades or quotes.
        Tick = "TICK",
        /// Signed ticks.
        TickImbalance = "TICK_IMBALANCE",
        /// Runs of ticks.
        TickRuns = "TICK_RUNS",
        /// Traded volume.
        Volume = "VOLUME",
        /// Signed volume.
        VolumeImbalance = "VOLUME_IMBALANCE",
        /// Runs of volume.
        VolumeRuns = "VOLUME_RUNS",
        /// Traded value.
        Value = "VALUE",
        /// Signed value.
        ValueImbalance = "VALUE_IMBALANCE",
        /// Runs of value.
        ValueRuns = "VALUE_RUNS",
        /// Milliseconds.
        Millisecond = "MILLISECOND",
        /// Seconds.
        Second = "SECOND",
        /// Minutes.
        Minute = "MINUTE",
        /// Hours.
        Hour = "HOUR",
        /// Days.
        Day = "DAY",
        /// Weeks.
        Week = "WEEK",
        /// Calendar months.
        Month = "MONTH",
        /// Calendar years.
        Year = "YEAR",
        /// Bricks of a fixed price move.
        Renko = "RENKO",
    }
}

words! {
    /// Which price a bar shows.
    PriceType, "a price type such as LAST", {
        /// Best bid.
        Bid = "BID",
        /// Best ask.
        Ask = "ASK",
        /// Middle of bid and ask.
        Mid = "MID",
        /// Last trade.
        Last = "LAST",
        /// Mark price of a derivative.
        Mark = "MARK",
    }
}

words! {
    /// Who aggregated the bars.
    Source, "an aggregation source, EXTERNAL or INTERNAL", {
        /// The venue or data provider.
        External = "EXTERNAL",
        /// The platform that stores them.
        Internal = "INTERNAL",
    }
}

/// Step, aggregation and price type: `1-MINUTE-LAST`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BarSpec {
    /// How many units of `aggregation` one bar spans.
    pub step: NonZeroU32,
    /// The unit.
    pub aggregation: Aggregation,
    /// The price.
    pub price_type: PriceType,
}

serde_as_text!(BarSpec);

impl BarSpec {
    /// The bar's interval in nanoseconds; `None` for bars of varying length (ticks, volume, months, years).
    pub fn interval(&self) -> Option<i64> {
        interval(self.step, self.aggregation)
    }
}

fn interval(step: NonZeroU32, aggregation: Aggregation) -> Option<i64> {
    let unit = match aggregation {
        Aggregation::Millisecond => 1_000_000,
        Aggregation::Second => SECOND,
        Aggregation::Minute => MINUTE,
        Aggregation::Hour => HOUR,
        Aggregation::Day => DAY,
        Aggregation::Week => 7 * DAY,
        _ => return None,
    };
    unit.checked_mul(i64::from(step.get()))
}

impl fmt::Display for BarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.step, self.aggregation, self.price_type)
    }
}

impl FromStr for BarSpec {
    type Err = ParseError;

    /// Reads `1-MINUTE-LAST`; the price type may be left out and is LAST then.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a bar size like 1-MINUTE or 1-MINUTE-LAST";
        let mut parts = text.split('-');
        let (Some(step), Some(aggregation)) = (parts.next(), parts.next()) else {
            return Err(ParseError::new(text, EXPECTED, "it has no dash between step and unit"));
        };
        let step = parse_step(text, step, EXPECTED)?;
        let aggregation = aggregation.parse()?;
        let price_type = parts.next().map_or(Ok(PriceType::Last), str::parse)?;
        match parts.next() {
            None => Ok(Self { step, aggregation, price_type }),
            Some(_) => Err(ParseError::new(text, EXPECTED, "it has too many parts")),
        }
    }
}

fn parse_step(text: &str, step: &str, expected: &'static str) -> Result<NonZeroU32, ParseError> {
    let canonical = !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| canonical).ok_or_else(|| {
        ParseError::new(text, expected, format!("its step `{step}` is not a whole number from 1"))
    })
}

/// The bars a composite bar type is made of: the part after `@`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Composite {
    /// Units of `aggregation` in one of the finer bars.
    pub step: NonZeroU32,
    /// Their unit.
    pub aggregation: Aggregation,
    /// Who made them.
    pub source: Source,
}

/// All bars of one kind of one instrument, which is what a series is: `AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL`.
///
/// The text form is NautilusTrader's and round-trips exactly, composite types
/// (`AAPL.NASDAQ-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL`) included.
///
/// ```
/// use bars::BarType;
/// let bar_type: BarType = "ES-F.X.CME-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL".parse()?;
/// assert_eq!(bar_type.instrument.symbol(), "ES-F.X");
/// assert_eq!(bar_type.spec.interval(), Some(300_000_000_000));
/// # Ok::<(), bars::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BarType {
    /// Whose bars.
    pub instrument: InstrumentId,
    /// Their size and price.
    pub spec: BarSpec,
    /// Who aggregated them.
    pub source: Source,
    /// What they were aggregated from, where that is stated.
    pub composite: Option<Composite>,
}

serde_as_text!(BarType);

impl BarType {
    /// The type of bars of `step` `aggregation` that this platform makes from bars of this type; `None` if these are composite
    /// themselves, since the text form names one step only.
    #[must_use]
    pub fn overview(&self, step: NonZeroU32, aggregation: Aggregation) -> Option<Self> {
        let made_of =
            Composite { step: self.spec.step, aggregation: self.spec.aggregation, source: self.source };
        self.composite.is_none().then(|| Self {
            instrument: self.instrument.clone(),
            spec: BarSpec { step, aggregation, price_type: self.spec.price_type },
            source: Source::Internal,
            composite: Some(made_of),
        })
    }
}

impl fmt::Display for BarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.instrument, self.spec, self.source)?;
        match &self.composite {
            Some(composite) => {
                write!(f, "@{}-{}-{}", composite.step, composite.aggregation, composite.source)
            }
            None => Ok(()),
        }
    }
}

impl FromStr for BarType {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a bar type like AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL";
        let too_few = || {
            ParseError::new(
                text,
                EXPECTED,
                "it needs instrument, step, unit, price type and source, joined by dashes",
            )
        };
        let (standard, composite) = match text.rsplit_once('@') {
            Some((standard, composite)) => (standard, Some(parse_composite(text, composite, EXPECTED)?)),
            None => (text, None),
        };
        let mut parts = standard.rsplitn(5, '-');
        let mut next = || parts.next().ok_or_else(too_few);
        let (source, price_type, aggregation, step, instrument) =
            (next()?, next()?, next()?, next()?, next()?);
        Ok(Self {
            instrument: instrument.parse()?,
            spec: BarSpec {
                step: parse_step(text, step, EXPECTED)?,
                aggregation: aggregation.parse()?,
                price_type: price_type.parse()?,
            },
            source: source.parse()?,
            composite,
        })
    }
}

fn parse_composite(text: &str, composite: &str, expected: &'static str) -> Result<Composite, ParseError> {
    let parts: Vec<&str> = composite.split('-').collect();
    let [step, aggregation, source] = parts[..] else {
        return Err(ParseError::new(
            text,
            expected,
            "after `@` it needs step, unit and source, like 1-MINUTE-EXTERNAL",
        ));
    };
    Ok(Composite {
        step: parse_step(text, step, expected)?,
        aggregation: aggregation.parse()?,
        source: source.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_an_overview() {
        let minutes: BarType = "EUR/USD.SIM-1-MINUTE-BID-EXTERNAL".parse().unwrap();
        let hours = minutes.overview(NonZeroU32::MIN, Aggregation::Hour).unwrap();
        assert_eq!(hours.to_string(), "EUR/USD.SIM-1-HOUR-BID-INTERNAL@1-MINUTE-EXTERNAL");
        assert_eq!(hours.overview(NonZeroU32::MIN, Aggregation::Day), None);
    }

    #[test]
    fn refuses_what_is_no_bar_type() {
        for text in [
            "",
            "AAPL",
            "AAPL.NASDAQ",
            "AAPL.NASDAQ-1-MINUTE-LAST",
            "AAPL.NASDAQ-0-MINUTE-LAST-EXTERNAL",
            "AAPL.NASDAQ-01-MINUTE-LAST-EXTERNAL",
            "AAPL.NASDAQ-1-FORTNIGHT-LAST-EXTERNAL",
            "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL@",
            "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL@1-MINUTE",
            "-1-MINUTE-LAST-EXTERNAL",
        ] {
            assert!(text.parse::<BarType>().is_err(), "{text}");
        }
    }

    fn word<T: Copy + fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
        prop::sample::select(all)
    }

    prop_compose! {
        fn bar_type()(
            symbol in "[A-Z0-9^][A-Z0-9./^-]{0,8}[A-Z0-9]",
            venue in "[A-Z]{1,8}",
            step in 1u32..,
            aggregation in word(Aggregation::ALL),
            price_type in word(PriceType::ALL),
            source in word(Source::ALL),
            composite in prop::option::of((1u32.., word(Aggregation::ALL), word(Source::ALL))),
        ) -> BarType {
            let step_of = |step| NonZeroU32::new(step).unwrap();
            BarType {
                instrument: format!("{symbol}.{venue}").parse().unwrap(),
                spec: BarSpec { step: step_of(step), aggregation, price_type },
                source,
                composite: composite.map(|(step, aggregation, source)| Composite { step: step_of(step), aggregation, source }),
            }
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(bar_type in bar_type()) {
            prop_assert_eq!(bar_type.to_string().parse::<BarType>(), Ok(bar_type));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<BarType>();
        }
    }
}
