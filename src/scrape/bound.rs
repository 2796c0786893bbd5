//! Which nodes have other pods than when they were last looked at.
//!
//! Finding thirty pods by name among tens of thousands costs more than reading what their kubelet
//! says of them, since nearly every step leads to memory that no cache holds. Between two scrapes of
//! a node its pods seldom change, and what did change in the cluster is quickly told: views share
//! the rest.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use crate::cluster::{Cluster, View};
use crate::usage::NodeName;

/// Below this size, dropping nodes that have left frees too little to be worth the walk.
const SMALLEST_SWEEP: usize = 1024;

/// Follows the cluster as far as it is asked to.
#[derive(Debug, Default)]
pub(super) struct Bound {
    followed: Mutex<Followed>,
    changed: Gauge,
}

#[derive(Debug)]
struct Followed {
    view: Arc<View>,
    /// Nodes whose pods have changed since they were last asked for.
    changed: HashSet<NodeName>,
    sweep_at: usize,
}

impl Bound {
    /// Nothing is followed yet; `changed` is told how many nodes have other pods than when they were last
    /// asked for.
    pub(super) fn new(changed: Gauge) -> Self {
        Self { followed: Mutex::default(), changed }
    }

    /// The view of now, and whether no pod of `node` has come, gone or changed since this was last
    /// asked for the node.
    pub(super) fn look(&self, cluster: &Cluster, node: &NodeName) -> (Arc<View>, bool) {
        let mut followed = self.followed.lock();
        followed.catch_up(cluster.view());
        let changed = followed.changed.remove(node);
        self.changed.set(i64::try_from(followed.changed.len()).unwrap_or(i64::MAX));
        (Arc::clone(&followed.view), !changed)
    }
}

impl Default for Followed {
    fn default() -> Self {
        Self { view: Arc::default(), changed: HashSet::new(), sweep_at: SMALLEST_SWEEP }
    }
}

impl Followed {
    fn catch_up(&mut self, view: Arc<View>) {
        if view.revision() == self.view.revision() {
            return;
        }
        let Self { view: before, changed, sweep_at } = self;
        for key in view.pods_changed_since(before) {
            let nodes = [before.pod(key), view.pod(key)].into_iter().flatten().filter_map(|pod| pod.node.as_ref());
            changed.extend(nodes.cloned());
        }
        if changed.len() >= *sweep_at {
            changed.retain(|node| view.node(node.as_str()).is_some());
            *sweep_at = SMALLEST_SWEEP.max(changed.len() * 2);
        }
        self.view = view;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Pod;
    use crate::scrape::fixtures;
    use crate::usage::{PodKey, Uid};

    fn pod_on(node: &str, name: &str, uid: &str) -> Pod {
        let mut pod = fixtures::pod(node, crate::clock::UnixMillis(0));
        pod.key = PodKey::new("ns", name);
        pod.uid = Uid::parse(uid);
        pod
    }

    fn same(bound: &Bound, cluster: &Cluster, node: &str) -> bool {
        bound.look(cluster, &node.into()).1
    }

    #[test]
    fn a_node_is_told_once_of_each_change_of_its_pods_and_of_no_other_nodes() {
        let cluster = Cluster::with(Vec::new(), vec![pod_on("a", "p", "1"), pod_on("b", "q", "2")]);
        let bound = Bound::default();
        assert!(!same(&bound, &cluster, "a"));
        assert!(same(&bound, &cluster, "a"));
        cluster.apply(pod_on("b", "q", "3"));
        assert!(same(&bound, &cluster, "a"));
        assert!(!same(&bound, &cluster, "b"));
        cluster.delete::<Pod>(&PodKey::new("ns", "p"));
        assert!(!same(&bound, &cluster, "a") && same(&bound, &cluster, "b"));
    }

    #[test]
    fn a_pod_that_moves_changes_both_nodes() {
        let cluster = Cluster::with(Vec::new(), vec![pod_on("a", "p", "1")]);
        let bound = Bound::default();
        assert!(!same(&bound, &cluster, "a") && same(&bound, &cluster, "b"));
        cluster.apply(pod_on("b", "p", "2"));
        assert!(!same(&bound, &cluster, "b") && !same(&bound, &cluster, "a"));
    }

    #[test]
    fn nodes_that_have_left_are_forgotten() {
        let cluster = Cluster::default();
        let bound = Bound::default();
        for number in 0..3 * SMALLEST_SWEEP {
            cluster.apply(pod_on(&format!("n{number}"), "p", &number.to_string()));
            bound.look(&cluster, &"other".into());
        }
        let changed = bound.followed.lock().changed.len();
        assert!(changed <= SMALLEST_SWEEP + 2);
        assert_eq!(usize::try_from(bound.changed.get()).unwrap(), changed);
    }
}
