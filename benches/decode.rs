//! How fast a kubelet's text becomes a batch, on one core: `cargo bench --bench decode`.

#![allow(missing_docs, reason = "criterion's entry point has none")]

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kube_vitals::promtext::{kubelet, summary};
use support::kubelet_body;

const REAL: [(&str, &[u8]); 2] = [
    ("a real kubelet, 9 containers", include_bytes!("../tests/data/kubelet/resource-1.txt")),
    ("a real kubelet, 9 containers, later", include_bytes!("../tests/data/kubelet/resource-2.txt")),
];
const REAL_PROTOBUF: &[u8] = include_bytes!("../tests/data/kubelet/resource.delimited.pb");
const SUMMARY: &[u8] = include_bytes!("../tests/data/kubelet/summary-cpu-memory-1.json");

criterion_group!(benches, decode);
criterion_main!(benches);

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for pods in [30, 110, 500] {
        let body = kubelet_body(pods, 0);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{pods} pods of 2 containers"), |bencher| {
            bencher.iter(|| drop(black_box(kubelet::read(black_box(&body)))));
        });
    }
    for (name, body) in REAL {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| drop(black_box(kubelet::read(black_box(body))))));
    }
    group.throughput(Throughput::Bytes(REAL_PROTOBUF.len() as u64));
    group.bench_function("a real kubelet, 9 containers, protobuf", |bencher| {
        bencher.iter(|| drop(black_box(kubelet::read_delimited(black_box(REAL_PROTOBUF)))));
    });
    group.throughput(Throughput::Bytes(SUMMARY.len() as u64));
    group.bench_function("a summary, 9 containers", |bencher| {
        bencher.iter(|| drop(black_box(summary::read(black_box(SUMMARY)))));
    });
}
