//! The server, its cluster, and how an attack on it is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kube_vitals::clock::Clock;
use kube_vitals::sim::Scenario;
use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::attacker::{Attacker, url};
use crate::attacks::Case;
use crate::honest::Honest;
use crate::measured::Measured;
use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation, client};
use crate::support::usage_of;

const NODES: u32 = 20;
const PODS_PER_NODE: u32 = 30;
/// Starting, and first usage of everything.
const START: Duration = Duration::from_secs(30);
/// How long an attack lasts.
const ATTACK: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 5000 });
/// Attackers that have done too little by then will not do it.
const LONGEST_ATTACK: Duration = Duration::from_secs(30);
/// After that, connections, files and tasks are given back. Unoptimised code has a backlog of its own to
/// work through.
const RECOVERY: Duration = Duration::from_secs(if cfg!(debug_assertions) { 6 } else { 2 });
/// And memory: what is free is given back every five seconds.
const MEMORY_RECOVERY: Duration = Duration::from_secs(6);
/// Reviews leave connections to the API server behind that wait for the next ones: 64 of each kind,
/// with a task or two each.
const KEPT_CONNECTIONS: u64 = 2 * 64;
/// Caches that attacks have filled, and what the allocator keeps, whatever the number of attacks.
const KEPT_BYTES: u64 = 24 * 1024 * 1024;

/// A running server with readings of all pods.
pub(crate) struct Stage {
    simulation: Simulation,
    server: Server,
    authority_pem: Arc<[u8]>,
    roots: Arc<RootCertStore>,
    pod: String,
    log: PathBuf,
    /// At rest, before the first attack.
    resident_bytes: u64,
}

/// What the server holds at one moment.
#[derive(Clone, Debug)]
struct Holding {
    resident_bytes: u64,
    files: u64,
    connections: u64,
    tasks: u64,
    reviews: u64,
    refused_connections: u64,
    shed_requests: u64,
}

impl Stage {
    pub(crate) async fn start(folder: &Path) -> Result<Self, String> {
        let simulation = Simulation::start(Scenario::bench(NODES, PODS_PER_NODE, 2), folder).await?;
        let log = folder.join("server.log");
        let arguments = simulation.serve_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = block_in_place(|| Server::start(free_port()?, &arguments, &[], &log))?;
        let deadline = Instant::now() + START;
        let authority_pem = loop {
            match simulation.server_authority().await {
                Ok(pem) => break pem,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        };
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(&authority_pem) {
            roots.add(authority.map_err(text)?).map_err(text)?;
        }
        let pod = simulation.world.pods(Clock::system().now()).next().ok_or("no pods")?.key;
        let pod = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods/{}", pod.namespace, pod.name);
        let (authority_pem, roots) = (authority_pem.into(), Arc::new(roots));
        let mut stage = Self { simulation, server, authority_pem, roots, pod, log, resident_bytes: 0 };
        while let Err(error) = stage.is_served().await {
            if Instant::now() > deadline {
                return Err(error);
            }
            sleep(Duration::from_millis(200)).await;
        }
        // What the start took is given back by then.
        sleep(MEMORY_RECOVERY).await;
        stage.resident_bytes = usage_of::resident_bytes(stage.server.process.id())?;
        Ok(stage)
    }

    async fn is_served(&self) -> Result<(), String> {
        let answer = self.client(Account::Viewer)?.build().map_err(text)?.get(url(&self.pod)).send().await;
        answer.and_then(reqwest::Response::error_for_status).map(drop).map_err(text)
    }

    /// Attacks, watches, and waits until all is given back.
    pub(crate) async fn measure(&self, case: &Case) -> Result<Measured, String> {
        let id = self.server.process.id();
        let before = self.holding().await?;
        let honest = self.begin_honest()?;
        // The honest clients' own connections are no part of what the attack takes.
        sleep(Duration::from_millis(200)).await;
        let resident = usage_of::resident_bytes(id)?;
        fs::write(format!("/proc/{id}/clear_refs"), "5").map_err(text)?;
        let (cpu, begun) = (usage_of::cpu_seconds(id)?, Instant::now());
        let deeds = Arc::new(AtomicU64::new(0));
        // On a machine with other work the attackers, too, are slow: they go on until it was an attack.
        while begun.elapsed() < LONGEST_ATTACK && !case.bounds.is_attack(deeds.load(Ordering::Relaxed)) {
            (case.attack)(self.attacker(Instant::now() + ATTACK, Arc::clone(&deeds))).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let cores = (usage_of::cpu_seconds(id)? - cpu) / seconds;
        let peak = usage_of::peak_resident_bytes(id)?;
        let honest = block_in_place(|| honest.end())?;
        let (recovery, after) = self.recovered(&before).await?;
        Ok(Measured {
            deeds: deeds.load(Ordering::Relaxed),
            peak_bytes: peak.saturating_sub(resident),
            cores,
            honest,
            recovery,
            reviews: after.reviews - before.reviews,
            refused_connections: after.refused_connections - before.refused_connections,
            shed_requests: after.shed_requests - before.shed_requests,
            seconds,
        })
    }

    /// How long it takes until the server holds no more than `before`, and what it holds then.
    async fn recovered(&self, before: &Holding) -> Result<(Result<Duration, String>, Holding), String> {
        let ended = Instant::now();
        loop {
            let now = self.holding().await?;
            let (places, memory) = (now.has_no_more_places_than(before), now.has_no_more_than(self.resident_bytes));
            match (places, memory) {
                (Ok(()), Ok(())) => return Ok((Ok(ended.elapsed()), now)),
                (Err(error), _) if ended.elapsed() > RECOVERY => return Ok((Err(error), now)),
                (_, Err(error)) if ended.elapsed() > MEMORY_RECOVERY => return Ok((Err(error), now)),
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn holding(&self) -> Result<Holding, String> {
        let id = self.server.process.id();
        let client = self.client(Account::Admin)?.pool_max_idle_per_host(0).build().map_err(text)?;
        let metrics = client.get(url("/metrics")).send().await.map_err(text)?.text().await.map_err(text)?;
        let sum = |family: &str, label: &str| -> u64 {
            let lines = metrics.lines().filter(|line| line.starts_with(family) && line.contains(label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).map(|value| value as u64).sum()
        };
        Ok(Holding {
            resident_bytes: usage_of::resident_bytes(id)?,
            files: fs::read_dir(format!("/proc/{id}/fd")).map_err(text)?.count() as u64,
            connections: sum("kube_vitals_connections_open ", ""),
            tasks: sum("kube_vitals_runtime_alive_tasks", ""),
            reviews: sum("kube_vitals_token_review_duration_seconds_count", "")
                + sum("kube_vitals_access_review_duration_seconds_count", ""),
            refused_connections: sum("kube_vitals_connections_refused_total", ""),
            shed_requests: sum("kube_vitals_requests_shed_total", ""),
        })
    }

    fn begin_honest(&self) -> Result<Honest, String> {
        let clients = (0..4).map(|number| {
            let builder = self.client(Account::Viewer)?;
            let builder = if number % 2 == 0 { builder } else { builder.http1_only() };
            builder.build().map_err(text)
        });
        // A kubelet shows nothing.
        let authority = reqwest::Certificate::from_pem(&self.authority_pem).map_err(text)?;
        let prober = Client::builder().no_proxy().tls_certs_only([authority]).pool_max_idle_per_host(0);
        let prober = prober.resolve(SERVER_NAME, self.address()).build().map_err(text)?;
        Ok(Honest::begin(clients.collect::<Result<_, String>>()?, prober, self.pod.clone()))
    }

    fn attacker(&self, until: Instant, deeds: Arc<AtomicU64>) -> Attacker {
        let token = |account| Arc::from(self.simulation.control_plane.token(account));
        Attacker {
            server: self.address(),
            authority_pem: Arc::clone(&self.authority_pem),
            roots: Arc::clone(&self.roots),
            viewer: token(Account::Viewer),
            guest: token(Account::Guest),
            until,
            deeds,
        }
    }

    fn client(&self, account: Account) -> Result<reqwest::ClientBuilder, String> {
        let builder = client(&self.authority_pem, self.simulation.control_plane.token(account))?;
        Ok(builder.resolve(SERVER_NAME, self.address()))
    }

    fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.server.port).into()
    }

    /// The last lines that the server logged, without those about single requests.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains(" request ")).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Holding {
    fn has_no_more_places_than(&self, before: &Self) -> Result<(), String> {
        let more = [
            ("connections", self.connections, before.connections),
            ("files", self.files, before.files + KEPT_CONNECTIONS),
            ("tasks", self.tasks, before.tasks + 2 * KEPT_CONNECTIONS),
        ];
        match more.iter().find(|(_, now, bound)| now > bound) {
            Some((what, now, bound)) => Err(format!("{now} {what}, {bound} allowed")),
            None => Ok(()),
        }
    }

    fn has_no_more_than(&self, resident_bytes: u64) -> Result<(), String> {
        let bound = resident_bytes + KEPT_BYTES;
        if self.resident_bytes > bound {
            return Err(format!("{} bytes, {bound} allowed", self.resident_bytes));
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
