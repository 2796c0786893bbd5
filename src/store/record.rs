//! Everything remembered of one node, and how a new batch is merged into it.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::usage::{ContainerName, PodKey, Run, Scrape, Uid};

/// One node: immutable once published; the next scrape publishes a successor.
#[derive(Clone, Debug)]
pub struct NodeRecord {
    /// The store's revision at which this record was published.
    pub revision: u64,
    /// The node's own usage; `None` before its first reading.
    pub node: Option<Run>,
    /// How the last scrape went.
    pub scrape: Scrape,
    /// When the last good scrape began; `None` if there was none.
    pub last_success: Option<UnixMillis>,
    /// When the outcome last changed its kind (success, or one reason of failure).
    pub outcome_since: UnixMillis,
    /// Sorted by namespace and name.
    pods: Box<[PodRecord]>,
    containers: Box<[ContainerRecord]>,
}

/// One pod as its kubelet reports it.
#[derive(Clone, Debug)]
pub struct PodRecord {
    /// Namespace and name.
    pub key: PodKey,
    /// The pod these readings belong to.
    pub uid: Uid,
    /// When the kubelet first reported a container of this pod.
    pub first_reported: UnixMillis,
    containers: Range<u32>,
}

/// One container's run.
#[derive(Clone, Debug)]
pub struct ContainerRecord {
    /// Name inside the pod.
    pub name: ContainerName,
    /// What is known of its current run.
    pub run: Run,
}

impl NodeRecord {
    /// The record of a pod; only if it is of the very pod `uid`.
    pub fn pod(&self, key: &PodKey, uid: Uid) -> Option<&PodRecord> {
        let index = self.pods.binary_search_by(|pod| pod.key.cmp(key)).ok()?;
        self.pods.get(index).filter(|pod| pod.uid == uid)
    }

    /// All pods, by namespace and name.
    pub fn pods(&self) -> &[PodRecord] {
        &self.pods
    }

    /// A pod's containers, in no promised order.
    pub fn containers(&self, pod: &PodRecord) -> &[ContainerRecord] {
        self.containers.get(pod.containers.start as usize..pod.containers.end as usize).unwrap_or_default()
    }
}

/// Shared by every snapshot that holds it.
pub type SharedRecord = Arc<NodeRecord>;
