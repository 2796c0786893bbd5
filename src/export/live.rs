//! Which of the remembered runs are true now: the rules by which the API serves a sample, applied
//! to what is passed on.
//!
//! A run counts while it is of a pod that exists and has not finished, of a container that may be
//! running, and not older than what is served. A pod is summed only while every container that runs
//! has a rate: a sum of a part would be taken for the whole.

use crate::clock::UnixMillis;
use crate::cluster::{Container, ContainerState, Phase, Pod, View};
use crate::export::point::{Level, Point, Subject};
use crate::store::{ContainerRecord, NodeRecord};
use crate::usage::{Bytes, ContainerName, Nanocores, NodeName, Run};

/// What exists, and how old a sample may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'a> {
    /// What exists.
    pub(super) view: &'a View,
    /// Samples before this are not told any more.
    pub(super) oldest: UnixMillis,
}

impl Now<'_> {
    /// Shows everything of a node that is true now, in the order of subjects.
    pub(super) fn points(&self, node: &NodeName, record: &NodeRecord, mut visit: impl FnMut(Point)) {
        let Some(known) = self.view.node(node.as_str()) else { return };
        if let Some(run) = record.node.as_ref().filter(|run| self.is_young(run)) {
            let subject = Subject { node: node.clone(), pod: None, container: None };
            visit(Point { subject, uid: known.uid, time: run.last_time(), level: Some(level(run)) });
        }
        for pod_record in record.pods() {
            let Some(pod) = self.view.pod(&pod_record.key) else { continue };
            if pod.uid == pod_record.uid && pod.phase != Phase::Finished && pod.node.as_ref() == Some(node) {
                self.pod(node, pod, record.containers(pod_record), &mut visit);
            }
        }
    }

    fn pod(&self, node: &NodeName, pod: &Pod, records: &[ContainerRecord], visit: &mut impl FnMut(Point)) {
        let live: Vec<_> = records.iter().filter(|record| self.is_running(pod, record)).collect();
        let subject = Subject { node: node.clone(), pod: Some(pod.key.clone()), container: None };
        if let Some((time, level)) = sum(pod, &live) {
            visit(Point { subject: subject.clone(), uid: pod.uid, time, level: Some(level) });
        }
        for container in live {
            let subject = Subject { container: Some(container.name.clone()), ..subject.clone() };
            let (time, level) = (container.run.last_time(), Some(level(&container.run)));
            visit(Point { subject, uid: pod.uid, time, level });
        }
    }

    fn is_running(&self, pod: &Pod, record: &ContainerRecord) -> bool {
        let container = pod.containers.iter().find(|container| container.name == record.name);
        container.is_some_and(|container| container.state.allows_run(record.run.start())) && self.is_young(&record.run)
    }

    fn is_young(&self, run: &Run) -> bool {
        run.last_time() >= self.oldest
    }
}

fn level(run: &Run) -> Level {
    let usage = run.usage();
    Level { cpu_ns: Some(run.last().cpu_ns), start: run.start(), cpu: usage.cpu, memory: usage.memory }
}

/// The pod's usage at the time of its earliest sample; `None` while something of it is not known.
fn sum(pod: &Pod, live: &[&ContainerRecord]) -> Option<(UnixMillis, Level)> {
    let runs = |container: &&Container| matches!(container.state, ContainerState::Running(_));
    let is_known = |name: &ContainerName| live.iter().any(|record| record.name == *name);
    if !pod.containers.iter().filter(runs).all(|container| is_known(&container.name)) {
        return None;
    }
    let mut summed: Option<(UnixMillis, u64, u64)> = None;
    for usage in live.iter().map(|record| record.run.usage()) {
        let (time, cpu, memory) = summed.unwrap_or((usage.time, 0, 0));
        summed = Some((time.min(usage.time), cpu.saturating_add(usage.cpu?.0), memory.saturating_add(usage.memory.0)));
    }
    let (time, cpu, memory) = summed?;
    Some((time, Level { cpu_ns: None, start: None, cpu: Some(Nanocores(cpu)), memory: Bytes(memory) }))
}
