//! `/stats/summary?only_cpu_and_memory=true` of a kubelet to a [`Batch`].
//!
//! Only what the text lacks is looked for, the kubelet's own current rate, with the readings beside
//! it. Everything else in the document is skipped unread.

use std::borrow::Cow;

use serde::Deserialize;

use crate::clock::UnixMillis;
use crate::usage::{Batch, Reading, RejectReason, Row};

/// Reads a document. The number of a refused entry is the container's place in it, from 1; names
/// never need an escape in Kubernetes, so an entry with one is refused rather than copied.
pub fn read(body: &[u8]) -> Result<Batch<'_>, serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(body)?;
    let mut batch = Batch { node: document.node.map(Entry::reading), ..Batch::default() };
    let mut place = 0;
    for pod in document.pods.into_iter().flatten() {
        for container in pod.containers.into_iter().flatten() {
            place += 1;
            match row(&pod.names, container) {
                Some(row) => batch.rows.push(row),
                None => batch.rejected.add(place, RejectReason::Label),
            }
        }
    }
    Ok(batch)
}

fn row<'a>(pod: &PodNames<'a>, container: Entry<'a>) -> Option<Row<'a>> {
    let (Cow::Borrowed(namespace), Cow::Borrowed(pod)) = (&pod.namespace, &pod.name) else { return None };
    let Cow::Borrowed(name) = container.name else { return None };
    let named = !(namespace.is_empty() || pod.is_empty() || name.is_empty());
    named.then(|| Row { namespace, pod, container: name, reading: container.reading() })
}

/// Lists are `null` where a kubelet has nothing to list.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    node: Option<Entry<'a>>,
    #[serde(borrow)]
    pods: Option<Vec<Pod<'a>>>,
}

#[derive(Deserialize)]
struct Pod<'a> {
    #[serde(borrow, rename = "podRef")]
    names: PodNames<'a>,
    #[serde(borrow)]
    containers: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
struct PodNames<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
}

/// A container, or the node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    start_time: Option<Time<'a>>,
    #[serde(borrow)]
    cpu: Option<Cpu<'a>>,
    #[serde(borrow)]
    memory: Option<Memory<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu<'a> {
    #[serde(borrow)]
    time: Option<Time<'a>>,
    usage_nano_cores: Option<u64>,
    usage_core_nano_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory<'a> {
    #[serde(borrow)]
    time: Option<Time<'a>>,
    working_set_bytes: Option<u64>,
}

/// RFC 3339, in whole seconds.
#[derive(Deserialize)]
struct Time<'a>(#[serde(borrow)] Cow<'a, str>);

impl Entry<'_> {
    fn reading(self) -> Reading {
        let mut reading = Reading { start: millis(self.start_time), ..Reading::default() };
        if let Some(cpu) = self.cpu {
            reading.cpu_time = millis(cpu.time);
            reading.cpu_ns = cpu.usage_core_nano_seconds;
            reading.kubelet_rate = cpu.usage_nano_cores;
        }
        if let Some(memory) = self.memory {
            reading.memory_time = millis(memory.time);
            reading.memory_bytes = memory.working_set_bytes;
        }
        reading
    }
}

impl Time<'_> {
    /// What cannot be read, or is Go's zero time, is not known.
    fn millis(&self) -> Option<UnixMillis> {
        let time: jiff::Timestamp = self.0.parse().ok()?;
        let millis = time.as_millisecond();
        (millis > 0).then_some(UnixMillis(millis))
    }
}

fn millis(time: Option<Time<'_>>) -> Option<UnixMillis> {
    time.and_then(|time| time.millis())
}
