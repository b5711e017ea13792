//! The statistics, each with its formula on demand, under the name of their family.

use engine::backtest::{Statistic, Value, family};
use leptos::prelude::*;

use super::control::Control;
use crate::model::{number, time};

/// The table of statistics.
#[component]
pub(crate) fn Statistics(control: Control) -> impl IntoView {
    let rows = move || {
        let statistics = control.with(|done| done.info.report.statistics.clone()).unwrap_or_default();
        statistics.into_iter().map(|statistic| view! { <Row statistic /> }).collect_view()
    };
    view! {
        <section aria-labelledby="statistics-title">
            <h2 id="statistics-title">"Statistics " <small>"definitions: " {family()}</small></h2>
            <table class="grid statistics" data-test="statistics" aria-labelledby="statistics-title"><tbody>{rows}</tbody></table>
        </section>
    }
}

#[component]
fn Row(statistic: Statistic) -> impl IntoView {
    let text = shown(&statistic);
    let down = matches!(statistic.value, Value::Number(value) if value < 0.0);
    view! {
        <tr data-name=statistic.name.clone() data-value=exact(&statistic.value)>
            <th scope="row"><details><summary>{statistic.name.clone()}</summary><p class="formula">{statistic.formula}</p></details></th>
            <td class="num" class:down=down title=exact(&statistic.value)>{text}</td>
        </tr>
    }
}

fn shown(statistic: &Statistic) -> String {
    let name = statistic.name.as_str();
    match statistic.value {
        Value::Number(value) if name.starts_with('#') => number::fixed(value, 0),
        Value::Number(value) if name.contains("[%]") || name.contains("[$]") => number::fixed(value, 2),
        Value::Number(value) => number::fixed(value, 4),
        Value::Time(instant) => time::stamp(instant),
        Value::Duration(seconds) => time::length(seconds.saturating_mul(1_000_000_000)),
        Value::Undefined => "undefined".into(),
    }
}

/// The value with every digit, for copying and for tests.
fn exact(value: &Value) -> String {
    match value {
        Value::Number(value) => number::plain(*value),
        Value::Time(instant) => instant.to_string(),
        Value::Duration(seconds) => format!("{seconds} s"),
        Value::Undefined => "undefined".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_decimals_of_their_kind() {
        for (name, value, expected) in [
            ("# Trades", Value::Number(1262.0), "1,262"),
            ("Return [%]", Value::Number(-4.3636), "−4.36"),
            ("Equity Final [$]", Value::Number(10_080.419_74), "10,080.42"),
            ("Sharpe Ratio", Value::Number(0.600_74), "0.6007"),
            ("Duration", Value::Duration(14 * 86_400), "14 d"),
            ("SQN", Value::Undefined, "undefined"),
        ] {
            let statistic = Statistic { name: name.into(), value, formula: String::new() };
            assert_eq!(shown(&statistic), expected, "{name}");
        }
    }
}
