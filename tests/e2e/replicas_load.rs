//! Requests of many kinds at a steady rate, each judged: answered, and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::environment::Environment;

const OWN: &str = "/apis/custom.example.com/v1";
/// What `kubectl top` and the autoscalers read.
const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";
/// Requests under way at once; a machine that is too slow for the rate shows in the rate.
const IN_FLIGHT: usize = 256;
/// Of twenty requests so many are for one pod; the rest are lists.
const SINGLE_OF_20: usize = 14;

/// A load that goes on until it is ended.
pub(crate) struct Load {
    stop: CancellationToken,
    task: JoinHandle<Seen>,
}

/// Everything that was asked.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) asked: usize,
    pub(crate) lists: usize,
    pub(crate) took: Duration,
    pub(crate) failed: Vec<Failed>,
    /// Lists that lacked something, and what.
    pub(crate) lacking: Vec<String>,
}

/// A request without a good answer.
pub(crate) struct Failed {
    pub(crate) path: String,
    pub(crate) sent: Instant,
    pub(crate) ended: Instant,
    pub(crate) how: String,
}

/// What is asked for, and what has to be in the answer.
struct Question {
    path: String,
    /// `namespace/name` of each item; empty for a single object.
    names: BTreeSet<String>,
}

impl Load {
    /// Begins to ask `rate` times a second through the aggregator.
    pub(crate) async fn begin(e: &Environment, rate: u32) -> Result<Self, String> {
        let stop = CancellationToken::new();
        let api = Api::without_retries(e.control_plane.kubeconfig("admin")?).await?;
        let task = tokio::spawn(ask(api, questions(e), Duration::from_secs(1) / rate, stop.clone()));
        Ok(Self { stop, task })
    }

    /// Ends, when all that was asked is answered or has failed.
    pub(crate) async fn end(self) -> Result<Seen, String> {
        self.stop.cancel();
        self.task.await.map_err(|error| error.to_string())
    }
}

impl Seen {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.asked as f64 / self.took.as_secs_f64()
    }
}

async fn ask(api: Api, questions: Vec<Question>, pause: Duration, stop: CancellationToken) -> Seen {
    let (questions, seen) = (Arc::new(questions), Arc::new(Mutex::new(Seen::default())));
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(pause);
    // What was late is caught up with, so that a hiccup of this process does not lower the rate.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut open = JoinSet::new();
    for number in 0_usize.. {
        ticks.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let (api, questions, seen) = (api.clone(), Arc::clone(&questions), Arc::clone(&seen));
        open.spawn(async move {
            let _permit = permit;
            one(&api, &questions[number % questions.len()], &seen).await;
        });
        while open.try_join_next().is_some() {}
    }
    let took = begun.elapsed();
    while open.join_next().await.is_some() {}
    let mut seen = std::mem::take(&mut *seen.lock());
    seen.took = took;
    seen
}

async fn one(api: &Api, question: &Question, seen: &Mutex<Seen>) {
    let sent = Instant::now();
    let answer = api.answer(&question.path).await;
    let ended = Instant::now();
    let (how, lacking) = match answer {
        Ok((status, body)) if status.is_success() => (None, question.lacking_in(&body)),
        Ok((status, body)) => (Some(format!("{status}: {}", String::from_utf8_lossy(&body).trim())), None),
        Err(error) => (Some(error), None),
    };
    let mut seen = seen.lock();
    seen.asked += 1;
    seen.lists += usize::from(!question.names.is_empty());
    seen.failed.extend(how.map(|how| Failed { path: question.path.clone(), sent, ended, how }));
    seen.lacking.extend(lacking);
}

/// Twenty questions for each pod's turn, so that kinds are mixed evenly.
fn questions(e: &Environment) -> Vec<Question> {
    let pods: Vec<_> = e.nodes.running().map(|pod| pod.key).collect();
    let mut by_namespace: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in &pods {
        by_namespace.entry(pod.namespace.to_string()).or_default().insert(pod.to_string());
    }
    let all: BTreeSet<_> = pods.iter().map(ToString::to_string).collect();
    let nodes: BTreeSet<_> = e.nodes.world.nodes().map(|node| format!("/{}", node.name)).collect();
    let mut namespaces = by_namespace.iter().cycle();
    let mut questions = Vec::new();
    for (turn, pod) in pods.iter().cycle().take(20 * pods.len()).enumerate() {
        let group = if turn % 2 == 0 { OWN } else { METRICS };
        let list = |path: &str, names: &BTreeSet<String>| Question { path: path.to_owned(), names: names.clone() };
        questions.push(match turn % 20 {
            0..SINGLE_OF_20 => {
                let path = format!("{group}/namespaces/{}/pods/{}", pod.namespace, pod.name);
                Question { path, names: BTreeSet::new() }
            }
            14 | 15 => list(&format!("{group}/pods"), &all),
            16 => list(&format!("{METRICS}/nodes"), &nodes),
            _ => match namespaces.next() {
                Some((namespace, names)) => list(&format!("{group}/namespaces/{namespace}/pods"), names),
                None => list(&format!("{group}/nodes"), &nodes),
            },
        });
    }
    questions
}

impl Question {
    /// What the answer should hold and does not.
    fn lacking_in(&self, body: &[u8]) -> Option<String> {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return Some(format!("{}: no JSON", self.path));
        };
        if is_by_kubelet(body) {
            return Some(format!("{}: a rate that is the kubelet's own, as if nothing had been known", self.path));
        }
        if self.names.is_empty() {
            let is_empty = answer["containers"].as_array().is_none_or(Vec::is_empty);
            return is_empty.then(|| format!("{}: no containers", self.path));
        }
        let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let held: BTreeSet<_> = items.iter().map(|item| name(&item["metadata"])).collect();
        let lacking: Vec<_> = self.names.difference(&held).map(String::as_str).collect();
        (!lacking.is_empty())
            .then(|| format!("{}: {} of {}: {}", self.path, lacking.len(), self.names.len(), lacking.join(", ")))
    }
}

/// Whether some rate does not stand on two samples yet.
pub(crate) fn is_by_kubelet(body: &[u8]) -> bool {
    memchr::memmem::find(body, br#""source":"Kubelet""#).is_some()
}

fn name(metadata: &Value) -> String {
    let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("namespace"), text("name"))
}
