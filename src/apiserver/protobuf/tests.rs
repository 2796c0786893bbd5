use std::collections::BTreeMap;

use bytes::BytesMut;
use k8s_pb::apimachinery::pkg::{api::resource, apis::meta::v1, apis::meta::v1beta1, runtime};
use k8s_pb::metrics::pkg::apis::metrics::v1beta1 as oracle;
use prost::Message;

use super::*;
use crate::clock::UnixMillis;

/// What Kubernetes' own description of a message reads in ours.
fn read<Theirs: Message + Default>(ours: &impl Message) -> Theirs {
    Theirs::decode(&*ours.encode_to_vec()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "a field of theirs, which may be absent")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn object_meta() -> meta::ObjectMeta {
    meta::ObjectMeta {
        name: "web-0".to_owned(),
        namespace: "shop".to_owned(),
        resource_version: "7".to_owned(),
        creation_timestamp: Some(UnixMillis(1_800_000_000_999).into()),
        labels: pairs(&[("app", "web"), ("edge", "")]),
        annotations: pairs(&[("k8s.io/initial-events-end", "true")]),
    }
}

fn their_object_meta() -> v1::ObjectMeta {
    v1::ObjectMeta {
        name: some("web-0"),
        namespace: some("shop"),
        resource_version: some("7"),
        creation_timestamp: Some(v1::Time { seconds: Some(1_800_000_000), nanos: None }),
        labels: pairs(&[("app", "web"), ("edge", "")]),
        annotations: pairs(&[("k8s.io/initial-events-end", "true")]),
        ..v1::ObjectMeta::default()
    }
}

fn list_meta() -> meta::ListMeta {
    meta::ListMeta { resource_version: "9".to_owned(), r#continue: "next".to_owned(), remaining_item_count: Some(0) }
}

fn their_list_meta() -> v1::ListMeta {
    v1::ListMeta {
        resource_version: some("9"),
        r#continue: some("next"),
        remaining_item_count: Some(0),
        ..v1::ListMeta::default()
    }
}

#[test]
fn metadata_reads_as_kubernetes_reads_it() {
    assert_eq!(read::<v1::ObjectMeta>(&object_meta()), their_object_meta());
    assert_eq!(read::<v1::ListMeta>(&list_meta()), their_list_meta());
    let partial = meta::PartialObjectMetadata { metadata: object_meta() };
    assert_eq!(read::<v1::PartialObjectMetadata>(&partial).metadata, Some(their_object_meta()));
}

#[test]
fn zero_is_written_where_absence_means_something_else() {
    let time = meta::Time::from(UnixMillis(999));
    assert_eq!(read::<v1::Time>(&time).seconds, Some(0), "a time without seconds is no time");
    assert_eq!(read::<v1::Time>(&meta::Time::from(UnixMillis(-1))).seconds, Some(-1));
    let window = meta::Duration::from(std::time::Duration::ZERO);
    assert_eq!(read::<v1::Duration>(&window).duration, Some(0));
    assert_eq!(read::<v1::Duration>(&meta::Duration::from(std::time::Duration::MAX)).duration, Some(i64::MAX));
    let nothing = metrics::NodeMetrics::default();
    assert_eq!(read::<oracle::NodeMetrics>(&nothing).metadata, Some(v1::ObjectMeta::default()));
}

#[test]
fn a_status_reads_as_kubernetes_reads_it() {
    let cause = meta::StatusCause { reason: "r".to_owned(), message: "m".to_owned(), field: "f".to_owned() };
    let details = meta::StatusDetails {
        name: "web-0".to_owned(),
        group: "g".to_owned(),
        kind: "pods".to_owned(),
        causes: vec![cause],
        retry_after_seconds: 2,
    };
    let status = meta::Status {
        metadata: meta::ListMeta::default(),
        status: "Failure".to_owned(),
        message: "not there".to_owned(),
        reason: "NotFound".to_owned(),
        details: Some(details),
        code: 404,
    };
    let theirs: v1::Status = read(&status);
    assert_eq!((theirs.status, theirs.message, theirs.reason), (some("Failure"), some("not there"), some("NotFound")));
    assert_eq!((theirs.metadata, theirs.code), (Some(v1::ListMeta::default()), Some(404)));
    let cause = v1::StatusCause { reason: some("r"), message: some("m"), field: some("f") };
    let expected = v1::StatusDetails {
        name: some("web-0"),
        group: some("g"),
        kind: some("pods"),
        uid: None,
        causes: vec![cause],
        retry_after_seconds: Some(2),
    };
    assert_eq!(theirs.details, Some(expected));
}

fn usage() -> BTreeMap<String, meta::Quantity> {
    let quantity = |(name, text): (&str, &str)| (name.to_owned(), meta::Quantity { string: text.to_owned() });
    [("memory", "0"), ("cpu", "24978636n")].map(quantity).into()
}

fn their_usage() -> BTreeMap<String, resource::Quantity> {
    [("memory", "0"), ("cpu", "24978636n")]
        .map(|(name, text)| (name.to_owned(), resource::Quantity { string: some(text) }))
        .into()
}

fn pod_metrics() -> metrics::PodMetrics {
    let container = metrics::ContainerMetrics {
        name: "app".to_owned(),
        usage: usage(),
        source: "Kubelet".to_owned(),
        reason: "NotReported".to_owned(),
        message: "why".to_owned(),
        timestamp: Some(UnixMillis(5_000).into()),
        window: Some(std::time::Duration::from_secs(15).into()),
    };
    metrics::PodMetrics {
        metadata: object_meta(),
        timestamp: UnixMillis(5_000).into(),
        window: std::time::Duration::from_millis(15_250).into(),
        containers: vec![container],
        freshness: "Stale".to_owned(),
    }
}

fn their_pod_metrics() -> oracle::PodMetrics {
    oracle::PodMetrics {
        metadata: Some(their_object_meta()),
        timestamp: Some(v1::Time { seconds: Some(5), nanos: None }),
        window: Some(v1::Duration { duration: Some(15_250_000_000) }),
        containers: vec![oracle::ContainerMetrics { name: some("app"), usage: their_usage() }],
    }
}

#[test]
fn readers_of_metrics_k8s_io_skip_what_only_our_group_has() {
    assert_eq!(read::<oracle::PodMetrics>(&pod_metrics()), their_pod_metrics());
    let node = metrics::NodeMetrics {
        metadata: object_meta(),
        timestamp: UnixMillis(5_000).into(),
        window: std::time::Duration::from_secs(15).into(),
        usage: usage(),
        freshness: "Fresh".to_owned(),
        source: "Kubelet".to_owned(),
        reason: "AwaitingSecondSample".to_owned(),
        message: "why".to_owned(),
    };
    let theirs = oracle::NodeMetrics {
        metadata: Some(their_object_meta()),
        timestamp: Some(v1::Time { seconds: Some(5), nanos: None }),
        window: Some(v1::Duration { duration: Some(15_000_000_000) }),
        usage: their_usage(),
    };
    assert_eq!(read::<oracle::NodeMetrics>(&node), theirs);
}

#[test]
fn a_map_is_written_in_the_order_of_its_keys() {
    let bytes = pod_metrics().encode_to_vec();
    let position = |text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    assert!(position("cpu") < position("memory"));
    assert!(position("app") < position("edge"));
}

/// The content of an envelope, after what it says it is was checked.
fn opened(bytes: &[u8], api_version: &str, kind: &str) -> Vec<u8> {
    let unknown = runtime::Unknown::decode(bytes.strip_prefix(b"k8s\0").unwrap()).unwrap();
    let type_meta = runtime::TypeMeta { api_version: some(api_version), kind: some(kind) };
    assert_eq!(unknown.type_meta, Some(type_meta));
    assert_eq!((unknown.content_encoding, unknown.content_type), (None, None));
    unknown.raw.unwrap()
}

#[test]
fn an_object_comes_in_the_envelope_that_names_it() {
    let bytes = envelope("metrics.k8s.io/v1beta1", "PodMetrics", &pod_metrics());
    let raw = opened(&bytes, "metrics.k8s.io/v1beta1", "PodMetrics");
    assert_eq!(oracle::PodMetrics::decode(&*raw).unwrap(), their_pod_metrics());
}

#[test]
fn an_envelope_is_written_as_apimachinery_writes_it() {
    let object = meta::Quantity { string: "1".to_owned() };
    assert_eq!(envelope("v1", "A", &object), b"k8s\0\x0a\x07\x0a\x02v1\x12\x01A\x12\x03\x0a\x011");
    assert_eq!(envelope_head("v1", "A", 300), b"k8s\0\x0a\x07\x0a\x02v1\x12\x01A\x12\xac\x02");
}

#[test]
fn a_list_in_parts_is_the_same_as_a_whole_one() {
    let fields = ListFields::COMMON;
    let missing = metrics::Missing { name: "x".repeat(200), ..metrics::Missing::default() };
    let items = [pod_metrics(), pod_metrics()];
    let mut raw = BytesMut::new();
    put_field(&mut raw, fields.metadata, &list_meta());
    for item in &items {
        put_field(&mut raw, fields.items, item);
    }
    put_field(&mut raw, fields.missing, &missing);
    let told = field_len(fields.metadata, &list_meta())
        + items.iter().map(|item| field_len(fields.items, item)).sum::<usize>()
        + field_len(fields.missing, &missing);
    assert_eq!(told, raw.len());

    let bytes = [envelope_head("g/v1", "PodMetricsList", told), raw.to_vec()].concat();
    let list = oracle::PodMetricsList::decode(&*opened(&bytes, "g/v1", "PodMetricsList")).unwrap();
    assert_eq!(list.metadata, Some(their_list_meta()));
    assert_eq!(list.items, [their_pod_metrics(), their_pod_metrics()]);
}

#[test]
fn a_list_of_metadata_has_other_numbers_in_v1beta1() {
    let partial = meta::PartialObjectMetadata { metadata: object_meta() };
    let theirs = v1::PartialObjectMetadata { metadata: Some(their_object_meta()) };
    let written = |fields: ListFields| {
        let mut raw = BytesMut::new();
        put_field(&mut raw, fields.metadata, &list_meta());
        put_field(&mut raw, fields.items, &partial);
        raw
    };
    let list = v1::PartialObjectMetadataList::decode(written(ListFields::COMMON)).unwrap();
    assert_eq!((list.metadata, list.items), (Some(their_list_meta()), vec![theirs.clone()]));
    let list = v1beta1::PartialObjectMetadataList::decode(written(ListFields::PARTIAL_V1BETA1)).unwrap();
    assert_eq!((list.metadata, list.items), (Some(their_list_meta()), vec![theirs]));
}

#[test]
fn a_watch_sends_bare_events_of_enveloped_objects_behind_their_length() {
    let object = envelope("metrics.k8s.io/v1", "PodMetrics", &pod_metrics());
    let frames = [watch_frame("ADDED", &object), watch_frame("MODIFIED", &object)].concat();
    let mut rest = &*frames;
    let mut types = vec![];
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (event, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        let event = v1::WatchEvent::decode(event).unwrap();
        types.extend(event.r#type);
        assert_eq!(event.object.unwrap().raw.unwrap(), object);
        rest = behind;
    }
    assert_eq!(types, ["ADDED", "MODIFIED"]);
    assert!(rest.is_empty());
}
