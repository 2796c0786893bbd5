//! What OpenAPI says of us, against what we do.

use http::{Request, StatusCode};
use serde_json::Value;

use super::schema::Schemas;
use super::server::{Server, assert_golden, read};
use super::tests::world;
use crate::apiserver::resources::world::{World, node, pod, reading, running};
use crate::usage::{Batch, Reading};

const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: [&str; 2] = ["/apis/metrics.k8s.io/v1", "/apis/metrics.k8s.io/v1beta1"];

#[tokio::test]
async fn openapi_has_the_agreed_form() {
    let server = Server::empty();
    for (file, path) in [
        ("openapi-v2.json", "/openapi/v2"),
        ("openapi-v3-own.json", "/openapi/v3/apis/custom.example.com/v1"),
        ("openapi-v3-metrics.json", "/openapi/v3/apis/metrics.k8s.io/v1"),
    ] {
        let document = server.document(path).await;
        assert_golden(file, &format!("{document:#}\n"));
    }
}

#[tokio::test]
async fn both_versions_of_metrics_k8s_io_are_the_same_objects() {
    let server = Server::over(&world());
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
async fn the_openapi_index_leads_to_our_own_documents_alone() {
    let server = Server::empty();
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
    let server = Server::empty();
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
    let server = Server::over(&world());
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

#[tokio::test]
async fn every_media_type_and_parameter_that_is_described_is_understood() {
    let server = Server::over(&world());
    for root in [OWN, METRICS[0], METRICS[1]] {
        let document = server.document(&format!("/openapi/v3{root}")).await;
        for (path, item) in document["paths"].as_object().unwrap() {
            let name = if path.contains("/pods/") { "whole" } else { "node-a" };
            let path = path.replace("{namespace}", "shop").replace("{name}", name);
            let operation = &item["get"];
            let media_types = operation["responses"]["200"]["content"].as_object().unwrap().keys();
            for media_type in media_types.filter(|media_type| !media_type.contains(";stream=")) {
                let answer = server.send(Request::get(&path).header("accept", media_type)).await;
                assert_eq!(answer.status(), StatusCode::OK, "{path} as {media_type}");
                assert_eq!(answer.headers()["content-type"], **media_type, "{path}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let code = server.get(&format!("{path}?{name}={}", misspelt(name))).await.0;
                let is_checked = !["pretty", "watch", "allowWatchBookmarks"].contains(&name);
                assert_eq!(code == 400 || code == 410 || code == 422, is_checked, "{path}?{name}: {code}");
            }
        }
    }
}

/// A value that a server which knows the parameter refuses.
fn misspelt(parameter: &str) -> &'static str {
    match parameter {
        // Every value means something.
        "pretty" | "watch" | "allowWatchBookmarks" => "false",
        _ => "%21%21,%3D",
    }
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
        (Server::over(&world()), "namespaces/shop/pods/unseen"),
        (Server::over(&world()), "nodes?resourceVersionMatch=Exact"),
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
    let server = Server::empty();
    // Never released, so that the server never becomes ready.
    std::mem::forget(server.readiness.latch("node-sync", "nodes are being listed"));
    server
}

#[tokio::test]
async fn every_field_of_every_answer_is_described_and_every_described_field_is_answered() {
    let answers = answers().await;
    let server = Server::empty();
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
    let server = Server::empty();
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
    let server = Server::empty();
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
