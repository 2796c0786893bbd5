//! One server under measurement.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube_vitals::clock::Clock;

use crate::client::Door;
use crate::growth::Costs;
use crate::server::Server;
use crate::simulation::Simulation;
use crate::{answers, crowd, metrics_server, resident, server, usage_of};

/// A server to be measured.
pub(crate) enum Candidate {
    /// A build of ours, and what it is told beside where the cluster is.
    Ours(PathBuf, Vec<String>),
    /// metrics-server, and its `--metric-resolution`.
    MetricsServer(PathBuf, Duration),
}

/// A server that all kubelets have been asked by.
pub(crate) struct Run {
    pub(crate) program: PathBuf,
    pub(crate) server: Server,
    pub(crate) client: reqwest::Client,
    pub(crate) door: Door,
    pods: u64,
    first_usage: Duration,
}

impl Run {
    /// Ready when all pods are served.
    pub(crate) async fn start(candidate: Candidate, simulation: &Simulation, folder: &Path) -> Result<Self, String> {
        let port = server::free_port()?;
        let log = folder.join(format!("server-{port}.log"));
        let pods = simulation.world.pods(Clock::system().now()).count() as u64;
        let started = Instant::now();
        let (server, authority) = tokio::task::block_in_place(|| candidate.start(port, simulation, folder, &log))?;
        let (id, program) = (server.process.id(), candidate.program());
        println!("\n{}, process {id}", program.display());
        let client = answers::first_usage(simulation, port, authority.as_deref(), pods, started).await;
        if client.is_err() {
            println!("{}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        let (client, first_usage) = client?;
        let (resident, peak) = (usage_of::resident_bytes(id)?, usage_of::peak_resident_bytes(id)?);
        println!("resident at that moment: {}, most so far: {}", mebibytes(resident), mebibytes(peak));
        let authority = match authority {
            Some(pem) => pem,
            None => simulation.server_authority().await?,
        };
        let door = Door::of(simulation, port, &authority)?;
        Ok(Self { program, server, client, door, pods, first_usage })
    }

    /// As far as they are known from it alone.
    pub(crate) fn costs(&self) -> Result<Costs, String> {
        let resident_bytes = usage_of::resident_bytes(self.server.process.id())? as f64;
        Ok(Costs { resident_bytes, first_usage_seconds: self.first_usage.as_secs_f64(), ..Costs::default() })
    }

    /// What answers cost, and what they cost in memory.
    pub(crate) async fn answers(&self) -> Result<(), String> {
        let id = self.server.process.id();
        println!("\n{}", self.program.display());
        resident::print(id)?;
        answers::lists(&self.door, id, self.pods).await?;
        answers::gets(&self.door, id).await?;
        crowd::lists(&self.door, id).await?;
        let (resident, peak) = (usage_of::resident_bytes(id)?, usage_of::peak_resident_bytes(id)?);
        println!("resident after the lists: {}, peak: {}", mebibytes(resident), mebibytes(peak));
        Ok(())
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let stopped = tokio::task::block_in_place(|| self.server.process.stop(Duration::from_mins(1)))?;
        println!("stopped with {stopped}");
        Ok(())
    }
}

impl Candidate {
    fn program(&self) -> PathBuf {
        match self {
            Self::Ours(program, _) | Self::MetricsServer(program, _) => program.clone(),
        }
    }

    /// The server, and the certificate of it or its authority where that is not in the APIService.
    fn start(
        &self,
        port: u16,
        simulation: &Simulation,
        folder: &Path,
        log: &Path,
    ) -> Result<(Server, Option<Vec<u8>>), String> {
        match self {
            Self::Ours(program, told) => {
                let mut serve = simulation.serve_arguments();
                serve.extend_from_slice(told);
                let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
                Ok((Server::start_build(program, port, &serve, &[], log)?, None))
            }
            Self::MetricsServer(program, resolution) => {
                let (server, pem) = metrics_server::start(program, port, *resolution, simulation, folder, log)?;
                Ok((server, Some(pem)))
            }
        }
    }
}

/// Lets the servers scrape for so long and prints what that cost each; CPU seconds of the first one.
pub(crate) async fn scraping(runs: &[Run], simulation: &Simulation, time: Duration) -> Result<f64, String> {
    let used = || runs.iter().map(|run| usage_of::cpu_seconds(run.server.process.id())).collect::<Result<Vec<_>, _>>();
    let (before, requests) = (used()?, simulation.requests());
    tokio::time::sleep(time).await;
    let (after, requests) = (used()?, (simulation.requests() - requests) / runs.len() as u64);
    for ((run, before), after) in runs.iter().zip(&before).zip(&after) {
        let cpu = after - before;
        println!(
            "{requests} scrapes of {:.3} ms CPU ({cpu:.2} s; {:.2} mcore in all), resident {}, {}",
            cpu * 1000.0 / requests.max(1) as f64,
            cpu * 1000.0 / time.as_secs_f64(),
            mebibytes(usage_of::resident_bytes(run.server.process.id())?),
            run.program.display()
        );
    }
    let cpu = |run: usize| after[run] - before[run];
    if runs.len() == 2 {
        println!("the first took {:.3} times the CPU of the second", cpu(0) / cpu(1));
    }
    Ok(cpu(0))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
