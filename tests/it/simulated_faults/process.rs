//! What watches, scrapes, stores and answers, in this process and on simulated time, against a simulated
//! cluster whose clock is another one.
//!
//! Time leaps to the next timer whenever everybody waits, also for the network: each round trip takes a
//! [`TICK`] of it, however fast it is. The kubelets and the Kubernetes API are reached by TCP and TLS as
//! ever; requests come to the router by hand, without the listener and its threads, which have a runtime
//! of their own that knows no other time than the real one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use clap::Parser as _;
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube_vitals::apiserver::authn::{self, Authenticator, LiveTrust};
use kube_vitals::apiserver::authz::{self, Authorizer};
use kube_vitals::apiserver::{
    Api, ConnectionId, Limits, Metrics, Moments, Peer, ReviewMetrics, Tag, register_coverage, router,
};
use kube_vitals::clock::{Clock, ClockHand, UnixMillis};
use kube_vitals::cluster::selector::LabelSelector;
use kube_vitals::cluster::watch::Signs;
use kube_vitals::cluster::{self, Cluster};
use kube_vitals::config::{ServeArgs, Settings};
use kube_vitals::pressure::Pressure;
use kube_vitals::readiness::{Heartbeat, Readiness};
use kube_vitals::revision::Revisions;
use kube_vitals::scrape::{KubeletAccess, Scraper};
use kube_vitals::sim::control_plane::{Account, Accounts, ControlPlane};
use kube_vitals::sim::{Faults, Fleet, Scenario, World};
use kube_vitals::store::{self, Store};
use kube_vitals::telemetry::Exposition;
use kube_vitals::usage::Share;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::api_server_away::relay::Relay;

/// How exact clocks are.
const TICK: Duration = Duration::from_millis(100);
/// Real time for each of them: what the system takes to pass bytes on, it takes in real time, and a busy
/// one would else seem to take minutes.
const REAL_TICK: Duration = Duration::from_micros(500);

/// All of it.
pub(super) struct Process {
    pub(super) world: Arc<World>,
    pub(super) faults: Arc<Faults>,
    pub(super) fleet: Fleet,
    pub(super) control_plane: ControlPlane,
    /// The way to the API server.
    pub(super) relay: Relay,
    /// What time it is for the cluster, and for us.
    pub(super) theirs: Clock,
    pub(super) ours: Clock,
    ahead_millis: Arc<AtomicI64>,
    router: axum::Router,
    exposition: Arc<Exposition>,
    _running: JoinSet<()>,
}

/// What would grow if something were left behind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) tasks: usize,
    /// Of everything that is kept, by series.
    pub(super) kept: Vec<(String, f64)>,
}

/// The parts that answer.
struct Rooms {
    cluster: Arc<Cluster>,
    store: Arc<Store>,
    moments: Arc<Moments>,
    readiness: Readiness,
    heartbeat: Heartbeat,
}

/// What the registry was filled with.
struct Registered {
    requests: Metrics,
    reviews: (authn::Metrics, ReviewMetrics),
    cluster: cluster::Metrics,
    scraper: Scraper,
}

impl Process {
    /// Starts everything; files are written to `folder`.
    pub(super) async fn start(scenario: Scenario, folder: &Path, flags: &[&str]) -> Result<Self, String> {
        let origin = Clock::system().now();
        let ((theirs, their_hand), (ours, our_hand)) = (Clock::manual(origin), Clock::manual(origin));
        let ahead_millis = Arc::<AtomicI64>::default();
        let mut running = JoinSet::new();
        running.spawn(turn(origin, their_hand, our_hand, Arc::clone(&ahead_millis)));

        let faults = Arc::new(Faults::new(scenario.faults.clone()));
        let world = Arc::new(World::new(scenario, origin));
        let accounts = Accounts::generate();
        let token = accounts.token(Account::Server).to_owned();
        let fleet = Fleet::start(Arc::clone(&world), Arc::clone(&faults), theirs.clone(), vec![token.clone()]);
        let fleet = fleet.map_err(text)?;
        let known = Arc::clone(&world);
        let control_plane =
            ControlPlane::start(0, accounts, known, fleet.port(), theirs.clone()).await.map_err(text)?;
        let relay = Relay::to(control_plane.address()).await.map_err(text)?;
        let config = config(relay.address, control_plane.ca_pem(), &token).await?;
        let settings = settings(&fleet, folder, flags)?;

        let rooms = Rooms::empty(&settings, &ours);
        let (exposition, registered) = rooms.register(&settings, &config, &ours)?;
        let router = rooms.router(&settings, &exposition, registered.requests, registered.reviews, &ours)?;
        let client = kube::Client::try_from(config).map_err(text)?;
        rooms.run(client, &registered.cluster, registered.scraper, &mut running);
        Ok(Self {
            world,
            faults,
            fleet,
            control_plane,
            relay,
            theirs,
            ours,
            ahead_millis,
            router,
            exposition,
            _running: running,
        })
    }

    /// Sets our clock: so far ahead of the cluster's, or behind it.
    pub(super) fn set_ahead(&self, millis: i64) {
        self.ahead_millis.store(millis, Ordering::Relaxed);
    }

    /// The document at a path.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
            certificates: Arc::from([]),
            id: ConnectionId(1),
        };
        let request = Request::get(path).header(header::AUTHORIZATION, "Bearer known").extension(peer);
        let answer = self.router.clone().oneshot(request.body(Body::empty()).map_err(text)?).await.map_err(text)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(text)?.to_bytes();
        if status.is_success() {
            serde_json::from_slice(&body).map_err(text)
        } else {
            Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)))
        }
    }

    /// How much is kept now.
    pub(super) fn sizes(&self) -> Sizes {
        let (_, told) = self.exposition.answer(None);
        let sizes = ["kube_vitals_store_", "kube_vitals_cluster_", "kube_vitals_kept_moments"];
        let is_size = |line: &&str| sizes.iter().any(|name| line.starts_with(name)) && !line.contains("_total");
        let series = told.lines().filter(is_size).filter_map(|line| line.rsplit_once(' '));
        let kept = series.filter_map(|(series, value)| Some((series.to_owned(), value.parse().ok()?))).collect();
        Sizes { tasks: Handle::current().metrics().num_alive_tasks(), kept }
    }
}

impl Rooms {
    fn empty(settings: &Settings, clock: &Clock) -> Self {
        let revisions = Revisions::after(u64::try_from(clock.now().0).unwrap_or_default());
        let (cluster, store) = (Arc::new(Cluster::new(revisions.clone())), Arc::new(Store::new(revisions.clone())));
        let world = (Arc::clone(&cluster), Arc::clone(&store));
        let ages = (settings.scraping.resolution, settings.max_sample_age);
        let moments = Moments::new(world, clock.clone(), (revisions, Tag::from_random(5)), ages.0, ages.1);
        let (readiness, heartbeat) = (Readiness::default(), Heartbeat::new(clock.clone()));
        Self { cluster, store, moments: Arc::new(moments), readiness, heartbeat }
    }

    fn register(
        &self,
        settings: &Settings,
        config: &kube::Config,
        clock: &Clock,
    ) -> Result<(Arc<Exposition>, Registered), String> {
        let access = KubeletAccess::from_config(config).map_err(text)?;
        let (cluster, store) = (Arc::clone(&self.cluster), Arc::clone(&self.store));
        let mut registered = None;
        let exposition = Exposition::new(|registry| {
            register_coverage(registry, Arc::clone(&self.moments));
            store::register_metrics(registry, Arc::clone(&self.store));
            let requests = Metrics::register(registry);
            let reviews = (authn::register_metrics(registry), authz::register_metrics(registry));
            let of_cluster = cluster::Metrics::register(registry, Arc::clone(&self.cluster));
            let (scraping, age) = (&settings.scraping, settings.max_sample_age);
            let scraper = Scraper::build(scraping, age, access, cluster, store, clock.clone(), registry);
            registered = Some(scraper.map(|scraper| Registered { requests, reviews, cluster: of_cluster, scraper }));
        });
        Ok((Arc::new(exposition), registered.ok_or("nothing was registered")?.map_err(text)?))
    }

    fn router(
        &self,
        settings: &Settings,
        exposition: &Arc<Exposition>,
        metrics: Metrics,
        (of_tokens, of_access): (authn::Metrics, ReviewMetrics),
        clock: &Clock,
    ) -> Result<axum::Router, String> {
        let api = Api {
            moments: Arc::clone(&self.moments),
            clock: clock.clone(),
            readiness: self.readiness.clone(),
            heartbeat: self.heartbeat.clone(),
            exposition: Arc::clone(exposition),
            closing: CancellationToken::new(),
            groups: settings.api_groups.clone(),
            pressure: Pressure::default(),
            offer: None,
        };
        let limits = Limits { requests_in_flight: 400, request_timeout: settings.serving.request_timeout };
        let (client, trust) = (willing_reviewer(), LiveTrust::default());
        let authenticator =
            Authenticator::new(client.clone(), &settings.authentication, trust, clock.clone(), of_tokens);
        let authorizer = Authorizer::new(client, &settings.authorization, of_access);
        Ok(router(api, Arc::new(authenticator.map_err(text)?), Arc::new(authorizer), limits, metrics))
    }

    fn run(self, client: kube::Client, metrics: &cluster::Metrics, scraper: Scraper, running: &mut JoinSet<()>) {
        let stop = CancellationToken::new();
        let signs = |check, resource| Signs {
            latch: self.readiness.latch(check, "not yet"),
            lost: self.readiness.notice(check),
            up: metrics.up(resource),
        };
        let (nodes, pods) = (signs("node-sync", "nodes"), signs("pod-sync", "pods"));
        let all = LabelSelector::parse("").unwrap();
        running.spawn(cluster::watch::run(self.cluster, client, all, nodes, pods, stop.clone()));
        let filled = CancellationToken::new();
        filled.cancel();
        let first_round = self.readiness.latch("first-scrape", "not yet");
        let (_, share) = watch::channel(Share::default());
        running.spawn(scraper.run(self.heartbeat, first_round, filled, share, stop.clone()));
        running.spawn(self.moments.run(stop));
    }
}

/// Turns both hands with simulated time.
#[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
async fn turn(origin: UnixMillis, theirs: ClockHand, ours: ClockHand, ahead_millis: Arc<AtomicI64>) {
    let begin = Instant::now();
    loop {
        let now = origin + begin.elapsed();
        theirs.set(now);
        ours.set(UnixMillis(now.0 + ahead_millis.load(Ordering::Relaxed)));
        std::thread::sleep(REAL_TICK);
        sleep(TICK).await;
    }
}

async fn config(address: SocketAddr, authority_pem: &str, token: &str) -> Result<kube::Config, String> {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority_pem);
    let kubeconfig: Kubeconfig = serde_json::from_value(json!({
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {
            "server": format!("https://{address}"), "certificate-authority-data": authority,
        }}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }))
    .map_err(text)?;
    kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(text)
}

fn settings(fleet: &Fleet, folder: &Path, flags: &[&str]) -> Result<Settings, String> {
    let authority = folder.join("kubelets.pem");
    std::fs::write(&authority, fleet.authority_pem()).map_err(text)?;
    let (port, authority) = (fleet.port().to_string(), authority.display().to_string());
    let typed = ["serve", "--kubelet-port", &port, "--kubelet-certificate-authority", &authority];
    let typed = typed.into_iter().chain(flags.iter().copied());
    Settings::from_args(&ServeArgs::try_parse_from(typed).map_err(text)?).map_err(text)
}

/// An API server that knows every token and allows everything.
fn willing_reviewer() -> kube::Client {
    let answer = tower::service_fn(async |request: Request<kube::client::Body>| {
        let status = if request.uri().path().ends_with("tokenreviews") {
            json!({"authenticated": true, "user": {"username": "judge"}})
        } else {
            json!({"allowed": true})
        };
        let review = json!({"metadata": {}, "spec": {}, "status": status});
        Ok::<_, std::io::Error>(Response::new(Body::from(review.to_string())))
    });
    kube::Client::new(answer, "default")
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
