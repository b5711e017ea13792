//! Short forms of sizes, distances, costs and hours.

use ::backtest::{Axis, Distance, Hours, Size, Slippage, UnitFee};

pub(super) fn size(text: &str) -> Result<Size, String> {
    if text == "all" {
        return Ok(Size::default());
    }
    let (kind, number) = text.split_once('=').ok_or("expected all or KIND=NUMBER, such as equity=0.5")?;
    let number: f64 = number.trim().parse().map_err(|_| format!("`{number}` is not a number"))?;
    Ok(match kind.trim() {
        "free" => Size::Free { share: number },
        "equity" => Size::Equity { share: number },
        "units" => Size::Units { units: number },
        "cash" => Size::Cash { money: number },
        "risk" => Size::Risk { share: number },
        "volatility" => Size::Volatility { target: number, window: 20, bars_per_year: None },
        _ => return Err("expected free, equity, units, cash, risk or volatility before the `=`".into()),
    })
}

pub(super) fn distance(text: &str) -> Result<Distance, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .map_err(|_| "expected a distance like 3%, 1.5, 4ticks or 2atr14".to_owned())
    };
    if let Some(percent) = text.strip_suffix('%') {
        // Division keeps the nearest double of the decimal: 3 / 100 is 0.03.
        return Ok(Distance::Share(number(percent)? / 100.0));
    }
    if let Some(ticks) = text.strip_suffix("ticks") {
        return Ok(Distance::Ticks(number(ticks)?));
    }
    if let Some((multiple, window)) = text.split_once("atr") {
        let window = window.parse().map_err(|_| "expected the bars after `atr`, as in 2atr14")?;
        return Ok(Distance::Atr { multiple: number(multiple)?, window });
    }
    number(text).map(Distance::Money)
}

pub(super) fn slippage(text: &str) -> Result<Slippage, String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    match (text.strip_suffix("ticks").or(text.strip_suffix("tick")), text.strip_suffix("bp")) {
        (Some(ticks), _) => number(ticks).map(Slippage::Ticks),
        (_, Some(points)) => number(points).map(Slippage::BasisPoints),
        _ => Err("expected ticks or basis points, such as 2ticks or 5bp".into()),
    }
}

pub(super) fn unit_fee(text: &str) -> Result<UnitFee, String> {
    if let Some(preset) = UnitFee::preset(text) {
        return Ok(preset);
    }
    let names: Vec<&str> = UnitFee::PRESETS.iter().map(|(name, _)| *name).collect();
    text.parse()
        .map(UnitFee::per_contract)
        .map_err(|_| format!("expected {}, or money for each unit", names.join(", ")))
}

pub(super) fn hours(text: &str) -> Result<Hours, String> {
    if let Some((from, to)) = text.split_once('-').filter(|(from, _)| from.contains(':')) {
        return Ok(Hours::Daily { from: from.trim().parse()?, to: to.trim().parse()? });
    }
    text.parse().map(Hours::Calendar).map_err(|error: bars::ParseError| error.to_string())
}

/// `fast=5..30:5` (from, to, step; the step is 1 if left out) or `fast=5,10,20`.
pub(super) fn axis(text: &str) -> Result<Axis, String> {
    let form = || "expected NAME=FROM..TO:STEP or NAME=VALUE,VALUE, such as fast=5..30:5".to_owned();
    let (name, values) = text.split_once('=').ok_or_else(form)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let name = name.trim();
    match values.split_once("..") {
        Some((from, rest)) => {
            let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
            Axis::range(name, number(from)?, number(to)?, number(step)?).map_err(|error| error.to_string())
        }
        None => {
            let values = values.split(',').map(number).collect::<Result<Vec<f64>, String>>()?;
            Ok(Axis { param: name.to_owned(), values })
        }
    }
}

/// `5000:1000` or `5000:1000:anchored`: bars to choose on and to try on.
pub(super) fn walk_forward(text: &str) -> Result<::backtest::WalkForwardPlan, String> {
    let form = "expected TRAIN:TEST or TRAIN:TEST:anchored in bars, such as 5000:1000";
    let parts: Vec<&str> = text.split(':').collect();
    let (train, test, anchored) = match parts.as_slice() {
        [train, test] => (train, test, false),
        [train, test, "anchored"] => (train, test, true),
        _ => return Err(form.into()),
    };
    let count = |text: &str| text.trim().parse::<usize>().ok().filter(|count| *count > 0).ok_or(form);
    Ok(::backtest::WalkForwardPlan { train: count(train)?, test: count(test)?, anchored })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_read() {
        assert_eq!(distance("3%"), Ok(Distance::Share(0.03)));
        assert_eq!(distance("1.5"), Ok(Distance::Money(1.5)));
        assert_eq!(distance("4ticks"), Ok(Distance::Ticks(4.0)));
        assert_eq!(distance("2.5atr14"), Ok(Distance::Atr { multiple: 2.5, window: 14 }));
        assert_eq!(size("units=10"), Ok(Size::Units { units: 10.0 }));
        assert_eq!(slippage("5bp"), Ok(Slippage::BasisPoints(5.0)));
        assert_eq!(unit_fee("ibkr_fixed"), Ok(UnitFee::ibkr_fixed()));
        assert_eq!(unit_fee("2.25"), Ok(UnitFee::per_contract(2.25)));
        assert_eq!(hours("us-equities"), Ok(Hours::Calendar(bars::Calendar::UsEquities)));
        assert!(matches!(hours("14:30-21:00"), Ok(Hours::Daily { .. })));
        assert_eq!(axis("fast=5..15:5").map(|axis| axis.values), Ok(vec![5.0, 10.0, 15.0]));
        assert_eq!(axis("fast=5,7").map(|axis| axis.values), Ok(vec![5.0, 7.0]));
        assert!(walk_forward("100:50:anchored").is_ok_and(|plan| plan.anchored));
        for text in ["", "3 percent", "2atr", "atr14"] {
            assert!(distance(text).is_err(), "{text}");
        }
        assert!(size("equity").is_err() && slippage("5").is_err() && hours("25:00-26:00").is_err());
        assert!(axis("fast").is_err() && axis("fast=9..1").is_err() && walk_forward("0:5").is_err());
    }
}
