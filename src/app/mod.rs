//! The one place that joins the rooms: settings → built and bound, idle → running → stopped.
//!
//! Every long task is spawned here, with a name, and awaited here. One that ends before the stop
//! takes the process with it: half a server would answer as if it were whole.

mod certificates;
mod door;
mod kubernetes;
mod memory;
mod readings;
mod replicas;
mod rooms;
mod tasks;
mod trust;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::config::{InClusterError, KubeconfigError};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::apiserver::authn::LiveTrust;
use crate::apiserver::tls::ServingCertificate;
use crate::apiserver::{Api, Listener};
use crate::app::certificates::Certificates;
use crate::app::door::Door;
use crate::app::memory::{Memory, give_back_freed, relief};
use crate::app::replicas::Replicas;
use crate::app::rooms::Rooms;
use crate::app::tasks::Tasks;
use crate::app::trust::Trust;
use crate::app::workers::Workers;
use crate::clock::Clock;
use crate::cluster;
use crate::cluster::selector::{LabelSelector, SelectorError};
use crate::cluster::watch::Signs;
use crate::config::{self, Settings};
use crate::export::Exporter;
use crate::readiness::{Heartbeat, Readiness};
use crate::scrape::Scraper;
use crate::telemetry;

/// Told by `/readyz?verbose`, while we are ready all the same.
const NODES_LOST: &str = "the watch of nodes is lost; the nodes last known are served";
/// As for nodes.
const PODS_LOST: &str = "the watch of pods is lost; the pods last known are served";

/// Everything built, the port bound, nothing running.
pub struct App {
    address: SocketAddr,
    shutdown: config::Shutdown,
    readiness: Readiness,
    heartbeat: Heartbeat,
    client: kube::Client,
    memory: Memory,
    /// Cancelled when no more requests are taken.
    closing: CancellationToken,
    cluster_metrics: cluster::Metrics,
    node_selector: LabelSelector,
    scraper: Scraper,
    exporter: Option<Exporter>,
    replicas: Replicas,
    trust: Trust,
    certificates: Certificates,
    door: Door,
    workers: Workers,
}

/// A runtime for [`App`]: the calling thread, which watches and scrapes. Their many short turns cost
/// no wake of another thread, and what they keep comes from one heap. Requests are answered elsewhere.
///
/// # Errors
/// When the system refuses what it needs.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Whether the operator's flags are what is wrong: those whose grammar is known here and not where
/// they are read, which are `--node-selector`, the kubeconfigs, and what leads to a collector.
pub fn is_misconfigured(error: &anyhow::Error) -> bool {
    let of_collector = error.downcast_ref::<telemetry::Error>().is_some_and(telemetry::Error::is_misconfigured);
    error.is::<SelectorError>() || error.is::<KubeconfigError>() || error.is::<InClusterError>() || of_collector
}

impl App {
    /// Reads every file that the settings name, and binds the port.
    ///
    /// # Errors
    /// When a file cannot be used, no cluster is configured, or the port is taken.
    pub async fn build(settings: Settings, clock: Clock) -> anyhow::Result<Self> {
        // Another caller in this process may have chosen it already: it is the only one there is.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        raise_open_file_limit();
        let node_selector = LabelSelector::parse(&settings.scraping.node_selector).context("--node-selector")?;
        let listener = Listener::bind(&settings.serving)
            .with_context(|| format!("cannot bind {}:{}", settings.serving.address, settings.serving.port))?;
        let config = kubernetes::config("--kubeconfig", settings.kubeconfig.as_deref()).await?;
        let client = kubernetes::client(config.clone())?;
        let memory = Memory::empty(&settings, &clock);
        let (serving, live) = (Arc::new(ServingCertificate::default()), LiveTrust::default());
        let workers = Workers::start().context("no threads to answer requests")?;
        let readings = |registry: &mut _| readings::register(registry, &memory, &serving, &live, &workers);
        let (rooms, exposition) = Rooms::registered(&settings, &memory, &config, &clock, readings)?;
        let (address, heartbeat) = (listener.local_addr()?, Heartbeat::new(clock.clone()));
        let (readiness, closing) = (Readiness::default(), CancellationToken::new());
        let known = (&clock, &readiness, &live);
        let mut replicas = Replicas::of(&settings, address.port(), &client, &memory, known, rooms.replicas);
        let api = Api {
            moments: Arc::clone(&memory.moments),
            clock: clock.clone(),
            readiness: readiness.clone(),
            heartbeat: heartbeat.clone(),
            exposition: Arc::new(exposition),
            closing: closing.clone(),
            groups: settings.api_groups.clone(),
            pressure: memory.guard.pressure(),
            offer: replicas.offer.take(),
        };
        let introductions = replicas.introductions.take();
        let certificates = Certificates::of(&settings, &client, &clock, &serving, introductions).await?;
        let trust = Trust::of(&settings, &client, live).await?;
        Ok(Self {
            address,
            node_selector,
            door: Door::build(listener, serving, api, &settings, &trust, (&client, clock), rooms.door).await?,
            shutdown: settings.shutdown,
            scraper: rooms.scraper,
            exporter: rooms.exporter,
            replicas,
            readiness,
            heartbeat,
            client,
            memory,
            closing,
            cluster_metrics: rooms.cluster,
            trust,
            certificates,
            workers,
        })
    }

    /// Lets `give_back` be called every few seconds, and more often while memory is short: it returns to the
    /// system what the allocator of this program has free.
    #[must_use]
    pub fn giving_back(mut self, give_back: fn()) -> Self {
        self.memory.give_back = give_back;
        self
    }

    /// The address bound.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `stop`, then stops in order: not ready, still serving for a while, drained.
    ///
    /// # Errors
    /// When a task ends that should not.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (closing, ending, workers) = (self.closing, CancellationToken::new(), self.workers);
        let (mut background, mut serving) = (Tasks::default(), Tasks::default());
        let latch = |name, waiting_for| self.readiness.latch(name, waiting_for);
        let signs = |(check, waiting_for), lost, resource| Signs {
            latch: latch(check, waiting_for),
            lost: self.readiness.notice(lost),
            up: self.cluster_metrics.up(resource),
        };
        let nodes = signs(("node-sync", "nodes are being listed"), NODES_LOST, "nodes");
        let pods = signs(("pod-sync", "pods are being listed"), PODS_LOST, "pods");
        let trust = latch("authentication-sync", "the authentication settings of the cluster are being read");
        let first_round = latch("first-scrape", "the kubelets are being asked for the first time");
        let watch =
            cluster::watch::run(self.memory.cluster, self.client, self.node_selector, nodes, pods, ending.clone());
        background.spawn("watch of nodes and pods", watch);
        background.spawn("watch of authentication settings", self.trust.follow(trust, ending.clone()));
        let Replicas { replica, filled, share, .. } = self.replicas;
        let scraper = self.scraper.run(self.heartbeat, first_round, filled.clone(), share, ending.clone());
        background.spawn("scraper", scraper);
        if let Some(replica) = replica {
            background.spawn("replica", replica.run(filled, stop.clone(), ending.clone()));
        }
        background.spawn("free memory", give_back_freed(self.memory.give_back, ending.clone()));
        let relief = relief(&self.memory.moments, self.memory.give_back);
        background.spawn("memory", self.memory.guard.run(relief, ending.clone()));
        background.spawn("kept moments", self.memory.moments.run(ending.clone()));
        if let Some(exporter) = self.exporter {
            // Writing and compressing batches would hold up scrapes.
            background.spawn_on("exporter", &workers.handle, exporter.run(ending.clone()));
        }
        let certificate = latch("serving-certificate", "the serving certificate is being fetched");
        background.spawn("serving certificate", self.certificates.keep(certificate, ending.clone()));
        serving.spawn_on("listener", &workers.handle, self.door.serve(self.shutdown.drain, closing.clone()));
        tracing::info!(address = %self.address, "serving");

        let ended = tokio::select! {
            () = told_to_stop(stop, self.readiness, self.shutdown.delay) => Ok(()),
            ended = background.first_end() => ended,
            ended = serving.first_end() => ended,
        };
        closing.cancel();
        serving.join().await;
        ending.cancel();
        background.join().await;
        tracing::info!("stopped");
        ended
    }
}

/// Once told, we are not ready any more, and serve on for `delay`.
async fn told_to_stop(stop: CancellationToken, readiness: Readiness, delay: Duration) {
    stop.cancelled().await;
    readiness.begin_stop();
    tokio::time::sleep(delay).await;
}

/// Each connection, to a kubelet or from a client, is an open file; the usual limit of 1,024 is too
/// low for a thousand nodes. As Go programs do, take what the system allows.
fn raise_open_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

#[cfg(test)]
mod tests;
