//! What happened between two moments, as a watch would tell it.

use std::time::Duration;

use super::{SimPod, World};
use crate::clock::UnixMillis;

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: UnixMillis,
    /// What.
    pub event: Event,
}

/// What happened, with the pod it happened to. Its status is to be asked for at [`Change::at`].
/// Nodes stay as they are as long as the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was made, bound to its node.
    PodAdded(SimPod),
    /// A container of it started or ended.
    PodModified(SimPod),
    /// It is gone.
    PodDeleted(SimPod),
}

impl Event {
    /// The pod.
    pub const fn pod(&self) -> &SimPod {
        match self {
            Self::PodAdded(pod) | Self::PodModified(pod) | Self::PodDeleted(pod) => pod,
        }
    }
}

impl World {
    /// Everything that happened after `from` and up to `to`, in the order of time: what exists at
    /// `from`, changed by it, is what exists at `to`. The pod that leaves a slot is told before
    /// the one that takes it.
    pub fn changes(&self, from: UnixMillis, to: UnixMillis) -> impl Iterator<Item = Change> + use<> {
        let mut changes = Vec::new();
        let lively: Vec<_> = self.slots().filter(|(_, kind)| from < self.origin() || !self.is_still(*kind)).collect();
        for node in 0..self.scenario().nodes {
            for (slot, kind) in &lively {
                self.changes_in_slot(node, *slot, *kind, (from, to), &mut changes);
            }
        }
        changes.sort_by_key(|change: &Change| change.at);
        changes.into_iter()
    }

    /// Walks back from the pod that has the slot at the end.
    fn changes_in_slot(
        &self,
        node: u32,
        slot: u32,
        kind: usize,
        (from, to): (UnixMillis, UnixMillis),
        changes: &mut Vec<Change>,
    ) {
        let end = self.end_of(kind).map(|end| end - Duration::from_millis(1));
        let mut until = end.map_or(to, |end| end.min(to));
        if until < from {
            return;
        }
        let first = changes.len();
        while let Some(pod) = self.pod_in_slot(node, slot, kind, until) {
            let created = pod.created;
            if let Some(at) = pod.deleted.filter(|deleted| *deleted <= to) {
                changes.push(Change { at, event: Event::PodDeleted(pod.clone()) });
            }
            let modified = pod.transitions(from.max(created), to).into_iter().rev();
            changes.extend(modified.map(|at| Change { at, event: Event::PodModified(pod.clone()) }));
            if created <= from {
                break;
            }
            changes.push(Change { at: created, event: Event::PodAdded(pod) });
            until = UnixMillis(created.0 - 1);
        }
        if let Some(walked) = changes.get_mut(first..) {
            walked.reverse();
        }
    }
}
