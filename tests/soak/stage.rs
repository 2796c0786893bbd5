//! The simulated cluster, and the server under test as a process of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube_vitals::sim::control_plane::Account;
use kube_vitals::sim::{Lifetime, Scenario, Workload};
use reqwest::{Client, ClientBuilder};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::engine::Engine;
use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation, client};

/// As many as unoptimised code can simulate and judge beside the server, on cores that others use too.
pub(crate) const NODES: u32 = 60;
/// Of which three are machines that are set up anew, and three are replaced by others.
const PASSING_NODES: u32 = 6;
/// Pods of each node that last, those of the demo but for its short-lived ones; and that come and go.
const BRIEF: usize = 3;
const BRIEF_LIFE: Lifetime = Lifetime { shortest: Duration::from_secs(15), longest: Duration::from_secs(45) };
/// The shortest there is: the most scrapes.
pub(crate) const RESOLUTION: Duration = Duration::from_secs(5);
/// Short, so that what has ended is forgotten within the test.
pub(crate) const MAX_SAMPLE_AGE: Duration = Duration::from_secs(30);
/// So small that it is full when the engine is slow.
pub(crate) const QUEUE_SAMPLES: usize = 10_000;
/// The fewest there may be, so that the engine is asked often.
const SAMPLES_PER_REQUEST: usize = 300;
/// Until there is a certificate, also where debug code has to share its cores.
const START: Duration = Duration::from_mins(1);
/// For one request. Lists are long for debug code.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of it; nothing outlives it.
pub(crate) struct Stage {
    pub(crate) simulation: Simulation,
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    pub(crate) log: PathBuf,
    authority_pem: Vec<u8>,
    client_certificate: reqwest::Identity,
}

impl Stage {
    /// Starts it; the pods that come and go do so for as long as `churn`.
    pub(crate) async fn start(folder: &Path, churn: Duration) -> Result<Self, String> {
        let simulation = Simulation::start(scenario(churn), folder).await?;
        let engine = Engine::start().await?;
        let configuration = folder.join("server.yaml");
        let export = format!(
            "export:\n  remoteWrite:\n  - {{name: slow, url: 'http://{}/', protocol: v1, samplesPerRequest: \
             {SAMPLES_PER_REQUEST}, queueSamples: {QUEUE_SAMPLES}}}\n",
            engine.address
        );
        fs::write(&configuration, export).map_err(text)?;
        let log = folder.join("server.log");
        let mut arguments = simulation.serve_arguments();
        let seconds = |length: Duration| format!("{}s", length.as_secs());
        arguments.extend(["--metric-resolution".to_owned(), seconds(RESOLUTION)]);
        arguments.extend(["--max-sample-age".to_owned(), seconds(MAX_SAMPLE_AGE)]);
        arguments.extend(["--config".to_owned(), configuration.display().to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = block_in_place(|| Server::start(free_port()?, &arguments, &[], &log))?;
        let authority_pem = authority(&simulation).await?;
        simulation.control_plane.connect(SERVER_NAME, SocketAddr::from(([127, 0, 0, 1], server.port)));
        let certificate = simulation.control_plane.client_certificate("soak").map_err(text)?;
        let client_certificate = reqwest::Identity::from_pem(certificate.as_bytes()).map_err(text)?;
        Ok(Self { simulation, server, engine, log, authority_pem, client_certificate })
    }

    /// A client of the server with an account's token.
    pub(crate) fn client(&self, account: Account) -> Result<Client, String> {
        self.builder(self.simulation.control_plane.token(account))?.build().map_err(text)
    }

    /// A client whose token is nobody's, at an address of its own.
    pub(crate) fn stranger(&self, token: &str, from: IpAddr) -> Result<Client, String> {
        self.builder(token)?.local_address(from).build().map_err(text)
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Result<Client, String> {
        self.without_token()?.build().map_err(text)
    }

    /// A client with a certificate and no token.
    pub(crate) fn certified(&self) -> Result<Client, String> {
        self.without_token()?.identity(self.client_certificate.clone()).build().map_err(text)
    }

    /// A client of the API server, which passes our groups on to the server as its front proxy, and the
    /// address to begin its URLs with.
    pub(crate) fn proxied(&self, account: Account) -> Result<(Client, String), String> {
        let control_plane = &self.simulation.control_plane;
        let builder = client(control_plane.ca_pem().as_bytes(), control_plane.token(account))?;
        Ok((builder.timeout(PATIENCE).build().map_err(text)?, format!("https://{}", control_plane.address())))
    }

    fn builder(&self, token: &str) -> Result<ClientBuilder, String> {
        Ok(self.to_server(client(&self.authority_pem, token)?))
    }

    fn without_token(&self) -> Result<ClientBuilder, String> {
        let authority = reqwest::Certificate::from_pem(&self.authority_pem).map_err(text)?;
        Ok(self.to_server(Client::builder().no_proxy().tls_certs_only([authority])))
    }

    fn to_server(&self, builder: ClientBuilder) -> ClientBuilder {
        let server = SocketAddr::from(([127, 0, 0, 1], self.server.port));
        builder.resolve(SERVER_NAME, server).read_timeout(PATIENCE)
    }
}

async fn authority(simulation: &Simulation) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + START;
    loop {
        match simulation.server_authority().await {
            Ok(pem) => return Ok(pem),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The demo's pods, many more of those that come and go, and nodes that do.
fn scenario(churn: Duration) -> Scenario {
    let mut scenario = Scenario { nodes: NODES, passing_nodes: PASSING_NODES, ..Scenario::demo() };
    let (brief, mut workloads): (Vec<_>, Vec<_>) =
        scenario.workloads.into_iter().partition(|workload| workload.lifetime.is_some());
    let brief =
        brief.into_iter().map(|workload| Workload { lifetime: Some(BRIEF_LIFE), ends: Some(churn), ..workload });
    workloads.extend(brief.cycle().take(BRIEF));
    scenario.pods_per_node = u32::try_from(workloads.len()).unwrap_or(u32::MAX);
    scenario.workloads = workloads;
    scenario
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
