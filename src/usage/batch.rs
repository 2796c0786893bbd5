//! Everything one kubelet told us in one scrape, borrowed from the body it came in.

use std::time::Duration;

use crate::clock::UnixMillis;

/// A cumulative CPU counter and a memory level with the kubelet's own timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When the counter was read; `None` if the line had no timestamp or no CPU line was there.
    pub cpu_time: Option<UnixMillis>,
    /// CPU time consumed since the start of the run, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// When memory was read.
    pub memory_time: Option<UnixMillis>,
    /// Working set in bytes.
    pub memory_bytes: Option<u64>,
    /// When this run of the container began.
    pub start: Option<UnixMillis>,
    /// The kubelet's own current rate in nanocores, known from `/stats/summary` alone.
    pub kubelet_rate: Option<u64>,
}

/// One container's reading and its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Name of the pod.
    pub pod: &'a str,
    /// Name of the container.
    pub container: &'a str,
    /// What was read.
    pub reading: Reading,
}

/// One scrape's rows. Order is the body's; a container stands in it at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The node's own reading; `None` if the body had none.
    pub node: Option<Reading>,
    /// One row for each container named in the body.
    pub rows: Vec<Row<'a>>,
    /// Lines that were refused, one by one.
    pub rejected: Rejected,
    /// The node's clock was set a moment ago: readings may be from before and from after, so that no two
    /// make a rate.
    pub clock_was_set: bool,
}

/// How far a node's clock and ours may be apart for its samples to be taken and served, where they are
/// served up to this age. To be off by less than a minute is a nuisance of old hardware, not a fault.
pub fn clock_tolerance(max_sample_age: Duration) -> Duration {
    max_sample_age.max(Duration::from_mins(1))
}

impl Batch<'_> {
    /// A kubelet that has just started answers 200 with neither node nor containers.
    pub fn is_empty(&self) -> bool {
        self.node.is_none() && self.rows.is_empty()
    }

    /// By how many seconds the kubelet's clock is off, if by more than `tolerance`: ahead if
    /// positive. Judged by the newest timestamp, since older ones are normal: every container has
    /// its own clock. A batch without timestamps tells nothing.
    pub fn clock_skew(&self, asked: UnixMillis, tolerance: Duration) -> Option<i64> {
        let readings = self.node.iter().chain(self.rows.iter().map(|row| &row.reading));
        let newest = readings.flat_map(|reading| [reading.cpu_time, reading.memory_time]).flatten().max()?;
        let off = newest.distance(asked);
        (off > tolerance).then(|| newest.0.saturating_sub(asked.0) / 1000)
    }
}

/// How many lines were refused, and why the first of them was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Refused lines.
    pub count: u32,
    /// Number (from 1) and reason of the first one.
    pub first: Option<(u32, RejectReason)>,
}

impl Rejected {
    /// Counts the refused line `number`; lines come in order.
    pub fn add(&mut self, number: u32, reason: RejectReason) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert((number, reason));
    }
}

/// Why a line was refused. A refused line costs that line alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RejectReason {
    /// Not the form that the body is said to be in.
    #[error("is not in the Prometheus format")]
    Syntax,
    /// NaN, an infinity, or a negative number where none may be.
    #[error("has a value that is not a finite number of zero or more")]
    Value,
    /// A label that names the series is absent.
    #[error("lacks a label that names its series")]
    Label,
    /// Not UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// The same series stood earlier in the body.
    #[error("repeats a series of the same body")]
    Duplicate,
    /// The body names more containers than any node runs.
    #[error("names one container more than any node runs")]
    TooMany,
    /// The timestamp is no integer of milliseconds.
    #[error("has a timestamp that is not a whole number of milliseconds")]
    Timestamp,
}
