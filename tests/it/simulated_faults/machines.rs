//! Nodes, under whose names machines come and go: whose numbers are these?

use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::sim::{Basis, SimNode};
use kube_vitals::usage::{Bytes, Nanocores};
use serde_json::Value;

use crate::simulated_faults::NODES;
use crate::simulated_faults::observer::{Expect, Observer, TOLD_WITHIN, text};

impl Observer {
    /// A node's numbers are those of the machine that had its name then.
    pub(super) fn judge_node(&mut self, item: &Value, expect: Expect) -> Option<String> {
        let name = text(&item["metadata"]["name"]);
        let time: jiff::Timestamp = text(&item["timestamp"]).parse().ok()?;
        let window: kube::core::Duration = text(&item["window"]).parse().ok()?;
        let Nanocores(cpu) = text(&item["usage"]["cpu"]).parse().ok()?;
        let Bytes(memory) = text(&item["usage"]["memory"]).parse().ok()?;
        let basis = if item["source"] == "Kubelet" { Basis::KubeletRate } else { Basis::Window(window.into()) };
        self.judge.values += 2;
        let second = UnixMillis(time.as_millisecond());
        let machines = self.machines_at(name, second, second + Duration::from_secs(1));
        let fits = |node: &&SimNode| {
            let bounds = node.bounds(second, basis);
            bounds.is_some_and(|bounds| bounds.cpu_nanocores.contains(&cpu) && bounds.memory_bytes.contains(&memory))
        };
        let can_be_known = matches!(expect, Expect::Fresh | Expect::FreshElsewhere);
        let is_passing = !self.process.world.nodes().any(|node| node.name.as_str() == name);
        if is_passing && !can_be_known {
            // One that takes another's place behind its address cannot be told from it.
            return None;
        }
        let Some(node) = machines.iter().find(fits) else {
            return Some(format!("{item} is none of {machines:?}"));
        };
        if node.index >= NODES {
            self.machines.insert(node.uid());
        }
        None
    }

    /// Whether a node is another machine by now than the one that is told of.
    pub(super) fn is_ghost(&self, item: &Value) -> bool {
        let now = self.process.theirs.now();
        let told_of = |node: &SimNode| node.booted.to_string() == text(&item["metadata"]["creationTimestamp"]);
        !self.machines_at(text(&item["metadata"]["name"]), now - TOLD_WITHIN, now).iter().any(told_of)
    }

    /// Those that had a name at one of two times.
    fn machines_at(&self, name: &str, one: UnixMillis, other: UnixMillis) -> Vec<SimNode> {
        let nodes = [one, other].into_iter().flat_map(|at| self.process.world.nodes_at(at).collect::<Vec<_>>());
        nodes.filter(|node| node.name.as_str() == name).collect()
    }
}
