//! The nodes that another replica asks: what it tells of them is counted here as if we had asked, and
//! silence about one is noticed.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::cluster::{Node, View};
use crate::scrape::metrics::{Cause, Metrics, NodeState};
use crate::scrape::node_task::Shared;
use crate::usage::{NodeName, Uid};

/// Resolutions for which a good scrape that was told is believed to be followed by another.
const PATIENCE: u32 = 2;
/// A failing node is asked more rarely, every four resolutions in the end. Where failures alone are told for
/// longer, it may be the other replica that is at fault; before its samples are too old to be served, that is
/// to be found out.
const PATIENCE_WITH_FAILING: u32 = 6;

/// Nodes without a task of ours.
#[derive(Debug)]
pub(super) struct Others {
    resolution: Duration,
    nodes: HashMap<NodeName, Other>,
}

#[derive(Debug)]
struct Other {
    uid: Uid,
    /// By our clock, for one that nothing was ever told of.
    since: UnixMillis,
    state: NodeState,
}

impl Others {
    pub(super) fn new(resolution: Duration) -> Self {
        Self { resolution, nodes: HashMap::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Another replica asks this node from `now` on.
    pub(super) fn add(&mut self, node: &Node, now: UnixMillis, metrics: &Metrics) {
        let other = || Other { uid: node.uid, since: now, state: metrics.node() };
        self.nodes.entry(node.name.clone()).or_insert_with(other);
    }

    /// The nodes that have left the cluster, and are not watched any more.
    pub(super) fn leave(&mut self, view: &View) -> Vec<NodeName> {
        let is_gone =
            |name: &NodeName, other: &mut Other| view.node(name.as_str()).is_none_or(|node| node.uid != other.uid);
        self.nodes.extract_if(is_gone).map(|(name, _)| name).collect()
    }

    /// The node is ours from now on; how long until it is to be asked, if it was not ours before: one
    /// resolution after it was asked last.
    pub(super) fn take_over(&mut self, name: &NodeName, shared: &Shared) -> Option<Duration> {
        self.nodes.remove(name)?;
        shared.metrics.take_over(Cause::Divided, 1);
        let snapshot = shared.intake.store.snapshot();
        let asked = snapshot.node(name).map(|record| record.scrape.started);
        let age = asked.map_or(self.resolution, |asked| shared.intake.clock.now().since(asked));
        Some(self.resolution.saturating_sub(age))
    }

    /// Counts the nodes by what was told of them last; the ones that no good scrape was told of for too
    /// long are given back, to be asked by us.
    pub(super) fn look(&mut self, shared: &Shared) -> Vec<NodeName> {
        let (snapshot, now) = (shared.intake.store.snapshot(), shared.intake.clock.now());
        let (resolution, max_sample_age) = (self.resolution, shared.intake.max_sample_age);
        let is_silent = |name: &NodeName, other: &mut Other| {
            let record = snapshot.node(name);
            if let Some(record) = record {
                other.state.set(&record.scrape.outcome);
            }
            // What is yet to come was before our clock was set back.
            other.since = other.since.min(now);
            let good = record.and_then(|record| record.last_success?.if_past(now));
            let since = good.map_or(other.since, |good| good.max(other.since));
            let is_failing = record.is_some_and(|record| record.scrape.outcome.is_err());
            now.since(since) > patience(resolution, max_sample_age, is_failing)
        };
        let silent: Vec<_> = self.nodes.extract_if(is_silent).map(|(name, _)| name).collect();
        shared.metrics.take_over(Cause::Silent, silent.len());
        silent
    }
}

fn patience(resolution: Duration, max_sample_age: Duration, is_failing: bool) -> Duration {
    let (patience, with_failing) = (resolution * PATIENCE, resolution * PATIENCE_WITH_FAILING);
    if is_failing { with_failing.min(max_sample_age / 2).max(patience) } else { patience }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_node_is_asked_here_too_before_its_samples_are_too_old() {
        let after = |resolution, max_sample_age, is_failing| {
            patience(Duration::from_secs(resolution), Duration::from_secs(max_sample_age), is_failing).as_secs()
        };
        assert_eq!(after(15, 120, false), 30);
        for ((resolution, max_sample_age), seconds) in
            [((5, 120), 30), ((15, 120), 60), ((30, 120), 60), ((60, 120), 120)]
        {
            assert_eq!(after(resolution, max_sample_age, true), seconds, "{resolution} s, {max_sample_age} s");
        }
    }
}
