//! What is told of ourselves: logs and traces.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;

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
