//! What we say of ourselves, discovery and OpenAPI, against what we do.

use http::{Method, Request, StatusCode};
use serde_json::Value;

use super::schema::Schemas;
use super::server::{Server, assert_golden, read};
use super::tests::world;
use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::config::ApiGroups;
use crate::usage::{Batch, Reading};

const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: [&str; 2] = ["/apis/metrics.k8s.io/v1", "/apis/metrics.k8s.io/v1beta1"];
const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn server() -> Server {
    Server::over(&world())
}

fn empty() -> Server {
    Server::over(&World::with(vec![], vec![]))
}

async fn aggregated(server: &Server) -> Value {
    let (code, body) = read(server.send(Request::get("/apis").header("accept", V2)).await).await;
    assert_eq!(code, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn discovery_and_openapi_have_the_agreed_form() {
    let server = empty();
    for (file, path) in [
        ("discovery-groups.json", "/apis"),
        ("discovery-group-own.json", "/apis/custom.example.com"),
        ("discovery-group-metrics.json", "/apis/metrics.k8s.io"),
        ("discovery-own.json", OWN),
        ("discovery-metrics.json", METRICS[0]),
        ("openapi-v2.json", "/openapi/v2"),
        ("openapi-v3-own.json", "/openapi/v3/apis/custom.example.com/v1"),
        ("openapi-v3-metrics.json", "/openapi/v3/apis/metrics.k8s.io/v1"),
    ] {
        let document = server.document(path).await;
        assert_golden(file, &format!("{document:#}\n"));
    }
    assert_golden("discovery-aggregated.json", &format!("{:#}\n", aggregated(&server).await));
}

#[tokio::test]
async fn both_versions_of_metrics_k8s_io_are_the_same_objects() {
    let server = server();
    for path in ["", "/nodes", "/nodes/node-a", "/pods", "/namespaces/shop/pods/whole"] {
        let [v1, v1beta1] = METRICS.map(|root| format!("{root}{path}"));
        let (v1, v1beta1) = (server.get(&v1).await, server.get(&v1beta1).await);
        assert_eq!(v1.1, v1beta1.1.replace("metrics.k8s.io/v1beta1", "metrics.k8s.io/v1"), "{path}");
        assert_eq!(v1.0, 200);
    }
    let [v1, v1beta1] = METRICS.map(|root| format!("/openapi/v3{root}"));
    let v1beta1 = server.get(&v1beta1).await.1.replace("v1beta1", "v1").replace("V1beta1", "V1");
    assert_eq!(server.get(&v1).await.1, v1beta1);
}

#[tokio::test]
async fn discovery_names_every_version_of_a_group_the_preferred_one_first() {
    let server = empty();
    let group = server.document("/apis/metrics.k8s.io").await;
    assert_eq!(group["preferredVersion"]["groupVersion"], "metrics.k8s.io/v1");
    assert_eq!(group["versions"][1]["groupVersion"], "metrics.k8s.io/v1beta1", "what most clients look for");
    let aggregated = aggregated(&server).await;
    let versions: Vec<_> =
        aggregated["items"][1]["versions"].as_array().unwrap().iter().map(|version| &version["version"]).collect();
    assert_eq!(versions, ["v1", "v1beta1"]);
}

#[tokio::test]
async fn a_group_that_is_turned_off_is_nowhere() {
    let world = world();
    let metrics_alone = Server::serving(&world, ApiGroups { own: None, metrics: true }, 400);
    let own = Some("usage.corp.net".to_owned());
    let own_alone = Server::serving(&world, ApiGroups { own, metrics: false }, 400);
    let own = "/apis/usage.corp.net/v1";
    for (server, served, off) in
        [(metrics_alone, &METRICS[..], &[OWN, own][..]), (own_alone, &[own], &[OWN, METRICS[0], METRICS[1]])]
    {
        let discovery = aggregated(&server).await.to_string() + &server.document("/apis").await.to_string();
        let index = server.document("/openapi/v3").await;
        let keys: Vec<_> = index["paths"].as_object().unwrap().keys().map(|key| format!("/{key}")).collect();
        assert_eq!(keys, served);
        let described = server.get("/openapi/v2").await.1;
        for root in served {
            let group = root.split('/').nth(2).unwrap();
            assert!(discovery.contains(group) && described.contains(group), "{root}");
            for path in ["", "/nodes", "/nodes/node-a", "/pods"] {
                assert_eq!(server.get(&format!("{root}{path}")).await.0, 200, "{root}{path}");
            }
            let healthz = server.get(&format!("{root}/healthz")).await.0;
            assert_eq!(healthz, if group == "metrics.k8s.io" { 404 } else { 200 });
        }
        for root in off {
            let group = root.split('/').nth(2).unwrap();
            assert!(!discovery.contains(group) && !described.contains(group), "{root}");
            for path in ["", "/nodes", "/pods", "/healthz"] {
                assert_eq!(server.get(&format!("{root}{path}")).await.0, 404, "{root}{path}");
            }
            assert_eq!(server.get(&format!("/apis/{group}")).await.0, 404);
            assert_eq!(server.get(&format!("/openapi/v3{root}")).await.0, 404);
        }
    }
}

#[tokio::test]
async fn discovery_is_whole_before_anything_is_known_and_while_the_server_stops() {
    let server = empty();
    let _latch = server.readiness.latch("node-sync", "nodes are being listed");
    server.readiness.begin_stop();
    for root in [OWN, METRICS[0], METRICS[1]] {
        let document = server.document(root).await;
        assert_eq!((&document["kind"], &document["apiVersion"]), (&"APIResourceList".into(), &"v1".into()));
        assert!(!document["resources"].as_array().unwrap().is_empty());
        assert_eq!(server.get(&format!("/openapi/v3{root}")).await.0, 200);
    }
    for path in ["/apis", "/apis/metrics.k8s.io", "/openapi/v2", "/openapi/v3", "/version", "/livez", "/"] {
        assert_eq!(server.get(path).await.0, 200, "{path}");
    }
    assert_eq!(aggregated(&server).await["items"][0]["versions"][0]["freshness"], "Current");
}

#[tokio::test]
async fn nothing_is_ever_redirected() {
    let server = server();
    let mut paths: Vec<_> = ["/apis", "/apis/metrics.k8s.io", OWN, METRICS[1]].map(|path| format!("{path}/")).into();
    paths.extend(METRICS.map(|root| format!("/openapi/v3{root}?hash=old")));
    for path in &paths {
        assert_eq!(server.get(path).await.0, 200, "{path}: a redirect would become a 502 in the aggregator");
    }
    for path in ["//apis", "/apis//metrics.k8s.io", "/openapi/v3/", "/openapi", "/apis/metrics.k8s.io/v1/nodes/"] {
        assert_eq!(server.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn aggregated_discovery_is_typed_tagged_and_not_sent_twice() {
    let server = empty();
    let ask = |tag: &str| Request::get("/apis").header("accept", V2).header("if-none-match", tag.to_owned());
    let first = server.send(ask("\"other\"")).await;
    assert_eq!(first.status(), StatusCode::OK);
    for (name, value) in [("content-type", V2), ("vary", "Accept"), ("cache-control", "public")] {
        assert_eq!(first.headers()[name], value);
    }
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let again = server.send(ask(&tag)).await;
    assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &tag.parse().unwrap()));
    assert_eq!(read(again).await.1, "");
}

#[tokio::test]
async fn classic_discovery_is_never_answered_with_304() {
    let server = empty();
    let aggregated = server.send(Request::get("/apis").header("accept", V2)).await;
    for path in ["/apis", "/apis/metrics.k8s.io", OWN, METRICS[1]] {
        let request = Request::get(path).header("if-none-match", aggregated.headers()["etag"].clone());
        let classic = server.send(request.header("accept", "application/json")).await;
        assert_eq!(classic.status(), StatusCode::OK, "{path}: the legacy fallback takes a 304 for an error");
        assert_eq!(classic.headers()["content-type"], "application/json");
        assert_ne!(classic.headers().get("etag"), aggregated.headers().get("etag"));
    }
}

#[tokio::test]
async fn a_verb_that_discovery_tells_is_served_and_no_other() {
    let server = server();
    for root in [OWN, METRICS[0], METRICS[1]] {
        for resource in server.document(root).await["resources"].as_array().unwrap() {
            let plural = resource["name"].as_str().unwrap();
            let name = if plural == "pods" { "whole" } else { "node-a" };
            let place = if resource["namespaced"] == true { "/namespaces/shop" } else { "" };
            for (verb, method, path) in [
                ("get", Method::GET, format!("/{name}")),
                ("list", Method::GET, String::new()),
                ("watch", Method::GET, "?watch=true&timeoutSeconds=1".to_owned()),
                ("create", Method::POST, String::new()),
                ("update", Method::PUT, format!("/{name}")),
                ("patch", Method::PATCH, format!("/{name}")),
                ("delete", Method::DELETE, format!("/{name}")),
                ("deletecollection", Method::DELETE, String::new()),
            ] {
                let path = format!("{root}{place}/{plural}{path}");
                let answer = server.send(Request::builder().method(method).uri(&path)).await;
                let is_told = resource["verbs"].as_array().unwrap().iter().any(|told| told == verb);
                assert_eq!(answer.status(), if is_told { 200 } else { 405 }, "{verb} {path}");
            }
        }
    }
}

#[tokio::test]
async fn the_openapi_index_leads_to_our_own_documents_alone() {
    let server = empty();
    let index = server.send(Request::get("/openapi/v3")).await;
    assert!(index.headers()["etag"].to_str().unwrap().starts_with('"'));
    let index: Value = serde_json::from_str(&read(index).await.1).unwrap();
    let paths = index["paths"].as_object().unwrap();
    let keys = ["apis/custom.example.com/v1", "apis/metrics.k8s.io/v1", "apis/metrics.k8s.io/v1beta1"];
    assert_eq!(paths.keys().collect::<Vec<_>>(), keys);
    for entry in paths.values() {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        let named = server.send(Request::get(url)).await;
        assert_eq!(named.headers()["cache-control"], "public, immutable");
        assert!(named.headers()["expires"].to_str().unwrap().ends_with(" 2028 08:00:31 GMT"));
        let tag = named.headers()["etag"].to_str().unwrap().to_owned();
        assert!(url.ends_with(&format!("?hash={}", tag.trim_matches('"'))), "{url} {tag}");
        let outdated = url.replace("hash=", "hash=0");
        let outdated = server.send(Request::get(outdated)).await;
        assert_eq!(
            (outdated.status(), &outdated.headers()["cache-control"]),
            (StatusCode::OK, &"public".parse().unwrap())
        );
        assert_eq!(read(outdated).await, read(named).await, "the document of now");
        let kept = server.send(Request::get(url).header("if-none-match", tag)).await;
        assert_eq!(kept.status(), StatusCode::NOT_MODIFIED);
    }
    assert_eq!(server.get("/openapi/v3/apis/foreign/v1").await.0, 404);
}

#[tokio::test]
async fn openapi_is_json_to_all_who_take_it_and_406_to_others() {
    let server = empty();
    let protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    for path in ["/openapi/v2", "/openapi/v3", &format!("/openapi/v3{OWN}")] {
        let ask = async |accept: &str| server.send(Request::get(path).header("accept", accept)).await;
        for accept in ["application/json", "*/*", &format!("{protobuf},application/json;q=0.5")] {
            let answer = ask(accept).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path} {accept}");
            assert_eq!(answer.headers()["content-type"], "application/json");
            assert_eq!(answer.headers()["vary"], "Accept");
        }
        let refused = ask(protobuf).await;
        assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
        assert!(read(refused).await.1.contains(r#""kind":"Status""#));
    }
    let tagged = server.send(Request::get("/openapi/v2")).await;
    let again = Request::get("/openapi/v2").header("if-none-match", tagged.headers()["etag"].clone());
    assert_eq!(server.send(again).await.status(), StatusCode::NOT_MODIFIED, "not downloaded each minute");
}

#[tokio::test]
async fn every_path_is_described_and_answers_as_described() {
    let server = server();
    let index = server.document("/").await;
    let is_resource =
        |path: &&str| path.starts_with("/apis/") && path.split('/').nth(4).is_some_and(|it| !it.is_empty());
    let routed: Vec<_> =
        index["paths"].as_array().unwrap().iter().filter_map(Value::as_str).filter(is_resource).collect();
    let mut described = Vec::new();
    for root in [OWN, METRICS[0], METRICS[1]] {
        let document = server.document(&format!("/openapi/v3{root}")).await;
        let mut schemas = Schemas::of(&document);
        for (path, item) in document["paths"].as_object().unwrap() {
            described.push(path.clone());
            let name = if path.contains("/pods/") { "whole" } else { "node-a" };
            let answer = server.document(&path.replace("{namespace}", "shop").replace("{name}", name)).await;
            let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
            let schema = schema.as_str().unwrap().rsplit('/').next().unwrap();
            assert_eq!(schemas.faults(schema, &answer), [""; 0], "{path}");
            let kind = &item["get"]["x-kubernetes-group-version-kind"]["kind"];
            let named = |list: &str| answer["kind"] == format!("{}{list}", kind.as_str().unwrap_or_default());
            assert!(kind.is_null() || named("") || named("List"), "{path}");
        }
    }
    assert_eq!(described.len(), routed.len(), "{described:?} {routed:?}");
    assert!(routed.iter().all(|path| described.iter().any(|known| known == path)), "{described:?} {routed:?}");
}

/// Fields that no answer of these tests holds, and why.
const UNSEEN: [(&str, &str); 2] = [
    ("ListMeta.continue", "only where a list is cut by limit"),
    ("ObjectMeta.annotations", "only in bookmarks of a watch"),
];

/// All answers in `tests/golden/apiserver`, and those that golden files lack.
async fn answers() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/apiserver");
    let mut answers = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        answers.extend(documents.map_while(Result::ok).map(|document| (file.display().to_string(), document)));
    }
    for (server, path) in [
        (sampled_once(), "nodes"),
        (sampled_once(), "pods"),
        (silent_container(), "nodescrapes"),
        (server(), "namespaces/shop/pods/unseen"),
        (server(), "nodes?resourceVersionMatch=Exact"),
        (warming_up(), "nodes/unknown"),
    ] {
        let body = server.get(&format!("{OWN}/{path}")).await.1;
        answers.push((path.to_owned(), serde_json::from_str(&body).unwrap()));
    }
    answers
}

/// Nodes and pods that were sampled once, one of each with the kubelet's own rate.
fn sampled_once() -> Server {
    let pods = ["asked", "young"].map(|name| pod(name, "asked", &[("app", running(0.0))]));
    let world = World::with(vec![node("asked"), node("young")], pods.into());
    let rows = ["asked", "young"].map(|pod| (pod, "app", reading(15.0, 1_000, 1)));
    world.scrape("asked", 15.0, Some(reading(15.0, 1_000, 1)), &rows);
    world.scrape("young", 15.0, Some(reading(15.0, 1_000, 1)), &[]);
    world.summary("asked", &[("asked", "app", 5_000_000)]);
    let rate = Reading { kubelet_rate: Some(5_000_000), ..Reading::default() };
    world.store.offer_kubelet_rates(&"asked".into(), &Batch { node: Some(rate), ..Batch::default() });
    Server::over(&world)
}

/// A pod of which one container was never reported, for longer than that is waited for.
fn silent_container() -> Server {
    let containers = [("app", running(-90.0)), ("silent", running(-90.0))];
    let world = World::with(vec![node("n")], vec![pod("web", "n", &containers)]);
    for time in [-60.0, -30.0, 0.0, 30.0] {
        world.scrape("n", time, None, &[("web", "app", reading(time, 1_000, 1))]);
    }
    Server::over(&world)
}

/// A server that does not know its cluster yet.
fn warming_up() -> Server {
    let server = empty();
    // Never released, so that the server never becomes ready.
    std::mem::forget(server.readiness.latch("node-sync", "nodes are being listed"));
    server
}

#[tokio::test]
async fn every_field_of_every_answer_is_described_and_every_described_field_is_answered() {
    let answers = answers().await;
    let server = empty();
    let mut read = 0;
    for root in [OWN, METRICS[0], METRICS[1]] {
        let mut schemas = Schemas::of(&server.document(&format!("/openapi/v3{root}")).await);
        for (source, answer) in &answers {
            if let Some(name) = schemas.name_of(answer) {
                assert_eq!(schemas.faults(&name, answer), [""; 0], "{source}");
                read += 1;
            }
        }
        if root == OWN {
            let health = server.document(&format!("{root}/healthz")).await;
            assert_eq!(schemas.faults("com.example.custom.v1.Health", &health), [""; 0]);
            let unseen = schemas.unseen();
            assert_eq!(unseen.iter().collect::<Vec<_>>(), UNSEEN.map(|(field, _)| field), "described, never answered");
        }
    }
    assert!(read > 15, "only {read} answers were read");
}

#[tokio::test]
async fn both_formats_describe_the_same() {
    let server = empty();
    let v2 = server.document("/openapi/v2").await;
    for root in [OWN, METRICS[0], METRICS[1]] {
        let v3 = server.document(&format!("/openapi/v3{root}")).await;
        for (name, schema) in v3["components"]["schemas"].as_object().unwrap() {
            let text = schema.to_string().replace("#/components/schemas/", "#/definitions/");
            // A reference stands apart from its description in v3 alone.
            let mut schema: Value = serde_json::from_str(&text).unwrap();
            let properties = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter();
            for property in properties.flat_map(|properties| properties.values_mut()) {
                if let Some(all_of) = property.as_object_mut().unwrap().remove("allOf") {
                    property["$ref"] = all_of[0]["$ref"].clone();
                }
            }
            assert_eq!(v2["definitions"][name], schema, "{name}");
        }
        for (path, item) in v3["paths"].as_object().unwrap() {
            let (v2, v3) = (&v2["paths"][path]["get"], &item["get"]);
            assert_eq!(v2["operationId"], v3["operationId"], "{path}");
            let names = |operation: &Value| -> Vec<String> {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                parameters.map(|parameter| parameter["name"].to_string()).collect()
            };
            assert_eq!(names(v2), names(v3), "{path}");
            let codes =
                |operation: &Value| operation["responses"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(codes(v2), codes(v3), "{path}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_no_operation_has_anothers_name() {
    let server = empty();
    for path in ["/openapi/v2", "/openapi/v3/apis/custom.example.com/v1", "/openapi/v3/apis/metrics.k8s.io/v1"] {
        let document = server.document(path).await;
        let (mut operations, mut open) = (Vec::new(), vec![&document]);
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    open.extend(members.values());
                    operations.extend(members.get("operationId").and_then(Value::as_str));
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                    }
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        let count = operations.len();
        operations.sort_unstable();
        operations.dedup();
        assert!(count > 0 && operations.len() == count, "{path}: {operations:?}");
    }
}
