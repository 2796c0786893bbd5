//! A pod as far as we need it.

use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::cluster::Labels;
use crate::usage::{ContainerName, NodeName, PodKey, Uid};

/// One pod of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace and name.
    pub key: PodKey,
    /// Tells it from a later pod of the same name.
    pub uid: Uid,
    /// Its labels.
    pub labels: Labels,
    /// When the object was made.
    pub created: UnixMillis,
    /// The version of its last change, given by the index.
    pub revision: u64,
    /// Where it runs; `None` before it is bound.
    pub node: Option<NodeName>,
    /// Its phase.
    pub phase: Phase,
    /// What is summed: app containers in the order of the spec, and before them the restartable
    /// init containers (sidecars). Plain init containers are not in it.
    pub containers: Arc<[Container]>,
}

/// `status.phase`, where only "does it run" matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not started yet, or the phase is unknown.
    Pending,
    /// Bound and started.
    Running,
    /// `Succeeded` or `Failed`: it will not run again.
    Finished,
}

/// One summed container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container {
    /// Name inside the pod.
    pub name: ContainerName,
    /// What the pod's status says of it.
    pub state: ContainerState,
}

/// A container's state by the pod's status. Times are in whole seconds, as Kubernetes writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerState {
    /// No status yet, or waiting without ever having run.
    Unknown,
    /// Running since.
    Running(UnixMillis),
    /// Not running; its last run ended then. Terminated, or waiting in back-off.
    Ended(UnixMillis),
}

impl ContainerState {
    /// Whether a run that began at `start` can still be going on. The kubelet's reading of a run
    /// that began after the last known end is newer than the status.
    pub fn allows_run(self, start: Option<UnixMillis>) -> bool {
        match self {
            Self::Unknown | Self::Running(_) => true,
            Self::Ended(end) => start.is_some_and(|start| start > end),
        }
    }
}
