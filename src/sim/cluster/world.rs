//! The world: the scenario at any moment.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::{SimNode, SimPod, naming};
use crate::clock::UnixMillis;
use crate::sim::load::Load;
use crate::sim::scenario::{Lifetime, Scenario, Workload};
use crate::sim::seed::Seed;
use crate::usage::PodKey;

/// Pods without a lifetime, and nodes, are this much older than the origin.
const POD_AGE: (Duration, Duration) = (Duration::from_mins(10), Duration::from_hours(24));
const NODE_AGE: (Duration, Duration) = (Duration::from_hours(24), Duration::from_hours(240));
/// How long a passing node stays, and how long it is away.
const PASSING: Lifetime = Lifetime { shortest: Duration::from_secs(20), longest: Duration::from_secs(40) };
/// What a node uses besides its pods: 200 millicores, 1 GiB.
const SYSTEM: Load = Load::constant(200_000_000, 1 << 30);

/// A simulated cluster: a pure function of scenario, origin and the time it is asked about.
#[derive(Clone, Debug)]
pub struct World {
    scenario: Scenario,
    origin: UnixMillis,
    seed: Seed,
    /// One for each workload.
    template_hashes: Vec<Arc<str>>,
    node_load: Load,
}

/// The time in a slot that one pod takes.
struct Life {
    generation: i64,
    created: UnixMillis,
    deleted: Option<UnixMillis>,
}

impl World {
    /// The world of a scenario. Its nodes and lasting pods have been there for a while at
    /// `origin`, which is the time the simulation starts; two processes that are to see the same
    /// world have to be given the same origin.
    pub fn new(scenario: Scenario, origin: UnixMillis) -> Self {
        let seed = Seed::new(scenario.seed);
        let hash = |workload: &Workload| workload.name.bytes().fold(seed, |seed, byte| seed.part(u64::from(byte)));
        let hashes = scenario.workloads.iter().map(|workload| Arc::from(naming::template_hash(hash(workload))));
        Self { origin, seed, template_hashes: hashes.collect(), node_load: node_load(&scenario), scenario }
    }

    /// What it was made from.
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The nodes that exist at a time by index: those that last, and those that are passing.
    pub fn nodes_at(&self, at: UnixMillis) -> impl Iterator<Item = SimNode> {
        let passing = self.scenario.nodes..self.scenario.nodes.saturating_add(self.scenario.passing_nodes);
        self.nodes().chain(passing.filter_map(move |index| self.passing_node(index, at)))
    }

    /// The nodes that last as long as the world, by index.
    pub fn nodes(&self) -> impl Iterator<Item = SimNode> {
        (0..self.scenario.nodes).map(|index| self.build_node(index))
    }

    /// One node by its index.
    pub fn node(&self, index: u32) -> Option<SimNode> {
        (index < self.scenario.nodes).then(|| self.build_node(index))
    }

    /// The node at a kubelet's address, first or second, if it is there at a time.
    pub fn node_at(&self, address: Ipv4Addr, at: UnixMillis) -> Option<SimNode> {
        let index = SimNode::index_of(address)?;
        let node = self.node(index).or_else(|| self.passing_node(index, at))?;
        Some(SimNode { address, ..node })
    }

    /// All pods that exist at a time, node by node.
    pub fn pods(&self, at: UnixMillis) -> impl Iterator<Item = SimPod> {
        (0..self.scenario.nodes).flat_map(move |node| self.pods_of_node(node, at))
    }

    /// The pods of one node that exist at a time.
    pub fn pods_of_node(&self, node: u32, at: UnixMillis) -> impl Iterator<Item = SimPod> {
        let slots = self.slots().filter(move |_| node < self.scenario.nodes);
        slots.filter_map(move |(slot, kind)| self.pod_in_slot(node, slot, kind, at))
    }

    /// Number and workload index of each slot of a node.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, usize)> + use<> {
        let kinds = self.scenario.workloads.len();
        let slots = if kinds == 0 { 0 } else { self.scenario.pods_per_node };
        (0..slots).zip((0..kinds).cycle())
    }

    /// The pod in a slot at a time; `None` before the first one is made, and where it runs on other nodes.
    pub(super) fn pod_in_slot(&self, node: u32, slot: u32, kind: usize, at: UnixMillis) -> Option<SimPod> {
        let workload = self.scenario.workloads.get(kind)?;
        if workload.nodes.is_some_and(|nodes| node >= nodes) {
            return None;
        }
        let seed = self.seed.part(1).part(u64::from(node)).part(u64::from(slot));
        let life = match workload.lifetime {
            Some(lifetime) => life_at(lifetime, seed, at),
            None => Life { generation: 0, created: self.origin - seed.between(POD_AGE.0, POD_AGE.1), deleted: None },
        };
        let all_end = self.end_of(kind);
        if at < life.created || all_end.is_some_and(|end| end <= at) {
            return None;
        }
        let deleted = life.deleted.into_iter().chain(all_end).min();
        let template_hash = Arc::clone(self.template_hashes.get(kind)?);
        let slots = u64::from(self.scenario.nodes) * u64::from(self.scenario.pods_per_node);
        let number = u64::from(node) * u64::from(self.scenario.pods_per_node) + u64::from(slot);
        let suffix = naming::pod_suffix(self.seed, number, slots, life.generation);
        let name = format!("{}-{template_hash}-{suffix}", workload.name);
        let mut pod = SimPod {
            key: PodKey { namespace: Arc::clone(&workload.namespace), name: Arc::from(name) },
            node,
            workload: Arc::clone(&workload.name),
            template_hash,
            created: life.created,
            deleted,
            containers: Vec::new(),
            reading_period: self.scenario.reading_period,
            seed: seed.part(life.generation.cast_unsigned()),
        };
        pod.start_containers(&workload.containers);
        Some(pod)
    }

    /// Whether pods of a workload change in no way after the origin.
    pub(super) fn is_still(&self, kind: usize) -> bool {
        self.scenario.workloads.get(kind).is_none_or(Workload::is_still)
    }

    /// When all pods of a workload are deleted.
    pub(super) fn end_of(&self, kind: usize) -> Option<UnixMillis> {
        Some(self.origin + self.scenario.workloads.get(kind)?.ends?)
    }

    /// When the simulation starts.
    pub const fn origin(&self) -> UnixMillis {
        self.origin
    }

    /// A passing node, which is there in every other generation, each time as a new machine; every second one
    /// under a new name, too.
    fn passing_node(&self, index: u32, at: UnixMillis) -> Option<SimNode> {
        let number = index.checked_sub(self.scenario.nodes).filter(|number| *number < self.scenario.passing_nodes)?;
        let seed = self.seed.part(2).part(u64::from(index));
        let life = life_at(PASSING, seed, at);
        (life.generation % 2 == 0).then(|| SimNode {
            name: naming::passing_node(index, number, life.generation),
            booted: life.created,
            load: SYSTEM,
            seed: seed.part(life.generation.cast_unsigned()),
            ..self.build_node(index)
        })
    }

    fn build_node(&self, index: u32) -> SimNode {
        let seed = self.seed.part(0).part(u64::from(index));
        let load = Load { phase: seed.between(Duration::ZERO, self.node_load.period), ..self.node_load };
        SimNode {
            index,
            name: naming::node(index),
            address: SimNode::address_of(index),
            booted: self.origin - seed.between(NODE_AGE.0, NODE_AGE.1),
            load,
            cpu_cores: (load.cpu_nanocores * 2).div_ceil(1_000_000_000).next_power_of_two(),
            memory_capacity_bytes: (load.memory_bytes * 2).next_power_of_two(),
            reading_period: self.scenario.reading_period,
            seed,
        }
    }
}

/// Generation `k` begins at turn `k` of a grid or a bit later. The grid's step is the mean of the
/// lifetime's bounds and the delay is at most half of their distance, so every life is inside them.
fn life_at(lifetime: Lifetime, seed: Seed, at: UnixMillis) -> Life {
    let step = ((lifetime.shortest + lifetime.longest) / 2).max(Duration::from_millis(1));
    let latest = lifetime.longest.saturating_sub(lifetime.shortest) / 2;
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    let begin = |generation: i64| {
        let delay = seed.part(generation.cast_unsigned()).between(Duration::ZERO, latest);
        UnixMillis(generation.saturating_mul(step_ms)) + seed.between(Duration::ZERO, step) + delay
    };
    let turn = (at - seed.between(Duration::ZERO, step)).0.div_euclid(step_ms);
    let generation = if begin(turn) <= at { turn } else { turn - 1 };
    Life { generation, created: begin(generation), deleted: Some(begin(generation + 1)) }
}

/// The system's load and, in the mean, that of all slots.
fn node_load(scenario: &Scenario) -> Load {
    let slots = scenario.workloads.iter().cycle().take(if scenario.workloads.is_empty() {
        0
    } else {
        usize::try_from(scenario.pods_per_node).unwrap_or(usize::MAX)
    });
    let lasting = slots.flat_map(Workload::lasting_loads);
    let (cpu, memory) = lasting.fold((SYSTEM.cpu_nanocores, SYSTEM.memory_bytes), |(cpu, memory), load| {
        (cpu + load.cpu_nanocores, memory + load.memory_bytes)
    });
    Load { memory_swing_bytes: memory / 50, ..Load::swinging(cpu, memory, Duration::from_mins(10)) }
}
