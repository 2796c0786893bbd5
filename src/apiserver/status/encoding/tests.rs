use axum::response::IntoResponse as _;
use http::StatusCode;
use http_body_util::BodyExt as _;
use prost::Message as _;

use super::*;
use crate::apiserver::negotiate::Form;

async fn told(status: Status, encoding: Encoding, pretty: bool) -> (String, Bytes) {
    let code = status.code;
    let response = encoded(status.into_response(), Accepted { encoding, form: Form::Whole, pretty });
    assert_eq!(response.status(), code);
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    (content_type, response.into_body().collect().await.unwrap().to_bytes())
}

fn status() -> Status {
    Status::not_found("metrics.k8s.io", "nodemetrics", "a").because("Expired", "too old: 3 minutes").retry_after(5)
}

#[tokio::test]
async fn json_is_a_line_unless_it_is_to_be_indented() {
    let (content_type, compact) = told(status(), Encoding::Json, false).await;
    assert_eq!((content_type.as_str(), compact.split(|byte| *byte == b'\n').count()), ("application/json", 2));
    let (content_type, pretty) = told(status(), Encoding::Json, true).await;
    assert_eq!(content_type, "application/json");
    assert!(pretty.starts_with(b"{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {},\n"));
    let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(value(&pretty), value(&compact));
}

#[tokio::test]
async fn a_status_in_yaml_says_the_same() {
    let expected = r#"apiVersion: v1
code: 404
details:
  causes:
  - message: "too old: 3 minutes"
    reason: Expired
  group: metrics.k8s.io
  kind: nodemetrics
  name: a
  retryAfterSeconds: 5
kind: Status
message: "nodemetrics.metrics.k8s.io \"a\" not found: too old: 3 minutes"
metadata: {}
reason: NotFound
status: Failure
"#;
    let (content_type, body) = told(status(), Encoding::Yaml, true).await;
    assert_eq!((content_type.as_str(), str::from_utf8(&body).unwrap()), ("application/yaml", expected));
}

#[tokio::test]
async fn a_status_in_protobuf_says_the_same() {
    let (content_type, body) = told(status(), Encoding::Protobuf, true).await;
    assert_eq!(content_type, "application/vnd.kubernetes.protobuf");
    let unknown = meta::Unknown::decode(body.strip_prefix(b"k8s\0").unwrap()).unwrap();
    assert_eq!((unknown.type_meta.api_version.as_str(), unknown.type_meta.kind.as_str()), ("v1", "Status"));
    let decoded = meta::Status::decode(unknown.raw).unwrap();
    let details = decoded.details.unwrap();
    assert_eq!((decoded.status.as_str(), decoded.reason.as_str(), decoded.code), ("Failure", "NotFound", 404));
    assert_eq!(decoded.message, status().message);
    assert_eq!(
        (details.name.as_str(), details.group.as_str(), details.kind.as_str()),
        ("a", "metrics.k8s.io", "nodemetrics")
    );
    assert_eq!((details.causes[0].reason.as_str(), details.retry_after_seconds), ("Expired", 5));
}

#[tokio::test]
async fn what_is_no_status_stays_as_it_is() {
    let yaml = Accepted { encoding: Encoding::Yaml, form: Form::Whole, pretty: false };
    let response = encoded((StatusCode::OK, "text").into_response(), yaml);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "text");
}

#[test]
fn headers_about_other_bytes_do_not_stay() {
    let mut response = status().into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let response = encoded(response, Accepted { encoding: Encoding::Yaml, form: Form::Whole, pretty: false });
    assert!(!response.headers().contains_key(header::CONTENT_LENGTH));
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    assert_eq!(response.headers()[header::RETRY_AFTER], "5", "others do");
}
