use std::collections::BTreeMap;

use http::HeaderMap;

use self::declared::WriteRequest;
use super::message::Request;
use super::*;
use crate::export::world::point;

type Series = BTreeMap<Vec<(String, String)>, Vec<(f64, i64)>>;

fn batches() -> Vec<Batch> {
    vec![
        Batch::new(vec![point("n", 10, false), point("n/a", 10, false), point("n/a/x", 10, false)]),
        Batch::new(vec![point("n/a", 25, true)]),
    ]
}

fn external() -> Vec<(String, String)> {
    [("A", "first"), ("replica", "r-0")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn written(protocol: ExportProtocol) -> (Message, Vec<u8>) {
    let message = RemoteWrite::new(protocol, external()).write(&batches());
    let body = snap::raw::Decoder::new().decompress_vec(&message.body).unwrap();
    (message, body)
}

fn decoded_1(body: &[u8]) -> Series {
    let mut all = Series::new();
    for series in WriteRequest::decode(body).unwrap().timeseries {
        let labels: Vec<_> = series.labels.into_iter().map(|label| (label.name, label.value)).collect();
        assert!(labels.is_sorted(), "{labels:?}");
        let samples = series.samples.iter().map(|sample| (sample.value, sample.timestamp_ms));
        all.entry(labels).or_default().extend(samples);
    }
    all
}

fn decoded_2(body: &[u8]) -> Series {
    let request = Request::decode(body).unwrap();
    assert_eq!(request.symbols[0], "");
    let text = |place: u32| request.symbols[place as usize].clone();
    let mut all = Series::new();
    for series in &request.timeseries {
        let labels: Vec<_> = series.label_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect();
        assert!(labels.is_sorted(), "{labels:?}");
        let told = series.metadata.as_ref().unwrap();
        let is_counter = labels.iter().any(|(_, value)| value.ends_with("_seconds_total"));
        assert_eq!(told.kind, if is_counter { 1 } else { 2 });
        assert!(
            labels.iter().any(|(_, value)| value.contains(&text(told.unit_ref))) && !text(told.help_ref).is_empty()
        );
        let samples = series.samples.iter().map(|sample| (sample.value, sample.timestamp_ms));
        all.entry(labels).or_default().extend(samples);
    }
    all
}

fn samples_of(all: &Series, name: &str) -> Vec<(f64, i64)> {
    let named = |labels: &&Vec<(String, String)>| labels.contains(&("__name__".to_owned(), name.to_owned()));
    all.iter().filter(|(labels, _)| named(labels)).flat_map(|(_, samples)| samples.clone()).collect()
}

#[test]
fn both_versions_say_the_same() {
    let ((one, body_1), (two, body_2)) = (written(ExportProtocol::RemoteWrite1), written(ExportProtocol::RemoteWrite2));
    assert_eq!(one.headers[0].1, "application/x-protobuf");
    assert_eq!(two.headers[0].1, "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    let (series_1, series_2) = (decoded_1(&body_1), decoded_2(&body_2));
    let bits = |all: &Series| {
        let pairs = all.iter().map(|(labels, samples)| {
            (labels.clone(), samples.iter().map(|(value, time)| (value.to_bits(), *time)).collect::<Vec<_>>())
        });
        pairs.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(bits(&series_1), bits(&series_2));
    assert_eq!(series_1.len(), 8);
    assert!(body_2.len() < body_1.len());
}

#[test]
fn values_are_in_base_units_with_their_own_times() {
    let all = decoded_1(&written(ExportProtocol::RemoteWrite1).1);
    let at_10 = 1_800_000_010_000;
    assert_eq!(samples_of(&all, "kube_vitals_node_cpu_usage_seconds_total"), [(1.0, at_10)]);
    assert_eq!(samples_of(&all, "kube_vitals_container_cpu_usage_cores"), [(0.05, at_10)]);
    assert_eq!(samples_of(&all, "kube_vitals_container_memory_working_set_bytes"), [(1_048_576.0, at_10)]);
    let labels = all.keys().find(|labels| labels.contains(&("container".to_owned(), "x".to_owned()))).unwrap();
    let names: Vec<_> = labels.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["A", "__name__", "container", "namespace", "node", "pod", "replica"]);
}

#[test]
fn the_end_of_a_graph_is_the_one_nan_that_says_so() {
    let all = decoded_1(&written(ExportProtocol::RemoteWrite1).1);
    let samples = samples_of(&all, "kube_vitals_pod_cpu_usage_cores");
    assert_eq!(samples.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [1_800_000_010_000, 1_800_000_025_000]);
    assert_eq!(samples[1].0.to_bits(), 0x7ff0_0000_0000_0002);
}

#[test]
fn a_request_of_the_new_version_is_empty_to_those_who_know_only_the_old_one() {
    let (_, body) = written(ExportProtocol::RemoteWrite2);
    assert_eq!(WriteRequest::decode(&body[..]).unwrap(), WriteRequest::default());
}

#[test]
fn families_are_described_in_the_old_version_too() {
    let (_, body) = written(ExportProtocol::RemoteWrite1);
    let described = WriteRequest::decode(&body[..]).unwrap().metadata;
    assert_eq!(described.len(), 8);
    let counters: Vec<_> = described.iter().filter(|family| family.kind == 1).map(|family| &family.family).collect();
    assert_eq!(counters, ["kube_vitals_node_cpu_usage_seconds_total", "kube_vitals_container_cpu_usage_seconds_total"]);
}

#[test]
fn answers_are_judged_as_the_specification_says() {
    let judge = |protocol, status: u16| {
        let answer =
            Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: Bytes::new() };
        RemoteWrite::new(protocol, vec![]).judge(&answer)
    };
    let one = |status| judge(ExportProtocol::RemoteWrite1, status);
    assert_eq!(one(204), Verdict::Taken(Share::All));
    assert_eq!([429, 500, 503].map(one), [Verdict::Later(None), Verdict::Later(None), Verdict::Later(None)]);
    for status in [301, 400, 401, 413, 415] {
        assert_eq!(one(status), Verdict::Refused { taken: 0 }, "{status}");
    }
    let newest = |status| judge(ExportProtocol::RemoteWriteNewest, status);
    assert_eq!([200, 415].map(newest), [Verdict::Rewrite, Verdict::Rewrite]);
    assert_eq!([500, 400].map(newest), [Verdict::Later(None), Verdict::Refused { taken: 0 }]);
}

/// Version 1.0, as its specification declares it.
mod declared {
    /// `prometheus.WriteRequest`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) timeseries: Vec<TimeSeries>,
        #[prost(message, repeated, tag = "3")]
        pub(super) metadata: Vec<MetricMetadata>,
    }

    /// `prometheus.TimeSeries`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeries {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<crate::export::remote_write::message::Sample>,
    }

    /// `prometheus.Label`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    /// `prometheus.MetricMetadata`
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct MetricMetadata {
        #[prost(int32, tag = "1")]
        pub(super) kind: i32,
        #[prost(string, tag = "2")]
        pub(super) family: String,
        #[prost(string, tag = "4")]
        pub(super) help: String,
        #[prost(string, tag = "5")]
        pub(super) unit: String,
    }
}
