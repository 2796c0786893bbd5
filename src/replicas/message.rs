//! The samples of one node as they travel, and the checks that they pass on arrival.
//!
//! Field numbers are never used for anything else; a change that an older replica would read wrongly
//! is a new media type.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::cluster::View;
use crate::store::{Handed, HandedPod, NodeRecord};
use crate::usage::{Base, NodeName, Rejected, Run, RunParts, Sample, Scrape, Uid};

/// What a hand-over is written in; replicas of a version that writes another refuse each other (406).
pub const MEDIA_TYPE: &str = "application/vnd.kube-vitals.samples.v1+protobuf";

/// Longest `address:port` of a kubelet that is believed.
const MAX_ADDRESS_BYTES: usize = 300;

/// Everything about one node.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NodeSamples {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    own: Option<RunSamples>,
    #[prost(message, repeated, tag = "3")]
    pods: Vec<PodSamples>,
    /// When the last good scrape began, by the clock of the replica that made it.
    #[prost(int64, tag = "4")]
    scraped_ms: i64,
    #[prost(uint32, tag = "5")]
    scrape_ms: u32,
    #[prost(uint64, tag = "6")]
    body_bytes: u64,
    #[prost(string, tag = "7")]
    address: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PodSamples {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    /// Sixteen bytes.
    #[prost(bytes = "vec", tag = "3")]
    uid: Vec<u8>,
    #[prost(int64, tag = "4")]
    first_reported_ms: i64,
    #[prost(message, repeated, tag = "5")]
    containers: Vec<ContainerSamples>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerSamples {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    run: Option<RunSamples>,
}

/// A run: its last sample, and what its rate is measured from.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RunSamples {
    #[prost(int64, optional, tag = "1")]
    start_ms: Option<i64>,
    #[prost(int64, tag = "2")]
    last_ms: i64,
    #[prost(uint64, tag = "3")]
    last_cpu_ns: u64,
    #[prost(uint64, tag = "4")]
    memory_bytes: u64,
    /// How long before the last sample the base was read, and how much less the counter was: small
    /// numbers, which take few bytes. Both or none.
    #[prost(uint64, optional, tag = "5")]
    base_age_ms: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    base_cpu_less_ns: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    kubelet_nanocores: Option<u64>,
}

/// What may be believed now.
pub(super) struct Bounds {
    /// Samples that are older are of no use.
    pub(super) oldest: UnixMillis,
    /// Samples that are newer come from a clock that is wrong.
    pub(super) newest: UnixMillis,
    /// A rate over more time than this tells nothing of now.
    pub(super) longest_window: Duration,
}

impl NodeSamples {
    /// All that `record` holds; `None` if no scrape of the node was good yet.
    pub(super) fn of(node: &NodeName, record: &NodeRecord) -> Option<Self> {
        let scraped = record.last_success?;
        let pods = record.pods().iter().map(|pod| PodSamples {
            namespace: pod.key.namespace.to_string(),
            name: pod.key.name.to_string(),
            uid: pod.uid.to_bytes().to_vec(),
            first_reported_ms: pod.first_reported.0,
            containers: record
                .containers(pod)
                .iter()
                .map(|container| ContainerSamples {
                    name: container.name.to_string(),
                    run: Some(RunSamples::of(&container.run)),
                })
                .collect(),
        });
        Some(Self {
            name: node.to_string(),
            own: record.node.as_ref().map(RunSamples::of),
            pods: pods.collect(),
            scraped_ms: scraped.0,
            scrape_ms: u32::try_from(record.scrape.duration.as_millis()).unwrap_or(u32::MAX),
            body_bytes: record.scrape.body_bytes,
            address: record.scrape.address.clone(),
        })
    }

    /// The node and what is believed of it: what exists here too, within `bounds`. And how many runs
    /// are not. `None` for a node that we do not know.
    pub(super) fn checked(self, view: &View, bounds: &Bounds) -> Option<(NodeName, Handed, usize)> {
        let node = view.node(&self.name)?.name.clone();
        let told: usize = self.runs();
        let scrape = self.scrape(bounds.newest);
        let own = self.own.and_then(|run| run.checked(bounds));
        let pods: Vec<_> = self.pods.into_iter().filter_map(|pod| pod.checked(&node, view, bounds)).collect();
        let kept = usize::from(own.is_some()) + pods.iter().map(|pod| pod.containers.len()).sum::<usize>();
        Some((node, Handed { node: own, pods, scrape }, told.saturating_sub(kept)))
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// How many runs are told of.
    pub(super) fn runs(&self) -> usize {
        usize::from(self.own.is_some()) + self.pods.iter().map(|pod| pod.containers.len()).sum::<usize>()
    }

    /// The last good scrape. One that seems to begin later than now was timed by another clock.
    fn scrape(&self, newest: UnixMillis) -> Scrape {
        let mut address = self.address.clone();
        if address.len() > MAX_ADDRESS_BYTES || address.chars().any(char::is_control) {
            address.clear();
        }
        Scrape {
            started: UnixMillis(self.scraped_ms).min(newest),
            duration: Duration::from_millis(self.scrape_ms.into()),
            body_bytes: self.body_bytes,
            address,
            rejected: Rejected::default(),
            outcome: Ok(()),
        }
    }
}

impl PodSamples {
    /// Only what runs in the very pod that we know too, on this node; names are ours from here on.
    fn checked(self, node: &NodeName, view: &View, bounds: &Bounds) -> Option<HandedPod> {
        let uid = Uid::from_bytes(self.uid.try_into().ok()?);
        let pod = view.pod_named(&self.namespace, &self.name)?;
        if pod.uid != uid || pod.node.as_ref() != Some(node) {
            return None;
        }
        let containers = self.containers.into_iter().filter_map(|container| {
            let known = pod.containers.iter().find(|known| known.name.as_str() == container.name)?;
            Some((known.name.clone(), container.run?.checked(bounds)?))
        });
        let first_reported = UnixMillis(self.first_reported_ms).min(bounds.newest);
        Some(HandedPod { key: pod.key.clone(), uid, first_reported, containers: containers.collect() })
    }
}

impl RunSamples {
    fn of(run: &Run) -> Self {
        let RunParts { start, base, last } = run.parts();
        let point = match base {
            Base::Point { time, cpu_ns } => Some((time, cpu_ns)),
            Base::None | Base::Kubelet { .. } => None,
        };
        Self {
            start_ms: start.map(|start| start.0),
            last_ms: last.time.0,
            last_cpu_ns: last.cpu_ns,
            memory_bytes: last.memory_bytes,
            base_age_ms: point.map(|(time, _)| u64::try_from(last.time.since(time).as_millis()).unwrap_or(u64::MAX)),
            base_cpu_less_ns: point.map(|(_, cpu_ns)| last.cpu_ns.saturating_sub(cpu_ns)),
            kubelet_nanocores: match base {
                Base::Kubelet { nanocores } => Some(nanocores),
                Base::None | Base::Point { .. } => None,
            },
        }
    }

    fn checked(self, bounds: &Bounds) -> Option<Run> {
        let last = Sample { time: UnixMillis(self.last_ms), cpu_ns: self.last_cpu_ns, memory_bytes: self.memory_bytes };
        if last.time < bounds.oldest || last.time > bounds.newest {
            return None;
        }
        let base = match (self.base_age_ms.zip(self.base_cpu_less_ns), self.kubelet_nanocores) {
            (Some((age_ms, less_ns)), _) => {
                let window = Duration::from_millis(age_ms);
                let cpu_ns = last.cpu_ns.checked_sub(less_ns).filter(|_| window <= bounds.longest_window)?;
                Base::Point { time: last.time - window, cpu_ns }
            }
            (None, Some(nanocores)) => Base::Kubelet { nanocores },
            (None, None) => Base::None,
        };
        Run::from_parts(RunParts { start: self.start_ms.map(UnixMillis), base, last })
    }
}

#[cfg(test)]
mod tests;
