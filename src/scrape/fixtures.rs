//! What the tests of this room share: a node, settings, a kubelet that misbehaves on demand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::clock::UnixMillis;
use crate::cluster::{Address, Container, ContainerState, Labels, Node, Phase, Pod};
use crate::config::{AddressKind, KubeletServerName, KubeletTls, KubeletTrust, Scraping};
use crate::scrape::KubeletAccess;
use crate::scrape::access::TokenSource;
use crate::usage::{PodKey, Uid};

pub(super) fn node(name: &str, hosts: &[&str]) -> Node {
    let address = |host: &&str| Address { kind: AddressKind::InternalIp, host: (*host).into() };
    Node {
        name: name.into(),
        uid: Uid::parse(name),
        labels: Labels::default(),
        created: UnixMillis(0),
        revision: 0,
        addresses: hosts.iter().map(address).collect(),
        kubelet_port: None,
        ready: true,
    }
}

pub(super) fn settings() -> Scraping {
    Scraping {
        resolution: Duration::from_secs(15),
        request_timeout: Duration::from_secs(10),
        port: 10250,
        use_node_status_port: false,
        address_kinds: vec![AddressKind::InternalIp],
        node_selector: String::new(),
        in_flight: 100,
        body_limit_bytes: 64 << 20,
        tls: KubeletTls {
            trust: KubeletTrust::Anyone,
            client_certificate: None,
            server_name: KubeletServerName::Address,
        },
    }
}

/// How a fake kubelet behaves once it has read a request.
#[derive(Clone, Debug)]
pub(super) enum Behaviour {
    /// Sends these bytes and keeps the connection.
    Send(Vec<u8>),
    /// Sends these bytes and closes.
    SendAndClose(Vec<u8>),
    /// Sends these bytes, then one more each time this passes.
    Drip(Vec<u8>, Duration),
    /// Says nothing.
    Hang,
    /// Closes without a word.
    Close,
}

/// A kubelet made of a TLS port and a behaviour per path.
pub(super) struct FakeKubelet {
    pub(super) address: SocketAddr,
    pub(super) authority: Vec<u8>,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
    behaviour: Arc<Mutex<Box<Choose>>>,
    connections: Arc<AtomicUsize>,
    resumed: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// Request head to behaviour.
type Choose = dyn Fn(&str) -> Behaviour + Send;

impl FakeKubelet {
    /// Listens on a loopback address, with a certificate for 127.0.0.1 and the node `the-node`.
    pub(super) async fn start(choose: impl Fn(&str) -> Behaviour + Send + 'static) -> Self {
        Self::showing(1, choose).await
    }

    /// One that shows its certificate so many times.
    pub(super) async fn showing(count: usize, choose: impl Fn(&str) -> Behaviour + Send + 'static) -> Self {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "the-node".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone(); count], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let behaviour: Arc<Mutex<Box<Choose>>> = Arc::new(Mutex::new(Box::new(choose)));
        let [connections, resumed]: [Arc<AtomicUsize>; 2] = Default::default();
        let heard = (Arc::clone(&requests), Arc::clone(&connections), Arc::clone(&resumed));
        let accepting = tokio::spawn(accept(listener, Arc::new(tls).into(), heard, behaviour.clone()));
        Self { address, authority: certified.cert.der().to_vec(), requests, behaviour, connections, resumed, accepting }
    }

    /// Its authority as a file holds it.
    pub(super) fn authority_pem(&self) -> String {
        use base64::Engine as _;
        let text = base64::prelude::BASE64_STANDARD.encode(&self.authority);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    pub(super) fn become_other(&self, choose: impl Fn(&str) -> Behaviour + Send + 'static) {
        *self.behaviour.lock() = Box::new(choose);
    }

    /// Connections made so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many of them went on from an earlier session.
    pub(super) fn resumed(&self) -> usize {
        self.resumed.load(Ordering::Relaxed)
    }

    pub(super) fn requests_for(&self, path: &str) -> usize {
        self.requests.lock().iter().filter(|head| head.contains(path)).count()
    }

    pub(super) fn access(&self) -> KubeletAccess {
        KubeletAccess {
            token: TokenSource::Fixed("secret".to_owned()),
            authority: vec![self.authority.clone()],
            ..KubeletAccess::default()
        }
    }

    /// Verified TLS to this kubelet's port.
    pub(super) fn settings(&self) -> Scraping {
        let tls = KubeletTls {
            trust: KubeletTrust::Cluster,
            client_certificate: None,
            server_name: KubeletServerName::Address,
        };
        Scraping { port: self.address.port(), tls, ..settings() }
    }
}

impl Drop for FakeKubelet {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    (requests, accepted, resumed): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>, Arc<AtomicUsize>),
    behaviour: Arc<Mutex<Box<Choose>>>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        accepted.fetch_add(1, Ordering::Relaxed);
        let (tls, requests, behaviour) = (tls.clone(), Arc::clone(&requests), Arc::clone(&behaviour));
        let resumed = Arc::clone(&resumed);
        connections.spawn(async move {
            let Ok(mut stream) = tls.accept(socket).await else { return };
            if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                resumed.fetch_add(1, Ordering::Relaxed);
            }
            while let Some(head) = read_head(&mut stream).await {
                let next = behaviour.lock()(&head);
                requests.lock().push(head);
                if !behave(&mut stream, next).await {
                    return;
                }
            }
        });
    }
}

/// False when the connection is over.
async fn behave(stream: &mut (impl AsyncWrite + Unpin), behaviour: Behaviour) -> bool {
    match behaviour {
        Behaviour::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
        Behaviour::SendAndClose(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            false
        }
        Behaviour::Drip(bytes, pause) => {
            let mut alive = stream.write_all(&bytes).await.is_ok();
            while alive {
                tokio::time::sleep(pause).await;
                alive = stream.write_all(b"#").await.is_ok() && stream.flush().await.is_ok();
            }
            false
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Close => false,
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A whole answer.
pub(super) fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A running pod `ns/p` on `node` with one container `c`.
pub(super) fn pod(node: &str, started: UnixMillis) -> Pod {
    Pod {
        key: PodKey::new("ns", "p"),
        uid: Uid::parse("pod"),
        labels: Labels::default(),
        created: UnixMillis(0),
        revision: 0,
        node: Some(node.into()),
        phase: Phase::Running,
        containers: Arc::new([Container { name: "c".into(), state: ContainerState::Running(started) }]),
    }
}

/// What a kubelet says at `now` of the container of [`pod`], which began at `started` and has used
/// half a core since; and of its node.
pub(super) fn resource_text(now: UnixMillis, started: UnixMillis) -> String {
    let UnixMillis(millis) = now;
    let cpu_seconds = now.since(started).as_secs_f64() / 2.0;
    let start_seconds = Duration::from_millis(started.0.unsigned_abs()).as_secs_f64();
    let labels = r#"{container="c",namespace="ns",pod="p"}"#;
    format!(
        "container_cpu_usage_seconds_total{labels} {cpu_seconds} {millis}\n\
         container_memory_working_set_bytes{labels} 4096 {millis}\n\
         container_start_time_seconds{labels} {start_seconds}\n\
         node_cpu_usage_seconds_total {cpu_seconds} {millis}\n\
         node_memory_working_set_bytes 8192 {millis}\n"
    )
}

/// The same kubelet's summary, with rates of a quarter of a core.
pub(super) fn summary_json() -> String {
    let rate = serde_json::json!({"usageNanoCores": 250_000_000});
    serde_json::json!({
        "node": {"nodeName": "n", "cpu": rate},
        "pods": [{"podRef": {"name": "p", "namespace": "ns", "uid": "pod"}, "containers": [{"name": "c", "cpu": rate}]}]
    })
    .to_string()
}
