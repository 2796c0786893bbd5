//! Two replicas of the program: the second begins with what the first knows, both tell the same, and
//! nobody else gets what replicas tell each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::{Basis, ContainerKind, Scenario, World};
use kube_vitals::usage::{Bytes, Nanocores};
use reqwest::Client;
use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::look::{Look, SERVER};
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

/// Starting, and first usage of everything.
pub(crate) const START: Duration = Duration::from_secs(20);
/// `--metric-resolution`.
pub(crate) const RESOLUTION: Duration = Duration::from_secs(5);
/// How much later a scrape may begin on a busy machine, and seconds that are told without fractions.
pub(crate) const LATENESS: Duration = Duration::from_secs(2);
/// Of three nodes with ten each.
const PODS: usize = 30;
const LEASES: &str = "apis/coordination.k8s.io/v1/namespaces/custom-api/leases";

/// Costs 40 s, nearly all of it waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_begins_with_what_another_knows_and_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    match run(folder.path()).await {
        Ok(seen) => println!("{}", seen.join("\n")),
        Err(error) => {
            let logs = ["one", "two"].map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default());
            panic!("{error}\n{}", logs.concat());
        }
    }
}

/// What was seen.
async fn run(folder: &Path) -> Result<Vec<String>, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(3, 10, 2), folder).await?;
    let one = Replica::start(&simulation, "one", folder, &[]).await?;
    until_measured(&one, PODS).await?;
    eventually(START, async || leases(&simulation, &[("one", "ready")]).await).await?;

    let asked_before = simulation.requests();
    let two = Replica::start(&simulation, "two", folder, &[]).await?;
    let at_once = Look::now(&two.client).await?;
    whole_with_true_windows(&at_once, PODS)?;
    let mut seen = taken(&two).await?;
    seen.push(format!("{} requests to kubelets in the start of the second", simulation.requests() - asked_before));
    seen.push(agree(&simulation, &one, &two).await?);
    only_for_replicas(&one).await?;
    leave(&simulation, one, two).await?;
    Ok(seen)
}

/// A running replica and an administrator's client of it.
pub(crate) struct Replica {
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl Replica {
    /// Returns when it is ready.
    pub(crate) async fn start(
        simulation: &Simulation,
        name: &str,
        folder: &Path,
        more: &[&str],
    ) -> Result<Self, String> {
        let mut arguments = simulation.serve_arguments();
        let flags = ["--metric-resolution", "5s", "--pod-name", name, "--pod-ip", "127.0.0.1"];
        arguments.extend(flags.iter().chain(more).map(|&flag| flag.to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = block_in_place(|| Server::start(free_port()?, &arguments, &[], &folder.join(name)))?;
        let client = eventually(START, async || simulation.server_client(server.port).await).await?;
        eventually(START, async || get(&client, "/readyz").await.map(drop)).await?;
        Ok(Self { server, client })
    }
}

pub(crate) async fn get(client: &Client, path: &str) -> Result<String, String> {
    let answer = client.get(format!("{SERVER}{path}")).send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    if status.is_success() { Ok(text) } else { Err(format!("{path}: {status}: {text}")) }
}

/// Until each of so many pods is served, every rate from two samples.
pub(crate) async fn until_measured(replica: &Replica, pods: usize) -> Result<(), String> {
    eventually(START, async || whole_with_true_windows(&Look::now(&replica.client).await?, pods)).await
}

/// Every pod is there in both groups, and no rate is the kubelet's own.
fn whole_with_true_windows(look: &Look, pods: usize) -> Result<(), String> {
    if look.served.len() != pods || look.served_plain.len() != pods || !look.missing.is_empty() {
        return Err(format!("{} pods are served, missing: {:?}", look.served.len(), look.missing));
    }
    let by_kubelet = look.served.values().find(|pod| pod.to_string().contains(r#""source":"Kubelet""#));
    by_kubelet.map_or(Ok(()), |pod| Err(format!("not from two samples: {pod}")))
}

/// What the replica tells of its hand-over, which took everything.
async fn taken(replica: &Replica) -> Result<Vec<String>, String> {
    let metrics = get(&replica.client, "/metrics").await?;
    for line in [r#"hand_overs_total{outcome="taken"} 1"#, r#"hand_over_samples_total{verdict="taken"} 63"#] {
        if !metrics.contains(&format!("kube_vitals_{line}\n")) {
            return Err(format!("no {line} in {metrics}"));
        }
    }
    let told = metrics.lines().filter(|line| line.starts_with("kube_vitals_hand_over"));
    Ok(told.map(str::to_owned).collect())
}

/// Over three rounds: the same pods, each number on the curve that it came from, and what one tells
/// the other tells too within a resolution. (Their times may be further apart than that: a kubelet
/// reads its containers every ten seconds or so, and one replica asks before, the other after.)
async fn agree(simulation: &Simulation, one: &Replica, two: &Replica) -> Result<String, String> {
    let (mut compared, mut behind) = (0, [Behind::default(), Behind::default()]);
    let end = Instant::now() + RESOLUTION * 3;
    while Instant::now() < end {
        let (one, two) = tokio::join!(Look::now(&one.client), Look::now(&two.client));
        let (one, two) = (one?, two?);
        for look in [&one, &two] {
            whole_with_true_windows(look, PODS)?;
            compared += true_to_the_curve(&simulation.world, look)?;
        }
        let [of_one, of_two] = &mut behind;
        of_one.look(&one.served, &two.served)?;
        of_two.look(&two.served, &one.served)?;
        sleep(Duration::from_millis(250)).await;
    }
    let longest = behind.iter().map(|behind| behind.longest).max().unwrap_or_default();
    if longest > RESOLUTION + LATENESS {
        return Err(format!("one is {longest:?} behind the other"));
    }
    Ok(format!("{compared} values of both equal their curve; one was {longest:.1?} behind the other at most"))
}

/// For how long a replica tells of something older than the other does.
#[derive(Default)]
pub(crate) struct Behind {
    /// By pod: what the other has told, and since when this one lacks it.
    lacking: BTreeMap<String, (jiff::Timestamp, Instant)>,
    pub(crate) longest: Duration,
}

impl Behind {
    pub(crate) fn look(
        &mut self,
        own: &BTreeMap<String, Value>,
        other: &BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let now = Instant::now();
        let time = |pod: &Value| pod["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        for (name, pod) in other {
            let own = time(own.get(name).ok_or_else(|| format!("{name} is known to one replica alone"))?);
            if self.lacking.get(name).is_some_and(|(told, _)| own >= *told) {
                self.lacking.remove(name);
            }
            if own < time(pod) {
                let (_, since) = *self.lacking.entry(name.clone()).or_insert((time(pod), now));
                self.longest = self.longest.max(now - since);
            }
        }
        Ok(())
    }
}

pub(crate) fn true_to_the_curve(world: &World, look: &Look) -> Result<usize, String> {
    let mut compared = 0;
    for pod in world.pods(kube_vitals::clock::Clock::system().now()) {
        let served = &look.served[&pod.key.to_string()]["containers"];
        for container in pod.containers.iter().filter(|container| container.kind != ContainerKind::Init) {
            let found = served.as_array().unwrap().iter().find(|found| found["name"] == container.name.as_str());
            let found = found.ok_or_else(|| format!("{} is not served", container.name))?;
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let time: jiff::Timestamp = text(&found["timestamp"]).parse().unwrap();
            let window: kube::core::Duration = text(&found["window"]).parse().unwrap();
            let time = kube_vitals::clock::UnixMillis(time.as_millisecond());
            let bounds = container.bounds(time, Basis::Window(window.into())).ok_or("no reading of that time")?;
            let cpu: Nanocores = text(&found["usage"]["cpu"]).parse().unwrap();
            let memory: Bytes = text(&found["usage"]["memory"]).parse().unwrap();
            if !bounds.cpu_nanocores.contains(&cpu.0) || !bounds.memory_bytes.contains(&memory.0) {
                return Err(format!("{found} is not within {bounds:?}"));
            }
            compared += 2;
        }
    }
    Ok(compared)
}

/// Where replicas ask, an administrator finds nothing, and nobody finds less.
async fn only_for_replicas(replica: &Replica) -> Result<(), String> {
    let path = format!("{SERVER}/replicas/samples");
    let media_type = "application/vnd.kube-vitals.samples.v1+protobuf";
    let administrator = replica.client.get(&path).header("accept", media_type).send().await;
    let administrator = administrator.map_err(|error| format!("{error:?}"))?.status();
    let index = get(&replica.client, "/").await?;
    if administrator != 404 || index.contains("replicas") {
        return Err(format!("an administrator gets {administrator} there, and reads {index}"));
    }
    Ok(())
}

/// Who stops takes its Lease along; who is killed leaves it, and the other clears it away.
async fn leave(simulation: &Simulation, mut one: Replica, mut two: Replica) -> Result<(), String> {
    eventually(START, async || leases(simulation, &[("one", "ready"), ("two", "ready")]).await).await?;
    one.server.process.kill()?;
    let others = r#"kube_vitals_replicas{state="ready"} 0"#;
    eventually(START, async || {
        let metrics = get(&two.client, "/metrics").await?;
        if metrics.contains(others) { Ok(()) } else { Err("the dead one still counts".to_owned()) }
    })
    .await?;
    eventually(START, async || leases(simulation, &[("two", "ready")]).await).await?;
    block_in_place(|| two.server.process.stop(START))?;
    leases(simulation, &[]).await
}

/// Whether these and no other Leases are there, each with its state.
pub(crate) async fn leases(simulation: &Simulation, expected: &[(&str, &str)]) -> Result<(), String> {
    let list = simulation.object(LEASES).await?;
    let items = list["items"].as_array().ok_or_else(|| list.to_string())?;
    let state = |lease: &Value| lease["metadata"]["annotations"]["kube-vitals/state"].as_str().map(str::to_owned);
    let found: Vec<_> = items.iter().map(|lease| (lease["metadata"]["name"].as_str(), state(lease))).collect();
    let is_it = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|((name, state), wanted)| (*name, state.as_deref()) == (Some(wanted.0), Some(wanted.1)));
    if is_it { Ok(()) } else { Err(format!("there are {found:?}")) }
}
