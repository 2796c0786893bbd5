//! Errors of every origin, as callers of every kind read them.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt as _;
use prost::Message as _;
use serde_json::{Value, json};

use super::server::{Server, assert_golden};
use crate::apiserver::protobuf::meta;
use crate::apiserver::resources::world::{World, node};

const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

fn server() -> Server {
    Server::over(&World::with(vec![node("node-a")], vec![]))
}

/// A request, by the user and for the path that make it fail, and the code it fails with.
struct Fault {
    user: &'static str,
    method: Method,
    path: &'static str,
    code: u16,
}

/// One of each origin: filters, router, handlers.
fn faults() -> Vec<Fault> {
    let fault = |user, path, code| Fault { user, method: Method::GET, path, code };
    vec![
        fault("nobody", "/apis", 401),
        fault("mallory", NODES, 403),
        fault("mallory", "/no/such/path", 403),
        fault("ann", "/no/such/path", 404),
        fault("ann", "/apis/metrics.k8s.io/v1beta1/sheep", 404),
        fault("ann", "/apis/metrics.k8s.io/v1beta1/nodes/x", 404),
        fault("ann", "/apis/metrics.k8s.io/v9", 404),
        Fault { method: Method::POST, ..fault("ann", NODES, 405) },
        Fault { method: Method::DELETE, ..fault("ann", "/version", 405) },
        fault("ann", "/apis/metrics.k8s.io/v1beta1/nodes?labelSelector=a%20b%20c", 400),
        fault("broken", NODES, 500),
        fault("unsure", NODES, 500),
        fault("panic", NODES, 500),
        fault("slow", NODES, 504),
    ]
}

async fn ask(server: &Server, fault: &Fault, accept: &str) -> Response<Body> {
    let request = Request::builder().method(&fault.method).uri(fault.path);
    let response = server.send(request.header("x-user", fault.user).header(header::ACCEPT, accept)).await;
    assert_eq!(response.status(), fault.code, "{} {} {accept}", fault.user, fault.path);
    response
}

fn content_type(response: &Response<Body>) -> String {
    response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned()
}

async fn body(response: Response<Body>) -> Bytes {
    let length = response.headers().get(header::CONTENT_LENGTH).cloned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(length.is_none_or(|length| length == *body.len().to_string()));
    body
}

/// Code, reason and message.
fn told(status: &Value) -> Value {
    assert_eq!((&status["kind"], &status["apiVersion"]), (&json!("Status"), &json!("v1")), "{status}");
    assert_eq!((&status["status"], &status["metadata"]), (&json!("Failure"), &json!({})), "{status}");
    assert!(!status["message"].as_str().unwrap().is_empty() && !status["reason"].as_str().unwrap().is_empty());
    json!([status["code"], status["reason"], status["message"]])
}

fn decoded(body: &Bytes) -> Value {
    let unknown = meta::Unknown::decode(body.strip_prefix(b"k8s\0").unwrap()).unwrap();
    assert_eq!((unknown.type_meta.api_version.as_str(), unknown.type_meta.kind.as_str()), ("v1", "Status"));
    let status = meta::Status::decode(unknown.raw).unwrap();
    assert_eq!(status.status, "Failure");
    json!([status.code, status.reason, status.message])
}

#[tokio::test(start_paused = true)]
async fn statuses_have_the_agreed_form() {
    let server = server();
    let more = [
        ("/apis/metrics.k8s.io/v1beta1/nodes/node-a", 404),
        ("/apis/metrics.k8s.io/v1beta1/pods?sendInitialEvents=true", 422),
        ("/apis/metrics.k8s.io/v1beta1/pods?watch=true&resourceVersion=1", 410),
        ("/apis/custom.example.com/v1/nodescrapes?watch=true", 405),
        ("/apis/metrics.k8s.io/v1beta1/pods?timeout=soon", 400),
    ];
    let more = more.map(|(path, code)| Fault { user: "ann", method: Method::GET, path, code });
    let mut bodies = serde_json::Map::new();
    for fault in faults().into_iter().chain(more) {
        let status: Value = serde_json::from_slice(&body(ask(&server, &fault, "*/*").await).await).unwrap();
        bodies.insert(format!("{} {} by {}", fault.method, fault.path, fault.user), status);
    }
    assert_golden("statuses.json", &format!("{:#}\n", Value::Object(bodies)));
}

#[tokio::test(start_paused = true)]
async fn errors_of_every_origin_are_a_status_in_the_asked_encoding() {
    let server = server();
    for fault in faults() {
        let response = ask(&server, &fault, "application/json").await;
        assert_eq!(content_type(&response), "application/json");
        let json = told(&serde_json::from_slice(&body(response).await).unwrap());
        assert_eq!(json[0], fault.code);

        let response = ask(&server, &fault, "application/yaml, */*;q=0.1").await;
        assert_eq!(content_type(&response), "application/yaml", "{}", fault.path);
        let yaml = told(&serde_saphyr::from_slice(&body(response).await).unwrap());
        assert_eq!(yaml, json, "{}", fault.path);

        let response = ask(&server, &fault, &format!("{PROTOBUF}, */*")).await;
        assert_eq!(content_type(&response), PROTOBUF);
        assert_eq!(decoded(&body(response).await), json, "{}", fault.path);
    }
}

#[tokio::test]
async fn an_error_is_json_for_those_who_take_nothing_that_it_is_made_in() {
    let server = server();
    let fault = Fault { user: "ann", method: Method::GET, path: "/no/such/path", code: 404 };
    for accept in ["", "text/html", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/openmetrics-text"] {
        let response = ask(&server, &fault, accept).await;
        assert_eq!(content_type(&response), "application/json", "{accept}");
        told(&serde_json::from_slice(&body(response).await).unwrap());
    }
    let refused = Fault { path: NODES, code: 406, ..fault };
    let response = ask(&server, &refused, "text/html").await;
    assert_eq!(content_type(&response), "application/json", "a 406 cannot be of an accepted type");
    assert_eq!(told(&serde_json::from_slice(&body(response).await).unwrap())[1], "NotAcceptable");
}

#[tokio::test]
async fn an_error_is_indented_for_people() {
    let server = server();
    for request in [
        Request::get("/nowhere").header(header::USER_AGENT, "curl/8.5.0"),
        Request::get("/nowhere?pretty=true"),
        Request::get("/nowhere").header(header::ACCEPT, "application/json;pretty=1"),
    ] {
        let body = body(server.send(request).await).await;
        assert!(body.starts_with(b"{\n  \"kind\": \"Status\",\n"), "{body:?}");
    }
}

#[tokio::test]
async fn an_error_that_is_only_headed_has_no_body() {
    let server = server();
    let fault = Fault { user: "ann", method: Method::HEAD, path: "/nowhere", code: 404 };
    let response = ask(&server, &fault, "application/yaml").await;
    assert_eq!(content_type(&response), "application/yaml");
    let whole = body(ask(&server, &Fault { method: Method::GET, ..fault }, "application/yaml").await).await;
    assert_eq!(response.headers()[header::CONTENT_LENGTH], *whole.len().to_string());
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "");
}
