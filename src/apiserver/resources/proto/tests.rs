use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::apiserver::protobuf::{envelope, envelope_head, field_len, meta, put_field, watch_frame};
use crate::apiserver::resources::published::Published;
use crate::apiserver::resources::world::{World, at, node as a_node, pod as a_pod, reading, running};
use crate::apiserver::router::server::Server;
use crate::cluster::{ContainerState, Labels, Node, Pod};
use crate::store::Merge;
use crate::usage::{Batch, Failure, NodeName, Reading, RejectReason, Rejected, Scrape};

const OWN: &str = "custom.example.com/v1";
const METRICS: &str = "metrics.k8s.io/v1beta1";

/// Nodes and pods in every state that an answer tells apart.
fn world() -> World {
    let mut good = a_node("good");
    good.labels =
        Labels::new([("role/edge", ""), ("zone", "ä")].map(|(key, value)| (Arc::from(key), Arc::from(value))));
    let on_good = |name, state| a_pod(name, "good", &[("app", state)]);
    let crashing = on_good("crashing", ContainerState::Ended(at(20.0)));
    let (whole, rated) = (on_good("whole", running(-100.0)), on_good("rated", running(-100.0)));
    let young = on_good("young", running(29.0));
    let partial = a_pod("partial", "good", &[("app", running(29.0)), ("proxy", running(29.0))]);
    let settled = a_pod("settled", "good", &[("app", running(-100.0)), ("proxy", running(-100.0))]);
    let unseen = a_pod("unseen", "denied", &[("app", running(0.0))]);
    let nodes = vec![good, a_node("denied"), a_node("first"), a_node("new"), a_node("rated"), a_node("stale")];
    let world = World::with(nodes, vec![whole, rated, young, crashing, partial, settled, unseen]);

    world.scrape("good", -60.0, None, &[("settled", "app", reading(-60.0, 1_000, 3))]);
    world.scrape("good", 15.0, Some(reading(14.0, 9_000, 900)), &[("whole", "app", reading(14.5, 1_000, 64))]);
    let rows = [
        ("whole", "app", reading(29.713, 1_380, 64)),
        ("rated", "app", reading(30.0, 7_000, 5)),
        ("young", "app", reading(30.0, 10, 8)),
        ("partial", "app", reading(30.0, 150, 1)),
        ("settled", "app", reading(29.0, 1_890, 3)),
    ];
    world.scrape("good", 30.0, Some(reading(29.25, 21_200, 901)), &rows);
    world.summary("good", &[("rated", "app", 70_000_000)]);
    world.fail("denied", 15.0, Failure::Forbidden);
    for node in ["first", "rated"] {
        world.scrape(node, 30.0, Some(reading(30.0, 5_000, 700)), &[]);
    }
    let rate = Reading { kubelet_rate: Some(250_000_000), ..reading(30.0, 5_000, 700) };
    world.store.offer_kubelet_rates(&"rated".into(), &Batch { node: Some(rate), ..Batch::default() });
    world.scrape("stale", -15.0, Some(reading(-15.0, 1_000, 100)), &[]);
    scrape_with_refused_lines(&world, "stale");
    world.fail("stale", 30.0, Failure::Timeout(Duration::from_secs(10)));
    scrape_with_refused_lines(&world, "first");
    world
}

/// A good scrape, half a minute after the world began, of which two lines were refused.
fn scrape_with_refused_lines(world: &World, node: &str) {
    let scrape = Scrape {
        started: at(0.5),
        duration: Duration::from_nanos(1_234_567_890),
        body_bytes: 0,
        address: Box::default(),
        rejected: Rejected { count: 2, first: Some((7, RejectReason::Value)) },
        outcome: Ok(()),
    };
    let merge = Merge { pod: &|_, _| None, oldest: at(-100.0) };
    world.store.record(&NodeName::from(node), Some(&Batch::default()), scrape, &merge);
}

fn metadata_of_node(node: &Node) -> Metadata<'_> {
    Metadata { name: node.name.as_str(), namespace: None, created: node.created, labels: &node.labels }
}

fn metadata_of_pod(pod: &Pod) -> Metadata<'_> {
    Metadata { name: &pod.key.name, namespace: Some(&pod.key.namespace), created: pod.created, labels: &pod.labels }
}

/// The list at `path`, in protobuf.
async fn list(server: &Server, path: &str) -> Vec<u8> {
    let request = http::Request::get(path).header("accept", "application/vnd.kubernetes.protobuf");
    server.send(request).await.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// Protobuf cannot tell an empty list or map from none.
fn without_empty(value: Value) -> Value {
    let is_empty = |value: &Value| *value == json!({}) || *value == json!([]);
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(key, value)| (key, without_empty(value)));
            members.filter(|(_, value)| !is_empty(value)).collect()
        }
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        other => other,
    }
}

/// Compares every list of the world with its JSON answer.
async fn compare_lists(published: &mut Published) {
    let world = world();
    let server = Server::over(&world);
    let both = [OWN, METRICS].map(|group| ["nodes", "pods"].map(|plural| format!("{group}/{plural}")));
    for path in both.into_iter().flatten().chain([format!("{OWN}/nodescrapes")]) {
        let path = format!("/apis/{path}");
        let document = server.document(&path).await;
        assert!(document["items"].as_array().is_some_and(|items| items.len() > 1), "{path}: {document}");
        assert_eq!(published.document(&list(&server, &path).await), without_empty(document), "{path}");
    }
}

#[tokio::test]
async fn json_and_protobuf_of_one_moment_hold_the_same() {
    compare_lists(&mut Published::load()).await;
}

#[tokio::test]
async fn every_field_that_is_described_is_sent_and_no_other() {
    let mut published = Published::load();
    compare_lists(&mut published).await;
    let next = meta::ListMeta { r#continue: "next".to_owned(), remaining_item_count: Some(3), ..Default::default() };
    let next = next.encode_to_vec();
    let mut page = BytesMut::from(&*envelope_head(OWN, "NodeMetricsList", field_len(1, &next)));
    put_field(&mut page, 1, &next);
    assert_eq!(published.document(&page)["metadata"], json!({"continue": "next", "remainingItemCount": 3}));

    let mut bookmark = Fields::new();
    bookmark.message(1, |metadata| {
        metadata.message(12, |annotation| {
            annotation.string(1, "k8s.io/initial-events-end");
            annotation.string(2, "true");
        });
    });
    let bookmark = envelope(OWN, "NodeMetrics", bookmark.bytes());
    let event = published.event(&watch_frame("BOOKMARK", &bookmark));
    let metadata = json!({"annotations": {"k8s.io/initial-events-end": "true"}});
    let object = json!({"apiVersion": OWN, "kind": "NodeMetrics", "metadata": metadata});
    assert_eq!(event, json!({"type": "BOOKMARK", "object": object}));

    assert_eq!(published.unseen(), Vec::<String>::new());
}

#[test]
fn answers_of_the_plain_group_hold_no_field_of_our_own() {
    let (moment, mut message) = (world().moment(31.0), Fields::new());
    for known in moment.view.pods() {
        let Ok(answer) = moment.pod(known) else { continue };
        metadata(message.clear(), &metadata_of_pod(known), 1);
        pod(&mut message, Dialect::Plain, &answer);
        let plain = k8s_pb::metrics::pkg::apis::metrics::v1beta1::PodMetrics::decode(message.bytes()).unwrap();
        assert_eq!(plain.encoded_len(), message.bytes().len(), "{plain:?}");
    }
    for known in moment.view.nodes() {
        let Ok(answer) = moment.node(known) else { continue };
        metadata(message.clear(), &metadata_of_node(known), 1);
        node(&mut message, Dialect::Plain, &answer);
        let plain = k8s_pb::metrics::pkg::apis::metrics::v1beta1::NodeMetrics::decode(message.bytes()).unwrap();
        assert_eq!(plain.encoded_len(), message.bytes().len(), "{plain:?}");
    }
}
