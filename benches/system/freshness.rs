//! How long after a kubelet has a reading the server serves it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::{SimPod, World};

use crate::answers;

const PODS: &str = "https://custom-api.custom-api.svc/apis/custom.example.com/v1/namespaces";
/// Followed pods, spread over all nodes; one container of each.
const FOLLOWED: usize = 40;
/// How often each is looked at: the figures are late by this much at most.
const LOOK: Duration = Duration::from_millis(200);

/// One pod's container, and the readings its kubelet has had that are not served yet.
struct Followed {
    pod: SimPod,
    url: String,
    /// The latest one the kubelet has.
    last: UnixMillis,
    unserved: Vec<UnixMillis>,
}

/// Follows some pods for so long and prints how late their readings were served.
pub(crate) async fn follow(client: &reqwest::Client, world: &World, time: Duration) -> Result<(), String> {
    let clock = Clock::system();
    let mut followed = some_pods(world, clock.now());
    let mut delays_seconds: Vec<f64> = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let look = Instant::now();
        for one in &mut followed {
            one.catch_up(clock.now());
            let served = served_second(&answers::get(client, &one.url).await?)?;
            let now = clock.now();
            // Served times are whole seconds.
            one.unserved.retain(|read| {
                let late = read.0 / 1000 > served;
                if !late {
                    delays_seconds.push(now.since(*read).as_secs_f64());
                }
                late
            });
        }
        tokio::time::sleep(LOOK.saturating_sub(look.elapsed())).await;
    }
    delays_seconds.sort_by(f64::total_cmp);
    let percentile = |share: usize| delays_seconds.get(delays_seconds.len() * share / 100).copied().unwrap_or_default();
    println!(
        "from the kubelet's reading to ours: p50 {:.1} s, p99 {:.1} s, at most {:.1} s of {}",
        percentile(50),
        percentile(99),
        delays_seconds.last().copied().unwrap_or_default(),
        delays_seconds.len()
    );
    Ok(())
}

fn some_pods(world: &World, now: UnixMillis) -> Vec<Followed> {
    let nodes = world.scenario().nodes as usize;
    let mut seen = HashMap::new();
    for node in (0..nodes).step_by(nodes.div_ceil(FOLLOWED)) {
        let node = u32::try_from(node).unwrap_or_default();
        if let Some(pod) = world.pods_of_node(node, now).next() {
            seen.insert(node, pod);
        }
    }
    let follow = |pod: SimPod| {
        let url = format!("{PODS}/{}/pods/{}", pod.key.namespace, pod.key.name);
        Some(Followed { last: pod.containers.first()?.read_at(now)?, pod, url, unserved: Vec::new() })
    };
    seen.into_values().filter_map(follow).collect()
}

impl Followed {
    fn catch_up(&mut self, now: UnixMillis) {
        let Some(read) = self.pod.containers.first().and_then(|container| container.read_at(now)) else { return };
        if read > self.last {
            self.last = read;
            self.unserved.push(read);
        }
    }
}

/// The time of the first container's usage, in seconds since 1970.
fn served_second(body: &[u8]) -> Result<i64, String> {
    let pod: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let told = pod["containers"][0]["timestamp"].as_str().ok_or_else(|| format!("no timestamp in {pod}"))?;
    let time: jiff::Timestamp = told.parse().map_err(|error| format!("{told}: {error}"))?;
    Ok(time.as_second())
}
