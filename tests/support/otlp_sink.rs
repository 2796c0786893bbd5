//! An OTLP receiver in process, over gRPC and HTTP, by other hands than what sends to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// One received span.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// `service.name` of its resource.
    pub(crate) service: String,
    /// Its name.
    pub(crate) name: String,
    /// Trace id in hex.
    pub(crate) trace: String,
    /// Span id in hex.
    pub(crate) id: String,
    /// Parent span id in hex; empty for a root.
    pub(crate) parent: String,
    /// What part it had in a call; empty for work inside of a process.
    pub(crate) kind: &'static str,
    /// Start, for the order in a printed tree.
    pub(crate) start_ns: u64,
    /// End.
    pub(crate) end_ns: u64,
    /// Whether it is marked as failed.
    pub(crate) is_error: bool,
    /// Trace and span ids of what it is linked to, in hex.
    pub(crate) links: Vec<(String, String)>,
    /// Attributes as text.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// What a printed tree tells beside the names.
const TOLD: [&str; 8] = [
    "http.response.status_code",
    "audit-id",
    "server.address",
    "kube_vitals.authentication.method",
    "kube_vitals.authorization.decision",
    "kube_vitals.authorization.source",
    "kube_vitals.cache.hit",
    "kube_vitals.resource_version",
];

/// Received spans; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<Vec<Span>>>);

/// A running receiver.
pub(crate) struct OtlpSink {
    /// For OTLP/gRPC.
    pub(crate) grpc: SocketAddr,
    /// For OTLP/HTTP.
    pub(crate) http: SocketAddr,
    /// What came in.
    pub(crate) spans: Spans,
}

impl OtlpSink {
    /// Listens on two loopback ports until the runtime ends.
    pub(crate) async fn start() -> Result<Self, String> {
        let spans = Spans::default();
        let grpc_listener = listen().await?;
        let http_listener = listen().await?;
        let (grpc, http) = (address(&grpc_listener)?, address(&http_listener)?);
        let service = TraceServiceServer::new(spans.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(grpc_listener)),
        );
        let received = spans.clone();
        let router = axum::Router::new().route(
            "/v1/traces",
            post(move |body: Bytes| async move {
                if let Ok(request) = ExportTraceServiceRequest::decode(body) {
                    received.keep(request);
                }
            }),
        );
        tokio::spawn(async move { axum::serve(http_listener, router).await });
        Ok(Self { grpc, http, spans })
    }
}

impl Spans {
    /// A copy of all spans so far.
    pub(crate) fn all(&self) -> Vec<Span> {
        self.0.lock().map(|spans| spans.clone()).unwrap_or_default()
    }

    /// The traces that hold spans of both services.
    pub(crate) fn traces_of_both(&self, one: &str, other: &str) -> Vec<String> {
        let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for span in self.all() {
            services.entry(span.trace).or_default().insert(span.service);
        }
        let holds_both = |names: &BTreeSet<String>| names.contains(one) && names.contains(other);
        services.into_iter().filter(|(_, names)| holds_both(names)).map(|(trace, _)| trace).collect()
    }

    /// The spans of a trace, by their start.
    pub(crate) fn of(&self, trace: &str) -> Vec<Span> {
        let mut spans: Vec<Span> = self.all().into_iter().filter(|span| span.trace == trace).collect();
        spans.sort_by_key(|span| span.start_ns);
        spans
    }

    /// One trace as an indented tree.
    pub(crate) fn tree(&self, trace: &str) -> String {
        let spans = self.of(trace);
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        let mut text = String::new();
        for root in spans.iter().filter(|span| !ids.contains(span.parent.as_str())) {
            write_tree(&spans, root, 0, &mut text);
        }
        text
    }

    fn keep(&self, request: ExportTraceServiceRequest) {
        let Ok(mut kept) = self.0.lock() else { return };
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = text_attributes(attributes).remove("service.name").unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                kept.push(Span {
                    service: service.clone(),
                    name: span.name,
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    kind: kind(span.kind),
                    start_ns: span.start_time_unix_nano,
                    end_ns: span.end_time_unix_nano,
                    is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
                    links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                    attributes: text_attributes(span.attributes),
                });
            }
        }
    }
}

#[tonic::async_trait]
impl TraceService for Spans {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn write_tree(spans: &[Span], span: &Span, depth: usize, text: &mut String) {
    let kind = if span.kind.is_empty() { String::new() } else { format!(" {}", span.kind) };
    let millis = span.end_ns.saturating_sub(span.start_ns) as f64 / 1e6;
    let line = format!("{}{} [{}{kind}] {millis:.2} ms", "  ".repeat(depth), span.name, span.service);
    text.push_str(&line);
    for (key, value) in TOLD.iter().filter_map(|key| Some((key, span.attributes.get(*key)?))) {
        // Writing to a String cannot fail.
        let _infallible = write!(text, " {}={value}", key.trim_start_matches("kube_vitals."));
    }
    text.push('\n');
    for child in spans.iter().filter(|child| child.parent == span.id) {
        write_tree(spans, child, depth + 1, text);
    }
}

fn text_attributes(attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => Some(text),
        Some(Value::IntValue(number)) => Some(number.to_string()),
        Some(Value::BoolValue(truth)) => Some(truth.to_string()),
        _ => None,
    };
    attributes
        .into_iter()
        .filter_map(|pair| Some((pair.key, text(pair.value.and_then(|value| value.value))?)))
        .collect()
}

fn kind(kind: i32) -> &'static str {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Server) => "server",
        Ok(SpanKind::Client) => "client",
        _ => "",
    }
}

async fn listen() -> Result<TcpListener, String> {
    TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())
}

fn address(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
