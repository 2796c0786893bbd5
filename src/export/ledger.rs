//! What was handed over already, so that nothing is handed over twice or out of order.
//!
//! Each look at the store is laid beside what was handed over before, both in the order of subjects:
//!
//! ```text
//! true now:    A@20   B@15          D@18
//! handed over: A@10   B@15   C@12
//! points:      A@20          C ends D@18      (B has nothing newer)
//! ```
//!
//! What ended is remembered until no sample as old as its end can come any more; so a pod that comes
//! back under its name goes on after its end, and never before it.

use std::collections::HashMap;
use std::iter::Peekable;
use std::time::Duration;
use std::vec;

use crate::clock::UnixMillis;
use crate::export::live::Now;
use crate::export::point::{Point, Subject};
use crate::store::Snapshot;
use crate::usage::{NodeName, Uid};

/// A graph ends this long after its last sample: the finest step that engines know.
const END_AFTER: Duration = Duration::from_millis(1);

/// About 100 bytes for each node, pod and container.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    nodes: HashMap<NodeName, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    uid: Uid,
    /// Time of the last point.
    time: UnixMillis,
    has_ended: bool,
}

impl Ledger {
    /// How many nodes, pods and containers are remembered.
    pub(super) fn len(&self) -> usize {
        self.nodes.values().map(Vec::len).sum()
    }

    /// All nodes that there is something to say about.
    pub(super) fn nodes(&self, snapshot: &Snapshot) -> Vec<NodeName> {
        let known = snapshot.nodes().map(|(name, _)| name);
        let gone = self.nodes.keys().filter(|name| snapshot.node(name).is_none());
        known.chain(gone).cloned().collect()
    }

    /// What is new of a node since the last time it was asked for.
    pub(super) fn advance(&mut self, node: &NodeName, snapshot: &Snapshot, now: Now<'_>, out: &mut Vec<Point>) {
        let before = self.nodes.remove(node).unwrap_or_default();
        let mut page =
            Page { after: Vec::with_capacity(before.len()), before: before.into_iter().peekable(), now, out };
        if let Some(record) = snapshot.node(node) {
            now.points(node, record, |point| page.live(point));
        }
        while let Some(absent) = page.before.next() {
            page.absent(absent);
        }
        if !page.after.is_empty() {
            self.nodes.insert(node.clone(), page.after);
        }
    }
}

/// One node's part, being written anew.
struct Page<'a> {
    before: Peekable<vec::IntoIter<Entry>>,
    after: Vec<Entry>,
    now: Now<'a>,
    out: &'a mut Vec<Point>,
}

impl Page<'_> {
    fn live(&mut self, point: Point) {
        while let Some(absent) = self.before.next_if(|entry| entry.subject < point.subject) {
            self.absent(absent);
        }
        let known = self.before.next_if(|entry| entry.subject == point.subject);
        if let Some(known) = known
            && point.time <= known.time
        {
            return self.after.push(known);
        }
        let Point { subject, uid, time, .. } = &point;
        self.after.push(Entry { subject: subject.clone(), uid: *uid, time: *time, has_ended: false });
        self.out.push(point);
    }

    fn absent(&mut self, mut entry: Entry) {
        if !entry.has_ended {
            entry.has_ended = true;
            entry.time = entry.time + END_AFTER;
            let (subject, uid, time) = (entry.subject.clone(), entry.uid, entry.time);
            self.out.push(Point { subject, uid, time, level: None });
        }
        if entry.time >= self.now.oldest {
            self.after.push(entry);
        }
    }
}

#[cfg(test)]
mod tests;
