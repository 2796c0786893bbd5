//! Nodes on the wire.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use crate::cluster::intern::Interner;
use crate::cluster::wire::{Wire, metadata, millis, nullable};
use crate::cluster::{Address, Node};
use crate::config::AddressKind;
use crate::usage::{NodeName, Uid};

/// A `v1.Node`, only the fields in use.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cluster) struct SlimNode {
    #[serde(deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "nullable")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "nullable")]
    addresses: Vec<SlimAddress>,
    #[serde(deserialize_with = "nullable")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    daemon_endpoints: DaemonEndpoints,
}

#[derive(Clone, Debug, Deserialize)]
struct SlimAddress {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DaemonEndpoints {
    kubelet_endpoint: Option<Endpoint>,
}

#[derive(Clone, Debug, Deserialize)]
struct Endpoint {
    /// Written with a capital letter, unlike every other field.
    #[serde(rename = "Port")]
    port: i32,
}

impl Resource for SlimNode {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Node".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "nodes".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Wire for SlimNode {
    type Object = Node;

    fn into_object(self, interner: &mut Interner) -> Option<Node> {
        let Self { metadata, status } = self;
        Some(Node {
            name: NodeName::from(interner.text(&metadata.name?)),
            uid: Uid::parse(metadata.uid.as_deref().unwrap_or_default()),
            labels: interner.labels(&metadata.labels.unwrap_or_default()),
            created: metadata.creation_timestamp.as_ref().map(millis).unwrap_or_default(),
            revision: 0,
            kubelet_port: status.daemon_endpoints.kubelet_endpoint.and_then(|endpoint| port(endpoint.port)),
            ready: status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True"),
            addresses: status.addresses.into_iter().filter_map(address).collect(),
        })
    }
}

/// Zero means that the node tells no port.
fn port(told: i32) -> Option<u16> {
    u16::try_from(told).ok().filter(|port| *port != 0)
}

/// `None` for kinds that a later Kubernetes may bring.
fn address(told: SlimAddress) -> Option<Address> {
    let kind = match told.kind.as_str() {
        "Hostname" => AddressKind::Hostname,
        "InternalDNS" => AddressKind::InternalDns,
        "InternalIP" => AddressKind::InternalIp,
        "ExternalDNS" => AddressKind::ExternalDns,
        "ExternalIP" => AddressKind::ExternalIp,
        _ => return None,
    };
    Some(Address { kind, host: told.address.into() })
}
