//! Series as every engine gives them back, in one form.

use std::collections::BTreeMap;

/// What a series tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    CpuSeconds,
    CpuCores,
    MemoryBytes,
}

/// Whose: `[node]`, `[node, namespace, pod]` or `[node, namespace, pod, container]`.
pub(crate) type Subject = Vec<String>;

/// Time in milliseconds, and the value; `None` where the engine holds a mark of the end.
pub(crate) type Samples = Vec<(i64, Option<f64>)>;

/// All series of an engine.
pub(crate) type AllSeries = BTreeMap<(Subject, Value), Samples>;

/// The series of these Prometheus labels.
pub(crate) fn of_labels(labels: &BTreeMap<String, String>) -> Result<(Subject, Value), String> {
    let unknown = || format!("what is {labels:?}?");
    let name = labels.get("__name__").and_then(|name| name.strip_prefix("kube_vitals_")).ok_or_else(unknown)?;
    let (kind, rest) = name.split_once('_').ok_or_else(unknown)?;
    let value = match rest {
        "cpu_usage_seconds_total" => Value::CpuSeconds,
        "cpu_usage_cores" => Value::CpuCores,
        "memory_working_set_bytes" => Value::MemoryBytes,
        _ => return Err(unknown()),
    };
    let names: &[&str] = match kind {
        "node" => &["node"],
        "pod" => &["node", "namespace", "pod"],
        "container" => &["node", "namespace", "pod", "container"],
        _ => return Err(unknown()),
    };
    let subject: Option<Subject> = names.iter().map(|name| labels.get(*name).cloned()).collect();
    Ok((subject.ok_or_else(unknown)?, value))
}
