//! An administrator who reads everything every few seconds and compares it with the curves.

use std::collections::BTreeSet;
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::{ContainerKind, Course, SimPod};
use reqwest::Client;
use serde_json::Value;

use crate::faults;
use crate::load::SERVER;
use crate::look::Look;
use crate::stage::{MAX_SAMPLE_AGE, Stage};
use crate::support::judge::{Judge, Lie};

/// A pod that began so long ago has been scraped, also where the machine is busy.
const KNOWN_AFTER: Duration = Duration::from_secs(20);
/// A third of what a pod lives at least.
const LEARNED_EACH: Duration = Duration::from_secs(5);
/// A pod's deletion is told within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Judges every number.
pub(crate) struct Observer<'a> {
    stage: &'a Stage,
    client: Client,
    pub(crate) judge: Judge,
    /// Up to when the judge knows which pods there were.
    learned: UnixMillis,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(stage: &'a Stage, client: Client) -> Self {
        let judge = Judge::new(stage.simulation.world.clone(), MAX_SAMPLE_AGE);
        Self { stage, client, judge, learned: Clock::system().now() }
    }

    /// What is not true of what is served now; some nodes may lie.
    pub(crate) async fn look(&mut self) -> Result<Vec<String>, String> {
        self.learn(Clock::system().now());
        let answer = self.client.get(format!("{SERVER}/apis/custom.example.com/v1/pods")).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        // The answer is of this moment at the latest, however long it takes to read it.
        let now = Clock::system().now();
        self.learn(now);
        let list: Value = serde_json::from_slice(&answer.bytes().await.map_err(|error| format!("{error:?}"))?)
            .map_err(|error| error.to_string())?;
        let name = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named: Vec<(String, &Value)> =
            items.iter().map(|item| (format!("{}/{}", name(item, "namespace"), name(item, "name")), item)).collect();
        Ok(self.judge.pods(named.iter().map(|(name, item)| (name, *item)), now, faults::lie))
    }

    /// What is not as it should be where nobody lies and nothing is wrong: every number true, every pod
    /// that lasts there and fresh, and no other.
    pub(crate) async fn look_at_rest(&mut self) -> Result<Vec<String>, String> {
        self.learn(Clock::system().now());
        let look = Look::now(&self.client).await?;
        let now = Clock::system().now();
        let mut wrong = self.judge.pods(&look.served, now, |_| Lie::default());
        wrong.extend(self.not_fresh(&look, now));
        let names: BTreeSet<String> = self.stage.simulation.world.pods(now).map(|pod| pod.key.to_string()).collect();
        let gone = |name: &&String| {
            let is_new = |ended: UnixMillis| ended + TOLD_WITHIN > now;
            !names.contains(*name) && !self.judge.ended(name).is_some_and(is_new)
        };
        wrong.extend(look.served.keys().chain(&look.served_plain).filter(gone).map(|name| format!("{name} is gone")));
        let failing = look.scrapes.values().filter(|scrape| scrape["outcome"] != "Success");
        wrong.extend(failing.map(|scrape| format!("not scraped: {scrape}")));
        Ok(wrong)
    }

    /// Pods that last and are not served fresh now.
    pub(crate) async fn lacking(&mut self) -> Result<Vec<String>, String> {
        let look = Look::now(&self.client).await?;
        Ok(self.not_fresh(&look, Clock::system().now()))
    }

    /// However long it is since the last time, no pod is missed.
    fn learn(&mut self, now: UnixMillis) {
        while self.learned < now {
            self.learned = now.min(self.learned + LEARNED_EACH);
            self.judge.learn(self.learned);
        }
    }

    fn not_fresh(&self, look: &Look, now: UnixMillis) -> Vec<String> {
        let lasting = self.stage.simulation.world.pods(now).filter(|pod| lasts(pod, now));
        let told = lasting.map(|pod| pod.key.to_string()).filter_map(|name| {
            let freshness = look.served.get(&name).map(|pod| pod["freshness"].to_string());
            let is_fresh = freshness.as_deref() == Some("\"Fresh\"") && look.served_plain.contains(&name);
            (!is_fresh).then(|| format!("{name} is {freshness:?}, {:?}", look.missing.get(&name)))
        });
        told.collect()
    }
}

/// Whether all its containers run and have done so for a while.
fn lasts(pod: &SimPod, now: UnixMillis) -> bool {
    let mut working = pod.containers.iter().filter(|container| container.kind != ContainerKind::Init);
    pod.created + KNOWN_AFTER < now && working.all(|container| container.course == Course::Forever)
}
