//! Reads what the worker posts.
//!
//! The messages' own reading would first copy a whole answer, since their kind is a field inside them; reading the kind first and
//! then field by field gives the same values with a fraction of the code.

use engine::protocol::{Answer, Message};
use js_sys::Reflect;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// The message and, beside it, its columns (undefined where it has none).
///
/// # Errors
///
/// What is wrong with it, if it is no message of the protocol.
pub(crate) fn read(data: &JsValue) -> Result<(Message, JsValue), String> {
    let message = match field::<String>(data, "type")?.as_str() {
        "ready" => Message::Ready { v: field(data, "v")?, build: field(data, "build")? },
        "progress" => Message::Progress {
            id: field(data, "id")?,
            done: field(data, "done")?,
            total: field(data, "total")?,
            network: field(data, "network")?,
        },
        "done" => Message::Done {
            id: field(data, "id")?,
            answer: Box::new(answer(&raw(data, "answer"))?),
            network: field(data, "network")?,
        },
        "failed" => Message::Failed {
            id: field(data, "id")?,
            problem: field(data, "problem")?,
            network: field(data, "network")?,
        },
        other => return Err(format!("a message of the kind `{other}`")),
    };
    Ok((message, raw(data, "columns")))
}

fn answer(data: &JsValue) -> Result<Answer, String> {
    Ok(match field::<String>(data, "name")?.as_str() {
        "open" => Answer::Open(field(data, "value")?),
        "coverage" => Answer::Coverage(field(data, "value")?),
        "bars" => Answer::Bars(field(data, "value")?),
        "backtest" => Answer::Backtest(field(data, "value")?),
        other => return Err(format!("an answer of the kind `{other}`")),
    })
}

fn field<T: DeserializeOwned>(data: &JsValue, name: &str) -> Result<T, String> {
    serde_wasm_bindgen::from_value(raw(data, name)).map_err(|error| format!("its `{name}`: {error}"))
}

fn raw(data: &JsValue, name: &str) -> JsValue {
    Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
