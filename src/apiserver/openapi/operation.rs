//! What can be asked at a path, and what is answered.

use serde_json::{Map, Value, json};

use super::definition::Definition;
use super::format::Format;
use super::kubernetes::STATUS;
use super::objects::{HEALTH, KINDS};
use super::parameter;
use crate::apiserver::groups::{ApiVersion, Dialect, ResourceType};
use crate::apiserver::negotiate::JSON;

/// The encodings of objects, Kubernetes' own among them.
const ENCODINGS: [&str; 3] = [JSON, "application/vnd.kubernetes.protobuf", "application/yaml"];
/// What a watch is sent as; in JSON a stream has the type of a single object too.
const STREAMS: [&str; 2] = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];

/// Refusals and failures, each with the word for what it means; `default` is any other.
type Errors = &'static [(&'static str, &'static str)];

const GET_ERRORS: Errors = &[
    ("400", "A parameter cannot be understood."),
    ("401", "The caller is not known."),
    ("403", "The caller may not do this."),
    ("404", "There is no such object, or its usage is not known; the cause says why."),
    ("406", "None of the media types that the caller accepts can be made."),
    ("429", "Too many requests are under way."),
    ("default", "The server cannot answer now."),
];

const LIST_ERRORS: Errors = &[
    ("400", "A parameter cannot be understood."),
    ("401", "The caller is not known."),
    ("403", "The caller may not do this."),
    ("406", "None of the media types that the caller accepts can be made."),
    ("410", "The state that continue or resourceVersion names is not known any more."),
    ("422", "The parameters do not go together."),
    ("429", "Too many requests are under way."),
    ("default", "The server cannot answer now."),
];

const HEALTH_ERRORS: Errors = &[
    ("401", "The caller is not known."),
    ("403", "The caller may not do this."),
    ("503", "The server is not ready; the message says what is wrong."),
    ("default", "The server cannot answer now."),
];

/// The types that answers of `version` are of.
pub(super) fn answers(version: &ApiVersion) -> Vec<&'static Definition> {
    let kinds = version.resources.iter().flat_map(|resource| [answer(resource, false), answer(resource, true)]);
    let health = (version.dialect == Dialect::Own).then_some(&HEALTH);
    kinds.flatten().chain(health).chain([&STATUS]).collect()
}

/// Every path of `version`, with what can be asked there.
pub(super) fn paths(version: &ApiVersion, format: Format) -> Map<String, Value> {
    let resources = version.resources.iter().flat_map(|resource| {
        let items = resource.paths().into_iter().filter_map(|path| {
            let item = path_item(version, resource, &path, format)?;
            Some((version.root() + &path, item))
        });
        items.collect::<Vec<_>>()
    });
    let health =
        (version.dialect == Dialect::Own).then(|| (format!("{}/healthz", version.root()), health(version, format)));
    resources.chain(health).collect()
}

/// The type of one object of `resource`, or of a list of them.
fn answer(resource: &ResourceType, is_list: bool) -> Option<&'static Definition> {
    let (kind, list) = (resource.kind, if is_list { "List" } else { "" });
    KINDS.into_iter().find(|known| known.name.strip_suffix(list) == Some(kind))
}

fn path_item(version: &ApiVersion, resource: &ResourceType, path: &str, format: Format) -> Option<Value> {
    let is_list = !path.ends_with("{name}");
    let (object, answer) = (answer(resource, false)?, answer(resource, is_list)?);
    let (action, errors) = if is_list { ("list", LIST_ERRORS) } else { ("get", GET_ERRORS) };
    let streams: &[&str] = if is_list && resource.is_watched() { &STREAMS } else { &[] };
    let media_types = [&ENCODINGS, streams].concat();
    let mut operation = json!({
        "description": answer.description,
        "operationId": operation_id(version, resource, path, action),
        "parameters": parameter::in_query(resource, is_list, version, format),
        "responses": responses(version, answer, &media_types, errors, format),
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": object.group_version_kind(version),
    });
    produces(&mut operation, &media_types, format);
    Some(json!({ "parameters": parameter::in_path(path, version, format), "get": operation }))
}

/// `healthz` of our own group.
fn health(version: &ApiVersion, format: Format) -> Value {
    let mut operation = json!({
        "description": HEALTH.description,
        "operationId": format!("get{}Healthz", camel_case(version)),
        "responses": responses(version, &HEALTH, &[JSON], HEALTH_ERRORS, format),
    });
    produces(&mut operation, &ENCODINGS, format);
    json!({ "get": operation })
}

fn responses(
    version: &ApiVersion,
    answer: &Definition,
    media_types: &[&str],
    errors: Errors,
    format: Format,
) -> Map<String, Value> {
    let reference = |definition: &Definition| format.reference(&definition.full_name(version));
    let good = format.response(answer.description, &reference(answer), media_types);
    let status = reference(&STATUS);
    let errors = errors.iter().map(|(code, description)| {
        let response = format.response(description, &status, &ENCODINGS);
        ((*code).to_owned(), response)
    });
    [("200".to_owned(), good)].into_iter().chain(errors).collect()
}

/// v3 says it with each answer.
fn produces(operation: &mut Value, media_types: &[&str], format: Format) {
    if let (Format::V2, Value::Object(members)) = (format, operation) {
        members.insert("produces".to_owned(), json!(media_types));
    }
}

/// Unique in a document, since documents of several servers are merged.
fn operation_id(version: &ApiVersion, resource: &ResourceType, path: &str, action: &str) -> String {
    let scope = if path.starts_with("/namespaces/") { "Namespaced" } else { "" };
    let everywhere = if resource.namespaced && scope.is_empty() { "ForAllNamespaces" } else { "" };
    format!("{action}{}{scope}{}{everywhere}", camel_case(version), resource.kind)
}

/// Group and version as part of a name in a program.
fn camel_case(version: &ApiVersion) -> String {
    version.name.split(['.', '-']).chain([version.version]).map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
