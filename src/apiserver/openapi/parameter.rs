//! What a request may ask for in its query.

use serde_json::Value;

use super::definition::Kind;
use super::format::Format;
use crate::apiserver::groups::{ApiVersion, ResourceType};

/// One parameter.
pub(super) struct Parameter {
    name: &'static str,
    kind: Kind,
    description: &'static str,
}

const fn parameter(name: &'static str, kind: Kind, description: &'static str) -> Parameter {
    Parameter { name, kind, description }
}

/// Of every request for a resource.
static ANY: [Parameter; 3] = [
    parameter("pretty", Kind::Text, "Indents the answer, unless it is false or 0."),
    parameter("timeout", Kind::Text, "Time for the request, such as 5s, if less than the server would give it."),
    parameter(
        "includeObject",
        Kind::Word(&["None", "Metadata", "Object"]),
        "How much of the object each row of a table holds, for a client that asks for tables.",
    ),
];

/// Of lists.
static LIST: [Parameter; 7] = [
    parameter("labelSelector", Kind::Text, "Only what has such labels: app=web, tier in (a,b), !old."),
    parameter("fieldSelector", Kind::Text, "Only what has such metadata.name or metadata.namespace: metadata.name=a."),
    parameter("limit", Kind::Integer, "At most so many items; the rest is had by continue."),
    parameter("continue", Kind::Text, "Goes on with a list where the answer that held this left off."),
    parameter("resourceVersion", Kind::Text, "The state of the server that the answer must be from, or newer than."),
    parameter(
        "resourceVersionMatch",
        Kind::Word(&["Exact", "NotOlderThan"]),
        "How resourceVersion is meant; only beside it.",
    ),
    parameter("timeoutSeconds", Kind::Integer, "Ends a list or watch after so many seconds."),
];

/// Of lists that can be followed.
static WATCH: [Parameter; 3] = [
    parameter("watch", Kind::Flag, "Sends changes as they happen, instead of a list."),
    parameter("allowWatchBookmarks", Kind::Flag, "Lets the server send the state that a watch has come to."),
    parameter(
        "sendInitialEvents",
        Kind::Flag,
        "Begins a watch with what is there, as if it were new; needs resourceVersionMatch=NotOlderThan.",
    ),
];

/// The parts of a path that are named, and what each is.
const PATH: [(&str, &str); 2] =
    [("namespace", "The namespace that the pods are in."), ("name", "Name of the node or pod.")];

/// Those of a path itself.
pub(super) fn in_path(path: &str, version: &ApiVersion, format: Format) -> Vec<Value> {
    let named = PATH.into_iter().filter(|(name, _)| path.contains(&format!("{{{name}}}")));
    let schema = || Kind::Text.schema(version, format);
    named.map(|(name, description)| format.parameter(name, "path", description, schema())).collect()
}

/// Those of a request for one object of `resource`, or for a list of them.
pub(super) fn in_query(resource: &ResourceType, is_list: bool, version: &ApiVersion, format: Format) -> Vec<Value> {
    let list: &[Parameter] = if is_list { &LIST } else { &[] };
    let watch: &[Parameter] = if is_list && resource.is_watched() { &WATCH } else { &[] };
    let all = ANY.iter().chain(list).chain(watch);
    all.map(|it| format.parameter(it.name, "query", it.description, it.kind.schema(version, format))).collect()
}
