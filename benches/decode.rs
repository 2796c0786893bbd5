//! How fast a kubelet's text becomes a batch, on one core: `cargo bench --bench decode`.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]

mod support;

use std::hint::black_box;

use kube_vitals::promtext::{kubelet, summary};
use support::{Timing, kubelet_body, time};

const REAL: [(&str, &[u8]); 2] = [
    ("real kubelet, 9 containers", include_bytes!("../tests/data/kubelet/resource-1.txt")),
    ("real kubelet, 9 containers, later", include_bytes!("../tests/data/kubelet/resource-2.txt")),
];
const SUMMARY: &[u8] = include_bytes!("../tests/data/kubelet/summary-cpu-memory-1.json");

fn main() {
    println!("{:<36} {:>9} {:>12} {:>12} {:>7} {:>7}", "body", "bytes", "min", "median", "GB/s", "median");
    for pods in [30, 110, 500] {
        let body = kubelet_body(pods, 0);
        report(&format!("{pods} pods x 2 containers"), &body, || drop(black_box(kubelet::read(black_box(&body)))));
    }
    for (name, body) in REAL {
        report(name, body, || drop(black_box(kubelet::read(black_box(body)))));
    }
    report("summary, 9 containers", SUMMARY, || drop(black_box(summary::read(black_box(SUMMARY)))));
}

#[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
fn report(name: &str, body: &[u8], work: impl FnMut()) {
    let Timing { min, median } = time(work);
    let speed = |each: std::time::Duration| body.len() as f64 / each.as_secs_f64() / 1e9;
    println!("{name:<36} {:>9} {min:>12.2?} {median:>12.2?} {:>7.2} {:>7.2}", body.len(), speed(min), speed(median));
}
