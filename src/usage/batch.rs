//! Everything one kubelet told us in one scrape, borrowed from the body it came in.

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
}

impl Batch<'_> {
    /// A kubelet that has just started answers 200 with neither node nor containers.
    pub fn is_empty(&self) -> bool {
        self.node.is_none() && self.rows.is_empty()
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

/// Why a line was refused. A refused line costs that line alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RejectReason {
    /// Not the text format.
    #[error("is not in the Prometheus text format")]
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
    /// The timestamp is no integer of milliseconds.
    #[error("has a timestamp that is not a whole number of milliseconds")]
    Timestamp,
}
