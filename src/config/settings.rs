//! Checked values, grouped by the room that receives them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;

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

/// Logs and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// `tracing` filter directives, e.g. `info,kube_vitals=debug`.
    pub log_filter: String,
    /// JSON lines instead of text.
    pub log_json: bool,
    /// `None` = no spans are made.
    pub traces: Option<Traces>,
}

/// Which spans are sent, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// The collector.
    pub otlp: Otlp,
    /// Share of requests that begin a trace of ours, in millionths.
    pub requests_per_million: u32,
    /// Share of scrapes that do.
    pub scrapes_per_million: u32,
    /// Where the front proxy has decided about a request, its choice stands.
    pub follows_parent: bool,
    /// Spans that may wait to be sent; more are dropped.
    pub queue_spans: usize,
}

/// Where OTLP goes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// A URL, whole for HTTP, without a path for gRPC.
    pub endpoint: String,
    /// How it is spoken.
    pub protocol: OtlpProtocol,
    /// Sent along, as a rule credentials: marked as such.
    pub headers: HeaderMap,
    /// PEM of those who may vouch for the collector; `None` = the system's.
    pub authority_file: Option<PathBuf>,
    /// PEM files of our certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// For one message, from dialling to the last byte of the answer.
    pub timeout: Duration,
    /// Whether messages are compressed.
    pub gzip: bool,
}

/// The two transports of OTLP that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over HTTP.
    Http,
    /// Protobuf over gRPC.
    Grpc,
}

/// Where usage is sent; nowhere by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The engines, each with a name of its own.
    pub targets: Vec<ExportTarget>,
}

/// One engine that usage is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTarget {
    /// What our own metrics call it.
    pub name: String,
    /// Where it is, path included.
    pub url: String,
    /// What it understands.
    pub protocol: ExportProtocol,
    /// How we say who we are.
    pub authorize: Option<Authorize>,
    /// Further headers of each request.
    pub headers: Vec<(String, HeaderSource)>,
    /// How the connection is secured, if the URL says https.
    pub tls: TargetTls,
    /// Time for one request, connect to answer.
    pub timeout: Duration,
    /// Most samples of one request.
    pub samples_per_request: usize,
    /// Most samples that wait; then the oldest are dropped.
    pub queue_samples: usize,
    /// Labels of every series (attributes of every resource), sorted by name.
    pub labels: Vec<(String, String)>,
}

/// What an engine understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProtocol {
    /// Remote write 2.0; 1.0 from the first answer on that shows that 2.0 is not understood.
    RemoteWriteNewest,
    /// Remote write 1.0.
    RemoteWrite1,
    /// Remote write 2.0.
    RemoteWrite2,
    /// OTLP metrics, in protobuf.
    Otlp(OtlpProtocol),
}

/// How we say who we are to an engine. Secrets stand in files, which are read anew for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorize {
    /// `Authorization: Bearer` with what this file holds.
    BearerTokenFile(PathBuf),
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        username: String,
        /// Holds the password.
        password_file: PathBuf,
    },
}

/// Where a header's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// The configuration.
    Value(String),
    /// This file, read anew for each request.
    File(PathBuf),
}

/// How the connection to an engine is secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetTls {
    /// Whose certificates are accepted; `None` = those that the system trusts.
    pub authority: Option<PathBuf>,
    /// Client certificate and key files.
    pub identity: Option<(PathBuf, PathBuf)>,
}
