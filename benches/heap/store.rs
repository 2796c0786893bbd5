//! The store alone, and what is kept of each scrape beside the names that it shares.

use std::collections::HashMap;
use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::promtext::kubelet;
use kube_vitals::revision::Revisions;
use kube_vitals::store::{Merge, Store};
use kube_vitals::usage::{NodeName, PodKey, Rejected, Scrape, Uid};

use crate::allocator::live_bytes;
use crate::support::kubelet_body;

/// Enough that the map's own growth does not show.
const NODES: u32 = 1000;
/// Of each shape. The map's shape is chance (its hashes are seeded), and its share of a node differs by a
/// twentieth from one store to the next; of the mean that is a fiftieth.
const STORES: u32 = 8;

/// Bytes of each.
pub(crate) struct Costs {
    pub(crate) node: f64,
    pub(crate) pod: f64,
    pub(crate) container: f64,
}

/// What the store holds after two rounds, of clusters of two shapes.
pub(crate) fn costs() -> Costs {
    let mean_bytes = |pods| (0..STORES).map(|_| held_bytes(pods)).sum::<f64>() / f64::from(STORES);
    let (few, many) = (mean_bytes(10), mean_bytes(60));
    // Pods here have two containers; a record of one is the same whatever its pod.
    let container = size_of::<kube_vitals::store::ContainerRecord>() as f64;
    let pod = (many - few) / f64::from(NODES * 50) - 2.0 * container;
    let node = few / f64::from(NODES) - 10.0 * (pod + 2.0 * container);
    Costs { node, pod, container }
}

fn held_bytes(pods: u32) -> f64 {
    let bodies = [kubelet_body(pods, 0), kubelet_body(pods, 1)];
    let batches = bodies.each_ref().map(|body| kubelet::read(body));
    let known: HashMap<String, (PodKey, Uid)> = batches[0]
        .rows
        .iter()
        .map(|row| (row.pod.to_owned(), (PodKey::new(row.namespace, row.pod), Uid::parse(row.pod))))
        .collect();
    let rules = Merge { pod: &|_, pod| known.get(pod).cloned(), oldest: UnixMillis(0) };
    let names: Vec<NodeName> = (0..NODES).map(|node| NodeName::from(format!("node-{node}").as_str())).collect();
    let before = live_bytes();
    let store = Store::new(Revisions::after(0));
    for batch in &batches {
        for name in &names {
            let scrape = Scrape {
                started: UnixMillis(1_795_391_071_434),
                duration: Duration::from_millis(20),
                body_bytes: 39_000,
                address: "192.0.2.1:10250".into(),
                rejected: Rejected::default(),
                outcome: Ok(()),
            };
            store.record(name, Some(batch), scrape, &rules);
        }
    }
    live_bytes() - before
}
