//! A small cluster with its scrapes, for tests.

use std::sync::Arc;
use std::time::Duration;

use crate::apiserver::moments::{Moments, Tag};
use crate::apiserver::resources::{Ages, Moment};
use crate::clock::{Clock, UnixMillis};
use crate::cluster::{Cluster, Container, ContainerState, Labels, Node, Phase, Pod};
use crate::revision::Revisions;
use crate::store::{Merge, Store};
use crate::usage::{Batch, Failure, NodeName, PodKey, Reading, Rejected, Row, Scrape, Uid};

/// When the world began: 2027-01-15T08:00:00Z.
const BEGIN: UnixMillis = UnixMillis(1_800_000_000_000);
/// The tag of its versions.
const TAG: Tag = Tag::from_random(7);

/// So many seconds after the world began.
pub(crate) fn at(seconds: f64) -> UnixMillis {
    #[expect(clippy::cast_possible_truncation, reason = "tests name small numbers")]
    let millis = (seconds * 1000.0) as i64;
    UnixMillis(BEGIN.0 + millis)
}

pub(crate) fn running(since: f64) -> ContainerState {
    ContainerState::Running(at(since))
}

pub(crate) fn node(name: &str) -> Node {
    Node {
        name: name.into(),
        uid: Uid::parse(name),
        labels: Labels::new([(Arc::from("zone"), Arc::from("a"))]),
        created: at(0.0),
        revision: 0,
        addresses: vec![],
        kubelet_port: None,
        ready: true,
    }
}

/// When every run began.
const RUN_BEGIN: f64 = -100.0;

/// A running pod on `node`, in the namespace `shop`.
pub(crate) fn pod(name: &str, node: &str, containers: &[(&str, ContainerState)]) -> Pod {
    Pod {
        key: PodKey::new("shop", name),
        uid: Uid::parse(name),
        labels: Labels::new([(Arc::from("app"), Arc::from("web"))]),
        created: at(0.0),
        revision: 0,
        node: Some(node.into()),
        phase: Phase::Running,
        containers: containers.iter().map(|(name, state)| Container { name: (*name).into(), state: *state }).collect(),
    }
}

/// A reading at `time` of a run that is too old to be measured from its start.
pub(crate) fn reading(time: f64, cpu_millis: u64, memory_mib: u64) -> Reading {
    Reading {
        cpu_time: Some(at(time)),
        cpu_ns: Some(cpu_millis * 1_000_000),
        memory_time: Some(at(time)),
        memory_bytes: Some(memory_mib << 20),
        start: Some(at(RUN_BEGIN)),
        kubelet_rate: None,
    }
}

pub(crate) struct World {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) store: Arc<Store>,
    pub(crate) revisions: Revisions,
}

impl World {
    pub(crate) fn with(nodes: Vec<Node>, pods: Vec<Pod>) -> Self {
        let revisions = Revisions::after(99);
        let (cluster, store) = (Cluster::new(revisions.clone()), Store::new(revisions.clone()));
        for node in nodes {
            cluster.apply(node);
        }
        for pod in pods {
            cluster.apply(pod);
        }
        Self { cluster: Arc::new(cluster), store: Arc::new(store), revisions }
    }

    /// A good scrape at `time`, in which `node` reported itself and these containers of pods in
    /// the namespace `shop`.
    pub(crate) fn scrape(&self, node: &str, time: f64, own: Option<Reading>, rows: &[(&str, &str, Reading)]) {
        let rows =
            rows.iter().map(|&(pod, container, reading)| Row { namespace: "shop", pod, container, reading }).collect();
        let batch = Batch { node: own, rows, ..Batch::default() };
        self.record(node, time, Some(&batch), Ok(()));
    }

    pub(crate) fn fail(&self, node: &str, time: f64, failure: Failure) {
        self.record(node, time, None, Err(failure));
    }

    /// The kubelet's own rates of containers in the namespace `shop`.
    pub(crate) fn summary(&self, node: &str, rows: &[(&str, &str, u64)]) {
        let rows = rows.iter().map(|&(pod, container, nanocores)| {
            let reading = Reading { kubelet_rate: Some(nanocores), start: Some(at(RUN_BEGIN)), ..Reading::default() };
            Row { namespace: "shop", pod, container, reading }
        });
        let batch = Batch { rows: rows.collect(), ..Batch::default() };
        self.store.offer_kubelet_rates(&NodeName::from(node), &batch);
    }

    /// What is answered from at `now`: resolution 15 s, samples up to 2 minutes old.
    pub(crate) fn moment(&self, now: f64) -> Moment {
        Moment {
            view: self.cluster.view(),
            snapshot: self.store.snapshot(),
            now: at(now),
            ages: Ages { resolution: Duration::from_secs(15), max_sample_age: Duration::from_mins(2) },
            step: self.revisions.next(),
            revision: self.revisions.next(),
            tag: TAG,
        }
    }

    /// The moments of this world.
    pub(crate) fn moments(&self, clock: Clock) -> Moments {
        let world = (Arc::clone(&self.cluster), Arc::clone(&self.store));
        let ages = (Duration::from_secs(15), Duration::from_mins(2));
        Moments::new(world, clock, (self.revisions.clone(), TAG), ages.0, ages.1)
    }

    fn record(&self, node: &str, time: f64, batch: Option<&Batch<'_>>, outcome: Result<(), Failure>) {
        let view = self.cluster.view();
        let pod =
            |namespace: &str, name: &str| view.pod(&PodKey::new(namespace, name)).map(|pod| (pod.key.clone(), pod.uid));
        let scrape = Scrape {
            started: at(time),
            duration: Duration::from_millis(12),
            body_bytes: 3_456,
            address: "10.0.0.1:10250".into(),
            rejected: Rejected::default(),
            outcome,
        };
        let merge = Merge { pod: &pod, oldest: at(time) - Duration::from_mins(2) };
        self.store.record(&NodeName::from(node), batch, scrape, &merge);
    }
}
