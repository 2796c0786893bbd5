//! What the benches share: a kubelet's body of any size.

use kube_vitals::clock::UnixMillis;
use kube_vitals::promtext::encode::{Encoder, Kind};

type Sample = fn(u32, u32) -> (f64, bool);

const CONTAINER_FAMILIES: [(&str, Kind, Sample); 5] = [
    ("container_cpu_usage_seconds_total", Kind::Counter, |index, round| (cpu_seconds(index, round), true)),
    ("container_memory_working_set_bytes", Kind::Gauge, |index, _| (f64::from(4096 * (12_875 + index)), true)),
    ("container_start_time_seconds", Kind::Gauge, |index, _| (1_795_391_056.599_364_8 + f64::from(index), false)),
    ("container_swap_limit_bytes", Kind::Gauge, |_, _| (0.0, true)),
    ("container_swap_usage_bytes", Kind::Gauge, |_, _| (0.0, true)),
];

const POD_FAMILIES: [(&str, Kind, Sample); 3] = [
    ("pod_cpu_usage_seconds_total", Kind::Counter, |index, round| (2.0 * cpu_seconds(index, round), true)),
    ("pod_memory_working_set_bytes", Kind::Gauge, |index, _| (f64::from(8192 * (12_875 + index)), true)),
    ("pod_swap_usage_bytes", Kind::Gauge, |_, _| (0.0, true)),
];

/// The `/metrics/resource` body of a node with `pods` pods of two containers, at scrape `round`.
pub(crate) fn kubelet_body(pods: u32, round: u32) -> Vec<u8> {
    let time = |index: u32| Some(UnixMillis(1_795_391_071_434 + i64::from(round * 15_000 + index * 37)));
    let names: Vec<String> = (0..pods).map(|pod| format!("frontend-7d9c5b8f6d-{pod:05}")).collect();
    let mut body = Vec::new();
    let mut encoder = Encoder::new(&mut body);
    for (family, kind, sample) in CONTAINER_FAMILIES {
        encoder.family(family, "[STABLE] What the family tells of a container in its unit", kind);
        for (place, container) in ["application", "istio-proxy"].iter().enumerate() {
            for (index, pod) in (0..).zip(&names) {
                let index = index * 2 + u32::try_from(place).unwrap_or_default();
                let (value, timed) = sample(index, round);
                let labels = [("container", *container), ("namespace", "production"), ("pod", pod)];
                encoder.sample(&labels, value, time(index).filter(|_| timed));
            }
        }
    }
    for (family, value) in
        [("node_cpu_usage_seconds_total", 3_357.442_697_121), ("node_memory_working_set_bytes", 8.8e8)]
    {
        encoder.family(family, "[STABLE] What the family tells of the node in its unit", Kind::Gauge);
        encoder.sample(&[], value + f64::from(round), time(0));
    }
    for (family, kind, sample) in POD_FAMILIES {
        encoder.family(family, "[STABLE] What the family tells of a pod in its unit", kind);
        for (index, pod) in (0..).zip(&names) {
            encoder.sample(&[("namespace", "production"), ("pod", pod)], sample(index, round).0, time(index));
        }
    }
    body
}

fn cpu_seconds(index: u32, round: u32) -> f64 {
    f64::from(314_707_783 + index * 1_234_567 + round * 750_000_017 % 1_000_000_000) / 1e9 + f64::from(round)
}
