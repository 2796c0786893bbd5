//! The live line: how the server does, seen through the front.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::sim::control_plane::Account;
use crate::sim::demo::client::{Caller, Client};
use crate::sim::demo::stage::Stage;
use crate::sim::{ContainerKind, State};

/// What the last line was made from.
#[derive(Debug)]
pub(super) struct Status {
    scrapes: u64,
    at: Instant,
}

impl Status {
    pub(super) fn new(stage: &Stage) -> Self {
        Self { scrapes: stage.scrapes(), at: Instant::now() }
    }

    /// The line of now.
    pub(super) async fn line(&mut self, stage: &Stage, client: &Client) -> String {
        let caller = Caller { client, control_plane: &stage.control_plane, account: Account::Viewer };
        let nodes = caller.read("/apis/custom.example.com/v1/nodes").await;
        let begun = Instant::now();
        let pods = caller.read("/apis/custom.example.com/v1/pods").await;
        let list_time = begun.elapsed();
        let (nodes, pods) = match (nodes, pods) {
            (Ok(nodes), Ok(pods)) => (nodes, pods),
            (Err(error), _) | (_, Err(error)) => return format!("not answering: {error}"),
        };
        let fresh = items(&nodes).filter(|node| node["freshness"] == "Fresh").count();
        format!(
            "nodes {fresh}/{known} fresh, pods {served}/{running} served, {rate:.1} scrapes/s, list of pods in {list} ms",
            known = stage.world.nodes_at(stage.clock.now()).count(),
            served = items(&pods).count(),
            running = running(stage),
            rate = self.scrape_rate(stage),
            list = millis(list_time),
        )
    }

    fn scrape_rate(&mut self, stage: &Stage) -> f64 {
        let (scrapes, at) = (stage.scrapes(), Instant::now());
        let since = at.duration_since(self.at).max(Duration::from_millis(1));
        let rate = f64::from(u32::try_from(scrapes.saturating_sub(self.scrapes)).unwrap_or(u32::MAX));
        (self.scrapes, self.at) = (scrapes, at);
        rate / since.as_secs_f64()
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// Pods of which a container that counts is running.
fn running(stage: &Stage) -> usize {
    let now = stage.clock.now();
    let runs = |pod: &crate::sim::SimPod| {
        let mut counted = pod.containers.iter().filter(|container| container.kind != ContainerKind::Init);
        counted.any(|container| matches!(container.state(now), State::Running(_)))
    };
    stage.world.pods(now).filter(runs).count()
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
