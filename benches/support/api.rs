//! The whole router in this process, over a cluster that was scraped twice: answers without sockets.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use kube::Client;
use kube_vitals::apiserver::authn::{self, Authenticator, LiveTrust};
use kube_vitals::apiserver::authz::{self, Authorizer};
use kube_vitals::apiserver::{Api, ConnectionId, Limits, Metrics, Moments, Peer, Tag, router};
use kube_vitals::clock::{Clock, ClockHand, UnixMillis};
use kube_vitals::cluster::{Cluster, Container, ContainerState, Labels, Node, Phase, Pod};
use kube_vitals::config::{ApiGroups, Authentication, Authorization};
use kube_vitals::pressure::Pressure;
use kube_vitals::readiness::{Heartbeat, Readiness};
use kube_vitals::revision::Revisions;
use kube_vitals::store::{Merge, Store};
use kube_vitals::telemetry::Exposition;
use kube_vitals::usage::{Batch, NodeName, PodKey, Reading, Rejected, Row, Scrape, Uid};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// When the first scrape of every node began.
const BEGIN: UnixMillis = UnixMillis(1_800_000_000_000);
/// Nothing is too old for as long as a bench runs.
const LASTING: Duration = Duration::from_hours(10_000);
/// As often as watchers are shown what has changed.
const STEP: Duration = Duration::from_millis(250);
const PODS_ON_A_NODE: usize = 30;
const RESOLUTION: Duration = Duration::from_secs(15);
/// Reviews are kept for longer than any bench runs.
const KEPT_FOR: Duration = Duration::from_hours(1);
const REPLICAS: usize = 20;
const WORKLOADS_IN_NAMESPACE: usize = 15;
const CONTAINERS: [&str; 2] = ["application", "istio-proxy"];

/// A server of `nodes` nodes with 30 pods of two containers each. The replicas of a workload are
/// spread over the cluster, as schedulers do.
pub(crate) struct Served {
    router: Router,
    cluster: Arc<Cluster>,
    store: Arc<Store>,
    clock: Clock,
    hand: ClockHand,
    nodes: usize,
}

/// A watch of all pods, and how far it has come.
pub(crate) struct Watch {
    body: Body,
    steps: usize,
}

/// What the benches ask for.
pub(crate) const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";
/// As told by our own group.
pub(crate) const OWN_PODS: &str = "/apis/custom.example.com/v1/pods";
/// One pod that exists in a cluster of any size.
pub(crate) const POD: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/team-000/pods/workload-00000-7d9c5b8f6d-00000";
/// Those of one namespace.
pub(crate) const NAMESPACE: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/team-000/pods";
/// Those of one workload, wherever it is.
pub(crate) const SELECTED: &str = "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dworkload-00003";
/// By `Accept`.
pub(crate) const JSON: &str = "application/json";
/// By `Accept`.
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// By `Accept`.
pub(crate) const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

impl Served {
    pub(crate) fn begun(runtime: &Runtime, nodes: usize) -> Self {
        // The client that reviews are asked with is a task.
        let _inside = runtime.enter();
        let revisions = Revisions::after(u64::try_from(BEGIN.0).unwrap());
        let cluster = Arc::new(Cluster::with((0..nodes).map(node).collect(), pods(nodes)));
        let store = Arc::new(Store::new(revisions.clone()));
        let (clock, hand) = Clock::manual(BEGIN);
        let moments = Moments::new(
            (Arc::clone(&cluster), Arc::clone(&store)),
            clock.clone(),
            (revisions, Tag::from_random(7)),
            LASTING,
            LASTING,
        );
        let served = Self { router: app(moments, clock.clone()), cluster, store, clock, hand, nodes };
        for _ in 0..2 {
            (0..nodes).for_each(|node| served.scrape(node));
            served.hand.advance(RESOLUTION);
        }
        served
    }

    /// Records what the kubelet of a node tells now.
    fn scrape(&self, node: usize) {
        let (view, time) = (self.cluster.view(), self.clock.now());
        let keys: Vec<PodKey> = (0..PODS_ON_A_NODE).map(|place| key(place * self.nodes + node % self.nodes)).collect();
        let row = |key, place: usize| row(key, place, time);
        let rows = keys.iter().flat_map(|key| (0..CONTAINERS.len()).map(move |place| row(key, place))).collect();
        let batch = Batch { node: Some(reading(1, time)), rows, ..Batch::default() };
        let pod = |namespace: &str, name: &str| view.pod_named(namespace, name).map(|pod| (pod.key.clone(), pod.uid));
        let rules = Merge { pod: &pod, oldest: BEGIN };
        self.store.record(&node_name(node % self.nodes), Some(&batch), good_scrape(time), &rules);
    }

    /// The head and the body of an answer; any but 200 is an error of the bench.
    pub(crate) async fn answer(&self, path: &str, accept: &str) -> Response<Body> {
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
            certificates: Arc::from([]),
            id: ConnectionId(1),
        };
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .header(header::AUTHORIZATION, "Bearer a-token-of-a-service-account")
            .header(header::USER_AGENT, "bench")
            .extension(peer)
            .body(Body::empty())
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
    }

    /// Reads an answer to its end and forgets it; how many bytes it had.
    pub(crate) async fn drain(&self, path: &str, accept: &str) -> usize {
        let mut body = self.answer(path, accept).await.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
        }
        bytes
    }
}

impl Watch {
    pub(crate) async fn begun(served: &Served) -> Self {
        let list = served.answer(&format!("{PODS}?limit=1"), JSON).await.into_body().collect().await.unwrap();
        let list: serde_json::Value = serde_json::from_slice(&list.to_bytes()).unwrap();
        let version = list["metadata"]["resourceVersion"].as_str().unwrap();
        let path = format!("{PODS}?watch=true&resourceVersion={version}");
        Self { body: served.answer(&path, JSON).await.into_body(), steps: 0 }
    }

    /// One node is scraped, and its 30 pods are told: how many bytes that takes.
    pub(crate) async fn step(&mut self, served: &Served) -> usize {
        served.hand.advance(STEP);
        served.scrape(self.steps);
        self.steps += 1;
        // Any request makes the moment that the watch goes on to.
        served.drain(POD, JSON).await;
        let (mut events, mut bytes) = (0, 0);
        while events < PODS_ON_A_NODE {
            let frame = self.body.frame().await.unwrap().unwrap();
            let chunk = frame.into_data().unwrap();
            events += memchr::memchr_iter(b'\n', &chunk).count();
            bytes += chunk.len();
        }
        bytes
    }
}

fn app(moments: Moments, clock: Clock) -> Router {
    let mut registered = None;
    let exposition = Exposition::new(|registry| {
        let reviews = (authn::register_metrics(registry), authz::register_metrics(registry));
        registered = Some((Metrics::register(registry), reviews));
    });
    let (metrics, (of_tokens, of_access)) = registered.unwrap();
    let api = Api {
        moments: Arc::new(moments),
        clock: clock.clone(),
        readiness: Readiness::default(),
        heartbeat: Heartbeat::new(clock.clone()),
        exposition: Arc::new(exposition),
        closing: CancellationToken::new(),
        groups: ApiGroups { own: Some("custom.example.com".to_owned()), metrics: true },
        pressure: Pressure::default(),
        offer: None,
    };
    let limits = Limits { requests_in_flight: 400, request_timeout: Duration::from_mins(1) };
    let client = reviewer();
    let tokens = Authentication { kubeconfig: None, token_ttl: KEPT_FOR };
    let access =
        Authorization { kubeconfig: None, always_allow_paths: vec![], allowed_ttl: KEPT_FOR, denied_ttl: KEPT_FOR };
    let authenticator = Authenticator::new(client.clone(), &tokens, LiveTrust::default(), clock, of_tokens).unwrap();
    let authorizer = Authorizer::new(client, &access, of_access);
    router(api, Arc::new(authenticator), Arc::new(authorizer), limits, metrics)
}

/// An API server that knows every token and allows everything.
fn reviewer() -> Client {
    let answer = tower::service_fn(async |request: Request<kube::client::Body>| {
        let status = if request.uri().path().ends_with("tokenreviews") {
            r#"{"authenticated":true,"user":{"username":"system:serviceaccount:monitoring:reader","groups":["system:serviceaccounts","system:serviceaccounts:monitoring","system:authenticated"]}}"#
        } else {
            r#"{"allowed":true}"#
        };
        let body = format!(r#"{{"spec":{{}},"metadata":{{}},"status":{status}}}"#);
        Ok::<_, Infallible>(
            Response::builder().header("content-type", "application/json").body(Body::from(body)).unwrap(),
        )
    });
    Client::new(answer, "default")
}

fn node_name(number: usize) -> NodeName {
    NodeName::from(format!("node-{number:05}").as_str())
}

fn node(number: usize) -> Node {
    Node {
        name: node_name(number),
        uid: Uid::parse(&format!("node {number}")),
        labels: Labels::new([(Arc::from("kubernetes.io/arch"), Arc::from("amd64"))]),
        created: BEGIN - Duration::from_hours(24),
        revision: 1,
        addresses: vec![],
        kubelet_port: None,
        ready: true,
    }
}

/// In the order of lists.
fn pods(nodes: usize) -> Vec<Pod> {
    let names: Vec<NodeName> = (0..nodes).map(node_name).collect();
    let containers: Arc<[Container]> = CONTAINERS
        .iter()
        .map(|name| Container { name: (*name).into(), state: ContainerState::Running(BEGIN - Duration::from_hours(1)) })
        .collect();
    let mut labels = Labels::default();
    (0..nodes * PODS_ON_A_NODE)
        .map(|number| {
            let workload = number / REPLICAS;
            if number.is_multiple_of(REPLICAS) {
                let pairs =
                    [("app", format!("workload-{workload:05}")), ("pod-template-hash", "7d9c5b8f6d".to_owned())];
                labels = Labels::new(pairs.map(|(key, value)| (Arc::from(key), Arc::from(value))));
            }
            Pod {
                key: key(number),
                uid: Uid::parse(&format!("pod {number}")),
                labels: labels.clone(),
                created: BEGIN - Duration::from_hours(1) - Duration::from_secs(number as u64 % 3600),
                revision: 1,
                node: Some(names[number % nodes].clone()),
                phase: Phase::Running,
                containers: Arc::clone(&containers),
            }
        })
        .collect()
}

fn key(number: usize) -> PodKey {
    let workload = number / REPLICAS;
    PodKey::new(
        &format!("team-{:03}", workload / WORKLOADS_IN_NAMESPACE),
        &format!("workload-{workload:05}-7d9c5b8f6d-{:05}", number % REPLICAS),
    )
}

fn row(key: &PodKey, place: usize, time: UnixMillis) -> Row<'_> {
    let later = time + Duration::from_millis(place as u64 * 137);
    Row { namespace: &key.namespace, pod: &key.name, container: CONTAINERS[place], reading: reading(place, later) }
}

fn reading(place: usize, time: UnixMillis) -> Reading {
    let place = place as u64;
    let millis = u64::try_from(time.0 - BEGIN.0).unwrap();
    Reading {
        cpu_time: Some(time),
        cpu_ns: Some(314_707_783 + place * 77_000_000 + millis * 123_457),
        memory_time: Some(time),
        memory_bytes: Some(4096 * (12_875 + place * 3 + millis % 1000)),
        start: Some(BEGIN - Duration::from_hours(1)),
        kubelet_rate: None,
    }
}

fn good_scrape(started: UnixMillis) -> Scrape {
    Scrape {
        started,
        duration: Duration::from_millis(20),
        body_bytes: 39_000,
        address: "192.0.2.1:10250".into(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    }
}
