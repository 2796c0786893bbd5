//! Answers of both groups, read as a client reads them.

use std::time::Duration;

use serde_json::Value;

use crate::clock::UnixMillis;
use crate::sim::Basis;
use crate::sim::demo::client::Caller;
use crate::usage::{Bytes, Nanocores};

/// When a usage was measured and over how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) second: UnixMillis,
    pub(super) window: Duration,
}

/// One `usage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) cpu_nanocores: Option<u64>,
    pub(super) memory_bytes: u64,
}

/// The items of a list.
pub(super) async fn items_of(caller: &Caller<'_>, path: &str) -> Result<Vec<Value>, String> {
    let list = caller.read(path).await?;
    match list.get("items") {
        Some(Value::Array(items)) => Ok(items.clone()),
        _ => Err(format!("{path}: no items in {list}")),
    }
}

impl Times {
    /// `timestamp` and `window` of an object.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let time: jiff::Timestamp = object.get("timestamp")?.as_str()?.parse().ok()?;
        let window: kube::core::Duration = object.get("window")?.as_str()?.parse().ok()?;
        Some(Self { second: UnixMillis(time.as_millisecond()), window: window.into() })
    }

    /// What a rate of these times may stand on. Where `source` is not told, as in metrics.k8s.io,
    /// it may be either.
    pub(super) fn bases(self, object: &Value, group: &str) -> Vec<Basis> {
        let window = Basis::Window(self.window);
        match object.get("source").and_then(Value::as_str) {
            Some("Kubelet") => vec![Basis::KubeletRate],
            _ if group == "metrics.k8s.io" => vec![window, Basis::KubeletRate],
            _ => vec![window],
        }
    }
}

impl Numbers {
    /// `usage` of an object; `None` if it has no memory.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let text = |name: &str| object.get("usage")?.get(name)?.as_str();
        Some(Self {
            cpu_nanocores: text("cpu").and_then(|cpu| cpu.parse().ok()).map(|Nanocores(cpu)| cpu),
            memory_bytes: text("memory")?.parse().ok().map(|Bytes(bytes)| bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_read_as_it_is_served() {
        let object = json!({
            "timestamp": "2026-11-22T23:44:31Z", "window": "1m5.25s", "usage": {"cpu": "1500u", "memory": "12Ki"},
        });
        let times = Times::read(&object).unwrap();
        assert_eq!(times, Times { second: UnixMillis(1_795_391_071_000), window: Duration::from_millis(65_250) });
        assert_eq!(times.bases(&object, "custom.example.com"), [Basis::Window(times.window)]);
        assert_eq!(times.bases(&object, "metrics.k8s.io").len(), 2);
        let numbers = Numbers::read(&object).unwrap();
        assert_eq!(numbers, Numbers { cpu_nanocores: Some(1_500_000), memory_bytes: 12_288 });
    }

    #[test]
    fn what_cannot_be_read_is_no_number() {
        assert_eq!(Times::read(&json!({"timestamp": "soon", "window": "1s"})), None);
        assert_eq!(Numbers::read(&json!({"usage": {"cpu": "1"}})), None);
    }
}
