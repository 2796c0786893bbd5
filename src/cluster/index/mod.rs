//! The index: an immutable [`View`] that the watch replaces and everybody reads.
//!
//! One change at a time, each visible whole; a reader holds a view for as long as he likes and stops
//! nobody. It asks no API server and keeps no earlier views.

mod indexed;
mod label_sets;
mod pod_names;

use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::ordmap::DiffItem;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::cluster::index::label_sets::LabelSets;
use crate::cluster::index::pod_names::PodNames;
use crate::cluster::intern::Interner;
use crate::cluster::{Labels, Node, Pod};
use crate::revision::Revisions;
use crate::usage::{NodeName, PodKey};

pub(crate) use indexed::Indexed;
pub use label_sets::Stretch;

/// Nodes on which a container began to run, for an early scrape. A receiver that falls behind by
/// more than this loses only early scrapes, never regular ones.
const STARTS_CAPACITY: usize = 1024;

/// All that exists, as of one revision.
#[derive(Clone, Debug, Default)]
pub struct View {
    revision: u64,
    nodes_revision: u64,
    nodes: imbl::OrdMap<NodeName, Arc<Node>>,
    pods: imbl::OrdMap<PodKey, Arc<Pod>>,
    label_sets: LabelSets,
    listed: Listed,
}

/// Which resources have been listed whole at least once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    nodes: bool,
    pods: bool,
}

/// The watched cluster: cheap views for readers, and for the watch alone the right to change it.
#[derive(Debug)]
pub struct Cluster {
    current: ArcSwap<View>,
    revisions: Revisions,
    changing: Mutex<()>,
    starts: broadcast::Sender<NodeName>,
    interner: Mutex<Interner>,
}

impl View {
    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many pods there are.
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// How many label sets the pods of each namespace carry, all namespaces together.
    pub fn label_set_count(&self) -> usize {
        self.label_sets.len()
    }

    /// Grows with every change.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision of the last change of a node: pods change a thousand times as often.
    pub const fn nodes_revision(&self) -> u64 {
        self.nodes_revision
    }

    /// Whether all nodes and all pods are in it: false until each was listed once, true from then on.
    pub const fn is_complete(&self) -> bool {
        self.listed.nodes && self.listed.pods
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

    /// The nodes that are not the same as in `earlier`: come, gone, or changed.
    pub fn nodes_changed_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a NodeName> {
        earlier.nodes.diff(&self.nodes).map(|change| changed_key(&change))
    }

    /// The pods that are not the same as in `earlier`: come, gone, or changed.
    pub fn pods_changed_since<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a PodKey> {
        earlier.pods.diff(&self.pods).map(|change| changed_key(&change))
    }

    /// The nodes from `start` on: for a reader that takes them in several turns.
    pub fn nodes_from(&self, start: Bound<NodeName>) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.range((start, Bound::Unbounded)).map(|(_, node)| node)
    }

    /// The pods from `start` on: for a reader that takes them in several turns.
    pub fn pods_from(&self, start: Bound<PodKey>) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.range((start, Bound::Unbounded)).map(|(_, pod)| pod)
    }

    /// Where the pods of a namespace (empty for all) stand whose labels are wanted, in the order of
    /// lists; others may stand between them.
    pub fn pod_stretches(&self, namespace: &str, is_wanted: impl Fn(&Labels) -> bool) -> Vec<Stretch> {
        self.label_sets.stretches(namespace, is_wanted)
    }

    /// One pod.
    pub fn pod(&self, key: &PodKey) -> Option<&Arc<Pod>> {
        self.pods.get(key)
    }

    /// One pod, by names that are borrowed from elsewhere; makes no copy of them.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.pods.get(&(namespace, name) as &dyn PodNames)
    }
}

/// The map of objects that come in the order of their keys, as the API server lists them. Every
/// other one is inserted first: a leaf splits in two halves, of which the left one is never touched
/// again where all come in order; so the rest finds its place there, and fills it.
fn packed<T: Indexed>(objects: Vec<Arc<T>>) -> imbl::OrdMap<T::Key, Arc<T>> {
    let (first, then): (Vec<_>, Vec<_>) = objects.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    first.into_iter().chain(then).map(|(_, object)| (object.key().clone(), object)).collect()
}

/// Maps share what did not change, so that a difference is found without looking at all of it.
const fn changed_key<'a, K, V>(change: &DiffItem<'a, 'a, K, V>) -> &'a K {
    match change {
        DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), .. } => key,
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new(Revisions::after(0))
    }
}

impl Cluster {
    /// An empty cluster that draws its revisions from `revisions`.
    pub fn new(revisions: Revisions) -> Self {
        let (current, changing, interner) = (ArcSwap::default(), Mutex::new(()), Mutex::default());
        Self { current, revisions, changing, starts: broadcast::channel(STARTS_CAPACITY).0, interner }
    }

    /// A cluster that holds these objects and changes no more: for tests of other rooms.
    pub fn with(nodes: Vec<Node>, pods: Vec<Pod>) -> Self {
        let cluster = Self::default();
        cluster.replace(nodes.into_iter().map(Arc::new).collect());
        cluster.replace(pods.into_iter().map(Arc::new).collect());
        cluster
    }

    /// The view of this moment: a reference count, no copy.
    pub fn view(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// What objects repeat, for the watch to take from.
    pub(super) const fn interner(&self) -> &Mutex<Interner> {
        &self.interner
    }

    /// Nodes on which a container began to run, from now on.
    pub fn subscribe_starts(&self) -> broadcast::Receiver<NodeName> {
        self.starts.subscribe()
    }

    /// One object is there, or has changed. Only the watch says so, and tests in its place.
    pub(crate) fn apply<T: Indexed>(&self, object: T) {
        let view = self.view();
        let before = T::map(&view).get(object.key());
        let object = self.share(object);
        if before.is_some_and(|before| Arc::ptr_eq(before, &object)) {
            return;
        }
        self.change::<T>(|view| {
            let before = T::map_mut(view).insert(object.key().clone(), Arc::clone(&object));
            T::note(view, before.as_deref(), Some(&object));
        });
        if let Some(node) = object.run_begun_on(before.map(Arc::as_ref)) {
            // Nobody listening is no fault: the regular scrape sees the container too.
            let _ = self.starts.send(node.clone());
        }
    }

    /// One object is gone.
    pub(crate) fn delete<T: Indexed>(&self, key: &T::Key) {
        self.change::<T>(|view| {
            let before = T::map_mut(view).remove(key);
            T::note(view, before.as_deref(), None);
        });
    }

    /// These objects and no others are there.
    pub(crate) fn replace<T: Indexed>(&self, objects: Vec<Arc<T>>) {
        let map = packed(objects);
        self.change::<T>(|view| {
            *T::map_mut(view) = map;
            T::note_all(view);
            T::mark_listed(&mut view.listed);
        });
    }

    /// The copy that is already held if nothing differs; else the new one, with the names of the
    /// held one. A relist then costs no second copy of the cluster, and records that share a
    /// pod's names keep sharing them.
    pub(super) fn share<T: Indexed>(&self, mut object: T) -> Arc<T> {
        let view = self.current.load();
        if let Some((key, held)) = T::map(&view).get_key_value(object.key()) {
            object.set_revision(held.revision());
            if **held == object {
                return Arc::clone(held);
            }
            object.adopt_key(key);
        }
        object.set_revision(self.revisions.next());
        Arc::new(object)
    }

    /// Copy on write: readers keep their view, the next reader gets the changed one.
    fn change<T: Indexed>(&self, edit: impl FnOnce(&mut View)) {
        let _only_writer = self.changing.lock();
        let mut next = View::clone(&self.current.load());
        edit(&mut next);
        next.revision = self.revisions.next();
        T::mark_changed(&mut next);
        self.current.store(Arc::new(next));
    }
}

#[cfg(test)]
mod tests;
