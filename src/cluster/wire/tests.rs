//! Objects as a real API server writes them.

use serde_json::json;

use super::*;
use crate::cluster::{Address, Container, ContainerState, Node, Phase, Pod};
use crate::config::AddressKind;
use crate::usage::PodKey;

fn pod(json: &serde_json::Value) -> Pod {
    let slim: SlimPod = serde_json::from_str(&json.to_string()).unwrap();
    slim.into_object(&mut Interner::default()).unwrap()
}

fn node(json: &serde_json::Value) -> Node {
    let slim: SlimNode = serde_json::from_str(&json.to_string()).unwrap();
    slim.into_object(&mut Interner::default()).unwrap()
}

fn states(pod: &Pod) -> Vec<(&str, ContainerState)> {
    pod.containers.iter().map(|Container { name, state }| (name.as_str(), *state)).collect()
}

fn pod_with_sidecar() -> serde_json::Value {
    json!({
        "metadata": {
            "name": "web-7d4b9c-x2x7q", "namespace": "shop", "uid": "a710ab91-0a3a-4a23-abf0-72c8f39b8775",
            "resourceVersion": "48213", "creationTimestamp": "2026-11-22T23:44:31Z",
            "generateName": "web-7d4b9c-",
            "labels": {"app": "web", "pod-template-hash": "7d4b9c"},
            "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-22T23:44:00Z"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9c", "uid": "x"}],
            "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {"f:phase": {}}}}]
        },
        "spec": {
            "nodeName": "node-1", "restartPolicy": "Always",
            "initContainers": [
                {"name": "migrate", "image": "m:1"},
                {"name": "proxy", "image": "p:1", "restartPolicy": "Always"}
            ],
            "containers": [
                {"name": "web", "image": "w:1", "resources": {"requests": {"cpu": "100m"}}},
                {"name": "cache", "image": "c:1"}
            ]
        },
        "status": {
            "phase": "Running",
            "initContainerStatuses": [
                {"name": "migrate", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-11-22T23:44:33Z"}}},
                {"name": "proxy", "state": {"running": {"startedAt": "2026-11-22T23:44:34Z"}}, "lastState": {}}
            ],
            "containerStatuses": [
                {"name": "cache", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T23:50:00Z"}}},
                {"name": "web", "state": {"running": {"startedAt": "2026-11-22T23:44:35Z"}}, "lastState": {}}
            ]
        }
    })
}

#[test]
fn a_pod_keeps_names_labels_and_summed_containers_in_spec_order() {
    let pod = pod(&pod_with_sidecar());
    assert_eq!(pod.key, PodKey::new("shop", "web-7d4b9c-x2x7q"));
    assert_eq!(pod.uid, crate::usage::Uid::parse("a710ab91-0a3a-4a23-abf0-72c8f39b8775"));
    assert_eq!(pod.created, UnixMillis(1_795_391_071_000));
    assert_eq!(pod.labels.value("app"), Some("web"));
    assert_eq!(pod.node.as_ref().map(crate::usage::NodeName::as_str), Some("node-1"));
    assert_eq!(pod.phase, Phase::Running);
    assert_eq!(
        states(&pod),
        [
            ("proxy", ContainerState::Running(UnixMillis(1_795_391_074_000))),
            ("web", ContainerState::Running(UnixMillis(1_795_391_075_000))),
            ("cache", ContainerState::Ended(UnixMillis(1_795_391_400_000))),
        ]
    );
}

#[test]
fn a_terminated_container_ended_when_it_finished() {
    let mut json = pod_with_sidecar();
    json["status"]["containerStatuses"][1]["state"] =
        json!({"terminated": {"exitCode": 0, "finishedAt": "2026-11-22T23:51:00Z"}});
    assert_eq!(states(&pod(&json))[1], ("web", ContainerState::Ended(UnixMillis(1_795_391_460_000))));
}

#[test]
fn a_container_without_status_or_end_is_unknown() {
    let mut json = pod_with_sidecar();
    json["status"]["containerStatuses"] = json!([
        {"name": "web", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"name": "cache", "state": {"terminated": {"reason": "ContainerStatusUnknown", "finishedAt": null}}}
    ]);
    let unknown = states(&pod(&json)).into_iter().filter(|(_, state)| *state == ContainerState::Unknown).count();
    assert_eq!(unknown, 2);
}

#[test]
fn nulls_and_absent_parts_read_as_empty() {
    let unbound = pod(&json!({
        "metadata": {"name": "a", "namespace": "b", "uid": "c", "labels": null, "creationTimestamp": null},
        "spec": {"containers": null, "nodeName": ""}, "status": null
    }));
    assert_eq!((unbound.node, unbound.phase, unbound.containers.len()), (None, Phase::Pending, 0));
    for phase in ["Succeeded", "Failed"] {
        let json = json!({"metadata": {"name": "a", "namespace": "b"}, "status": {"phase": phase}});
        assert_eq!(pod(&json).phase, Phase::Finished);
    }
}

#[test]
fn an_object_without_a_name_is_dropped() {
    let slim: SlimPod = serde_json::from_value(json!({"metadata": {"namespace": "b"}})).unwrap();
    assert!(slim.into_object(&mut Interner::default()).is_none());
}

#[test]
fn a_node_keeps_addresses_port_and_readiness() {
    let node = node(&json!({
        "metadata": {"name": "node-1", "uid": "u", "labels": {"zone": "a"}, "creationTimestamp": "2026-11-22T23:44:31Z",
                     "managedFields": [{"manager": "kubelet"}]},
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.1.2.3"},
                {"type": "FutureKind", "address": "x"},
                {"type": "InternalIP", "address": "fd00::1"},
                {"type": "Hostname", "address": "node-1"}
            ],
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [{"names": ["a"], "sizeBytes": 1}]
        }
    }));
    let address = |kind, host: &str| Address { kind, host: host.into() };
    assert_eq!(
        node.addresses,
        [
            address(AddressKind::InternalIp, "10.1.2.3"),
            address(AddressKind::InternalIp, "fd00::1"),
            address(AddressKind::Hostname, "node-1"),
        ]
    );
    assert_eq!((node.kubelet_port, node.ready), (Some(10250), true));
    assert_eq!(node.labels.value("zone"), Some("a"));
}

#[test]
fn a_node_that_tells_nothing_has_no_port_and_is_not_ready() {
    let bare = node(&json!({"metadata": {"name": "n"}}));
    assert_eq!((bare.kubelet_port, bare.ready, bare.addresses.len()), (None, false, 0));
    let zero = node(&json!({
        "metadata": {"name": "n"}, "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}}
    }));
    assert_eq!(zero.kubelet_port, None);
}
