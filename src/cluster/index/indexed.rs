//! What nodes and pods have in common for the index, and where they differ.

use std::sync::Arc;

use crate::cluster::index::label_sets::LabelSets;
use crate::cluster::index::{Listed, View};
use crate::cluster::{Container, ContainerState, Node, Pod};
use crate::usage::{NodeName, PodKey};

/// What the index needs to know of the objects it holds.
pub(crate) trait Indexed: PartialEq + Sized {
    /// What the object is found by.
    type Key: Ord + Clone;

    /// Its key.
    fn key(&self) -> &Self::Key;

    /// Takes over the key's own copy of its names.
    fn adopt_key(&mut self, key: &Self::Key);

    /// The version of its last change.
    fn revision(&self) -> u64;

    /// Says which version its last change was.
    fn set_revision(&mut self, revision: u64);

    /// The map of a view that holds its kind.
    fn map(view: &View) -> &imbl::OrdMap<Self::Key, Arc<Self>>;

    /// The same, for a change.
    fn map_mut(view: &mut View) -> &mut imbl::OrdMap<Self::Key, Arc<Self>>;

    /// Remembers that all of its kind were listed.
    fn mark_listed(listed: &mut Listed);

    /// Remembers that something of its kind changed with the view's revision.
    fn mark_changed(_view: &mut View) {}

    /// Brings up to date what a view knows of its kind beside the map, after a change of one of them.
    fn note(_view: &mut View, _before: Option<&Self>, _after: Option<&Self>) {}

    /// The same, after all of them were replaced.
    fn note_all(_view: &mut View) {}

    /// The node on which a container began to run by the step from `before` to this state.
    fn run_begun_on(&self, before: Option<&Self>) -> Option<&NodeName>;
}

impl Indexed for Node {
    type Key = NodeName;

    fn key(&self) -> &NodeName {
        &self.name
    }

    fn adopt_key(&mut self, key: &NodeName) {
        self.name = key.clone();
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn map(view: &View) -> &imbl::OrdMap<NodeName, Arc<Self>> {
        &view.nodes
    }

    fn map_mut(view: &mut View) -> &mut imbl::OrdMap<NodeName, Arc<Self>> {
        &mut view.nodes
    }

    fn mark_listed(listed: &mut Listed) {
        listed.nodes = true;
    }

    fn mark_changed(view: &mut View) {
        view.nodes_revision = view.revision;
    }

    fn run_begun_on(&self, _before: Option<&Self>) -> Option<&NodeName> {
        None
    }
}

impl Indexed for Pod {
    type Key = PodKey;

    fn key(&self) -> &PodKey {
        &self.key
    }

    fn adopt_key(&mut self, key: &PodKey) {
        self.key = key.clone();
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn map(view: &View) -> &imbl::OrdMap<PodKey, Arc<Self>> {
        &view.pods
    }

    fn map_mut(view: &mut View) -> &mut imbl::OrdMap<PodKey, Arc<Self>> {
        &mut view.pods
    }

    fn mark_listed(listed: &mut Listed) {
        listed.pods = true;
    }

    fn note(view: &mut View, before: Option<&Self>, after: Option<&Self>) {
        view.label_sets.change(before, after);
    }

    fn note_all(view: &mut View) {
        view.label_sets = LabelSets::of(&view.pods);
    }

    fn run_begun_on(&self, before: Option<&Self>) -> Option<&NodeName> {
        let known = before.filter(|before| before.uid == self.uid);
        let was_running = |container: &Container| known.is_some_and(|known| known.containers.contains(container));
        let begun = self
            .containers
            .iter()
            .any(|container| matches!(container.state, ContainerState::Running(_)) && !was_running(container));
        self.node.as_ref().filter(|_| begun)
    }
}
