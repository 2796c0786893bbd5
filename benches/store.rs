//! What it costs to store a scrape: `cargo bench --bench store`.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]

#[path = "support/recording.rs"]
mod recording;
mod support;

use kube_vitals::promtext::kubelet;
use recording::Recording;
use support::{Timing, time};

fn main() {
    println!("{:<36} {:>12} {:>12}", "record, one steady scrape", "min", "median");
    for (nodes, pods) in [(1, 30), (1000, 30), (5000, 30), (1000, 110)] {
        let Timing { min, median } = record(nodes, pods);
        println!("{:<36} {min:>12.2?} {median:>12.2?}", format!("{pods} pods x 2, {nodes} nodes known"));
    }
}

/// Rounds of recording on one of many nodes.
fn record(nodes: usize, pods: u32) -> Timing {
    let recording = Recording::begun(nodes, pods);
    let batches: Vec<_> = recording.bodies().iter().map(|body| kubelet::read(body)).collect();
    let mut round = 0;
    time(|| {
        round += 1;
        recording.record_in_round(round, &batches[round % batches.len()]);
    })
}
