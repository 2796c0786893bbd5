//! What a user of the API sees, asked twice a second through the aggregator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use crate::now_ms;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// One look at all pods.
#[derive(Default)]
pub(crate) struct Look {
    /// Unix milliseconds when the answer was complete.
    pub(crate) at: i64,
    /// Served containers by `pod/container`.
    pub(crate) containers: BTreeMap<String, Served>,
    /// Containers served without CPU, since their first second is not over.
    pub(crate) beginning: BTreeSet<String>,
    /// Start times (unix ms) of containers that the API server calls running.
    pub(crate) running: BTreeMap<String, i64>,
    /// Runs that are over: start and end, by `pod/container`.
    pub(crate) ended: BTreeMap<String, (i64, i64)>,
    /// `pod/container` by the runtime's id, of present and past runs.
    pub(crate) ids: BTreeMap<String, String>,
}

/// Usage of one container as served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Served {
    /// Unix milliseconds of the served timestamp, which has whole seconds.
    pub(crate) timestamp: i64,
    /// Milliseconds.
    pub(crate) window: i64,
    /// Nanocores.
    pub(crate) cpu: f64,
    /// Bytes.
    pub(crate) memory: f64,
    /// Whether the kubelet's own rate is served, before a second sample exists.
    pub(crate) by_kubelet: bool,
}

/// Looks for `span`.
pub(crate) async fn watch(client: &kube::Client, span: Duration) -> Result<Vec<Look>, String> {
    let end = Instant::now() + span;
    let mut looks = Vec::new();
    let mut ticks = tokio::time::interval(PERIOD);
    while Instant::now() < end {
        ticks.tick().await;
        looks.push(look(client).await?);
    }
    Ok(looks)
}

/// One look now.
pub(crate) async fn look(client: &kube::Client) -> Result<Look, String> {
    let core = json(client, "/api/v1/namespaces/work/pods").await?;
    let usage = json(client, "/apis/custom.example.com/v1/namespaces/work/pods").await?;
    let mut look = Look { at: now_ms(), ..Look::default() };
    for pod in items(&usage) {
        for container in pod["containers"].as_array().into_iter().flatten() {
            if let Some(served) = served(container) {
                look.containers.insert(name(pod, container), served);
            } else if container["reason"] == "AwaitingSecondSample" {
                look.beginning.insert(name(pod, container));
            }
        }
    }
    for pod in items(&core) {
        let statuses = ["containerStatuses", "initContainerStatuses"];
        for status in statuses.iter().flat_map(|field| pod["status"][field].as_array().into_iter().flatten()) {
            if let Some(start) = time(&status["state"]["running"]["startedAt"]) {
                look.running.insert(name(pod, status), start);
            }
            look.ids.extend(id(status).map(|id| (id, name(pod, status))));
            for over in [&status["state"]["terminated"], &status["lastState"]["terminated"]] {
                look.ids.extend(id(over).map(|id| (id, name(pod, status))));
                if let (Some(start), Some(end)) = (time(&over["startedAt"]), time(&over["finishedAt"])) {
                    look.ended.insert(name(pod, status), (start, end));
                }
            }
        }
    }
    Ok(look)
}

/// A GET through the API server, as JSON.
pub(crate) async fn json(client: &kube::Client, path: &str) -> Result<Value, String> {
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request(request).await.map_err(|error| format!("GET {path}: {error}"))
}

fn served(container: &Value) -> Option<Served> {
    let window: kube::core::Duration = container["window"].as_str()?.parse().ok()?;
    Some(Served {
        timestamp: time(&container["timestamp"])?,
        window: i64::try_from(Duration::from(window).as_millis()).ok()?,
        cpu: quantity(&container["usage"]["cpu"])?,
        memory: quantity(&container["usage"]["memory"])?,
        by_kubelet: container["source"] == "Kubelet",
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn name(pod: &Value, container: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&pod["metadata"]["name"]), text(&container["name"]))
}

/// A status tells the runtime as well: `containerd://ID`.
fn id(status: &Value) -> Option<String> {
    Some(status["containerID"].as_str()?.split_once("://")?.1.to_owned())
}

fn time(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// Reads a quantity by rules of its own: the one under test must not judge itself.
fn quantity(value: &Value) -> Option<f64> {
    let text = value.as_str()?;
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "n" | "" => 1.0,
        "u" => 1e3,
        "m" => 1e6,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    // A CPU quantity without suffix counts whole cores; idle containers are served as "0".
    digits.parse::<f64>().ok().map(|number| number * factor)
}
