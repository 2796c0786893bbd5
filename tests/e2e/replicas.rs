//! The server under test: replicas of one deployment behind a Service, which are stopped and
//! started as a rolling update does it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::block_in_place;

use crate::environment::eventually;
use crate::support::server::{Server, free_port};
use crate::support::service::Service;

/// As many as `deploy/` has at once: two, and in an update a third before the first of them goes.
pub(crate) const SLOTS: usize = 3;
/// What `deploy/` leaves for the endpoints to follow, shortened.
const SHUTDOWN_DELAY: &str = "1s";
/// From SIGTERM until an endpoint is gone: less than the delay, as it should be in a cluster.
const ENDPOINT_LAG: Duration = Duration::from_millis(500);
/// From SIGKILL until the endpoint is gone: a kubelet looks at its containers every second.
const KILL_LAG: Duration = Duration::from_secs(1);
/// A start and a stop take a second or two.
const LIMIT: Duration = Duration::from_secs(30);

/// The replicas and the Service in front of them. One runs, unless a test asks for more or less.
pub(crate) struct Replicas {
    service: Service,
    ports: [u16; SLOTS],
    arguments: Vec<String>,
    folder: PathBuf,
    running: Mutex<[Option<Server>; SLOTS]>,
}

impl Replicas {
    /// None yet; they will be started with `arguments`.
    pub(crate) fn new(service: Service, arguments: Vec<String>, folder: &Path) -> Result<Self, String> {
        let ports = [free_port()?, free_port()?, free_port()?];
        Ok(Self { service, ports, arguments, folder: folder.to_owned(), running: Mutex::default() })
    }

    /// The port of the replica that runs unless a test says otherwise.
    pub(crate) fn port(&self) -> u16 {
        let [first, ..] = self.ports;
        first
    }

    /// Breaks every connection to a replica.
    pub(crate) fn cut_connections(&self) {
        self.service.cut();
    }

    /// Starts a replica; it gets connections as soon as it is ready.
    pub(crate) async fn start(&self, index: usize) -> Result<(), String> {
        self.start_with(index, &[]).await
    }

    /// The same, told more than the others.
    pub(crate) async fn start_with(&self, index: usize, told: &[&str]) -> Result<(), String> {
        let mut running = self.running.lock().await;
        let port = self.ports[index];
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let pod = format!("custom-api-server-{index}");
        arguments.extend_from_slice(told);
        arguments.extend(["--shutdown-delay-duration", SHUTDOWN_DELAY, "--pod-name", &pod, "--pod-ip", "127.0.0.1"]);
        // Spans leave the process at once, so that the suite need not wait for a full batch.
        let batches = [("OTEL_BSP_SCHEDULE_DELAY", "200")];
        let started = block_in_place(|| Server::start(port, &arguments, &batches, &self.log(index)));
        running[index] = Some(started.map_err(|error| format!("{error}\n{}", self.logs()))?);
        let probe = probe()?;
        eventually(LIMIT, async || ready(&probe, port).await).await?;
        self.lead_to(&running);
        Ok(())
    }

    /// Ends a replica as a kubelet does: the endpoint goes away a little after the signal.
    pub(crate) async fn stop(&self, index: usize) -> Result<(), String> {
        let mut running = self.running.lock().await;
        let Some(mut server) = running[index].take() else { return Ok(()) };
        server.process.terminate();
        tokio::time::sleep(ENDPOINT_LAG).await;
        self.lead_to(&running);
        let status = block_in_place(|| server.process.ended(LIMIT))?;
        if status.success() { Ok(()) } else { Err(format!("{status}: {}", self.logs())) }
    }

    /// Ends a replica without a warning, as the kernel does for want of memory. Returns when it was
    /// dead and when its endpoint was gone.
    pub(crate) async fn kill(&self, index: usize) -> Result<(Instant, Instant), String> {
        let mut running = self.running.lock().await;
        let mut server = running[index].take().ok_or("it does not run")?;
        let dead = Instant::now();
        block_in_place(|| server.process.kill())?;
        tokio::time::sleep(KILL_LAG).await;
        self.lead_to(&running);
        Ok((dead, Instant::now()))
    }

    /// The processes that run.
    pub(crate) async fn ids(&self) -> Vec<u32> {
        self.running.lock().await.iter().flatten().map(|server| server.process.id()).collect()
    }

    /// What those that were started last have logged.
    pub(crate) fn logs(&self) -> String {
        (0..SLOTS).filter_map(|index| std::fs::read_to_string(self.log(index)).ok()).collect()
    }

    fn lead_to(&self, running: &[Option<Server>; SLOTS]) {
        let ports: Vec<u16> = running.iter().flatten().map(|server| server.port).collect();
        self.service.lead_to(&ports);
    }

    fn log(&self, index: usize) -> PathBuf {
        self.folder.join(format!("server-{index}.log"))
    }
}

/// A kubelet's probe verifies no certificate.
fn probe() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|error| error.to_string())
}

async fn ready(probe: &reqwest::Client, port: u16) -> Result<(), String> {
    let answer = probe.get(format!("https://127.0.0.1:{port}/readyz")).send().await;
    answer.and_then(reqwest::Response::error_for_status).map(|_| ()).map_err(|error| error.to_string())
}
