//! What exists, joined with what was measured: the rules by which usage is served or left out.
//!
//! Pure: an immutable [`Moment`] in, answers out. The rules are those of the design (4.1, rules 2
//! to 5 and 8); each has a test that is named after it.

use std::sync::Arc;
use std::time::Duration;

use crate::apiserver::moments::Tag;
use crate::apiserver::resources::absence::{Absence, Cause};
use crate::clock::UnixMillis;
use crate::cluster::{Container, ContainerState, Node, Phase, Pod, View};
use crate::store::{ContainerRecord, NodeRecord, PodRecord, Snapshot};
use crate::usage::{ContainerName, PodKey, Run, Usage, clock_tolerance};

/// A good scrape younger than this many resolutions makes an answer fresh.
const FRESH_RESOLUTIONS: u32 = 2;
/// A container that the kubelet has not reported for this many resolutions, while it reported the
/// pod's others, will not be reported any more.
const SETTLED_RESOLUTIONS: u32 = 5;

/// Everything that one answer is made from; it never changes.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// What exists.
    pub(crate) view: Arc<View>,
    /// What was measured.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The time of asking.
    pub(crate) now: UnixMillis,
    /// How old a sample may be.
    pub(crate) ages: Ages,
    /// The version of what changed since the moment before with no version of its own: what is gone,
    /// and what only time has changed.
    pub(crate) step: u64,
    /// The version of all that is in it: no change in it is later, and no other moment has it.
    pub(crate) revision: u64,
    /// Whose versions these are.
    pub(crate) tag: Tag,
}

/// How old things may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// Target time between two scrapes of a node.
    pub(crate) resolution: Duration,
    /// Older samples are not served.
    pub(crate) max_sample_age: Duration,
}

impl Ages {
    /// Whether a sample is not served any more at `now`: it is too old, or so far in the future that our
    /// clock was set back since it was taken, and its age is unknown.
    fn is_expired(self, sample: UnixMillis, now: UnixMillis) -> bool {
        now.since(sample) > self.max_sample_age || sample.since(now) > clock_tolerance(self.max_sample_age)
    }
}

/// Whether the answer is the newest that the kubelet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// From a good scrape younger than two resolutions.
    Fresh,
    /// Kept over failed scrapes.
    Stale,
}

/// Usage of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeAnswer {
    /// Whether it is the newest there is.
    pub(crate) freshness: Freshness,
    /// What is used; without CPU while a second sample is awaited.
    pub(crate) usage: Usage,
    /// The version of the record that it is from.
    pub(crate) record_revision: u64,
}

/// Usage of a pod, container by container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodAnswer<'m> {
    /// Whether it is the newest there is.
    pub(crate) freshness: Freshness,
    /// Time of the earliest container's sample.
    pub(crate) time: UnixMillis,
    /// That container's window.
    pub(crate) window: Duration,
    /// In the order of the pod's spec; at least one of them has usage.
    pub(crate) containers: Vec<ContainerAnswer<'m>>,
    /// Whether all that run are in it.
    pub(crate) completeness: Completeness,
    /// The version of the record that it is from.
    pub(crate) record_revision: u64,
}

/// Whether a pod's answer can be summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// Every running container has CPU and memory.
    Whole,
    /// A running container lacks some, and may still get it: a sum would be too low.
    Partial,
    /// A running container lacks all, and nothing better will come.
    Settled,
}

/// Usage of one container that runs, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerAnswer<'m> {
    /// Name inside the pod.
    pub(crate) name: &'m ContainerName,
    /// What is used; without CPU while a second sample is awaited.
    pub(crate) usage: Result<Usage, Absence<'m>>,
}

impl ContainerAnswer<'_> {
    /// Whether both CPU and memory are known.
    pub(crate) fn is_whole(&self) -> bool {
        self.usage.as_ref().is_ok_and(|usage| usage.cpu.is_some())
    }
}

impl<'m> PodAnswer<'m> {
    /// Why the first container that lacks something does.
    pub(crate) fn absence(&self) -> Option<Absence<'m>> {
        self.containers.iter().find_map(|container| match &container.usage {
            Err(absence) => Some(absence.clone()),
            Ok(usage) if usage.cpu.is_none() => Some(Absence { cause: Cause::AwaitingSecondSample, since: usage.time }),
            Ok(_) => None,
        })
    }
}

impl Moment {
    /// Its version as clients see it.
    pub(crate) const fn resource_version(&self) -> u64 {
        self.tag.served(self.revision)
    }

    /// Whether time alone, from this moment to `later`, changes what is served from a record.
    pub(crate) fn is_outgrown(&self, record: &NodeRecord, later: UnixMillis) -> bool {
        let has_expired = |run: &Run, now: UnixMillis| self.ages.is_expired(run.last_time(), now);
        self.is_fresh(record, self.now) != self.is_fresh(record, later)
            || record.runs().any(|run| has_expired(run, self.now) != has_expired(run, later))
    }

    /// Usage of a node, or why there is none.
    pub(crate) fn node<'m>(&'m self, node: &'m Node) -> Result<NodeAnswer, Absence<'m>> {
        let Some(record) = self.snapshot.node(&node.name) else {
            return Err(Absence { cause: Cause::NotScrapedYet, since: node.created });
        };
        let run = record.node.as_ref().ok_or_else(|| lacking(record, Cause::NotReported, node.created))?;
        let usage = self.unexpired(record, run)?;
        Ok(NodeAnswer { freshness: self.freshness(record), usage, record_revision: record.revision })
    }

    /// Usage of a pod, or why there is none.
    pub(crate) fn pod<'m>(&'m self, pod: &'m Pod) -> Result<PodAnswer<'m>, Absence<'m>> {
        let record = self.record_of(pod)?;
        let readings = Readings::of(record, &pod.key, pod);
        let containers: Vec<_> =
            pod.containers.iter().filter_map(|container| self.container(&readings, container)).collect();
        let Some(earliest) = earliest(&containers) else {
            return Err(nothing_reported(record, pod, containers));
        };
        let completeness = self.completeness(&readings, pod, &containers);
        let (time, window, record_revision) = (earliest.time, earliest.window, record.revision);
        Ok(PodAnswer { freshness: self.freshness(record), time, window, containers, completeness, record_revision })
    }

    /// The record in which usage of `pod` is to be looked for.
    fn record_of<'m>(&'m self, pod: &Pod) -> Result<&'m NodeRecord, Absence<'m>> {
        let idle = |cause| Absence { cause, since: pod.created };
        if pod.phase == Phase::Finished {
            return Err(idle(Cause::Finished));
        }
        let node = pod.node.as_ref().ok_or_else(|| idle(Cause::NotScheduled))?;
        // Nodes that leave are forgotten by the store, so that the look into the view, which costs
        // as much as all the rest, is spared for all pods that are well.
        self.snapshot.node(node).ok_or_else(|| {
            let is_served = self.view.node(node.as_str()).is_some();
            idle(if is_served { Cause::NotScrapedYet } else { Cause::NodeNotServed })
        })
    }

    /// One container's usage or why it lacks; `None` for a container that does not run.
    fn container<'m>(&self, readings: &Readings<'m>, container: &'m Container) -> Option<ContainerAnswer<'m>> {
        let usage = match readings.run(&container.name) {
            Some(run) if !container.state.allows_run(run.start()) => return None,
            Some(run) => self.unexpired(readings.node, run),
            None => match container.state {
                ContainerState::Running(since) => Err(lacking(readings.node, Cause::NotReported, since)),
                ContainerState::Unknown | ContainerState::Ended(_) => return None,
            },
        };
        Some(ContainerAnswer { name: &container.name, usage })
    }

    fn unexpired<'m>(&self, record: &'m NodeRecord, run: &Run) -> Result<Usage, Absence<'m>> {
        let usage = run.usage();
        if self.ages.is_expired(usage.time, self.now) {
            return Err(lacking(record, Cause::Expired, usage.time + self.ages.max_sample_age));
        }
        Ok(usage)
    }

    fn freshness(&self, record: &NodeRecord) -> Freshness {
        if self.is_fresh(record, self.now) { Freshness::Fresh } else { Freshness::Stale }
    }

    fn is_fresh(&self, record: &NodeRecord, now: UnixMillis) -> bool {
        let limit = self.ages.resolution * FRESH_RESOLUTIONS;
        // A success of the future was before our clock was set back: when, nobody knows.
        record.last_success.is_some_and(|success| now.distance(success) < limit)
    }

    fn completeness(&self, readings: &Readings<'_>, pod: &Pod, containers: &[ContainerAnswer<'_>]) -> Completeness {
        let mut lacking = containers.iter().filter(|container| !container.is_whole()).peekable();
        if lacking.peek().is_none() {
            return Completeness::Whole;
        }
        let given_up = |container: &ContainerAnswer<'_>| {
            let state = pod.containers.iter().find(|known| known.name == *container.name).map(|known| known.state);
            container.usage.is_err() && state.is_some_and(|state| self.is_given_up(readings, state))
        };
        if lacking.all(given_up) { Completeness::Settled } else { Completeness::Partial }
    }

    /// Whether the kubelet has reported the pod without this container for so long that it will
    /// not report it any more. Measured up to the last good scrape: a kubelet that is away tells
    /// nothing either way.
    fn is_given_up(&self, readings: &Readings<'_>, state: ContainerState) -> bool {
        let (Some(pod), Some(success)) = (readings.pod, readings.node.last_success) else { return false };
        let since = match state {
            ContainerState::Running(since) => pod.first_reported.max(since),
            ContainerState::Unknown | ContainerState::Ended(_) => pod.first_reported,
        };
        success.since(since) >= self.ages.resolution * SETTLED_RESOLUTIONS
    }
}

/// What the store holds of one pod.
struct Readings<'m> {
    node: &'m NodeRecord,
    pod: Option<&'m PodRecord>,
    containers: &'m [ContainerRecord],
}

impl<'m> Readings<'m> {
    fn of(node: &'m NodeRecord, key: &PodKey, pod: &Pod) -> Self {
        let record = node.pod(key, pod.uid);
        Self { node, pod: record, containers: record.map_or(&[], |record| node.containers(record)) }
    }

    fn run(&self, container: &ContainerName) -> Option<&'m Run> {
        self.containers.iter().find(|record| record.name == *container).map(|record| &record.run)
    }
}

/// A failing scrape explains everything that lacks on its node better than `otherwise` does.
fn lacking<'m>(record: &'m NodeRecord, otherwise: Cause<'m>, since: UnixMillis) -> Absence<'m> {
    match &record.scrape.outcome {
        Err(failure) => Absence { cause: Cause::Scrape(failure), since: record.outcome_since },
        Ok(()) => Absence { cause: otherwise, since },
    }
}

/// The sample that an answer's time and window are taken from: the earliest that has a CPU rate,
/// since `window` speaks of that; else the earliest.
fn earliest<'a>(containers: &'a [ContainerAnswer<'_>]) -> Option<&'a Usage> {
    containers
        .iter()
        .filter_map(|container| container.usage.as_ref().ok())
        .min_by_key(|usage| (usage.cpu.is_none(), usage.time))
}

/// Why no container of a pod has usage.
fn nothing_reported<'m>(record: &'m NodeRecord, pod: &Pod, containers: Vec<ContainerAnswer<'m>>) -> Absence<'m> {
    if let Some(absence) = containers.into_iter().find_map(|container| container.usage.err()) {
        return absence;
    }
    let last_end = pod.containers.iter().filter_map(|container| match container.state {
        ContainerState::Ended(end) => Some(end),
        ContainerState::Unknown | ContainerState::Running(_) => None,
    });
    match last_end.max() {
        Some(end) => Absence { cause: Cause::NotRunning, since: end },
        None => lacking(record, Cause::NotStarted, pod.created),
    }
}

#[cfg(test)]
mod tests;
