//! From a body to the store: what came of a scrape is judged here.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, UnixMillis};
use crate::cluster::Cluster;
use crate::promtext;
use crate::promtext::kubelet::Form;
use crate::scrape::bound::Bound;
use crate::store::{Merge, Merged, PodLookup, Store};
use crate::usage::{Batch, Failure, NodeName, Run, Scrape, clock_tolerance};

/// Hands over what kubelets say. Shared by all node tasks.
#[derive(Clone)]
pub(super) struct Intake {
    pub(super) cluster: Arc<Cluster>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) max_sample_age: Duration,
    pub(super) bound: Arc<Bound>,
}

/// What a kubelet answered when it was asked for readings.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) form: Form,
    pub(super) bytes: &'a [u8],
    /// The node's clock was set a moment ago.
    pub(super) clock_was_set: bool,
}

impl Intake {
    /// Reads and stores the body of a finished request. The scrape comes back with its outcome.
    pub(super) fn take(&self, node: &NodeName, answer: Answer<'_>, mut scrape: Scrape) -> (Scrape, Merged) {
        scrape.body_bytes = answer.bytes.len() as u64;
        let mut batch = answer.form.read(answer.bytes);
        batch.clock_was_set = answer.clock_was_set;
        scrape.rejected = batch.rejected.clone();
        if let Some(failure) = self.fault(&batch, scrape.started) {
            return (self.fail(node, scrape, failure), Merged::default());
        }
        let merged = self.record(node, Some(&batch), scrape.clone());
        (scrape, merged)
    }

    /// Stores that a scrape failed.
    pub(super) fn fail(&self, node: &NodeName, mut scrape: Scrape, failure: Failure) -> Scrape {
        scrape.outcome = Err(failure);
        self.record(node, None, scrape.clone());
        scrape
    }

    /// Stores the kubelet's own rates; false if some run still has none, or the body is no summary.
    pub(super) fn take_rates(&self, node: &NodeName, body: &[u8]) -> bool {
        match promtext::summary::read(body) {
            Ok(summary) => self.store.offer_kubelet_rates(node, &summary),
            Err(error) => {
                tracing::debug!(%node, %error, "the kubelet's summary cannot be read");
                return false;
            }
        }
        let snapshot = self.store.snapshot();
        let Some(record) = snapshot.node(node) else { return false };
        let containers = record.pods().iter().flat_map(|pod| record.containers(pod)).map(|container| &container.run);
        !record.node.iter().chain(containers).any(Run::awaits_rate)
    }

    fn fault(&self, batch: &Batch<'_>, asked: UnixMillis) -> Option<Failure> {
        if batch.is_empty() {
            let garbage = batch.rejected.count > 0;
            return Some(if garbage { Failure::Garbage(batch.rejected.clone()) } else { Failure::NotReadyYet });
        }
        batch.clock_skew(asked, clock_tolerance(self.max_sample_age)).map(Failure::ClockSkew)
    }

    fn record(&self, node: &NodeName, batch: Option<&Batch<'_>>, scrape: Scrape) -> Merged {
        // A long body is read to its end though the node has left and its task was aborted.
        if self.cluster.view().node(node.as_str()).is_none() {
            return Merged::default();
        }
        let Some(batch) = batch else { return self.store.record(node, None, scrape, &self.rules(&|_, _| None)) };
        let (view, same_pods) = self.bound.look(&self.cluster, node);
        let snapshot = self.store.snapshot();
        let known = snapshot.node(node).filter(|_| same_pods);
        let on_this_node = |namespace: &str, name: &str| {
            if let Some(pod) = known.and_then(|record| record.pod_named(namespace, name)) {
                return Some((pod.key.clone(), pod.uid));
            }
            let pod = view.pod_named(namespace, name)?;
            (pod.node.as_ref() == Some(node)).then(|| (pod.key.clone(), pod.uid))
        };
        self.store.record(node, Some(batch), scrape, &self.rules(&on_this_node))
    }

    fn rules<'a>(&self, pod: &'a PodLookup<'a>) -> Merge<'a> {
        Merge { pod, oldest: self.clock.now() - self.max_sample_age }
    }
}

#[cfg(test)]
mod tests;
