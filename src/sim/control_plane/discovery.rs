//! Discovery and the other documents that clients read before they ask for anything.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::sim::control_plane::kinds::{KINDS, Kind};
use crate::sim::control_plane::status::{Status, json_response};

/// Group and version of an APIService that another server answers.
pub(crate) type GroupVersion = (String, String);

/// Answers a path that is no resource. `aggregated` are the groups of other servers, in the order
/// of their priority.
pub(crate) fn answer(path: &str, aggregated: &[GroupVersion]) -> Result<Response<Body>, Status> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let document = match segments.as_slice() {
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ["api", version] => resources("", version).ok_or_else(Status::unknown_path)?,
        ["apis"] => {
            let groups: Vec<Value> =
                groups(aggregated).iter().map(|(name, versions)| group(name, versions, false)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", name] => {
            let groups = groups(aggregated);
            let versions = groups.get(*name).ok_or_else(Status::unknown_path)?;
            group(name, versions, true)
        }
        ["apis", group, version] => resources(group, version).ok_or_else(Status::unknown_path)?,
        ["version"] => version(),
        ["openapi", "v2"] => {
            json!({"swagger": "2.0", "info": {"title": "Simulated cluster", "version": "v1"}, "paths": {}})
        }
        ["openapi", "v3"] => json!({"paths": {}}),
        _ => return Err(Status::unknown_path()),
    };
    Ok(json_response(StatusCode::OK, &document))
}

fn groups(aggregated: &[GroupVersion]) -> BTreeMap<String, Vec<String>> {
    let own = KINDS.iter().filter(|kind| !kind.group.is_empty());
    let own = own.map(|kind| (kind.group.to_owned(), kind.version.to_owned()));
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (group, version) in own.chain(aggregated.iter().cloned()) {
        let versions = groups.entry(group).or_default();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    groups
}

fn group(name: &str, versions: &[String], on_its_own: bool) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    let mut group = json!({"name": name, "preferredVersion": versions.first(), "versions": versions});
    if let Some(fields) = group.as_object_mut().filter(|_| on_its_own) {
        fields.insert("kind".to_owned(), json!("APIGroup"));
        fields.insert("apiVersion".to_owned(), json!("v1"));
    }
    group
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| kind.group == group && kind.version == version).collect();
    let api_version = kinds.first()?.api_version();
    let resources: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({
                "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
                "kind": kind.name, "verbs": kind.verbs, "shortNames": kind.short_names,
            })
        })
        .collect();
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}))
}

/// A version that clients take for a recent Kubernetes; the rest says that it is none.
fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.0-simulated", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc", "platform": "simulated",
    })
}
