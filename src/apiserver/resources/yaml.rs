//! JSON documents as block YAML, for people and their files.
//!
//! Keys stand in alphabetical order, as the YAML of other API servers does; every value is one
//! line; text that some version of YAML takes for something else is quoted.

use serde_saphyr::{SerializerOptions, ser_options, to_string_with_options};

/// One JSON document.
pub(crate) fn document(json: &[u8]) -> Vec<u8> {
    written(json, |value| value)
}

/// The same as an element of a sequence that begins its line.
pub(super) fn list_item(json: &[u8]) -> Vec<u8> {
    written(json, |value| serde_json::Value::Array(vec![value]))
}

fn written(json: &[u8], place: impl FnOnce(serde_json::Value) -> serde_json::Value) -> Vec<u8> {
    let value = serde_json::from_slice(json).map(place);
    let text = value.ok().and_then(|value| to_string_with_options(&value, options()).ok());
    // Our own JSON is always read, and any value written; were it not so, JSON is YAML, too.
    text.map_or_else(|| json.to_vec(), String::into_bytes)
}

fn options() -> SerializerOptions {
    ser_options! { prefer_block_scalars: false }
}

#[cfg(test)]
mod tests;
