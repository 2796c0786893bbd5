//! A server near its limit of memory gives up what it can before it is killed: clients who ask for all
//! and do not read would take many times what it may have; it takes them on only as far as there is room,
//! answers everybody who asks for little, and is as before when they have left.
//!
//! Takes some 25 s: two servers, one of them without a limit, are pressed at the same time; and then one
//! that the kernel would kill, where control groups can be made.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures, and what was not tried")]

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::Request;
use kube_vitals::sim::Scenario;
use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::look::SERVER;
use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation};
use crate::support::usage_of;
use crate::waiting::eventually;

const MEBIBYTE: u64 = 1 << 20;
/// More pods than a short list may have.
const NODES: u32 = 20;
const PODS_PER_NODE: u32 = 40;
const START: Duration = Duration::from_secs(30);
/// What the limited server may have: it holds half of that at rest, unoptimised as it is.
const LIMIT_MEBIBYTES: u64 = 96;
/// Lists and watches that nobody reads, fewer than a server has places for; so many on a connection.
const LISTS: usize = 300;
const WATCHES: usize = 500;
const STREAMS: usize = 100;
/// They come one after the other, as clients do.
const APART: Duration = Duration::from_millis(300);
/// How long it is from the first to the end of all, at least; until there was pressure, on a machine with
/// other work.
const HELD: Duration = Duration::from_secs(8);
const LONGEST_HELD: Duration = Duration::from_mins(1);
/// After that, all is as before: a server that is near its limit looks at it ten times a second, and the
/// allocator gives back pages a second after they were freed.
const RECOVERY: Duration = Duration::from_secs(20);
const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";
const SHORT_LIST: &str = "/apis/metrics.k8s.io/v1beta1/pods?limit=5";
const NODE_LIST: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const WATCH: &str = "/apis/metrics.k8s.io/v1beta1/pods?watch=true";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_near_its_limit_of_memory_sheds_answers_the_small_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = run(folder.path()).await {
        let log = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        panic!("{error}\nlimited:\n{}\ncontained:\n{}", log("limited.log"), log("contained.log"));
    }
}

async fn run(folder: &Path) -> Result<(), String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let simulation = Simulation::start(Scenario::bench(NODES, PODS_PER_NODE, 2), folder).await?;
    let flag = format!("--memory-limit={LIMIT_MEBIBYTES}Mi");
    let program = Path::new(env!("CARGO_BIN_EXE_kube-vitals"));
    let limited = Pressed::start(&simulation, (folder, "limited"), program, &flag).await?;
    let unlimited = Pressed::start(&simulation, (folder, "unlimited"), program, "--memory-limit=64Gi").await?;
    let (limited, unlimited) = tokio::join!(limited.press(&simulation), unlimited.press(&simulation));
    let (limited, unlimited) = (limited?, unlimited?);
    println!("limited by flag: {limited}\nunlimited: {unlimited}");
    if !unlimited.is_far_beyond() || unlimited.shed > 0 {
        return Err(format!("that was no pressure: {unlimited}"));
    }
    limited.judge()?;

    let Some(group) = ControlGroup::new(LIMIT_MEBIBYTES * MEBIBYTE) else {
        eprintln!("SKIPPED: no control group can be made here, so no limit of the kernel's was tried");
        return Ok(());
    };
    let program = group.around(program, folder)?;
    let contained = Pressed::start(&simulation, (folder, "contained"), &program, "--memory-limit=").await?;
    let contained = contained.press(&simulation).await?;
    // Of its resident pages, those of the program may count for somebody else who runs it.
    let contained = Outcome { peak_mebibytes: group.peak_bytes()? / MEBIBYTE, ..contained };
    println!("limited by a control group: {contained}");
    contained.judge()
}

/// A control group of the kernel's with a limit of memory, of version 1; gone when dropped.
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn new(limit_bytes: u64) -> Option<Self> {
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let ours = membership.lines().find_map(|line| line.split_once(":memory:"))?.1;
        let parent = Path::new("/sys/fs/cgroup/memory").join(ours.trim_start_matches('/'));
        let group = Self(parent.join(format!("kube-vitals-{}", std::process::id())));
        fs::create_dir(&group.0).ok()?;
        fs::write(group.0.join("memory.limit_in_bytes"), limit_bytes.to_string()).ok()?;
        Some(group)
    }

    /// A program that enters the group before it becomes `program`.
    fn around(&self, program: &Path, folder: &Path) -> Result<PathBuf, String> {
        let path = folder.join("contained");
        let (procs, program) = (self.0.join("cgroup.procs"), program.display());
        let script = format!("#!/bin/sh\necho $$ > '{}'\nexec '{program}' \"$@\"\n", procs.display());
        fs::write(&path, script).map_err(text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(text)?;
        Ok(path)
    }
}

impl ControlGroup {
    fn peak_bytes(&self) -> Result<u64, String> {
        let peak = fs::read_to_string(self.0.join("memory.max_usage_in_bytes")).map_err(text)?;
        peak.trim().parse().map_err(text)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Fails while somebody is in it, and then has to be made good by hand.
        let _ = fs::remove_dir(&self.0);
    }
}

/// A server of its own.
struct Pressed {
    server: Server,
    client: Client,
}

/// How it went.
struct Outcome {
    rest_mebibytes: u64,
    peak_mebibytes: u64,
    /// How long after the end memory was no trouble any more.
    recovery: Duration,
    /// Refused for want of memory.
    shed: u64,
    /// Small requests, all of them answered.
    honest: u32,
}

impl Outcome {
    /// Whether what was asked for is enough to show what it does.
    fn has_pressure(&self) -> bool {
        self.shed > 0 || self.is_far_beyond()
    }

    fn is_far_beyond(&self) -> bool {
        self.peak_mebibytes >= LIMIT_MEBIBYTES * 3 / 2
    }

    fn judge(&self) -> Result<(), String> {
        let is_within = self.peak_mebibytes <= LIMIT_MEBIBYTES && self.shed > 0;
        if is_within { Ok(()) } else { Err(format!("beyond the limit, or nothing was shed: {self}")) }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rest_mebibytes, peak_mebibytes, recovery, shed, honest } = self;
        write!(f, "{rest_mebibytes} MiB at rest, {peak_mebibytes} MiB at most, {shed} requests refused, ")?;
        write!(f, "{honest} small ones answered, recovered after {:.1} s", recovery.as_secs_f64())
    }
}

impl Pressed {
    async fn start(
        simulation: &Simulation,
        (folder, name): (&Path, &str),
        program: &Path,
        limit: &str,
    ) -> Result<Self, String> {
        let log = folder.join(format!("{name}.log"));
        let mut arguments = simulation.serve_arguments();
        arguments.extend(["--log-filter=warn,kube_vitals::pressure=info", limit].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = block_in_place(|| Server::start_build(program, free_port()?, &arguments, &[], &log))?;
        let client = eventually(START, async || simulation.server_client(server.port).await).await?;
        let pressed = Self { server, client };
        eventually(START, async || pressed.answers_all().await).await?;
        Ok(pressed)
    }

    async fn press(self, simulation: &Simulation) -> Result<Outcome, String> {
        let id = self.server.process.id();
        let rest = usage_of::resident_bytes(id)?;
        fs::write(format!("/proc/{id}/clear_refs"), "5").map_err(text)?;
        let roots = roots(&simulation.server_authority().await?)?;
        let token = simulation.control_plane.token(Account::Viewer);
        let (begin, over) = (Instant::now(), CancellationToken::new());
        let mut readers = JoinSet::new();
        let connections =
            [(PODS, LISTS), (WATCH, WATCHES)].into_iter().flat_map(|(path, count)| vec![path; count / STREAMS]);
        for (path, last) in connections.zip(1_u8..) {
            let address = Ipv4Addr::new(127, 0, 3, last);
            let (token, port) = (token.to_owned(), self.server.port);
            let begin = begin + APART * u32::from(last);
            let reader = SlowReader { address, port, token, path, begin, over: over.clone() };
            readers.spawn(reader.ask(Arc::clone(&roots)));
        }
        let (rest_mebibytes, recovery) = (rest / MEBIBYTE, Duration::ZERO);
        let mut outcome = Outcome { rest_mebibytes, peak_mebibytes: 0, recovery, shed: 0, honest: 0 };
        while begin.elapsed() < HELD || !(outcome.has_pressure() || begin.elapsed() > LONGEST_HELD) {
            for path in ["/livez", NODE_LIST, SHORT_LIST] {
                self.ask(path).await?;
            }
            outcome.shed = self.metric("kube_vitals_requests_shed_total{limit=\"memory\"} ").await?;
            outcome.honest += 4;
            outcome.peak_mebibytes = usage_of::peak_resident_bytes(id)? / MEBIBYTE;
        }
        over.cancel();
        while let Some(ended) = readers.join_next().await {
            ended.map_err(text)??;
        }
        let ended = Instant::now();
        eventually(RECOVERY, async || self.answers_all().await).await?;
        Ok(Outcome { recovery: ended.elapsed(), ..outcome })
    }

    /// Whether memory is no trouble, and the longest list and a watch are answered.
    async fn answers_all(&self) -> Result<(), String> {
        if self.metric::<f64>("kube_vitals_memory_pressure ").await? > 0.0 {
            return Err("memory is near its limit".to_owned());
        }
        let pods = self.ask(PODS).await?.matches("\"containers\"").count();
        if pods < (NODES * PODS_PER_NODE) as usize {
            return Err(format!("{pods} pods are served"));
        }
        let watch = self.client.get(format!("{SERVER}{WATCH}")).send().await.map_err(text)?;
        watch.error_for_status().map(drop).map_err(text)
    }

    async fn metric<T: FromStr>(&self, series: &str) -> Result<T, String> {
        let metrics = self.ask("/metrics").await?;
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)).ok_or(format!("no {series}"))?;
        value.parse().map_err(|_| format!("{series}: {value}"))
    }

    async fn ask(&self, path: &str) -> Result<String, String> {
        let answer =
            self.client.get(format!("{SERVER}{path}")).send().await.map_err(|error| format!("{path}: {error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{path}: {error:?}"))?;
        if status.is_success() { Ok(text) } else { Err(format!("{path}: {status}: {text}")) }
    }
}

/// A connection that asks many times and reads none of the answers to its end.
struct SlowReader {
    /// What one address may ask for at once has a limit of its own.
    address: Ipv4Addr,
    port: u16,
    token: String,
    path: &'static str,
    begin: Instant,
    over: CancellationToken,
}

impl SlowReader {
    async fn ask(self, roots: Arc<RootCertStore>) -> Result<(), String> {
        tokio::time::sleep_until(self.begin).await;
        let tls = self.dial(roots).await?;
        // So wide that what stands in the way is what the other end can hold.
        let mut windows = Builder::new();
        windows.initial_window_size(16 << 20).initial_connection_window_size(1 << 30);
        let (requests, connection) = windows.handshake::<_, Bytes>(tls).await.map_err(text)?;
        let mut connection = pin!(connection);
        let answers = tokio::select! {
            answers = self.send_all(requests) => answers?,
            ended = &mut connection => return ended.map_err(text),
        };
        // Until all is sent; what is read meanwhile is little.
        let _ = timeout(Duration::from_millis(500), &mut connection).await;
        self.over.cancelled().await;
        drop(answers);
        Ok(())
    }

    async fn dial(&self, roots: Arc<RootCertStore>) -> Result<TlsStream<TcpStream>, String> {
        let socket = TcpSocket::new_v4().map_err(text)?;
        socket.bind((self.address, 0).into()).map_err(text)?;
        // What the system holds for us is no memory of the server's.
        socket.set_recv_buffer_size(16 << 10).map_err(text)?;
        let stream = socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await.map_err(text)?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(SERVER_NAME).map_err(text)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(text)
    }

    async fn send_all(&self, mut requests: SendRequest<Bytes>) -> Result<Vec<ResponseFuture>, String> {
        let mut answers = Vec::new();
        for _ in 0..STREAMS {
            let request = Request::get(format!("{SERVER}{}", self.path));
            let request = request.header("authorization", format!("Bearer {}", self.token)).body(()).map_err(text)?;
            requests = requests.ready().await.map_err(text)?;
            answers.push(requests.send_request(request, true).map_err(text)?.0);
        }
        Ok(answers)
    }
}

fn roots(pem: &[u8]) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem) {
        roots.add(authority.map_err(text)?).map_err(text)?;
    }
    Ok(Arc::new(roots))
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
