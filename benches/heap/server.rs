//! The whole server around a simulated cluster of another process.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use kube_vitals::app::{self, App};
use kube_vitals::clock::Clock;
use kube_vitals::config::{ServeArgs, Settings};
use kube_vitals::sim::Scenario;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::allocator::live_bytes;
use crate::process::Process;
use crate::simulation::Simulation;

/// The argument that makes this program the cluster of a server.
pub(crate) const CLUSTER: &str = "--cluster";
/// The argument that makes this program many clients of a server.
pub(crate) const CLIENTS_OF: &str = "--clients-of";
/// So many that what the first of them need does not show.
const CLIENTS: u32 = 100;
/// Told by the clients when each has its connection.
const CONNECTED: &str = "connected";
/// Between the flags that the cluster tells.
const SEPARATOR: char = '\t';
/// So long that nothing is asked again while we measure.
const RESOLUTION: &str = "10m";
/// No less than two of them, or the server refuses to start.
const MAX_SAMPLE_AGE: &str = "20m";
/// Where the cluster tells how often its kubelets were asked.
const REQUESTS: &str = "requests";
/// Nothing changes for this long when the server is at rest.
const REST: Duration = Duration::from_secs(1);

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) nodes: u32,
    pub(crate) pods: u32,
    pub(crate) containers: u32,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<u32> = text.split('x').map_while(|number| number.parse().ok()).collect();
        let [nodes, pods, containers] = numbers[..] else {
            return Err(format!("{text:?} is not NODESxPODSxCONTAINERS"));
        };
        Ok(Self { nodes, pods, containers })
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.nodes, self.pods, self.containers)
    }
}

/// The heap that a server of such a cluster holds when it has asked every kubelet and is at rest.
pub(crate) fn heap_bytes(shape: Shape) -> Result<f64, String> {
    let server = Running::start(shape)?;
    let held = server.at_rest()?;
    server.stop()?;
    Ok(held)
}

/// What one client costs that has asked once over HTTP/2 and keeps its connection.
pub(crate) fn connection_bytes() -> Result<f64, String> {
    let server = Running::start(Shape { nodes: 1, pods: 1, containers: 1 })?;
    let without = server.at_rest()?;
    let clients = start_clients(&server)?;
    let with = server.at_rest()?;
    // What is made for the first answer is the server's, not a connection's.
    let more = start_clients(&server)?;
    let with_more = server.at_rest()?;
    drop((clients, more));
    server.stop()?;
    println!("of {CLIENTS} connections, the first answer included: {:.0} kB", (with - without) / 1000.0);
    Ok((with_more - with) / f64::from(CLIENTS))
}

/// The server, on a thread of this process, and its cluster.
struct Running {
    folder: TempDir,
    _cluster: Process,
    nodes: u32,
    address: SocketAddr,
    /// The heap before it began.
    before: f64,
    ended: JoinHandle<Result<(), String>>,
    stop: CancellationToken,
}

impl Running {
    fn start(shape: Shape) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let (cluster, flags) = start_cluster(shape, folder.path())?;
        let typed = ["serve", "--bind-address", "127.0.0.1", "--secure-port", "0", "--metric-resolution", RESOLUTION];
        let typed = typed.into_iter().chain(["--max-sample-age", MAX_SAMPLE_AGE]);
        let args = ServeArgs::try_parse_from(typed.chain(flags.split(SEPARATOR))).map_err(text)?;
        let settings = Settings::from_args(&args).map_err(text)?;
        drop(args);
        let before = live_bytes();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (bound, address) = mpsc::channel();
        let run = async move {
            let app = App::build(settings, Clock::system()).await.map_err(text)?;
            bound.send(app.address()).map_err(text)?;
            app.run(stopped).await.map_err(text)
        };
        let ended = std::thread::spawn(move || app::runtime().map_err(text)?.block_on(run));
        let address = address.recv_timeout(Duration::from_secs(20)).map_err(text)?;
        Ok(Self { folder, _cluster: cluster, nodes: shape.nodes, address, before, ended, stop })
    }

    fn at_rest(&self) -> Result<f64, String> {
        Ok(at_rest(&self.folder.path().join(REQUESTS), self.nodes)? - self.before)
    }

    fn stop(self) -> Result<(), String> {
        self.stop.cancel();
        self.ended.join().map_err(|_| "the server panicked".to_owned())?
    }
}

/// The heap when every kubelet was asked and nothing has changed for a while.
fn at_rest(requests: &Path, nodes: u32) -> Result<f64, String> {
    let limit = Instant::now() + Duration::from_mins(2);
    let (mut asked, mut last, mut since) = (0, live_bytes(), Instant::now());
    while Instant::now() < limit {
        std::thread::sleep(REST / 10);
        let told = fs::read_to_string(requests).ok().and_then(|told| told.parse().ok()).unwrap_or(asked);
        let now = live_bytes();
        // Timers and queues of the runtime breathe a little.
        if told != asked || (now - last).abs() > last / 2000.0 {
            (asked, last, since) = (told, now, Instant::now());
        } else if asked >= nodes && since.elapsed() >= REST {
            return Ok(now);
        }
    }
    Err(format!("no rest after {asked} requests to {nodes} kubelets"))
}

fn start_cluster(shape: Shape, folder: &Path) -> Result<(Process, String), String> {
    let program = std::env::current_exe().map_err(text)?;
    let shape = format!("{shape} {}", folder.display());
    let mut command = Command::new(program);
    command.args([CLUSTER, &shape]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut cluster = Process::start("the simulated cluster", &mut command)?;
    let flags = cluster.line(Duration::from_mins(1), |line| line.starts_with("--"))?;
    Ok((cluster, flags))
}

fn start_clients(server: &Running) -> Result<Process, String> {
    let program = std::env::current_exe().map_err(text)?;
    let kubeconfig = fs::read_to_string(server.folder.path().join("server.kubeconfig")).map_err(text)?;
    let token = kubeconfig.split("token: ").nth(1).and_then(|rest| rest.split('}').next());
    let token = token.ok_or("no token in the kubeconfig")?;
    let mut command = Command::new(program);
    command.args([CLIENTS_OF, &format!("{} {token}", server.address)]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut clients = Process::start("the clients", &mut command)?;
    clients.line(Duration::from_mins(1), |line| line == CONNECTED)?;
    Ok(clients)
}

/// Is many clients, each with its own connection, until the process is ended.
pub(crate) fn clients(server: &str) -> Result<(), String> {
    // Whoever is nobody is not kept.
    let (server, token) = server.split_once(' ').ok_or("clients have a server and a token")?;
    let runtime = Runtime::new().map_err(text)?;
    runtime.block_on(async {
        let mut connected = Vec::new();
        for _ in 0..CLIENTS {
            // Verified elsewhere; here a connection is all that is wanted.
            let client =
                reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build().map_err(text)?;
            let answer = client.get(format!("https://{server}/livez")).bearer_auth(token).send().await.map_err(text)?;
            if answer.version() != http::Version::HTTP_2 || !answer.status().is_success() {
                return Err(format!("{:?} {}", answer.version(), answer.status()));
            }
            answer.bytes().await.map_err(text)?;
            connected.push(client);
        }
        println!("{CONNECTED}");
        std::future::pending().await
    })
}

/// Is the cluster until the process is ended; tells the flags of its server in one line.
pub(crate) fn cluster(cluster: &str) -> Result<(), String> {
    let (shape, folder) = cluster.split_once(' ').ok_or("a cluster has a shape and a folder")?;
    let shape: Shape = shape.parse()?;
    let scenario = Scenario::bench(shape.nodes, shape.pods, shape.containers);
    let runtime = Runtime::new().map_err(text)?;
    runtime.block_on(async {
        let simulation = Simulation::start(scenario, Path::new(folder)).await?;
        println!("{}", simulation.serve_arguments().join(&SEPARATOR.to_string()));
        let (requests, written) = (Path::new(folder).join(REQUESTS), Path::new(folder).join("requests.new"));
        loop {
            tokio::time::sleep(REST / 10).await;
            fs::write(&written, simulation.requests().to_string()).map_err(text)?;
            fs::rename(&written, &requests).map_err(text)?;
        }
    })
}

fn text(error: impl Display) -> String {
    error.to_string()
}
