//! `/stats/summary?only_cpu_and_memory=true`: what the text tells, and the kubelet's own rates.

use serde::Serialize;

use super::resource::Quirks;
use crate::clock::UnixMillis;
use crate::sim::cluster::{Phase, SimNode, SimPod, SimReading};

#[derive(Serialize)]
struct Summary<'a> {
    node: Node<'a>,
    pods: Vec<Pod<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    node_name: &'a str,
    #[serde(flatten)]
    stats: Stats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod<'a> {
    #[serde(rename = "podRef")]
    names: PodRef<'a>,
    containers: Vec<Container<'a>>,
    #[serde(flatten)]
    stats: Stats,
}

#[derive(Serialize)]
struct PodRef<'a> {
    name: &'a str,
    namespace: &'a str,
    uid: String,
}

#[derive(Serialize)]
struct Container<'a> {
    name: &'a str,
    #[serde(flatten)]
    stats: Stats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    start_time: String,
    cpu: Cpu,
    memory: Memory,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_nano_cores: Option<u64>,
    usage_core_nano_seconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    time: String,
    usage_bytes: u64,
    working_set_bytes: u64,
    rss_bytes: u64,
    page_faults: u64,
    major_page_faults: u64,
}

/// The document at a time.
pub(super) fn write(
    node: &SimNode,
    pods: impl Iterator<Item = SimPod>,
    at: UnixMillis,
    quirks: Quirks,
) -> serde_json::Result<Vec<u8>> {
    let pods: Vec<_> = pods.filter(|pod| pod.phase(at) != Phase::Succeeded).collect();
    let pods = pods.iter().filter_map(|pod| {
        Some(Pod {
            names: PodRef { name: &pod.key.name, namespace: &pod.key.namespace, uid: pod.uid() },
            stats: stats(&pod.reading(at)?, quirks),
            containers: containers(pod, at, quirks),
        })
    });
    let node = Node { node_name: node.name.as_str(), stats: stats(&node.reading(at), quirks) };
    serde_json::to_vec(&Summary { node, pods: pods.collect() })
}

fn containers(pod: &SimPod, at: UnixMillis, quirks: Quirks) -> Vec<Container<'_>> {
    let running = pod.containers.iter().filter_map(|container| {
        Some(Container { name: container.name.as_str(), stats: stats(&container.reading(at)?, quirks) })
    });
    running.collect()
}

fn stats(reading: &SimReading, quirks: Quirks) -> Stats {
    let time = quirks.told(reading.time).to_string();
    Stats {
        start_time: reading.start.to_string(),
        cpu: Cpu { time: time.clone(), usage_nano_cores: reading.rate, usage_core_nano_seconds: reading.cpu_ns },
        memory: Memory {
            time,
            usage_bytes: reading.memory_bytes,
            working_set_bytes: reading.memory_bytes,
            rss_bytes: reading.memory_bytes / 10 * 9,
            page_faults: 0,
            major_page_faults: 0,
        },
    }
}
