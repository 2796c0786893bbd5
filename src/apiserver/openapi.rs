//! OpenAPI documents: every path we serve and the kind that it answers with. Fields are not
//! described yet; what is said is true.
//!
//! They have to exist from the start: kube-aggregator marks a server whose `/openapi/v3` answered
//! 404 once as one without, for as long as that kube-apiserver runs.

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::apiserver::document::Document;
use crate::apiserver::groups::{ApiGroup, Groups, ResourceType};
use crate::apiserver::negotiate::JSON;
use crate::apiserver::status::Status;

/// The documents, written once.
#[derive(Debug)]
pub(crate) struct OpenApi {
    v2: Document,
    v3: Document,
    v3_by_group: Vec<(String, Document)>,
}

/// Where the two versions of the format differ.
#[derive(Clone, Copy)]
enum Format {
    V2,
    V3,
}

impl OpenApi {
    pub(crate) fn new(groups: &Groups) -> Self {
        let v2 = json!({
            "swagger": "2.0",
            "info": info(),
            "paths": groups.iter().flat_map(|group| paths(group, Format::V2)).collect::<Map<_, _>>(),
            "definitions": groups.iter().flat_map(schemas).collect::<Map<_, _>>(),
        });
        let v3_by_group: Vec<_> =
            groups.iter().map(|group| (group_key(group), Document::of(&v3(group), JSON))).collect();
        let index = v3_by_group.iter().map(|(key, document)| {
            let url = format!("/openapi/v3/{key}?hash={}", document.tag());
            (key.clone(), json!({ "serverRelativeURL": url }))
        });
        let index = json!({ "paths": index.collect::<Map<_, _>>() });
        Self { v2: Document::of(&v2, JSON), v3: Document::of(&index, JSON), v3_by_group }
    }

    /// `/openapi/v2`.
    pub(crate) fn v2(&self, headers: &HeaderMap) -> Response {
        self.v2.answer(headers)
    }

    /// `/openapi/v3`.
    pub(crate) fn v3(&self, headers: &HeaderMap) -> Response {
        self.v3.answer(headers)
    }

    /// `/openapi/v3/apis/GROUP/VERSION`. Whatever `hash` the client names, it gets the document
    /// of now: a redirect to it would become a 502 on the way through the aggregator.
    pub(crate) fn v3_of(&self, path: &str, headers: &HeaderMap) -> Result<Response, Status> {
        let key = path.strip_prefix("/openapi/v3/").unwrap_or_default();
        let document = self.v3_by_group.iter().find(|(known, _)| known == key);
        document.map(|(_, document)| document.answer(headers)).ok_or_else(Status::path_not_found)
    }
}

fn info() -> Value {
    json!({ "title": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") })
}

fn group_key(group: &ApiGroup) -> String {
    group.root().trim_start_matches('/').to_owned()
}

fn v3(group: &ApiGroup) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": paths(group, Format::V3).collect::<Map<_, _>>(),
        "components": { "schemas": schemas(group).collect::<Map<_, _>>() },
    })
}

fn paths(group: &ApiGroup, format: Format) -> impl Iterator<Item = (String, Value)> {
    group.resources.iter().flat_map(move |resource| {
        let path = move |path: String| (group.root() + &path, operation(group, resource, &path, format));
        resource.paths().into_iter().map(path)
    })
}

fn operation(group: &ApiGroup, resource: &ResourceType, path: &str, format: Format) -> Value {
    let (action, list) = if path.ends_with("{name}") { ("get", "") } else { ("list", "List") };
    let schema = schema_name(group, resource, list);
    let answer = match format {
        Format::V2 => json!({ "description": "OK", "schema": { "$ref": format!("#/definitions/{schema}") } }),
        Format::V3 => {
            let schema = json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } });
            json!({ "description": "OK", "content": { JSON: schema } })
        }
    };
    let parameter = |name: &str| match format {
        Format::V2 => json!({ "name": name, "in": "path", "required": true, "type": "string" }),
        Format::V3 => json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
    };
    let parameters: Vec<_> =
        ["namespace", "name"].into_iter().filter(|name| path.contains(&format!("{{{name}}}"))).map(parameter).collect();
    json!({
        "parameters": parameters,
        "get": {
            "description": resource.description,
            "operationId": operation_id(group, resource, path, action),
            "responses": { "200": answer },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind(group, resource, ""),
        },
    })
}

/// Unique in a document, since documents of several servers are merged.
fn operation_id(group: &ApiGroup, resource: &ResourceType, path: &str, action: &str) -> String {
    let words = group.name.split(['.', '-']).chain([group.version]);
    let group: String = words.map(capitalised).collect();
    let scope = if path.starts_with("/namespaces/") { "Namespaced" } else { "" };
    let everywhere = if resource.namespaced && scope.is_empty() { "ForAllNamespaces" } else { "" };
    format!("{action}{group}{scope}{}{everywhere}", resource.kind)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn schemas(group: &ApiGroup) -> impl Iterator<Item = (String, Value)> {
    group.resources.iter().flat_map(move |resource| {
        ["", "List"].map(|list| {
            let schema = json!({
                "description": resource.description,
                "type": "object",
                "x-kubernetes-group-version-kind": [kind(group, resource, list)],
            });
            (schema_name(group, resource, list), schema)
        })
    })
}

fn kind(group: &ApiGroup, resource: &ResourceType, list: &str) -> Value {
    json!({ "group": group.name, "version": group.version, "kind": format!("{}{list}", resource.kind) })
}

/// The group's name reversed, as Kubernetes names its definitions.
fn schema_name(group: &ApiGroup, resource: &ResourceType, list: &str) -> String {
    let reversed: Vec<_> = group.name.split('.').rev().collect();
    format!("{}.{}.{}{list}", reversed.join("."), group.version, resource.kind)
}
