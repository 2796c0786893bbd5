//! The whole server against a simulated cluster: what a scrape, a resident pod and an answer cost.
//!
//! The cluster lives in this process, the server in one of its own, so that its CPU and memory are
//! its own. `cargo bench --bench system -- --nodes 1000` prints the figures; nothing is judged here.

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
mod server;
#[path = "../../tests/support/simulation.rs"]
mod simulation;
#[path = "../../tests/support/usage_of.rs"]
mod usage_of;

mod answers;
mod resident;

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
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
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
    let port = server::free_port()?;
    let resolution = format!("{}s", arguments.resolution_seconds);
    let mut serve = simulation.serve_arguments();
    serve.extend(["--metric-resolution".to_owned(), resolution]);
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
    let started = Instant::now();
    let log = folder.path().join("server.log");
    let mut server = tokio::task::block_in_place(|| Server::start(port, &serve, &[], &log))?;
    let measured = measure(&arguments, &simulation, &server, started).await;
    if measured.is_err() {
        println!("{}", std::fs::read_to_string(&log).unwrap_or_default());
    }
    measured?;
    let stopped = tokio::task::block_in_place(|| server.process.stop(Duration::from_mins(1)))?;
    println!("stopped with {stopped}");
    Ok(())
}

async fn measure(
    arguments: &Arguments,
    simulation: &Simulation,
    server: &Server,
    started: Instant,
) -> Result<(), String> {
    let (id, pods) = (server.process.id(), u64::from(arguments.nodes * arguments.pods_per_node));
    let client = answers::first_usage(simulation, server.port, pods, started).await?;
    println!("resident at that moment: {}", mebibytes(usage_of::resident_bytes(id)?));

    let round = Duration::from_secs(u64::from(arguments.resolution_seconds));
    tokio::time::sleep(round * 2).await;
    let (cpu, requests) = (usage_of::cpu_seconds(id)?, simulation.requests());
    tokio::time::sleep(round * arguments.rounds).await;
    let (cpu, requests) = (usage_of::cpu_seconds(id)? - cpu, simulation.requests() - requests);
    println!(
        "CPU per scrape: {:.3} ms ({:.2} s over {requests} scrapes in {} rounds; {:.2} mcore per node)",
        cpu * 1000.0 / requests.max(1) as f64,
        cpu,
        arguments.rounds,
        cpu * 1000.0 / (round * arguments.rounds).as_secs_f64() / f64::from(arguments.nodes)
    );
    println!("resident at rest: {}", mebibytes(usage_of::resident_bytes(id)?));
    resident::print(id)?;
    let cpu = usage_of::cpu_seconds(id)?;
    let lists = answers::lists(&client, pods).await?;
    let per_list = (usage_of::cpu_seconds(id)? - cpu) * 1000.0 / f64::from(lists);
    println!("CPU per LIST, scrapes under way included: {per_list:.0} ms");
    let cpu = usage_of::cpu_seconds(id)?;
    let gets = answers::gets(&client).await?;
    let per_get = (usage_of::cpu_seconds(id)? - cpu) * 1000.0 / f64::from(gets);
    println!("CPU per GET, scrapes under way included: {per_get:.3} ms");
    println!(
        "resident after the lists: {}, peak: {}",
        mebibytes(usage_of::resident_bytes(id)?),
        mebibytes(usage_of::peak_resident_bytes(id)?)
    );
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
