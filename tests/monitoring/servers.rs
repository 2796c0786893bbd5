//! The two servers that are watched: one as everybody runs it, one with too little of everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::relay::Relay;
use crate::support::pair::Pair;
use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation, client};
use crate::waiting::eventually;

/// For both, whatever they lack: short times.
const COMMON: [&str; 4] = ["--metric-resolution", "5s", "--max-sample-age", "30s"];
/// Every request and every scrape is a trace.
const TRACED: [&str; 4] =
    ["--tracing-sampling-rate-per-million", "1000000", "--scrape-tracing-sampling-rate-per-million", "1000000"];
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(20);

/// The ways of the usual server to others, which can be cut.
pub(crate) struct Relays {
    pub(crate) api_server: Relay,
    pub(crate) store: Relay,
    pub(crate) collector: Relay,
}

impl Relays {
    pub(crate) fn all(&mut self) -> [&mut Relay; 3] {
        [&mut self.api_server, &mut self.store, &mut self.collector]
    }
}

/// A server that can be stopped and started again where it was.
pub(crate) struct Watched {
    name: &'static str,
    arguments: Vec<String>,
    log: PathBuf,
    authority: PathBuf,
    port: u16,
    server: Option<Server>,
}

impl Watched {
    /// As everybody runs it, but that it reaches the API server, a store and a collector by `relays`;
    /// callers it knows stay known, so that Prometheus gets on while the API server is away.
    pub(crate) async fn usual(simulation: &Simulation, relays: &Relays, folder: &Path) -> Result<Self, String> {
        let mut arguments = simulation.serve_arguments();
        let kubeconfig = fs::read_to_string(&arguments[1]).map_err(text)?;
        let relayed =
            kubeconfig.replace(&simulation.control_plane.address().to_string(), &relays.api_server.address.to_string());
        let path = folder.join("relayed.kubeconfig");
        fs::write(&path, relayed).map_err(text)?;
        arguments[1] = path.display().to_string();
        arguments.extend(["--authentication-token-webhook-cache-ttl", "10m"].map(str::to_owned));
        let shown = Pair::write("kube-vitals", Duration::from_hours(24 * 365), folder, "kubelet-client")?;
        arguments.extend(shown.flags("--kubelet-client-certificate", "--kubelet-client-key"));
        let (export, store) = (folder.join("export.yaml"), relays.store.address);
        // The smallest queue, so that it is soon full.
        let target = format!(
            "{{name: prometheus, url: 'http://{store}/api/v1/write', queueSamples: 1000, samplesPerRequest: 300}}"
        );
        fs::write(&export, format!("export: {{remoteWrite: [{target}]}}\n")).map_err(text)?;
        arguments.extend(["--config".to_owned(), export.display().to_string()]);
        arguments.extend(["--otlp-endpoint".to_owned(), format!("http://{}", relays.collector.address)]);
        arguments.extend(TRACED.map(str::to_owned));
        let mut watched = Self::new("usual", arguments, folder)?;
        watched.start()?;
        let authority = eventually(START, async || simulation.server_authority().await).await?;
        fs::write(&watched.authority, authority).map_err(text)?;
        Ok(watched)
    }

    /// With room for one request and one scrape, and a certificate that soon ends.
    pub(crate) fn small(simulation: &Simulation, folder: &Path) -> Result<Self, String> {
        let mut arguments = simulation.serve_arguments();
        arguments.extend(["--max-requests-inflight", "1", "--kubelet-requests-in-flight", "1"].map(str::to_owned));
        let mut watched = Self::new("small", arguments, folder)?;
        let pair = watched.show_certificate(Duration::from_hours(24), folder)?;
        watched.arguments.extend(pair.flags("--tls-cert-file", "--tls-private-key-file"));
        watched.start()?;
        Ok(watched)
    }

    fn new(name: &'static str, mut arguments: Vec<String>, folder: &Path) -> Result<Self, String> {
        arguments.extend(COMMON.map(str::to_owned));
        let (log, authority) = (folder.join(format!("{name}.log")), folder.join(format!("{name}-authority.pem")));
        Ok(Self { name, arguments, log, authority, port: free_port()?, server: None })
    }

    /// Gives the small server a certificate; a running one takes it over within a minute. Until then
    /// Prometheus believes the one before, too.
    pub(crate) fn show_certificate(&self, left: Duration, folder: &Path) -> Result<Pair, String> {
        let pair = Pair::write(SERVER_NAME, left, folder, "small-serving")?;
        let before = fs::read_to_string(&self.authority).unwrap_or_default();
        fs::write(&self.authority, before + &pair.pem).map_err(text)?;
        Ok(pair)
    }

    pub(crate) fn start(&mut self) -> Result<(), String> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.server = Some(block_in_place(|| Server::start(self.port, &arguments, &[], &self.log))?);
        Ok(())
    }

    pub(crate) fn stop(&mut self) -> Result<(), String> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        block_in_place(|| server.process.stop(STOP)).map(drop)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// A client of it, with the token of `account`.
    pub(crate) fn client(&self, simulation: &Simulation, account: Account) -> Result<Client, String> {
        let authority = fs::read(&self.authority).map_err(text)?;
        let builder = client(&authority, simulation.control_plane.token(account))?;
        builder.resolve(SERVER_NAME, ([127, 0, 0, 1], self.port).into()).build().map_err(text)
    }

    /// How Prometheus asks it for `path`.
    pub(crate) fn scrape(&self, job: &str, path: &str, simulation: &Simulation) -> Value {
        json!({
            "job_name": format!("{job} of {}", self.name),
            "scheme": "https",
            "metrics_path": path,
            "authorization": {"credentials": simulation.control_plane.token(Account::Admin)},
            "tls_config": {"ca_file": self.authority, "server_name": SERVER_NAME},
            "static_configs": [{
                "targets": [format!("127.0.0.1:{}", self.port)],
                "labels": {"job": job, "cluster": "simulated", "instance": self.name},
            }],
        })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
