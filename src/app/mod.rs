//! The one place that joins the rooms: settings → built and bound, idle → running → stopped.
//!
//! Every long task is spawned here, with a name, and awaited here. One that ends before the stop
//! takes the process with it: half a server would answer as if it were whole.

mod kubernetes;
mod readings;
mod replicas;
mod rooms;
mod tasks;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use kube::config::{InClusterError, KubeconfigError};
use rustls::ServerConfig;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::apiserver::authn::{Authenticate as _, Authenticator, LiveTrust};
use crate::apiserver::authz::Authorizer;
use crate::apiserver::certificates::{FileCertificates, Introductions, OwnCertificates};
use crate::apiserver::tls::{self, ServingCertificate};
use crate::apiserver::{self, Api, Limits, Listener, ListenerMetrics, Moments, Tag, Trusted};
use crate::app::replicas::Replicas;
use crate::app::rooms::{DoorMetrics, Rooms};
use crate::app::tasks::Tasks;
use crate::app::workers::Workers;
use crate::clock::Clock;
use crate::cluster::selector::{LabelSelector, SelectorError};
use crate::cluster::watch::Signs;
use crate::cluster::{self, Cluster};
use crate::config::{self, Settings};
use crate::export::Exporter;
use crate::pressure::{Budget, Guard, Level};
use crate::readiness::{Heartbeat, Readiness};
use crate::revision::Revisions;
use crate::scrape::Scraper;
use crate::store::Store;
use crate::telemetry;

/// Told by `/readyz?verbose`, while we are ready all the same.
const NODES_LOST: &str = "the watch of nodes is lost; the nodes last known are served";
/// As for nodes.
const PODS_LOST: &str = "the watch of pods is lost; the pods last known are served";

/// How long moments are kept while memory nears its limit: a third of the shortest resolution that is
/// usual, so that hardly any has a copy of the samples to itself.
const KEPT_UNDER_PRESSURE: Duration = Duration::from_secs(5);

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

/// What exists, what was measured, and the moments of both, under a name that no other process has; and
/// who sees to it that there is not too much of it.
struct Memory {
    cluster: Arc<Cluster>,
    store: Arc<Store>,
    moments: Arc<Moments>,
    guard: Guard,
    /// Returns free memory to the system, if it can be told to.
    give_back: fn(),
}

/// Whose word counts, and where it is read.
struct Trust {
    live: LiveTrust,
    client: kube::Client,
}

/// Where the serving certificate comes from.
enum Certificates {
    Own(Box<OwnCertificates>),
    Files(FileCertificates),
}

/// The port and what is behind it.
struct Door {
    listener: Listener,
    tls: Arc<ServerConfig>,
    router: Router,
    trusted: Trusted,
    metrics: ListenerMetrics,
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

    /// Lets `give_back` be called while memory is short: it returns to the system what the allocator of
    /// this program has free.
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

        let stopped = async {
            stop.cancelled().await;
            self.readiness.begin_stop();
            tokio::time::sleep(self.shutdown.delay).await;
        };
        let ended = tokio::select! {
            () = stopped => Ok(()),
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

impl Memory {
    fn empty(settings: &Settings, clock: &Clock) -> Self {
        // Changes are fewer than milliseconds, so that versions grow over restarts too.
        let revisions = Revisions::after(u64::try_from(clock.now().0).unwrap_or_default());
        let cluster = Arc::new(Cluster::new(revisions.clone()));
        let store = Arc::new(Store::new(revisions.clone()));
        let world = (Arc::clone(&cluster), Arc::clone(&store));
        let tag = Tag::from_random(Uuid::new_v4().as_u64_pair().1);
        let (resolution, max_sample_age) = (settings.scraping.resolution, settings.max_sample_age);
        let moments = Moments::new(world, clock.clone(), (revisions, tag), resolution, max_sample_age);
        let guard = Guard::new(Budget::of_process(settings.memory_limit_bytes));
        Self { cluster, store, moments: Arc::new(moments), guard, give_back: || {} }
    }
}

impl Trust {
    async fn of(settings: &Settings, client: &kube::Client, live: LiveTrust) -> anyhow::Result<Self> {
        let kubeconfig = settings.authentication.kubeconfig.as_deref();
        let client = kubernetes::other_client("--authentication-kubeconfig", kubeconfig, client).await?;
        Ok(Self { live, client })
    }

    async fn follow(self, latch: crate::readiness::Latch, stop: CancellationToken) {
        self.live.follow(self.client, latch, stop).await;
    }
}

impl Certificates {
    async fn of(
        settings: &Settings,
        client: &kube::Client,
        clock: &Clock,
        serving: &Arc<ServingCertificate>,
        introductions: Option<Introductions>,
    ) -> anyhow::Result<Self> {
        let serving = Arc::clone(serving);
        if let Some((certificate, key)) = settings.serving.certificate.clone() {
            let files = FileCertificates::load(certificate, key, &settings.service, clock.clone(), serving);
            return Ok(Self::Files(files.await?));
        }
        let (service, overlap) = (settings.service.clone(), settings.serving.authority_overlap);
        let own = OwnCertificates::new(client.clone(), service, clock.clone(), overlap, serving);
        let own = match introductions {
            Some(introductions) => own.introducing(introductions),
            None => own,
        };
        Ok(Self::Own(Box::new(own)))
    }

    async fn keep(self, latch: crate::readiness::Latch, stop: CancellationToken) {
        match self {
            Self::Own(own) => Box::pin(own.run(latch, stop)).await,
            Self::Files(files) => {
                latch.release();
                files.run(stop).await;
            }
        }
    }
}

impl Door {
    async fn build(
        listener: Listener,
        serving: Arc<ServingCertificate>,
        api: Api,
        settings: &Settings,
        trust: &Trust,
        (client, clock): (&kube::Client, Clock),
        metrics: DoorMetrics,
    ) -> anyhow::Result<Self> {
        let live = trust.live.clone();
        let authenticator =
            Authenticator::new(trust.client.clone(), &settings.authentication, live, clock, metrics.authn)
                .context("no random key for the memory of tokens")?;
        let kubeconfig = settings.authorization.kubeconfig.as_deref();
        let reviewer = kubernetes::other_client("--authorization-kubeconfig", kubeconfig, client).await?;
        let authorizer = Authorizer::new(reviewer, &settings.authorization, metrics.authz);
        let limits = Limits {
            requests_in_flight: settings.serving.max_requests_in_flight,
            request_timeout: settings.serving.request_timeout,
        };
        let authenticator = Arc::new(authenticator);
        let judge = Arc::clone(&authenticator);
        let trusted: Trusted = Arc::new(move |peer| judge.is_front_proxy(peer));
        let router = apiserver::router(api, authenticator, Arc::new(authorizer), limits, metrics.requests);
        Ok(Self {
            listener,
            tls: Arc::new(tls::server_config(serving, metrics.listener.sessions.clone())?),
            router,
            trusted,
            metrics: metrics.listener,
        })
    }

    async fn serve(self, drain: Duration, stop: CancellationToken) {
        self.listener.serve(self.tls, self.router, self.trusted, self.metrics, drain, stop).await;
    }
}

/// Gives up what is kept for clients to go on from. Where memory is short for long, a client still has
/// the time to go from its list to its watch.
fn relief(moments: &Arc<Moments>, give_back: fn()) -> impl Fn(Level) + use<> {
    let moments = Arc::clone(moments);
    move |level| {
        moments.keep_only(if level == Level::Critical { Duration::ZERO } else { KEPT_UNDER_PRESSURE });
        give_back();
    }
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
