//! The families that Prometheus and its kin see, and the labels of their series.

use crate::export::point::{Kind, Level, Subject};
use crate::usage::ContainerName;

/// One family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Its whole name.
    pub(super) name: &'static str,
    /// What it says, for people.
    pub(super) help: &'static str,
    /// The unit at the name's end.
    pub(super) unit: &'static str,
    /// Whose usage it tells.
    pub(super) kind: Kind,
    /// Which of the values.
    pub(super) value: Value,
}

/// Which value of a [`Level`] a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// CPU time, a counter.
    CpuTime,
    /// CPU rate.
    CpuRate,
    /// Working set.
    Memory,
}

/// All families: those of one kind stand together.
pub(super) const FAMILIES: [Family; 8] = [
    Family {
        name: "kube_vitals_node_cpu_usage_seconds_total",
        help: "CPU time the node has used since it booted, in seconds",
        unit: "seconds",
        kind: Kind::Node,
        value: Value::CpuTime,
    },
    Family {
        name: "kube_vitals_node_cpu_usage_cores",
        help: "CPU the node uses, as the API serves it, in cores",
        unit: "cores",
        kind: Kind::Node,
        value: Value::CpuRate,
    },
    Family {
        name: "kube_vitals_node_memory_working_set_bytes",
        help: "Working set of the node, in bytes",
        unit: "bytes",
        kind: Kind::Node,
        value: Value::Memory,
    },
    Family {
        name: "kube_vitals_pod_cpu_usage_cores",
        help: "CPU that all running containers of the pod use together, in cores",
        unit: "cores",
        kind: Kind::Pod,
        value: Value::CpuRate,
    },
    Family {
        name: "kube_vitals_pod_memory_working_set_bytes",
        help: "Working set of all running containers of the pod together, in bytes",
        unit: "bytes",
        kind: Kind::Pod,
        value: Value::Memory,
    },
    Family {
        name: "kube_vitals_container_cpu_usage_seconds_total",
        help: "CPU time the container has used since it started, in seconds",
        unit: "seconds",
        kind: Kind::Container,
        value: Value::CpuTime,
    },
    Family {
        name: "kube_vitals_container_cpu_usage_cores",
        help: "CPU the container uses, as the API serves it, in cores",
        unit: "cores",
        kind: Kind::Container,
        value: Value::CpuRate,
    },
    Family {
        name: "kube_vitals_container_memory_working_set_bytes",
        help: "Working set of the container, in bytes",
        unit: "bytes",
        kind: Kind::Container,
        value: Value::Memory,
    },
];

/// The families of a kind of subject.
pub(super) fn families_of(kind: Kind) -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().filter(move |family| family.kind == kind)
}

impl Value {
    /// The value in the family's unit; `None` where it is not known.
    pub(super) fn of(self, level: &Level) -> Option<f64> {
        match self {
            Self::CpuTime => level.cpu_ns.map(billionths),
            Self::CpuRate => level.cpu.map(|rate| billionths(rate.0)),
            Self::Memory => Some(float(level.memory.0)),
        }
    }
}

/// The labels of a subject's series, sorted by name.
pub(super) fn labels(subject: &Subject) -> impl Iterator<Item = (&str, &str)> {
    let pod = subject.pod.as_ref();
    [
        ("container", subject.container.as_ref().map(ContainerName::as_str)),
        ("namespace", pod.map(|pod| &*pod.namespace)),
        ("node", Some(subject.node.as_str())),
        ("pod", pod.map(|pod| &*pod.name)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

fn billionths(value: u64) -> f64 {
    float(value) / 1e9
}

/// Exact up to 2^53: 104 days of CPU time in nanoseconds, 8 PiB of memory; then to 16 digits.
#[expect(clippy::cast_precision_loss, reason = "engines hold floats")]
const fn float(value: u64) -> f64 {
    value as f64
}
