//! What another replica tells of a node, beside what is known of it here.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::store::merge::{Merge, Readings};
use crate::store::names::Names;
use crate::store::record::{ContainerRecord, NodeRecord, PodRecord};
use crate::usage::{Base, ContainerName, PodKey, Run, Scrape, Uid};

/// Everything about one node, checked: pods and containers that exist.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The node's own run.
    pub node: Option<Run>,
    /// Its pods, in any order.
    pub pods: Vec<HandedPod>,
    /// Its last scrape, whatever came of it. Times are by our own clock.
    pub scrape: Scrape,
    /// The node's clock had been set a moment before its last readings.
    pub clock_was_set: bool,
    /// When the last good scrape began.
    pub last_success: Option<UnixMillis>,
    /// When the outcome last changed its kind.
    pub outcome_since: UnixMillis,
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

/// On what terms it is taken.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// By our clock. Known times that are later are from before it was set back, and count for nothing.
    pub now: UnixMillis,
    /// How often each node is asked: so long a good scrape outweighs a failure that is told.
    pub resolution: Duration,
}

/// The record that follows `previous`: of each run what was measured last counts, wherever, and what the
/// other does not tell of is carried over by the rules of a scrape. `None` if nothing told is newer. Of
/// pods or containers that are told twice the first counts.
pub(super) fn record(
    previous: Option<&NodeRecord>,
    handed: Handed,
    (rules, terms): (&Merge<'_>, &Terms),
    names: &Names,
) -> Option<NodeRecord> {
    let Handed { node, pods, scrape, clock_was_set, last_success, outcome_since } = handed;
    // Of an older scrape it is worth knowing at least that another replica makes them.
    let last_told = previous.and_then(|known| known.last_told?.if_past(terms.now));
    let is_news = Some(scrape.started) > last_told;
    let last = previous.and_then(|known| known.scrape.started.if_past(terms.now));
    let is_last = is_news && Some(scrape.started) > last && scrape.outcome.is_ok();
    let mut joining = Joining {
        previous,
        rules,
        names,
        by_new_clock: is_last && clock_was_set,
        pods: Vec::new(),
        containers: Vec::new(),
        is_newer: false,
    };
    let node = joining.later(previous.and_then(|record| record.node), node);
    joining.all(pods);
    if !is_news && !joining.is_newer {
        return None;
    }
    let Joining { mut pods, containers, .. } = joining;
    pods.sort_by(|one, other| one.key.cmp(&other.key));
    let clock_was_set = previous.filter(|_| !is_last).map_or(clock_was_set, |known| known.clock_was_set);
    let readings = Readings { node, pods: pods.into(), containers: containers.into(), clock_was_set };
    let told = NodeRecord::told(readings, scrape, last_success, outcome_since);
    Some(match previous {
        Some(known) => told.beside(known, terms),
        None => told,
    })
}

struct Joining<'a> {
    previous: Option<&'a NodeRecord>,
    rules: &'a Merge<'a>,
    names: &'a Names,
    /// What is told is of the last scrape, before which the node's clock had been set.
    by_new_clock: bool,
    pods: Vec<PodRecord>,
    containers: Vec<ContainerRecord>,
    is_newer: bool,
}

impl Joining<'_> {
    fn all(&mut self, mut told: Vec<HandedPod>) {
        told.sort_by(|one, other| one.key.cmp(&other.key));
        told.dedup_by(|later, kept| later.key == kept.key);
        let absent = self.previous.into_iter().flat_map(NodeRecord::pods);
        let is_told = |pod: &&PodRecord| told.binary_search_by(|handed| handed.key.cmp(&pod.key)).is_ok();
        let absent: Vec<_> = absent.filter(|pod| !is_told(pod)).collect();
        for pod in told {
            self.pod(pod);
        }
        for pod in absent {
            let exists = (self.rules.pod)(&pod.key.namespace, &pod.key.name).is_some_and(|(_, uid)| uid == pod.uid);
            if exists {
                let PodRecord { key, uid, first_reported, .. } = pod.clone();
                self.pod(HandedPod { key, uid, first_reported, containers: Vec::new() });
            }
        }
    }

    fn pod(&mut self, handed: HandedPod) {
        let HandedPod { key, uid, first_reported, containers: mut told } = handed;
        let known = self.previous.and_then(|record| record.pod(&key, uid).map(|pod| (record.containers(pod), pod)));
        let (known, first_reported) =
            known.map_or((&[][..], first_reported), |(known, pod)| (known, pod.first_reported.min(first_reported)));
        told.sort_by(|(one, _), (other, _)| one.cmp(other));
        told.dedup_by(|(later, _), (kept, _)| later == kept);
        let start = self.containers.len();
        let mut known = known.iter().peekable();
        for (name, run) in told {
            while let Some(absent) = known.next_if(|container| container.name < name) {
                self.container(Some(absent), &absent.name, None);
            }
            let known = known.next_if(|container| container.name == name);
            let name = known.map_or_else(|| self.names.shared(name.as_str()), |known| known.name.clone());
            self.container(known, &name, Some(run));
        }
        for absent in known {
            self.container(Some(absent), &absent.name, None);
        }
        if let Some(containers) = range(start, self.containers.len()) {
            self.pods.push(PodRecord { key, uid, first_reported, containers });
        }
    }

    fn container(&mut self, known: Option<&ContainerRecord>, name: &ContainerName, told: Option<Run>) {
        if let Some(run) = self.later(known.map(|container| container.run), told) {
            self.containers.push(ContainerRecord { name: name.clone(), run });
        }
    }

    /// The run whose last sample is the later one, unless the clock that says so was set; of the same sample
    /// the one with a rate of its own.
    fn later(&mut self, known: Option<Run>, told: Option<Run>) -> Option<Run> {
        let known = known.filter(|run| run.last_time() >= self.rules.oldest);
        let Some(told) = told else { return known };
        let has_rate = |run: &Run| matches!(run.parts().base, Base::Point { .. });
        let rank = |run: &Run| (run.last_time(), has_rate(run), !run.awaits_rate());
        let stays = |known: Run| {
            let is_by_new_clock = self.by_new_clock && known.last_time() != told.last_time();
            !is_by_new_clock && rank(&known) >= rank(&told)
        };
        if known.is_some_and(stays) {
            return known;
        }
        self.is_newer = true;
        Some(told)
    }
}

/// Places of a pod's containers; `None` if it has none.
fn range(start: usize, end: usize) -> Option<std::ops::Range<u32>> {
    let range = u32::try_from(start).ok()?..u32::try_from(end).ok()?;
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests;
