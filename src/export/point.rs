//! What is handed over: one subject's values at one time, or that it is gone.

use crate::clock::UnixMillis;
use crate::usage::{Bytes, ContainerName, Nanocores, NodeName, PodKey, Uid};

/// Whose usage it is. Ordered as it is walked: a node, its pods, each followed by its containers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Subject {
    /// The node, or the one that the pod is on.
    pub(super) node: NodeName,
    /// The pod, or the one that the container is in.
    pub(super) pod: Option<PodKey>,
    /// The container.
    pub(super) container: Option<ContainerName>,
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A node.
    Node,
    /// A pod.
    Pod,
    /// A container.
    Container,
}

/// One subject at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Whose.
    pub(super) subject: Subject,
    /// The object's uid, the pod's for a container.
    pub(super) uid: Uid,
    /// The sample's own time.
    pub(super) time: UnixMillis,
    /// `None`: it is gone, and its graphs end at `time`.
    pub(super) level: Option<Level>,
}

/// The values of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// CPU time since the run began; a pod has no counter, since its containers restart one by one.
    pub(super) cpu_ns: Option<u64>,
    /// When the run began, if the kubelet told.
    pub(super) start: Option<UnixMillis>,
    /// The rate that the API serves; absent while a second sample is awaited.
    pub(super) cpu: Option<Nanocores>,
    /// Working set.
    pub(super) memory: Bytes,
}

impl Subject {
    pub(super) const fn kind(&self) -> Kind {
        match (&self.pod, &self.container) {
            (None, _) => Kind::Node,
            (Some(_), None) => Kind::Pod,
            (Some(_), Some(_)) => Kind::Container,
        }
    }
}
