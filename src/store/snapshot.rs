//! The shared map of records: one writer at a time, readers on immutable snapshots.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::revision::Revisions;
use crate::store::adopt::{self, Handed, Terms};
use crate::store::merge::{self, Merge, Merged};
use crate::store::names::Names;
use crate::store::offer;
use crate::store::record::{NodeRecord, SharedRecord};
use crate::usage::{Batch, NodeName, Scrape};

/// More names than 5,000 nodes make in a second when all are asked for the first time.
const SCRAPED_CAPACITY: usize = 4096;

/// An immutable view of all records, as of one revision.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    revision: u64,
    nodes: imbl::HashMap<NodeName, SharedRecord>,
}

/// The store. Share it by `Arc`. A node has one writer: calls for one node must not overlap.
#[derive(Debug)]
pub struct Store {
    current: ArcSwap<Snapshot>,
    /// Held by the one who publishes.
    publishing: Mutex<Revisions>,
    names: Names,
    /// Made when somebody listens: its room is taken at once.
    scraped: OnceLock<broadcast::Sender<NodeName>>,
}

impl Snapshot {
    /// Grows with every change: a scrape stored, rates taken, a node forgotten.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Everything that is remembered, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeName, &NodeRecord)> {
        self.nodes.iter().map(|(name, record)| (name, record.as_ref()))
    }

    /// What is remembered of a node.
    pub fn node(&self, name: &NodeName) -> Option<&NodeRecord> {
        self.nodes.get(name).map(Arc::as_ref)
    }
}

impl Store {
    /// An empty store that draws its revisions from `revisions`.
    pub fn new(revisions: Revisions) -> Self {
        let empty = Snapshot { revision: revisions.next(), nodes: imbl::HashMap::default() };
        let (current, names, scraped) = (ArcSwap::from_pointee(empty), Names::default(), OnceLock::new());
        Self { current, publishing: Mutex::new(revisions), names, scraped }
    }

    /// The view of this moment: a reference count, no copy.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How many container names are held, unused ones included until the next sweep.
    pub(super) fn name_count(&self) -> usize {
        self.names.count()
    }

    /// Stores how a scrape of `node` went and, if it was good, what it brought. `None` is a failed
    /// scrape: the samples stay as they are.
    pub fn record(&self, node: &NodeName, batch: Option<&Batch<'_>>, scrape: Scrape, rules: &Merge<'_>) -> Merged {
        let snapshot = self.snapshot();
        let previous = snapshot.node(node);
        let (readings, merged) =
            batch.map(|batch| merge::merge(previous, batch, scrape.started, rules, &self.names)).unzip();
        self.publish(node, NodeRecord::succeed(previous, readings, scrape));
        self.tell_scraped(node);
        merged.unwrap_or_default()
    }

    /// Gives the kubelet's own rates, as told by its summary, to the runs that have none of their
    /// own yet. What the summary tells beside that is not stored.
    pub fn offer_kubelet_rates(&self, node: &NodeName, summary: &Batch<'_>) {
        let snapshot = self.snapshot();
        if let Some(record) = snapshot.node(node).and_then(|record| offer::with_rates(record, summary)) {
            self.publish(node, record);
            self.tell_scraped(node);
        }
    }

    /// Takes what another replica knows of a node, as far as it is newer than what is known here. True
    /// if some of it was taken. Pods are judged by `rules`, as those of a batch.
    pub fn adopt(&self, node: &NodeName, handed: Handed, rules: &Merge<'_>, terms: &Terms) -> bool {
        let snapshot = self.snapshot();
        let record = adopt::record(snapshot.node(node), handed, (rules, terms), &self.names);
        record.map(|record| self.publish(node, record)).is_some()
    }

    /// Nodes that were scraped here, from now on; what others tell is not among them. A receiver that
    /// falls behind by `SCRAPED_CAPACITY` misses some, and is told so.
    pub fn subscribe_scraped(&self) -> broadcast::Receiver<NodeName> {
        self.scraped.get_or_init(|| broadcast::channel(SCRAPED_CAPACITY).0).subscribe()
    }

    /// Drops everything remembered of a node that left the cluster.
    pub fn forget(&self, node: &NodeName) {
        self.change(|next| {
            next.nodes.remove(node);
        });
    }

    fn tell_scraped(&self, node: &NodeName) {
        if let Some(scraped) = self.scraped.get() {
            // Nobody may listen just now.
            _ = scraped.send(node.clone());
        }
    }

    fn publish(&self, node: &NodeName, mut record: NodeRecord) {
        self.change(|next| {
            record.revision = next.revision;
            next.nodes.insert(node.clone(), Arc::new(record));
        });
    }

    /// Makes the next snapshot. The lock is held for one insertion into a persistent map; freeing
    /// what the old snapshot alone held is left until it is released.
    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let revisions = self.publishing.lock();
        let mut next = Snapshot::clone(&self.current.load());
        next.revision = revisions.next();
        change(&mut next);
        let old = self.current.swap(Arc::new(next));
        drop(revisions);
        drop(old);
    }
}
