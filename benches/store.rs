//! What it costs to store a scrape: `cargo bench --bench store`.

#![allow(missing_docs, reason = "criterion's entry point has none")]
#![expect(clippy::indexing_slicing, reason = "rounds go over all bodies")]

#[path = "support/recording.rs"]
mod recording;
#[path = "support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use kube_vitals::promtext::kubelet;
use recording::Recording;

criterion_group!(benches, store);
criterion_main!(benches);

/// One steady scrape of one of many nodes.
fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    for (nodes, pods) in [(1, 30), (1000, 30), (5000, 30), (1000, 110)] {
        let recording = Recording::begun(nodes, pods);
        let batches: Vec<_> = recording.bodies().iter().map(|body| kubelet::read(body)).collect();
        let mut round = 0;
        group.bench_function(format!("{pods} pods of 2 containers, {nodes} nodes known"), |bencher| {
            bencher.iter(|| {
                round += 1;
                recording.record_in_round(round, &batches[round % batches.len()]);
            });
        });
    }
}
