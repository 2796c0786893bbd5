//! The one run: well, in trouble, well again, gone, and back; and what Prometheus says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kube_vitals::sim::control_plane::Account;
use kube_vitals::sim::{Fault, Scenario};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::prometheus::{Found, Prometheus};
use crate::relay::Relay;
use crate::servers::{Relays, Watched};
use crate::source::alerts::groups;
use crate::source::dashboards;
use crate::source::rules;
use crate::support::otlp_sink::OtlpSink;
use crate::support::server::free_port;
use crate::support::simulation::Simulation;
use crate::traffic;

/// The rules' minutes are seconds here.
const HASTE: u32 = 60;
const NODES: u32 = 10;
const PODS_PER_NODE: u32 = 6;
/// The nodes that hang: half of them.
const HANGING: std::ops::Range<u32> = 0..5;
/// Until both have scraped all nodes twice.
const SETTLING: Duration = Duration::from_secs(15);
/// Looked at each second.
const WELL: u32 = 10;
/// Samples expire after 30 s and are missed for ten more; half of the rest is for a busy machine.
const TO_FIRE: Duration = Duration::from_mins(2);
/// Back-offs reach 20 s, the longest window that has to be clean again half a minute, and certificates
/// are read again each minute.
const TO_END: Duration = Duration::from_mins(2);
/// As long as the certificate that takes the place of the ending one is good.
const LONG: Duration = Duration::from_hours(24 * 90);

/// There from the start, until the small server gets another certificate.
pub(crate) const ENDING: &str = "KubeVitalsCertificateEnding";
/// Kubelets hang, the API server, a store and the collector are away, a crowd asks where there is room for one, somebody speaks no
/// TLS, and a certificate ends within a day.
const BY_TROUBLE: [&str; 14] = [
    "KubeVitalsErrorsFast",
    "KubeVitalsErrorsSlow",
    "KubeVitalsSlow",
    "KubeVitalsRequestsRefused",
    "KubeVitalsNodesNotFresh",
    "KubeVitalsNodesFailing",
    "KubeVitalsPodsMissing",
    "KubeVitalsScrapesLate",
    "KubeVitalsWatchLost",
    "KubeVitalsReviewsFailing",
    "KubeVitalsHandshakesFailing",
    "KubeVitalsExportDropping",
    "KubeVitalsSpansDropping",
    ENDING,
];

/// What Prometheus said.
pub(crate) struct Seen {
    /// What fired while all was well.
    pub(crate) while_well: BTreeSet<String>,
    /// How long after its fault each alert fired.
    pub(crate) fired: BTreeMap<String, Duration>,
    /// How long after the fault's end each was over.
    pub(crate) ended: BTreeMap<String, Duration>,
    /// Of each recording rule.
    pub(crate) records: BTreeMap<&'static str, Found>,
    /// Of each query, by panel.
    pub(crate) queries: Vec<(String, Result<Found, String>)>,
    /// Of each variable: how many values.
    pub(crate) variables: Vec<(String, usize)>,
    /// Names of all series that the servers told.
    pub(crate) told: BTreeSet<String>,
    /// Series with exemplars, by metric.
    pub(crate) exemplars: BTreeMap<&'static str, usize>,
}

/// All that runs.
struct Stage {
    simulation: Simulation,
    relays: Relays,
    _collector: OtlpSink,
    usual: Watched,
    small: Watched,
    prometheus: Prometheus,
    began: f64,
    fired: BTreeMap<String, Duration>,
    ended: BTreeMap<String, Duration>,
}

/// Runs it, with all files in `folder`.
pub(crate) async fn run(folder: &Path) -> Result<Seen, String> {
    let mut stage = Stage::set(folder).await?;
    let (simulation, usual) = (&stage.simulation, &stage.usual);
    let (viewer, guest) = (usual.client(simulation, Account::Viewer)?, usual.client(simulation, Account::Guest)?);
    let _usual_traffic = traffic::usual(&viewer, &guest);
    let while_well = stage.while_well().await?;
    stage.trouble(folder).await?;
    // Before the servers are stopped: what a query says of now is said of those that are there.
    let seen = stage.look(while_well).await?;
    stage.loss().await?;
    Ok(Seen { fired: stage.fired, ended: stage.ended, ..seen })
}

impl Stage {
    async fn set(folder: &Path) -> Result<Self, String> {
        let simulation = Simulation::start(Scenario::bench(NODES, PODS_PER_NODE, 2), folder).await?;
        let (collector, port) = (OtlpSink::start().await?, free_port()?);
        let relay = async |target| Relay::to(target).await.map_err(|error| error.to_string());
        let relays = Relays {
            api_server: relay(simulation.control_plane.address()).await?,
            store: relay(([127, 0, 0, 1], port).into()).await?,
            collector: relay(collector.http).await?,
        };
        let usual = Watched::usual(&simulation, &relays, folder).await?;
        let small = Watched::small(&simulation, folder)?;
        let scrapes = json!([
            usual.scrape("kube-vitals", "/metrics", &simulation),
            small.scrape("kube-vitals", "/metrics", &simulation),
            usual.scrape("kube-vitals-usage", "/metrics/usage", &simulation),
        ]);
        let rules = rules::file(&rules::hastened(&groups(), HASTE));
        let prometheus = Prometheus::start(port, folder, scrapes, &rules).await?;
        let (fired, ended) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { simulation, relays, _collector: collector, usual, small, prometheus, began: seconds(), fired, ended })
    }

    /// What fires while nothing is wrong.
    async fn while_well(&self) -> Result<BTreeSet<String>, String> {
        sleep(SETTLING).await;
        let mut fired = BTreeSet::new();
        for _ in 0..WELL {
            fired.extend(self.prometheus.firing().await?);
            sleep(Duration::from_secs(1)).await;
        }
        Ok(fired)
    }

    /// All at once, as long as it takes, and then well again.
    async fn trouble(&mut self, folder: &Path) -> Result<(), String> {
        let viewer = self.usual.client(&self.simulation, Account::Viewer)?;
        let of_small = self.small.client(&self.simulation, Account::Viewer)?;
        let began = Instant::now();
        HANGING.for_each(|node| self.simulation.faults.set(node, Fault::Hang));
        for relay in self.relays.all() {
            relay.cut().await;
        }
        let bad = (traffic::crowd(&of_small), traffic::strangers(&viewer), traffic::intruders(self.usual.port()));
        self.until_all_fire(began, &BY_TROUBLE).await?;
        drop(bad);
        HANGING.for_each(|node| self.simulation.faults.clear(node));
        for relay in self.relays.all() {
            relay.mend().await.map_err(|error| error.to_string())?;
        }
        // Taken over by the running server.
        self.small.show_certificate(LONG, folder)?;
        self.until_all_end(Instant::now(), &BY_TROUBLE).await
    }

    /// One server is stopped, then the other; both come back.
    async fn loss(&mut self) -> Result<(), String> {
        let told = Instant::now();
        self.small.stop()?;
        self.until_all_fire(told, &["KubeVitalsReplicaDown"]).await?;
        let told = Instant::now();
        self.usual.stop()?;
        self.until_all_fire(told, &["KubeVitalsDown"]).await?;
        let back = Instant::now();
        self.small.start()?;
        self.usual.start()?;
        self.until_all_end(back, &["KubeVitalsDown", "KubeVitalsReplicaDown"]).await
    }

    async fn until_all_fire(&mut self, since: Instant, wanted: &[&str]) -> Result<(), String> {
        while since.elapsed() < TO_FIRE && !wanted.iter().all(|alert| self.fired.contains_key(*alert)) {
            for alert in self.prometheus.firing().await? {
                self.fired.entry(alert).or_insert_with(|| since.elapsed());
            }
            sleep(Duration::from_millis(500)).await;
        }
        // What is missing is for the checks to tell, beside all that is there.
        Ok(())
    }

    async fn until_all_end(&mut self, since: Instant, wanted: &[&str]) -> Result<(), String> {
        while since.elapsed() < TO_END && !wanted.iter().all(|alert| self.ended.contains_key(*alert)) {
            let firing = self.prometheus.firing().await?;
            for alert in wanted.iter().filter(|alert| !firing.contains(**alert)) {
                self.ended.entry((*alert).to_owned()).or_insert_with(|| since.elapsed());
            }
            // One that fires again was not over.
            self.ended.retain(|alert, _| !firing.contains(alert));
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    /// Asks what the dashboards ask.
    async fn look(&self, while_well: BTreeSet<String>) -> Result<Seen, String> {
        let (prometheus, began, now) = (&self.prometheus, self.began, seconds());
        let (mut queries, mut variables) = (Vec::new(), Vec::new());
        for dashboard in dashboards::all() {
            for panel in dashboard.panels() {
                for query in &panel.queries {
                    let found = prometheus.over(&concrete(&query.expression), began, now).await;
                    queries.push((format!("{}: {}: {}", dashboard.name, panel.title, query.expression), found));
                }
            }
            for variable in &dashboard.variables {
                let values = prometheus.values_of(variable.name, &concrete(variable.series)).await?.len();
                variables.push((format!("{}: {}", dashboard.name, variable.query()), values));
            }
        }
        let mut records = BTreeMap::new();
        for (record, _) in rules::expressions(&groups()).filter(|(name, _)| name.contains(':')) {
            records.insert(record, prometheus.over(record, began, now).await?);
        }
        let mut exemplars = BTreeMap::new();
        for metric in ["kube_vitals_request_duration_seconds_bucket", "kube_vitals_scrape_duration_seconds_bucket"] {
            exemplars.insert(metric, prometheus.exemplars(metric, began, now).await?);
        }
        let told = prometheus.values_of("__name__", r#"{job=~"kube-vitals.*"}"#).await?;
        Ok(Seen {
            while_well,
            records,
            queries,
            variables,
            told,
            exemplars,
            fired: BTreeMap::new(),
            ended: BTreeMap::new(),
        })
    }
}

/// A query as Grafana sends it when all is chosen. The interval holds two readings of a kubelet, which
/// come every ten seconds with times of their own.
fn concrete(query: &str) -> String {
    let chosen = ["cluster", "job", "instance", "node", "namespace"];
    let query = query.replace("$__rate_interval", "30s").replace("$__range", "2m");
    chosen.iter().fold(query, |query, name| query.replace(&format!("\"${name}\""), "\".*\""))
}

/// Since 1970.
fn seconds() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}
