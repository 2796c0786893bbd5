//! A node.

use serde_json::{Value, json};

use super::{condition, managed_fields};
use crate::clock::UnixMillis;
use crate::sim::SimNode;

/// Pods a node takes; what kubelets say by default.
const MAX_PODS: &str = "110";

/// The node's object; its kubelet listens on `kubelet_port`.
pub fn node(node: &SimNode, kubelet_port: u16, at: UnixMillis) -> Value {
    let name = node.name.as_str();
    let resources = json!({
        "cpu": node.cpu_cores.to_string(),
        "memory": format!("{}Ki", node.memory_capacity_bytes / 1024),
        "pods": MAX_PODS,
    });
    json!({
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": node.uid(),
            "creationTimestamp": node.booted.to_string(),
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": format!("zone-{}", char::from(b'a' + u8::try_from(node.index % 3).unwrap_or(0))),
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
            "managedFields": managed_fields("kubelet", node.booted),
        },
        "spec": {"podCIDR": "198.51.100.0/24"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": node.address.to_string()},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": resources,
            "capacity": resources,
            "conditions": [
                condition("MemoryPressure", false, node.booted),
                condition("DiskPressure", false, node.booted),
                {
                    "type": "Ready", "status": "True", "reason": "KubeletReady",
                    "lastHeartbeatTime": at.to_string(), "lastTransitionTime": node.booted.to_string(),
                },
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.0-simulated",
                "osImage": "simulated", "kernelVersion": "simulated", "containerRuntimeVersion": "simulated://1",
            },
        },
    })
}
