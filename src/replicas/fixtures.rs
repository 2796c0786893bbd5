//! What the tests of this room share: a small cluster, and an API server that keeps Leases.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::fuzz;
use super::intake::Intake;
use super::replica::Memory;
use crate::clock::{Clock, UnixMillis};
use crate::revision::Revisions;
use crate::store::{Handed, HandedPod, Merge, Store, Terms};
use crate::usage::{Base, Batch, NodeName, PodKey, Reading, Rejected, Row, Run, RunParts, Sample, Scrape, Uid};

/// When the last samples were taken.
pub(super) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// As replicas take what others tell.
pub(super) const TERMS: Terms = Terms { now: NOW, resolution: Duration::from_secs(15) };

/// A cluster of one node with two pods of two containers, and a store that knows nothing.
pub(super) fn memory() -> Memory {
    let cluster = Arc::new(fuzz::cluster());
    Memory { cluster, store: Arc::new(Store::new(Revisions::after(0))) }
}

/// The same, and all of it measured.
pub(super) fn measured() -> Memory {
    let memory = memory();
    let pods = ["a", "b"].map(|name| HandedPod {
        key: PodKey::new("shop", name),
        uid: Uid::parse(name),
        first_reported: NOW,
        containers: vec![("app".into(), run(Some(point()))), ("proxy".into(), run(None))],
    });
    let handed = Handed {
        node: Some(run(Some(point()))),
        pods: pods.into(),
        scrape: scrape(),
        clock_was_set: false,
        last_success: Some(NOW),
        outcome_since: NOW,
    };
    let rules = Merge { pod: &|_, _| None, oldest: UnixMillis(0) };
    assert!(memory.store.adopt(&NodeName::from("node-1"), handed, &rules, &TERMS));
    memory
}

/// A good scrape of the node at `time`, made by the replica that remembers this.
pub(super) fn scrape_here(memory: &Memory, time: UnixMillis) {
    let reading = Reading {
        cpu_time: Some(time),
        cpu_ns: Some(4_000_000_000),
        memory_time: Some(time),
        memory_bytes: Some(5 << 20),
        start: Some(UnixMillis(NOW.0 - 60_000)),
        kubelet_rate: None,
    };
    let row = |pod, container| Row { namespace: "shop", pod, container, reading };
    let rows = vec![row("a", "app"), row("a", "proxy"), row("b", "app")];
    let batch = Batch { node: Some(reading), rows, ..Batch::default() };
    let view = memory.cluster.view();
    let pod = |namespace: &str, name: &str| view.pod_named(namespace, name).map(|pod| (pod.key.clone(), pod.uid));
    let rules = Merge { pod: &pod, oldest: UnixMillis(0) };
    let scrape = Scrape { started: time, ..scrape() };
    memory.store.record(&NodeName::from("node-1"), Some(&batch), scrape, &rules);
}

/// What judges for a replica that remembers this.
pub(super) fn intake(memory: Memory) -> Intake {
    Intake { memory, clock: Clock::manual(NOW).0, resolution: TERMS.resolution, max_sample_age: Duration::from_mins(2) }
}

/// A certificate for `svc.test` that vouches for itself.
pub(super) fn credentials() -> Credentials {
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new(vec!["svc.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    Credentials { authority: pem.clone(), certificate: pem, key: key.serialize_pem() }
}

pub(super) fn point() -> Base {
    Base::Point { time: UnixMillis(NOW.0 - 15_000), cpu_ns: 1_000_000_000 }
}

/// From `base`, or with the kubelet's own rate.
pub(super) fn run(base: Option<Base>) -> Run {
    let last = Sample { time: NOW, cpu_ns: 4_000_000_000, memory_bytes: 5 << 20 };
    let base = base.unwrap_or(Base::Kubelet { nanocores: 7 });
    Run::from_parts(RunParts { start: Some(UnixMillis(NOW.0 - 60_000)), base, last }).unwrap()
}

fn scrape() -> Scrape {
    Scrape {
        started: NOW,
        duration: Duration::from_millis(12),
        body_bytes: 3_000,
        address: "10.0.0.1:10250".into(),
        rejected: Rejected::default(),
        outcome: Ok(()),
    }
}

/// Leases by name, with versions, as the API server keeps them.
#[derive(Clone, Default)]
pub(super) struct LeaseServer(pub(super) Arc<Mutex<Kept>>);

#[derive(Default)]
pub(super) struct Kept {
    pub(super) leases: std::collections::BTreeMap<String, Value>,
    pub(super) requests: Vec<(Method, String)>,
    /// Everything is answered so.
    pub(super) refusal: Option<u16>,
    version: u64,
}

impl LeaseServer {
    pub(super) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let (code, answer) = server.0.lock().answer(&head.method, head.uri.path(), &body);
                let answer = Full::new(Bytes::from(answer.to_string()));
                Ok::<_, Infallible>(http::Response::builder().status(code).body(answer).unwrap())
            }
        });
        kube::Client::new(service, "default")
    }
}

impl Kept {
    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        self.requests.push((method.clone(), path.to_owned()));
        let name = path.strip_prefix("/apis/coordination.k8s.io/v1/namespaces/custom-api/leases").unwrap();
        let name = name.trim_start_matches('/');
        if let Some(code) = self.refusal {
            return failure(code);
        }
        match *method {
            Method::GET => {
                let items: Vec<_> = self.leases.values().collect();
                (
                    200,
                    json!({"kind": "LeaseList", "apiVersion": "coordination.k8s.io/v1", "metadata": {}, "items": items}),
                )
            }
            Method::POST => self.keep(body["metadata"]["name"].as_str().unwrap(), body),
            Method::PATCH if self.leases.contains_key(name) => self.keep(name, body),
            Method::DELETE => {
                let wanted = &body["preconditions"]["resourceVersion"];
                match self.leases.get(name) {
                    None => failure(404),
                    Some(kept) if !wanted.is_null() && *wanted != kept["metadata"]["resourceVersion"] => failure(409),
                    Some(_) => (200, self.leases.remove(name).unwrap()),
                }
            }
            _ => failure(404),
        }
    }

    /// Keeps a Lease in a version of its own.
    pub(super) fn keep(&mut self, name: &str, lease: &Value) -> (u16, Value) {
        self.version += 1;
        let mut lease = lease.clone();
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.leases.insert(name.to_owned(), lease.clone());
        (200, lease)
    }
}

fn failure(code: u16) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "", "message": "", "code": code}),
    )
}
