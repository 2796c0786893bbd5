use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpListener;
use tracing::{info_span, subscriber};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::config::{Otlp, OtlpProtocol};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector on loopback: where it listens, and what it was sent.
async fn collector() -> (String, Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let received = Arc::<Mutex<Vec<_>>>::default();
    let into = Arc::clone(&received);
    let app = Router::new().fallback(async move |request: Request| {
        assert_eq!(request.uri().path(), "/v1/traces");
        let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
        into.lock().push(ExportTraceServiceRequest::decode(body).unwrap());
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (endpoint, received)
}

fn settings(endpoint: String, per_million: u32) -> Traces {
    Traces {
        otlp: Otlp {
            endpoint,
            protocol: OtlpProtocol::Http,
            headers: HeaderMap::new(),
            authority_file: None,
            client_certificate: None,
            timeout: Duration::from_secs(10),
            gzip: false,
        },
        requests_per_million: per_million,
        scrapes_per_million: per_million,
        follows_parent: true,
        queue_spans: 2048,
    }
}

fn caller(sampled: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let traceparent = format!("00-{TRACE}-{PARENT}-0{}", u8::from(sampled));
    headers.insert("traceparent", traceparent.parse().unwrap());
    headers.insert("baggage", "user=root".parse().unwrap());
    headers
}

/// The spans that arrive at a collector when `work` makes them.
async fn sent(sampling_rate_per_million: u32, work: impl FnOnce()) -> Vec<Sent> {
    sent_as(|endpoint| settings(endpoint, sampling_rate_per_million), work).await
}

async fn sent_as(settings: impl FnOnce(String) -> Traces, work: impl FnOnce()) -> Vec<Sent> {
    let (endpoint, received) = collector().await;
    let (layer, guard) = build(Some(&settings(endpoint)), &Metrics::default()).unwrap();
    subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    guard.shutdown().await;
    let received = std::mem::take(&mut *received.lock());
    received.into_iter().flat_map(|r| r.resource_spans).flat_map(|r| r.scope_spans).flat_map(|s| s.spans).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[tokio::test]
async fn a_span_is_the_child_of_the_callers_and_the_parent_of_what_it_asks() {
    let mut asked = HeaderMap::new();
    let spans = sent(0, || {
        let span = || info_span!("request", otel.name = "GET /nodes", otel.kind = "server", http.route = "/nodes");
        let server = request(&caller(true), true, span);
        let _entered = server.enter();
        inject(&info_span!("authentication"), &mut asked);
    })
    .await;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (server, child) = (named("GET /nodes"), named("authentication"));
    assert_eq!(hex(&server.trace_id), TRACE);
    assert_eq!(hex(&server.parent_span_id), PARENT);
    assert_eq!(child.parent_span_id, server.span_id);
    assert_eq!(asked["traceparent"], format!("00-{TRACE}-{}-01", hex(&child.span_id)).as_str());
    assert!(!asked.contains_key("baggage"));
    let keys: Vec<_> = server.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["http.route"], "and none of the noisy ones");
}

#[tokio::test]
async fn what_the_caller_did_not_sample_is_not_sent() {
    let spans = sent(1_000_000, || {
        let server = request(&caller(false), true, || panic!("it is made for nothing"));
        server.in_scope(|| info_span!("authentication").in_scope(|| {}));
    })
    .await;
    assert_eq!(spans.len(), 0);
}

#[tokio::test]
async fn an_unverified_caller_is_linked_and_its_sampling_is_not_followed() {
    let ask = || request(&caller(true), false, || info_span!("request")).in_scope(|| {});
    assert_eq!(sent(0, ask).await.len(), 0);
    let spans = sent(1_000_000, ask).await;
    assert_eq!(spans.len(), 1);
    assert!(spans[0].parent_span_id.is_empty());
    assert_ne!(hex(&spans[0].trace_id), TRACE);
    assert_eq!(hex(&spans[0].links[0].span_id), PARENT);
}

#[tokio::test]
async fn a_malformed_traceparent_makes_a_root() {
    let spans = sent(1_000_000, || {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_bytes(b"00-\xff-not-01").unwrap());
        request(&headers, true, || info_span!("request")).in_scope(|| {});
    })
    .await;
    assert!(spans[0].parent_span_id.is_empty());
}

#[tokio::test]
async fn other_crates_spans_and_details_are_not_sent() {
    let spans = sent(1_000_000, || {
        let _request = info_span!("request").entered();
        info_span!(target: "hyper", "h2").in_scope(|| {});
        tracing::debug_span!("detail").in_scope(|| {});
        tracing::info!("an event is a log line");
    })
    .await;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["request"]);
    assert!(spans[0].events.is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_does_not_hold_up_the_end() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (layer, guard) =
        build(Some(&settings(format!("http://{closed}/v1/traces"), 1_000_000)), &Metrics::default()).unwrap();
    subscriber::with_default(tracing_subscriber::registry().with(layer), || info_span!("scrape").in_scope(|| {}));
    tokio::time::timeout(FLUSH_TIMEOUT * 2, guard.shutdown()).await.unwrap();
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_collected() {
    let (layer, guard) = build(None, &Metrics::default()).unwrap();
    subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = request(&caller(true), true, || info_span!("request"));
        let mut headers = HeaderMap::new();
        inject(&span, &mut headers);
        assert!(headers.is_empty());
    });
    guard.shutdown().await;
}

#[test]
fn the_resource_says_who_we_are() {
    let resource = resource();
    let told = |key: &'static str| resource.get(&Key::from_static_str(key)).unwrap().to_string();
    assert_eq!(told("service.name"), "kube-vitals");
    assert_eq!(told("service.version"), env!("CARGO_PKG_VERSION"));
    assert!(!told("service.instance.id").is_empty());
}

/// A collector that answers with these codes and bodies in turn, the last for ever. Where it wants to
/// be left alone, it is for longer than any clock goes.
async fn answering(script: Vec<(u16, Vec<u8>)>) -> String {
    let script = Arc::new(Mutex::new(script));
    let app = Router::new().fallback(async move |_: Request| {
        let mut script = script.lock();
        let (code, body) = if script.len() > 1 { script.remove(0) } else { script[0].clone() };
        let (status, never) = (http::StatusCode::from_u16(code).unwrap(), [("retry-after", u64::MAX.to_string())]);
        if code == 429 { (status, never, body).into_response() } else { (status, body).into_response() }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    endpoint
}

/// What is counted when three spans end before a collector with places for two.
async fn counted(endpoint: String) -> String {
    let metrics = Metrics::default();
    let settings = Traces { queue_spans: 2, ..settings(endpoint, 1_000_000) };
    let (layer, guard) = build(Some(&settings), &metrics).unwrap();
    subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for _ in 0..3 {
            info_span!("scrape").in_scope(|| {});
        }
    });
    guard.shutdown().await;
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
    let mut samples: Vec<&str> = samples.collect();
    samples.sort_unstable();
    samples.join(", ")
}

#[tokio::test]
async fn what_became_of_each_span_is_counted() {
    let full = r#"spans_dropped_total{reason="queue_full"} 1"#;
    let taken = answering(vec![(200, vec![])]).await;
    assert_eq!(counted(taken).await, format!("{full}, spans_sent_total 2"));
    let refused = answering(vec![(400, vec![])]).await;
    assert_eq!(counted(refused).await, format!(r#"{full}, spans_dropped_total{{reason="refused"}} 2"#));
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "odd".to_owned() };
    let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let halved = answering(vec![(200, partial)]).await;
    assert_eq!(
        counted(halved).await,
        format!(r#"{full}, spans_dropped_total{{reason="refused"}} 1, spans_sent_total 1"#)
    );
}

#[tokio::test]
async fn a_collector_that_wants_to_be_left_alone_is() {
    let told = counted(answering(vec![(429, vec![])]).await).await;
    assert!(told.contains(r#"spans_dropped_total{reason="unreachable"} 2"#), "{told}");
}

#[tokio::test]
async fn a_collector_that_stumbles_is_asked_again() {
    let stumbling = answering(vec![(503, vec![]), (200, vec![])]).await;
    assert!(counted(stumbling).await.ends_with("spans_sent_total 2"));
}

#[tokio::test]
async fn requests_and_scrapes_are_drawn_apart_and_their_parts_follow_them() {
    let of_scrapes = |endpoint| Traces { requests_per_million: 0, ..settings(endpoint, 1_000_000) };
    let spans = sent_as(of_scrapes, || {
        let ask = || info_span!("review", otel.kind = "client").in_scope(|| {});
        request(&HeaderMap::new(), true, || info_span!("request")).in_scope(ask);
        scrape(|| info_span!("scrape")).in_scope(ask);
    })
    .await;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["review", "scrape"]);
}

#[tokio::test]
async fn a_sampler_that_follows_no_parent_decides_for_itself() {
    for (per_million, expected) in [(0, 0), (1_000_000, 2)] {
        let alone = |endpoint| Traces { follows_parent: false, ..settings(endpoint, per_million) };
        let spans = sent_as(alone, || {
            for is_sampled in [true, false] {
                request(&caller(is_sampled), true, || info_span!("request")).in_scope(|| {});
            }
        })
        .await;
        assert_eq!(spans.len(), expected);
        assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE && hex(&span.parent_span_id) == PARENT));
    }
}
