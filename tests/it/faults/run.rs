//! The cluster of good and bad kubelets, run once for all tests of this module.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kube_vitals::clock::Clock;
use kube_vitals::sim::{Fault, Scenario, SimPod, World};
use reqwest::Client;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until};

use super::BROKEN;
use crate::look::{Look, SERVER};
use crate::support::pair::Pair;
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::support::{usage_of, willing_store};
use crate::waiting::eventually;

/// The shortest there is.
pub(super) const RESOLUTION: Duration = Duration::from_secs(5);
/// One for each fault, and six that are well.
const NODES: u32 = 20;
const PODS_PER_NODE: u32 = 10;
/// By then failing nodes have reached their longest back-off, and young containers their rate.
const SETTLED: Duration = Duration::from_secs(20);
/// Two resolutions, looked at each second.
const LOOKS: u32 = 10;
/// A pod is given 30 s to stop; this leaves some.
pub(super) const POLITE_STOP: Duration = Duration::from_secs(20);

/// All that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(super) world: Arc<World>,
    pub(super) looks: Vec<Look>,
    /// Requests that were answered with a gigabyte.
    pub(super) huge_bodies: u64,
    pub(super) peak_resident_bytes: u64,
    /// How long the process took to end with code 0 after SIGTERM.
    pub(super) stopped: Result<Duration, String>,
    pub(super) log: String,
    /// What the process told of itself before its end, in OpenMetrics.
    pub(crate) metrics: String,
    /// The same in the classic format.
    pub(crate) classic_metrics: String,
}

/// What was seen, after the run that the first caller starts and all others wait for.
pub(crate) fn seen() -> &'static Seen {
    static SEEN: LazyLock<Result<Seen, String>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let log = folder.path().join("server.log");
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let seen = runtime.block_on(run(folder.path(), &log));
        seen.map_err(|error| format!("{error}\n{}", fs::read_to_string(&log).unwrap_or_default()))
    });
    SEEN.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// Whether nothing is wrong with the node of this index: the broken ones come first.
pub(super) fn is_well(node: u32) -> bool {
    node as usize >= BROKEN.len()
}

/// The broken nodes: name, what is wrong, the words for it.
pub(super) fn broken(world: &World) -> impl Iterator<Item = (String, Fault, &'static [&'static str])> {
    world.nodes().zip(BROKEN).map(|(node, (fault, words))| (node.name.to_string(), fault, words))
}

impl Seen {
    /// All pods; none comes or goes.
    pub(super) fn pods(&self) -> impl Iterator<Item = SimPod> {
        self.world.pods(Clock::system().now())
    }
}

async fn run(folder: &Path, log: &Path) -> Result<Seen, String> {
    // The test process speaks TLS too, as the kubelets.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(scenario(), folder).await?;
    let mut arguments = simulation.serve_arguments();
    arguments.extend(["--metric-resolution".to_owned(), format!("{}s", RESOLUTION.as_secs())]);
    // A store, whatever is sent to it: what it takes is told.
    let (export, store) = (folder.join("export.yaml"), willing_store::start().await?);
    let targets = format!("export: {{remoteWrite: [{{name: store, url: 'http://{store}/'}}]}}\n");
    fs::write(&export, targets).map_err(|error| error.to_string())?;
    arguments.extend(["--config".to_owned(), export.display().to_string()]);
    // Kubelets look at the token alone, but when it ends is told.
    let client = Pair::write("kube-vitals", Duration::from_hours(24 * 365), folder, "client")?;
    arguments.extend(client.flags("--kubelet-client-certificate", "--kubelet-client-key"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut server = block_in_place(|| Server::start(free_port()?, &arguments, &[], log))?;
    let started = Instant::now();
    let client = eventually(SETTLED, async || simulation.server_client(server.port).await).await?;
    sleep_until(started + SETTLED).await;
    let looks = look_each_second(&client).await?;
    let huge = (0..).zip(BROKEN).find(|(_, (fault, _))| *fault == Fault::HugeBody).map_or(0, |(node, _)| node);
    let (metrics, classic_metrics) =
        (metrics(&client, "application/openmetrics-text").await?, metrics(&client, "text/plain").await?);
    Ok(Seen {
        looks,
        metrics,
        classic_metrics,
        huge_bodies: simulation.fleet.requests(huge),
        peak_resident_bytes: usage_of::peak_resident_bytes(server.process.id())?,
        stopped: stop_while_kubelets_hang(&simulation, &mut server).await,
        world: Arc::clone(&simulation.world),
        log: fs::read_to_string(log).map_err(|error| error.to_string())?,
    })
}

async fn metrics(client: &Client, accept: &str) -> Result<String, String> {
    let request = client.get(format!("{SERVER}/metrics")).header("accept", accept);
    let answer =
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?;
    answer.text().await.map_err(|error| error.to_string())
}

fn scenario() -> Scenario {
    let well = Scenario::bench(NODES, PODS_PER_NODE, 1);
    (0..).zip(BROKEN).fold(well, |scenario, (node, (fault, _))| scenario.with_fault(node, fault))
}

async fn look_each_second(client: &Client) -> Result<Vec<Look>, String> {
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        looks.push(Look::now(client).await?);
        sleep(Duration::from_secs(1)).await;
    }
    Ok(looks)
}

/// Nodes that fail are rarely asked; so that a request hangs at the very moment of SIGTERM, those
/// that were well hang as well.
async fn stop_while_kubelets_hang(simulation: &Simulation, server: &mut Server) -> Result<Duration, String> {
    let well = (0..NODES).filter(|node| is_well(*node));
    well.clone().for_each(|node| simulation.faults.set(node, Fault::Hang));
    let requests = || well.clone().map(|node| simulation.fleet.requests(node)).sum::<u64>();
    let before = requests();
    let hanging = || if requests() > before { Ok(()) } else { Err("no healthy node is asked any more".to_owned()) };
    eventually(RESOLUTION * 2, async || hanging()).await?;
    let told = Instant::now();
    let status = block_in_place(|| server.process.stop(POLITE_STOP))?;
    if status.success() { Ok(told.elapsed()) } else { Err(format!("ended with {status}")) }
}
