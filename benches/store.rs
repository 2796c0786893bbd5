//! What it costs to store a scrape: `cargo bench --bench store`.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::promtext::kubelet;
use kube_vitals::revision::Revisions;
use kube_vitals::store::{Merge, Store};
use kube_vitals::usage::{NodeName, PodKey, Rejected, Scrape, Uid};
use support::{Timing, kubelet_body, time};

fn main() {
    println!("{:<36} {:>12} {:>12}", "record, one steady scrape", "min", "median");
    for (nodes, pods) in [(1, 30), (1000, 30), (5000, 30), (1000, 110)] {
        let Timing { min, median } = record(nodes, pods);
        println!("{:<36} {min:>12.2?} {median:>12.2?}", format!("{pods} pods x 2, {nodes} nodes known"));
    }
}

/// Rounds of recording on one of many nodes, the readings moving on each time.
fn record(nodes: usize, pods: u32) -> Timing {
    let bodies: Vec<Vec<u8>> = (0..8).map(|round| kubelet_body(pods, round)).collect();
    let batches: Vec<_> = bodies.iter().map(|body| kubelet::read(body)).collect();
    let known: HashMap<String, (PodKey, Uid)> = batches[0]
        .rows
        .iter()
        .map(|row| (row.pod.to_owned(), (PodKey::new(row.namespace, row.pod), Uid::parse(row.pod))))
        .collect();
    let rules = Merge { pod: &|_, pod| known.get(pod).cloned(), oldest: UnixMillis(0) };
    let scrape = Scrape {
        started: UnixMillis(1_795_391_071_434),
        duration: Duration::from_millis(20),
        body_bytes: 39_000,
        address: "192.0.2.1:10250".to_owned(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    };
    let store = Store::new(Revisions::after(0));
    let names: Vec<NodeName> = (0..nodes).map(|node| NodeName::from(format!("node-{node}").as_str())).collect();
    for name in &names {
        store.record(name, Some(&batches[0]), scrape.clone(), &rules);
    }
    let mut round = 0;
    time(|| {
        round += 1;
        let batch = &batches[round % batches.len()];
        store.record(&names[round % nodes], Some(batch), scrape.clone(), &rules);
    })
}
