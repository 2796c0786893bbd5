use http::Method;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::apiserver::authn::Via;
use crate::apiserver::authz::register_metrics;
use crate::apiserver::fixtures::ApiServer;

const ALLOWED_TTL: Duration = Duration::from_secs(10);
const DENIED_TTL: Duration = Duration::from_secs(4);

fn reviewer(api: &ApiServer) -> AccessReviewer {
    let settings = config::Authorization {
        kubeconfig: None,
        always_allow_paths: vec![],
        allowed_ttl: ALLOWED_TTL,
        denied_ttl: DENIED_TTL,
    };
    AccessReviewer::new(api.client(), &settings, register_metrics(&mut Registry::default()))
}

fn status(status: &Value) -> ApiServer {
    ApiServer::answering(201, json!({"spec": {}, "status": status}))
}

fn ann() -> User {
    User {
        name: "ann".to_owned(),
        uid: Some("7".to_owned()),
        groups: vec!["dev".to_owned()],
        extra: [("scopes".to_owned(), vec!["all".to_owned()])].into(),
        via: Via::Token,
    }
}

fn get(path: &str, query: Option<&str>) -> RequestInfo {
    RequestInfo::of(&Method::GET, path, query)
}

#[tokio::test]
async fn the_question_holds_the_user_and_all_attributes_of_the_request() {
    let api = status(&json!({"allowed": true}));
    let reviewer = reviewer(&api);
    let pods = get("/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", Some("labelSelector=x%3Dy"));
    assert_eq!(reviewer.review(&ann(), &pods).await.unwrap(), (Decision::Allowed, Source::Review));
    reviewer.review(&User::anonymous(), &get("/metrics", None)).await.unwrap();
    let requests = api.requests();
    assert_eq!(requests[0].path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
    assert_eq!(
        requests[0].body["spec"],
        json!({
            "user": "ann", "uid": "7", "groups": ["dev"], "extra": {"scopes": ["all"]},
            "resourceAttributes": {
                "verb": "list", "group": "metrics.k8s.io", "version": "v1beta1", "namespace": "a", "resource": "pods",
                "labelSelector": {"rawSelector": "x=y"},
            },
        })
    );
    assert_eq!(
        requests[1].body["spec"],
        json!({
            "user": "system:anonymous", "groups": ["system:unauthenticated"],
            "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn yes_and_no_are_believed_each_for_its_own_time() {
    for (answer, ttl) in
        [(json!({"allowed": true}), ALLOWED_TTL), (json!({"allowed": false, "reason": "no rule"}), DENIED_TTL)]
    {
        let reviewer = reviewer(&status(&answer));
        let nodes = get("/apis/g/v1/nodes", None);
        let source = async || reviewer.review(&ann(), &nodes).await.unwrap().1;
        assert_eq!(source().await, Source::Review);
        tokio::time::sleep(ttl / 2).await;
        assert_eq!(source().await, Source::Kept);
        tokio::time::sleep(ttl / 2).await;
        assert_eq!(source().await, Source::Review);
    }
}

#[tokio::test]
async fn a_denial_keeps_its_reason() {
    let reviewer = reviewer(&status(&json!({"allowed": false, "reason": "no rule"})));
    let decision = reviewer.review(&ann(), &get("/apis/g/v1/nodes", None)).await.unwrap().0;
    assert_eq!(decision, Decision::Denied { reason: "no rule".to_owned() });
}

#[tokio::test]
async fn yes_and_no_at_once_is_an_error_that_is_not_kept() {
    let api = status(&json!({"allowed": true, "denied": true}));
    let reviewer = reviewer(&api);
    for _ in 0..2 {
        let outcome = reviewer.review(&ann(), &get("/apis/g/v1/nodes", None)).await;
        assert!(matches!(outcome, Err(AuthzError::Contradictory)));
    }
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_neither_yes_nor_no() {
    for api in [ApiServer::hanging(), ApiServer::answering(403, json!({"kind": "Status", "code": 403}))] {
        let outcome = reviewer(&api).review(&ann(), &get("/apis/g/v1/nodes", None)).await;
        assert!(matches!(outcome, Err(AuthzError::Unavailable(_))));
    }
    let silent = ApiServer::answering(201, json!({"spec": {}}));
    let decision = reviewer(&silent).review(&ann(), &get("/apis/g/v1/nodes", None)).await.unwrap().0;
    assert_eq!(decision, Decision::Denied { reason: String::new() });
}

#[tokio::test]
async fn any_difference_makes_another_question() {
    let api = status(&json!({"allowed": true}));
    let reviewer = reviewer(&api);
    let (nodes, pods) = (get("/apis/g/v1/nodes", None), get("/apis/g/v1/pods", None));
    let others = [
        User { groups: vec![], ..ann() },
        User { uid: None, ..ann() },
        User { extra: [("scopes".to_owned(), vec!["some".to_owned()])].into(), ..ann() },
    ];
    for user in others.iter().chain([&ann()]) {
        assert_eq!(reviewer.review(user, &nodes).await.unwrap().1, Source::Review);
        assert_eq!(reviewer.review(user, &pods).await.unwrap().1, Source::Review);
        assert_eq!(reviewer.review(user, &pods).await.unwrap().1, Source::Kept);
    }
    let through_the_proxy = User { via: Via::FrontProxy, ..ann() };
    assert_eq!(reviewer.review(&through_the_proxy, &pods).await.unwrap().1, Source::Kept);
}

#[tokio::test]
async fn a_long_question_is_asked_once_and_takes_no_room() {
    let reviewer = reviewer(&status(&json!({"allowed": true})));
    let long = |end: &str| get(&format!("/{}{end}", "x".repeat(LONGEST_QUESTION_BYTES)), None);
    for (end, source) in [("a", Source::Review), ("a", Source::Kept), ("b", Source::Review), ("b", Source::Kept)] {
        assert_eq!(reviewer.review(&ann(), &long(end)).await.unwrap().1, source);
    }
    assert_eq!(hash("a").len(), hash(&"x".repeat(LONGEST_QUESTION_BYTES)).len());
    assert_ne!(hash("a"), hash("b"));
}
