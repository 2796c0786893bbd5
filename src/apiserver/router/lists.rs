//! Lists: pages, versions, and the same content in every encoding and form.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::server::{Server, assert_golden, read};
use super::tests::world;
use crate::apiserver::resources::published::Published;
use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::cluster::{Labels, Pod};
use crate::pressure::Level;
use crate::usage::PodKey;

const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: &str = "/apis/metrics.k8s.io/v1";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// Two namespaces with so many pods each.
fn shops(pods: u32) -> World {
    let name = |index: u32| format!("p{index:03}");
    let mut all = Vec::new();
    for namespace in ["shop", "zoo"] {
        all.extend((0..pods).map(|index| {
            let mut pod = pod(&name(index), "node-a", &[("app", running(0.0))]);
            pod.key = PodKey::new(namespace, &name(index));
            pod
        }));
    }
    let world = World::with(vec![node("node-a")], all);
    for time in [15.0, 30.0] {
        let names: Vec<_> = (0..pods).map(name).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "app", reading(time, 1_000, 64))).collect();
        world.scrape("node-a", time, Some(reading(time, 2_000, 640)), &rows);
    }
    world
}

#[tokio::test]
async fn while_memory_is_short_long_lists_and_watches_wait_and_all_else_is_answered() {
    let server = Server::over(&shops(501));
    let long = ["", "?limit=501", "?limit=501&resourceVersion=0"].map(|query| format!("{METRICS}/pods{query}"));
    let watches = ["?watch=true", "?watch=1&allowWatchBookmarks=true"].map(|query| format!("{METRICS}/pods{query}"));
    let rest = [
        format!("{METRICS}/pods?limit=500"),
        format!("{METRICS}/pods?fieldSelector=metadata.name%3Dp001"),
        format!("{METRICS}/namespaces/zoo/pods"),
        format!("{METRICS}/namespaces/shop/pods/p001"),
        format!("{METRICS}/nodes"),
        "/apis".to_owned(),
        "/livez".to_owned(),
        "/metrics".to_owned(),
    ];
    for (level, refused) in [(Level::High, 200), (Level::Critical, 429), (Level::Normal, 200)] {
        server.pressure.set(level, if refused == 429 { 0 } else { u64::MAX });
        for uri in long.iter().chain(&watches) {
            let answer = server.send(Request::get(uri)).await;
            assert_eq!(answer.status().as_u16(), refused, "{uri} at {level:?}");
            assert_eq!(answer.headers().contains_key("retry-after"), refused == 429, "{uri}");
        }
        for uri in &rest {
            assert_eq!(server.get(uri).await.0, 200, "{uri} at {level:?}");
        }
    }
    let told = server.exposition.answer(None).1;
    assert!(told.contains("requests_shed_total{limit=\"memory\"} 5\n"), "{told}");
}

async fn accepting(server: &Server, uri: &str, accept: &str) -> (String, Vec<u8>) {
    let response = server.send(Request::get(uri).header("accept", accept)).await;
    assert_eq!(response.status(), StatusCode::OK, "{uri} as {accept}");
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn names(list: &Value) -> Vec<String> {
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn pages_make_the_whole_list_and_all_tell_the_same_version() {
    let server = Server::over(&shops(7));
    let whole = names(&server.document(&format!("{METRICS}/pods")).await);
    assert_eq!(whole.len(), 7, "no usage is known of the other namespace's");
    for limit in [1, 3, 6, 7, 8, 500] {
        let (mut pages, mut versions, mut next) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = server.document(&format!("{METRICS}/pods?limit={limit}&continue={next}")).await;
            assert!(names(&page).len() <= limit && !names(&page).is_empty(), "{limit}");
            pages.extend(names(&page));
            versions.push(page["metadata"]["resourceVersion"].clone());
            match page["metadata"]["continue"].as_str() {
                Some(token) => token.clone_into(&mut next),
                None => break,
            }
        }
        assert_eq!(pages, whole, "{limit}");
        assert_eq!(versions.len(), whole.len().div_ceil(limit), "{limit}");
        versions.dedup();
        assert_eq!(versions.len(), 1, "{limit}");
    }
}

#[tokio::test]
async fn later_pages_are_of_the_moment_of_the_first() {
    let world = shops(4);
    let server = Server::over(&world);
    let first = server.document(&format!("{METRICS}/pods?limit=2")).await;
    world.cluster.delete::<Pod>(&PodKey::new("shop", "p003"));
    server.hand.advance(std::time::Duration::from_secs(1));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = server.document(&format!("{METRICS}/pods?limit=2&continue={token}")).await;
    assert_eq!(names(&second), ["p002", "p003"]);
    assert_eq!(names(&server.document(&format!("{METRICS}/pods")).await).len(), 3);
}

#[tokio::test]
async fn an_expired_page_says_how_to_go_on_with_what_there_is_now() {
    let world = shops(4);
    let server = Server::over(&world);
    let first = server.document(&format!("{METRICS}/pods?limit=2")).await;
    world.cluster.delete::<Pod>(&PodKey::new("shop", "p003"));
    for _ in 0..2 {
        server.hand.advance(std::time::Duration::from_secs(31));
        server.document(&format!("{METRICS}/pods")).await;
    }
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (code, body) = server.get(&format!("{METRICS}/pods?limit=2&continue={token}")).await;
    let status: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &status["reason"]), (410, &"Expired".into()));
    let fresh = status["metadata"]["continue"].as_str().unwrap();
    let rest = server.document(&format!("{METRICS}/pods?limit=2&continue={fresh}")).await;
    assert_eq!(names(&rest), ["p002"], "inconsistent, but not from the beginning");
}

#[tokio::test]
async fn pages_go_through_selectors_namespaces_and_every_encoding() {
    let server = Server::over(&shops(5));
    let selected =
        format!("{METRICS}/namespaces/shop/pods?labelSelector=app%3Dweb&fieldSelector=metadata.name!%3Dp001");
    let page = server.document(&format!("{selected}&limit=2")).await;
    assert_eq!(names(&page), ["p000", "p002"]);
    let token = page["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&server.document(&format!("{selected}&continue={token}")).await), ["p003", "p004"]);
    let (_, table) = accepting(&server, &format!("{selected}&limit=2"), TABLE).await;
    let table: Value = serde_json::from_slice(&table).unwrap();
    assert_eq!((table["rows"].as_array().unwrap().len(), &table["metadata"]["continue"]), (2, &token.into()));
    let (_, bytes) = accepting(&server, &format!("{selected}&limit=2"), PROTOBUF).await;
    let list = Published::load().document(&bytes);
    assert_eq!((names(&list).len(), &list["metadata"]["continue"]), (2, &token.into()));
}

#[tokio::test]
async fn pods_that_a_selector_means_are_found_wherever_they_stand_page_by_page() {
    let apps = ["web", "db", "web", "cache", "db"];
    let app = |number: usize| apps[number * 7 % apps.len()];
    let is_tiered = |number: usize| number.is_multiple_of(3);
    let name = |number: usize| format!("p{number:03}");
    let labelled = |number: usize| {
        let tier = is_tiered(number).then(|| (Arc::from("tier"), Arc::from("1")));
        let labels = Labels::new([(Arc::from("app"), Arc::from(app(number)))].into_iter().chain(tier));
        Pod { labels, ..pod(&name(number), "node-a", &[("app", running(0.0))]) }
    };
    let world = World::with(vec![node("node-a")], (0..200).map(labelled).collect());
    let known: Vec<_> = (0..200).map(name).collect();
    for time in [15.0, 30.0] {
        let rows: Vec<_> = known.iter().map(|name| (name.as_str(), "app", reading(time, 1_000, 64))).collect();
        world.scrape("node-a", time, None, &rows);
    }
    let server = Server::over(&world);
    let selectors: [(&str, &dyn Fn(usize) -> bool); 8] = [
        ("labelSelector=app%3Dweb", &|pod| app(pod) == "web"),
        ("labelSelector=app+in+(db,cache)", &|pod| app(pod) != "web"),
        ("labelSelector=app+notin+(db)", &|pod| app(pod) != "db"),
        ("labelSelector=app!%3Ddb,tier", &|pod| app(pod) != "db" && is_tiered(pod)),
        ("labelSelector=!tier", &|pod| !is_tiered(pod)),
        ("labelSelector=app%3Dnone", &|_| false),
        ("fieldSelector=metadata.name%3Dp007", &|pod| pod == 7),
        ("fieldSelector=metadata.name%3Dp007&labelSelector=app%3Dnone", &|_| false),
    ];
    for (selector, is_meant) in selectors {
        let expected: Vec<_> = (0..200).filter(|number| is_meant(*number)).map(name).collect();
        for (place, limit) in [("/pods", 0), ("/namespaces/shop/pods", 7), ("/pods", 1), ("/pods", 64)] {
            let (mut found, mut next) = (Vec::new(), String::new());
            loop {
                let uri = format!("{METRICS}{place}?{selector}&limit={limit}&continue={next}");
                let page = server.document(&uri).await;
                found.extend(names(&page));
                next = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
                if next.is_empty() {
                    break;
                }
            }
            assert_eq!(found, expected, "{selector} at {place} by {limit}");
        }
        let nowhere = server.document(&format!("{METRICS}/namespaces/zoo/pods?{selector}")).await;
        assert_eq!(names(&nowhere), [""; 0], "{selector}");
    }
}

#[tokio::test]
async fn a_list_of_a_version_is_of_that_very_moment() {
    let world = shops(2);
    let server = Server::over(&world);
    let first = server.document(&format!("{METRICS}/pods")).await;
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    world.cluster.delete::<Pod>(&PodKey::new("shop", "p001"));
    server.hand.advance(std::time::Duration::from_secs(1));
    let list =
        async |query: &str| names(&server.document(&format!("{METRICS}/pods?resourceVersion={version}{query}")).await);
    assert_eq!(list("&resourceVersionMatch=Exact").await.len(), 2);
    assert_eq!(list("&limit=500").await.len(), 2, "as before there was a choice");
    assert_eq!(list("").await.len(), 1, "anything that is not older");
    assert_eq!(list("&resourceVersionMatch=NotOlderThan").await.len(), 1);
}

#[tokio::test]
async fn a_list_as_yaml_tells_the_same_as_in_json() {
    let server = Server::over(&world());
    for path in ["nodes", "pods", "nodescrapes"].map(|list| format!("{OWN}/{list}")) {
        let (content_type, yaml) = accepting(&server, &path, "application/yaml").await;
        assert_eq!(content_type, "application/yaml");
        let yaml: Value = serde_saphyr::from_str(std::str::from_utf8(&yaml).unwrap()).unwrap();
        assert_eq!(yaml, server.document(&path).await, "{path}");
    }
}

#[tokio::test]
async fn a_long_list_is_never_held_whole_in_any_encoding() {
    let server = Server::over(&shops(4_000));
    for accept in ["application/json", "application/yaml", PROTOBUF, TABLE] {
        let request = Request::get(format!("{METRICS}/pods")).header("accept", accept);
        let mut body = server.send(request).await.into_body();
        let (mut total, mut longest) = (0, 0);
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            (total, longest) = (total + chunk.len(), longest.max(chunk.len()));
        }
        assert!(total > 5 * longest && longest < 128 << 10, "{accept}: {longest} of {total} bytes at once");
    }
}

/// One that fits in a chunk is gone through once, a longer one twice.
#[tokio::test]
async fn a_protobuf_list_of_any_length_holds_what_the_json_holds() {
    let mut published = Published::load();
    let (mut short, mut long) = (0, 0);
    for pods in [1, 64, 65, 150, 170, 190, 210, 230, 250, 300, 501] {
        let server = Server::over(&shops(pods));
        for path in [format!("{METRICS}/pods"), format!("{OWN}/pods"), format!("{METRICS}/namespaces/shop/pods")] {
            let (_, bytes) = accepting(&server, &path, PROTOBUF).await;
            assert_eq!(published.document(&bytes)["items"], server.document(&path).await["items"], "{path} {pods}");
            *(if bytes.len() < 32 << 10 { &mut short } else { &mut long }) += 1;
        }
    }
    assert!(short > 5 && long > 5, "{short} short, {long} long");
}

#[tokio::test]
async fn an_empty_list_has_items_in_every_encoding() {
    let server = Server::over(&World::with(vec![], vec![]));
    let path = format!("{OWN}/pods");
    assert_eq!(server.document(&path).await["items"], serde_json::json!([]));
    let (_, yaml) = accepting(&server, &path, "application/yaml").await;
    assert!(std::str::from_utf8(&yaml).unwrap().contains("items: []\n"));
    let (_, bytes) = accepting(&server, &path, PROTOBUF).await;
    assert_eq!(Published::load().document(&bytes)["kind"], "PodMetricsList");
}

#[tokio::test]
async fn tables_have_the_agreed_form() {
    let server = Server::over(&world());
    for (file, path) in [
        ("table-metrics-nodes.json", format!("{METRICS}/nodes")),
        ("table-metrics-pods.json", format!("{METRICS}/pods")),
        ("table-own-nodes.json", format!("{OWN}/nodes")),
        ("table-own-pods.json", format!("{OWN}/pods")),
        ("table-own-pod.json", format!("{OWN}/namespaces/shop/pods/whole")),
        ("table-nodescrapes.json", format!("{OWN}/nodescrapes")),
    ] {
        let (content_type, body) = accepting(&server, &path, TABLE).await;
        assert_eq!(content_type, "application/json", "{path}");
        let table: Value = serde_json::from_slice(&body).unwrap();
        let columns = table["columnDefinitions"].as_array().unwrap().len();
        for row in table["rows"].as_array().unwrap() {
            assert_eq!(row["cells"].as_array().unwrap().len(), columns, "{path}");
            assert_eq!(row["object"]["kind"], "PartialObjectMetadata", "{path}");
        }
        assert_golden(file, &format!("{table:#}\n"));
    }
}

#[tokio::test]
async fn a_table_includes_as_much_of_its_objects_as_is_asked_for() {
    let server = Server::over(&world());
    let row = async |include: &str| {
        let (_, body) = accepting(&server, &format!("{METRICS}/nodes?includeObject={include}"), TABLE).await;
        serde_json::from_slice::<Value>(&body).unwrap()["rows"][0]["object"].clone()
    };
    assert_eq!(row("None").await, Value::Null);
    assert_eq!(row("Metadata").await["kind"], "PartialObjectMetadata");
    assert_eq!(row("Object").await["kind"], "NodeMetrics");
    let request = Request::get(format!("{METRICS}/nodes?includeObject=All")).header("accept", TABLE);
    assert_eq!(read(server.send(request).await).await.0, 400);
}

#[tokio::test]
async fn metadata_alone_is_served_in_every_encoding() {
    let server = Server::over(&world());
    let path = format!("{METRICS}/pods");
    let whole = server.document(&path).await;
    let form = |version: &str, kind: &str| format!(";as={kind};g=meta.k8s.io;v={version}");
    for version in ["v1", "v1beta1"] {
        let accept = format!("application/json{}", form(version, "PartialObjectMetadataList"));
        let (_, body) = accepting(&server, &path, &accept).await;
        let list: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&list["kind"], names(&list)), (&"PartialObjectMetadataList".into(), names(&whole)));
        let item = &list["items"][0];
        assert_eq!(item["apiVersion"], format!("meta.k8s.io/{version}"));
        assert_eq!(item["metadata"], whole["items"][0]["metadata"]);
        assert!(item.get("containers").is_none());
        let accept = format!("{PROTOBUF}{}", form(version, "PartialObjectMetadataList"));
        let (content_type, body) = accepting(&server, &path, &accept).await;
        assert!(content_type.starts_with(PROTOBUF) && body.starts_with(b"k8s\0"));
    }
    let accept = format!("application/json{}", form("v1", "PartialObjectMetadata"));
    let (_, body) = accepting(&server, &format!("{METRICS}/nodes/node-a"), &accept).await;
    let object: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&object["kind"], &object["metadata"]["name"]), (&"PartialObjectMetadata".into(), &"node-a".into()));
}

#[tokio::test]
async fn objects_tell_when_they_last_changed_and_lists_when_they_were_made() {
    let world = shops(2);
    let server = Server::over(&world);
    let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    let list = server.document(&format!("{METRICS}/pods")).await;
    let object = server.document(&format!("{METRICS}/namespaces/shop/pods/p000")).await;
    assert_eq!(version(&list["items"][0]), version(&object));
    assert!(version(&list) > version(&object));
    server.hand.advance(std::time::Duration::from_secs(1));
    let later = server.document(&format!("{METRICS}/pods")).await;
    assert_eq!(version(&later["items"][0]), version(&object), "nothing has changed");
    assert!(version(&later) > version(&list));
    world.scrape("node-a", 32.0, None, &[("p000", "app", reading(32.0, 2_000, 64))]);
    server.hand.advance(std::time::Duration::from_secs(1));
    let changed = server.document(&format!("{METRICS}/namespaces/shop/pods/p000")).await;
    assert!(version(&changed) > version(&later));
}
