//! A simulated pod: names, times, containers.

use std::sync::Arc;
use std::time::Duration;

use super::{SimContainer, State, naming};
use crate::clock::UnixMillis;
use crate::sim::scenario::{ContainerKind, ContainerPlan, Course};
use crate::sim::seed::Seed;
use crate::usage::{ContainerName, PodKey};

/// One pod in its slot of a node, from its making to its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimPod {
    /// Namespace and name.
    pub key: PodKey,
    /// Index of the node it is bound to, from the beginning.
    pub node: u32,
    /// Name of its workload; its label `app`.
    pub workload: Arc<str>,
    /// Its label `pod-template-hash`.
    pub template_hash: Arc<str>,
    /// When the object was made.
    pub created: UnixMillis,
    /// When it is deleted and its containers end; `None` = never.
    pub deleted: Option<UnixMillis>,
    /// In the order of the spec: init containers and sidecars, then app containers.
    pub containers: Vec<SimContainer>,
    pub(super) reading_period: Duration,
    pub(super) seed: Seed,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No app container has started yet.
    Pending,
    /// Started.
    Running,
    /// All app containers ended well.
    Succeeded,
}

impl SimPod {
    /// The object's uid.
    pub fn uid(&self) -> String {
        naming::uid(self.seed)
    }

    /// Its phase at a time.
    pub fn phase(&self, at: UnixMillis) -> Phase {
        let mut apps = self.containers.iter().filter(|container| container.kind == ContainerKind::App).peekable();
        if apps.peek().is_none_or(|app| at < app.first_start) {
            Phase::Pending
        } else if apps.all(|app| matches!(app.state(at), State::Completed(_))) {
            Phase::Succeeded
        } else {
            Phase::Running
        }
    }

    /// When its sandbox is up, shortly before the first container.
    pub fn sandbox_start(&self) -> UnixMillis {
        self.created + self.seed.part(2).between(Duration::from_millis(200), Duration::from_millis(600))
    }

    /// Moments after `from` and up to `to` at which its status changes, in order, each once.
    pub(super) fn transitions(&self, from: UnixMillis, to: UnixMillis) -> Vec<UnixMillis> {
        let last = self.deleted.map_or(to, |deleted| to.min(deleted - Duration::from_millis(1)));
        let mut moments: Vec<_> =
            self.containers.iter().flat_map(|container| container.transitions(from, last)).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Starts the containers one after the other, an init container's end before the next start.
    pub(super) fn start_containers(&mut self, plans: &[ContainerPlan]) {
        let mut free_from = self.sandbox_start();
        let start = |(part, plan): (u64, &ContainerPlan)| {
            let seed = self.seed.part(part);
            let first_start = free_from + seed.between(Duration::from_millis(50), Duration::from_millis(250));
            free_from = match plan.course {
                Course::Once { run } if plan.kind == ContainerKind::Init => first_start + run,
                _ => first_start,
            };
            SimContainer {
                name: ContainerName::from(Arc::clone(&plan.name)),
                kind: plan.kind,
                load: plan.load.vary(seed),
                course: plan.course,
                first_start,
                reading_period: self.reading_period,
                seed,
            }
        };
        self.containers = (10..).zip(plans).map(start).collect();
    }
}
