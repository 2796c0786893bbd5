//! Many watchers of one namespace: what they cost, and how late they are told.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use kube_vitals::clock::Clock;
use kube_vitals::sim::{Scenario, Workload};

use crate::client::{Connection, Door, Protocol};
use crate::cpu;
use crate::simulation::Simulation;

const NAMESPACE: &str = "watched";
/// Pods of the watched namespace: one on each of the first nodes.
const PODS: u32 = 30;
/// Streams of one connection.
const STREAMS: usize = 100;
/// One look at the kubelets' counters of requests.
const LOOK: Duration = Duration::from_millis(1);

/// The same cluster, but for a few pods in a namespace of their own.
pub(crate) fn with_watched_namespace(mut scenario: Scenario) -> Scenario {
    let Some(steady) = scenario.workloads.first().cloned() else { return scenario };
    let watched = Workload { namespace: NAMESPACE.into(), nodes: Some(PODS), ..steady.clone() };
    let others = (1..scenario.pods_per_node).map(|_| steady.clone());
    scenario.workloads = std::iter::once(watched).chain(others).collect();
    scenario
}

/// Watches for so long; prints CPU with and without the watchers, and how long after a kubelet was
/// asked its pod's event was there.
pub(crate) async fn follow(
    door: &Door,
    simulation: &Simulation,
    id: u32,
    watchers: usize,
    time: Duration,
) -> Result<(), String> {
    let without = answering(id, time).await?;
    let events = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    // One more is followed.
    for number in 1..watchers {
        if number % STREAMS == 1 {
            connections.push(door.connect(Protocol::Http2).await?);
        }
        let Some(connection) = connections.last_mut() else { break };
        let (mut body, events) = (watch(connection).await?, Arc::clone(&events));
        tokio::spawn(async move {
            while let Some(Ok(frame)) = body.frame().await {
                let lines = frame.data_ref().map_or(0, |data| memchr::memchr_iter(b'\n', data).count());
                events.fetch_add(lines as u64, Ordering::Relaxed);
            }
        });
    }
    let followed = watch(&mut door.connect(Protocol::Http2).await?).await?;
    let (asked, told, end) = (Asked::default(), events.load(Ordering::Relaxed), Instant::now() + time);
    let (with, latencies, ()) =
        tokio::join!(answering(id, time), latencies(followed, &asked, end), note_requests(simulation, &asked, end));
    let with = with?;
    let told = events.load(Ordering::Relaxed) - told;
    let per_event = (with - without) * time.as_secs_f64() * 1e6 / told.max(1) as f64;
    println!(
        "{watchers} watchers of {PODS} pods: {:.1} % of a core, {:.1} % without them; {told} events in {:.0} s, {per_event:.1} µs each",
        with * 100.0,
        without * 100.0,
        time.as_secs_f64()
    );
    let millis =
        |share: usize| latencies.get(latencies.len() * share / 100).map_or(0.0, |late| late.as_secs_f64() * 1e3);
    println!(
        "from the request to the kubelet to the event: p50 {:.0} ms, p99 {:.0} ms of {}",
        millis(50),
        millis(99),
        latencies.len()
    );
    Ok(())
}

async fn watch(connection: &mut Connection) -> Result<Incoming, String> {
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods?watch=true&timeoutSeconds=3600");
    Ok(connection.get(&path).await?.into_body())
}

/// CPU per second of the threads that answer.
async fn answering(id: u32, time: Duration) -> Result<f64, String> {
    let before = cpu::answering_seconds(id)?;
    tokio::time::sleep(time).await;
    Ok((cpu::answering_seconds(id)? - before) / time.as_secs_f64())
}

/// When the kubelet of each watched pod was last asked; by the pod's name.
type Asked = RefCell<HashMap<String, Instant>>;

/// Looks at the counters of the watched pods' kubelets until `end`.
async fn note_requests(simulation: &Simulation, asked: &Asked, end: Instant) {
    let now = Clock::system().now();
    let watched = |node| simulation.world.pods_of_node(node, now).find(|pod| *pod.key.namespace == *NAMESPACE);
    let mut seen: Vec<_> = (0..PODS)
        .filter_map(|node| Some((node, watched(node)?.key.name.to_string(), simulation.fleet.requests(node))))
        .collect();
    while Instant::now() < end {
        for (node, name, seen) in &mut seen {
            let requests = simulation.fleet.requests(*node);
            if std::mem::replace(seen, requests) != requests {
                asked.borrow_mut().insert(name.clone(), Instant::now());
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How long after its kubelet was asked each event came.
async fn latencies(mut body: Incoming, asked: &Asked, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(end.into(), body.frame()).await {
        let now = Instant::now();
        let Some(data) = frame.data_ref() else { continue };
        for line in data.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"type\":\"MODIFIED\"")) {
            let event: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
            if let Some(asked) = asked.borrow_mut().remove(name) {
                latencies.push(now - asked);
            }
        }
    }
    latencies.sort();
    latencies
}
