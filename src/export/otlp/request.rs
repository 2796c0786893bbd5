//! Points as one `ExportMetricsServiceRequest`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::clock::UnixMillis;
use crate::export::family::{Value, families_of};
use crate::export::point::{Kind, Level, Point};
use crate::export::queue::{Batch, points};

/// The conventions that names and units are taken from.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";

/// All samples of the batches, a resource for each point.
pub(super) fn request(batches: &[Batch], attributes: &[(String, String)]) -> ExportMetricsServiceRequest {
    let resource_metrics = points(batches).map(|point| ResourceMetrics {
        resource: Some(resource(point, attributes)),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(scope()),
            metrics: metrics(point).collect(),
            schema_url: SCHEMA.to_owned(),
        }],
        schema_url: SCHEMA.to_owned(),
    });
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }
}

fn resource(point: &Point, attributes: &[(String, String)]) -> Resource {
    let subject = &point.subject;
    let uid = point.uid.to_string();
    let mut own = vec![("k8s.node.name", subject.node.as_str())];
    match &subject.pod {
        None => own.push(("k8s.node.uid", &uid)),
        Some(pod) => {
            own.extend([("k8s.namespace.name", &*pod.namespace), ("k8s.pod.name", &*pod.name), ("k8s.pod.uid", &uid)]);
        }
    }
    own.extend(subject.container.as_ref().map(|name| ("k8s.container.name", name.as_str())));
    // What a reading says of itself wins over what the configuration says of all.
    let further = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let further: Vec<_> = further.filter(|(name, _)| own.iter().all(|(known, _)| known != name)).collect();
    Resource { attributes: own.into_iter().chain(further).map(attribute).collect(), ..Resource::default() }
}

fn metrics(point: &Point) -> impl Iterator<Item = Metric> {
    let kind = point.subject.kind();
    families_of(kind).filter_map(move |family| {
        let (value, start) = match &point.level {
            Some(level) => (Some(number(family.value, level)?), level.start),
            None => (None, None),
        };
        let (name, unit) = convention(kind, family.value);
        let data_points = vec![data_point(point.time, start, value)];
        Some(Metric {
            name: name.to_owned(),
            description: family.help.to_owned(),
            unit: unit.to_owned(),
            data: Some(data(family.value, data_points)),
            ..Metric::default()
        })
    })
}

/// Name and unit.
const fn convention(kind: Kind, value: Value) -> (&'static str, &'static str) {
    match (kind, value) {
        (Kind::Node, Value::CpuTime) => ("k8s.node.cpu.time", "s"),
        (Kind::Node, Value::CpuRate) => ("k8s.node.cpu.usage", "{cpu}"),
        (Kind::Node, Value::Memory) => ("k8s.node.memory.working_set", "By"),
        (Kind::Pod, Value::CpuTime) => ("k8s.pod.cpu.time", "s"),
        (Kind::Pod, Value::CpuRate) => ("k8s.pod.cpu.usage", "{cpu}"),
        (Kind::Pod, Value::Memory) => ("k8s.pod.memory.working_set", "By"),
        (Kind::Container, Value::CpuTime) => ("container.cpu.time", "s"),
        (Kind::Container, Value::CpuRate) => ("container.cpu.usage", "{cpu}"),
        (Kind::Container, Value::Memory) => ("container.memory.working_set", "By"),
    }
}

/// The conventions' instruments: a counter, a gauge, an up-down counter.
fn data(value: Value, data_points: Vec<NumberDataPoint>) -> Data {
    let sum = |data_points, is_monotonic| {
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
    };
    match value {
        Value::CpuTime => sum(data_points, true),
        Value::CpuRate => Data::Gauge(Gauge { data_points }),
        Value::Memory => sum(data_points, false),
    }
}

fn number(value: Value, level: &Level) -> Option<Number> {
    match value {
        Value::Memory => i64::try_from(level.memory.0).ok().map(Number::AsInt),
        Value::CpuTime | Value::CpuRate => value.of(level).map(Number::AsDouble),
    }
}

/// One without a value tells that there are no more.
fn data_point(time: UnixMillis, start: Option<UnixMillis>, value: Option<Number>) -> NumberDataPoint {
    let flags = if value.is_some() { DataPointFlags::DoNotUse } else { DataPointFlags::NoRecordedValueMask };
    NumberDataPoint {
        time_unix_nano: nanos(time),
        start_time_unix_nano: start.map_or(0, nanos),
        flags: u32::try_from(i32::from(flags)).unwrap_or(0),
        value,
        ..NumberDataPoint::default()
    }
}

fn nanos(time: UnixMillis) -> u64 {
    u64::try_from(time.0).unwrap_or(0).saturating_mul(1_000_000)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn attribute((key, value): (&str, &str)) -> KeyValue {
    let value = AnyValue { value: Some(Any::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
