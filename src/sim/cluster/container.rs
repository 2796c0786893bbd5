//! One container of a simulated pod and its runs.

use std::time::Duration;

use crate::clock::UnixMillis;
use crate::sim::load::Load;
use crate::sim::scenario::{ContainerKind, Course};
use crate::sim::seed::Seed;
use crate::usage::ContainerName;

/// A container that is, was or will be running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimContainer {
    /// Name inside the pod.
    pub name: ContainerName,
    /// What kind it is.
    pub kind: ContainerKind,
    /// What it uses in each of its runs.
    pub load: Load,
    /// How its runs follow each other.
    pub course: Course,
    /// When its first run begins.
    pub first_start: UnixMillis,
    /// How often the kubelet refreshes its reading.
    pub(super) reading_period: Duration,
    pub(super) seed: Seed,
}

/// One run of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// From 0; it is also the count of restarts before this run.
    pub number: u32,
    /// When it begins.
    pub start: UnixMillis,
    /// When it ends; `None` = never by itself.
    pub end: Option<UnixMillis>,
}

/// What a pod's status would say of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started yet.
    Waiting,
    /// In this run.
    Running(Run),
    /// Ended well after its only run.
    Completed(Run),
    /// Waiting to be started again after this run failed.
    BackOff(Run),
}

impl SimContainer {
    /// What its status says at a time.
    pub fn state(&self, at: UnixMillis) -> State {
        match self.latest_run(at) {
            None => State::Waiting,
            Some(run) if run.end.is_none_or(|end| at < end) => State::Running(run),
            Some(run) if matches!(self.course, Course::Restarting { .. }) => State::BackOff(run),
            Some(run) => State::Completed(run),
        }
    }

    /// The run that is going on at a time.
    pub fn run_at(&self, at: UnixMillis) -> Option<Run> {
        match self.state(at) {
            State::Running(run) => Some(run),
            State::Waiting | State::Completed(_) | State::BackOff(_) => None,
        }
    }

    /// A run by its number, whether it has begun or not; `None` if there never is such a run.
    pub fn run(&self, number: u32) -> Option<Run> {
        match self.course {
            Course::Forever | Course::Once { .. } if number > 0 => None,
            Course::Forever => Some(Run { number, start: self.first_start, end: None }),
            Course::Once { run } => Some(Run { number, start: self.first_start, end: Some(self.first_start + run) }),
            Course::Restarting { run, back_off } => {
                let start = self.first_start + (run + back_off) * number + self.delay(number, back_off);
                Some(Run { number, start, end: Some(start + run) })
            }
        }
    }

    /// The run that began last.
    pub(super) fn latest_run(&self, at: UnixMillis) -> Option<Run> {
        if at < self.first_start {
            return None;
        }
        let Course::Restarting { run, back_off } = self.course else { return self.run(0) };
        let turns = at.since(self.first_start).as_millis().checked_div((run + back_off).as_millis()).unwrap_or(0);
        let number = u32::try_from(turns).unwrap_or(u32::MAX);
        // A run begins at its turn of the grid or up to half a pause later.
        self.run(number).filter(|run| run.start <= at).or_else(|| self.run(number.saturating_sub(1)))
    }

    /// Moments after `from` and up to `to` at which its state changes, in order.
    pub(super) fn transitions(&self, from: UnixMillis, to: UnixMillis) -> Vec<UnixMillis> {
        let first = self.latest_run(from).map_or(0, |run| run.number);
        let runs = (first..).map_while(|number| self.run(number)).take_while(|run| run.start <= to);
        let moments = runs.flat_map(|run| [Some(run.start), run.end]).flatten();
        moments.filter(|moment| (from < *moment) && (*moment <= to)).collect()
    }

    /// CPU time of all runs up to a time, nanoseconds; the runs of a container are of one length.
    pub(super) fn total_cpu_ns(&self, at: UnixMillis) -> u64 {
        let Some(latest) = self.latest_run(at) else { return 0 };
        let length = |run: Run| run.end.map_or(at, |end| end.min(at)).since(run.start);
        let earlier = match self.course {
            Course::Restarting { run, .. } => self.load.cpu_ns(run) * u64::from(latest.number),
            Course::Forever | Course::Once { .. } => 0,
        };
        earlier + self.load.cpu_ns(length(latest))
    }

    fn delay(&self, number: u32, back_off: Duration) -> Duration {
        if number == 0 {
            return Duration::ZERO;
        }
        self.seed.part(u64::from(number)).between(Duration::ZERO, back_off / 2)
    }
}
