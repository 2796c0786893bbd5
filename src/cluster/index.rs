//! The index: an immutable [`View`] that the watch replaces and everybody reads.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::cluster::{Node, Pod};
use crate::usage::{NodeName, PodKey};

/// Nodes on which a container began to run, for an early scrape. A receiver that falls behind by
/// more than this loses only early scrapes, never regular ones.
const STARTS_CAPACITY: usize = 1024;

/// All that exists, as of one revision.
#[derive(Clone, Debug, Default)]
pub struct View {
    revision: u64,
    nodes: imbl::OrdMap<NodeName, Arc<Node>>,
    pods: imbl::OrdMap<PodKey, Arc<Pod>>,
}

/// The watched cluster: cheap views for readers, and for the watch alone the right to change it.
#[derive(Debug)]
pub struct Cluster {
    current: ArcSwap<View>,
    changing: Mutex<()>,
    starts: broadcast::Sender<NodeName>,
}

impl View {
    /// Grows with every change.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.get(name)
    }

    /// All pods, by namespace and name.
    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.values()
    }

    /// The pods of one namespace, by name.
    pub fn pods_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods
            .range(PodKey::new(namespace, "")..)
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .map(|(_, pod)| pod)
    }

    /// One pod.
    pub fn pod(&self, key: &PodKey) -> Option<&Arc<Pod>> {
        self.pods.get(key)
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self { current: ArcSwap::default(), changing: Mutex::new(()), starts: broadcast::channel(STARTS_CAPACITY).0 }
    }
}

impl Cluster {
    /// The view of this moment: a reference count, no copy.
    pub fn view(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// Nodes on which a container began to run, from now on.
    pub fn subscribe_starts(&self) -> broadcast::Receiver<NodeName> {
        self.starts.subscribe()
    }
}
