//! The form as typed: text that becomes part of the address when it is run.

use engine::backtest::Strategy;
use engine::bars::UnixNanos;

use crate::model::bar_size::BarSize;
use crate::model::fragment::Fragment;
use crate::model::{number, strategy_text, time};

/// A text field of the form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    /// A parameter or rule of the strategy, by its key.
    Param(&'static str),
    From,
    To,
    Cash,
    Commission,
    Fee,
    Spread,
}

impl Field {
    /// Every field for a strategy, in the order of the form.
    pub(crate) fn all(strategy: &Strategy) -> Vec<Self> {
        let others = [Self::From, Self::To, Self::Cash, Self::Commission, Self::Fee, Self::Spread];
        params(strategy).into_iter().map(Self::Param).chain(others).collect()
    }

    /// Its id in the page.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Param(key) => key,
            Self::From => "from",
            Self::To => "to",
            Self::Cash => "cash",
            Self::Commission => "comm",
            Self::Fee => "fee",
            Self::Spread => "spread",
        }
    }
}

/// The keys of what a strategy is told.
pub(crate) fn params(strategy: &Strategy) -> Vec<&'static str> {
    match strategy {
        Strategy::Rules(_) => strategy_text::RULES.to_vec(),
        _ => strategy_text::info(strategy)
            .map_or_else(Vec::new, |info| info.params.iter().map(|param| param.name).collect()),
    }
}

/// Rates are shown in percent and basis points; what differs from the plain number is this factor.
const PERCENT: f64 = 100.0;
const BASIS_POINTS: f64 = 10_000.0;

/// What a field shows for an address.
pub(crate) fn shown(field: Field, fragment: &Fragment) -> String {
    let spec = &fragment.spec;
    let instant = |instant: Option<UnixNanos>| instant.map(time::stamp).unwrap_or_default();
    match field {
        Field::From => instant(fragment.from),
        Field::To => instant(fragment.to),
        Field::Param(key) => strategy_text::text(&spec.strategy, key),
        Field::Cash => number::plain(spec.cash),
        Field::Commission => scaled(spec.commission, PERCENT),
        Field::Fee => number::plain(spec.commission_fixed),
        Field::Spread => scaled(spec.spread, BASIS_POINTS),
    }
}

/// Puts a field's text into an address, or says what is wrong with it.
pub(crate) fn take(field: Field, text: &str, fragment: &mut Fragment) -> Result<(), String> {
    let text = text.trim();
    let instant = || match text {
        "" => Ok(None),
        text => text
            .parse::<UnixNanos>()
            .map(Some)
            .map_err(|_| "a time like 2024-01-08 or 2024-01-08 14:30, in UTC".to_owned()),
    };
    match field {
        Field::From => fragment.from = instant()?,
        Field::To => {
            fragment.to = instant()?;
            if fragment.range().is_some_and(|range| range.is_empty()) {
                return Err("it must be after the start".into());
            }
        }
        Field::Commission => {
            fragment.spec.commission = share(text, PERCENT, -0.1, 0.1, "a percentage from -10 to below 10")?
        }
        Field::Spread => {
            fragment.spec.spread = share(text, BASIS_POINTS, 0.0, 1.0, "basis points from 0 to below 10,000")?
        }
        Field::Cash => {
            fragment.spec.cash =
                number::read(text).filter(|cash| *cash > 0.0).ok_or("a positive amount of money")?
        }
        Field::Fee => {
            fragment.spec.commission_fixed =
                number::read(text).filter(|fee| *fee >= 0.0).ok_or("an amount of money from 0 up")?
        }
        Field::Param(key) => {
            let strategy = &mut fragment.spec.strategy;
            strategy_text::set(strategy, key, text).unwrap_or(Ok(()))?;
            if let Some((_, why)) = strategy_text::clash(strategy).filter(|(at, _)| *at == key) {
                return Err(why.into());
            }
        }
    }
    Ok(())
}

/// The sizes of bars the form offers; the first is the series' own.
pub(crate) fn sizes(base: i64) -> Vec<BarSize> {
    BarSize::choices(base)
}

/// A share in a larger unit; short, since 0.002 in percent is 0.2 and not 0.20000000000000001.
fn scaled(share: f64, unit: f64) -> String {
    let text = format!("{:.10}", share * unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn share(text: &str, unit: f64, least: f64, below: f64, expected: &str) -> Result<f64, String> {
    let text = text.trim_end_matches('%').trim();
    // Division keeps the nearest double of the decimal: 0.2 / 100 is 0.002.
    let share = number::read(text).map(|value| value / unit);
    share.filter(|share| (least..below).contains(share)).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        let link = "#/backtest?from=2024-01-08T14:30Z&to=2024-02-01&fast=5&slow=50&cash=25000.5&comm=0.002&fee=1.25&spread=0.00025";
        let (fragment, _) = Fragment::parse(link);
        let mut again = Fragment::parse("#/backtest").0;
        for field in Field::all(&fragment.spec.strategy) {
            assert_eq!(take(field, &shown(field, &fragment), &mut again), Ok(()), "{field:?}");
        }
        assert_eq!(again.print(), link);
        assert_eq!(
            (shown(Field::Commission, &fragment).as_str(), shown(Field::Spread, &fragment).as_str()),
            ("0.2", "2.5")
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (field, text) in [
            (Field::From, "soon"),
            (Field::Param("fast"), "0"),
            (Field::Param("slow"), "10"),
            (Field::Cash, "-1"),
            (Field::Commission, "10"),
            (Field::Fee, "-0.1"),
            (Field::Spread, "10000"),
        ] {
            let mut fragment = Fragment::default();
            assert!(take(field, text, &mut fragment).is_err(), "{field:?} {text}");
        }
        let (mut fragment, _) = Fragment::parse("#/backtest?from=2024-01-08");
        assert!(take(Field::To, "2024-01-08", &mut fragment).is_err());
    }
}
