use bytes::BytesMut;
use k8s_pb::apimachinery::pkg::{api::resource, apis::meta::v1, apis::meta::v1beta1, runtime};
use k8s_pb::metrics::pkg::apis::metrics::v1beta1 as oracle;
use prost::Message;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "a field of theirs, which may be absent")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The fields that `fill` writes.
fn fields(fill: impl FnOnce(&mut Fields)) -> Vec<u8> {
    let mut fields = Fields::new();
    fill(&mut fields);
    fields.bytes().to_vec()
}

/// The metadata of some object, as its first field.
fn metadata(object: &mut Fields) {
    object.message(1, |metadata| {
        metadata.string(1, "web-0");
        metadata.string(2, "");
        metadata.digits(6, 7);
        metadata.message(8, |time| time.int(1, -1));
        for (key, value) in [("app", "web"), ("edge", "")] {
            metadata.message(11, |label| {
                label.string(1, key);
                label.string(2, value);
            });
        }
    });
}

fn their_metadata() -> v1::ObjectMeta {
    v1::ObjectMeta {
        name: some("web-0"),
        resource_version: some("7"),
        creation_timestamp: Some(v1::Time { seconds: Some(-1), nanos: None }),
        labels: [("app", "web"), ("edge", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..v1::ObjectMeta::default()
    }
}

/// Usage of some node, with two fields that only our group has.
fn node() -> Vec<u8> {
    fields(|node| {
        metadata(node);
        node.message(3, |window| window.int(1, 0));
        for (resource, quantity) in [("cpu", (24_978_636, "n")), ("memory", (0, ""))] {
            node.message(4, |entry| {
                entry.string(1, resource);
                entry.quantity(2, quantity);
            });
        }
        node.display(103, "why");
        node.double(110, 0.5);
    })
}

fn their_node() -> oracle::NodeMetrics {
    let quantity = |(name, text): (&str, &str)| (name.to_owned(), resource::Quantity { string: some(text) });
    oracle::NodeMetrics {
        metadata: Some(their_metadata()),
        timestamp: None,
        window: Some(v1::Duration { duration: Some(0) }),
        usage: [("memory", "0"), ("cpu", "24978636n")].map(quantity).into(),
    }
}

fn list_meta() -> Vec<u8> {
    let meta = meta::ListMeta {
        resource_version: "9".to_owned(),
        r#continue: "next".to_owned(),
        remaining_item_count: Some(0),
    };
    meta.encode_to_vec()
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
fn fields_read_as_kubernetes_reads_them_and_others_are_skipped() {
    assert_eq!(oracle::NodeMetrics::decode(&*node()).unwrap(), their_node());
    assert_eq!(v1::ListMeta::decode(&*list_meta()).unwrap(), their_list_meta());
    let partial = fields(metadata);
    assert_eq!(v1::PartialObjectMetadata::decode(&*partial).unwrap().metadata, Some(their_metadata()));
}

#[test]
fn a_message_of_any_length_has_its_length_before_it() {
    for length in [0, 1, 118, 119, 120, 124, 125, 126, 127, 128, 16_370, 16_383, 16_384, 100_000] {
        let message = "x".repeat(length);
        let written = fields(|status| {
            status.message(1, |_| {});
            status.message(5, |details| details.message(4, |cause| cause.string(2, &message)));
        });
        let causes = vec![meta::StatusCause { message, ..meta::StatusCause::default() }];
        let details = Some(meta::StatusDetails { causes, ..meta::StatusDetails::default() });
        let built = meta::Status { details, ..meta::Status::default() };
        assert_eq!(written, built.encode_to_vec(), "{length}");
    }
}

#[test]
fn numbers_are_written_even_if_zero_and_texts_are_not() {
    assert_eq!(fields(|zero| zero.int(1, 0)), [0x08, 0]);
    assert_eq!(fields(|zero| zero.unsigned(2, 0)), [0x10, 0]);
    assert_eq!(fields(|zero| zero.double(1, 0.0)), [0x09, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(fields(|empty| empty.string(1, "")).is_empty());
    assert_eq!(fields(|empty| empty.message(1, |_| {})), [0x0a, 0]);
    assert_eq!(v1::Time::decode(&*fields(|time| time.int(1, i64::MIN))).unwrap().seconds, Some(i64::MIN));
}

#[test]
fn room_is_used_again() {
    let mut room = Fields::new();
    room.string(1, "before");
    room.clear().string(1, "after");
    assert_eq!(room.bytes(), fields(|fields| fields.string(1, "after")));
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
    let theirs = v1::Status::decode(&*status.encode_to_vec()).unwrap();
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
    let bytes = envelope("metrics.k8s.io/v1beta1", "NodeMetrics", &node());
    let raw = opened(&bytes, "metrics.k8s.io/v1beta1", "NodeMetrics");
    assert_eq!(oracle::NodeMetrics::decode(&*raw).unwrap(), their_node());
}

#[test]
fn an_envelope_is_written_as_apimachinery_writes_it() {
    let object = fields(|object| object.string(1, "1"));
    assert_eq!(envelope("v1", "A", &object), b"k8s\0\x0a\x07\x0a\x02v1\x12\x01A\x12\x03\x0a\x011");
    assert_eq!(envelope_head("v1", "A", 300), b"k8s\0\x0a\x07\x0a\x02v1\x12\x01A\x12\xac\x02");
}

#[test]
fn a_list_in_parts_is_the_same_as_a_whole_one() {
    let numbers = ListFields::COMMON;
    let missing = fields(|missing| missing.string(2, &"x".repeat(200)));
    let mut raw = BytesMut::new();
    let parts = [(numbers.metadata, list_meta()), (numbers.items, node()), (numbers.items, node())];
    let parts = parts.into_iter().chain([(numbers.missing, missing)]);
    let told: usize = parts.clone().map(|(number, part)| field_len(number, &part)).sum();
    parts.for_each(|(number, part)| put_field(&mut raw, number, &part));
    assert_eq!(told, raw.len());

    let bytes = [envelope_head("g/v1", "NodeMetricsList", told), raw.to_vec()].concat();
    let list = oracle::NodeMetricsList::decode(&*opened(&bytes, "g/v1", "NodeMetricsList")).unwrap();
    assert_eq!(list.metadata, Some(their_list_meta()));
    assert_eq!(list.items, [their_node(), their_node()]);
}

#[test]
fn a_list_of_metadata_has_other_numbers_in_v1beta1() {
    let theirs = v1::PartialObjectMetadata { metadata: Some(their_metadata()) };
    let written = |numbers: ListFields| {
        let mut raw = BytesMut::new();
        put_field(&mut raw, numbers.metadata, &list_meta());
        put_field(&mut raw, numbers.items, &fields(metadata));
        raw
    };
    let list = v1::PartialObjectMetadataList::decode(written(ListFields::COMMON)).unwrap();
    assert_eq!((list.metadata, list.items), (Some(their_list_meta()), vec![theirs.clone()]));
    let list = v1beta1::PartialObjectMetadataList::decode(written(ListFields::PARTIAL_V1BETA1)).unwrap();
    assert_eq!((list.metadata, list.items), (Some(their_list_meta()), vec![theirs]));
}

#[test]
fn a_watch_sends_bare_events_of_enveloped_objects_behind_their_length() {
    let object = envelope("metrics.k8s.io/v1", "NodeMetrics", &node());
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
