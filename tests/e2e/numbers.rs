//! Every served number lies on the curve it came from.

use std::time::Duration;

use jiff::Timestamp;
use kube_vitals::clock::UnixMillis;
use kube_vitals::sim::{Basis, Bounds, ContainerKind, World};
use kube_vitals::usage::{Bytes, Nanocores};
use serde_json::Value;

use crate::world::SimulatedNodes;

/// Compares a list of nodes; the number of equal values.
pub(crate) fn nodes(world: &World, list: &Value) -> Result<usize, String> {
    let mut equal = 0;
    for node in world.nodes() {
        let item = item(list, None, node.name.as_str())?;
        let bounds = node.bounds(time(item)?, basis(item, item)?);
        equal += compare(node.name.as_str(), item, bounds)?;
    }
    same_length(list, world.nodes().count())?;
    Ok(equal)
}

/// Compares a list of pods of our own group, container by container; the number of equal values.
pub(crate) fn pods(nodes: &SimulatedNodes, list: &Value) -> Result<usize, String> {
    let mut equal = 0;
    for pod in nodes.running() {
        let item = item(list, Some(&pod.key.namespace), &pod.key.name)?;
        let served = item["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let running = pod.containers.iter().filter(|container| container.kind != ContainerKind::Init);
        for container in running.clone() {
            let name = format!("{}/{}", pod.key, container.name);
            let found = served.iter().find(|served| served["name"] == container.name.as_str());
            let found = found.ok_or_else(|| format!("{name} is not served: {item}"))?;
            let bounds = container.bounds(time(found)?, basis(found, found)?);
            equal += compare(&name, found, bounds)?;
        }
        if served.len() != running.count() {
            return Err(format!("{} is served with containers that do not run: {item}", pod.key));
        }
    }
    same_length(list, nodes.running().count())?;
    Ok(equal)
}

fn compare(name: &str, served: &Value, bounds: Option<Bounds>) -> Result<usize, String> {
    let bounds = bounds.ok_or_else(|| format!("{name}: its kubelet has no reading of that time: {served}"))?;
    let text = |field: &str| served["usage"][field].as_str().unwrap_or_default().to_owned();
    let cpu: Nanocores = text("cpu").parse().map_err(|error| format!("{name}: {error}"))?;
    let memory: Bytes = text("memory").parse().map_err(|error| format!("{name}: {error}"))?;
    if bounds.cpu_nanocores.contains(&cpu.0) && bounds.memory_bytes.contains(&memory.0) {
        return Ok(2);
    }
    Err(format!("{name}: {served} is not within {bounds:?}"))
}

fn item<'a>(list: &'a Value, namespace: Option<&str>, name: &str) -> Result<&'a Value, String> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .find(|item| {
            let metadata = &item["metadata"];
            metadata["name"] == name && namespace.is_none_or(|namespace| metadata["namespace"] == namespace)
        })
        .ok_or_else(|| format!("{name} is not in the list; missing: {}", list["missing"]))
}

fn same_length(list: &Value, expected: usize) -> Result<(), String> {
    let length = list["items"].as_array().map_or(0, Vec::len);
    if length == expected { Ok(()) } else { Err(format!("{length} items are served, {expected} exist")) }
}

fn time(served: &Value) -> Result<UnixMillis, String> {
    let text = served["timestamp"].as_str().ok_or_else(|| format!("no timestamp: {served}"))?;
    let time: Timestamp = text.parse().map_err(|error| format!("{text}: {error}"))?;
    Ok(UnixMillis(time.as_millisecond()))
}

fn basis(served: &Value, source: &Value) -> Result<Basis, String> {
    if source["source"] == "Kubelet" {
        return Ok(Basis::KubeletRate);
    }
    let text = served["window"].as_str().ok_or_else(|| format!("no window: {served}"))?;
    let window: kube::core::Duration = text.parse().map_err(|error| format!("{text}: {error}"))?;
    Ok(Basis::Window(Duration::from(window)))
}
