//! `demo --check`: the whole path once, every answered number against the curve it came from.
//!
//! The check is a client like any other: it knows the world and what a user may ask, and nothing
//! of the server's inside. What may be served at a time is the world's knowledge (`bounds`), what
//! a broken kubelet has to be called is [`reasons`]' table.

mod answer;
mod discovery;
mod doors;
mod findings;
mod presence;
mod reasons;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::sim::control_plane::Account;
use crate::sim::demo::DemoError;
use crate::sim::demo::client::{Caller, Client};
use crate::sim::demo::console::Console;
use crate::sim::demo::stage::Stage;
use crate::sim::{Fault, Scenario};
use findings::Findings;
use values::Round;

/// All nodes have to be served by then.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// All rates have to stand on two samples by then: a kubelet refreshes a reading within 15 s, and
/// it is seen one resolution later.
const MEASURED_WITHIN: Duration = Duration::from_secs(30);
const POLL_PERIOD: Duration = Duration::from_millis(200);

/// The scenario with one node more for each fault there is, unless it has faults of its own.
pub(super) fn scenario(scenario: Scenario) -> Scenario {
    if !scenario.faults.is_empty() {
        return scenario;
    }
    let healthy = scenario.nodes;
    let faults: BTreeMap<u32, Fault> = (healthy..).zip(reasons::ALL.iter().copied()).collect();
    Scenario { nodes: healthy + u32::try_from(faults.len()).unwrap_or(0), faults, ..scenario }
}

/// Checks everything and says what was checked; `true` if all is as it should be.
pub(super) async fn run(stage: &Stage, client: &Client, console: &mut Console) -> Result<bool, DemoError> {
    let begun = Instant::now();
    let caller = Caller { client, control_plane: &stage.control_plane, account: Account::Viewer };
    let mut findings = Findings::default();
    let ready = until_ready(stage, &caller).await;
    console.say(&format!("ready: all healthy nodes served after {:.1} s", begun.elapsed().as_secs_f64()))?;
    findings.expect(ready.is_ok(), || format!("not ready in {READY_WITHIN:?}: {}", ready.unwrap_or_else(|why| why)));

    console.say(&discovery::check(&caller, &mut findings).await)?;
    console.say(&doors::check(stage, client, &mut findings).await)?;
    for line in Round::take(stage, &caller, &mut findings).await {
        console.say(&format!("first usage: {line}"))?;
    }
    until_measured(&caller).await;
    for line in Round::take(stage, &caller, &mut findings).await {
        console.say(&format!("second round: {line}"))?;
    }
    console.say(&reasons::check(stage, &caller, &mut findings).await)?;
    console.say(&findings.verdict())?;
    Ok(findings.is_equal())
}

/// Polls until the server says that it is ready and every healthy node is served.
async fn until_ready(stage: &Stage, caller: &Caller<'_>) -> Result<String, String> {
    let deadline = Instant::now() + READY_WITHIN;
    let wanted = stage.world.nodes().filter(|node| reasons::is_served(&stage.world, node.index));
    let wanted: BTreeSet<String> = wanted.map(|node| node.name.to_string()).collect();
    loop {
        let served = match caller.read("/apis/custom.example.com/v1/healthz").await {
            Ok(_) => answer::items_of(caller, "/apis/metrics.k8s.io/v1beta1/nodes").await.map(|items| {
                let name = |item: &Value| item.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
                items.iter().filter_map(name).filter(|name| wanted.contains(name)).count()
            }),
            Err(why) => Err(why),
        };
        match served {
            Ok(served) if served >= wanted.len() => return Ok(format!("{served} nodes")),
            Ok(served) if Instant::now() > deadline => {
                return Err(format!("{served} of {} nodes served", wanted.len()));
            }
            Err(why) if Instant::now() > deadline => return Err(why),
            _ => sleep(POLL_PERIOD).await,
        }
    }
}

/// Polls until no rate is the kubelet's own any more; young pods may keep some so.
async fn until_measured(caller: &Caller<'_>) {
    let deadline = Instant::now() + MEASURED_WITHIN;
    while Instant::now() < deadline {
        let nodes = answer::items_of(caller, "/apis/custom.example.com/v1/nodes").await.unwrap_or_default();
        let pods = answer::items_of(caller, "/apis/custom.example.com/v1/pods").await.unwrap_or_default();
        let told = |text: String| text.contains(r#""source":"Kubelet""#);
        if !nodes.iter().chain(&pods).any(|item| told(item.to_string())) {
            return;
        }
        sleep(POLL_PERIOD).await;
    }
}
