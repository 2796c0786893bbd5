//! `/stats/summary?only_cpu_and_memory=true` of a kubelet to a [`Batch`].
//!
//! Only what the text lacks is looked for, the kubelet's own current rate, with the readings beside
//! it. Everything else in the document is skipped unread, containers without a rate among it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::clock::UnixMillis;
use crate::usage::{Batch, Reading, RejectReason, Row};

/// Reads a document. The number of a refused entry is its place among the containers that tell a
/// rate, from 1; names never need an escape in Kubernetes, so an entry with one is refused rather
/// than copied.
pub fn read(body: &[u8]) -> Result<Batch<'_>, serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(body)?;
    let mut batch = Batch { node: document.node.map(Entry::reading), ..Batch::default() };
    let mut place = 0;
    for pod in document.pods.into_iter().flat_map(|pods| pods.0) {
        for container in pod.containers.into_iter().flat_map(|containers| containers.0) {
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
    pods: Option<Telling<Pod<'a>>>,
}

#[derive(Deserialize)]
struct Pod<'a> {
    #[serde(borrow, rename = "podRef")]
    names: PodNames<'a>,
    #[serde(borrow)]
    containers: Option<Telling<Entry<'a>>>,
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

/// A list of which only what tells a rate is kept: memory is taken for what is used, not for
/// whatever a hostile document repeats.
struct Telling<T>(Vec<T>);

trait TellsRate {
    fn tells_rate(&self) -> bool;
}

impl TellsRate for Pod<'_> {
    fn tells_rate(&self) -> bool {
        self.containers.as_ref().is_some_and(|containers| !containers.0.is_empty())
    }
}

impl TellsRate for Entry<'_> {
    fn tells_rate(&self) -> bool {
        self.cpu.as_ref().is_some_and(|cpu| cpu.usage_nano_cores.is_some())
    }
}

impl<'de, T: Deserialize<'de> + TellsRate> Deserialize<'de> for Telling<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + TellsRate> Visitor<'de> for List<T> {
            type Value = Telling<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Telling<T>, A::Error> {
                let mut telling = Vec::new();
                while let Some(entry) = list.next_element::<T>()? {
                    if entry.tells_rate() {
                        telling.push(entry);
                    }
                }
                Ok(Telling(telling))
            }
        }

        deserializer.deserialize_seq(List(PhantomData))
    }
}

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
