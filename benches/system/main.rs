//! The whole server against a simulated cluster: what a scrape, a resident pod and an answer cost.
//!
//! The cluster lives in this process, the server in one of its own, so that its CPU and memory are
//! its own. `cargo bench --bench system -- --nodes 1000` prints the figures; nothing is judged here.
//! Of several sizes, such as `--nodes 100,1000,5000`, it also tells how the costs grow. Where `--beside`
//! names another build of the server, both run at the same time against the same cluster, so that what
//! else the machine does befalls both alike; `--metrics-server` does so with what most clusters run. What
//! `--serve-argument` and `--traces-per-million` add is for the first alone: beside the same build without
//! them, it shows what they cost.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench that measures real time and prints what it saw"
)]

#[path = "../../tests/support/pair.rs"]
mod pair;
#[path = "../../tests/support/process.rs"]
#[allow(dead_code, reason = "the suites use more of it")]
mod process;
#[path = "../../tests/support/server.rs"]
#[allow(dead_code, reason = "the suites use more of it")]
mod server;
#[path = "../../tests/support/simulation.rs"]
mod simulation;
#[path = "../../tests/support/usage_of.rs"]
mod usage_of;

mod answers;
mod awake;
mod client;
mod collector;
mod cpu;
mod crowd;
mod freshness;
mod growth;
mod metrics_server;
mod resident;
mod run;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use kube_vitals::sim::Scenario;

use crate::growth::Costs;
use crate::run::{Candidate, Run};
use crate::simulation::Simulation;

/// What to simulate.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// Nodes; of several numbers, each is simulated in turn.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    nodes: Vec<u32>,
    /// Pods on each node.
    #[arg(long, default_value_t = 30)]
    pods_per_node: u32,
    /// Containers in each pod.
    #[arg(long, default_value_t = 2)]
    containers_per_pod: u32,
    /// Seconds between two scrapes of a node.
    #[arg(long, default_value_t = 15)]
    resolution_seconds: u32,
    /// Rounds over which CPU is measured, after two that are not.
    #[arg(long, default_value_t = 4)]
    rounds: u32,
    /// Another build of the server, to be measured at the same time. One only: the simulated kubelets
    /// have no room for the connections of a third.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// metrics-server, to be measured at the same time.
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["beside", "freshness", "watchers"])]
    metrics_server: Option<PathBuf>,
    /// One more argument for the first server; repeatable.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    serve_argument: Vec<String>,
    /// Requests and scrapes of the first server that are traced, for a collector that forgets them.
    #[arg(long, value_name = "NUMBER")]
    traces_per_million: Option<u32>,
    /// Follow the readings of some pods for three rounds: how late are they served?
    #[arg(long)]
    freshness: bool,
    /// Cut all connections to kubelets at once and measure the round after that.
    #[arg(long)]
    cut: bool,
    /// Let so many watch one namespace of 30 pods, for two rounds.
    #[arg(long, default_value_t = 0)]
    watchers: usize,
    /// Keep the processors from sleeping, by work that gives way to all other: what waking them costs
    /// says more of the machine than of the server.
    #[arg(long)]
    awake: bool,
    /// How long the server is left running after the figures, for a profiler.
    #[arg(long, default_value_t = 0)]
    linger_seconds: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn resolution(&self) -> Duration {
        Duration::from_secs(u64::from(self.resolution_seconds))
    }

    /// The servers; ours comes first.
    async fn servers(&self) -> Result<Vec<Candidate>, String> {
        let every = vec!["--metric-resolution".to_owned(), format!("{}s", self.resolution_seconds)];
        let mut first = every.clone();
        first.extend_from_slice(&self.serve_argument);
        if let Some(rate) = self.traces_per_million {
            first.extend(collector::start(rate).await?);
        }
        let built = Path::new(env!("CARGO_BIN_EXE_kube-vitals")).to_owned();
        let beside = self.beside.iter().map(|program| Candidate::Ours(program.clone(), every.clone()));
        let peer = self.metrics_server.iter();
        let peer = peer.map(|program| Candidate::MetricsServer(program.clone(), self.resolution()));
        Ok(std::iter::once(Candidate::Ours(built, first)).chain(beside).chain(peer).collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    let _awake = if arguments.awake { awake::keep()? } else { Vec::new() };
    let mut costs = Vec::new();
    for nodes in &arguments.nodes {
        costs.push(measure(&arguments, *nodes).await?);
    }
    growth::print(&costs);
    Ok(())
}

/// One size of cluster; what the server that was built with this bench costs there.
async fn measure(arguments: &Arguments, nodes: u32) -> Result<Costs, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let scenario = Scenario::bench(nodes, arguments.pods_per_node, arguments.containers_per_pod);
    let scenario = if arguments.watchers > 0 { watch::with_watched_namespace(scenario) } else { scenario };
    let simulation = Simulation::start(scenario, folder.path()).await?;
    simulation.fleet.certify().map_err(|error| error.to_string())?;
    println!(
        "\n{nodes} nodes x {} pods x {} containers, every {} s",
        arguments.pods_per_node, arguments.containers_per_pod, arguments.resolution_seconds
    );
    let mut runs = Vec::new();
    for candidate in arguments.servers().await? {
        runs.push(Run::start(candidate, &simulation, folder.path()).await?);
    }
    tokio::time::sleep(arguments.resolution() * 2).await;
    println!("\nat rest, {} rounds:", arguments.rounds);
    let time = arguments.resolution() * arguments.rounds;
    let cpu_seconds = run::scraping(&runs, &simulation, time).await?;
    let costs = Costs { nodes, cpu_seconds_per_second: cpu_seconds / time.as_secs_f64(), ..runs[0].costs()? };
    if arguments.cut {
        println!("\nthe round after all connections were cut:");
        simulation.fleet.cut();
        run::scraping(&runs, &simulation, arguments.resolution()).await?;
    }
    for run in &runs {
        run.answers().await?;
        if arguments.freshness {
            freshness::follow(&run.client, &simulation.world, arguments.resolution() * 3).await?;
        }
        if arguments.watchers > 0 {
            let (id, time) = (run.server.process.id(), arguments.resolution() * 2);
            watch::follow(&run.door, &simulation, id, arguments.watchers, time).await?;
        }
    }
    tokio::time::sleep(Duration::from_secs(arguments.linger_seconds)).await;
    for run in runs {
        run.stop()?;
    }
    Ok(costs)
}
