//! The simulated cluster, the server, and the engines it sends to, after some minutes of work.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube_vitals::sim::Scenario;

use crate::engine::Engine;
use crate::otlp::{self, Received};
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;

/// Long enough for restarts, for pods that end and others that come, and for a dozen readings each.
const WATCHED: Duration = Duration::from_secs(100);

/// All of it; nothing outlives it.
pub(crate) struct Environment {
    pub(crate) simulation: Simulation,
    _server: Server,
    pub(crate) prometheus: Engine,
    pub(crate) victoria_metrics: Engine,
    /// One that is sent nothing, and scrapes the page.
    pub(crate) scraper: Engine,
    pub(crate) received: Received,
    pub(crate) folder: PathBuf,
}

impl Environment {
    /// Starts everything and lets it work for a while.
    pub(crate) async fn start(folder: &Path) -> Result<Self, String> {
        let simulation = Simulation::start(Scenario::demo(), folder).await?;
        let prometheus = Engine::prometheus(folder, "prometheus", "global: {}\n")?;
        let victoria_metrics = Engine::victoria_metrics(folder)?;
        let (address, received) = otlp::start().await?;
        let configuration = format!(
            "export:\n  remoteWrite:\n  - {{name: prometheus, url: '{}', externalLabels: {{cluster: simulated}}}}\n  \
             - {{name: victoria, url: '{}'}}\n  otlp:\n  - {{name: otlp, url: 'http://{address}/v1/metrics'}}\n",
            prometheus.remote_write_url(),
            victoria_metrics.remote_write_url(),
        );
        let server = start_server(&simulation, folder, "server", &configuration)?;
        let scraper = Engine::prometheus(folder, "scraper", &scrape(&simulation, folder, server.port))?;
        tokio::time::sleep(WATCHED).await;
        Ok(Self {
            simulation,
            _server: server,
            prometheus,
            victoria_metrics,
            scraper,
            received,
            folder: folder.to_owned(),
        })
    }
}

/// A server of its own process, with this file for `--config`.
pub(crate) fn start_server(
    simulation: &Simulation,
    folder: &Path,
    name: &str,
    configuration: &str,
) -> Result<Server, String> {
    let file = folder.join(format!("{name}.config.yaml"));
    std::fs::write(&file, configuration).map_err(|error| error.to_string())?;
    let mut arguments = simulation.serve_arguments();
    arguments.extend(["--metric-resolution=5s".to_owned(), format!("--config={}", file.display())]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Server::start(free_port()?, &arguments, &[], &folder.join(format!("{name}.log")))
}

/// As docs/export.md tells an operator, but for the certificate, which is verified elsewhere.
fn scrape(simulation: &Simulation, folder: &Path, port: u16) -> String {
    let token = folder.join("scraper.token");
    let admin = simulation.control_plane.token(kube_vitals::sim::control_plane::Account::Admin);
    let _ = std::fs::write(&token, admin);
    format!(
        "scrape_configs:\n- job_name: usage\n  metrics_path: /metrics/usage\n  scheme: https\n  scrape_interval: 5s\n  \
         scrape_timeout: 5s\n  honor_timestamps: true\n  authorization: {{credentials_file: {}}}\n  \
         tls_config: {{insecure_skip_verify: true}}\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n",
        token.display()
    )
}
