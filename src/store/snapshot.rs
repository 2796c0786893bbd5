//! The shared map of records: one writer at a time, readers on immutable snapshots.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::store::record::{NodeRecord, SharedRecord};
use crate::usage::{Batch, NodeName, PodKey, Scrape, Uid};

/// An immutable view of all records, as of one revision.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    revision: u64,
    nodes: imbl::HashMap<NodeName, SharedRecord>,
}

/// The store. Share it by `Arc`.
#[derive(Debug)]
pub struct Store {
    current: ArcSwap<Snapshot>,
    publishing: Mutex<()>,
}

impl Snapshot {
    /// Grows by one with every stored scrape.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// What is remembered of a node.
    pub fn node(&self, name: &NodeName) -> Option<&NodeRecord> {
        self.nodes.get(name).map(Arc::as_ref)
    }
}

impl Store {
    /// An empty store whose revisions begin after `first_revision`.
    pub fn new(first_revision: u64) -> Self {
        let empty = Snapshot { revision: first_revision, nodes: imbl::HashMap::default() };
        Self { current: ArcSwap::from_pointee(empty), publishing: Mutex::new(()) }
    }

    /// The view of this moment: a reference count, no copy.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }
}
