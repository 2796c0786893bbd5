//! What answers cost without sockets, on one core: `cargo bench --bench answers`.
//!
//! Each goes through the whole router, filters and all; lists are read to a discarding reader, and
//! told with their throughput.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a bench ends where its own world is broken"
)]

#[path = "support/api.rs"]
mod api;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::{Builder, Runtime};

use api::{JSON, NAMESPACE, OWN_PODS, POD, PODS, PROTOBUF, SELECTED, Served, TABLE, Watch};

/// As the server does.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NODES: [usize; 2] = [1000, 5000];
const LISTS: [(&str, &str, &str); 5] = [
    ("metrics.k8s.io, JSON", PODS, JSON),
    ("own group, JSON", OWN_PODS, JSON),
    ("metrics.k8s.io, protobuf", PODS, PROTOBUF),
    ("metrics.k8s.io, Table", PODS, TABLE),
    ("own group, Table", OWN_PODS, TABLE),
];

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = answers
}
criterion_main!(benches);

fn answers(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for nodes in NODES {
        let served = Served::begun(&runtime, nodes);
        let pods = nodes * 30;
        let mut group = criterion.benchmark_group(format!("{pods} pods"));
        for (name, path, accept) in LISTS {
            let list = || runtime.block_on(served.drain(path, accept));
            group.throughput(Throughput::Bytes(list() as u64));
            group.bench_function(BenchmarkId::new("list", name), |bencher| bencher.iter(list));
        }
        group.throughput(Throughput::Elements(1));
        for (name, path) in [("get", POD), ("list a namespace", NAMESPACE), ("list by label", SELECTED)] {
            group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(served.drain(path, JSON))));
        }
        watch_step(&mut group, &runtime, &served);
    }
}

/// One node's scrape, told to one watcher of all pods.
fn watch_step(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, served: &Served) {
    let mut watch = runtime.block_on(Watch::begun(served));
    group.bench_function("watch: a scrape and its 30 events", |bencher| {
        bencher.iter(|| runtime.block_on(watch.step(served)));
    });
}
