//! A receiver of OTLP metrics that reads them by declarations of its own, field by field as the
//! specification numbers them.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::routing::post;
use flate2::read::GzDecoder;
use http::StatusCode;
use prost::Message;
use tokio::net::TcpListener;

use crate::series::{AllSeries, Subject, Value};

/// What came in; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    series: AllSeries,
    faults: Vec<String>,
}

/// Listens on loopback until the runtime ends.
pub(crate) async fn start() -> Result<(SocketAddr, Received), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let received = Received::default();
    let keep = received.clone();
    let router = axum::Router::new().route(
        "/v1/metrics",
        post(move |body: Bytes| async move {
            let taken = decode(&body).and_then(|request| keep.take(request));
            match taken {
                Ok(()) => StatusCode::OK,
                Err(fault) => {
                    keep.fault(fault);
                    StatusCode::BAD_REQUEST
                }
            }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((address, received))
}

impl Received {
    /// All series so far, or what was wrong with a request.
    pub(crate) fn series(&self) -> Result<AllSeries, String> {
        let kept = self.0.lock().map_err(|error| error.to_string())?;
        if kept.faults.is_empty() { Ok(kept.series.clone()) } else { Err(kept.faults.join("\n")) }
    }

    fn fault(&self, fault: String) {
        if let Ok(mut kept) = self.0.lock() {
            kept.faults.push(fault);
        }
    }

    fn take(&self, request: Request) -> Result<(), String> {
        let mut kept = self.0.lock().map_err(|error| error.to_string())?;
        for of_resource in request.resource_metrics {
            let attributes = of_resource.resource.unwrap_or_default().attributes;
            for metric in of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let (kind, value) = known(&metric)?;
                let names: &[&str] = match kind {
                    "node" => &["k8s.node.name"],
                    "pod" => &["k8s.node.name", "k8s.namespace.name", "k8s.pod.name"],
                    _ => &["k8s.node.name", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name"],
                };
                let subject: Option<Subject> = names.iter().map(|name| attribute(&attributes, name)).collect();
                let subject = subject.ok_or_else(|| format!("{} lacks one of {names:?}", metric.name))?;
                for point in metric.points() {
                    let number = point.as_double.or(point.as_int.map(|int| int as f64));
                    if number.is_none() != (point.flags & 1 == 1) {
                        return Err(format!("{}: {point:?}", metric.name));
                    }
                    let millis = i64::try_from(point.time_unix_nano / 1_000_000).map_err(|error| error.to_string())?;
                    kept.series.entry((subject.clone(), value)).or_default().push((millis, number));
                }
            }
        }
        Ok(())
    }
}

fn decode(body: &[u8]) -> Result<Request, String> {
    let mut message = Vec::new();
    GzDecoder::new(body).read_to_end(&mut message).map_err(|error| error.to_string())?;
    Request::decode(&message[..]).map_err(|error| error.to_string())
}

fn known(metric: &Metric) -> Result<(&'static str, Value), String> {
    let is_gauge = metric.gauge.is_some();
    let is_counter = metric.sum.as_ref().is_some_and(|sum| sum.is_monotonic && sum.temporality == 2);
    let is_level = metric.sum.as_ref().is_some_and(|sum| !sum.is_monotonic && sum.temporality == 2);
    match (metric.name.as_str(), metric.unit.as_str()) {
        ("k8s.node.cpu.time", "s") if is_counter => Ok(("node", Value::CpuSeconds)),
        ("k8s.node.cpu.usage", "{cpu}") if is_gauge => Ok(("node", Value::CpuCores)),
        ("k8s.node.memory.working_set", "By") if is_level => Ok(("node", Value::MemoryBytes)),
        ("k8s.pod.cpu.usage", "{cpu}") if is_gauge => Ok(("pod", Value::CpuCores)),
        ("k8s.pod.memory.working_set", "By") if is_level => Ok(("pod", Value::MemoryBytes)),
        ("container.cpu.time", "s") if is_counter => Ok(("container", Value::CpuSeconds)),
        ("container.cpu.usage", "{cpu}") if is_gauge => Ok(("container", Value::CpuCores)),
        ("container.memory.working_set", "By") if is_level => Ok(("container", Value::MemoryBytes)),
        _ => Err(format!("what is {metric:?}?")),
    }
}

fn attribute(all: &[KeyValue], name: &str) -> Option<String> {
    all.iter().find(|pair| pair.key == name)?.value.as_ref()?.text.clone()
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Text>,
}

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    sum: Option<Sum>,
}

impl Metric {
    fn points(&self) -> impl Iterator<Item = &Point> {
        let gauge = self.gauge.iter().flat_map(|gauge| &gauge.points);
        gauge.chain(self.sum.iter().flat_map(|sum| &sum.points))
    }
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    points: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Sum {
    #[prost(message, repeated, tag = "1")]
    points: Vec<Point>,
    #[prost(int32, tag = "2")]
    temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    as_double: Option<f64>,
    #[prost(sfixed64, optional, tag = "6")]
    as_int: Option<i64>,
    #[prost(uint32, tag = "8")]
    flags: u32,
}
