//! A backtest's spec as keys and values of the URL fragment; what has its default is left out.

use engine::backtest::{Fill, Profile, Spec, Units};

use super::{number, strategy_text};

/// Pairs of everything that differs from the default, in a fixed order.
pub(crate) fn pairs(spec: &Spec) -> Vec<(&'static str, String)> {
    let default = Spec::default();
    let mut out = strategy_text::pairs(&spec.strategy);
    let mut put = |key, differs: bool, value: String| out.extend(differs.then_some((key, value)));
    put("cash", spec.cash != default.cash, number::plain(spec.cash));
    put("comm", spec.commission != default.commission, number::plain(spec.commission));
    put("fee", spec.commission_fixed != default.commission_fixed, number::plain(spec.commission_fixed));
    put("spread", spec.spread != default.spread, number::plain(spec.spread));
    put("margin", spec.margin != default.margin, number::plain(spec.margin));
    put("fill", spec.fill != default.fill, fill(spec.fill).into());
    put("units", spec.units != default.units, units(spec.units).into());
    put("excl", spec.exclusive != default.exclusive, u8::from(spec.exclusive).to_string());
    put("final", spec.finalize != default.finalize, u8::from(spec.finalize).to_string());
    put("profile", spec.profile != default.profile, profile(spec.profile).into());
    out
}

/// Sets what `key` names; `None` if it names nothing of a spec.
///
/// The strategy must be set before its parameters, since choosing it gives them their defaults.
pub(crate) fn set(spec: &mut Spec, key: &str, value: &str) -> Option<Result<(), String>> {
    Some(match key {
        "cash" => real(value).map(|money| spec.cash = money),
        "comm" => real(value).map(|share| spec.commission = share),
        "fee" => real(value).map(|money| spec.commission_fixed = money),
        "spread" => real(value).map(|share| spec.spread = share),
        "margin" => real(value).map(|share| spec.margin = share),
        "fill" => one_of(value, &[Fill::NextOpen, Fill::ThisClose, Fill::Nautilus], fill)
            .map(|fill| spec.fill = fill),
        "units" => one_of(value, &[Units::Whole, Units::Fractional], units).map(|units| spec.units = units),
        "excl" => flag(value).map(|on| spec.exclusive = on),
        "final" => flag(value).map(|on| spec.finalize = on),
        "profile" => {
            one_of(value, &[Profile::Barkeep, Profile::Btpy06], profile).map(|profile| spec.profile = profile)
        }
        _ => return strategy_text::set(&mut spec.strategy, key, value),
    })
}

pub(crate) fn fill(fill: Fill) -> &'static str {
    match fill {
        Fill::NextOpen => "next_open",
        Fill::ThisClose => "this_close",
        Fill::Nautilus => "nautilus",
    }
}

pub(crate) fn units(units: Units) -> &'static str {
    match units {
        Units::Whole => "whole",
        Units::Fractional => "fractional",
    }
}

pub(crate) fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Barkeep => "barkeep",
        Profile::Btpy06 => "btpy-0.6",
    }
}

fn real(value: &str) -> Result<f64, String> {
    number::read(value).ok_or_else(|| "it is not a number".into())
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("expected 1 or 0".into()),
    }
}

fn one_of<T: Copy>(value: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let known: Vec<&str> = all.iter().map(|item| name(*item)).collect();
    let found = all.iter().find(|item| name(**item) == value).copied();
    found.ok_or_else(|| format!("expected {}", known.join(" or ")))
}
