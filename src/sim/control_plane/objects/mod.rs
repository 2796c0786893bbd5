//! The simulated nodes and pods as Kubernetes objects, with what real ones carry beside what the
//! server under test reads: it has to cope with all of it.

mod node;
mod pod;

pub use node::node;
pub use pod::pod;

use serde_json::{Value, json};

use crate::clock::UnixMillis;

/// Every object of a real cluster drags this along; it is often the biggest part of it.
fn managed_fields(manager: &str, at: UnixMillis) -> Value {
    json!([{
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": at.to_string(),
        "fieldsType": "FieldsV1", "subresource": "status",
        "fieldsV1": {"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}, "f:type": {}}}}},
    }])
}

fn condition(kind: &str, holds: bool, since: UnixMillis) -> Value {
    json!({
        "type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": since.to_string(),
    })
}
