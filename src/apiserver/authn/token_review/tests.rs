use aws_lc_rs::digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::apiserver::authn::register_metrics;
use crate::apiserver::fixtures::ApiServer;

const TTL: Duration = Duration::from_secs(10);

fn reviewer(api: &ApiServer) -> TokenReviewer {
    let metrics = register_metrics(&mut prometheus_client::registry::Registry::default());
    TokenReviewer::new(api.client(), TTL, metrics.reviews).unwrap()
}

fn status(status: &Value) -> ApiServer {
    ApiServer::answering(
        201,
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {}, "status": status}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_asked_about_once_within_its_time() {
    let api = status(&json!({"authenticated": true, "user": {
        "username": "ann", "uid": "7", "groups": ["dev"], "extra": {"Scopes": ["all"]}}}));
    let reviewer = reviewer(&api);
    let (Reviewed::Of(user), Source::Review) = reviewer.review("t0ken").await.unwrap() else { panic!() };
    assert_eq!((user.name.as_str(), user.uid.as_deref(), user.via), ("ann", Some("7"), Via::Token));
    assert_eq!(
        (user.groups.as_slice(), &user.extra["Scopes"]),
        (["dev".to_owned()].as_slice(), &vec!["all".to_owned()])
    );
    assert_eq!(reviewer.review("t0ken").await.unwrap().1, Source::Kept);
    let request = &api.requests()[0];
    assert_eq!(request.path, "/apis/authentication.k8s.io/v1/tokenreviews");
    assert_eq!(request.body["spec"], json!({"token": "t0ken"}));
    tokio::time::sleep(TTL).await;
    assert_eq!(reviewer.review("t0ken").await.unwrap().1, Source::Review);
}

#[tokio::test(start_paused = true)]
async fn a_plain_no_is_kept_and_an_error_is_not() {
    let api = status(&json!({"authenticated": false}));
    let no = reviewer(&api);
    assert_eq!(no.review("x").await.unwrap(), (Reviewed::Nobodys, Source::Review));
    assert_eq!(no.review("x").await.unwrap(), (Reviewed::Nobodys, Source::Kept));

    let error = reviewer(&status(&json!({"error": "issuer away"})));
    for _ in 0..2 {
        assert_eq!(error.review("x").await.unwrap(), (Reviewed::Refused("issuer away".into()), Source::Review));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_review_is_asked_again_and_then_an_error() {
    let api = ApiServer::answering(
        500,
        json!({"kind": "Status", "status": "Failure", "code": 500, "reason": "InternalError"}),
    );
    reviewer(&api).review("x").await.unwrap_err();
    assert!((2..=5).contains(&api.requests().len()), "{}", api.requests().len());

    let refused = ApiServer::answering(403, json!({"kind": "Status", "status": "Failure", "code": 403}));
    reviewer(&refused).review("x").await.unwrap_err();
    assert_eq!(refused.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_review_that_hangs_ends_in_time() {
    let reviewer = reviewer(&ApiServer::hanging());
    let start = Instant::now();
    assert!(matches!(reviewer.review("x").await, Err(ReviewError::TimedOut)));
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_token_is_kept_as_a_hash_that_no_other_process_has() {
    let api = ApiServer::hanging();
    let (one, other) = (reviewer(&api), reviewer(&api));
    assert_eq!(one.place("t0ken"), one.place("t0ken"));
    assert_ne!(one.place("t0ken"), one.place("t0ken "));
    assert_ne!(one.place("t0ken"), other.place("t0ken"));
    assert_ne!(one.place("t0ken").as_slice(), digest::digest(&digest::SHA256, b"t0ken").as_ref());
}

#[tokio::test]
async fn a_token_of_absurd_length_is_refused_unseen() {
    let api = ApiServer::hanging();
    let reviewed = reviewer(&api).review(&"x".repeat(MAX_TOKEN_BYTES + 1)).await.unwrap().0;
    assert!(matches!(reviewed, Reviewed::Refused(_)));
    assert!(api.requests().is_empty());
}

#[tokio::test]
async fn a_user_without_a_name_is_nobody() {
    let reviewer = reviewer(&status(&json!({"authenticated": true, "user": {"username": ""}})));
    assert_eq!(reviewer.review("x").await.unwrap().0, Reviewed::Nobodys);
}

#[test]
fn only_a_bearer_header_holds_a_token() {
    let token = |value: &[u8]| {
        let value = HeaderValue::from_bytes(value).unwrap();
        bearer_token(&[(AUTHORIZATION, value)].into_iter().collect())
    };
    assert_eq!(token(b"Bearer abc").unwrap().as_deref(), Some("abc"));
    assert_eq!(token(b"bEARER  abc ignored").unwrap().as_deref(), Some("abc"));
    for none in [&b"Basic abc"[..], b"Bearer", b"Bearer ", b"abc", b""] {
        assert_eq!(token(none).unwrap(), None);
    }
    token(b"Bearer \xff").unwrap_err();
    assert_eq!(bearer_token(&HeaderMap::new()).unwrap(), None);
}
