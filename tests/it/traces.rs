//! The program with a collector: what a request's trace holds, and that no collector, however bad,
//! is felt by those who ask.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use kube_vitals::sim::Scenario;
use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use tokio::task::block_in_place;
use tokio::time::Instant;

use crate::look::SERVER;
use crate::support::otlp_sink::{OtlpSink, Span};
use crate::support::server::{Server, free_port};
use crate::support::simulation::Simulation;
use crate::waiting::eventually;

/// Starting, and first usage of everything; batches go out in less.
const START: Duration = Duration::from_secs(20);
const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
/// More than are asked in a turn are never held.
const QUEUE_SPANS: &str = "64";

/// The simulated cluster, with a folder for files.
struct Stage {
    folder: tempfile::TempDir,
    simulation: Simulation,
}

impl Stage {
    async fn set() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let simulation = Simulation::start(Scenario::bench(2, 10, 1), folder.path()).await.unwrap();
        Self { folder, simulation }
    }

    /// A server that sends to `endpoint`, and a client of it that has got usage of all nodes.
    async fn serve(&self, endpoint: &str, flags: &[&str]) -> (Server, Client) {
        let mut arguments = self.simulation.serve_arguments();
        arguments.extend(["--otlp-endpoint".to_owned(), endpoint.to_owned()]);
        arguments.extend(["--shutdown-delay-duration".to_owned(), "0s".to_owned()]);
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let variables = [("OTEL_BSP_SCHEDULE_DELAY", "200"), ("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_SPANS)];
        let log = self.folder.path().join(format!("{}.log", free_port().unwrap()));
        let start = || Server::start(free_port()?, &arguments, &variables, Path::new(&log));
        let server = block_in_place(start).unwrap();
        let client = eventually(START, async || {
            let client = self.simulation.server_client(server.port).await?;
            let nodes = get(&client, NODES).await?;
            if nodes.matches("\"timestamp\"").count() == 2 { Ok(client) } else { Err(nodes) }
        })
        .await
        .unwrap();
        (server, client)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_front_proxy_traces_is_one_tree() {
    const PARENT: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let stage = Stage::set().await;
    let sink = OtlpSink::start().await.unwrap();
    // No trace is begun here: this one goes on because the caller's was sampled.
    let (server, _) = stage.serve(&format!("http://{}", sink.http), &[]).await;
    ask_traced(&stage, &server, PARENT).await;
    let spans = eventually(START, async || {
        let spans = sink.spans.of(PARENT.0);
        let has_ended = spans.iter().any(|span| span.kind == "server");
        if has_ended { Ok(spans) } else { Err(format!("{spans:?}")) }
    })
    .await
    .unwrap();
    println!("{}", sink.spans.tree(PARENT.0));
    let name_of = |id: &str| spans.iter().find(|span| span.id == id).map_or("", |span| span.name.as_str());
    let edges: BTreeSet<_> = spans.iter().map(|span| (name_of(&span.parent), span.name.as_str())).collect();
    let server = format!("GET {NODES}");
    let review = "POST /apis/authorization.k8s.io/v1/subjectaccessreviews";
    let expected = [
        ("", server.as_str()),
        (server.as_str(), "authentication"),
        (server.as_str(), "authorization"),
        ("authorization", review),
        (server.as_str(), "snapshot"),
        (server.as_str(), "encode"),
    ];
    assert_eq!(edges, expected.into());
    let names = spans.iter().map(|span| span.service.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names, ["kube-vitals"].into());
    assert!(spans.iter().all(|span| !span.is_error && span.end_ns >= span.start_ns), "{spans:?}");
    let told = |name: &str| spans.iter().find(|span| span.name == name).map(|span| &span.attributes).unwrap();
    assert_holds(told(&server), &[("http.route", NODES), ("url.path", NODES), ("http.response.status_code", "200")]);
    assert_holds(told("authentication"), &[("kube_vitals.authentication.method", "front_proxy")]);
    assert_holds(
        told("authorization"),
        &[("kube_vitals.authorization.source", "review"), ("kube_vitals.authorization.decision", "allowed")],
    );
    assert_holds(told(review), &[("server.address", "127.0.0.1"), ("http.request.method", "POST")]);
    assert!(told(review)["url.full"].starts_with("https://127.0.0.1:"), "{:?}", told(review));
    assert!(told(&server).contains_key("audit-id"));
    let strangers: Vec<Span> = sink.spans.all().into_iter().filter(|span| span.trace != PARENT.0).collect();
    assert!(strangers.iter().all(|span| !span.parent.is_empty() || span.kind == "server"), "no scrapes: {strangers:?}");
}

/// Lists nodes through the front proxy, which tells the server that the client's span is sampled.
async fn ask_traced(stage: &Stage, server: &Server, (trace, span): (&str, &str)) {
    let control_plane = &stage.simulation.control_plane;
    control_plane.connect("custom-api.custom-api.svc", ([127, 0, 0, 1], server.port).into());
    let authority = reqwest::Certificate::from_pem(control_plane.ca_pem().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    let request = client
        .get(format!("https://{}{NODES}?limit=1", control_plane.address()))
        .bearer_auth(control_plane.token(Account::Viewer))
        .header("traceparent", format!("00-{trace}-{span}-01"));
    eventually(START, async || {
        let answer = request.try_clone().unwrap().send().await.map_err(|error| error.to_string())?;
        answer.error_for_status().map(|_| ()).map_err(|error| error.to_string())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_or_is_away_is_not_felt_and_its_drops_are_counted() {
    const ALWAYS: &str = "--tracing-sampling-rate-per-million=1000000";
    /// A request makes four spans or more: the queue is full many times over.
    const ASKED: usize = 300;
    let stage = Stage::set().await;
    let sink = OtlpSink::start().await.unwrap();
    // Connections are taken by the kernel, and nobody ever reads from them.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let collectors = [
        ("well", format!("http://{}", sink.grpc), "--otlp-protocol=grpc"),
        ("hanging over gRPC", format!("http://{}", hanging.local_addr().unwrap()), "--otlp-protocol=grpc"),
        ("hanging over HTTP", format!("http://{}", hanging.local_addr().unwrap()), "--otlp-protocol=http/protobuf"),
        ("away", format!("http://127.0.0.1:{}", free_port().unwrap()), "--otlp-protocol=grpc"),
    ];
    let mut servers = Vec::new();
    for (name, endpoint, protocol) in &collectors {
        let (server, client) = stage.serve(endpoint, &[ALWAYS, protocol]).await;
        servers.push((*name, server, client, Vec::with_capacity(ASKED)));
    }
    // In turns, so that what else the machine does befalls all alike.
    for _ in 0..ASKED {
        for (name, _, client, times) in &mut servers {
            let asked = Instant::now();
            get(client, NODES).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            times.push(asked.elapsed());
        }
    }
    let mut medians = BTreeMap::new();
    for (name, server, client, times) in &mut servers {
        times.sort();
        let (median, slowest) = (times[ASKED / 2], times[ASKED - 1]);
        let metrics = get(client, "/metrics").await.unwrap();
        let queued = value(&metrics, "kube_vitals_spans_queued");
        let dropped = value(&metrics, r#"kube_vitals_spans_dropped_total{reason="queue_full"}"#);
        let sent = value(&metrics, "kube_vitals_spans_sent_total");
        println!("{name}: median {median:?}, slowest {slowest:?}; {sent} sent, {queued} queued, {dropped} dropped");
        assert!(slowest < Duration::from_secs(2), "{name}: an answer took {slowest:?}");
        assert!(queued <= 64.0, "{name}: {queued} queued");
        assert_eq!(*name == "well", sent > 0.0, "{name}");
        assert!(*name == "well" || dropped > 0.0, "{name}");
        medians.insert(*name, median);
        let begun = Instant::now();
        let exit = block_in_place(|| server.process.stop(Duration::from_secs(15))).unwrap();
        assert!(exit.success(), "{name}: {exit}");
        println!("{name}: stopped in {:?}", begun.elapsed());
    }
    for (name, median) in &medians {
        let ratio = median.as_secs_f64() / medians["well"].as_secs_f64();
        assert!(ratio < 2.0, "{name}: answers take {ratio:.2} times as long");
    }
}

fn assert_holds(attributes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(attributes.get(*key).map(String::as_str), Some(*value), "{key} of {attributes:?}");
    }
}

/// The value of a sample in the classic format; 0 where there is none.
fn value(metrics: &str, sample: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn get(client: &Client, path: &str) -> Result<String, String> {
    let answer = client.get(format!("{SERVER}{path}")).send().await.map_err(|error| format!("{path}: {error:?}"))?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|error| format!("{path}: {error:?}"))?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(body) } else { Err(format!("{path}: {status}: {body}")) }
}
