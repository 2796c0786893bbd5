//! Everything remembered of one node.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::store::adopt::Terms;
use crate::store::merge::Readings;
use crate::usage::{ContainerName, Failure, PodKey, Run, Scrape, Uid};

/// One node: immutable once published; the next scrape publishes a successor.
#[derive(Clone, Debug)]
pub struct NodeRecord {
    /// The store's revision at which this record was published.
    pub revision: u64,
    /// The node's own usage; `None` before its first reading.
    pub node: Option<Run>,
    /// How the last scrape went.
    pub scrape: Scrape,
    /// The node's clock had been set a moment before the last readings: earlier ones by its clock may have
    /// been taken later.
    pub clock_was_set: bool,
    /// When the last good scrape began; `None` if there was none.
    pub last_success: Option<UnixMillis>,
    /// When the outcome last changed its kind (success, or one reason of failure).
    pub outcome_since: UnixMillis,
    /// When the last scrape began that another replica made and told of; `None` if there was none.
    pub last_told: Option<UnixMillis>,
    /// The same of the last good one.
    pub last_told_good: Option<UnixMillis>,
    /// Sorted by namespace and name.
    pods: Box<[PodRecord]>,
    /// Those of one pod stand together, sorted by name.
    containers: Box<[ContainerRecord]>,
}

/// One pod as its kubelet reports it.
#[derive(Clone, Debug)]
pub struct PodRecord {
    /// Namespace and name.
    pub key: PodKey,
    /// The pod these readings belong to.
    pub uid: Uid,
    /// When the scrape began in which the kubelet first reported a container of this pod.
    pub first_reported: UnixMillis,
    pub(super) containers: Range<u32>,
}

/// One container's run.
#[derive(Clone, Debug)]
pub struct ContainerRecord {
    /// Name inside the pod.
    pub name: ContainerName,
    /// What is known of its current run.
    pub run: Run,
}

impl NodeRecord {
    /// The record of a pod; only if it is of the very pod `uid`. Found by going through all of them:
    /// their uids stand side by side, while each comparison of a binary search would fetch a name from
    /// somewhere else in memory, which costs more for as many pods as a node can run.
    pub fn pod(&self, key: &PodKey, uid: Uid) -> Option<&PodRecord> {
        self.pods.iter().find(|pod| pod.uid == uid).filter(|pod| pod.key == *key)
    }

    /// The record of the pod that had this name when the node was last scraped.
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<&PodRecord> {
        let index =
            self.pods.binary_search_by(|pod| (&*pod.key.namespace, &*pod.key.name).cmp(&(namespace, name))).ok()?;
        self.pods.get(index)
    }

    /// All pods, by namespace and name.
    pub fn pods(&self) -> &[PodRecord] {
        &self.pods
    }

    /// A pod's containers, by name.
    pub fn containers(&self, pod: &PodRecord) -> &[ContainerRecord] {
        self.containers.get(pod.containers.start as usize..pod.containers.end as usize).unwrap_or_default()
    }

    /// How many containers are remembered.
    pub fn container_count(&self) -> usize {
        self.containers.len()
    }

    /// All runs: the node's own and every container's.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.node.iter().chain(self.containers.iter().map(|container| &container.run))
    }

    /// The record that follows `previous` after a scrape. Without new readings (the scrape failed)
    /// the previous ones stay as they are. Its revision is set when it is published.
    pub(super) fn succeed(previous: Option<&Self>, readings: Option<Readings>, scrape: Scrape) -> Self {
        let last_success = match scrape.outcome {
            Ok(()) => Some(scrape.started),
            Err(_) => previous.and_then(|record| record.last_success),
        };
        let outcome_since = previous
            .filter(|record| kind(&record.scrape) == kind(&scrape))
            .map_or(scrape.started, |record| record.outcome_since);
        let Readings { node, pods, containers, clock_was_set } =
            readings.unwrap_or_else(|| previous.map(Self::readings).unwrap_or_default());
        let last_told = previous.and_then(|record| record.last_told);
        let last_told_good = previous.and_then(|record| record.last_told_good);
        Self {
            revision: 0,
            node,
            scrape,
            clock_was_set,
            last_success,
            outcome_since,
            last_told,
            last_told_good,
            pods,
            containers,
        }
    }

    /// The record that another replica tells of.
    pub(super) fn told(
        readings: Readings,
        scrape: Scrape,
        last_success: Option<UnixMillis>,
        outcome_since: UnixMillis,
    ) -> Self {
        let Readings { node, pods, containers, clock_was_set } = readings;
        let last_told = Some(scrape.started);
        let last_told_good = last_told.filter(|_| scrape.outcome.is_ok());
        Self {
            revision: 0,
            node,
            scrape,
            clock_was_set,
            last_success,
            outcome_since,
            last_told,
            last_told_good,
            pods,
            containers,
        }
    }

    /// Whether another replica made the last scrape.
    pub fn is_told(&self) -> bool {
        self.last_told == Some(self.scrape.started)
    }

    /// With the scrape of `known`, if that was the later one or outweighs this, and its success, if that was
    /// the later one.
    pub(super) fn beside(mut self, known: &Self, terms: &Terms) -> Self {
        let past = |time: UnixMillis| time.if_past(terms.now);
        let stays = known.scrape.started >= self.scrape.started || known.outweighs(&self.scrape, terms);
        if stays && past(known.scrape.started).is_some() {
            self.scrape.clone_from(&known.scrape);
            self.outcome_since = known.outcome_since;
        }
        self.last_success = self.last_success.max(known.last_success.and_then(past));
        self.last_told = self.last_told.max(known.last_told.and_then(past));
        self.last_told_good = self.last_told_good.max(known.last_told_good.and_then(past));
        self
    }

    /// Whether the node was reached a moment before `told`, a failure: it may be that only the replica
    /// that tells of it cannot reach the node.
    fn outweighs(&self, told: &Scrape, terms: &Terms) -> bool {
        let is_recent = told.started.since(self.scrape.started) < terms.resolution;
        self.scrape.outcome.is_ok() && told.outcome.is_err() && is_recent
    }

    /// The node's own run and every container's with the names of its pod, to be changed in place.
    pub(super) fn runs_mut(&mut self) -> (Option<&mut Run>, impl Iterator<Item = (&PodKey, &mut ContainerRecord)>) {
        let keys = self.pods.iter().flat_map(|pod| pod.containers.clone().map(|_| &pod.key));
        (self.node.as_mut(), keys.zip(self.containers.iter_mut()))
    }

    fn readings(&self) -> Readings {
        Readings {
            node: self.node,
            pods: self.pods.clone(),
            containers: self.containers.clone(),
            clock_was_set: self.clock_was_set,
        }
    }
}

/// Success, or the one word of the failure.
fn kind(scrape: &Scrape) -> Option<&'static str> {
    scrape.outcome.as_ref().err().map(Failure::reason)
}

/// Shared by every snapshot that holds it.
pub(super) type SharedRecord = Arc<NodeRecord>;
