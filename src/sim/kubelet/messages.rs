//! The messages of `io.prometheus.client`, as far as a kubelet's answer has them.

use crate::clock::UnixMillis;
use crate::promtext::encode::Kind;

#[derive(prost::Message)]
pub(super) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    /// 0 is a counter, 1 a gauge.
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(prost::Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Value>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Value>,
    #[prost(int64, optional, tag = "6")]
    timestamp_ms: Option<i64>,
}

#[derive(prost::Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(prost::Message)]
struct Value {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

impl MetricFamily {
    pub(super) fn new(name: &str, help: &str, kind: Kind) -> Self {
        let kind = i32::from(kind == Kind::Gauge);
        Self { name: Some(name.to_owned()), help: Some(help.to_owned()), kind: Some(kind), metric: Vec::new() }
    }

    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64, time: Option<UnixMillis>) {
        let text = |text: &str| Some(text.to_owned());
        let label = labels.iter().map(|(name, value)| LabelPair { name: text(name), value: text(value) }).collect();
        let value = Some(Value { value: Some(value) });
        let (gauge, counter) = if self.kind == Some(1) { (value, None) } else { (None, value) };
        self.metric.push(Metric { label, gauge, counter, timestamp_ms: time.map(|UnixMillis(millis)| millis) });
    }
}
