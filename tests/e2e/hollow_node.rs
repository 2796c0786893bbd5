//! A node without machines: it runs whatever pods controllers make, in name only, and its kubelet
//! tells for them the CPU that a test sets. The simulated nodes' pods are fixed; these are not.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube_vitals::clock::{Clock, UnixMillis};
use parking_lot::Mutex;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::api::Api;

const NAME: &str = "hollow";
/// What it looks for in the API server: soon enough for a test, seldom enough for nobody to notice.
const PERIOD: Duration = Duration::from_millis(300);
const MEMORY_BYTES: u64 = 32 << 20;

/// The node's kubelet; pods run on it from [`HollowNode::join`] on.
pub(crate) struct HollowNode {
    /// The authority of its certificate, which is that certificate.
    pub(crate) authority_pem: String,
    port: u16,
    pods: Arc<Mutex<Pods>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What runs, and the load that all pods share evenly, as those behind a Service do.
#[derive(Default)]
struct Pods {
    by_name: BTreeMap<(String, String), Running>,
    load_nanocores: u64,
}

struct Running {
    container: String,
    started: UnixMillis,
    read: UnixMillis,
    cpu_nanoseconds: u64,
}

impl HollowNode {
    /// Starts the kubelet; there is no such node yet.
    pub(crate) async fn start() -> Result<Self, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).map_err(|e| text(&e))?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(str::to_owned)?;
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(|e| text(&e))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| text(&e))?;
        let port = listener.local_addr().map_err(|e| text(&e))?.port();
        let pods = Arc::<Mutex<Pods>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&pods)));
        Ok(Self { authority_pem: made.cert.pem(), port, pods, tasks: Mutex::new(tasks) })
    }

    /// Makes the node, which takes all pods of `namespace` from then on.
    pub(crate) async fn join(&self, api: &Api, namespace: &str) -> Result<(), String> {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}});
        api.post("/api/v1/nodes", &node).await?;
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }});
        api.patch(&format!("/api/v1/nodes/{NAME}/status"), &status).await?;
        let (api, path, pods) = (api.clone(), format!("/api/v1/namespaces/{namespace}/pods"), Arc::clone(&self.pods));
        self.tasks.lock().spawn(async move {
            loop {
                // What fails now is done in the next round.
                let _ = run_pods(&api, &path, &pods).await;
                tokio::time::sleep(PERIOD).await;
            }
        });
        Ok(())
    }

    /// The CPU that all pods together use from now on.
    pub(crate) fn set_load_millicores(&self, millicores: u64) {
        let mut pods = self.pods.lock();
        pods.advance(Clock::system().now());
        pods.load_nanocores = millicores * 1_000_000;
    }
}

impl Pods {
    /// Lets all pods use CPU until `now`.
    fn advance(&mut self, now: UnixMillis) {
        let rate = self.load_nanocores.checked_div(self.by_name.len() as u64).unwrap_or_default();
        for pod in self.by_name.values_mut() {
            pod.cpu_nanoseconds += rate / 1000 * u64::try_from(now.0 - pod.read.0).unwrap_or_default();
            pod.read = now;
        }
    }

    fn replace(&mut self, names: BTreeMap<(String, String), String>) {
        let now = Clock::system().now();
        self.advance(now);
        self.by_name.retain(|name, _| names.contains_key(name));
        for (name, container) in names {
            let begin = || Running { container, started: now, read: now, cpu_nanoseconds: 1_000_000 };
            self.by_name.entry(name).or_insert_with(begin);
        }
    }

    /// `/metrics/resource`: every reading is of this moment, as a kubelet's of young containers.
    fn metrics(&mut self) -> String {
        let now = Clock::system().now();
        self.advance(now);
        let mut text = String::new();
        for ((namespace, name), pod) in &self.by_name {
            let labels = format!("container=\"{}\",namespace=\"{namespace}\",pod=\"{name}\"", pod.container);
            let (cpu, start) = (pod.cpu_nanoseconds as f64 / 1e9, pod.started.0 as f64 / 1e3);
            let _ = writeln!(text, "container_cpu_usage_seconds_total{{{labels}}} {cpu} {}", now.0);
            let _ = writeln!(text, "container_memory_working_set_bytes{{{labels}}} {MEMORY_BYTES} {}", now.0);
            let _ = writeln!(text, "container_start_time_seconds{{{labels}}} {start}");
        }
        let cpu = now.0 as f64 / 1e4;
        let _ = writeln!(text, "node_cpu_usage_seconds_total {cpu} {}", now.0);
        let _ = writeln!(text, "node_memory_working_set_bytes {} {}", MEMORY_BYTES * 20, now.0);
        text
    }
}

/// Binds what is not bound, lets everything bound run, forgets what is gone.
async fn run_pods(api: &Api, path: &str, pods: &Mutex<Pods>) -> Result<(), String> {
    let list = api.json(path).await?;
    let mut names = BTreeMap::new();
    for pod in list["items"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, container) = (text(&pod["metadata"]["name"]), text(&pod["spec"]["containers"][0]["name"]));
        if pod["spec"]["nodeName"] != NAME {
            let target = json!({"apiVersion": "v1", "kind": "Node", "name": NAME});
            let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target});
            api.post(&format!("{path}/{name}/binding"), &binding).await?;
        }
        if pod["status"]["phase"] != "Running" {
            api.patch(&format!("{path}/{name}/status"), &json!({"status": running(&container)})).await?;
        }
        names.insert((text(&pod["metadata"]["namespace"]), name), container);
    }
    pods.lock().replace(names);
    Ok(())
}

fn running(container: &str) -> Value {
    let now = Clock::system().now().to_string();
    json!({
        "phase": "Running",
        "startTime": now,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
        "containerStatuses": [{
            "name": container, "image": "none", "imageID": "none", "restartCount": 0,
            "ready": true, "started": true, "state": {"running": {"startedAt": now}},
        }],
    })
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, pods: Arc<Mutex<Pods>>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, pods) = (tls.clone(), Arc::clone(&pods));
        connections.spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let answer = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&pods, &request))));
            // A client that leaves is no concern of a kubelet.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// There is no summary here, as on kubelets that refuse it.
fn answer(pods: &Mutex<Pods>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    if request.uri().path() == "/metrics/resource" {
        *response.body_mut() = Full::from(pods.lock().metrics());
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
