//! Checked values, grouped by the room that receives them.

mod export;
mod telemetry;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use export::{Authorize, Export, ExportProtocol, ExportTarget, HeaderSource, TargetTls};
pub use telemetry::{Otlp, OtlpProtocol, Telemetry, Traces};

/// Everything `serve` needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// API server to watch; `None` means the one this pod runs under.
    pub kubeconfig: Option<PathBuf>,
    /// The Service we stand behind.
    pub service: Service,
    /// What is served.
    pub api_groups: ApiGroups,
    /// Samples older than this are not served any more.
    pub max_sample_age: Duration,
    /// How kubelets are asked.
    pub scraping: Scraping,
    /// The TLS port.
    pub serving: Serving,
    /// Who asks.
    pub authentication: Authentication,
    /// May they.
    pub authorization: Authorization,
    /// The pod we run in; `None` = unknown, and so are other replicas.
    pub pod: Option<Pod>,
    /// Whether the nodes are divided among replicas.
    pub scrape_sharing: bool,
    /// Memory that this process may use; `None` = what its control group may.
    pub memory_limit_bytes: Option<u64>,
    /// How the process stops.
    pub shutdown: Shutdown,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Where usage is sent.
    pub export: Export,
}

/// The API groups that are served; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiGroups {
    /// Name of our own group; `None` = not served.
    pub own: Option<String>,
    /// Whether `metrics.k8s.io` is served.
    pub metrics: bool,
}

/// A Service: names the certificate and finds the APIServices whose `caBundle` is ours to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Service {
    /// The name that kube-aggregator verifies: `<name>.<namespace>.svc`.
    pub fn dns_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

/// How kubelets are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scraping {
    /// Target time between two scrapes of a node.
    pub resolution: Duration,
    /// Time for one scrape, connect to last byte.
    pub request_timeout: Duration,
    /// Port, unless the node tells its own and that is to be used.
    pub port: u16,
    /// Whether `status.daemonEndpoints.kubeletEndpoint.Port` wins over `port`.
    pub use_node_status_port: bool,
    /// Which address is dialled: the first kind the node has, then the next on failure.
    pub address_kinds: Vec<AddressKind>,
    /// Only nodes that match are scraped and served, a label selector; empty = all.
    pub node_selector: String,
    /// Scrapes under way at once.
    pub in_flight: usize,
    /// Largest body read.
    pub body_limit_bytes: u64,
    /// How the connection is secured.
    pub tls: KubeletTls,
}

/// How the connection to a kubelet is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletTls {
    /// Whose certificates are accepted.
    pub trust: KubeletTrust,
    /// Client certificate and key files; besides or instead of the token.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// What an accepted certificate must be for.
    pub server_name: KubeletServerName,
}

/// What a kubelet's certificate must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeletServerName {
    /// The address that was dialled.
    Address,
    /// The node's name, whatever address was dialled.
    Node,
}

/// Whose kubelet certificates are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeletTrust {
    /// The authority of the API server's own connection (kubeconfig or service account).
    Cluster,
    /// The authorities of this PEM file.
    File(PathBuf),
    /// Any: `--kubelet-insecure-tls`, told at start as a warning.
    Anyone,
}

/// Kinds of node addresses, as Kubernetes spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// `Hostname`
    Hostname,
    /// `InternalDNS`
    InternalDns,
    /// `InternalIP`
    InternalIp,
    /// `ExternalDNS`
    ExternalDns,
    /// `ExternalIP`
    ExternalIp,
}

/// The TLS port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Address to bind.
    pub address: IpAddr,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
    /// Certificate and key files; `None` = own certificates.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// When an authority of our own takes over from another: how long it is known before it is used, and
    /// the other believed after.
    pub authority_overlap: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Requests under way at once.
    pub max_requests_in_flight: usize,
    /// Time for one request.
    pub request_timeout: Duration,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// API server that holds the ConfigMap and answers TokenReviews; `None` = `Settings::kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// How long a TokenReview's answer is believed.
    pub token_ttl: Duration,
}

/// May they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// API server that answers SubjectAccessReviews; `None` = `Settings::kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// Paths anybody may read; a trailing `*` stands for any rest.
    pub always_allow_paths: Vec<String>,
    /// How long an allowance is believed.
    pub allowed_ttl: Duration,
    /// How long a denial is believed.
    pub denied_ttl: Duration,
}

/// The pod we run in, as other replicas know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

/// How the process stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Still serving, though not ready, for this long after the first signal.
    pub delay: Duration,
    /// Then open requests may take this long.
    pub drain: Duration,
}
