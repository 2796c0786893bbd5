//! Watches through the whole router; what they tell is held against lists.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::apiserver::resources::published::Published;
use crate::apiserver::resources::world::{World, at, node, pod, reading, running};
use crate::apiserver::router::server::Server;
use crate::cluster::{Labels, Pod};
use crate::usage::{Failure, PodKey, Reading};

use super::watcher::SLOWEST_READER;
use super::*;

const OWN: &str = "/apis/custom.example.com/v1";
const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// A node with two pods, scraped 30 s after the world began.
fn world() -> World {
    let app = |name| pod(name, "node-a", &[("app", running(0.0))]);
    let world = World::with(vec![node("node-a"), node("node-b")], vec![app("one"), app("two")]);
    scrape(&world, 15.0);
    scrape(&world, 30.0);
    world
}

fn scrape(world: &World, time: f64) {
    world.scrape("node-a", time, Some(usage(time)), &[("one", "app", usage(time)), ("two", "app", usage(time))]);
}

fn usage(time: f64) -> Reading {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests name small times")]
    reading(time, 1000 + (time * 10.0) as u64, 64)
}

/// A watch as a client sees it.
struct Told {
    body: Body,
    text: Vec<u8>,
}

impl Told {
    async fn by(server: &Server, uri: &str) -> Self {
        let response = server.send(Request::get(uri)).await;
        assert_eq!(response.status(), 200, "{uri}");
        Self::of(response)
    }

    fn of(response: Response<Body>) -> Self {
        Self { body: response.into_body(), text: Vec::new() }
    }

    /// The next event; `None` at the end.
    async fn event(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            self.text.extend_from_slice(&self.body.frame().await?.unwrap().into_data().unwrap());
        }
    }

    async fn events(&mut self, count: usize) -> Vec<(String, String)> {
        let mut events = Vec::new();
        for _ in 0..count {
            let event = self.event().await.unwrap();
            events.push((text(&event["type"]), text(&event["object"]["metadata"]["name"])));
        }
        events
    }

    /// Whether nothing is told within two steps.
    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(600), self.event()).await.is_err()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

async fn version(server: &Server, list: &str) -> String {
    text(&server.document(list).await["metadata"]["resourceVersion"])
}

/// A server over `world` whose moments are kept and made as in the real one.
fn server(world: &World) -> Server {
    let server = Server::over(world);
    tokio::spawn(Arc::clone(&server.moments).run(server.closing.clone()));
    server
}

/// Lets `seconds` pass on the wall.
fn pass(server: &Server, seconds: u64) {
    server.hand.advance(Duration::from_secs(seconds));
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_list_tells_what_changed_since() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    let mut told = Told::by(&server, &format!("{PODS}?watch=true&resourceVersion={from}")).await;
    assert!(told.is_silent().await);
    pass(&server, 14);
    scrape(&world, 45.0);
    assert_eq!(told.events(2).await, pairs(&[("MODIFIED", "one"), ("MODIFIED", "two")]));
    world.cluster.delete::<Pod>(&PodKey::new("shop", "one"));
    world.cluster.apply(pod("new", "node-b", &[("app", running(50.0))]));
    pass(&server, 7);
    world.scrape("node-b", 53.0, None, &[("new", "app", Reading { start: Some(at(50.0)), ..usage(52.0) })]);
    pass(&server, 1);
    assert_eq!(told.events(2).await, pairs(&[("ADDED", "new"), ("DELETED", "one")]));
    assert!(told.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn without_a_version_everything_there_is_comes_first() {
    let world = world();
    let server = server(&world);
    for query in ["watch=1", "watch=true&resourceVersion=0"] {
        let mut told = Told::by(&server, &format!("{PODS}?{query}")).await;
        assert_eq!(told.events(2).await, pairs(&[("ADDED", "one"), ("ADDED", "two")]), "{query}");
        assert!(told.is_silent().await, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_initial_events_is_marked_for_those_who_ask() {
    let world = world();
    let server = server(&world);
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut told = Told::by(&server, &format!("{PODS}?{query}")).await;
    told.events(2).await;
    let mark = told.event().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["kind"], "PodMetrics");
    assert_eq!(mark["object"]["apiVersion"], "metrics.k8s.io/v1beta1");
    assert_eq!(mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    pass(&server, 1);
    let later = told.event().await.unwrap();
    assert_eq!(later["type"], "BOOKMARK", "from time to time, while nothing changes");
    assert!(later["object"]["metadata"].get("annotations").is_none());
    assert!(
        text(&later["object"]["metadata"]["resourceVersion"]) > text(&mark["object"]["metadata"]["resourceVersion"])
    );
}

#[tokio::test(start_paused = true)]
async fn labels_bring_objects_into_a_watch_and_out_of_it() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    let watch = |selector: &str| format!("{PODS}?watch=true&resourceVersion={from}&{selector}");
    let mut web = Told::by(&server, &watch("labelSelector=app%3Dweb")).await;
    let mut batch = Told::by(&server, &watch("labelSelector=app%3Dbatch")).await;
    let mut two = Told::by(&server, &watch("fieldSelector=metadata.name%3Dtwo")).await;
    let relabelled = Pod {
        labels: Labels::new([(Arc::from("app"), Arc::from("batch"))]),
        ..pod("one", "node-a", &[("app", running(0.0))])
    };
    world.cluster.apply(relabelled);
    pass(&server, 1);
    let left = web.event().await.unwrap();
    assert_eq!((text(&left["type"]), &left["object"]["metadata"]["labels"]["app"]), ("DELETED".into(), &"web".into()));
    assert_eq!(batch.events(1).await, pairs(&[("ADDED", "one")]));
    assert!(two.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn one_namespace_is_watched_alone() {
    let world = world();
    let server = server(&world);
    let group = "/apis/metrics.k8s.io/v1beta1";
    let mut shop = Told::by(&server, &format!("{group}/namespaces/shop/pods?watch=true")).await;
    assert_eq!(shop.events(2).await.len(), 2);
    assert!(Told::by(&server, &format!("{group}/namespaces/sho/pods?watch=true")).await.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn what_only_time_takes_away_is_told_as_gone() {
    let world = world();
    let server = server(&world);
    let mut plain = Told::by(&server, &format!("{PODS}?watch=true&timeoutSeconds=3600")).await;
    let mut own = Told::by(&server, &format!("{OWN}/nodes?watch=true&timeoutSeconds=3600")).await;
    plain.events(2).await;
    own.events(1).await;
    pass(&server, 30);
    let stale = own.event().await.unwrap();
    assert_eq!((text(&stale["type"]), &stale["object"]["freshness"]), ("MODIFIED".into(), &"Stale".into()));
    assert!(plain.is_silent().await, "metrics.k8s.io does not tell of freshness");
    pass(&server, 120);
    assert_eq!(plain.events(2).await, pairs(&[("DELETED", "one"), ("DELETED", "two")]));
    assert_eq!(own.events(1).await, pairs(&[("DELETED", "node-a")]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_from_any_event_without_loss() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    let mut told = Told::by(&server, &format!("{PODS}?watch=true&resourceVersion={from}")).await;
    pass(&server, 14);
    scrape(&world, 45.0);
    let first = told.event().await.unwrap();
    drop(told);
    world.cluster.delete::<Pod>(&PodKey::new("shop", "two"));
    pass(&server, 1);
    // The second half of the step was not read; it has to come again.
    let seen = text(&first["object"]["metadata"]["resourceVersion"]);
    let mut resumed = Told::by(&server, &format!("{PODS}?watch=true&resourceVersion={seen}")).await;
    let again = resumed.events(3).await;
    assert_eq!(again, pairs(&[("MODIFIED", "one"), ("MODIFIED", "two"), ("DELETED", "two")]));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_kept_is_answered_410() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    for _ in 0..2 {
        pass(&server, 31);
        version(&server, PODS).await;
    }
    for version in [from.as_str(), "1", "12345"] {
        let (code, body) = server.get(&format!("{PODS}?watch=true&resourceVersion={version}")).await;
        assert_eq!(code, 410, "{version}: {body}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["reason"], "Expired");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_future_is_too_large() {
    let world = world();
    let server = server(&world);
    let newest: u64 = version(&server, PODS).await.parse().unwrap();
    let future = newest + (1 << 30);
    for query in ["watch=true&", "", "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"] {
        let (code, body) = server.get(&format!("{PODS}?{query}resourceVersion={future}")).await;
        assert_eq!(code, 504, "{body}");
        let status: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
        assert_eq!(status["details"]["retryAfterSeconds"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over_and_when_the_server_stops() {
    let world = world();
    let server = server(&world);
    let mut short = Told::by(&server, &format!("{PODS}?watch=true&timeoutSeconds=2")).await;
    short.events(2).await;
    assert_eq!(short.event().await, None);
    let mut long = Told::by(&server, &format!("{PODS}?watch=true")).await;
    long.events(2).await;
    server.closing.cancel();
    assert_eq!(long.event().await, None);
}

#[tokio::test(start_paused = true)]
async fn who_reads_late_still_sees_the_end() {
    let world = world();
    let server = server(&world);
    let mut told = Told::by(&server, &format!("{PODS}?watch=true&timeoutSeconds=1")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(told.events(2).await.len(), 2);
    assert_eq!(told.event().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_falls_behind_is_told_so_and_holds_nothing() {
    let world = world();
    let server = server(&world);
    let mut told = Told::by(&server, &format!("{PODS}?watch=true&timeoutSeconds=3600")).await;
    told.events(2).await;
    let mut time = 30.0;
    for _ in 0..40 {
        time += 5.0;
        pass(&server, 5);
        scrape(&world, time);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let mut last = None;
    let mut count = 0;
    while let Some(event) = told.event().await {
        (last, count) = (Some(event), count + 1);
    }
    let last = last.unwrap();
    assert_eq!((text(&last["type"]), last["object"]["code"].as_u64()), ("ERROR".into(), Some(410)));
    assert!(count < 20, "{count} events were held for a reader who did not read");
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_a_step_in_drops_is_told_so() {
    let names: Vec<_> = (0..600).map(|n| format!("pod-{n:03}")).collect();
    let pods = names.iter().map(|name| pod(name, "node-a", &[("app", running(0.0))])).collect();
    let world = World::with(vec![node("node-a")], pods);
    let all = |time: f64| {
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "app", usage(time))).collect();
        world.scrape("node-a", time, None, &rows);
    };
    all(15.0);
    all(30.0);
    let server = server(&world);
    let mut told = Told::by(&server, &format!("{PODS}?watch=true&timeoutSeconds=3600")).await;
    told.events(600).await;
    pass(&server, 15);
    all(45.0);
    let (mut parts, begun) = (0, Instant::now());
    while let Some(part) = told.body.frame().await {
        parts += 1;
        told.text = part.unwrap().into_data().unwrap().to_vec();
        tokio::time::sleep(Duration::from_secs(14)).await;
    }
    assert!(parts < 15 && begun.elapsed() < SLOWEST_READER * 4, "{parts} in {:?}", begun.elapsed());
    let last = told.text.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    assert_eq!((text(&last["type"]), last["object"]["code"].as_u64()), ("ERROR".into(), Some(410)));
}

#[tokio::test(start_paused = true)]
async fn watchers_of_the_same_shape_share_what_is_written() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    let moment = server.moments.current();
    pass(&server, 14);
    scrape(&world, 45.0);
    let next = server.moments.current();
    let accepted = accepted_by_watch(&http::HeaderMap::new(), "").unwrap();
    let include = crate::apiserver::negotiate::IncludeObject::Metadata;
    let encoder = crate::apiserver::resources::encoder::Encoder {
        group_version: "metrics.k8s.io/v1beta1".to_owned(),
        dialect: crate::apiserver::groups::Dialect::Plain,
        accepted,
        include,
    };
    let kept = prometheus_client::metrics::gauge::Gauge::default();
    let watches = Watches::new(prometheus_client::metrics::counter::Counter::default(), kept.clone());
    let one = watches.changes::<crate::apiserver::resources::Pods>(&moment, &next, &encoder).await;
    let other = watches.changes::<crate::apiserver::resources::Pods>(&moment, &next, &encoder).await;
    assert!(Arc::ptr_eq(&one, &other) && one.get().unwrap().len() == 2, "{from}");
    drop((one, other));
    watches.changes::<crate::apiserver::resources::Nodes>(&moment, &next, &encoder).await;
    assert_eq!(kept.get(), 1, "nobody is at the step of pods any more");
}

#[tokio::test(start_paused = true)]
async fn a_watch_holds_its_place_to_its_end() {
    let world = world();
    let server = server(&world);
    let watches = async || {
        let (_, text) = server.get("/metrics").await;
        let line = text.lines().find(|line| line.starts_with("kube_vitals_watches_open ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let mut told = Told::by(&server, &format!("{PODS}?watch=true")).await;
    told.events(2).await;
    assert_eq!(watches().await, 1);
    drop(told);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(watches().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_does_not_hold_the_moment_that_it_began_from() {
    let world = world();
    let server = server(&world);
    let from = version(&server, PODS).await;
    let beginning = Arc::downgrade(&server.moments.current());
    let _told = Told::by(&server, &format!("{PODS}?watch=true&resourceVersion={from}")).await;
    for _ in 0..3 {
        pass(&server, 31);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(beginning.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_watched_says_so() {
    let server = server(&world());
    let (code, body) = server.get(&format!("{OWN}/nodescrapes?watch=true")).await;
    assert_eq!(code, 405, "{body}");
}

/// The rule from which all others follow: a list, and every event after it, make the next list.
#[tokio::test(start_paused = true)]
async fn events_applied_to_a_list_make_every_later_list() {
    let world = world();
    let server = server(&world);
    for list in
        [PODS.to_owned(), format!("{OWN}/pods"), format!("{OWN}/nodes"), format!("{OWN}/pods?labelSelector=app%3Dweb")]
    {
        let join = if list.contains('?') { '&' } else { '?' };
        let mut known = objects(&server.document(&list).await);
        let from = version(&server, &list).await;
        let mut told = Told::by(&server, &format!("{list}{join}watch=true&resourceVersion={from}")).await;
        let mut random = 0x2545_F491_u64;
        for step in 0..60 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            disturb(&world, &server, random >> 33);
            pass(&server, 1 + (random >> 60));
            tokio::time::sleep(Duration::from_millis(300)).await;
            while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(600), told.event()).await {
                apply(&mut known, &event);
            }
            let listed = objects(&server.document(&list).await);
            assert_eq!(known, listed, "{list} after step {step}");
        }
    }
}

/// One of the things that happen to a cluster.
fn disturb(world: &World, server: &Server, what: u64) {
    let now = server.moments.current().now;
    #[expect(clippy::cast_precision_loss, reason = "small times")]
    let time = (now.0 - at(0.0).0) as f64 / 1000.0;
    let name = ["one", "two", "three", "four"][usize::try_from(what >> 8).unwrap() % 4];
    let other = if (what >> 16).is_multiple_of(2) { "web" } else { "batch" };
    let named = Pod {
        labels: Labels::new([(Arc::from("app"), Arc::from(other))]),
        ..pod(name, "node-a", &[("app", running(0.0))])
    };
    match what % 6 {
        0 => world.cluster.delete::<Pod>(&PodKey::new("shop", name)),
        1 => world.cluster.apply(named),
        2 => world.fail("node-a", time, Failure::Forbidden),
        3 => world.store.forget(&"node-a".into()),
        _ => {
            let rows = [(name, "app", usage(time)), ("one", "app", usage(time))];
            world.scrape("node-a", time, Some(usage(time)), &rows);
        }
    }
}

/// Objects by name, without the version, which a list and an event may tell differently.
fn objects(list: &Value) -> BTreeMap<String, Value> {
    list["items"].as_array().unwrap().iter().map(|item| (text(&item["metadata"]["name"]), bare(item))).collect()
}

fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    members.remove("kind");
    members.remove("apiVersion");
    members["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    object
}

fn apply(known: &mut BTreeMap<String, Value>, event: &Value) {
    let name = text(&event["object"]["metadata"]["name"]);
    let was_known = known.contains_key(&name);
    match event["type"].as_str().unwrap() {
        "ADDED" => assert!(!was_known, "{name} was there"),
        "MODIFIED" => assert!(was_known, "{name} was not there"),
        "DELETED" => {
            assert!(known.remove(&name).is_some(), "{name} was not there");
            return;
        }
        other => panic!("{other}"),
    }
    known.insert(name, bare(&event["object"]));
}

async fn bytes_of(server: &Server, uri: &str, accept: &str) -> (String, Body) {
    let response = server.send(Request::get(uri).header("accept", accept)).await;
    assert_eq!(response.status(), 200, "{uri} as {accept}");
    (text(&response.headers()["content-type"].to_str().unwrap().into()), response.into_body())
}

#[tokio::test(start_paused = true)]
async fn events_are_framed_as_clients_read_them() {
    let world = world();
    let server = server(&world);
    let uri = format!("{PODS}?watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let (content_type, body) = bytes_of(&server, &uri, "application/json;stream=watch").await;
    assert_eq!(content_type, "application/json");
    let json: Vec<Value> = body
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .split(|byte| *byte == b'\n')
        .map_while(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(json.len(), 3);

    let (content_type, body) = bytes_of(&server, &uri, "application/vnd.kubernetes.protobuf;stream=watch,*/*").await;
    assert_eq!(content_type, "application/vnd.kubernetes.protobuf;stream=watch");
    let bytes = body.collect().await.unwrap().to_bytes();
    let (mut rest, mut protobuf) = (&bytes[..], Vec::new());
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let (frame, after) = rest.split_at(4 + u32::from_be_bytes(*length) as usize);
        protobuf.push(Published::load().event(frame));
        rest = after;
    }
    for (one, other) in json.iter().zip(&protobuf) {
        assert_eq!(one["type"], other["type"]);
        if one["type"] == "ADDED" {
            assert_eq!(bare(&one["object"]), bare(&other["object"]));
        } else {
            assert_eq!(one["object"]["metadata"]["annotations"], other["object"]["metadata"]["annotations"]);
        }
    }
    assert_eq!(protobuf.len(), 3);

    let table = "application/json;as=Table;g=meta.k8s.io;v=v1";
    let (_, body) = bytes_of(&server, &format!("{PODS}?watch=true&timeoutSeconds=1"), table).await;
    let mut told = Told { body, text: Vec::new() };
    let (first, second) = (told.event().await.unwrap(), told.event().await.unwrap());
    assert_eq!((&first["object"]["kind"], &first["object"]["rows"][0]["cells"][0]), (&"Table".into(), &"one".into()));
    assert!(!first["object"]["columnDefinitions"].as_array().unwrap().is_empty());
    assert_eq!(second["object"]["columnDefinitions"], serde_json::json!([]), "clients remember them");
    assert_eq!(second["object"]["rows"].as_array().unwrap().len(), 1);

    let (_, body) = bytes_of(&server, &uri, table).await;
    let mut told = Told { body, text: Vec::new() };
    let mut end = told.event().await.unwrap();
    while end["type"] == "ADDED" {
        end = told.event().await.unwrap();
    }
    let row = &end["object"]["rows"][0];
    assert_eq!((&end["type"], &row["object"]["kind"]), (&"BOOKMARK".into(), &"PartialObjectMetadata".into()));
    assert_eq!(row["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(row["cells"].as_array().unwrap().len(), first["object"]["columnDefinitions"].as_array().unwrap().len());

    let partial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let (_, body) = bytes_of(&server, &format!("{PODS}?watch=true&timeoutSeconds=1"), partial).await;
    let event = Told { body, text: Vec::new() }.event().await.unwrap();
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
    assert!(event["object"].get("containers").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watch_as_yaml_is_not_acceptable() {
    let server = server(&world());
    let request = Request::get(format!("{PODS}?watch=true")).header("accept", "application/yaml");
    assert_eq!(server.send(request).await.status(), 406);
}
