//! What is left when all is quiet, and what explains it.

use std::collections::BTreeSet;
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::World;
use reqwest::Client;
use tokio::time::{Instant, sleep};

use crate::history::Sample;
use crate::quantities::ALL;
use crate::stage::{MAX_SAMPLE_AGE, RESOLUTION, Stage};

/// Until all moments are dropped that lists could go on from, and all that has ended is forgotten.
const SHORTEST: Duration = Duration::from_secs(MAX_SAMPLE_AGE.as_secs() + RESOLUTION.as_secs());
/// Idle connections to the API server are closed after a minute and a half.
const LONGEST: Duration = Duration::from_mins(2);

/// What the simulated cluster holds, and what was before the load.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) nodes: f64,
    pub(crate) pods: f64,
    pub(crate) containers: f64,
    /// Nodes, pods and containers, and nodes that were there a moment ago.
    pub(crate) subjects: f64,
    /// Label sets of the pods of each namespace.
    pub(crate) label_sets: f64,
    /// More texts or label sets cannot be in use at any time: one for each pod, those of the last half minute
    /// included that lists can go on from, and names.
    pub(crate) most_in_use: f64,
}

impl Truth {
    /// Of `world` at a time.
    pub(crate) fn of(world: &World, at: UnixMillis) -> Self {
        let (mut pods, mut containers, mut label_sets) = (0_u32, 0, BTreeSet::new());
        for pod in world.pods(at) {
            pods += 1;
            containers += u32::try_from(pod.containers.len()).unwrap_or(u32::MAX);
            let own = pod.deleted.map(|_| pod.uid());
            label_sets.insert((pod.key.namespace.clone(), pod.workload.clone(), own));
        }
        let scenario = world.scenario();
        let nodes = f64::from(u32::try_from(world.nodes_at(at).count()).unwrap_or(u32::MAX));
        let (pods, containers) = (f64::from(pods), f64::from(containers));
        Self {
            nodes,
            pods,
            containers,
            subjects: nodes + pods + containers + f64::from(scenario.passing_nodes),
            label_sets: label_sets.len() as f64,
            most_in_use: f64::from(scenario.nodes * (2 * scenario.pods_per_node + 1)),
        }
    }
}

/// Waits until every quantity is what explains it, all at the same moment; or tells which were not.
pub(crate) async fn wait(
    stage: &Stage,
    client: &Client,
    before: &Sample,
) -> Result<(Sample, Truth, Vec<String>), String> {
    let (begun, world) = (Instant::now(), &stage.simulation.world);
    sleep(SHORTEST).await;
    loop {
        let truth = Truth::of(world, Clock::system().now());
        let sample = Sample::now(stage.server.process.id(), client).await?;
        let unexplained = unexplained(&sample, &truth, before);
        if unexplained.is_empty() || begun.elapsed() > LONGEST {
            println!("at rest after {:.0} s", begun.elapsed().as_secs_f64());
            return Ok((sample, truth, unexplained));
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn unexplained(sample: &Sample, truth: &Truth, before: &Sample) -> Vec<String> {
    let all = ALL.iter().zip(sample.values.iter().zip(&before.values));
    let told = all.filter_map(|(quantity, (value, before))| {
        let explained = quantity.explained(truth, *before);
        (!explained.holds(*value)).then(|| format!("{}: {value} at rest, not {explained}", quantity.name))
    });
    told.collect()
}
