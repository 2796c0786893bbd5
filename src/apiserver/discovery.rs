//! What we serve, told to kube-aggregator and to clients, from the first moment on: a group whose
//! discovery fails holds up kubectl and every deletion of a namespace.
//!
//! | path | document |
//! |---|---|
//! | `/apis`, by `Accept` | `APIGroupDiscoveryList` (all in one, tagged) or `APIGroupList` |
//! | `/apis/GROUP` | `APIGroup` |
//! | `/apis/GROUP/VERSION` | `APIResourceList`; also how the aggregator probes us |
//!
//! The aggregator takes a 304 on the classic documents for an error, so only the aggregated one
//! has a tag.

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::apiserver::document::Document;
use crate::apiserver::groups::{ApiGroup, ApiVersion, Groups, ResourceType};
use crate::apiserver::negotiate::{DiscoveryForm, JSON, accepts_json, discovery_form};
use crate::apiserver::status::Status;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The documents, written once.
#[derive(Debug)]
pub(crate) struct Discovery {
    aggregated: Document,
    groups: Document,
    by_group: Vec<GroupDocuments>,
}

#[derive(Debug)]
struct GroupDocuments {
    name: String,
    group: Document,
    versions: Vec<(&'static str, Document)>,
}

impl Discovery {
    pub(crate) fn new(groups: &Groups) -> Self {
        let aggregated = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": groups.iter().map(aggregated_group).collect::<Vec<_>>(),
        });
        let classic = json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": groups.iter().map(classic_group).collect::<Vec<_>>(),
        });
        Self {
            aggregated: Document::of(&aggregated, AGGREGATED),
            groups: Document::of(&classic, JSON),
            by_group: groups.iter().map(GroupDocuments::new).collect(),
        }
    }

    /// `/apis`.
    pub(crate) fn groups(&self, headers: &HeaderMap) -> Result<Response, Status> {
        Ok(match discovery_form(headers)? {
            DiscoveryForm::Aggregated => self.aggregated.answer(headers),
            DiscoveryForm::Classic => self.groups.untagged(),
        })
    }

    /// `/apis/GROUP` or `/apis/GROUP/VERSION`.
    pub(crate) fn below(&self, path: &str, headers: &HeaderMap) -> Result<Response, Status> {
        let mut parts = path.trim_matches('/').split('/').skip(1);
        let (name, version) = (parts.next().unwrap_or_default(), parts.next());
        let group = self.by_group.iter().find(|group| group.name == name);
        let document = group.and_then(|group| match version {
            None => Some(&group.group),
            Some(version) => group.versions.iter().find(|(known, _)| *known == version).map(|(_, document)| document),
        });
        let document = document.ok_or_else(Status::path_not_found)?;
        accepts_json(headers)?;
        Ok(document.untagged())
    }
}

impl GroupDocuments {
    fn new(group: &ApiGroup) -> Self {
        let mut own = classic_group(group);
        if let Value::Object(members) = &mut own {
            members.insert("kind".to_owned(), json!("APIGroup"));
            members.insert("apiVersion".to_owned(), json!("v1"));
        }
        let resources = |version: &ApiVersion| (version.version, Document::of(&classic_version(version), JSON));
        Self {
            name: group.name.clone(),
            group: Document::of(&own, JSON),
            versions: group.versions.iter().map(resources).collect(),
        }
    }
}

fn classic_group(group: &ApiGroup) -> Value {
    let versions: Vec<_> = group
        .versions
        .iter()
        .map(|version| json!({ "groupVersion": version.group_version(), "version": version.version }))
        .collect();
    json!({ "name": group.name, "preferredVersion": versions.first(), "versions": versions })
}

fn classic_version(version: &ApiVersion) -> Value {
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version.group_version(),
        "resources": version.resources.iter().map(classic_resource).collect::<Vec<_>>(),
    })
}

fn classic_resource(resource: &ResourceType) -> Value {
    json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    })
}

fn aggregated_group(group: &ApiGroup) -> Value {
    json!({
        "metadata": { "name": group.name },
        "versions": group.versions.iter().map(aggregated_version).collect::<Vec<_>>(),
    })
}

fn aggregated_version(version: &ApiVersion) -> Value {
    let resources: Vec<_> = version.resources.iter().map(|resource| aggregated_resource(version, resource)).collect();
    json!({ "version": version.version, "freshness": "Current", "resources": resources })
}

fn aggregated_resource(version: &ApiVersion, resource: &ResourceType) -> Value {
    json!({
        "resource": resource.plural,
        "responseKind": { "group": version.name, "version": version.version, "kind": resource.kind },
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    })
}
