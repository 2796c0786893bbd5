//! The families of `/metrics/resource`, in a kubelet's order and words.

use crate::clock::UnixMillis;
use crate::promtext::encode::Kind;
use crate::sim::cluster::SimReading;

/// One family and how its value is taken from a reading.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) value: fn(&SimReading) -> f64,
    /// Whether only the runtime tells it, so that only readings made live have a line.
    pub(super) live_only: bool,
    /// Whether lines carry the reading's time.
    pub(super) timed: bool,
}

/// Families with the labels container, namespace, pod.
pub(super) const CONTAINER: [Family; 5] = [
    counter(
        "container_cpu_usage_seconds_total",
        "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
    ),
    gauge("container_memory_working_set_bytes", "[STABLE] Current working set of the container in bytes", memory),
    Family {
        timed: false,
        ..gauge(
            "container_start_time_seconds",
            "[STABLE] Start time of the container since unix epoch in seconds",
            start_seconds,
        )
    },
    Family {
        live_only: true,
        ..gauge(
            "container_swap_limit_bytes",
            "[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems",
            zero,
        )
    },
    gauge(
        "container_swap_usage_bytes",
        "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
        zero,
    ),
];

/// Families without labels.
pub(super) const NODE: [Family; 3] = [
    counter("node_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the node in core-seconds"),
    gauge("node_memory_working_set_bytes", "[STABLE] Current working set of the node in bytes", memory),
    gauge(
        "node_swap_usage_bytes",
        "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems",
        zero,
    ),
];

/// Families with the labels namespace, pod.
pub(super) const POD: [Family; 3] = [
    counter("pod_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the pod in core-seconds"),
    gauge("pod_memory_working_set_bytes", "[STABLE] Current working set of the pod in bytes", memory),
    gauge(
        "pod_swap_usage_bytes",
        "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
        zero,
    ),
];

/// The gauges that end every answer, in which all is well.
pub(super) const WELL: [Family; 2] = errors(zero);

/// The same where the kubelet could read nothing.
pub(super) const UNREAD: [Family; 2] = errors(one);

const fn errors(value: fn(&SimReading) -> f64) -> [Family; 2] {
    let stable = "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise";
    let alpha = "[ALPHA] 1 if there was an error while getting container metrics, 0 otherwise";
    [
        Family { timed: false, ..gauge("resource_scrape_error", stable, value) },
        Family { timed: false, ..gauge("scrape_error", alpha, value) },
    ]
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Counter, value: cpu_seconds, timed: true, live_only: false }
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&SimReading) -> f64) -> Family {
    Family { name, help, kind: Kind::Gauge, value, timed: true, live_only: false }
}

#[expect(clippy::cast_precision_loss, reason = "kubelets print doubles too")]
fn cpu_seconds(reading: &SimReading) -> f64 {
    reading.cpu_ns as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "kubelets print doubles too")]
fn memory(reading: &SimReading) -> f64 {
    reading.memory_bytes as f64
}

/// To a ten-millionth of a second, as a kubelet tells it. The digits after the milliseconds are made
/// up and stay below half a millisecond: however a reader rounds, it finds the same start.
#[expect(clippy::cast_precision_loss, reason = "kubelets print doubles too")]
fn start_seconds(reading: &SimReading) -> f64 {
    let UnixMillis(millis) = reading.start;
    let digits = millis.wrapping_mul(7919).rem_euclid(4000) + 500;
    (millis * 10_000 + digits) as f64 / 1e7
}

fn zero(_: &SimReading) -> f64 {
    0.0
}

fn one(_: &SimReading) -> f64 {
    1.0
}
