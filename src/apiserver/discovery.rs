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
use crate::apiserver::groups::{ApiGroup, Groups, ResourceType, VERBS};
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
    version: &'static str,
    group: Document,
    resources: Document,
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
        let known = self.by_group.iter().filter(|group| group.name == name);
        let document = match version {
            None => known.map(|group| &group.group).next(),
            Some(version) => known.filter(|group| group.version == version).map(|group| &group.resources).next(),
        };
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
        let resources = json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group.group_version(),
            "resources": group.resources.iter().map(classic_resource).collect::<Vec<_>>(),
        });
        Self {
            name: group.name.clone(),
            version: group.version,
            group: Document::of(&own, JSON),
            resources: Document::of(&resources, JSON),
        }
    }
}

fn classic_group(group: &ApiGroup) -> Value {
    let version = json!({ "groupVersion": group.group_version(), "version": group.version });
    json!({ "name": group.name, "versions": [version], "preferredVersion": version })
}

fn classic_resource(resource: &ResourceType) -> Value {
    json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": VERBS,
    })
}

fn aggregated_group(group: &ApiGroup) -> Value {
    let resources: Vec<_> = group.resources.iter().map(|resource| aggregated_resource(group, resource)).collect();
    json!({
        "metadata": { "name": group.name },
        "versions": [{ "version": group.version, "freshness": "Current", "resources": resources }],
    })
}

fn aggregated_resource(group: &ApiGroup, resource: &ResourceType) -> Value {
    json!({
        "resource": resource.plural,
        "responseKind": { "group": group.name, "version": group.version, "kind": resource.kind },
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": VERBS,
    })
}
