use std::sync::Arc;

use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;

use super::*;
use crate::apiserver::moments::Tag;
use crate::apiserver::status::Status;
use crate::cluster::Labels;
use crate::usage::PodKey;

const TAG: Tag = Tag::from_random(7);

fn list(query: &str) -> Result<ListOptions, Status> {
    ListOptions::parse(query, TAG)
}

fn watch(query: &str) -> Result<WatchOptions, Status> {
    WatchOptions::parse(query, TAG)
}

fn labels() -> Labels {
    Labels::new([(Arc::from("app"), Arc::from("web"))])
}

fn selects(query: &str) -> bool {
    list(query).unwrap().selection.selects("shop", "web-1", &labels())
}

async fn refused<T: std::fmt::Debug>(options: Result<T, Status>) -> (u16, serde_json::Value) {
    let response = options.unwrap_err().into_response();
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&body).unwrap())
}

async fn refusal(query: &str) -> (u16, String) {
    let (code, status) = refused(list(query)).await;
    (code, status["message"].as_str().unwrap().to_owned())
}

#[test]
fn selectors_pick_by_labels_and_fields_together() {
    for query in [
        "",
        "labelSelector=app%3Dweb",
        "fieldSelector=metadata.name%3Dweb-1",
        "fieldSelector=metadata.name==web-1,metadata.namespace=shop&labelSelector=app",
        "fieldSelector=metadata.namespace!=other,",
        "fieldSelector=metadata.name!%3Da%5C%2Cb",
    ] {
        assert!(selects(query), "{query}");
    }
    for query in [
        "labelSelector=app!=web",
        "fieldSelector=metadata.name=web-2",
        "fieldSelector=metadata.name=web-1,metadata.namespace=other",
        "fieldSelector=metadata.name=",
        "fieldSelector=metadata.name=web-1&labelSelector=!app",
    ] {
        assert!(!selects(query), "{query}");
    }
}

#[tokio::test]
async fn a_selector_is_as_long_as_somebody_may_need_and_no_longer() {
    let keys = |count: usize| (0..count).map(|n| format!("!k{n}")).collect::<Vec<_>>().join(",");
    let values = |count: usize| (0..count).map(|n| format!("v{n}")).collect::<Vec<_>>().join(",");
    let names = |count: usize| vec!["metadata.name!=n"; count].join(",");
    for longest in [
        format!("labelSelector={}", keys(1000)),
        format!("labelSelector=app+in+({})", values(999)),
        format!("fieldSelector={}", names(500)),
        format!("labelSelector={}&fieldSelector={}", keys(500), names(250)),
    ] {
        assert!(list(&longest).is_ok());
    }
    for longer in [
        format!("labelSelector={}", keys(1001)),
        format!("labelSelector=app+in+({})", values(1000)),
        format!("fieldSelector={}", names(501)),
        format!("labelSelector={}&fieldSelector={}", keys(501), names(250)),
    ] {
        let (code, message) = refusal(&longer).await;
        assert_eq!(code, 400);
        assert!(message.starts_with("selectors of more than 1000 keys and values are refused"), "{message}");
    }
}

#[test]
fn a_watch_ends_by_every_clock() {
    for seconds in ["1", "9223372036854775807"] {
        let timeout = watch(&format!("timeoutSeconds={seconds}")).unwrap().timeout.unwrap();
        assert!(tokio::time::Instant::now().checked_add(timeout).is_some(), "{seconds}");
        assert!(timeout <= std::time::Duration::from_hours(365 * 24), "{seconds}");
    }
}

#[test]
fn options_of_other_requests_are_accepted() {
    let query = "limit=0&resourceVersion=0&resourceVersionMatch=NotOlderThan&timeoutSeconds=30&timeout=5s\
                 &allowWatchBookmarks=true&watch=false&pretty=false&whatever=%zz";
    let options = list(query).unwrap();
    assert_eq!((options.start, options.limit), (Start::Newest, None));
}

#[test]
fn a_list_is_of_the_moment_that_is_asked_for() {
    let served = TAG.served(41);
    let start = |query: &str| list(&query.replace("OURS", &served.to_string())).unwrap().start;
    assert_eq!(start(""), Start::Newest);
    assert_eq!(start("resourceVersion=OURS"), Start::NotOlderThan(41));
    assert_eq!(start("resourceVersion=OURS&resourceVersionMatch=NotOlderThan&limit=5"), Start::NotOlderThan(41));
    assert_eq!(start("resourceVersion=OURS&resourceVersionMatch=Exact"), Start::Exact(41));
    assert_eq!(start("resourceVersion=OURS&limit=5"), Start::Exact(41), "as it was before there was a choice");
}

#[tokio::test]
async fn a_version_of_another_replica_is_answered_410() {
    let foreign = Tag::from_random(8).served(41);
    for query in ["", "&resourceVersionMatch=Exact", "&resourceVersionMatch=NotOlderThan"] {
        let (code, status) = refused(list(&format!("resourceVersion={foreign}{query}"))).await;
        assert_eq!((code, &status["reason"]), (410, &"Expired".into()), "{query}");
    }
    for query in ["", "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"] {
        let (code, status) = refused(watch(&format!("resourceVersion={foreign}{query}"))).await;
        assert_eq!((code, &status["reason"]), (410, &"Expired".into()), "{query}");
    }
}

#[tokio::test]
async fn a_continue_token_says_where_to_go_on_and_a_foreign_one_how_to_begin_anew() {
    let token = ContinueToken { revision: Some(41), after: PodKey::new("shop", "web-1") };
    let continued = list(&format!("continue={}&limit=5", token.text(TAG))).unwrap();
    assert_eq!(continued.start, Start::Continue(token.clone()));
    let (code, status) = refused(list(&format!("continue={}", token.text(Tag::from_random(8))))).await;
    assert_eq!((code, &status["reason"]), (410, &"Expired".into()));
    let fresh = list(&format!("continue={}", status["metadata"]["continue"].as_str().unwrap())).unwrap();
    assert_eq!(fresh.start, Start::Continue(ContinueToken { revision: None, ..token }));
}

#[test]
fn a_watch_begins_where_it_is_asked_to() {
    let served = TAG.served(41);
    let begin = |query: &str| watch(&query.replace("OURS", &served.to_string())).unwrap().begin;
    let all = |end_is_told, not_older_than| Begin::All { end_is_told, not_older_than };
    assert_eq!(begin(""), all(false, None));
    assert_eq!(begin("resourceVersion=0"), all(false, None));
    assert_eq!(begin("resourceVersion=OURS"), Begin::After(41));
    assert_eq!(begin("sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), all(true, None));
    assert_eq!(
        begin("sendInitialEvents=1&resourceVersionMatch=NotOlderThan&resourceVersion=OURS"),
        all(true, Some(41))
    );
    assert_eq!(begin("sendInitialEvents=false&resourceVersionMatch=NotOlderThan"), Begin::Now);
    assert_eq!(
        begin("sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=OURS"),
        Begin::After(41)
    );
}

#[tokio::test]
async fn watch_options_that_do_not_go_together_are_refused() {
    for (query, code) in [
        ("sendInitialEvents=true", 422),
        ("sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1", 422),
        ("resourceVersionMatch=NotOlderThan&resourceVersion=0", 422),
        ("continue=abc", 422),
        ("resourceVersion=new", 400),
        ("timeoutSeconds=soon", 400),
        ("labelSelector=a%20in", 400),
    ] {
        assert_eq!(refused(watch(query)).await.0, code, "{query}");
    }
}

#[tokio::test]
async fn bad_options_are_refused_in_the_words_that_clients_know() {
    let cases = [
        ("limit=many", 400, "strconv.ParseInt: parsing \"many\": invalid syntax"),
        (
            "timeoutSeconds=99999999999999999999",
            400,
            "strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
        ),
        ("fieldSelector=metadata.name", 400, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("fieldSelector=a!b", 400, "invalid selector: 'a!b'; can't understand 'a!b'"),
        (
            "fieldSelector=spec.nodeName=n",
            400,
            "\"spec.nodeName\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        ("fieldSelector=metadata.name=a=b", 400, "invalid field selector: unescaped character in value: ="),
        ("fieldSelector=metadata.name=a%5Cb", 400, "invalid field selector: invalid escape sequence: \\b"),
        ("fieldSelector=metadata.name=a%5C", 400, "invalid field selector: invalid escape sequence: \\"),
        ("continue=abc", 400, "continue key is not valid: it was not made here"),
        ("continue=%21", 400, "continue key is not valid: it is not base64"),
        ("resourceVersion=new", 400, "invalid resource version: \"new\""),
        ("continue=e30&resourceVersion=5", 400, "specifying resource version is not allowed when using continue"),
        (
            "sendInitialEvents=true",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        ),
        (
            "resourceVersionMatch=Exact",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             unless resourceVersion is provided",
        ),
        (
            "resourceVersion=0&resourceVersionMatch=Exact",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is \
             forbidden for resourceVersion \"0\"",
        ),
    ];
    for (query, code, message) in cases {
        assert_eq!(refusal(query).await, (code, message.to_owned()), "{query}");
    }
    let (code, message) = refusal("labelSelector=a%20in").await;
    assert_eq!(code, 400);
    assert!(message.starts_with("unable to parse requirement: "), "{message}");
}
