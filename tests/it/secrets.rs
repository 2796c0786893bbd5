//! Nothing secret is told: secrets are planted in everything that holds one, the program talks as much
//! as it can, in both formats of logs and to a collector, and is asked in ways that succeed and fail.
//!
//! Takes 15 s in a debug build.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Method, StatusCode};
use kube_vitals::sim::control_plane::Account;
use kube_vitals::sim::{Fault, Scenario};
use parking_lot::Mutex;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::look::SERVER;
use crate::support::pair::Pair;
use crate::support::server::{Server, free_port};
use crate::support::simulation::{SERVER_NAME, Simulation, client};
use crate::waiting::eventually;

const START: Duration = Duration::from_secs(20);
/// Two rounds of scrapes, and the batches that tell of them.
const WORKED: Duration = Duration::from_secs(8);
/// Everything that is asked with every credential.
const PATHS: [&str; 12] = [
    "/livez",
    "/readyz?verbose",
    "/metrics",
    "/metrics/usage",
    "/version",
    "/openapi/v2",
    "/apis/metrics.k8s.io/v1beta1/pods",
    "/apis/metrics.k8s.io/v1beta1/namespaces/none/pods/none",
    "/apis/metrics.k8s.io/v1beta1/nodes?labelSelector=%21%21",
    "/apis/custom.example.com/v1/nodescrapes",
    "/apis/custom.example.com/v1/nodes?watch=1&timeoutSeconds=1",
    "/nowhere?access_token=planted-in-the-query",
];

/// What must not be told, by where it was planted.
type Secrets = BTreeMap<String, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_told() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::bench(6, 5, 1).with_fault(0, Fault::Status(401)).with_fault(1, Fault::Garbage);
    let scenario = scenario.with_fault(2, Fault::WrongCertificate).with_fault(3, Fault::Reset);
    let simulation = Simulation::start(scenario, folder.path()).await.unwrap();
    let mut secrets = Secrets::new();
    for (name, account) in [("admin", Account::Admin), ("viewer", Account::Viewer), ("server", Account::Server)] {
        secrets.insert(format!("token of the {name}"), simulation.control_plane.token(account).to_owned());
    }
    let listener = Recorder::start().await;
    let arguments = arguments(&simulation, &listener, folder.path(), &mut secrets);
    let mut told = Vec::new();
    for format in ["text", "json"] {
        let log = folder.path().join(format!("{format}.log"));
        told.extend(answers(&simulation, &arguments, format, &log, &mut secrets).await);
        told.push((format!("log, {format}"), fs::read(log).unwrap()));
    }
    told.extend(refusals(&arguments, folder.path()));
    let exported = listener.bodies.lock().clone();
    // As they are, not compressed: what is in them can be found.
    assert!(exported.iter().any(|body| contains(body, b"kube_vitals.authentication.method")), "spans were sent");
    told.extend(exported.into_iter().map(|body| ("span or sample".to_owned(), body)));
    assert!(told.iter().any(|(_, bytes)| contains(bytes, b"TRACE")), "talks as much as it can");
    let hits = hits(&told, &secrets);
    let bytes: usize = told.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} secrets sought in {} texts of {bytes} bytes: {} hits", secrets.len(), told.len(), hits.len());
    assert!(hits.is_empty(), "{hits:#?}");
}

/// What is said of keys whose newlines were lost on their way, wherever a key is to be given: the program
/// does not start.
fn refusals(arguments: &[String], folder: &Path) -> Vec<(String, Vec<u8>)> {
    let path = |name: &str| folder.join(name).display().to_string();
    let [api_key, kubelet_key] =
        ["api-client.key", "kubelet-client.key"].map(|name| fs::read_to_string(path(name)).unwrap());
    let (kubeconfig, log) = (fs::read_to_string(&arguments[1]).unwrap(), folder.join("refused.log"));
    let mut told = Vec::new();
    for newline in ["\\n", " ", ""] {
        let mangled = |key: &str| key.replace('\n', newline);
        let with_mangled = kubeconfig.replace(&BASE64.encode(&api_key), &BASE64.encode(mangled(&api_key)));
        assert_ne!(with_mangled, kubeconfig);
        fs::write(path("mangled.kubeconfig"), with_mangled).unwrap();
        fs::write(path("mangled.key"), mangled(&kubelet_key)).unwrap();
        for flags in [
            vec![("--kubeconfig", "mangled.kubeconfig")],
            vec![("--kubelet-client-key", "mangled.key")],
            vec![("--tls-cert-file", "kubelet-client.pem"), ("--tls-private-key-file", "mangled.key")],
            vec![("--tls-cert-file", "mangled.key"), ("--tls-private-key-file", "kubelet-client.key")],
        ] {
            let mut arguments = arguments.to_vec();
            for (flag, file) in &flags {
                match arguments.iter().position(|argument| argument == flag) {
                    Some(at) => arguments[at + 1] = path(file),
                    None => arguments.extend([(*flag).to_owned(), path(file)]),
                }
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let started = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &[], &log));
            assert!(started.is_err(), "{flags:?}");
            told.push((format!("refusal of {flags:?} with {newline:?}"), fs::read(&log).unwrap()));
        }
    }
    told
}

/// One run of the program; what it answered, by what it was asked.
async fn answers(
    simulation: &Simulation,
    arguments: &[String],
    format: &str,
    log: &Path,
    secrets: &mut Secrets,
) -> Vec<(String, Vec<u8>)> {
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.extend(["--log-format", format]);
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=planted-for-the-collector"),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
    ];
    let mut server = block_in_place(|| Server::start(free_port().unwrap(), &arguments, &variables, log)).unwrap();
    let admin = eventually(START, async || simulation.server_client(server.port).await).await.unwrap();
    eventually(START, async || match get(&admin, &Method::GET, "/readyz", &[]).await {
        Some((200, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    note_own_keys(simulation, secrets).await;
    let authority = simulation.server_authority().await.unwrap();
    let mut told = Vec::new();
    for (who, token) in callers(simulation) {
        let client = client(&authority, &token).unwrap();
        let client = client.resolve(SERVER_NAME, ([127, 0, 0, 1], server.port).into()).build().unwrap();
        for (path, method) in PATHS.iter().flat_map(|path| [(path, Method::GET), (path, Method::POST)]) {
            for claims in CLAIMS {
                let answer = get(&client, &method, path, claims).await;
                told.extend(answer.map(|(code, body)| (format!("{method} {path} by {who}: {code}"), body)));
            }
        }
    }
    sleep(WORKED).await;
    let ended = block_in_place(|| server.process.stop(Duration::from_secs(20))).unwrap();
    assert!(ended.success(), "{ended}");
    told
}

/// Names and values of headers that hold what nobody else should know.
const CLAIMS: [&[(&str, &str)]; 2] = [
    &[],
    &[
        ("x-remote-user", "planted-user"),
        ("x-remote-extra-secret", "planted-in-an-extra"),
        ("x-remote-uid", "planted-uid"),
        ("impersonate-extra-key", "planted-for-impersonation"),
        ("cookie", "session=planted-in-a-cookie"),
        ("proxy-authorization", "Basic planted-for-a-proxy"),
    ],
];

fn callers(simulation: &Simulation) -> Vec<(&'static str, String)> {
    let token = |account| simulation.control_plane.token(account).to_owned();
    vec![
        ("the admin", token(Account::Admin)),
        ("the viewer", token(Account::Viewer)),
        ("somebody wrong", "planted-wrong-token".to_owned()),
    ]
}

async fn get(client: &Client, method: &Method, path: &str, headers: &[(&str, &str)]) -> Option<(u16, Vec<u8>)> {
    let request = client.request(method.clone(), format!("{SERVER}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    // One that is cut off says nothing.
    let answer = request.timeout(Duration::from_secs(10)).send().await.ok()?;
    let mut told: Vec<u8> = format!("{:?}", answer.headers()).into_bytes();
    let code = answer.status().as_u16();
    told.extend(answer.bytes().await.ok()?);
    Some((code, told))
}

/// Everything that has a place for a secret has one; the flags that name them.
fn arguments(simulation: &Simulation, listener: &Recorder, folder: &Path, secrets: &mut Secrets) -> Vec<String> {
    for planted in [
        "planted-for-the-collector",
        "planted-in-the-query",
        "planted-in-an-extra",
        "planted-uid",
        "planted-for-impersonation",
        "planted-in-a-cookie",
        "planted-for-a-proxy",
        "planted-wrong-token",
        "planted-password",
        "planted-bearer",
        "planted-in-a-header",
        "planted-in-a-header-file",
    ] {
        secrets.insert(planted.to_owned(), planted.to_owned());
    }
    secrets.insert("basic credentials".to_owned(), BASE64.encode("user:planted-password"));
    let year = Duration::from_hours(24 * 365);
    let kubelet_client = Pair::write("kube-vitals", year, folder, "kubelet-client").unwrap();
    note_key("key towards kubelets", &fs::read_to_string(&kubelet_client.key).unwrap(), secrets);
    let mut arguments = simulation.serve_arguments();
    with_client_key(Path::new(&arguments[1]), folder, secrets);
    let configuration = with_targets(listener, folder);
    arguments.extend(kubelet_client.flags("--kubelet-client-certificate", "--kubelet-client-key"));
    arguments.extend(["--config".to_owned(), configuration.display().to_string()]);
    arguments.extend(["--otlp-endpoint".to_owned(), format!("http://{}", listener.address)]);
    let settings = [
        "--log-filter=trace",
        "--metric-resolution=5s",
        "--tracing-sampling-rate-per-million=1000000",
        "--scrape-tracing-sampling-rate-per-million=1000000",
        "--shutdown-delay-duration=0s",
    ];
    arguments.extend(settings.map(str::to_owned));
    arguments
}

/// Stores that want credentials of every kind; one of them refuses.
fn with_targets(listener: &Recorder, folder: &Path) -> PathBuf {
    for name in ["planted-password", "planted-bearer", "planted-in-a-header-file"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let (url, folder_name) = (format!("http://{}", listener.address), folder.display());
    let text = format!(
        "export:\n  remoteWrite:\n  \
         - {{name: a, url: '{url}/write', basicAuth: {{username: user, passwordFile: '{folder_name}/planted-password'}}, \
         headers: {{x-key: planted-in-a-header}}, headersFrom: {{x-other: '{folder_name}/planted-in-a-header-file'}}}}\n  \
         - {{name: b, url: '{url}/refused', bearerTokenFile: '{folder_name}/planted-bearer'}}\n"
    );
    let path = folder.join("config.yaml");
    fs::write(&path, text).unwrap();
    path
}

/// The kubeconfig shows a certificate beside the token.
fn with_client_key(kubeconfig: &Path, folder: &Path, secrets: &mut Secrets) {
    let pair = Pair::write("server", Duration::from_hours(24 * 365), folder, "api-client").unwrap();
    let key = fs::read_to_string(&pair.key).unwrap();
    let text = fs::read_to_string(kubeconfig).unwrap();
    let data = format!(
        "user: {{client-certificate-data: {}, client-key-data: {}, token:",
        BASE64.encode(&pair.pem),
        BASE64.encode(&key)
    );
    fs::write(kubeconfig, text.replace("user: {token:", &data)).unwrap();
    note_key("key of the kubeconfig", &key, secrets);
    secrets.insert("key of the kubeconfig, encoded".to_owned(), BASE64.encode(&key)[60..120].to_owned());
}

/// The keys that the program made for itself, as the Secret holds them.
async fn note_own_keys(simulation: &Simulation, secrets: &mut Secrets) {
    let authority = simulation.control_plane.ca_pem().as_bytes();
    let api = client(authority, simulation.admin_token()).unwrap().build().unwrap();
    let address = simulation.control_plane.address();
    let list = api.get(format!("https://{address}/api/v1/namespaces/custom-api/secrets")).send().await.unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.bytes().await.unwrap()).unwrap();
    let data = list["items"][0]["data"].as_object().unwrap();
    let keys = data.iter().filter(|(name, _)| name.contains("key"));
    for (name, value) in keys {
        let encoded = value.as_str().unwrap();
        let key = String::from_utf8(BASE64.decode(encoded).unwrap()).unwrap();
        note_key(&format!("{name} of the Secret"), &key, secrets);
        secrets.insert(format!("{name} of the Secret, encoded"), encoded[60..120].to_owned());
    }
    assert!(secrets.contains_key("ca.key of the Secret, piece 1"), "{:?}", secrets.keys());
}

/// Pieces of what stands between the marks and is not the same in every key of this kind, nor in its
/// certificate.
fn note_key(name: &str, pem: &str, secrets: &mut Secrets) {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    for (number, piece) in (1..).zip(text.as_bytes()[48..90].chunks(14)) {
        secrets.insert(format!("{name}, piece {number}"), String::from_utf8(piece.to_vec()).unwrap());
    }
}

fn hits(told: &[(String, Vec<u8>)], secrets: &Secrets) -> Vec<String> {
    let mut hits = Vec::new();
    for (whence, bytes) in told {
        for (name, secret) in secrets {
            // Some libraries tell bytes as a list of numbers.
            let numbers = format!("{:?}", secret.as_bytes());
            let forms = [secret.as_str(), numbers.trim_matches(['[', ']'])];
            if let Some(at) = forms.iter().find_map(|form| memchr::memmem::find(bytes, form.as_bytes())) {
                let around = &bytes[at.saturating_sub(300)..(at + 60).min(bytes.len())];
                hits.push(format!("{name} in {whence}: {}", String::from_utf8_lossy(around)));
            }
        }
    }
    hits
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    memchr::memmem::find(bytes, words).is_some()
}

/// A collector and a store: keeps what it is sent, and refuses one path.
struct Recorder {
    address: std::net::SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&bodies);
        let answer = move |request: Request| {
            let kept = Arc::clone(&kept);
            async move {
                let is_refused = request.uri().path() == "/refused";
                let body = axum::body::to_bytes(request.into_body(), 1 << 24).await.unwrap_or_default();
                kept.lock().push(body.to_vec());
                if is_refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK }
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { address, bodies }
    }
}
