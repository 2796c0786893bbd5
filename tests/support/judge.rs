//! Every number that is served, against the curve that it came from, by the rules for a sample: its time
//! is one of a reading of its container, its values are what the kubelet measured then, nothing is served
//! that is too old, and nothing that does not exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kube_vitals::clock::UnixMillis;
use kube_vitals::sim::{Basis, Bounds, SimContainer, SimPod, World};
use kube_vitals::usage::{Bytes, Nanocores};
use serde_json::Value;

/// Ages are told of whole seconds, and an answer takes a moment.
const AGE_SLACK: Duration = Duration::from_secs(2);
/// A pod that is gone for longer is not looked for any more.
const REMEMBERED: Duration = Duration::from_mins(15);
/// What was judged is remembered until there are so many; then all is judged anew.
const MOST_VERDICTS: usize = 200_000;

/// What is wrong with what a node's kubelet says, so that its numbers cannot be what they ought to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lie {
    /// Its times are ahead by this much, or were a while ago.
    pub(crate) ahead: Duration,
    /// Its counters are made up.
    pub(crate) counters: bool,
}

/// Judges one cluster's answers.
#[derive(Debug)]
pub(crate) struct Judge {
    world: Arc<World>,
    max_sample_age: Duration,
    /// All pods that there have been of late.
    pods: BTreeMap<String, SimPod>,
    verdicts: HashMap<String, Option<String>>,
    /// Numbers judged so far.
    pub(crate) values: u64,
}

impl Judge {
    /// One that knows the truth.
    pub(crate) fn new(world: Arc<World>, max_sample_age: Duration) -> Self {
        Self { world, max_sample_age, pods: BTreeMap::new(), verdicts: HashMap::new(), values: 0 }
    }

    /// Learns which pods there are; to be called at least as often as pods live.
    pub(crate) fn learn(&mut self, now: UnixMillis) {
        self.pods.retain(|_, pod| pod.deleted.is_none_or(|deleted| deleted + REMEMBERED > now));
        for pod in self.world.pods(now) {
            self.pods.entry(pod.key.to_string()).or_insert(pod);
        }
    }

    /// The node of a pod, by namespace and name.
    pub(crate) fn node_of(&self, pod: &str) -> Option<u32> {
        self.pods.get(pod).map(|pod| pod.node)
    }

    /// When a pod ended, if it has one.
    pub(crate) fn ended(&self, pod: &str) -> Option<UnixMillis> {
        self.pods.get(pod)?.deleted
    }

    /// What is wrong with the pods of a list of our own group that was answered at `now`.
    pub(crate) fn pods<'a>(
        &mut self,
        items: impl IntoIterator<Item = (&'a String, &'a Value)>,
        now: UnixMillis,
        lie: impl Fn(u32) -> Lie,
    ) -> Vec<String> {
        if self.verdicts.len() > MOST_VERDICTS {
            self.verdicts.clear();
        }
        let mut wrong = Vec::new();
        for (name, item) in items {
            let Some(pod) = self.pods.get(name).cloned() else {
                wrong.push(format!("{name} never existed"));
                continue;
            };
            for container in item["containers"].as_array().into_iter().flatten() {
                let what = format!("{name}/{}", container["name"].as_str().unwrap_or_default());
                let known = pod.containers.iter().find(|known| Some(known.name.as_str()) == container["name"].as_str());
                match known {
                    Some(known) => wrong.extend(self.container(&what, container, known, now, lie(pod.node))),
                    None => wrong.push(format!("{what} never existed")),
                }
            }
        }
        wrong
    }

    fn container(
        &mut self,
        what: &str,
        container: &Value,
        known: &SimContainer,
        now: UnixMillis,
        lie: Lie,
    ) -> Option<String> {
        let told = Told::read(container)?;
        self.values += 2;
        if now.since(told.second) > self.max_sample_age + AGE_SLACK {
            return Some(format!("{what} is served though it is {:?} old", now.since(told.second)));
        }
        if told.second > now + lie.ahead + AGE_SLACK {
            return Some(format!("{what} is of the future: {container}"));
        }
        let key = format!("{what} {told:?} {lie:?}");
        self.verdicts.entry(key).or_insert_with(|| told.verdict(what, known, lie)).clone()
    }
}

/// A usage as served.
#[derive(Clone, Copy, Debug)]
struct Told {
    second: UnixMillis,
    basis: Basis,
    cpu: u64,
    memory: u64,
}

impl Told {
    /// `None` where there is no usage, or not all of it: that it lacks is for others to judge.
    fn read(container: &Value) -> Option<Self> {
        let text = |pointer: &str| container.pointer(pointer)?.as_str();
        let time: jiff::Timestamp = text("/timestamp")?.parse().ok()?;
        let window: kube::core::Duration = text("/window")?.parse().ok()?;
        let is_kubelets = text("/source") == Some("Kubelet");
        let Nanocores(cpu) = text("/usage/cpu")?.parse().ok()?;
        let Bytes(memory) = text("/usage/memory")?.parse().ok()?;
        let basis = if is_kubelets { Basis::KubeletRate } else { Basis::Window(window.into()) };
        Some(Self { second: UnixMillis(time.as_millisecond()), basis, cpu, memory })
    }

    fn verdict(&self, what: &str, known: &SimContainer, lie: Lie) -> Option<String> {
        let shifted = [Duration::ZERO, lie.ahead];
        let mut bounds = shifted.iter().filter_map(|ahead| self.bounds(known, self.second - *ahead)).peekable();
        if bounds.peek().is_none() {
            return Some(format!("{what}: there was no such reading: {self:?}"));
        }
        let fits = |bounds: &Bounds| {
            bounds.memory_bytes.contains(&self.memory) && (lie.counters || bounds.cpu_nanocores.contains(&self.cpu))
        };
        let all: Vec<Bounds> = bounds.collect();
        (!all.iter().any(fits)).then(|| format!("{what}: {self:?} is none of {all:?}"))
    }

    /// Whatever a made-up rate stands on, its memory is of that second.
    fn bounds(&self, known: &SimContainer, second: UnixMillis) -> Option<Bounds> {
        known.bounds(second, self.basis).or_else(|| known.bounds(second, Basis::KubeletRate))
    }
}
