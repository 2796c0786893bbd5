//! A small cluster and its scrapes, for tests.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, ClockHand, UnixMillis};
use crate::cluster::{Cluster, Container, ContainerState, Labels, Node, Phase, Pod};
use crate::export::ledger::Ledger;
use crate::export::live::Now;
use crate::export::point::{Level, Point, Subject};
use crate::revision::Revisions;
use crate::store::{Merge, Store};
use crate::usage::{Batch, Bytes, Nanocores, PodKey, Reading, Rejected, Row, Scrape, Uid};

/// Samples older than this are not told.
pub(super) const MAX_AGE: Duration = Duration::from_mins(2);
/// When the world began: 2027-01-15T08:00:00Z.
const BEGIN: i64 = 1_800_000_000_000;
/// When every run began, in seconds: too early for a rate from the start.
const RUN_BEGIN: i64 = -100;

/// So many seconds after the world began.
pub(super) fn at(seconds: i64) -> UnixMillis {
    UnixMillis(BEGIN + seconds * 1000)
}

pub(super) fn node(name: &str) -> Node {
    Node {
        name: name.into(),
        uid: Uid::parse(name),
        labels: Labels::new([]),
        created: at(0),
        revision: 0,
        addresses: vec![],
        kubelet_port: None,
        ready: true,
    }
}

/// A running pod in the namespace `shop`, with running containers.
pub(super) fn pod(name: &str, node: &str, containers: &[&str]) -> Pod {
    let state = ContainerState::Running(at(RUN_BEGIN));
    Pod {
        key: PodKey::new("shop", name),
        uid: Uid::parse(name),
        labels: Labels::new([]),
        created: at(0),
        revision: 0,
        node: Some(node.into()),
        phase: Phase::Running,
        containers: containers.iter().map(|name| Container { name: (*name).into(), state }).collect(),
    }
}

/// `1 s` of CPU at 10 s, one second more in each 20: 50 millicores.
pub(super) fn reading(seconds: i64) -> Reading {
    Reading {
        cpu_time: Some(at(seconds)),
        cpu_ns: Some(u64::try_from(500_000_000 + seconds * 50_000_000).unwrap()),
        memory_time: Some(at(seconds)),
        memory_bytes: Some(1 << 20),
        start: Some(at(RUN_BEGIN)),
        kubelet_rate: None,
    }
}

pub(super) struct World {
    pub(super) cluster: Arc<Cluster>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) hand: ClockHand,
}

impl World {
    pub(super) fn with(nodes: &[&str], pods: Vec<Pod>) -> Self {
        let cluster = Arc::new(Cluster::with(nodes.iter().map(|name| node(name)).collect(), pods));
        let (clock, hand) = Clock::manual(at(0));
        Self { cluster, store: Arc::new(Store::new(Revisions::after(0))), clock, hand }
    }

    /// A scrape of `node` now, in which everything was read at `seconds`: the node and containers as
    /// `pod/container`.
    pub(super) fn scrape(&self, node: &str, seconds: i64, containers: &[&str]) {
        let rows = containers.iter().map(|name| {
            let (pod, container) = name.split_once('/').unwrap();
            Row { namespace: "shop", pod, container, reading: reading(seconds) }
        });
        let batch = Batch { node: Some(reading(seconds)), rows: rows.collect(), ..Batch::default() };
        let view = self.cluster.view();
        let lookup = |namespace: &str, name: &str| {
            let pod = view.pod_named(namespace, name)?;
            Some((pod.key.clone(), pod.uid))
        };
        let scrape = Scrape {
            started: at(seconds),
            duration: Duration::from_millis(5),
            body_bytes: 1,
            address: Box::default(),
            rejected: Rejected::default(),
            outcome: Ok(()),
        };
        let rules = Merge { pod: &lookup, oldest: self.clock.now() - MAX_AGE };
        self.store.record(&node.into(), Some(&batch), scrape, &rules);
        self.hand.set(self.clock.now().max(at(seconds)));
    }

    /// What `ledger` finds new in all nodes.
    pub(super) fn look(&self, ledger: &mut Ledger) -> Vec<Point> {
        let (view, snapshot) = (self.cluster.view(), self.store.snapshot());
        let now = Now { view: &view, oldest: self.clock.now() - MAX_AGE };
        let mut points = Vec::new();
        let mut nodes = ledger.nodes(&snapshot);
        nodes.sort();
        for node in nodes {
            ledger.advance(&node, &snapshot, now, &mut points);
        }
        points
    }
}

/// `node`, `node/pod` or `node/pod/container`.
pub(super) fn subject(path: &str) -> Subject {
    let mut parts = path.split('/');
    Subject {
        node: parts.next().unwrap().into(),
        pod: parts.next().map(|name| PodKey::new("shop", name)),
        container: parts.next().map(Into::into),
    }
}

/// A point of 50 millicores and 1 MiB; `ended` has no values.
pub(super) fn point(path: &str, seconds: i64, ended: bool) -> Point {
    let subject = subject(path);
    let uid = Uid::parse("a710ab91-0a3a-4a23-abf0-72c8f39b8775");
    let is_pod = subject.pod.is_some() && subject.container.is_none();
    let level = Level {
        cpu_ns: (!is_pod).then(|| reading(seconds).cpu_ns.unwrap()),
        start: (!is_pod).then(|| at(RUN_BEGIN)),
        cpu: Some(Nanocores(50_000_000)),
        memory: Bytes(1 << 20),
    };
    Point { subject, uid, time: at(seconds), level: (!ended).then_some(level) }
}

/// Points as `path@seconds`, or `path ends@milliseconds`.
pub(super) fn told(points: &[Point]) -> Vec<String> {
    let path = |subject: &Subject| {
        let pod = subject.pod.as_ref().map(|pod| format!("/{}", pod.name)).unwrap_or_default();
        let container = subject.container.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        format!("{}{pod}{container}", subject.node)
    };
    let told = points.iter().map(|point| {
        let millis = point.time.0 - BEGIN;
        match point.level {
            Some(_) => format!("{}@{}", path(&point.subject), millis / 1000),
            None => format!("{} ends@{millis}", path(&point.subject)),
        }
    });
    told.collect()
}
