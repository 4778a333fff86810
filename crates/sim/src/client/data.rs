//! Payloads as JSON dialects show them.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::is_json;
use serde_json::Value;

use crate::model::{Model, number_in};

/// The number and the subject of the publication whose payload became `data`, which must be what that makes of it.
pub(crate) fn recognize(data: &Value, model: &mut Model) -> (u32, usize) {
    if let Some(text) = data.get("base64").and_then(Value::as_str) {
        return model.recognize(&STANDARD.decode(text).expect("base64 is base64"));
    }
    let number = number_in(data.to_string().as_bytes());
    let payload = model.payload(number).to_vec();
    let expected = if is_json(&payload) {
        serde_json::from_slice(&payload).expect("JSON is JSON")
    } else {
        Value::String(String::from_utf8(payload.clone()).expect("only text becomes text"))
    };
    assert_eq!(*data, expected, "publication {number} has changed on its way");
    model.recognize(&payload)
}
