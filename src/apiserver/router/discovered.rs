//! What discovery says of us, against what we do.

use http::{Method, Request, StatusCode};
use serde_json::Value;

use super::server::{Server, assert_golden, read};
use super::tests::world;
use crate::config::ApiGroups;

const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: [&str; 2] = ["/apis/metrics.k8s.io/v1", "/apis/metrics.k8s.io/v1beta1"];
const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async fn aggregated(server: &Server) -> Value {
    let (code, body) = read(server.send(Request::get("/apis").header("accept", V2)).await).await;
    assert_eq!(code, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn discovery_has_the_agreed_form() {
    let server = Server::empty();
    for (file, path) in [
        ("discovery-groups.json", "/apis"),
        ("discovery-group-own.json", "/apis/custom.example.com"),
        ("discovery-group-metrics.json", "/apis/metrics.k8s.io"),
        ("discovery-own.json", OWN),
        ("discovery-metrics.json", METRICS[0]),
    ] {
        let document = server.document(path).await;
        assert_golden(file, &format!("{document:#}\n"));
    }
    assert_golden("discovery-aggregated.json", &format!("{:#}\n", aggregated(&server).await));
}

#[tokio::test]
async fn discovery_names_every_version_of_a_group_the_preferred_one_first() {
    let server = Server::empty();
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
    let server = Server::empty();
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
    let server = Server::over(&world());
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
    let server = Server::empty();
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
    let server = Server::empty();
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
    let server = Server::over(&world());
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
