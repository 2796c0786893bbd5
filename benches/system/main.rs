//! The whole server against a simulated cluster: what a scrape, a resident pod and an answer cost.
//!
//! The cluster lives in this process, the server in one of its own, so that its CPU and memory are
//! its own. `cargo bench --bench system -- --nodes 1000` prints the figures; nothing is judged here.
//! Where `--beside` names another build of the server, both run at the same time against the same
//! cluster, so that what else the machine does befalls both alike. What `--serve-argument` and
//! `--traces-per-million` add is for the first alone: beside the same build without them, it shows
//! what they cost.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench that measures real time and prints what it saw"
)]

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
mod collector;
mod resident;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use kube_vitals::sim::Scenario;

use crate::server::Server;
use crate::simulation::Simulation;

/// What to simulate.
#[derive(Debug, Parser)]
struct Arguments {
    /// Nodes.
    #[arg(long, default_value_t = 100)]
    nodes: u32,
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
    /// One more argument for the first server; repeatable.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    serve_argument: Vec<String>,
    /// Requests and scrapes of the first server that are traced, for a collector that forgets them.
    #[arg(long, value_name = "NUMBER")]
    traces_per_million: Option<u32>,
    /// How long the server is left running after the figures, for a profiler.
    #[arg(long, default_value_t = 0)]
    linger_seconds: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn pods(&self) -> u64 {
        u64::from(self.nodes * self.pods_per_node)
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| error.to_string())?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let scenario = Scenario::bench(arguments.nodes, arguments.pods_per_node, arguments.containers_per_pod);
    let simulation = Simulation::start(scenario, folder.path()).await?;
    println!(
        "{} nodes x {} pods x {} containers, every {} s",
        arguments.nodes, arguments.pods_per_node, arguments.containers_per_pod, arguments.resolution_seconds
    );
    let mut added = arguments.serve_argument.clone();
    if let Some(rate) = arguments.traces_per_million {
        added.extend(collector::start(rate).await?);
    }
    let built = Path::new(env!("CARGO_BIN_EXE_kube-vitals")).to_owned();
    let mut runs = vec![Run::start(built, &added, &arguments, &simulation, folder.path()).await?];
    if let Some(program) = arguments.beside.clone() {
        runs.push(Run::start(program, &[], &arguments, &simulation, folder.path()).await?);
    }
    steady_state(&arguments, &simulation, &runs).await?;
    for run in &runs {
        run.answers(&arguments).await?;
    }
    tokio::time::sleep(Duration::from_secs(arguments.linger_seconds)).await;
    for mut run in runs {
        let stopped = tokio::task::block_in_place(|| run.server.process.stop(Duration::from_mins(1)))?;
        println!("stopped with {stopped}");
    }
    Ok(())
}

/// One server that all kubelets have been asked by.
struct Run {
    program: PathBuf,
    server: Server,
    client: reqwest::Client,
}

impl Run {
    /// Ready when all pods are served.
    async fn start(
        program: PathBuf,
        added: &[String],
        arguments: &Arguments,
        simulation: &Simulation,
        folder: &Path,
    ) -> Result<Self, String> {
        let port = server::free_port()?;
        let mut serve = simulation.serve_arguments();
        serve.extend(["--metric-resolution".to_owned(), format!("{}s", arguments.resolution_seconds)]);
        serve.extend_from_slice(added);
        let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
        let log = folder.join(format!("server-{port}.log"));
        let started = Instant::now();
        let server = tokio::task::block_in_place(|| Server::start_build(&program, port, &serve, &[], &log))?;
        let id = server.process.id();
        println!("\n{} {}, process {id}", program.display(), added.join(" "));
        let client = answers::first_usage(simulation, port, arguments.pods(), started).await;
        if client.is_err() {
            println!("{}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        println!("resident at that moment: {}", mebibytes(usage_of::resident_bytes(id)?));
        Ok(Self { program, server, client: client? })
    }

    async fn answers(&self, arguments: &Arguments) -> Result<(), String> {
        let id = self.server.process.id();
        println!("\n{}", self.program.display());
        resident::print(id)?;
        let cpu = usage_of::cpu_seconds(id)?;
        let lists = answers::lists(&self.client, arguments.pods()).await?;
        let per_list = (usage_of::cpu_seconds(id)? - cpu) * 1000.0 / f64::from(lists);
        println!("CPU per LIST, scrapes under way included: {per_list:.0} ms");
        let cpu = usage_of::cpu_seconds(id)?;
        let gets = answers::gets(&self.client).await?;
        let per_get = (usage_of::cpu_seconds(id)? - cpu) * 1000.0 / f64::from(gets);
        println!("CPU per GET, scrapes under way included: {per_get:.3} ms");
        let (resident, peak) = (usage_of::resident_bytes(id)?, usage_of::peak_resident_bytes(id)?);
        println!("resident after the lists: {}, peak: {}", mebibytes(resident), mebibytes(peak));
        Ok(())
    }
}

/// What scraping alone costs.
async fn steady_state(arguments: &Arguments, simulation: &Simulation, runs: &[Run]) -> Result<(), String> {
    let round = Duration::from_secs(u64::from(arguments.resolution_seconds));
    tokio::time::sleep(round * 2).await;
    let used = || runs.iter().map(|run| usage_of::cpu_seconds(run.server.process.id())).collect::<Result<Vec<_>, _>>();
    let (before, requests) = (used()?, simulation.requests());
    tokio::time::sleep(round * arguments.rounds).await;
    let (after, requests) = (used()?, (simulation.requests() - requests) / runs.len() as u64);
    println!("\n{requests} scrapes in {} rounds", arguments.rounds);
    for ((run, before), after) in runs.iter().zip(before).zip(after) {
        let cpu = after - before;
        println!(
            "CPU per scrape: {:.3} ms ({cpu:.2} s; {:.2} mcore per node), resident at rest: {}, {}",
            cpu * 1000.0 / requests.max(1) as f64,
            cpu * 1000.0 / (round * arguments.rounds).as_secs_f64() / f64::from(arguments.nodes),
            mebibytes(usage_of::resident_bytes(run.server.process.id())?),
            run.program.display()
        );
    }
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
