use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use http::HeaderMap;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceRequest};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics};

use super::*;
use crate::export::point::Point;
use crate::export::world::{at, point};

fn written(points: Vec<Point>) -> Vec<ResourceMetrics> {
    let attributes = [("k8s.cluster.name", "prod"), ("k8s.node.name", "not this one")];
    let otlp =
        Otlp::new(OtlpProtocol::Http, attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let message = otlp.write(&[Batch::new(points)]);
    assert_eq!(message.headers, HEADERS);
    let mut body = Vec::new();
    GzDecoder::new(&message.body[..]).read_to_end(&mut body).unwrap();
    ExportMetricsServiceRequest::decode(&body[..]).unwrap().resource_metrics
}

fn attributes(of: &ResourceMetrics) -> BTreeMap<String, String> {
    let all = of.resource.as_ref().unwrap().attributes.iter().map(|attribute| {
        let Some(Any::StringValue(text)) = attribute.value.as_ref().unwrap().value.clone() else { panic!("no text") };
        (attribute.key.clone(), text)
    });
    all.collect()
}

fn data_point(metric: &Metric) -> &NumberDataPoint {
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points[0],
        Data::Sum(sum) => &sum.data_points[0],
        other => panic!("{other:?}"),
    }
}

/// `name unit instrument` of each metric.
fn metrics(of: &ResourceMetrics) -> Vec<String> {
    let metrics = of.scope_metrics[0].metrics.iter().map(|metric| {
        let instrument = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => format!("sum {} {}", sum.aggregation_temporality, sum.is_monotonic),
            _ => "gauge".to_owned(),
        };
        format!("{} {} {instrument}", metric.name, metric.unit)
    });
    metrics.collect()
}

#[test]
fn nodes_pods_and_containers_are_resources() {
    let all = written(vec![point("n", 10, false), point("n/a", 10, false), point("n/a/x", 10, false)]);
    let uid = "a710ab91-0a3a-4a23-abf0-72c8f39b8775";
    let pod = [
        ("k8s.cluster.name", "prod"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "n"),
        ("k8s.pod.name", "a"),
        ("k8s.pod.uid", uid),
    ];
    let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let node = of(&[("k8s.cluster.name", "prod"), ("k8s.node.name", "n"), ("k8s.node.uid", uid)]);
    let container = of(&[&pod[..], &[("k8s.container.name", "x")]].concat());
    assert_eq!(all.iter().map(attributes).collect::<Vec<_>>(), [node, of(&pod), container]);
}

#[test]
fn names_units_and_instruments_are_those_of_the_conventions() {
    let all = written(vec![point("n", 10, false), point("n/a", 10, false), point("n/a/x", 10, false)]);
    let expected = [
        vec![
            "k8s.node.cpu.time s sum 2 true",
            "k8s.node.cpu.usage {cpu} gauge",
            "k8s.node.memory.working_set By sum 2 false",
        ],
        vec!["k8s.pod.cpu.usage {cpu} gauge", "k8s.pod.memory.working_set By sum 2 false"],
        vec![
            "container.cpu.time s sum 2 true",
            "container.cpu.usage {cpu} gauge",
            "container.memory.working_set By sum 2 false",
        ],
    ];
    assert_eq!(all.iter().map(metrics).collect::<Vec<_>>(), expected);
}

#[test]
fn values_have_their_own_times_and_counters_their_start() {
    let all = written(vec![point("n/a/x", 10, false)]);
    let metrics = &all[0].scope_metrics[0].metrics;
    let nanos = |seconds| u64::try_from(at(seconds).0).unwrap() * 1_000_000;
    let [time, usage, memory] = [0, 1, 2].map(|index| data_point(&metrics[index]));
    assert_eq!(time.value, Some(Number::AsDouble(1.0)));
    assert_eq!((time.time_unix_nano, time.start_time_unix_nano), (nanos(10), nanos(-100)));
    assert_eq!((usage.value, usage.flags), (Some(Number::AsDouble(0.05)), 0));
    assert_eq!(memory.value, Some(Number::AsInt(1 << 20)));
}

#[test]
fn an_end_is_a_point_without_a_value() {
    let all = written(vec![point("n/a", 10, true)]);
    for metric in &all[0].scope_metrics[0].metrics {
        let point = data_point(metric);
        assert_eq!((point.value, point.flags), (None, 1), "{}", metric.name);
    }
}

#[test]
fn answers_are_judged_as_the_specification_says() {
    let judge = |status: u16, body: Vec<u8>| {
        let answer =
            Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() };
        Otlp::new(OtlpProtocol::Http, vec![]).judge(&answer)
    };
    let partial = ExportMetricsPartialSuccess { rejected_data_points: 2, error_message: "old".to_owned() };
    let told = ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    assert_eq!(judge(200, told), Verdict::Taken(Share::AllBut(2)));
    assert_eq!(judge(200, vec![]), Verdict::Taken(Share::All));
    assert_eq!(judge(200, b"<html>".to_vec()), Verdict::Taken(Share::All));
    for status in [429, 502, 503, 504] {
        assert_eq!(judge(status, vec![]), Verdict::Later(None), "{status}");
    }
    for status in [302, 400, 401, 404, 500] {
        assert_eq!(judge(status, vec![]), Verdict::Refused { taken: 0 }, "{status}");
    }
    assert_eq!(Share::AllBut(5).of(3), 0);
}

mod over_grpc {
    use std::sync::Arc;
    use std::time::Duration;

    use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
        MetricsService, MetricsServiceServer,
    };
    use parking_lot::Mutex;
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::codec::CompressionEncoding;
    use tonic::{Code, Request, Response, Status};

    use super::*;
    use crate::config::{ExportProtocol, ExportTarget, TargetTls};
    use crate::export::http::Http;
    use crate::export::wire::Transport as _;

    /// Keeps how many resources came in, and answers so.
    struct Collector {
        resources: Arc<Mutex<Vec<usize>>>,
        answer: Result<i64, Code>,
    }

    #[tonic::async_trait]
    impl MetricsService for Collector {
        async fn export(
            &self,
            request: Request<ExportMetricsServiceRequest>,
        ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
            self.resources.lock().push(request.into_inner().resource_metrics.len());
            let rejected_data_points = self.answer.map_err(|code| Status::new(code, "told why"))?;
            let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message: String::new() };
            Ok(Response::new(ExportMetricsServiceResponse { partial_success: Some(partial) }))
        }
    }

    /// What becomes of two points and is told of it; and what a collector that answers so has seen.
    async fn sent(answer: Result<i64, Code>) -> (Verdict, String, Vec<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = ExportTarget {
            name: "t".to_owned(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            protocol: ExportProtocol::Otlp(OtlpProtocol::Grpc),
            authorize: None,
            headers: vec![],
            tls: TargetTls::default(),
            timeout: Duration::from_secs(10),
            samples_per_request: 1,
            queue_samples: 1,
            labels: vec![],
        };
        let resources = Arc::default();
        let collector = Collector { resources: Arc::clone(&resources), answer };
        let service = MetricsServiceServer::new(collector).accept_compressed(CompressionEncoding::Gzip);
        let serving = tonic::transport::Server::builder().add_service(service);
        let serving = tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        let mut otlp = Otlp::new(OtlpProtocol::Grpc, vec![]);
        let message = otlp.write(&[Batch::new(vec![point("n", 10, false), point("n/a", 10, false)])]);
        let answer = Http::new(&target).unwrap().post(&message).await.unwrap();
        serving.abort();
        let seen = resources.lock().clone();
        (otlp.judge(&answer), otlp.reason(&answer), seen)
    }

    #[tokio::test]
    async fn a_collector_takes_it_and_tells_what_it_refused() {
        for (refused, share) in [(0, Share::All), (3, Share::AllBut(3))] {
            let (verdict, _, seen) = sent(Ok(refused)).await;
            assert_eq!((verdict, seen), (Verdict::Taken(share), vec![2]));
        }
    }

    #[tokio::test]
    async fn why_it_was_refused_is_told_in_the_collectors_words() {
        let (_, reason, _) = sent(Err(Code::Unauthenticated)).await;
        assert_eq!(reason, "gRPC status 16: told why");
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_the_rest_is_not() {
        for code in [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded] {
            assert_eq!(sent(Err(code)).await.0, Verdict::Later(None), "{code}");
        }
        for code in [Code::InvalidArgument, Code::Unauthenticated, Code::Unimplemented, Code::ResourceExhausted] {
            assert_eq!(sent(Err(code)).await.0, Verdict::Refused { taken: 0 }, "{code}");
        }
    }
}
