//! What another replica knows of a node, for a store that knows nothing of it yet.

use crate::clock::UnixMillis;
use crate::store::merge::Readings;
use crate::store::names::Names;
use crate::store::record::{ContainerRecord, NodeRecord, PodRecord};
use crate::usage::{ContainerName, PodKey, Run, Scrape, Uid};

/// Everything about one node, checked: pods and containers that exist.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The node's own run.
    pub node: Option<Run>,
    /// Its pods, in any order.
    pub pods: Vec<HandedPod>,
    /// Its last good scrape.
    pub scrape: Scrape,
}

/// One pod of it.
#[derive(Clone, Debug)]
pub struct HandedPod {
    /// Namespace and name.
    pub key: PodKey,
    /// The pod these readings belong to.
    pub uid: Uid,
    /// When the scrape began in which the kubelet first reported a container of this pod.
    pub first_reported: UnixMillis,
    /// Its containers, in any order.
    pub containers: Vec<(ContainerName, Run)>,
}

/// The first record of a node. Of pods or containers that are told twice the first counts.
pub(super) fn record(mut handed: Handed, names: &Names) -> NodeRecord {
    handed.pods.sort_by(|one, other| one.key.cmp(&other.key));
    handed.pods.dedup_by(|later, kept| later.key == kept.key);
    let (mut pods, mut containers) = (Vec::with_capacity(handed.pods.len()), Vec::new());
    for HandedPod { key, uid, first_reported, containers: mut told } in handed.pods {
        told.sort_by(|(one, _), (other, _)| one.cmp(other));
        told.dedup_by(|(later, _), (kept, _)| later == kept);
        let start = containers.len();
        containers
            .extend(told.into_iter().map(|(name, run)| ContainerRecord { name: names.shared(name.as_str()), run }));
        if let Some(containers) = range(start, containers.len()) {
            pods.push(PodRecord { key, uid, first_reported, containers });
        }
    }
    let readings = Readings { node: handed.node, pods: pods.into(), containers: containers.into() };
    NodeRecord::succeed(None, Some(readings), handed.scrape)
}

/// Places of a pod's containers; `None` if it has none.
fn range(start: usize, end: usize) -> Option<std::ops::Range<u32>> {
    let range = u32::try_from(start).ok()?..u32::try_from(end).ok()?;
    (!range.is_empty()).then_some(range)
}
