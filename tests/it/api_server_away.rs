//! The API server goes away and comes back, with the program as a process of its own: what was last
//! known is kept and measured on, and what was missed is caught up with.

pub(crate) mod relay;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use kube_vitals::clock::{Clock, UnixMillis};
use kube_vitals::sim::{Lifetime, Scenario, SimPod, Workload, World};
use reqwest::Client;
use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::sleep;

use self::relay::Relay;
use crate::look::{Look, SERVER};
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

const NODES: u32 = 5;
/// Half of them stay, half come and go.
const PODS_PER_NODE: u32 = 10;
const SECONDS_AWAY: u32 = 12;
/// Starting, and first usage of everything.
const START: Duration = Duration::from_secs(20);
/// The watches ask again ever more rarely, up to half a minute apart.
const CATCH_UP: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_is_served_while_the_api_server_is_away_and_the_rest_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    match run(folder.path(), &log).await {
        Ok(took) => println!("caught up {took:?} after the API server came back"),
        Err(error) => panic!("{error}\n{}", fs::read_to_string(log).unwrap_or_default()),
    }
}

/// How long it took to catch up.
async fn run(folder: &Path, log: &Path) -> Result<Duration, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(scenario(), folder).await?;
    let world = &simulation.world;
    let mut relay = Relay::to(simulation.control_plane.address()).await.map_err(|error| error.to_string())?;
    let server = start(&simulation, &relay, log)?;
    let client = eventually(START, async || simulation.server_client(server.port).await).await?;
    eventually(START, async || all_served(&Look::now(&client).await?, &lasting(world))).await?;

    let away_from = Clock::system().now();
    relay.cut().await;
    for _ in 0..SECONDS_AWAY {
        sleep(Duration::from_secs(1)).await;
        let look = Look::now(&client).await?;
        all_served(&look, &lasting(world))?;
        look.served.values().try_for_each(is_fresh)?;
        ready(&client).await?;
    }
    let told = fs::read_to_string(log).map_err(|error| error.to_string())?;
    assert!(told.contains("watch lost; what was last known is kept"), "nothing was amiss");
    assert!(readyz(&client).await?.contains("warn: the watch of nodes is lost"));
    let away_to = Clock::system().now();
    relay.mend().await.map_err(|error| error.to_string())?;

    eventually(CATCH_UP, async || {
        let look = Look::now(&client).await?;
        all_served(&look, &lasting(world))?;
        caught_up(&look, world, away_from, away_to)
    })
    .await?;
    let took = Clock::system().now().since(away_to);
    ready(&client).await?;
    // The watch of nodes asks again at its own pace.
    let quiet =
        async || Ok(readyz(&client).await?).and_then(|told| if told.contains("warn:") { Err(told) } else { Ok(()) });
    eventually(CATCH_UP, quiet).await?;
    Ok(took)
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::bench(NODES, PODS_PER_NODE, 1);
    let brief = Lifetime { shortest: Duration::from_secs(20), longest: Duration::from_mins(1) };
    let workloads: Vec<Workload> = scenario
        .workloads
        .iter()
        .map(|steady| Workload { name: "brief".into(), lifetime: Some(brief), ..steady.clone() })
        .collect();
    scenario.workloads.extend(workloads);
    scenario
}

fn start(simulation: &Simulation, relay: &Relay, log: &Path) -> Result<Server, String> {
    let mut arguments = simulation.serve_arguments();
    let kubeconfig = arguments.get(1).ok_or("no kubeconfig")?;
    let text = fs::read_to_string(kubeconfig).map_err(|error| error.to_string())?;
    let text = text.replace(&simulation.control_plane.address().to_string(), &relay.address.to_string());
    fs::write(kubeconfig, text).map_err(|error| error.to_string())?;
    // Who asks is settled before: the API server cannot be asked while it is away.
    let more = ["--metric-resolution", "5s", "--authentication-token-webhook-cache-ttl", "10m"];
    arguments.extend(more.map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    block_in_place(|| Server::start(free_port()?, &arguments, &[], log))
}

/// The pods that stay.
fn lasting(world: &World) -> BTreeSet<String> {
    let now = Clock::system().now();
    world.pods(now).filter(|pod| &*pod.workload != "brief").map(|pod| pod.key.to_string()).collect()
}

fn all_served(look: &Look, wanted: &BTreeSet<String>) -> Result<(), String> {
    let lacking: Vec<_> = wanted.iter().filter(|pod| !look.served.contains_key(*pod)).collect();
    if lacking.is_empty() { Ok(()) } else { Err(format!("not served: {lacking:?}")) }
}

fn is_fresh(pod: &Value) -> Result<(), String> {
    if pod["freshness"] == "Fresh" { Ok(()) } else { Err(format!("not fresh: {pod}")) }
}

/// Whether pods that came meanwhile are served, and those that went are not.
fn caught_up(look: &Look, world: &World, away_from: UnixMillis, away_to: UnixMillis) -> Result<(), String> {
    let names = |pods: &mut dyn Iterator<Item = SimPod>| pods.map(|pod| pod.key.to_string()).collect::<BTreeSet<_>>();
    let at_first = names(&mut world.pods(away_from));
    let at_last = names(&mut world.pods(away_to));
    // What ends in this moment may be seen either way.
    let now = names(&mut world.pods(Clock::system().now() + Duration::from_secs(1)));
    let came: BTreeSet<_> = at_last.difference(&at_first).filter(|pod| now.contains(*pod)).cloned().collect();
    let left: Vec<_> = at_first.difference(&at_last).collect();
    if came.is_empty() || left.is_empty() {
        return Err(format!("too little happened: {came:?} came, {left:?} left"));
    }
    all_served(look, &came)?;
    let known = |pod: &&&String| look.served.contains_key(**pod) || look.missing.contains_key(**pod);
    left.iter().find(known).map_or(Ok(()), |pod| Err(format!("{pod} is still known")))
}

/// What `/readyz?verbose` tells.
async fn readyz(client: &Client) -> Result<String, String> {
    let answer = client.get(format!("{SERVER}/readyz?verbose")).send().await.map_err(|error| error.to_string())?;
    answer.text().await.map_err(|error| error.to_string())
}

async fn ready(client: &Client) -> Result<(), String> {
    for path in ["readyz", "apis/custom.example.com/v1/healthz"] {
        let answer =
            client.get(format!("{SERVER}/{path}")).send().await.map_err(|error| format!("{path}: {error:?}"))?;
        if !answer.status().is_success() {
            return Err(format!("{path}: {}", answer.status()));
        }
    }
    Ok(())
}
