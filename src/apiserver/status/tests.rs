use std::io;
use std::sync::Arc;

use http::Method;
use http_body_util::BodyExt as _;

use super::*;

async fn body(status: Status) -> String {
    let response = status.into_response();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn ann() -> User {
    User { name: "ann".to_owned(), ..User::anonymous() }
}

fn message(request: &str, reason: &str) -> String {
    let (path, query) = request.split_once('?').map_or((request, None), |(path, query)| (path, Some(query)));
    Status::forbidden(&ann(), &RequestInfo::of(&Method::GET, path, query), reason).message
}

#[tokio::test]
async fn a_status_has_the_form_that_clients_decode() {
    assert_eq!(
        body(Status::not_found("metrics.k8s.io", "podmetrics", "a/b").because("Expired", "too old")).await,
        concat!(
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
            r#""message":"podmetrics.metrics.k8s.io \"a/b\" not found: too old","reason":"NotFound","#,
            r#""details":{"name":"a/b","group":"metrics.k8s.io","kind":"podmetrics","#,
            r#""causes":[{"reason":"Expired","message":"too old"}]},"code":404}"#,
            "\n"
        )
    );
}

#[test]
fn a_refusal_says_who_cannot_do_what_where() {
    assert_eq!(
        message("/apis/metrics.k8s.io/v1beta1/namespaces/ns/pods", ""),
        "pods.metrics.k8s.io is forbidden: User \"ann\" cannot list resource \"pods\" in API group \
         \"metrics.k8s.io\" in the namespace \"ns\""
    );
    assert_eq!(
        message("/apis/metrics.k8s.io/v1beta1/nodes/n", "no role"),
        "nodes.metrics.k8s.io \"n\" is forbidden: User \"ann\" cannot get resource \"nodes\" in API group \
         \"metrics.k8s.io\" at the cluster scope: no role"
    );
    assert_eq!(message("/metrics", ""), "forbidden: User \"ann\" cannot get path \"/metrics\"");
}

#[test]
fn a_refusal_carries_no_markup() {
    assert_eq!(message("/%3Cscript%3E%26", ""), "forbidden: User \"ann\" cannot get path \"/&lt;script&gt;&amp;\"");
}

#[test]
fn a_retry_is_asked_for_in_whole_seconds_and_by_header() {
    let response = Status::too_many_requests().into_response();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn what_failed_behind_the_answer_is_told_to_the_log_alone() {
    let error = AuthzError::Unavailable(Arc::new(io::Error::other("connection refused")));
    let response = Status::from(error).into_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let private = response.extensions().get::<PrivateCause>().unwrap().0.clone();
    assert_eq!(private, "access could not be reviewed: connection refused");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("connection refused"));
}

#[tokio::test]
async fn bad_credentials_are_answered_without_saying_why() {
    let text = body(AuthnError::Unauthorized { cause: "expired yesterday".to_owned() }.into()).await;
    assert!(text.contains(r#""message":"Unauthorized","reason":"Unauthorized","code":401"#), "{text}");
}
