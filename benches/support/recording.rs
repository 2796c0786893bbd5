//! A store that knows many nodes, and scrapes to record in it.

use std::collections::HashMap;
use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::promtext::kubelet;
use kube_vitals::revision::Revisions;
use kube_vitals::store::{Merge, Store};
use kube_vitals::usage::{Batch, NodeName, PodKey, Rejected, Scrape, Uid};

use super::support::kubelet_body;

/// The bodies come again after so many rounds.
const BODIES: u32 = 8;

/// What scrapes of a steady cluster are recorded in, the readings moving on each round.
pub(crate) struct Recording {
    bodies: Vec<Vec<u8>>,
    known: HashMap<String, (PodKey, Uid)>,
    store: Store,
    nodes: Vec<NodeName>,
}

impl Recording {
    /// `nodes` nodes of `pods` pods with two containers each, every one of them scraped once.
    pub(crate) fn begun(nodes: usize, pods: u32) -> Self {
        let bodies: Vec<Vec<u8>> = (0..BODIES).map(|round| kubelet_body(pods, round)).collect();
        let first = kubelet::read(&bodies[0]);
        let known = first
            .rows
            .iter()
            .map(|row| (row.pod.to_owned(), (PodKey::new(row.namespace, row.pod), Uid::parse(row.pod))))
            .collect();
        let nodes = (0..nodes).map(|node| NodeName::from(format!("node-{node}").as_str())).collect();
        let store = Store::new(Revisions::after(0));
        let recording = Self { known, store, nodes, bodies: bodies.clone() };
        for node in &recording.nodes {
            recording.record(node, &first);
        }
        recording
    }

    /// The bodies, one for each round.
    pub(crate) fn bodies(&self) -> &[Vec<u8>] {
        &self.bodies
    }

    /// Records `batch` as of the node whose turn it is in `round`.
    pub(crate) fn record_in_round(&self, round: usize, batch: &Batch<'_>) {
        self.record(&self.nodes[round % self.nodes.len()], batch);
    }

    fn record(&self, node: &NodeName, batch: &Batch<'_>) {
        let rules = Merge { pod: &|_, pod| self.known.get(pod).cloned(), oldest: UnixMillis(0) };
        self.store.record(node, Some(batch), good_scrape(), &rules);
    }
}

fn good_scrape() -> Scrape {
    Scrape {
        started: UnixMillis(1_795_391_071_434),
        duration: Duration::from_millis(20),
        body_bytes: 39_000,
        address: "192.0.2.1:10250".into(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    }
}
