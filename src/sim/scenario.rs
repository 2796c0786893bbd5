//! What is simulated: how many nodes, which workloads run on them, what goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::faults::Fault;
use super::load::Load;

/// A whole simulated cluster in a few numbers. Together with an origin in time it decides
/// everything: see [`World`](super::World).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Two scenarios that differ in it alone are alike but for their draws.
    pub seed: u64,
    /// Number of nodes.
    pub nodes: u32,
    /// Nodes beyond those that join and leave, as an autoscaler's do. They run no pods.
    pub passing_nodes: u32,
    /// Pod slots of each node; slot `s` runs `workloads[s % workloads.len()]`.
    pub pods_per_node: u32,
    /// What runs.
    pub workloads: Vec<Workload>,
    /// What is wrong at the beginning, by node index.
    pub faults: BTreeMap<u32, Fault>,
    /// A kubelet refreshes each container's reading this often, with up to half of it as jitter.
    pub reading_period: Duration,
}

/// The owner of pods that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Namespace of its pods.
    pub namespace: Arc<str>,
    /// Its name, with which its pods' names begin; also their label `app`.
    pub name: Arc<str>,
    /// Containers of each pod; init containers and sidecars stand first.
    pub containers: Vec<ContainerPlan>,
    /// How long a pod lives before another takes its slot; `None` = as long as the world.
    pub lifetime: Option<Lifetime>,
    /// It runs on so many nodes, the first ones; `None` = on all.
    pub nodes: Option<u32>,
    /// All its pods are deleted at once, this long after the start; `None` = never.
    pub ends: Option<Duration>,
}

/// Bounds of a pod's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// No pod lives shorter.
    pub shortest: Duration,
    /// No pod lives longer.
    pub longest: Duration,
}

/// One container of a workload's pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Name inside the pod.
    pub name: Arc<str>,
    /// What kind it is.
    pub kind: ContainerKind,
    /// How its runs follow each other.
    pub course: Course,
    /// What it uses; each container gets its own size and phase of it.
    pub load: Load,
}

/// Kinds of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// One of `spec.containers`.
    App,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    /// An init container that has to end before the next one starts.
    Init,
}

/// How a container's runs follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// One run without end.
    Forever,
    /// One run of this length, ended with exit code 0.
    Once {
        /// Its length.
        run: Duration,
    },
    /// Run after run, each ended with exit code 1, a back-off between them.
    Restarting {
        /// Length of each run.
        run: Duration,
        /// Mean length of the pause; each is up to half longer or shorter.
        back_off: Duration,
    },
}

const MILLICORE: u64 = 1_000_000;
const MIB: u64 = 1 << 20;
const READING_PERIOD: Duration = Duration::from_secs(10);

impl Scenario {
    /// A small cluster with everything in it that a real one shows: sidecars, finished init
    /// containers, idle and restarting pods, nodes and pods that come and go.
    pub fn demo() -> Self {
        Self {
            seed: 1,
            nodes: 6,
            passing_nodes: 1,
            pods_per_node: 12,
            workloads: demo_workloads(),
            faults: BTreeMap::new(),
            reading_period: READING_PERIOD,
        }
    }

    /// A cluster of steady pods that are all alike, for measurements.
    pub fn bench(nodes: u32, pods_per_node: u32, containers_per_pod: u32) -> Self {
        let containers = (0..containers_per_pod).map(|number| {
            app(&format!("c{number}"), Course::Forever, Load::swinging(50 * MILLICORE, 64 * MIB, minutes(5)))
        });
        let workload = Workload { lifetime: None, ..workload("bench", "steady", containers.collect()) };
        Self { nodes, passing_nodes: 0, pods_per_node, workloads: vec![workload], ..Self::demo() }
    }

    /// The same scenario with a fault at one node from the beginning.
    #[must_use]
    pub fn with_fault(mut self, node: u32, fault: Fault) -> Self {
        self.faults.insert(node, fault);
        self
    }
}

impl Workload {
    /// Whether its pods change in no way once they have started.
    pub(super) fn is_still(&self) -> bool {
        self.lifetime.is_none()
            && self.ends.is_none()
            && self.containers.iter().all(|plan| plan.course == Course::Forever)
    }

    /// The loads of those containers of a pod that do not end.
    pub(super) fn lasting_loads(&self) -> impl Iterator<Item = &Load> {
        self.containers.iter().filter(|plan| !matches!(plan.course, Course::Once { .. })).map(|plan| &plan.load)
    }
}

/// Twelve slots of a node: each workload below once, `web` and `api` three times and twice.
fn demo_workloads() -> Vec<Workload> {
    let web = || workload("shop", "web", vec![proxy(), app("web", Course::Forever, load(60, 96, 4))]);
    let api = || workload("shop", "api", vec![setup(), proxy(), app("api", Course::Forever, load(120, 256, 7))]);
    let database = workload(
        "data",
        "database",
        vec![app("server", Course::Forever, load(250, 900, 11)), app("exporter", Course::Forever, load(4, 24, 3))],
    );
    let idle = workload("data", "standby", vec![app("standby", Course::Forever, Load::constant(0, 12 * MIB))]);
    let failing = Course::Restarting { run: seconds(40), back_off: seconds(20) };
    let restarting = workload("shop", "fragile", vec![app("fragile", failing, load(40, 32, 2))]);
    let coming_and_going = Workload {
        lifetime: Some(Lifetime { shortest: minutes(1), longest: minutes(3) }),
        ..workload("jobs", "worker", vec![setup(), app("worker", Course::Forever, load(200, 128, 2))])
    };
    let finished =
        workload("jobs", "migration", vec![app("migration", Course::Once { run: seconds(45) }, load(90, 64, 1))]);
    let agent = workload("kube-system", "agent", vec![app("agent", Course::Forever, load(8, 40, 9))]);
    let cache = workload("data", "cache", vec![app("cache", Course::Forever, load(30, 400, 13))]);
    vec![web(), api(), database, idle, restarting, coming_and_going, finished, agent, cache, web(), api(), web()]
}

fn workload(namespace: &str, name: &str, containers: Vec<ContainerPlan>) -> Workload {
    Workload {
        namespace: Arc::from(namespace),
        name: Arc::from(name),
        containers,
        lifetime: None,
        nodes: None,
        ends: None,
    }
}

fn app(name: &str, course: Course, load: Load) -> ContainerPlan {
    ContainerPlan { name: Arc::from(name), kind: ContainerKind::App, course, load }
}

fn proxy() -> ContainerPlan {
    ContainerPlan { kind: ContainerKind::Sidecar, ..app("proxy", Course::Forever, load(10, 32, 5)) }
}

fn setup() -> ContainerPlan {
    ContainerPlan { kind: ContainerKind::Init, ..app("setup", Course::Once { run: seconds(3) }, load(300, 48, 1)) }
}

const fn load(millicores: u64, mebibytes: u64, period_minutes: u64) -> Load {
    Load::swinging(millicores * MILLICORE, mebibytes * MIB, minutes(period_minutes))
}

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
