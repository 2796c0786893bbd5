//! Every number of a list against the curve it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::answer::{Numbers, Times, items_of};
use super::findings::Findings;
use super::presence::{Presence, counted};
use super::reasons::is_served;
use crate::clock::UnixMillis;
use crate::sim::demo::client::Caller;
use crate::sim::demo::stage::Stage;
use crate::sim::{Bounds, SimContainer, SimNode, World};

const GROUP_VERSIONS: [(&str, &str); 2] = [("custom.example.com", "v1"), ("metrics.k8s.io", "v1beta1")];
/// No rate is measured over a longer time than this, but for that of a container whose time is not
/// told.
const LONGEST_WINDOW: Duration = Duration::from_mins(1);
/// A node that left is told of and taken back within this time, on a busy machine as well.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
/// How finely a curve is followed where only its range is compared.
const STEP: Duration = Duration::from_millis(50);

/// One look at all lists.
pub(super) struct Round<'a> {
    world: &'a World,
    findings: &'a mut Findings,
    group: &'static str,
    from: UnixMillis,
    to: UnixMillis,
}

impl Round<'_> {
    /// Compares the nodes and pods of both groups; a line for each list.
    pub(super) async fn take(stage: &Stage, caller: &Caller<'_>, findings: &mut Findings) -> Vec<String> {
        let mut lines = Vec::new();
        for (group, version) in GROUP_VERSIONS {
            for resource in ["nodes", "pods"] {
                let (compared, before) = (findings.values(), findings.differences());
                let from = stage.clock.now();
                let items = items_of(caller, &format!("/apis/{group}/{version}/{resource}")).await;
                findings.expect(items.is_ok(), || format!("{resource} of {group}: {items:?}"));
                let items = items.unwrap_or_default();
                let world = &*stage.world;
                let mut round = Round { world, findings: &mut *findings, group, from, to: stage.clock.now() };
                match resource {
                    "nodes" => round.nodes(&items),
                    _ => round.pods(&items),
                }
                let (values, different) = (findings.values() - compared, findings.differences() - before);
                let verdict = if different == 0 {
                    "equal their curve".to_owned()
                } else {
                    format!("compared, {different} differences")
                };
                lines.push(format!("{group} {resource}: {} answered, {values} values {verdict}", items.len()));
            }
        }
        lines
    }

    fn nodes(&mut self, items: &[Value]) {
        // A node that came or went at about this time may be served or not, and so may be the one
        // of the same name before it.
        let moments = [self.from - TOLD_WITHIN, self.from, self.to];
        let mut known: BTreeMap<String, Vec<SimNode>> = BTreeMap::new();
        for node in moments.into_iter().flat_map(|at| self.world.nodes_at(at)) {
            known.entry(node.name.as_str().to_owned()).or_default().push(node);
        }
        let mut served = BTreeSet::new();
        for item in items {
            let name = text(item, "/metadata/name");
            let Some(nodes) =
                known.get(name).filter(|nodes| nodes.iter().all(|node| is_served(self.world, node.index)))
            else {
                self.findings.expect(false, || format!("{} node {name:?} should not be served", self.group));
                continue;
            };
            self.findings.node(name);
            served.insert(name);
            let bounds = |times: Times| -> Vec<Bounds> {
                let bases = times.bases(item, self.group);
                let of_node =
                    |node: &SimNode| bases.iter().filter_map(|basis| node.bounds(times.second, *basis)).collect();
                nodes.iter().flat_map::<Vec<Bounds>, _>(of_node).collect()
            };
            let bounds = Times::read(item).map(bounds).unwrap_or_default();
            self.compare(&format!("{} node {name}", self.group), item, &bounds, item);
        }
        for node in self.world.nodes() {
            let is_there = served.contains(node.name.as_str()) || !is_served(self.world, node.index);
            self.findings.expect(is_there, || format!("{} node {} is not served", self.group, node.name));
        }
    }

    fn pods(&mut self, items: &[Value]) {
        let presence = Presence::between(self.world, self.from, self.to);
        let mut served = BTreeMap::new();
        for item in items {
            let name = format!("{}/{}", text(item, "/metadata/namespace"), text(item, "/metadata/name"));
            let Some(pod) = presence.possible.get(&name) else {
                self.findings.expect(false, || format!("{} pod {name} should not be served", self.group));
                continue;
            };
            self.findings.pod(&name);
            let containers: Vec<&Value> = item["containers"].as_array().into_iter().flatten().collect();
            for container in &containers {
                let what = format!("{} pod {name} container {}", self.group, text(container, "/name"));
                match counted(pod).find(|known| known.name.as_str() == text(container, "/name")) {
                    Some(known) => self.container(&what, item, container, known, containers.len()),
                    None => self.findings.expect(false, || format!("{what} should not be served")),
                }
            }
            let is_whole =
                |container: &&&Value| Numbers::read(container).is_some_and(|usage| usage.cpu_nanocores.is_some());
            let whole = containers.iter().filter(is_whole);
            served.insert(name, whole.map(|container| text(container, "/name").to_owned()).collect::<BTreeSet<_>>());
        }
        for (name, containers) in &presence.wanted {
            self.findings.expect(served.get(name) == Some(containers), || {
                format!("{} pod {name}: expected {containers:?}, got {:?}", self.group, served.get(name))
            });
        }
    }

    /// A container that tells its own time, or is alone in its pod, has the reading of that time.
    /// Of the others only the earliest is told; the rest lies between then and now.
    fn container(&mut self, what: &str, pod: &Value, container: &Value, known: &SimContainer, siblings: usize) {
        let own = Times::read(container);
        let times = own.or_else(|| Times::read(pod));
        if container.get("reason").is_some() {
            return self.young(what, container, times.and_then(|times| range(known, times.second, self.to)));
        }
        let exact = times.map(|times| {
            let bases = times.bases(container, self.group);
            bases.into_iter().filter_map(|basis| known.bounds(times.second, basis)).collect::<Vec<_>>()
        });
        let mut bounds = exact.unwrap_or_default();
        if let (None, Some(times), true) = (own, times, siblings > 1) {
            bounds.extend(range(known, times.second, self.to));
        }
        self.compare(what, container, &bounds, pod);
    }

    /// A container of which something is not known yet: what is told has to be true all the same.
    /// One that is old enough has to be known: that is asked of its pod.
    fn young(&mut self, what: &str, container: &Value, range: Option<Bounds>) {
        if let (Some(numbers), Some(bounds)) = (Numbers::read(container), range) {
            self.findings.value(&format!("{what} memory"), numbers.memory_bytes, &bounds.memory_bytes);
        }
    }

    fn compare(&mut self, what: &str, object: &Value, bounds: &[Bounds], shown: &Value) {
        let Some(numbers) = Numbers::read(object) else {
            self.findings.expect(false, || format!("{what} has no usage: {object}"));
            return;
        };
        let Some(first) = bounds.first() else {
            let times = (text(shown, "/timestamp"), text(shown, "/window"));
            self.findings.expect(false, || format!("{what}: there was no reading at {times:?}: {object}"));
            return;
        };
        let fits = |bounds: &&Bounds| {
            bounds.memory_bytes.contains(&numbers.memory_bytes)
                && numbers.cpu_nanocores.is_none_or(|cpu| bounds.cpu_nanocores.contains(&cpu))
        };
        let bounds = bounds.iter().find(fits).unwrap_or(first);
        let what = format!("{what} at {} over {}", text(shown, "/timestamp"), text(shown, "/window"));
        self.findings.value(&format!("{what} memory"), numbers.memory_bytes, &bounds.memory_bytes);
        match numbers.cpu_nanocores {
            Some(cpu) => self.findings.value(&format!("{what} cpu"), cpu, &bounds.cpu_nanocores),
            None => self.findings.expect(false, || format!("{what} has no cpu: {object}")),
        }
    }
}

/// What its curves pass through between the reading of `second` and `to`; the rate may have been
/// measured over a longest window before.
fn range(container: &SimContainer, second: UnixMillis, to: UnixMillis) -> Option<Bounds> {
    let run = container.run_at(to)?;
    let along = |from: UnixMillis| {
        let (from, to) = (from.since(run.start), to.since(run.start) + STEP);
        std::iter::successors(Some(from), |at| Some(*at + STEP)).take_while(move |at| *at <= to)
    };
    let rates = along(second - LONGEST_WINDOW).map(|at| container.load.rate(at));
    let levels = along(second).map(|at| container.load.memory(at));
    Some(Bounds { cpu_nanocores: span(rates)?, memory_bytes: span(levels)? })
}

fn span(values: impl Iterator<Item = u64>) -> Option<RangeInclusive<u64>> {
    let (low, high) = values.fold((u64::MAX, 0), |(low, high), value| (value.min(low), value.max(high)));
    // The curve may peak between two steps.
    let slack = high / 10_000 + 1;
    (low <= high).then(|| low.saturating_sub(slack)..=high + slack)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::{Basis, Scenario};

    const NOW: UnixMillis = UnixMillis(1_795_391_071_000);
    const WINDOW: Duration = Duration::from_secs(15);

    /// The nodes' list as it should be, `tamper` applied to the first node's usage.
    fn compared(tamper: impl Fn(u64, u64) -> (u64, u64)) -> Findings {
        let world = World::new(Scenario::demo(), NOW);
        let mut tampered = Some(tamper);
        let items: Vec<Value> = world
            .nodes()
            .map(|node| {
                let mut seconds = (0..60).map(|back| NOW - Duration::from_secs(back));
                let found = seconds.find_map(|second| Some((second, node.bounds(second, Basis::Window(WINDOW))?)));
                let (second, bounds) = found.unwrap();
                let usage = (*bounds.cpu_nanocores.start(), *bounds.memory_bytes.start());
                let (cpu, memory) = tampered.take().map_or(usage, |tamper| tamper(usage.0, usage.1));
                json!({
                    "metadata": {"name": node.name.as_str()}, "timestamp": second.to_string(), "window": "15s",
                    "usage": {"cpu": format!("{cpu}n"), "memory": memory.to_string()},
                })
            })
            .collect();
        let mut findings = Findings::default();
        let group = "custom.example.com";
        Round { world: &world, findings: &mut findings, group, from: NOW, to: NOW }.nodes(&items);
        findings
    }

    #[test]
    fn numbers_of_the_curve_are_equal() {
        let findings = compared(|cpu, memory| (cpu, memory));
        assert!(findings.is_equal(), "{}", findings.verdict());
        assert_eq!(findings.values(), 12);
    }

    #[test]
    fn a_number_beside_the_curve_is_found() {
        assert_eq!(compared(|cpu, memory| (cpu + 1_000, memory)).differences(), 1);
        assert_eq!(compared(|cpu, memory| (cpu, memory + 4096)).differences(), 1);
        assert_eq!(compared(|_, _| (0, 0)).differences(), 2);
    }

    #[test]
    fn what_is_missing_or_should_not_be_there_is_found() {
        let world = World::new(Scenario::demo(), NOW);
        let mut findings = Findings::default();
        let mut round = Round { world: &world, findings: &mut findings, group: "metrics.k8s.io", from: NOW, to: NOW };
        round.nodes(&[json!({"metadata": {"name": "node-99"}})]);
        round.pods(&[json!({"metadata": {"namespace": "shop", "name": "gone"}})]);
        assert!(findings.verdict().contains("node \"node-99\" should not be served"));
        assert!(findings.verdict().contains("node node-0 is not served"));
        assert!(findings.verdict().contains("pod shop/gone should not be served"));
        assert!(findings.differences() > 60, "all pods are missing");
    }
}
