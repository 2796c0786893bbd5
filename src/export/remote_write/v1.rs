//! A request of version 1.0: every series carries all its texts.
//!
//! Written field by field, without a message in between: that would hold a copy of every label of
//! every series, a dozen texts for a single number.
//!
//! ```text
//! WriteRequest{1: TimeSeries{1: Label{1: name, 2: value}…, 2: Sample{1: value, 2: time}}…,
//!              3: MetricMetadata{1: type, 2: family, 4: help, 5: unit}…}
//! ```

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, int32};

use super::message::{COUNTER, GAUGE};
use super::{samples, series_labels};
use crate::export::family::{FAMILIES, Family, Value};
use crate::export::queue::{Batch, points};

/// All samples of the batches. The families are described in each request: engines forget them.
pub(super) fn request(batches: &[Batch], external: &[(String, String)]) -> Vec<u8> {
    let (mut request, mut series, mut field) = (Vec::new(), Vec::new(), Vec::new());
    for point in points(batches) {
        for (family, sample) in samples(point) {
            series.clear();
            for (name, value) in series_labels(family, point, external) {
                field.clear();
                put(&mut field, 1, name.as_bytes());
                put(&mut field, 2, value.as_bytes());
                put(&mut series, 1, &field);
            }
            put(&mut series, 2, &sample.encode_to_vec());
            put(&mut request, 1, &series);
        }
    }
    for family in &FAMILIES {
        put(&mut request, 3, &metadata(family));
    }
    request
}

fn metadata(family: &Family) -> Vec<u8> {
    let mut metadata = Vec::new();
    int32::encode(1, if family.value == Value::CpuTime { &COUNTER } else { &GAUGE }, &mut metadata);
    for (field, text) in [(2, family.name), (4, family.help), (5, family.unit)] {
        put(&mut metadata, field, text.as_bytes());
    }
    metadata
}

/// A field that says how long it is: text, or a message.
fn put(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
