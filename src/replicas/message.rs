//! The samples of one node as they travel.
//!
//! Field numbers are never used for anything else; a change that an older replica would read wrongly
//! is a new media type. Times of scrapes are by the clock of the replica that tells them, and are
//! taken by how long ago they were; those of samples are the kubelets', and left alone.

mod checked;

use crate::clock::UnixMillis;
use crate::store::NodeRecord;
use crate::usage::{Base, NodeName, RejectReason, Rejected, Run, RunParts};

pub(super) use checked::Bounds;

/// What a hand-over is written in; replicas of a version that writes another refuse each other (406).
pub const MEDIA_TYPE: &str = "application/vnd.kube-vitals.samples.v1+protobuf";
/// What scrapes are told in as they are made: the same messages without an end, empty ones among them,
/// and those of failed scrapes.
pub const STREAM_MEDIA_TYPE: &str = "application/vnd.kube-vitals.sample-stream.v1+protobuf";

/// Why a line was refused, by the number that stands for it here: its place, from 1.
const REJECT_REASONS: [RejectReason; 7] = [
    RejectReason::Syntax,
    RejectReason::Value,
    RejectReason::Label,
    RejectReason::Encoding,
    RejectReason::Duplicate,
    RejectReason::TooMany,
    RejectReason::Timestamp,
];

/// Everything about one node.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NodeSamples {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    own: Option<RunSamples>,
    #[prost(message, repeated, tag = "3")]
    pods: Vec<PodSamples>,
    /// When the last good scrape began; 0 if there was none.
    #[prost(int64, tag = "4")]
    scraped_ms: i64,
    /// Of the last scrape, whatever came of it, as are the two that follow.
    #[prost(uint32, tag = "5")]
    scrape_ms: u32,
    #[prost(uint64, tag = "6")]
    body_bytes: u64,
    #[prost(string, tag = "7")]
    address: String,
    /// How long before this was told the last good scrape began; absent = known by its time alone, since the
    /// clock of who tells was set back after it.
    #[prost(uint64, optional, tag = "8")]
    age_ms: Option<u64>,
    /// For how long, when the last scrape began, scrapes had come out as it did.
    #[prost(uint64, tag = "9")]
    lasting_ms: u64,
    /// The last scrape, if it failed.
    #[prost(message, optional, tag = "10")]
    failed: Option<FailedScrape>,
    /// What was refused of the last scrape's body.
    #[prost(message, optional, tag = "11")]
    refused: Option<RefusedLines>,
    /// The node's clock had been set a moment before its last readings, so that earlier ones by it may have
    /// been taken later. Who does not know of this keeps those until their time has passed.
    #[prost(bool, tag = "12")]
    clock_was_set: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FailedScrape {
    /// How long before this was told it began.
    #[prost(uint64, tag = "1")]
    age_ms: u64,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(string, tag = "3")]
    message: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RefusedLines {
    #[prost(uint32, tag = "1")]
    count: u32,
    #[prost(uint32, tag = "2")]
    first_line: u32,
    #[prost(uint32, tag = "3")]
    first_reason: u32,
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

impl NodeSamples {
    /// All that `record` holds, as told at `now`.
    pub(super) fn of(node: &NodeName, record: &NodeRecord, now: UnixMillis) -> Self {
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
        let scrape = &record.scrape;
        Self {
            name: node.to_string(),
            own: record.node.as_ref().map(RunSamples::of),
            pods: pods.collect(),
            scraped_ms: record.last_success.map_or(0, |time| time.0),
            scrape_ms: u32::try_from(scrape.duration.as_millis()).unwrap_or(u32::MAX),
            body_bytes: scrape.body_bytes,
            address: scrape.address.to_string(),
            age_ms: record.last_success.and_then(|time| time.if_past(now)).map(|time| age_ms(time, now)),
            lasting_ms: age_ms(record.outcome_since, scrape.started),
            failed: scrape.outcome.as_ref().err().map(|failure| FailedScrape {
                age_ms: age_ms(scrape.started, now),
                reason: failure.reason().to_owned(),
                message: failure.to_string(),
            }),
            refused: RefusedLines::of(&scrape.rejected),
            clock_was_set: record.clock_was_set,
        }
    }

    /// Whether it says no more than that who sends it is there.
    pub(super) fn is_empty(&self) -> bool {
        self.name.is_empty()
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// How many runs are told of.
    pub(super) fn runs(&self) -> usize {
        usize::from(self.own.is_some()) + self.pods.iter().map(|pod| pod.containers.len()).sum::<usize>()
    }
}

fn age_ms(of: UnixMillis, at: UnixMillis) -> u64 {
    u64::try_from(at.since(of).as_millis()).unwrap_or(u64::MAX)
}

impl RefusedLines {
    fn of(rejected: &Rejected) -> Option<Self> {
        let (first_line, reason) = rejected.first?;
        let place = REJECT_REASONS.iter().position(|known| *known == reason)?;
        Some(Self { count: rejected.count, first_line, first_reason: u32::try_from(place + 1).ok()? })
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
}

#[cfg(test)]
mod tests;
